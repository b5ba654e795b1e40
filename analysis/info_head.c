// SPDX-License-Identifier: GPL-2.0-only
/* The first part of `faultline info`: identity, use, completeness. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/info.h"
#include "analysis/table.h"
#include "analysis/units.h"
#include "host/score.h"

/* Appends to a line of text. */
static void add(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void add(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}

void ana_info_line(const char *label, const char *text)
{
	char safe[4096];

	if (text && *text)
		printf("  %-13s %s\n", label, ana_safe(safe, sizeof(safe), text));
}

/* argv as a shell would take it, roughly: words with blanks in quotes. */
static const char *command_text(const json_t *command, char *buf, size_t len)
{
	const json_t *word;
	size_t i;

	buf[0] = '\0';
	json_array_foreach (command, i, word) {
		const char *text = json_string_value(word);
		bool quote = !text || !*text || strpbrk(text, " \t\n'\"\\$&|;<>()*?#~");

		add(buf, len, "%s%s%s%s", i ? " " : "", quote ? "'" : "", text ? text : "",
		    quote ? "'" : "");
	}
	return buf;
}

static const char *recorded_text(const json_t *header, char *buf, size_t len)
{
	char when[64];
	const char *created = ana_text(header, "created", "");
	const char *backend = ana_text(header, "backend", "");
	size_t n = strlen(created);

	/* 2026-11-21T11:20:00Z as people write it. */
	if (n == 20 && created[10] == 'T' && created[19] == 'Z')
		snprintf(when, sizeof(when), "%.10s %.8s UTC", created, created + 11);
	else
		snprintf(when, sizeof(when), "%.40s", *created ? created : "at an unknown time");
	snprintf(buf, len, "%s", when);
	if (*ana_text(header, "user", ""))
		add(buf, len, " by %s", ana_text(header, "user", ""));
	add(buf, len, " with %s", ana_text(header, "generator", "an unknown recorder"));
	if (*backend)
		add(buf, len, " (%s)", strcmp(backend, "bpf") ? backend : "BPF");
	return buf;
}

const char *ana_machine_text(const json_t *machine, char *buf, size_t len)
{
	char a[ANA_TEXT];
	uint64_t cpus = ana_number(ana_at(machine, "cpu"), "online", 0);
	uint64_t memory = ana_number(ana_at(machine, "memory"), "total", 0);
	const json_t *kernel = ana_at(machine, "kernel");

	snprintf(buf, len, "%s",
		 ana_text(machine, "model", ana_text(ana_at(machine, "cpu"), "model", "")));
	if (cpus)
		add(buf, len, "%s%" PRIu64 " CPU%s", *buf ? ", " : "", cpus, cpus == 1 ? "" : "s");
	if (memory)
		add(buf, len, "%s%s", *buf ? ", " : "", ana_bytes(a, memory));
	if (*ana_text(kernel, "release", ""))
		add(buf, len, "%sLinux %s %s", *buf ? ", " : "", ana_text(kernel, "release", ""),
		    ana_text(kernel, "architecture", ""));
	if (ana_true(ana_at(machine, "virtualization"), "guest"))
		add(buf, len, ", virtual");
	return buf;
}

static const char *score_text(const json_t *o, char *buf, size_t len)
{
	struct host_score sc;

	buf[0] = '\0';
	if (host_score_from_json(o, &sc))
		return buf;
	snprintf(buf, len,
		 "CPU %.2f, memory %.1f GB/s on one thread; CPU %.2f, memory %.1f GB/s on %u "
		 "(CPU in 10^9 multiply-adds/s)",
		 sc.cpu_single, sc.memory_single, sc.cpu_all, sc.memory_all, sc.threads);
	return buf;
}

/* The devices that the model is on, as they were defined. */
static void print_drives(const struct ana_info *info)
{
	const json_t *devices = flt_definitions(info->r, "device"), *def;
	size_t i;

	json_array_foreach (devices, i, def) {
		const json_t *queue = ana_at(def, "facts.queue"), *member;
		char text[512], model[128];
		size_t k;

		if (!ana_true(def, "model_file"))
			continue;
		snprintf(text, sizeof(text), "%s", ana_text(def, "name", "?"));
		snprintf(model, sizeof(model), "%s", ana_text(def, "model", ""));
		if (*model)
			add(text, sizeof(text), " (%s)", model);
		json_array_foreach (json_object_get(def, "members"), k, member)
			add(text, sizeof(text), "%s%s", k ? ", " : " on ",
			    json_string_value(member) ? json_string_value(member) : "?");
		if (ana_number(queue, "read_ahead_kb", FLT_NONE) != FLT_NONE)
			add(text, sizeof(text), ", read-ahead %" PRIu64 " KiB",
			    ana_number(queue, "read_ahead_kb", 0));
		if (*ana_text(queue, "scheduler", ""))
			add(text, sizeof(text), ", scheduler %s", ana_text(queue, "scheduler", ""));
		ana_info_line("drive", text);
	}
}

static void print_models(const struct ana_info *info)
{
	const json_t *files = flt_definitions(info->r, "file"), *def;
	char a[ANA_TEXT], text[1024];
	size_t i, shown = 0, models = 0;
	uint64_t bytes = 0;

	json_array_foreach (files, i, def) {
		models += ana_is_model(def);
		if (ana_is_model(def))
			bytes += ana_number(def, "size", 0);
	}
	json_array_foreach (files, i, def) {
		if (!ana_is_model(def) || shown++)
			continue;
		snprintf(text, sizeof(text), "%s, %s", ana_text(def, "path", "?"),
			 ana_bytes(a, bytes));
		if (models > 1)
			add(text, sizeof(text), " in %zu files", models);
		ana_info_line("model", text);
	}
}

uint64_t ana_info_lost(const struct ana_info *info)
{
	const json_t *v;
	const char *key;
	uint64_t sum = 0;

	json_object_foreach (json_object_get(flt_trailer(info->r), "lost"), key, v) {
		if (json_is_integer(v) && json_integer_value(v) > 0)
			sum += (uint64_t)json_integer_value(v);
	}
	return sum;
}

const char *ana_info_use(const struct ana_info *info, char *buf, size_t len)
{
	const char *mode = ana_text(flt_header(info->r), "mode", "none");
	const json_t *judgement = ana_at(flt_trailer(info->r), "judgement");
	uint64_t limit = ana_number(flt_trailer(info->r), "serves_limit_bytes",
				    ana_number(flt_trailer(info->r), "serves_limit", 0));
	char a[ANA_TEXT];

	if (ana_true(judgement, "predictive")) {
		snprintf(buf, len, "a basis for predictions");
		if (limit)
			add(buf, len, ", down to a limit of %s", ana_bytes(a, limit));
		return buf;
	}
	if (!strcmp(mode, "reference") && json_is_false(json_object_get(judgement, "usable"))) {
		snprintf(buf, len, "no predictions: %s",
			 ana_text(judgement, "why", "the capture is not usable"));
		return buf;
	}
	snprintf(buf, len,
		 "replays and comparisons under the same conditions; not a basis for predictions");
	if (*ana_text(judgement, "why", ""))
		add(buf, len, " (%s)", ana_text(judgement, "why", ""));
	else if (!strcmp(mode, "pressure"))
		add(buf, len, " (a pressure recording)");
	return buf;
}

const char *ana_info_complete(const struct ana_info *info, char *buf, size_t len)
{
	const json_t *trailer = flt_trailer(info->r), *one;
	const json_t *invariants = json_object_get(trailer, "invariants");
	uint64_t lost = ana_info_lost(info);
	size_t i, held = 0;
	char a[ANA_TEXT];

	if (info->damaged) {
		snprintf(buf, len,
			 "NO, DAMAGED: 'faultline verify' says where, with --repair it "
			 "rescues the rest");
		return buf;
	}
	if (!flt_finished(info->r)) {
		snprintf(buf, len,
			 "NO, UNFINISHED (%s): 'faultline verify --repair' makes it whole",
			 flt_unfinished_reason(info->r));
		return buf;
	}
	json_array_foreach (invariants, i, one)
		held += ana_true(one, "ok");
	snprintf(buf, len, "%s",
		 ana_true(trailer, "lossy")      ? "NO, LOSSY"
		 : ana_true(trailer, "complete") ? "yes"
						 : "no");
	if (ana_at(trailer, "repaired"))
		add(buf, len, ", repaired");
	if (json_array_size(invariants))
		add(buf, len, ", %zu of %zu invariants hold", held, json_array_size(invariants));
	if (lost || !ana_true(trailer, "lossy"))
		add(buf, len, ", %s lost", lost ? ana_count(a, lost) : "nothing");
	if (ana_true(trailer, "lossy"))
		add(buf, len,
		    lost ? ": record again with larger rings (--ring) or less load"
			 : ": what is missing is not known; record again on a quiet machine");
	return buf;
}

static void print_invariants(const struct ana_info *info)
{
	const json_t *invariants = json_object_get(flt_trailer(info->r), "invariants"), *one;
	struct ana_table *t;
	char a[ANA_TEXT];
	size_t i;

	if (!json_array_size(invariants))
		return;
	t = ana_table_new("lrrll");
	ana_table_row(t, "invariant", "expected", "found", "", "note", NULL);
	json_array_foreach (invariants, i, one) {
		ana_table_cell(t, "%s", ana_text(one, "name", "?"));
		ana_table_cell(t, "%s", ana_count(a, ana_number(one, "expected", 0)));
		ana_table_cell(t, "%s", ana_count(a, ana_number(one, "found", 0)));
		ana_table_cell(t, ana_true(one, "ok") ? "ok" : "BROKEN");
		ana_table_cell(t, "%s", ana_text(one, "note", ""));
	}
	printf("\nInvariants\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_lost(const struct ana_info *info)
{
	const json_t *v;
	const char *key;
	char a[ANA_TEXT], text[128];

	json_object_foreach (json_object_get(flt_trailer(info->r), "lost"), key, v) {
		if (!json_is_integer(v) || json_integer_value(v) <= 0)
			continue;
		snprintf(text, sizeof(text), "%s %s", ana_count(a, (uint64_t)json_integer_value(v)),
			 key);
		ana_info_line("lost", text);
	}
}

static void print_headline(const struct ana_info *info)
{
	const json_t *header = flt_header(info->r);
	const char *mode = ana_text(header, "mode", "none");
	uint64_t ns = ana_number(flt_trailer(info->r), "duration_ns",
				 info->quick ? 0 : info->scan.last_ns);
	bool program = flt_record_count(info->r, FLT_PROGRAM);
	char name[512], a[ANA_TEXT], b[ANA_TEXT];

	printf("%s: ", ana_safe(name, sizeof(name), info->path));
	if (flt_record_count(info->r, FLT_RECORDING))
		printf("%s%srecording%s%s",
		       strcmp(mode, "none") ? ana_safe(name, sizeof(name), mode) : "",
		       strcmp(mode, "none") ? " " : "", ns ? " of " : "",
		       ns ? ana_span(a, ns) : "");
	else
		printf("no recording");
	printf("%s, %s\n\n", program ? " with a replay program" : ", no replay program",
	       ana_bytes(b, flt_file_size(info->r)));
}

void ana_info_head(const struct ana_info *info)
{
	const json_t *header = flt_header(info->r), *trailer = flt_trailer(info->r);
	uint64_t limit = ana_number(header, "memory_limit", 0);
	uint64_t around = ana_number(header, "fault_around_bytes", 0);
	char text[4096], a[ANA_TEXT];

	print_headline(info);
	ana_info_line("recorded", recorded_text(header, text, sizeof(text)));
	ana_info_line("command",
		      command_text(json_object_get(header, "command"), text, sizeof(text)));
	if (json_is_integer(json_object_get(trailer, "exit_status")) &&
	    json_integer_value(json_object_get(trailer, "exit_status"))) {
		snprintf(text, sizeof(text), "the command failed with %lld",
			 (long long)json_integer_value(json_object_get(trailer, "exit_status")));
		ana_info_line("exit status", text);
	}
	ana_info_line("directory", ana_text(header, "cwd", ""));
	ana_info_line("label", ana_text(header, "label", ""));
	ana_info_line("machine", ana_machine_text(ana_at(header, "machine"), text, sizeof(text)));
	ana_info_line("score", score_text(ana_at(header, "score"), text, sizeof(text)));
	print_drives(info);
	print_models(info);
	ana_info_line("memory limit", limit ? ana_bytes(a, limit) : "");
	ana_info_line("pressure", strcmp(ana_text(header, "pressure", ""), "global")
					  ? ""
					  : "on the whole machine (a balloon)");
	ana_info_line("fault-around", around ? ana_bytes(a, around) : "");
	ana_info_mode(info);
	ana_info_line("good for", ana_info_use(info, text, sizeof(text)));
	ana_info_line("complete", ana_info_complete(info, text, sizeof(text)));
	print_lost(info);
	ana_info_line("note", ana_text(ana_at(trailer, "program"), "note", ""));
	print_invariants(info);
}
