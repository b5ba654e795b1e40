// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a recording to a replay program. A survey finds lanes, model and
 * evaluations (survey.h). A second pass over the first evaluations, or a third
 * one where the model's parts have to be found first, measures what the program
 * would be: who touches what (convert_segments.h) and how much compute that is
 * (convert_model.h). The last pass writes it.
 */
#include "convert.h"
#include "convert_infer.h"
#include "convert_model.h"
#include "convert_segments.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct preparation {
	const struct flt_prepare_options *opt;
	struct flt_prepare_stats *st;
	struct flt_reader *in;
	struct flt_writer *out;
	struct survey s;
	struct parts parts;
	struct owners owners;
	struct model model;
	uint64_t fault_around, page, torn;
};

static uint64_t power_of_two(uint64_t v)
{
	return v && !(v & (v - 1)) ? v : 0;
}

static void choose_sizes(struct preparation *p)
{
	const json_t *v = json_object_get(flt_header(p->in), "fault_around_bytes");
	const json_t *page = json_object_get(flt_header(p->in), "page_size");
	uint64_t around = p->opt ? power_of_two(p->opt->fault_around) : 0;

	p->page = 4096;
	if (json_is_integer(page) && power_of_two((uint64_t)json_integer_value(page)))
		p->page = (uint64_t)json_integer_value(page);
	if (!around && json_is_integer(v) && json_integer_value(v) > 0)
		around = power_of_two((uint64_t)json_integer_value(v));
	if (!around)
		around = 64 << 10;
	p->fault_around = p->page > around ? p->page : around;
}

static int define_lanes(struct preparation *p)
{
	const struct survey *s = &p->s;

	for (uint32_t l = 0; l < s->workers + s->helper; l++) {
		json_t *streams = json_array();
		const char *role = l == 0 ? "main" : l < s->workers ? "worker" : "helper";
		int ret;

		for (size_t i = 0; i < s->nstreams; i++) {
			const struct survey_stream *st = &s->stream[i];

			if (st->lane == l ||
			    (st->lane == FLT_NO_LANE && st->model_faults && l >= s->workers))
				json_array_append_new(streams, json_integer((json_int_t)i));
		}
		ret = flt_writer_define(
			p->out, "lane",
			json_pack("{sisssO}", "id", (int)l, "role", role, "streams", streams));
		json_decref(streams);
		if (ret)
			return ret;
	}
	return 0;
}

json_t *flt_prepare_json(const struct flt_prepare_stats *st)
{
	json_t *model = st->model ? json_incref(st->model) : json_null();

	return json_pack("{sIsIsIsIsIsIsIsIsIsIsIsssosbss}", "lanes", (json_int_t)st->lanes,
			 "evaluations", (json_int_t)st->evaluations, "windows",
			 (json_int_t)st->windows, "window_bytes", (json_int_t)st->window_bytes,
			 "barriers", (json_int_t)st->barriers, "hints", (json_int_t)st->hints,
			 "reads", (json_int_t)st->reads, "compute_ns", (json_int_t)st->compute_ns,
			 "pools", (json_int_t)st->pools, "dynamic_windows",
			 (json_int_t)st->dynamic_windows, "inferred_barriers",
			 (json_int_t)st->inferred_barriers, "barriers_from",
			 st->barriers_from ? st->barriers_from : "none", "compute_model", model,
			 "marks_inferred", st->marks_inferred, "note", st->note);
}

static void note(struct flt_prepare_stats *st, const char *text)
{
	size_t n = strlen(st->note);

	snprintf(st->note + n, sizeof(st->note) - n, "%s%s", n ? "; " : "", text);
}

static void take_notes(struct preparation *p)
{
	struct flt_prepare_stats *st = p->st;
	char text[96];

	if (st->marks_inferred)
		note(st, "evaluations were inferred from sweeps over the model: their borders are "
			 "approximate");
	if (p->torn) {
		snprintf(text, sizeof(text),
			 "%llu barriers were left out: not all of their threads were recorded",
			 (unsigned long long)p->torn);
		note(st, text);
	}
	if (st->inferred_barriers)
		note(st,
		     strcmp(p->parts.from, "tensors")
			     ? "barriers were inferred from the ranges that are touched one after "
			       "the other"
			     : "barriers were inferred from the model's tensors");
}

static int run_pass(struct preparation *p, struct convert *c,
		    bool (*progress)(void *arg, uint64_t n))
{
	struct infer infer = {.parts = &p->parts};
	int ret;

	c->model = &p->model;
	c->owners = &p->owners;
	c->infer = p->parts.n ? &infer : NULL;
	ret = convert_init(c, &p->s, p->fault_around, p->page);
	if (!c->w)
		c->stop = MODEL_EVALUATIONS;
	c->meets = strcmp(p->parts.from, "none") != 0;
	if (!ret)
		ret = convert_pass(c, p->in, progress, p);
	p->torn = c->torn;
	convert_free(c);
	return ret;
}

static const json_t *calibration_of(const struct preparation *p, const char **why)
{
	const json_t *trailer = flt_trailer(p->in), *c;

	c = p->opt && p->opt->calibration ? p->opt->calibration
					  : json_object_get(trailer, "calibration");
	*why = json_string_value(json_object_get(trailer, "calibration_why"));
	return json_is_object(c) ? c : NULL;
}

/* What the first evaluations say; without barriers and calibration they are not asked. */
static int measure(struct preparation *p)
{
	struct flt_prepare_stats ignored = {0};
	struct convert c = {.st = &ignored};
	const char *why;
	const json_t *calibration = calibration_of(p, &why);
	int ret = 0;

	if (!strcmp(p->parts.from, "ranges"))
		ret = parts_watch(&p->parts, &p->s, p->in, p->fault_around);
	if (!ret)
		ret = owners_init(&p->owners, &p->s, p->fault_around);
	if (!ret && p->s.nmarks && (calibration || strcmp(p->parts.from, "none")))
		ret = run_pass(p, &c, NULL);
	p->owners.complete = true;
	return ret ? ret : model_fit(&p->model, &p->s, &p->owners, calibration, why);
}

static bool show_progress(void *arg, uint64_t done)
{
	const struct preparation *p = arg;
	uint64_t total = flt_record_count(p->in, FLT_RECORDING);

	return !p->opt || !p->opt->progress ||
	       p->opt->progress(p->opt->progress_arg, (total + done) / 2, total);
}

static int write_program(struct preparation *p)
{
	struct convert c = {.st = p->st, .w = p->out};
	int ret = define_lanes(p);

	if (!ret)
		ret = run_pass(p, &c, show_progress);
	return ret;
}

static int prepare(struct preparation *p)
{
	struct flt_prepare_stats *st = p->st;
	uint64_t before = flt_writer_bytes(p->out);
	struct flt_writer_place place;
	int ret = survey_make(&p->s, p->in, p->opt);

	if (ret)
		return ret;
	choose_sizes(p);
	model_init(&p->model);
	ret = parts_choose(&p->parts, &p->s, p->in, p->opt ? p->opt->barriers : 0, p->fault_around);
	if (!ret)
		ret = measure(p);
	model_release(&p->model);
	if (!ret)
		ret = flt_writer_flush(p->out, false);
	if (ret)
		return ret;
	st->lanes = p->s.workers + p->s.helper;
	st->evaluations = p->s.nmarks;
	st->marks_inferred = p->s.marks_inferred;
	st->barriers_from = p->parts.from;
	flt_writer_note(p->out, &place);
	ret = write_program(p);
	if (ret) {
		flt_writer_rollback(p->out, &place);
		return ret;
	}
	take_notes(p);
	st->model = model_json(&p->model);
	ret = flt_writer_define(p->out, "program", flt_prepare_json(st));
	if (!ret)
		ret = flt_writer_flush(p->out, false);
	st->program_bytes = flt_writer_bytes(p->out) - before;
	return ret;
}

int flt_prepare(struct flt_reader *in, struct flt_writer *out,
		const struct flt_prepare_options *opt, struct flt_prepare_stats *st)
{
	struct preparation p = {.opt = opt, .st = st, .in = in, .out = out};
	int ret;

	memset(st, 0, sizeof(*st));
	ret = prepare(&p);
	if (ret) {
		json_decref(st->model);
		st->model = NULL;
	}
	parts_free(&p.parts);
	owners_free(&p.owners);
	model_release(&p.model);
	survey_free(&p.s);
	return ret;
}
