// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "traces/fltrace.h"
#include "tracer/space.h"

/* Index of the first span that ends above ADDR. */
static size_t first_above(const struct rec_space *s, uint64_t addr)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->span[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct rec_space *s, size_t at, const struct rec_span *span)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct rec_span *more = realloc(s->span, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->span = more;
		s->room = room;
	}
	memmove(&s->span[at + 1], &s->span[at], (s->count - at) * sizeof(*span));
	s->span[at] = *span;
	s->count++;
	return 0;
}

static void erase(struct rec_space *s, size_t at)
{
	s->count--;
	memmove(&s->span[at], &s->span[at + 1], (s->count - at) * sizeof(s->span[0]));
}

int rec_space_unmap(struct rec_space *s, uint64_t start, uint64_t end, uint64_t before)
{
	size_t i = first_above(s, start);

	while (i < s->count && s->span[i].start < end) {
		struct rec_span *span = &s->span[i];

		if (span->since >= before) {
			i++;
		} else if (span->start < start && span->end > end) {
			struct rec_span tail = *span;

			tail.start = end;
			span->end = start;
			return insert(s, i + 1, &tail);
		} else if (span->start < start) {
			span->end = start;
			i++;
		} else if (span->end > end) {
			span->start = end;
			i++;
		} else {
			erase(s, i);
		}
	}
	return 0;
}

int rec_space_map(struct rec_space *s, uint64_t start, uint64_t end, struct rec_region *region,
		  uint64_t when)
{
	struct rec_span span = {.start = start, .end = end, .since = when, .region = region};
	int ret;

	if (start >= end)
		return 0;
	ret = rec_space_unmap(s, start, end, UINT64_MAX);
	return ret ? ret : insert(s, first_above(s, start), &span);
}

struct rec_region *rec_space_find(struct rec_space *s, uint64_t addr)
{
	size_t i = s->last;

	if (i >= s->count || addr < s->span[i].start || addr >= s->span[i].end) {
		i = first_above(s, addr);
		if (i >= s->count || addr < s->span[i].start)
			return NULL;
		s->last = i;
	}
	return s->span[i].region;
}

const struct rec_span *rec_space_from(const struct rec_space *s, uint64_t addr)
{
	size_t i = first_above(s, addr);

	return i < s->count ? &s->span[i] : NULL;
}

int rec_space_copy(struct rec_space *to, const struct rec_space *from)
{
	struct rec_span *span = NULL;

	if (from->count) {
		span = malloc(from->count * sizeof(*span));
		if (!span)
			return -ENOMEM;
		memcpy(span, from->span, from->count * sizeof(*span));
	}
	rec_space_clear(to);
	to->span = span;
	to->count = to->room = from->count;
	return 0;
}

void rec_space_clear(struct rec_space *s)
{
	free(s->span);
	memset(s, 0, sizeof(*s));
}

uint64_t rec_region_offset(const struct rec_region *r, uint64_t addr)
{
	return addr - r->addr + (r->file != FLT_NONE ? r->offset : 0);
}

const char *rec_region_kind_name(uint32_t kind)
{
	static const char *const names[] = {"file", "anon", "heap", "stack", "shmem"};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}
