/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * figures.h: the main figures of a replay, computed from what was measured. RESULT.md defines each.
 */
#ifndef ENG_FIGURES_H
#define ENG_FIGURES_H

#include "engines/replay.h"

/* Of the times between tokens (or evaluations), in ns. */
struct eng_spread {
	uint64_t n;
	double mean, median, p95, min, max;
};

/* One class of evaluations. */
struct eng_phase {
	uint32_t mark_class;
	uint64_t evaluations, tokens; /* FLT_NONE: not known */
	double seconds, compute_s, recorded_s;
	uint64_t bytes, read_bytes, major, minor, blocked;
	bool read_known;
};

/* Doubles are NAN and counts HOST_UNKNOWN where they are not known. */
struct eng_figures {
	double duration, tokens_per_s, evaluations_per_s, prompt_tokens_per_s, load_s, ttft;
	uint64_t evaluations, tokens;
	struct eng_spread between;
	uint64_t touched, model_bytes, read_bytes;
	bool read_of_process;
	double model_reads, read_per_token, bandwidth, iops, read_size, await_ms;
	uint64_t major, minor, blocked, refaults;
	bool refaults_of_group;
	double recorded_duration, recorded_tokens_per_s, recorded_evaluations_per_s;
	uint64_t foreign_read, write_bytes;
	struct eng_phase phase[8];
	uint32_t phases;
};

void eng_figures_make(struct eng_group *g, struct eng_figures *f);

/* What a device did in the measured part; false if that is not known. */
bool eng_device_diff(const struct eng_group *g, int device, struct host_diskdiff *d);

#endif
