// SPDX-License-Identifier: GPL-2.0-only
/* One line on a terminal for work that takes long; see common.h. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "analysis/common.h"
#include "analysis/units.h"

#define PATIENCE_NS 2000000000ull /* nothing is shown before */
#define REFRESH_NS  200000000ull

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void ana_progress_begin(struct ana_progress *p, const char *what, const char *unit, uint64_t total)
{
	p->what = what;
	p->unit = unit;
	p->total = total;
	p->begun_ns = now_ns();
	p->shown_ns = p->begun_ns + PATIENCE_NS - REFRESH_NS;
	p->on = isatty(STDERR_FILENO);
	p->shown = false;
}

static const char *amount(char buf[ANA_TEXT], const struct ana_progress *p, uint64_t n)
{
	return p->unit ? ana_count(buf, n) : ana_bytes(buf, n);
}

void ana_progress_update(struct ana_progress *p, uint64_t done)
{
	char a[ANA_TEXT], b[ANA_TEXT], c[ANA_TEXT];
	uint64_t now, spent;
	double rate;

	if (!p->on)
		return;
	now = now_ns();
	if (now < p->shown_ns + REFRESH_NS)
		return;
	p->shown_ns = now;
	p->shown = true;
	spent = now - p->begun_ns;
	rate = (double)done * 1e9 / (double)spent;
	fprintf(stderr, "\r\033[K%s: %s%s%s, %s%s%s/s", p->what, amount(a, p, done),
		p->unit ? " " : "", p->unit ? p->unit : "", amount(b, p, (uint64_t)rate),
		p->unit ? " " : "", p->unit ? p->unit : "");
	if (p->total > done && rate > 0)
		fprintf(stderr, ", %.0f %%, %s left", 100.0 * (double)done / (double)p->total,
			ana_span(c, (uint64_t)((double)(p->total - done) / rate * 1e9)));
	fflush(stderr);
}

void ana_progress_end(struct ana_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
