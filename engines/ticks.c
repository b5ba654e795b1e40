// SPDX-License-Identifier: GPL-2.0-only
#include "engines/ticks.h"

#include <string.h>

#include "host/util.h"

struct eng_clock eng_clock = {1.0, 1.0};

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

int eng_clock_counter;

/*
 * The kernel's own opinion counts for more than the CPU's: it has watched the counter, across sockets and
 * through suspend, and under hypervisors that claim too much.
 */
static int counter_usable(void)
{
	unsigned int a, b, c, d;
	char source[64];

	if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & (1u << 8)))
		return 0;
	if (host_file_read("/sys/devices/system/clocksource/clocksource0/available_clocksource",
			   source, sizeof(source)) < 0)
		return 0;
	return strstr(source, "tsc") != NULL;
}
#endif

static uint64_t pair(uint64_t *ticks)
{
	uint64_t best = UINT64_MAX, at = 0;

	/* The reading with the least time around it is the one that nothing has interrupted. */
	for (int i = 0; i < 8; i++) {
		uint64_t t0 = eng_ticks(), ns = eng_monotonic_ns(), t1 = eng_ticks();

		if (t1 - t0 < best) {
			best = t1 - t0;
			*ticks = t0 + (t1 - t0) / 2;
			at = ns;
		}
	}
	return at;
}

void eng_clock_init(void)
{
	static int done;
	uint64_t t0, t1, n0, n1;

	if (done)
		return;
	done = 1;
#if defined(__x86_64__) || defined(__i386__)
	eng_clock_counter = counter_usable();
	if (!eng_clock_counter)
		return;
#elif defined(__aarch64__)
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	if (hz) {
		eng_clock.per_ns = (double)hz / 1e9;
		eng_clock.ns = 1e9 / (double)hz;
		return;
	}
#else
	return;
#endif
	n0 = pair(&t0);
	host_sleep_ns(20000000);
	n1 = pair(&t1);
	if (t1 <= t0 || n1 <= n0)
		return;
	eng_clock.per_ns = (double)(t1 - t0) / (double)(n1 - n0);
	eng_clock.ns = (double)(n1 - n0) / (double)(t1 - t0);
}
