/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of `faultline doctor`. Each check tries the thing itself where that is cheap, and
 * leaves a finding: what it was, how it went, and what to change.
 */
#ifndef ANA_DOCTOR_H
#define ANA_DOCTOR_H

#include <stdbool.h>

#include "analysis/common.h"

enum ana_state {
	ANA_GOOD,
	ANA_NOTE,    /* works, with less */
	ANA_MISSING, /* does not work */
};

enum ana_section {
	ANA_RECORD,
	ANA_REPLAY,
	ANA_LIMIT,
	ANA_DRIVE,
	ANA_SPEED,
	ANA_SECTIONS,
};

struct ana_finding {
	enum ana_section section;
	enum ana_state state;
	char name[40];
	char text[1024]; /* how it is */
	char fix[1024];  /* what to change; "" if there is nothing to do */
};

struct ana_findings {
	struct ana_finding item[48];
	size_t count;
};

/* Adds one; the text is set by the format. The finding, for its fix; never NULL. */
struct ana_finding *ana_find(struct ana_findings *all, enum ana_section section,
			     enum ana_state state, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void ana_fix(struct ana_finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The worst state of a section. */
enum ana_state ana_worst(const struct ana_findings *all, enum ana_section section);

/* doctor_record.c: privileges, perf events, BPF, tracepoints, probes. */
void ana_doctor_record(struct ana_findings *all);

/* doctor_reference.c: stopping threads for --mode reference; locking memory for pressure=global. */
void ana_doctor_reference(struct ana_findings *all);
void ana_doctor_balloon(struct ana_findings *all);

/* doctor_replay.c: fio and the engine; memory; the data directory's drive. */
void ana_doctor_replay(struct ana_findings *all, const char *engine);
void ana_doctor_limit(struct ana_findings *all);
void ana_doctor_drive(struct ana_findings *all, const char *directory);

/*
 * Path of the engine: beside the program, or as installed. 0 or -ENOENT (BUF then
 * has the first place it should be).
 */
int ana_find_engine(char *buf, size_t len);

/* doctor_speed.c: score, load, and what they mean for a trace (NULL: none). */
struct ana_speed {
	json_t *score;    /* of host/score.h; NULL if it was not measured */
	double cpu_scale; /* suggested; 0: none */
};

/* QUICK: nothing is measured. */
void ana_doctor_speed(struct ana_findings *all, struct flt_reader *trace, bool quick,
		      struct ana_speed *speed);

#endif
