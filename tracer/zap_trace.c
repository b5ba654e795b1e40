// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of zap.h that traces: seizing threads, and what is to be done about each of their stops.
 */
#include <dirent.h>
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

#ifndef PTRACE_SEIZE
#define PTRACE_SEIZE     0x4206
#define PTRACE_INTERRUPT 0x4207
#define PTRACE_LISTEN    0x4208
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define OPTIONS \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
#define ROUNDS_MAX     16
#define DEPTH_MAX      32
#define NO_INSTRUCTION 1

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

struct zap_process *zap_process_get(struct rec_zap *z, pid_t pid)
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

static struct zap_thread *thread_get(struct rec_zap *z, pid_t tid)
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

static void forget_thread(struct rec_zap *z, struct zap_thread *t)
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

void zap_forget_all(struct rec_zap *z)
{
	struct zap_thread *t, *next;

	HASH_ITER (hh, z->threads, t, next)
		forget_thread(z, t);
}

/* Whichever thread called exec() has the process' number now, and is alone; nothing is mapped as before. */
static void on_exec(struct rec_zap *z, struct zap_thread *t)
{
	struct zap_thread *other, *next;
	struct zap_process *p;

	HASH_ITER (hh, z->threads, other, next)
		if (other->pid == t->pid && other != t)
			forget_thread(z, other);
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
static int seize_thread(struct rec_zap *z, pid_t pid, pid_t tid, struct host_err *err)
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
	t = thread_get(z, tid);
	if (t)
		t->pid = pid;
	return t ? 1 : -ENOMEM;
}

static int seize_threads(struct rec_zap *z, pid_t pid, struct host_err *err)
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

static int seize_tree(struct rec_zap *z, pid_t pid, int depth, struct host_err *err)
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

int zap_seize(struct rec_zap *z, pid_t pid, bool children, struct host_err *err)
{
	return seize_tree(z, pid, children ? DEPTH_MAX : 0, err);
}

/* ---- dropping ---- */

bool zap_has_model(struct zap_process *p, uint64_t now)
{
	if (rec_zap_maps_read(&p->maps, p->pid))
		return false;
	if (p->maps.count && !p->since)
		p->since = now;
	return p->maps.count;
}

/* Once for each mapping that is left alone: people should know. */
static void note_refusals(struct rec_zap *z, const struct zap_process *p)
{
	pthread_mutex_lock(&z->lock);
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
	pthread_mutex_unlock(&z->lock);
}

static int drop_mapping(struct rec_inject *i, const struct rec_zap_mapping *m)
{
	const uint64_t arg[6] = {m->addr, m->length, MADV_DONTNEED, REC_ZAP_MAGIC, 0, 0};
	int64_t result = 0;
	int ret = rec_inject_call(i, SYS_madvise, arg, &result);

	return ret ? ret : (int)result;
}

/* Each mapping's event begins where the one before has ended, so that none of the time counts twice. */
static void add_event(struct rec_zap *z, const struct zap_thread *t,
		      const struct rec_zap_mapping *m, uint64_t begin, uint64_t end, bool by_time,
		      bool last)
{
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
	zap_add_event(z, &e);
}

/*
 * Drops the entries of all of the model's mappings in a stopped thread. BEGIN: when it was stopped. The
 * thread is left in a stop, unless I tells otherwise.
 */
static int drop(struct rec_zap *z, struct zap_thread *t, uint64_t begin, bool by_time,
		struct rec_inject *i)
{
	struct zap_process *p = zap_process_get(z, t->pid);
	struct rec_zap_mapping *dropped[REC_ZAP_MAPPINGS];
	uint64_t at[REC_ZAP_MAPPINGS], bytes = 0;
	unsigned int n = 0;
	int ret = 0;

	if (!p || !zap_has_model(p, begin))
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
		if (ret)
			break;
		at[n] = host_now_ns();
		dropped[n++] = m;
		bytes += m->length;
	}
	if (i->saved && rec_inject_end(i) && !ret)
		ret = -EIO;
	/* the last moment before it goes on */
	if (n)
		at[n - 1] = host_now_ns();
	pthread_mutex_lock(&z->lock);
	if (n) {
		z->stats.zaps++;
		z->stats.by_time += by_time;
		z->stats.bytes += bytes;
		z->stats.mappings = n;
		z->stats.stopped_ns += at[n - 1] > begin ? at[n - 1] - begin : 0;
	}
	z->stats.failed += ret && !i->gone;
	pthread_mutex_unlock(&z->lock);
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

static void on_end(struct rec_zap *z, pid_t tid, int status, const struct rusage *usage)
{
	struct rec_zap_news news = {.what = REC_ZAP_ENDED, .pid = tid, .tid = tid};
	struct zap_thread *t;

	HASH_FIND_INT(z->threads, &tid, t);
	if (t)
		forget_thread(z, t);
	if (tid != z->opt.child)
		return;
	news.status = status;
	news.usage = *usage;
	z->ended = true;
	zap_tell(z, &news);
}

static void on_stop(struct rec_zap *z, pid_t tid, int status);

/* After a drop: whatever came in between has its turn. SIG: what the stop was for, if not for us. */
static void leave(struct rec_zap *z, struct zap_thread *t, const struct rec_inject *i, int sig)
{
	if (i->gone && WIFSTOPPED(i->wait_status)) {
		on_stop(z, t->tid, i->wait_status);
	} else if (i->gone) {
		if (i->wait_status)
			on_end(z, t->tid, i->wait_status, &i->usage);
	} else if (i->interrupted) {
		t->listening = true;
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
	} else {
		go_on(t, i->deferred ? i->deferred : sig);
	}
}

static void on_our_stop(struct rec_zap *z, struct zap_thread *t, const struct rec_stop *stop,
			int sig)
{
	struct rec_inject i = {.tid = t->tid};
	struct rec_zap_news news = {.what = REC_ZAP_MAPPED, .pid = t->pid, .tid = t->tid};
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
		zap_has_model(p, stop->when);
	if (!z->armed || sig) {
		go_on(t, sig);
		return;
	}
	t->held = true;
	zap_tell(z, &news);
}

/* A thread that was asked by zap_ask(), in a stop. */
static void on_asked(struct rec_zap *z, struct zap_thread *t)
{
	struct rec_inject i = {.tid = t->tid};
	int ret;

	t->asked = false;
	if (rec_inject_is_delicate(t->tid)) {
		pthread_mutex_lock(&z->lock);
		z->stats.delicate++;
		pthread_mutex_unlock(&z->lock);
		ret = -EAGAIN;
		go_on(t, 0);
	} else {
		ret = drop(z, t, host_now_ns(), true, &i);
		leave(z, t, &i, 0);
	}
	if (z->now_result == 1)
		z->now_result = ret;
}

static void on_event_stop(struct rec_zap *z, struct zap_thread *t, int sig)
{
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
		t->listening = true;
		ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
		return;
	}
	t->listening = false;
	if (t->asked)
		on_asked(z, t);
	else
		go_on(t, 0);
}

static void on_stop(struct rec_zap *z, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	struct zap_thread *t = thread_get(z, tid);
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
	if (event == PTRACE_EVENT_EXEC) {
		on_exec(z, t);
	} else if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
		   event == PTRACE_EVENT_VFORK) {
		if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &born))
			thread_get(z, (pid_t)born);
	} else if (!event && sig == SIGURG && rec_attach_take_stop(z->attach, tid, &stop)) {
		/* theirs may have been there first, and the kernel keeps one */
		bool own = ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) || info.si_code == SI_KERNEL;

		on_our_stop(z, t, &stop, own ? 0 : sig);
		return;
	}
	go_on(t, event ? 0 : sig);
}

bool zap_handle_stops(struct rec_zap *z)
{
	bool any = false;

	for (;;) {
		struct rusage usage;
		int status;
		pid_t tid = wait4(-1, &status, WNOHANG | __WALL | __WNOTHREAD, &usage);

		if (tid <= 0)
			return any;
		any = true;
		if (WIFSTOPPED(status))
			on_stop(z, tid, status);
		else
			on_end(z, tid, status, &usage);
	}
}

void zap_release(struct rec_zap *z, pid_t tid)
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
static struct zap_thread *choose(struct rec_zap *z, const struct zap_process *p, bool only_running)
{
	struct zap_thread *t, *next, *sleeper = NULL;

	HASH_ITER (hh, z->threads, t, next) {
		char state;

		if (t->pid != p->pid || t->held || t->listening || t->asked)
			continue;
		state = state_of(t);
		if (state == 'R')
			return t;
		if (!sleeper && !only_running && state == 'S' && !is_fragile(t))
			sleeper = t;
	}
	return sleeper;
}

int zap_ask(struct rec_zap *z, struct zap_process *p, bool only_running)
{
	struct zap_thread *t;

	if (!zap_has_model(p, host_now_ns()))
		return -ENOENT;
	t = choose(z, p, only_running);
	if (!t)
		return -EAGAIN;
	if (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL))
		return -errno;
	t->asked = true;
	return 0;
}
