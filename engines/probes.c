// SPDX-License-Identifier: GPL-2.0-only
#include "engines/probes.h"

#include "engines/barriers.h"

void faultline_evaluation(uint64_t index, uint64_t mark_class, uint64_t tokens)
{
	/* Keeps the call, and the arguments in their registers. */
	__asm__ volatile("" : : "r"(index), "r"(mark_class), "r"(tokens) : "memory");
}

bool faultline_barrier(uint64_t group, uint64_t generation, struct eng_job *j,
		       uint64_t participants)
{
	return eng_barrier_meet(j, group, generation, participants, &j->count.waited);
}
