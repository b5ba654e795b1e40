// SPDX-License-Identifier: GPL-2.0-only
/* The result in a few lines, and its main figures as text, both from the object that is written. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engines/result.h"

/* ---- in fio's own JSON ------------------------------------------------------------------ */

static void value_text(const json_t *v, char *buf, size_t size)
{
	if (json_is_integer(v))
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
	else
		snprintf(buf, size, "%.6g", json_real_value(v));
}

void eng_result_figures(const json_t *result, eng_figure_fn fn, void *arg)
{
	static const char *const name[] = {"duration_s",   "tokens_per_s", "evaluations_per_s",
					   "ttft_s",       "read_bytes",   "model_reads",
					   "read_iops",    "await_ms",     "bandwidth_bytes_per_s",
					   "major_faults", "minor_faults", "blocked_faults",
					   "refaults"};
	const json_t *f = json_object_get(result, "figures"),
		     *why = json_object_get(result, "incomplete");
	const char *file = json_string_value(json_object_get(result, "file"));
	char key[64], text[64];

	fn(arg, "faultline_complete",
	   json_is_object(why) ? json_string_value(json_object_get(why, "reason")) : "yes");
	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++) {
		const json_t *v = json_object_get(f, name[i]);

		if (!json_is_number(v))
			continue;
		snprintf(key, sizeof(key), "faultline_%s", name[i]);
		value_text(v, text, sizeof(text));
		fn(arg, key, text);
	}
	if (file)
		fn(arg, "faultline_result", file);
}

/* ---- for people ---------------------------------------------------------------------------- */

struct lines {
	char at[256];
	size_t n;
	eng_line_fn line;
};

__attribute__((format(printf, 2, 3))) static void add(struct lines *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at + l->n, sizeof(l->at) - l->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n += (size_t)n < sizeof(l->at) - l->n ? (size_t)n : sizeof(l->at) - l->n - 1;
}

static void end_line(struct lines *l)
{
	if (l->n)
		l->line(l->at);
	l->n = 0;
	l->at[0] = 0;
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static bool known(const json_t *o, const char *key)
{
	return json_is_number(json_object_get(o, key));
}

static void speed_lines(struct lines *l, const json_t *f)
{
	const json_t *r = json_object_get(f, "recorded"), *b = json_object_get(f, "inter_token");
	const char *rate = known(f, "tokens_per_s") ? "tokens_per_s" : "evaluations_per_s";
	const char *unit = known(f, "tokens_per_s") ? "tokens/s" : "evaluations/s";

	if (known(f, rate)) {
		add(l, "  speed          %.3f %s", number(f, rate), unit);
		if (json_is_object(b))
			add(l, " (median %.1f ms, %.1f to %.1f)", number(b, "median_ms"),
			    number(b, "min_ms"), number(b, "max_ms"));
		if (known(r, rate))
			add(l, ", recorded %.3f", number(r, rate));
		end_line(l);
	}
	add(l, "  time           %.2f s", number(f, "duration_s"));
	if (known(f, "ttft_s"))
		add(l, ", first token after %.2f s", number(f, "ttft_s"));
	add(l, ", recorded %.2f s", number(r, "duration_s"));
	end_line(l);
}

static void io_lines(struct lines *l, const json_t *f)
{
	const char *device = json_string_value(json_object_get(f, "device"));
	char size[16];

	if (known(f, "read_bytes")) {
		add(l, "  read           %s, the model %.2f times, %.1f MiB/s effective",
		    host_size_format((uint64_t)number(f, "read_bytes"), size, sizeof(size)),
		    number(f, "model_reads"), number(f, "bandwidth_bytes_per_s") / 1048576.0);
		end_line(l);
	}
	if (known(f, "read_iops")) {
		add(l, "  drive          %.0f reads/s", number(f, "read_iops"));
		if (known(f, "await_ms"))
			add(l, " of %.1f KiB, await %.3f ms", number(f, "read_size_bytes") / 1024.0,
			    number(f, "await_ms"));
		if (device)
			add(l, ", %s", device);
		end_line(l);
	}
	add(l, "  faults         %.0f major, %.0f minor, %.0f waited", number(f, "major_faults"),
	    number(f, "minor_faults"), number(f, "blocked_faults"));
	if (known(f, "refaults"))
		add(l, "; %.0f pages read again%s", number(f, "refaults"),
		    strcmp(json_string_value(json_object_get(f, "refaults_scope")), "machine")
			    ? ""
			    : " on this machine");
	end_line(l);
}

void eng_result_summary(const json_t *result, eng_line_fn line)
{
	const json_t *f = json_object_get(result, "figures"),
		     *why = json_object_get(result, "incomplete");
	const json_t *m = json_object_get(result, "memory");
	struct lines l = {.line = line};
	char a[16];

	add(&l, "faultline: %s", json_string_value(json_object_get(result, "job")));
	if (json_is_object(why))
		add(&l, ": INCOMPLETE: %s", json_string_value(json_object_get(why, "text")));
	end_line(&l);
	if (known(f, "duration_s")) {
		speed_lines(&l, f);
		io_lines(&l, f);
	}
	if (known(m, "limit_bytes")) {
		add(&l, "  memory         limit %s",
		    host_size_format((uint64_t)number(m, "limit_bytes"), a, sizeof(a)));
		add(&l, ", footprint %s",
		    host_size_format((uint64_t)number(m, "footprint_bytes"), a, sizeof(a)));
		end_line(&l);
	}
	if (json_is_string(json_object_get(result, "file"))) {
		add(&l, "  result         %s", json_string_value(json_object_get(result, "file")));
		end_line(&l);
	}
}
