// SPDX-License-Identifier: GPL-2.0-only
/* The evaluations of `faultline info`: each of a short run, medians by class of a long one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/info.h"
#include "analysis/table.h"
#include "analysis/units.h"

#define SHORT_RUN 40 /* evaluations that are listed without being asked for */

/* What a row shows, as numbers, so that medians can be taken. */
enum {
	F_TIME,
	F_MAJOR,
	F_MINOR,
	F_BLOCKED,
	F_FAULT_WAIT,
	F_BARRIER_WAIT,
	F_READ,
	F_WINDOWS,
	F_TOUCHED,
	F_COMPUTE,
	FIGURES,
};

static void figures(const struct ana_scan *s, size_t i, uint64_t f[FIGURES])
{
	const struct ana_evaluation_sum *e = &s->evaluation[i];

	memset(f, 0, FIGURES * sizeof(*f));
	f[F_MAJOR] = e->faults.major;
	f[F_MINOR] = e->faults.count - e->faults.major;
	f[F_BLOCKED] = e->faults.blocked;
	f[F_FAULT_WAIT] = e->faults.ns;
	f[F_BARRIER_WAIT] = e->barrier_ns;
	f[F_READ] = e->drive_bytes;
	if (i < s->evaluations.count) {
		const struct ana_evaluation_span *span = &s->evaluations.span[i];

		f[F_TIME] = span->end - span->start;
		f[F_WINDOWS] = span->windows;
		f[F_TOUCHED] = span->window_bytes;
		f[F_COMPUTE] = span->compute_ns;
	}
}

/* Times of all rows are in one unit: that of the longest evaluation. */
static struct ana_unit time_unit(const struct ana_scan *s)
{
	uint64_t longest = 0;

	for (size_t i = 0; i < s->evaluations.count; i++) {
		const struct ana_evaluation_span *span = &s->evaluations.span[i];

		if (span->end - span->start > longest)
			longest = span->end - span->start;
	}
	return ana_unit_for(longest);
}

static void add_heading(struct ana_table *t, struct ana_unit unit)
{
	static const char *const heading[FIGURES] = {
		"time %s",    "major",    "minor",   "blocked",     "in faults %s",
		"waiting %s", "read MiB", "windows", "touched MiB", "compute %s",
	};

	for (int i = 0; i < FIGURES; i++)
		ana_table_cell(t, heading[i], unit.name);
}

/* What the trace cannot know stays empty, and a column without anything vanishes. */
static void add_figures(struct ana_table *t, const struct ana_scan *s, const uint64_t f[FIGURES],
			struct ana_unit unit)
{
	bool recorded = s->kind[FLT_FAULT], blocks = s->kind[FLT_BLOCK];
	bool barriers = s->kind[FLT_BARRIER], planned = s->evaluations.planned;
	char a[ANA_TEXT];

	ana_table_cell(t, "%s", f[F_TIME] ? ana_in_unit(a, f[F_TIME], unit) : "");
	ana_table_cell(t, "%s", recorded ? ana_count(a, f[F_MAJOR]) : "");
	ana_table_cell(t, "%s", recorded ? ana_count(a, f[F_MINOR]) : "");
	ana_table_cell(t, "%s", recorded ? ana_count(a, f[F_BLOCKED]) : "");
	ana_table_cell(t, "%s", recorded ? ana_in_unit(a, f[F_FAULT_WAIT], unit) : "");
	ana_table_cell(t, "%s", barriers ? ana_in_unit(a, f[F_BARRIER_WAIT], unit) : "");
	ana_table_cell(t, "%s", blocks ? ana_mib(a, f[F_READ]) : "");
	ana_table_cell(t, "%s", planned ? ana_count(a, f[F_WINDOWS]) : "");
	ana_table_cell(t, "%s", planned ? ana_mib(a, f[F_TOUCHED]) : "");
	ana_table_cell(t, "%s", planned ? ana_in_unit(a, f[F_COMPUTE], unit) : "");
}

static void print_list(const struct ana_scan *s)
{
	struct ana_table *t = ana_table_new("rlrrrrrrrrrrrr");
	struct ana_unit unit = time_unit(s);
	uint64_t f[FIGURES];
	char a[ANA_TEXT];

	ana_table_cell(t, "number");
	ana_table_cell(t, "phase");
	ana_table_cell(t, "tokens");
	ana_table_cell(t, "from s");
	add_heading(t, unit);
	for (size_t i = 0; i <= s->evaluations.count; i++) {
		const struct ana_evaluation_span *span = &s->evaluations.span[i];

		figures(s, i, f);
		if (i == s->evaluations.count) {
			if (!f[F_MAJOR] && !f[F_MINOR] && !f[F_READ])
				continue;
			ana_table_cell(t, "-");
			ana_table_cell(t, "in between");
			ana_table_cell(t, "%s", "");
			ana_table_cell(t, "%s", "");
		} else {
			ana_table_cell(t, "%zu", i);
			ana_table_cell(t, "%s", flt_mark_class_name(span->mark_class));
			ana_table_cell(t, "%s",
				       span->tokens == FLT_NONE ? "" : ana_count(a, span->tokens));
			ana_table_cell(t, "%s", ana_seconds(a, span->start));
		}
		add_figures(t, s, f, unit);
	}
	printf("\nEvaluations\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Values of one figure over the evaluations of a class, sorted; how many. */
static size_t gather(const struct ana_scan *s, uint64_t mark_class, int figure, uint64_t *v)
{
	uint64_t f[FIGURES];
	size_t n = 0;

	for (size_t i = 0; i < s->evaluations.count; i++) {
		if (s->evaluations.span[i].mark_class != mark_class)
			continue;
		figures(s, i, f);
		v[n++] = f[figure];
	}
	qsort(v, n, sizeof(*v), by_value);
	return n;
}

static uint64_t quantile(const uint64_t *v, size_t n, double q)
{
	return v[(size_t)(q * (double)(n - 1) + 0.5)];
}

static void add_class(struct ana_table *t, const struct ana_scan *s, uint64_t mark_class,
		      uint64_t *v, struct ana_unit unit)
{
	static const struct {
		const char *name;
		double q;
	} row[] = {{"median", 0.5}, {"least", 0}, {"95 %", 0.95}, {"most", 1}};
	size_t n = gather(s, mark_class, F_TIME, v);

	for (size_t k = 0; n && k < (n == 1 ? 1 : 4); k++) {
		uint64_t f[FIGURES];

		ana_table_cell(t, "%s", k ? "" : flt_mark_class_name(mark_class));
		if (k)
			ana_table_cell(t, "%s", "");
		else
			ana_table_cell(t, "%zu", n);
		ana_table_cell(t, "%s", n == 1 ? "" : row[k].name);
		for (int i = 0; i < FIGURES; i++) {
			gather(s, mark_class, i, v);
			f[i] = quantile(v, n, row[k].q);
		}
		add_figures(t, s, f, unit);
	}
}

static int print_classes(const struct ana_scan *s)
{
	static const uint64_t order[] = {FLT_MC_LOAD, FLT_MC_WARMUP, FLT_MC_PROMPT,
					 FLT_MC_EVALUATION, FLT_MC_DECODE};
	struct ana_table *t = ana_table_new("lrlrrrrrrrrrr");
	struct ana_unit unit = time_unit(s);
	uint64_t *v = calloc(s->evaluations.count + 1, sizeof(*v));

	ana_table_cell(t, "phase");
	ana_table_cell(t, "times");
	ana_table_cell(t, "%s", "");
	add_heading(t, unit);
	for (size_t i = 0; v && i < sizeof(order) / sizeof(order[0]); i++)
		add_class(t, s, order[i], v, unit);
	free(v);
	printf("\nEvaluations by phase\n");
	return ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static size_t count_class(const struct ana_scan *s, uint64_t mark_class)
{
	size_t n = 0;

	for (size_t i = 0; i < s->evaluations.count; i++)
		n += s->evaluations.span[i].mark_class == mark_class;
	return n;
}

void ana_info_evaluations(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;
	bool list = info->tokens || s->evaluations.count <= SHORT_RUN;
	char a[ANA_TEXT];

	if (s->bad_summary)
		printf("\nThe list of evaluations makes no sense: 'faultline verify' says more.\n");
	if (!s->evaluations.count)
		return;
	if (!list)
		print_classes(s);
	else
		print_list(s);
	if (s->evaluations.planned && s->lanes.count > 1)
		printf("  Waits and compute are those of all threads together (%zu lanes).\n",
		       s->lanes.count);
	if (!list)
		printf("  Numbers are per evaluation; --tokens lists all %s.\n",
		       ana_count(a, s->evaluations.count));
	if (s->marks_inferred)
		printf("  The marks are inferred from sweeps over the model: evaluations, not tokens.\n");
	else if (s->marks_guessed)
		printf("  What is a prompt batch and what a token was guessed.\n");
	else if (!count_class(s, FLT_MC_DECODE) && count_class(s, FLT_MC_EVALUATION))
		printf("  Nothing tells which of these evaluations are tokens.\n");
}
