// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small stand-in for an inference engine, whose faults, barriers and marks are known exactly: threads
 * that touch the pages of a mapped file in a known order, round after round, and meet in between. It
 * tells on stdout, as JSON, what it did and what the kernel counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: pages [OPTION...] FILE\n"
	"  -t N  threads (1)           -r N  rounds (1)\n"
	"  -e    drop the page-table entries after each round, so that every round faults\n"
	"  -x    the same, and the file is dropped from the page cache\n"
	"  -s N  touch every Nth page (1)    -a MIB  write to so much anonymous memory, once\n"
	"  -n N  tokens in the batch of the first round (then 1); without it nothing is a batch\n"
	"  -f    a child does all of it once more, at the same time\n"
	"  -p    read the file into anonymous memory by pread() first\n"
	"  -w MS wait so long before each round    -q    print nothing\n"
	"  -d    touch one page far down the stack\n"
	"  -R    MADV_RANDOM: nothing but what is touched is read and mapped\n"
	"  -i    ignore SIGINT    -S N  exit with this status\n"
	"  -X    a second thread starts the program again, then without -X (after the other options)\n";

/* As llama.cpp's: passed by value, in memory, the number of tokens first. */
struct batch {
	int32_t n_tokens;
	void *members[6];
};

struct team {
	pthread_barrier_t barrier;
	int threads, rounds, stride, wait_ms;
	bool drop, evict, read;
	int tokens;
	const volatile unsigned char *map;
	size_t pages, page_size;
	int fd;
};

struct worker {
	struct team *team;
	pthread_t thread;
	int index;
	unsigned long touched, sum;
};

/* What a recorder may probe. */
void team_barrier(struct team *t);
void token_mark(int round);
int llama_decode(void *context, struct batch batch);

__attribute__((noinline)) void team_barrier(struct team *t)
{
	pthread_barrier_wait(&t->barrier);
}

__attribute__((noinline)) void token_mark(int round)
{
	__asm__ volatile("" ::"r"(round) : "memory");
}

static void touch(struct worker *w)
{
	struct team *t = w->team;

	for (size_t i = (size_t)w->index * (size_t)t->stride; i < t->pages;
	     i += (size_t)t->threads * (size_t)t->stride) {
		w->sum += t->map[i * t->page_size];
		w->touched++;
	}
}

static void one_round(struct worker *w, int round)
{
	struct team *t = w->team;

	if (t->wait_ms && !w->index)
		usleep((useconds_t)t->wait_ms * 1000);
	team_barrier(t);
	touch(w);
	team_barrier(t);
	if (w->index)
		return;
	token_mark(round);
	if (t->drop || t->evict)
		madvise((void *)t->map, t->pages * t->page_size, MADV_DONTNEED);
	if (t->evict)
		posix_fadvise(t->fd, 0, 0, POSIX_FADV_DONTNEED);
}

__attribute__((noinline)) int llama_decode(void *context, struct batch batch)
{
	struct worker *w = context;

	one_round(w, batch.n_tokens);
	return 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct team *t = w->team;

	for (int round = 0; round < t->rounds; round++) {
		struct batch batch = {.n_tokens = round ? 1 : t->tokens};

		if (!w->index && t->tokens)
			llama_decode(w, batch);
		else
			one_round(w, round);
	}
	return NULL;
}

static unsigned long work(struct team *t)
{
	struct worker *w = calloc((size_t)t->threads, sizeof(*w));
	unsigned long touched = 0;

	pthread_barrier_init(&t->barrier, NULL, (unsigned int)t->threads);
	w[0].team = t;
	for (int i = 1; i < t->threads; i++) {
		w[i].team = t;
		w[i].index = i;
		pthread_create(&w[i].thread, NULL, run, &w[i]);
	}
	run(&w[0]);
	for (int i = 0; i < t->threads; i++) {
		if (i)
			pthread_join(w[i].thread, NULL);
		touched += w[i].touched;
	}
	free(w);
	return touched;
}

static void read_file(const struct team *t)
{
	size_t size = t->pages * t->page_size, piece = 1 << 20;
	unsigned char *to =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t at = 0; at < size; at += piece)
		if (pread(t->fd, to + at, piece, (off_t)at) <= 0)
			break;
}

static void write_anonymous(size_t bytes, size_t page_size)
{
	unsigned char *p =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t at = 0; p != MAP_FAILED && at < bytes; at += page_size)
		p[at] = 1;
}

static __attribute__((noinline)) void deep(void)
{
	volatile unsigned char far[600000];

	far[0] = 1;
	__asm__ volatile("" ::"r"(far) : "memory");
}

/* The program is started again by a thread that is not the first one. */
static void *start_again(void *arg)
{
	execv("/proc/self/exe", arg);
	perror("exec");
	exit(1);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end) {
		fputs(usage, stderr);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct team t = {.threads = 1, .rounds = 1, .stride = 1};
	bool with_child = false, quiet = false, stack = false, random = false;
	size_t anonymous = 0;
	unsigned long touched;
	int status = 0, option;
	struct rusage self, children;
	struct stat st;
	pid_t child = 0;

	while ((option = getopt(argc, argv, "t:r:exs:a:n:fpw:qdRiS:X")) != -1) {
		switch (option) {
		case 't':
			t.threads = (int)number(optarg);
			break;
		case 'r':
			t.rounds = (int)number(optarg);
			break;
		case 'e':
			t.drop = true;
			break;
		case 'x':
			t.evict = true;
			break;
		case 's':
			t.stride = (int)number(optarg);
			break;
		case 'a':
			anonymous = number(optarg) << 20;
			break;
		case 'n':
			t.tokens = (int)number(optarg);
			break;
		case 'f':
			with_child = true;
			break;
		case 'p':
			t.read = true;
			break;
		case 'w':
			t.wait_ms = (int)number(optarg);
			break;
		case 'q':
			quiet = true;
			break;
		case 'd':
			stack = true;
			break;
		case 'R':
			random = true;
			break;
		case 'i':
			signal(SIGINT, SIG_IGN);
			break;
		case 'X': {
			pthread_t other;

			/* as a word of its own, just read */
			memmove(&argv[optind - 1], &argv[optind],
				(size_t)(argc - optind + 1) * sizeof(*argv));
			if (!pthread_create(&other, NULL, start_again, argv))
				pthread_join(other, NULL);
			return 1;
		}
		case 'S':
			status = (int)number(optarg);
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
	t.page_size = (size_t)sysconf(_SC_PAGESIZE);
	t.fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	if (t.fd < 0 || fstat(t.fd, &st)) {
		perror(argv[optind]);
		return 1;
	}
	t.pages = (size_t)st.st_size / t.page_size;
	t.map = mmap(NULL, t.pages * t.page_size, PROT_READ, MAP_SHARED, t.fd, 0);
	if (t.map == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	if (random)
		madvise((void *)t.map, t.pages * t.page_size, MADV_RANDOM);
	if (with_child)
		child = fork();
	if (t.read)
		read_file(&t);
	if (anonymous)
		write_anonymous(anonymous, t.page_size);
	if (stack)
		deep();
	touched = work(&t);
	if (with_child && !child)
		_exit(0);
	if (child)
		waitpid(child, NULL, 0);
	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	if (!quiet)
		printf("{\"pid\": %d, \"uid\": %d, \"touched\": %lu, \"pages\": %zu, \"address\": %llu, "
		       "\"majflt\": %ld, \"minflt\": %ld}\n",
		       (int)getpid(), (int)getuid(), touched, t.pages,
		       (unsigned long long)(uintptr_t)t.map, self.ru_majflt + children.ru_majflt,
		       self.ru_minflt + children.ru_minflt);
	return status;
}
