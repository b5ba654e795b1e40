/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One pass over a trace that adds up what `faultline info` shows: by kind, by
 * evaluation, by region, file, stream, lane and device. Memory depends on the
 * number of definitions and evaluations, never on the number of records.
 */
#ifndef ANA_SCAN_H
#define ANA_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/common.h"
#include "analysis/evaluations.h"

/* Faults, and the time that threads spent in them. */
struct ana_faults {
	uint64_t count, major, blocked, anon;
	uint64_t ns;         /* service time of all */
	uint64_t blocked_ns; /* of those that slept */
};

/* What the recording says about one evaluation, or about what lies outside of them. */
struct ana_evaluation_sum {
	struct ana_faults faults;
	uint64_t barriers, barrier_ns; /* waits of all threads */
	uint64_t call_bytes;           /* that read(2) and friends returned */
	uint64_t drive_bytes;          /* block reads of the run itself */
	uint64_t drive_reads;
};

struct ana_stream_sum {
	uint64_t records;
	struct ana_faults faults;
	uint64_t barriers, barrier_ns;
	uint64_t first_ns, last_ns;
};

struct ana_region_sum {
	struct ana_faults faults;
};

struct ana_file_sum {
	struct ana_faults faults;
	uint64_t read_bytes; /* by read(2) and friends */
	uint64_t windows, window_bytes;
	uint64_t touched; /* distinct bytes of all windows and reads, to within a page */
};

struct ana_device_sum {
	uint64_t reads, read_bytes, writes, write_bytes;
	uint64_t read_ns;          /* issue to completion */
	uint64_t queue_ns, queued; /* queue to issue, and how many told it */
	uint64_t foreign_bytes;    /* read for somebody else */
	uint64_t unfinished;
	bool counted; /* its reads stand for the run's: no device above it told of them */
};

struct ana_lane_sum {
	uint64_t windows, window_bytes, barriers, barrier_ns, reads;
	uint64_t wait_ns; /* windows' recorded service time */
	uint64_t compute_ns, records;
};

/* Compressed size of what belongs together. */
enum ana_share {
	ANA_SHARE_THREADS, /* blocks of threads: faults, barriers, reads, hints, edges */
	ANA_SHARE_BLOCK,   /* blocks of devices */
	ANA_SHARE_OTHER,   /* samples, page cache, the process */
	ANA_SHARE_PROGRAM,
	ANA_SHARE_SUMMARY,
	ANA_SHARES,
};

struct ana_scan {
	struct flt_reader *r;
	struct ana_ids streams, regions, files, devices, lanes;

	uint64_t kind[FLT_KIND_END]; /* records */
	uint64_t unknown;            /* records of kinds that we do not know */
	uint64_t unresolved;         /* faults without a region */
	uint64_t first_ns, last_ns;

	struct ana_evaluations evaluations;
	struct ana_evaluation_sum *evaluation; /* one more, the last: outside of all */
	bool marks_inferred, marks_guessed;
	bool bad_summary;         /* the evaluations could not be read */
	struct ana_faults faults; /* all */

	/* one more entry than definitions: what refers to none */
	struct ana_stream_sum *stream;
	struct ana_region_sum *region;
	struct ana_file_sum *file;
	struct ana_device_sum *device;
	struct ana_lane_sum *lane;
	uint64_t (*device_read)[2];  /* evaluation x device: bytes, reads */
	struct ana_touched *touched; /* one bit map per file */
	size_t *region_file;         /* position of each region's file */
	size_t hint;                 /* evaluation of the last record */
	uint64_t share_bytes[ANA_SHARES], share_records[ANA_SHARES];
};

/* Reads the whole trace. 0 or -errno; ana_scan_free() in any case. */
int ana_scan(struct ana_scan *s, struct flt_reader *r);
void ana_scan_free(struct ana_scan *s);

/* Whether a file is the model or a part of it. */
static inline bool ana_is_model(const json_t *file)
{
	return ana_true(file, "model");
}

#endif
