// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/util.h"
#include "traces/fltrace.h"
#include "tracer/judge.h"

#define GAPS         1024 /* of neighbouring windows, in windows; the last: or more */
#define FEWEST       3    /* evaluations */
#define FOREIGN_CPUS 0.25
#define SPREAD       0.15
#define LARGER       0.02
#define HALF         0.5

/* When each window was last touched, in intervals. */
struct judged_file {
	uint64_t id, size;
	uint32_t *touched;
	size_t windows;
};

struct pass {
	uint32_t class; /* 0: an interval of time */
	uint64_t windows, faults, bytes;
	bool zapped; /* it began with a zap */
};

struct rec_judge {
	uint64_t window;
	struct judged_file *file;
	size_t files;
	uint32_t interval;
	uint64_t faults; /* in this interval */
	bool zapped, by_time;
	uint64_t zaps;
	struct pass *pass;
	size_t passes, room;
	uint64_t gap[GAPS];
};

struct rec_judge *rec_judge_open(uint64_t fault_around)
{
	struct rec_judge *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->window = fault_around && !(fault_around & (fault_around - 1)) ? fault_around
									 : REC_FAULT_AROUND;
	j->interval = 1;
	return j;
}

void rec_judge_close(struct rec_judge *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->files; i++)
		free(j->file[i].touched);
	free(j->file);
	free(j->pass);
	free(j);
}

/* ---- what is touched ---- */

static struct judged_file *file_get(struct rec_judge *j, uint64_t id, uint64_t size)
{
	struct judged_file *more, *f;

	for (size_t i = 0; i < j->files; i++)
		if (j->file[i].id == id)
			return &j->file[i];
	more = realloc(j->file, (j->files + 1) * sizeof(*more));
	if (!more)
		return NULL;
	j->file = more;
	f = &more[j->files];
	*f = (struct judged_file){.id = id, .size = size, .windows = size / j->window + 1};
	f->touched = calloc(f->windows, sizeof(*f->touched));
	if (!f->touched)
		return NULL;
	j->files++;
	return f;
}

void rec_judge_fault(struct rec_judge *j, uint64_t file, uint64_t size, uint64_t offset)
{
	struct judged_file *f = file_get(j, file, size);

	j->faults++;
	if (f && offset / j->window < f->windows)
		f->touched[offset / j->window] = j->interval;
}

static void next_interval(struct rec_judge *j)
{
	j->interval++;
	j->faults = 0;
}

/* Counts what was touched in this interval, and how far neighbours are from each other. */
static void close_interval(struct rec_judge *j, uint32_t class)
{
	struct pass p = {.class = class, .faults = j->faults, .zapped = j->zapped};

	for (size_t i = 0; i < j->files; i++) {
		const struct judged_file *f = &j->file[i];
		size_t last = 0;
		bool any = false;

		for (size_t w = 0; w < f->windows; w++) {
			size_t gap = w - last;

			if (f->touched[w] != j->interval)
				continue;
			if (any && j->zapped)
				j->gap[gap < GAPS ? gap : GAPS - 1]++;
			any = true;
			last = w;
			p.windows++;
			p.bytes += (w + 1) * j->window <= f->size ? j->window
								  : f->size - w * j->window;
		}
	}
	if (j->passes == j->room) {
		size_t room = j->room ? 2 * j->room : 256;
		struct pass *more = realloc(j->pass, room * sizeof(*more));

		if (!more)
			return;
		j->pass = more;
		j->room = room;
	}
	j->pass[j->passes++] = p;
}

/* Intervals of time and evaluations do not mix: what was found out first does not count. */
static void start_again(struct rec_judge *j, bool by_time)
{
	j->by_time = by_time;
	j->passes = 0;
	j->zaps = 0;
	memset(j->gap, 0, sizeof(j->gap));
}

void rec_judge_zap(struct rec_judge *j, bool by_time)
{
	if (by_time != j->by_time)
		start_again(j, by_time);
	else if (by_time)
		close_interval(j, 0);
	next_interval(j);
	j->zaps++;
	j->zapped = true;
}

void rec_judge_pass(struct rec_judge *j, uint32_t class)
{
	if (j->by_time)
		return;
	close_interval(j, class);
	next_interval(j);
	j->zapped = false;
}

/* ---- what that says ---- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

enum what { WINDOWS, BYTES, FAULTS };

/* The median over the passes of a class that began with a zap; 0: none. Class 0: of any. */
static uint64_t median(const struct rec_judge *j, uint32_t class, enum what what)
{
	uint64_t *list = calloc(j->passes ? j->passes : 1, sizeof(*list)), result;
	size_t n = 0;

	for (size_t i = 0; list && i < j->passes; i++) {
		const struct pass *p = &j->pass[i];

		/* a process that waits for work touches nothing for a while */
		if ((class && p->class != class) || !p->zapped || (j->by_time && !p->windows))
			continue;
		list[n++] = what == WINDOWS ? p->windows : what == BYTES ? p->bytes : p->faults;
	}
	if (list)
		qsort(list, n, sizeof(*list), by_size);
	result = n ? list[n / 2] : 0;
	free(list);
	return result;
}

/* The figures that are judged. */
struct figures {
	uint64_t passes, zapped; /* evaluations, or intervals of time */
	uint64_t windows, bytes, faults, prompt_bytes, decode_bytes;
	uint64_t model_bytes;
	uint64_t window_median;
	double larger; /* share of windows whose neighbour is further away */
};

static void take_figures(const struct rec_judge *j, struct figures *g)
{
	uint32_t class = 0;
	uint64_t gaps = 0, below = 0;

	*g = (struct figures){.passes = j->passes, .window_median = j->window};
	for (size_t i = 0; i < j->passes; i++) {
		g->zapped += j->pass[i].zapped;
		if (j->pass[i].class == FLT_MC_DECODE)
			class = FLT_MC_DECODE;
	}
	for (size_t i = 0; i < j->files; i++)
		g->model_bytes += j->file[i].size;
	g->windows = median(j, class, WINDOWS);
	g->bytes = median(j, class, BYTES);
	g->faults = median(j, class, FAULTS);
	g->decode_bytes = median(j, FLT_MC_DECODE, BYTES);
	g->prompt_bytes = median(j, FLT_MC_PROMPT, BYTES);
	for (size_t i = 0; i < GAPS; i++)
		gaps += j->gap[i];
	for (size_t i = 0; i < GAPS && gaps; i++) {
		below += j->gap[i];
		if (2 * below >= gaps) {
			g->window_median = i * j->window;
			break;
		}
	}
	g->larger = gaps ? (double)(gaps - j->gap[1]) / (double)gaps : 0;
}

/* The reason, in one line, and what to do about it. "": there is none. */
struct verdict {
	char why[512];
	json_t *notes;
};

static void unusable(struct verdict *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void unusable(struct verdict *v, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* the first reason is the one that explains the others */
	if (v->why[0])
		json_array_append_new(v->notes, json_string(text));
	else
		memcpy(v->why, text, sizeof(text));
}

static void note(struct verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct verdict *v, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(v->notes, json_string(text));
}

/* Nothing was dropped at all. */
static void judge_nothing(const struct rec_judge *j, const struct rec_judge_facts *f,
			  struct verdict *v)
{
	if (f->refused)
		unusable(v, "nothing was dropped: %s", f->refused);
	else if (f->stop_refused)
		unusable(v, "nothing was dropped: the threads that evaluate block SIGURG; give "
			    "--zap-every");
	else if (!j->files)
		unusable(v, "no page of a mapped model was used: is it read instead of mapped "
			    "(llama.cpp: -lm mmap), or not on the CPU?");
	else
		unusable(v, "nothing was dropped: no evaluation was seen; name its function with "
			    "--mark, or give --zap-every");
}

static void judge_zaps(const struct rec_judge *j, const struct rec_judge_facts *f,
		       const struct figures *g, struct verdict *v)
{
	if (!j->zaps) {
		judge_nothing(j, f, v);
		return;
	}
	if (f->refused)
		note(v, "left alone: %s", f->refused);
	if (g->passes < FEWEST)
		unusable(v, "%" PRIu64 " %s are too few to learn from: let it run longer",
			 g->passes, j->by_time ? "intervals" : "evaluations");
	else if (20 * (g->passes - g->zapped) > g->passes)
		unusable(v,
			 "only %" PRIu64 " of %" PRIu64
			 " evaluations began with dropped page-table entries%s; give --zap-every",
			 g->zapped, g->passes,
			 f->stop_refused ? ": the threads that evaluate block SIGURG" : "");
	if (f->zap_failed)
		note(v, "%" PRIu64 " times page-table entries could not be dropped", f->zap_failed);
}

static void judge_windows(const struct rec_judge *j, const struct figures *g, struct verdict *v)
{
	if (!j->zaps || !g->windows) {
		if (j->zaps && j->passes)
			unusable(
				v,
				"the evaluations touched no page of a mapped model: it is used from a copy "
				"(llama.cpp: --repack 0), or not on the CPU");
		return;
	}
	if (g->window_median > j->window)
		unusable(
			v,
			"a fault mapped %" PRIu64 " KiB instead of %" PRIu64
			": the page cache has the model in "
			"large pieces, and what is touched in between does not show; free memory so that it "
			"can be read page by page",
			g->window_median >> 10, j->window >> 10);
	else if (g->larger > 0.2)
		note(v,
		     "%.0f %% of the windows have a gap behind them: parts that are not used, or larger "
		     "pieces in the page cache",
		     100 * g->larger);
	if ((double)g->bytes < HALF * (double)g->model_bytes)
		note(v,
		     "an evaluation touches %.0f %% of the model's files: a mixture of experts, or the rest is "
		     "used from a copy",
		     100.0 * (double)g->bytes / (double)g->model_bytes);
	if (g->prompt_bytes && g->decode_bytes > g->prompt_bytes + g->prompt_bytes / 10)
		note(v, "a token touches more than a prompt batch does");
}

static void judge_machine(const struct rec_judge_facts *f, struct verdict *v)
{
	if (f->larger_pieces > LARGER)
		unusable(
			v,
			"%.0f %% of the model is in larger pieces in the page cache than a fault should map, "
			"and what is touched in between does not show: another program reads the file, or it "
			"could not be read page by page",
			100 * f->larger_pieces);
	if (f->lossy || f->dropped)
		unusable(v, "events are missing: give the rings more room (--ring)");
	if (f->foreign_cpus > FOREIGN_CPUS)
		unusable(
			v,
			"the machine was busy (other programs used %.1f of %u CPUs, load %.1f): record again "
			"when it is idle",
			f->foreign_cpus, f->cpus, f->load[1]);
	if (f->spread > SPREAD)
		unusable(
			v,
			"the calibration's runs were %.0f %% apart: record again when the machine is idle",
			100 * f->spread);
	else if (f->spread < 0)
		note(v,
		     "there is no calibration: the replay's own compute is what the capture had, which is "
		     "too slow");
	if (!f->warmed && !f->limit)
		note(v, "the model was not read into memory page by page before");
	if (f->limit)
		note(v, "captured under a limit: a window that reclaim took away faults again");
}

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *interval_json(const struct rec_judge *j, const struct rec_judge_facts *f)
{
	uint64_t every = f->every_ns ? f->every_ns : 100000000;

	if (!j->by_time && !f->every_ns)
		return json_pack("{s:s}", "at", "evaluation");
	return json_pack("{s:f}", "every_ms", (double)every / 1e6);
}

json_t *rec_judge_json(const struct rec_judge *j, const struct rec_judge_facts *f)
{
	struct verdict v = {.notes = json_array()};
	struct figures g;
	bool usable;
	json_t *o;

	if (!f->reference) {
		json_decref(v.notes);
		return json_pack("{s:b, s:b, s:s}", "predictive", 0, "usable", !f->lossy, "why",
				 "a pressure recording");
	}
	take_figures(j, &g);
	judge_zaps(j, f, &g, &v);
	judge_windows(j, &g, &v);
	judge_machine(f, &v);
	usable = !v.why[0];
	o = json_pack("{s:b, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:[f, f], s:o}",
		      "predictive", usable, "usable", usable, "why",
		      usable ? "a usable reference capture" : v.why, "notes", v.notes,
		      "windows_per_evaluation", integer(g.windows), "touched_bytes_per_evaluation",
		      integer(g.bytes), "model_bytes", integer(g.model_bytes),
		      "window_bytes_median", integer(g.window_median), "larger_windows", g.larger,
		      "interval", interval_json(j, f), "load_average", f->load[0], f->load[1],
		      "dropped", integer(f->dropped));
	if (!o)
		return NULL;
	json_object_set_new(o, "faults_per_evaluation", integer(g.faults));
	json_object_set_new(o, "touched_bytes_prompt", integer(g.prompt_bytes));
	json_object_set_new(o, "touched_bytes_decode", integer(g.decode_bytes));
	json_object_set_new(o, "evaluations", integer(g.passes));
	json_object_set_new(o, "zaps", integer(j->zaps));
	json_object_set_new(o, "zap_ns", integer(f->zap_ns));
	json_object_set_new(o, "zap_bytes", integer(f->zap_bytes));
	json_object_set_new(o, "calibration_spread",
			    f->spread < 0 ? json_null() : json_real(f->spread));
	json_object_set_new(o, "larger_pieces",
			    f->larger_pieces < 0 ? json_null() : json_real(f->larger_pieces));
	json_object_set_new(o, "foreign_cpus",
			    f->foreign_cpus < 0 ? json_null() : json_real(f->foreign_cpus));
	return o;
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

void rec_judge_print(const json_t *o)
{
	bool usable = json_is_true(json_object_get(o, "usable"));
	uint64_t zaps = number(o, "zaps"), bytes = number(o, "zap_bytes");
	char touched[32], model[32];
	const json_t *one;
	size_t i;

	if (number(o, "windows_per_evaluation"))
		fprintf(stderr,
			"%" PRIu64 " windows of %" PRIu64
			" KiB an evaluation: %s of the model's %s\n",
			number(o, "windows_per_evaluation"), number(o, "window_bytes_median") >> 10,
			host_size_format(number(o, "touched_bytes_per_evaluation"), touched,
					 sizeof(touched)),
			host_size_format(number(o, "model_bytes"), model, sizeof(model)));
	if (zaps)
		fprintf(stderr,
			"page-table entries dropped %" PRIu64 " times for %" PRIu64
			" evaluations, %.2f ms each (%.0f us a GiB)\n",
			zaps, number(o, "evaluations"),
			(double)number(o, "zap_ns") / 1e6 / (double)zaps,
			bytes ? (double)number(o, "zap_ns") / 1e3 / ((double)bytes / (1 << 30))
			      : 0);
	json_array_foreach (json_object_get(o, "notes"), i, one)
		fprintf(stderr, "note: %s\n", json_string_value(one));
	fprintf(stderr, "reference capture: %s%s\n", usable ? "usable" : "NOT USABLE: ",
		usable ? "" : json_string_value(json_object_get(o, "why")));
}
