/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ticks.h: a clock that may be read between two pages.
 *
 * Own compute is a few microseconds spread over the sixteen pages of a window; clock_gettime() would cost a
 * tenth of that. Where the CPU has a constant counter that user space may read, it is used; ticks are then
 * the counter's, else nanoseconds.
 */
#ifndef ENG_TICKS_H
#define ENG_TICKS_H

#include <stdint.h>
#include <time.h>

struct eng_clock {
	double per_ns; /* ticks in a nanosecond */
	double ns;     /* nanoseconds in a tick */
};

extern struct eng_clock eng_clock;

/* Measures the counter against CLOCK_MONOTONIC; 20 ms, once for the process. Not thread-safe. */
void eng_clock_init(void);

static inline uint64_t eng_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

#if defined(__x86_64__) || defined(__i386__)
extern int eng_clock_counter; /* the time stamp counter is constant and never stops */

static inline uint64_t eng_ticks(void)
{
	if (__builtin_expect(eng_clock_counter, 1))
		return __builtin_ia32_rdtsc();
	return eng_monotonic_ns();
}
#elif defined(__aarch64__)
static inline uint64_t eng_ticks(void)
{
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
}
#else
static inline uint64_t eng_ticks(void)
{
	return eng_monotonic_ns();
}
#endif

static inline void eng_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static inline uint64_t eng_ns_to_ticks(double ns)
{
	return (uint64_t)(ns * eng_clock.per_ns);
}

static inline uint64_t eng_ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)((double)ticks * eng_clock.ns);
}

#endif
