// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parts of a model between which barriers are inferred: see convert_infer.h.
 *
 * Tensors, where the file's definition lists them; those below a fault-around
 * window (norms, biases) are touched by some lanes only and are no parts.
 *
 * Else ranges: in the order of time, all lanes together, a cut is where what was
 * touched in the last HORIZON faults and what is touched in the next HORIZON lie
 * apart from each other. A matrix that threads share in slices is touched in
 * several places at once, so there are no cuts within; one that they take in
 * chunks has its cuts apart by MIN_PART (of large models: a 1024th) at least, where
 * a barrier costs little.
 * The cuts of the watched evaluation that touched most are taken for all.
 */
#include "convert_infer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_PART (1u << 20) /* bytes touched between two cuts */
#define HORIZON  32         /* faults of all lanes */
#define WATCHED  8          /* evaluations */

static int part_add(struct parts *p, uint64_t begin, uint64_t end)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 512;
		struct part *q = realloc(p->part, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		p->part = q;
		p->cap = cap;
	}
	p->part[p->n++] = (struct part){begin, end};
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void drop_overlaps(struct parts *p)
{
	size_t n = 0;

	if (p->n)
		qsort(p->part, p->n, sizeof(*p->part), by_begin);
	for (size_t i = 0; i < p->n; i++)
		if (!n || p->part[i].begin >= p->part[n - 1].end)
			p->part[n++] = p->part[i];
	p->n = n;
}

static int parts_of_file(struct parts *p, const struct survey *s, const json_t *def, uint64_t least)
{
	const json_t *id = json_object_get(def, "id"), *list = json_object_get(def, "tensors"), *t;
	uint64_t file = json_is_integer(id) ? (uint64_t)json_integer_value(id) : FLT_NONE;
	size_t i;
	int ret = 0;

	if (!survey_is_model(s, file) || !json_is_array(list))
		return 0;
	json_array_foreach (list, i, t) {
		const json_t *offset = json_array_get(t, 1), *bytes = json_array_get(t, 2);
		uint64_t at, n;

		if (!json_is_integer(offset) || !json_is_integer(bytes))
			continue;
		at = (uint64_t)json_integer_value(offset);
		n = (uint64_t)json_integer_value(bytes);
		if (at >= s->file_size[file] || n > s->file_size[file] - at || n < least)
			continue;
		ret = part_add(p, s->file_base[file] + at, s->file_base[file] + at + n);
		if (ret)
			break;
	}
	return ret;
}

int parts_choose(struct parts *p, const struct survey *s, struct flt_reader *in, int wish,
		 uint64_t fault_around)
{
	const json_t *files = flt_definitions(in, "file"), *def;
	int ret = 0;
	size_t i;

	p->from = s->barriers ? "recorded" : "none";
	if (wish == FLT_BARRIERS_RECORDED || (wish == FLT_BARRIERS_AUTO && s->barriers))
		return 0;
	p->from = "none";
	if (s->workers < 2)
		return 0;
	json_array_foreach (files, i, def) {
		ret = parts_of_file(p, s, def, fault_around);
		if (ret)
			return ret;
	}
	drop_overlaps(p);
	p->from = p->n > 1 ? "tensors" : "ranges";
	if (p->n < 2)
		p->n = 0;
	return 0;
}

/* ---- ranges ---- */

struct watch {
	struct part fault[2 * HORIZON]; /* a ring: the last and the next ones */
	uint64_t seen;
	uint64_t since, least; /* bytes touched since the last cut, and before the next */
	uint64_t touched, best;
	struct parts now; /* begin: where the next part begins */
};

static void hull(const struct watch *w, uint64_t from, struct part *out)
{
	*out = (struct part){UINT64_MAX, 0};
	for (uint64_t i = from; i < from + HORIZON; i++) {
		const struct part *f = &w->fault[i % (2 * HORIZON)];

		out->begin = f->begin < out->begin ? f->begin : out->begin;
		out->end = f->end > out->end ? f->end : out->end;
	}
}

static int watch_fault(struct watch *w, uint64_t begin, uint64_t end)
{
	struct part before, after;

	w->fault[w->seen++ % (2 * HORIZON)] = (struct part){begin, end};
	w->since += end - begin;
	w->touched += end - begin;
	if (w->seen < 2 * HORIZON || w->since < w->least)
		return 0;
	hull(w, w->seen, &before); /* the ring's oldest half */
	hull(w, w->seen + HORIZON, &after);
	if (before.begin < after.end && after.begin < before.end)
		return 0;
	w->since = 0;
	/* Both ends of the next range are borders: it may lie anywhere. */
	return part_add(&w->now, after.begin, after.begin);
}

/* The evaluation is over: keep its cuts if it touched more than the ones before. */
static void watch_end(struct watch *w, struct parts *p)
{
	struct parts swap = *p;

	if (w->touched > w->best && w->now.n) {
		w->best = w->touched;
		p->part = w->now.part;
		p->n = w->now.n;
		p->cap = w->now.cap;
		w->now.part = swap.part;
		w->now.cap = swap.cap;
	}
	w->now.n = 0;
	w->seen = w->since = w->touched = 0;
}

/* From where parts begin to what they span. */
static int close_parts(struct parts *p, uint64_t model_bytes)
{
	size_t n = 0;
	int ret = part_add(p, 0, 0);

	if (ret)
		return ret;
	qsort(p->part, p->n, sizeof(*p->part), by_begin);
	for (size_t i = 0; i < p->n; i++)
		if (!n || p->part[i].begin > p->part[n - 1].begin)
			p->part[n++] = p->part[i];
	p->n = n;
	for (size_t i = 0; i < n; i++)
		p->part[i].end = i + 1 < n ? p->part[i + 1].begin : model_bytes + MIN_PART;
	return 0;
}

static int watch_record(struct watch *w, struct parts *p, const struct survey *s,
			const struct flt_record *r, uint64_t fault_around, size_t *mark)
{
	uint64_t file, at, begin, end;

	while (*mark < s->nmarks && r->start >= s->mark[*mark].start) {
		if (*mark)
			watch_end(w, p);
		w->seen = w->since = w->touched = 0;
		w->now.n = 0;
		++*mark;
	}
	if (!*mark || r->kind != FLT_FAULT || s->stream[r->stream].lane == FLT_NO_LANE)
		return 0;
	file = survey_model_file(s, r->f[FLT_FAULT_REGION]);
	if (file == FLT_NONE)
		return 0;
	at = r->f[FLT_FAULT_OFFSET];
	begin = s->file_base[file] + (at & ~(fault_around - 1));
	end = begin + fault_around;
	return watch_fault(w, begin, end);
}

int parts_watch(struct parts *p, const struct survey *s, struct flt_reader *in,
		uint64_t fault_around)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct flt_record rec[256];
	struct flt_cursor *c = NULL;
	size_t mark = 0;
	ssize_t n = 0;
	int ret = w ? flt_cursor_open(&c, in, FLT_RECORDING, FLT_ALL_STREAMS) : -ENOMEM;

	if (w)
		w->least = s->model_bytes / 1024 > MIN_PART ? s->model_bytes / 1024 : MIN_PART;
	while (!ret && mark <= WATCHED && (n = flt_cursor_next(c, rec, 256)) > 0)
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = watch_record(w, p, s, &rec[i], fault_around, &mark);
	flt_cursor_close(c);
	ret = ret ? ret : n < 0 ? (int)n : 0;
	if (!ret)
		watch_end(w, p);
	if (!ret && p->n)
		ret = close_parts(p, s->model_bytes);
	if (!ret && p->n < 2)
		p->from = "none";
	if (w)
		free(w->now.part);
	free(w);
	return ret;
}

void parts_free(struct parts *p)
{
	free(p->part);
	p->part = NULL;
}
