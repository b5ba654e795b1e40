// SPDX-License-Identifier: GPL-2.0-only
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/util.h"
#include "tracer/options.h"

enum {
	KEY_LABEL = 256,
	KEY_MEMORY_LIMIT,
	KEY_EVICT,
	KEY_DURATION,
	KEY_MODE,
	KEY_BACKEND,
	KEY_BARRIER,
	KEY_MARK,
	KEY_NO_BLOCK,
	KEY_NO_BARRIERS,
	KEY_NO_MARKS,
	KEY_NO_PROGRAM,
	KEY_NO_SCORE,
	KEY_CACHE,
	KEY_RING,
	KEY_LIGHT,
	KEY_NO_SCHED,
	KEY_PRESSURE,
	KEY_CALIBRATE,
	KEY_ZAP_EVERY,
};

static const struct argp_option options[] = {
	{"output", 'o', "FILE", 0, "write the trace here (default: faultline-DATE-TIME.flt)", 1},
	{"pid", 'p', "PID", 0, "record a process that runs already, with its threads and children",
	 1},
	{"label", KEY_LABEL, "TEXT", 0, "free text that the trace carries", 1},
	{"duration", KEY_DURATION, "SECONDS", 0,
	 "end the recording after so long (a launched command is interrupted)", 1},
	{"memory-limit", KEY_MEMORY_LIMIT, "SIZE", 0,
	 "run the command in a memory cgroup of this size, its large files evicted first", 2},
	{"pressure", KEY_PRESSURE, "memcg|global", 0,
	 "what --memory-limit means: a cgroup's limit (default), or what locked memory leaves to the "
	 "whole machine",
	 2},
	{"evict", KEY_EVICT, "FILE", 0, "put this file out of the page cache first, too", 2},
	{"mode", KEY_MODE, "MODE", 0,
	 "pressure (default): the run as it is; reference: page-table entries of the model are dropped at "
	 "every evaluation, so that all of what is used shows: what replays predict from",
	 2},
	{"zap-every", KEY_ZAP_EVERY, "MS", 0,
	 "with --mode reference: drop them every so many milliseconds instead of at evaluations",
	 2},
	{"light", KEY_LIGHT, NULL, 0,
	 "no faults, barriers or block I/O, only when each evaluation was: times a run that nothing "
	 "slows down",
	 2},
	{"calibrate", KEY_CALIBRATE, "N", 0,
	 "after the recording, time N runs of the command that nothing slows down, for the replay's "
	 "pace (default: 3 with --mode reference, else 0)",
	 2},
	{"mark", KEY_MARK, "SYMBOL[@FILE]", 0,
	 "the function that evaluates the model; may be given again, the first one that is called counts",
	 3},
	{"barrier", KEY_BARRIER, "SYMBOL[@FILE]", 0, "the function at which threads meet", 3},
	{"no-marks", KEY_NO_MARKS, NULL, 0, "no probes on evaluations", 3},
	{"no-barriers", KEY_NO_BARRIERS, NULL, 0, "no probes on barriers", 3},
	{"no-sched", KEY_NO_SCHED, NULL, 0, "no times of threads off their CPU", 4},
	{"no-block", KEY_NO_BLOCK, NULL, 0, "no block I/O", 4},
	{"cache", KEY_CACHE, "yes|no", 0,
	 "pages of the model added to and dropped from the page cache", 4},
	{"no-program", KEY_NO_PROGRAM, NULL, 0, "do not derive the replay program at the end", 4},
	{"no-score", KEY_NO_SCORE, NULL, 0, "do not measure CPU and memory (2 s) before the run",
	 4},
	{"backend", KEY_BACKEND, "NAME", 0, "bpf (the only one)", 5},
	{"ring", KEY_RING, "MIB", 0, "size of each CPU's ring (default 16)", 5},
	{"verbose", 'v', NULL, 0, "say what is hooked; twice: also what the BPF loader says", 6},
	{"quiet", 'q', NULL, 0, "no live line, no summary", 6},
	{0},
};

static const char doc[] =
	"Records the page faults, reads, hints, barriers and block I/O of a run into a trace."
	"\vEXAMPLES\n"
	"  sudo faultline record -o my.flt -- llama-bench -m model.gguf -mmp 1\n"
	"      record a run from its start to its end; it runs as you, not as root\n"
	"  sudo faultline record --memory-limit 2560M -- llama-cli -m model.gguf -n 16\n"
	"      the same with 2560 MiB of memory, as on a smaller machine\n"
	"  sudo faultline record --mode reference -- llama-bench -m model.gguf -p 0 -n 0 -pg 64,16\n"
	"      what predictions are made from: every page that each token needs\n"
	"  sudo faultline record -p $(pidof llama-server) --duration 60\n"
	"      a minute of a server\n"
	"  sudo faultline record --mark decode_one@/opt/x/libengine.so -- ./engine\n"
	"      evaluations of an engine that is not llama.cpp\n"
	"\n"
	"Exit status: 0 if the recording is fine (the command's own status is shown and stored), 1 if it "
	"failed, lost events or is no usable reference capture, 2 for wrong usage.";

static void add_name(struct argp_state *state, const char **list, unsigned int *n, const char *arg)
{
	if (*n == REC_NAMES_MAX)
		argp_error(state, "at most %d of these", REC_NAMES_MAX);
	list[(*n)++] = arg;
}

static void parse_pid(struct rec_options *o, const char *arg, struct argp_state *state)
{
	char *end;
	long pid = strtol(arg, &end, 10);

	if (*end || end == arg || pid <= 0 || pid > INT_MAX)
		argp_error(state, "'%s' is no process number", arg);
	o->pid = (pid_t)pid;
}

static void parse_number(struct rec_options *o, int key, const char *arg, struct argp_state *state)
{
	char *end;
	double n = strtod(arg, &end);

	if (*end || end == arg || !(n > 0) || n > 1e9)
		argp_error(state, "'%s' is no positive number", arg);
	if (key == KEY_DURATION) {
		o->duration = n;
		return;
	}
	if (key == KEY_ZAP_EVERY) {
		if (n < 1 || n > 60000)
			argp_error(state, "--zap-every takes 1 to 60000 milliseconds");
		o->zap_every_ns = (uint64_t)(n * 1e6);
		return;
	}
	o->ring_mib = (unsigned int)n;
	if (n > 1024 || n < 1 || (o->ring_mib & (o->ring_mib - 1)))
		argp_error(state, "a ring has 1, 2, 4, ... 1024 MiB");
}

static void parse_calibrate(struct rec_options *o, const char *arg, struct argp_state *state)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (*end || end == arg || n < 0 || n > 100)
		argp_error(state, "--calibrate takes a number of runs, 0 to 100");
	o->calibrate = (int)n;
}

static void parse_mode(const char *arg, struct argp_state *state)
{
	struct rec_options *o = state->input;

	o->reference = !strcmp(arg, "reference");
	if (!o->reference && strcmp(arg, "pressure"))
		argp_error(state, "there is no mode '%s'; it is pressure or reference", arg);
}

static void only_marks(struct rec_options *o)
{
	o->no_block = o->no_barriers = o->no_program = o->no_sched = true;
	o->cache = 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct rec_options *o = state->input;

	switch (key) {
	case 'o':
		if (strlen(arg) >= sizeof(o->output))
			argp_error(state, "the name of the output is too long");
		snprintf(o->output, sizeof(o->output), "%s", arg);
		break;
	case 'p':
		parse_pid(o, arg, state);
		break;
	case 'v':
		o->verbose++;
		break;
	case 'q':
		o->quiet = true;
		break;
	case KEY_LABEL:
		o->label = arg;
		break;
	case KEY_MEMORY_LIMIT:
		if (host_size_parse(arg, &o->memory_limit) || o->memory_limit == HOST_UNKNOWN ||
		    o->memory_limit < 1 << 20)
			argp_error(state, "'%s' is no size like 2560M (1M at least)", arg);
		break;
	case KEY_EVICT:
		add_name(state, o->evict, &o->evicts, arg);
		break;
	case KEY_BARRIER:
		add_name(state, o->barrier, &o->barriers, arg);
		break;
	case KEY_MARK:
		add_name(state, o->mark, &o->marks, arg);
		break;
	case KEY_DURATION:
	case KEY_ZAP_EVERY:
	case KEY_RING:
		parse_number(o, key, arg, state);
		break;
	case KEY_MODE:
		parse_mode(arg, state);
		break;
	case KEY_BACKEND:
		if (strcmp(arg, "bpf"))
			argp_error(state, "there is no backend '%s'; it is bpf", arg);
		break;
	case KEY_LIGHT:
		o->light = true;
		break;
	case KEY_NO_SCHED:
		o->no_sched = true;
		break;
	case KEY_PRESSURE:
		if (strcmp(arg, "memcg") && strcmp(arg, "global"))
			argp_error(state, "--pressure is memcg or global");
		o->global = arg[0] == 'g';
		break;
	case KEY_CALIBRATE:
		parse_calibrate(o, arg, state);
		break;
	case KEY_NO_BLOCK:
		o->no_block = true;
		break;
	case KEY_NO_BARRIERS:
		o->no_barriers = true;
		break;
	case KEY_NO_MARKS:
		o->no_marks = true;
		break;
	case KEY_NO_PROGRAM:
		o->no_program = true;
		break;
	case KEY_NO_SCORE:
		o->no_score = true;
		break;
	case KEY_CACHE:
		if (strcmp(arg, "yes") && strcmp(arg, "no"))
			argp_error(state, "--cache is yes or no");
		o->cache = arg[0] == 'y';
		break;
	case ARGP_KEY_ARGS:
		o->command = state->argv + state->next;
		o->nargs = state->argc - state->next;
		break;
	case ARGP_KEY_END:
		if (!o->pid && !o->command)
			argp_error(state,
				   "what is to be recorded? give a command after --, or -p PID");
		if (o->pid && o->command)
			argp_error(state, "either -p PID or a command, not both");
		if (o->pid && o->memory_limit)
			argp_error(
				state,
				"--memory-limit needs a run from its start: what a process has in "
				"memory stays charged elsewhere. Start it in a limited group "
				"('systemd-run --user --scope -p MemoryMax=2560M -p MemorySwapMax=0 "
				"COMMAND') and record that with -p");
		if (o->global && !o->memory_limit)
			argp_error(state,
				   "--pressure global needs --memory-limit: what is left to the "
				   "machine");
		if (o->light && o->calibrate > 0)
			argp_error(state,
				   "--light is what a calibration run is; it has none itself");
		if (o->pid && o->calibrate > 0)
			argp_error(state, "--calibrate runs the command again: not with -p");
		if (o->zap_every_ns && !o->reference)
			argp_error(state, "--zap-every is for --mode reference");
		if (o->light && o->reference)
			argp_error(state,
				   "--light records no faults, which --mode reference is about");
		if (o->calibrate < 0)
			o->calibrate = o->reference && !o->pid ? 3 : 0;
		if (o->light)
			only_marks(o);
		if (o->pid && o->evicts)
			argp_error(state, "--evict is for a command that is launched, not for -p");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* A name that says when; never one that exists. */
static void default_output(struct rec_options *o)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	snprintf(o->output, sizeof(o->output), "faultline-%s.flt", when);
}

int rec_options_parse(struct rec_options *o, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[--] COMMAND [ARGUMENT...]\n-p PID",
		.doc = doc,
	};

	*o = (struct rec_options){.cache = 1, .calibrate = -1};
	argp_err_exit_status = 2;
	/* in order: what comes after the command's name is the command's */
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, o))
		return 2;
	if (!o->output[0])
		default_output(o);
	return 0;
}
