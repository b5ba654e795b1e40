/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probes.h: where a recorder can look on. `faultline record -- fio ...` finds these two by their names, as it finds
 * llama.cpp's functions, so that a replay is recorded with the instrument that recorded the real run.
 *
 * They are called once for each evaluation and barrier, and do nothing that would not be done without them.
 */
#ifndef ENG_PROBES_H
#define ENG_PROBES_H

#include "engines/replay.h"

#define ENG_PROBE __attribute__((visibility("default"), noinline))

/* Entered when the main lane comes to the mark of an evaluation: its index, enum flt_mark_class, tokens (FLT_NONE: not known). */
ENG_PROBE void faultline_evaluation(uint64_t index, uint64_t mark_class, uint64_t tokens);

/* From a lane's arrival at a barrier to its release; what eng_barrier_meet() says. */
ENG_PROBE bool faultline_barrier(uint64_t group, uint64_t generation, struct eng_job *j,
				 uint64_t participants);

#endif
