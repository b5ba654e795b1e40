// SPDX-License-Identifier: GPL-2.0-only
/* `faultline doctor`: can this machine record, replay and limit memory, and what to change? */
#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "analysis/doctor.h"
#include "analysis/units.h"

struct doctor_options {
	const char *trace, *directory, *engine;
	bool json, quick;
};

static const struct argp_option options[] = {
	{"directory", 'd', "DIR", 0, "Where data files are (default: the current directory)", 0},
	{"engine", 'e', "FILE", 0, "The engine (default: the one that belongs to this program)", 0},
	{"quick", 'q', NULL, 0, "Do not measure the CPU's and the memory's speed", 0},
	{"json", 'j', NULL, 0, "Print the findings as JSON", 0},
	{0},
};

static const char doc[] =
	"Tell in plain words whether this machine can record a run, replay one and limit memory, and what to "
	"change. Measures the CPU and the memory bandwidth (two seconds); with a TRACE, compares them with "
	"the recorded machine's and suggests a cpu_scale. The exit status is 1 if anything does not "
	"work.\v"
	"EXAMPLES\n"
	"  sudo faultline doctor                 all of it\n"
	"  faultline doctor                      what works without root\n"
	"  faultline doctor run.flt              and what cpu_scale a replay needs here\n"
	"  faultline doctor -d /mnt/nvme         is that drive fit for it?\n";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct doctor_options *o = state->input;

	switch (key) {
	case 'd':
		o->directory = arg;
		break;
	case 'e':
		o->engine = arg;
		break;
	case 'q':
		o->quick = true;
		break;
	case 'j':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->trace)
			argp_error(state, "one trace at a time");
		o->trace = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- findings ---- */

struct ana_finding *ana_find(struct ana_findings *all, enum ana_section section,
			     enum ana_state state, const char *name, const char *fmt, ...)
{
	static const size_t room = sizeof(all->item) / sizeof(all->item[0]);
	/* A machine with very many drives: the last place takes what is too much. */
	struct ana_finding *f = &all->item[all->count < room ? all->count++ : room - 1];
	va_list ap;

	memset(f, 0, sizeof(*f));
	f->section = section;
	f->state = state;
	snprintf(f->name, sizeof(f->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return f;
}

void ana_fix(struct ana_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->fix, sizeof(f->fix), fmt, ap);
	va_end(ap);
}

enum ana_state ana_worst(const struct ana_findings *all, enum ana_section section)
{
	enum ana_state worst = ANA_GOOD;

	for (size_t i = 0; i < all->count; i++)
		if (all->item[i].section == section && all->item[i].state > worst)
			worst = all->item[i].state;
	return worst;
}

/* ---- what is said about them ---- */

static const struct {
	const char *key, *title;
	const char *verdict[3];  /* by the worst state */
	const char *not_as_user; /* where root might: instead of the worst */
} sections[ANA_SECTIONS] = {
	[ANA_RECORD] =
		{"record",
		 "Recording",
		 {"This machine can record.", "This machine can record, with less detail.",
		  "Recording does not work as it is."},
		 "Not as this user; 'sudo faultline doctor' tells whether root can record here."},
	[ANA_REPLAY] = {"replay",
			"Replaying",
			{"This machine can replay.", "This machine can replay.",
			 "Replaying does not work as it is."},
			NULL},
	[ANA_LIMIT] =
		{"limit",
		 "Memory",
		 {"Memory can be limited.", "Memory can be limited.",
		  "Memory cannot be limited as it is; only replays with pressure=none work."},
		 "Not as this user: without root, or a part of the cgroup tree of one's own, only replays with pressure=none work."},
	[ANA_DRIVE] = {"drive", "Drive", {"", "", "Data files should lie elsewhere."}, NULL},
	[ANA_SPEED] = {"speed", "Speed", {"", "", ""}, NULL},
};

static void print_section(const struct ana_findings *all, enum ana_section section,
			  const char *about)
{
	static const char *const mark[] = {"ok", "-", "NO"};
	enum ana_state worst = ana_worst(all, section);
	const char *verdict = sections[section].verdict[worst];
	char safe[1024];

	if (worst == ANA_MISSING && geteuid() && sections[section].not_as_user)
		verdict = sections[section].not_as_user;

	printf("%s%s\n", sections[section].title, ana_safe(safe, sizeof(safe), about));
	for (size_t i = 0; i < all->count; i++) {
		const struct ana_finding *f = &all->item[i];

		if (f->section != section)
			continue;
		printf("  %-2s  %-18s  %s\n", mark[f->state], f->name,
		       ana_safe(safe, sizeof(safe), f->text));
		if (*f->fix)
			printf("      %-18s  > %s\n", "", ana_safe(safe, sizeof(safe), f->fix));
	}
	if (*verdict)
		printf("  => %s\n", verdict);
	putchar('\n');
}

static json_t *findings_json(const struct ana_findings *all, struct ana_speed *speed)
{
	static const char *const state[] = {"good", "note", "missing"};
	json_t *o = json_object(), *list = json_array();

	for (int i = 0; i < ANA_SECTIONS; i++)
		json_object_set_new(
			o, sections[i].key,
			json_boolean(ana_worst(all, (enum ana_section)i) < ANA_MISSING));
	for (size_t i = 0; i < all->count; i++) {
		const struct ana_finding *f = &all->item[i];
		json_t *one = json_pack("{ss, ss, ss, ss}", "section", sections[f->section].key,
					"name", f->name, "state", state[f->state], "text", f->text);

		if (*f->fix)
			json_object_set_new(one, "fix", json_string(f->fix));
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "findings", list);
	if (speed->score)
		json_object_set(o, "score", speed->score);
	if (speed->cpu_scale > 0)
		json_object_set_new(o, "cpu_scale", json_real(speed->cpu_scale));
	return o;
}

int ana_doctor_main(int argc, char **argv)
{
	static const struct argp argp = {options, parse_option, "[TRACE]", doc, NULL, NULL, NULL};
	struct doctor_options o = {.directory = "."};
	struct ana_findings all = {.count = 0};
	struct ana_speed speed = {0};
	struct flt_reader *trace = NULL;
	char about[1024];
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.trace && ana_open(argv[0], o.trace, &trace))
		return ANA_FAILED;
	ana_doctor_record(&all);
	ana_doctor_replay(&all, o.engine);
	ana_doctor_limit(&all);
	ana_doctor_drive(&all, o.directory);
	ana_doctor_speed(&all, trace, o.quick, &speed);
	if (o.json) {
		status = ana_print_json(argv[0], findings_json(&all, &speed));
	} else {
		for (int i = 0; i < ANA_SECTIONS; i++) {
			snprintf(about, sizeof(about), i == ANA_DRIVE ? " of %s" : "", o.directory);
			print_section(&all, (enum ana_section)i, about);
		}
		status = ana_flush(argv[0]);
	}
	for (int i = 0; i < ANA_SECTIONS; i++)
		if (ana_worst(&all, (enum ana_section)i) == ANA_MISSING)
			status = ANA_FAILED;
	json_decref(speed.score);
	flt_close(trace);
	return status;
}
