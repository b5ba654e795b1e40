/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of `faultline explain`: two runs of the same evaluations, side by side, and where the time
 * of each went.
 *
 * The time of an evaluation, from its mark to the next one, is told apart in two ways, both of
 * which add up to it.
 *
 *   mean   over the lanes, the threads that meet at barriers or touch the model in it: each lane's
 *          time is its own compute, its waits at barriers, its faults, ... What slows one lane
 *          down shows as the others' wait.
 *   path   along the critical path: of each segment between two barriers, the time of the lane
 *          that came last to the second one, since the others waited for it; from its arrival to
 *          the start of the next segment's last lane it is "barrier"; behind the last barrier it is
 *          the main lane's. Causes, not their echo; needs recorded barriers.
 *
 * A run is read in the order of time and given out evaluation by evaluation: memory depends on the
 * number of evaluations (some 64 bytes each), threads and requests in flight, never on the number
 * of records.
 */
#ifndef ANA_EXPLAIN_H
#define ANA_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/common.h"

/* Where a lane's time goes; all of it is in exactly one of these. */
enum ana_part {
	ANA_PART_COMPUTE, /* between records: neither of what follows */
	ANA_PART_BARRIER, /* waiting for other lanes (off the CPU or not) */
	ANA_PART_FAULT,   /* faults in which the thread did not sleep */
	ANA_PART_DRIVE,   /* asleep in a fault while a read of the run was at the drive */
	ANA_PART_QUEUED, /* ... while none was at the drive, but some in the queue: throttle, scheduler */
	ANA_PART_STALL,  /* ... else: reclaim, page locks, throttling before the queue */
	ANA_PART_READ,   /* read(2) and friends, without the faults in them */
	ANA_PART_OFFCPU, /* off the CPU outside of all these */
	ANA_PART_ZAP,    /* stopped for the dropping of page-table entries */
	ANA_PART_REST, /* a worker's time before its first and behind its last record of the evaluation */
	ANA_PARTS,
};

/* What is counted in an evaluation, of the whole process; an event counts where it ended. */
enum ana_tally {
	ANA_T_FAULTS,
	ANA_T_MAJOR,
	ANA_T_BLOCKED,
	ANA_T_BARRIERS,
	ANA_T_REQUESTS, /* block reads of the run itself */
	ANA_T_REQUEST_BYTES,
	ANA_T_AHEAD_BYTES, /* of them, flagged as read-ahead */
	ANA_T_AWAIT_NS,    /* queueing to completion, all requests */
	ANA_T_QUEUE_NS,    /* queueing to issue */
	ANA_T_CALL_BYTES,  /* returned by read(2) and friends */
	ANA_T_CACHE_ADDED, /* bytes */
	ANA_T_CACHE_DROPPED,
	ANA_T_SIZE,                    /* requests by size: up to 4 KiB, 8 KiB, ... 1 MiB, more */
	ANA_T_ORDER = ANA_T_SIZE + 10, /* folios added by order: 0, 1, ... 9 and more */
	ANA_TALLIES = ANA_T_ORDER + 10,
};
#define ANA_SIZES  10
#define ANA_ORDERS 10

/* Sampled counters, taken from the first source that both runs have. */
enum ana_gauge {
	ANA_G_SCAN_KSWAPD,
	ANA_G_SCAN_DIRECT,
	ANA_G_STEAL_KSWAPD,
	ANA_G_STEAL_DIRECT,
	ANA_G_DIRECT_NS,
	ANA_G_DIRECT_COUNT,
	ANA_G_REFAULT,
	ANA_GAUGES,
};
#define ANA_SOURCES 3 /* tracepoints, the memory cgroup, the machine */

/* The phases that are told apart, in the order of a report. */
enum ana_phase {
	ANA_PHASE_LOAD,
	ANA_PHASE_WARMUP,
	ANA_PHASE_PROMPT,
	ANA_PHASE_EVALUATION,
	ANA_PHASE_DECODE,
	ANA_PHASES,
};

const char *ana_phase_name(enum ana_phase phase);

struct ana_pass {
	uint64_t start, end;
	uint64_t tokens; /* FLT_NONE: not known */
	uint64_t number; /* 0 is the load phase */
	enum ana_phase phase;
	bool wanted; /* has a counterpart in the other run */
};

/* One evaluation, read. Times in ns. */
struct ana_moment {
	size_t pass; /* in side->pass */
	double wall;
	double mean[ANA_PARTS], path[ANA_PARTS];
	uint32_t lanes;
	uint64_t tally[ANA_TALLIES];
};

struct ana_flight;
struct ana_lanes;
struct ana_gauges;

struct ana_side {
	const char *cmd, *path;
	bool result; /* a result JSON, no recording */
	bool replay; /* of the engine */
	bool marks_inferred;
	struct ana_pass *pass; /* in the order of time */
	size_t passes, room;
	size_t later_passes;  /* evaluations of loops= that are left out */
	uint64_t model_bytes; /* 0: not known */
	char model[128];
	bool knows[ANA_PARTS];
	bool has_barriers, has_blocks, has_cache, has_orders, has_faults, has_offcpu;
	bool has_gauge[ANA_SOURCES][ANA_GAUGES];
	/* by phase; of wanted evaluations */
	double gauge[ANA_PHASES][ANA_SOURCES][ANA_GAUGES];

	/* a recording */
	struct flt_reader *r;
	struct ana_ids streams, regions, files, devices, metrics;
	bool *model_file, *model_region, *counted; /* by position */
	uint32_t *main_stream;                     /* of each pass; FLT_ALL_STREAMS: not known */
	uint64_t page;
	struct ana_flight *flight;
	struct ana_lanes *lanes;
	struct ana_gauges *gauges;
	struct flt_cursor *cursor;
	struct flt_record *batch;
	size_t at, filled;
	size_t next;    /* pass that is under way */
	uint64_t until; /* nothing behind this is of interest, ns */
	uint64_t tally[ANA_TALLIES];
	bool begun;
	/* a result */
	json_t *doc;
	size_t *entry; /* of each pass in its "evaluations" */
};

/* ---- explain_side.c, explain_result.c: opening and reading one run ---- */

/*
 * Opens a recording or a result, or says why it cannot be used. 0 or -errno; ana_side_close() in
 * any case.
 */
int ana_side_open(struct ana_side *s, const char *cmd, const char *path, bool may_be_result);
/* Reading begins, with the passes marked that are wanted. */
int ana_side_begin(struct ana_side *s);
/* The next wanted evaluation: 1, or 0 after the last, or -errno. */
int ana_side_next(struct ana_side *s, struct ana_moment *m);
void ana_side_close(struct ana_side *s);

int ana_side_add_pass(struct ana_side *s, const struct ana_pass *pass);
bool ana_phase_of(uint64_t mark_class, enum ana_phase *phase);
int ana_side_survey(struct ana_side *s); /* explain_survey.c: marks, models, devices */
int ana_side_open_result(struct ana_side *s);
int ana_side_next_result(struct ana_side *s, struct ana_moment *m);

/* ---- explain_flight.c: when the run's own reads were under way ---- */

/* Reading begins at FROM, ns. */
int ana_flight_open(struct ana_flight **out, const struct ana_side *s, uint64_t from);
/*
 * Of START..END (queries come roughly in the order of END), the ns at the drive and the ns only in
 * the queue.
 */
int ana_flight_split(struct ana_flight *f, uint64_t start, uint64_t end, uint64_t *drive,
		     uint64_t *queued);
void ana_flight_close(struct ana_flight *f);

/* ---- explain_lanes.c: the lanes of one evaluation ---- */

int ana_lanes_open(struct ana_lanes **out, size_t streams);
/* A new evaluation; MAIN is the position of its main stream, or SIZE_MAX. */
void ana_lanes_begin(struct ana_lanes *l, uint64_t start, uint64_t end, size_t main);
/*
 * What a thread did from START to END, PART of it; a fault in which it slept gives the shares of
 * drive and queue instead. LANE: it makes the thread one of the lanes. 0 or -ENOMEM.
 */
int ana_lanes_add(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
		  enum ana_part part, bool lane);
int ana_lanes_add_blocked(struct ana_lanes *l, size_t stream, uint64_t start, uint64_t end,
			  uint64_t drive, uint64_t queued, bool lane);
int ana_lanes_add_barrier(struct ana_lanes *l, size_t stream, const struct flt_record *rec);
void ana_lanes_end(struct ana_lanes *l, struct ana_moment *m);
void ana_lanes_close(struct ana_lanes *l);

/* ---- explain_gauges.c: sampled counters ---- */

int ana_gauges_open(struct ana_gauges **out, struct ana_side *s);
void ana_gauges_add(struct ana_gauges *g, struct ana_side *s, const struct flt_record *rec);
void ana_gauges_close(struct ana_gauges *g);

/* ---- explain_pair.c: who belongs to whom, and the sums ---- */

#define ANA_WORST 5

/* Of one phase, summed over its pairs. */
struct ana_phase_sum {
	size_t pairs;
	double tokens; /* 0: not known, then everything is per evaluation */
	double wall[2];
	double mean[2][ANA_PARTS], path[2][ANA_PARTS];
	uint64_t tally[2][ANA_TALLIES];
};

struct ana_pair {
	uint64_t number[2];
	enum ana_phase phase;
	double units;              /* tokens, or 1 where they are not known */
	double wall[2];            /* ns */
	double part[2][ANA_PARTS]; /* by the way that was chosen */
};

struct ana_explain {
	const char *cmd;
	struct ana_side side[2]; /* real, replay */
	bool by_path;            /* the way in which time is told apart */
	bool by_number;          /* pairs by the numbers of the trace */
	bool use[ANA_PARTS];     /* both runs tell it; see ana_explain_fold() */
	bool folded;             /* all but compute is in "rest" */
	size_t alone[2];         /* evaluations without a counterpart */
	struct ana_phase_sum phase[ANA_PHASES];
	struct ana_pair worst[ANA_WORST];
	size_t worst_count;
	struct ana_pair *list; /* --per-token; else NULL */
	size_t listed;
};

/*
 * Decides how time is told apart, from what both know; MEAN: not along the critical path, in any
 * case.
 */
void ana_explain_choose(struct ana_explain *x, bool mean);
/*
 * What one of the two cannot tell is, in its figures, part of something else: the time off the CPU
 * and at barriers that nobody recorded looks like compute, waits for a drive without block records
 * like other sleep in faults. There it goes in both.
 */
void ana_explain_fold(const struct ana_explain *x, double part[ANA_PARTS]);
/* Marks the passes that have a counterpart, FIRST..LAST by their numbers. How many, or -errno. */
ssize_t ana_explain_align(struct ana_explain *x, uint64_t first, uint64_t last);
/* Reads both. LIST: keeps each pair. 0 or -errno, then said. */
int ana_explain_read(struct ana_explain *x, bool list);

/* ---- explain_report.c, explain_tables.c, explain_json.c ---- */

/*
 * What the drive's share of a difference is due to; see faultline-explain(1), READ-AROUND AND
 * DEVICE.
 */
void ana_explain_drive(const struct ana_phase_sum *p, const double part[2][ANA_PARTS],
		       double *bytes, double *speed);
/* Tokens, or evaluations where they are not known. */
double ana_explain_units(const struct ana_phase_sum *p);
/* One plain sentence. BUF is returned. */
const char *ana_explain_sentence(const struct ana_explain *x, enum ana_phase phase, char *buf,
				 size_t len);
/* "replay", or "second run". */
const char *ana_explain_other(const struct ana_explain *x);
/* What the two cannot tell, line by line, as an array of texts; new. */
json_t *ana_explain_notes(const struct ana_explain *x);
/* The source of a gauge that both have; -1: none. */
int ana_explain_source(const struct ana_explain *x, enum ana_gauge gauge);
const char *ana_source_name(int source);
void ana_explain_report(const struct ana_explain *x);
void ana_explain_tables(const struct ana_explain *x, enum ana_phase phase);
json_t *ana_explain_json(const struct ana_explain *x);

extern const char *const ana_part_keys[ANA_PARTS];   /* "compute", ... */
extern const char *const ana_part_titles[ANA_PARTS]; /* for people */

#endif
