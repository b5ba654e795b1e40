// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long chunks are, and which windows begin one.
 *
 * Where a lane jumps, a chunk begins. But two neighbouring chunks may have been
 * taken by the same lane, one after the other, and then nothing shows between
 * them. All chunks of a segment are equally long, so the distances between the
 * places where chunks are seen to begin are multiples of one number.
 *
 * A thread that begins a chunk faults in the page of its first byte, unless that
 * has been mapped already, by the end of another thread's chunk: then it faults
 * where the next fault-around window begins, which says little. So only beginnings
 * that are no window's are counted, and they are known to a page.
 */
#include "convert_chunks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAGE       4096.0
#define DISTANT    12 /* chunks: the error of a page counts less the nearer they are */
#define CANDIDATES 48
#define ANCHORS    8
#define LEAST      3 /* beginnings on a line, beside the first */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Chunk number of a distance: whole within PAGE to either side, or not. */
static bool fits(double distance, double bytes)
{
	double k = nearbyint(distance / bytes);

	return k >= 1 && fabs(distance - k * bytes) <= PAGE;
}

static double share_that_fits(const uint64_t *d, size_t n, double bytes)
{
	size_t counted = 0, fit = 0;

	for (size_t i = 0; i < n; i++) {
		if ((double)d[i] > DISTANT * bytes)
			break;
		counted++;
		fit += fits((double)d[i], bytes);
	}
	return counted < 3 ? 0 : (double)fit / (double)counted;
}

/* Least squares over the distances that fit. */
static double refine(const uint64_t *d, size_t n, double bytes)
{
	double sum = 0, weight = 0;

	for (size_t i = 0; i < n && (double)d[i] <= DISTANT * bytes; i++) {
		double k = nearbyint((double)d[i] / bytes);

		if (!fits((double)d[i], bytes))
			continue;
		sum += k * (double)d[i];
		weight += k * k;
	}
	return weight > 0 ? sum / weight : bytes;
}

/* The longest distance of which nearly all others are multiples: short ones fit anything. */
static double choose_bytes(const uint64_t *d, size_t n)
{
	size_t tried = n < CANDIDATES ? n : CANDIDATES;
	double best = 0;

	for (size_t i = 0; i < tried; i++) {
		for (int k = 1; k <= 3; k++) {
			size_t pick = i * n / tried;
			double bytes = refine(d, n, (double)d[pick] / k);

			if (bytes >= 2 * PAGE && bytes > best &&
			    share_that_fits(d, n, bytes) >= 0.8)
				best = bytes;
		}
	}
	return best;
}

/*
 * A line through all beginnings, so that the borders of the last chunks are as
 * right as those of the first: numbers are counted on from one to the next.
 */
static void fit_line(struct chunking *how, const uint64_t *at, size_t n)
{
	double k = 0, sk = 0, sx = 0, skk = 0, skx = 0, count = 0, last = 0;

	for (size_t i = 0; i < n; i++) {
		double x = (double)(at[i] - at[0]);

		if (i && !fits(x - last, how->bytes))
			continue;
		k += nearbyint((x - last) / how->bytes);
		last = x;
		sk += k;
		sx += x;
		skk += k * k;
		skx += k * x;
		count++;
	}
	how->evidence = (size_t)count - 1;
	if (count * skk - sk * sk <= 0)
		return;
	how->bytes = (count * skx - sk * sx) / (count * skk - sk * sk);
	how->anchor = (double)at[0] + (sx - how->bytes * sk) / count;
}

int chunks_learn(struct chunking *how, const struct touch *t, size_t n, uint64_t fault_around)
{
	uint64_t *at = malloc((n + 1) * sizeof(*at)), *d = malloc((n + 1) * sizeof(*d));
	size_t starts = 0, count = 0;
	double choice = 0;
	int ret = at && d ? 0 : -ENOMEM;

	*how = (struct chunking){0};
	for (size_t i = 0; !ret && i < n; i++)
		if ((t[i].at & (fault_around - 1)) && (!i || t[i].lane != t[i - 1].lane))
			at[starts++] = t[i].at;
	for (size_t i = 1; !ret && i < starts; i++)
		if (at[i] > at[i - 1])
			d[count++] = at[i] - at[i - 1];
	if (count) {
		qsort(d, count, sizeof(*d), by_value);
		how->bytes = choice = choose_bytes(d, count);
	}
	/* The first ones may be no beginnings, but places that others had left. */
	for (size_t i = 0; how->bytes > 0 && i < starts && i < ANCHORS; i++) {
		struct chunking line = {.bytes = choice};

		fit_line(&line, at + i, starts - i);
		*how = line.evidence > how->evidence ? line : *how;
	}
	if (how->evidence < LEAST)
		*how = (struct chunking){0};
	free(at);
	free(d);
	return ret;
}

static int64_t number_of(const struct chunking *how, uint64_t at)
{
	return (int64_t)floor(((double)at + PAGE - how->anchor) / how->bytes);
}

void chunks_divide(const struct chunking *how, struct convert *c, struct touch *t, size_t n)
{
	for (size_t i = 0; how->bytes > (double)c->fault_around && i + 1 < n; i++) {
		struct touch *a = &t[i], *b = &t[i + 1];
		int64_t next = number_of(how, b->at);
		double border = how->anchor + (double)next * how->bytes;
		uint64_t at = border > 0 ? (uint64_t)border & ~(uint64_t)(PAGE - 1) : 0;
		uint64_t end = a->at + a->length;
		struct flt_record *ra, *rb;

		/* The border may be known to a page only, and is not worth it if it is one. */
		if (a->lane == b->lane || at <= a->at || at + PAGE >= end || b->at > end ||
		    b->at <= at)
			continue;
		ra = &c->lane[a->lane].q[a->index].rec;
		rb = &c->lane[b->lane].q[b->index].rec;
		ra->f[FLT_P_WINDOW_LENGTH] = a->length = at - a->at;
		b->length += b->at - at;
		b->at = at;
		rb->f[FLT_P_WINDOW_OFFSET] = b->at;
		rb->f[FLT_P_WINDOW_LENGTH] = b->length;
	}
}

void chunks_flag(const struct chunking *how, struct queued *q, size_t n, uint64_t *windows)
{
	uint64_t end = UINT64_MAX, previous = 0;
	int64_t chunk = 0;

	for (size_t i = 0; i < n; i++) {
		struct flt_record *r = &q[i].rec;
		uint64_t at = r->f[FLT_P_WINDOW_OFFSET];
		int64_t now = how->bytes > 0 ? number_of(how, at) : 0;

		if (r->kind != FLT_P_WINDOW)
			continue;
		r->f[FLT_P_WINDOW_FLAGS] |= FLT_PW_DYNAMIC;
		if (end == UINT64_MAX || now != chunk || at < previous ||
		    (how->bytes <= 0 && at > end))
			r->f[FLT_P_WINDOW_FLAGS] |= FLT_PW_CHUNK;
		chunk = now;
		previous = at;
		end = at + r->f[FLT_P_WINDOW_LENGTH];
		++*windows;
	}
}
