// SPDX-License-Identifier: GPL-2.0-only
#include "engines/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/measure.h"
#include "engines/selection.h"

bool eng_device_diff(const struct eng_group *g, int device, struct host_diskdiff *d)
{
	if (!g->from_taken || !g->to_taken || !g->from.disk_known[device] ||
	    !g->to.disk_known[device])
		return false;
	host_diskstat_diff(&g->from.disk[device], &g->to.disk[device], d);
	return true;
}

static const struct flt_evaluation *recorded(const struct eng_group *g, uint32_t index)
{
	return &g->plan->evaluation[index];
}

/* Measured and finished. */
static bool counts(const struct eng_evaluation *e)
{
	return e->measured && e->end > 0;
}

/* An evaluation makes a token if the trace says so; if it never does, each evaluation stands for itself. */
static bool generates(const struct eng_group *g, const struct eng_evaluation *e, bool tokens)
{
	uint32_t c = recorded(g, e->index)->mark_class;

	return tokens ? c == FLT_MC_DECODE : c != FLT_MC_LOAD;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *v, uint64_t n, double q)
{
	double at = q * (double)(n - 1);
	uint64_t i = (uint64_t)at;

	return i + 1 < n ? v[i] + (v[i + 1] - v[i]) * (at - (double)i) : v[n - 1];
}

/*
 * From the end of one token to the end of the next, within a pass: (n - 1) intervals for n tokens. The first
 * token of a pass began with whatever came before, so it only starts the clock.
 */
static double intervals(const struct eng_group *g, bool tokens, struct eng_spread *s)
{
	double *v = calloc(g->evaluations + 1, sizeof(*v)), sum = 0, last = -1;
	uint32_t pass = UINT32_MAX;

	memset(s, 0, sizeof(*s));
	if (!v)
		return NAN;
	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];

		if (!counts(e) || !generates(g, e, tokens))
			continue;
		if (e->pass == pass) {
			v[s->n++] = e->end - last;
			sum += e->end - last;
		}
		pass = e->pass;
		last = e->end;
	}
	if (s->n) {
		qsort(v, s->n, sizeof(*v), by_value);
		s->mean = sum / (double)s->n;
		s->median = quantile(v, s->n, 0.5);
		s->p95 = quantile(v, s->n, 0.95);
		s->min = v[0];
		s->max = v[s->n - 1];
	}
	free(v);
	return s->n && sum > 0 ? (double)s->n / sum : NAN;
}

/* The same of the recording, for the evaluations of the first pass that were finished. */
static double recorded_rate(const struct eng_group *g, bool tokens)
{
	double first = -1, last = -1;
	uint64_t n = 0;

	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];
		const struct flt_evaluation *r;

		if (!counts(e) || e->pass || !generates(g, e, tokens))
			continue;
		r = recorded(g, e->index);
		last = (double)(r->start + r->dur);
		first = n ? first : last;
		n++;
	}
	return n > 1 && last > first ? (double)(n - 1) * 1e9 / (last - first) : NAN;
}

static void add_phase(const struct eng_group *g, struct eng_figures *f,
		      const struct eng_evaluation *e)
{
	const struct flt_evaluation *r = recorded(g, e->index);
	struct eng_phase *p = NULL;

	for (uint32_t i = 0; i < f->phases; i++)
		if (f->phase[i].mark_class == r->mark_class)
			p = &f->phase[i];
	if (!p) {
		if (f->phases == sizeof(f->phase) / sizeof(*f->phase))
			return;
		p = &f->phase[f->phases++];
		p->mark_class = r->mark_class;
		p->read_known = true;
	}
	p->evaluations++;
	if (r->tokens == FLT_NONE || p->tokens == FLT_NONE)
		p->tokens = FLT_NONE;
	else
		p->tokens += r->tokens;
	p->seconds += e->end - e->start;
	p->recorded_s += (double)r->dur / 1e9;
	p->compute_s += (double)eng_ticks_to_ns(atomic_load(&e->compute)) / 1e9;
	p->bytes += atomic_load(&e->bytes);
	p->major += atomic_load(&e->major);
	p->minor += atomic_load(&e->minor);
	p->blocked += atomic_load(&e->blocked);
	p->read_known &= e->read_bytes != HOST_UNKNOWN;
	p->read_bytes += e->read_bytes;
}

/* Prompt to first token; with the load phase in front, from its start, as a user waits. */
static double first_token(const struct eng_group *g)
{
	double from = -1, to = -1;

	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];
		uint32_t c;

		if (!counts(e) || e->pass)
			continue;
		c = recorded(g, e->index)->mark_class;
		if (c == FLT_MC_DECODE)
			break;
		if (from < 0 && (c == FLT_MC_LOAD || c == FLT_MC_PROMPT))
			from = e->start;
		if (c == FLT_MC_PROMPT)
			to = e->end;
	}
	return to >= 0 && from >= 0 ? to - from : NAN;
}

static void walk(const struct eng_group *g, struct eng_figures *f)
{
	f->tokens = eng_plan_has_tokens(g->plan) ? 0 : HOST_UNKNOWN;
	f->load_s = f->prompt_tokens_per_s = NAN;
	f->recorded_duration = 0;
	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];

		if (!counts(e))
			continue;
		uint32_t c = recorded(g, e->index)->mark_class;

		f->evaluations += c != FLT_MC_LOAD;
		if (c == FLT_MC_DECODE && f->tokens != HOST_UNKNOWN)
			f->tokens += recorded(g, e->index)->tokens == FLT_NONE
					     ? 1
					     : recorded(g, e->index)->tokens;
		if (!e->pass)
			f->recorded_duration += (double)recorded(g, e->index)->dur / 1e9;
		add_phase(g, f, e);
	}
	for (uint32_t i = 0; i < f->phases; i++) {
		const struct eng_phase *p = &f->phase[i];

		if (p->mark_class == FLT_MC_LOAD)
			f->load_s = p->seconds / (double)p->evaluations;
		if (p->mark_class == FLT_MC_PROMPT && p->tokens != FLT_NONE && p->seconds > 0)
			f->prompt_tokens_per_s = (double)p->tokens / p->seconds;
	}
}

static void jobs(const struct eng_group *g, struct eng_figures *f)
{
	for (uint32_t i = 0; i < g->jobs; i++) {
		const struct eng_job *j = &g->job[i];

		if (!j->measuring)
			continue;
		f->touched += j->count.bytes - j->base.bytes;
		f->major += j->count.major - j->base.major;
		f->minor += j->count.minor - j->base.minor;
		f->blocked += j->count.blocked - j->base.blocked;
	}
}

/* The disks below the file system: what the drive itself saw. */
static void drive(const struct eng_group *g, struct eng_figures *f)
{
	uint64_t reads = 0, bytes = 0, writes = 0;
	double wait = 0, iops = 0;
	bool known = false;

	f->iops = f->read_size = f->await_ms = NAN;
	f->write_bytes = HOST_UNKNOWN;
	for (int i = 0; i < g->devices; i++) {
		struct host_diskdiff d;

		if (!g->device[i].leaf || !eng_device_diff(g, i, &d))
			continue;
		known = true;
		reads += d.reads;
		bytes += d.read_bytes;
		writes += d.write_bytes;
		wait += d.read_await_ms * (double)d.reads;
		iops += d.read_iops;
	}
	if (!known)
		return;
	f->iops = iops;
	f->write_bytes = writes;
	if (reads) {
		f->read_size = (double)bytes / (double)reads;
		f->await_ms = wait / (double)reads;
	}
	if (f->read_bytes == HOST_UNKNOWN)
		f->read_bytes = bytes;
	else if (f->read_of_process)
		f->foreign_read = bytes > f->read_bytes ? bytes - f->read_bytes : 0;
}

static void reading(const struct eng_group *g, struct eng_figures *f)
{
	uint64_t a = g->from.process_read_bytes, b = g->to.process_read_bytes;

	f->read_bytes = f->foreign_read = f->refaults = HOST_UNKNOWN;
	if (g->from_taken && g->to_taken) {
		if (a != HOST_UNKNOWN && b != HOST_UNKNOWN) {
			f->read_bytes = b - a;
			f->read_of_process = true;
		}
		a = g->from.memcg.refault_file;
		b = g->to.memcg.refault_file;
		/* Without a limit of our own the machine's count is the only one. */
		f->refaults_of_group = g->memcg_path[0] && a != HOST_UNKNOWN && b != HOST_UNKNOWN;
		if (!f->refaults_of_group) {
			a = g->from.metric[HOST_METRIC_VM_REFAULT_FILE];
			b = g->to.metric[HOST_METRIC_VM_REFAULT_FILE];
		}
		if (a != HOST_UNKNOWN && b != HOST_UNKNOWN)
			f->refaults = b - a;
	}
	drive(g, f);
}

void eng_figures_make(struct eng_group *g, struct eng_figures *f)
{
	bool tokens = eng_plan_has_tokens(g->plan);
	struct eng_spread ignored;
	double each;

	memset(f, 0, sizeof(*f));
	f->duration = g->measure_end_ns > g->measure_start_ns && g->from_taken
			      ? (double)(g->measure_end_ns - g->measure_start_ns) / 1e9
			      : NAN;
	walk(g, f);
	jobs(g, f);
	reading(g, f);
	f->ttft = first_token(g);
	f->tokens_per_s = tokens ? intervals(g, true, &f->between) : NAN;
	f->evaluations_per_s = intervals(g, false, tokens ? &ignored : &f->between);
	f->recorded_tokens_per_s = tokens ? recorded_rate(g, true) : NAN;
	f->recorded_evaluations_per_s = recorded_rate(g, false);
	for (uint32_t i = 0; i < g->files; i++)
		f->model_bytes += g->file[i].size;
	f->model_reads = f->read_per_token = f->bandwidth = NAN;
	if (f->read_bytes == HOST_UNKNOWN)
		return;
	each = (double)(tokens && f->tokens ? f->tokens : f->evaluations);
	f->model_reads = (double)f->read_bytes / (double)f->model_bytes;
	f->bandwidth = (double)f->read_bytes / f->duration;
	if (each > 0)
		f->read_per_token = (double)f->read_bytes / each;
}
