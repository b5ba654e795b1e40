// SPDX-License-Identifier: GPL-2.0-only
#include "engines/measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SAMPLE_NS 50000000ull

/* The entry of the first pass comes first, warm-up included; later passes have the measured part alone. */
uint64_t eng_measure_entry(const struct eng_group *g, uint64_t pass, uint64_t index)
{
	const struct eng_selection *s = &g->sel;
	uint64_t at, first, each;

	if (index >= s->count)
		return UINT64_MAX;
	at = s->ordinal[index];
	first = s->ordinal[s->first];
	each = s->ordinal[s->last] + 1 - first;
	if (pass) {
		if (pass > ENG_MAX_EVALUATIONS)
			return UINT64_MAX;
		at += each * pass;
	}
	return at < g->evaluations ? at : UINT64_MAX;
}

int eng_measure_init(struct eng_group *g)
{
	const struct eng_selection *s = &g->sel;
	uint64_t one = s->ordinal[s->last] + 1, each = one - s->ordinal[s->first];
	uint64_t loops = g->loops > ENG_MAX_EVALUATIONS ? ENG_MAX_EVALUATIONS : g->loops;

	g->current = UINT64_MAX;
	g->evaluations = one + each * (loops ? loops - 1 : 0);
	if (g->evaluations > ENG_MAX_EVALUATIONS)
		g->evaluations = ENG_MAX_EVALUATIONS;
	g->evaluation = calloc(g->evaluations, sizeof(*g->evaluation));
	return g->evaluation ? 0 : -ENOMEM;
}

void eng_measure_free(struct eng_group *g)
{
	free(g->evaluation);
	host_sampler_close(g->sampler);
	g->evaluation = NULL;
	g->sampler = NULL;
}

static double seconds(const struct eng_group *g)
{
	return (double)(eng_monotonic_ns() - g->start_ns) / 1e9;
}

/*
 * What others took of the CPUs. The kernel's own threads are left out: they finish this process' I/O. So is
 * time in system calls, which cannot be told from theirs.
 */
static double others_cpu(const struct rusage *own)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	double tick = (double)sysconf(_SC_CLK_TCK), mine;
	FILE *f = fopen("/proc/stat", "re");
	int n;

	if (!f)
		return -1;
	n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
		   &iowait, &irq, &softirq, &steal);
	fclose(f);
	mine = (double)own->ru_utime.tv_sec + (double)own->ru_utime.tv_usec / 1e6;
	return n == 8 && tick > 0 ? (double)(user + nice + steal) / tick - mine : -1;
}

static void snapshot(struct eng_group *g, struct eng_snapshot *s)
{
	struct rusage ru;

	s->when_ns = eng_monotonic_ns();
	if (host_process_read_bytes(0, &s->process_read_bytes))
		s->process_read_bytes = HOST_UNKNOWN;
	for (int i = 0; i < g->devices; i++)
		s->disk_known[i] =
			!host_diskstat_read(g->device[i].major, g->device[i].minor, &s->disk[i]);
	memset(&s->memcg, 0xff, sizeof(s->memcg));
	if (g->memcg)
		host_memcg_stat(g->memcg, &s->memcg);
	memset(s->metric, 0xff, sizeof(s->metric));
	if (g->sampler)
		host_sampler_read(g->sampler, s->metric);
	getrusage(RUSAGE_SELF, &ru);
	s->major = (uint64_t)ru.ru_majflt;
	s->minor = (uint64_t)ru.ru_minflt;
	s->others_cpu = others_cpu(&ru);
}

void eng_measure_begin(struct eng_group *g)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	g->start_wall_ns = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
	g->start_ns = eng_monotonic_ns();
	g->start_ticks = eng_ticks();
}

/*
 * At the marks, if evaluations are long enough for it: a sample takes a tenth of a millisecond, and the other lanes wait for
 * the main one meanwhile.
 */
static bool sample(struct eng_group *g, uint64_t *v)
{
	uint64_t now = eng_monotonic_ns();

	if (!g->sampler || (g->sampled_ns && now - g->sampled_ns < SAMPLE_NS) ||
	    host_sampler_read(g->sampler, v))
		return false;
	g->sampled_ns = now;
	return true;
}

static uint64_t sum(const uint64_t *v, const enum host_metric *m, size_t n)
{
	uint64_t s = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[m[i]] == HOST_UNKNOWN)
			return HOST_UNKNOWN;
		s += v[m[i]];
	}
	return s;
}

uint64_t eng_measure_held(const uint64_t *v, bool cgroup)
{
	static const enum host_metric of_process[] = {HOST_METRIC_RSS_ANON, HOST_METRIC_RSS_SHMEM,
						      HOST_METRIC_PROC_SWAP,
						      HOST_METRIC_PAGE_TABLES};
	uint64_t usage = v[HOST_METRIC_CG_USAGE], file = v[HOST_METRIC_CG_FILE];

	if (!cgroup)
		return sum(v, of_process, sizeof(of_process) / sizeof(*of_process));
	return usage == HOST_UNKNOWN || file == HOST_UNKNOWN || usage < file ? HOST_UNKNOWN
									     : usage - file;
}

static uint64_t refaults(const struct eng_group *g, const uint64_t *v)
{
	return v[g->memcg ? HOST_METRIC_CG_REFAULT_FILE : HOST_METRIC_VM_REFAULT_FILE];
}

static void close_entry(struct eng_group *g, const uint64_t *sampled)
{
	struct eng_evaluation *e;
	uint64_t bytes;

	if (g->current == UINT64_MAX)
		return;
	e = &g->evaluation[g->current];
	e->end = seconds(g);
	e->refaults = HOST_UNKNOWN;
	if (sampled && g->current_refaults != HOST_UNKNOWN && refaults(g, sampled) != HOST_UNKNOWN)
		e->refaults = refaults(g, sampled) - g->current_refaults;
	e->read_bytes = HOST_UNKNOWN;
	if (!host_process_read_bytes(0, &bytes) && g->current_bytes != HOST_UNKNOWN)
		e->read_bytes = bytes - g->current_bytes;
	g->current_bytes = bytes;
	g->current = UINT64_MAX;
}

void eng_measure_mark(struct eng_group *g, uint64_t pass, uint64_t index, bool measured)
{
	uint64_t entry = eng_measure_entry(g, pass, index);
	uint64_t values[HOST_METRIC_COUNT];
	const uint64_t *sampled = sample(g, values) ? values : NULL;
	struct eng_evaluation *e;

	close_entry(g, sampled);
	if (measured && !g->from_taken) {
		g->from_taken = true;
		snapshot(g, &g->from);
		g->measure_start_ns = eng_monotonic_ns();
	}
	if (entry == UINT64_MAX) {
		g->evaluations_dropped++;
		return;
	}
	e = &g->evaluation[entry];
	if (host_process_read_bytes(0, &g->current_bytes))
		g->current_bytes = HOST_UNKNOWN;
	e->index = (uint32_t)index;
	e->pass = (uint32_t)pass;
	e->measured = measured;
	e->held = sampled ? eng_measure_held(sampled, g->memcg) : HOST_UNKNOWN;
	g->current_refaults = sampled ? refaults(g, sampled) : HOST_UNKNOWN;
	e->start = seconds(g);
	g->current = entry;
}

void eng_measure_end(struct eng_group *g, bool last)
{
	/* One that was broken off is not finished: it keeps its end of 0. */
	if (eng_stopped(g) <= ENG_ENDED) {
		uint64_t values[HOST_METRIC_COUNT];

		close_entry(g, sample(g, values) ? values : NULL);
	}
	if (!last || !g->from_taken || g->to_taken)
		return;
	g->to_taken = true;
	g->measure_end_ns = eng_monotonic_ns();
	snapshot(g, &g->to);
}

static uint64_t rise(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

void eng_measure_job(struct eng_job *j, uint64_t entry, bool measured)
{
	struct eng_group *g = j->group;
	struct eng_counts *c = &j->count, was = j->last_count;
	struct rusage ru;
	uint64_t blocked;

	getrusage(RUSAGE_THREAD, &ru);
	c->switches = (uint64_t)ru.ru_nvcsw;
	c->preempted = (uint64_t)ru.ru_nivcsw;
	c->sleeps = j->own_sleeps;
	blocked = rise(c->switches - was.switches, c->sleeps - was.sleeps);
	c->major = (uint64_t)ru.ru_majflt;
	c->minor = (uint64_t)ru.ru_minflt;
	c->blocked = was.blocked + blocked;
	if (j->entry != UINT64_MAX) {
		struct eng_evaluation *e = &g->evaluation[j->entry];

		atomic_fetch_add(&e->major, c->major - was.major);
		atomic_fetch_add(&e->minor, c->minor - was.minor);
		atomic_fetch_add(&e->blocked, blocked);
		atomic_fetch_add(&e->bytes, c->bytes - was.bytes);
		atomic_fetch_add(&e->compute, c->compute - was.compute);
	}
	j->last_count = *c;
	j->entry = entry;
	if (measured && !j->measuring) {
		j->measuring = true;
		j->base = *c;
	}
}
