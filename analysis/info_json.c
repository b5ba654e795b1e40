// SPDX-License-Identifier: GPL-2.0-only
/* `faultline info --json`. Header and trailer are passed on as they are in the trace. */
#include <string.h>

#include "analysis/info.h"

/* Unknown numbers are null. */
static json_t *number(uint64_t v)
{
	return v == FLT_NONE ? json_null() : json_integer((json_int_t)v);
}

static json_t *faults_json(const struct ana_faults *f)
{
	return json_pack("{sI, sI, sI, sI, sI, sI}", "count", (json_int_t)f->count, "major",
			 (json_int_t)f->major, "blocked", (json_int_t)f->blocked, "anonymous",
			 (json_int_t)f->anon, "ns", (json_int_t)f->ns, "blocked_ns",
			 (json_int_t)f->blocked_ns);
}

static json_t *kinds_json(const struct ana_scan *s)
{
	static const char *const layers[] = {"recording", "program", "summary"};
	json_t *o = json_object();

	for (uint32_t kind = 0; kind < FLT_KIND_END; kind++) {
		int layer = kind >= FLT_S_EVALUATION ? 2 : kind >= FLT_P_WINDOW;
		json_t *part = json_object_get(o, layers[layer]);

		if (!s->kind[kind])
			continue;
		if (!part) {
			part = json_object();
			json_object_set_new(o, layers[layer], part);
		}
		json_object_set_new(part, flt_kind_info(kind)->name,
				    json_integer((json_int_t)s->kind[kind]));
	}
	json_object_set_new(o, "unknown", json_integer((json_int_t)s->unknown));
	return o;
}

static json_t *sizes_json(const struct ana_scan *s)
{
	static const char *const name[ANA_SHARES] = {
		[ANA_SHARE_THREADS] = "threads", [ANA_SHARE_BLOCK] = "block",
		[ANA_SHARE_OTHER] = "other",     [ANA_SHARE_PROGRAM] = "program",
		[ANA_SHARE_SUMMARY] = "summary",
	};
	json_t *o = json_object();

	for (int i = 0; i < ANA_SHARES; i++) {
		double n = (double)s->share_records[i];

		json_object_set_new(
			o, name[i],
			json_pack("{sI, sI, so}", "records", (json_int_t)s->share_records[i],
				  "bytes", (json_int_t)s->share_bytes[i], "bytes_per_record",
				  n > 0 ? json_real((double)s->share_bytes[i] / n) : json_null()));
	}
	return o;
}

/* The definition itself, with what was added up. */
static json_t *with_sums(const json_t *def, json_t *sums)
{
	json_t *o = json_copy((json_t *)def);

	json_object_update(o, sums);
	json_decref(sums);
	return o;
}

static json_t *files_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->files.count; i++) {
		const struct ana_file_sum *f = &s->file[i];

		json_array_append_new(
			list, with_sums(json_array_get(s->files.defs, i),
					json_pack("{so, sI, sI, sI, sI}", "faults",
						  faults_json(&f->faults), "call_bytes",
						  (json_int_t)f->read_bytes, "windows",
						  (json_int_t)f->windows, "window_bytes",
						  (json_int_t)f->window_bytes, "touched_bytes",
						  (json_int_t)f->touched)));
	}
	return list;
}

static json_t *regions_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->regions.count; i++)
		json_array_append_new(
			list,
			with_sums(json_array_get(s->regions.defs, i),
				  json_pack("{so}", "faults", faults_json(&s->region[i].faults))));
	return list;
}

static json_t *streams_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->streams.count; i++) {
		const struct ana_stream_sum *sum = &s->stream[i];

		json_array_append_new(
			list, with_sums(json_array_get(s->streams.defs, i),
					json_pack("{sI, so, sI, sI, so, sI}", "records",
						  (json_int_t)sum->records, "faults",
						  faults_json(&sum->faults), "barriers",
						  (json_int_t)sum->barriers, "barrier_ns",
						  (json_int_t)sum->barrier_ns, "first_record_ns",
						  number(sum->first_ns), "last_record_ns",
						  (json_int_t)sum->last_ns)));
	}
	return list;
}

static json_t *lanes_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->lanes.count; i++) {
		const struct ana_lane_sum *l = &s->lane[i];

		json_array_append_new(
			list,
			with_sums(json_array_get(s->lanes.defs, i),
				  json_pack("{sI, sI, sI, sI, sI, sI, sI, sI}", "records",
					    (json_int_t)l->records, "windows",
					    (json_int_t)l->windows, "reads", (json_int_t)l->reads,
					    "touched_bytes", (json_int_t)l->window_bytes, "wait_ns",
					    (json_int_t)l->wait_ns, "barriers",
					    (json_int_t)l->barriers, "barrier_ns",
					    (json_int_t)l->barrier_ns, "compute_ns",
					    (json_int_t)l->compute_ns)));
	}
	return list;
}

static json_t *devices_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->devices.count; i++) {
		const struct ana_device_sum *d = &s->device[i];

		json_array_append_new(
			list,
			with_sums(json_array_get(s->devices.defs, i),
				  json_pack("{sI, sI, sI, sI, sI, sI, sI, sI, sI, sb}", "reads",
					    (json_int_t)d->reads, "read_bytes",
					    (json_int_t)d->read_bytes, "read_ns",
					    (json_int_t)d->read_ns, "queue_ns",
					    (json_int_t)d->queue_ns, "queued",
					    (json_int_t)d->queued, "writes", (json_int_t)d->writes,
					    "write_bytes", (json_int_t)d->write_bytes,
					    "foreign_read_bytes", (json_int_t)d->foreign_bytes,
					    "unfinished", (json_int_t)d->unfinished, "counted",
					    d->counted)));
	}
	return list;
}

static json_t *evaluations_json(const struct ana_scan *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->evaluations.count; i++) {
		const struct ana_evaluation_span *span = &s->evaluations.span[i];
		const struct ana_evaluation_sum *e = &s->evaluation[i];
		bool planned = s->evaluations.planned;
		json_t *o = json_pack(
			"{sI, ss, so, sI, sI, so, sI, sI, sI, sI, sI}", "index", (json_int_t)i,
			"class", flt_mark_class_name(span->mark_class), "tokens",
			number(span->tokens), "start_ns", (json_int_t)span->start, "duration_ns",
			(json_int_t)(span->end - span->start), "faults", faults_json(&e->faults),
			"barriers", (json_int_t)e->barriers, "barrier_ns",
			(json_int_t)e->barrier_ns, "call_bytes", (json_int_t)e->call_bytes,
			"drive_bytes", (json_int_t)e->drive_bytes, "drive_reads",
			(json_int_t)e->drive_reads);

		json_object_set_new(o, "windows", number(planned ? span->windows : FLT_NONE));
		json_object_set_new(o, "window_bytes",
				    number(planned ? span->window_bytes : FLT_NONE));
		json_object_set_new(o, "compute_ns", number(planned ? span->compute_ns : FLT_NONE));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *ana_info_json(const struct ana_info *info)
{
	const struct ana_scan *s = &info->scan;
	const char *reason = flt_unfinished_reason(info->r);
	const json_t *trailer = flt_trailer(info->r);
	char use[512], complete[512];
	json_t *o = json_pack(
		"{ss, sI, sb, so, sb, sb, ss, ss, sO, so}", "trace", info->path, "bytes",
		(json_int_t)flt_file_size(info->r), "finished", flt_finished(info->r),
		"unfinished_reason", reason ? json_string(reason) : json_null(), "damaged",
		info->damaged != 0, "lossy", ana_true(trailer, "lossy"), "good_for",
		ana_info_use(info, use, sizeof(use)), "complete",
		ana_info_complete(info, complete, sizeof(complete)), "header", flt_header(info->r),
		"trailer", trailer ? json_incref((json_t *)trailer) : json_null());

	if (!o || info->quick)
		return o;
	json_object_set_new(o, "records", kinds_json(s));
	json_object_set_new(o, "sizes", sizes_json(s));
	json_object_set_new(o, "faults", faults_json(&s->faults));
	json_object_set_new(o, "unresolved_faults", json_integer((json_int_t)s->unresolved));
	json_object_set_new(o, "marks_inferred", json_boolean(s->marks_inferred));
	json_object_set_new(o, "files", files_json(s));
	json_object_set_new(o, "regions", regions_json(s));
	json_object_set_new(o, "streams", streams_json(s));
	json_object_set_new(o, "lanes", lanes_json(s));
	json_object_set_new(o, "devices", devices_json(s));
	json_object_set_new(o, "evaluations", evaluations_json(s));
	json_object_set_new(o, "outside",
			    json_pack("{so, sI}", "faults",
				      faults_json(&s->evaluation[s->evaluations.count].faults),
				      "drive_bytes",
				      (json_int_t)s->evaluation[s->evaluations.count].drive_bytes));
	return o;
}
