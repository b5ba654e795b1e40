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

int chunks_learn(struct chunking *how, const struct touch *t, size_t n, uint64_t fault_around)
{
	uint64_t *d = malloc((n + 1) * sizeof(*d)), last = 0;
	size_t count = 0, seen = 0, tried;
	double best = 0;

	*how = (struct chunking){0};
	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!(t[i].at & (fault_around - 1)) || (i && t[i].lane == t[i - 1].lane))
			continue;
		if (seen++ && t[i].at > last)
			d[count++] = t[i].at - last;
		else if (seen == 1)
			how->anchor = t[i].at;
		last = t[i].at;
	}
	qsort(d, count, sizeof(*d), by_value);
	tried = count < CANDIDATES ? count : CANDIDATES;
	for (size_t i = 0; i < tried; i++) {
		for (int k = 1; k <= 3; k++) {
			double bytes = refine(d, count, (double)d[i * count / tried] / k);

			if (bytes < 2 * PAGE || bytes <= best)
				continue;
			/* Short ones fit anything: the longest that explains nearly all. */
			if (share_that_fits(d, count, bytes) >= 0.8)
				best = bytes;
		}
	}
	how->bytes = best;
	for (size_t i = 0; best > 0 && i < count && (double)d[i] <= DISTANT * best; i++)
		how->evidence++;
	free(d);
	return 0;
}

static int64_t number_of(const struct chunking *how, uint64_t at)
{
	return (int64_t)floor(((double)at + PAGE - (double)how->anchor) / how->bytes);
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
