/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/attach.h: the programs in the kernel: loading those that this kernel can run, attaching
 * them, and reading what they counted.
 */
#ifndef REC_ATTACH_H
#define REC_ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/util.h"
#include "tracer/hooks.h"
#include "tracer/merge.h"

struct rec_attach;

struct rec_attach_options {
	bool regions; /* system calls */
	bool block;   /* block I/O */
	bool cache;   /* page cache */
	bool probes;  /* barriers and marks */
	bool sched;   /* threads off their CPU */
	bool reclaim;
	int stop_signal; /* threads are stopped by it (zap.h); 0: never */
	unsigned int
		ring_bytes; /* per CPU, a power of two; 0: 16 MiB, less on machines with many CPUs */
	int verbose;
};

/* What of it this kernel has. */
struct rec_capabilities {
	bool core;    /* processes and their children; always */
	bool regions; /* system calls: mappings, reads, hints */
	bool block, bio, cache, probes, sched;
	bool reclaim, reclaim_group; /* batches and direct reclaim; that of cgroups */
	uint32_t stops;              /* the signal that stops threads; 0: it cannot be sent */
};

/*
 * Opens, chooses, loads. Nothing is attached yet. *err says what to do about a failure: missing
 * privileges, a kernel without BTF, lockdown, no tracefs.
 */
int rec_attach_open(struct rec_attach **a, const struct rec_attach_options *opt,
		    struct host_err *err);
/*
 * For each probe and tracepoint that goes the kernel waits until no CPU can be in it any more, one after
 * the other: seconds. So a child of ours takes over their descriptors and keeps them until after our own
 * end, and nobody waits.
 */
void rec_attach_close(struct rec_attach *a);

const struct rec_capabilities *rec_attach_capabilities(const struct rec_attach *a);
unsigned int rec_attach_cpus(const struct rec_attach *a);
unsigned int rec_attach_ring_bytes(const struct rec_attach *a);

/* Attaches the tracepoints. Processes have to be added before: their children are then found. */
int rec_attach_tracepoints(struct rec_attach *a, struct host_err *err);
int rec_attach_process(struct rec_attach *a, pid_t pid);
/*
 * The three fault events of a thread and of everything it will create. ON_EXEC: from the moment on at which
 * exec() gives it the memory of its new program; what it is before that is nobody's business. -ESRCH: it
 * is gone.
 */
int rec_attach_faults(struct rec_attach *a, pid_t tid, bool on_exec, struct host_err *err);
/* Barrier: a wait; else a mark. PATH is the file, OFFSET the function in it. 0 or -errno. */
int rec_attach_probe(struct rec_attach *a, bool barrier, const char *path, uint64_t offset,
		     uint64_t cookie);
/* A mark of this preference (from 1 to 255, the best) is probed: see hooks_stop.h. */
void rec_attach_mark_quality(struct rec_attach *a, unsigned int quality);
/* What threads are stopped for from now on: bits 1 << enum rec_stop_why. */
void rec_attach_arm(struct rec_attach *a, uint32_t what);
/*
 * Whether thread TID was asked to stop, and why; asks once. False: it was not us. May be called by another
 * thread than everything else here.
 */
bool rec_attach_take_stop(struct rec_attach *a, pid_t tid, struct rec_stop *stop);
/*
 * Counts the calls of mprotect() that meet [START, END) of any recorded process, from now on; both 0: none.
 * False: this kernel does not tell.
 */
bool rec_attach_guard(struct rec_attach *a, uint64_t start, uint64_t end);
uint64_t rec_attach_guard_hits(const struct rec_attach *a);
/* Whether any mark is probed. */
bool rec_attach_has_marks(const struct rec_attach *a);

/* Stops all that comes from the recorded threads; what is in the rings stays. */
void rec_attach_stop(struct rec_attach *a);
/*
 * After rec_attach_stop(): takes the probes and tracepoints off, which a process feels even when nobody
 * listens. Takes the kernel seconds; counters can still be read.
 */
void rec_attach_detach(struct rec_attach *a);
/* Watch the page cache of this file from now on. */
void rec_attach_watch(struct rec_attach *a, uint32_t dev, uint64_t ino);

/* Moves all events that are in the rings into M, sources 0 .. 2 * cpus - 1. 0 or -errno. */
int rec_attach_drain(struct rec_attach *a, struct rec_merge *m);
/* After rec_attach_stop(): the runs of the page cache that have not ended. */
void rec_attach_take_runs(struct rec_attach *a, struct rec_merge *m);
/* Folios added to and dropped from the page cache. */
uint64_t rec_attach_folios(const struct rec_attach *a);
/* Events that the last rec_attach_drain() calls brought, over all. */
uint64_t rec_attach_received(const struct rec_attach *a);

/* Sum over the CPUs. */
uint64_t rec_attach_counter(const struct rec_attach *a, enum rec_counter c);
/* Who reclaimed, and how much: sums over the CPUs. */
void rec_attach_reclaim(const struct rec_attach *a, struct rec_reclaim *sum);
/* What the kernel itself counted: starts, major and minor ends. */
void rec_attach_fault_counts(const struct rec_attach *a, uint64_t counts[3]);

struct rec_program_info {
	const char *name;
	const char *hook;
	uint64_t misses;
	uint64_t runs, run_ns; /* 0 unless kernel.bpf_stats_enabled */
};

/* The I-th loaded program; false after the last. */
bool rec_attach_program(const struct rec_attach *a, unsigned int i, struct rec_program_info *info);

#endif
