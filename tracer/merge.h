/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/merge.h: events of many rings, each nearly in order, become one sequence in the order of
 * their ends.
 */
#ifndef REC_MERGE_H
#define REC_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/hooks.h"

struct rec_merge;

int rec_merge_open(struct rec_merge **m, unsigned int sources);
void rec_merge_close(struct rec_merge *m);

/* Copies an event of SIZE bytes, which begins with a struct rec_event. 0 or -ENOMEM. */
int rec_merge_push(struct rec_merge *m, unsigned int source, const void *event, size_t size);

typedef void (*rec_event_fn)(void *arg, const struct rec_event *event);

/*
 * Hands over, in the order of their ends, what ended at or before UNTIL. Events that come later but
 * ended before are handed over by the next call, and counted as late.
 */
void rec_merge_run(struct rec_merge *m, uint64_t until, rec_event_fn fn, void *arg);

uint64_t rec_merge_late(const struct rec_merge *m);
/* Events that were pushed and not yet handed over. */
uint64_t rec_merge_pending(const struct rec_merge *m);

#endif
