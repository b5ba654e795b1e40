// SPDX-License-Identifier: GPL-2.0-only
/* `faultline prepare`: derives the replay program of a recording anew. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/common.h"
#include "analysis/units.h"
#include "host/util.h"

struct prepare_options {
	const char *trace, *out;
	bool program_only, private, json;
	uint64_t fault_around, max_lanes;
	int barriers;
};

static const struct argp_option options[] = {
	{"output", 'o', "FILE", 0, "The new trace; it must not exist", 0},
	{"program-only", 'p', NULL, 0, "Leave the recording out: smaller, easier to share", 0},
	{"private", 'P', NULL, 0,
	 "Leave out what should not leave the house: names of people, hosts and folders, and the "
	 "kernel's command line",
	 0},
	{"fault-around", 'a', "SIZE", 0,
	 "Bytes that one fault maps (default: as recorded, else 64K)", 0},
	{"max-lanes", 'm', "N", 0, "Fold threads beyond N lanes into one that meets at no barrier",
	 0},
	{"barriers", 'b', "FROM", 0,
	 "Where barriers come from: recorded, inferred (from the model's tensors, or from the order "
	 "of touches), auto (default: recorded if there are any, else inferred)",
	 0},
	{"json", 'j', NULL, 0, "Print what was found as JSON", 0},
	{0},
};

static const char doc[] =
	"Derive the replay program of a trace anew, into a copy of it. "
	"'faultline record' does this at its end; do it again for an unfinished recording or "
	"after an update of Faultline.\v"
	"EXAMPLES\n"
	"  faultline prepare run.flt -o new.flt\n"
	"  faultline prepare run.flt -o small.flt --program-only   to share: no recording inside\n"
	"  faultline prepare run.flt -o open.flt --private         to share: no names, no folders\n"
	"  faultline prepare run.flt -o new.flt -a 16K             another fault-around window\n"
	"  faultline prepare run.flt -o new.flt --barriers inferred\n";

static bool parse_barriers(const char *text, int *out)
{
	static const char *const names[] = {[FLT_BARRIERS_AUTO] = "auto",
					    [FLT_BARRIERS_RECORDED] = "recorded",
					    [FLT_BARRIERS_INFERRED] = "inferred"};

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
		if (strcmp(text, names[i]))
			continue;
		*out = i;
		return true;
	}
	return false;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct prepare_options *o = state->input;

	switch (key) {
	case 'o':
		o->out = arg;
		break;
	case 'p':
		o->program_only = true;
		break;
	case 'P':
		o->private = true;
		break;
	case 'a':
		if (host_size_parse(arg, &o->fault_around) || o->fault_around < 4096 ||
		    o->fault_around > 1ull << 30 || (o->fault_around & (o->fault_around - 1)))
			argp_error(state,
				   "--fault-around wants a power of two of 4K or more, not '%s'",
				   arg);
		break;
	case 'm':
		if (ana_parse_number(arg, &o->max_lanes) || !o->max_lanes || o->max_lanes > 65536)
			argp_error(state, "--max-lanes wants 1 to 65536, not '%s'", arg);
		break;
	case 'b':
		if (!parse_barriers(arg, &o->barriers))
			argp_error(state, "--barriers wants auto, recorded or inferred, not '%s'",
				   arg);
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
		if (!o->out)
			argp_error(state, "where to? Give the new trace's name with -o");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

struct conversion {
	struct flt_reader *in;
	const char *out;
	struct flt_prepare_options opt;
	struct flt_prepare_stats stats;
	struct ana_progress progress;
};

static bool show_progress(void *arg, uint64_t done, uint64_t total)
{
	struct ana_progress *p = arg;

	p->total = total;
	ana_progress_update(p, done);
	return true;
}

/* Ctrl-C must not leave half a trace behind: the name is only known here. */
static const char *volatile unfinished_file;

static void drop_unfinished(int sig)
{
	if (unfinished_file)
		unlink(unfinished_file);
	signal(sig, SIG_DFL);
	raise(sig);
}

static json_t *stats_json(const struct conversion *c, uint64_t bytes)
{
	json_t *o = json_pack("{ss, sI, sI}", "output", c->out, "bytes", (json_int_t)bytes,
			      "program_bytes", (json_int_t)c->stats.program_bytes);
	json_t *stats = flt_prepare_json(&c->stats);

	json_object_update(o, stats);
	json_decref(stats);
	return o;
}

/* What the own compute was corrected by, and why. */
static void print_model(const json_t *model)
{
	const char *why = json_string_value(json_object_get(model, "why"));
	char text[256];

	if (json_is_true(json_object_get(model, "fitted")))
		printf("  calibrated   %.0f ns less for each fault, %.0f ns for each barrier, times "
		       "%.3f (prompts), %.3f (others)\n",
		       json_number_value(json_object_get(model, "per_fault_ns")),
		       json_number_value(json_object_get(model, "per_barrier_ns")),
		       json_number_value(json_object_get(model, "factor_prompt")),
		       json_number_value(json_object_get(model, "factor_decode")));
	else
		printf("  calibrated   no\n");
	if (why)
		printf("               %s\n", ana_safe(text, sizeof(text), why));
}

static void print_stats(const struct conversion *c, uint64_t bytes)
{
	const struct flt_prepare_stats *st = &c->stats;
	char a[ANA_TEXT], b[ANA_TEXT], name[512];

	printf("%s: %s, program %s\n", ana_safe(name, sizeof(name), c->out), ana_bytes(a, bytes),
	       ana_bytes(b, st->program_bytes));
	printf("  lanes        %u\n", st->lanes);
	printf("  evaluations  %s%s\n", ana_count(a, st->evaluations),
	       st->marks_inferred ? " (inferred from sweeps over the model, not marked)" : "");
	printf("  windows      %s, %s\n", ana_count(a, st->windows),
	       ana_bytes(b, st->window_bytes));
	printf("  barriers     %s%s%s\n", ana_count(a, st->barriers),
	       st->inferred_barriers ? ", inferred from the model's " : "",
	       st->inferred_barriers ? st->barriers_from : "");
	printf("  chunks       %s windows of %s segments were shared by a counter\n",
	       ana_count(a, st->dynamic_windows), ana_count(b, st->pools));
	printf("  hints        %s\n", ana_count(a, st->hints));
	printf("  reads        %s\n", ana_count(a, st->reads));
	printf("  own compute  %s, of all lanes together\n", ana_span(a, st->compute_ns));
	print_model(st->model);
	if (*st->note)
		printf("  note         %s\n", ana_safe(name, sizeof(name), st->note));
}

static int run_conversion(const char *cmd, const struct prepare_options *o, struct conversion *c)
{
	int ret;

	ana_progress_begin(&c->progress, "preparing", "records", 0);
	ret = flt_prepare_copy(c->in, c->out, &c->opt, &c->stats);
	ana_progress_end(&c->progress);
	if (ret == -EEXIST)
		ana_error(cmd, "%s exists; name a new file", o->out);
	else if (ret == -ENODATA)
		ana_error(cmd,
			  "%s has no faults or reads of a model file: there is nothing to replay",
			  o->trace);
	else if (ret == -EBADMSG)
		ana_error(cmd, "%s is damaged; make a sound copy with 'faultline verify --repair'",
			  o->trace);
	else if (ret)
		ana_error(cmd, "cannot write %s: %s", o->out, strerror(-ret));
	return ret;
}

static int prepare(const char *cmd, const struct prepare_options *o)
{
	struct conversion c = {
		.out = o->out,
		.opt = {.fault_around = o->fault_around,
			.program_only = o->program_only,
			.private_copy = o->private,
			.max_lanes = (uint32_t)o->max_lanes,
			.barriers = o->barriers,
			.progress = show_progress},
	};
	struct sigaction act = {.sa_handler = drop_unfinished};
	struct stat st = {0};
	int status = ANA_FAILED, ret;

	c.opt.progress_arg = &c.progress;
	if (ana_open(cmd, o->trace, &c.in))
		return ANA_FAILED;
	if (!flt_record_count(c.in, FLT_RECORDING)) {
		ana_error(
			cmd,
			"%s holds no recording (a shared program?), so there is nothing to derive from",
			o->trace);
		goto out;
	}
	if (!lstat(o->out, &st)) {
		ana_error(cmd, "%s exists; name a new file", o->out);
		goto out;
	}
	unfinished_file = o->out;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	ret = run_conversion(cmd, o, &c);
	if (ret) {
		if (ret != -EEXIST)
			unlink(o->out);
		goto out;
	}
	unfinished_file = NULL;
	stat(o->out, &st);
	if (o->json) {
		status = ana_print_json(cmd, stats_json(&c, (uint64_t)st.st_size));
	} else {
		print_stats(&c, (uint64_t)st.st_size);
		status = ana_flush(cmd);
	}
out:
	json_decref(c.stats.model);
	flt_close(c.in);
	return status;
}

int ana_prepare_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "TRACE", doc, NULL, NULL, NULL};
	struct prepare_options o = {0};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return prepare(argv[0], &o);
}
