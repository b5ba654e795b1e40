// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to be known before a recording is read evaluation by evaluation: a first pass over it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/evaluations.h"
#include "analysis/explain.h"

#define BATCH       4096
#define ROUNDING_NS 20000 /* of times in a trace, ends and durations each for themselves */

struct mark {
	uint64_t start, end, mark_class, id, tokens;
	uint32_t stream;
};

struct survey {
	struct mark *mark;
	size_t marks, room;
	uint64_t last_ns; /* last end of a fault or barrier */
	uint64_t end_ns;  /* of the run, by a mark; FLT_NONE: there is none */
};

bool ana_phase_of(uint64_t mark_class, enum ana_phase *phase)
{
	switch (mark_class) {
	case FLT_MC_LOAD:
		*phase = ANA_PHASE_LOAD;
		return true;
	case FLT_MC_WARMUP:
		*phase = ANA_PHASE_WARMUP;
		return true;
	case FLT_MC_PROMPT:
		*phase = ANA_PHASE_PROMPT;
		return true;
	case FLT_MC_EVALUATION:
		*phase = ANA_PHASE_EVALUATION;
		return true;
	case FLT_MC_DECODE:
		*phase = ANA_PHASE_DECODE;
		return true;
	}
	return false;
}

/* The engine's own marks: they carry the numbers of the trace that is replayed. */
static bool by_engine(const struct ana_side *s, const struct flt_record *rec)
{
	const json_t *symbol = flt_definition(s->r, "symbol", rec->f[FLT_MARK_SYMBOL]);

	return !strcmp(ana_text(symbol, "name", ""), "faultline_evaluation");
}

static int add_mark(struct ana_side *s, struct survey *v, const struct flt_record *rec)
{
	enum ana_phase phase;

	s->marks_inferred |= !!(rec->f[FLT_MARK_FLAGS] & FLT_MF_INFERRED);
	s->replay |= by_engine(s, rec);
	if (rec->f[FLT_MARK_CLASS] == FLT_MC_END)
		v->end_ns = rec->start;
	if (!ana_phase_of(rec->f[FLT_MARK_CLASS], &phase))
		return 0;
	if (v->marks == v->room) {
		size_t room = v->room ? v->room * 2 : 256;
		struct mark *grown = reallocarray(v->mark, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		v->mark = grown;
		v->room = room;
	}
	v->mark[v->marks++] = (struct mark){
		.start = rec->start,
		.end = flt_end(rec),
		.mark_class = rec->f[FLT_MARK_CLASS],
		.id = rec->f[FLT_MARK_ID],
		.tokens = rec->f[FLT_MARK_TOKENS],
		.stream = rec->stream,
	};
	return 0;
}

static int look_at(struct ana_side *s, struct survey *v, const struct flt_record *rec)
{
	size_t device;

	switch (rec->kind) {
	case FLT_MARK:
		return add_mark(s, v, rec);
	case FLT_FAULT:
		s->has_faults = true;
		break;
	case FLT_BARRIER:
		s->has_barriers = true;
		break;
	case FLT_OFFCPU:
		s->has_offcpu = true;
		return 0;
	case FLT_CACHE:
		s->has_cache = true;
		s->has_orders |= rec->f[FLT_CACHE_ORDER] != FLT_NONE;
		return 0;
	case FLT_BLOCK:
		device = ana_ids_index(&s->devices, rec->f[FLT_BLOCK_DEVICE]);
		s->has_blocks = true;
		if (rec->f[FLT_BLOCK_OP] == 0 && !(rec->f[FLT_BLOCK_FLAGS] & FLT_BF_FOREIGN))
			s->counted[device] = true;
		return 0;
	default:
		return 0;
	}
	if (flt_end(rec) > v->last_ns)
		v->last_ns = flt_end(rec);
	return 0;
}

/* A read is seen at a stacked device and again at its members: there the one above counts. */
static void leave_members_out(struct ana_side *s)
{
	const json_t *def, *name;
	size_t i, k;

	json_array_foreach (s->devices.defs, i, def) {
		if (!s->counted[i])
			continue;
		json_array_foreach (json_object_get(def, "members"), k, name) {
			for (size_t m = 0; m < s->devices.count; m++) {
				const json_t *other = json_array_get(s->devices.defs, m);
				const char *text = json_string_value(name);

				if (m != i && text && !strcmp(text, ana_text(other, "name", "")))
					s->counted[m] = false;
			}
		}
	}
}

static int by_start(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static int add_pass(struct ana_side *s, const struct ana_pass *pass, uint32_t main)
{
	size_t before = s->room;
	int ret = ana_side_add_pass(s, pass);

	if (!ret && s->room != before) {
		uint32_t *grown = reallocarray(s->main_stream, s->room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->main_stream = grown;
	}
	if (!ret)
		s->main_stream[s->passes - 1] = main;
	return ret;
}

/*
 * The number that the engine told with an evaluation, from the trailer's list; FLT_NONE: it is not
 * there.
 */
static uint64_t told_number(const struct ana_side *s, uint64_t start, size_t *next)
{
	const json_t *list = json_object_get(flt_trailer(s->r), "evaluations");

	for (; *next < json_array_size(list); ++*next) {
		const json_t *one = json_array_get(list, *next);
		uint64_t at = ana_number(one, "start_ns", 0);

		if (at > start && at - start > ROUNDING_NS)
			break;
		if (at >= start || start - at <= ROUNDING_NS)
			return ana_number(one, "index", FLT_NONE);
	}
	return FLT_NONE;
}

/*
 * From the recording's marks. A replay numbers its evaluations as the trace does that it replays;
 * where they begin again from a lower one, that is another pass of loops=. Marks may enclose each
 * other: then the outer one counts.
 */
static int passes_from_marks(struct ana_side *s, struct survey *v)
{
	uint64_t until = 0, number = 0;
	bool again = false;
	size_t next = 0;
	int ret = 0;

	qsort(v->mark, v->marks, sizeof(*v->mark), by_start);
	for (size_t i = 0; i < v->marks && !ret; i++) {
		const struct mark *mark = &v->mark[i];
		bool load = mark->mark_class == FLT_MC_LOAD;
		struct ana_pass pass = {
			.start = mark->start,
			.end = mark->end,
			.tokens = mark->tokens,
			.number = FLT_NONE,
		};

		ana_phase_of(mark->mark_class, &pass.phase);
		if (s->passes && mark->start + ROUNDING_NS < until)
			continue;
		until = mark->end;
		if (load)
			pass.number = 0;
		else if (s->replay)
			pass.number = told_number(s, mark->start, &next);
		if (pass.number == FLT_NONE)
			pass.number = s->passes ? number + 1 : 1;
		again |= s->replay && s->passes && pass.number <= number;
		number = pass.number;
		/* It lasts until the next one begins. */
		if (s->passes && !s->later_passes)
			s->pass[s->passes - 1].end = mark->start;
		s->later_passes += again;
		if (!again)
			ret = add_pass(s, &pass, mark->stream);
	}
	return ret;
}

/* From the program's summary, for what the recording has no marks for. */
static int passes_from_plan(struct ana_side *s)
{
	struct ana_evaluations e;
	int ret = ana_evaluations_load(&e, s->r);

	for (size_t i = 0; !ret && e.planned && i < e.count; i++) {
		struct ana_pass pass = {
			.start = e.span[i].start,
			.end = e.span[i].end,
			.tokens = e.span[i].tokens,
			.number = i,
		};

		if (s->passes)
			s->pass[s->passes - 1].end = pass.start;
		if (ana_phase_of(e.span[i].mark_class, &pass.phase))
			ret = add_pass(s, &pass, FLT_ALL_STREAMS);
	}
	s->marks_inferred |= s->passes > 0;
	ana_evaluations_free(&e);
	return ret;
}

static void find_models(struct ana_side *s)
{
	const json_t *def;
	size_t i;
	bool any = false;

	json_array_foreach (s->files.defs, i, def) {
		const char *path = ana_text(def, "path", "?"), *slash = strrchr(path, '/');

		s->model_file[i] = ana_true(def, "model");
		if (!s->model_file[i])
			continue;
		if (!any) {
			strcpy(s->model, "");
			strncat(s->model, slash && slash[1] ? slash + 1 : path,
				sizeof(s->model) - 1);
		}
		any = true;
		s->model_bytes += ana_number(def, "size", 0);
	}
	json_array_foreach (s->regions.defs, i, def) {
		size_t file = ana_ids_index(&s->files, ana_number(def, "file", FLT_NONE));

		/* Not told what the model is: any file but program text may be. */
		s->model_region[i] =
			file < s->files.count &&
			(any ? s->model_file[file] : !(ana_number(def, "prot", 0) & 4));
	}
}

int ana_side_survey(struct ana_side *s)
{
	struct flt_record *rec = calloc(BATCH, sizeof(*rec));
	struct survey v = {.end_ns = FLT_NONE};
	struct ana_progress progress;
	struct flt_cursor *c = NULL;
	uint64_t done = 0;
	ssize_t n = 0;
	int ret = rec ? flt_cursor_open(&c, s->r, FLT_RECORDING, FLT_ALL_STREAMS) : -ENOMEM;

	ana_progress_begin(&progress, s->path, "records", flt_record_count(s->r, FLT_RECORDING));
	while (!ret && (n = flt_cursor_next(c, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n && !ret; i++)
			ret = look_at(s, &v, &rec[i]);
		done += (uint64_t)n;
		ana_progress_update(&progress, done);
	}
	ana_progress_end(&progress);
	if (!ret && n < 0)
		ret = (int)n;
	if (!ret) {
		leave_members_out(s);
		find_models(s);
		ret = v.marks ? passes_from_marks(s, &v) : passes_from_plan(s);
	}
	/* The last one has no successor. */
	if (!ret && s->passes && !s->later_passes) {
		struct ana_pass *last = &s->pass[s->passes - 1];

		if (v.end_ns != FLT_NONE && v.end_ns > last->start)
			last->end = v.end_ns;
		else if (last->end == last->start && v.last_ns > last->start)
			last->end = v.last_ns;
	}
	flt_cursor_close(c);
	free(v.mark);
	free(rec);
	return ret;
}
