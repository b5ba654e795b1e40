// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that notices whether anybody meddles with it: threads in system calls that must neither fail
 * nor end early, signals that must each be delivered once, memory that must keep what was written to it.
 * It maps a file and reads all of it, round after round, with a function at each round's begin.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: zapped [OPTION...] FILE\n"
	"  -r N   rounds (5)                   -w MS  wait so long before each round\n"
	"  -m HOW shared (default), private, writable, copies (private, with pages of its own), locked,\n"
	"         late (private; gets pages of its own after the first round)\n"
	"  -c     threads in system calls      -s     signals, SIGURG among them, and children\n"
	"  -b     block all signals            -x     start again by exec(), without -x, after a round\n"
	"  -k     stop all of it by SIGSTOP for a moment, by a child, in each round\n"
	"SIGUSR1 ends it after its round.\n";

#define CHECK(what)                              \
	do {                                     \
		if (!(what))                     \
			failed(#what, __LINE__); \
	} while (0)

static atomic_int failures;
static atomic_bool over;
static volatile sig_atomic_t urgent, children, alarms;

static void failed(const char *what, int line)
{
	fprintf(stderr, "zapped:%d: %s: errno %d\n", line, what, errno);
	failures++;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What a recorder may probe. */
unsigned long evaluate(const volatile unsigned char *map, size_t size, size_t page);

__attribute__((noinline)) unsigned long evaluate(const volatile unsigned char *map, size_t size,
						 size_t page)
{
	unsigned long sum = 0;

	for (size_t at = 0; at < size; at += page)
		sum += map[at];
	return sum;
}

/* ---- system calls ---- */

static void *sleeps(void *arg)
{
	(void)arg;
	while (!over) {
		struct timespec t = {.tv_nsec = 20000000};
		uint64_t begin = now_ns();

		CHECK(!nanosleep(&t, NULL));
		CHECK(now_ns() - begin >= 20000000);
	}
	return NULL;
}

static void *reads(void *arg)
{
	const int *pipes = arg;
	unsigned char expected = 0, c;

	while (read(pipes[0], &c, 1) == 1) {
		CHECK(c == expected);
		expected++;
	}
	CHECK(over);
	return NULL;
}

static void *polls(void *arg)
{
	struct pollfd p = {.fd = ((const int *)arg)[0], .events = 0};

	while (!over) {
		uint64_t begin = now_ns();

		/* a timeout it is that ends it, since there is nothing to be heard */
		p.fd = -1;
		CHECK(!poll(&p, 1, 15));
		CHECK(now_ns() - begin >= 15000000);
	}
	return NULL;
}

static uint32_t word;

static void *waits(void *arg)
{
	(void)arg;
	while (!over) {
		struct timespec t = {.tv_nsec = 15000000};
		long ret = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);

		CHECK(ret == -1 && errno == ETIMEDOUT);
	}
	return NULL;
}

static void *writes(void *arg)
{
	const int *pipes = arg;

	for (unsigned char c = 0; !over; c++) {
		CHECK(write(pipes[1], &c, 1) == 1);
		usleep(3000);
	}
	close(pipes[1]);
	return NULL;
}

/* ---- signals ---- */

static void on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGURG)
		urgent++;
	else if (sig == SIGALRM)
		alarms++;
	else
		children++;
	errno = saved;
}

/* Asked to stop; nobody is interrupted by that. */
static bool is_enough(void)
{
	sigset_t set;

	return !sigpending(&set) && sigismember(&set, SIGUSR1);
}

static void some_signals(void)
{
	static int sent;
	struct timespec t = {.tv_sec = 1};
	struct itimerspec in = {.it_value = {.tv_nsec = 2000000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	int before = alarms, ended = children, status;
	timer_t timer;
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		raise(SIGURG);
		CHECK(urgent == ++sent);
	}
	/* a handler ends a sleep, as ever */
	CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	CHECK(!timer_settime(timer, 0, &in, NULL));
	CHECK(nanosleep(&t, &t) == -1 && errno == EINTR);
	CHECK(alarms == before + 1);
	timer_delete(timer);
	pid = fork();
	if (!pid)
		_exit(7);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(children == ended + 1);
}

/* A stop and its end are seen by whoever waits for them. */
static void stop_and_go(void)
{
	pid_t me = getpid(), pid = fork();
	int status;

	if (!pid) {
		kill(me, SIGSTOP);
		usleep(20000);
		kill(me, SIGCONT);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* ---- memory ---- */

static void write_pages(unsigned char *p, size_t size, size_t page)
{
	for (size_t at = 0; at < size; at += 100 * page)
		p[at + 1] = (unsigned char)~p[at + 1];
}

/* As a program does that decodes its weights in place. */
static void write_late(unsigned char *p, size_t size, size_t page)
{
	CHECK(!mprotect(p, size, PROT_READ | PROT_WRITE));
	write_pages(p, size, page);
	CHECK(!mprotect(p, size, PROT_READ));
}

static unsigned char *map_file(const char *path, const char *how, size_t *size, size_t page)
{
	bool writable = !strcmp(how, "writable") || !strcmp(how, "copies");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *p;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(1);
	}
	*size = (size_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | (writable ? PROT_WRITE : 0),
		 strcmp(how, "shared") ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	if (writable)
		write_pages(p, *size, page);
	if (!strcmp(how, "copies"))
		mprotect(p, *size, PROT_READ);
	if (!strcmp(how, "locked") && mlock(p, *size)) {
		perror("mlock");
		exit(77);
	}
	return p;
}

/* What was written is still there, and the rest is as in the file. */
static void check_memory(const unsigned char *p, const char *path, const char *how, size_t size,
			 size_t page)
{
	bool written = !strcmp(how, "writable") || !strcmp(how, "copies") || !strcmp(how, "late");
	size_t unused;
	unsigned char *fresh = map_file(path, "private", &unused, page);

	for (size_t at = 0; at < size; at += page) {
		unsigned char expected = fresh[at + 1];

		if (written && !(at % (100 * page)))
			expected = (unsigned char)~expected;
		if (p[at + 1] != expected) {
			failed("memory is as it was", (int)(at / page));
			break;
		}
	}
	munmap(fresh, unused);
}

int main(int argc, char **argv)
{
	static void *(*const callers[])(void *) = {sleeps, reads, polls, waits, writes};
	bool calls = false, signals = false, block = false, again = false, stops = false;
	size_t size, page = (size_t)sysconf(_SC_PAGESIZE);
	int rounds = 5, wait = 0, option, again_at = 0, pipes[2];
	const char *how = "shared";
	unsigned long sum = 0;
	pthread_t thread[5];
	sigset_t all;
	unsigned char *map;

	while ((option = getopt(argc, argv, "r:w:m:csbxk")) != -1) {
		switch (option) {
		case 'r':
			rounds = atoi(optarg);
			break;
		case 'w':
			wait = atoi(optarg);
			break;
		case 'm':
			how = optarg;
			break;
		case 'c':
			calls = true;
			break;
		case 's':
			signals = true;
			break;
		case 'b':
			block = true;
			break;
		case 'x':
			again = true;
			again_at = optind - 1;
			break;
		case 'k':
			stops = true;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	sigemptyset(&all);
	sigaddset(&all, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	sigfillset(&all);
	if (block)
		pthread_sigmask(SIG_BLOCK, &all, NULL);
	map = map_file(argv[optind], how, &size, page);
	if (pipe(pipes)) {
		perror("pipe");
		return 1;
	}
	if (calls) {
		/* signals of the process are the first thread's */
		sigset_t before;

		pthread_sigmask(SIG_BLOCK, &all, &before);
		for (int i = 0; i < 5; i++)
			pthread_create(&thread[i], NULL, callers[i], pipes);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (signals) {
		const struct sigaction act = {.sa_handler = on_signal};

		sigaction(SIGURG, &act, NULL);
		sigaction(SIGALRM, &act, NULL);
		sigaction(SIGCHLD, &act, NULL);
	}
	for (int round = 0; round < rounds && !is_enough(); round++) {
		if (wait)
			usleep((useconds_t)wait * 1000);
		sum += evaluate(map, size, page);
		if (!round && !strcmp(how, "late"))
			write_late(map, size, page);
		if (signals)
			some_signals();
		if (stops)
			stop_and_go();
		if (again) {
			memmove(&argv[again_at], &argv[again_at + 1],
				(size_t)(argc - again_at) * sizeof(*argv));
			execv("/proc/self/exe", argv);
			perror("exec");
			return 1;
		}
	}
	over = true;
	for (int i = 4; calls && i >= 0; i--)
		pthread_join(thread[i], NULL);
	check_memory(map, argv[optind], how, size, page);
	printf("%d rounds, sum %lu, %d failures\n", rounds, sum, (int)failures);
	return failures ? 1 : 0;
}
