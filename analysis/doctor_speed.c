// SPDX-License-Identifier: GPL-2.0-only
/* How fast this machine is, whether it is quiet, and what that means for a trace. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/doctor.h"
#include "analysis/units.h"
#include "host/facts.h"
#include "host/score.h"

static void check_load(struct ana_findings *all, const json_t *machine)
{
	double load = json_number_value(json_array_get(ana_at(machine, "load"), 0));
	double cpus = (double)ana_number(ana_at(machine, "cpu"), "online", 1);
	struct ana_finding *f;

	if (load < 0.1 * cpus + 0.1) {
		ana_find(all, ANA_SPEED, ANA_GOOD, "load", "%.2f: the machine is quiet", load);
		return;
	}
	f = ana_find(all, ANA_SPEED, ANA_NOTE, "load",
		     "%.2f over the last minute: something else runs here", load);
	ana_fix(f, "stop it before recording or measuring: barriers suffer from any other load");
}

static void check_governor(struct ana_findings *all, const json_t *machine)
{
	const char *governor = ana_text(ana_at(machine, "cpu"), "governor", "");
	struct ana_finding *f;

	if (!*governor)
		return;
	if (!strcmp(governor, "performance")) {
		ana_find(all, ANA_SPEED, ANA_GOOD, "CPU frequency", "governor performance");
		return;
	}
	f = ana_find(all, ANA_SPEED, ANA_NOTE, "CPU frequency",
		     "governor %s: compute times vary with the frequency", governor);
	ana_fix(f, "for steadier numbers: cpupower frequency-set -g performance");
}

static json_t *measure(struct ana_findings *all, struct host_score *score)
{
	struct host_err err;
	struct ana_finding *f;

	if (host_score_run(score, &err)) {
		f = ana_find(all, ANA_SPEED, ANA_NOTE, "score", "not measured: %s", err.text);
		ana_fix(f, "it needs some hundred MiB of free memory");
		return NULL;
	}
	ana_find(all, ANA_SPEED, ANA_GOOD, "CPU",
		 "%.2f x 10^9 multiply-adds/s on one thread, %.2f on %u", score->cpu_single,
		 score->cpu_all, score->threads);
	ana_find(all, ANA_SPEED, ANA_GOOD, "memory bandwidth",
		 "%.1f GB/s on one thread, %.1f on %u", score->memory_single, score->memory_all,
		 score->threads);
	return host_score_json(score);
}

static void suggest_scale(struct ana_findings *all, struct flt_reader *trace,
			  const struct host_score *here, struct ana_speed *speed)
{
	unsigned int lanes = (unsigned int)json_array_size(flt_definitions(trace, "lane"));
	struct host_score recorded;
	struct ana_finding *f;
	const char *bound = "";

	if (host_score_from_json(ana_at(flt_header(trace), "score"), &recorded)) {
		ana_find(
			all, ANA_SPEED, ANA_NOTE, "cpu_scale",
			"the trace carries no score of its machine: no cpu_scale can be suggested");
		return;
	}
	speed->cpu_scale = host_score_scale(&recorded, here, lanes ? lanes : 1, &bound);
	if (!(speed->cpu_scale > 0)) {
		speed->cpu_scale = 0;
		ana_find(all, ANA_SPEED, ANA_NOTE, "cpu_scale",
			 "the trace's score was measured by another version: no cpu_scale");
		return;
	}
	f = ana_find(all, ANA_SPEED, ANA_GOOD, "cpu_scale",
		     "%.2f: this machine computes %s the recorded one (by its %s, %u lanes)",
		     speed->cpu_scale,
		     speed->cpu_scale > 1.05   ? "slower than"
		     : speed->cpu_scale < 0.95 ? "faster than"
					       : "as fast as",
		     bound && *bound ? bound : "CPU", lanes);
	ana_fix(f,
		"cpu_scale=%.2f in the job replays the recorded compute at this machine's speed; "
		"1 (the default) at the recorded machine's",
		speed->cpu_scale);
}

static void check_lanes(struct ana_findings *all, struct flt_reader *trace, const json_t *machine)
{
	size_t lanes = json_array_size(flt_definitions(trace, "lane"));
	uint64_t cpus = ana_number(ana_at(machine, "cpu"), "online", 0);
	struct ana_finding *f;

	if (!lanes) {
		f = ana_find(all, ANA_SPEED, ANA_MISSING, "program",
			     "the trace has no replay program");
		ana_fix(f, "faultline prepare TRACE -o NEW");
		return;
	}
	if (lanes <= cpus) {
		ana_find(all, ANA_SPEED, ANA_GOOD, "lanes", "%zu lanes, %" PRIu64 " CPUs", lanes,
			 cpus);
		return;
	}
	ana_find(all, ANA_SPEED, ANA_NOTE, "lanes",
		 "%zu lanes on %" PRIu64
		 " CPUs: they share them, and compute takes longer than recorded",
		 lanes, cpus);
}

void ana_doctor_speed(struct ana_findings *all, struct flt_reader *trace, bool quick,
		      struct ana_speed *speed)
{
	json_t *machine = host_facts_machine();
	struct host_score score;

	check_load(all, machine);
	check_governor(all, machine);
	speed->score = quick ? NULL : measure(all, &score);
	if (trace) {
		check_lanes(all, trace, machine);
		if (speed->score)
			suggest_scale(all, trace, &score, speed);
	}
	json_decref(machine);
}
