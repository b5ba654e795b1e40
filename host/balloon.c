// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/balloon.c: a child that locks memory; see balloon.h.
 *
 * The child is forked from a process that may have threads, so up to its end it uses async-signal-safe
 * calls only. One socket connects the two: through it the child reports once, and learns of our end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/balloon.h"
#include "host/host_int.h"

/* How much is locked between two looks at what is still available, and at whether we are still wanted. */
#define STEP (32ULL << 20)
/* The counters behind MemAvailable are per CPU and folded now and then: closer than this means nothing. */
#define CLOSE_ENOUGH (512ULL << 10)

/* How long, and how often, it is watched whether what is available stays what it is; at most so many times. */
#define SETTLE_MS    750
#define SETTLE_LOOKS 15
#define ROUNDS       10

#define CAP_IPC_LOCK_BIT 14

struct report {
	int error; /* 0 or -errno */
	uint64_t locked;
	uint64_t after; /* available bytes */
};

struct host_balloon {
	pid_t pid;
	int fd;
	uint64_t leave;
	uint64_t before;
	struct report report;
};

static int available(uint64_t *bytes)
{
	char text[4096];
	uint64_t kib;
	ssize_t n = host_file_read("/proc/meminfo", text, sizeof(text));
	int ret;

	if (n < 0)
		return (int)n;
	ret = host_text_u64(text, "MemAvailable:", &kib);
	if (!ret)
		*bytes = kib << 10;
	return ret;
}

/* ---- in the child: async-signal-safe calls only ---- */

static bool unwanted(pid_t parent, int timeout_ms)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};

	/* any event is the other end's close: nothing is ever sent to us */
	return poll(&p, 1, timeout_ms) > 0 || getppid() != parent;
}

static void child_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* the handlers are the host program's */
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Ctrl-C at the terminal is for the program that we serve: it releases us when it has dealt with it. */
static void child_ignore_signals(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
	struct sigaction sa = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &sa, NULL);
}

/*
 * The most that was available within a moment. Memory that was just freed may be on its way for a while:
 * in per-CPU lists, or, in a virtual machine, being reported to the host. Were it counted as gone, it would
 * turn up beside the balloon later.
 */
static int available_settled(pid_t parent, uint64_t *bytes)
{
	*bytes = 0;
	for (int i = 0; i < SETTLE_LOOKS; i++) {
		uint64_t now;
		int ret;

		if (unwanted(parent, i ? SETTLE_MS / SETTLE_LOOKS : 0))
			return -EINTR;
		ret = available(&now);
		if (ret)
			return ret;
		if (now > *bytes)
			*bytes = now;
	}
	return 0;
}

/* Lock more of @mem until no more than @leave is available at this instant. */
static int child_grow(pid_t parent, char *mem, uint64_t leave, uint64_t room, struct report *r)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (;;) {
		uint64_t step;
		int ret;

		ret = available(&r->after);
		if (ret || unwanted(parent, 0))
			return ret ? ret : -EINTR;
		if (r->after < leave + CLOSE_ENOUGH || r->locked == room)
			return 0;
		step = r->after - leave;
		/* nearing the end by halves: page tables and other programs take their part, too */
		if (step > STEP)
			step = step / 2 > STEP ? STEP : step / 2;
		step = (step + page - 1) / page * page;
		if (step > room - r->locked)
			step = room - r->locked;
		/* the bare system call: under a sanitizer mlock() does nothing */
		if (syscall(SYS_mlock, mem + r->locked, step))
			return -errno;
		r->locked += step;
	}
}

/*
 * Small pages: huge ones would be locked sooner, but they are the machine's unfragmented memory, and what
 * remains for the page cache would be the rubble, which no small machine has so much of.
 */
static int child_lock(pid_t parent, uint64_t leave, uint64_t room, struct report *r)
{
	char *mem = mmap(NULL, room, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t back;
	int ret = 0;

	if (mem == MAP_FAILED)
		return -errno;
	(void)madvise(mem, room, MADV_NOHUGEPAGE);
	for (int round = 0; !ret && round < ROUNDS; round++) {
		ret = child_grow(parent, mem, leave, room, r);
		if (!ret)
			ret = available_settled(parent, &r->after);
		if (ret)
			break;
		if (r->after + CLOSE_ENOUGH < leave) {
			back = (leave - r->after) / page * page;
			if (back > r->locked)
				back = r->locked;
			/* unlocked and freed, and still there to be locked again */
			if (syscall(SYS_munlock, mem + r->locked - back, back) ||
			    madvise(mem + r->locked - back, back, MADV_DONTNEED))
				ret = -errno;
			r->locked -= back;
		} else if (r->after <= leave + CLOSE_ENOUGH || r->locked == room) {
			break;
		}
	}
	return ret;
}

static void child_main(int fd, pid_t parent, uint64_t leave, uint64_t room)
{
	struct report r = {0};

	(void)prctl(PR_SET_NAME, "faultline-ball");
	/* never less of a victim than the programs beside us; raising it is always permitted */
	(void)host_file_write("/proc/self/oom_score_adj", "1000");
	(void)dup2(fd, 0);
	host_child_close_all();
	child_signals();
	(void)!chdir("/");
	r.error = child_lock(parent, leave, room, &r);
	if (!r.error)
		child_ignore_signals();
	if (send(0, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r) || r.error)
		_exit(1);
	/*
	 * The poll ends with the other end of the socket. A process that was forked from ours without
	 * exec() may hold that open: hence the look at the parent now and then.
	 */
	while (!unwanted(parent, 1000))
		;
	_exit(0);
}

/* ---- in our process ---- */

/* Whether the lock limit does not count for us. */
static bool may_lock_all(void)
{
	char text[4096];
	const char *cap;

	if (host_file_read("/proc/self/status", text, sizeof(text)) <= 0)
		return false;
	cap = strstr(text, "CapEff:");
	return cap && strtoull(cap + strlen("CapEff:"), NULL, 16) >> CAP_IPC_LOCK_BIT & 1;
}

static int check(uint64_t leave, uint64_t before, struct host_err *err)
{
	char a[32], b[32];
	struct rlimit rl;

	if (leave < HOST_BALLOON_LEAVE_MIN)
		return host_fail(err, -EINVAL,
				 "cannot leave only %s to the whole machine: at least %s",
				 host_size_format(leave, a, sizeof(a)),
				 host_size_format(HOST_BALLOON_LEAVE_MIN, b, sizeof(b)));
	if (leave >= before)
		return host_fail(err, -EINVAL,
				 "cannot leave %s to the whole machine: only %s are available now",
				 host_size_format(leave, a, sizeof(a)),
				 host_size_format(before, b, sizeof(b)));
	if (!may_lock_all() && !getrlimit(RLIMIT_MEMLOCK, &rl) && rl.rlim_cur != RLIM_INFINITY &&
	    (uint64_t)rl.rlim_cur < before - leave)
		return host_fail(
			err, -EPERM,
			"leaving %s to the machine needs %s of locked memory, and this user may lock "
			"%s: run as root, or raise the limit (ulimit -l)",
			host_size_format(leave, a, sizeof(a)),
			host_size_format(before - leave, b, sizeof(b)),
			host_size_format((uint64_t)rl.rlim_cur, (char[32]){0}, 32));
	return 0;
}

/* Wait for the child's report; what it means if there is none. */
static int hear(struct host_balloon *b, struct host_err *err)
{
	char size[32], got[32];
	int status = 0;
	ssize_t n;
	int ret;

	do {
		n = recv(b->fd, &b->report, sizeof(b->report), 0);
	} while (n < 0 && errno == EINTR);
	host_size_format(b->before - b->leave, size, sizeof(size));
	if (n == (ssize_t)sizeof(b->report)) {
		ret = b->report.error;
		if (!ret)
			return 0;
		return host_fail(err, ret == -EAGAIN ? -ENOMEM : ret,
				 "cannot lock %s of memory (got %s): %s", size,
				 host_size_format(b->report.locked, got, sizeof(got)),
				 strerror(-ret));
	}
	while (waitpid(b->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	b->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return host_fail(err, -EINTR, "locking %s of memory was interrupted", size);
	return host_fail(err, -ENOMEM,
			 "cannot lock %s of memory: the kernel ended the process that did it, "
			 "probably for lack of memory",
			 size);
}

int host_balloon_inflate(struct host_balloon **out, uint64_t leave, struct host_err *err)
{
	struct host_balloon *b;
	int pair[2] = {-1, -1};
	sigset_t all, old;
	pid_t self = getpid();
	int ret;

	*out = NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return host_fail(err, -ENOMEM, "cannot lock memory: out of memory");
	b->fd = -1;
	b->leave = leave;
	ret = available(&b->before);
	if (ret) {
		host_fail(err, ret, "cannot tell how much memory is available: %s", strerror(-ret));
		goto out;
	}
	ret = check(leave, b->before, err);
	if (ret)
		goto out;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ret = host_fail(err, -errno, "cannot lock memory: %s", strerror(errno));
		goto out;
	}
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	b->pid = host_bare_fork(0);
	if (!b->pid)
		child_main(pair[1], self, leave, b->before);
	ret = b->pid < 0 ? -errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(pair[1]);
	b->fd = pair[0];
	if (ret) {
		b->pid = 0;
		host_fail(err, ret, "cannot start the process that locks memory: %s",
			  strerror(-ret));
		goto out;
	}
	ret = hear(b, err);
	if (ret)
		goto out;
	*out = b;
	b = NULL;
out:
	host_balloon_release(&b);
	return ret;
}

uint64_t host_balloon_bytes(const struct host_balloon *b)
{
	return b ? b->report.locked : 0;
}

bool host_balloon_alive(const struct host_balloon *b)
{
	struct pollfd p = {.events = POLLIN};

	/* its end of the socket closes with it */
	p.fd = b ? b->fd : -1;
	return b && poll(&p, 1, 0) == 0;
}

pid_t host_balloon_pid(const struct host_balloon *b)
{
	return b ? b->pid : 0;
}

void host_balloon_release(struct host_balloon **bp)
{
	struct host_balloon *b = bp ? *bp : NULL;

	if (!b)
		return;
	if (b->pid > 0) {
		(void)kill(b->pid, SIGKILL);
		/* its memory is free when it can be waited for */
		while (waitpid(b->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	*bp = NULL;
}

json_t *host_balloon_json(const struct host_balloon *b)
{
	if (!b)
		return json_null();
	return json_pack("{s:I,s:I,s:I,s:I,s:b}", "locked_bytes", (json_int_t)b->report.locked,
			 "leave_bytes", (json_int_t)b->leave, "available_before",
			 (json_int_t)b->before, "available_after", (json_int_t)b->report.after,
			 "alive", host_balloon_alive(b));
}
