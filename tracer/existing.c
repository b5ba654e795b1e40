// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching to a process that runs: each of its threads needs events of its own, once. What a thread
 * creates afterwards inherits them, so a thread that comes while we are at it may have them or not:
 * the log of forks tells, by when its maker was attached to.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/session.h"

#define ROUNDS_MAX 16
#define DEPTH_MAX  32

struct fork_seen {
	pid_t tid, parent;
	uint64_t when;
};

struct existing {
	struct rec_session *session;
	struct host_err err;
	struct fork_seen *fork;
	size_t forks;
	unsigned int attached, new_ones;
	bool first; /* look */
};

static void collect_fork(void *arg, const struct rec_event *e)
{
	struct existing *x = arg;
	const struct rec_event_task *task = (const struct rec_event_task *)e;
	struct fork_seen *more;

	if ((e->word & REC_EV_KIND_MASK) != REC_EV_TASK_NEW)
		return;
	more = realloc(x->fork, (x->forks + 1) * sizeof(*more));
	if (!more)
		return;
	x->fork = more;
	more[x->forks++] = (struct fork_seen){
		.tid = (pid_t)e->tid,
		.parent = task->parent_tid,
		.when = e->end,
	};
}

static bool has_inherited(const struct existing *x, pid_t tid)
{
	struct rec_world *w = &x->session->world;

	for (size_t i = x->forks; i-- > 0;) {
		const struct fork_seen *f = &x->fork[i];
		const struct rec_thread *parent;

		if (f->tid != tid)
			continue;
		parent = rec_thread_find(w, f->parent);
		return parent && f->when > parent->attach_begin;
	}
	return false;
}

static void attach_thread(struct existing *x, pid_t pid, pid_t tid)
{
	struct rec_session *s = x->session;
	struct rec_thread *t;
	uint64_t begin;

	if (rec_thread_find(&s->world, tid))
		return;
	x->new_ones++;
	t = rec_thread_get(&s->world, tid, pid);
	if (!t || (!x->first && has_inherited(x, tid)))
		return;
	begin = host_now_ns();
	if (rec_attach_faults(s->attach, tid, false, &x->err))
		return;
	t->attach_begin = begin;
	t->attach_end = host_now_ns();
	x->attached++;
}

static void attach_children(struct existing *x, pid_t pid, int depth);

static void attach_process(struct existing *x, pid_t pid, int depth)
{
	struct rec_session *s = x->session;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	rec_attach_process(s->attach, pid);
	if (!rec_process_get(&s->world, pid))
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			attach_thread(x, pid, (pid_t)atoi(entry->d_name));
	if (dir)
		closedir(dir);
	if (depth < DEPTH_MAX)
		attach_children(x, pid, depth + 1);
}

static void attach_children(struct existing *x, pid_t pid, int depth)
{
	char path[96], text[4096], *at, *end;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", (int)pid,
			 entry->d_name);
		if (entry->d_name[0] == '.' || host_file_read(path, text, sizeof(text)) <= 0)
			continue;
		for (at = text;; at = end) {
			long child = strtol(at, &end, 10);

			if (end == at)
				break;
			attach_process(x, (pid_t)child, depth);
		}
	}
	if (dir)
		closedir(dir);
}

int rec_attach_existing(struct rec_session *s)
{
	struct existing x = {.session = s, .first = true};
	struct rec_process *p, *next;
	int ret = 0;

	for (int round = 0; round < ROUNDS_MAX && (x.first || x.new_ones); round++) {
		x.new_ones = 0;
		attach_process(&x, s->pid, 0);
		x.first = false;
		/* what happened until here is looked at for its forks only */
		rec_tasklog_drain(s->log, s->merge, NULL, NULL);
		rec_merge_run(s->merge, UINT64_MAX, collect_fork, &x);
	}
	/* only now: what was mapped meanwhile is in the maps, too */
	HASH_ITER (hh, s->world.processes, p, next) {
		rec_mappings_scan(&s->world, p, s->sink.epoch, false);
		rec_probes_process(s->probes, p->pid);
	}
	if (!x.attached) {
		ret = -ESRCH;
		if (kill(s->pid, 0) && errno == ESRCH)
			rec_say("there is no process %d any more", (int)s->pid);
		else
			rec_say("%s",
				x.err.text[0] ? x.err.text : "no thread could be attached to");
	}
	free(x.fork);
	return ret;
}
