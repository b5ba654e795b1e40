/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/session.h: one recording, from the command line to the finished trace.
 */
#ifndef REC_SESSION_H
#define REC_SESSION_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host/host.h"
#include "tracer/attach.h"
#include "tracer/launch.h"
#include "tracer/options.h"
#include "tracer/probes.h"
#include "tracer/tasklog.h"
#include "tracer/world.h"
#include "tracer/zap.h"

/* Around the moment at which the recording begins, and around its end: others read meanwhile. */
enum rec_disk_moment {
	REC_DISK_FIRST,
	REC_DISK_BEGUN,
	REC_DISK_ENDING,
	REC_DISK_LAST,
	REC_DISK_MOMENTS
};

struct rec_disk {
	unsigned int major, minor;
	char name[64];
	bool gone;
	struct host_diskstat at[REC_DISK_MOMENTS];
};

struct rec_residency {
	char path[PATH_MAX];
	char link[96]; /* under /proc, with -p: opens the very file; else empty */
	uint64_t size, before, left;
};

/* At the run's begin and end: CPU seconds of the whole machine, of a process that is not ours; the load. */
struct rec_machine {
	double busy[2], process[2], load[2];
};

struct rec_session {
	struct rec_options opt;
	struct rec_user user;
	struct rec_launch launch;
	bool launched;
	pid_t pid;
	struct rec_attach *attach;
	struct rec_merge *merge;
	struct rec_tasklog *log;
	struct rec_probes *probes;
	struct rec_sink sink;
	struct rec_world world;
	bool world_open;
	struct host_memcg *memcg;
	struct host_balloon *balloon; /* --pressure global */
	json_t *balloon_was;          /* what it was like at the run's end */
	struct host_memcg_stat memcg_end;
	bool has_memcg_end;
	struct host_sampler *sampler;
	uint32_t sample_stream;
	struct rec_residency residency[REC_NAMES_MAX];
	unsigned int residencies;
	struct rec_tensors *tensors;
	/* --mode reference */
	struct rec_zap *zap;
	struct rec_zap_stats zap_stats; /* of zap, when it has ended */
	struct rec_judge *judge;
	struct rec_machine machine;
	struct host_tunables *tunables; /* read-ahead that was changed */
	bool tracer_lost;
	struct host_janitor *janitor; /* who puts it back if we cannot; NULL: the cgroup's */
	uint64_t fault_around;        /* bytes; 0: not known */
	double larger_pieces; /* share of the model's pages in the page cache; < 0: not known */
	bool warmed;          /* the model was read into memory page by page */
	struct rec_disk disk[HOST_DEVICES_MAX];
	unsigned int disks;
	uint64_t begin, end;           /* CLOCK_MONOTONIC: the run's */
	struct rusage before, usage;   /* of the run: at the beginning, at its end */
	struct rusage own_before, own; /* the recorder's, while the run ran */
	bool has_usage;
	int status; /* as of wait(); -1: not known */
	unsigned int interrupts;
	bool stopped_early; /* by a signal or --duration, not by the run's end */
	uint64_t last_drain;
	bool lossy, said_error;
};

/* "faultline record: ...\n" on stderr. */
void rec_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* setup.c: everything up to the run's start */
int rec_session_setup(struct rec_session *s);
/* The disks' own counters, to be compared with what was seen. */
void rec_session_read_disks(struct rec_session *s, enum rec_disk_moment moment);
/* existing.c: every thread of a process that runs already, and of its children */
int rec_attach_existing(struct rec_session *s);
/* loop.c: while it runs */
int rec_session_run(struct rec_session *s);
/* Reads all rings; records what ended before UNTIL. */
void rec_session_drain(struct rec_session *s, uint64_t until);
/* header.c */
/* How much one fault maps, in bytes; 0: the kernel does not tell. */
uint64_t rec_fault_around(void);
json_t *rec_session_header(const struct rec_session *s);
/* invariants.c: what has to agree. A new array of {name, expected, found, ok, note}. */
json_t *rec_invariants(struct rec_session *s);
void rec_invariants_print(const json_t *list);
/* finish.c: trailer, program, summary */
int rec_session_finish(struct rec_session *s);

/* live.c: one line on a terminal, now and then */
void rec_live_update(struct rec_session *s, uint64_t now);
/* How far the derivation of the program is that began at BEGUN (ns); nothing in its first seconds. */
void rec_live_derivation(const struct rec_session *s, uint64_t begun, uint64_t done,
			 uint64_t total);
void rec_live_clear(void);

#endif
