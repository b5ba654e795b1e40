/* SPDX-License-Identifier: GPL-2.0-only */
/* Recordings made by hand, and of threads that share matrices as ggml's do, for tests of the conversion. */
#ifndef FLT_RECORDING_H
#define FLT_RECORDING_H

#include "flt_fixture.h"

#define US  1000ull
#define MS  (1000 * US)
#define KIB 1024ull
#define MIB (1024 * KIB)

#define MODEL_BYTES (64 * MIB)
#define AROUND      (64 * KIB)

static inline void define_model(struct flt_writer *w)
{
	flt_writer_define(w, "file",
			  json_pack("{sisssIsb}", "id", 0, "path", "/m/model.gguf", "size",
				    (json_int_t)MODEL_BYTES, "model", 1));
	flt_writer_define(
		w, "region",
		json_pack("{sisisI}", "id", 0, "file", 0, "length", (json_int_t)MODEL_BYTES));
	flt_writer_define(w, "region", json_pack("{sisn}", "id", 1, "file"));
}

static inline struct flt_record record(uint32_t kind, uint32_t stream, uint64_t start, uint64_t dur,
				       uint64_t f0, uint64_t f1, uint64_t f2)
{
	struct flt_record r = {.kind = kind, .stream = stream, .start = start, .dur = dur};

	r.f[0] = f0;
	r.f[1] = f1;
	r.f[2] = f2;
	if (kind == FLT_MARK) {
		r.f[FLT_MARK_SYMBOL] = FLT_NONE;
		r.f[FLT_MARK_FLAGS] = 0;
	}
	return r;
}

static inline void add(struct flt_writer *w, uint32_t kind, uint32_t stream, uint64_t start,
		       uint64_t dur, uint64_t f0, uint64_t f1, uint64_t f2)
{
	struct flt_record r = record(kind, stream, start, dur, f0, f1, f2);

	assert_int_equal(flt_writer_add(w, FLT_RECORDING, &r), 0);
}

static inline void fault(struct flt_writer *w, uint32_t stream, uint64_t start, uint64_t dur,
			 uint64_t offset)
{
	add(w, FLT_FAULT, stream, start, dur, 0, 0, offset);
}

static inline void barrier(struct flt_writer *w, uint32_t stream, uint64_t start, uint64_t end,
			   uint64_t generation)
{
	add(w, FLT_BARRIER, stream, start, end - start, 0, generation, 0);
}

/* Derives the program from what W has so far, and finishes the file. */
static inline void prepare_with(struct fixture *f, struct flt_writer **w,
				const struct flt_prepare_options *opt, struct flt_prepare_stats *st)
{
	struct flt_reader *r;

	assert_int_equal(flt_writer_flush(*w, false), 0);
	r = fixture_open(f);
	assert_false(flt_finished(r));
	assert_int_equal(flt_prepare(r, *w, opt, st), 0);
	assert_non_null(st->model);
	flt_close(r);
	fixture_finish(f, w);
}

static inline void prepare(struct fixture *f, struct flt_writer **w, struct flt_prepare_stats *st)
{
	prepare_with(f, w, NULL, st);
	json_decref(st->model);
	st->model = NULL;
}

static inline void near(uint64_t got, uint64_t want)
{
	assert_in_range(got, want > 2500 ? want - 2500 : 0, want + 2500);
}

/* ---- threads that share matrices ---- */

#define SIM_LANES   8
#define SIM_RECORDS 400000

/* A matrix of the model: a tensor of ROWS rows of ROW bytes each. */
struct matrix {
	uint64_t offset, row, rows;
	uint64_t chunk; /* rows that are taken from the counter at once; 0: one slice for each */
	uint32_t experts,
		chosen; /* of how many matrices, one behind the other, how many are used */
};

struct sim {
	uint32_t lanes;
	double ns_per_kib; /* own compute */
	double slower;     /* times that, when recorded */
	double per_fault, per_barrier;
	double noise;                  /* relative, of each piece of compute */
	bool recorded;                 /* false: a warm run, without faults and costs */
	uint64_t stall_from, stall_to; /* lane 1 is off its CPU in this generation range */
	/* state */
	double clock[SIM_LANES];
	uint64_t generation, x;
	uint8_t mapped[MODEL_BYTES / AROUND];
	uint64_t chunks; /* taken so far */
	struct flt_record *rec;
	size_t n;
};

static inline void sim_init(struct sim *s, uint32_t lanes)
{
	*s = (struct sim){.lanes = lanes,
			  .ns_per_kib = 80,
			  .slower = 1,
			  .recorded = true,
			  .x = 88172645463325252ull};
	s->rec = malloc(SIM_RECORDS * sizeof(*s->rec));
	assert_non_null(s->rec);
}

static inline void sim_push(struct sim *s, struct flt_record r)
{
	assert_true(s->n < SIM_RECORDS);
	if (s->recorded)
		s->rec[s->n++] = r;
}

/* A lane works on what lies in one window from FROM on; where it has got to. What is not mapped faults. */
static inline uint64_t sim_touch(struct sim *s, uint32_t lane, uint64_t from, uint64_t to)
{
	uint64_t base = from / AROUND * AROUND;
	uint64_t end = base + AROUND < to ? base + AROUND : to;
	double own = (double)(end - from) / 1024 * s->ns_per_kib, random;

	if (s->recorded && !s->mapped[base / AROUND]) {
		s->mapped[base / AROUND] = 1;
		sim_push(s, record(FLT_FAULT, lane + 1, (uint64_t)s->clock[lane], 1 * US, 0, 0,
				   from / 4096 * 4096));
		s->clock[lane] += 1000 + s->per_fault;
	}
	random = (double)(fixture_random(&s->x) % 2001) / 1000 - 1;
	s->clock[lane] += own * s->slower * (1 + s->noise * random);
	return end;
}

static inline void sim_barrier(struct sim *s)
{
	double release = 0;

	for (uint32_t l = 0; l < s->lanes; l++)
		release = s->clock[l] > release ? s->clock[l] : release;
	for (uint32_t l = 0; l < s->lanes; l++) {
		double end = release + (s->recorded ? 500 : 0);

		sim_push(s, record(FLT_BARRIER, l + 1, (uint64_t)s->clock[l],
				   (uint64_t)(end - s->clock[l]), 7, s->generation, s->lanes));
		s->clock[l] = end + (s->recorded ? s->per_barrier : 0);
	}
	s->generation++;
}

/* The lanes share one matrix: window by window, whoever is behind goes on. */
static inline void sim_expert(struct sim *s, const struct matrix *m, uint64_t base)
{
	uint64_t share = m->chunk ? m->chunk : (m->rows + s->lanes - 1) / s->lanes;
	uint64_t shares = (m->rows + share - 1) / share, next = s->lanes;
	uint64_t at[SIM_LANES] = {0}, end[SIM_LANES] = {0};
	bool begun[SIM_LANES] = {false}, done[SIM_LANES] = {false};

	if (m->chunk && s->generation >= s->stall_from && s->generation < s->stall_to)
		s->clock[1] += (double)(m->rows * m->row) / 1024 * s->ns_per_kib * s->slower * 0.98;
	for (;;) {
		uint32_t l = s->lanes;

		for (uint32_t i = 0; i < s->lanes; i++)
			if (!done[i] && (l == s->lanes || s->clock[i] < s->clock[l]))
				l = i;
		if (l == s->lanes)
			return;
		if (at[l] == end[l]) {
			uint64_t c = !begun[l] ? l : m->chunk ? next++ : shares;

			begun[l] = true;
			done[l] = c >= shares;
			if (done[l])
				continue;
			s->chunks++;
			at[l] = base + c * share * m->row;
			end[l] = base +
				 m->row * ((c + 1) * share < m->rows ? (c + 1) * share : m->rows);
		}
		at[l] = sim_touch(s, l, at[l], end[l]);
	}
}

/* One matrix product, with the barrier that ends it. */
static inline void sim_product(struct sim *s, const struct matrix *m)
{
	uint32_t experts = m->experts ? m->experts : 1, chosen = m->experts ? m->chosen : 1;
	uint32_t at = 0;

	for (uint32_t e = 0; e < chosen; e++) {
		at += m->experts ? (uint32_t)(fixture_random(&s->x) % (experts / chosen)) : 0;
		sim_expert(s, m, m->offset + at * m->row * m->rows);
		at = (e + 1) * (experts / chosen);
	}
	sim_barrier(s);
}

/* One evaluation over the matrices, all of them unmapped before; how long the marked call took. */
static inline double sim_evaluation(struct sim *s, const struct matrix *m, size_t n,
				    uint64_t mark_class, uint64_t index, uint64_t tokens)
{
	double start = s->clock[0] + 20000;
	double ns = s->ns_per_kib;

	memset(s->mapped, 0, sizeof(s->mapped));
	for (uint32_t l = 0; l < s->lanes; l++)
		s->clock[l] = start + 5000;
	if (mark_class == FLT_MC_PROMPT)
		s->ns_per_kib *= (double)tokens / 4;
	for (size_t i = 0; i < n; i++)
		sim_product(s, &m[i]);
	s->ns_per_kib = ns;
	sim_push(s, record(FLT_MARK, 1, (uint64_t)start, (uint64_t)(s->clock[0] + 8000 - start),
			   mark_class, index, tokens));
	return s->clock[0] + 8000 - start;
}

static inline int sim_by_end(const void *a, const void *b)
{
	const struct flt_record *x = a, *y = b;

	if (flt_end(x) != flt_end(y))
		return flt_end(x) < flt_end(y) ? -1 : 1;
	return x->stream < y->stream ? -1 : x->stream > y->stream;
}

static inline void sim_write(struct sim *s, struct flt_writer *w)
{
	qsort(s->rec, s->n, sizeof(*s->rec), sim_by_end);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(flt_writer_add(w, FLT_RECORDING, &s->rec[i]), 0);
	free(s->rec);
	s->rec = NULL;
}

/* ---- looking at programs ---- */

struct program {
	struct flt_record *rec;
	size_t n;
};

static inline struct program program_of(struct fixture *f, uint32_t lane)
{
	struct flt_reader *r = fixture_open(f);
	struct program p = {.rec = malloc(SIM_RECORDS * sizeof(struct flt_record))};

	assert_non_null(p.rec);
	p.n = (size_t)fixture_read(r, FLT_PROGRAM, lane, p.rec, SIM_RECORDS);
	flt_close(r);
	return p;
}

/*
 * Plays the lanes' meeting points: all of them come to their ends, and every
 * barrier, pool and mark has as many lanes as it says.
 */
static inline void program_terminates(struct fixture *f, uint32_t lanes)
{
	struct program p[SIM_LANES];
	size_t at[SIM_LANES] = {0};
	bool moved = true, all = true;

	assert_true(lanes <= SIM_LANES);
	for (uint32_t l = 0; l < lanes; l++)
		p[l] = program_of(f, l);
	while (moved) {
		moved = false;
		for (uint32_t l = 0; l < lanes; l++) {
			while (at[l] < p[l].n && p[l].rec[at[l]].kind != FLT_P_BARRIER &&
			       p[l].rec[at[l]].kind != FLT_P_MARK) {
				at[l]++;
				moved = true;
			}
		}
		for (uint32_t l = 0; l < lanes && !moved; l++) {
			const struct flt_record *r = &p[l].rec[at[l]];
			uint64_t there = 0, want;

			if (at[l] == p[l].n)
				continue;
			for (uint32_t k = 0; k < lanes; k++)
				there += at[k] < p[k].n && p[k].rec[at[k]].kind == r->kind &&
					 p[k].rec[at[k]].f[1] == r->f[1] &&
					 p[k].rec[at[k]].f[0] == r->f[0];
			want = r->kind == FLT_P_MARK ? lanes : r->f[FLT_BARRIER_PARTICIPANTS];
			if (there < want)
				continue;
			assert_int_equal(there, want);
			for (uint32_t k = lanes; k-- > 0;)
				if (k != l && at[k] < p[k].n && p[k].rec[at[k]].kind == r->kind &&
				    p[k].rec[at[k]].f[1] == r->f[1] &&
				    p[k].rec[at[k]].f[0] == r->f[0])
					at[k]++;
			at[l]++;
			moved = true;
		}
	}
	for (uint32_t l = 0; l < lanes; l++) {
		all &= at[l] == p[l].n;
		free(p[l].rec);
	}
	assert_true(all);
}

#endif
