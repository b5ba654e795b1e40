// SPDX-License-Identifier: GPL-2.0-only
/* `faultline info`: what a trace holds, and what it may be used for. */
#include <argp.h>
#include <errno.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/info.h"

struct info_options {
	const char *trace;
	bool json, tokens, all, quick;
};

static const struct argp_option options[] = {
	{"tokens", 'T', NULL, 0, "List every evaluation, however many there are", 0},
	{"all", 'a', NULL, 0, "List every region and every thread", 0},
	{"quick", 'q', NULL, 0, "Only what the header and the trailer say: reads no records", 0},
	{"json", 'j', NULL, 0, "Print everything as JSON", 0},
	{0},
};

static const char doc[] =
	"Show what a trace holds: who recorded what, where and when, what it may be used for, whether it is "
	"complete, and what the run did in each evaluation (load, prompt batch, token).\v"
	"EXAMPLES\n"
	"  faultline info run.flt\n"
	"  faultline info --tokens run.flt             every token of a long run\n"
	"  faultline info --json run.flt | jq '.evaluations[] | .drive_bytes'\n";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct info_options *o = state->input;

	switch (key) {
	case 'T':
		o->tokens = true;
		break;
	case 'a':
		o->all = true;
		break;
	case 'q':
		o->quick = true;
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
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int info(const char *cmd, const struct info_options *o)
{
	struct ana_info info = {.cmd = cmd,
				.path = o->trace,
				.all = o->all,
				.tokens = o->tokens,
				.quick = o->quick};
	int status = ANA_FAILED, ret = 0;

	if (ana_open(cmd, o->trace, &info.r))
		return ANA_FAILED;
	if (!o->quick)
		ret = ana_scan(&info.scan, info.r);
	if (ret == -ENOMEM) {
		ana_error(cmd, "%s: %s", o->trace, strerror(-ret));
		goto out;
	}
	info.damaged = ret;
	if (o->json) {
		status = ana_print_json(cmd, ana_info_json(&info));
	} else {
		ana_info_head(&info);
		if (!o->quick) {
			ana_info_tables(&info);
			ana_info_evaluations(&info);
		}
		status = ana_flush(cmd);
	}
	/* What could be read is shown, but nobody should take it for all there was. */
	if (info.damaged) {
		ana_error(cmd,
			  "%s is damaged: what is shown is not all; 'faultline verify' says where",
			  o->trace);
		status = ANA_FAILED;
	}
out:
	ana_scan_free(&info.scan);
	flt_close(info.r);
	return status;
}

int ana_info_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "TRACE", doc, NULL, NULL, NULL};
	struct info_options o = {0};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return info(argv[0], &o);
}
