// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that compute for a known CPU time and meet in between, under the names that the replay engine
 * has for its marks and barriers. It tells on stdout, as JSON, how long each thread was at it and for
 * how much of that it had a CPU.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "usage: lanes [-t THREADS] [-r ROUNDS] [-m MS] FILE\n"
			    "  each thread computes for MS of CPU time in each round\n";

#define THREADS_MAX 64
#define GROUP       7
#define FIRST       100 /* generation */

/* As in a trace: what a mark begins. */
enum { PROMPT = 3, DECODE = 4, END = 7 };

struct lane {
	pthread_t thread;
	int index, tid;
	uint64_t wall_ns, cpu_ns;
	uint64_t delay_ns; /* that it was ready to run and had no CPU */
	long preempted;
};

static pthread_barrier_t barrier;
static int threads = 2, rounds = 4, ms = 20;
static const volatile unsigned char *map;

/* What a recorder may probe. */
void faultline_evaluation(uint64_t index, uint64_t mark_class, uint64_t tokens);
void faultline_barrier(uint64_t group, uint64_t generation);

__attribute__((noinline)) void faultline_evaluation(uint64_t index, uint64_t mark_class,
						    uint64_t tokens)
{
	__asm__ volatile("" ::"r"(index), "r"(mark_class), "r"(tokens) : "memory");
}

__attribute__((noinline)) void faultline_barrier(uint64_t group, uint64_t generation)
{
	__asm__ volatile("" ::"r"(group), "r"(generation) : "memory");
	pthread_barrier_wait(&barrier);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The scheduler's own account; 0 where the kernel keeps none. */
static uint64_t run_delay(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "re");
	unsigned long long ns = 0;

	if (f && fscanf(f, "%*u %llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static void compute(void)
{
	uint64_t until = now(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)ms * 1000000u;

	while (now(CLOCK_THREAD_CPUTIME_ID) < until)
		for (volatile int i = 0; i < 10000; i++)
			;
}

static void *run(void *arg)
{
	struct lane *l = arg;
	uint64_t wall, cpu;
	struct rusage before, after;

	l->tid = (int)syscall(SYS_gettid);
	(void)map[(size_t)l->index * (size_t)sysconf(_SC_PAGESIZE)];
	getrusage(RUSAGE_THREAD, &before);
	l->delay_ns = run_delay();
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	for (int round = 0; round < rounds; round++) {
		if (!l->index)
			faultline_evaluation((uint64_t)round + 5, round ? DECODE : PROMPT,
					     round ? 1 : 9);
		compute();
		faultline_barrier(GROUP, (uint64_t)round + FIRST);
	}
	if (!l->index)
		faultline_evaluation((uint64_t)rounds + 5, END, 0);
	l->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	l->wall_ns = now(CLOCK_MONOTONIC) - wall;
	l->delay_ns = run_delay() - l->delay_ns;
	getrusage(RUSAGE_THREAD, &after);
	l->preempted = after.ru_nivcsw - before.ru_nivcsw;
	return NULL;
}

int main(int argc, char **argv)
{
	struct lane lane[THREADS_MAX] = {0};
	int option, fd;

	while ((option = getopt(argc, argv, "t:r:m:")) != -1) {
		int n = option == '?' ? 0 : atoi(optarg);

		if (option == 't')
			threads = n;
		else if (option == 'r')
			rounds = n;
		else if (option == 'm')
			ms = n;
		if (n <= 0 || threads > THREADS_MAX) {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	map = mmap(NULL, THREADS_MAX * (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || map == MAP_FAILED) {
		perror(argv[optind]);
		return 1;
	}
	pthread_barrier_init(&barrier, NULL, (unsigned int)threads);
	for (int i = 1; i < threads; i++) {
		lane[i].index = i;
		pthread_create(&lane[i].thread, NULL, run, &lane[i]);
	}
	run(&lane[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(lane[i].thread, NULL);
	for (int i = 0; i < threads; i++)
		printf("{\"tid\": %d, \"wall_ns\": %llu, \"cpu_ns\": %llu, \"delay_ns\": %llu, \"preempted\": %ld}\n",
		       lane[i].tid, (unsigned long long)lane[i].wall_ns,
		       (unsigned long long)lane[i].cpu_ns, (unsigned long long)lane[i].delay_ns,
		       lane[i].preempted);
	return 0;
}
