// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines of `faultline info` about how a trace was made and judged: what a prediction from it
 * rests on.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/info.h"
#include "analysis/units.h"

static void add(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void add(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}

/*
 * How often the model's page-table entries were dropped, and whether its pages were in memory
 * before.
 */
static void print_zaps(const struct ana_info *info)
{
	const json_t *header = flt_header(info->r), *judgement;
	const json_t *zap = json_object_get(header, "zap");
	const json_t *warmed = json_object_get(header, "warmed");
	char text[256], a[ANA_TEXT], b[ANA_TEXT];
	uint64_t zaps;

	if (!zap || json_is_null(zap))
		return;
	/* What came of it is in the judgement: where no mark was found, it went by time. */
	judgement = ana_at(flt_trailer(info->r), "judgement");
	if (json_is_object(json_object_get(judgement, "interval")))
		zap = json_object_get(judgement, "interval");
	if (json_is_number(json_object_get(zap, "every_ms")))
		snprintf(text, sizeof(text), "page tables dropped every %g ms",
			 ana_real(zap, "every_ms", 0));
	else
		snprintf(text, sizeof(text), "page tables dropped at each evaluation");
	zaps = ana_number(judgement, "zaps", 0);
	if (zaps)
		add(text, sizeof(text), ", %s times for %s", ana_count(a, zaps),
		    ana_span(b, ana_number(judgement, "zap_ns", 0)));
	if (json_is_boolean(warmed))
		add(text, sizeof(text), "; the model was %s memory before",
		    json_is_true(warmed) ? "in" : "not in");
	ana_info_line("reference", text);
}

static void print_judgement(const struct ana_info *info)
{
	const json_t *j = ana_at(flt_trailer(info->r), "judgement"), *one;
	uint64_t windows = ana_number(j, "windows_per_evaluation", 0);
	char text[1024], a[ANA_TEXT], b[ANA_TEXT], c[ANA_TEXT], d[ANA_TEXT];
	size_t i;

	if (!json_is_boolean(json_object_get(j, "usable")) ||
	    strcmp(ana_text(flt_header(info->r), "mode", ""), "reference"))
		return;
	if (ana_true(j, "usable"))
		snprintf(text, sizeof(text), "usable");
	else
		snprintf(text, sizeof(text), "NOT USABLE: %s",
			 ana_text(j, "why", "nobody says why"));
	ana_info_line("judgement", text);
	if (windows) {
		snprintf(text, sizeof(text),
			 "%s windows and %s of %s touched in an evaluation, the median window %s",
			 ana_count(a, windows),
			 ana_bytes(b, ana_number(j, "touched_bytes_per_evaluation", 0)),
			 ana_bytes(c, ana_number(j, "model_bytes", 0)),
			 ana_bytes(d, ana_number(j, "window_bytes_median", 0)));
		ana_info_line("", text);
	}
	json_array_foreach (json_object_get(j, "notes"), i, one)
		if (json_is_string(one))
			ana_info_line("", json_string_value(one));
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median time of a token of that class over all runs, ns; 0: there is none. */
static double warm_token(const json_t *runs, const char *class)
{
	const json_t *run, *e;
	size_t i, k, n = 0, room = 0;
	double *v = NULL, median = 0;

	json_array_foreach (runs, i, run)
		room += json_array_size(json_object_get(run, "evaluations"));
	v = calloc(room + 1, sizeof(*v));
	json_array_foreach (runs, i, run) {
		json_array_foreach (json_object_get(run, "evaluations"), k, e) {
			double tokens = ana_real(e, "tokens", 0), ns = ana_real(e, "ns", 0);

			if (v && !strcmp(ana_text(e, "class", ""), class) && tokens > 0 && ns > 0)
				v[n++] = ns / tokens;
		}
	}
	if (n) {
		qsort(v, n, sizeof(*v), by_value);
		median = v[n / 2];
	}
	free(v);
	return median;
}

static void print_calibration(const struct ana_info *info)
{
	const json_t *trailer = flt_trailer(info->r), *c = ana_at(trailer, "calibration");
	const json_t *runs = json_object_get(c, "runs");
	double prompt = warm_token(runs, "prompt"), decode = warm_token(runs, "decode");
	char text[1024], a[ANA_TEXT];

	if (!json_array_size(runs)) {
		if (*ana_text(trailer, "calibration_why", "") &&
		    !strcmp(ana_text(flt_header(info->r), "mode", ""), "reference")) {
			snprintf(text, sizeof(text), "none: %s",
				 ana_text(trailer, "calibration_why", ""));
			ana_info_line("calibration", text);
		}
		return;
	}
	snprintf(text, sizeof(text), "%zu untraced run%s", json_array_size(runs),
		 json_array_size(runs) == 1 ? "" : "s");
	if (prompt > 0)
		add(text, sizeof(text), ", prompt %s/token", ana_span(a, (uint64_t)prompt));
	if (decode > 0)
		add(text, sizeof(text), ", generation %s/token", ana_span(a, (uint64_t)decode));
	if (json_is_number(json_object_get(c, "spread")))
		add(text, sizeof(text), ", %.1f %% apart", 100 * ana_real(c, "spread", 0));
	if (json_is_false(json_object_get(c, "warm")))
		add(text, sizeof(text), "; NOT WARM: they read from the drive");
	ana_info_line("calibration", text);
	ana_info_line("", ana_text(c, "note", ""));
}

static void print_model(const struct ana_info *info)
{
	const json_t *m = ana_at(flt_trailer(info->r), "program.compute_model");
	char text[1024], a[ANA_TEXT], b[ANA_TEXT];

	if (!json_is_object(m))
		return;
	if (!ana_true(m, "fitted")) {
		snprintf(text, sizeof(text), "as recorded");
		if (*ana_text(m, "why", ""))
			add(text, sizeof(text), ": %s", ana_text(m, "why", ""));
		ana_info_line("own compute", text);
		return;
	}
	snprintf(
		text, sizeof(text),
		"less %s for each fault and %s for each barrier, times %.3f in the prompt, %.3f in generation",
		ana_span(a, (uint64_t)(ana_real(m, "per_fault_ns", 0) + 0.5)),
		ana_span(b, (uint64_t)(ana_real(m, "per_barrier_ns", 0) + 0.5)),
		ana_real(m, "factor_prompt", 1), ana_real(m, "factor_decode", 1));
	if (json_is_number(json_object_get(m, "residual")))
		add(text, sizeof(text), "; %.1f %% off the untraced run",
		    100 * ana_real(m, "residual", 0));
	ana_info_line("own compute", text);
	ana_info_line("", ana_text(m, "why", ""));
}

/* Where the program's meeting points come from, and how much of it is shared out. */
static void print_program(const struct ana_info *info)
{
	const json_t *p = ana_at(flt_trailer(info->r), "program");
	const char *from = ana_text(p, "barriers_from", "");
	uint64_t pools = ana_number(p, "pools", 0), windows = ana_number(p, "windows", 0);
	uint64_t dynamic = ana_number(p, "dynamic_windows", 0);
	char text[512], a[ANA_TEXT];

	if (!*from)
		return;
	if (!strcmp(from, "tensors"))
		snprintf(text, sizeof(text), "inferred from the borders of the model's tensors");
	else if (!strcmp(from, "ranges"))
		snprintf(text, sizeof(text), "inferred from the ranges that the lanes touch");
	else
		snprintf(text, sizeof(text), "%s", from);
	if (ana_number(p, "inferred_barriers", 0))
		add(text, sizeof(text), ", %s of them",
		    ana_count(a, ana_number(p, "inferred_barriers", 0)));
	ana_info_line("barriers", text);
	if (!pools)
		return;
	snprintf(text, sizeof(text), "%s segments shared out in chunks as lanes get free",
		 ana_count(a, pools));
	if (windows)
		add(text, sizeof(text), ", %.0f %% of the windows",
		    100 * (double)dynamic / (double)windows);
	ana_info_line("pools", text);
}

/* Who made the memory scarce, and what that did. */
static void print_pressure(const struct ana_info *info)
{
	const json_t *trailer = flt_trailer(info->r);
	const json_t *r = json_object_get(trailer, "reclaim");
	const json_t *balloon = json_object_get(trailer, "balloon");
	uint64_t kswapd = ana_number(r, "reclaimed_kswapd", 0);
	uint64_t direct = ana_number(r, "reclaimed_direct", 0);
	char text[512], a[ANA_TEXT], b[ANA_TEXT], c[ANA_TEXT];

	if (json_is_object(balloon)) {
		snprintf(text, sizeof(text), "%s locked to leave %s to the whole machine%s",
			 ana_bytes(a, ana_number(balloon, "locked_bytes", 0)),
			 ana_bytes(b, ana_number(balloon, "leave_bytes", 0)),
			 json_is_false(json_object_get(balloon, "alive"))
				 ? "; IT WAS KILLED before the end"
				 : "");
		ana_info_line("balloon", text);
	}
	if (!kswapd && !direct)
		return;
	snprintf(text, sizeof(text), "%s pages by kswapd, %s directly, for %s",
		 ana_count(a, kswapd), ana_count(b, direct),
		 ana_span(c, ana_number(r, "direct_ns", 0)));
	ana_info_line("reclaimed", text);
}

void ana_info_mode(const struct ana_info *info)
{
	print_zaps(info);
	print_judgement(info);
	print_calibration(info);
	print_model(info);
	print_program(info);
	print_pressure(info);
}
