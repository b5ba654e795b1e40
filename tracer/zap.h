/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/zap.h: a process of ours that traces the recorded ones (ptrace), for what has to be done inside of
 * them: page-table entries of the model are dropped where an evaluation begins, or every so many
 * milliseconds, so that every part of the model that is used faults again; and a thread that has just mapped
 * a model is held until it is probed.
 *
 * Whatever ends the recorder, the traced threads go on. That is why it is a process of its own: a thread that
 * is about to drop its entries has registers that are not its own, and needs somebody who gives it back
 * those it had. When the recorder is gone the tracer finishes what it is at, lets go of everybody, and ends.
 * What stops threads is a signal that is ignored by default. Nothing but a stop of ours is kept from them:
 * signals, stops of the whole group and exec() take their course, and so does their end.
 */
#ifndef REC_ZAP_H
#define REC_ZAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/util.h"
#include "tracer/attach.h"
#include "tracer/hooks.h"
#include "tracer/merge.h"

/* Page-table entries were dropped; made by us, in the order of the ends. */
struct rec_event_zap {
	struct rec_event
		h; /* h.tid: in which thread; h.dur: since it was stopped, or the last of these */
	uint64_t addr, length;
	pid_t pid;
	bool by_time; /* not at an evaluation's begin */
	bool last;    /* of those that were dropped in this stop */
};

struct rec_zap_options {
	uint64_t every_ns; /* 0: at evaluations, and by time only if there are none */
};

struct rec_zap_stats {
	uint64_t zaps, by_time; /* stops in which something was dropped */
	uint64_t bytes;         /* of mappings, over all */
	uint64_t stopped_ns;    /* over all */
	uint64_t failed;        /* stops in which it did not go */
	uint64_t delicate;      /* moments at which it was not tried */
	uint64_t every_ns;      /* by time: how often, 0: not */
	unsigned int mappings;  /* that the last zap dropped */
	char refused[2][256];   /* mappings that were left alone, and why; "" for none */
	unsigned int refusals;
};

struct rec_zap;

/*
 * Starts the tracer. *err says what does not go: an architecture without injection, no process. Programs in
 * the kernel have to be loaded (A), and may be unable to stop threads: then entries are dropped by time.
 */
int rec_zap_open(struct rec_zap **z, struct rec_attach *a, const struct rec_zap_options *opt,
		 struct host_err *err);
/*
 * Detaches from everybody and ends the tracer. What it has dropped until then goes into M, if that is not
 * NULL, as in rec_zap_drain(), and into *STATS.
 */
void rec_zap_close(struct rec_zap *z, struct rec_merge *m, unsigned int source,
		   struct rec_zap_stats *stats);

/*
 * Traces all threads of a process, its children (CHILDREN) and what they will create. -EPERM and *err:
 * yama, lockdown, a debugger.
 */
int rec_zap_seize(struct rec_zap *z, pid_t pid, bool children, struct host_err *err);
/*
 * Stops everybody who is traced, and drops the model's entries in process PID, so that nobody brings any of it
 * back, until rec_zap_thaw(). 0, -ENOENT: it has no model; or -errno, and then, too, they stand still.
 */
int rec_zap_freeze(struct rec_zap *z, pid_t pid);
void rec_zap_thaw(struct rec_zap *z);
/* From now on: stops at evaluations, by time, at mappings. False: no more, but threads stay traced. */
void rec_zap_arm(struct rec_zap *z, bool on);

/* Readable when there is something to take or to drain. */
int rec_zap_fd(const struct rec_zap *z);
/* A thread that is held since it has mapped a model or code: to be released. False: there is none. */
bool rec_zap_take(struct rec_zap *z, pid_t *pid, pid_t *tid);
void rec_zap_release(struct rec_zap *z, pid_t tid);

/* Moves what was dropped so far into M as REC_EV_ZAP. */
void rec_zap_drain(struct rec_zap *z, struct rec_merge *m, unsigned int source);

/* What the injected madvise() has as its fourth argument, which the call does not have. */
#define REC_ZAP_MAGIC 0x66617a7aull

#endif
