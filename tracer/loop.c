// SPDX-License-Identifier: GPL-2.0-only
/*
 * While the run runs: the rings are read every twenty milliseconds, without being woken up by them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/reclaim.h"
#include "tracer/reference.h"
#include "tracer/session.h"

#define DRAIN_NS        20000000ull
#define SAMPLE_NS       100000000ull
#define LOG_INTERVAL_NS 1000000ull /* a program that maps all the time must not keep us busy */
#define IN_FLIGHT_NS    200000000ull
#define POLL_MAX        512

struct loop {
	struct rec_session *s;
	int signals, target; /* signalfd; pidfd with -p */
	uint64_t next_drain, next_sample, next_log;
	bool ended;
	bool tracer_lost; /* who drops page-table entries was killed */
};

static void on_mapping(void *arg, const struct rec_event_mapping *m)
{
	struct rec_session *s = arg;
	struct rec_process *p;

	/* with -p the log is of the whole machine */
	HASH_FIND_INT(s->world.processes, &m->pid, p);
	if (!p && !s->launched)
		return;
	/* known before its turn comes: what is read first and mapped then has a name from the start */
	if (m->ino)
		rec_file_hint(&s->world, m->dev, m->ino, m->path);
	rec_probes_mapping(s->probes, m);
}

void rec_session_drain(struct rec_session *s, uint64_t until)
{
	rec_tasklog_drain(s->log, s->merge, on_mapping, s);
	rec_attach_drain(s->attach, s->merge);
	if (s->zap)
		rec_zap_drain(s->zap, s->merge, 3 * rec_attach_cpus(s->attach));
	rec_merge_run(s->merge, until, rec_world_event, &s->world);
}

static void sample(struct rec_session *s)
{
	uint64_t values[HOST_METRIC_COUNT];
	struct flt_record r = {.kind = FLT_SAMPLE};

	if (!s->sampler || host_sampler_read(s->sampler, values))
		return;
	if (s->sample_stream == REC_NO_STREAM)
		s->sample_stream = rec_stream_new(&s->world, "sample", host_now_ns(), NULL);
	r.stream = s->sample_stream;
	rec_sink_time(&s->sink, &r, host_now_ns(), 0);
	for (unsigned int i = 0; i < HOST_METRIC_COUNT; i++) {
		if (values[i] == HOST_UNKNOWN)
			continue;
		r.f[FLT_SAMPLE_METRIC] = i;
		r.f[FLT_SAMPLE_VALUE] = values[i];
		rec_sink_add(&s->sink, &r);
	}
	rec_reclaim_sample(s, &r);
}

static void kill_run(struct rec_session *s)
{
	struct rec_process *p, *next;

	HASH_ITER (hh, s->world.processes, p, next)
		if (!p->ended)
			kill(p->pid, SIGKILL);
}

/* The first signal ends the run as if it had been sent to it; the second does not ask. */
static void on_signal(struct loop *l, const struct signalfd_siginfo *info)
{
	struct rec_session *s = l->s;

	s->interrupts++;
	if (!s->launched) {
		s->stopped_early = l->ended = true;
		return;
	}
	s->stopped_early = true;
	if (s->interrupts > 1)
		kill_run(s);
	else if (info->ssi_code <= 0) /* sent to us alone; the terminal sends it to all */
		kill(s->pid, (int)info->ssi_signo);
}

static void on_child(struct loop *l)
{
	struct rec_session *s = l->s;
	struct rusage usage = {0};
	int status = 0;

	/* The cgroup's janitor and the like are not ours to wait for. */
	if (!s->launched || wait4(s->pid, &status, WNOHANG, &usage) != s->pid)
		return;
	s->status = status;
	s->usage = usage;
	s->has_usage = true;
	l->ended = true;
}

static void read_signals(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			on_child(l);
		else
			on_signal(l, &info);
	}
}

static void tick(struct loop *l, uint64_t now)
{
	struct rec_session *s = l->s;

	if (now >= l->next_drain) {
		uint64_t until = s->last_drain;

		/* What began to be written before the last look is there by now. */
		s->last_drain = now;
		rec_session_drain(s, until);
		rec_probes_poll(s->probes, now);
		l->next_drain = now + DRAIN_NS;
	}
	if (now >= l->next_sample) {
		sample(s);
		l->next_sample = now + SAMPLE_NS;
	}
	if (s->sink.error && !s->said_error) {
		s->said_error = true;
		rec_say("cannot write %s: %s; the run goes on unrecorded", s->opt.output,
			strerror(-s->sink.error));
	}
	rec_live_update(s, now);
	if (s->opt.duration > 0 && !s->stopped_early &&
	    (double)(now - s->begin) / 1e9 >= s->opt.duration) {
		s->stopped_early = true;
		if (s->launched)
			kill(s->pid, SIGINT);
		else
			l->ended = true;
	}
}

static void wait_a_moment(struct loop *l, struct pollfd *fds, unsigned int nlogs)
{
	uint64_t now = host_now_ns();
	uint64_t wait = l->next_drain > now ? l->next_drain - now : 0;
	bool listen = now >= l->next_log;
	uint64_t due = rec_probes_due(l->s->probes);
	struct timespec ts;

	/* A drain may have taken out of the socket that a thread is held: nothing would wake us for it. */
	rec_reference_news(l->s);
	/* The sooner a function is probed, the less of it is missed. */
	if (due <= now)
		rec_probes_poll(l->s->probes, now);
	else if (due - now < wait)
		wait = due - now;
	if (!listen && l->next_log - now < wait)
		wait = l->next_log - now;
	ts = (struct timespec){.tv_sec = 0, .tv_nsec = (long)wait};
	fds[0] = (struct pollfd){.fd = l->signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = l->target, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = l->tracer_lost ? -1 : rec_reference_fd(l->s),
				 .events = POLLIN};
	if (ppoll(fds, listen ? 3 + nlogs : 3, &ts, NULL) <= 0)
		return;
	if (fds[0].revents)
		read_signals(l);
	if (fds[1].revents)
		l->ended = true;
	if (fds[2].revents)
		rec_reference_news(l->s);
	if (fds[2].revents & (POLLHUP | POLLERR)) {
		l->tracer_lost = true;
		rec_reference_lost(l->s);
	}
	for (unsigned int i = 0; listen && i < nlogs; i++) {
		if (!fds[3 + i].revents)
			continue;
		/* A new mapping: it may have what is to be probed, and may be about to call it. */
		rec_tasklog_drain(l->s->log, l->s->merge, on_mapping, l->s);
		rec_probes_poll(l->s->probes, host_now_ns());
		l->next_log = host_now_ns() + LOG_INTERVAL_NS;
		break;
	}
}

/* Requests that the run has submitted may still be under way. */
static void wait_for_io(struct rec_session *s)
{
	uint64_t give_up = host_now_ns() + IN_FLIGHT_NS;

	while (rec_attach_counter(s->attach, REC_C_RQ_ISSUE) >
		       rec_attach_counter(s->attach, REC_C_RQ_DONE) &&
	       host_now_ns() < give_up)
		host_sleep_ns(DRAIN_NS);
}

static int open_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int rec_session_run(struct rec_session *s)
{
	struct loop l = {.s = s, .target = -1};
	struct pollfd fds[3 + POLL_MAX];
	struct host_err err = {""};
	unsigned int nlogs;
	sigset_t before;
	int ret = 0;

	l.signals = open_signals(&before);
	if (!s->launched)
		l.target = (int)syscall(SYS_pidfd_open, s->pid, 0);
	nlogs = rec_tasklog_poll(s->log, fds + 3, POLL_MAX);
	/* with -p the log is the whole machine's: too much to be woken up for */
	if (!s->launched)
		nlogs = 0;
	s->begin = host_now_ns();
	s->last_drain = s->begin;
	getrusage(RUSAGE_SELF, &s->own_before);
	if (s->launched)
		ret = rec_launch_go(&s->launch, s->opt.command[0], &err);
	if (ret) {
		rec_say("%s", err.text);
		s->launched = false;
		goto out;
	}
	while (!l.ended) {
		wait_a_moment(&l, fds, nlogs);
		tick(&l, host_now_ns());
	}
	s->end = host_now_ns();
	getrusage(RUSAGE_SELF, &s->own);
	if (s->memcg)
		s->has_memcg_end = !host_memcg_stat(s->memcg, &s->memcg_end);
	sample(s);
	wait_for_io(s);
	rec_session_read_disks(s, REC_DISK_ENDING);
	rec_reference_end(s);
	rec_attach_stop(s->attach);
	rec_session_read_disks(s, REC_DISK_LAST);
	s->balloon_was = host_balloon_json(s->balloon);
	host_balloon_release(&s->balloon);
	rec_attach_drain(s->attach, s->merge);
	rec_attach_take_runs(s->attach, s->merge);
	rec_session_drain(s, UINT64_MAX);
	rec_world_finish(&s->world);
	rec_live_clear();
out:
	close(l.signals);
	if (l.target >= 0)
		close(l.target);
	/* What has been pending since the end of the loop is of no interest; finish.c listens again. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}
