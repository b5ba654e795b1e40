/* SPDX-License-Identifier: GPL-2.0-only */
/* Which parts of a file were touched at all: a bit per unit, whatever the order and overlap. */
#ifndef ANA_TOUCHED_H
#define ANA_TOUCHED_H

#include <stdint.h>

struct ana_touched {
	uint64_t *bits;
	uint64_t size; /* of the file, bytes; what lies behind it is not counted */
	uint64_t unit; /* bytes per bit: a page, or more for files beyond 128 GiB */
};

/* 0 or -ENOMEM. PAGE: a power of two. */
int ana_touched_init(struct ana_touched *t, uint64_t size, uint64_t page);
void ana_touched_add(struct ana_touched *t, uint64_t offset, uint64_t length);
/* Bytes that were touched at least once. */
uint64_t ana_touched_bytes(const struct ana_touched *t);
void ana_touched_free(struct ana_touched *t);

#endif
