// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of zap.h that traces: what is to be done about each stop of a traced thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/zap_inject.h"
#include "tracer/zap_int.h"

#ifndef PTRACE_LISTEN
#define PTRACE_INTERRUPT 0x4207
#define PTRACE_LISTEN    0x4208
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define NO_INSTRUCTION 1
#define FREEZE_NS \
	1000000000ull /* a thread that waits for its drive stops when it has what it waits for */

/* ---- dropping ---- */

/*
 * A private mapping that is made writable, written to and protected again looks as before, but has pages
 * of its own by then: whoever protects any of them makes us look again.
 */
static void extend_guard(struct zap_tracer *z, const struct zap_process *p)
{
	uint64_t start = z->guard_start, end = z->guard_end;

	for (unsigned int i = 0; i < p->maps.count; i++) {
		const struct rec_zap_mapping *m = &p->maps.mapping[i];

		if (!end || m->addr < start)
			start = m->addr;
		if (m->addr + m->length > end)
			end = m->addr + m->length;
	}
	if (start == z->guard_start && end == z->guard_end)
		return;
	z->guard_start = start;
	z->guard_end = end;
	z->guarded = rec_attach_guard(z->attach, start, end);
}

bool zap_has_model(struct zap_tracer *z, struct zap_process *p, uint64_t now)
{
	uint64_t hits = rec_attach_guard_hits(z->attach);

	if (rec_zap_maps_read(&p->maps, p->pid, hits != p->guard_hits || !z->guarded || p->doubted))
		return false;
	p->guard_hits = hits;
	p->doubted = false;
	extend_guard(z, p);
	if (p->maps.count && !p->since)
		p->since = now;
	return p->maps.count;
}

/* Once for each mapping that is left alone: people should know. */
static void note_refusals(struct zap_tracer *z, const struct zap_process *p)
{
	for (unsigned int i = 0; i < p->maps.count; i++) {
		const struct rec_zap_mapping *m = &p->maps.mapping[i];
		struct rec_zap_stats *s = &z->stats;
		char text[256];
		bool known = s->refusals == 2;

		if (m->refused == REC_ZAP_FINE)
			continue;
		snprintf(text, sizeof(text), "%s %s", m->name, rec_zap_refusal_text(m->refused));
		for (unsigned int k = 0; k < s->refusals && !known; k++)
			known = !strcmp(s->refused[k], text);
		if (!known)
			memcpy(s->refused[s->refusals++], text, sizeof(text));
	}
}

static int drop_mapping(struct rec_inject *i, const struct rec_zap_mapping *m)
{
	const uint64_t arg[6] = {m->addr, m->length, MADV_DONTNEED, REC_ZAP_MAGIC, 0, 0};
	int64_t result = 0;
	int ret = rec_inject_call(i, SYS_madvise, arg, &result);

	return ret ? ret : (int)result;
}

/* Each mapping's event begins where the one before has ended, so that none of the time counts twice. */
static void add_event(struct zap_tracer *z, const struct zap_thread *t,
		      const struct rec_zap_mapping *m, uint64_t begin, uint64_t end, bool by_time,
		      bool last)
{
	struct zap_told told = {.what = ZAP_DROPPED};
	struct rec_event_zap e = {
		.h = {.end = end, .word = REC_EV_ZAP, .tid = (uint32_t)t->tid},
		.addr = m->addr,
		.length = m->length,
		.pid = t->pid,
		.by_time = by_time,
		.last = last,
	};
	uint64_t dur = end > begin ? end - begin : 0;

	e.h.dur = dur < REC_DUR_MICROSECONDS ? (uint32_t)dur
					     : (uint32_t)(dur / 1000) | REC_DUR_MICROSECONDS;
	told.event = e;
	zap_tell(z, &told);
}

/*
 * Drops the entries of all of the model's mappings in a stopped thread. BEGIN: when it was stopped. The
 * thread is left in a stop, unless I tells otherwise.
 */
static int drop(struct zap_tracer *z, struct zap_thread *t, uint64_t begin, bool by_time,
		struct rec_inject *i)
{
	struct zap_process *p = zap_process_get(z, t->pid);
	struct rec_zap_mapping *dropped[REC_ZAP_MAPPINGS];
	uint64_t at[REC_ZAP_MAPPINGS], bytes = 0;
	unsigned int n = 0;
	int ret = 0;

	if (!p || !zap_has_model(z, p, begin))
		return -ENOENT;
	note_refusals(z, p);
	if (!p->instruction && rec_inject_find(p->pid, &p->instruction))
		p->instruction = NO_INSTRUCTION;
	if (p->instruction == NO_INSTRUCTION)
		return -EOPNOTSUPP;
	i->instruction = p->instruction;
	ret = rec_inject_begin(i);
	for (unsigned int k = 0; !ret && k < p->maps.count; k++) {
		struct rec_zap_mapping *m = &p->maps.mapping[k];

		if (m->refused != REC_ZAP_FINE)
			continue;
		ret = drop_mapping(i, m);
		if (ret) {
			/* locked meanwhile, maybe: that does not show in the cheap list */
			p->doubted = true;
			break;
		}
		at[n] = host_now_ns();
		dropped[n++] = m;
		bytes += m->length;
	}
	if (i->saved && rec_inject_end(i) && !ret)
		ret = -EIO;
	/* the last moment before it goes on */
	if (n)
		at[n - 1] = host_now_ns();
	if (n) {
		z->stats.zaps++;
		z->stats.by_time += by_time;
		z->stats.bytes += bytes;
		z->stats.mappings = n;
		z->stats.stopped_ns += at[n - 1] > begin ? at[n - 1] - begin : 0;
	}
	z->stats.failed += ret && !i->gone;
	if (p->doubted && !i->gone && zap_has_model(z, p, begin))
		note_refusals(z, p);
	for (unsigned int k = 0; k < n; k++)
		add_event(z, t, dropped[k], k ? at[k - 1] : begin, at[k], by_time, k == n - 1);
	return n ? ret : ret ? ret : -ENOENT;
}

/* ---- stops ---- */

/* ESRCH: it was killed while it was stopped; its end will be told. */
static void go_on(const struct zap_thread *t, int sig)
{
	ptrace(PTRACE_CONT, t->tid, NULL, (void *)(uintptr_t)sig);
}

static void on_end(struct zap_tracer *z, pid_t tid)
{
	struct zap_thread *t;

	HASH_FIND_INT(z->threads, &tid, t);
	if (t)
		zap_thread_forget(z, t);
}

static void on_stop(struct zap_tracer *z, pid_t tid, int status);

/* After a drop: whatever came in between has its turn. SIG: what the stop was for, if not for us. */
static void leave(struct zap_tracer *z, struct zap_thread *t, const struct rec_inject *i, int sig)
{
	if (i->gone && WIFSTOPPED(i->wait_status)) {
		on_stop(z, t->tid, i->wait_status);
	} else if (i->gone) {
		if (i->wait_status)
			on_end(z, t->tid);
	} else if (i->interrupted) {
		t->stepped = i->trapped;
		t->listening = true;
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
	} else {
		if (i->deferred && sig)
			syscall(SYS_tgkill, t->pid, t->tid, sig);
		go_on(t, i->deferred ? i->deferred : sig);
	}
}

static void on_our_stop(struct zap_tracer *z, struct zap_thread *t, const struct rec_stop *stop,
			int sig)
{
	struct rec_inject i = {.tid = t->tid};
	struct zap_told held = {.what = ZAP_HELD, .pid = t->pid, .tid = t->tid};
	struct zap_process *p;

	if (stop->why == REC_STOP_ZAP) {
		z->last_mark = stop->when;
		if (z->at_marks)
			drop(z, t, stop->when, false, &i);
		leave(z, t, &i, sig);
		return;
	}
	p = zap_process_get(z, t->pid);
	if (p && stop->why == REC_STOP_MODEL)
		zap_has_model(z, p, stop->when);
	if (!z->armed || sig) {
		go_on(t, sig);
		return;
	}
	t->held = true;
	zap_tell(z, &held);
}

/* A thread that was asked by zap_ask(), in a stop. */
static void on_asked(struct zap_tracer *z, struct zap_thread *t)
{
	struct rec_inject i = {.tid = t->tid};

	t->asked = false;
	if (rec_inject_is_delicate(t->tid)) {
		z->stats.delicate++;
		go_on(t, 0);
	} else {
		drop(z, t, host_now_ns(), true, &i);
		leave(z, t, &i, 0);
	}
}

static void on_event_stop(struct zap_tracer *z, struct zap_thread *t, int sig)
{
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
		t->listening = true;
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
		return;
	}
	t->listening = false;
	if (z->freezing)
		t->frozen = true;
	else if (t->asked)
		on_asked(z, t);
	else
		go_on(t, 0);
}

static void on_stop(struct zap_tracer *z, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	struct zap_thread *t = zap_thread_get(z, tid);
	unsigned long born;
	struct rec_stop stop;
	siginfo_t info;

	if (!t) {
		/* without memory nothing can be kept, but it must not hang */
		ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)(event ? 0 : sig));
		return;
	}
	if (event == PTRACE_EVENT_STOP) {
		on_event_stop(z, t, sig);
		return;
	}
	/* Any other stop takes a PTRACE_INTERRUPT away that was on its way. */
	t->asked = false;
	if (!event && sig == SIGTRAP && t->stepped) {
		t->stepped = false;
		sig = 0;
	}
	if (event == PTRACE_EVENT_EXEC) {
		zap_thread_exec(z, t);
	} else if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
		   event == PTRACE_EVENT_VFORK) {
		if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &born))
			zap_thread_get(z, (pid_t)born);
	} else if (!event && sig == SIGURG && rec_attach_take_stop(z->attach, tid, &stop)) {
		/* theirs may have been there first, and the kernel keeps one */
		bool own = ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) || info.si_code == SI_KERNEL;

		on_our_stop(z, t, &stop, own ? 0 : sig);
		return;
	}
	go_on(t, event ? 0 : sig);
}

bool zap_handle_stops(struct zap_tracer *z)
{
	bool any = false;

	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, WNOHANG | __WALL);

		if (tid <= 0)
			return any;
		any = true;
		if (WIFSTOPPED(status))
			on_stop(z, tid, status);
		else
			on_end(z, tid);
	}
}

void zap_release(struct zap_tracer *z, pid_t tid)
{
	struct zap_thread *t;

	HASH_FIND_INT(z->threads, &tid, t);
	if (!t || !t->held)
		return;
	t->held = false;
	go_on(t, 0);
}

/* ---- asking ---- */

static char state_of(const struct zap_thread *t)
{
	char path[96], text[512];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)t->pid, (int)t->tid);
	if (host_file_read(path, text, sizeof(text)) < 0)
		return '?';
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : '?';
}

/* Calls that are not restarted after a stop, but end with EINTR: signal(7). */
static bool is_fragile(const struct zap_thread *t)
{
	static const long fragile[] = {
		SYS_epoll_pwait,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
		SYS_epoll_pwait2,
#endif
		SYS_semtimedop,   SYS_semop, SYS_rt_sigtimedwait,
		SYS_io_getevents, SYS_read, /* of an inotify descriptor */
	};
	char path[96], text[256];
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)t->pid, (int)t->tid);
	if (host_file_read(path, text, sizeof(text)) < 0 || sscanf(text, "%ld", &nr) != 1)
		return false;
	for (size_t i = 0; i < sizeof(fragile) / sizeof(fragile[0]); i++)
		if (nr == fragile[i])
			return true;
	return false;
}

/* A running thread is stopped without any call of its being interrupted; else one that sleeps soundly. */
static struct zap_thread *choose(struct zap_tracer *z, const struct zap_process *p)
{
	struct zap_thread *t, *next, *sleeper = NULL;

	HASH_ITER (hh, z->threads, t, next) {
		char state;

		if (t->pid != p->pid || t->held || t->listening || t->asked || t->frozen)
			continue;
		state = state_of(t);
		if (state == 'R')
			return t;
		if (!sleeper && state == 'S' && !is_fragile(t))
			sleeper = t;
	}
	return sleeper;
}

int zap_ask(struct zap_tracer *z, struct zap_process *p)
{
	struct zap_thread *t;

	if (!zap_has_model(z, p, host_now_ns()))
		return -ENOENT;
	t = choose(z, p);
	if (!t)
		return -EAGAIN;
	if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL))
		return -errno;
	t->asked = true;
	return 0;
}

/* ---- everybody at once ---- */

/* Who sleeps in a call that a stop would end is left alone: it does nothing to a model by itself. */
static unsigned int stop_all(struct zap_tracer *z)
{
	struct zap_thread *t, *next;
	unsigned int running = 0;

	HASH_ITER (hh, z->threads, t, next) {
		if (t->frozen || t->held || t->listening)
			continue;
		if (t->asked) {
			running++;
			continue;
		}
		if (state_of(t) == 'S' && is_fragile(t))
			continue;
		t->asked = !ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		running += t->asked;
	}
	return running;
}

static int drop_frozen(struct zap_tracer *z, pid_t pid)
{
	struct zap_thread *t, *next;
	int ret = -EAGAIN;

	HASH_ITER (hh, z->threads, t, next) {
		struct rec_inject i = {.tid = t->tid};

		if (t->pid != pid || !t->frozen || rec_inject_is_delicate(t->tid))
			continue;
		ret = drop(z, t, host_now_ns(), true, &i);
		if (i.gone || i.interrupted || i.deferred) {
			t->frozen = false;
			leave(z, t, &i, 0);
		}
		break;
	}
	return ret;
}

int zap_freeze(struct zap_tracer *z, pid_t pid)
{
	uint64_t give_up = host_now_ns() + FREEZE_NS;

	z->freezing = true;
	/* a second look finds those that have just been made */
	while (stop_all(z) && host_now_ns() < give_up) {
		if (!zap_handle_stops(z))
			host_sleep_ns(200000);
	}
	return drop_frozen(z, pid);
}

void zap_thaw(struct zap_tracer *z)
{
	struct zap_thread *t, *next;

	z->freezing = false;
	HASH_ITER (hh, z->threads, t, next) {
		t->asked = false;
		if (t->frozen)
			go_on(t, 0);
		t->frozen = false;
	}
}
