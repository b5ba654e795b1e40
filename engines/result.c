// SPDX-License-Identifier: GPL-2.0-only
#include "engines/result.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "engines/figures.h"
#include "engines/group.h"
#include "engines/measure.h"
#include "engines/result_parts.h"
#include "engines/warnings.h"

#define RESULT_VERSION 1

/* ---- what was asked for --------------------------------------------------------------- */

/* Names a trace whatever its path: the header is written once, with the moment of the recording. */
static json_t *trace_id(const json_t *header)
{
	char *s = json_dumps(header, JSON_COMPACT | JSON_SORT_KEYS), hex[20];

	if (!s)
		return json_null();
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)XXH64(s, strlen(s), 0));
	free(s);
	return json_string(hex);
}

static json_t *trace_object(const struct eng_group *g)
{
	const json_t *h = flt_header(g->trace), *t = flt_trailer(g->trace);
	const json_t *judgement = json_object_get(t, "judgement");
	json_t *o = json_object();

	set(o, "path", text(g->set.trace));
	set(o, "size_bytes", count(flt_file_size(g->trace)));
	set(o, "id", trace_id(h));
	set(o, "label", copy(json_object_get(h, "label")));
	set(o, "mode", copy(json_object_get(h, "mode")));
	set(o, "created", copy(json_object_get(h, "created")));
	set(o, "command", copy(json_object_get(h, "command")));
	set(o, "lanes", count(g->lanes));
	set(o, "evaluations", count(g->plan->evaluations - 1));
	set(o, "memory_limit_bytes", copy(json_object_get(h, "memory_limit")));
	set(o, "serves_limit_bytes", copy(json_object_get(t, "serves_limit")));
	set(o, "predictive", copy(json_object_get(judgement, "predictive")));
	set(o, "why", copy(json_object_get(judgement, "why")));
	set(o, "marks_inferred",
	    copy(json_object_get(json_object_get(t, "program"), "marks_inferred")));
	return o;
}

static json_t *footprint_option(const struct eng_group *g)
{
	if (g->set.footprint == ENG_FOOTPRINT_RECORDED)
		return json_string("recorded");
	return g->set.footprint ? count(g->set.footprint) : json_string("none");
}

static json_t *options_object(const struct eng_group *g)
{
	json_t *o = json_object();

	set(o, "streams", text(eng_streams_name(g->set.streams)));
	set(o, "chunks", text(eng_chunking_name(g->set.chunks)));
	set(o, "waits", text(g->spin ? "spin" : "sleep"));
	set(o, "pace", text(eng_pace_name(g->set.pace)));
	set(o, "cpu_scale", json_real(g->set.cpu_scale));
	set(o, "pressure", text(eng_pressure_name(g->set.pressure)));
	set(o, "memory_limit", count(g->limit));
	set(o, "memory_limit_type", text(eng_limit_type_name(g->set.limit_type)));
	set(o, "hints", text(eng_hints_name(g->set.hints)));
	set(o, "tokens", text(g->set.tokens));
	set(o, "warmup", count(g->set.warmup));
	set(o, "phases", text(g->set.phases));
	set(o, "footprint", footprint_option(g));
	set(o, "loops", g->loops == UINT64_MAX ? json_null() : count(g->loops));
	set(o, "time_based", json_boolean(g->loops == UINT64_MAX));
	set(o, "invalidate", json_boolean(g->invalidate));
	set(o, "jobs", count(g->jobs));
	return o;
}

static json_t *selection_object(struct eng_group *g)
{
	static const char *const load[] = {"skipped", "unmeasured", "measured"};
	json_t *o = json_object();

	set(o, "first", count(g->sel.first));
	set(o, "last", count(g->sel.last));
	set(o, "warmup", count(g->sel.warm));
	set(o, "load", text(load[g->sel.action[0]]));
	set(o, "passes", count(atomic_load(&g->passes)));
	return o;
}

/* ---- figures ------------------------------------------------------------------------------ */

static json_t *between_object(const struct eng_spread *s)
{
	json_t *o;

	if (!s->n)
		return json_null();
	o = json_object();
	set(o, "n", count(s->n));
	set(o, "mean_ms", json_real(s->mean * 1e3));
	set(o, "median_ms", json_real(s->median * 1e3));
	set(o, "p95_ms", json_real(s->p95 * 1e3));
	set(o, "min_ms", json_real(s->min * 1e3));
	set(o, "max_ms", json_real(s->max * 1e3));
	return o;
}

static json_t *figures_object(struct eng_group *g, const struct eng_figures *f)
{
	json_t *o = json_object(), *r = json_object();
	char device[256];

	set(o, "duration_s", real(f->duration));
	set(o, "evaluations", count(f->evaluations));
	set(o, "tokens", count(f->tokens));
	set(o, "tokens_per_s", real(f->tokens_per_s));
	set(o, "evaluations_per_s", real(f->evaluations_per_s));
	set(o, "prompt_tokens_per_s", real(f->prompt_tokens_per_s));
	set(o, "load_s", real(f->load_s));
	set(o, "ttft_s", real(f->ttft));
	set(o, "inter_token", between_object(&f->between));
	set(o, "touched_bytes", count(f->touched));
	set(o, "model_bytes", count(f->model_bytes));
	set(o, "read_bytes", count(f->read_bytes));
	set(o, "read_bytes_source",
	    text(f->read_bytes == HOST_UNKNOWN ? NULL
		 : f->read_of_process          ? "process"
					       : "device"));
	set(o, "model_reads", real(f->model_reads));
	set(o, "read_bytes_per_token", whole(f->read_per_token));
	set(o, "bandwidth_bytes_per_s", whole(f->bandwidth));
	set(o, "read_iops", real(f->iops));
	set(o, "read_size_bytes", whole(f->read_size));
	set(o, "await_ms", real(f->await_ms));
	set(o, "device",
	    g->devices
		    ? json_string(host_devices_text(g->device, g->devices, device, sizeof(device)))
		    : json_null());
	set(o, "major_faults", count(f->major));
	set(o, "minor_faults", count(f->minor));
	set(o, "blocked_faults", count(f->blocked));
	set(o, "refaults", count(f->refaults));
	set(o, "refaults_scope",
	    text(f->refaults == HOST_UNKNOWN ? NULL
		 : f->refaults_of_group      ? "cgroup"
					     : "machine"));
	set(r, "duration_s", real(f->recorded_duration));
	set(r, "tokens_per_s", real(f->recorded_tokens_per_s));
	set(r, "evaluations_per_s", real(f->recorded_evaluations_per_s));
	set(o, "recorded", r);
	return o;
}

static json_t *phases_array(const struct eng_figures *f)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < f->phases; i++) {
		const struct eng_phase *p = &f->phase[i];
		json_t *o = json_object();

		set(o, "class", text(flt_mark_class_name(p->mark_class)));
		set(o, "evaluations", count(p->evaluations));
		set(o, "tokens", count(p->tokens));
		set(o, "duration_s", real(p->seconds));
		set(o, "compute_s", real(p->compute_s));
		set(o, "touched_bytes", count(p->bytes));
		set(o, "read_bytes", count(p->read_known ? p->read_bytes : HOST_UNKNOWN));
		set(o, "major_faults", count(p->major));
		set(o, "minor_faults", count(p->minor));
		set(o, "blocked_faults", count(p->blocked));
		set(o, "recorded_s", real(p->recorded_s));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *evaluations_array(const struct eng_group *g)
{
	json_t *a = json_array();

	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];
		const struct flt_evaluation *r;
		json_t *o;

		if (e->end <= 0)
			continue;
		r = &g->plan->evaluation[e->index];
		o = json_object();
		set(o, "index", count(e->index));
		set(o, "pass", count(e->pass + 1));
		set(o, "class", text(flt_mark_class_name(r->mark_class)));
		set(o, "tokens", count(r->tokens));
		set(o, "start_s", real(e->start));
		set(o, "duration_s", real(e->end - e->start));
		set(o, "read_bytes", count(e->read_bytes));
		set(o, "major_faults", count(atomic_load(&e->major)));
		set(o, "minor_faults", count(atomic_load(&e->minor)));
		set(o, "blocked_faults", count(atomic_load(&e->blocked)));
		set(o, "refaults", count(e->refaults));
		set(o, "recorded_s", real((double)r->dur / 1e9));
		set(o, "measured", json_boolean(e->measured));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *lanes_array(const struct eng_group *g)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < g->jobs; i++) {
		const struct eng_job *j = &g->job[i];
		const struct eng_counts *c = &j->count, *b = &j->base;
		json_t *o = json_object();

		if (!j->measuring)
			b = c; /* it never came to the measured part */
		set(o, "lane", j->lane ? count(j->lane->id) : json_null());
		set(o, "role", text(j->lane ? j->lane->role : NULL));
		set(o, "job", text(j->name));
		set(o, "windows", count(c->windows - b->windows));
		set(o, "chunks", count(c->chunks - b->chunks));
		set(o, "touched_bytes", count(c->bytes - b->bytes));
		set(o, "compute_s", seconds(c->compute - b->compute));
		set(o, "barrier_s", seconds(c->waited - b->waited));
		set(o, "touch_s",
		    j->pace == ENG_PACE_COMPUTE ? seconds(c->touch - b->touch) : json_null());
		set(o, "major_faults", count(c->major - b->major));
		set(o, "minor_faults", count(c->minor - b->minor));
		set(o, "blocked_faults", count(c->blocked - b->blocked));
		set(o, "barriers", count(c->barriers - b->barriers));
		set(o, "preempted", count(c->preempted - b->preempted));
		json_array_append_new(a, o);
	}
	return a;
}

/* ---- together ------------------------------------------------------------------------------- */

static json_t *incomplete_object(struct eng_group *g)
{
	json_t *o = json_object();
	char line[512];

	set(o, "reason", text(eng_end_name(eng_stopped(g))));
	set(o, "text", json_string(eng_stop_describe(g, line, sizeof(line))));
	set(o, "lane", g->stop_job < g->jobs ? count(g->stop_job) : json_null());
	set(o, "evaluation",
	    g->current == UINT64_MAX ? json_null() : count(g->evaluation[g->current].index));
	return o;
}

/* A replay without an end of its own is complete if it was through once, whatever stopped it in time. */
static bool complete(struct eng_group *g)
{
	enum eng_end why = eng_stopped(g);

	if (why == ENG_RUNNING || why == ENG_ENDED)
		return atomic_load(&g->passes) >= 1;
	return g->loops == UINT64_MAX && why == ENG_RUNTIME && atomic_load(&g->passes) >= 1;
}

json_t *eng_result_make(struct eng_group *g)
{
	json_t *o = json_object();
	struct eng_figures *f = malloc(sizeof(*f));
	time_t at = (time_t)(g->start_wall_ns / 1000000000);
	struct tm tm;
	char created[32];

	if (!o || !f) {
		free(f);
		json_decref(o);
		return NULL;
	}
	eng_figures_make(g, f);
	eng_warn_of_run(g, f);
	gmtime_r(&at, &tm);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(o, "format", text("faultline-result"));
	set(o, "version", json_integer(RESULT_VERSION));
	set(o, "generator", text("faultline " FLT_VERSION));
	set(o, "fio", text(g->fio_version));
	set(o, "job", text(g->first_name));
	set(o, "file", text(g->result_path));
	set(o, "created", text(created));
	set(o, "epoch_wall_ns", count(g->start_wall_ns));
	set(o, "complete", json_boolean(complete(g)));
	set(o, "incomplete", complete(g) ? json_null() : incomplete_object(g));
	set(o, "ended_by",
	    text(eng_stopped(g) == ENG_RUNNING ? "end" : eng_end_name(eng_stopped(g))));
	set(o, "trace", trace_object(g));
	set(o, "options", options_object(g));
	set(o, "selection", selection_object(g));
	set(o, "figures", figures_object(g, f));
	set(o, "phases", phases_array(f));
	set(o, "evaluations", evaluations_array(g));
	set(o, "evaluations_dropped", count(g->evaluations_dropped));
	set(o, "lanes", lanes_array(g));
	set(o, "faults", eng_result_faults(g, f));
	set(o, "io", eng_result_io(g, f));
	set(o, "memory", eng_result_memory(g));
	set(o, "pressure", eng_result_pressure(g));
	set(o, "reclaim", eng_result_reclaim(g));
	set(o, "balloon", copy(g->balloon_facts));
	set(o, "files", eng_result_files(g));
	set(o, "machine", copy(g->machine));
	set(o, "drive", copy(g->drive));
	set(o, "warnings", copy(g->warnings));
	free(f);
	return o;
}

int eng_result_write(struct eng_group *g, const json_t *result, struct host_err *err)
{
	char *tmp = NULL;
	FILE *f = NULL;
	int ret = 0;

	if (!g->result_path)
		return 0;
	if (asprintf(&tmp, "%s.tmp", g->result_path) < 0)
		return host_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	f = fopen(tmp, "we");
	if (!f) {
		ret = -errno;
		goto out;
	}
	if (json_dumpf(result, f, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) ||
	    fputc('\n', f) == EOF)
		ret = -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, g->result_path))
		ret = -errno;
	if (ret)
		unlink(tmp);
out:
	if (ret)
		host_fail(err, ret, "cannot write %s: %s", g->result_path, strerror(-ret));
	free(tmp);
	return ret;
}
