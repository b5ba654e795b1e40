// SPDX-License-Identifier: GPL-2.0-only
/* `faultline explain`: where the time of a run went, and why its replay takes longer or shorter. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analysis.h"
#include "analysis/explain.h"
#include "analysis/units.h"

enum { OPT_MEAN = 0x100 };

struct explain_options {
	const char *path[2];
	size_t paths;
	bool json, list, mean;
	uint64_t first, last;
};

static const struct argp_option options[] = {
	{"evaluations", 'e', "A-B", 0,
	 "Only evaluations A to B of the real run, by their number in 'faultline info'; 0 is the load phase",
	 0},
	{"per-token", 't', NULL, 0, "List every evaluation", 0},
	{"mean", OPT_MEAN, NULL, 0, "Time as the mean of all lanes, not along the critical path",
	 0},
	{"json", 'j', NULL, 0, "Print everything as JSON", 0},
	{0},
};

static const char doc[] =
	"Hold a replay against the run that it is to predict, evaluation by evaluation, and tell the difference in s/token apart: "
	"compute, barriers, faults and reclaim, read-around, device. The replay is given as a recording of it, or, coarser, as its "
	"result. Two recordings of real runs show how far apart these are themselves.\v"
	"EXAMPLES\n"
	"  faultline record -o real.flt --memory-limit 2560M -- llama-bench -m model.gguf\n"
	"  faultline record -o replay.flt -- fio my.fio\n"
	"  faultline explain real.flt replay.flt\n"
	"  faultline explain real.flt my.result.json           time, faults and bytes alone\n"
	"  faultline explain real.flt again.flt                the real run's own spread\n"
	"  faultline explain -e 2- real.flt replay.flt         without load and prompt\n"
	"  faultline explain --json real.flt replay.flt | jq '.phases[].sentence'\n";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct explain_options *o = state->input;

	switch (key) {
	case 'e':
		if (ana_parse_range(arg, &o->first, &o->last))
			argp_error(state, "--evaluations wants A-B, A-, -B or A, not '%s'", arg);
		break;
	case 't':
		o->list = true;
		break;
	case OPT_MEAN:
		o->mean = true;
		break;
	case 'j':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->paths == 2)
			argp_error(state, "two runs at a time");
		o->path[o->paths++] = arg;
		break;
	case ARGP_KEY_END:
		if (o->paths < 2)
			argp_error(state, "which %s?", o->paths ? "replay" : "real run and replay");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Data files may be rounded up to whole blocks; another model differs by more. */
static bool same_model(const struct ana_side *a, const struct ana_side *b)
{
	uint64_t x = a->model_bytes, y = b->model_bytes, apart = x > y ? x - y : y - x;

	return !x || !y || apart <= (1 << 20) || apart <= x / 1000;
}

static int refuse_models(const struct ana_explain *x)
{
	const struct ana_side *a = &x->side[0], *b = &x->side[1];
	char s[ANA_TEXT], t[ANA_TEXT];

	ana_error(x->cmd, "the two are of different models: %s of %s (%s) and %s of %s (%s)",
		  a->model, ana_bytes(s, a->model_bytes), a->path, b->model,
		  ana_bytes(t, b->model_bytes), b->path);
	return ANA_FAILED;
}

static int explain(struct ana_explain *x, const struct explain_options *o)
{
	ssize_t pairs;

	if (!same_model(&x->side[0], &x->side[1]))
		return refuse_models(x);
	pairs = ana_explain_align(x, o->first, o->last);
	if (pairs < 0) {
		ana_error(x->cmd, "%s", strerror((int)-pairs));
		return ANA_FAILED;
	}
	if (!pairs) {
		ana_error(x->cmd, "%s and %s have no evaluation in common%s", x->side[0].path,
			  x->side[1].path,
			  o->first || o->last != UINT64_MAX ? " among those asked for" : "");
		return ANA_FAILED;
	}
	ana_explain_choose(x, o->mean);
	if (ana_explain_read(x, o->list))
		return ANA_FAILED;
	if (o->json)
		return ana_print_json(x->cmd, ana_explain_json(x));
	ana_explain_report(x);
	return ana_flush(x->cmd);
}

int ana_explain_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "REAL REPLAY", doc,
					 NULL,    NULL,         NULL};
	struct explain_options o = {.last = UINT64_MAX};
	struct ana_explain *x;
	int status = ANA_FAILED;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	x = calloc(1, sizeof(*x));
	if (!x) {
		ana_error(argv[0], "%s", strerror(ENOMEM));
		return ANA_FAILED;
	}
	x->cmd = argv[0];
	if (!ana_side_open(&x->side[0], argv[0], o.path[0], false) &&
	    !ana_side_open(&x->side[1], argv[0], o.path[1], true))
		status = explain(x, &o);
	ana_side_close(&x->side[0]);
	ana_side_close(&x->side[1]);
	free(x->list);
	free(x);
	return status;
}
