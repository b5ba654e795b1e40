// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Choosing the terms of the compute model (convert_model.h) such that what it
 * predicts for a warm run is what untraced warm runs took.
 *
 * Evaluations of one class and one number of tokens make an equation. With two or
 * three of them no more than two terms can be told apart, so the simplest set that
 * is right within CLOSE wins: a cost for each fault; that and a cost for each
 * barrier; that and one factor for all classes. What is then left of a class goes
 * into its factor. If nothing explains the classes together, each has its factor.
 */
#include "convert_model.h"
#include "convert_segments.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE      0.03
#define GROUPS_MAX 16
#define RUNS_MAX   64
#define STEPS      32 /* of a search in one term: to about a nanosecond */
#define CPU_BOUND  0.9

struct equation {
	uint64_t tokens;
	bool prompt;
	double warm, model; /* ns, of all its evaluations */
	uint64_t evaluations;
};

struct fit {
	struct model *m;
	const struct survey *s;
	struct equation eq[GROUPS_MAX];
	size_t n;
	uint8_t group[MODEL_EVALUATIONS + 1]; /* of an evaluation: index + 1, 0 = none */
};

struct terms {
	double a, b, f; /* per fault, per barrier, factor */
	double error;   /* largest of an equation */
	double squares;
};

/* ---- the prediction ---- */

static int by_segment(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->evaluation != y->evaluation)
		return x->evaluation < y->evaluation ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

static double removed_by_faults(const struct share *h, double a)
{
	double below = 0, at = 0;

	for (int i = 0; i < MODEL_KNOTS; i++) {
		if (a <= model_knots[i])
			return at + (h->cut[i] - at) * (a - below) / (model_knots[i] - below);
		below = model_knots[i];
		at = h->cut[i];
	}
	return at;
}

static double share_compute(const struct share *h, double a, double b)
{
	double left = h->first_gap - a * h->first_events;
	double own = h->compute - removed_by_faults(h, a);

	if (left > 0)
		own -= fmin(left, b);
	return own > 0 ? own : 0;
}

/* The segments of the N shares from H on that end at the same boundary; how many. */
static size_t segment_time(const struct share *h, size_t n, double a, double b, double *out)
{
	double longest = 0, sum = 0, chunk = 0;
	size_t i;

	for (i = 0; i < n && h[i].evaluation == h->evaluation && h[i].key == h->key; i++) {
		double own = share_compute(&h[i], a, b);
		double c = h[i].longest - a * h[i].longest_events;

		sum += own;
		longest = own > longest ? own : longest;
		chunk = c > chunk ? c : chunk;
	}
	*out = !h->pool ? longest : fmax(sum / (double)i, chunk);
	return i;
}

static void predict(struct fit *f, double a, double b)
{
	const struct model *m = f->m;
	size_t i = 0;

	for (size_t g = 0; g < f->n; g++)
		f->eq[g].model = 0;
	while (i < m->n) {
		const struct share *h = &m->share[i];
		double time;

		i += segment_time(h, m->n - i, a, b, &time);
		if (h->evaluation <= MODEL_EVALUATIONS && f->group[h->evaluation])
			f->eq[f->group[h->evaluation] - 1].model += time;
	}
}

/* ---- searching ---- */

static double within(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

static struct terms judge(struct fit *f, double a, double b, bool with_factor)
{
	struct terms t = {.a = a, .b = b, .f = 1};
	double x = 0, xx = 0;

	predict(f, a, b);
	for (size_t g = 0; g < f->n; g++) {
		double r = f->eq[g].model / f->eq[g].warm;

		x += r;
		xx += r * r;
	}
	if (with_factor && xx > 0)
		t.f = within(x / xx, MODEL_FACTOR_MIN, MODEL_FACTOR_MAX);
	for (size_t g = 0; g < f->n; g++) {
		double e = t.f * f->eq[g].model / f->eq[g].warm - 1;

		t.squares += e * e;
		t.error = fmax(t.error, fabs(e));
	}
	return t;
}

/* Predictions fall with the cost, so the squares have one minimum. */
static struct terms search_fault(struct fit *f, double b, bool with_factor)
{
	double low = 0, high = MODEL_COST_MAX;
	struct terms best = judge(f, 0, b, with_factor);

	for (int i = 0; i < STEPS; i++) {
		struct terms x = judge(f, low + (high - low) / 3, b, with_factor);
		struct terms y = judge(f, high - (high - low) / 3, b, with_factor);

		if (x.squares <= y.squares)
			high = y.a;
		else
			low = x.a;
		best = x.squares < best.squares ? x : best;
		best = y.squares < best.squares ? y : best;
	}
	return best;
}

static struct terms search_barrier(struct fit *f)
{
	double low = 0, high = MODEL_COST_MAX;
	struct terms best = search_fault(f, 0, false);

	for (int i = 0; i < STEPS / 2; i++) {
		struct terms x = search_fault(f, low + (high - low) / 3, false);
		struct terms y = search_fault(f, high - (high - low) / 3, false);

		if (x.squares <= y.squares)
			high = y.b;
		else
			low = x.b;
		best = x.squares < best.squares ? x : best;
		best = y.squares < best.squares ? y : best;
	}
	return best;
}

static void choose_terms(struct fit *f)
{
	struct model *m = f->m;
	struct terms one = search_fault(f, 0, false), barrier, factor, t = one;
	const char *what = "a cost for each fault explains";

	if (one.error > CLOSE) {
		barrier = f->n > 1 ? search_barrier(f) : one;
		factor = search_fault(f, 0, true);
		if (barrier.error <= CLOSE &&
		    (f->n == 2 || factor.error > CLOSE || barrier.squares <= factor.squares)) {
			what = "a cost for each fault and one for each barrier explain";
			t = barrier;
		} else {
			what = "a cost for each fault and one factor explain";
			t = factor;
		}
	}
	if (t.error <= CLOSE) {
		snprintf(m->why, sizeof(m->why), "%s the warm runs within %.1f %%", what,
			 t.error * 100);
	} else {
		snprintf(
			m->why, sizeof(m->why),
			"no cost for each fault explains the warm runs (off by %.0f %%): each class has "
			"its own factor",
			t.error * 100);
		t = (struct terms){.f = 1};
	}
	m->per_fault = t.a;
	m->per_barrier = t.b;
	m->factor[0] = m->factor[1] = t.f;
}

/* What is left of each class goes into its factor. */
static void settle_classes(struct fit *f)
{
	struct model *m = f->m;
	double warm[2] = {0}, model[2] = {0};
	uint64_t count[2] = {0};

	predict(f, m->per_fault, m->per_barrier);
	for (size_t g = 0; g < f->n; g++) {
		warm[f->eq[g].prompt] += f->eq[g].warm;
		model[f->eq[g].prompt] += f->eq[g].model;
		count[f->eq[g].prompt] += f->eq[g].evaluations;
	}
	for (int p = 0; p < 2; p++) {
		if (!count[p] || model[p] <= 0)
			continue;
		m->factor[p] = within(warm[p] / model[p], MODEL_FACTOR_MIN, MODEL_FACTOR_MAX);
		m->warm[p] = warm[p] / (double)count[p];
		m->predicted[p] = m->factor[p] * model[p] / (double)count[p];
		m->residual = fmax(m->residual, fabs(m->predicted[p] / m->warm[p] - 1));
	}
	/* A class that was not calibrated computes like the other one. */
	if (!count[1])
		m->factor[1] = m->factor[0];
	if (!count[0])
		m->factor[0] = m->factor[1];
	if (m->residual > CLOSE)
		snprintf(
			m->why, sizeof(m->why),
			"nothing explains the warm runs: with all terms at their bounds the model is "
			"off by %.0f %%",
			m->residual * 100);
}

/* ---- the calibration ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double positive(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) && json_number_value(v) > 0 ? json_number_value(v) : 0;
}

/* Median over the runs of evaluation number I (from 0), if it was of this class. */
static double warm_time(const json_t *runs, size_t i, const char *class)
{
	double v[RUNS_MAX];
	const json_t *run;
	size_t n = 0, k;

	json_array_foreach (runs, k, run) {
		const json_t *e = json_array_get(json_object_get(run, "evaluations"), i);
		const char *name = json_string_value(json_object_get(e, "class"));

		if (n < RUNS_MAX && name && !strcmp(name, class) && positive(e, "ns") > 0)
			v[n++] = positive(e, "ns");
	}
	return median(v, n);
}

static void add_equation(struct fit *f, uint64_t evaluation, double warm)
{
	const struct survey_mark *mark = &f->s->mark[evaluation - 1];
	bool prompt = mark->mark_class == FLT_MC_PROMPT;
	size_t g;

	for (g = 0; g < f->n; g++)
		if (f->eq[g].prompt == prompt && f->eq[g].tokens == mark->tokens)
			break;
	if (g == GROUPS_MAX)
		return;
	if (g == f->n)
		f->eq[f->n++] = (struct equation){.tokens = mark->tokens, .prompt = prompt};
	f->eq[g].warm += warm;
	f->eq[g].evaluations++;
	f->group[evaluation] = (uint8_t)(g + 1);
}

static void read_calibration(struct fit *f, const json_t *runs)
{
	uint64_t last = f->s->nmarks < f->m->evaluations ? f->s->nmarks : f->m->evaluations;

	for (uint64_t e = 1; e <= last; e++) {
		uint32_t class = f->s->mark[e - 1].mark_class;
		double warm = warm_time(runs, e - 1, flt_mark_class_name(class));

		if (warm > 0 && class != FLT_MC_WARMUP)
			add_equation(f, e, warm);
	}
}

/* A load phase that waits for the drive says nothing about the CPU. */
static void fit_load(struct model *m, const struct survey *s, const json_t *runs)
{
	double v[RUNS_MAX], span = s->nmarks ? (double)s->mark[0].start : 0, warm;
	const json_t *run;
	size_t n = 0, i;

	json_array_foreach (runs, i, run)
		if (n < RUNS_MAX && positive(run, "load_ns") > 0)
			v[n++] = positive(run, "load_ns");
	warm = median(v, n);
	if (warm > 0 && span > 0 && (double)m->load_compute >= CPU_BOUND * span)
		m->factor_load = within(warm / span, MODEL_FACTOR_MIN, MODEL_FACTOR_MAX);
}

/* Equations without a prediction (nothing was measured of them) would divide by 0. */
static void drop_empty(struct fit *f)
{
	predict(f, 0, 0);
	for (size_t e = 0; e <= MODEL_EVALUATIONS; e++)
		if (f->group[e] && f->eq[f->group[e] - 1].model <= 0)
			f->group[e] = 0;
	for (size_t g = 0; g < f->n; g++) {
		if (f->eq[g].model > 0)
			continue;
		f->eq[g] = f->eq[--f->n];
		for (size_t e = 0; e <= MODEL_EVALUATIONS; e++)
			if (f->group[e] == f->n + 1)
				f->group[e] = (uint8_t)(g + 1);
		g--;
	}
}

int model_fit(struct model *m, const struct survey *s, const struct owners *owners,
	      const json_t *calibration, const char *no_calibration)
{
	const json_t *runs = json_object_get(calibration, "runs");
	struct fit *f = calloc(1, sizeof(*f));
	size_t n = 0;

	if (!f)
		return -ENOMEM;
	f->m = m;
	f->s = s;
	for (size_t i = 0; i < m->n; i++) {
		struct share *h = &m->share[i];
		uint64_t e = h->evaluation;

		if (e > m->evaluations)
			continue;
		if (h->pool)
			h->pool = owners_decide(owners, s->mark[e - 1].mark_class == FLT_MC_PROMPT,
						h->first, h->last, (enum shape)h->shape,
						h->pool_windows);
		m->share[n++] = *h;
	}
	m->n = n;
	if (n)
		qsort(m->share, n, sizeof(*m->share), by_segment);
	if (json_is_array(runs)) {
		read_calibration(f, runs);
		drop_empty(f);
	}
	if (f->n) {
		m->fitted = true;
		choose_terms(f);
		settle_classes(f);
		fit_load(m, s, runs);
	} else {
		snprintf(m->why, sizeof(m->why), "%s",
			 json_is_array(runs) ? "the calibration is of other evaluations"
			 : no_calibration    ? no_calibration
					     : "there is no calibration");
	}
	free(f);
	return 0;
}
