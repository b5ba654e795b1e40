/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/options.h: the command line of `faultline record`.
 */
#ifndef REC_OPTIONS_H
#define REC_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define REC_NAMES_MAX 16

struct rec_options {
	char **command; /* NULL with -p */
	int nargs;
	pid_t pid; /* 0: launch */
	char output[PATH_MAX];
	const char *label;
	uint64_t memory_limit; /* bytes; 0: none */
	const char *evict[REC_NAMES_MAX];
	unsigned int evicts;
	const char *barrier[REC_NAMES_MAX]; /* SYMBOL[@FILE] */
	unsigned int barriers;
	const char *mark[REC_NAMES_MAX];
	unsigned int marks;
	double duration; /* seconds; 0: until the run ends */
	unsigned int ring_mib;
	bool no_block, no_barriers, no_marks, no_program, no_score;
	bool reference;        /* --mode reference */
	uint64_t zap_every_ns; /* 0: where evaluations begin */
	bool light;            /* marks, samples and rusage only */
	bool no_sched;
	bool global;   /* --pressure global: memory_limit is what the whole machine has left */
	int calibrate; /* untraced runs after the capture; -1: as the mode wants it */
	int cache;     /* 1: yes, 0: no */
	bool quiet;
	int verbose;
};

/* 0, or the exit status after having said what is wrong (-1: help was shown, exit with 0). */
int rec_options_parse(struct rec_options *o, int argc, char **argv);

#endif
