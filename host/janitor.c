// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/janitor.c: the process that undoes what we could not; see janitor.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/janitor.h"

#define TEXT_MAX 3072

struct message {
	uint32_t len; /* of the whole message: at most PIPE_BUF, so that one write is one piece */
	int32_t id;   /* negative: drop -id */
	uint32_t what;
	uint32_t a_len; /* with the NUL; then b, with its NUL */
	char text[TEXT_MAX];
};

_Static_assert(sizeof(struct message) <= PIPE_BUF, "messages have to be written atomically");

struct host_janitor {
	int fd;
	pid_t pid;
	int next_id;
	unsigned int pending;
};

/* The child's memory, mapped before the fork: malloc() after a fork of threads may never return. */
struct child {
	struct message slot[HOST_JANITOR_SLOTS];
	struct message in;
	int order[HOST_JANITOR_SLOTS]; /* slots in use, oldest first */
	int used;
};

/* From here to child_main(): async-signal-safe calls only. */

static void child_add(struct child *c)
{
	for (int i = 0; i < HOST_JANITOR_SLOTS; i++) {
		if (!c->slot[i].len) {
			memcpy(&c->slot[i], &c->in, c->in.len);
			c->order[c->used++] = i;
			return;
		}
	}
}

static void child_drop(struct child *c, int id)
{
	for (int i = 0; i < c->used; i++) {
		if (c->slot[c->order[i]].id != id)
			continue;
		c->slot[c->order[i]].len = 0;
		c->used--;
		memmove(&c->order[i], &c->order[i + 1],
			(size_t)(c->used - i) * sizeof(c->order[0]));
		return;
	}
}

static bool child_read(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static void child_undo(const struct message *m)
{
	const char *a = m->text;
	const char *b = m->text + m->a_len;

	switch ((enum host_undo)m->what) {
	case HOST_UNDO_WRITE:
		(void)host_file_write(a, b);
		break;
	case HOST_UNDO_MOVE:
		(void)host_cg_move_all(a, b);
		break;
	case HOST_UNDO_MEMCG:
		(void)host_cg_destroy(a, 10000000000ULL);
		break;
	case HOST_UNDO_HOME:
		(void)host_cg_home_undo(a);
		break;
	case HOST_UNDO_UNLINK:
		(void)unlink(a);
		break;
	case HOST_UNDO_MAX:
		break;
	}
}

static void child_main(struct child *c, int fd)
{
	static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE, SIGUSR1,
				      SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGXCPU};
	struct sigaction sa = {.sa_handler = SIG_IGN};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &sa, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "faultline-undo");
	/* our session, so that killing the parent's process group or closing its terminal misses us */
	(void)setsid();
	(void)dup2(fd, 0);
	host_child_close_all();
	/* do not keep a file system busy that somebody wants to unmount */
	(void)!chdir("/");

	for (;;) {
		size_t head = offsetof(struct message, text);

		if (!child_read(0, &c->in, head) || c->in.len < head || c->in.len > sizeof(c->in))
			break;
		if (!child_read(0, c->in.text, c->in.len - head))
			break;
		if (c->in.id < 0)
			child_drop(c, -c->in.id);
		else
			child_add(c);
	}
	while (c->used > 0)
		child_undo(&c->slot[c->order[--c->used]]);
	_exit(0);
}

int host_janitor_start(struct host_janitor **out, struct host_err *err)
{
	struct host_janitor *j = NULL;
	struct child *c = MAP_FAILED;
	int pipe_fd[2] = {-1, -1};
	int tell[2] = {-1, -1};
	sigset_t all, old;
	pid_t middle;
	int status;
	int ret;

	*out = NULL;
	j = calloc(1, sizeof(*j));
	if (!j)
		return host_fail(err, -ENOMEM, "cannot start the clean-up process: out of memory");
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED || pipe2(pipe_fd, O_CLOEXEC) || pipe2(tell, O_CLOEXEC)) {
		ret = -errno;
		goto out;
	}
	/* the host program's handlers must not run in the child: block all until it ignores them */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	middle = host_bare_fork(0);
	if (middle == 0) {
		pid_t pid = host_bare_fork(SIGCHLD);

		if (pid == 0) {
			/* its own write end would keep the pipe from ever ending */
			close(pipe_fd[1]);
			child_main(c, pipe_fd[0]);
		}
		if (write(tell[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
			_exit(1);
		_exit(pid < 0);
	}
	ret = middle < 0 ? -errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		goto out;
	close(tell[1]);
	tell[1] = -1;
	while (waitpid(middle, &status, __WALL) < 0 && errno == EINTR)
		;
	if (read(tell[0], &j->pid, sizeof(j->pid)) != (ssize_t)sizeof(j->pid) || j->pid < 0) {
		ret = -EAGAIN;
		goto out;
	}
	j->fd = pipe_fd[1];
	pipe_fd[1] = -1;
	*out = j;
	j = NULL;
out:
	if (ret)
		host_fail(err, ret, "cannot start the clean-up process: %s", strerror(-ret));
	for (int i = 0; i < 2; i++) {
		if (pipe_fd[i] >= 0)
			close(pipe_fd[i]);
		if (tell[i] >= 0)
			close(tell[i]);
	}
	if (c != MAP_FAILED)
		munmap(c, sizeof(*c));
	free(j);
	return ret;
}

static int send_message(struct host_janitor *j, const struct message *m)
{
	struct timespec zero = {0};
	sigset_t set, old;
	sigset_t pending;
	bool was_pending;
	ssize_t n;
	int ret;

	/* a pipe has no MSG_NOSIGNAL: block SIGPIPE, and take it away if it was ours */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &set, &old);
	do {
		n = write(j->fd, m, m->len);
	} while (n < 0 && errno == EINTR);
	ret = n < 0 ? -errno : 0;
	if (ret == -EPIPE && !was_pending)
		while (sigtimedwait(&set, NULL, &zero) < 0 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

int host_janitor_add(struct host_janitor *j, enum host_undo what, const char *a, const char *b)
{
	size_t a_len = strlen(a) + 1;
	size_t b_len = b ? strlen(b) + 1 : 1;
	struct message m;
	int ret;

	if (what <= 0 || what >= HOST_UNDO_MAX)
		return -EINVAL;
	if (a_len + b_len > sizeof(m.text))
		return -ENAMETOOLONG;
	if (j->pending >= HOST_JANITOR_SLOTS)
		return -ENOSPC;
	memset(&m, 0, offsetof(struct message, text));
	m.len = (uint32_t)(offsetof(struct message, text) + a_len + b_len);
	m.id = j->next_id + 1;
	m.what = (uint32_t)what;
	m.a_len = (uint32_t)a_len;
	memcpy(m.text, a, a_len);
	memcpy(m.text + a_len, b ? b : "", b_len);
	ret = send_message(j, &m);
	if (ret)
		return ret;
	j->pending++;
	return ++j->next_id;
}

int host_janitor_drop(struct host_janitor *j, int id)
{
	struct message m;
	int ret;

	if (id <= 0 || id > j->next_id)
		return -EINVAL;
	memset(&m, 0, offsetof(struct message, text));
	m.len = (uint32_t)offsetof(struct message, text);
	m.id = -id;
	ret = send_message(j, &m);
	if (!ret)
		j->pending--;
	return ret;
}

void host_janitor_stop(struct host_janitor *j)
{
	if (!j)
		return;
	close(j->fd);
	free(j);
}

pid_t host_janitor_pid(const struct host_janitor *j)
{
	return j->pid;
}
