// SPDX-License-Identifier: GPL-2.0-only
#include "engines/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "engines/selection.h"

#ifndef MADV_COLD
#define MADV_COLD    20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

int eng_source_begin(struct eng_source *s, struct eng_group *g, uint32_t lane, uint64_t pass)
{
	struct flt_cursor *old = s->cursor;

	flt_cursor_close(old);
	memset(s, 0, sizeof(*s));
	s->group = g;
	s->lane = lane;
	s->pass = pass;
	s->index = UINT64_MAX;
	s->action = ENG_SKIP;
	s->footprint = UINT64_MAX;
	return flt_cursor_open(&s->cursor, g->trace, FLT_PROGRAM, lane);
}

void eng_source_end(struct eng_source *s)
{
	flt_cursor_close(s->cursor);
	s->cursor = NULL;
}

static int peek(struct eng_source *s, const struct flt_record **r)
{
	if (s->at == s->n) {
		ssize_t n = flt_cursor_next(s->cursor, s->rec, ENG_SOURCE_BATCH);

		if (n < 0)
			return (int)n;
		s->n = (size_t)n;
		s->at = 0;
		if (!n)
			return 0;
	}
	*r = &s->rec[s->at];
	return 1;
}

static void hand_out(struct eng_source *s, const struct eng_op *op)
{
	s->ready[s->nready++] = *op;
}

/* The op at hand is complete: GAP is the compute after it. */
static void settle(struct eng_source *s, uint64_t gap)
{
	if (!s->has_pending)
		return;
	s->pending.compute += gap;
	hand_out(s, &s->pending);
	s->has_pending = false;
}

static struct eng_op *take(struct eng_source *s, uint8_t kind, const struct flt_record *r)
{
	uint64_t skipped = eng_selection_skipped(&s->group->sel, s->index, s->pass);

	memset(&s->pending, 0, sizeof(s->pending));
	s->pending.kind = kind;
	s->pending.seq = r->seq;
	s->pending.start = r->start > skipped ? r->start - skipped : 0;
	s->has_pending = true;
	return &s->pending;
}

/* ---- checks --------------------------------------------------------------------- */

static int file_of(const struct eng_source *s, uint64_t id, uint16_t *index)
{
	const struct eng_group *g = s->group;

	for (uint32_t i = 0; i < g->files; i++) {
		if (g->file[i].trace_id == id) {
			*index = (uint16_t)i;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Windows are made of the recording machine's pages: the last one may end behind the file. */
static int range_of(const struct eng_file *f, uint64_t offset, uint64_t length, struct eng_op *op)
{
	if (offset >= f->size || length > f->size - offset + 65536)
		return -EBADMSG;
	op->offset = offset;
	op->length = length < f->size - offset ? length : f->size - offset;
	return 0;
}

static int take_io(struct eng_source *s, const struct flt_record *r, uint8_t kind)
{
	struct eng_op *op;
	uint16_t file;
	int ret;

	if (!r->f[FLT_P_WINDOW_LENGTH])
		return 0;
	ret = file_of(s, r->f[FLT_P_WINDOW_FILE], &file);
	if (ret)
		return ret;
	op = take(s, kind, r);
	op->file = file;
	ret = range_of(&s->group->file[file], r->f[FLT_P_WINDOW_OFFSET], r->f[FLT_P_WINDOW_LENGTH],
		       op);
	if (ret)
		s->has_pending = false;
	return ret;
}

/* Advice that changes how a mapping or a file behaves from then on, and reads nothing itself. */
static bool is_state(uint64_t op, uint64_t advice)
{
	switch (op) {
	case FLT_HO_MADVISE:
		return advice == MADV_NORMAL || advice == MADV_RANDOM ||
		       advice == MADV_SEQUENTIAL || advice == MADV_HUGEPAGE ||
		       advice == MADV_NOHUGEPAGE;
	case FLT_HO_FADVISE:
		return advice == POSIX_FADV_NORMAL || advice == POSIX_FADV_RANDOM ||
		       advice == POSIX_FADV_SEQUENTIAL;
	case FLT_HO_MLOCK:
	case FLT_HO_MUNLOCK:
		return true;
	default:
		return false;
	}
}

/* Some advice would harm the machine (MADV_HWPOISON): only what is known goes through. */
static bool is_harmless(uint64_t op, uint64_t advice)
{
	switch (op) {
	case FLT_HO_MADVISE:
		return is_state(op, advice) || advice == MADV_WILLNEED || advice == MADV_DONTNEED ||
		       advice == MADV_COLD || advice == MADV_PAGEOUT ||
		       advice == MADV_POPULATE_READ || advice == MADV_COLLAPSE;
	case FLT_HO_FADVISE:
		return is_state(op, advice) || advice == POSIX_FADV_WILLNEED ||
		       advice == POSIX_FADV_DONTNEED || advice == POSIX_FADV_NOREUSE;
	case FLT_HO_READAHEAD:
	case FLT_HO_POPULATE:
		return true;
	default:
		return is_state(op, advice);
	}
}

static void take_hint(struct eng_source *s, const struct flt_record *r)
{
	const uint64_t *f = r->f;
	struct eng_op *op;
	uint16_t file;

	if (s->group->set.hints != ENG_HINTS_RECORDED ||
	    !is_harmless(f[FLT_P_HINT_OP], f[FLT_P_HINT_ADVICE]) ||
	    file_of(s, f[FLT_P_HINT_FILE], &file) ||
	    f[FLT_P_HINT_OFFSET] >= s->group->file[file].size)
		return;
	op = take(s, ENG_HINT, r);
	op->file = file;
	op->hint = (uint8_t)f[FLT_P_HINT_OP];
	op->advice = (uint32_t)f[FLT_P_HINT_ADVICE];
	op->offset = f[FLT_P_HINT_OFFSET];
	op->length = f[FLT_P_HINT_LENGTH];
}

static int take_barrier(struct eng_source *s, const struct flt_record *r)
{
	struct eng_op *op;

	/* No generation comes after this one, so nobody could ever be released from it. */
	if (r->f[FLT_BARRIER_GENERATION] == FLT_NONE)
		return -EBADMSG;
	op = take(s, ENG_BARRIER, r);
	op->need = r->f[FLT_BARRIER_GROUP] == FLT_NONE ? FLT_NONE - 1 : r->f[FLT_BARRIER_GROUP];
	op->offset = r->f[FLT_BARRIER_GENERATION];
	op->length = r->f[FLT_BARRIER_PARTICIPANTS];
	return 0;
}

/* Played as recorded, chunks are windows like others. */
static bool deals_chunks(const struct eng_source *s)
{
	return s->group->set.chunks == ENG_CHUNKS_DEALT;
}

static void take_pool(struct eng_source *s, const struct flt_record *r)
{
	struct eng_op *op;

	if (!deals_chunks(s))
		return;
	op = take(s, ENG_POOL, r);
	op->need = r->f[FLT_P_POOL_GROUP];
	op->offset = r->f[FLT_P_POOL_GENERATION];
	op->length = r->f[FLT_P_POOL_PARTICIPANTS];
}

static void take_edge(struct eng_source *s, const struct flt_record *r)
{
	struct eng_op *op;

	if (r->f[FLT_EDGE_STREAM] >= s->group->lanes || r->f[FLT_EDGE_STREAM] == s->lane ||
	    r->f[FLT_EDGE_SEQ] >= FLT_NONE - 1)
		return;
	op = take(s, ENG_EDGE, r);
	op->file = (uint16_t)r->f[FLT_EDGE_STREAM];
	op->offset = r->f[FLT_EDGE_SEQ];
}

/* ---- records ---------------------------------------------------------------------- */

static int take_record(struct eng_source *s, const struct flt_record *r)
{
	int ret;

	switch (r->kind) {
	case FLT_P_WINDOW:
		ret = take_io(s, r, ENG_WINDOW);
		if (s->has_pending && deals_chunks(s) && r->f[FLT_P_WINDOW_FLAGS] != FLT_NONE) {
			if (r->f[FLT_P_WINDOW_FLAGS] & FLT_PW_DYNAMIC)
				s->pending.hint |= ENG_DYNAMIC;
			if (r->f[FLT_P_WINDOW_FLAGS] & FLT_PW_CHUNK)
				s->pending.hint |= ENG_CHUNK_FIRST;
		}
		return ret;
	case FLT_P_READ:
		return take_io(s, r, ENG_READ);
	case FLT_P_BARRIER:
		return take_barrier(s, r);
	case FLT_P_POOL:
		take_pool(s, r);
		return 0;
	case FLT_P_HINT:
		take_hint(s, r);
		return 0;
	case FLT_P_EDGE:
		take_edge(s, r);
		return 0;
	case FLT_P_FOOTPRINT:
		if (s->group->set.footprint == ENG_FOOTPRINT_RECORDED &&
		    r->f[FLT_P_FOOTPRINT_BYTES] != FLT_NONE)
			take(s, ENG_FOOTPRINT, r)->offset = r->f[FLT_P_FOOTPRINT_BYTES];
		return 0;
	case FLT_P_ANON:
		take(s, ENG_ANON, r)->offset = r->f[FLT_P_ANON_OFFSET];
		s->pending.length = r->f[FLT_P_ANON_LENGTH];
		return 0;
	case FLT_P_IDLE:
		if (r->dur)
			take(s, ENG_IDLE, r)->length = r->dur;
		return 0;
	default:
		return 0; /* REQUEST marks, and kinds of newer traces */
	}
}

static void take_skipped(struct eng_source *s, const struct flt_record *r)
{
	if (r->kind == FLT_P_FOOTPRINT && s->group->set.footprint == ENG_FOOTPRINT_RECORDED &&
	    r->f[FLT_P_FOOTPRINT_BYTES] != FLT_NONE)
		s->footprint = r->f[FLT_P_FOOTPRINT_BYTES];
	if (r->kind == FLT_P_HINT && is_state(r->f[FLT_P_HINT_OP], r->f[FLT_P_HINT_ADVICE])) {
		take_hint(s, r);
		settle(s, 0);
	}
}

static bool begins_evaluation(const struct flt_record *r)
{
	if (r->kind != FLT_P_MARK)
		return false;
	switch (r->f[FLT_MARK_CLASS]) {
	case FLT_MC_LOAD:
	case FLT_MC_EVALUATION:
	case FLT_MC_PROMPT:
	case FLT_MC_DECODE:
	case FLT_MC_WARMUP:
		return true;
	default:
		return false;
	}
}

/* A new evaluation begins with R: what is to be done with it? */
static void begin(struct eng_source *s, const struct flt_record *r)
{
	const struct eng_group *g = s->group;
	struct eng_op *op;

	s->index = s->index == UINT64_MAX ? 0 : s->index + 1;
	s->action = eng_selection_action(&g->sel, s->index, s->pass);
	if (s->action == ENG_SKIP) {
		s->over |= s->index > g->sel.last;
		return;
	}
	if (s->footprint != UINT64_MAX) {
		take(s, ENG_FOOTPRINT, r)->offset = s->footprint;
		settle(s, 0);
		s->footprint = UINT64_MAX;
	}
	op = take(s, ENG_MARK, r);
	op->offset = s->index;
	op->length =
		s->index < g->plan->evaluations ? g->plan->evaluation[s->index].tokens : FLT_NONE;
	op->file = s->action == ENG_MEASURE;
}

/*
 * Own compute between the last record and R. A mark may carry the span of its phase or the wait that follows it; the
 * next record begins within the one and after the other.
 */
static uint64_t gap_before(const struct eng_source *s, const struct flt_record *r)
{
	if (!s->has_end)
		return 0;
	if (r->start >= s->last_end)
		return r->start - s->last_end;
	return s->last_mark && r->start > s->last_start ? r->start - s->last_start : 0;
}

static int advance(struct eng_source *s)
{
	const struct flt_record *r = NULL;
	uint64_t gap;
	int ret = peek(s, &r);

	if (ret < 0)
		return ret;
	if (!ret || (r->kind == FLT_P_MARK && r->f[FLT_MARK_CLASS] == FLT_MC_END)) {
		settle(s, ret && s->action != ENG_SKIP ? gap_before(s, r) : 0);
		s->over = true;
		return 0;
	}
	gap = gap_before(s, r);
	ret = 0;
	if (begins_evaluation(r)) {
		settle(s, s->action == ENG_SKIP ? 0 : gap);
		begin(s, r);
	} else {
		if (s->index == UINT64_MAX)
			begin(s, r); /* a trace that begins without a load phase */
		if (s->action == ENG_SKIP) {
			take_skipped(s, r);
		} else {
			struct eng_op was = s->pending;
			bool had = s->has_pending;

			s->has_pending = false;
			ret = take_record(s, r);
			if (had && s->has_pending) {
				was.compute += gap;
				hand_out(s, &was);
			} else if (had) {
				s->pending = was;
				s->pending.compute += gap;
				s->has_pending = true;
			}
		}
	}
	s->last_start = r->start;
	s->last_end = flt_end(r);
	s->last_mark = r->kind == FLT_P_MARK;
	s->has_end = true;
	s->at++;
	return ret;
}

int eng_source_next(struct eng_source *s, struct eng_op *op)
{
	while (!s->nready) {
		int ret;

		if (s->over)
			return 0;
		ret = advance(s);
		if (ret)
			return ret;
	}
	*op = s->ready[0];
	s->nready--;
	memmove(s->ready, s->ready + 1, s->nready * sizeof(*s->ready));
	return 1;
}
