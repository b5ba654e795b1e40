/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of `faultline jobfile`. */
#ifndef ANA_JOBFILE_H
#define ANA_JOBFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/common.h"

/* What the job shall do; NULL or 0: what suits the trace, or the engine's default. */
struct ana_job {
	const char *trace;     /* as the user named it */
	const char *name;      /* of the job section */
	const char *directory; /* of the data files */
	const char *engine;
	const char *streams;  /* "recorded" (default) or "shared" */
	uint64_t jobs;        /* of shared streams; 0: one for each lane */
	const char *pressure; /* "memcg", "none"; NULL: memcg if there is a limit */
	uint64_t limit;       /* bytes; 0: as recorded */
	const char *pace, *hints, *tokens, *phases, *result;
	double cpu_scale; /* 0: none is written */
	uint64_t warmup, loops;
};

/* Writes the job file for a trace that has a program. 0 or -errno. */
int ana_job_write(FILE *out, const struct ana_job *job, struct flt_reader *r);

#endif
