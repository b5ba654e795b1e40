/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * result_parts.h: what the files that make the result share: its small values, and its parts.
 */
#ifndef ENG_RESULT_PARTS_H
#define ENG_RESULT_PARTS_H

#include <jansson.h>
#include <math.h>

#include "engines/figures.h"
#include "engines/replay.h"

/* Each returns a new reference; RESULT.md says what it holds. */
json_t *eng_result_faults(const struct eng_group *g, const struct eng_figures *f);
json_t *eng_result_io(const struct eng_group *g, const struct eng_figures *f);
json_t *eng_result_memory(const struct eng_group *g);
json_t *eng_result_pressure(const struct eng_group *g);
json_t *eng_result_reclaim(const struct eng_group *g);
json_t *eng_result_files(const struct eng_group *g);

/* ---- small values ------------------------------------------------------------------- */

static inline json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static inline json_t *count(uint64_t v)
{
	return v == HOST_UNKNOWN ? json_null() : json_integer((json_int_t)v);
}

static inline json_t *whole(double v)
{
	return isfinite(v) ? json_integer((json_int_t)v) : json_null();
}

static inline json_t *text(const char *s)
{
	return s ? json_string(s) : json_null();
}

static inline json_t *rise(uint64_t from, uint64_t to)
{
	return from == HOST_UNKNOWN || to == HOST_UNKNOWN ? json_null()
							  : json_integer((json_int_t)(to - from));
}

static inline void set(json_t *o, const char *key, json_t *v)
{
	json_object_set_new(o, key, v);
}

static inline json_t *copy(const json_t *o)
{
	return o ? json_deep_copy(o) : json_null();
}

static inline json_t *seconds(uint64_t ticks)
{
	return json_real((double)eng_ticks_to_ns(ticks) / 1e9);
}

#endif
