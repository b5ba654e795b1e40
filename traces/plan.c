// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The summary layer, for whoever plans a replay. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_EVALUATIONS (1u << 22)
#define MAX_LANES       (1u << 20)

static int evaluation_get(struct flt_plan *p, uint64_t *cap, uint64_t index,
			  struct flt_evaluation **out)
{
	if (index >= MAX_EVALUATIONS)
		return -EBADMSG;
	if (index >= *cap) {
		uint64_t n = index + index / 2 + 64;
		struct flt_evaluation *e = realloc(p->evaluation, n * sizeof(*e));

		if (!e)
			return -ENOMEM;
		memset(e + *cap, 0, (n - *cap) * sizeof(*e));
		p->evaluation = e;
		*cap = n;
	}
	if (index >= p->evaluations)
		p->evaluations = index + 1;
	*out = &p->evaluation[index];
	return 0;
}

static int plan_add(struct flt_plan *p, uint64_t *cap, const struct flt_record *r)
{
	struct flt_evaluation *e;
	int ret;

	if (r->kind != FLT_S_EVALUATION)
		return 0;
	if (r->stream >= MAX_LANES)
		return -EBADMSG;
	ret = evaluation_get(p, cap, r->f[FLT_S_EVAL_INDEX], &e);
	if (ret)
		return ret;
	if (r->stream >= p->lanes)
		p->lanes = r->stream + 1;
	e->start = r->start;
	e->dur = r->dur;
	e->tokens = r->f[FLT_S_EVAL_TOKENS];
	e->mark_class = (uint32_t)r->f[FLT_S_EVAL_CLASS];
	e->windows += r->f[FLT_S_EVAL_WINDOWS];
	e->bytes += r->f[FLT_S_EVAL_BYTES];
	e->barriers += r->f[FLT_S_EVAL_BARRIERS];
	e->compute_ns += r->f[FLT_S_EVAL_COMPUTE];
	return 0;
}

int flt_plan_open(struct flt_reader *r, struct flt_plan **out)
{
	struct flt_plan *p = calloc(1, sizeof(*p));
	struct flt_cursor *c = NULL;
	struct flt_record rec[256];
	uint64_t cap = 0;
	ssize_t n = 0;
	int ret;

	if (!p)
		return -ENOMEM;
	ret = flt_cursor_open(&c, r, FLT_SUMMARY, FLT_ALL_STREAMS);
	while (!ret && (n = flt_cursor_next(c, rec, 256)) > 0)
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = plan_add(p, &cap, &rec[i]);
	flt_cursor_close(c);
	ret = ret ? ret : n < 0 ? (int)n : 0;
	if (!ret && (!p->lanes || !p->evaluations))
		ret = -ENODATA;
	if (ret)
		flt_plan_close(p);
	else
		*out = p;
	return ret;
}

int flt_plan_lane(struct flt_reader *r, uint32_t lane, uint64_t first, uint64_t last,
		  struct flt_lane_plan *out)
{
	struct flt_cursor *c = NULL;
	struct flt_record rec[256];
	ssize_t n = 0;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = flt_cursor_open(&c, r, FLT_SUMMARY, lane);
	while (!ret && (n = flt_cursor_next(c, rec, 256)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			uint64_t index = rec[i].f[FLT_S_EVAL_INDEX];

			if (rec[i].kind != FLT_S_EVALUATION || index < first || index > last)
				continue;
			out->windows += rec[i].f[FLT_S_EVAL_WINDOWS];
			out->bytes += rec[i].f[FLT_S_EVAL_BYTES];
			out->barriers += rec[i].f[FLT_S_EVAL_BARRIERS];
			out->compute_ns += rec[i].f[FLT_S_EVAL_COMPUTE];
			out->records += rec[i].f[FLT_S_EVAL_RECORDS];
		}
	}
	flt_cursor_close(c);
	return ret ? ret : n < 0 ? (int)n : 0;
}

void flt_plan_close(struct flt_plan *p)
{
	if (!p)
		return;
	free(p->evaluation);
	free(p);
}
