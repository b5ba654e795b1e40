/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * measure.h: times of evaluations, and what machine and process counted meanwhile.
 */
#ifndef ENG_MEASURE_H
#define ENG_MEASURE_H

#include "engines/replay.h"

int eng_measure_init(struct eng_group *g);
void eng_measure_free(struct eng_group *g);

/*
 * Memory that is no page cache, of a sample: what the cgroup is charged for beside files, or (not CGROUP) the process' anonymous
 * and shared memory, swapped out or not, and its page tables. HOST_UNKNOWN if a part of it is not known.
 */
uint64_t eng_measure_held(const uint64_t *values, bool cgroup);

/* The group's clock starts: all jobs are ready. By one of them. */
void eng_measure_begin(struct eng_group *g);
/* Where the figures of evaluation INDEX in PASS (from 0) go; UINT64_MAX if that is not kept. */
uint64_t eng_measure_entry(const struct eng_group *g, uint64_t pass, uint64_t index);
/* The main lane has come to the mark of an evaluation. */
void eng_measure_mark(struct eng_group *g, uint64_t pass, uint64_t index, bool measured);
/* The main lane has come to the end of a pass; LAST if no other follows, or the replay was stopped. */
void eng_measure_end(struct eng_group *g, bool last);

/* Takes the job's counters; to be called by its own thread. What has come since the last call is accounted to
 * the job's evaluation, and the next goes to ENTRY. */
void eng_measure_job(struct eng_job *j, uint64_t entry, bool measured);

#endif
