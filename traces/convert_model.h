/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of a recorded gap is the run's own compute. Private to the library.
 *
 * A thread that is recorded computes slower than one that is not: each fault ends
 * with a probe, and with caches and TLB that were used for other things; after a
 * zap every fault-around window of the model is such a fault. Measured with
 * llama.cpp: traced runs with zaps take 5 to 30 % longer than warm runs without
 * faults, more where windows are short (single tokens, small models) than where
 * much is computed for each (prompts). That is what a cost for each fault looks
 * like; a factor alone that fits the one is wrong for the other. What such a cost
 * does not explain (another clock rate, another neighbour) is a factor.
 *
 * So a gap g that began with k faults and after b (0 or 1) barriers was
 *
 *     f * max(0, g - k * per_fault - b * per_barrier)
 *
 * of own compute, with per_fault, per_barrier and one factor f for prompts and one
 * for all else chosen such that the predicted time of a warm run (no waits for
 * memory) is what untraced warm runs took. The prediction is the critical path:
 * of each segment between barriers the longest lane or, where chunks come from a
 * counter, the mean of the lanes or the longest chunk, whichever is more.
 *
 * What was removed from a gap becomes part of the wait before it, so that records
 * stay where they were on the recorded clock.
 */
#ifndef FLT_CONVERT_MODEL_H
#define FLT_CONVERT_MODEL_H

#include "convert_lanes.h"

#define MODEL_EVALUATIONS 64 /* that are measured */
#define MODEL_SHARES      (1u << 17)
#define MODEL_COST_MAX    10000.0 /* ns, per fault and per barrier */
#define MODEL_FACTOR_MIN  0.5
#define MODEL_FACTOR_MAX  1.2

extern const double model_knots[MODEL_KNOTS];

struct model {
	/* measured */
	struct share *share;
	size_t n, cap;
	uint64_t evaluations;  /* that are measured wholly */
	uint64_t load_compute; /* of the main lane, ns */
	/* fitted */
	double per_fault, per_barrier; /* ns */
	double factor[2];              /* [1]: prompts */
	double factor_load;
	double warm[2], predicted[2]; /* ns per evaluation; 0: none of that class */
	double residual;
	bool fitted;
	char why[200];
};

void model_init(struct model *m);
/* Frees what was measured; the terms stay. */
void model_release(struct model *m);
/* The compute that remains of GAP in EVALUATION. */
uint64_t model_correct(const struct model *m, const struct survey *s, uint64_t evaluation,
		       uint64_t gap, uint32_t faults, bool after_barrier);
/* Measuring: a record leaves lane LANE's queue, GAP of compute after the last one. */
int model_measure(struct convert *c, uint32_t lane, const struct queued *q, uint64_t gap);
/* Fits the terms to CALIBRATION (may be NULL). OWNERS: what became of the pools. */
int model_fit(struct model *m, const struct survey *s, const struct owners *owners,
	      const json_t *calibration, const char *no_calibration);
json_t *model_json(const struct model *m);

#endif
