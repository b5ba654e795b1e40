// SPDX-License-Identifier: GPL-2.0-only
/* What the trailer claims about completeness, held against itself. */
#include <inttypes.h>

#include "analysis/checks.h"

/* The sum of all numbers in a (nested) object of losses. */
static uint64_t add_up(const json_t *o)
{
	uint64_t sum = 0;
	const char *key;
	json_t *v;

	if (json_is_integer(o) && json_integer_value(o) > 0)
		return (uint64_t)json_integer_value(o);
	json_object_foreach ((json_t *)o, key, v)
		sum += add_up(v);
	return sum;
}

void ana_check_trailer(struct ana_checks *c, const struct flt_reader *r)
{
	const json_t *trailer = flt_trailer(r), *invariant;
	bool lossy = ana_true(trailer, "lossy");
	uint64_t lost = add_up(json_object_get(trailer, "lost"));
	size_t i;

	if (!trailer)
		return;
	c->lossy = lossy;
	/* A recording that admits its losses is sound; one that hides them is not. */
	json_array_foreach (json_object_get(trailer, "invariants"), i, invariant)
		ana_check_note(c, ANA_CHECK_COUNTERS, lossy || ana_true(invariant, "ok"),
			       "%s does not hold (expected %" PRIu64 ", found %" PRIu64
			       "), yet the trace is not marked as lossy",
			       ana_text(invariant, "name", "an invariant"),
			       ana_number(invariant, "expected", 0),
			       ana_number(invariant, "found", 0));
	ana_check_note(c, ANA_CHECK_COUNTERS, lossy || !lost,
		       "%" PRIu64 " events were lost, yet the trace is not marked as lossy", lost);
}
