// SPDX-License-Identifier: GPL-2.0-only
/*
 * A job at work. Ops come from the decoder; everything but windows and reads is done between fio's I/Os.
 */
#include "engines/lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/barriers.h"
#include "engines/decoder.h"
#include "engines/footprint.h"
#include "engines/measure.h"
#include "engines/pool.h"
#include "engines/probes.h"
#include "engines/wait.h"

#define PUBLISH 256 /* ops between two words to the decoder */
#define SCRATCH (1u << 20)
/*
 * Of the compute that follows so much may have been spent before: by spins that took too long, by fio and this engine
 * between two windows.
 */
#define MAX_DEBT_NS 3000.0
#define FAULT_NS    1000.0       /* a touch that takes longer was a fault */
#define NO_ENTRY    (1ull << 40) /* an evaluation of which no times are kept */

/* ---- fetching --------------------------------------------------------------- */

static const struct eng_op *fetch_recorded(struct eng_job *j)
{
	struct eng_ring *r = &j->lane->ring;

	while (r->pos == r->limit) {
		r->limit = atomic_load_explicit(&r->head, memory_order_acquire);
		if (r->pos != r->limit)
			break;
		atomic_store(&r->tail, r->pos);
		if (eng_decoder_sleeps(j->group))
			eng_decoder_wake(j->group);
		/* Sleeping, for the decoder may need this CPU. */
		host_sleep_ns(ENG_EMPTY_NS);
		j->own_sleeps++;
		j->starved++;
		if (eng_look(j))
			return NULL;
	}
	return &r->op[r->pos % ENG_RING_OPS];
}

static void done_recorded(struct eng_job *j, const struct eng_op *op)
{
	struct eng_ring *r = &j->lane->ring;

	atomic_store_explicit(&j->lane->done_seq, op->seq + 1, memory_order_release);
	if (++r->pos % PUBLISH)
		return;
	atomic_store(&r->tail, r->pos);
	if (eng_decoder_sleeps(j->group))
		eng_decoder_wake(j->group);
}

static void new_epoch(struct eng_job *j, bool *measured)
{
	uint64_t epoch = atomic_load(&j->group->epoch);
	bool was = j->measuring, is = (epoch - 1) & 1;

	j->epoch_seen = epoch;
	eng_measure_job(j, (epoch - 1) >> 1 < NO_ENTRY ? (epoch - 1) >> 1 : UINT64_MAX, is);
	*measured |= !was && j->measuring;
}

/*
 * Tickets are handed out in the order of the ops, so a job that comes to "all before have to be done" waits
 * for jobs that are at work, never for one that has not begun.
 */
static const struct eng_op *fetch_shared(struct eng_job *j, bool *measured)
{
	struct eng_group *g = j->group;
	struct eng_deal *d = &g->deal;
	uint64_t ticket = atomic_fetch_add(&d->ticket, 1);
	struct eng_op *place = &d->op[ticket % ENG_RING_OPS];
	struct eng_wait w;

	while (__atomic_load_n(&place->slot, __ATOMIC_ACQUIRE) != ticket + 1) {
		if (eng_decoder_sleeps(g))
			eng_decoder_wake(g);
		host_sleep_ns(ENG_EMPTY_NS);
		j->own_sleeps++;
		j->starved++;
		if (eng_look(j))
			return NULL;
	}
	j->op = *place;
	__atomic_store_n(&place->slot, ticket + ENG_RING_OPS, __ATOMIC_RELEASE);
	if (ticket % PUBLISH == 0 && eng_decoder_sleeps(g))
		eng_decoder_wake(g);
	if (atomic_load_explicit(&d->done, memory_order_acquire) < j->op.need) {
		w = eng_wait_begin(j);
		while (atomic_load_explicit(&d->done, memory_order_acquire) < j->op.need)
			if (!eng_wait_step(&w))
				return NULL;
		j->count.waited += eng_wait_end(&w);
	}
	if (atomic_load_explicit(&g->epoch, memory_order_acquire) != j->epoch_seen)
		new_epoch(j, measured);
	return &j->op;
}

static void finish(struct eng_job *j, const struct eng_op *op)
{
	j->at = NULL;
	if (j->hand.left && op == eng_hand_window(j)) {
		if (!eng_hand_done(j, op) || j->lane)
			return;
	} else if (j->lane) {
		done_recorded(j, op);
		return;
	}
	atomic_fetch_add_explicit(&j->group->deal.done, 1, memory_order_release);
	eng_wake(j->group);
}

/* ---- compute ---------------------------------------------------------------- */

static bool compute(struct eng_job *j, uint64_t ns)
{
	uint64_t ticks, now;

	if (!ns || j->pace != ENG_PACE_COMPUTE)
		return true;
	ticks = (uint64_t)((double)ns * j->scale);
	j->count.compute += ticks;
	if (ticks <= j->debt) {
		j->debt -= ticks;
		return true;
	}
	now = eng_ticks();
	if (!eng_spin(j, &now, now + ticks - j->debt, &j->debt))
		return false;
	j->busy = now;
	return true;
}

static uint64_t touch_plain(const uint8_t *at, const uint8_t *end, size_t page, uint8_t *sink)
{
	uint8_t sum = *sink;

	for (; at < end; at += page)
		sum = (uint8_t)(sum + *(const volatile uint8_t *)at);
	*sink = sum;
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * One byte of each page, and after each its share of the compute. A page that was there already costs a miss of the TLB,
 * which the recorded thread had as well and which is in its compute: the share begins before such a touch, but after a
 * fault, whose time was recorded as a wait. Returns the ticks that were compute.
 */
static uint64_t touch_paced(struct eng_job *j, const uint8_t *at, const uint8_t *end, size_t page,
			    uint64_t now, uint64_t ticks)
{
	uint64_t share = ticks / ((uint64_t)(end - at + (ptrdiff_t)page - 1) / page);
	uint64_t most = eng_ns_to_ticks(MAX_DEBT_NS), fault = eng_ns_to_ticks(FAULT_NS);
	uint64_t off = eng_ns_to_ticks(ENG_OFF_CPU_NS), spent = 0, debt = j->debt;
	uint8_t sum = j->sink;

	/* What fio and this engine did since, no recorded thread did. */
	if (j->busy && now - j->busy < off)
		debt += now - j->busy;
	for (; at < end; at += page) {
		uint64_t began = now;

		sum = (uint8_t)(sum + *(const volatile uint8_t *)at);
		now = eng_ticks();
		if (now - began > fault)
			began = now;
		debt = least(debt, most) + (now - began);
		if (debt >= share) {
			debt -= share;
			spent += now - began;
			continue;
		}
		if (!eng_spin(j, &now, now + share - debt, &debt))
			break;
		spent += now - began;
	}
	j->sink = sum;
	j->debt = least(debt, most);
	j->busy = now;
	return spent;
}

/* ---- between I/Os ------------------------------------------------------------- */

/*
 * Nobody begins an evaluation before the main lane has: without barriers of its own, a helper's lane would
 * run ahead through the whole trace. Barriers are not held back, since a thread that was late in noticing its
 * release has them on the other side of the mark.
 */
static bool pass_gate(struct eng_job *j)
{
	struct eng_lane *main = &j->group->lane[j->group->main_lane];
	struct eng_wait w;

	if (!j->gate)
		return true;
	if (j->lane != main &&
	    atomic_load_explicit(&main->evaluation, memory_order_acquire) < j->gate) {
		w = eng_wait_begin(j);
		while (atomic_load_explicit(&main->evaluation, memory_order_acquire) < j->gate)
			if (!eng_wait_step(&w))
				return false;
		j->count.waited += eng_wait_end(&w);
	}
	j->gate = 0;
	return true;
}

static bool is_done(struct eng_lane *lane, uint64_t seq)
{
	return atomic_load_explicit(&lane->done_seq, memory_order_acquire) > seq ||
	       atomic_load_explicit(&lane->dealt_seq, memory_order_acquire) > seq;
}

static bool wait_edge(struct eng_job *j, const struct eng_op *op)
{
	struct eng_lane *other = &j->group->lane[op->file];
	struct eng_wait w;

	if (other == j->lane || is_done(other, op->offset))
		return true;
	w = eng_wait_begin(j);
	while (!is_done(other, op->offset))
		if (!eng_wait_step(&w))
			return false;
	j->count.waited += eng_wait_end(&w);
	return true;
}

static bool wait_barrier(struct eng_job *j, const struct eng_op *op)
{
	j->count.barriers++;
	return faultline_barrier(op->need, op->offset, j, op->length);
}

/*
 * hints= other than recorded: once, as part of the first evaluation, since that is where a program would do it and where its
 * time belongs.
 */
static void advise(struct eng_group *g)
{
	static const struct {
		uint8_t hint;
		uint32_t advice;
	} of[] = {
		[ENG_HINTS_RANDOM] = {FLT_HO_MADVISE, MADV_RANDOM},
		[ENG_HINTS_SEQUENTIAL] = {FLT_HO_MADVISE, MADV_SEQUENTIAL},
		[ENG_HINTS_WILLNEED] = {FLT_HO_MADVISE, MADV_WILLNEED},
		[ENG_HINTS_POPULATE] = {FLT_HO_POPULATE, 0},
	};

	if (g->set.hints <= ENG_HINTS_NONE || g->advised)
		return;
	g->advised = true;
	for (uint32_t i = 0; i < g->files; i++) {
		int ret = eng_file_hint(&g->file[i], of[g->set.hints].hint, of[g->set.hints].advice,
					0, 0);

		if (ret)
			eng_warn(g, "hints=%s: %s: %s", eng_hints_name(g->set.hints),
				 g->file[i].path, strerror(-ret));
	}
}

static uint64_t mark_class(const struct eng_group *g, uint64_t index)
{
	return index < g->plan->evaluations ? g->plan->evaluation[index].mark_class : FLT_MC_END;
}

static void mark(struct eng_job *j, const struct eng_op *op, bool *measured)
{
	struct eng_group *g = j->group;
	uint64_t entry = eng_measure_entry(g, j->pass, op->offset);
	bool was = j->measuring;

	if (!j->lane || j->lane == &g->lane[g->main_lane])
		faultline_evaluation(op->offset, mark_class(g, op->offset), op->length);
	if (!j->lane) {
		eng_measure_mark(g, j->pass, op->offset, op->file);
		advise(g);
		if (g->swap)
			eng_footprint_use(g);
		atomic_store(&g->epoch,
			     1 + (entry == UINT64_MAX ? NO_ENTRY : entry) * 2 + op->file);
		return;
	}
	if (j->lane == &g->lane[g->main_lane]) {
		eng_measure_mark(g, j->pass, op->offset, op->file);
		advise(g);
		atomic_store(&j->lane->evaluation, op->offset + 1);
		eng_wake(g);
		if (g->swap)
			eng_footprint_use(g);
	}
	j->gate = op->offset + 1;
	eng_measure_job(j, entry, op->file);
	*measured |= !was && j->measuring;
}

/* The end of a pass. True if another one follows. */
static bool end_of_pass(struct eng_job *j)
{
	struct eng_group *g = j->group;
	bool last = j->pass + 1 >= g->loops;

	eng_measure_job(j, UINT64_MAX, false);
	if (j->lane == &g->lane[g->main_lane] || (!j->lane && !j->index)) {
		faultline_evaluation(g->plan->evaluations, FLT_MC_END, FLT_NONE);
		eng_measure_end(g, last);
		if (j->lane) {
			atomic_store(&j->lane->evaluation, UINT64_MAX);
			eng_wake(g);
		}
	}
	if (j->lane) {
		atomic_store(&j->lane->done_seq, UINT64_MAX);
		eng_wake(g);
	}
	if (last) {
		/* The others may still be at work; the pass counts when all have come here. */
		if (atomic_fetch_add(&g->step, 1) + 1 == g->jobs)
			atomic_fetch_add(&g->passes, 1);
		/* It comes to no barrier any more: whoever waits for it there waits for ever. */
		atomic_fetch_add(&g->stuck, 1);
		j->finished = true;
		return false;
	}
	if (!eng_pass_meet(j))
		return false;
	j->pass++;
	j->gate = 0;
	j->pass_start = eng_ticks();
	return true;
}

static bool idle(struct eng_job *j, const struct eng_op *op)
{
	if (j->pace != ENG_PACE_COMPUTE)
		return true;
	return eng_pause(j, eng_ticks() + eng_ns_to_ticks((double)op->length));
}

/* pace=wall: not before the time at which it was recorded. */
static bool wait_wall(struct eng_job *j, const struct eng_op *op)
{
	uint64_t until = j->pass_start + eng_ns_to_ticks((double)op->start);

	return eng_ticks() >= until || eng_pause(j, until);
}

static void hint(struct eng_job *j, const struct eng_op *op)
{
	struct eng_file *f = &j->group->file[op->file];

	if (op->hint == FLT_HO_MLOCK && !eng_footprint_lock(j->group, f, op->offset, op->length))
		return;
	if (op->hint == FLT_HO_MUNLOCK)
		eng_footprint_unlock(j->group, f, op->offset, op->length);
	/* What the recorded kernel took, this one may not know; a hint has no effect on what is read. */
	(void)eng_file_hint(f, op->hint, op->advice, op->offset, op->length);
}

/* Everything but I/O. False: the group has stopped, or this was the end. */
static bool step(struct eng_job *j, const struct eng_op *op, bool *measured)
{
	switch (op->kind) {
	case ENG_BARRIER:
		return wait_barrier(j, op);
	case ENG_MARK:
		mark(j, op, measured);
		return !op->compute || pass_gate(j);
	case ENG_HINT:
		if (!pass_gate(j))
			return false;
		hint(j, op);
		return true;
	case ENG_FOOTPRINT:
		eng_footprint_set(j->group, op->offset);
		return true;
	case ENG_ANON:
		if (!pass_gate(j))
			return false;
		eng_footprint_touch(j->group, op->offset, op->length);
		return true;
	case ENG_IDLE:
		return pass_gate(j) && idle(j, op);
	case ENG_EDGE:
		return wait_edge(j, op);
	case ENG_END:
		return end_of_pass(j);
	default:
		return true;
	}
}

/* The next window of the chunk in hand, or else the next op. NULL: the group has stopped. */
static const struct eng_op *fetch(struct eng_job *j, bool *measured)
{
	if (j->hand.left)
		return eng_hand_window(j);
	if (!j->lane)
		return fetch_shared(j, measured);
	while (j->pool) {
		int ret = eng_pool_take(j);

		if (ret < 0)
			return NULL;
		if (ret)
			return eng_hand_window(j);
		/* There are none left, and the op that led here is done. */
		done_recorded(j, fetch_recorded(j));
	}
	return fetch_recorded(j);
}

enum eng_next eng_job_next(struct eng_job *j, const struct eng_op **out, bool *measured)
{
	*measured = false;
	while (!j->at) {
		const struct eng_op *op = fetch(j, measured);

		if (!op)
			break;
		if (eng_stopped(j->group))
			break;
		if (op->kind == ENG_STOP) {
			if (op->offset)
				eng_stop(j->group, ENG_TRACE, j->index, NULL);
			break;
		}
		if (j->pace == ENG_PACE_WALL && op->kind != ENG_MARK && op->kind != ENG_END &&
		    !wait_wall(j, op))
			break;
		if (op->kind == ENG_WINDOW || op->kind == ENG_READ) {
			if (!pass_gate(j))
				break;
			j->at = op;
			break;
		}
		j->busy = 0;
		if (op->kind == ENG_POOL) {
			j->pool = (struct eng_pool *)(uintptr_t)
					  op->slot; /* NOLINT(performance-no-int-to-ptr) */
			continue;
		}
		if (op->kind == ENG_CHUNK) {
			j->hand = (struct eng_hand){.from = &j->group->deal.chunks,
						    .at = op->offset,
						    .left = (uint32_t)op->length};
			j->count.chunks++;
			continue;
		}
		if (!step(j, op, measured) || !compute(j, op->compute))
			break;
		finish(j, op);
	}
	*out = j->at;
	if (j->at)
		return ENG_NEXT_IO;
	return j->finished ? ENG_NEXT_END : ENG_NEXT_STOPPED;
}

/* ---- I/O ---------------------------------------------------------------------- */

static int do_read(struct eng_job *j, const struct eng_op *op)
{
	const struct eng_file *f = &j->group->file[op->file];
	uint64_t at = op->offset, end = op->offset + op->length;

	if (!j->scratch)
		j->scratch = malloc(SCRATCH);
	if (!j->scratch)
		return -ENOMEM;
	while (at < end) {
		ssize_t n = pread(f->fd, j->scratch,
				  end - at < SCRATCH ? (size_t)(end - at) : SCRATCH, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			uintptr_t none = 0;

			atomic_compare_exchange_strong(&j->group->bus_address, &none,
						       (uintptr_t)f->map + at);
			eng_stop(j->group, ENG_BUS, j->index, NULL);
			return -EIO;
		}
		at += (uint64_t)n;
	}
	return 0;
}

int eng_job_touch(struct eng_job *j, uint64_t *compute_ns)
{
	const struct eng_op *op = j->at;
	struct eng_group *g = j->group;
	const struct eng_file *f = &g->file[op->file];
	const uint8_t *at = f->map + (op->offset & ~(g->page - 1)),
		      *end = f->map + op->offset + op->length;
	uint64_t began, spent;
	int ret = 0;

	*compute_ns = 0;
	j->count.windows++;
	j->count.bytes += op->length;
	if (op->kind == ENG_READ)
		ret = do_read(j, op);
	if (j->pace != ENG_PACE_COMPUTE) {
		if (op->kind == ENG_WINDOW)
			touch_plain(at, end, g->page, &j->sink);
	} else if (op->kind == ENG_READ) {
		compute(j, op->compute);
	} else {
		uint64_t ticks = (uint64_t)((double)op->compute * j->scale);

		began = eng_ticks();
		spent = ticks ? touch_paced(j, at, end, g->page, began, ticks)
			      : touch_plain(at, end, g->page, &j->sink);
		j->count.compute += ticks;
		j->count.touch += eng_ticks() - began - spent;
		*compute_ns = eng_ticks_to_ns(spent);
	}
	finish(j, op);
	if (ret || eng_stopped(g) == ENG_BUS)
		return ret ? ret : -EIO;
	return 0;
}

void eng_job_begin(struct eng_job *j)
{
	j->entry = UINT64_MAX;
	j->pass_start = eng_ticks();
	eng_measure_job(j, UINT64_MAX, false);
}

void eng_job_end(struct eng_job *j)
{
	eng_measure_job(j, UINT64_MAX, false);
	free(j->scratch);
	j->scratch = NULL;
}
