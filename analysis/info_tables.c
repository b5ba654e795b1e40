// SPDX-License-Identifier: GPL-2.0-only
/* The tables of `faultline info`: records and their sizes, files, regions, threads, lanes, drives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/info.h"
#include "analysis/names.h"
#include "analysis/table.h"
#include "analysis/units.h"

#define SHORT_LIST 12 /* rows of a list that is not asked for in full */

static void print_kinds(const struct ana_scan *s)
{
	struct ana_table *t = ana_table_new("llrl");
	const char *layer = "recording";
	char a[ANA_TEXT], b[ANA_TEXT], c[ANA_TEXT], d[ANA_TEXT], e[ANA_TEXT];

	ana_table_row(t, "layer", "kind", "records", "", NULL);
	for (uint32_t kind = 0; kind < FLT_KIND_END; kind++) {
		if (!s->kind[kind])
			continue;
		if (kind >= FLT_P_WINDOW)
			layer = kind >= FLT_S_EVALUATION ? "summary" : "program";
		ana_table_cell(t, "%s", layer);
		ana_table_cell(t, "%s", flt_kind_info(kind)->name);
		ana_table_cell(t, "%s", ana_count(a, s->kind[kind]));
		if (kind == FLT_FAULT)
			ana_table_cell(t, "%s major, %s minor, %s anonymous; %s blocked, for %s",
				       ana_count(a, s->faults.major),
				       ana_count(b, s->faults.count - s->faults.major),
				       ana_count(c, s->faults.anon),
				       ana_count(d, s->faults.blocked),
				       ana_span(e, s->faults.blocked_ns));
		ana_table_end_row(t);
	}
	if (s->unknown) {
		ana_table_cell(t, "?");
		ana_table_cell(t, "unknown");
		ana_table_cell(t, "%s", ana_count(a, s->unknown));
		ana_table_cell(t, "of a newer version of Faultline");
	}
	printf("\nRecords\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
	if (s->unresolved)
		printf("  %s faults lie in memory that no region describes\n",
		       ana_count(a, s->unresolved));
}

static void print_sizes(const struct ana_scan *s)
{
	static const char *const name[ANA_SHARES] = {
		[ANA_SHARE_THREADS] = "threads (faults, barriers, reads, hints)",
		[ANA_SHARE_BLOCK] = "block I/O",
		[ANA_SHARE_OTHER] = "samples, page cache, process",
		[ANA_SHARE_PROGRAM] = "replay program",
		[ANA_SHARE_SUMMARY] = "summary",
	};
	struct ana_table *t = ana_table_new("lrrr");
	char a[ANA_TEXT], b[ANA_TEXT];

	ana_table_row(t, "part", "records", "size", "bytes/record", NULL);
	for (int i = 0; i < ANA_SHARES; i++) {
		if (!s->share_records[i])
			continue;
		ana_table_cell(t, "%s", name[i]);
		ana_table_cell(t, "%s", ana_count(a, s->share_records[i]));
		ana_table_cell(t, "%s", ana_bytes(b, s->share_bytes[i]));
		ana_table_cell(t, "%.2f", (double)s->share_bytes[i] / (double)s->share_records[i]);
	}
	printf("\nSize\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
}

static void print_files(const struct ana_scan *s)
{
	struct ana_table *t = ana_table_new("lrrrrrrl");
	char a[ANA_TEXT];
	size_t shown = 0;

	ana_table_row(t, "file", "size", "touched", "faults", "major", "blocked", "read(2)", "",
		      NULL);
	for (size_t i = 0; i < s->files.count; i++) {
		const json_t *def = json_array_get(s->files.defs, i);
		const struct ana_file_sum *f = &s->file[i];

		if (!ana_is_model(def) && !f->faults.count && !f->read_bytes)
			continue;
		if (!ana_is_model(def) && shown >= SHORT_LIST)
			continue;
		shown++;
		ana_table_cell(t, "%s", ana_text(def, "path", "?"));
		ana_table_cell(t, "%s", ana_bytes(a, ana_number(def, "size", 0)));
		ana_table_cell(t, "%s", f->touched ? ana_bytes(a, f->touched) : "");
		ana_table_cell(t, "%s", ana_count(a, f->faults.count));
		ana_table_cell(t, "%s", ana_count(a, f->faults.major));
		ana_table_cell(t, "%s", ana_count(a, f->faults.blocked));
		ana_table_cell(t, "%s", f->read_bytes ? ana_bytes(a, f->read_bytes) : "");
		ana_table_cell(t, ana_is_model(def) ? "model" : "");
	}
	if (shown) {
		printf("\nFiles\n");
		ana_table_print(t, stdout, ANA_PLAIN, 2);
	} else {
		ana_table_free(t);
	}
}

/* Positions of a list's entries, the one with the most faults first. */
struct rank {
	size_t index;
	uint64_t weight;
};

static int by_weight(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool region_of_model(const struct ana_scan *s, size_t i)
{
	return s->region_file[i] < s->files.count &&
	       ana_is_model(json_array_get(s->files.defs, s->region_file[i]));
}

static void add_region(struct ana_table *t, const struct ana_scan *s, size_t i, const char *label)
{
	const json_t *def = json_array_get(s->regions.defs, i);
	const struct ana_faults *f = &s->region[i].faults;
	uint64_t align = ana_number(def, "align", 0);
	char a[ANA_TEXT];

	ana_table_cell(t, "%" PRIu64, ana_number(def, "id", 0));
	ana_table_cell(t, "%s", label);
	ana_table_cell(t, "%s", ana_text(def, "kind", ""));
	ana_table_cell(t, "%s", ana_bytes(a, ana_number(def, "length", 0)));
	ana_table_cell(t, "%s", align ? ana_bytes(a, align) : "");
	ana_table_cell(t, "%s", ana_count(a, f->count));
	ana_table_cell(t, "%s", ana_count(a, f->major));
	ana_table_cell(t, "%s", ana_count(a, f->blocked));
	ana_table_cell(t, region_of_model(s, i) ? "model" : "");
}

static void print_regions(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;
	struct rank *rank = calloc(s->regions.count + 1, sizeof(*rank));
	char **label = ana_labels(s->r, ANA_V_REGION, &s->regions);
	struct ana_table *t = ana_table_new("rllrrrrrl");
	size_t used = 0, shown;
	char a[ANA_TEXT];

	for (size_t i = 0; rank && i < s->regions.count; i++) {
		uint64_t weight = s->region[i].faults.count;

		/* The model's come first, whatever they weigh. */
		if (region_of_model(s, i) && weight)
			weight += 1ull << 63;
		if (weight || region_of_model(s, i) || info->all)
			rank[used++] = (struct rank){i, weight};
	}
	if (!used || !label) {
		ana_table_free(t);
		goto out;
	}
	qsort(rank, used, sizeof(*rank), by_weight);
	shown = info->all || used < SHORT_LIST ? used : SHORT_LIST;
	ana_table_row(t, "id", "region", "kind", "size", "aligned", "faults", "major", "blocked",
		      "", NULL);
	for (size_t i = 0; i < shown; i++)
		add_region(t, s, rank[i].index, label[rank[i].index]);
	printf("\nRegions\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
	if (shown < used)
		printf("  and %s more (--all)\n", ana_count(a, used - shown));
out:
	ana_labels_free(label, s->regions.count);
	free(rank);
}

/* Headings, NULL-terminated, with "%s" for the unit of time. */
static const char *const thread_heading[] = {
	"stream",  "thread",       "from s",   "to s",       "faults", "major",
	"blocked", "in faults %s", "barriers", "waiting %s", NULL,
};
static const char *const lane_heading[] = {
	"lane",          "role",     "threads",    "windows",        "touches",
	"in touches %s", "barriers", "waiting %s", "own compute %s", NULL,
};

static void add_heading(struct ana_table *t, const char *const *heading, struct ana_unit unit)
{
	for (; *heading; heading++)
		ana_table_cell(t, *heading, unit.name);
}

static void add_thread(struct ana_table *t, const struct ana_scan *s, size_t i, const char *label,
		       struct ana_unit unit)
{
	const json_t *def = json_array_get(s->streams.defs, i);
	const struct ana_stream_sum *sum = &s->stream[i];
	char a[ANA_TEXT];

	ana_table_cell(t, "%" PRIu64, ana_number(def, "id", 0));
	ana_table_cell(t, "%s", label);
	ana_table_cell(t, "%s", sum->first_ns == FLT_NONE ? "" : ana_seconds(a, sum->first_ns));
	ana_table_cell(t, "%s", sum->last_ns ? ana_seconds(a, sum->last_ns) : "");
	ana_table_cell(t, "%s", ana_count(a, sum->faults.count));
	ana_table_cell(t, "%s", ana_count(a, sum->faults.major));
	ana_table_cell(t, "%s", ana_count(a, sum->faults.blocked));
	ana_table_cell(t, "%s", ana_in_unit(a, sum->faults.ns, unit));
	ana_table_cell(t, "%s", sum->barriers ? ana_count(a, sum->barriers) : "");
	ana_table_cell(t, "%s", sum->barriers ? ana_in_unit(a, sum->barrier_ns, unit) : "");
}

static void print_threads(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;
	struct rank *rank = calloc(s->streams.count + 1, sizeof(*rank));
	char **label = ana_labels(s->r, ANA_V_STREAM, &s->streams);
	struct ana_table *t = ana_table_new("rlrrrrrrrr");
	struct ana_unit unit = ana_unit_for(s->last_ns);
	size_t used = 0, shown;
	char a[ANA_TEXT];

	for (size_t i = 0; rank && i < s->streams.count; i++) {
		const json_t *def = json_array_get(s->streams.defs, i);

		if (!strcmp(ana_text(def, "type", ""), "thread") &&
		    (s->stream[i].records || info->all))
			rank[used++] =
				(struct rank){i, s->stream[i].faults.count + s->stream[i].barriers};
	}
	if (!used || !label) {
		ana_table_free(t);
		goto out;
	}
	qsort(rank, used, sizeof(*rank), by_weight);
	shown = info->all || used < SHORT_LIST ? used : SHORT_LIST;
	add_heading(t, thread_heading, unit);
	for (size_t i = 0; i < shown; i++)
		add_thread(t, s, rank[i].index, label[rank[i].index], unit);
	printf("\nThreads\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
	if (shown < used)
		printf("  and %s more (--all)\n", ana_count(a, used - shown));
out:
	ana_labels_free(label, s->streams.count);
	free(rank);
}

static void print_lanes(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;
	size_t shown = info->all || s->lanes.count < 2 * SHORT_LIST ? s->lanes.count : SHORT_LIST;
	uint64_t longest = 0;
	struct ana_unit unit;
	struct ana_table *t;
	char a[ANA_TEXT];

	if (!shown)
		return;
	for (size_t i = 0; i < s->lanes.count; i++) {
		const struct ana_lane_sum *l = &s->lane[i];
		uint64_t sum = l->wait_ns + l->barrier_ns + l->compute_ns;

		longest = sum > longest ? sum : longest;
	}
	t = ana_table_new("rlrrrrrrr");
	unit = ana_unit_for(longest);
	add_heading(t, lane_heading, unit);
	for (size_t i = 0; i < shown; i++) {
		const json_t *def = json_array_get(s->lanes.defs, i);
		const struct ana_lane_sum *l = &s->lane[i];

		ana_table_cell(t, "%" PRIu64, ana_number(def, "id", 0));
		ana_table_cell(t, "%s", ana_text(def, "role", ""));
		ana_table_cell(t, "%zu", json_array_size(json_object_get(def, "streams")));
		ana_table_cell(t, "%s", ana_count(a, l->windows + l->reads));
		ana_table_cell(t, "%s", ana_bytes(a, l->window_bytes));
		ana_table_cell(t, "%s", ana_in_unit(a, l->wait_ns, unit));
		ana_table_cell(t, "%s", ana_count(a, l->barriers));
		ana_table_cell(t, "%s", ana_in_unit(a, l->barrier_ns, unit));
		ana_table_cell(t, "%s", ana_in_unit(a, l->compute_ns, unit));
	}
	printf("\nLanes of the program\n");
	ana_table_print(t, stdout, ANA_PLAIN, 2);
	if (shown < s->lanes.count)
		printf("  and %s more (--all)\n", ana_count(a, s->lanes.count - shown));
}

static void print_devices(const struct ana_scan *s)
{
	struct ana_table *t = ana_table_new("lrrrrrrl");
	char a[ANA_TEXT];
	size_t shown = 0;

	ana_table_row(t, "drive", "reads", "read", "mean size", "await", "of it queued",
		      "for others", "", NULL);
	for (size_t i = 0; i < s->devices.count; i++) {
		const json_t *def = json_array_get(s->devices.defs, i);
		const struct ana_device_sum *d = &s->device[i];
		uint64_t queued = d->queued ? d->queue_ns / d->queued : 0;
		uint64_t finished = d->reads - d->unfinished;

		if (!d->reads && !d->foreign_bytes && !d->writes)
			continue;
		shown++;
		ana_table_cell(t, "%s", ana_text(def, "name", "?"));
		ana_table_cell(t, "%s", ana_count(a, d->reads));
		ana_table_cell(t, "%s", ana_bytes(a, d->read_bytes));
		ana_table_cell(t, "%s", d->reads ? ana_bytes(a, d->read_bytes / d->reads) : "");
		ana_table_cell(t, "%s",
			       finished ? ana_span(a, d->read_ns / finished + queued) : "");
		ana_table_cell(t, "%s", d->queued ? ana_span(a, queued) : "");
		ana_table_cell(t, "%s", d->foreign_bytes ? ana_bytes(a, d->foreign_bytes) : "");
		ana_table_cell(t, d->counted ? "" : "part of the one above it, counted there");
	}
	if (shown) {
		printf("\nBlock I/O\n");
		ana_table_print(t, stdout, ANA_PLAIN, 2);
	} else {
		ana_table_free(t);
	}
}

void ana_info_tables(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;

	print_kinds(s);
	print_sizes(s);
	print_files(s);
	print_regions(info);
	print_threads(info);
	print_lanes(info);
	print_devices(s);
}
