// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader's figures: bench_reader write FILE EVENTS makes a recording of that many faults and
 * barriers (the pattern of a dense model: two threads, streaming with jumps, barriers); bench_reader
 * read FILE opens it and reads every record, stream by stream and then merged, and prints one line
 * "key value" for each figure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "traces/fltrace.h"

#define THREADS 2

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t rnd(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static int write_trace(const char *path, uint64_t events)
{
	uint64_t x = 88172645463325252ull, clock[THREADS] = {0}, at[THREADS] = {0}, gen = 0;
	json_t *head = json_pack("{ss}", "generator", "bench_reader");
	struct flt_record r = {0};
	struct flt_writer *w;
	double t0 = now();
	int ret;

	ret = flt_writer_create(&w, path, head, &(struct flt_writer_options){.level = 3});
	json_decref(head);
	if (ret) {
		fprintf(stderr, "bench_reader: cannot create %s: %s\n", path, strerror(-ret));
		return 1;
	}
	for (uint64_t i = 0; !ret && i < events; i++) {
		uint32_t t = (uint32_t)(i % THREADS);

		r.stream = t;
		memset(r.f, 0, sizeof(r.f));
		if (i % 24 < THREADS) {
			r.kind = FLT_BARRIER;
			r.f[FLT_BARRIER_GENERATION] = gen += t == 0;
			r.start = clock[t] + 5000;
			r.dur = 500 + rnd(&x) % 20000;
		} else {
			r.kind = FLT_FAULT;
			if (rnd(&x) % 50 == 0)
				at[t] = rnd(&x) % (4ull << 30) & ~4095ull;
			at[t] += 65536;
			r.f[FLT_FAULT_OFFSET] = at[t];
			r.start = clock[t] + 6000 + rnd(&x) % 8000;
			r.dur = 400 + rnd(&x) % 1200;
		}
		clock[t] = flt_end(&r);
		ret = flt_writer_add(w, FLT_RECORDING, &r);
	}
	if (!ret)
		ret = flt_writer_finish(&w, NULL);
	if (ret) {
		fprintf(stderr, "bench_reader: %s\n", strerror(-ret));
		return 1;
	}
	printf("write_events_per_s %.0f\n", (double)events / (now() - t0));
	return 0;
}

static uint64_t read_all(struct flt_reader *r, uint32_t stream, uint64_t *sum)
{
	static struct flt_record rec[512];
	struct flt_cursor *c;
	uint64_t total = 0;
	ssize_t n;

	if (flt_cursor_open(&c, r, FLT_RECORDING, stream))
		return 0;
	while ((n = flt_cursor_next(c, rec, 512)) > 0) {
		total += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++)
			*sum += rec[i].dur;
	}
	flt_cursor_close(c);
	return n < 0 ? 0 : total;
}

static int read_trace(const char *path)
{
	uint64_t n = 0, merged, sum = 0;
	struct flt_reader *r;
	struct rusage ru;
	double t0 = now(), t1, t2, t3;
	char err[256];

	if (flt_open(&r, path, 0, err, sizeof(err))) {
		fprintf(stderr, "bench_reader: %s\n", err);
		return 1;
	}
	t1 = now();
	for (uint32_t s = 0; s < THREADS; s++)
		n += read_all(r, s, &sum);
	t2 = now();
	merged = read_all(r, FLT_ALL_STREAMS, &sum);
	t3 = now();
	if (n != flt_record_count(r, FLT_RECORDING) || merged != n) {
		fprintf(stderr, "bench_reader: not every record could be read\n");
		return 1;
	}
	getrusage(RUSAGE_SELF, &ru);
	printf("open_ms %.2f\n", (t1 - t0) * 1e3);
	printf("read_events_per_s %.0f\n", (double)n / (t2 - t1));
	printf("merge_events_per_s %.0f\n", (double)n / (t3 - t2));
	printf("max_rss_mib %.1f\n", (double)ru.ru_maxrss / 1024);
	printf("bytes_per_event %.3f\n", (double)flt_file_size(r) / (double)n);
	printf("events %" PRIu64 "\n", n);
	flt_close(r);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "write"))
		return write_trace(argv[2], strtoull(argv[3], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_trace(argv[2]);
	fprintf(stderr, "usage: bench_reader write FILE EVENTS | read FILE\n");
	return 2;
}
