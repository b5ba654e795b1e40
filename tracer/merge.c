// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/merge.h"

struct entry {
	uint64_t end;
	size_t at; /* in the arena */
};

struct source {
	unsigned char *arena;
	size_t used, size;
	struct entry *entry;
	size_t head, count, room;
};

struct rec_merge {
	unsigned int sources;
	uint64_t last, late;
	struct source *source;
	unsigned int *heap; /* sources by the end of their first event */
};

int rec_merge_open(struct rec_merge **out, unsigned int sources)
{
	struct rec_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->sources = sources;
	m->source = calloc(sources, sizeof(*m->source));
	m->heap = calloc(sources, sizeof(*m->heap));
	if (!m->source || !m->heap) {
		rec_merge_close(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void rec_merge_close(struct rec_merge *m)
{
	if (!m)
		return;
	for (unsigned int i = 0; m->source && i < m->sources; i++) {
		free(m->source[i].arena);
		free(m->source[i].entry);
	}
	free(m->source);
	free(m->heap);
	free(m);
}

uint64_t rec_merge_late(const struct rec_merge *m)
{
	return m->late;
}

uint64_t rec_merge_pending(const struct rec_merge *m)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < m->sources; i++)
		n += m->source[i].count - m->source[i].head;
	return n;
}

static int make_room(struct source *s, size_t size)
{
	if (s->used + size > s->size) {
		size_t want = s->size ? 2 * s->size : 65536;
		unsigned char *arena;

		while (want < s->used + size)
			want *= 2;
		arena = realloc(s->arena, want);
		if (!arena)
			return -ENOMEM;
		s->arena = arena;
		s->size = want;
	}
	if (s->count == s->room) {
		size_t want = s->room ? 2 * s->room : 1024;
		struct entry *entry = realloc(s->entry, want * sizeof(*entry));

		if (!entry)
			return -ENOMEM;
		s->entry = entry;
		s->room = want;
	}
	return 0;
}

int rec_merge_push(struct rec_merge *m, unsigned int source, const void *event, size_t size)
{
	struct source *s = &m->source[source];
	uint64_t end = ((const struct rec_event *)event)->end;
	size_t place, padded = (size + 7) & ~(size_t)7;

	if (make_room(s, padded))
		return -ENOMEM;
	memcpy(s->arena + s->used, event, size);
	/* An interrupt between the taking of the time and of the ring's room swaps two events. */
	place = s->count++;
	while (place > s->head && s->entry[place - 1].end > end) {
		s->entry[place] = s->entry[place - 1];
		place--;
	}
	s->entry[place] = (struct entry){.end = end, .at = s->used};
	s->used += padded;
	return 0;
}

static uint64_t first_end(const struct rec_merge *m, unsigned int source)
{
	const struct source *s = &m->source[source];

	return s->entry[s->head].end;
}

static void sift_down(struct rec_merge *m, unsigned int n, unsigned int at)
{
	for (;;) {
		unsigned int child = 2 * at + 1, tmp;

		if (child >= n)
			return;
		if (child + 1 < n &&
		    first_end(m, m->heap[child + 1]) < first_end(m, m->heap[child]))
			child++;
		if (first_end(m, m->heap[at]) <= first_end(m, m->heap[child]))
			return;
		tmp = m->heap[at];
		m->heap[at] = m->heap[child];
		m->heap[child] = tmp;
		at = child;
	}
}

/* What is left moves to the front; that is the few milliseconds that are held back. */
static void compact(struct source *s)
{
	size_t n = s->count - s->head, used = 0, lowest = s->used;

	if (!s->head)
		return;
	for (size_t i = s->head; i < s->count; i++)
		if (s->entry[i].at < lowest)
			lowest = s->entry[i].at;
	memmove(s->arena, s->arena + lowest, s->used - lowest);
	used = s->used - lowest;
	for (size_t i = 0; i < n; i++) {
		s->entry[i] = s->entry[s->head + i];
		s->entry[i].at -= lowest;
	}
	s->used = used;
	s->head = 0;
	s->count = n;
}

void rec_merge_run(struct rec_merge *m, uint64_t until, rec_event_fn fn, void *arg)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->sources; i++)
		if (m->source[i].count > m->source[i].head)
			m->heap[n++] = i;
	for (unsigned int i = n / 2; i-- > 0;)
		sift_down(m, n, i);
	while (n) {
		struct source *s = &m->source[m->heap[0]];
		const struct entry *e = &s->entry[s->head];

		if (e->end > until)
			break;
		if (e->end < m->last)
			m->late++;
		else
			m->last = e->end;
		s->head++;
		fn(arg, (const struct rec_event *)(s->arena + e->at));
		if (s->head == s->count)
			m->heap[0] = m->heap[--n];
		sift_down(m, n, 0);
	}
	for (unsigned int i = 0; i < m->sources; i++)
		compact(&m->source[i]);
}
