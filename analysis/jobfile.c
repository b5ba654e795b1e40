// SPDX-License-Identifier: GPL-2.0-only
/* `faultline jobfile`: the fio job that replays a trace. */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/jobfile.h"
#include "analysis/units.h"
#include "host/util.h"

enum {
	OPT_STREAMS = 0x100,
	OPT_JOBS,
	OPT_PACE,
	OPT_SCALE,
	OPT_HINTS,
	OPT_WARMUP,
	OPT_PHASES,
	OPT_LOOPS,
	OPT_RESULT,
	OPT_NAME,
};

struct jobfile_options {
	struct ana_job job;
	const char *out;
	bool force;
};

static const struct argp_option options[] = {
	{"output", 'o', "FILE", 0, "Write the job there instead of to standard output", 0},
	{"force", 'f', NULL, 0, "Replace FILE if it exists", 0},
	{NULL, 0, NULL, 0, "What the job shall do:", 1},
	{"directory", 'd', "DIR", 0,
	 "Folder of the data files (default: where the model was, else data)", 1},
	{"limit", 'l', "SIZE", 0,
	 "Memory limit, as 2560M; 'none' for no pressure (default: as recorded)", 1},
	{"streams", OPT_STREAMS, "HOW", 0,
	 "recorded: a job for each lane; shared: windows are dealt out", 1},
	{"jobs", OPT_JOBS, "N", 0, "Number of jobs with --streams=shared", 1},
	{"pace", OPT_PACE, "PACE", 0, "compute (default), none or wall", 1},
	{"cpu-scale", OPT_SCALE, "X", 0,
	 "Stretch the recorded compute; 'faultline doctor' suggests it", 1},
	{"hints", OPT_HINTS, "HINTS", 0, "recorded, none, random, sequential, willneed or populate",
	 1},
	{"tokens", 'T', "A-B", 0, "Measure evaluations A to B only", 1},
	{"warmup", OPT_WARMUP, "N", 0, "Replay N evaluations unmeasured before them", 1},
	{"phases", OPT_PHASES, "LIST", 0, "Measure these phases only: load, prompt, decode, ...",
	 1},
	{"loops", OPT_LOOPS, "N", 0, "Do the selection N times", 1},
	{"result", OPT_RESULT, "FILE", 0, "Name of the result file", 1},
	{"engine", 'e', "FILE", 0, "The engine (default: the one that belongs to this program)", 1},
	{"name", OPT_NAME, "NAME", 0, "Name of the job (default: the trace's)", 1},
	{0},
};

static const char doc[] =
	"Write the fio job that replays a trace, with the right number of jobs and every line explained.\v"
	"EXAMPLES\n"
	"  faultline jobfile run.flt -o run.fio && fio run.fio\n"
	"  faultline jobfile run.flt -d /mnt/nvme -l 2G | fio -\n"
	"  faultline jobfile run.flt --streams shared --jobs 8 -o deep.fio\n"
	"  faultline jobfile run.flt -T 5-20 --warmup 2 -o part.fio\n";

static const char *one_of(struct argp_state *state, const char *option, const char *arg,
			  const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (!strcmp(words[i], arg))
			return arg;
	argp_error(state, "--%s cannot be '%s'", option, arg);
	return NULL;
}

static uint64_t number(struct argp_state *state, const char *option, const char *arg, uint64_t most)
{
	uint64_t n = 0;

	if (ana_parse_number(arg, &n) || !n || n > most)
		argp_error(state, "--%s wants a number from 1 to %llu, not '%s'", option,
			   (unsigned long long)most, arg);
	return n;
}

static void parse_limit(struct argp_state *state, struct ana_job *job, const char *arg)
{
	if (!strcmp(arg, "none")) {
		job->pressure = "none";
		return;
	}
	job->pressure = "memcg";
	if (host_size_parse(arg, &job->limit) || job->limit < 1 << 20 || job->limit == HOST_UNKNOWN)
		argp_error(state, "--limit wants a size such as 2560M, or 'none', not '%s'", arg);
}

static void parse_scale(struct argp_state *state, struct ana_job *job, const char *arg)
{
	char *end;

	job->cpu_scale = strtod(arg, &end);
	if (end == arg || *end || !(job->cpu_scale >= 0.01 && job->cpu_scale <= 100))
		argp_error(state, "--cpu-scale wants a number from 0.01 to 100, not '%s'", arg);
}

static void parse_tokens(struct argp_state *state, struct ana_job *job, const char *arg)
{
	uint64_t first, last;

	if (ana_parse_range(arg, &first, &last))
		argp_error(state, "--tokens wants A-B, not '%s'", arg);
	job->tokens = arg;
}

/* Brackets would end the section's name, and a name is also a file's name. */
static const char *job_name(struct argp_state *state, const char *arg)
{
	for (const char *p = arg; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-+", *p))
			argp_error(state, "--name: letters, digits and ._-+ only, not '%s'", arg);
	if (!*arg || !strcmp(arg, "global"))
		argp_error(state, "a job cannot be called '%s'", arg);
	return arg;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const char *const streams[] = {"recorded", "shared", NULL};
	static const char *const paces[] = {"compute", "none", "wall", NULL};
	static const char *const hints[] = {"recorded", "none",     "random", "sequential",
					    "willneed", "populate", NULL};
	struct jobfile_options *o = state->input;
	struct ana_job *job = &o->job;

	switch (key) {
	case 'o':
		o->out = arg;
		break;
	case 'f':
		o->force = true;
		break;
	case 'd':
		job->directory = arg;
		break;
	case 'l':
		parse_limit(state, job, arg);
		break;
	case 'e':
		job->engine = arg;
		break;
	case 'T':
		parse_tokens(state, job, arg);
		break;
	case OPT_STREAMS:
		job->streams = one_of(state, "streams", arg, streams);
		break;
	case OPT_JOBS:
		job->jobs = number(state, "jobs", arg, 1024);
		break;
	case OPT_PACE:
		job->pace = one_of(state, "pace", arg, paces);
		break;
	case OPT_SCALE:
		parse_scale(state, job, arg);
		break;
	case OPT_HINTS:
		job->hints = one_of(state, "hints", arg, hints);
		break;
	case OPT_WARMUP:
		job->warmup = number(state, "warmup", arg, 1000000);
		break;
	case OPT_PHASES:
		job->phases = arg;
		break;
	case OPT_LOOPS:
		job->loops = number(state, "loops", arg, 1000000);
		break;
	case OPT_RESULT:
		job->result = arg;
		break;
	case OPT_NAME:
		job->name = job_name(state, arg);
		break;
	case ARGP_KEY_ARG:
		if (job->trace)
			argp_error(state, "one trace at a time");
		job->trace = arg;
		break;
	case ARGP_KEY_END:
		if (!job->trace)
			argp_error(state, "which trace?");
		if (job->jobs && (!job->streams || strcmp(job->streams, "shared")))
			argp_error(state,
				   "--jobs goes with --streams=shared: recorded streams have "
				   "a job for each lane");
		if (o->force && !o->out)
			argp_error(state, "--force goes with -o");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The trace's name without folder and ending, as far as it can name a job. */
static void default_name(const char *trace, char *buf, size_t len)
{
	const char *slash = strrchr(trace, '/');
	char *dot;

	snprintf(buf, len, "%s", slash ? slash + 1 : trace);
	dot = strrchr(buf, '.');
	if (dot && dot != buf && !strcmp(dot, ".flt"))
		*dot = '\0';
	for (char *p = buf; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-+", *p))
			*p = '-';
	if (!*buf || !strcmp(buf, "global"))
		snprintf(buf, len, "replay");
}

static int write_job(const char *cmd, const struct jobfile_options *o, struct flt_reader *r)
{
	FILE *out = stdout;
	int ret;

	if (o->out) {
		out = fopen(o->out, o->force ? "we" : "wxe");
		if (!out) {
			ana_error(cmd, "cannot write %s: %s", o->out,
				  errno == EEXIST ? "it exists; --force replaces it"
						  : strerror(errno));
			return ANA_FAILED;
		}
	}
	ret = ana_job_write(out, &o->job, r);
	if (o->out && fclose(out) && !ret)
		ret = -errno;
	if (!o->out && !ret)
		return ana_flush(cmd);
	if (!ret)
		return ANA_OK;
	if (ret == -EINVAL)
		ana_error(cmd,
			  "a name with a line break or a leading blank cannot stand in a job file");
	else
		ana_error(cmd, "cannot write the job: %s", strerror(-ret));
	if (o->out)
		unlink(o->out);
	return ANA_FAILED;
}

int ana_jobfile_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "TRACE", doc, NULL, NULL, NULL};
	struct jobfile_options o = {0};
	struct flt_reader *r;
	char name[128];
	int status = ANA_FAILED;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (ana_open(argv[0], o.job.trace, &r))
		return ANA_FAILED;
	if (!o.job.name) {
		default_name(o.job.trace, name, sizeof(name));
		o.job.name = name;
	}
	if (!flt_record_count(r, FLT_PROGRAM))
		ana_error(argv[0], "%s has no replay program: 'faultline prepare' adds one",
			  o.job.trace);
	else
		status = write_job(argv[0], &o, r);
	flt_close(r);
	return status;
}
