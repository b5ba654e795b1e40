// SPDX-License-Identifier: GPL-2.0-only
/*
 * When at least one of the run's own reads was at the drive, and when at least one was on its way
 * there: two unions of intervals, kept for a few seconds around the faults that are asked about.
 *
 * A request is stored when it ends, which may be after the end of the fault that waited for a part
 * of it. So the devices' streams have cursors of their own that run a second ahead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"

#define BATCH    512
#define AHEAD_NS 1000000000ull  /* no request that began before takes longer, or it is not seen */
#define KEEP_NS  10000000000ull /* no fault takes longer */

struct span {
	uint64_t start, end;
};

/* Disjoint spans in the order of time. */
struct spans {
	struct span *at;
	size_t first, end, room; /* at[first..end) */
};

struct source {
	struct flt_cursor *c;
	struct flt_record *rec;
	size_t at, filled;
	bool over;
};

struct ana_flight {
	struct source *source;
	size_t sources;
	struct spans drive, under_way; /* issue to completion; queueing to completion */
};

static int make_room(struct spans *s)
{
	size_t used = s->end - s->first;
	struct span *grown;

	if (s->end < s->room)
		return 0;
	if (used < s->room / 2) {
		memmove(s->at, s->at + s->first, used * sizeof(*s->at));
	} else {
		size_t room = s->room ? s->room * 2 : 256;

		grown = calloc(room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		if (used)
			memcpy(grown, s->at + s->first, used * sizeof(*grown));
		free(s->at);
		s->at = grown;
		s->room = room;
	}
	s->first = 0;
	s->end = used;
	return 0;
}

/* Requests come nearly in the order of their ends, so what a new one touches is at the end. */
static int add_span(struct spans *s, struct span new)
{
	size_t i, k;
	int ret = make_room(s);

	if (ret)
		return ret;
	for (k = s->end; k > s->first && s->at[k - 1].start > new.end; k--)
		;
	for (i = k; i > s->first && s->at[i - 1].end >= new.start; i--) {
		if (s->at[i - 1].start < new.start)
			new.start = s->at[i - 1].start;
		if (s->at[i - 1].end > new.end)
			new.end = s->at[i - 1].end;
	}
	memmove(&s->at[i + 1], &s->at[k], (s->end - k) * sizeof(*s->at));
	s->at[i] = new;
	s->end = s->end - k + i + 1;
	return 0;
}

static uint64_t covered(struct spans *s, uint64_t start, uint64_t end)
{
	size_t lo = s->first, hi = s->end;
	uint64_t sum = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->at[mid].end <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < s->end && s->at[lo].start < end; lo++) {
		uint64_t a = s->at[lo].start > start ? s->at[lo].start : start;
		uint64_t b = s->at[lo].end < end ? s->at[lo].end : end;

		sum += b - a;
	}
	return sum;
}

static void forget(struct spans *s, uint64_t before)
{
	while (s->first < s->end && s->at[s->first].end < before)
		s->first++;
}

static int add_request(struct ana_flight *f, const struct flt_record *rec)
{
	uint64_t flags = rec->f[FLT_BLOCK_FLAGS], queue = rec->f[FLT_BLOCK_QUEUE];
	struct span at = {rec->start, flt_end(rec)};
	int ret;

	if (rec->kind != FLT_BLOCK || rec->f[FLT_BLOCK_OP] != 0 || at.end <= at.start ||
	    (flags & (FLT_BF_FOREIGN | FLT_BF_UNFINISHED)))
		return 0;
	ret = add_span(&f->drive, at);
	if (queue != FLT_NONE)
		at.start = at.start > queue ? at.start - queue : 0;
	return ret ? ret : add_span(&f->under_way, at);
}

static int advance(struct ana_flight *f, struct source *s, uint64_t until)
{
	while (!s->over) {
		int ret;

		if (s->at == s->filled) {
			ssize_t n = flt_cursor_next(s->c, s->rec, BATCH);

			if (n < 0)
				return (int)n;
			s->over = !n;
			s->at = 0;
			s->filled = (size_t)n;
			continue;
		}
		if (flt_end(&s->rec[s->at]) > until)
			return 0;
		ret = add_request(f, &s->rec[s->at++]);
		if (ret)
			return ret;
	}
	return 0;
}

int ana_flight_split(struct ana_flight *f, uint64_t start, uint64_t end, uint64_t *drive,
		     uint64_t *queued)
{
	uint64_t until = end < UINT64_MAX - AHEAD_NS ? end + AHEAD_NS : UINT64_MAX;
	uint64_t both;

	for (size_t i = 0; i < f->sources; i++) {
		int ret = advance(f, &f->source[i], until);

		if (ret)
			return ret;
	}
	if (end > KEEP_NS) {
		forget(&f->drive, end - KEEP_NS);
		forget(&f->under_way, end - KEEP_NS);
	}
	*drive = covered(&f->drive, start, end);
	both = covered(&f->under_way, start, end);
	*queued = both > *drive ? both - *drive : 0;
	return 0;
}

int ana_flight_open(struct ana_flight **out, const struct ana_side *s, uint64_t from)
{
	struct ana_flight *f = calloc(1, sizeof(*f));
	int ret = 0;

	*out = f;
	if (!f)
		return -ENOMEM;
	f->source = calloc(s->streams.count + 1, sizeof(*f->source));
	if (!f->source)
		return -ENOMEM;
	for (size_t i = 0; i < s->streams.count && !ret; i++) {
		const json_t *def = json_array_get(s->streams.defs, i);
		uint64_t id = ana_number(def, "id", FLT_NONE);
		struct source *source = &f->source[f->sources];

		if (strcmp(ana_text(def, "type", ""), "device") || id >= FLT_ALL_STREAMS)
			continue;
		f->sources++;
		source->rec = calloc(BATCH, sizeof(*source->rec));
		if (!source->rec)
			return -ENOMEM;
		ret = flt_cursor_open(&source->c, s->r, FLT_RECORDING, (uint32_t)id);
		if (!ret)
			ret = flt_cursor_seek_time(source->c, from);
	}
	return ret;
}

void ana_flight_close(struct ana_flight *f)
{
	if (!f)
		return;
	for (size_t i = 0; f->source && i < f->sources; i++) {
		flt_cursor_close(f->source[i].c);
		free(f->source[i].rec);
	}
	free(f->source);
	free(f->drive.at);
	free(f->under_way.at);
	free(f);
}
