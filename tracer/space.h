/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/space.h: what is mapped where in one process, at the time of the event that is looked at.
 *
 * A region is one mapping as it was made; parts of it may be unmapped or mapped over. Regions belong to
 * the session and are shared by the processes that inherited them.
 */
#ifndef REC_SPACE_H
#define REC_SPACE_H

#include <stddef.h>
#include <stdint.h>

struct rec_region {
	struct rec_region *next; /* of all that were ever made */
	uint64_t id;
	uint64_t addr, length;
	uint64_t file;   /* file id, FLT_NONE for none */
	uint64_t offset; /* in the file */
	uint32_t prot, flags;
	uint32_t kind; /* enum rec_region_kind */
	uint32_t generation;
};

enum rec_region_kind {
	REC_REGION_FILE,
	REC_REGION_ANON,
	REC_REGION_HEAP,
	REC_REGION_STACK,
	REC_REGION_SHMEM,
};

struct rec_span {
	uint64_t start, end;
	uint64_t since; /* when it was there, ns */
	struct rec_region *region;
};

/* Sorted by address, not overlapping. All zero is empty. */
struct rec_space {
	struct rec_span *span;
	size_t count, room;
	size_t last; /* index of the span that was found last */
};

/* Puts [start, end) into the space, over whatever was there. 0 or -ENOMEM. */
int rec_space_map(struct rec_space *s, uint64_t start, uint64_t end, struct rec_region *region,
		  uint64_t when);
/*
 * Takes [start, end) out, but only what was there before BEFORE: a system call is seen when it ends,
 * and by then another thread may have mapped something new into the hole.
 */
int rec_space_unmap(struct rec_space *s, uint64_t start, uint64_t end, uint64_t before);
/* The region at an address, or NULL. */
struct rec_region *rec_space_find(struct rec_space *s, uint64_t addr);
/* The first span that ends above ADDR, or NULL. */
const struct rec_span *rec_space_from(const struct rec_space *s, uint64_t addr);
/* As after fork(). 0 or -ENOMEM. */
int rec_space_copy(struct rec_space *to, const struct rec_space *from);
void rec_space_clear(struct rec_space *s);

/* Where an address is: offset in the file, or in the region if it has no file. */
uint64_t rec_region_offset(const struct rec_region *r, uint64_t addr);
const char *rec_region_kind_name(uint32_t kind);

#endif
