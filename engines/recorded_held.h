/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * recorded_held.h: how much memory beside the page cache the recorded run had, from the samples of the recording.
 *
 * The program says what to hold (anonymous memory); page tables, stacks and whatever else the kernel charges come by
 * themselves in run and replay alike. Whether both together are the same is what this is for.
 */
#ifndef ENG_RECORDED_HELD_H
#define ENG_RECORDED_HELD_H

#include "engines/replay.h"

/* In the main thread, before the replay: reads the samples. A trace without any (a program alone) is fine. 0 or -errno. */
int eng_recorded_held_read(struct eng_group *g);
/* At the start of evaluation INDEX, in bytes; HOST_UNKNOWN. */
uint64_t eng_recorded_held(const struct eng_group *g, uint64_t index);
/* The two over time, for the result; null if nothing can be compared. A new reference. */
json_t *eng_recorded_held_json(const struct eng_group *g);
void eng_recorded_held_free(struct eng_group *g);

#endif
