// SPDX-License-Identifier: GPL-2.0-only
/* Does seeking lead to where it should? Sixteen places of each sort are tried. */
#include <errno.h>
#include <inttypes.h>

#include "analysis/checks.h"
#include "analysis/evaluations.h"

#define PLACES 16

/* Is there a record that ends at or after NS, from where the cursor stands? */
static int ends_after(struct flt_cursor *c, uint64_t ns, bool *found)
{
	struct flt_record rec[64];
	ssize_t n;

	*found = false;
	while ((n = flt_cursor_next(c, rec, 64)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (flt_end(&rec[i]) >= ns) {
				*found = true;
				return 0;
			}
	return (int)n;
}

static int seek_times(struct ana_checks *c, struct flt_reader *r, enum flt_layer layer)
{
	size_t chunks = flt_chunk_count(r), step = chunks / PLACES + 1;
	struct flt_cursor *cursor = NULL;
	int ret = flt_cursor_open(&cursor, r, layer, FLT_ALL_STREAMS);

	for (size_t i = 0; !ret && i < chunks; i += step) {
		const struct flt_chunk_info *chunk = flt_chunk_info(r, i);
		uint64_t slack, last;
		bool found;

		if (chunk->layer != layer || !chunk->records)
			continue;
		/* The index is exact, records are to within 1 us or 3 % of a step. */
		slack = 10000 + (chunk->last_ns - chunk->first_ns) / 32;
		last = chunk->last_ns > slack ? chunk->last_ns - slack : 0;
		ret = flt_cursor_seek_time(cursor, last);
		if (!ret)
			ret = ends_after(cursor, last, &found);
		if (!ret)
			ana_check_note(c, ANA_CHECK_SEEK, found,
				       "the index promises records up to %" PRIu64
				       " ns, which are not there",
				       chunk->last_ns);
	}
	flt_cursor_close(cursor);
	return ret;
}

static int seek_evaluations(struct ana_checks *c, struct flt_reader *r)
{
	const json_t *lanes = flt_definitions(r, "lane");
	uint64_t lane = ana_number(json_array_get(lanes, 0), "id", 0);
	struct flt_cursor *cursor = NULL;
	struct ana_evaluations e;
	int ret = ana_evaluations_load(&e, r);

	/* Every byte has been read by now: it is the contents that make no sense. */
	if (ret == -EBADMSG) {
		ana_check_note(c, ANA_CHECK_SUMMARY, false,
			       "it lists evaluations or lanes that cannot be");
		ret = 0;
		goto out;
	}
	if (!ret && e.planned)
		ret = flt_cursor_open(&cursor, r, FLT_PROGRAM, (uint32_t)lane);
	for (size_t i = 0; !ret && e.planned && i < e.count; i += e.count / PLACES + 1) {
		struct flt_record rec;
		int there = flt_cursor_seek_evaluation(cursor, i);
		bool good = !there && flt_cursor_next(cursor, &rec, 1) == 1 &&
			    rec.kind == FLT_P_MARK && rec.f[FLT_MARK_ID] == i &&
			    rec.f[FLT_MARK_CLASS] == e.span[i].mark_class;

		ana_check_note(c, ANA_CHECK_SEEK, good,
			       "lane %" PRIu64 ": evaluation %zu is not where the index says", lane,
			       i);
	}
	flt_cursor_close(cursor);
out:
	ana_evaluations_free(&e);
	return ret;
}

int ana_check_seeks(struct ana_checks *c, struct flt_reader *r)
{
	int ret = seek_times(c, r, FLT_RECORDING);

	if (!ret && flt_record_count(r, FLT_PROGRAM))
		ret = seek_times(c, r, FLT_PROGRAM);
	if (!ret && flt_record_count(r, FLT_PROGRAM))
		ret = seek_evaluations(c, r);
	return ret;
}
