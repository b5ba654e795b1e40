// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a recording to a replay program: one record of it after the other.
 *
 * Own compute runs from the end of a fault or a barrier to the beginning of the
 * next one; whatever else the thread spent its time with (zaps, time off its CPU,
 * reads, faults that the program does not replay) is a wait. A reference
 * recording needs nothing of its own here: its faults find their pages in memory
 * and take next to no time, and a zap stops the thread in which it runs and no
 * other.
 */
#include "convert.h"
#include "convert_infer.h"
#include "convert_lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOOTPRINT_STEP (512u << 10) /* bytes: smaller changes are not worth a record */
#define IDLE_MIN       50000ull     /* ns: shorter pauses of a helper are not kept */

/* ---- records ---- */

static uint64_t file_end(const struct convert *c, uint64_t file)
{
	uint64_t size = c->s->file_size[file];

	return size ? (size + 4095) & ~4095ull : UINT64_MAX;
}

static int helper_idle(struct convert *c, uint32_t lane, uint64_t until)
{
	struct lane *l = &c->lane[lane];
	uint64_t from = l->nwait && l->wait[l->nwait - 1].end > l->cur_until
				? l->wait[l->nwait - 1].end
				: l->cur_until;

	if (until < from + IDLE_MIN)
		return convert_wait(l, 0, until);
	return convert_begin(c, lane, FLT_P_IDLE, from, until);
}

/*
 * The pages that the thread can touch without another fault: those of the
 * fault-around window from the faulting page on, or from the window's start
 * where the lane was streaming through the file.
 */
static int take_fault(struct convert *c, uint32_t lane, const struct flt_record *r, uint64_t file)
{
	struct lane *l = &c->lane[lane];
	uint64_t at = r->f[FLT_FAULT_OFFSET], base = at & ~(c->fault_around - 1);
	uint64_t from = at, to = base + c->fault_around, flags = r->f[FLT_FAULT_FLAGS];
	int ret = 0;

	if (to > file_end(c, file))
		to = file_end(c, file);
	if (to <= at)
		return 0; /* beyond the file's end: it changed while it was recorded */
	if (c->infer)     /* both kinds of parts go by the last byte of the faulting page */
		ret = infer_fault(c, lane, file, at + c->page - 1, r->start);
	if (ret)
		return ret;
	if (!l->has_cur || l->cur.kind != FLT_P_WINDOW || l->cur.f[FLT_P_WINDOW_FILE] != file ||
	    at < l->cur.f[FLT_P_WINDOW_OFFSET] ||
	    at >= l->cur.f[FLT_P_WINDOW_OFFSET] + l->cur.f[FLT_P_WINDOW_LENGTH]) {
		if (l->window_file == file && l->window_end == base)
			from = base;
		/* A helper lane stands for many threads: what is between their faults is
		 * no one's compute. */
		if (convert_is_helper(c, lane))
			ret = helper_idle(c, lane, r->start);
		if (ret)
			return ret;
		ret = convert_begin(c, lane, FLT_P_WINDOW, r->start, flt_end(r));
		l->cur.f[FLT_P_WINDOW_FILE] = file;
		l->cur.f[FLT_P_WINDOW_OFFSET] = from;
		l->cur.f[FLT_P_WINDOW_LENGTH] = to - from;
		l->window_file = file;
		l->window_end = to;
	} else {
		ret = convert_wait(l, r->start, flt_end(r));
	}
	l->events++;
	if (flags & FLT_FF_MAJOR)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_MAJOR;
	if (flags & FLT_FF_BLOCKED)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_BLOCKED;
	if ((flags & FLT_FF_WRITE) && (flags & FLT_FF_WRITE_KNOWN))
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_WRITE;
	return ret;
}

/* The first thing that a worker does in an evaluation comes after its wait. */
static int worker_waits(struct convert *c, uint32_t lane, uint64_t start)
{
	struct lane *l = &c->lane[lane];

	if (lane && lane < c->s->workers && l->has_cur && l->cur.kind == FLT_P_MARK)
		return convert_wait(l, 0, start);
	return 0;
}

static int take_hint(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	uint64_t file = r->f[FLT_HINT_FILE];
	struct flt_record *cur = &c->lane[lane].cur;
	int ret;

	if (!survey_is_model(c->s, file))
		return convert_wait(&c->lane[lane], r->start, flt_end(r));
	ret = convert_begin(c, lane, FLT_P_HINT, r->start, flt_end(r));
	cur->f[FLT_P_HINT_OP] = r->f[FLT_HINT_OP];
	cur->f[FLT_P_HINT_ADVICE] = r->f[FLT_HINT_ADVICE];
	cur->f[FLT_P_HINT_FILE] = file;
	cur->f[FLT_P_HINT_OFFSET] = r->f[FLT_HINT_OFFSET];
	cur->f[FLT_P_HINT_LENGTH] = r->f[FLT_HINT_LENGTH];
	return ret;
}

static int take_read(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	uint64_t file = r->f[FLT_READ_FILE], length = r->f[FLT_READ_LENGTH];
	struct flt_record *cur = &c->lane[lane].cur;
	int ret;

	if (!survey_is_model(c->s, file) || !length || length == FLT_NONE ||
	    r->f[FLT_READ_OFFSET] == FLT_NONE)
		return convert_wait(&c->lane[lane], r->start, flt_end(r));
	ret = convert_begin(c, lane, FLT_P_READ, r->start, flt_end(r));
	cur->f[FLT_P_READ_FILE] = file;
	cur->f[FLT_P_READ_OFFSET] = r->f[FLT_READ_OFFSET];
	cur->f[FLT_P_READ_LENGTH] = length;
	return ret;
}

static int take_sample(struct convert *c, const struct flt_record *r)
{
	uint64_t metric = r->f[FLT_SAMPLE_METRIC], value = r->f[FLT_SAMPLE_VALUE], sum, diff;
	struct lane *main = &c->lane[0];
	uint64_t at;
	int ret;

	if (value == FLT_NONE || main->evaluation > c->s->nmarks)
		return 0;
	if (metric == c->s->footprint_metric)
		c->anon = value;
	else if (metric == c->s->shmem_metric)
		c->shmem = value;
	else if (metric == c->s->swap_metric)
		c->swap = value;
	else
		return 0;
	sum = c->anon + c->shmem + c->swap;
	diff = sum > c->footprint ? sum - c->footprint : c->footprint - sum;
	/* The samples of one moment come one by one; swap is the last of them. */
	if (diff < FOOTPRINT_STEP || (metric != c->s->swap_metric && c->s->swap_metric != FLT_NONE))
		return 0;
	c->footprint = sum;
	/* It is put where the main lane stands, and takes no time from it. */
	at = main->cur_until;
	ret = convert_begin(c, 0, FLT_P_FOOTPRINT, at, at);
	main->cur.f[FLT_P_FOOTPRINT_BYTES] = sum;
	return ret;
}

static int take_barrier(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	struct lane *l = &c->lane[lane];
	int ret;

	/* Where barriers are inferred, one that was recorded is a wait. */
	if (c->infer || !c->meets ||
	    convert_is_closed(c, r->f[FLT_BARRIER_GROUP], r->f[FLT_BARRIER_GENERATION]))
		return convert_wait(l, r->start, flt_end(r));
	ret = convert_begin(c, lane, FLT_P_BARRIER, r->start, flt_end(r));
	l->cur.f[FLT_BARRIER_GROUP] = r->f[FLT_BARRIER_GROUP];
	l->cur.f[FLT_BARRIER_GENERATION] = r->f[FLT_BARRIER_GENERATION];
	l->cur.f[FLT_BARRIER_PARTICIPANTS] = r->f[FLT_BARRIER_PARTICIPANTS];
	return ret ? ret : convert_join(c, lane);
}

/*
 * A stop of a thread is in its lane's time wherever it began: a worker sleeps from
 * the end of one evaluation into the next. A helper's lane is no thread's clock.
 */
static int take_stop(struct convert *c, const struct flt_record *r)
{
	uint32_t lane = r->stream < c->s->nstreams ? c->s->stream[r->stream].lane : FLT_NO_LANE;

	if (lane == FLT_NO_LANE || convert_is_helper(c, lane))
		return 0;
	return convert_wait(&c->lane[lane], r->start, flt_end(r));
}

static int take_of_lane(struct convert *c, uint32_t lane, uint64_t file, const struct flt_record *r)
{
	int ret = convert_catch_up(c, flt_end(r));

	if (!ret)
		ret = convert_advance(c, lane, r->start);
	if (ret || c->lane[lane].evaluation > c->s->nmarks)
		return ret;
	ret = worker_waits(c, lane, r->start);
	if (ret)
		return ret;
	switch (r->kind) {
	case FLT_FAULT:
		if (file != FLT_NONE)
			return take_fault(c, lane, r, file);
		c->lane[lane].events++;
		return convert_wait(&c->lane[lane], r->start, flt_end(r));
	case FLT_READ:
		return take_read(c, lane, r);
	case FLT_HINT:
		return take_hint(c, lane, r);
	default:
		return take_barrier(c, lane, r);
	}
}

static int take(struct convert *c, const struct flt_record *r)
{
	uint64_t file = FLT_NONE;
	uint32_t lane;

	switch (r->kind) {
	case FLT_SAMPLE:
		return take_sample(c, r);
	case FLT_ZAP:
	case FLT_OFFCPU:
		return take_stop(c, r);
	case FLT_FAULT:
		file = survey_model_file(c->s, r->f[FLT_FAULT_REGION]);
		break;
	case FLT_BARRIER:
	case FLT_READ:
	case FLT_HINT:
		break;
	default:
		return 0;
	}
	lane = c->s->stream[r->stream].lane;
	if (lane == FLT_NO_LANE) {
		/* Hints shape the file's read-ahead whoever gave them. */
		if (r->kind == FLT_HINT && survey_is_model(c->s, r->f[FLT_HINT_FILE]))
			lane = 0;
		else if (file != FLT_NONE && c->s->helper)
			lane = c->lanes - 1;
		else
			return 0;
	}
	return take_of_lane(c, lane, file, r);
}

int convert_pass(struct convert *c, struct flt_reader *in, bool (*progress)(void *arg, uint64_t n),
		 void *arg)
{
	static const size_t batch = 1024;
	struct flt_record *rec = malloc(batch * sizeof(*rec));
	struct flt_cursor *cur = NULL;
	uint64_t done = 0;
	ssize_t n = 0;
	int ret = -ENOMEM;

	if (!rec)
		return ret;
	ret = flt_cursor_open(&cur, in, FLT_RECORDING, FLT_ALL_STREAMS);
	for (uint32_t i = 0; !ret && i < c->lanes; i++)
		ret = convert_mark(c, i, 0);
	while (!ret && !c->stopped && (n = flt_cursor_next(cur, rec, batch)) > 0) {
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = take(c, &rec[i]);
		done += (uint64_t)n;
		if (!ret && progress && !progress(arg, done))
			ret = -ECANCELED;
	}
	ret = ret ? ret : n < 0 ? (int)n : 0;
	flt_cursor_close(cur);
	free(rec);
	return ret ? ret : convert_finish(c);
}

int convert_init(struct convert *c, const struct survey *s, uint64_t fault_around, uint64_t page)
{
	c->s = s;
	c->lanes = s->workers + s->helper;
	c->fault_around = fault_around;
	c->page = page;
	c->stop = UINT64_MAX;
	c->closed = FLT_NONE;
	c->lane = calloc(c->lanes, sizeof(*c->lane));
	return c->lane ? 0 : -ENOMEM;
}

void convert_free(struct convert *c)
{
	for (uint32_t i = 0; c->lane && i < c->lanes; i++) {
		free(c->lane[i].q);
		free(c->lane[i].wait);
	}
	for (size_t g = 0; g < c->nmeetings; g++)
		free(c->meeting[g].member);
	if (c->infer)
		free(c->infer->visit);
	free(c->lane);
	free(c->meeting);
	free(c->summary);
}
