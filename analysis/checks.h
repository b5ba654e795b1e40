/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the contents of a trace make sense, beyond the checksums: what refers to what, what comes
 * after what, and whether the parts agree with each other.
 */
#ifndef ANA_CHECKS_H
#define ANA_CHECKS_H

#include <stdint.h>

#include "analysis/common.h"

enum ana_check_id {
	ANA_CHECK_ORDER,      /* each stream in the order of its ends, without a gap */
	ANA_CHECK_REFERENCES, /* ids of regions, files, streams, devices, ... are defined */
	ANA_CHECK_OFFSETS,    /* inside their files and regions */
	ANA_CHECK_BARRIERS,   /* generations count up; in a program everybody arrives */
	ANA_CHECK_POOLS,    /* dynamic windows are in pools, which all of a barrier's lanes have */
	ANA_CHECK_MARKS,    /* count up within their class */
	ANA_CHECK_SUMMARY,  /* says what the program does */
	ANA_CHECK_SEEK,     /* by time and by evaluation, gets where it should */
	ANA_CHECK_COUNTERS, /* stored invariants hold, losses are marked */
	ANA_CHECKS,
};

struct ana_check {
	uint64_t looked, failed;
	char first[192]; /* the first thing that is wrong */
};

struct ana_checks {
	struct ana_check check[ANA_CHECKS];
	uint64_t unresolved; /* faults whose region is not known: allowed, but worth telling */
	uint64_t unknown;    /* records of kinds that this version does not know */
	bool lossy;          /* so marked */
};

/* "order of records", ...: for people. "order", ...: for JSON. */
const char *ana_check_title(enum ana_check_id id);
const char *ana_check_key(enum ana_check_id id);

/* Reads all layers. 0, also when checks failed; -EBADMSG if reading ended early; or -ENOMEM. */
int ana_checks_run(struct ana_checks *c, struct flt_reader *r);

/* ---- parts ---- */

/* Notes one thing that was looked at; GOOD is the verdict, the text says what is wrong. */
void ana_check_note(struct ana_checks *c, enum ana_check_id id, bool good, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* checks_pools.c: pools of chunks, in the order of the program. NULL: out of memory. */
struct ana_pools;
struct ana_pools *ana_pools_new(size_t lanes);
int ana_pools_add(struct ana_checks *c, struct ana_pools *p, size_t lane,
		  const struct flt_record *rec);
/* Frees it; what a FINISHED trace leaves open is noted. */
void ana_pools_end(struct ana_checks *c, struct ana_pools *p, bool finished);
/* checks_trailer.c: what the trailer claims. */
void ana_check_trailer(struct ana_checks *c, const struct flt_reader *r);
/* checks_seek.c: time and evaluations. */
int ana_check_seeks(struct ana_checks *c, struct flt_reader *r);
/* checks_program.c: the summary against the program. */
int ana_check_summary(struct ana_checks *c, struct flt_reader *r);

#endif
