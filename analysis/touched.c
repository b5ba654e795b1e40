// SPDX-License-Identifier: GPL-2.0-only
/* See touched.h. */
#include <errno.h>
#include <stdlib.h>

#include "analysis/touched.h"

#define MAX_BITS (1ull << 25) /* 4 MiB of bits a file at most */

int ana_touched_init(struct ana_touched *t, uint64_t size, uint64_t page)
{
	uint64_t bits;

	t->size = size;
	t->unit = page ? page : 4096;
	while (size / t->unit >= MAX_BITS)
		t->unit *= 2;
	bits = size / t->unit + 1;
	t->bits = calloc(bits / 64 + 1, sizeof(*t->bits));
	return t->bits ? 0 : -ENOMEM;
}

void ana_touched_add(struct ana_touched *t, uint64_t offset, uint64_t length)
{
	uint64_t first, last;

	if (!t->bits || !length || offset >= t->size)
		return;
	if (length > t->size - offset)
		length = t->size - offset;
	first = offset / t->unit;
	last = (offset + length - 1) / t->unit;
	for (uint64_t word = first / 64; word <= last / 64; word++) {
		uint64_t mask = UINT64_MAX;

		if (word == first / 64)
			mask &= UINT64_MAX << (first % 64);
		if (word == last / 64)
			mask &= UINT64_MAX >> (63 - last % 64);
		t->bits[word] |= mask;
	}
}

uint64_t ana_touched_bytes(const struct ana_touched *t)
{
	uint64_t units = 0, bytes;

	if (!t->bits)
		return 0;
	for (uint64_t word = 0; word <= t->size / t->unit / 64; word++)
		units += (uint64_t)__builtin_popcountll(t->bits[word]);
	bytes = units * t->unit;
	return bytes < t->size ? bytes : t->size;
}

void ana_touched_free(struct ana_touched *t)
{
	free(t->bits);
	t->bits = NULL;
}
