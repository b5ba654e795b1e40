// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracer's loop.
 *
 * It sleeps in ppoll() with SIGCHLD let in, which the kernel sends for every stop; all signals are blocked
 * else, so that none can come between looking and sleeping, and nobody's Ctrl-C ends it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tracer/zap_int.h"

#define TICK_NS \
	100000000ull /* how often is looked for a model, and by time is dropped by default */
#define PATIENCE_NS      1000000000ull  /* without an evaluation's begin, if none is probed */
#define LONG_PATIENCE_NS 10000000000ull /* ... and if one is: the model may still be loaded */
#define LAST_STOPS_NS    20000000ull

void zap_tell(struct zap_tracer *z, const struct zap_told *told)
{
	/* gone: whom it was for, and then we are about to end, too */
	while (send(z->told, told, sizeof(*told), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* ---- by time ---- */

/* CPU time of the threads that live; a sum that has changed, by an end too, is all that is of interest. */
static uint64_t cpu_of(const struct zap_tracer *z, pid_t pid)
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
static uint64_t interval(const struct zap_tracer *z, const struct zap_process *p, uint64_t now)
{
	uint64_t patience = rec_attach_has_marks(z->attach) ? LONG_PATIENCE_NS : PATIENCE_NS;

	if (z->opt.every_ns)
		return z->opt.every_ns;
	if (z->last_mark || now < p->since + patience)
		return 0;
	return TICK_NS;
}

/* A process that has not run since the last time has touched nothing, and is left alone. */
static void tick(struct zap_tracer *z, uint64_t now)
{
	struct zap_process *p, *next;

	HASH_ITER (hh, z->processes, p, next) {
		uint64_t cpu, every;

		/* looked for where mappings are not told by the programs in the kernel */
		if (!p->since && !zap_has_model(z, p, now))
			continue;
		every = interval(z, p, now);
		z->stats.every_ns = every;
		if (!every)
			continue;
		cpu = cpu_of(z, p->pid);
		if (cpu == p->cpu_ns)
			continue;
		if (!zap_ask(z, p))
			p->cpu_ns = cpu;
	}
}

/* ---- requests ---- */

static void arm(struct zap_tracer *z, bool on)
{
	uint32_t what = 1u << REC_STOP_MODEL | 1u << REC_STOP_CODE;

	z->armed = on;
	z->at_marks = on && !z->opt.every_ns;
	rec_attach_arm(z->attach, on ? what | (uint32_t)z->at_marks << REC_STOP_ZAP : 0);
	z->next_tick = host_now_ns();
	/* what was dropped before is no part of the recording */
	z->stats = (struct rec_zap_stats){0};
}

static void do_request(struct zap_tracer *z, const struct zap_request *r, struct zap_answer *a)
{
	switch (r->command) {
	case CMD_SEIZE:
		a->result = zap_seize(z, r->pid, r->flag, &a->err);
		break;
	case CMD_FREEZE:
		a->result = zap_freeze(z, r->pid);
		break;
	case CMD_THAW:
		zap_thaw(z);
		break;
	case CMD_RELEASE:
		zap_release(z, r->pid);
		break;
	case CMD_ARM:
		arm(z, r->flag);
		break;
	case CMD_END:
	case CMD_NONE:
		break;
	}
}

/*
 * When we end the kernel detaches us from all that we trace. What has been asked to stop for us by then does
 * so first, or the signal would be theirs.
 */
static void last_stops(struct zap_tracer *z)
{
	uint64_t until = host_now_ns() + LAST_STOPS_NS;

	rec_attach_arm(z->attach, 0);
	z->armed = z->at_marks = false;
	while (z->threads && host_now_ns() < until) {
		if (!zap_handle_stops(z))
			host_sleep_ns(1000000);
	}
}

/* False: it was the last one, or the recorder is gone. */
static bool take_request(struct zap_tracer *z)
{
	struct zap_answer answer = {0};
	struct zap_request request;
	ssize_t n = recv(z->requests, &request, sizeof(request), MSG_DONTWAIT);

	if (n < 0)
		return true;
	if (n != sizeof(request)) {
		last_stops(z);
		return false;
	}
	if (request.command == CMD_END) {
		last_stops(z);
		answer.stats = z->stats;
	} else {
		do_request(z, &request, &answer);
	}
	send(z->requests, &answer, sizeof(answer), MSG_NOSIGNAL);
	return request.command != CMD_END;
}

/* ---- the loop ---- */

static void on_child(int sig)
{
	(void)sig;
}

static void wait_for_something(const struct zap_tracer *z, const sigset_t *in)
{
	struct pollfd fd = {.fd = z->requests, .events = POLLIN};
	uint64_t now = host_now_ns(), wait = z->next_tick > now ? z->next_tick - now : 0;
	struct timespec ts = {
		.tv_sec = (time_t)(wait / 1000000000),
		.tv_nsec = (long)(wait % 1000000000),
	};

	ppoll(&fd, 1, z->armed ? &ts : NULL, in);
}

void zap_tracer_run(struct zap_tracer *z)
{
	const struct sigaction act = {.sa_handler = on_child};
	sigset_t all, in;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &in);
	sigfillset(&in);
	sigdelset(&in, SIGCHLD);
	sigaction(SIGCHLD, &act, NULL);
	/* a kill of the recorder's group is not for us */
	setsid();
	/* a stopped thread waits for us, maybe on CPUs that the others spin on */
	setpriority(PRIO_PROCESS, 0, -10);
	for (;;) {
		uint64_t now;

		zap_handle_stops(z);
		if (!take_request(z))
			break;
		now = host_now_ns();
		if (z->armed && now >= z->next_tick) {
			tick(z, now);
			z->next_tick = now + (z->opt.every_ns ? z->opt.every_ns : TICK_NS);
			continue; /* what was asked may have stopped by now */
		}
		wait_for_something(z, &in);
	}
}
