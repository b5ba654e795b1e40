// SPDX-License-Identifier: GPL-2.0-only
#include "engines/plan_group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/footprint.h"
#include "engines/pressure.h"
#include "engines/recorded_held.h"
#include "engines/selection.h"
#include "engines/warnings.h"

#define DEFAULT_DIRECTORY "data"
#define HUGE_PAGE         (2ull << 20)

/* ---- the trace ------------------------------------------------------------------- */

static int open_trace(struct eng_group *g, struct host_err *err)
{
	char text[256] = "";
	int ret;

	ret = flt_open(&g->trace, g->set.trace, FLT_OPEN_NOCACHE, text, sizeof(text));
	if (ret == -ENOENT)
		return host_fail(err, ret, "trace=%s: %s", g->set.trace, strerror(ENOENT));
	if (ret)
		return host_fail(err, ret, "trace=%s: %s", g->set.trace,
				 text[0] ? text : strerror(-ret));
	if (!flt_finished(g->trace))
		return host_fail(
			err, -EBADMSG,
			"trace=%s is unfinished (%s): 'faultline verify --repair' makes a finished copy",
			g->set.trace, flt_unfinished_reason(g->trace));
	ret = flt_plan_open(g->trace, &g->plan);
	if (ret == -ENODATA)
		return host_fail(err, ret,
				 "trace=%s has no replay program: 'faultline prepare' derives it",
				 g->set.trace);
	if (ret)
		return host_fail(err, ret, "trace=%s: %s", g->set.trace, strerror(-ret));
	if (g->plan->lanes > ENG_MAX_LANES)
		return host_fail(err, -E2BIG, "trace=%s has %u lanes, more than %d", g->set.trace,
				 g->plan->lanes, ENG_MAX_LANES);
	return 0;
}

static const char *text_of(const json_t *o, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : otherwise;
}

static int make_lanes(struct eng_group *g, struct host_err *err)
{
	size_t bytes = g->plan->lanes * sizeof(*g->lane);
	int ret;

	g->lanes = g->plan->lanes;
	g->lane = aligned_alloc(ENG_CACHE_LINE, bytes);
	if (!g->lane)
		return -ENOMEM;
	memset(g->lane, 0, bytes);
	for (uint32_t i = 0; i < g->lanes; i++) {
		const json_t *def = flt_definition(g->trace, "lane", i);
		struct flt_lane_plan p;

		ret = flt_plan_lane(g->trace, i, 0, g->plan->evaluations - 1, &p);
		if (ret)
			return host_fail(err, ret, "trace=%s: lane %u: %s", g->set.trace, i,
					 strerror(-ret));
		g->lane[i].id = i;
		g->lane[i].barriers = p.barriers > 0;
		g->barrier_lanes += p.barriers > 0;
		snprintf(g->lane[i].role, sizeof(g->lane[i].role), "%s",
			 text_of(def, "role", "worker"));
		if (!strcmp(g->lane[i].role, "main"))
			g->main_lane = i;
	}
	return 0;
}

/*
 * With a CPU for each, threads spin. Without, those of libgomp, on which ggml's barrier stands where it was built with
 * OpenMP, soon sleep: 4 real threads on 2 CPUs needed 1.5 s for a token that 4 spinning lanes took 5.4 s for, and
 * sleeping ones 1.7 s.
 */
static void choose_waits(struct eng_group *g)
{
	const json_t *machine = json_object_get(flt_header(g->trace), "machine");
	json_int_t had =
		json_integer_value(json_object_get(json_object_get(machine, "cpu"), "online"));
	bool crowded = g->jobs > g->cpus, was = had > 0 && had < (json_int_t)g->lanes;

	g->spin = g->set.waits == ENG_WAITS_SPIN || (g->set.waits == ENG_WAITS_AUTO && !crowded);
	if (!crowded || was)
		return;
	if (!g->spin)
		eng_warn(
			g,
			"%u jobs share %u CPUs: waits sleep instead of spinning, which the recorded threads did not do",
			g->jobs, g->cpus);
	else
		eng_warn(
			g,
			"%u jobs share %u CPUs and spin while they wait, which the recorded threads did with a CPU for each",
			g->jobs, g->cpus);
}

static int check_jobs(struct eng_group *g, const struct eng_request *rq, struct host_err *err)
{
	size_t bytes = rq->jobs * sizeof(*g->job);

	g->shared = g->set.streams == ENG_STREAMS_SHARED;
	if (!g->shared && rq->jobs != g->lanes)
		return host_fail(
			err, -EINVAL,
			"%s has %u lane%s, so streams=recorded needs %u job%s instead of %u: numjobs=%u (or "
			"streams=shared)",
			g->set.trace, g->lanes, g->lanes == 1 ? "" : "s", g->lanes,
			g->lanes == 1 ? "" : "s", rq->jobs, g->lanes);
	g->jobs = rq->jobs;
	g->cpus = rq->cpus;
	g->job = aligned_alloc(ENG_CACHE_LINE, bytes);
	if (!g->job)
		return -ENOMEM;
	memset(g->job, 0, bytes);
	choose_waits(g);
	return 0;
}

/* ---- memory ---------------------------------------------------------------------- */

/* A recorded footprint is known when its record comes; a given one is refused before anything starts. */
static int check_footprint(struct eng_group *g, struct host_err *err)
{
	uint64_t bytes = g->set.footprint, room = eng_footprint_free_memory();

	if (bytes == ENG_FOOTPRINT_RECORDED || bytes <= room)
		return 0;
	return host_fail(err, -E2BIG,
			 "footprint= of %" PRIu64
			 " MiB does not fit into this machine's memory, of which %" PRIu64
			 " MiB are free",
			 bytes >> 20, room >> 20);
}

/* ---- data files ---------------------------------------------------------------------- */

static uint64_t region_address(const struct eng_group *g, uint64_t file)
{
	const json_t *regions = flt_definitions(g->trace, "region"), *o;
	uint64_t largest = 0, address = 0;
	size_t i;

	json_array_foreach (regions, i, o) {
		const json_t *id = json_object_get(o, "file");
		uint64_t length = (uint64_t)json_integer_value(json_object_get(o, "length"));

		if (!json_is_integer(id) || (uint64_t)json_integer_value(id) != file ||
		    length <= largest)
			continue;
		largest = length;
		address = (uint64_t)json_integer_value(json_object_get(o, "addr")) -
			  (uint64_t)json_integer_value(json_object_get(o, "offset"));
	}
	return address & (HUGE_PAGE - 1);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int name_file(struct eng_file *f, const struct eng_request *rq, uint32_t index,
		     struct host_err *err)
{
	const char *name = base_name(f->recorded);
	int n;

	if (rq->filenames) {
		f->path = strdup(rq->filename[index]);
		return f->path ? 0 : -ENOMEM;
	}
	/* The name comes out of the trace: it must not lead anywhere else. */
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strlen(name) > 255)
		return host_fail(err, -EBADMSG, "trace=%s: \"%s\" is no file name", rq->set.trace,
				 f->recorded);
	n = asprintf(&f->path, "%s/%s", rq->directory ? rq->directory : DEFAULT_DIRECTORY, name);
	return n < 0 ? -ENOMEM : 0;
}

/*
 * Which files a replay needs: those that the recorder calls the model; where it could not tell, those that the program
 * touches, for which all of it is read once.
 */
static int find_used(struct eng_group *g, bool *used, size_t n)
{
	const json_t *defs = flt_definitions(g->trace, "file"), *o;
	struct flt_record rec[64];
	struct flt_cursor *c = NULL;
	bool any = false;
	ssize_t got = 0;
	size_t i;
	int ret;

	json_array_foreach (defs, i, o)
		any |= used[i] = json_is_true(json_object_get(o, "model"));
	if (any)
		return 0;
	ret = flt_cursor_open(&c, g->trace, FLT_PROGRAM, FLT_ALL_STREAMS);
	while (!ret && (got = flt_cursor_next(c, rec, 64)) > 0) {
		for (ssize_t k = 0; k < got; k++) {
			if (rec[k].kind != FLT_P_WINDOW && rec[k].kind != FLT_P_READ)
				continue;
			for (i = 0; i < n; i++)
				used[i] |= (uint64_t)json_integer_value(json_object_get(
						   json_array_get(defs, i), "id")) ==
					   rec[k].f[FLT_P_WINDOW_FILE];
		}
	}
	flt_cursor_close(c);
	return ret ? ret : got < 0 ? (int)got : 0;
}

static int add_file(struct eng_group *g, const struct eng_request *rq, const json_t *def,
		    struct host_err *err)
{
	struct eng_file *f = &g->file[g->files];
	int ret;

	f->fd = -1;
	f->trace_id = (uint64_t)json_integer_value(json_object_get(def, "id"));
	f->recorded = text_of(def, "path", "");
	f->size = (uint64_t)json_integer_value(json_object_get(def, "size"));
	f->address = region_address(g, f->trace_id);
	if (!f->size || f->size > (UINT64_C(1) << 47))
		return host_fail(err, -EBADMSG, "trace=%s: the size of %s is %" PRIu64,
				 g->set.trace, f->recorded, f->size);
	ret = name_file(f, rq, g->files, err);
	if (!ret)
		g->files++;
	return ret;
}

static int find_files(struct eng_group *g, const struct eng_request *rq, struct host_err *err)
{
	const json_t *defs = flt_definitions(g->trace, "file"), *o;
	size_t i, all = json_array_size(defs);
	bool *used = calloc(all + 1, sizeof(*used));
	uint32_t n = 0;
	int ret = used ? find_used(g, used, all) : -ENOMEM;

	if (ret && ret != -ENOMEM)
		host_fail(err, ret, "trace=%s: %s", g->set.trace, strerror(-ret));
	for (i = 0; i < all && !ret; i++)
		n += used[i];
	if (!ret && (!n || n > ENG_MAX_FILES))
		ret = host_fail(err, -EBADMSG, "trace=%s names %u data files", g->set.trace, n);
	if (!ret && rq->filenames && rq->filenames != n)
		ret = host_fail(
			err, -EINVAL,
			"filename= names %u file%s, but %s needs %u, in its own order, separated by colons",
			rq->filenames, rq->filenames == 1 ? "" : "s", g->set.trace, n);
	if (!ret && !(g->file = calloc(n + 1, sizeof(*g->file))))
		ret = -ENOMEM;
	json_array_foreach (defs, i, o) {
		if (!ret && used[i])
			ret = add_file(g, rq, o, err);
	}
	free(used);
	return ret;
}

static uint64_t seed_of(const char *name)
{
	uint64_t h = 0xcbf29ce484222325ull;

	/* FNV-1a: the same name and size give the same content, so that a file fits any trace of that model. */
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	return h;
}

static int lay_out(const struct eng_request *rq, struct eng_file *f, struct host_err *err)
{
	if (!rq->may_create)
		return host_fail(err, -ENOENT,
				 "%s: %s (and allow_file_create=0 forbids to make it)", f->path,
				 strerror(ENOENT));
	if (!rq->filenames && !rq->directory && mkdir(DEFAULT_DIRECTORY, 0777) && errno != EEXIST)
		return host_fail(err, -errno, "cannot create the folder %s: %s", DEFAULT_DIRECTORY,
				 strerror(errno));
	return host_datafile_make(f->path, f->size, seed_of(base_name(f->recorded)), rq->progress,
				  rq->progress_arg, err);
}

static int check_file(const struct eng_request *rq, struct eng_file *f, struct host_err *err)
{
	struct stat st;
	int ret;

	if (!f->path)
		return -ENOMEM;
	if (stat(f->path, &st)) {
		if (errno != ENOENT)
			return host_fail(err, -errno, "%s: %s", f->path, strerror(errno));
		ret = lay_out(rq, f, err);
		if (ret < 0)
			return ret;
	} else if (!S_ISREG(st.st_mode)) {
		return host_fail(err, -EINVAL, "%s is not a regular file", f->path);
	}
	ret = host_datafile_check(f->path, &f->facts, err);
	return ret ? ret : host_datafile_fit(f->path, &f->facts, f->size, err);
}

/* ---- all of it ------------------------------------------------------------------------- */

static void learn(struct eng_group *g)
{
	struct host_err err;

	g->devices = host_devices_of_path(g->file[0].path, g->device, HOST_DEVICES_MAX);
	if (g->devices < 0)
		g->devices = 0;
	g->machine = host_facts_machine();
	g->drive = host_facts_path(g->file[0].path, &err);
	g->swap = json_array_size(json_object_get(g->machine, "swap")) > 0;
}

static int name_result(struct eng_group *g, const struct eng_request *rq)
{
	static unsigned int nth; /* two groups of the same name in one job file */
	const char *dir = rq->aux_path && *rq->aux_path ? rq->aux_path : NULL;
	char tail[32] = "";
	int n;

	if (g->set.result && !strcmp(g->set.result, "none"))
		return 0;
	if (g->set.result && *g->set.result) {
		g->result_path = strdup(g->set.result);
		return g->result_path ? 0 : -ENOMEM;
	}
	for (const struct eng_group *o = g->next; o; o = o->next) {
		if (o->job && !strcmp(o->first_name, rq->job_name)) {
			snprintf(tail, sizeof(tail), "-%u", ++nth + 1);
			break;
		}
	}
	n = asprintf(&g->result_path, "%s%s%s%s.result.json", dir ? dir : "", dir ? "/" : "",
		     rq->job_name, tail);
	return n < 0 ? -ENOMEM : 0;
}

/* fio frees a job's options when that job ends, the others may still run. */
static int keep_settings(struct eng_group *g, const struct eng_settings *set)
{
	const char *from[] = {set->trace, set->tokens, set->phases, set->result};
	const char **to[] = {&g->set.trace, &g->set.tokens, &g->set.phases, &g->set.result};

	g->set = *set;
	for (int i = 0; i < ENG_KEPT; i++) {
		g->kept[i] = from[i] ? strdup(from[i]) : NULL;
		if (from[i] && !g->kept[i])
			return -ENOMEM;
		*to[i] = g->kept[i];
	}
	return 0;
}

int eng_plan_group(struct eng_group *g, const struct eng_request *rq, struct host_err *err)
{
	int ret = keep_settings(g, &rq->set);

	if (ret)
		return ret;
	g->loops = rq->loops ? rq->loops : 1;
	g->invalidate = rq->invalidate;
	g->inert = rq->create_only;
	g->page = (uint64_t)sysconf(_SC_PAGESIZE);
	g->held_len = 0;
	snprintf(g->fio_version, sizeof(g->fio_version), "%s", rq->fio_version);
	snprintf(g->first_name, sizeof(g->first_name), "%s", rq->job_name);
	ret = open_trace(g, err);
	if (!ret)
		ret = make_lanes(g, err);
	if (!ret)
		ret = check_jobs(g, rq, err);
	if (!ret)
		ret = eng_selection_make(g, err);
	if (!ret)
		ret = eng_pressure_check(g, err);
	if (!ret)
		ret = check_footprint(g, err);
	if (!ret)
		ret = find_files(g, rq, err);
	for (uint32_t i = 0; i < g->files && !ret; i++)
		ret = check_file(rq, &g->file[i], err);
	if (!ret)
		ret = name_result(g, rq);
	if (ret)
		return ret;
	ret = eng_recorded_held_read(g);
	if (ret)
		return host_fail(err, ret, "trace=%s: %s", g->set.trace, strerror(-ret));
	learn(g);
	eng_warn_of_trace(g);
	return 0;
}

uint64_t eng_plan_job_bytes(const struct eng_group *g, uint32_t job)
{
	const struct eng_selection *s = &g->sel;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < s->count; i++) {
		if (s->action[i] != ENG_MEASURE)
			continue;
		sum += g->plan->evaluation[i].bytes;
	}
	if (!g->shared && job < g->lanes) {
		struct flt_lane_plan p;

		/* Sparse selections are rare: the range is near enough for a progress display. */
		if (!flt_plan_lane(g->trace, job, s->first, s->last, &p))
			return p.bytes;
	}
	return sum / g->jobs;
}

void eng_plan_group_free(struct eng_group *g)
{
	for (uint32_t i = 0; i < g->files; i++) {
		eng_file_unmap(&g->file[i]);
		free(g->file[i].path);
	}
	free(g->file);
	for (int i = 0; i < ENG_KEPT; i++)
		free(g->kept[i]);
	eng_recorded_held_free(g);
	eng_selection_free(&g->sel);
	flt_plan_close(g->plan);
	flt_close(g->trace);
}
