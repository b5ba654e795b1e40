// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `faultline explain` says in words: who is compared, one sentence for each phase, what is
 * missing.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"
#include "analysis/table.h"
#include "analysis/units.h"

#define ALIKE   0.005 /* of the real time: no difference worth a word */
#define NOTABLE 0.005 /* points that a cause needs to be named */
#define CAUSES  4
#define MISSING 0.02 /* of the barriers, that one run has and the other has not */

const char *const ana_part_keys[ANA_PARTS] = {
	[ANA_PART_COMPUTE] = "compute", [ANA_PART_BARRIER] = "barrier", [ANA_PART_FAULT] = "fault",
	[ANA_PART_DRIVE] = "drive",     [ANA_PART_QUEUED] = "queued",   [ANA_PART_STALL] = "stall",
	[ANA_PART_READ] = "read",       [ANA_PART_OFFCPU] = "offcpu",   [ANA_PART_ZAP] = "zap",
	[ANA_PART_REST] = "rest",
};

const char *const ana_part_titles[ANA_PARTS] = {
	[ANA_PART_COMPUTE] = "compute",
	[ANA_PART_BARRIER] = "barriers",
	[ANA_PART_FAULT] = "faults, awake",
	[ANA_PART_DRIVE] = "faults, asleep: drive",
	[ANA_PART_QUEUED] = "faults, asleep: its queue",
	[ANA_PART_STALL] = "faults, asleep: else",
	[ANA_PART_READ] = "read calls",
	[ANA_PART_OFFCPU] = "off the CPU",
	[ANA_PART_ZAP] = "zaps",
	[ANA_PART_REST] = "rest",
};

const char *ana_explain_other(const struct ana_explain *x)
{
	return x->side[1].replay ? "replay" : "second";
}

double ana_explain_units(const struct ana_phase_sum *p)
{
	return p->tokens > 0 ? p->tokens : (double)p->pairs;
}

/*
 * Waits = bytes x (waits / byte). The difference of a product falls into one share for each factor
 * without a remainder: (w1 - w0) / ln(w1 / w0) times the logarithm of the factor's own ratio (the
 * logarithmic mean Divisia index).
 */
void ana_explain_drive(const struct ana_phase_sum *p, const double part[2][ANA_PARTS],
		       double *bytes, double *speed)
{
	double w[2], b[2], difference, mean;

	for (int k = 0; k < 2; k++) {
		w[k] = part[k][ANA_PART_DRIVE] + part[k][ANA_PART_QUEUED];
		b[k] = (double)p->tally[k][ANA_T_REQUEST_BYTES];
	}
	difference = w[1] - w[0];
	*bytes = 0;
	*speed = difference;
	if (b[0] <= 0 && b[1] <= 0)
		return;
	if (b[0] <= 0 || b[1] <= 0 || w[0] <= 0 || w[1] <= 0) {
		*bytes = difference;
		*speed = 0;
		return;
	}
	mean = fabs(difference) < 1e-9 * w[0] ? w[0] : difference / log(w[1] / w[0]);
	*bytes = mean * log(b[1] / b[0]);
	*speed = difference - *bytes;
}

static void add(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void add(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}

struct cause {
	const char *name;
	double points; /* of the real time */
	char detail[48];
};

static int by_weight(const void *a, const void *b)
{
	double x = fabs(((const struct cause *)a)->points);
	double y = fabs(((const struct cause *)b)->points);

	return x > y ? -1 : x < y;
}

static void percent(char *buf, size_t len, double before, double after, const char *what)
{
	*buf = '\0';
	if (before > 0)
		snprintf(buf, len, " (%+.0f %% %s)", 100 * (after / before - 1), what);
}

static size_t causes(const struct ana_explain *x, enum ana_phase phase, struct cause *c)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	const double(*part)[ANA_PARTS] = x->by_path ? p->path : p->mean;
	double d[ANA_PARTS], bytes, speed, b[2], w[2];
	size_t n = 0;

	for (int i = 0; i < ANA_PARTS; i++)
		d[i] = part[1][i] - part[0][i];
	for (int k = 0; k < 2; k++) {
		b[k] = (double)p->tally[k][ANA_T_REQUEST_BYTES];
		w[k] = part[k][ANA_PART_DRIVE] + part[k][ANA_PART_QUEUED];
	}
	ana_explain_drive(p, part, &bytes, &speed);
	c[n++] = (struct cause){.name = "compute", .points = d[ANA_PART_COMPUTE]};
	c[n++] = (struct cause){.name = "barriers", .points = d[ANA_PART_BARRIER]};
	c[n++] = (struct cause){.name = x->use[ANA_PART_DRIVE] ? "faults and reclaim" : "faults",
				.points = d[ANA_PART_FAULT] + d[ANA_PART_STALL]};
	c[n] = (struct cause){.name = "read-around", .points = bytes};
	percent(c[n].detail, sizeof(c[n].detail), b[0], b[1], "bytes");
	n++;
	c[n] = (struct cause){.name = "the drive", .points = speed};
	if (b[0] > 0 && b[1] > 0)
		percent(c[n].detail, sizeof(c[n].detail), w[0] / b[0], w[1] / b[1],
			"waiting per byte");
	n++;
	c[n++] = (struct cause){.name = "read calls", .points = d[ANA_PART_READ]};
	c[n++] = (struct cause){.name = "time off the CPU", .points = d[ANA_PART_OFFCPU]};
	c[n++] = (struct cause){.name = "zaps", .points = d[ANA_PART_ZAP]};
	c[n++] = (struct cause){.name = x->folded ? "all else" : "what is between evaluations",
				.points = d[ANA_PART_REST]};
	for (size_t i = 0; i < n; i++)
		c[i].points *= p->wall[0] > 0 ? 100 / p->wall[0] : 0;
	qsort(c, n, sizeof(*c), by_weight);
	return n;
}

static const char *capital(char *buf, size_t len, const char *text)
{
	snprintf(buf, len, "%s", text);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] = (char)(buf[0] - 'a' + 'A');
	return buf;
}

const char *ana_explain_sentence(const struct ana_explain *x, enum ana_phase phase, char *buf,
				 size_t len)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	double units = ana_explain_units(p), s[2] = {p->wall[0] / units, p->wall[1] / units};
	double off = s[0] > 0 ? s[1] / s[0] - 1 : 0;
	const char *what = p->tokens > 0             ? "s/token"
			   : phase == ANA_PHASE_LOAD ? "s"
						     : "s/evaluation";
	bool alike = fabs(off) < ALIKE;
	struct cause c[16];
	size_t n = causes(x, phase, c), told = 0;
	char name[24];

	snprintf(buf, len, "%s: the %s ", capital(name, sizeof(name), ana_phase_name(phase)),
		 x->side[1].replay ? "replay" : "second run");
	if (alike)
		add(buf, len, "takes the same time (%+.1f %%)", 100 * off);
	else
		add(buf, len, "is %.1f %% %s", 100 * fabs(off), off > 0 ? "slower" : "faster");
	add(buf, len, ", %.4g against %.4g %s", s[1] / 1e9, s[0] / 1e9, what);
	/* The parts of a difference that is none are worth a word if they cancel each other out. */
	for (size_t i = 0; i < n && told < CAUSES; i++) {
		if (fabs(c[i].points) < 100 * NOTABLE * (alike ? 4 : 1) ||
		    (told && fabs(c[i].points) < fabs(c[0].points) / 20))
			continue;
		if (!told)
			add(buf, len, "%s%+.1f point%s from %s%s", alike ? "; in it " : ": ",
			    c[i].points, fabs(fabs(c[i].points) - 1) < 0.05 ? "" : "s", c[i].name,
			    c[i].detail);
		else
			add(buf, len, ", %+.1f from %s%s", c[i].points, c[i].name, c[i].detail);
		told++;
	}
	add(buf, len, ".");
	return buf;
}

int ana_explain_source(const struct ana_explain *x, enum ana_gauge gauge)
{
	for (int source = 0; source < ANA_SOURCES; source++)
		if (x->side[0].has_gauge[source][gauge] && x->side[1].has_gauge[source][gauge])
			return source;
	return -1;
}

static void note(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(json_t *list, const char *fmt, ...)
{
	char text[512], safe[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(ana_safe(safe, sizeof(safe), text)));
}

static void note_side(const struct ana_side *s, json_t *list)
{
	if (s->result) {
		note(list,
		     "%s is a result, no recording: it tells time, faults and bytes of each evaluation and the compute of each "
		     "phase; for the rest record the replay: faultline record -- fio JOB",
		     s->path);
		return;
	}
	if (!s->has_faults)
		note(list, "%s has no faults (--light?): only times can be compared", s->path);
	else if (!s->has_barriers)
		note(list,
		     "%s has no barriers: waits for other lanes are in compute, and there is no critical path",
		     s->path);
	if (!s->has_blocks)
		note(list, "%s has no block I/O: what the drive did is not told apart", s->path);
	if (!s->has_cache)
		note(list, "%s has no page-cache records: nothing about folios", s->path);
	if (s->marks_inferred)
		note(list, "%s: its marks are inferred, so evaluations may not be tokens", s->path);
	if (ana_true(flt_trailer(s->r), "lossy"))
		note(list, "%s is lossy: some of its events are missing", s->path);
	if (!flt_finished(s->r))
		note(list, "%s is unfinished: its end is missing", s->path);
}

/* Barriers that nobody saw, since probes came late, say, look like compute. */
static void note_barriers(const struct ana_explain *x, json_t *list)
{
	if (!x->side[0].has_barriers || !x->side[1].has_barriers)
		return;
	for (int phase = 0; phase < ANA_PHASES; phase++) {
		const struct ana_phase_sum *p = &x->phase[phase];
		double a = (double)p->tally[0][ANA_T_BARRIERS];
		double b = (double)p->tally[1][ANA_T_BARRIERS];

		if (fabs(a - b) > MISSING * fmax(a, b))
			note(list,
			     "%s: %.0f barriers against %.0f: where they are missing, waits for other lanes look like compute",
			     ana_phase_name((enum ana_phase)phase), b, a);
	}
}

json_t *ana_explain_notes(const struct ana_explain *x)
{
	json_t *list = json_array();

	for (int k = 0; k < 2; k++) {
		note_side(&x->side[k], list);
		if (x->alone[k])
			note(list, "%zu evaluation%s of %s %s no counterpart: left out",
			     x->alone[k], x->alone[k] == 1 ? "" : "s", x->side[k].path,
			     x->alone[k] == 1 ? "has" : "have");
		if (x->side[k].later_passes)
			note(list, "%zu evaluation%s of %s %s of a later pass (loops=): left out",
			     x->side[k].later_passes, x->side[k].later_passes == 1 ? "" : "s",
			     x->side[k].path, x->side[k].later_passes == 1 ? "is" : "are");
	}
	if (x->side[0].has_offcpu != x->side[1].has_offcpu && !x->folded)
		note(list, "%s has no times off the CPU: in both runs they are in compute",
		     x->side[x->side[0].has_offcpu].path);
	note_barriers(x, list);
	if (x->side[1].replay && !x->by_number)
		note(list,
		     "%s replays another run than %s: the n-th prompt batch or token of one is held against that of the other",
		     x->side[1].path, x->side[0].path);
	return list;
}

static void print_side(const struct ana_explain *x, int k)
{
	const struct ana_side *s = &x->side[k];
	char path[512], model[256], a[ANA_TEXT];

	printf("  %-7s %s: ", k ? ana_explain_other(x) : "real",
	       ana_safe(path, sizeof(path), s->path));
	if (s->result)
		printf("result of a replay");
	else
		printf("recording of %s", s->replay ? "a replay" : "a run");
	printf(", %zu evaluation%s", s->passes, s->passes == 1 ? "" : "s");
	if (s->model_bytes)
		printf(", %s, %s", ana_safe(model, sizeof(model), s->model),
		       ana_bytes(a, s->model_bytes));
	putchar('\n');
}

static void print_list(const struct ana_explain *x)
{
	struct ana_table *t = ana_table_new("rlrrrrrrr");

	ana_table_row(t, "number", "phase", "real ms",
		      x->side[1].replay ? "replay ms" : "second ms", "difference", "compute",
		      "barriers", "in faults", "other", NULL);
	for (size_t i = 0; i < x->listed; i++) {
		const struct ana_pair *p = &x->list[i];
		double d[ANA_PARTS], whole = p->wall[1] - p->wall[0], faults;

		for (int k = 0; k < ANA_PARTS; k++)
			d[k] = p->part[1][k] - p->part[0][k];
		faults = d[ANA_PART_FAULT] + d[ANA_PART_DRIVE] + d[ANA_PART_QUEUED] +
			 d[ANA_PART_STALL];
		ana_table_cell(t, "%" PRIu64, p->number[0]);
		ana_table_cell(t, "%s", ana_phase_name(p->phase));
		ana_table_cell(t, "%.3f", p->wall[0] / 1e6);
		ana_table_cell(t, "%.3f", p->wall[1] / 1e6);
		ana_table_cell(t, "%+.3f", whole / 1e6);
		ana_table_cell(t, "%+.3f", d[ANA_PART_COMPUTE] / 1e6);
		ana_table_cell(t, "%+.3f", d[ANA_PART_BARRIER] / 1e6);
		ana_table_cell(t, "%+.3f", faults / 1e6);
		ana_table_cell(t, "%+.3f",
			       (whole - faults - d[ANA_PART_COMPUTE] - d[ANA_PART_BARRIER]) / 1e6);
	}
	printf("\nEvery evaluation\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_worst(const struct ana_explain *x)
{
	struct ana_table *t = ana_table_new("rlrrrlr");

	ana_table_row(t, "number", "phase", "real ms",
		      x->side[1].replay ? "replay ms" : "second ms", "difference", "most of it", "",
		      NULL);
	for (size_t i = 0; i < x->worst_count; i++) {
		const struct ana_pair *p = &x->worst[i];
		double whole = p->wall[1] - p->wall[0];
		int most = 0;

		for (int k = 1; k < ANA_PARTS; k++)
			if ((p->part[1][k] - p->part[0][k]) * (whole < 0 ? -1 : 1) >
			    (p->part[1][most] - p->part[0][most]) * (whole < 0 ? -1 : 1))
				most = k;
		ana_table_cell(t, "%" PRIu64, p->number[0]);
		ana_table_cell(t, "%s", ana_phase_name(p->phase));
		ana_table_cell(t, "%.3f", p->wall[0] / 1e6);
		ana_table_cell(t, "%.3f", p->wall[1] / 1e6);
		ana_table_cell(t, "%+.3f", whole / 1e6);
		ana_table_cell(t, "%s",
			       x->folded && most == ANA_PART_REST ? "all else"
								  : ana_part_titles[most]);
		ana_table_cell(t, "%+.3f", (p->part[1][most] - p->part[0][most]) / 1e6);
	}
	printf("\nEvaluations that are furthest apart, per token\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

void ana_explain_report(const struct ana_explain *x)
{
	json_t *notes = ana_explain_notes(x);
	const json_t *one;
	char text[1024];
	size_t i;

	print_side(x, 0);
	print_side(x, 1);
	putchar('\n');
	for (int phase = 0; phase < ANA_PHASES; phase++)
		if (x->phase[phase].pairs)
			printf("%s\n",
			       ana_explain_sentence(x, (enum ana_phase)phase, text, sizeof(text)));
	if (json_array_size(notes))
		putchar('\n');
	json_array_foreach (notes, i, one)
		printf("! %s\n", json_string_value(one));
	json_decref(notes);
	for (int phase = 0; phase < ANA_PHASES; phase++)
		if (x->phase[phase].pairs)
			ana_explain_tables(x, (enum ana_phase)phase);
	if (x->worst_count > 1)
		print_worst(x);
	if (x->listed)
		print_list(x);
}
