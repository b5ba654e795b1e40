/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * footprint.h: the anonymous memory that the LLM held beside the model, inside the same limit.
 *
 * What the replay itself holds (fio's and our own buffers, as far as they are charged to the group) is part
 * of it: only the rest is allocated.
 */
#ifndef ENG_FOOTPRINT_H
#define ENG_FOOTPRINT_H

#include "engines/replay.h"

/* Bytes of memory and swap that this machine has left; UINT64_MAX if that is not known. */
uint64_t eng_footprint_free_memory(void);
/* Anonymous memory, shared one included, that this process holds already under the pressure, bytes. */
uint64_t eng_footprint_own(const struct eng_group *g);
/* Hold BYTES from now on, everything included; stops the group if that is too much. Any thread. */
void eng_footprint_set(struct eng_group *g, uint64_t bytes);
/* Use a part of it, as the LLM uses its buffers. */
void eng_footprint_touch(struct eng_group *g, uint64_t offset, uint64_t length);
/* Use all of it once, so that swap does not take it for cold. */
void eng_footprint_use(struct eng_group *g);
/*
 * Before LENGTH bytes (0: all that follow) of a file are locked: false, with a warning in the result, if they would
 * leave nothing to the rest under the limit or on this machine. Any thread.
 */
bool eng_footprint_lock(struct eng_group *g, struct eng_file *f, uint64_t offset, uint64_t length);
void eng_footprint_unlock(struct eng_group *g, struct eng_file *f, uint64_t offset,
			  uint64_t length);
void eng_footprint_free(struct eng_group *g);

#endif
