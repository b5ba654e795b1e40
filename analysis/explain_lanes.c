// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time of one evaluation, lane by lane and along the critical path; see explain.h.
 *
 * A lane's records come in the order of their ends, so what is enclosed comes before what encloses
 * it: a fault before the read() that it happened in, a sleep before the barrier that was slept at.
 * Each record therefore takes what of its time no earlier one has; only time off the CPU gives way,
 * since it says how a thread waited and the enclosing record says for what.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"

#define MAX_PIECES \
	65536 /* of one lane since its last barrier; beyond, the oldest cannot be enclosed any more */
#define PENDING 64 /* generations under way at once */

/* A stretch of a lane's time that some record has taken. */
struct piece {
	uint64_t start, end;
	bool offcpu;
};

/* What a lane did between two barriers, or since the evaluation began. */
struct segment {
	uint64_t start;
	uint64_t part[ANA_PARTS];
};

struct lane {
	bool seen, lane; /* in this evaluation: has records; is one of its lanes */
	uint64_t first, last;
	struct segment segment;
	double part[ANA_PARTS]; /* of the segments that are over */
	struct piece *piece;
	size_t pieces, room;
};

/* A barrier at which not all have arrived yet, and the last one so far. */
struct pending {
	uint64_t group, generation, participants, arrived;
	uint64_t start, arrival; /* of the last lane's segment */
	double part[ANA_PARTS];
	bool used;
};

struct ana_lanes {
	struct lane *lane;
	size_t lanes;
	uint64_t start, end;
	size_t main;
	struct pending pending[PENDING];
	double path[ANA_PARTS];
	uint64_t reached; /* the critical path is known up to here */
	bool barriers;
};

int ana_lanes_open(struct ana_lanes **out, size_t streams)
{
	struct ana_lanes *l = calloc(1, sizeof(*l));

	*out = l;
	if (!l)
		return -ENOMEM;
	l->lane = calloc(streams + 1, sizeof(*l->lane));
	l->lanes = streams;
	return l->lane ? 0 : -ENOMEM;
}

void ana_lanes_begin(struct ana_lanes *l, uint64_t start, uint64_t end, size_t main)
{
	for (size_t i = 0; i < l->lanes; i++) {
		struct lane *lane = &l->lane[i];

		lane->seen = lane->lane = false;
		lane->pieces = 0;
		lane->last = start;
		memset(lane->part, 0, sizeof(lane->part));
		lane->segment = (struct segment){.start = start};
	}
	memset(l->pending, 0, sizeof(l->pending));
	memset(l->path, 0, sizeof(l->path));
	l->start = l->reached = start;
	l->end = end;
	l->main = main;
	l->barriers = false;
}

static int push_piece(struct lane *lane, uint64_t start, uint64_t end, bool offcpu)
{
	if (lane->pieces == MAX_PIECES) {
		lane->pieces /= 2;
		memmove(lane->piece, lane->piece + lane->pieces,
			lane->pieces * sizeof(*lane->piece));
	}
	if (lane->pieces == lane->room) {
		size_t room = lane->room ? lane->room * 2 : 64;
		struct piece *grown = reallocarray(lane->piece, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		lane->piece = grown;
		lane->room = room;
	}
	lane->piece[lane->pieces++] = (struct piece){start, end, offcpu};
	return 0;
}

static uint64_t overlap(const struct piece *p, uint64_t start, uint64_t end)
{
	uint64_t a = p->start > start ? p->start : start, b = p->end < end ? p->end : end;

	return b > a ? b - a : 0;
}

/* Takes START..END of the lane's time; how much of it nobody had taken. */
static int take(struct lane *lane, uint64_t start, uint64_t end, bool offcpu, uint64_t *free_ns)
{
	uint64_t own = end - start;

	while (lane->pieces && lane->piece[lane->pieces - 1].end > start) {
		struct piece *p = &lane->piece[lane->pieces - 1];
		uint64_t both = overlap(p, start, end);

		if (p->offcpu && !offcpu) {
			uint64_t *sum = &lane->segment.part[ANA_PART_OFFCPU];

			*sum -= both < *sum ? both : *sum;
		} else {
			own -= both < own ? both : own;
		}
		if (p->start < start) {
			p->end = start;
			break;
		}
		lane->pieces--;
	}
	*free_ns = own;
	return push_piece(lane, start, end, offcpu);
}

/* Cuts a record to the evaluation; NULL if nothing of it is inside, or if the thread is unknown. */
static struct lane *enter(struct ana_lanes *l, size_t stream, uint64_t *start, uint64_t *end,
			  bool is_lane)
{
	struct lane *lane = stream < l->lanes ? &l->lane[stream] : NULL;

	if (*start < l->start)
		*start = l->start;
	if (*end > l->end)
		*end = l->end;
	if (!lane || *end < *start)
		return NULL;
	if (!lane->seen)
		lane->first = *start;
	lane->seen = true;
	lane->lane |= is_lane;
	if (*end > lane->last)
		lane->last = *end;
	return lane;
}

int ana_lanes_add(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
		  enum ana_part part, bool is_lane)
{
	struct lane *lane = enter(l, stream, &start, &end, is_lane);
	uint64_t own = 0;
	int ret = lane ? take(lane, start, end, part == ANA_PART_OFFCPU, &own) : 0;

	if (lane)
		lane->segment.part[part] += own;
	return ret;
}

int ana_lanes_add_blocked(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
			  uint64_t drive, uint64_t queued, bool is_lane)
{
	struct lane *lane = enter(l, stream, &start, &end, is_lane);
	uint64_t own = 0, *part;
	int ret = lane ? take(lane, start, end, false, &own) : 0;

	if (!lane)
		return 0;
	if (drive > own)
		drive = own;
	if (queued > own - drive)
		queued = own - drive;
	part = lane->segment.part;
	part[ANA_PART_DRIVE] += drive;
	part[ANA_PART_QUEUED] += queued;
	part[ANA_PART_STALL] += own - drive - queued;
	return ret;
}

/*
 * The parts of a segment that ends at END: what no record has taken is compute, but for a worker's
 * way to its first record.
 */
static void close_segment(const struct ana_lanes *l, size_t i, uint64_t end, double part[ANA_PARTS])
{
	const struct lane *lane = &l->lane[i];
	uint64_t taken = 0, from = lane->segment.start;

	for (int p = 0; p < ANA_PARTS; p++) {
		part[p] = (double)lane->segment.part[p];
		taken += lane->segment.part[p];
	}
	if (from == l->start && i != l->main && lane->seen) {
		uint64_t first = lane->first < end ? lane->first : end;

		part[ANA_PART_REST] += (double)(first - from);
		from = first;
	}
	/* Records that take more than there is show as a remainder that nobody accounts for. */
	if (end - from > taken)
		part[ANA_PART_COMPUTE] += (double)(end - from - taken);
}

/*
 * One more segment of the critical path: from START to ARRIVAL it was this lane's, before that the
 * barrier's.
 */
static void extend_path(struct ana_lanes *l, uint64_t start, uint64_t arrival,
			const double part[ANA_PARTS])
{
	double whole = (double)(arrival - start), counts = 1;

	if (arrival < l->reached)
		return; /* barriers of several groups: another lane was behind this one */
	if (start >= l->reached)
		l->path[ANA_PART_BARRIER] += (double)(start - l->reached);
	else if (whole > 0)
		counts = (double)(arrival - l->reached) / whole;
	for (int p = 0; p < ANA_PARTS; p++)
		l->path[p] += part[p] * counts;
	l->reached = arrival;
}

/* A barrier is over, and with it those of its group before it at which somebody is missing. */
static void pass_barrier(struct ana_lanes *l, struct pending *b)
{
	for (;;) {
		struct pending *first = b;

		for (size_t i = 0; i < PENDING; i++) {
			struct pending *p = &l->pending[i];

			if (p->used && p->group == b->group && p->generation < first->generation)
				first = p;
		}
		extend_path(l, first->start, first->arrival, first->part);
		first->used = false;
		if (first == b)
			return;
	}
}

/* The one with that group and generation; a new one where there is none. */
static struct pending *find_pending(struct ana_lanes *l, const struct flt_record *rec)
{
	uint64_t group = rec->f[FLT_BARRIER_GROUP], generation = rec->f[FLT_BARRIER_GENERATION];
	struct pending *unused = NULL, *oldest = &l->pending[0];

	for (size_t i = 0; i < PENDING; i++) {
		struct pending *b = &l->pending[i];

		if (!b->used) {
			unused = b;
			continue;
		}
		if (b->group == group && b->generation == generation)
			return b;
		/* Nobody gets two barriers ahead: who is missing there has no record of it. */
		if (b->group == group && generation > b->generation + 1) {
			pass_barrier(l, b);
			unused = b;
			continue;
		}
		if (!oldest->used || b->arrival < oldest->arrival)
			oldest = b;
	}
	if (!unused) {
		pass_barrier(l, oldest);
		unused = oldest;
	}
	*unused = (struct pending){
		.group = group,
		.generation = generation,
		.participants = rec->f[FLT_BARRIER_PARTICIPANTS],
		.used = true,
	};
	return unused;
}

int ana_lanes_add_barrier(struct ana_lanes *l, size_t stream, const struct flt_record *rec)
{
	uint64_t start = rec->start, end = flt_end(rec), own = 0;
	struct lane *lane = enter(l, stream, &start, &end, true);
	double part[ANA_PARTS];
	struct pending *b;
	int ret;

	if (!lane)
		return 0;
	l->barriers = true;
	ret = take(lane, start, end, false, &own);
	close_segment(l, stream, start, part);
	b = find_pending(l, rec);
	if (!b->arrived || start >= b->arrival) {
		b->start = lane->segment.start;
		b->arrival = start;
		memcpy(b->part, part, sizeof(part));
	}
	for (int p = 0; p < ANA_PARTS; p++)
		lane->part[p] += part[p];
	/* All of it: whatever a thread did while it waited, it waited. */
	lane->part[ANA_PART_BARRIER] += (double)(end - start);
	lane->segment = (struct segment){.start = end};
	lane->pieces = 0;
	if (++b->arrived == b->participants)
		pass_barrier(l, b);
	return ret ? ret : push_piece(lane, start, end, false);
}

/* The lane whose end is the evaluation's: the main one, else the one that worked longest. */
static size_t last_lane(const struct ana_lanes *l)
{
	size_t best = SIZE_MAX;

	if (l->main < l->lanes && l->lane[l->main].lane)
		return l->main;
	for (size_t i = 0; i < l->lanes; i++)
		if (l->lane[i].lane && (best == SIZE_MAX || l->lane[i].last > l->lane[best].last))
			best = i;
	return best;
}

/* The barriers that are still open, in the order of time. */
static void pass_open_barriers(struct ana_lanes *l)
{
	for (;;) {
		struct pending *first = NULL;

		for (size_t i = 0; i < PENDING; i++) {
			struct pending *b = &l->pending[i];

			if (b->used && (!first || b->arrival < first->arrival))
				first = b;
		}
		if (!first)
			return;
		pass_barrier(l, first);
	}
}

void ana_lanes_end(struct ana_lanes *l, struct ana_moment *m)
{
	size_t last = last_lane(l);
	double part[ANA_PARTS];

	memset(m->mean, 0, sizeof(m->mean));
	memset(m->path, 0, sizeof(m->path));
	m->lanes = 0;
	pass_open_barriers(l);
	for (size_t i = 0; i < l->lanes; i++) {
		struct lane *lane = &l->lane[i];
		uint64_t end = i == l->main || i == last ? l->end : lane->last;

		if (!lane->lane)
			continue;
		if (end < lane->segment.start)
			end = lane->segment.start;
		close_segment(l, i, end, part);
		part[ANA_PART_REST] += (double)(l->end - end);
		for (int p = 0; p < ANA_PARTS; p++)
			m->mean[p] += lane->part[p] + part[p];
		m->lanes++;
		if (i == last)
			extend_path(l, lane->segment.start, l->end, part);
	}
	for (int p = 0; p < ANA_PARTS; p++)
		m->mean[p] /= m->lanes ? m->lanes : 1;
	memcpy(m->path, l->barriers ? l->path : m->mean, sizeof(m->path));
	/* Nobody touched the model or waited: a mark alone. */
	if (!m->lanes)
		m->mean[ANA_PART_REST] = m->path[ANA_PART_REST] = (double)(l->end - l->start);
}

void ana_lanes_close(struct ana_lanes *l)
{
	if (!l)
		return;
	for (size_t i = 0; l->lane && i < l->lanes; i++)
		free(l->lane[i].piece);
	free(l->lane);
	free(l);
}
