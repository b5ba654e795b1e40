/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/zap_int.h: what the recorder's side (zap.c) and the tracer's (zap_tracer.c, zap_trace.c, zap_seize.c) share.
 */
#ifndef REC_ZAP_INT_H
#define REC_ZAP_INT_H

#include <uthash.h>

#include "tracer/zap.h"
#include "tracer/zap_maps.h"

struct zap_thread {
	pid_t tid, pid;
	bool held;      /* stopped until it is released */
	bool listening; /* in a stop of its group */
	bool asked;     /* PTRACE_INTERRUPT is under way, to drop entries by time */
	bool frozen;    /* stopped until all are thawed */
	bool stepped;   /* a SIGTRAP of our own making is still to come */
	UT_hash_handle hh;
};

struct zap_process {
	pid_t pid;
	struct rec_zap_maps maps;
	uint64_t instruction; /* 0: not looked for; 1: there is none */
	uint64_t cpu_ns;      /* that its threads had used at the last zap by time */
	uint64_t guard_hits;  /* when its mappings were last looked at in full */
	bool doubted;         /* its mappings may be other ones than the cheap list shows */
	uint64_t since;       /* when a model was first seen in it, ns; 0: never */
	UT_hash_handle hh;
};

enum zap_command { CMD_NONE, CMD_SEIZE, CMD_FREEZE, CMD_THAW, CMD_RELEASE, CMD_ARM, CMD_END };

/* What the two say to each other, one packet each: a request and its answer, and what happens meanwhile. */
struct zap_request {
	enum zap_command command;
	pid_t pid;
	bool flag;
};

struct zap_answer {
	int result;
	struct host_err err;
	struct rec_zap_stats stats; /* CMD_END */
};

enum zap_tidings { ZAP_HELD = 1, ZAP_DROPPED };

struct zap_told {
	enum zap_tidings what;
	pid_t pid, tid;             /* ZAP_HELD */
	struct rec_event_zap event; /* ZAP_DROPPED */
};

/* The tracer's. */
struct zap_tracer {
	struct rec_attach *attach;
	struct rec_zap_options opt;
	int requests, told; /* sockets */
	struct rec_zap_stats stats;
	struct zap_thread *threads;
	struct zap_process *processes;
	bool armed, at_marks;
	uint64_t next_tick;
	uint64_t guard_start, guard_end;
	bool guarded;       /* mprotect() is told of */
	uint64_t last_mark; /* when an evaluation's begin was last seen; 0: never */
	bool freezing;      /* whoever stops stays stopped */
};

/* zap_tracer.c: all of the process' life */
void zap_tracer_run(struct zap_tracer *z);
void zap_tell(struct zap_tracer *z, const struct zap_told *told);

/* zap_seize.c */
int zap_seize(struct zap_tracer *z, pid_t pid, bool children, struct host_err *err);
struct zap_process *zap_process_get(struct zap_tracer *z, pid_t pid);
struct zap_thread *zap_thread_get(struct zap_tracer *z, pid_t tid);
/* With its process, if it is the last one. */
void zap_thread_forget(struct zap_tracer *z, struct zap_thread *t);
/* It has called exec(): it has the process' number now, and is alone; nothing is mapped as before. */
void zap_thread_exec(struct zap_tracer *z, struct zap_thread *t);

/* zap_trace.c */
/* Asks a thread of a process to stop, to drop its entries. -ENOENT: it has none; -EAGAIN: no thread is fit. */
int zap_ask(struct zap_tracer *z, struct zap_process *p);
/* Handles all stops that are there. True if there were any. */
bool zap_handle_stops(struct zap_tracer *z);
void zap_release(struct zap_tracer *z, pid_t tid);
int zap_freeze(struct zap_tracer *z, pid_t pid);
void zap_thaw(struct zap_tracer *z);
/* Looks at its mappings anew. */
bool zap_has_model(struct zap_tracer *z, struct zap_process *p, uint64_t now);

#endif
