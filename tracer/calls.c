// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads, hints, barriers and marks: calls of the recorded threads that are events by themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tracer/judge.h"
#include "tracer/world.h"
#include "tracer/zap.h"

/* Allocators give back small pieces all the time; those say nothing about a model. */
#define SMALLEST_ANONYMOUS_HINT (1u << 20)

static void on_read(struct rec_world *w, struct rec_thread *t, const struct rec_event_syscall *e)
{
	bool positioned = e->op == REC_SYS_PREAD || e->op == REC_SYS_PREADV;
	struct flt_record r = {.kind = FLT_READ};
	struct rec_region *region;
	struct rec_file *f;

	if (e->ret <= 0)
		return;
	f = rec_file_get(w, e->dev, e->ino, t->process->pid, (int)e->arg[0], NULL);
	if (!f)
		return;
	region = rec_mappings_find(w, t->process, e->dest, e->h.end);
	r.stream = rec_thread_stream(w, t, e->h.end);
	r.f[FLT_READ_FILE] = f->id;
	/* preadv2() with the position -1 reads where the descriptor is */
	r.f[FLT_READ_OFFSET] = positioned && e->arg[3] != UINT64_MAX ? e->arg[3] : e->pos;
	r.f[FLT_READ_LENGTH] = (uint64_t)e->ret;
	r.f[FLT_READ_REGION] = region ? region->id : FLT_NONE;
	r.f[FLT_READ_DEST] = region ? e->dest - region->addr : e->dest;
	r.f[FLT_READ_FLAGS] = e->file_flags & O_DIRECT ? FLT_RF_DIRECT : 0;
	rec_sink_time(w->sink, &r, e->h.end, rec_event_duration(&e->h));
	rec_sink_add(w->sink, &r);
	w->totals.reads++;
}

static void add_hint(struct rec_world *w, struct rec_thread *t, const struct rec_event_syscall *e,
		     const uint64_t f[6])
{
	struct flt_record r = {.kind = FLT_HINT};

	r.stream = rec_thread_stream(w, t, e->h.end);
	memcpy(r.f, f, 6 * sizeof(f[0]));
	rec_sink_time(w->sink, &r, e->h.end, rec_event_duration(&e->h));
	rec_sink_add(w->sink, &r);
	w->totals.hints++;
}

/* madvise(), mlock(), munlock(): an address range */
static void on_range_hint(struct rec_world *w, struct rec_thread *t,
			  const struct rec_event_syscall *e)
{
	struct rec_region *region = rec_mappings_find(w, t->process, e->arg[0], e->h.end);
	bool madvise = e->op == REC_SYS_MADVISE;
	uint64_t f[6];

	if (e->ret || !e->arg[1])
		return;
	/* ours, in the thread's name: no hint of the run's */
	if (madvise && e->arg[2] == MADV_DONTNEED && e->arg[3] == REC_ZAP_MAGIC)
		return;
	if (madvise && (!region || region->file == FLT_NONE) && e->arg[1] < SMALLEST_ANONYMOUS_HINT)
		return;
	f[FLT_HINT_OP] = madvise                  ? FLT_HO_MADVISE
			 : e->op == REC_SYS_MLOCK ? FLT_HO_MLOCK
						  : FLT_HO_MUNLOCK;
	f[FLT_HINT_ADVICE] = madvise ? e->arg[2] : 0;
	f[FLT_HINT_FILE] = region ? region->file : FLT_NONE;
	f[FLT_HINT_REGION] = region ? region->id : FLT_NONE;
	f[FLT_HINT_OFFSET] = region ? rec_region_offset(region, e->arg[0]) : e->arg[0];
	f[FLT_HINT_LENGTH] = e->arg[1];
	add_hint(w, t, e, f);
}

/* fadvise64(fd, offset, length, advice), readahead(fd, offset, length) */
static void on_file_hint(struct rec_world *w, struct rec_thread *t,
			 const struct rec_event_syscall *e)
{
	bool fadvise = e->op == REC_SYS_FADVISE;
	struct rec_file *file;
	uint64_t f[6];

	if (e->ret || !e->ino)
		return;
	file = rec_file_get(w, e->dev, e->ino, t->process->pid, (int)e->arg[0], NULL);
	if (!file)
		return;
	f[FLT_HINT_OP] = fadvise ? FLT_HO_FADVISE : FLT_HO_READAHEAD;
	f[FLT_HINT_ADVICE] = fadvise ? e->arg[3] : 0;
	f[FLT_HINT_FILE] = file->id;
	f[FLT_HINT_REGION] = FLT_NONE;
	f[FLT_HINT_OFFSET] = e->arg[1];
	f[FLT_HINT_LENGTH] = e->arg[2];
	add_hint(w, t, e, f);
}

void rec_calls_syscall(struct rec_world *w, struct rec_thread *t, const struct rec_event_syscall *e)
{
	switch (e->op) {
	case REC_SYS_READ:
	case REC_SYS_PREAD:
	case REC_SYS_READV:
	case REC_SYS_PREADV:
		on_read(w, t, e);
		break;
	case REC_SYS_MADVISE:
	case REC_SYS_MLOCK:
	case REC_SYS_MUNLOCK:
		on_range_hint(w, t, e);
		break;
	case REC_SYS_FADVISE:
	case REC_SYS_READAHEAD:
		on_file_hint(w, t, e);
		break;
	default:
		break;
	}
}

/* ---- barriers ---- */

static struct rec_barrier_group *barrier_group(struct rec_world *w, pid_t pid, uint64_t object)
{
	struct rec_barrier_group *g, want = {0};

	want.key.object = object;
	want.key.pid = (uint64_t)pid;
	HASH_FIND(hh, w->barriers, &want.key, sizeof(want.key), g);
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->key = want.key;
	g->id = HASH_COUNT(w->barriers);
	HASH_ADD(hh, w->barriers, key, sizeof(g->key), g);
	return g;
}

static void on_barrier(struct rec_world *w, struct rec_thread *t, const struct rec_event_call *e)
{
	struct rec_barrier_group *g = barrier_group(w, t->process->pid, e->arg);
	uint64_t dur = rec_event_duration(&e->h);
	struct flt_record r = {.kind = FLT_BARRIER};
	uint64_t generation;

	if (!g)
		return;
	generation = rec_barrier_add(&g->barrier, e->h.end - dur, e->h.end);
	r.stream = rec_thread_stream(w, t, e->h.end);
	r.f[FLT_BARRIER_GROUP] = g->id;
	r.f[FLT_BARRIER_GENERATION] = generation;
	/* a function that is told who meets where need not be believed to be right by its times */
	if (w->symbol[e->symbol].cookie & REC_COOKIE_GENERATION) {
		r.f[FLT_BARRIER_GROUP] = e->arg;
		r.f[FLT_BARRIER_GENERATION] = e->depth;
	}
	r.f[FLT_BARRIER_PARTICIPANTS] = g->barrier.participants;
	rec_sink_time(w->sink, &r, e->h.end, dur);
	rec_sink_add(w->sink, &r);
	w->totals.barriers++;
}

/* ---- marks ---- */

static void add_mark(struct rec_world *w, uint32_t stream, uint32_t class, uint64_t tokens,
		     uint64_t symbol, uint32_t flags, uint64_t end, uint64_t dur)
{
	struct flt_record r = {.kind = FLT_MARK, .stream = stream};

	r.f[FLT_MARK_CLASS] = class;
	r.f[FLT_MARK_ID] = w->marks.count[class]++;
	r.f[FLT_MARK_TOKENS] = tokens;
	r.f[FLT_MARK_SYMBOL] = symbol;
	r.f[FLT_MARK_FLAGS] = flags;
	rec_sink_time(w->sink, &r, end, dur);
	rec_sink_add(w->sink, &r);
}

static void add_evaluation(struct rec_world *w, struct rec_thread *t, const struct rec_pass *p,
			   uint32_t symbol)
{
	add_mark(w, rec_thread_stream(w, t, p->end), p->class, p->tokens, symbol,
		 /* several tokens may also be those of several requests at once */
		 p->class == FLT_MC_PROMPT && p->index == FLT_NONE ? FLT_MF_CLASS_GUESSED : 0,
		 p->end, p->end - p->begin);
	rec_passes_add(&w->marks.passes, p);
	if (w->judge)
		rec_judge_pass(w->judge, p->class);
	w->totals.evaluations++;
	w->totals.decodes += p->class == FLT_MC_DECODE;
	if (p->class == FLT_MC_PROMPT)
		w->totals.batch_tokens += p->tokens;
}

/*
 * Of several probed functions that are inside each other the one of the best rank makes the marks. It
 * is known by the time the first of them ends, since by then all of them have begun.
 */
static void first_begin(struct rec_world *w, const struct rec_event_call *e)
{
	struct rec_marks *m = &w->marks;
	int rank = w->symbol[e->symbol].rank;

	if (!m->any) {
		add_mark(w, rec_process_stream(w, w->root), FLT_MC_LOAD, FLT_NONE, e->symbol, 0,
			 e->h.end, e->h.end - w->sink->epoch);
		m->passes.load_ns = e->h.end - w->sink->epoch;
	}
	if (!m->any || rank < m->best_rank)
		m->best_rank = rank;
	m->any = true;
}

static void on_call_begin(struct rec_world *w, struct rec_thread *t, const struct rec_event_mark *e)
{
	first_begin(w, &e->c);
	if (e->c.depth < REC_CALL_DEPTH)
		t->used[e->c.depth] = e->usage;
	/* an inner function's own number is the more exact one: of a part of the batch */
	if (e->c.arg != FLT_NONE) {
		t->batch_tokens = e->c.arg;
		t->batch_symbol = e->c.symbol;
	}
}

static void on_call_end(struct rec_world *w, struct rec_thread *t, const struct rec_event_mark *e)
{
	struct rec_pass p = {
		.class = FLT_MC_EVALUATION,
		.tokens = t->batch_tokens,
		.index = FLT_NONE,
		.begin = e->c.h.end - rec_event_duration(&e->c.h),
		.end = e->c.h.end,
		.to = e->usage,
	};

	if (t->batch_tokens != FLT_NONE && t->batch_symbol == e->c.symbol)
		t->batch_tokens = FLT_NONE;
	if (w->symbol[e->c.symbol].rank != w->marks.best_rank)
		return;
	if (e->c.depth < REC_CALL_DEPTH)
		p.from = t->used[e->c.depth];
	if (p.tokens == 1)
		p.class = FLT_MC_DECODE;
	else if (p.tokens != FLT_NONE)
		p.class = FLT_MC_PROMPT;
	add_evaluation(w, t, &p, e->c.symbol);
}

/* ---- marks that span nothing ---- */

static void end_point(struct rec_world *w, struct rec_thread *t, uint64_t end,
		      const struct rec_usage *to)
{
	if (!t->in_point)
		return;
	t->in_point = false;
	t->point.end = end > t->point.begin ? end : t->point.begin;
	t->point.to = *to;
	add_evaluation(w, t, &t->point, t->point_symbol);
}

/* The class says what begins, or that nothing does. */
static void on_point(struct rec_world *w, struct rec_thread *t, const struct rec_event_mark *e)
{
	bool known = e->class > FLT_MC_LOAD && e->class < FLT_MC_END;

	end_point(w, t, e->c.h.end, &e->usage);
	/* the load phase lasts to the first evaluation, and is what first_begin() makes of it */
	if (e->class == FLT_MC_END || e->class == FLT_MC_LOAD)
		return;
	first_begin(w, &e->c);
	if (w->symbol[e->c.symbol].rank != w->marks.best_rank)
		return;
	t->in_point = true;
	t->point_symbol = e->c.symbol;
	t->point_last = e->c.h.end;
	t->point = (struct rec_pass){
		.class = known ? (uint32_t)e->class : FLT_MC_EVALUATION,
		.tokens = e->c.arg,
		.index = e->index,
		.begin = e->c.h.end,
		.from = e->usage,
	};
}

/* Nobody said where its last evaluation ends: with the last thing that is known of it. */
void rec_calls_thread_end(struct rec_world *w, struct rec_thread *t)
{
	const struct rec_usage unknown = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

	end_point(w, t, t->point_last, &unknown);
}

void rec_calls_event(struct rec_world *w, struct rec_thread *t, const struct rec_event_call *e,
		     uint32_t kind)
{
	const struct rec_event_mark *mark = (const struct rec_event_mark *)e;

	if (e->symbol >= w->symbols)
		return;
	if (kind == REC_EV_BARRIER)
		on_barrier(w, t, e);
	else if (w->symbol[e->symbol].cookie & REC_COOKIE_POINT)
		on_point(w, t, mark);
	else if (kind == REC_EV_CALL_BEGIN)
		on_call_begin(w, t, mark);
	else
		on_call_end(w, t, mark);
}

void rec_calls_free(struct rec_world *w)
{
	struct rec_barrier_group *g, *next;

	HASH_ITER (hh, w->barriers, g, next) {
		HASH_DEL(w->barriers, g);
		free(g);
	}
	rec_passes_free(&w->marks.passes);
}
