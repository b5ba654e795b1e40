// SPDX-License-Identifier: GPL-2.0-only
/* The frame of the pass over a trace: what is allocated, in which order it is read. See scan.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/scan.h"
#include "analysis/scan_add.h"
#include "analysis/touched.h"

#define BATCH 4096

static int allocate(struct ana_scan *s)
{
	uint64_t page = ana_number(flt_header(s->r), "page_size", 4096);
	size_t devices = s->devices.count + 1;

	s->evaluation = calloc(s->evaluations.count + 1, sizeof(*s->evaluation));
	s->stream = calloc(s->streams.count + 1, sizeof(*s->stream));
	s->region = calloc(s->regions.count + 1, sizeof(*s->region));
	s->region_file = calloc(s->regions.count + 1, sizeof(*s->region_file));
	s->file = calloc(s->files.count + 1, sizeof(*s->file));
	s->touched = calloc(s->files.count + 1, sizeof(*s->touched));
	s->device = calloc(devices, sizeof(*s->device));
	s->lane = calloc(s->lanes.count + 1, sizeof(*s->lane));
	s->device_read = calloc((s->evaluations.count + 1) * devices, sizeof(*s->device_read));
	if (!s->evaluation || !s->stream || !s->region || !s->region_file || !s->file ||
	    !s->touched || !s->device || !s->lane || !s->device_read)
		return -ENOMEM;
	for (size_t i = 0; i < s->regions.count; i++) {
		const json_t *def = json_array_get(s->regions.defs, i);

		s->region_file[i] = ana_ids_index(&s->files, ana_number(def, "file", FLT_NONE));
	}
	s->region_file[s->regions.count] = s->files.count;
	for (size_t i = 0; i < s->files.count; i++) {
		const json_t *def = json_array_get(s->files.defs, i);

		if (ana_touched_init(&s->touched[i], ana_number(def, "size", 0), page))
			return -ENOMEM;
	}
	for (size_t i = 0; i <= s->streams.count; i++)
		s->stream[i].first_ns = FLT_NONE;
	return 0;
}

static int read_layer(struct ana_scan *s, enum flt_layer layer, struct ana_progress *progress,
		      uint64_t *done)
{
	struct flt_record *rec = malloc(BATCH * sizeof(*rec));
	struct flt_cursor *c = NULL;
	ssize_t n;
	int ret = rec ? flt_cursor_open(&c, s->r, layer, FLT_ALL_STREAMS) : -ENOMEM;

	if (ret)
		goto out;
	while ((n = flt_cursor_next(c, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			ana_scan_add(s, &rec[i]);
		*done += (uint64_t)n;
		ana_progress_update(progress, *done);
	}
	ret = n < 0 ? (int)n : 0;
	flt_cursor_close(c);
out:
	free(rec);
	return ret;
}

/*
 * Reads are seen at a stacked device and again at its members. Those of the members stand aside
 * where the device above them told of any.
 */
static void choose_devices(struct ana_scan *s)
{
	const json_t *def, *name;
	size_t i, k;

	for (i = 0; i <= s->devices.count; i++)
		s->device[i].counted = true;
	json_array_foreach (s->devices.defs, i, def) {
		if (!s->device[i].reads)
			continue;
		json_array_foreach (json_object_get(def, "members"), k, name) {
			for (size_t m = 0; m < s->devices.count; m++) {
				const json_t *other = json_array_get(s->devices.defs, m);
				const char *text = json_string_value(name);

				if (m != i && text && !strcmp(text, ana_text(other, "name", "")))
					s->device[m].counted = false;
			}
		}
	}
	for (size_t e = 0; e <= s->evaluations.count; e++) {
		for (i = 0; i <= s->devices.count; i++) {
			const uint64_t *seen = s->device_read[e * (s->devices.count + 1) + i];

			if (!s->device[i].counted)
				continue;
			s->evaluation[e].drive_bytes += seen[0];
			s->evaluation[e].drive_reads += seen[1];
		}
	}
}

/* Whose records a block of the recording holds. */
static enum ana_share share_of(const struct ana_scan *s, uint32_t stream)
{
	const char *type = ana_text(ana_ids_get(&s->streams, stream), "type", "");

	if (!strcmp(type, "thread"))
		return ANA_SHARE_THREADS;
	return strcmp(type, "device") ? ANA_SHARE_OTHER : ANA_SHARE_BLOCK;
}

/* Compressed sizes, from the directories alone. */
static int add_sizes(struct ana_scan *s)
{
	struct flt_block_info *block = NULL;
	size_t room = 0;
	int ret = 0;

	for (size_t i = 0; i < flt_chunk_count(s->r); i++) {
		const struct flt_chunk_info *c = flt_chunk_info(s->r, i);
		ssize_t n;

		if (c->layer != FLT_RECORDING) {
			enum ana_share share =
				c->layer == FLT_PROGRAM ? ANA_SHARE_PROGRAM : ANA_SHARE_SUMMARY;

			s->share_bytes[share] += c->bytes;
			s->share_records[share] += c->records;
			continue;
		}
		if (c->blocks > room) {
			free(block);
			room = c->blocks;
			block = calloc(room, sizeof(*block));
			if (!block)
				return -ENOMEM;
		}
		n = flt_chunk_blocks(s->r, i, block, room);
		if (n < 0)
			ret = (int)n;
		for (ssize_t b = 0; b < n && b < (ssize_t)room; b++) {
			enum ana_share share = share_of(s, block[b].stream);

			s->share_bytes[share] += block[b].bytes;
			s->share_records[share] += block[b].records;
		}
	}
	free(block);
	return ret;
}

int ana_scan(struct ana_scan *s, struct flt_reader *r)
{
	struct ana_progress progress;
	uint64_t done = 0;
	int ret, damaged = 0;

	memset(s, 0, sizeof(*s));
	s->r = r;
	s->first_ns = FLT_NONE;
	ret = ana_ids_load(&s->streams, r, "stream");
	if (!ret)
		ret = ana_ids_load(&s->regions, r, "region");
	if (!ret)
		ret = ana_ids_load(&s->files, r, "file");
	if (!ret)
		ret = ana_ids_load(&s->devices, r, "device");
	if (!ret)
		ret = ana_ids_load(&s->lanes, r, "lane");
	if (ret)
		return ret;
	/* Without them, faults simply belong to no evaluation. */
	ret = ana_evaluations_load(&s->evaluations, r);
	s->bad_summary = ret == -EBADMSG;
	if (ret && !s->bad_summary)
		return ret;
	ret = allocate(s);
	if (ret)
		return ret;
	ana_progress_begin(&progress, "reading", "records",
			   flt_record_count(r, FLT_RECORDING) + flt_record_count(r, FLT_PROGRAM));
	/* Damage in one layer is no reason not to show the others. */
	for (int layer = FLT_RECORDING; layer <= FLT_SUMMARY; layer++) {
		ret = read_layer(s, (enum flt_layer)layer, &progress, &done);
		if (ret)
			damaged = ret;
	}
	ana_progress_end(&progress);
	ret = add_sizes(s);
	if (ret == -ENOMEM)
		return ret;
	damaged = damaged ? damaged : ret;
	choose_devices(s);
	for (size_t i = 0; i < s->files.count; i++)
		s->file[i].touched = ana_touched_bytes(&s->touched[i]);
	return damaged;
}

void ana_scan_free(struct ana_scan *s)
{
	for (size_t i = 0; s->touched && i < s->files.count; i++)
		ana_touched_free(&s->touched[i]);
	ana_ids_free(&s->streams);
	ana_ids_free(&s->regions);
	ana_ids_free(&s->files);
	ana_ids_free(&s->devices);
	ana_ids_free(&s->lanes);
	ana_evaluations_free(&s->evaluations);
	free(s->evaluation);
	free(s->stream);
	free(s->region);
	free(s->region_file);
	free(s->file);
	free(s->touched);
	free(s->device);
	free(s->lane);
	free(s->device_read);
	memset(s, 0, sizeof(*s));
}
