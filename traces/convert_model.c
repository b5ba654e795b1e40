// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The compute model: see convert_model.h. convert_fit.c chooses its terms. */
#include "convert_model.h"
#include "convert_segments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Costs of a fault for which the sum of min(gap, cost) is kept; linear between them. */
const double model_knots[MODEL_KNOTS] = {250,  500,  1000, 1500, 2000,
					 3000, 4000, 6000, 8000, MODEL_COST_MAX};

void model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->factor[0] = m->factor[1] = m->factor_load = 1;
	m->evaluations = MODEL_EVALUATIONS;
}

void model_release(struct model *m)
{
	free(m->share);
	m->share = NULL;
	m->n = m->cap = 0;
}

uint64_t model_correct(const struct model *m, const struct survey *s, uint64_t evaluation,
		       uint64_t gap, uint32_t faults, bool after_barrier)
{
	double own = (double)gap;
	bool prompt;

	if (!m->fitted || !gap)
		return gap;
	if (!evaluation || evaluation > s->nmarks)
		return (uint64_t)(own * m->factor_load + 0.5);
	prompt = s->mark[evaluation - 1].mark_class == FLT_MC_PROMPT;
	own -= m->per_fault * faults + (after_barrier ? m->per_barrier : 0);
	return own > 0 ? (uint64_t)(own * m->factor[prompt] + 0.5) : 0;
}

/* ---- measuring ---- */

static int share_end(struct convert *c, struct lane *l, uint32_t lane, const struct flt_record *r)
{
	struct share *h = &l->share;
	struct model *m = c->model;
	bool after = h->after_barrier;

	h->evaluation = l->out.evaluation;
	h->key = boundary_key(r);
	h->lane = lane;
	if (!h->evaluation || h->evaluation > m->evaluations)
		goto out;
	if (m->n == MODEL_SHARES) {
		/* Only whole evaluations count; lanes may be in two of them. */
		m->evaluations = h->evaluation - 1;
		goto out;
	}
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 1024;
		struct share *p = realloc(m->share, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		m->share = p;
		m->cap = cap;
	}
	m->share[m->n++] = *h;
out:
	memset(h, 0, sizeof(*h));
	h->after_barrier = after;
	l->chunk = 0;
	l->chunk_events = 0;
	return 0;
}

static void share_add(struct lane *l, const struct queued *q, uint64_t gap)
{
	struct share *h = &l->share;
	double own = (double)gap;

	if (!gap)
		return;
	if (h->after_barrier) {
		h->first_gap = own;
		h->first_events = q->events;
	}
	h->compute += own;
	h->events += q->events;
	for (int i = 0; i < MODEL_KNOTS; i++)
		h->cut[i] += (float)fmin(own, model_knots[i] * q->events);
}

/* What comes before a chunk's first window is the end of the chunk before it. */
static void share_chunk(struct lane *l, const struct queued *q, uint64_t gap)
{
	struct share *h = &l->share;

	if (!(q->rec.f[FLT_P_WINDOW_FLAGS] & FLT_PW_DYNAMIC))
		return;
	if (h->windows++) {
		l->chunk += (double)gap;
		l->chunk_events += q->events;
	}
	if (!(q->rec.f[FLT_P_WINDOW_FLAGS] & FLT_PW_CHUNK))
		return;
	if (l->chunk > h->longest) {
		h->longest = l->chunk;
		h->longest_events = l->chunk_events;
	}
	l->chunk = 0;
	l->chunk_events = 0;
}

int model_measure(struct convert *c, uint32_t lane, const struct queued *q, uint64_t gap)
{
	struct lane *l = &c->lane[lane];
	uint64_t evaluation = l->out.evaluation, begin = q->rec.start - gap, end;

	if (!evaluation) {
		if (!lane)
			c->model->load_compute += gap;
	} else if (evaluation <= c->s->nmarks) {
		/* A warm run's times are those of the marked calls: what the main thread
		 * does between them does not count. */
		end = c->s->mark[evaluation - 1].end;
		gap = end <= begin ? 0 : gap < end - begin ? gap : end - begin;
		share_add(l, q, gap);
	}
	switch (q->rec.kind) {
	case FLT_P_WINDOW:
		share_chunk(l, q, gap);
		return 0;
	case FLT_P_POOL:
		l->share.pool = true;
		l->share.first = q->rec.f[POOL_FIRST];
		l->share.last = q->rec.f[POOL_LAST];
		l->share.shape = (uint8_t)q->rec.f[POOL_SHAPE];
		l->share.pool_windows = (uint32_t)q->rec.f[POOL_WINDOWS];
		return 0;
	case FLT_P_BARRIER:
	case FLT_P_MARK:
		return share_end(c, l, lane, &q->rec);
	default:
		return 0;
	}
}

/* ---- telling ---- */

static json_t *ns_or_null(double ns)
{
	return ns > 0 ? json_integer((json_int_t)(ns + 0.5)) : json_null();
}

json_t *model_json(const struct model *m)
{
	return json_pack("{s:b, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:f, s:s}", "fitted",
			 m->fitted, "per_fault_ns", m->per_fault, "per_barrier_ns", m->per_barrier,
			 "factor_prompt", m->factor[1], "factor_decode", m->factor[0],
			 "factor_load", m->factor_load, "warm_prompt_ns", ns_or_null(m->warm[1]),
			 "warm_decode_ns", ns_or_null(m->warm[0]), "model_prompt_ns",
			 ns_or_null(m->predicted[1]), "model_decode_ns",
			 ns_or_null(m->predicted[0]), "residual", m->residual, "why", m->why);
}
