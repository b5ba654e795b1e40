// SPDX-License-Identifier: GPL-2.0-only
#include "tracer/barrier.h"

uint64_t rec_barrier_add(struct rec_barrier *b, uint64_t entry, uint64_t exit)
{
	if (!b->generations || entry > b->first_exit) {
		b->generations++;
		b->first_exit = exit;
		b->participants = b->waits;
		b->waits = 0;
	}
	b->waits++;
	return b->generations - 1;
}
