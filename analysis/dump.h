/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of `faultline dump`: what is selected, and how a record is written. */
#ifndef ANA_DUMP_H
#define ANA_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/common.h"
#include "analysis/names.h"

enum ana_dump_format {
	ANA_DUMP_TEXT,
	ANA_DUMP_CSV,
	ANA_DUMP_JSONL,
};

/* ---- writing (dump_write.c) ---- */

struct ana_dump_writer {
	enum ana_dump_format format;
	enum flt_layer layer;
	bool numeric;   /* numbers as they are stored instead of names */
	uint64_t kinds; /* selected, one bit each: decides on the columns of CSV */
	const struct flt_reader *r;
	struct ana_ids ids[ANA_SORTS];
	char **label[ANA_SORTS];
	const char *column[64]; /* CSV: names of the columns behind the fixed ones */
	size_t columns;
	int8_t place[FLT_KIND_END][FLT_FIELDS]; /* CSV: column of each field */
	char *buf;
	size_t used;
};

/* Call with the plain members set. 0 or -ENOMEM; ana_dump_close() in any case. */
int ana_dump_open(struct ana_dump_writer *w);
/* The heading of CSV, if it is CSV. */
void ana_dump_heading(struct ana_dump_writer *w);
void ana_dump_record(struct ana_dump_writer *w, const struct flt_record *rec);
/* Passes what is gathered on to stdout; false once nobody takes it. */
bool ana_dump_flush(struct ana_dump_writer *w);
void ana_dump_close(struct ana_dump_writer *w);

#endif
