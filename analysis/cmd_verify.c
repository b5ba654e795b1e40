// SPDX-License-Identifier: GPL-2.0-only
/* `faultline verify`: is a trace sound, and can it be made so? */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/analysis.h"
#include "analysis/checks.h"
#include "analysis/table.h"
#include "analysis/units.h"

struct verify_options {
	const char *trace, *out;
	bool repair, json;
};

static const struct argp_option options[] = {
	{"repair", 'r', NULL, 0, "Write a finished copy of all that is sound; needs -o", 0},
	{"output", 'o', "FILE", 0, "Name of the repaired copy; it must not exist", 0},
	{"json", 'j', NULL, 0, "Print the verdict as JSON", 0},
	{0},
};

static const char doc[] =
	"Check every byte and every record of a trace: checksums, order, references, offsets, barriers, "
	"seeking, the summary, and the invariants that the recorder stored. The exit status is 0 if the "
	"trace is sound (even if it is marked as lossy), else 1.\v"
	"EXAMPLES\n"
	"  faultline verify run.flt\n"
	"  faultline verify run.flt --repair -o whole.flt   rescue an unfinished recording\n"
	"  faultline verify --json run.flt | jq .sound\n";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct verify_options *o = state->input;

	switch (key) {
	case 'r':
		o->repair = true;
		break;
	case 'o':
		o->out = arg;
		break;
	case 'j':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->trace)
			argp_error(state, "one trace at a time");
		o->trace = arg;
		break;
	case ARGP_KEY_END:
		if (!o->trace)
			argp_error(state, "which trace?");
		if (o->repair && !o->out)
			argp_error(state, "--repair writes a copy: give its name with -o");
		if (o->out && !o->repair)
			argp_error(state, "-o goes with --repair");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

struct verdict {
	struct flt_verify_report rep;
	struct ana_checks checks;
	bool damaged;    /* bytes are wrong or missing */
	bool unfinished; /* no trailer, but what there is may be sound */
	uint64_t failed; /* checks of the contents */
};

static bool is_sound(const struct verdict *v)
{
	return !v->damaged && !v->unfinished && !v->failed;
}

/* ---- as JSON ---- */

static json_t *verdict_json(const char *path, const struct verdict *v)
{
	json_t *checks = json_object();
	json_t *bad = v->rep.bad_offset == FLT_NONE ? json_null()
						    : json_integer((json_int_t)v->rep.bad_offset);

	for (int i = 0; i < ANA_CHECKS; i++) {
		const struct ana_check *c = &v->checks.check[i];
		json_t *one = json_pack("{sb, sI, sI}", "ok", c->failed == 0, "checked",
					(json_int_t)c->looked, "failed", (json_int_t)c->failed);

		if (c->failed)
			json_object_set_new(one, "first", json_string(c->first));
		json_object_set_new(checks, ana_check_key((enum ana_check_id)i), one);
	}
	return json_pack("{ss, sb, sb, sb, sb, ss, so, s{sI, sI, sI, sI}, sI, sI, so}", "trace",
			 path, "sound", is_sound(v), "damaged", v->damaged, "finished",
			 v->rep.finished, "lossy", v->checks.lossy, "message", v->rep.message,
			 "bad_offset", bad, "bytes", "frames", (json_int_t)v->rep.frames,
			 "chunks_ok", (json_int_t)v->rep.chunks_ok, "chunks_bad",
			 (json_int_t)v->rep.chunks_bad, "records", (json_int_t)v->rep.records,
			 "unresolved_faults", (json_int_t)v->checks.unresolved, "unknown_kinds",
			 (json_int_t)v->checks.unknown, "checks", checks);
}

/* ---- as text ---- */

static const char *headline(const struct verdict *v)
{
	if (v->damaged)
		return "DAMAGED";
	if (v->failed)
		return "WRONG: the bytes are as they were written, but the contents contradict each other";
	if (v->unfinished)
		return "UNFINISHED, sound as far as it goes";
	return v->checks.lossy ? "sound, and marked as lossy" : "sound";
}

static void print_checks(const struct verdict *v)
{
	struct ana_table *t = ana_table_new("lrll");
	char a[ANA_TEXT], b[ANA_TEXT], records[ANA_TEXT];

	ana_table_row(t, "check", "checked", "result", "", NULL);
	ana_table_cell(t, "bytes and checksums");
	ana_table_cell(t, "%s", ana_count(a, v->rep.chunks_ok + v->rep.chunks_bad));
	ana_table_cell(t, v->damaged ? "BAD" : "ok");
	ana_table_cell(t, "%s records in %s chunks", ana_count(records, v->rep.records),
		       ana_count(b, v->rep.chunks_ok));
	for (int i = 0; i < ANA_CHECKS; i++) {
		const struct ana_check *c = &v->checks.check[i];

		ana_table_cell(t, "%s", ana_check_title((enum ana_check_id)i));
		ana_table_cell(t, "%s", ana_count(a, c->looked));
		ana_table_cell(t, !c->looked ? "nothing" : c->failed ? "BAD" : "ok");
		if (c->failed)
			ana_table_cell(t, "%s wrong; %s", ana_count(b, c->failed), c->first);
		ana_table_end_row(t);
	}
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_verdict(const struct verify_options *o, const struct verdict *v)
{
	char a[ANA_TEXT], name[512];

	printf("%s: %s\n", ana_safe(name, sizeof(name), o->trace), headline(v));
	if (*v->rep.message)
		printf("  %s\n", ana_safe(name, sizeof(name), v->rep.message));
	print_checks(v);
	if (v->checks.unresolved)
		printf("  %s faults lie in memory that no region describes: a replay leaves them out\n",
		       ana_count(a, v->checks.unresolved));
	if (v->checks.unknown)
		printf("  %s records are of kinds that this version does not know\n",
		       ana_count(a, v->checks.unknown));
	if (v->damaged || v->unfinished)
		printf("  'faultline verify --repair -o FILE %s' rescues what is sound\n",
		       ana_safe(name, sizeof(name), o->trace));
}

/* ---- the work ---- */

static int check(const char *cmd, const struct verify_options *o, struct verdict *v)
{
	struct flt_reader *r;
	int ret;

	/* A file that cannot be opened at all has no verdict but that. */
	if (ana_open(cmd, o->trace, &r))
		return -EINVAL;
	ret = flt_verify(o->trace, &v->rep);
	v->unfinished = !v->rep.finished;
	v->damaged = v->rep.chunks_bad || (ret && v->rep.finished);
	if (ret && ret != -EBADMSG) {
		ana_error(cmd, "%s: %s", o->trace, strerror(-ret));
		goto out;
	}
	ret = ana_checks_run(&v->checks, r);
	if (ret == -EBADMSG) {
		v->damaged = true;
		ret = 0;
	}
	if (ret)
		ana_error(cmd, "%s: %s", o->trace, strerror(-ret));
	for (int i = 0; i < ANA_CHECKS; i++)
		v->failed += v->checks.check[i].failed;
out:
	flt_close(r);
	return ret;
}

static int verify(const char *cmd, const struct verify_options *o)
{
	struct verdict v = {0};
	int status = ANA_OK;

	if (check(cmd, o, &v))
		return ANA_FAILED;
	if (o->json) {
		status = ana_print_json(cmd, verdict_json(o->trace, &v));
	} else {
		print_verdict(o, &v);
		status = ana_flush(cmd);
	}
	return is_sound(&v) ? status : ANA_FAILED;
}

static int repair(const char *cmd, const struct verify_options *o)
{
	struct flt_verify_report rep, again;
	struct flt_reader *r;
	char a[ANA_TEXT], b[ANA_TEXT], name[512];
	struct stat st;
	int ret;

	if (ana_open(cmd, o->trace, &r))
		return ANA_FAILED;
	flt_close(r);
	if (!lstat(o->out, &st)) {
		ana_error(cmd, "%s exists; name a new file", o->out);
		return ANA_FAILED;
	}
	ret = flt_repair(o->trace, o->out, &rep);
	if (ret) {
		ana_error(cmd, "cannot write %s: %s", o->out, strerror(-ret));
		return ANA_FAILED;
	}
	ret = flt_verify(o->out, &again);
	if (ret) {
		ana_error(cmd, "%s: the copy is not sound: %s", o->out, again.message);
		return ANA_FAILED;
	}
	if (o->json)
		return ana_print_json(
			cmd, json_pack("{ss, ss, sI, sI, sI, ss}", "trace", o->trace, "output",
				       o->out, "chunks_kept", (json_int_t)rep.chunks_ok,
				       "chunks_lost", (json_int_t)rep.chunks_bad, "records",
				       (json_int_t)rep.records, "message", rep.message));
	printf("%s: %s records in %s chunks rescued", ana_safe(name, sizeof(name), o->out),
	       ana_count(a, rep.records), ana_count(b, rep.chunks_ok));
	if (rep.chunks_bad)
		printf(", %s damaged chunks left out", ana_count(a, rep.chunks_bad));
	putchar('\n');
	if (*rep.message)
		printf("  %s\n", ana_safe(name, sizeof(name), rep.message));
	if (!flt_open(&r, o->out, 0, NULL, 0)) {
		if (!flt_record_count(r, FLT_PROGRAM) || !flt_record_count(r, FLT_SUMMARY))
			printf("  it has no whole replay program: 'faultline prepare -o FILE %s' makes one\n",
			       ana_safe(name, sizeof(name), o->out));
		flt_close(r);
	}
	return ana_flush(cmd);
}

int ana_verify_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "TRACE", doc, NULL, NULL, NULL};
	struct verify_options o = {0};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return o.repair ? repair(argv[0], &o) : verify(argv[0], &o);
}
