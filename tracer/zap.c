// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recorder's side: it asks the tracer and waits for the answer, and takes what it tells by itself.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/zap_inject.h"
#include "tracer/zap_int.h"

#define TOLD_BYTES (1 << 20) /* room for some thousand packets, should we be slow */

struct held {
	pid_t pid, tid;
};

struct rec_zap {
	pid_t tracer;
	int requests, told;
	struct held *held;
	size_t nheld;
	struct rec_event_zap *event;
	size_t events, room;
};

/* ---- what it tells ---- */

static void take_held(struct rec_zap *z, const struct zap_told *t)
{
	struct held *more = realloc(z->held, (z->nheld + 1) * sizeof(*more));

	if (!more)
		return;
	z->held = more;
	more[z->nheld++] = (struct held){.pid = t->pid, .tid = t->tid};
}

static void take_event(struct rec_zap *z, const struct zap_told *t)
{
	if (z->events == z->room) {
		size_t room = z->room ? 2 * z->room : 64;
		struct rec_event_zap *more = realloc(z->event, room * sizeof(*more));

		if (!more)
			return;
		z->event = more;
		z->room = room;
	}
	z->event[z->events++] = t->event;
}

static void take_all(struct rec_zap *z)
{
	struct zap_told t;

	while (recv(z->told, &t, sizeof(t), MSG_DONTWAIT) == sizeof(t)) {
		if (t.what == ZAP_HELD)
			take_held(z, &t);
		else
			take_event(z, &t);
	}
}

int rec_zap_fd(const struct rec_zap *z)
{
	return z->told;
}

bool rec_zap_take(struct rec_zap *z, pid_t *pid, pid_t *tid)
{
	take_all(z);
	if (!z->nheld)
		return false;
	*pid = z->held[0].pid;
	*tid = z->held[0].tid;
	memmove(z->held, z->held + 1, --z->nheld * sizeof(*z->held));
	return true;
}

void rec_zap_drain(struct rec_zap *z, struct rec_merge *m, unsigned int source)
{
	take_all(z);
	for (size_t i = 0; i < z->events; i++)
		rec_merge_push(m, source, &z->event[i], sizeof(z->event[i]));
	z->events = 0;
}

/* ---- what it is asked ---- */

static int ask(struct rec_zap *z, enum zap_command command, pid_t pid, bool flag,
	       struct zap_answer *answer)
{
	const struct zap_request request = {.command = command, .pid = pid, .flag = flag};
	ssize_t n;

	*answer = (struct zap_answer){0};
	if (send(z->requests, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		return -EPIPE;
	/* whoever waits to tell us something does not answer */
	do {
		struct pollfd fds[] = {{.fd = z->requests, .events = POLLIN},
				       {.fd = z->told, .events = POLLIN}};

		poll(fds, 2, -1);
		take_all(z);
		n = recv(z->requests, answer, sizeof(*answer), MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n == sizeof(*answer) ? answer->result : -EPIPE;
}

int rec_zap_seize(struct rec_zap *z, pid_t pid, bool children, struct host_err *err)
{
	struct zap_answer answer;
	int ret = ask(z, CMD_SEIZE, pid, children, &answer);

	if (ret && answer.err.text[0])
		*err = answer.err;
	return ret;
}

int rec_zap_freeze(struct rec_zap *z, pid_t pid)
{
	return ask(z, CMD_FREEZE, pid, false, &(struct zap_answer){0});
}

void rec_zap_thaw(struct rec_zap *z)
{
	ask(z, CMD_THAW, 0, false, &(struct zap_answer){0});
}

void rec_zap_arm(struct rec_zap *z, bool on)
{
	ask(z, CMD_ARM, 0, on, &(struct zap_answer){0});
	/* nor are its events */
	take_all(z);
	z->events = 0;
}

void rec_zap_release(struct rec_zap *z, pid_t tid)
{
	ask(z, CMD_RELEASE, tid, false, &(struct zap_answer){0});
}

/* ---- its life ---- */

static int make_sockets(int requests[2], int told[2])
{
	int bytes = TOLD_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, told)) {
		int ret = -errno;

		close(requests[0]);
		close(requests[1]);
		return ret;
	}
	/* as large as the system allows */
	setsockopt(told[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

int rec_zap_open(struct rec_zap **out, struct rec_attach *a, const struct rec_zap_options *opt,
		 struct host_err *err)
{
	struct zap_tracer t = {.attach = a, .opt = *opt};
	struct rec_zap *z;
	int requests[2] = {-1, -1}, told[2] = {-1, -1}, ret;

	if (rec_inject_find(getpid(), &(uint64_t){0}) == -EOPNOTSUPP)
		return host_fail(
			err, -EOPNOTSUPP,
			"processes of this architecture cannot be made to drop their page-table "
			"entries (x86-64 and arm64 can)");
	z = calloc(1, sizeof(*z));
	ret = z ? make_sockets(requests, told) : -ENOMEM;
	if (ret) {
		free(z);
		return host_fail(err, ret, "cannot talk to a tracer: %s", strerror(-ret));
	}
	z->requests = requests[0];
	z->told = told[0];
	z->tracer = fork();
	if (!z->tracer) {
		/* ours alone, or their end is never seen */
		close(requests[0]);
		close(told[0]);
		t.requests = requests[1];
		t.told = told[1];
		zap_tracer_run(&t);
		_exit(0);
	}
	close(requests[1]);
	close(told[1]);
	if (z->tracer < 0) {
		close(z->requests);
		close(z->told);
		free(z);
		return host_fail(err, -EAGAIN, "cannot fork a tracer");
	}
	*out = z;
	return 0;
}

void rec_zap_close(struct rec_zap *z, struct rec_merge *m, unsigned int source,
		   struct rec_zap_stats *stats)
{
	struct zap_answer answer;

	ask(z, CMD_END, 0, false, &answer);
	*stats = answer.stats;
	if (m)
		rec_zap_drain(z, m, source);
	while (waitpid(z->tracer, NULL, 0) < 0 && errno == EINTR)
		;
	close(z->requests);
	close(z->told);
	free(z->held);
	free(z->event);
	free(z);
}
