// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a recording to a replay program: the second pass.
 *
 * Each lane is one record behind: the record at hand ("cur") grows while what
 * follows belongs to it. A fault inside the window at hand, and every wait that
 * the program does not replay (a fault on anonymous memory, a read of another
 * file), is added to its wait. What is left between the end of one record and
 * the start of the next is then the lane's own compute.
 */
#include "survey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOOTPRINT_STEP (512u << 10) /* bytes: smaller changes are not worth a record */
#define QUEUE_FLUSH    4096         /* records of a lane before they are written */
#define CLOCK_SLACK    3000         /* ns: times of a recording are rounded */
#define IDLE_MIN       50000ull     /* ns: shorter pauses of a helper are not kept */

struct lane_sums {
	uint64_t windows, bytes, barriers, compute, records;
};

struct queued {
	struct flt_record rec;
	uint64_t evaluation;
};

struct lane {
	struct queued *q;
	size_t n, cap;
	size_t held; /* entries from here on may still change (open barriers) */
	bool has_cur;
	struct flt_record cur;
	uint64_t evaluation;              /* of cur */
	uint64_t last_end;                /* of the last queued record */
	uint64_t window_file, window_end; /* of the last window, for streaming */
	struct lane_sums sums;
};

/* A barrier generation that is still coming in. */
struct group {
	bool used;
	uint64_t id, generation, evaluation;
	uint32_t members;
	bool torn; /* its members disagree about the evaluation */
	struct {
		uint32_t lane;
		size_t at; /* index in the lane's queue */
	} * member;
	size_t cap;
};

struct convert {
	struct survey s;
	struct flt_writer *w;
	struct flt_prepare_stats *st;
	struct lane *lane;
	uint32_t lanes;
	struct group *group;
	size_t ngroups;
	uint64_t fault_around;
	uint64_t anon, shmem, swap, footprint; /* last samples; last one emitted */
	uint64_t torn;
	struct flt_record *summary; /* kept back: another layer closes the chunk */
	size_t nsummary, cap_summary;
};

/* ---- queue and summary ---- */

static int summary_add(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey *s = &c->s;
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

static int summary_write(struct convert *c)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < c->nsummary; i++)
		ret = flt_writer_add(c->w, FLT_SUMMARY, &c->summary[i]);
	c->nsummary = 0;
	return ret;
}

/* Writes what can no longer change of a lane's queue. */
static int lane_write(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	for (size_t i = 0; !ret && i < l->held; i++) {
		flt_writer_evaluation(c->w, l->q[i].evaluation);
		ret = flt_writer_add(c->w, FLT_PROGRAM, &l->q[i].rec);
	}
	for (size_t g = 0; g < c->ngroups; g++)
		for (uint32_t m = 0; m < c->group[g].members; m++)
			if (c->group[g].member[m].lane == lane)
				c->group[g].member[m].at -= l->held;
	memmove(l->q, l->q + l->held, (l->n - l->held) * sizeof(*l->q));
	l->n -= l->held;
	l->held = 0;
	return ret;
}

/* What is held back in a lane after group G is settled. */
static void lane_release(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];

	l->held = l->n;
	for (size_t g = 0; g < c->ngroups; g++)
		for (uint32_t m = 0; m < c->group[g].members; m++)
			if (c->group[g].member[m].lane == lane &&
			    c->group[g].member[m].at < l->held)
				l->held = c->group[g].member[m].at;
}

/* Moves the lane's record at hand into its queue. */
static int lane_push(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	struct flt_record *r = &l->cur;

	if (!l->has_cur)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct queued *p = realloc(l->q, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->q = p;
		l->cap = cap;
	}
	l->sums.records++;
	l->sums.compute += r->start > l->last_end ? r->start - l->last_end : 0;
	if (r->kind == FLT_P_WINDOW || r->kind == FLT_P_READ) {
		l->sums.windows++;
		l->sums.bytes += r->f[FLT_P_WINDOW_LENGTH];
		c->st->windows += r->kind == FLT_P_WINDOW;
		c->st->reads += r->kind == FLT_P_READ;
		c->st->window_bytes += r->f[FLT_P_WINDOW_LENGTH];
	} else if (r->kind == FLT_P_BARRIER) {
		l->sums.barriers++;
		c->st->barriers++;
	} else if (r->kind == FLT_P_HINT) {
		c->st->hints++;
	}
	c->st->compute_ns += r->start > l->last_end ? r->start - l->last_end : 0;
	l->last_end = flt_end(r);
	l->q[l->n] = (struct queued){*r, l->evaluation};
	l->has_cur = false;
	if (l->held == l->n)
		l->held++;
	l->n++;
	if (r->kind == FLT_P_BARRIER)
		lane_release(c, lane); /* unless its generation is still coming in */
	return l->held > QUEUE_FLUSH ? lane_write(c, lane) : 0;
}

/* Begins a new record at hand; START is moved behind the last one's end. */
static int lane_begin(struct convert *c, uint32_t lane, uint32_t kind, uint64_t start, uint64_t end)
{
	struct lane *l = &c->lane[lane];
	uint64_t floor = l->has_cur ? flt_end(&l->cur) : l->last_end;
	int ret = lane_push(c, lane);

	memset(&l->cur, 0, sizeof(l->cur));
	l->cur.kind = kind;
	l->cur.stream = lane;
	l->cur.start = start > floor ? start : floor;
	l->cur.dur = end > l->cur.start ? end - l->cur.start : 0;
	l->has_cur = true;
	return ret;
}

/* Time that is not compute: it becomes part of the wait of the record at hand. */
static void lane_wait(struct lane *l, uint64_t start, uint64_t end)
{
	uint64_t from;

	if (!l->has_cur)
		return;
	from = start > flt_end(&l->cur) ? start : flt_end(&l->cur);
	if (end > from)
		l->cur.dur += end - from;
}

/* ---- barriers ---- */

static void group_settle(struct convert *c, struct group *g);

/* Some runners make a thread pool, hence a group, for every graph. */
static void groups_retire(struct convert *c, uint64_t evaluation)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->ngroups; i++) {
		struct group *g = &c->group[i];

		if (g->evaluation + 2 > evaluation) {
			c->group[kept++] = *g;
			continue;
		}
		group_settle(c, g);
		free(g->member);
	}
	c->ngroups = kept;
}

static struct group *group_get(struct convert *c, uint64_t id, uint64_t evaluation)
{
	struct group *g;

	for (size_t i = 0; i < c->ngroups; i++)
		if (c->group[i].id == id)
			return &c->group[i];
	if (c->ngroups >= 16)
		groups_retire(c, evaluation);
	g = realloc(c->group, (c->ngroups + 1) * sizeof(*g));
	if (!g)
		return NULL;
	c->group = g;
	g += c->ngroups++;
	memset(g, 0, sizeof(*g));
	g->id = id;
	return g;
}

/*
 * All members of a generation are known: tell them how many they are. If they
 * do not all stand in the same evaluation (something was lost), a replay would
 * wait for ever: such a barrier is left out.
 */
static void group_settle(struct convert *c, struct group *g)
{
	uint32_t members = g->members;

	g->members = 0;
	for (uint32_t m = 0; m < members; m++) {
		struct lane *l = &c->lane[g->member[m].lane];
		struct flt_record *r =
			g->member[m].at < l->n ? &l->q[g->member[m].at].rec : &l->cur;

		if (g->torn) {
			r->kind = FLT_P_IDLE;
			r->dur = 0;
			memset(r->f, 0, sizeof(r->f));
		} else {
			r->f[FLT_BARRIER_PARTICIPANTS] = members;
		}
	}
	for (uint32_t m = 0; m < members; m++)
		lane_release(c, g->member[m].lane);
	c->torn += g->torn;
	g->torn = false;
}

/* The lane's record at hand is a barrier: count it in, in the order of arrival. */
static int group_join(struct convert *c, uint32_t lane)
{
	const struct lane *l = &c->lane[lane];
	uint64_t generation = l->cur.f[FLT_BARRIER_GENERATION];
	struct group *g = group_get(c, l->cur.f[FLT_BARRIER_GROUP], l->evaluation);

	if (!g)
		return -ENOMEM;
	if (g->used && g->generation != generation)
		group_settle(c, g);
	if (!g->members) {
		g->used = true;
		g->generation = generation;
		g->evaluation = l->evaluation;
	}
	if (g->evaluation != l->evaluation)
		g->torn = true;
	for (uint32_t m = 0; m < g->members; m++)
		g->torn |= g->member[m].lane == lane; /* the same lane twice */
	if (g->members == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8;
		void *p = realloc(g->member, cap * sizeof(*g->member));

		if (!p)
			return -ENOMEM;
		g->member = p;
		g->cap = cap;
	}
	g->member[g->members].lane = lane;
	g->member[g->members++].at = l->n; /* where it will be queued */
	return 0;
}

/* ---- evaluations ---- */

static uint64_t boundary(const struct convert *c, uint64_t evaluation)
{
	const struct survey *s = &c->s;

	if (!evaluation)
		return 0;
	return evaluation <= s->nmarks ? s->mark[evaluation - 1].start : s->mark[s->nmarks - 1].end;
}

static int lane_mark(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey_mark *m = NULL;
	uint64_t at = boundary(c, evaluation);
	int ret;

	/* Only the main thread computes between evaluations; the others wait for it. */
	if (lane)
		lane_wait(l, 0, at);
	ret = lane_begin(c, lane, FLT_P_MARK, at, at);
	if (!ret && evaluation)
		ret = summary_add(c, lane, evaluation - 1);
	if (evaluation && evaluation <= c->s.nmarks)
		m = &c->s.mark[evaluation - 1];
	l->evaluation = evaluation;
	l->window_file = FLT_NONE;
	l->cur.f[FLT_MARK_CLASS] = m ? m->mark_class : evaluation ? FLT_MC_END : FLT_MC_LOAD;
	l->cur.f[FLT_MARK_ID] = evaluation;
	l->cur.f[FLT_MARK_TOKENS] = m ? m->tokens : FLT_NONE;
	l->cur.f[FLT_MARK_SYMBOL] = m ? m->symbol : FLT_NONE;
	l->cur.f[FLT_MARK_FLAGS] = m ? m->flags : 0;
	return ret;
}

/* Brings a lane into the evaluation that time NS belongs to. */
static int lane_advance(struct convert *c, uint32_t lane, uint64_t ns)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	while (!ret && l->evaluation <= c->s.nmarks &&
	       ns + CLOCK_SLACK >= boundary(c, l->evaluation + 1))
		ret = lane_mark(c, lane, l->evaluation + 1);
	return ret;
}

/*
 * Lanes without records must not lag behind for ever: one that has seen nothing
 * for a whole evaluation is taken along. (Stragglers of the last evaluation are
 * sorted in by their start, so one evaluation of patience is enough.)
 */
static int lanes_catch_up(struct convert *c, uint64_t now)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		struct lane *l = &c->lane[i];

		while (!ret && l->evaluation + 2 <= c->s.nmarks &&
		       now >= boundary(c, l->evaluation + 2))
			ret = lane_mark(c, i, l->evaluation + 1);
	}
	if (!ret && c->nsummary > 65536)
		ret = summary_write(c);
	return ret;
}

/* ---- records ---- */

static uint64_t file_end(const struct convert *c, uint64_t file)
{
	uint64_t size = c->s.file_size[file];

	return size ? (size + 4095) & ~4095ull : UINT64_MAX;
}

static int helper_idle(struct convert *c, uint32_t lane, uint64_t until)
{
	struct lane *l = &c->lane[lane];
	uint64_t from = l->has_cur ? flt_end(&l->cur) : l->last_end;

	if (until < from + IDLE_MIN) {
		lane_wait(l, 0, until);
		return 0;
	}
	return lane_begin(c, lane, FLT_P_IDLE, from, until);
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
	if (!l->has_cur || l->cur.kind != FLT_P_WINDOW || l->cur.f[FLT_P_WINDOW_FILE] != file ||
	    at < l->cur.f[FLT_P_WINDOW_OFFSET] ||
	    at >= l->cur.f[FLT_P_WINDOW_OFFSET] + l->cur.f[FLT_P_WINDOW_LENGTH]) {
		if (l->window_file == file && l->window_end == base)
			from = base;
		/* A helper lane stands for many threads: what is between their faults is
		 * no one's compute. */
		if (c->s.helper && lane == c->lanes - 1)
			ret = helper_idle(c, lane, r->start);
		if (ret)
			return ret;
		ret = lane_begin(c, lane, FLT_P_WINDOW, r->start, flt_end(r));
		l->cur.f[FLT_P_WINDOW_FILE] = file;
		l->cur.f[FLT_P_WINDOW_OFFSET] = from;
		l->cur.f[FLT_P_WINDOW_LENGTH] = to - from;
		l->window_file = file;
		l->window_end = to;
	} else {
		lane_wait(l, r->start, flt_end(r));
	}
	if (flags & FLT_FF_MAJOR)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_MAJOR;
	if (flags & FLT_FF_BLOCKED)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_BLOCKED;
	if ((flags & FLT_FF_WRITE) && (flags & FLT_FF_WRITE_KNOWN))
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_WRITE;
	return ret;
}

/* The first thing that a worker does in an evaluation comes after its wait. */
static void worker_waits(struct convert *c, uint32_t lane, uint64_t start)
{
	struct lane *l = &c->lane[lane];

	if (lane && lane < c->s.workers && l->has_cur && l->cur.kind == FLT_P_MARK)
		lane_wait(l, 0, start);
}

static int take_hint(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	uint64_t file = r->f[FLT_HINT_FILE];
	struct flt_record *cur = &c->lane[lane].cur;
	int ret;

	if (!survey_is_model(&c->s, file)) {
		lane_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	}
	ret = lane_begin(c, lane, FLT_P_HINT, r->start, flt_end(r));
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

	if (!survey_is_model(&c->s, file) || !length || length == FLT_NONE ||
	    r->f[FLT_READ_OFFSET] == FLT_NONE) {
		lane_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	}
	ret = lane_begin(c, lane, FLT_P_READ, r->start, flt_end(r));
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

	if (value == FLT_NONE || main->evaluation > c->s.nmarks)
		return 0;
	if (metric == c->s.footprint_metric)
		c->anon = value;
	else if (metric == c->s.shmem_metric)
		c->shmem = value;
	else if (metric == c->s.swap_metric)
		c->swap = value;
	else
		return 0;
	sum = c->anon + c->shmem + c->swap;
	diff = sum > c->footprint ? sum - c->footprint : c->footprint - sum;
	/* The samples of one moment come one by one; swap is the last of them. */
	if (diff < FOOTPRINT_STEP || (metric != c->s.swap_metric && c->s.swap_metric != FLT_NONE))
		return 0;
	c->footprint = sum;
	/* It is put where the main lane stands, and takes no time from it. */
	at = main->has_cur ? flt_end(&main->cur) : main->last_end;
	ret = lane_begin(c, 0, FLT_P_FOOTPRINT, at, at);
	main->cur.f[FLT_P_FOOTPRINT_BYTES] = sum;
	return ret;
}

static int take(struct convert *c, const struct flt_record *r)
{
	uint64_t file = FLT_NONE;
	uint32_t lane;
	int ret;

	if (r->kind == FLT_SAMPLE)
		return take_sample(c, r);
	if (r->kind != FLT_FAULT && r->kind != FLT_BARRIER && r->kind != FLT_READ &&
	    r->kind != FLT_HINT)
		return 0;
	lane = c->s.stream[r->stream].lane;
	if (r->kind == FLT_FAULT)
		file = survey_model_file(&c->s, r->f[FLT_FAULT_REGION]);
	if (lane == FLT_NO_LANE) {
		/* Hints shape the file's read-ahead whoever gave them. */
		if (r->kind == FLT_HINT && survey_is_model(&c->s, r->f[FLT_HINT_FILE]))
			lane = 0;
		else if (file != FLT_NONE && c->s.helper)
			lane = c->lanes - 1;
		else
			return 0;
	}
	ret = lanes_catch_up(c, flt_end(r));
	if (!ret)
		ret = lane_advance(c, lane, r->start);
	if (ret || c->lane[lane].evaluation > c->s.nmarks)
		return ret;
	worker_waits(c, lane, r->start);
	switch (r->kind) {
	case FLT_FAULT:
		if (file != FLT_NONE)
			return take_fault(c, lane, r, file);
		lane_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	case FLT_READ:
		return take_read(c, lane, r);
	case FLT_HINT:
		return take_hint(c, lane, r);
	default:
		ret = lane_begin(c, lane, FLT_P_BARRIER, r->start, flt_end(r));
		c->lane[lane].cur.f[FLT_BARRIER_GROUP] = r->f[FLT_BARRIER_GROUP];
		c->lane[lane].cur.f[FLT_BARRIER_GENERATION] = r->f[FLT_BARRIER_GENERATION];
		return ret ? ret : group_join(c, lane);
	}
}

/* ---- the whole ---- */

static int convert_pass(struct convert *c, struct flt_reader *in,
			const struct flt_prepare_options *opt)
{
	static const size_t batch = 1024;
	uint64_t total = flt_record_count(in, FLT_RECORDING), done = 0;
	struct flt_record *rec = malloc(batch * sizeof(*rec));
	struct flt_cursor *cur = NULL;
	ssize_t n = 0;
	int ret = -ENOMEM;

	if (!rec)
		return ret;
	ret = flt_cursor_open(&cur, in, FLT_RECORDING, FLT_ALL_STREAMS);
	while (!ret && (n = flt_cursor_next(cur, rec, batch)) > 0) {
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = take(c, &rec[i]);
		done += (uint64_t)n;
		if (opt && opt->progress)
			opt->progress(opt->progress_arg, (total + done) / 2, total);
	}
	ret = ret ? ret : n < 0 ? (int)n : 0;
	flt_cursor_close(cur);
	free(rec);
	return ret;
}

static int convert_finish(struct convert *c)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		while (!ret && c->lane[i].evaluation <= c->s.nmarks)
			ret = lane_mark(c, i, c->lane[i].evaluation + 1);
		if (!ret)
			ret = lane_push(c, i);
	}
	for (size_t g = 0; g < c->ngroups; g++)
		group_settle(c, &c->group[g]);
	for (uint32_t i = 0; !ret && i < c->lanes; i++)
		ret = lane_write(c, i);
	return ret ? ret : summary_write(c);
}

static int define_lanes(struct convert *c)
{
	for (uint32_t l = 0; l < c->lanes; l++) {
		json_t *streams = json_array();
		const char *role = l == 0 ? "main" : l < c->s.workers ? "worker" : "helper";
		int ret;

		for (size_t i = 0; i < c->s.nstreams; i++) {
			const struct survey_stream *st = &c->s.stream[i];

			if (st->lane == l ||
			    (st->lane == FLT_NO_LANE && st->model_faults && l >= c->s.workers))
				json_array_append_new(streams, json_integer((json_int_t)i));
		}
		ret = flt_writer_define(
			c->w, "lane",
			json_pack("{sisssO}", "id", (int)l, "role", role, "streams", streams));
		json_decref(streams);
		if (ret)
			return ret;
	}
	return 0;
}

static uint64_t power_of_two(uint64_t v)
{
	return v && !(v & (v - 1)) ? v : 0;
}

static uint64_t choose_fault_around(struct flt_reader *in, const struct flt_prepare_options *opt)
{
	const json_t *v = json_object_get(flt_header(in), "fault_around_bytes");
	const json_t *page = json_object_get(flt_header(in), "page_size");
	uint64_t around = opt ? power_of_two(opt->fault_around) : 0;

	if (!around && json_is_integer(v) && json_integer_value(v) > 0)
		around = power_of_two((uint64_t)json_integer_value(v));
	if (!around)
		around = 64 << 10;
	if (json_is_integer(page) && power_of_two((uint64_t)json_integer_value(page)) &&
	    (uint64_t)json_integer_value(page) > around)
		around = (uint64_t)json_integer_value(page);
	return around;
}

json_t *flt_prepare_json(const struct flt_prepare_stats *st)
{
	return json_pack("{sIsIsIsIsIsIsIsIsbss}", "lanes", (json_int_t)st->lanes, "evaluations",
			 (json_int_t)st->evaluations, "windows", (json_int_t)st->windows,
			 "window_bytes", (json_int_t)st->window_bytes, "barriers",
			 (json_int_t)st->barriers, "hints", (json_int_t)st->hints, "reads",
			 (json_int_t)st->reads, "compute_ns", (json_int_t)st->compute_ns,
			 "marks_inferred", st->marks_inferred, "note", st->note);
}

static void convert_note(struct convert *c)
{
	struct flt_prepare_stats *st = c->st;

	if (st->marks_inferred)
		snprintf(st->note, sizeof(st->note),
			 "evaluations were inferred from sweeps over the model: their borders are "
			 "approximate");
	else if (c->torn)
		snprintf(st->note, sizeof(st->note),
			 "%llu barriers were left out: not all of their threads were recorded",
			 (unsigned long long)c->torn);
}

static void convert_free(struct convert *c)
{
	for (uint32_t i = 0; c->lane && i < c->lanes; i++)
		free(c->lane[i].q);
	for (size_t g = 0; g < c->ngroups; g++)
		free(c->group[g].member);
	free(c->lane);
	free(c->group);
	free(c->summary);
	survey_free(&c->s);
}

int flt_prepare(struct flt_reader *in, struct flt_writer *out,
		const struct flt_prepare_options *opt, struct flt_prepare_stats *st)
{
	struct convert c = {.w = out, .st = st};
	uint64_t before = flt_writer_bytes(out);
	int ret;

	memset(st, 0, sizeof(*st));
	ret = survey_make(&c.s, in, opt);
	if (ret)
		goto out;
	c.lanes = c.s.workers + c.s.helper;
	c.fault_around = choose_fault_around(in, opt);
	c.lane = calloc(c.lanes, sizeof(*c.lane));
	if (!c.lane) {
		ret = -ENOMEM;
		goto out;
	}
	st->lanes = c.lanes;
	st->evaluations = c.s.nmarks;
	st->marks_inferred = c.s.marks_inferred;
	ret = flt_writer_flush(out, false);
	if (!ret)
		ret = define_lanes(&c);
	for (uint32_t i = 0; !ret && i < c.lanes; i++)
		ret = lane_mark(&c, i, 0);
	if (!ret)
		ret = convert_pass(&c, in, opt);
	if (!ret)
		ret = convert_finish(&c);
	if (ret)
		goto out;
	convert_note(&c);
	ret = flt_writer_define(out, "program", flt_prepare_json(st));
	if (!ret)
		ret = flt_writer_flush(out, false);
	st->program_bytes = flt_writer_bytes(out) - before;
out:
	convert_free(&c);
	return ret;
}
