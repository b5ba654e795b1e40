// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From a recording to a replay program: the second pass.
 *
 * Each lane is one record behind: the record at hand ("cur") grows while what
 * follows belongs to it. A fault inside the window at hand, and every wait that
 * the program does not replay (a fault on anonymous memory, a read of another
 * file), is added to its wait. What is left between the end of one record and
 * the start of the next is then the lane's own compute.
 */
#include "convert_lanes.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOOTPRINT_STEP (512u << 10) /* bytes: smaller changes are not worth a record */
#define IDLE_MIN       50000ull     /* ns: shorter pauses of a helper are not kept */

/* ---- records ---- */

static uint64_t file_end(const struct convert *c, uint64_t file)
{
	uint64_t size = c->s.file_size[file];

	return size ? (size + 4095) & ~4095ull : UINT64_MAX;
}

static int helper_idle(struct convert *c, uint32_t lane, uint64_t until)
{
	struct lane *l = &c->lane[lane];
	uint64_t from = l->has_cur ? flt_end(&l->cur) : l->last_end;

	if (until < from + IDLE_MIN) {
		convert_wait(l, 0, until);
		return 0;
	}
	return convert_begin(c, lane, FLT_P_IDLE, from, until);
}

/*
 * The pages that the thread can touch without another fault: those of the
 * fault-around window from the faulting page on, or from the window's start
 * where the lane was streaming through the file.
 */
static int take_fault(struct convert *c, uint32_t lane, const struct flt_record *r, uint64_t file)
{
	struct lane *l = &c->lane[lane];
	uint64_t at = r->f[FLT_FAULT_OFFSET], base = at & ~(c->fault_around - 1);
	uint64_t from = at, to = base + c->fault_around, flags = r->f[FLT_FAULT_FLAGS];
	int ret = 0;

	if (to > file_end(c, file))
		to = file_end(c, file);
	if (to <= at)
		return 0; /* beyond the file's end: it changed while it was recorded */
	if (!l->has_cur || l->cur.kind != FLT_P_WINDOW || l->cur.f[FLT_P_WINDOW_FILE] != file ||
	    at < l->cur.f[FLT_P_WINDOW_OFFSET] ||
	    at >= l->cur.f[FLT_P_WINDOW_OFFSET] + l->cur.f[FLT_P_WINDOW_LENGTH]) {
		if (l->window_file == file && l->window_end == base)
			from = base;
		/* A helper lane stands for many threads: what is between their faults is
		 * no one's compute. */
		if (c->s.helper && lane == c->lanes - 1)
			ret = helper_idle(c, lane, r->start);
		if (ret)
			return ret;
		ret = convert_begin(c, lane, FLT_P_WINDOW, r->start, flt_end(r));
		l->cur.f[FLT_P_WINDOW_FILE] = file;
		l->cur.f[FLT_P_WINDOW_OFFSET] = from;
		l->cur.f[FLT_P_WINDOW_LENGTH] = to - from;
		l->window_file = file;
		l->window_end = to;
	} else {
		convert_wait(l, r->start, flt_end(r));
	}
	if (flags & FLT_FF_MAJOR)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_MAJOR;
	if (flags & FLT_FF_BLOCKED)
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_BLOCKED;
	if ((flags & FLT_FF_WRITE) && (flags & FLT_FF_WRITE_KNOWN))
		l->cur.f[FLT_P_WINDOW_FLAGS] |= FLT_PW_WRITE;
	return ret;
}

/* The first thing that a worker does in an evaluation comes after its wait. */
static void worker_waits(struct convert *c, uint32_t lane, uint64_t start)
{
	struct lane *l = &c->lane[lane];

	if (lane && lane < c->s.workers && l->has_cur && l->cur.kind == FLT_P_MARK)
		convert_wait(l, 0, start);
}

static int take_hint(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	uint64_t file = r->f[FLT_HINT_FILE];
	struct flt_record *cur = &c->lane[lane].cur;
	int ret;

	if (!survey_is_model(&c->s, file)) {
		convert_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	}
	ret = convert_begin(c, lane, FLT_P_HINT, r->start, flt_end(r));
	cur->f[FLT_P_HINT_OP] = r->f[FLT_HINT_OP];
	cur->f[FLT_P_HINT_ADVICE] = r->f[FLT_HINT_ADVICE];
	cur->f[FLT_P_HINT_FILE] = file;
	cur->f[FLT_P_HINT_OFFSET] = r->f[FLT_HINT_OFFSET];
	cur->f[FLT_P_HINT_LENGTH] = r->f[FLT_HINT_LENGTH];
	return ret;
}

static int take_read(struct convert *c, uint32_t lane, const struct flt_record *r)
{
	uint64_t file = r->f[FLT_READ_FILE], length = r->f[FLT_READ_LENGTH];
	struct flt_record *cur = &c->lane[lane].cur;
	int ret;

	if (!survey_is_model(&c->s, file) || !length || length == FLT_NONE ||
	    r->f[FLT_READ_OFFSET] == FLT_NONE) {
		convert_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	}
	ret = convert_begin(c, lane, FLT_P_READ, r->start, flt_end(r));
	cur->f[FLT_P_READ_FILE] = file;
	cur->f[FLT_P_READ_OFFSET] = r->f[FLT_READ_OFFSET];
	cur->f[FLT_P_READ_LENGTH] = length;
	return ret;
}

static int take_sample(struct convert *c, const struct flt_record *r)
{
	uint64_t metric = r->f[FLT_SAMPLE_METRIC], value = r->f[FLT_SAMPLE_VALUE], sum, diff;
	struct lane *main = &c->lane[0];
	uint64_t at;
	int ret;

	if (value == FLT_NONE || main->evaluation > c->s.nmarks)
		return 0;
	if (metric == c->s.footprint_metric)
		c->anon = value;
	else if (metric == c->s.shmem_metric)
		c->shmem = value;
	else if (metric == c->s.swap_metric)
		c->swap = value;
	else
		return 0;
	sum = c->anon + c->shmem + c->swap;
	diff = sum > c->footprint ? sum - c->footprint : c->footprint - sum;
	/* The samples of one moment come one by one; swap is the last of them. */
	if (diff < FOOTPRINT_STEP || (metric != c->s.swap_metric && c->s.swap_metric != FLT_NONE))
		return 0;
	c->footprint = sum;
	/* It is put where the main lane stands, and takes no time from it. */
	at = main->has_cur ? flt_end(&main->cur) : main->last_end;
	ret = convert_begin(c, 0, FLT_P_FOOTPRINT, at, at);
	main->cur.f[FLT_P_FOOTPRINT_BYTES] = sum;
	return ret;
}

static int take(struct convert *c, const struct flt_record *r)
{
	uint64_t file = FLT_NONE;
	uint32_t lane;
	int ret;

	if (r->kind == FLT_SAMPLE)
		return take_sample(c, r);
	if (r->kind != FLT_FAULT && r->kind != FLT_BARRIER && r->kind != FLT_READ &&
	    r->kind != FLT_HINT)
		return 0;
	lane = c->s.stream[r->stream].lane;
	if (r->kind == FLT_FAULT)
		file = survey_model_file(&c->s, r->f[FLT_FAULT_REGION]);
	if (lane == FLT_NO_LANE) {
		/* Hints shape the file's read-ahead whoever gave them. */
		if (r->kind == FLT_HINT && survey_is_model(&c->s, r->f[FLT_HINT_FILE]))
			lane = 0;
		else if (file != FLT_NONE && c->s.helper)
			lane = c->lanes - 1;
		else
			return 0;
	}
	ret = convert_catch_up(c, flt_end(r));
	if (!ret)
		ret = convert_advance(c, lane, r->start);
	if (ret || c->lane[lane].evaluation > c->s.nmarks)
		return ret;
	worker_waits(c, lane, r->start);
	switch (r->kind) {
	case FLT_FAULT:
		if (file != FLT_NONE)
			return take_fault(c, lane, r, file);
		convert_wait(&c->lane[lane], r->start, flt_end(r));
		return 0;
	case FLT_READ:
		return take_read(c, lane, r);
	case FLT_HINT:
		return take_hint(c, lane, r);
	default:
		ret = convert_begin(c, lane, FLT_P_BARRIER, r->start, flt_end(r));
		c->lane[lane].cur.f[FLT_BARRIER_GROUP] = r->f[FLT_BARRIER_GROUP];
		c->lane[lane].cur.f[FLT_BARRIER_GENERATION] = r->f[FLT_BARRIER_GENERATION];
		return ret ? ret : convert_join(c, lane);
	}
}

/* ---- the whole ---- */

static int convert_pass(struct convert *c, struct flt_reader *in,
			const struct flt_prepare_options *opt)
{
	static const size_t batch = 1024;
	uint64_t total = flt_record_count(in, FLT_RECORDING), done = 0;
	struct flt_record *rec = malloc(batch * sizeof(*rec));
	struct flt_cursor *cur = NULL;
	ssize_t n = 0;
	int ret = -ENOMEM;

	if (!rec)
		return ret;
	ret = flt_cursor_open(&cur, in, FLT_RECORDING, FLT_ALL_STREAMS);
	while (!ret && (n = flt_cursor_next(cur, rec, batch)) > 0) {
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = take(c, &rec[i]);
		done += (uint64_t)n;
		if (!ret && opt && opt->progress &&
		    !opt->progress(opt->progress_arg, (total + done) / 2, total))
			ret = -ECANCELED;
	}
	ret = ret ? ret : n < 0 ? (int)n : 0;
	flt_cursor_close(cur);
	free(rec);
	return ret;
}

static int define_lanes(struct convert *c)
{
	for (uint32_t l = 0; l < c->lanes; l++) {
		json_t *streams = json_array();
		const char *role = l == 0 ? "main" : l < c->s.workers ? "worker" : "helper";
		int ret;

		for (size_t i = 0; i < c->s.nstreams; i++) {
			const struct survey_stream *st = &c->s.stream[i];

			if (st->lane == l ||
			    (st->lane == FLT_NO_LANE && st->model_faults && l >= c->s.workers))
				json_array_append_new(streams, json_integer((json_int_t)i));
		}
		ret = flt_writer_define(
			c->w, "lane",
			json_pack("{sisssO}", "id", (int)l, "role", role, "streams", streams));
		json_decref(streams);
		if (ret)
			return ret;
	}
	return 0;
}

static uint64_t power_of_two(uint64_t v)
{
	return v && !(v & (v - 1)) ? v : 0;
}

static uint64_t choose_fault_around(struct flt_reader *in, const struct flt_prepare_options *opt)
{
	const json_t *v = json_object_get(flt_header(in), "fault_around_bytes");
	const json_t *page = json_object_get(flt_header(in), "page_size");
	uint64_t around = opt ? power_of_two(opt->fault_around) : 0;

	if (!around && json_is_integer(v) && json_integer_value(v) > 0)
		around = power_of_two((uint64_t)json_integer_value(v));
	if (!around)
		around = 64 << 10;
	if (json_is_integer(page) && power_of_two((uint64_t)json_integer_value(page)) &&
	    (uint64_t)json_integer_value(page) > around)
		around = (uint64_t)json_integer_value(page);
	return around;
}

json_t *flt_prepare_json(const struct flt_prepare_stats *st)
{
	return json_pack("{sIsIsIsIsIsIsIsIsbss}", "lanes", (json_int_t)st->lanes, "evaluations",
			 (json_int_t)st->evaluations, "windows", (json_int_t)st->windows,
			 "window_bytes", (json_int_t)st->window_bytes, "barriers",
			 (json_int_t)st->barriers, "hints", (json_int_t)st->hints, "reads",
			 (json_int_t)st->reads, "compute_ns", (json_int_t)st->compute_ns,
			 "marks_inferred", st->marks_inferred, "note", st->note);
}

static void convert_note(struct convert *c)
{
	struct flt_prepare_stats *st = c->st;

	if (st->marks_inferred)
		snprintf(st->note, sizeof(st->note),
			 "evaluations were inferred from sweeps over the model: their borders are "
			 "approximate");
	else if (c->torn)
		snprintf(st->note, sizeof(st->note),
			 "%llu barriers were left out: not all of their threads were recorded",
			 (unsigned long long)c->torn);
}

static void convert_free(struct convert *c)
{
	for (uint32_t i = 0; c->lane && i < c->lanes; i++)
		free(c->lane[i].q);
	for (size_t g = 0; g < c->ngroups; g++)
		free(c->group[g].member);
	free(c->lane);
	free(c->group);
	free(c->summary);
	survey_free(&c->s);
}

int flt_prepare(struct flt_reader *in, struct flt_writer *out,
		const struct flt_prepare_options *opt, struct flt_prepare_stats *st)
{
	struct convert c = {.w = out, .st = st};
	uint64_t before = flt_writer_bytes(out);
	struct flt_writer_place place;
	int ret;

	memset(st, 0, sizeof(*st));
	ret = survey_make(&c.s, in, opt);
	if (ret)
		goto out;
	c.lanes = c.s.workers + c.s.helper;
	c.fault_around = choose_fault_around(in, opt);
	c.lane = calloc(c.lanes, sizeof(*c.lane));
	if (!c.lane) {
		ret = -ENOMEM;
		goto out;
	}
	st->lanes = c.lanes;
	st->evaluations = c.s.nmarks;
	st->marks_inferred = c.s.marks_inferred;
	ret = flt_writer_flush(out, false);
	if (ret)
		goto out;
	flt_writer_note(out, &place);
	ret = define_lanes(&c);
	for (uint32_t i = 0; !ret && i < c.lanes; i++)
		ret = convert_mark(&c, i, 0);
	if (!ret)
		ret = convert_pass(&c, in, opt);
	if (!ret)
		ret = convert_finish(&c);
	if (ret) {
		flt_writer_rollback(out, &place);
		goto out;
	}
	convert_note(&c);
	ret = flt_writer_define(out, "program", flt_prepare_json(st));
	if (!ret)
		ret = flt_writer_flush(out, false);
	st->program_bytes = flt_writer_bytes(out) - before;
out:
	convert_free(&c);
	return ret;
}
