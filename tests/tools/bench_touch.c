// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_touch FILE PASSES: the bare loop that the engine is measured against. Maps FILE, touches one
 * byte of every page in each pass, and prints "touch_pages_per_s N".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages, n = 0;
	long passes = argc == 3 ? atol(argv[2]) : 0;
	const volatile uint8_t *p;
	struct stat st;
	double t0;

	if (passes < 1 || fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "usage: bench_touch FILE PASSES\n");
		return 2;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "bench_touch: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	pages = (size_t)st.st_size / page;
	t0 = now();
	while (passes--)
		for (size_t i = 0; i < pages; i++, n++)
			(void)p[i * page];
	printf("touch_pages_per_s %.0f\n", (double)n / (now() - t0));
	return 0;
}
