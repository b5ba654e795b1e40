// SPDX-License-Identifier: GPL-2.0-only
/* `faultline result`: what replays measured, as a table with a column for each. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/analysis.h"
#include "analysis/result.h"
#include "analysis/table.h"
#include "analysis/units.h"

#define MAX_RESULTS 24 /* columns that a person can still read */

struct result_options {
	bool json;
	enum ana_style style;
	const char *path[MAX_RESULTS];
	size_t count;
};

static const struct argp_option options[] = {
	{"markdown", 'm', NULL, 0, "Print the table as Markdown", 0},
	{"json", 'j', NULL, 0, "Print the main figures as JSON", 0},
	{0},
};

static const char doc[] =
	"Show what replays measured: a table with a line for each figure and a column for each result. "
	"Results are the files NAME.result.json that a replay writes beside fio's own output.\v"
	"EXAMPLES\n"
	"  faultline result optane-replay.result.json\n"
	"  faultline result nvme.json optane.json          compare two drives\n"
	"  faultline result --markdown *.result.json\n"
	"  faultline result --json run.json | jq '.[0].figures.tokens_per_s'\n";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct result_options *o = state->input;

	switch (key) {
	case 'm':
		o->style = ANA_MARKDOWN;
		break;
	case 'j':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->count == MAX_RESULTS)
			argp_error(state, "at most %d results at a time", MAX_RESULTS);
		o->path[o->count++] = arg;
		break;
	case ARGP_KEY_END:
		if (!o->count)
			argp_error(state, "which results?");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- reading ---- */

/* Why a file that is no JSON is none: people mix up traces and results. */
static void explain_parse_error(const char *cmd, const char *path, const json_error_t *error)
{
	static const unsigned char zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	unsigned char head[4] = {0};
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(head, 1, sizeof(head), f) : 0;

	if (f)
		fclose(f);
	if (!n)
		ana_error(cmd, "cannot read %s: the file is empty", path);
	else if (n == sizeof(head) && !memcmp(head, zstd_magic, sizeof(head)))
		ana_error(cmd, "cannot read %s: that is a trace; 'faultline info' shows it", path);
	else
		ana_error(cmd, "cannot read %s: no valid JSON, line %d: %s", path, error->line,
			  error->text);
}

/* fio's own output holds the main figures, and says where the result is. */
static int refuse_fio_output(const char *cmd, const char *path, const json_t *found)
{
	const json_t *job = json_array_get(json_object_get(found, "jobs"), 0);
	const char *file = ana_text(json_object_get(job, "job options"), "faultline_result", "");

	ana_error(cmd, "cannot read %s: that is fio's output; the result is in %s", path,
		  *file ? file : "NAME.result.json beside it");
	return -EINVAL;
}

static int check(const char *cmd, const char *path, const json_t *found)
{
	uint64_t version = ana_number(found, "version", 0);

	if (json_object_get(found, "fio version"))
		return refuse_fio_output(cmd, path, found);
	if (strcmp(ana_text(found, "format", ""), "faultline-result") || !version) {
		ana_error(cmd, "cannot read %s: not a result of a replay", path);
		return -EINVAL;
	}
	if (version > ANA_RESULT_VERSION) {
		ana_error(cmd,
			  "cannot read %s: written by a newer Faultline (version %" PRIu64
			  " of the result); update this one to read it",
			  path, version);
		return -EPROTO;
	}
	return 0;
}

int ana_result_load(const char *cmd, const char *path, struct ana_result *res)
{
	json_error_t error;
	struct stat st;
	FILE *f = fopen(path, "re");
	int ret = 0;

	memset(res, 0, sizeof(*res));
	res->path = path;
	if (!f || fstat(fileno(f), &st) || S_ISDIR(st.st_mode)) {
		ret = f ? -EISDIR : -errno;
		ana_error(cmd, "cannot open %s: %s", path, strerror(-ret));
		goto out;
	}
	res->doc = json_loadf(f, 0, &error);
	if (!res->doc) {
		explain_parse_error(cmd, path, &error);
		ret = -EINVAL;
		goto out;
	}
	ret = check(cmd, path, res->doc);
	if (ret) {
		json_decref(res->doc);
		res->doc = NULL;
	}
out:
	if (f)
		fclose(f);
	return ret;
}

/* ---- names of columns: the job's, or the file's where that says more ---- */

static void name_by_job(struct ana_result *res)
{
	snprintf(res->name, sizeof(res->name), "%s", ana_text(res->doc, "job", "?"));
}

/* The path from its byte SKIP on, without the usual ending; of one that is too long, its end. */
static void name_by_path(struct ana_result *res, size_t skip)
{
	static const char *const endings[] = {".result.json", ".json"};
	const char *path = res->path + skip;
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t end = strlen(endings[i]);

		if (len > end && !strcmp(path + len - end, endings[i])) {
			len -= end;
			break;
		}
	}
	if (len < sizeof(res->name))
		snprintf(res->name, sizeof(res->name), "%.*s", (int)len, path);
	else
		snprintf(res->name, sizeof(res->name), "...%.*s", (int)sizeof(res->name) - 4,
			 path + len - (sizeof(res->name) - 4));
}

static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash + 1 - path) : 0;
}

/* How much of all paths is the same folder. */
static size_t common_folder(const struct ana_result *res, size_t n)
{
	size_t common = folder_length(res[0].path);

	for (size_t i = 1; i < n; i++) {
		size_t k = 0, whole = 0;

		for (; k < common && res[i].path[k] == res[0].path[k]; k++)
			if (res[0].path[k] == '/')
				whole = k + 1;
		common = whole;
	}
	return common;
}

static bool names_differ(const struct ana_result *res, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (!strcmp(res[i].name, res[k].name))
				return false;
	return true;
}

static void name_columns(struct ana_result *res, size_t n)
{
	size_t common = common_folder(res, n);

	for (size_t i = 0; i < n; i++)
		name_by_job(&res[i]);
	if (names_differ(res, n))
		return;
	for (size_t i = 0; i < n; i++)
		name_by_path(&res[i], folder_length(res[i].path));
	if (names_differ(res, n))
		return;
	for (size_t i = 0; i < n; i++)
		name_by_path(&res[i], common);
	if (names_differ(res, n))
		return;
	/* The same file twice, or paths that differ in their endings alone. */
	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(res[i].name);

		if (used > sizeof(res[i].name) - 8)
			used = sizeof(res[i].name) - 8;
		snprintf(res[i].name + used, sizeof(res[i].name) - used, " (%zu)", i + 1);
	}
}

/* ---- printing ---- */

/* Evaluations are shown where tokens are not known. */
static bool has_tokens(const struct ana_result *res, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!json_is_number(ana_at(res[i].doc, "figures.tokens_per_s")))
			return false;
	return true;
}

static void print_row(struct ana_table *t, const struct ana_result *res, size_t n,
		      const struct ana_result_row *row, const char *title)
{
	char text[MAX_RESULTS][256] = {{0}};
	bool known = false;

	for (size_t i = 0; i < n; i++) {
		row->text(res[i].doc, text[i], sizeof(text[i]));
		known |= *text[i] != '\0';
	}
	if (!known)
		return;
	ana_table_cell(t, "%s", title);
	for (size_t i = 0; i < n; i++)
		ana_table_cell(t, "%s", *text[i] ? text[i] : "-");
}

static int print_figures(const struct ana_result *res, size_t n, enum ana_style style)
{
	char align[MAX_RESULTS + 2] = "l";
	bool tokens = has_tokens(res, n);
	struct ana_table *t;

	memset(align + 1, 'r', n);
	t = ana_table_new(align);
	ana_table_cell(t, "%s", "");
	for (size_t i = 0; i < n; i++)
		ana_table_cell(t, "%s", res[i].name);
	for (const struct ana_result_row *row = ana_result_rows; row->title; row++) {
		const char *title =
			tokens || !row->title_evaluations ? row->title : row->title_evaluations;

		if (row->text && *title)
			print_row(t, res, n, row, title);
		else if (!row->text && style == ANA_PLAIN)
			ana_table_row(t, "", NULL);
	}
	return ana_table_print(t, stdout, style, 0);
}

/* Each device of a stack of several: what the drive's one figure is made of. */
static void print_devices(const struct ana_result *res, enum ana_style style)
{
	const json_t *devices = ana_at(res->doc, "io.devices"), *one;
	struct ana_table *t;
	char a[ANA_TEXT], name[256];
	size_t i;

	if (json_array_size(devices) < 2)
		return;
	printf("\nDrives of %s\n%s", ana_safe(name, sizeof(name), res->name),
	       style == ANA_MARKDOWN ? "\n" : "");
	t = ana_table_new("llrrrrrrr");
	ana_table_row(t, "drive", "kind", "reads", "read", "IOPS", "mean size", "await", "busy",
		      "in flight", NULL);
	json_array_foreach (devices, i, one) {
		ana_table_cell(t, "%s", ana_text(one, "name", "?"));
		ana_table_cell(t, "%s", ana_text(one, "kind", ""));
		ana_table_cell(t, "%s", ana_count(a, ana_number(one, "reads", 0)));
		ana_table_cell(t, "%s", ana_bytes(a, ana_number(one, "read_bytes", 0)));
		ana_table_cell(t, "%.0f", ana_real(one, "read_iops", 0));
		ana_table_cell(t, "%s",
			       ana_bytes(a, (uint64_t)ana_real(one, "read_size_bytes", 0)));
		ana_table_cell(t, "%s",
			       ana_span(a, (uint64_t)(ana_real(one, "await_ms", 0) * 1e6)));
		ana_table_cell(t, "%.0f %%", 100 * ana_real(one, "utilisation", 0));
		ana_table_cell(t, "%.1f", ana_real(one, "queue", 0));
	}
	ana_table_print(t, stdout, style, style == ANA_MARKDOWN ? 0 : 2);
}

/* What one has to know before believing the figures. */
static void print_warnings(const struct ana_result *res, bool named)
{
	const json_t *warning;
	const json_t *why = json_object_get(res->doc, "incomplete");
	char name[160], text[1024];
	size_t i;

	name[0] = '\0';
	if (named) {
		ana_safe(name, sizeof(name) - 3, res->name);
		strcat(name, ": ");
	}
	if (!ana_true(res->doc, "complete"))
		printf("! %sincomplete: %s\n", name,
		       ana_safe(text, sizeof(text),
				ana_text(why, "text", "the replay ended early")));
	json_array_foreach (json_object_get(res->doc, "warnings"), i, warning)
		if (json_is_string(warning))
			printf("! %s%s\n", name,
			       ana_safe(text, sizeof(text), json_string_value(warning)));
}

static bool has_warnings(const struct ana_result *res, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ana_true(res[i].doc, "complete") ||
		    json_array_size(json_object_get(res[i].doc, "warnings")))
			return true;
	return false;
}

static json_t *results_json(const struct ana_result *res, size_t n)
{
	static const char *const keys[] = {
		"job",     "created", "complete", "incomplete", "trace",   "selection", "options",
		"figures", "io",      "memory",   "reclaim",    "balloon", "warnings"};
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *o = json_pack("{ss, ss}", "file", res[i].path, "name", res[i].name);

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			json_t *v = json_object_get(res[i].doc, keys[k]);

			if (v)
				json_object_set(o, keys[k], v);
		}
		json_array_append_new(list, o);
	}
	return list;
}

int ana_result_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "RESULT.json...", doc, NULL,
					 NULL,    NULL};
	struct result_options o = {.style = ANA_PLAIN};
	struct ana_result *res;
	int status = ANA_FAILED;
	size_t n;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	res = calloc(o.count, sizeof(*res));
	if (!res) {
		ana_error(argv[0], "%s", strerror(ENOMEM));
		return ANA_FAILED;
	}
	for (n = 0; n < o.count; n++)
		if (ana_result_load(argv[0], o.path[n], &res[n]))
			goto out;
	name_columns(res, n);
	if (o.json) {
		status = ana_print_json(argv[0], results_json(res, n));
		goto out;
	}
	if (print_figures(res, n, o.style)) {
		ana_error(argv[0], "%s", strerror(ENOMEM));
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		print_devices(&res[i], o.style);
	if (has_warnings(res, n))
		putchar('\n');
	for (size_t i = 0; i < n; i++)
		print_warnings(&res[i], n > 1);
	status = ana_flush(argv[0]);
out:
	for (size_t i = 0; i < o.count; i++)
		json_decref(res[i].doc);
	free(res);
	return status;
}
