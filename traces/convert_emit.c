// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What leaves a lane's queue: corrected, counted, written. Gaps and waits are
 * exact on the recorded clock up to here; what the compute model takes from a gap
 * goes to the wait before it, which is why the last record is kept until the next
 * one is known.
 */
#include "convert_lanes.h"
#include "convert_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int summary_add(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey *s = c->s;
	struct flt_record *r;

	if (c->nsummary == c->cap_summary) {
		size_t cap = c->cap_summary ? c->cap_summary * 2 : 256;

		r = realloc(c->summary, cap * sizeof(*r));
		if (!r)
			return -ENOMEM;
		c->summary = r;
		c->cap_summary = cap;
	}
	r = &c->summary[c->nsummary++];
	memset(r, 0, sizeof(*r));
	r->kind = FLT_S_EVALUATION;
	r->stream = lane;
	r->start = evaluation ? s->mark[evaluation - 1].start : 0;
	r->dur = (evaluation < s->nmarks ? s->mark[evaluation].start : s->mark[s->nmarks - 1].end) -
		 r->start;
	r->f[FLT_S_EVAL_INDEX] = evaluation;
	r->f[FLT_S_EVAL_CLASS] = evaluation ? s->mark[evaluation - 1].mark_class : FLT_MC_LOAD;
	r->f[FLT_S_EVAL_TOKENS] = evaluation ? s->mark[evaluation - 1].tokens : FLT_NONE;
	r->f[FLT_S_EVAL_WINDOWS] = l->sums.windows;
	r->f[FLT_S_EVAL_BYTES] = l->sums.bytes;
	r->f[FLT_S_EVAL_BARRIERS] = l->sums.barriers;
	r->f[FLT_S_EVAL_COMPUTE] = l->sums.compute;
	r->f[FLT_S_EVAL_RECORDS] = l->sums.records;
	memset(&l->sums, 0, sizeof(l->sums));
	return 0;
}

int convert_write_summary(struct convert *c)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < c->nsummary; i++)
		ret = flt_writer_add(c->w, FLT_SUMMARY, &c->summary[i]);
	c->nsummary = 0;
	return ret;
}

static void count(struct convert *c, struct lane *l, const struct flt_record *r, uint64_t gap)
{
	struct flt_prepare_stats *st = c->st;

	l->sums.records++;
	l->sums.compute += gap;
	st->compute_ns += gap;
	switch (r->kind) {
	case FLT_P_WINDOW:
		st->windows++;
		st->window_bytes += r->f[FLT_P_WINDOW_LENGTH];
		l->sums.windows++;
		l->sums.bytes += r->f[FLT_P_WINDOW_LENGTH];
		break;
	case FLT_P_READ:
		st->reads++;
		st->window_bytes += r->f[FLT_P_READ_LENGTH];
		l->sums.windows++;
		l->sums.bytes += r->f[FLT_P_READ_LENGTH];
		break;
	case FLT_P_BARRIER:
		st->barriers++;
		l->sums.barriers++;
		break;
	case FLT_P_HINT:
		st->hints++;
		break;
	}
}

static int write_out(struct convert *c, struct outgoing *out)
{
	if (!out->has)
		return 0;
	flt_writer_evaluation(c->w, out->evaluation);
	return flt_writer_add(c->w, FLT_PROGRAM, &out->rec);
}

int convert_emit(struct convert *c, uint32_t lane, const struct queued *q)
{
	struct lane *l = &c->lane[lane];
	struct outgoing *out = &l->out;
	uint64_t gap = q->rec.start > out->end ? q->rec.start - out->end : 0;
	uint64_t own = gap, start = q->rec.start;
	bool after_barrier = l->share.after_barrier;
	int ret = 0;

	if (!c->w) {
		ret = model_measure(c, lane, q, gap);
	} else if (!convert_is_helper(c, lane)) {
		own = model_correct(c->model, c->s, out->evaluation, gap, q->events, after_barrier);
	}
	/* Records without time (marks, pools) may stand between a barrier and its gap. */
	if (gap)
		l->share.after_barrier = false;
	if (q->rec.kind == FLT_P_BARRIER)
		l->share.after_barrier = true;
	if (out->has) {
		/* With a factor above 1 there may be no wait left to take from: it is late. */
		if (start < out->rec.start + own)
			start = out->rec.start + own;
		out->rec.dur = start - own - out->rec.start;
	}
	if (!ret && c->w)
		ret = write_out(c, out);
	if (!ret && q->rec.kind == FLT_P_MARK && q->evaluation && c->w)
		ret = summary_add(c, lane, q->evaluation - 1);
	count(c, l, &q->rec, own);
	out->rec = q->rec;
	out->rec.start = start;
	out->end = flt_end(&q->rec);
	out->evaluation = q->evaluation;
	out->has = true;
	return ret;
}

int convert_emit_last(struct convert *c, uint32_t lane)
{
	struct outgoing *out = &c->lane[lane].out;
	int ret = 0;

	if (out->has && c->w) {
		out->rec.dur = out->end > out->rec.start ? out->end - out->rec.start : 0;
		ret = write_out(c, out);
	}
	out->has = false;
	return ret;
}
