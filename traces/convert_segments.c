// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Telling dynamic from static segments: see convert_segments.h. */
#include "convert_segments.h"
#include "convert_chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASES_MAX (1ull << 24)

/* ---- owners ---- */

int owners_init(struct owners *o, const struct survey *s, uint64_t fault_around)
{
	memset(o, 0, sizeof(*o));
	o->bases = s->model_bytes / fault_around + 2 * s->nfiles + 1;
	if (s->workers < 2 || o->bases > BASES_MAX)
		return 0;
	for (int i = 0; i < 2; i++) {
		o->of[i] = calloc(o->bases, sizeof(*o->of[i]));
		o->size[i] = calloc((o->bases >> SIZES_SHIFT) + 1, sizeof(*o->size[i]));
		if (!o->of[i] || !o->size[i])
			return -ENOMEM;
	}
	return 0;
}

void owners_free(struct owners *o)
{
	for (int i = 0; i < 2; i++) {
		free(o->of[i]);
		free(o->size[i]);
	}
	memset(o, 0, sizeof(*o));
}

static void owners_add(struct owners *o, bool prompt, uint64_t base, uint32_t lane)
{
	uint8_t who = (uint8_t)(lane % 255 + 1);
	struct owner *w;

	if (!o->of[prompt] || base >= o->bases)
		return;
	w = &o->of[prompt][base];
	if (w->lane && w->seen < 255) {
		w->seen++;
		w->changed = (uint8_t)(w->changed + (w->lane != who));
	}
	w->lane = who;
}

static void owners_sum(const struct owners *o, bool prompt, uint64_t first, uint64_t last,
		       uint64_t *seen, uint64_t *changed)
{
	for (uint64_t b = first; o->of[prompt] && b <= last && b < o->bases; b++) {
		*seen += o->of[prompt][b].seen;
		*changed += o->of[prompt][b].changed;
	}
}

/*
 * A slice is its thread's in every evaluation; a chunk is whosoever comes first.
 * Measured with llama.cpp, windows of chunks change hands in 4 to 80 % of all
 * evaluations, those of slices never (but where threads are made anew and change
 * places, which is seen in dense slices by their number alone). A segment of which
 * one thread has done most, since the others were not on a CPU, shows nothing of
 * this by itself.
 */
bool owners_decide(const struct owners *o, bool prompt, uint64_t first, uint64_t last,
		   enum shape shape, uint32_t windows)
{
	uint64_t seen = 0, changed = 0;

	owners_sum(o, prompt, first, last, &seen, &changed);
	if (shape == SHAPE_SURE)
		return true;
	if (seen < windows)
		owners_sum(o, !prompt, first, last, &seen, &changed);
	if (seen < windows)
		return shape == SHAPE_MANY;
	return changed * (shape == SHAPE_FEW ? 8 : 64) > seen;
}

/* The chunks of a range are best known from the segment that showed most of them. */
static void sizes_add(struct owners *o, bool prompt, uint64_t first, uint64_t last,
		      const struct chunking *how)
{
	for (uint64_t i = first >> SIZES_SHIFT; o->size[prompt] && i <= last >> SIZES_SHIFT; i++)
		if (i <= o->bases >> SIZES_SHIFT && how->evidence > o->size[prompt][i].evidence)
			o->size[prompt][i] = *how;
}

static void sizes_get(const struct owners *o, bool prompt, uint64_t first, uint64_t last,
		      struct chunking *how)
{
	uint64_t middle = (first + (last - first) / 2) >> SIZES_SHIFT;

	if (o->size[prompt] && middle <= o->bases >> SIZES_SHIFT &&
	    o->size[prompt][middle].evidence > how->evidence)
		*how = o->size[prompt][middle];
}

/* ---- a segment ---- */

static int by_place(const void *a, const void *b)
{
	const struct touch *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_start(const void *a, const void *b)
{
	const struct touch *x = *(const struct touch *const *)a,
			   *y = *(const struct touch *const *)b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

struct segment {
	struct touch *touch; /* by place */
	size_t n, cap;
	uint32_t lanes; /* that touched something */
	size_t runs, islands;
	uint64_t file;
	uint64_t began;
};

static int touch_add(struct segment *g, uint32_t lane, size_t index, const struct flt_record *r)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 256;
		struct touch *p = realloc(g->touch, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		g->touch = p;
		g->cap = cap;
	}
	g->touch[g->n++] = (struct touch){
		.at = r->f[FLT_P_WINDOW_OFFSET],
		.length = r->f[FLT_P_WINDOW_LENGTH],
		.start = r->start,
		.lane = lane,
		.index = index,
	};
	return 0;
}

static size_t segment_first(const struct lane *l, size_t at)
{
	uint32_t n = at < l->n ? l->q[at].segment : l->cut ? SEGMENT_CUT : l->segment;

	return n == SEGMENT_CUT ? SIZE_MAX : at - n;
}

/* 1: it may have a pool; 0: it is played as recorded, whatever it is. */
static int gather(const struct convert *c, const struct meeting *m, struct segment *g)
{
	g->file = FLT_NONE;
	for (uint32_t i = 0; i < m->members; i++) {
		uint32_t lane = m->member[i].lane;
		const struct lane *l = &c->lane[lane];
		size_t at = m->member[i].at, first = segment_first(l, at), before = g->n;
		uint64_t began = at < l->n ? l->q[at].began : l->began;

		if (first == SIZE_MAX || (i && began != g->began))
			return 0;
		g->began = began;
		for (size_t k = first; k < at; k++) {
			const struct flt_record *r = &l->q[k].rec;
			int ret;

			if (r->kind == FLT_P_FOOTPRINT)
				continue;
			if (r->kind != FLT_P_WINDOW ||
			    (g->file != FLT_NONE && g->file != r->f[FLT_P_WINDOW_FILE]))
				return 0;
			g->file = r->f[FLT_P_WINDOW_FILE];
			ret = touch_add(g, lane, k, r);
			if (ret)
				return ret;
		}
		g->lanes += g->n > before;
	}
	return g->n >= 4ull * m->members;
}

/*
 * How far the touches stay behind the foremost one, on average and as a share of
 * all of them. Slices are touched in as many places at once as there are threads
 * (a quarter and more for two of them, and more for more); what comes from a
 * counter has one front that moves on. Places count by their rank, so that holes
 * (what was still mapped, experts that were not chosen) do not matter.
 */
static int measure_lag(const struct segment *g, double *lag)
{
	const struct touch **t = malloc(g->n * sizeof(*t));
	size_t front = 0;
	double sum = 0;

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		t[i] = &g->touch[i];
	qsort(t, g->n, sizeof(*t), by_start);
	for (size_t i = 0; i < g->n; i++) {
		size_t rank = (size_t)(t[i] - g->touch);

		front = rank > front ? rank : front;
		sum += (double)(front - rank);
	}
	free(t);
	*lag = sum / ((double)g->n * (double)g->n);
	return 0;
}

/* Islands are apart by a whole window: parts of one may be touched by none. */
static void count_runs(struct segment *g, uint64_t around)
{
	uint64_t end = g->touch[0].at + g->touch[0].length;

	g->runs = g->islands = 1;
	for (size_t i = 1; i < g->n; i++) {
		const struct touch *t = &g->touch[i];

		g->runs += t->lane != g->touch[i - 1].lane;
		g->islands += t->at / around > (end + around - 1) / around;
		end = t->at + t->length > end ? t->at + t->length : end;
	}
}

/*
 * Slices of several experts: all islands are cut into as many runs as there are
 * lanes, or twice and three times as many where neighbouring experts were chosen.
 */
static enum shape shape_of(const struct segment *g)
{
	size_t slices = g->islands * g->lanes;

	if (g->lanes < 2 || g->runs <= 2ull * g->lanes)
		return SHAPE_FEW;
	if (g->runs > 4 * slices)
		return SHAPE_SURE;
	return g->runs <= slices + slices / 10 && g->runs + slices / 10 >= slices ? SHAPE_REGULAR
										  : SHAPE_MANY;
}

static bool is_prompt(const struct convert *c, uint64_t evaluation)
{
	return evaluation && evaluation <= c->s->nmarks &&
	       c->s->mark[evaluation - 1].mark_class == FLT_MC_PROMPT;
}

/* The pool's record goes before the lane's first chunk, and behind its footprints. */
static int put_pool(struct convert *c, const struct meeting *m, uint32_t member,
		    struct flt_record *pool)
{
	uint32_t lane = m->member[member].lane;
	struct lane *l = &c->lane[lane];
	size_t at = m->member[member].at, first = segment_first(l, at), windows = first;

	for (size_t k = first; k < at; k++) {
		struct queued q = l->q[k];

		if (q.rec.kind != FLT_P_FOOTPRINT)
			continue;
		/* It takes no time: on its way forward only its place changes. */
		q.rec.start = windows      ? flt_end(&l->q[windows - 1].rec)
			      : l->out.has ? l->out.end
					   : 0;
		memmove(&l->q[windows + 1], &l->q[windows], (k - windows) * sizeof(q));
		l->q[windows++] = q;
	}
	pool->stream = lane;
	pool->start = windows ? flt_end(&l->q[windows - 1].rec) : l->out.has ? l->out.end : 0;
	return convert_insert(c, lane, windows, pool);
}

static int make_pool(struct convert *c, const struct meeting *m, const struct chunking *how,
		     const struct flt_record *pool)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < m->members; i++) {
		struct lane *l = &c->lane[m->member[i].lane];
		size_t at = m->member[i].at, first = segment_first(l, at);
		struct flt_record own = *pool;

		chunks_flag(how, &l->q[first], at - first, &c->st->dynamic_windows);
		ret = put_pool(c, m, i, &own);
	}
	c->st->pools++;
	return ret;
}

/*
 * The segment as it was shared, for later evaluations of the same part. A window
 * that was not touched from its beginning is on the border of a slice or a chunk:
 * of two experts' slices that share it, it belongs to the one that is chosen.
 */
static void remember(struct convert *c, const struct segment *g, bool prompt, uint64_t base)
{
	uint64_t before = UINT64_MAX;

	for (size_t i = 0; i < g->n; i++) {
		uint64_t now = base + g->touch[i].at / c->fault_around;

		if (now != before && !(g->touch[i].at & (c->fault_around - 1)))
			owners_add(c->owners, prompt, now, g->touch[i].lane);
		before = now;
	}
}

/*
 * What lies between the end of one touch and the next, in the latter's fault-around
 * window, was mapped with it before the former's thread came to it, which so left no
 * trace there. It belongs to the rows before: a thread that begins a slice or a chunk
 * in the middle of a window has nothing to do with what comes before its beginning.
 * Without it a replay would never touch these pages, and reclaim would take them.
 */
static void fill_holes(struct convert *c, struct segment *g)
{
	uint64_t window = ~(c->fault_around - 1), end = 0;
	size_t last = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct touch *t = &g->touch[i];

		if (i && t->at > end && end >= (t->at & window)) {
			struct touch *before = &g->touch[last];

			before->length = t->at - before->at;
			c->lane[before->lane].q[before->index].rec.f[FLT_P_WINDOW_LENGTH] =
				before->length;
		}
		if (t->at + t->length > end) {
			end = t->at + t->length;
			last = i;
		}
	}
}

/* 1: it may have been dealt from a counter, and in these chunks; 0: certainly not. */
static int inspect(struct convert *c, struct segment *g, bool prompt, struct flt_record *pool,
		   struct chunking *how)
{
	uint64_t base = c->s->file_base[g->file] / c->fault_around + g->file;
	uint64_t first, last;
	enum shape shape;
	double lag = 1;
	int ret;

	qsort(g->touch, g->n, sizeof(*g->touch), by_place);
	first = base + g->touch[0].at / c->fault_around;
	last = base + g->touch[g->n - 1].at / c->fault_around;
	if (!c->owners->complete)
		remember(c, g, prompt, base);
	count_runs(g, c->fault_around);
	shape = shape_of(g);
	ret = measure_lag(g, &lag);
	if (ret || lag > 0.125)
		return ret;
	ret = chunks_learn(how, g->touch, g->n, c->fault_around);
	if (ret)
		return ret;
	if (c->owners->complete) {
		sizes_get(c->owners, prompt, first, last, how);
		return (shape != SHAPE_FEW || how->evidence) &&
		       owners_decide(c->owners, prompt, first, last, shape, (uint32_t)g->n);
	}
	sizes_add(c->owners, prompt, first, last, how);
	pool->f[POOL_FIRST] = first;
	pool->f[POOL_LAST] = last;
	pool->f[POOL_SHAPE] = shape;
	pool->f[POOL_WINDOWS] = g->n;
	return 1;
}

int segments_settle(struct convert *c, const struct meeting *m)
{
	struct segment g = {0};
	struct flt_record pool = {.kind = FLT_P_POOL};
	struct chunking how = {0};
	int ret = m->members > 1 ? gather(c, m, &g) : 0;
	bool gathered = ret > 0;

	if (gathered)
		ret = inspect(c, &g, is_prompt(c, m->evaluation), &pool, &how);
	if (ret >= 0 && gathered && c->owners->complete)
		fill_holes(c, &g);
	if (ret > 0) {
		pool.f[FLT_P_POOL_GROUP] = m->group;
		pool.f[FLT_P_POOL_GENERATION] = m->generation;
		pool.f[FLT_P_POOL_PARTICIPANTS] = m->members;
		if (c->owners->complete)
			chunks_divide(&how, c, g.touch, g.n);
		ret = make_pool(c, m, &how, &pool);
	}
	free(g.touch);
	return ret < 0 ? ret : 0;
}
