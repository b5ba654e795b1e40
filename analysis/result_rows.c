// SPDX-License-Identifier: GPL-2.0-only
/* What the result table shows, line by line; the keys are those of engines/RESULT.md. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/result.h"
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

static const json_t *figure(const json_t *doc, const char *key)
{
	return json_object_get(json_object_get(doc, "figures"), key);
}

/* ---- values of one sort; all leave the text empty where the figure is not known ---- */

static void real(const json_t *v, char *buf, size_t len, const char *unit)
{
	double d = json_number_value(v);
	/* Three significant digits at least, however small: 0.0123 tokens/s is a real result. */
	int decimals = d >= 99.95 ? 1 : d >= 0.9995 ? 2 : d >= 0.09995 ? 3 : 4;

	if (json_is_number(v))
		snprintf(buf, len, "%.*f%s", decimals, d, unit);
}

static void count(const json_t *v, char *buf, size_t len)
{
	char a[ANA_TEXT];

	if (json_is_number(v) && json_number_value(v) >= 0)
		snprintf(buf, len, "%s", ana_count(a, (uint64_t)(json_number_value(v) + 0.5)));
}

static void bytes(const json_t *v, char *buf, size_t len, const char *unit)
{
	char a[ANA_TEXT];

	if (json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) < 1e18)
		snprintf(buf, len, "%s%s", ana_bytes(a, (uint64_t)json_number_value(v)), unit);
}

static void span(const json_t *v, char *buf, size_t len, double ns)
{
	char a[ANA_TEXT];

	if (json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) * ns < 1e18)
		snprintf(buf, len, "%s", ana_span(a, (uint64_t)(json_number_value(v) * ns)));
}

/* ---- what was replayed, on what ---- */

static void row_trace(const json_t *doc, char *buf, size_t len)
{
	const char *path = ana_text(json_object_get(doc, "trace"), "path", "");
	const char *slash = strrchr(path, '/');

	snprintf(buf, len, "%s", slash ? slash + 1 : path);
}

static void row_part(const json_t *doc, char *buf, size_t len)
{
	const json_t *sel = json_object_get(doc, "selection");
	uint64_t first = ana_number(sel, "first", 0), last = ana_number(sel, "last", 0);
	uint64_t all = ana_number(json_object_get(doc, "trace"), "evaluations", 0);
	uint64_t passes = ana_number(sel, "passes", 1), warmup = ana_number(sel, "warmup", 0);

	if (!sel)
		return;
	if (first <= 1 && last + 1 >= all)
		snprintf(buf, len, "all");
	else
		snprintf(buf, len, "evaluations %" PRIu64 "-%" PRIu64, first, last);
	if (warmup)
		add(buf, len, ", %" PRIu64 " warm-up", warmup);
	if (passes > 1)
		add(buf, len, ", %" PRIu64 " times", passes);
}

static void row_complete(const json_t *doc, char *buf, size_t len)
{
	const json_t *why = json_object_get(doc, "incomplete");

	if (ana_true(doc, "complete"))
		snprintf(buf, len, "yes");
	else
		snprintf(buf, len, "NO: ended by %s", ana_text(why, "reason", "?"));
}

static void row_lanes(const json_t *doc, char *buf, size_t len)
{
	const json_t *o = json_object_get(doc, "options");
	size_t lanes = json_array_size(json_object_get(doc, "lanes"));

	snprintf(buf, len, "%zu (%s)", lanes, ana_text(o, "streams", "?"));
}

static void row_pace(const json_t *doc, char *buf, size_t len)
{
	const json_t *o = json_object_get(doc, "options");
	double scale = ana_real(o, "cpu_scale", 1);

	snprintf(buf, len, "%s", ana_text(o, "pace", ""));
	if (scale < 0.9995 || scale > 1.0005)
		add(buf, len, " x %.3g", scale);
}

static void row_hints(const json_t *doc, char *buf, size_t len)
{
	snprintf(buf, len, "%s", ana_text(json_object_get(doc, "options"), "hints", ""));
}

static void row_limit(const json_t *doc, char *buf, size_t len)
{
	const json_t *memory = json_object_get(doc, "memory");

	bytes(json_object_get(memory, "limit_bytes"), buf, len, "");
	if (*buf && !strcmp(ana_text(memory, "limit_type", ""), "high"))
		add(buf, len, " (high)");
	if (*buf && !strcmp(ana_text(memory, "pressure", ""), "global"))
		add(buf, len, " (whole machine)");
	if (!*buf && !strcmp(ana_text(memory, "pressure", ""), "none"))
		snprintf(buf, len, "none");
}

static void row_balloon(const json_t *doc, char *buf, size_t len)
{
	const json_t *balloon = json_object_get(doc, "balloon");

	bytes(json_object_get(balloon, "locked_bytes"), buf, len, "");
	if (*buf && json_is_false(json_object_get(balloon, "alive")))
		add(buf, len, ", KILLED");
}

static void row_data_file(const json_t *doc, char *buf, size_t len)
{
	const json_t *files = json_object_get(doc, "files");
	const char *path = ana_text(json_array_get(files, 0), "path", "");
	const char *slash = strrchr(path, '/');

	snprintf(buf, len, "%s", slash ? slash + 1 : path);
	if (*buf && json_array_size(files) > 1)
		add(buf, len, " and %zu more", json_array_size(files) - 1);
}

static void row_file_system(const json_t *doc, char *buf, size_t len)
{
	const json_t *file = json_array_get(json_object_get(doc, "files"), 0);

	snprintf(buf, len, "%s", ana_text(file, "fstype", ""));
	if (*buf && *ana_text(file, "mount", ""))
		add(buf, len, " on %s", ana_text(file, "mount", ""));
}

/* Settings of the drive's queue, from the facts: those that people turn. */
static void row_read_ahead(const json_t *doc, char *buf, size_t len)
{
	const json_t *device = json_array_get(ana_at(doc, "drive.devices"), 0);
	uint64_t kib = ana_number(json_object_get(device, "queue"), "read_ahead_kb", FLT_NONE);

	if (kib != FLT_NONE)
		snprintf(buf, len, "%" PRIu64 " KiB", kib);
}

static void row_device(const json_t *doc, char *buf, size_t len)
{
	const json_t *devices = ana_at(doc, "io.devices"), *one;
	const char *shown = ana_text(json_object_get(doc, "figures"), "device", "");
	size_t i, disks = 0;

	if (!json_array_size(devices)) {
		snprintf(buf, len, "%s", shown);
		return;
	}
	/* "dm-0: nvme0n1, nvme1n1": what the file system sees, then the disks below. */
	one = json_array_get(devices, 0);
	snprintf(buf, len, "%s", ana_text(one, "name", shown));
	if (ana_true(one, "disk") && json_array_size(devices) == 1)
		return;
	json_array_foreach (devices, i, one)
		if (i && ana_true(one, "disk"))
			add(buf, len, "%s%s", disks++ ? ", " : ": ", ana_text(one, "name", "?"));
}

static void row_model(const json_t *doc, char *buf, size_t len)
{
	const json_t *devices = ana_at(doc, "drive.devices"), *one;
	size_t i;

	json_array_foreach (devices, i, one) {
		if (!ana_true(one, "leaf") || !*ana_text(one, "model", ""))
			continue;
		add(buf, len, "%s%s", *buf ? ", " : "", ana_text(one, "model", ""));
	}
}

/* ---- the figures ---- */

#define ROW(name, how)                                                   \
	static void row_##name(const json_t *doc, char *buf, size_t len) \
	{                                                                \
		how;                                                     \
	}

ROW(duration, span(figure(doc, "duration_s"), buf, len, 1e9))
ROW(tokens, real(figure(doc, "tokens_per_s"), buf, len, ""))
ROW(evaluations, real(figure(doc, "evaluations_per_s"), buf, len, ""))
ROW(prompt, real(figure(doc, "prompt_tokens_per_s"), buf, len, ""))
ROW(load, span(figure(doc, "load_s"), buf, len, 1e9))
ROW(ttft, span(figure(doc, "ttft_s"), buf, len, 1e9))
ROW(token_median, span(ana_at(doc, "figures.inter_token.median_ms"), buf, len, 1e6))
ROW(token_p95, span(ana_at(doc, "figures.inter_token.p95_ms"), buf, len, 1e6))
ROW(bandwidth, bytes(figure(doc, "bandwidth_bytes_per_s"), buf, len, "/s"))
ROW(iops, count(figure(doc, "read_iops"), buf, len))
ROW(read_size, bytes(figure(doc, "read_size_bytes"), buf, len, ""))
ROW(await, span(figure(doc, "await_ms"), buf, len, 1e6))
ROW(foreign, bytes(ana_at(doc, "io.foreign_read_bytes"), buf, len, ""))
ROW(read, bytes(figure(doc, "read_bytes"), buf, len, ""))
ROW(read_token, bytes(figure(doc, "read_bytes_per_token"), buf, len, ""))
ROW(major, count(figure(doc, "major_faults"), buf, len))
ROW(blocked, count(figure(doc, "blocked_faults"), buf, len))
ROW(minor, count(figure(doc, "minor_faults"), buf, len))
ROW(refaults, count(figure(doc, "refaults"), buf, len))

ROW(scan_kswapd, count(ana_at(doc, "reclaim.scanned_kswapd"), buf, len))
ROW(scan_direct, count(ana_at(doc, "reclaim.scanned_direct"), buf, len))
ROW(steal_kswapd, count(ana_at(doc, "reclaim.reclaimed_kswapd"), buf, len))
ROW(steal_direct, count(ana_at(doc, "reclaim.reclaimed_direct"), buf, len))

/* What was recorded is one pass of loops=; the duration above it is that of all. */
static void row_recorded(const json_t *doc, char *buf, size_t len)
{
	uint64_t passes = ana_number(json_object_get(doc, "selection"), "passes", 1);

	span(ana_at(doc, "figures.recorded.duration_s"), buf, len, 1e9);
	if (*buf && passes > 1)
		add(buf, len, " x %" PRIu64, passes);
}

static void row_recorded_rate(const json_t *doc, char *buf, size_t len)
{
	const json_t *v = ana_at(doc, "figures.recorded.tokens_per_s");

	real(json_is_number(v) ? v : ana_at(doc, "figures.recorded.evaluations_per_s"), buf, len,
	     "");
}

static void row_model_reads(const json_t *doc, char *buf, size_t len)
{
	real(figure(doc, "model_reads"), buf, len, " times");
}

const struct ana_result_row ana_result_rows[] = {
	{"trace", NULL, row_trace},
	{"part", NULL, row_part},
	{"complete", NULL, row_complete},
	{"lanes", NULL, row_lanes},
	{"pace", NULL, row_pace},
	{"hints", NULL, row_hints},
	{"memory limit", NULL, row_limit},
	{"memory locked away", NULL, row_balloon},
	{"data file", NULL, row_data_file},
	{"drive", NULL, row_device},
	{"drive model", NULL, row_model},
	{"file system", NULL, row_file_system},
	{"read-ahead", NULL, row_read_ahead},
	{"", NULL, NULL},
	{"total duration", NULL, row_duration},
	{"total duration as recorded", NULL, row_recorded},
	{"tokens/s", "", row_tokens},
	{"", "evaluations/s", row_evaluations},
	{"tokens/s as recorded", "evaluations/s as recorded", row_recorded_rate},
	{"prompt tokens/s", NULL, row_prompt},
	{"load phase", NULL, row_load},
	{"time to first token", NULL, row_ttft},
	{"time per token, median", "time per evaluation, median", row_token_median},
	{"time per token, 95 %", "time per evaluation, 95 %", row_token_p95},
	{"", NULL, NULL},
	{"effective I/O bandwidth", NULL, row_bandwidth},
	{"read IOPS", NULL, row_iops},
	{"mean size of a read", NULL, row_read_size},
	{"hardware reaction time (await)", NULL, row_await},
	{"bytes read", NULL, row_read},
	{"bytes read per token", "bytes read per evaluation", row_read_token},
	{"model re-read", NULL, row_model_reads},
	{"bytes read by others", NULL, row_foreign},
	{"", NULL, NULL},
	{"major faults", NULL, row_major},
	{"blocked faults", NULL, row_blocked},
	{"minor faults", NULL, row_minor},
	{"refaults", NULL, row_refaults},
	{"pages scanned by kswapd", NULL, row_scan_kswapd},
	{"pages scanned directly", NULL, row_scan_direct},
	{"pages reclaimed by kswapd", NULL, row_steal_kswapd},
	{"pages reclaimed directly", NULL, row_steal_direct},
	{NULL, NULL, NULL},
};
