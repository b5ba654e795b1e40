// SPDX-License-Identifier: GPL-2.0-only
/* `faultline dump`: records of a trace, one a line. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/dump.h"
#include "analysis/selection.h"
#include "analysis/units.h"

#define BATCH 4096

enum {
	OPT_TIME = 0x100,
	OPT_DEFINITIONS,
};

struct dump_options {
	const char *trace, *kinds, *threads, *streams;
	enum flt_layer layer;
	enum ana_dump_format format;
	bool numeric, definitions, by_token;
	uint64_t first_eval, last_eval, from_ns, to_ns, limit;
};

static const struct argp_option options[] = {
	{"layer", 'l', "LAYER", 0, "recording (default), program or summary", 0},
	{"format", 'f', "FORMAT", 0, "text (default), csv or jsonl", 0},
	{"kind", 'k', "KIND,...", 0, "Only these kinds of records: fault, block, window, ...", 0},
	{"thread", 't', "THREAD,...", 0, "Only these threads, by thread id or name", 0},
	{"stream", 's', "ID,...", 0, "Only these streams (of a program: lanes), by id", 0},
	{"token", 'T', "A-B", 0,
	 "Only evaluations A to B, by their number in 'faultline info'; 0 is the load phase", 0},
	{"time", OPT_TIME, "A-B", 0, "Only what overlaps seconds A to B of the recording", 0},
	{"limit", 'n', "N", 0, "Stop after N records", 0},
	{"numeric", 'N', NULL, 0, "Numbers as they are stored instead of names", 0},
	{"definitions", OPT_DEFINITIONS, NULL, 0,
	 "Header, definitions and trailer as JSON lines instead of records", 0},
	{0},
};

static const char doc[] =
	"Print the records of a trace, one a line, in the order in which they ended.\v"
	"EXAMPLES\n"
	"  faultline dump run.flt -n 20                    the first records\n"
	"  faultline dump run.flt -k fault -T 3            the faults of evaluation 3\n"
	"  faultline dump run.flt -k block -f csv > io.csv\n"
	"  faultline dump run.flt -k fault,read -t llama-bench --time 1.5-2\n"
	"  faultline dump run.flt -l program -s 0          what lane 0 replays\n"
	"  faultline dump run.flt --definitions | jq .     files, regions, threads, devices\n";

static void choose(struct argp_state *state, const char *what, const char *arg,
		   const char *const *names, int first, int *out)
{
	char known[128] = "";

	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], arg)) {
			*out = first + i;
			return;
		}
	}
	for (int i = 0; names[i]; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 !i             ? ""
			 : names[i + 1] ? ", "
					: " and ",
			 names[i]);
	argp_error(state, "there is no %s '%s'; there are %s", what, arg, known);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const char *const layers[] = {"recording", "program", "summary", NULL};
	static const char *const formats[] = {"text", "csv", "jsonl", NULL};
	struct dump_options *o = state->input;
	int n = 0;

	switch (key) {
	case 'l':
		choose(state, "layer", arg, layers, FLT_RECORDING, &n);
		o->layer = (enum flt_layer)n;
		break;
	case 'f':
		choose(state, "format", arg, formats, ANA_DUMP_TEXT, &n);
		o->format = (enum ana_dump_format)n;
		break;
	case 'k':
		o->kinds = arg;
		break;
	case 't':
		o->threads = arg;
		break;
	case 's':
		o->streams = arg;
		break;
	case 'T':
		o->by_token = true;
		if (ana_parse_range(arg, &o->first_eval, &o->last_eval))
			argp_error(state, "--token wants A-B, A-, -B or A, not '%s'", arg);
		break;
	case OPT_TIME:
		if (ana_parse_seconds(arg, &o->from_ns, &o->to_ns))
			argp_error(state, "--time wants seconds A-B, A- or -B, not '%s'", arg);
		break;
	case 'n':
		if (ana_parse_number(arg, &o->limit))
			argp_error(state, "--limit wants a number, not '%s'", arg);
		break;
	case 'N':
		o->numeric = true;
		break;
	case OPT_DEFINITIONS:
		o->definitions = true;
		break;
	case ARGP_KEY_ARG:
		if (o->trace)
			argp_error(state, "one trace at a time");
		o->trace = arg;
		break;
	case ARGP_KEY_END:
		if (!o->trace)
			argp_error(state, "which trace?");
		if (o->threads && o->layer != FLT_RECORDING)
			argp_error(state, "a program has lanes, no threads: use --stream");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* {"what": ..., ...} with the object's own members behind. */
static int print_definition(const char *what, const json_t *obj)
{
	json_t *line = json_pack("{ss}", "what", what);
	int ret = line && !json_object_update_missing(line, (json_t *)obj) ? 0 : -ENOMEM;

	if (!ret && json_dumpf(line, stdout, JSON_COMPACT))
		ret = -EIO;
	json_decref(line);
	putchar('\n');
	return ret;
}

static int print_definitions(const struct flt_reader *r)
{
	int ret = print_definition("header", flt_header(r));

	for (size_t i = 0; !ret && i < ANA_SORTS; i++) {
		const json_t *def;
		size_t k;

		json_array_foreach (flt_definitions(r, ana_sorts[i]), k, def) {
			ret = print_definition(ana_sorts[i], def);
			if (ret)
				break;
		}
	}
	if (!ret && flt_trailer(r))
		ret = print_definition("trailer", flt_trailer(r));
	return ret;
}

/* What the user asked for, narrowed down; prints why if that is not possible. */
static int select_records(const char *cmd, const struct dump_options *o, struct flt_reader *r,
			  struct ana_selection *sel)
{
	char bad[64];
	int ret = ana_select_all(sel, r, o->layer);

	if (ret)
		goto out;
	if (o->kinds && (ret = ana_select_kinds(sel, o->kinds, bad, sizeof(bad)))) {
		ana_error(cmd, "this layer has no records of kind '%s'", bad);
		return ret;
	}
	if (o->threads)
		ret = ana_select_streams(sel, o->threads, "tid", bad, sizeof(bad));
	if (ret == -EINVAL) {
		ana_error(cmd, "%s has no thread '%s'", o->trace, bad);
		return ret;
	}
	if (!ret && o->streams)
		ret = ana_select_streams(sel, o->streams, "id", bad, sizeof(bad));
	if (ret == -EINVAL) {
		ana_error(cmd, "%s has no %s '%s'", o->trace,
			  o->layer == FLT_RECORDING ? "stream" : "lane", bad);
		return ret;
	}
	if (!ret && o->by_token)
		ret = ana_select_evaluations(sel, r, o->first_eval, o->last_eval);
	if (ret == -ENODATA || ret == -ERANGE) {
		ana_error(cmd, "%s has no %s", o->trace,
			  ret == -ENODATA ? "evaluations" : "evaluation with that number");
		return ret;
	}
	sel->from_ns = o->from_ns;
	sel->to_ns = o->to_ns;
	ana_select_done(sel, r);
out:
	if (ret)
		ana_error(cmd, "%s: %s", o->trace, strerror(-ret));
	return ret;
}

static int print_records(const struct dump_options *o, struct flt_reader *r,
			 const struct ana_selection *sel, struct ana_dump_writer *w)
{
	struct flt_record *rec = malloc(BATCH * sizeof(*rec));
	struct flt_cursor *c = NULL;
	uint64_t from = sel->from_ns > sel->eval_from ? sel->from_ns : sel->eval_from, shown = 0;
	ssize_t n = 0;
	int ret = rec ? flt_cursor_open(&c, r, o->layer, FLT_ALL_STREAMS) : -ENOMEM;

	if (ret)
		goto out;
	ana_dump_heading(w);
	if (o->layer != FLT_SUMMARY)
		ret = flt_cursor_seek_time(c, from);
	while (!ret && shown < o->limit && (n = flt_cursor_next(c, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n && shown < o->limit; i++) {
			if (!ana_selected(sel, &rec[i]))
				continue;
			ana_dump_record(w, &rec[i]);
			shown++;
		}
		if (ferror(stdout) || flt_end(&rec[n - 1]) > sel->last_end)
			break;
	}
	if (!ret && n < 0)
		ret = (int)n;
	ana_dump_flush(w);
	flt_cursor_close(c);
out:
	free(rec);
	return ret;
}

static int dump(const char *cmd, const struct dump_options *o)
{
	struct ana_dump_writer w = {.format = o->format, .layer = o->layer, .numeric = o->numeric};
	struct ana_selection sel = {0};
	struct flt_reader *r;
	int status = ANA_FAILED, ret;

	if (ana_open(cmd, o->trace, &r))
		return ANA_FAILED;
	if (o->definitions) {
		ret = print_definitions(r);
	} else {
		if (select_records(cmd, o, r, &sel))
			goto out;
		if (!flt_record_count(r, o->layer)) {
			ana_error(cmd, "%s has no %s", o->trace,
				  o->layer == FLT_RECORDING ? "recording"
				  : o->layer == FLT_PROGRAM
					  ? "program: 'faultline prepare' adds one"
					  : "summary");
			goto out;
		}
		w.r = r;
		w.kinds = sel.kinds;
		ret = ana_dump_open(&w);
		if (!ret)
			ret = print_records(o, r, &sel, &w);
		ana_dump_close(&w);
	}
	status = ana_flush(cmd);
	if (ret) {
		ana_error(cmd, "%s: %s", o->trace,
			  ret == -EBADMSG ? "damaged; 'faultline verify' says where"
					  : strerror(-ret));
		status = ANA_FAILED;
	}
out:
	ana_selection_free(&sel);
	flt_close(r);
	return status;
}

int ana_dump_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "TRACE", doc, NULL, NULL, NULL};
	struct dump_options o = {.layer = FLT_RECORDING, .to_ns = UINT64_MAX, .limit = UINT64_MAX};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return dump(argv[0], &o);
}
