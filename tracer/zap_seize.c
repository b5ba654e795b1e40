// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of zap.h that knows who is traced, and begins to trace.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "tracer/zap_int.h"

#ifndef PTRACE_SEIZE
#define PTRACE_SEIZE 0x4206
#endif

#define OPTIONS \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
#define ROUNDS_MAX 16
#define DEPTH_MAX  32

/* ---- who ---- */

static pid_t process_of(pid_t tid)
{
	char path[64], text[4096];
	uint64_t pid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (host_file_read(path, text, sizeof(text)) < 0 || host_text_u64(text, "Tgid:", &pid))
		return tid;
	return (pid_t)pid;
}

struct zap_process *zap_process_get(struct zap_tracer *z, pid_t pid)
{
	struct zap_process *p;

	HASH_FIND_INT(z->processes, &pid, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	HASH_ADD_INT(z->processes, pid, p);
	return p;
}

struct zap_thread *zap_thread_get(struct zap_tracer *z, pid_t tid)
{
	struct zap_thread *t;

	HASH_FIND_INT(z->threads, &tid, t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	t->pid = process_of(tid);
	HASH_ADD_INT(z->threads, tid, t);
	zap_process_get(z, t->pid);
	return t;
}

void zap_thread_forget(struct zap_tracer *z, struct zap_thread *t)
{
	struct zap_process *p;
	struct zap_thread *other, *next;
	pid_t pid = t->pid;

	HASH_DEL(z->threads, t);
	free(t);
	HASH_ITER (hh, z->threads, other, next)
		if (other->pid == pid)
			return;
	HASH_FIND_INT(z->processes, &pid, p);
	if (!p)
		return;
	HASH_DEL(z->processes, p);
	free(p);
}

void zap_thread_exec(struct zap_tracer *z, struct zap_thread *t)
{
	struct zap_thread *other, *next;
	struct zap_process *p;

	HASH_ITER (hh, z->threads, other, next)
		if (other->pid == t->pid && other != t)
			zap_thread_forget(z, other);
	p = zap_process_get(z, t->pid);
	if (p)
		*p = (struct zap_process){.pid = p->pid, .hh = p->hh};
	t->asked = t->held = t->listening = false;
}

/* ---- seizing ---- */

static int refused(pid_t pid, struct host_err *err)
{
	char path[64], text[4096];
	uint64_t tracer = 0, scope = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (host_file_read(path, text, sizeof(text)) >= 0 &&
	    !host_text_u64(text, "TracerPid:", &tracer) && tracer)
		return host_fail(
			err, -EPERM,
			"process %d is traced by process %d already (a debugger, strace?), and "
			"only one can",
			(int)pid, (int)tracer);
	host_file_read_u64("/proc/sys/kernel/yama/ptrace_scope", &scope);
	if (scope == 3)
		return host_fail(
			err, -EPERM,
			"nobody may trace processes here (kernel.yama.ptrace_scope is 3, until the "
			"next boot)");
	return host_fail(
		err, -EPERM,
		"process %d may not be traced (ptrace): CAP_SYS_PTRACE is missing, or a security "
		"module refuses it",
		(int)pid);
}

/* 1: it is new. */
static int seize_thread(struct zap_tracer *z, pid_t pid, pid_t tid, struct host_err *err)
{
	struct zap_thread *t;

	HASH_FIND_INT(z->threads, &tid, t);
	if (t)
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)OPTIONS)) {
		/* it has just ended, or its maker is traced and so is it, which its first stop tells */
		if (errno == ESRCH)
			return 0;
		if (errno != EPERM)
			return host_fail(err, -errno, "cannot trace process %d: %s", (int)pid,
					 strerror(errno));
		zap_handle_stops(z);
		HASH_FIND_INT(z->threads, &tid, t);
		return t ? 1 : refused(pid, err);
	}
	t = zap_thread_get(z, tid);
	if (t)
		t->pid = pid;
	return t ? 1 : -ENOMEM;
}

static int seize_threads(struct zap_tracer *z, pid_t pid, struct host_err *err)
{
	struct dirent *entry;
	char path[64];
	int ret, found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return host_fail(err, -ESRCH, "there is no process %d", (int)pid);
	for (ret = 0; ret >= 0 && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		ret = seize_thread(z, pid, (pid_t)atoi(entry->d_name), err);
		if (ret > 0)
			found++;
	}
	closedir(dir);
	return ret < 0 ? ret : found;
}

static int seize_tree(struct zap_tracer *z, pid_t pid, int depth, struct host_err *err)
{
	char path[96], text[4096], *end;
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	/* until nobody new is there: threads that were made by those that were not traced yet */
	for (int round = 0; round < ROUNDS_MAX; round++) {
		ret = seize_threads(z, pid, err);
		if (ret <= 0)
			break;
	}
	if (ret < 0 || !depth)
		return ret < 0 ? ret : 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid,
			 entry->d_name);
		if (entry->d_name[0] == '.' || host_file_read(path, text, sizeof(text)) <= 0)
			continue;
		for (char *at = text;; at = end) {
			long child = strtol(at, &end, 10);

			/* the list may have been cut in the middle of a number */
			if (!*end && strlen(text) == sizeof(text) - 1)
				break;
			if (end == at)
				break;
			/* one that has just ended is no reason to give up */
			seize_tree(z, (pid_t)child, depth - 1, NULL);
		}
	}
	if (dir)
		closedir(dir);
	return 0;
}

int zap_seize(struct zap_tracer *z, pid_t pid, bool children, struct host_err *err)
{
	return seize_tree(z, pid, children ? DEPTH_MAX : 0, err);
}
