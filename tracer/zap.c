// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracing thread's loop, and how the others talk to it.
 *
 * It sleeps in ppoll() with SIGCHLD let in, which the kernel sends to the process for every stop; the
 * signal is blocked everywhere else, so that none can come between looking and sleeping.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tracer/zap_inject.h"
#include "tracer/zap_int.h"

#define TICK_NS \
	100000000ull /* how often is looked for a model, and by time is dropped by default */
#define PATIENCE_NS      1000000000ull  /* without an evaluation's begin, if none is probed */
#define LONG_PATIENCE_NS 10000000000ull /* ... and if one is: the model may still be loaded */
#define LAST_STOPS_NS    20000000ull

void zap_tell(struct rec_zap *z, const struct rec_zap_news *news)
{
	struct rec_zap_news *more;

	pthread_mutex_lock(&z->lock);
	more = realloc(z->news, (z->nnews + 1) * sizeof(*more));
	if (more) {
		z->news = more;
		more[z->nnews++] = *news;
	}
	pthread_mutex_unlock(&z->lock);
	eventfd_write(z->news_fd, 1);
}

void zap_add_event(struct rec_zap *z, const struct rec_event_zap *e)
{
	pthread_mutex_lock(&z->lock);
	if (z->events == z->event_room) {
		size_t room = z->event_room ? 2 * z->event_room : 64;
		struct rec_event_zap *more = realloc(z->event, room * sizeof(*more));

		if (more) {
			z->event = more;
			z->event_room = room;
		}
	}
	if (z->events < z->event_room)
		z->event[z->events++] = *e;
	pthread_mutex_unlock(&z->lock);
}

/* ---- by time ---- */

/* CPU time of the threads that live; a sum that has changed, by an end too, is all that is of interest. */
static uint64_t cpu_of(const struct rec_zap *z, pid_t pid)
{
	const struct zap_thread *t, *next;
	uint64_t sum = 0;

	HASH_ITER (hh, z->threads, t, next) {
		unsigned long long ns;
		char path[96], text[128];

		if (t->pid != pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)t->tid);
		/* a kernel without it: everybody has always run */
		if (host_file_read(path, text, sizeof(text)) < 0 || sscanf(text, "%llu", &ns) != 1)
			return host_now_ns();
		sum += ns;
	}
	return sum;
}

/* How often is dropped by time now; 0: not. */
static uint64_t interval(const struct rec_zap *z, const struct zap_process *p, uint64_t now)
{
	uint64_t patience = rec_attach_has_marks(z->attach) ? LONG_PATIENCE_NS : PATIENCE_NS;

	if (z->opt.every_ns)
		return z->opt.every_ns;
	if (z->last_mark || now < p->since + patience)
		return 0;
	return TICK_NS;
}

/* A process that has not run since the last time has touched nothing, and is left alone. */
static void tick(struct rec_zap *z, uint64_t now)
{
	struct zap_process *p, *next;

	HASH_ITER (hh, z->processes, p, next) {
		uint64_t cpu, every;

		/* looked for where mappings are not told by the programs in the kernel */
		if (!p->since && !zap_has_model(z, p, now))
			continue;
		every = interval(z, p, now);
		pthread_mutex_lock(&z->lock);
		z->stats.every_ns = every;
		pthread_mutex_unlock(&z->lock);
		if (!every)
			continue;
		cpu = cpu_of(z, p->pid);
		if (cpu == p->cpu_ns)
			continue;
		if (!zap_ask(z, p))
			p->cpu_ns = cpu;
	}
}

/* ---- commands ---- */

static int do_command(struct rec_zap *z, enum zap_command command, pid_t pid, bool flag,
		      struct host_err *err)
{
	switch (command) {
	case CMD_SEIZE:
		return zap_seize(z, pid, flag, err);
	case CMD_FREEZE:
		return zap_freeze(z, pid);
	case CMD_THAW:
		zap_thaw(z);
		return 0;
	case CMD_RELEASE:
		zap_release(z, pid);
		return 0;
	case CMD_ARM:
		z->armed = flag;
		z->at_marks = flag && !z->opt.every_ns && !z->opt.hold_only;
		rec_attach_arm(z->attach, !flag ? 0
						: (1u << REC_STOP_MODEL | 1u << REC_STOP_CODE |
						   (uint32_t)z->at_marks << REC_STOP_ZAP));
		z->next_tick = host_now_ns();
		/* what was dropped before is no part of the recording */
		pthread_mutex_lock(&z->lock);
		z->events = 0;
		z->stats = (struct rec_zap_stats){0};
		pthread_mutex_unlock(&z->lock);
		return 0;
	case CMD_END:
	case CMD_NONE:
		break;
	}
	return 0;
}

/* True: the thread has to end. */
static bool take_command(struct rec_zap *z)
{
	struct host_err err = {""};
	enum zap_command command;
	pid_t pid;
	bool flag;
	int ret;

	eventfd_read(z->wake, &(eventfd_t){0});
	pthread_mutex_lock(&z->lock);
	command = z->command;
	pid = z->pid;
	flag = z->flag;
	pthread_mutex_unlock(&z->lock);
	if (command == CMD_NONE)
		return false;
	ret = do_command(z, command, pid, flag, &err);
	pthread_mutex_lock(&z->lock);
	z->command = CMD_NONE;
	z->result = ret;
	z->err = err;
	pthread_cond_signal(&z->done);
	pthread_mutex_unlock(&z->lock);
	return command == CMD_END;
}

static int command(struct rec_zap *z, enum zap_command command, pid_t pid, bool flag,
		   struct host_err *err)
{
	int ret;

	pthread_mutex_lock(&z->lock);
	z->command = command;
	z->pid = pid;
	z->flag = flag;
	eventfd_write(z->wake, 1);
	while (z->command != CMD_NONE)
		pthread_cond_wait(&z->done, &z->lock);
	ret = z->result;
	if (err && z->err.text[0])
		*err = z->err;
	pthread_mutex_unlock(&z->lock);
	return ret;
}

/* ---- the thread ---- */

static void wait_for_something(struct rec_zap *z)
{
	struct pollfd fd = {.fd = z->wake, .events = POLLIN};
	uint64_t now = host_now_ns(), wait = TICK_NS;
	struct timespec ts;
	sigset_t in;

	pthread_sigmask(SIG_SETMASK, NULL, &in);
	sigdelset(&in, SIGCHLD);
	if (z->armed && !z->opt.hold_only)
		wait = z->next_tick > now ? z->next_tick - now : 0;
	ts = (struct timespec){.tv_sec = (time_t)(wait / 1000000000),
			       .tv_nsec = (long)(wait % 1000000000)};
	ppoll(&fd, 1, z->armed && !z->opt.hold_only ? &ts : NULL, &in);
}

/*
 * When this thread ends the kernel detaches it from all that it traces. What has been asked to stop for us
 * by then does so first, or the signal would be theirs.
 */
static void last_stops(struct rec_zap *z)
{
	uint64_t until = host_now_ns() + LAST_STOPS_NS;

	rec_attach_arm(z->attach, 0);
	z->armed = z->at_marks = false;
	while (z->threads && host_now_ns() < until) {
		if (!zap_handle_stops(z))
			host_sleep_ns(1000000);
	}
}

static void *run(void *arg)
{
	struct rec_zap *z = arg;

	/* a stopped thread waits for this one, maybe on CPUs that the others spin on */
	setpriority(PRIO_PROCESS, 0, -10);
	for (;;) {
		uint64_t now;

		zap_handle_stops(z);
		if (take_command(z))
			break;
		now = host_now_ns();
		if (z->armed && !z->opt.hold_only && now >= z->next_tick) {
			tick(z, now);
			z->next_tick = now + (z->opt.every_ns ? z->opt.every_ns : TICK_NS);
			continue; /* what was asked may have stopped by now */
		}
		wait_for_something(z);
	}
	last_stops(z);
	return NULL;
}

static void on_child(int sig)
{
	(void)sig;
}

/* ---- for the others ---- */

int rec_zap_open(struct rec_zap **out, struct rec_attach *a, const struct rec_zap_options *opt,
		 struct host_err *err)
{
	const struct sigaction act = {.sa_handler = on_child, .sa_flags = SA_RESTART};
	struct rec_zap *z = calloc(1, sizeof(*z));
	sigset_t child, all, before;
	int ret;

	if (!z)
		return host_fail(err, -ENOMEM, "out of memory");
	if (rec_inject_find(getpid(), &(uint64_t){0}) == -EOPNOTSUPP) {
		free(z);
		return host_fail(
			err, -EOPNOTSUPP,
			"processes of this architecture cannot be made to drop their page-table "
			"entries (x86-64 and arm64 can)");
	}
	z->attach = a;
	z->opt = *opt;
	pthread_mutex_init(&z->lock, NULL);
	pthread_cond_init(&z->done, NULL);
	z->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	z->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &act, NULL);
	/* the thread takes nothing but SIGCHLD, and that when it sleeps */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = z->wake < 0 || z->news_fd < 0 ? EMFILE : pthread_create(&z->thread, NULL, run, z);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret) {
		close(z->wake);
		close(z->news_fd);
		free(z);
		return host_fail(err, -ret, "cannot start the tracing thread: %s", strerror(ret));
	}
	*out = z;
	return 0;
}

void rec_zap_drain(struct rec_zap *z, struct rec_merge *m, unsigned int source)
{
	pthread_mutex_lock(&z->lock);
	for (size_t i = 0; i < z->events; i++)
		rec_merge_push(m, source, &z->event[i], sizeof(z->event[i]));
	z->events = 0;
	pthread_mutex_unlock(&z->lock);
}

void rec_zap_close(struct rec_zap *z, struct rec_merge *m, unsigned int source,
		   struct rec_zap_stats *stats)
{
	command(z, CMD_END, 0, false, NULL);
	pthread_join(z->thread, NULL);
	if (m)
		rec_zap_drain(z, m, source);
	*stats = z->stats;
	signal(SIGCHLD, SIG_DFL);
	zap_forget_all(z);
	close(z->wake);
	close(z->news_fd);
	pthread_mutex_destroy(&z->lock);
	pthread_cond_destroy(&z->done);
	free(z->news);
	free(z->event);
	free(z);
}

int rec_zap_seize(struct rec_zap *z, pid_t pid, bool children, struct host_err *err)
{
	return command(z, CMD_SEIZE, pid, children, err);
}

int rec_zap_freeze(struct rec_zap *z, pid_t pid)
{
	return command(z, CMD_FREEZE, pid, false, NULL);
}

void rec_zap_thaw(struct rec_zap *z)
{
	command(z, CMD_THAW, 0, false, NULL);
}

void rec_zap_arm(struct rec_zap *z, bool on)
{
	command(z, CMD_ARM, 0, on, NULL);
}

void rec_zap_release(struct rec_zap *z, pid_t tid)
{
	command(z, CMD_RELEASE, tid, false, NULL);
}

int rec_zap_fd(const struct rec_zap *z)
{
	return z->news_fd;
}

bool rec_zap_take(struct rec_zap *z, struct rec_zap_news *news)
{
	bool any;

	eventfd_read(z->news_fd, &(eventfd_t){0});
	pthread_mutex_lock(&z->lock);
	any = z->nnews;
	if (any) {
		*news = z->news[0];
		memmove(z->news, z->news + 1, --z->nnews * sizeof(*z->news));
	}
	pthread_mutex_unlock(&z->lock);
	return any;
}
