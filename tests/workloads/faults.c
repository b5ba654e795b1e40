// SPDX-License-Identifier: GPL-2.0-only
/*
 * faults THREADS SECONDS [RATE]: as many minor faults a second as the machine can take (or RATE of
 * them in each thread). Every thread reads the pages of untouched anonymous memory, which costs one
 * fault each and no memory (the zero page), drops them and starts again. Prints "faults N", as the
 * kernel counted them, and "faults_per_s N".
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define PART        ((size_t)64 << 20) /* bytes of a thread */
#define BURST       256                /* faults between two looks at the clock */

struct part {
	pthread_t thread;
	char *from;
	size_t pages, page;
	double seconds, rate;
	uint64_t faults;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *arg)
{
	struct part *p = arg;
	double start = now(), t = start;
	size_t i = 0;

	while (t - start < p->seconds) {
		for (int n = 0; n < BURST; n++) {
			(void)*(volatile char *)(p->from + i * p->page);
			if (++i == p->pages) {
				madvise(p->from, p->pages * p->page, MADV_DONTNEED);
				i = 0;
			}
		}
		p->faults += BURST;
		do
			t = now();
		while (p->rate > 0 && (double)p->faults > p->rate * (t - start));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), each = PART / page;
	long threads = argc >= 3 ? atol(argv[1]) : 0;
	static struct part part[MAX_THREADS];
	struct rusage before, after;
	double start;
	char *map;

	if (threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: faults THREADS SECONDS [RATE]\n");
		return 2;
	}
	map = mmap(NULL, (size_t)threads * PART, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		fprintf(stderr, "faults: %s\n", strerror(errno));
		return 1;
	}
	madvise(map, (size_t)threads * PART, MADV_NOHUGEPAGE);
	getrusage(RUSAGE_SELF, &before);
	start = now();
	for (long i = 0; i < threads; i++) {
		part[i] = (struct part){.from = map + (size_t)i * PART,
					.pages = each,
					.page = page,
					.seconds = atof(argv[2]),
					.rate = argc > 3 ? atof(argv[3]) : 0};
		if (pthread_create(&part[i].thread, NULL, work, &part[i]))
			return 1;
	}
	for (long i = 0; i < threads; i++)
		pthread_join(part[i].thread, NULL);
	getrusage(RUSAGE_SELF, &after);
	printf("faults %ld\nfaults_per_s %.0f\n", after.ru_minflt - before.ru_minflt,
	       (double)(after.ru_minflt - before.ru_minflt) / (now() - start));
	return 0;
}
