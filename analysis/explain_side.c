// SPDX-License-Identifier: GPL-2.0-only
/* One of the two runs of `faultline explain`, read evaluation by evaluation; see explain.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"

#define BATCH 4096
#define LEAD_NS \
	2000000000ull /* read before the first wanted evaluation: what began there, samples */

int ana_side_add_pass(struct ana_side *s, const struct ana_pass *pass)
{
	if (s->passes == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct ana_pass *grown = reallocarray(s->pass, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->pass = grown;
		s->room = room;
	}
	s->pass[s->passes++] = *pass;
	return 0;
}

static int load_definitions(struct ana_side *s)
{
	struct {
		struct ana_ids *ids;
		const char *what;
	} sorts[] = {{&s->streams, "stream"},
		     {&s->regions, "region"},
		     {&s->files, "file"},
		     {&s->devices, "device"},
		     {&s->metrics, "metric"}};
	int ret = 0;

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]) && !ret; i++)
		ret = ana_ids_load(sorts[i].ids, s->r, sorts[i].what);
	if (ret)
		return ret;
	s->model_file = calloc(s->files.count + 1, sizeof(*s->model_file));
	s->model_region = calloc(s->regions.count + 1, sizeof(*s->model_region));
	s->counted = calloc(s->devices.count + 1, sizeof(*s->counted));
	return s->model_file && s->model_region && s->counted ? 0 : -ENOMEM;
}

static int open_trace(struct ana_side *s)
{
	int ret = ana_open(s->cmd, s->path, &s->r);

	if (ret)
		return ret;
	if (!flt_record_count(s->r, FLT_RECORDING)) {
		ana_error(s->cmd, "%s has no recording, only what a replay does: record the run",
			  s->path);
		return -ENODATA;
	}
	ret = load_definitions(s);
	if (!ret)
		ret = ana_side_survey(s);
	if (ret) {
		ana_error(s->cmd, "cannot read %s: %s", s->path,
			  ret == -EBADMSG ? "damaged; 'faultline verify' says where"
					  : strerror(-ret));
		return ret;
	}
	if (!s->passes) {
		ana_error(s->cmd,
			  "%s has no marks: nothing tells where a token begins (record it with "
			  "--mark SYMBOL@FILE)",
			  s->path);
		return -ENODATA;
	}
	s->knows[ANA_PART_COMPUTE] = s->knows[ANA_PART_REST] = true;
	s->knows[ANA_PART_BARRIER] = s->has_barriers;
	s->knows[ANA_PART_FAULT] = s->knows[ANA_PART_STALL] = s->has_faults;
	s->knows[ANA_PART_DRIVE] = s->knows[ANA_PART_QUEUED] = s->has_faults && s->has_blocks;
	s->knows[ANA_PART_READ] = true;
	s->knows[ANA_PART_OFFCPU] = s->has_offcpu;
	s->knows[ANA_PART_ZAP] = true;
	return 0;
}

/* Traces begin with a zstd frame; a result is JSON text. */
static bool looks_like_json(const char *path)
{
	FILE *f = fopen(path, "re");
	int c = EOF;

	while (f && (c = fgetc(f)) != EOF && strchr(" \t\r\n", c))
		;
	if (f)
		fclose(f);
	return c == '{' || c == '[';
}

int ana_side_open(struct ana_side *s, const char *cmd, const char *path, bool may_be_result)
{
	memset(s, 0, sizeof(*s));
	s->cmd = cmd;
	s->path = path;
	if (!looks_like_json(path))
		return open_trace(s);
	if (!may_be_result) {
		ana_error(cmd, "%s is no recording: a result can only be the second one", path);
		return -EINVAL;
	}
	return ana_side_open_result(s);
}

int ana_side_begin(struct ana_side *s)
{
	uint64_t from = 0;
	int ret;

	if (s->result)
		return 0;
	for (size_t i = s->passes; i-- > 0;) {
		const struct ana_pass *pass = &s->pass[i];

		if (!pass->wanted)
			continue;
		from = pass->start > LEAD_NS ? pass->start - LEAD_NS : 0;
		if (!s->until)
			s->until =
				pass->end < UINT64_MAX - LEAD_NS ? pass->end + LEAD_NS : UINT64_MAX;
	}
	s->page = ana_number(flt_header(s->r), "page_size", 4096);
	if (!s->page || s->page > 1 << 20)
		s->page = 4096;
	s->batch = calloc(BATCH, sizeof(*s->batch));
	ret = s->batch ? flt_cursor_open(&s->cursor, s->r, FLT_RECORDING, FLT_ALL_STREAMS)
		       : -ENOMEM;
	if (!ret)
		ret = flt_cursor_seek_time(s->cursor, from);
	if (!ret)
		ret = ana_flight_open(&s->flight, s, from);
	if (!ret)
		ret = ana_lanes_open(&s->lanes, s->streams.count);
	if (!ret)
		ret = ana_gauges_open(&s->gauges, s);
	return ret;
}

/* ---- counting: an event counts where it ended ---- */

static size_t bucket_of(uint64_t bytes)
{
	size_t i = 0;

	while (i < ANA_SIZES - 1 && bytes > (4096ull << i))
		i++;
	return i;
}

static void count_block(struct ana_side *s, const struct flt_record *rec)
{
	uint64_t flags = rec->f[FLT_BLOCK_FLAGS], bytes = rec->f[FLT_BLOCK_LENGTH];
	uint64_t queue = rec->f[FLT_BLOCK_QUEUE];

	if (rec->f[FLT_BLOCK_OP] != 0 || flags & FLT_BF_FOREIGN ||
	    !s->counted[ana_ids_index(&s->devices, rec->f[FLT_BLOCK_DEVICE])])
		return;
	s->tally[ANA_T_REQUESTS]++;
	s->tally[ANA_T_REQUEST_BYTES] += bytes;
	s->tally[ANA_T_AHEAD_BYTES] += flags & FLT_BF_RAHEAD ? bytes : 0;
	s->tally[ANA_T_QUEUE_NS] += queue == FLT_NONE ? 0 : queue;
	s->tally[ANA_T_AWAIT_NS] += rec->dur + (queue == FLT_NONE ? 0 : queue);
	s->tally[ANA_T_SIZE + bucket_of(bytes)]++;
}

static void count_cache(struct ana_side *s, const struct flt_record *rec)
{
	uint64_t bytes = rec->f[FLT_CACHE_LENGTH], order = rec->f[FLT_CACHE_ORDER];

	if (rec->f[FLT_CACHE_OP] != 1) {
		s->tally[ANA_T_CACHE_DROPPED] += bytes;
		return;
	}
	s->tally[ANA_T_CACHE_ADDED] += bytes;
	if (order == FLT_NONE || order > 40)
		return;
	/* A record is a run of folios of one order. */
	s->tally[ANA_T_ORDER + (order < ANA_ORDERS ? order : ANA_ORDERS - 1)] +=
		bytes / (s->page << order);
}

static void count(struct ana_side *s, const struct flt_record *rec)
{
	switch (rec->kind) {
	case FLT_FAULT:
		s->tally[ANA_T_FAULTS]++;
		s->tally[ANA_T_MAJOR] += !!(rec->f[FLT_FAULT_FLAGS] & FLT_FF_MAJOR);
		s->tally[ANA_T_BLOCKED] += !!(rec->f[FLT_FAULT_FLAGS] & FLT_FF_BLOCKED);
		break;
	case FLT_BARRIER:
		s->tally[ANA_T_BARRIERS]++;
		break;
	case FLT_READ:
		s->tally[ANA_T_CALL_BYTES] += rec->f[FLT_READ_LENGTH];
		break;
	case FLT_BLOCK:
		count_block(s, rec);
		break;
	case FLT_CACHE:
		count_cache(s, rec);
		break;
	}
}

/* ---- time ---- */

static int add_fault(struct ana_side *s, const struct flt_record *rec, const struct ana_pass *pass,
		     size_t stream)
{
	size_t region = ana_ids_index(&s->regions, rec->f[FLT_FAULT_REGION]);
	bool lane = region < s->regions.count && s->model_region[region];
	uint64_t start = rec->start > pass->start ? rec->start : pass->start;
	uint64_t end = flt_end(rec) < pass->end ? flt_end(rec) : pass->end;
	uint64_t drive = 0, queued = 0;
	int ret;

	if (!(rec->f[FLT_FAULT_FLAGS] & FLT_FF_BLOCKED) || end <= start)
		return ana_lanes_add(s->lanes, stream, start, end, ANA_PART_FAULT, lane);
	ret = ana_flight_split(s->flight, start, end, &drive, &queued);
	return ret ? ret : ana_lanes_add_blocked(s->lanes, stream, start, end, drive, queued, lane);
}

static int add_time(struct ana_side *s, const struct flt_record *rec, const struct ana_pass *pass)
{
	size_t stream, file;

	if (rec->kind != FLT_FAULT && rec->kind != FLT_BARRIER && rec->kind != FLT_READ &&
	    rec->kind != FLT_OFFCPU && rec->kind != FLT_ZAP)
		return 0;
	stream = ana_ids_index(&s->streams, rec->stream);
	if (stream == s->streams.count)
		return 0;
	switch (rec->kind) {
	case FLT_FAULT:
		return add_fault(s, rec, pass, stream);
	case FLT_BARRIER:
		return ana_lanes_add_barrier(s->lanes, stream, rec);
	case FLT_READ:
		file = ana_ids_index(&s->files, rec->f[FLT_READ_FILE]);
		return ana_lanes_add(s->lanes, stream, rec->start, flt_end(rec), ANA_PART_READ,
				     s->model_file[file]);
	case FLT_OFFCPU:
		return ana_lanes_add(s->lanes, stream, rec->start, flt_end(rec), ANA_PART_OFFCPU,
				     false);
	}
	return ana_lanes_add(s->lanes, stream, rec->start, flt_end(rec), ANA_PART_ZAP, false);
}

/* ---- one evaluation after the other ---- */

static void begin_pass(struct ana_side *s)
{
	const struct ana_pass *pass = &s->pass[s->next];
	uint32_t main = s->main_stream[s->next];
	size_t index = main == FLT_ALL_STREAMS ? SIZE_MAX : ana_ids_index(&s->streams, main);

	ana_lanes_begin(s->lanes, pass->start, pass->end, index);
	memset(s->tally, 0, sizeof(s->tally));
	s->begun = true;
}

static int end_pass(struct ana_side *s, struct ana_moment *m)
{
	const struct ana_pass *pass = &s->pass[s->next];

	m->pass = s->next++;
	m->wall = (double)(pass->end - pass->start);
	ana_lanes_end(s->lanes, m);
	memcpy(m->tally, s->tally, sizeof(m->tally));
	s->begun = false;
	return 1;
}

/* The record that comes next, which stays there until `at` moves on; NULL at the end. */
static int peek(struct ana_side *s, const struct flt_record **rec)
{
	if (s->at == s->filled) {
		ssize_t n = flt_cursor_next(s->cursor, s->batch, BATCH);

		if (n < 0)
			return (int)n;
		s->at = 0;
		s->filled = (size_t)n;
	}
	*rec = s->filled ? &s->batch[s->at] : NULL;
	return 0;
}

int ana_side_next(struct ana_side *s, struct ana_moment *m)
{
	const struct flt_record *rec = NULL;
	int ret;

	if (s->result)
		return ana_side_next_result(s, m);
	for (;;) {
		const struct ana_pass *pass;

		while (!s->begun && s->next < s->passes && !s->pass[s->next].wanted)
			s->next++;
		ret = peek(s, &rec);
		if (ret)
			return ret;
		/* Behind the last one there is a sample to come whose rise began in it. */
		if (s->next == s->passes && (!rec || flt_end(rec) > s->until))
			return 0;
		pass = &s->pass[s->next < s->passes ? s->next : 0];
		if (s->next < s->passes && !s->begun && (!rec || flt_end(rec) > pass->start))
			begin_pass(s);
		if (!rec)
			return end_pass(s, m);
		if (s->begun && flt_end(rec) > pass->end) {
			/* It is looked at again: only the rest of it is of a later evaluation. */
			ret = rec->start < pass->end ? add_time(s, rec, pass) : 0;
			return ret ? ret : end_pass(s, m);
		}
		if (s->begun) {
			ret = add_time(s, rec, pass);
			if (ret)
				return ret;
			count(s, rec);
		}
		if (rec->kind == FLT_SAMPLE)
			ana_gauges_add(s->gauges, s, rec);
		s->at++;
	}
}

void ana_side_close(struct ana_side *s)
{
	ana_gauges_close(s->gauges);
	ana_lanes_close(s->lanes);
	ana_flight_close(s->flight);
	flt_cursor_close(s->cursor);
	free(s->batch);
	ana_ids_free(&s->streams);
	ana_ids_free(&s->regions);
	ana_ids_free(&s->files);
	ana_ids_free(&s->devices);
	ana_ids_free(&s->metrics);
	free(s->model_file);
	free(s->model_region);
	free(s->counted);
	free(s->main_stream);
	free(s->pass);
	free(s->entry);
	json_decref(s->doc);
	flt_close(s->r);
	memset(s, 0, sizeof(*s));
}
