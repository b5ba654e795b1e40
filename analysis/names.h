/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fields of records mean: flags and operations by name, references to definitions. */
#ifndef ANA_NAMES_H
#define ANA_NAMES_H

#include <stdint.h>

#include "analysis/common.h"

enum ana_value {
	ANA_V_NUMBER,
	ANA_V_HEX,
	ANA_V_NS,
	ANA_V_ENUM,   /* one of names[] */
	ANA_V_FLAGS,  /* a set of names[] */
	ANA_V_ADVICE, /* of the call that field 0 names */
	/* ids of definitions, in the order of ana_sorts[] */
	ANA_V_FILE,
	ANA_V_REGION,
	ANA_V_STREAM,
	ANA_V_DEVICE,
	ANA_V_SYMBOL,
	ANA_V_METRIC,
	ANA_V_LANE,
	ANA_V_END,
};

#define ANA_V_FIRST_ID ANA_V_FILE
#define ANA_SORTS      (ANA_V_END - ANA_V_FIRST_ID)

/* "file", "region", ...: definitions whose ids records hold. */
extern const char *const ana_sorts[ANA_SORTS];

struct ana_name {
	uint64_t value;
	const char *name; /* NULL ends a list */
};

struct ana_field {
	enum ana_value type;
	const struct ana_name *names; /* of ANA_V_ENUM and ANA_V_FLAGS */
};

/* Meaning of field I of records of KIND; a plain number for what is not known. */
const struct ana_field *ana_field(uint32_t kind, unsigned int i);

/* The name of VALUE, NULL if it has none. */
const char *ana_name_of(const struct ana_name *names, uint64_t value);

/*
 * "major|blocked" of a set of flags, what has no name as 0x..., "" for none. BUF of LEN bytes is
 * returned; 256 are enough for every list of this program.
 */
const char *ana_flags_text(char *buf, size_t len, const struct ana_name *names, uint64_t flags);

/* Advice of a FLT_HINT by its operation; NULL if there is no name. */
const char *ana_advice_name(uint64_t op, uint64_t advice);

/*
 * One short label for each definition of a sort, safe for a terminal: "model.gguf", "[heap]",
 * "llama-bench/4711", "nvme0n1". The result has ids->count entries and is freed with
 * ana_labels_free(). NULL: out of memory.
 */
char **ana_labels(const struct flt_reader *r, enum ana_value sort, const struct ana_ids *ids);
void ana_labels_free(char **labels, size_t count);

#endif
