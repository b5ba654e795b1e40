/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/tasklog.h: the kernel's log of forks, exits, names and mappings, through perf's own rings:
 * what exec() maps comes by no system call, and mappings come with their files' names.
 */
#ifndef REC_TASKLOG_H
#define REC_TASKLOG_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/util.h"
#include "tracer/hooks.h"
#include "tracer/merge.h"

struct rec_event_task {
	struct rec_event h; /* h.tid: the thread that was made, ends or has a new name */
	pid_t pid;
	pid_t parent_pid, parent_tid; /* REC_EV_TASK_NEW */
	char comm[16];                /* REC_EV_EXEC, REC_EV_COMM */
};

struct rec_event_mapping {
	struct rec_event h;
	uint64_t addr, length, offset, ino;
	uint32_t dev; /* as the kernel has it: major << 20 | minor */
	uint32_t prot, flags;
	pid_t pid;
	char path[]; /* "//anon", "[heap]", or the file's */
};

struct rec_tasklog;

/*
 * PID: the process whose future children are followed, too; -1: the whole machine, and it is the
 * caller's business to choose. Events come with sources FIRST_SOURCE .. FIRST_SOURCE + CPUS - 1.
 */
int rec_tasklog_open(struct rec_tasklog **t, pid_t pid, unsigned int cpus,
		     unsigned int first_source, struct host_err *err);
void rec_tasklog_close(struct rec_tasklog *t);

/* Called for every new mapping as soon as it is seen, before it is sorted. */
typedef void (*rec_mapping_fn)(void *arg, const struct rec_event_mapping *mapping);

/* Moves what is in the rings into M. 0 or -errno. */
int rec_tasklog_drain(struct rec_tasklog *t, struct rec_merge *m, rec_mapping_fn fn, void *arg);
/* Descriptors that become readable with the next record. Returns how many there are. */
unsigned int rec_tasklog_poll(const struct rec_tasklog *t, struct pollfd *fds, unsigned int max);
uint64_t rec_tasklog_lost(const struct rec_tasklog *t);
uint64_t rec_tasklog_received(const struct rec_tasklog *t);

#endif
