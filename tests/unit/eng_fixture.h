/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eng_fixture.h: traces written record by record, and the group that the engine makes of them.
 */
#ifndef ENG_FIXTURE_H
#define ENG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/group.h"
#include "traces/fltrace.h"

#define FX_SIZE  (1u << 20) /* bytes of the data file */
#define FX_LANES 8

struct fx {
	char dir[64], trace[96], data[96];
	struct flt_writer *w;
	struct flt_record sum[64];
	size_t sums;
	uint32_t lanes;
	uint64_t now[FX_LANES]; /* end of each lane's last record */
	struct eng_group *g;
};

static inline void fx_begin(struct fx *x, uint32_t lanes)
{
	json_t *h = json_pack("{s:s, s:I, s:I, s:s, s:n, s:s}", "created", "2026-01-01T00:00:00Z",
			      "epoch_ns", (json_int_t)1, "epoch_wall_ns", (json_int_t)1, "mode",
			      "none", "memory_limit", "label", "unit test");

	memset(x, 0, sizeof(*x));
	snprintf(x->dir, sizeof(x->dir), "/tmp/eng_fixture.XXXXXX");
	assert_non_null(mkdtemp(x->dir));
	snprintf(x->trace, sizeof(x->trace), "%s/t.flt", x->dir);
	snprintf(x->data, sizeof(x->data), "%s/model.gguf", x->dir);
	x->lanes = lanes;
	assert_int_equal(flt_writer_create(&x->w, x->trace, h, NULL), 0);
	json_decref(h);
	assert_int_equal(
		flt_writer_define(x->w, "file",
				  json_pack("{s:i, s:s, s:i, s:b}", "id", 3, "path",
					    "/somewhere/model.gguf", "size", FX_SIZE, "model", 1)),
		0);
	assert_int_equal(flt_writer_define(x->w, "region",
					   json_pack("{s:i, s:i, s:I, s:i, s:i}", "id", 0, "file",
						     3, "addr", (json_int_t)0x7f0000123000,
						     "length", FX_SIZE, "offset", 0)),
			 0);
}

/* A program record that begins GAP after the lane's last one and lasts DUR. */
static inline void fx_add(struct fx *x, uint32_t lane, uint32_t kind, uint64_t gap, uint64_t dur,
			  uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct flt_record r = {.kind = kind,
			       .stream = lane,
			       .start = x->now[lane] + gap,
			       .dur = dur,
			       .f = {a, b, c, d}};

	x->now[lane] = r.start + dur;
	assert_int_equal(flt_writer_add(x->w, FLT_PROGRAM, &r), 0);
}

static inline void fx_window(struct fx *x, uint32_t lane, uint64_t gap, uint64_t offset,
			     uint64_t length)
{
	fx_add(x, lane, FLT_P_WINDOW, gap, 1000, 3, offset, length, 0);
}

static inline void fx_barrier(struct fx *x, uint32_t lane, uint64_t group, uint64_t generation,
			      uint64_t n)
{
	fx_add(x, lane, FLT_P_BARRIER, 0, 1000, group, generation, n, 0);
}

/* The mark of an evaluation in all lanes, and its entry in the summary. BARRIERS: whether the lanes have some. */
static inline void fx_mark(struct fx *x, uint64_t index, uint64_t mark_class, uint64_t tokens,
			   bool barriers)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < x->lanes; i++)
		at = x->now[i] > at ? x->now[i] : at;
	for (uint32_t i = 0; i < x->lanes; i++) {
		struct flt_record *s = &x->sum[x->sums];

		fx_add(x, i, FLT_P_MARK, at - x->now[i], 0, mark_class, index, tokens, FLT_NONE);
		if (mark_class == FLT_MC_END)
			continue;
		x->sums++;
		*s = (struct flt_record){
			.kind = FLT_S_EVALUATION, .stream = i, .start = at, .dur = 1000000};
		s->f[FLT_S_EVAL_INDEX] = index;
		s->f[FLT_S_EVAL_CLASS] = mark_class;
		s->f[FLT_S_EVAL_TOKENS] = tokens;
		s->f[FLT_S_EVAL_BARRIERS] = barriers;
		s->f[FLT_S_EVAL_BYTES] = 4096;
	}
}

static inline void fx_finish(struct fx *x)
{
	fx_mark(x, 0, FLT_MC_END, FLT_NONE, false);
	for (size_t i = 0; i < x->sums; i++)
		assert_int_equal(flt_writer_add(x->w, FLT_SUMMARY, &x->sum[i]), 0);
	assert_int_equal(flt_writer_finish(&x->w, NULL), 0);
}

/* The group for it; SET may be NULL. The error's text is in ERR. */
static inline int fx_group(struct fx *x, const struct eng_settings *set, uint32_t jobs,
			   struct host_err *err)
{
	struct eng_request rq = {.key = x->dir,
				 .jobs = jobs,
				 .directory = x->dir,
				 .loops = 1,
				 .invalidate = true,
				 .may_create = true,
				 .cpus = 64,
				 .job_name = "unit",
				 .fio_version = "none"};

	if (set)
		rq.set = *set;
	else
		rq.set = (struct eng_settings){.cpu_scale = 1.0,
					       .memory_limit = UINT64_MAX,
					       .footprint = ENG_FOOTPRINT_RECORDED};
	rq.set.trace = x->trace;
	rq.set.result = "none";
	return eng_group_prepare(&rq, &x->g, err);
}

static inline void fx_end(struct fx *x)
{
	eng_groups_shut();
	eng_groups_free();
	unlink(x->trace);
	unlink(x->data);
	rmdir(x->dir);
}

#endif
