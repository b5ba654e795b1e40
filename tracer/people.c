// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recorded processes and threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <utlist.h>

#include "host/util.h"
#include "tracer/world.h"

#define TIDS (1u << 22) /* the kernel's own limit of pid_max */

static bool is_tid(pid_t tid)
{
	return tid > 0 && (unsigned int)tid < TIDS;
}

/* One pointer for every possible thread: memory is only taken for the pages that are touched. */
static bool has_table(struct rec_world *w)
{
	void *table;

	if (w->thread)
		return true;
	table = mmap(NULL, TIDS * sizeof(void *), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED)
		return false;
	w->thread = table;
	return true;
}

static void define_stream(struct rec_world *w, uint32_t id, const char *type, uint64_t now,
			  json_t *more)
{
	uint64_t first = now > w->sink->epoch ? now - w->sink->epoch : 0;
	json_t *def = json_pack("{s:i, s:s, s:I}", "id", (int)id, "type", type, "first_ns",
				(json_int_t)first);

	if (def && more)
		json_object_update(def, more);
	json_decref(more);
	rec_sink_define(w->sink, "stream", def);
}

uint32_t rec_stream_new(struct rec_world *w, const char *type, uint64_t now, json_t *more)
{
	define_stream(w, w->next_stream, type, now, more);
	return w->next_stream++;
}

static void read_comm(pid_t pid, pid_t tid, char comm[16])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
	if (host_file_read(path, comm, 16) < 0)
		comm[0] = '\0';
}

/* json_string() refuses what is not UTF-8. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("?");
}

struct rec_process *rec_process_get(struct rec_world *w, pid_t pid)
{
	struct rec_process *p;

	HASH_FIND_INT(w->processes, &pid, p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->pid = pid;
	read_comm(pid, pid, p->comm);
	p->stream = w->next_stream++;
	HASH_ADD_INT(w->processes, pid, p);
	return p;
}

uint32_t rec_process_stream(struct rec_world *w, struct rec_process *p)
{
	if (!p->has_stream)
		define_stream(w, p->stream, "process", 0,
			      json_pack("{s:i, s:o}", "pid", (int)p->pid, "comm", text(p->comm)));
	p->has_stream = true;
	return p->stream;
}

struct rec_thread *rec_thread_find(struct rec_world *w, pid_t tid)
{
	return is_tid(tid) && w->thread ? w->thread[tid] : NULL;
}

static pid_t process_of(pid_t tid)
{
	char path[64], status[4096];
	uint64_t pid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (host_file_read(path, status, sizeof(status)) < 0 ||
	    host_text_u64(status, "Tgid:", &pid))
		return 0;
	return (pid_t)pid;
}

struct rec_thread *rec_thread_get(struct rec_world *w, pid_t tid, pid_t pid)
{
	struct rec_thread *t = rec_thread_find(w, tid);

	if (t || !is_tid(tid) || !has_table(w))
		return t;
	if (!pid)
		pid = process_of(tid);
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	/* One that has ended before its events were looked at: most likely the root's. */
	t->process = pid ? rec_process_get(w, pid) : w->root;
	if (!t->process) {
		free(t);
		return NULL;
	}
	t->stream = REC_NO_STREAM;
	t->batch_tokens = FLT_NONE;
	read_comm(t->process->pid, tid, t->comm);
	t->process->threads++;
	w->thread[tid] = t;
	DL_APPEND(w->threads, t);
	return t;
}

static void forget_thread(struct rec_world *w, struct rec_thread *t)
{
	rec_calls_thread_end(w, t);
	w->thread[t->tid] = NULL;
	t->process->threads--;
	DL_DELETE(w->threads, t);
	free(t);
}

/* All threads of a process but one, which may be NULL. */
static void forget_threads(struct rec_world *w, const struct rec_process *p,
			   const struct rec_thread *keep)
{
	struct rec_thread *t, *next;

	DL_FOREACH_SAFE(w->threads, t, next)
	if (t->process == p && t != keep)
		forget_thread(w, t);
}

uint32_t rec_thread_stream(struct rec_world *w, struct rec_thread *t, uint64_t now)
{
	if (t->stream == REC_NO_STREAM)
		t->stream = rec_stream_new(w, "thread", now,
					   json_pack("{s:i, s:i, s:o}", "tid", (int)t->tid, "pid",
						     (int)t->process->pid, "comm", text(t->comm)));
	if (t->in_point && now > t->point_last)
		t->point_last = now;
	return t->stream;
}

static void region_exit(struct rec_world *w, struct rec_process *p, uint64_t now)
{
	struct flt_record r = {
		.stream = rec_process_stream(w, p),
		.kind = FLT_REGION,
		.f = {FLT_RO_EXIT, FLT_NONE, 0, 0, FLT_NONE, 0, 0, 0, FLT_NONE},
	};

	rec_sink_time(w->sink, &r, now, 0);
	rec_sink_add(w->sink, &r);
	rec_space_clear(&p->space);
	p->heap = NULL;
	p->heap_end = 0;
}

static void new_task(struct rec_world *w, const struct rec_event_task *e)
{
	struct rec_thread *t = rec_thread_find(w, (pid_t)e->h.tid);
	const struct rec_thread *maker = rec_thread_find(w, e->parent_tid);
	struct rec_process *parent, *p;

	/* A number that is used again without our having seen the end of its first owner. */
	if (t)
		forget_thread(w, t);
	if (e->pid == e->parent_pid) {
		t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);
		goto name;
	}
	HASH_FIND_INT(w->processes, &e->parent_pid, parent);
	HASH_FIND_INT(w->processes, &e->pid, p);
	if (p) { /* as above */
		forget_threads(w, p, NULL);
		p->ended = false;
		p->in_exec = false;
		region_exit(w, p, e->h.end);
	}
	if (!p)
		p = rec_process_get(w, e->pid);
	if (!p)
		return;
	if (parent) {
		rec_space_copy(&p->space, &parent->space);
		p->heap = parent->heap;
		p->heap_end = parent->heap_end;
	}
	t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);
	if (maker)
		memcpy(p->comm, maker->comm, sizeof(p->comm));
name:
	/* its maker's, until it gives itself another; and it may be gone by now */
	if (t && maker)
		memcpy(t->comm, maker->comm, sizeof(t->comm));
}

static void end_task(struct rec_world *w, const struct rec_event_task *e)
{
	struct rec_thread *t = rec_thread_find(w, (pid_t)e->h.tid);
	struct rec_process *p = t ? t->process : NULL;

	if (!t)
		return;
	forget_thread(w, t);
	/* The first thread may leave the others alone, or make room for one that calls exec(). */
	if (p->threads)
		return;
	p->ended = true;
	region_exit(w, p, e->h.end);
}

static void begin_program(struct rec_world *w, const struct rec_event_task *e)
{
	struct rec_thread *t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);

	if (!t)
		return;
	memcpy(t->comm, e->comm, sizeof(t->comm));
	memcpy(t->process->comm, e->comm, sizeof(e->comm));
	/* Whichever thread called exec() has the first one's number by now, and is alone. */
	forget_threads(w, t->process, t);
	region_exit(w, t->process, e->h.end);
	t->process->in_exec = true;
}

/* The log may be the whole machine's: only what descends from the root is ours. */
static bool is_ours(struct rec_world *w, const struct rec_event_task *e, uint32_t kind)
{
	pid_t pid = kind == REC_EV_TASK_NEW ? e->parent_pid : e->pid;
	struct rec_process *p;

	HASH_FIND_INT(w->processes, &pid, p);
	return p && !p->ended;
}

void rec_people_task(struct rec_world *w, const struct rec_event_task *e)
{
	uint32_t kind = e->h.word & REC_EV_KIND_MASK;
	struct rec_thread *t;

	if (!is_ours(w, e, kind))
		return;
	switch (kind) {
	case REC_EV_TASK_NEW:
		new_task(w, e);
		break;
	case REC_EV_TASK_EXIT:
		end_task(w, e);
		break;
	case REC_EV_EXEC:
		begin_program(w, e);
		break;
	case REC_EV_COMM:
		t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);
		if (t)
			memcpy(t->comm, e->comm, sizeof(t->comm));
		break;
	default:
		break;
	}
}

void rec_people_free(struct rec_world *w)
{
	struct rec_process *p, *next;

	while (w->threads)
		forget_thread(w, w->threads);
	HASH_ITER (hh, w->processes, p, next) {
		HASH_DEL(w->processes, p);
		rec_space_clear(&p->space);
		free(p);
	}
	if (!w->thread)
		return;
	munmap(w->thread, TIDS * sizeof(void *));
	w->thread = NULL;
}
