// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end: what is only known now goes into the trailer, the replay program is derived, and people are
 * told.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/calibrate.h"
#include "tracer/reclaim.h"
#include "tracer/reference.h"
#include "tracer/session.h"

static double seconds_of(const struct rusage *u, const struct rusage *before)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec - before->ru_utime.tv_sec -
			before->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec - before->ru_utime.tv_usec -
			before->ru_stime.tv_usec) /
		       1e6;
}

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *counters(const struct rec_session *s)
{
	const struct rec_totals *t = &s->world.totals;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}",
		"faults", integer(t->faults), "major", integer(t->major), "blocked",
		integer(t->blocked), "unresolved", integer(t->unresolved), "barriers",
		integer(t->barriers), "reads", integer(t->reads), "hints", integer(t->hints),
		"regions", integer(t->regions), "cache", integer(t->cache), "evaluations",
		integer(t->evaluations), "decodes", integer(t->decodes), "off_cpu",
		integer(t->off_cpu), "off_cpu_ns", integer(t->off_cpu_ns), "preempted",
		integer(t->preempted), "block", integer(t->io_requests), "requeued",
		integer(t->io_requeued), "late", integer(rec_merge_late(s->merge)));
}

static json_t *lost(const struct rec_session *s)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "faults",
			 integer(rec_attach_counter(s->attach, REC_C_FAULT_DROPPED)), "events",
			 integer(rec_attach_counter(s->attach, REC_C_DROPPED)), "mappings",
			 integer(rec_tasklog_lost(s->log)), "unwritten", integer(s->sink.refused));
}

static json_t *io(const struct rec_session *s)
{
	const struct rec_totals *t = &s->world.totals;
	json_t *o = json_pack("{s:o, s:o, s:o}", "read_bytes", integer(t->io_read_bytes),
			      "foreign_read_bytes", integer(t->io_foreign_read_bytes), "unfinished",
			      integer(t->io_unfinished));

	for (unsigned int i = 0; o && i < s->disks; i++) {
		const struct rec_disk *disk = &s->disk[i];
		struct host_diskdiff d;

		if (disk->gone)
			continue;
		host_diskstat_diff(&disk->at[REC_DISK_BEGUN], &disk->at[REC_DISK_LAST], &d);
		json_object_set_new(o, s->disk[i].name,
				    json_pack("{s:o, s:o, s:f}", "reads", integer(d.reads),
					      "read_bytes", integer(d.read_bytes), "await_ms",
					      d.read_await_ms));
	}
	return o;
}

static json_t *residency(const struct rec_session *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->residencies; i++) {
		const struct rec_residency *r = &s->residency[i];
		json_t *path = json_string(r->path);

		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:o, s:o}", "path",
						path ? path : json_string("?"), "size",
						integer(r->size), "resident_before",
						integer(r->before), "resident", integer(r->left)));
	}
	return list;
}

static json_t *load_average(void)
{
	json_t *list = json_array();
	char text[128];
	double load[3];

	if (host_file_read("/proc/loadavg", text, sizeof(text)) > 0 &&
	    sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3)
		for (int i = 0; i < 3; i++)
			json_array_append_new(list, json_real(load[i]));
	return list;
}

static json_t *exit_status(const struct rec_session *s)
{
	if (s->status < 0)
		return json_null();
	if (WIFSIGNALED(s->status))
		return json_integer(128 + WTERMSIG(s->status));
	return json_integer(WEXITSTATUS(s->status));
}

static json_t *usage(const struct rec_session *s)
{
	const struct rusage *u = &s->usage;

	if (!s->has_usage)
		return json_null();
	return json_pack("{s:I, s:I, s:f, s:f, s:I}", "majflt",
			 (json_int_t)(u->ru_majflt - s->before.ru_majflt), "minflt",
			 (json_int_t)(u->ru_minflt - s->before.ru_minflt), "utime",
			 (double)u->ru_utime.tv_sec + (double)u->ru_utime.tv_usec / 1e6, "stime",
			 (double)u->ru_stime.tv_sec + (double)u->ru_stime.tv_usec / 1e6,
			 "maxrss_kib", (json_int_t)u->ru_maxrss);
}

static json_t *hooks(const struct rec_session *s)
{
	const struct rec_capabilities *can = rec_attach_capabilities(s->attach);
	json_t *list = json_array();
	char text[256];

	for (unsigned int i = 0; rec_probes_text(s->probes, i, text, sizeof(text)); i++)
		json_array_append_new(list, json_string(text));
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:o}", "light", s->opt.light,
			 "sched", can->sched, "reclaim", can->reclaim, "regions", can->regions,
			 "block", can->block, "bio", can->bio, "cache", can->cache, "probes",
			 can->probes, "functions", list);
}

/* Which disagreements mean that events are missing. */
static bool is_lossy(const json_t *invariants)
{
	const json_t *one;
	size_t i;

	json_array_foreach ((json_t *)invariants, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));

		/* what is compared with the machine's counters may be other people's doing */
		if (json_is_true(json_object_get(one, "ok")) || strstr(name, "rusage") ||
		    strstr(name, "diskstats"))
			continue;
		return true;
	}
	return false;
}

static json_t *make_trailer(struct rec_session *s, json_t *invariants)
{
	json_t *t = json_pack("{s:b, s:b, s:I, s:o, s:o, s:O, s:o, s:o, s:o, s:o, s:o, s:n}",
			      "complete", !s->sink.error, "lossy", s->lossy, "duration_ns",
			      (json_int_t)(s->end - s->begin), "exit_status", exit_status(s),
			      "counters", counters(s), "invariants", invariants, "lost", lost(s),
			      "load_average", load_average(), "rusage", usage(s), "residency",
			      residency(s), "io", io(s), "calibration");

	if (!t)
		return NULL;
	json_object_set_new(t, "evaluations",
			    rec_passes_json(&s->world.marks.passes, s->sink.epoch));
	if (s->world.marks.passes.left_out)
		json_object_set_new(t, "evaluations_left_out",
				    integer(s->world.marks.passes.left_out));
	json_object_set_new(t, "load_ns",
			    s->world.marks.any ? integer(s->world.marks.passes.load_ns)
					       : json_null());
	json_object_set_new(t, "reclaim", rec_reclaim_json(s));
	json_object_set(t, "balloon", s->balloon_was);
	json_object_set_new(t, "hooks", hooks(s));
	json_object_set_new(t, "interrupted", json_boolean(s->stopped_early));
	json_object_set_new(t, "serves_limit",
			    s->opt.memory_limit ? json_integer((json_int_t)s->opt.memory_limit)
						: json_null());
	json_object_set_new(t, "tracer",
			    json_pack("{s:f, s:I}", "cpu_seconds",
				      seconds_of(&s->own, &s->own_before), "maxrss_kib",
				      (json_int_t)s->own.ru_maxrss));
	if (s->has_memcg_end)
		json_object_set_new(t, "memcg", host_memcg_stat_json(&s->memcg_end));
	return t;
}

static volatile sig_atomic_t derivation_stopped;

static void stop_derivation(int sig)
{
	(void)sig;
	derivation_stopped = 1;
}

/* The recording is safe: from here on signals are about the derivation, which can be done later. */
static void derivation_signals(void (*handler)(int))
{
	const struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

struct derivation {
	const struct rec_session *s;
	uint64_t begun;
};

static bool derivation_goes_on(void *arg, uint64_t done, uint64_t total)
{
	const struct derivation *d = arg;

	rec_live_derivation(d->s, d->begun, done, total);
	return !derivation_stopped;
}

/* Derives the replay program from what is in the file by now. */
static int derive_program(struct rec_session *s, struct flt_prepare_stats *st, json_t *trailer)
{
	struct derivation d = {.s = s, .begun = host_now_ns()};
	const json_t *calibration = json_object_get(trailer, "calibration");
	const struct flt_prepare_options opt = {
		.progress = derivation_goes_on,
		.progress_arg = &d,
		.calibration = json_is_object(calibration) ? calibration : NULL,
	};
	struct flt_reader *r;
	char err[256] = "";
	int ret;

	ret = flt_writer_flush(s->sink.writer, false);
	if (ret)
		return ret;
	ret = flt_open(&r, s->opt.output, FLT_OPEN_NOCACHE, err, sizeof(err));
	if (ret)
		return ret;
	derivation_signals(stop_derivation);
	ret = flt_prepare(r, s->sink.writer, &opt, st);
	derivation_signals(SIG_IGN);
	rec_live_clear();
	flt_close(r);
	if (ret)
		return ret;
	json_object_set_new(trailer, "program", flt_prepare_json(st));
	return 0;
}

static void print_summary(const struct rec_session *s, const struct flt_prepare_stats *st)
{
	const struct rec_totals *t = &s->world.totals;
	double run = s->has_usage ? seconds_of(&s->usage, &s->before) : 0;
	double own = seconds_of(&s->own, &s->own_before);
	double wall = (double)(s->end - s->begin) / 1e9;
	char size[32], text[256];
	struct stat file;

	fprintf(stderr,
		"%.1f s, %" PRIu64 " faults (%" PRIu64 " major, %" PRIu64 " blocked), %" PRIu64
		" barriers, %" PRIu64 " reads, %" PRIu64 " block requests\n",
		wall, t->faults, t->major, t->blocked, t->barriers, t->reads, t->io_requests);
	if (t->unresolved)
		fprintf(stderr, "%" PRIu64 " faults at addresses of which no mapping is known\n",
			t->unresolved);
	fprintf(stderr, "%s read from the drive",
		host_size_format(t->io_read_bytes, size, sizeof(size)));
	fprintf(stderr, " (%s by others meanwhile)\n",
		host_size_format(t->io_foreign_read_bytes, size, sizeof(size)));
	if (t->decodes || t->batch_tokens)
		fprintf(stderr,
			"%" PRIu64 " tokens one by one, %" PRIu64 " in batches, %" PRIu64
			" evaluations\n",
			t->decodes, t->batch_tokens, t->evaluations);
	else if (t->evaluations)
		fprintf(stderr, "%" PRIu64 " evaluations\n", t->evaluations);
	for (unsigned int i = 0;
	     s->opt.verbose && rec_probes_text(s->probes, i, text, sizeof(text)); i++)
		fprintf(stderr, "%s\n", text);
	if (run > 0)
		fprintf(stderr, "recorder's CPU time %.2f s, the run's %.2f s: %.1f %%\n", own, run,
			100 * own / run);
	if (st)
		fprintf(stderr,
			"replay program: %u lanes, %" PRIu64 " evaluations%s, %" PRIu64
			" windows%s%s\n",
			st->lanes, st->evaluations,
			st->marks_inferred ? " (found by their pattern)" : "", st->windows,
			st->note[0] ? "; " : "", st->note);
	if (!stat(s->opt.output, &file))
		fprintf(stderr, "%s: %s%s\n", s->opt.output,
			host_size_format((uint64_t)file.st_size, size, sizeof(size)),
			s->lossy ? ", LOSSY: see above" : "");
}

static void say_status(const struct rec_session *s)
{
	if (json_is_false(json_object_get(s->balloon_was, "alive")))
		rec_say("the locked memory went back to the machine before the end: the limit did not hold");
	if (s->has_memcg_end && s->memcg_end.oom_kill != HOST_UNKNOWN && s->memcg_end.oom_kill)
		rec_say("the memory limit killed %" PRIu64
			" of the run's processes: it needs more beside the "
			"model, and this is no recording of a whole run",
			s->memcg_end.oom_kill);
	if (s->status < 0 || s->opt.quiet)
		return;
	if (WIFSIGNALED(s->status))
		rec_say("the command was ended by signal %d (%s)", WTERMSIG(s->status),
			strsignal(WTERMSIG(s->status)));
	else if (WEXITSTATUS(s->status))
		rec_say("the command ended with status %d", WEXITSTATUS(s->status));
}

int rec_session_finish(struct rec_session *s)
{
	json_t *invariants = rec_invariants(s), *trailer;
	struct flt_prepare_stats st = {0};
	bool has_program = false, usable;
	int ret;

	s->lossy = is_lossy(invariants);
	say_status(s);
	if (s->sink.error) {
		rec_say("%s ends early: %s; 'faultline verify --repair' makes a finished trace of what "
			"is in it",
			s->opt.output, strerror(-s->sink.error));
		flt_writer_abort(&s->sink.writer);
		json_decref(invariants);
		return s->sink.error;
	}
	trailer = make_trailer(s, invariants);
	/* before the program is derived: its pace is fitted to these times */
	rec_calibrate(s, trailer);
	usable = rec_reference_judge(s, trailer);
	if (!s->opt.no_program) {
		ret = derive_program(s, &st, trailer);
		has_program = !ret;
		if (ret == -ENODATA)
			rec_say("no replay program: no page of a mapped model faulted. Did it fit into memory? "
				"llama.cpp then maps it in advance: record with a --memory-limit below its size");
		else if (ret == -ECANCELED)
			rec_say("interrupted: no replay program; 'faultline prepare %s -o NEW.flt' "
				"derives it from the recording, which is complete",
				s->opt.output);
		else if (ret)
			rec_say("cannot derive the replay program: %s", strerror(-ret));
	}
	ret = flt_writer_finish(&s->sink.writer, trailer);
	json_decref(trailer);
	if (ret) {
		rec_say("cannot finish %s: %s", s->opt.output, strerror(-ret));
		flt_writer_abort(&s->sink.writer);
	}
	if (!s->opt.quiet) {
		rec_invariants_print(invariants);
		print_summary(s, has_program ? &st : NULL);
	} else if (s->lossy) {
		rec_say("%s is lossy: events are missing", s->opt.output);
	}
	json_decref(st.model);
	json_decref(invariants);
	return ret ? ret : s->lossy || !usable ? -EIO : 0;
}
