// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walking through records. A block is decoded column by column, a batch at a
 * time; a cursor over all streams holds the open blocks of one chunk and merges
 * them. What is not understood (newer kinds and columns) is passed through by
 * number or skipped.
 */
#include "block.h"
#include "reader.h"

#include <errno.h>
#include <stdlib.h>

struct flt_cursor {
	struct flt_reader *r;
	enum flt_layer layer;
	uint32_t stream;
	size_t chunk; /* next one to open */
	struct flt_block **open;
	size_t nopen, cap;
	struct flt_buf frame;
};

int flt_cursor_open(struct flt_cursor **out, struct flt_reader *r, enum flt_layer layer,
		    uint32_t stream)
{
	struct flt_cursor *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->r = r;
	c->layer = layer;
	c->stream = stream;
	*out = c;
	return 0;
}

static void cursor_drop(struct flt_cursor *c)
{
	for (size_t i = 0; i < c->nopen; i++)
		flt_block_free(c->open[i]);
	c->nopen = 0;
}

void flt_cursor_close(struct flt_cursor *c)
{
	if (!c)
		return;
	cursor_drop(c);
	free(c->open);
	flt_buf_free(&c->frame);
	free(c);
}

static int cursor_push(struct flt_cursor *c, struct flt_block *b)
{
	if (c->nopen == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct flt_block **p = realloc(c->open, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		c->open = p;
		c->cap = cap;
	}
	c->open[c->nopen++] = b;
	return 0;
}

/* ---- the merge: a heap of open blocks by (end, stream) ---- */

static bool before(struct flt_block *a, struct flt_block *b)
{
	const struct flt_record *x = flt_block_peek(a), *y = flt_block_peek(b);
	uint64_t ex = flt_end(x), ey = flt_end(y);

	return ex != ey ? ex < ey : x->stream < y->stream;
}

static void heap_down(struct flt_cursor *c, size_t i)
{
	for (;;) {
		size_t l = 2 * i + 1, m = i;

		if (l < c->nopen && before(c->open[l], c->open[m]))
			m = l;
		if (l + 1 < c->nopen && before(c->open[l + 1], c->open[m]))
			m = l + 1;
		if (m == i)
			return;
		struct flt_block *t = c->open[i];

		c->open[i] = c->open[m];
		c->open[m] = t;
		i = m;
	}
}

/* Opens the next chunk's wanted blocks; 0 with nothing open at the end. */
static int chunk_open(struct flt_cursor *c)
{
	struct flt_directory d;
	struct flt_block *b;
	int ret;

	while (!c->nopen && c->chunk < c->r->nchunks) {
		const struct flt_chunk_ref *ref = &c->r->chunk[c->chunk];

		if (ref->info.layer != c->layer) {
			c->chunk++;
			continue;
		}
		ret = flt_directory_load(c->r, ref, &c->frame, &d);
		if (ret)
			return ret;
		for (uint32_t i = 0; !ret && i < d.info.blocks; i++) {
			if (c->stream != FLT_ALL_STREAMS && d.entry[i].stream != c->stream)
				continue;
			if (!d.entry[i].records)
				continue;
			ret = flt_block_load(&b, c->r->fd, &d.entry[i], &c->frame,
					     c->r->flags & FLT_OPEN_NOCACHE);
			if (ret)
				break;
			/* The first record, so that the merge can compare. */
			ret = flt_block_fill(b) < 0 ? -EBADMSG : cursor_push(c, b);
			if (ret)
				flt_block_free(b);
		}
		flt_directory_free(&d);
		if (ret) {
			cursor_drop(c);
			return ret;
		}
		c->chunk++;
		for (size_t i = c->nopen / 2; i-- > 0;)
			heap_down(c, i);
	}
	return 0;
}

/* How far the first block may run before another one's turn comes. */
static size_t run_length(struct flt_cursor *c, const struct flt_record *rec, size_t avail)
{
	const struct flt_record *next;
	struct flt_block *second;
	uint64_t limit;
	size_t n = 1;

	if (c->nopen == 1)
		return avail;
	second = c->open[1];
	if (c->nopen > 2 && before(c->open[2], second))
		second = c->open[2];
	next = flt_block_peek(second);
	limit = flt_end(next);
	if (rec->stream > next->stream && limit)
		limit--;
	while (n < avail && flt_end(&rec[n]) <= limit)
		n++;
	return n;
}

ssize_t flt_cursor_next(struct flt_cursor *c, struct flt_record *out, size_t n)
{
	size_t done = 0;
	ssize_t left;
	int ret;

	while (done < n) {
		struct flt_block *b;
		const struct flt_record *rec;
		size_t avail, run;

		if (!c->nopen) {
			ret = chunk_open(c);
			if (ret)
				return done ? (ssize_t)done : ret;
			if (!c->nopen)
				break;
		}
		b = c->open[0];
		rec = flt_block_records(b, &avail);
		run = run_length(c, rec, avail < n - done ? avail : n - done);
		memcpy(out + done, rec, run * sizeof(*rec));
		done += run;
		flt_block_consume(b, run);
		left = run < avail ? 1 : flt_block_fill(b);
		if (left <= 0) {
			c->open[0] = c->open[--c->nopen];
			flt_block_free(b);
			if (left < 0) {
				cursor_drop(c);
				c->chunk = c->r->nchunks; /* no way on from here */
				return done ? (ssize_t)done : left;
			}
		}
		heap_down(c, 0);
	}
	return (ssize_t)done;
}

int flt_cursor_seek_time(struct flt_cursor *c, uint64_t ns)
{
	cursor_drop(c);
	for (c->chunk = 0; c->chunk < c->r->nchunks; c->chunk++) {
		const struct flt_chunk_info *i = &c->r->chunk[c->chunk].info;

		if ((enum flt_layer)i->layer == c->layer && i->last_ns >= ns)
			break;
	}
	return 0;
}

/* Consumes records up to, not including, the mark that begins evaluation INDEX. */
static int skip_to_mark(struct flt_cursor *c, uint64_t index)
{
	for (;;) {
		struct flt_block *b;
		const struct flt_record *rec;
		size_t avail, i;
		int ret;

		if (!c->nopen) {
			ret = chunk_open(c);
			if (ret)
				return ret;
			if (!c->nopen)
				return -ENOENT;
		}
		b = c->open[0];
		rec = flt_block_records(b, &avail);
		for (i = 0; i < avail; i++)
			if (rec[i].kind == FLT_P_MARK && rec[i].f[FLT_MARK_ID] >= index)
				break;
		flt_block_consume(b, i);
		if (i < avail)
			return 0;
		ret = (int)flt_block_fill(b);
		if (ret <= 0) {
			c->open[0] = c->open[--c->nopen];
			flt_block_free(b);
			if (ret < 0)
				return ret;
		}
	}
}

int flt_cursor_seek_evaluation(struct flt_cursor *c, uint64_t index)
{
	size_t best = SIZE_MAX;

	if (c->stream == FLT_ALL_STREAMS)
		return -EINVAL;
	cursor_drop(c);
	/* No record before a chunk is of a later evaluation than the chunk's. */
	for (size_t i = 0; i < c->r->nchunks; i++) {
		const struct flt_chunk_info *info = &c->r->chunk[i].info;

		if ((enum flt_layer)info->layer != c->layer)
			continue;
		if (best == SIZE_MAX || info->evaluation < index)
			best = i;
		else
			break;
	}
	if (best == SIZE_MAX)
		return -ENOENT;
	c->chunk = best;
	return skip_to_mark(c, index);
}
