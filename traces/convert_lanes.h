/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lanes of a program in the making: their queues, barriers and evaluations.
 * Private to the library.
 *
 * Each lane is one record behind: the record at hand ("cur") grows while what
 * follows belongs to it. Waits that the program does not replay by themselves (a
 * fault on anonymous memory, a read of another file, a zap, time off the CPU) are
 * kept as intervals until the next record begins: what then lies inside of that
 * record is part of it, what lies before is added to the wait of the record at
 * hand, and what is left between the two is the lane's own compute.
 *
 * Finished records go into the lane's queue and stay there while something about
 * them may change: who meets at a barrier, and whether the segment that it ends
 * was dealt in chunks. What leaves the queue is written, or only measured.
 */
#ifndef FLT_CONVERT_LANES_H
#define FLT_CONVERT_LANES_H

#include "survey.h"

#define SEGMENT_CUT UINT32_MAX /* its first records have left the queue already */

struct lane_sums {
	uint64_t windows, bytes, barriers, compute, records;
};

struct span {
	uint64_t start, end;
};

struct queued {
	struct flt_record rec;
	uint64_t evaluation;
	uint64_t began;   /* a barrier: what its segment began with, boundary_key() */
	uint32_t segment; /* a barrier: records of the segment that it ends, or SEGMENT_CUT */
	uint32_t events;  /* faults that ended in the gap before this record */
};

/* The last record that left the queue: its wait is known when the next one comes. */
struct outgoing {
	struct flt_record rec;
	uint64_t end; /* as recorded */
	uint64_t evaluation;
	bool has;
};

/* What a lane does between two boundaries, for the compute model. */
#define MODEL_KNOTS 10
struct share {
	uint64_t evaluation, key; /* of the boundary that ends it */
	uint64_t first, last;     /* a pool: range of bases, for owners_decide() */
	uint32_t lane, events, first_events, longest_events;
	uint32_t windows, pool_windows; /* dynamic ones: of this lane, of all */
	bool pool, after_barrier;
	uint8_t shape;                      /* of the pool, enum shape */
	double compute, longest, first_gap; /* ns; longest: of the chunks */
	float cut[MODEL_KNOTS];             /* ns that go if a fault costs so much */
};

struct lane {
	struct queued *q;
	size_t n, cap;
	size_t held; /* entries from here on may still change */
	bool has_cur;
	struct flt_record cur;
	uint64_t cur_until;  /* end of the record at hand without waits that came later */
	uint32_t cur_events; /* faults that ended in the gap before it */
	uint32_t events;     /* faults that ended since */
	struct span *wait;   /* disjoint, in order */
	size_t nwait, cap_wait;
	uint64_t folded;                  /* ns of waits before those */
	uint64_t evaluation;              /* of cur */
	uint64_t window_file, window_end; /* of the last window, for streaming */
	uint32_t segment;                 /* queued records since the last boundary */
	bool cut;                         /* some of them have left the queue */
	uint64_t began;                   /* key of that boundary */
	size_t visit;                     /* place in the evaluation's parts, see infer.h */
	struct outgoing out;
	struct lane_sums sums;
	struct share share;
	double chunk; /* compute of the chunk at hand */
	uint32_t chunk_events;
};

/* A barrier generation that is still coming in. */
struct meeting {
	uint64_t group, generation, evaluation;
	uint32_t members;
	bool used;
	bool torn; /* its members disagree about the evaluation */
	bool complete;
	bool done;       /* settled, on its way out */
	uint64_t number; /* in the order of their beginnings */
	struct {
		uint32_t lane;
		size_t at; /* index in the lane's queue */
	} * member;
	size_t cap;
};

struct convert {
	const struct survey *s;
	struct flt_writer *w; /* NULL: nothing is written, the program is only measured */
	struct flt_prepare_stats *st;
	struct lane *lane;
	uint32_t lanes;
	struct meeting *meeting;
	size_t nmeetings;
	uint64_t meetings;             /* so far */
	uint64_t closed_group, closed; /* up to this generation nobody is waited for any more */
	bool meets; /* there are barriers: segments are held back until they end */
	uint64_t fault_around, page;
	uint64_t anon, shmem, swap, footprint; /* last samples; last one emitted */
	uint64_t torn;
	uint64_t stop; /* evaluations after this one are not looked at */
	bool stopped;
	struct flt_record *summary; /* kept back: another layer closes the chunk */
	size_t nsummary, cap_summary;
	struct model *model;   /* convert_model.h */
	struct owners *owners; /* convert_segments.h */
	struct infer *infer;   /* convert_infer.h; NULL: barriers are the recorded ones */
};

static inline uint64_t boundary_key(const struct flt_record *r)
{
	if (r->kind == FLT_P_MARK)
		return r->f[FLT_MARK_ID] << 1;
	return (r->f[FLT_BARRIER_GROUP] * 0x9e3779b97f4a7c15ull + r->f[FLT_BARRIER_GENERATION])
		       << 1 |
	       1;
}

static inline bool convert_is_helper(const struct convert *c, uint32_t lane)
{
	return c->s->helper && lane == c->lanes - 1;
}

/* Begins a new record at hand; START is moved behind the last one's end. */
int convert_begin(struct convert *c, uint32_t lane, uint32_t kind, uint64_t start, uint64_t end);
/* Time that is not compute. Intervals come in the order of their ends. */
int convert_wait(struct lane *l, uint64_t start, uint64_t end);
/* The lane's record at hand goes into its queue. */
int convert_push(struct convert *c, uint32_t lane);
/* Puts the mark that begins EVALUATION into a lane. */
int convert_mark(struct convert *c, uint32_t lane, uint64_t evaluation);
/* Brings a lane into the evaluation that time NS belongs to. */
int convert_advance(struct convert *c, uint32_t lane, uint64_t ns);
/* Takes lanes along that have seen nothing for a whole evaluation before NOW. */
int convert_catch_up(struct convert *c, uint64_t now);
/* Ends all lanes and writes what is left of them. */
int convert_finish(struct convert *c);
/* What may leave the lane's queue after something was settled. */
void convert_release(struct convert *c, uint32_t lane);
/* Puts a record before entry AT of a lane's queue. */
int convert_insert(struct convert *c, uint32_t lane, size_t at, const struct flt_record *r);

/* ---- convert_meet.c: barriers ---- */

/* The lane's record at hand is a barrier: count it in, in the order of arrival. */
int convert_join(struct convert *c, uint32_t lane);
/* Settles the barriers of evaluations long before EVALUATION. */
int convert_retire(struct convert *c, uint64_t evaluation);
/* Settles those that all worker lanes have come to. */
int convert_settle_complete(struct convert *c);
/* Settles all of them. */
int convert_settle_all(struct convert *c);
/* Settles barriers that hold back more than memory allows. */
int convert_relieve(struct convert *c);
/* Was the barrier settled before this lane came to it? */
bool convert_is_closed(const struct convert *c, uint64_t group, uint64_t generation);

/* ---- convert_emit.c: what leaves the queue ---- */

int convert_emit(struct convert *c, uint32_t lane, const struct queued *q);
/* The lane's last record. */
int convert_emit_last(struct convert *c, uint32_t lane);
int convert_write_summary(struct convert *c);

#endif
