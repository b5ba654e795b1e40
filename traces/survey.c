// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The conversion's first pass: see survey.h. */
#include "survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_STREAM (1u << 21)
#define MAX_ID     (1u << 24) /* of files and regions that the conversion will index */

/* ---- definitions ---- */

static uint64_t get_u64(const json_t *obj, const char *key, uint64_t def)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
								: def;
}

static size_t ids_end(const json_t *defs)
{
	const json_t *obj;
	uint64_t max = 0;
	size_t i;

	json_array_foreach (defs, i, obj) {
		uint64_t id = get_u64(obj, "id", FLT_NONE);

		if (id < MAX_ID && id + 1 > max)
			max = id + 1;
	}
	return (size_t)max;
}

static bool model_name(const char *path)
{
	static const char *const ends[] = {".gguf", ".safetensors", ".ggml", ".bin"};
	size_t n = path ? strlen(path) : 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t m = strlen(ends[i]);

		if (n > m && !strcasecmp(path + n - m, ends[i]))
			return true;
	}
	return false;
}

/*
 * What is the model? What the recorder says; else files named like one; else
 * large files; else every file that is not program text.
 */
static bool file_matches(const struct survey *s, const json_t *def, const uint8_t *text, int rule)
{
	uint64_t id = get_u64(def, "id", FLT_NONE);

	switch (rule) {
	case 0:
		return json_is_true(json_object_get(def, "model"));
	case 1:
		return model_name(json_string_value(json_object_get(def, "path")));
	case 2:
		return s->file_size[id] >= 32u << 20 && !text[id];
	default:
		return !text[id];
	}
}

static int survey_files(struct survey *s, struct flt_reader *r)
{
	const json_t *files = flt_definitions(r, "file"), *regions = flt_definitions(r, "region");
	const json_t *def;
	uint8_t *text;
	bool found = false;
	size_t i;

	s->nfiles = ids_end(files);
	s->nregions = ids_end(regions);
	s->region_file = malloc((s->nregions + 1) * sizeof(*s->region_file));
	s->model_file = calloc(s->nfiles + 1, 1);
	s->file_size = calloc(s->nfiles + 1, sizeof(*s->file_size));
	s->file_base = calloc(s->nfiles + 1, sizeof(*s->file_base));
	text = calloc(s->nfiles + 1, 1);
	if (!s->region_file || !s->model_file || !s->file_size || !s->file_base || !text) {
		free(text);
		return -ENOMEM;
	}
	for (i = 0; i < s->nregions; i++)
		s->region_file[i] = FLT_NONE;
	json_array_foreach (regions, i, def) {
		uint64_t id = get_u64(def, "id", FLT_NONE), file = get_u64(def, "file", FLT_NONE);

		if (id < s->nregions)
			s->region_file[id] = file;
		if (file < s->nfiles && get_u64(def, "prot", 0) & 4 /* PROT_EXEC */)
			text[file] = 1;
	}
	json_array_foreach (files, i, def) {
		uint64_t id = get_u64(def, "id", FLT_NONE);

		if (id < s->nfiles)
			s->file_size[id] = get_u64(def, "size", 0);
	}
	for (int rule = 0; rule < 4 && !found; rule++) {
		json_array_foreach (files, i, def) {
			uint64_t id = get_u64(def, "id", FLT_NONE);

			if (id >= s->nfiles || !file_matches(s, def, text, rule))
				continue;
			s->model_file[id] = 1;
			found = true;
		}
	}
	for (i = 0; i < s->nfiles; i++) {
		s->file_base[i] = s->model_bytes;
		if (s->model_file[i] && s->file_size[i] < UINT64_MAX - s->model_bytes)
			s->model_bytes += s->file_size[i];
	}
	free(text);
	return 0;
}

static void survey_metrics(struct survey *s, struct flt_reader *r)
{
	const json_t *defs = flt_definitions(r, "metric"), *def;
	size_t i;

	s->footprint_metric = s->shmem_metric = s->swap_metric = FLT_NONE;
	json_array_foreach (defs, i, def) {
		const char *name = json_string_value(json_object_get(def, "name"));
		uint64_t id = get_u64(def, "id", FLT_NONE);

		if (!name)
			continue;
		if (!strcmp(name, "process.rss_anon"))
			s->footprint_metric = id;
		else if (!strcmp(name, "process.rss_shmem"))
			s->shmem_metric = id;
		else if (!strcmp(name, "process.swap"))
			s->swap_metric = id;
	}
}

/* ---- sweeps: evaluations without a probe ---- */

#define SEGMENTS 256
#define MIN_SPAN 32

/*
 * A pass over the model begins where a part of it is touched again after at
 * least half of all that a pass touches has been touched since. Parts that stay
 * resident do not fault and do not count.
 */
struct sweep {
	uint32_t number, order[SEGMENTS], seen[SEGMENTS]; /* seen: sweep number */
	uint32_t count, widest;
	uint64_t last_end;
};

static int mark_push(struct survey *s, const struct survey_mark *m)
{
	if (s->nmarks == s->cap_marks) {
		size_t cap = s->cap_marks ? s->cap_marks * 2 : 64;
		struct survey_mark *p = realloc(s->mark, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		s->mark = p;
		s->cap_marks = cap;
	}
	s->mark[s->nmarks++] = *m;
	return 0;
}

static int sweep_begin(struct survey *s, struct sweep *w, uint64_t start)
{
	struct survey_mark m = {.start = start,
				.end = start,
				.tokens = FLT_NONE,
				.symbol = FLT_NONE,
				.mark_class = FLT_MC_EVALUATION,
				.flags = FLT_MF_INFERRED};

	if (s->nmarks)
		s->mark[s->nmarks - 1].end = w->last_end < start ? w->last_end : start;
	w->number++;
	w->count = 0;
	return mark_push(s, &m);
}

static int sweep_fault(struct survey *s, struct sweep *w, const struct flt_record *r, uint64_t file)
{
	uint64_t at = s->file_base[file] + r->f[FLT_FAULT_OFFSET];
	uint64_t size = s->model_bytes ? s->model_bytes : 1;
	uint32_t seg, need;
	int ret = 0;

	seg = at >= size ? SEGMENTS - 1 : (uint32_t)((double)at / (double)size * SEGMENTS);
	seg = seg < SEGMENTS ? seg : SEGMENTS - 1;
	need = w->widest / 2 > MIN_SPAN ? w->widest / 2 : MIN_SPAN;
	if (!w->number ||
	    (w->seen[seg] == w->number && w->count - w->order[seg] >= need && w->count > need))
		ret = sweep_begin(s, w, r->start);
	if (w->seen[seg] != w->number) {
		w->seen[seg] = w->number;
		w->order[seg] = w->count++;
		w->widest = w->count > w->widest ? w->count : w->widest;
	}
	w->last_end = flt_end(r);
	return ret;
}

/* ---- the pass ---- */

static int stream_get(struct survey *s, uint32_t id, struct survey_stream **out)
{
	if (id >= MAX_STREAM)
		return -EBADMSG;
	if (id >= s->nstreams) {
		size_t n = (size_t)id + id / 2 + 16;
		struct survey_stream *p = realloc(s->stream, n * sizeof(*p));

		if (!p)
			return -ENOMEM;
		memset(p + s->nstreams, 0, (n - s->nstreams) * sizeof(*p));
		for (size_t i = s->nstreams; i < n; i++) {
			p[i].first = UINT64_MAX;
			p[i].lane = FLT_NO_LANE;
		}
		s->stream = p;
		s->nstreams = n;
	}
	*out = &s->stream[id];
	return 0;
}

static bool of_a_thread(uint32_t kind)
{
	return kind == FLT_FAULT || kind == FLT_BARRIER || kind == FLT_READ || kind == FLT_HINT;
}

static int take_mark(struct survey *s, const struct flt_record *r)
{
	struct survey_mark m = {.start = r->start,
				.end = flt_end(r),
				.tokens = r->f[FLT_MARK_TOKENS],
				.symbol = r->f[FLT_MARK_SYMBOL],
				.mark_class = (uint32_t)r->f[FLT_MARK_CLASS],
				.flags = (uint32_t)r->f[FLT_MARK_FLAGS]};

	switch (m.mark_class) {
	case FLT_MC_EVALUATION:
	case FLT_MC_PROMPT:
	case FLT_MC_DECODE:
	case FLT_MC_WARMUP:
		break;
	default:
		return 0;
	}
	/* Marks arrive by their ends: one that encloses the last ones is an outer
	 * function, of which the inner calls say more. One that merely seems to begin
	 * before the last one's end follows it: ends and durations are rounded. */
	if (s->nmarks && m.start < s->mark[s->nmarks - 1].end) {
		if (s->mark[s->nmarks - 1].end - m.start > (m.end - m.start) / 16)
			return 0;
		m.start = s->mark[s->nmarks - 1].end;
	}
	return mark_push(s, &m);
}

static int survey_record(struct survey *s, struct sweep *w, const struct flt_record *r)
{
	struct survey_stream *st;
	uint64_t file;
	int ret;

	if (r->kind == FLT_MARK)
		return take_mark(s, r);
	if (!of_a_thread(r->kind))
		return 0;
	ret = stream_get(s, r->stream, &st);
	if (ret)
		return ret;
	st->records++;
	st->first = r->start < st->first ? r->start : st->first;
	st->last = flt_end(r) > st->last ? flt_end(r) : st->last;
	s->end = st->last > s->end ? st->last : s->end;
	if (r->kind == FLT_BARRIER) {
		st->barriers++;
		s->barriers++;
	} else if (r->kind == FLT_FAULT) {
		file = survey_model_file(s, r->f[FLT_FAULT_REGION]);
		if (file == FLT_NONE)
			return 0;
		st->model_faults++;
		s->model_faults++;
		if (w)
			return sweep_fault(s, w, r, file);
	}
	return 0;
}

static int survey_pass(struct survey *s, struct flt_reader *r, bool sweeps,
		       const struct flt_prepare_options *opt)
{
	static const size_t batch = 1024;
	struct flt_record *rec = malloc(batch * sizeof(*rec));
	struct sweep *w = sweeps ? calloc(1, sizeof(*w)) : NULL;
	uint64_t done = 0, total = flt_record_count(r, FLT_RECORDING);
	struct flt_cursor *c = NULL;
	ssize_t n = 0;
	int ret = -ENOMEM;

	if (!rec || (sweeps && !w))
		goto out;
	ret = flt_cursor_open(&c, r, FLT_RECORDING, FLT_ALL_STREAMS);
	while (!ret && (n = flt_cursor_next(c, rec, batch)) > 0) {
		for (ssize_t i = 0; !ret && i < n; i++)
			ret = survey_record(s, w, &rec[i]);
		done += (uint64_t)n;
		if (!ret && opt && opt->progress &&
		    !opt->progress(opt->progress_arg, done / 2, total))
			ret = -ECANCELED;
	}
	ret = ret ? ret : n < 0 ? (int)n : 0;
	if (!ret && w && s->nmarks)
		s->mark[s->nmarks - 1].end = w->last_end;
out:
	flt_cursor_close(c);
	free(rec);
	free(w);
	return ret;
}

/* ---- lanes ---- */

struct candidate {
	uint32_t id;
	uint64_t first, last;
};

static int by_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Too many: what is beyond goes to the helper lane, which meets at no barrier. */
static int fold_lanes(struct survey *s, uint32_t max_lanes)
{
	if (max_lanes < 2)
		return -E2BIG;
	s->workers = max_lanes - 1;
	s->helper = true;
	for (size_t i = 0; i < s->nstreams; i++)
		if (s->stream[i].lane >= s->workers)
			s->stream[i].lane = FLT_NO_LANE;
	return 0;
}

/*
 * A thread that meets at barriers or takes its share of the model's faults is a
 * worker. Threads that never live at the same time share a lane: a thread pool
 * that is made anew for every graph is still the same few lanes. The stream that
 * comes first is the main thread.
 */
static int survey_lanes(struct survey *s, uint32_t max_lanes)
{
	struct candidate *c = calloc(s->nstreams ? s->nstreams : 1, sizeof(*c));
	uint64_t *busy_until = NULL, least = s->model_faults / 200;
	size_t n = 0;
	int ret = 0;

	least = least ? least : 1;
	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < s->nstreams; i++) {
		struct survey_stream *st = &s->stream[i];

		if (!st->records)
			continue;
		if (st->barriers || st->model_faults >= least)
			c[n++] = (struct candidate){(uint32_t)i, st->first, st->last};
		else if (st->model_faults)
			s->helper = true;
	}
	qsort(c, n, sizeof(*c), by_first);
	busy_until = calloc(n ? n : 1, sizeof(*busy_until));
	if (!busy_until) {
		ret = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t lane = 0;

		while (lane < s->workers && busy_until[lane] > c[i].first)
			lane++;
		if (lane == s->workers)
			s->workers++;
		busy_until[lane] = c[i].last;
		s->stream[c[i].id].lane = lane;
	}
	if (s->workers + s->helper > max_lanes)
		ret = fold_lanes(s, max_lanes);
out:
	free(busy_until);
	free(c);
	return ret;
}

int survey_make(struct survey *s, struct flt_reader *r, const struct flt_prepare_options *opt)
{
	uint32_t max_lanes = opt && opt->max_lanes ? opt->max_lanes : 1024;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = survey_files(s, r);
	if (ret)
		return ret;
	survey_metrics(s, r);
	ret = survey_pass(s, r, false, opt);
	if (ret)
		return ret;
	if (!s->model_faults)
		return -ENODATA;
	if (!s->nmarks) {
		for (size_t i = 0; i < s->nstreams; i++)
			s->stream[i].records = s->stream[i].model_faults = s->stream[i].barriers =
				0;
		s->model_faults = s->barriers = 0;
		s->marks_inferred = true;
		ret = survey_pass(s, r, true, NULL);
		if (ret)
			return ret;
	}
	/* Every lane gets every mark: marks without anything between them would be a flood. */
	if (s->nmarks > 16 + s->model_faults + s->barriers)
		return -EBADMSG;
	return survey_lanes(s, max_lanes);
}

void survey_free(struct survey *s)
{
	free(s->stream);
	free(s->mark);
	free(s->region_file);
	free(s->model_file);
	free(s->file_size);
	free(s->file_base);
	memset(s, 0, sizeof(*s));
}
