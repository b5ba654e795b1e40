/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/judge.h: whether a reference capture is one: what each evaluation touched, in what pieces, and
 * how quiet the machine was.
 */
#ifndef REC_JUDGE_H
#define REC_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rec_judge;

#define REC_FAULT_AROUND 65536 /* bytes, where the kernel does not tell */

/* FAULT_AROUND: bytes that a fault maps, a power of two; 0: REC_FAULT_AROUND. NULL without memory. */
struct rec_judge *rec_judge_open(uint64_t fault_around);
void rec_judge_close(struct rec_judge *j);

/* A fault on a model's file of SIZE bytes, in the order of time. */
void rec_judge_fault(struct rec_judge *j, uint64_t file, uint64_t size, uint64_t offset);
/* Page-table entries were dropped: a new interval begins, and what was touched since is counted from 0. */
void rec_judge_zap(struct rec_judge *j, bool by_time);
/* An evaluation has ended (enum flt_mark_class). */
void rec_judge_pass(struct rec_judge *j, uint32_t class);

/* What is known from elsewhere. */
struct rec_judge_facts {
	bool reference;
	bool lossy;
	uint64_t dropped; /* events */
	uint64_t limit;   /* bytes of memory that the run had; 0: no limit */
	bool warmed;
	double larger_pieces; /* share of the model's page cache in pieces that one fault maps too much of */
	bool launched;
	uint64_t every_ns;     /* asked for; 0: at evaluations */
	uint64_t zap_failed;   /* stops in which entries could not be dropped */
	uint64_t stop_refused; /* stops that could not be asked for */
	const char *refused;   /* a mapping that was left alone, and why; NULL: none */
	uint64_t zap_ns;       /* that threads were stopped for, over all */
	uint64_t zap_bytes;
	double foreign_cpus; /* that others used meanwhile; below 0: not known */
	unsigned int cpus;
	double load[2]; /* 1 minute's average: before, after */
	double spread;  /* of the calibration's runs; below 0: there are none */
};

/*
 * The trailer's "judgement": predictive, usable, why, notes and the figures behind them, as FORMAT.md has
 * them. A new reference; NULL without memory.
 */
json_t *rec_judge_json(const struct rec_judge *j, const struct rec_judge_facts *f);
/* The same for people, on stderr. */
void rec_judge_print(const json_t *judgement);

#endif
