// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must agree at the end of a recording, or something was lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tracer/session.h"

/* exec() itself and its like: faults that the kernel counts without an event. */
#define RUSAGE_SLACK 3

static void check(json_t *list, const char *name, uint64_t expected, uint64_t found, bool ok,
		  const char *note)
{
	json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:b, s:s}", "name", name, "expected",
					      (json_int_t)expected, "found", (json_int_t)found,
					      "ok", ok, "note", note ? note : ""));
}

static void equal(json_t *list, const char *name, uint64_t expected, uint64_t found,
		  const char *note)
{
	check(list, name, expected, found, expected == found, note);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void check_faults(struct rec_session *s, json_t *list)
{
	const struct rec_attach *a = s->attach;
	uint64_t starts = rec_attach_counter(a, REC_C_FAULT_START);
	uint64_t major = rec_attach_counter(a, REC_C_FAULT_MAJOR);
	uint64_t minor = rec_attach_counter(a, REC_C_FAULT_MINOR);
	uint64_t emitted = rec_attach_counter(a, REC_C_FAULT_EMITTED);
	uint64_t dropped = rec_attach_counter(a, REC_C_FAULT_DROPPED);
	uint64_t no_start = rec_attach_counter(a, REC_C_FAULT_NO_START);
	uint64_t no_end = rec_attach_counter(a, REC_C_FAULT_NO_END);
	uint64_t kernel[3];
	char note[160];

	rec_attach_fault_counts(a, kernel);
	equal(list, "fault entries: kernel, seen", kernel[0], starts, NULL);
	equal(list, "major faults: kernel, seen", kernel[1], major, NULL);
	equal(list, "minor faults: kernel, seen", kernel[2], minor, NULL);
	/* A fault that ends in a signal has no end; with -p some were under way at the beginning. */
	snprintf(note, sizeof(note), "%" PRIu64 " without an end, %" PRIu64 " without an entry",
		 no_end, no_start);
	check(list, "fault entries, ends", starts, major + minor,
	      distance(starts + no_start, major + minor + no_end) <= 2 + (s->launched ? 0u : 64u),
	      note);
	equal(list, "fault ends: seen, emitted + dropped", major + minor,
	      emitted + dropped + no_start, NULL);
	equal(list, "faults: emitted, recorded", emitted, s->world.totals.faults, NULL);
	check(list, "faults dropped", 0, dropped, !dropped, dropped ? "the rings were full" : NULL);
}

static void check_rusage(struct rec_session *s, json_t *list)
{
	uint64_t major = rec_attach_counter(s->attach, REC_C_FAULT_MAJOR);
	uint64_t minor = rec_attach_counter(s->attach, REC_C_FAULT_MINOR);
	uint64_t kernel_major, kernel_minor, slack;
	char note[160] = "";

	if (!s->has_usage)
		return;
	kernel_major = (uint64_t)(s->usage.ru_majflt - s->before.ru_majflt);
	kernel_minor = (uint64_t)(s->usage.ru_minflt - s->before.ru_minflt);
	slack = RUSAGE_SLACK * HASH_COUNT(s->world.processes);
	/* One-sided, like the minor ones below. */
	check(list, "major faults: rusage, seen", kernel_major, major,
	      kernel_major >= major || HASH_COUNT(s->world.processes) > 1,
	      kernel_major > major
		      ? "the others were taken inside the kernel (exec, mlock, direct I/O)"
		      : NULL);
	if (kernel_minor > minor + slack)
		snprintf(note, sizeof(note),
			 "%" PRIu64
			 " were taken inside the kernel (exec, populate, mlock, direct I/O)",
			 kernel_minor - minor);
	/* One-sided: such faults are no events. More events than the kernel counts would be an error;
	 * processes that nobody has waited for are not in rusage. */
	check(list, "minor faults: rusage, seen", kernel_minor, minor,
	      kernel_minor + slack >= minor || HASH_COUNT(s->world.processes) > 1, note);
}

/*
 * What the disk itself counted between the two moments at which the recording surely ran is the least
 * that can have been seen; what it counted between the two outside of it is the most. Both are the same
 * unless somebody read just then.
 */
static void check_disk(struct rec_session *s, json_t *list, const struct rec_disk *d)
{
	struct host_diskdiff inner, outer;
	struct rec_block_reads seen;
	uint64_t least, most;
	char name[128], note[160] = "";

	if (d->gone)
		return;
	rec_block_reads(&s->world, d->major << 20 | d->minor, &seen);
	host_diskstat_diff(&d->at[REC_DISK_BEGUN], &d->at[REC_DISK_ENDING], &inner);
	host_diskstat_diff(&d->at[REC_DISK_FIRST], &d->at[REC_DISK_LAST], &outer);
	/* what was under way at the beginning is in the disk's count, what is at the end is not yet */
	least = inner.read_bytes > seen.unissued ? inner.read_bytes - seen.unissued : 0;
	most = outer.read_bytes + seen.unfinished;
	if (least != most)
		snprintf(note, sizeof(note),
			 "or up to %" PRIu64 ": read just then, or without issue or completion",
			 most);
	snprintf(name, sizeof(name), "bytes read from %s: diskstats, seen", d->name);
	check(list, name, seen.bytes > most ? most : least, seen.bytes,
	      seen.bytes >= least && seen.bytes <= most, note);
}

/* The kernel accounts a read to whoever submits it, and nobody else's is in that. */
static void check_run_reads(struct rec_session *s, json_t *list)
{
	const struct rec_totals *t = &s->world.totals;

	/* Where bios are passed on from device to device other threads submit the requests. */
	if (!s->has_usage || t->io_bios || !s->usage.ru_inblock)
		return;
	equal(list, "bytes read by the run: rusage, seen", (uint64_t)s->usage.ru_inblock * 512,
	      t->io_read_bytes, NULL);
}

static void check_block(struct rec_session *s, json_t *list)
{
	uint64_t issued = rec_attach_counter(s->attach, REC_C_RQ_ISSUE);
	uint64_t done = rec_attach_counter(s->attach, REC_C_RQ_DONE);
	const struct rec_totals *t = &s->world.totals;
	char note[160];

	if (!rec_attach_capabilities(s->attach)->block)
		return;
	snprintf(note, sizeof(note), "%" PRIu64 " issued again", t->io_requeued);
	equal(list, "block requests: issued, recorded", issued - t->io_requeued,
	      t->io_requests - t->io_parts, t->io_requeued ? note : NULL);
	snprintf(note, sizeof(note),
		 "%" PRIu64 " had been issued before, of %" PRIu64 " the completion was not seen",
		 t->io_unissued, t->io_unfinished);
	equal(list, "block completions: seen, recorded", done,
	      t->io_requests - t->io_unfinished + t->io_unissued,
	      t->io_unissued || t->io_unfinished ? note : NULL);
	for (unsigned int i = 0; i < s->disks; i++)
		check_disk(s, list, &s->disk[i]);
	check_run_reads(s, list);
}

static void check_programs(struct rec_session *s, json_t *list)
{
	struct rec_program_info info;
	uint64_t misses = 0;
	char note[256] = "";

	for (unsigned int i = 0; rec_attach_program(s->attach, i, &info); i++) {
		size_t len = strlen(note);

		misses += info.misses;
		if (info.misses && len < sizeof(note))
			snprintf(note + len, sizeof(note) - len, "%s%s %" PRIu64, len ? ", " : "",
				 info.name, info.misses);
	}
	check(list, "programs that could not run", 0, misses, !misses, note);
}

/* Registering a probe waits for the process' memory map, which a big populate can hold for long. */
static void check_probes(struct rec_session *s, json_t *list)
{
	const struct rec_world *w = &s->world;
	uint64_t late = 0;

	/* With -p the run began before the recording, whatever was probed when. */
	if (!s->launched || !w->last_probe || !w->first_model_fault ||
	    !(w->totals.barriers + w->totals.evaluations))
		return;
	if (w->last_probe > w->first_model_fault)
		late = (w->last_probe - w->first_model_fault) / 1000000;
	check(list, "ms of the model's use before the probes", 0, late, !late,
	      late ? "evaluations and barriers of that time are missing: record it again, or name the "
		     "files: --mark SYMBOL@FILE --barrier SYMBOL@FILE"
		   : NULL);
}

json_t *rec_invariants(struct rec_session *s)
{
	json_t *list = json_array();
	uint64_t emitted = rec_attach_counter(s->attach, REC_C_EMITTED) +
			   rec_attach_counter(s->attach, REC_C_FAULT_EMITTED);
	uint64_t dropped = rec_attach_counter(s->attach, REC_C_DROPPED);

	check_faults(s, list);
	check_rusage(s, list);
	equal(list, "events: emitted, received", emitted, rec_attach_received(s->attach), NULL);
	check(list, "other events dropped", 0, dropped, !dropped,
	      dropped ? "the rings were full" : NULL);
	equal(list, "log of mappings: lost", 0, rec_tasklog_lost(s->log), NULL);
	equal(list, "threads without storage", 0, rec_attach_counter(s->attach, REC_C_NO_STORAGE),
	      NULL);
	check_block(s, list);
	check_programs(s, list);
	check_probes(s, list);
	if (s->sink.refused)
		check(list, "records not written", 0, s->sink.refused, false,
		      "the trace could not grow");
	return list;
}

void rec_invariants_print(const json_t *list)
{
	const json_t *one;
	size_t i;

	fprintf(stderr, "%-45s %14s %14s\n", "what must agree", "expected", "found");
	json_array_foreach ((json_t *)list, i, one) {
		const char *note = json_string_value(json_object_get(one, "note"));

		fprintf(stderr, "%-45s %14lld %14lld  %s%s%s\n",
			json_string_value(json_object_get(one, "name")),
			(long long)json_integer_value(json_object_get(one, "expected")),
			(long long)json_integer_value(json_object_get(one, "found")),
			json_is_true(json_object_get(one, "ok")) ? "ok" : "DIFFERS",
			note && *note ? ": " : "", note ? note : "");
	}
}
