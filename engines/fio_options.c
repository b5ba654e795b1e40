// SPDX-License-Identifier: GPL-2.0-only
/* The options, for fio's parser and for `fio --enghelp=./engines/faultline.so`. */
#include "engines/fio_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRING(NAME, LONG, FIELD, HELP)                                        \
	{                                                                      \
		.name = NAME, .lname = LONG, .type = FIO_OPT_STR_STORE,        \
		.off1 = offsetof(struct eng_fio_options, FIELD), .help = HELP, \
		.category = FIO_OPT_C_ENGINE, .group = FIO_OPT_G_INVALID,      \
	}

struct fio_option eng_fio_option_table[] = {
	STRING("trace", "Trace", trace,
	       "Trace to replay (.flt), finished and with a replay program; required. Relative to the current directory"),
	{
		.name = "streams",
		.lname = "Streams",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, streams),
		.help = "Who does what the recorded threads did (default: recorded)",
		.def = "recorded",
		.posval =
			{
				{.ival = "recorded",
				 .oval = ENG_STREAMS_RECORDED,
				 .help = "Each job is one recorded lane: needs as many jobs as the trace has lanes"},
				{.ival = "shared",
				 .oval = ENG_STREAMS_SHARED,
				 .help = "The windows between two barriers are dealt to any number of jobs, in order"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "chunks",
		.lname = "Chunks",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, chunks),
		.help = "What becomes of chunks that the recorded threads took from a shared counter (default: dealt)",
		.def = "dealt",
		.posval =
			{
				{.ival = "dealt",
				 .oval = ENG_CHUNKS_DEALT,
				 .help = "Whoever is free takes the next one, in the recorded order"},
				{.ival = "recorded",
				 .oval = ENG_CHUNKS_RECORDED,
				 .help = "Each lane does those that it took in the recording"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "waits",
		.lname = "Waits",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, waits),
		.help = "How lanes wait for each other (default: auto)",
		.def = "auto",
		.posval =
			{
				{.ival = "auto",
				 .oval = ENG_WAITS_AUTO,
				 .help = "Spinning if there is a CPU for each job, else sleeping, as libgomp's threads do"},
				{.ival = "spin",
				 .oval = ENG_WAITS_SPIN,
				 .help = "Awake, even if jobs take the CPUs from each other"},
				{.ival = "sleep",
				 .oval = ENG_WAITS_SLEEP,
				 .help = "Off the CPU, after a moment"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "pace",
		.lname = "Pace",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, pace),
		.help = "What happens between two touches (default: compute). May differ between jobs",
		.def = "compute",
		.posval =
			{
				{.ival = "compute",
				 .oval = ENG_PACE_COMPUTE,
				 .help = "The recorded own compute, times cpu_scale, spread over the pages touched before it"},
				{.ival = "none",
				 .oval = ENG_PACE_NONE,
				 .help = "Nothing: as fast as storage and barriers allow"},
				{.ival = "wall",
				 .oval = ENG_PACE_WALL,
				 .help = "Nothing begins before the time at which it was recorded; no compute"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	STRING("cpu_scale", "CPU scale", cpu_scale,
	       "Factor on recorded compute, 0.01 to 100: 2 replays a CPU of half the speed (default: 1). "
	       "`faultline doctor` suggests one. May differ between jobs"),
	{
		.name = "pressure",
		.lname = "Memory pressure",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, pressure),
		.help = "How memory is made scarce (default: none)",
		.def = "none",
		.posval =
			{
				{.ival = "none",
				 .oval = ENG_PRESSURE_NONE,
				 .help = "All of the machine's memory"},
				{.ival = "memcg",
				 .oval = ENG_PRESSURE_MEMCG,
				 .help = "fio is put into a memory cgroup (v1 or v2) while the group runs"},
				{.ival = "global",
				 .oval = ENG_PRESSURE_GLOBAL,
				 .help = "All memory of the machine but memory_limit is locked away: kswapd reclaims"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	STRING("memory_limit", "Memory limit", memory_limit,
	       "Limit for pressure=memcg, or what pressure=global leaves to the machine: bytes, or with a suffix K, M, G, T of 1024 "
	       "(default: that of the recording)"),
	{
		.name = "memory_limit_type",
		.lname = "Type of the memory limit",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, limit_type),
		.help = "What happens at the limit (default: max)",
		.def = "max",
		.posval =
			{
				{.ival = "max",
				 .oval = ENG_LIMIT_MAX,
				 .help = "Reclaim before each new page (memory.max)"},
				{.ival = "high",
				 .oval = ENG_LIMIT_HIGH,
				 .help = "Reclaim and slow down, but never fail (memory.high; cgroup v2 only)"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "hints",
		.lname = "Hints to the kernel",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct eng_fio_options, hints),
		.help = "madvise(), fadvise() and the like on the data files (default: recorded)",
		.def = "recorded",
		.posval =
			{
				{.ival = "recorded",
				 .oval = ENG_HINTS_RECORDED,
				 .help = "Those of the recorded program, when it gave them"},
				{.ival = "none", .oval = ENG_HINTS_NONE, .help = "None"},
				{.ival = "random",
				 .oval = ENG_HINTS_RANDOM,
				 .help = "MADV_RANDOM at the start, no others: no read-ahead"},
				{.ival = "sequential",
				 .oval = ENG_HINTS_SEQUENTIAL,
				 .help = "MADV_SEQUENTIAL at the start, no others"},
				{.ival = "willneed",
				 .oval = ENG_HINTS_WILLNEED,
				 .help = "MADV_WILLNEED at the start, no others"},
				{.ival = "populate",
				 .oval = ENG_HINTS_POPULATE,
				 .help = "All pages are read in and mapped at the start (as with MAP_POPULATE), no others"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	STRING("tokens", "Measured evaluations", tokens,
	       "Evaluations (passes over the model) to measure: A-B, A- or A, counted from 1 (default: everything, the load "
	       "phase included), or prompt, decode, evaluation. Load and prompt are replayed before, unmeasured"),
	{
		.name = "warmup",
		.lname = "Warm-up evaluations",
		.type = FIO_OPT_INT,
		.off1 = offsetof(struct eng_fio_options, warmup),
		.help = "Evaluations that are replayed, unmeasured, before those of tokens=: 0 to 1000000 (default: 2)",
		.def = "2",
		.minval = 0,
		.maxval = 1000000,
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	STRING("phases", "Phases", phases,
	       "Phases to replay at all, separated by commas: load, warmup, prompt, decode, evaluation (default: all)"),
	STRING("footprint", "Anonymous memory", footprint,
	       "Anonymous memory that is held during the replay, what fio needs included: recorded, none, or a size "
	       "with a suffix K, M, G, T of 1024 (default: recorded)"),
	STRING("result", "Result file", result,
	       "Where the result goes, as JSON: a file, or none (default: JOBNAME.result.json, in --aux-path if given)"),
	{
		.name = NULL,
	},
};

static const char *given(const char *s)
{
	return s && *s ? s : NULL;
}

static int parse_scale(const char *text, double *scale, struct host_err *err)
{
	char *end;

	*scale = 1.0;
	if (!given(text))
		return 0;
	*scale = strtod(text, &end);
	if (*end || end == text || !isfinite(*scale) || *scale < 0.01 || *scale > 100.0)
		return host_fail(err, -EINVAL, "cpu_scale=%s: not a number between 0.01 and 100",
				 text);
	return 0;
}

static int parse_size(const char *name, const char *text, uint64_t *bytes, struct host_err *err)
{
	if (host_size_parse(text, bytes) || *bytes == UINT64_MAX)
		return host_fail(err, -EINVAL, "%s=%s: not a size (like 2560M or 1.5G)", name,
				 text);
	return 0;
}

int eng_fio_settings(const struct eng_fio_options *o, struct eng_settings *set,
		     struct host_err *err)
{
	int ret;

	memset(set, 0, sizeof(*set));
	set->trace = given(o->trace);
	if (!set->trace)
		return host_fail(err, -EINVAL,
				 "trace= is missing: which trace should be replayed?");
	set->streams = (enum eng_streams)o->streams;
	set->chunks = (enum eng_chunking)o->chunks;
	set->waits = (enum eng_waits)o->waits;
	set->pace = (enum eng_pace)o->pace;
	set->pressure = (enum eng_pressure)o->pressure;
	set->limit_type = (enum eng_limit_type)o->limit_type;
	set->hints = (enum eng_hints)o->hints;
	set->tokens = given(o->tokens);
	set->phases = given(o->phases);
	set->result = given(o->result);
	set->warmup = set->tokens ? o->warmup : 0;
	set->memory_limit = UINT64_MAX;
	set->footprint = ENG_FOOTPRINT_RECORDED;
	ret = parse_scale(o->cpu_scale, &set->cpu_scale, err);
	if (!ret && given(o->memory_limit)) {
		ret = parse_size("memory_limit", o->memory_limit, &set->memory_limit, err);
		if (!ret && set->memory_limit < ENG_LEAST_LIMIT)
			ret = host_fail(err, -EINVAL, "memory_limit=%s: less than 1M",
					o->memory_limit);
	}
	if (ret || !given(o->footprint) || !strcmp(o->footprint, "recorded"))
		return ret;
	if (!strcmp(o->footprint, "none")) {
		set->footprint = 0;
		return 0;
	}
	return parse_size("footprint", o->footprint, &set->footprint, err);
}
