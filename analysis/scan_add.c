// SPDX-License-Identifier: GPL-2.0-only
/* What one record adds to the sums of a scan. */
#include <stdlib.h>

#include "analysis/scan_add.h"
#include "analysis/touched.h"

static struct ana_evaluation_sum *evaluation_at(struct ana_scan *s, uint64_t t)
{
	return &s->evaluation[ana_evaluation_at(&s->evaluations, t, &s->hint)];
}

static void add_faults(struct ana_faults *sum, const struct flt_record *rec)
{
	uint64_t flags = rec->f[FLT_FAULT_FLAGS];

	sum->count++;
	sum->ns += rec->dur;
	sum->major += !!(flags & FLT_FF_MAJOR);
	sum->anon += !!(flags & FLT_FF_ANON);
	if (flags & FLT_FF_BLOCKED) {
		sum->blocked++;
		sum->blocked_ns += rec->dur;
	}
}

static void add_fault(struct ana_scan *s, const struct flt_record *rec, size_t stream)
{
	size_t region = ana_ids_index(&s->regions, rec->f[FLT_FAULT_REGION]);

	s->unresolved += region == s->regions.count;
	add_faults(&s->faults, rec);
	add_faults(&s->stream[stream].faults, rec);
	add_faults(&s->region[region].faults, rec);
	add_faults(&s->file[s->region_file[region]].faults, rec);
	add_faults(&evaluation_at(s, rec->start)->faults, rec);
}

static void add_barrier(struct ana_scan *s, const struct flt_record *rec, size_t stream)
{
	struct ana_evaluation_sum *e = evaluation_at(s, rec->start);

	e->barriers++;
	e->barrier_ns += rec->dur;
	s->stream[stream].barriers++;
	s->stream[stream].barrier_ns += rec->dur;
}

static void add_read(struct ana_scan *s, const struct flt_record *rec)
{
	size_t file = ana_ids_index(&s->files, rec->f[FLT_READ_FILE]);

	evaluation_at(s, rec->start)->call_bytes += rec->f[FLT_READ_LENGTH];
	s->file[file].read_bytes += rec->f[FLT_READ_LENGTH];
}

static void add_block(struct ana_scan *s, const struct flt_record *rec)
{
	size_t i = ana_ids_index(&s->devices, rec->f[FLT_BLOCK_DEVICE]);
	uint64_t flags = rec->f[FLT_BLOCK_FLAGS], bytes = rec->f[FLT_BLOCK_LENGTH];
	struct ana_device_sum *d = &s->device[i];
	size_t evaluation;
	uint64_t *seen;

	if (rec->f[FLT_BLOCK_OP] == 1) {
		d->writes++;
		d->write_bytes += bytes;
	}
	if (rec->f[FLT_BLOCK_OP] != 0)
		return;
	if (flags & FLT_BF_FOREIGN) {
		d->foreign_bytes += bytes;
		return;
	}
	d->reads++;
	d->read_bytes += bytes;
	if (flags & FLT_BF_UNFINISHED)
		d->unfinished++;
	d->read_ns += rec->dur;
	if (rec->f[FLT_BLOCK_QUEUE] != FLT_NONE) {
		d->queue_ns += rec->f[FLT_BLOCK_QUEUE];
		d->queued++;
	}
	evaluation = ana_evaluation_at(&s->evaluations, rec->start, &s->hint);
	seen = s->device_read[evaluation * (s->devices.count + 1) + i];
	seen[0] += bytes;
	seen[1]++;
}

static void add_mark(struct ana_scan *s, const struct flt_record *rec)
{
	/* FLT_MARK and FLT_P_MARK have the same fields. */
	s->marks_inferred |= !!(rec->f[FLT_MARK_FLAGS] & FLT_MF_INFERRED);
	s->marks_guessed |= !!(rec->f[FLT_MARK_FLAGS] & FLT_MF_CLASS_GUESSED);
}

static void add_touch(struct ana_scan *s, size_t lane, uint64_t file_id, uint64_t offset,
		      uint64_t length)
{
	size_t file = ana_ids_index(&s->files, file_id);

	s->file[file].windows++;
	s->file[file].window_bytes += length;
	if (file < s->files.count)
		ana_touched_add(&s->touched[file], offset, length);
	s->lane[lane].window_bytes += length;
}

static void add_program(struct ana_scan *s, const struct flt_record *rec)
{
	size_t lane = ana_ids_index(&s->lanes, rec->stream);
	struct ana_lane_sum *l = &s->lane[lane];

	l->records++;
	switch (rec->kind) {
	case FLT_P_WINDOW:
		l->windows++;
		l->wait_ns += rec->dur;
		add_touch(s, lane, rec->f[FLT_P_WINDOW_FILE], rec->f[FLT_P_WINDOW_OFFSET],
			  rec->f[FLT_P_WINDOW_LENGTH]);
		break;
	case FLT_P_READ:
		l->reads++;
		l->wait_ns += rec->dur;
		add_touch(s, lane, rec->f[FLT_P_READ_FILE], rec->f[FLT_P_READ_OFFSET],
			  rec->f[FLT_P_READ_LENGTH]);
		break;
	case FLT_P_BARRIER:
		l->barriers++;
		l->barrier_ns += rec->dur;
		break;
	case FLT_P_MARK:
		add_mark(s, rec);
		break;
	}
}

void ana_scan_add(struct ana_scan *s, const struct flt_record *rec)
{
	size_t stream;

	if (rec->kind < FLT_KIND_END && flt_kind_info(rec->kind))
		s->kind[rec->kind]++;
	else
		s->unknown++;
	if (rec->kind == FLT_S_EVALUATION) {
		s->lane[ana_ids_index(&s->lanes, rec->stream)].compute_ns +=
			rec->f[FLT_S_EVAL_COMPUTE];
		return;
	}
	if (rec->kind >= FLT_P_WINDOW) {
		add_program(s, rec);
		return;
	}
	if (rec->start < s->first_ns)
		s->first_ns = rec->start;
	if (flt_end(rec) > s->last_ns)
		s->last_ns = flt_end(rec);
	stream = ana_ids_index(&s->streams, rec->stream);
	s->stream[stream].records++;
	if (rec->start < s->stream[stream].first_ns)
		s->stream[stream].first_ns = rec->start;
	if (flt_end(rec) > s->stream[stream].last_ns)
		s->stream[stream].last_ns = flt_end(rec);
	switch (rec->kind) {
	case FLT_FAULT:
		add_fault(s, rec, stream);
		break;
	case FLT_BARRIER:
		add_barrier(s, rec, stream);
		break;
	case FLT_READ:
		add_read(s, rec);
		break;
	case FLT_BLOCK:
		add_block(s, rec);
		break;
	case FLT_MARK:
		add_mark(s, rec);
		break;
	}
}
