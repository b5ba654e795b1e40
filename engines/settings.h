/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settings.h: the engine's options, as numbers.
 */
#ifndef ENG_SETTINGS_H
#define ENG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum eng_streams { ENG_STREAMS_RECORDED = 0, ENG_STREAMS_SHARED };
enum eng_chunking { ENG_CHUNKS_DEALT = 0, ENG_CHUNKS_RECORDED };
enum eng_waits { ENG_WAITS_AUTO = 0, ENG_WAITS_SPIN, ENG_WAITS_SLEEP };
enum eng_pace { ENG_PACE_COMPUTE = 0, ENG_PACE_NONE, ENG_PACE_WALL };
enum eng_pressure { ENG_PRESSURE_NONE = 0, ENG_PRESSURE_MEMCG, ENG_PRESSURE_GLOBAL };
enum eng_limit_type { ENG_LIMIT_MAX = 0, ENG_LIMIT_HIGH };
enum eng_hints {
	ENG_HINTS_RECORDED = 0,
	ENG_HINTS_NONE,
	ENG_HINTS_RANDOM,
	ENG_HINTS_SEQUENTIAL,
	ENG_HINTS_WILLNEED,
	ENG_HINTS_POPULATE,
};

#define ENG_FOOTPRINT_RECORDED UINT64_MAX
#define ENG_LEAST_LIMIT        (UINT64_C(1) << 20) /* bytes of memory_limit */

/* What a user asked for. Strings are borrowed. */
struct eng_settings {
	const char *trace;
	enum eng_streams streams;
	enum eng_chunking chunks;
	enum eng_waits waits;
	enum eng_pace pace; /* may differ between jobs */
	double cpu_scale;   /* may differ between jobs; 0.01 to 100 */
	enum eng_pressure pressure;
	uint64_t memory_limit; /* bytes; UINT64_MAX: the trace's own */
	enum eng_limit_type limit_type;
	enum eng_hints hints;
	const char *tokens; /* NULL: everything */
	uint32_t warmup;
	const char *phases; /* NULL: all */
	uint64_t footprint; /* bytes, or ENG_FOOTPRINT_RECORDED */
	const char *result; /* NULL: a name after the job's */
};

const char *eng_streams_name(enum eng_streams v);
const char *eng_chunking_name(enum eng_chunking v);
const char *eng_waits_name(enum eng_waits v);
const char *eng_pace_name(enum eng_pace v);
const char *eng_pressure_name(enum eng_pressure v);
const char *eng_limit_type_name(enum eng_limit_type v);
const char *eng_hints_name(enum eng_hints v);

#endif
