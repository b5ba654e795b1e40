// SPDX-License-Identifier: GPL-2.0-only
/* The tables of `faultline explain`: time by part, reads, sizes of requests and folios, reclaim. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/explain.h"
#include "analysis/table.h"
#include "analysis/units.h"

#define UNACCOUNTED 0.001 /* of the time: less is rounding */

static const char *other_head(const struct ana_explain *x)
{
	return ana_explain_other(x);
}

static void time_row(struct ana_table *t, const char *title, double a, double b, double unit,
		     double real, double whole)
{
	ana_table_cell(t, "%s", title);
	ana_table_cell(t, "%.3f", a / unit);
	ana_table_cell(t, "%.3f", b / unit);
	ana_table_cell(t, "%+.3f", (b - a) / unit);
	ana_table_cell(t, "%+.1f %%", real > 0 ? 100 * (b - a) / real : 0);
	/* Shares of next to nothing say nothing. */
	if (real > 0 && fabs(whole) >= 0.005 * real)
		ana_table_cell(t, "%.0f %%", 100 * (b - a) / whole);
	else
		ana_table_cell(t, "%s", "");
}

/* What a difference is due to, without figures of its own on either side. */
static void cause_row(struct ana_table *t, const char *title, double d, double unit, double real,
		      double whole)
{
	ana_table_cell(t, "  %s", title);
	ana_table_cell(t, "%s", "");
	ana_table_cell(t, "%s", "");
	ana_table_cell(t, "%+.3f", d / unit);
	ana_table_cell(t, "%+.1f %%", real > 0 ? 100 * d / real : 0);
	if (real > 0 && fabs(whole) >= 0.005 * real)
		ana_table_cell(t, "%.0f %%", 100 * d / whole);
	else
		ana_table_cell(t, "%s", "");
}

static void print_time(const struct ana_explain *x, enum ana_phase phase)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	const double(*part)[ANA_PARTS] = x->by_path ? p->path : p->mean;
	double n = ana_explain_units(p), real = p->wall[0] / n, whole = p->wall[1] / n - real;
	bool ms = real < 1e9;
	double unit = ms ? 1e6 : 1e9, bytes, speed, sum[2] = {0, 0};
	struct ana_table *t = ana_table_new("lrrrrr");
	char head[2][32];

	snprintf(head[0], sizeof(head[0]), "real %s", ms ? "ms" : "s");
	snprintf(head[1], sizeof(head[1]), "%s %s", other_head(x), ms ? "ms" : "s");
	ana_table_row(t, "", head[0], head[1], "difference", "of real", "share", NULL);
	for (int i = 0; i < ANA_PARTS; i++) {
		bool shown = x->use[i] && (part[0][i] != 0 || part[1][i] != 0);

		sum[0] += part[0][i];
		sum[1] += part[1][i];
		if (!shown)
			continue;
		time_row(t,
			 i == ANA_PART_REST && x->folded                  ? "all else"
			 : i == ANA_PART_STALL && !x->use[ANA_PART_DRIVE] ? "faults, asleep"
									  : ana_part_titles[i],
			 part[0][i] / n, part[1][i] / n, unit, real, whole);
		if (i != ANA_PART_QUEUED &&
		    !(i == ANA_PART_DRIVE && part[0][ANA_PART_QUEUED] == 0 &&
		      part[1][ANA_PART_QUEUED] == 0))
			continue;
		ana_explain_drive(p, part, &bytes, &speed);
		cause_row(t, "read-around: how much was read", bytes / n, unit, real, whole);
		cause_row(t, "device: waiting per byte", speed / n, unit, real, whole);
	}
	if (fabs(sum[0] - p->wall[0]) > UNACCOUNTED * p->wall[0] ||
	    fabs(sum[1] - p->wall[1]) > UNACCOUNTED * p->wall[1])
		time_row(t, "not accounted for", (p->wall[0] - sum[0]) / n,
			 (p->wall[1] - sum[1]) / n, unit, real, whole);
	time_row(t, "all", real, p->wall[1] / n, unit, real, whole);
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static bool knows(const struct ana_side *s, int tally)
{
	switch (tally) {
	case ANA_T_FAULTS:
	case ANA_T_MAJOR:
	case ANA_T_BLOCKED:
		return s->has_faults || s->result;
	case ANA_T_REQUEST_BYTES:
		return s->has_blocks || s->result;
	case ANA_T_BARRIERS:
		return s->has_barriers;
	case ANA_T_CALL_BYTES:
		return !s->result;
	case ANA_T_CACHE_ADDED:
	case ANA_T_CACHE_DROPPED:
		return s->has_cache;
	}
	return tally >= ANA_T_ORDER ? s->has_orders : s->has_blocks;
}

static const char *number(char buf[ANA_TEXT], double v)
{
	if (v >= 9999.5)
		return ana_count(buf, (uint64_t)(v + 0.5));
	snprintf(buf, ANA_TEXT, "%.*f", v >= 99.95 ? 0 : v >= 9.995 ? 1 : v == 0 ? 0 : 2, v);
	return buf;
}

/* A row of two values; NAN: not known on that side. */
static void value_row(struct ana_table *t, const char *title, double a, double b)
{
	char text[ANA_TEXT];

	if ((isnan(a) && isnan(b)) || (!(a > 0) && !(b > 0)))
		return;
	ana_table_cell(t, "%s", title);
	ana_table_cell(t, "%s", isnan(a) ? "-" : number(text, a));
	ana_table_cell(t, "%s", isnan(b) ? "-" : number(text, b));
	if (a > 0 && !isnan(b))
		ana_table_cell(t, "%+.1f %%", 100 * (b / a - 1));
	else
		ana_table_cell(t, "%s", "");
}

static double per(const struct ana_explain *x, enum ana_phase phase, int k, int tally, double scale)
{
	const struct ana_phase_sum *p = &x->phase[phase];

	if (!knows(&x->side[k], tally))
		return NAN;
	return (double)p->tally[k][tally] * scale / ana_explain_units(p);
}

/* One tally for each of another. */
static double ratio(const struct ana_explain *x, enum ana_phase phase, int k, int tally, int of,
		    double scale)
{
	const struct ana_phase_sum *p = &x->phase[phase];

	if (!knows(&x->side[k], tally) || !knows(&x->side[k], of) || !p->tally[k][of])
		return NAN;
	return (double)p->tally[k][tally] * scale / (double)p->tally[k][of];
}

static void print_gauges(const struct ana_explain *x, enum ana_phase phase, struct ana_table *t)
{
	static const struct {
		enum ana_gauge gauge;
		const char *title;
		double scale;
	} rows[] = {
		{ANA_G_REFAULT, "refaults", 1},
		{ANA_G_SCAN_KSWAPD, "pages scanned by kswapd", 1},
		{ANA_G_SCAN_DIRECT, "pages scanned directly", 1},
		{ANA_G_STEAL_KSWAPD, "pages reclaimed by kswapd", 1},
		{ANA_G_STEAL_DIRECT, "pages reclaimed directly", 1},
		{ANA_G_DIRECT_COUNT, "direct reclaims", 1},
		{ANA_G_DIRECT_NS, "ms in direct reclaim", 1e-6},
	};
	double n = ana_explain_units(&x->phase[phase]);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int source = ana_explain_source(x, rows[i].gauge);
		char title[64];

		if (source < 0)
			continue;
		snprintf(title, sizeof(title), "%s%s", rows[i].title,
			 source == ANA_SOURCES - 1 ? ", whole machine" : "");
		value_row(t, title,
			  x->side[0].gauge[phase][source][rows[i].gauge] * rows[i].scale / n,
			  x->side[1].gauge[phase][source][rows[i].gauge] * rows[i].scale / n);
	}
}

static void print_counts(const struct ana_explain *x, enum ana_phase phase)
{
	static const struct {
		const char *title;
		int tally, of; /* -1: per token */
		double scale;
	} rows[] = {
		{"MiB read from the drive", ANA_T_REQUEST_BYTES, -1, 1.0 / (1 << 20)},
		{"requests", ANA_T_REQUESTS, -1, 1},
		{"KiB of a request", ANA_T_REQUEST_BYTES, ANA_T_REQUESTS, 1.0 / 1024},
		{"% of the bytes by read-ahead", ANA_T_AHEAD_BYTES, ANA_T_REQUEST_BYTES, 100},
		{"KiB read for each fault asleep", ANA_T_REQUEST_BYTES, ANA_T_BLOCKED, 1.0 / 1024},
		{"await of a request, ms", ANA_T_AWAIT_NS, ANA_T_REQUESTS, 1e-6},
		{"of it queued, ms", ANA_T_QUEUE_NS, ANA_T_REQUESTS, 1e-6},
		{"faults", ANA_T_FAULTS, -1, 1},
		{"major faults", ANA_T_MAJOR, -1, 1},
		{"faults asleep", ANA_T_BLOCKED, -1, 1},
		{"barriers of all lanes", ANA_T_BARRIERS, -1, 1},
		{"MiB of read calls", ANA_T_CALL_BYTES, -1, 1.0 / (1 << 20)},
		{"MiB into the page cache", ANA_T_CACHE_ADDED, -1, 1.0 / (1 << 20)},
		{"MiB dropped from it", ANA_T_CACHE_DROPPED, -1, 1.0 / (1 << 20)},
	};
	struct ana_table *t = ana_table_new("lrrr");

	ana_table_row(t, "", "real", other_head(x), "difference", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double v[2];

		for (int k = 0; k < 2; k++)
			v[k] = rows[i].of < 0 ? per(x, phase, k, rows[i].tally, rows[i].scale)
					      : ratio(x, phase, k, rows[i].tally, rows[i].of,
						      rows[i].scale);
		/* Mean sizes of a result, which has no requests, and of a run without faults. */
		if (rows[i].of >= 0 && (isnan(v[0]) && isnan(v[1])))
			continue;
		value_row(t, rows[i].title, v[0], v[1]);
	}
	print_gauges(x, phase, t);
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_sizes(const struct ana_explain *x, enum ana_phase phase)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	struct ana_table *t = ana_table_new("lrrr");

	ana_table_row(t, "size of a request", "real", other_head(x), "difference", NULL);
	for (int i = 0; i < ANA_SIZES; i++) {
		char title[ANA_TEXT];

		if (!p->tally[0][ANA_T_SIZE + i] && !p->tally[1][ANA_T_SIZE + i])
			continue;
		if (i == ANA_SIZES - 1)
			snprintf(title, sizeof(title), "more");
		else
			snprintf(title, sizeof(title), "up to %d KiB", 4 << i);
		value_row(t, title, per(x, phase, 0, ANA_T_SIZE + i, 1),
			  per(x, phase, 1, ANA_T_SIZE + i, 1));
	}
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_orders(const struct ana_explain *x, enum ana_phase phase)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	struct ana_table *t = ana_table_new("lrrr");

	ana_table_row(t, "folios into the page cache", "real", other_head(x), "difference", NULL);
	for (int i = 0; i < ANA_ORDERS; i++) {
		char title[ANA_TEXT];

		if (!p->tally[0][ANA_T_ORDER + i] && !p->tally[1][ANA_T_ORDER + i])
			continue;
		snprintf(title, sizeof(title), "order %d%s", i,
			 i == ANA_ORDERS - 1 ? " and more" : "");
		value_row(t, title, per(x, phase, 0, ANA_T_ORDER + i, 1),
			  per(x, phase, 1, ANA_T_ORDER + i, 1));
	}
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

void ana_explain_tables(const struct ana_explain *x, enum ana_phase phase)
{
	static const char *const titles[ANA_PHASES] = {"Load", "Warm-up", "Prompt", "Evaluations",
						       "Decode"};
	const struct ana_phase_sum *p = &x->phase[phase];
	char a[ANA_TEXT];

	printf("\n%s: ", titles[phase]);
	if (p->tokens > 0)
		printf("%s token%s in ", ana_count(a, (uint64_t)p->tokens),
		       p->tokens > 1 ? "s" : "");
	printf("%s evaluation%s%s, %s\n", ana_count(a, p->pairs), p->pairs == 1 ? "" : "s",
	       p->tokens > 0             ? "; per token"
	       : phase == ANA_PHASE_LOAD ? ""
					 : "; per evaluation",
	       x->by_path ? "along the critical path" : "mean of the lanes");
	print_time(x, phase);
	putchar('\n');
	print_counts(x, phase);
	if (x->side[0].has_blocks && x->side[1].has_blocks &&
	    (p->tally[0][ANA_T_REQUESTS] || p->tally[1][ANA_T_REQUESTS])) {
		putchar('\n');
		print_sizes(x, phase);
	}
	if (x->side[0].has_orders && x->side[1].has_orders &&
	    (p->tally[0][ANA_T_CACHE_ADDED] || p->tally[1][ANA_T_CACHE_ADDED])) {
		putchar('\n');
		print_orders(x, phase);
	}
}
