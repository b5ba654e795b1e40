/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/score.h: how fast this CPU does what an LLM on a CPU does, in under two seconds.
 *
 * The recording machine's score travels in a trace; score_recorded / score_here is the cpu_scale by which
 * recorded compute is stretched on this machine.
 */
#ifndef HOST_SCORE_H
#define HOST_SCORE_H

#include <jansson.h>

#include "host/util.h"

/* Raised whenever the kernels change: scores of different versions must not be compared. */
#define HOST_SCORE_VERSION 1

struct host_score {
	unsigned int version;
	unsigned int threads; /* CPUs that this process may use */
	double cpu_single;    /* 10^9 multiply-accumulates per second, one thread */
	double cpu_all;       /* the same, all threads together */
	double memory_single; /* GB/s (10^9 bytes) read from memory, one thread */
	double memory_all;    /* all threads together */
};

/* Measure. Takes 64 to 256 MiB of memory, four times the last cache, and all CPUs; anything else that runs spoils it. 0 or -errno. */
int host_score_run(struct host_score *sc, struct host_err *err);

json_t *host_score_json(const struct host_score *sc);

/* Fill from an object made by host_score_json(). 0, or -EINVAL if it is none. */
int host_score_from_json(const json_t *o, struct host_score *sc);

/*
 * The suggested cpu_scale for a replay with @threads lanes: how many times longer a byte of weights takes here
 * than where it was recorded, by memory bandwidth or by arithmetic, whichever is slower on each machine;
 * @bound (may be NULL) names the one that decides here, "memory" or "cpu". 0 if the scores cannot be compared.
 */
double host_score_scale(const struct host_score *recorded, const struct host_score *here,
			unsigned int threads, const char **bound);

#endif
