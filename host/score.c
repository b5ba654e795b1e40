// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/score.c: the CPU's and the memory's speed at what LLM decoding consists of.
 *
 * Arithmetic: dot products of 256 signed bytes with one float scale for each such block, as quantised
 * weights are multiplied, on vectors that stay in the first-level cache. Memory: reading a buffer that no cache
 * holds. Each figure is the best of a few rounds, for anything that disturbs makes it smaller.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "host/score.h"

#define ROUNDS      3
#define ROUND_NS    60000000ULL
#define BLOCKS      16 /* 4 KiB of weights: in anybody's first-level cache, with the other vector */
#define BLOCK_LEN   256
#define THREADS_MAX 256
#define BUFFER_MIN  (64ULL << 20)
#define BUFFER_MAX  (256ULL << 20)
#define READ_STEP   (1ULL << 20)

struct vectors {
	int8_t a[BLOCKS * BLOCK_LEN];
	int8_t b[BLOCKS * BLOCK_LEN];
	float scale[BLOCKS];
};

struct worker {
	pthread_t thread;
	const int *go;             /* 0 wait, 1 measure, -1 end */
	const struct vectors *vec; /* arithmetic, if not NULL */
	const uint64_t *buf;       /* else memory */
	size_t words;
	double rate; /* operations or bytes per ns */
	volatile float sink;
};

/* GCC vectorises at -O2 only what costs nothing; the kernels have to be the same in every build. */
#if defined(__GNUC__) && !defined(__clang__)
#define FAST                                                                                  \
	__attribute__((optimize("O3", "no-math-errno", "associative-math", "no-signed-zeros", \
				"no-trapping-math")))
#else
#define FAST
#endif

/* A body, not a function: it has to be compiled once for each instruction set. */
#define DOT_BODY                                                \
	float sum = 0;                                          \
                                                                \
	for (int i = 0; i < BLOCKS; i++) {                      \
		const int8_t *a = v->a + (size_t)i * BLOCK_LEN; \
		const int8_t *b = v->b + (size_t)i * BLOCK_LEN; \
		int32_t acc = 0;                                \
                                                                \
		for (int k = 0; k < BLOCK_LEN; k++)             \
			acc += (int32_t)a[k] * b[k];            \
		sum += (float)acc * v->scale[i];                \
	}                                                       \
	return sum

typedef float dot_fn(const struct vectors *v);

FAST static float dot_plain(const struct vectors *v)
{
	DOT_BODY;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) FAST static float dot_avx2(const struct vectors *v)
{
	DOT_BODY;
}
#endif

#if defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target("arch=armv8.2-a+dotprod"))) FAST static float dot_dotprod(
	const struct vectors *v)
{
	DOT_BODY;
}
#endif

static dot_fn *choose_dot(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return dot_avx2;
#endif
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
	/* HWCAP_ASIMDDP */
	if (getauxval(AT_HWCAP) & (1UL << 20))
		return dot_dotprod;
#endif
	return dot_plain;
}

FAST static uint64_t read_words(const uint64_t *p, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; p && i < n; i++)
		sum += p[i];
	return sum;
}

static double run_dot(struct worker *w)
{
	dot_fn *dot = choose_dot();
	uint64_t begin = host_now_ns();
	uint64_t count = 0;
	uint64_t ns;
	float sum = 0;

	do {
		for (int i = 0; i < 200; i++)
			sum += dot(w->vec);
		count += 200;
		ns = host_now_ns() - begin;
	} while (ns < ROUND_NS);
	w->sink = sum;
	return (double)count * BLOCKS * BLOCK_LEN / (double)ns;
}

static double run_read(struct worker *w)
{
	uint64_t begin = host_now_ns();
	uint64_t bytes = 0;
	uint64_t sum = 0;
	size_t at = 0;
	uint64_t ns;

	do {
		size_t step = READ_STEP / 8;

		if (step > w->words - at)
			step = w->words - at;
		sum += read_words(w->buf + at, step);
		bytes += step * 8;
		at += step;
		if (at == w->words)
			at = 0;
		ns = host_now_ns() - begin;
	} while (ns < ROUND_NS);
	w->sink = (float)sum;
	return (double)bytes / (double)ns;
}

/* Waits until all are there, so that every thread is measured against all the others. */
static void *work(void *arg)
{
	struct worker *w = arg;
	int go;

	while (!(go = __atomic_load_n(w->go, __ATOMIC_ACQUIRE)))
		sched_yield();
	if (go > 0)
		w->rate = w->vec ? run_dot(w) : run_read(w);
	return NULL;
}

/* One round with @n threads: *rate is their rates' sum. 0 or -errno. */
static int one_round(unsigned int n, const struct vectors *vec, const uint64_t *buf, size_t words,
		     double *rate)
{
	struct worker *w = calloc(n, sizeof(*w));
	unsigned int made;
	sigset_t all, old;
	int go = 0;
	int ret = 0;

	*rate = 0;
	if (!w)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		w[i].go = &go;
		w[i].vec = vec;
		/* each thread its own part, so that none reads what another has just brought into a cache */
		w[i].words = words / n;
		w[i].buf = buf ? buf + i * (words / n) : NULL;
	}
	/* signals are for the threads of the program that we live in */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	for (made = 1; made < n && !ret; made++)
		ret = -pthread_create(&w[made].thread, NULL, work, &w[made]);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		made--;
	__atomic_store_n(&go, ret ? -1 : 1, __ATOMIC_RELEASE);
	(void)work(&w[0]);
	for (unsigned int i = 1; i < made; i++)
		(void)pthread_join(w[i].thread, NULL);
	for (unsigned int i = 0; i < n; i++)
		*rate += w[i].rate;
	free(w);
	return ret;
}

static int best_of(unsigned int n, const struct vectors *vec, const uint64_t *buf, size_t words,
		   double *best)
{
	*best = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double rate;
		int ret = one_round(n, vec, buf, words, &rate);

		if (ret)
			return ret;
		if (rate > *best)
			*best = rate;
	}
	return 0;
}

/* Four times the last cache, but never much of a small machine's memory. */
static size_t buffer_size(void)
{
	long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
	long pages = sysconf(_SC_AVPHYS_PAGES);
	uint64_t size = cache > 0 ? 4 * (uint64_t)cache : BUFFER_MIN;

	if (size < BUFFER_MIN)
		size = BUFFER_MIN;
	if (size > BUFFER_MAX)
		size = BUFFER_MAX;
	if (pages > 0 && size > (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 4)
		size = BUFFER_MIN;
	return (size_t)size;
}

static unsigned int cpus(void)
{
	cpu_set_t set;
	int n = 1;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned int)n;
}

int host_score_run(struct host_score *sc, struct host_err *err)
{
	size_t size = buffer_size();
	struct vectors *vec;
	uint64_t *buf;
	int ret;

	memset(sc, 0, sizeof(*sc));
	sc->version = HOST_SCORE_VERSION;
	sc->threads = cpus();
	vec = malloc(sizeof(*vec));
	buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!vec || buf == MAP_FAILED) {
		ret = -ENOMEM;
		goto out;
	}
	/* page-table walks are part of neither figure */
	(void)madvise(buf, size, MADV_HUGEPAGE);
	memset(buf, 1, size);
	for (int i = 0; i < BLOCKS * BLOCK_LEN; i++) {
		vec->a[i] = (int8_t)(i * 7 % 15 - 7);
		vec->b[i] = (int8_t)(i * 13 % 255 - 127);
	}
	for (int i = 0; i < BLOCKS; i++)
		vec->scale[i] = 1.0F / (float)(i + 1);
	ret = best_of(1, vec, NULL, 0, &sc->cpu_single);
	if (!ret)
		ret = best_of(sc->threads, vec, NULL, 0, &sc->cpu_all);
	if (!ret)
		ret = best_of(1, NULL, buf, size / 8, &sc->memory_single);
	if (!ret)
		ret = best_of(sc->threads, NULL, buf, size / 8, &sc->memory_all);
out:
	if (ret)
		host_fail(err, ret, "cannot measure the CPU and memory score: %s", strerror(-ret));
	if (buf != MAP_FAILED)
		(void)munmap(buf, size);
	free(vec);
	return ret;
}

json_t *host_score_json(const struct host_score *sc)
{
	return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f}", "version", (int)sc->version, "threads",
			 (int)sc->threads, "cpu_single_gmacs", sc->cpu_single, "cpu_all_gmacs",
			 sc->cpu_all, "memory_single_gbps", sc->memory_single, "memory_all_gbps",
			 sc->memory_all);
}

int host_score_from_json(const json_t *o, struct host_score *sc)
{
	int version, threads;

	memset(sc, 0, sizeof(*sc));
	/* F takes an integer too: a writer may print 12.0 as 12; unpacking changes nothing in it */
	if (json_unpack((json_t *)(uintptr_t)o, "{s:i, s:i, s:F, s:F, s:F, s:F}", "version",
			&version, "threads", &threads, "cpu_single_gmacs", &sc->cpu_single,
			"cpu_all_gmacs", &sc->cpu_all, "memory_single_gbps", &sc->memory_single,
			"memory_all_gbps", &sc->memory_all))
		return -EINVAL;
	if (version < 1 || threads < 1 || !(sc->cpu_single > 0) || !(sc->cpu_all > 0) ||
	    !(sc->memory_single > 0) || !(sc->memory_all > 0))
		return -EINVAL;
	sc->version = (unsigned int)version;
	sc->threads = (unsigned int)threads;
	return 0;
}

/* Up to the ceiling that all threads together reach. */
static double rate_at(double single, double all, unsigned int threads)
{
	double rate = single * threads;

	return rate > all ? all : rate;
}

/*
 * ns for a byte of weights. At 4.5 bits a weight, the usual quantisation, a byte takes 8 / 4.5
 * multiply-accumulates; whichever of arithmetic and memory is slower decides.
 */
static double byte_time(const struct host_score *sc, unsigned int threads, bool *memory)
{
	double cpu = 8 / 4.5 / rate_at(sc->cpu_single, sc->cpu_all, threads);
	double mem = 1 / rate_at(sc->memory_single, sc->memory_all, threads);

	*memory = mem > cpu;
	return *memory ? mem : cpu;
}

double host_score_scale(const struct host_score *recorded, const struct host_score *here,
			unsigned int threads, const char **bound)
{
	bool memory, unused;
	double there;
	double now;

	if (bound)
		*bound = NULL;
	if (recorded->version != here->version || !threads || !(recorded->cpu_single > 0) ||
	    !(recorded->memory_single > 0) || !(here->cpu_single > 0) || !(here->memory_single > 0))
		return 0;
	there = byte_time(recorded, threads, &unused);
	now = byte_time(here, threads, &memory);
	if (bound)
		*bound = memory ? "memory" : "cpu";
	return now / there;
}
