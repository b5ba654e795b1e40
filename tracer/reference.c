// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/folios.h"
#include "tracer/judge.h"
#include "tracer/reference.h"
#include "tracer/warm.h"
#include "tracer/zap.h"

/* ---- the machine ---- */

/* CPU time that all CPUs together have worked, other machines' share (steal) included; in seconds. */
static double machine_seconds(void)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	char text[4096];

	if (host_file_read("/proc/stat", text, sizeof(text)) < 0 ||
	    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
		   &idle, &iowait, &irq, &softirq, &steal) != 8)
		return -1;
	return (double)(user + nice + system + irq + softirq + steal) /
	       (double)sysconf(_SC_CLK_TCK);
}

static double load_now(void)
{
	char text[128];
	double load = 0;

	if (host_file_read("/proc/loadavg", text, sizeof(text)) > 0)
		sscanf(text, "%lf", &load);
	return load;
}

/* Of a process that is not ours to wait for. */
static double process_seconds(pid_t pid)
{
	unsigned long long user, system;
	char path[64], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (host_file_read(path, text, sizeof(text)) < 0)
		return -1;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			  &system) != 2)
		return -1;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double seconds_of(const struct rusage *u)
{
	return (double)u->ru_utime.tv_sec + (double)u->ru_utime.tv_usec / 1e6 +
	       (double)u->ru_stime.tv_sec + (double)u->ru_stime.tv_usec / 1e6;
}

/* CPUs that neither the run nor we have used, on average over the run; below 0: not known. */
static double foreign_cpus(const struct rec_session *s)
{
	const struct rec_machine *m = &s->machine;
	double run = s->has_usage ? seconds_of(&s->usage) : m->process[1] - m->process[0];
	double own = seconds_of(&s->own) - seconds_of(&s->own_before);
	double wall = (double)(s->end - s->begin) / 1e9;
	double foreign;

	if (m->busy[0] < 0 || m->busy[1] < 0 || wall <= 0 ||
	    (!s->has_usage && (m->process[0] < 0 || m->process[1] < 0)))
		return -1;
	foreign = (m->busy[1] - m->busy[0] - run - own) / wall;
	/* the kernel counts in ticks */
	return foreign > 0 ? foreign : 0;
}

static void look_at_machine(struct rec_session *s, int which)
{
	s->machine.busy[which] = machine_seconds();
	s->machine.load[which] = load_now();
	s->machine.process[which] = s->launched ? -1 : process_seconds(s->pid);
}

/* ---- begin ---- */

static int say_error(const struct host_err *err, int ret)
{
	rec_say("%s", err->text);
	return ret;
}

int rec_reference_begin(struct rec_session *s)
{
	const struct rec_zap_options opt = {.every_ns = s->opt.zap_every_ns};
	struct host_err err = {""};
	int ret;

	if (!s->opt.reference)
		return 0;
	ret = rec_zap_open(&s->zap, s->attach, &opt, &err);
	if (!ret)
		ret = rec_zap_seize(s->zap, s->pid, !s->launched, &err);
	if (ret) {
		if (!err.text[0])
			host_fail(&err, ret, "cannot trace process %d: %s", (int)s->pid,
				  strerror(-ret));
		return say_error(&err, ret);
	}
	if (!rec_attach_capabilities(s->attach)->stops)
		rec_say("this kernel lets no program of ours send a signal: page-table entries are dropped "
			"by time, not where evaluations begin");
	if (s->launched)
		rec_warm(s);
	else
		rec_warm_process(s);
	return 0;
}

int rec_reference_arm(struct rec_session *s)
{
	if (!s->zap)
		return 0;
	s->judge = s->world.judge = rec_judge_open(s->fault_around);
	if (!s->judge) {
		rec_say("out of memory");
		return -ENOMEM;
	}
	look_at_machine(s, 0);
	rec_zap_arm(s->zap, true);
	return 0;
}

/* ---- while it runs ---- */

int rec_reference_fd(const struct rec_session *s)
{
	return s->zap ? rec_zap_fd(s->zap) : -1;
}

void rec_reference_news(struct rec_session *s)
{
	pid_t pid, tid;

	while (s->zap && rec_zap_take(s->zap, &pid, &tid)) {
		/* it stands still: whatever it has mapped by now is there to stay */
		rec_probes_process(s->probes, pid);
		rec_zap_release(s->zap, tid);
	}
}

void rec_reference_lost(struct rec_session *s)
{
	s->tracer_lost = true;
	rec_say("the process that drops page-table entries was killed: what follows is no reference capture");
}

/* Before a calibration reads it again. */
static double larger_pieces(const struct rec_session *s)
{
	uint64_t piece = s->fault_around ? s->fault_around : REC_FAULT_AROUND;
	const struct rec_world *w = &s->world;
	double most = -1;

	for (uint64_t i = 0; s->world_open && i < w->next_file; i++) {
		double share = -1;

		if (w->file[i]->model && w->file[i]->mappings)
			share = rec_folios_larger(w->file[i]->path, piece);
		if (share > most)
			most = share;
	}
	return most;
}

void rec_reference_end(struct rec_session *s)
{
	if (s->zap) {
		look_at_machine(s, 1);
		s->larger_pieces = larger_pieces(s);
		rec_zap_close(s->zap, s->merge, 3 * rec_attach_cpus(s->attach), &s->zap_stats);
		s->zap = NULL;
	}
	if (s->tunables || s->janitor)
		rec_warm_end(s);
}

/* ---- afterwards ---- */

static double calibration_spread(const json_t *trailer)
{
	const json_t *c = json_object_get(trailer, "calibration");
	const json_t *spread = json_object_get(c, "spread");

	/* one run has nothing to be compared with */
	if (!json_is_number(spread))
		return -1;
	return json_number_value(spread);
}

bool rec_reference_judge(struct rec_session *s, json_t *trailer)
{
	const struct rec_zap_stats *z = &s->zap_stats;
	struct rec_judge_facts f = {
		.reference = s->opt.reference,
		.lossy = s->lossy,
		.dropped = rec_attach_counter(s->attach, REC_C_FAULT_DROPPED) +
			   rec_attach_counter(s->attach, REC_C_DROPPED),
		.limit = s->opt.memory_limit,
		.warmed = s->warmed,
		.larger_pieces = s->larger_pieces,
		.launched = s->launched,
		.every_ns = s->opt.zap_every_ns,
		.zap_failed = z->failed + s->tracer_lost,
		.stop_refused = rec_attach_counter(s->attach, REC_C_STOP_REFUSED),
		.refused = z->refusals ? z->refused[0] : NULL,
		.zap_ns = z->stopped_ns,
		.zap_bytes = z->bytes,
		.cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN),
		.spread = calibration_spread(trailer),
		.foreign_cpus = foreign_cpus(s),
		.load = {s->machine.load[0], s->machine.load[1]},
	};
	json_t *judgement = rec_judge_json(s->judge, &f);
	bool usable = !s->opt.reference || json_is_true(json_object_get(judgement, "usable"));

	/* all that is used shows in every interval, whatever reclaim has left mapped: any limit */
	if (s->opt.reference && usable)
		json_object_set_new(trailer, "serves_limit", json_integer(0));
	if (s->opt.reference && !s->opt.quiet)
		rec_judge_print(judgement);
	else if (!usable)
		rec_say("%s is not usable as a reference capture: %s", s->opt.output,
			json_string_value(json_object_get(judgement, "why")));
	json_object_set_new(trailer, "judgement", judgement ? judgement : json_null());
	return usable;
}
