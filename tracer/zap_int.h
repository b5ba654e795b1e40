/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/zap_int.h: what zap.c (the thread and those who talk to it) and zap_trace.c (tracing) share.
 */
#ifndef REC_ZAP_INT_H
#define REC_ZAP_INT_H

#include <pthread.h>
#include <uthash.h>

#include "tracer/zap.h"
#include "tracer/zap_maps.h"

struct zap_thread {
	pid_t tid, pid;
	bool held;      /* stopped until it is released */
	bool listening; /* in a stop of its group */
	bool asked;     /* PTRACE_INTERRUPT is under way, to drop entries by time */
	bool frozen;    /* stopped until all are thawed */
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

struct rec_zap {
	struct rec_attach *attach;
	struct rec_zap_options opt;
	pthread_t thread;
	int wake, news_fd; /* eventfds: to the thread, from it */

	pthread_mutex_t lock;
	pthread_cond_t done;
	/* under the lock */
	enum zap_command command;
	pid_t pid;
	bool flag;
	int result;
	struct host_err err;
	struct rec_zap_news *news;
	size_t nnews;
	struct rec_event_zap *event;
	size_t events, event_room;
	struct rec_zap_stats stats;

	/* the thread's own */
	struct zap_thread *threads;
	struct zap_process *processes;
	bool armed, at_marks, ended;
	uint64_t next_tick;
	uint64_t guard_start, guard_end;
	bool guarded;       /* mprotect() is told of */
	uint64_t last_mark; /* when an evaluation's begin was last seen; 0: never */
	bool freezing;      /* whoever stops stays stopped */
};

/* zap_seize.c; this and all that follows in the thread */
int zap_seize(struct rec_zap *z, pid_t pid, bool children, struct host_err *err);
struct zap_process *zap_process_get(struct rec_zap *z, pid_t pid);
struct zap_thread *zap_thread_get(struct rec_zap *z, pid_t tid);
/* With its process, if it is the last one. */
void zap_thread_forget(struct rec_zap *z, struct zap_thread *t);
/* It has called exec(): it has the process' number now, and is alone; nothing is mapped as before. */
void zap_thread_exec(struct rec_zap *z, struct zap_thread *t);
void zap_forget_all(struct rec_zap *z);

/* zap_trace.c */
/* Asks a thread of a process to stop, to drop its entries. -ENOENT: it has none; -EAGAIN: no thread is fit. */
int zap_ask(struct rec_zap *z, struct zap_process *p);
/* Handles all stops that are there. True if there were any. */
bool zap_handle_stops(struct rec_zap *z);
void zap_release(struct rec_zap *z, pid_t tid);
int zap_freeze(struct rec_zap *z, pid_t pid);
void zap_thaw(struct rec_zap *z);
/* Looks at its mappings anew. */
bool zap_has_model(struct rec_zap *z, struct zap_process *p, uint64_t now);

/* zap.c */
void zap_tell(struct rec_zap *z, const struct rec_zap_news *news);
void zap_add_event(struct rec_zap *z, const struct rec_event_zap *e);

#endif
