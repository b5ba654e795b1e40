// SPDX-License-Identifier: GPL-2.0-only
/* Does the summary say what the program does? Lane by lane, both read side by side. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/checks.h"

#define BATCH 1024

/* One evaluation of one lane, added up from the program. */
struct lane_sum {
	uint64_t index, windows, bytes, barriers;
	bool begun;
};

/* The next record of the lane's summary; false at its end. */
static bool next_summary(struct flt_cursor *c, struct flt_record *rec)
{
	while (flt_cursor_next(c, rec, 1) == 1)
		if (rec->kind == FLT_S_EVALUATION)
			return true;
	return false;
}

static void compare(struct ana_checks *c, uint32_t lane, const struct lane_sum *sum,
		    const struct flt_record *rec)
{
	static const struct {
		const char *what;
		int field;
	} parts[] = {
		{"windows and reads", FLT_S_EVAL_WINDOWS},
		{"bytes", FLT_S_EVAL_BYTES},
		{"barriers", FLT_S_EVAL_BARRIERS},
	};
	const uint64_t found[] = {sum->windows, sum->bytes, sum->barriers};

	ana_check_note(c, ANA_CHECK_SUMMARY, rec->f[FLT_S_EVAL_INDEX] == sum->index,
		       "lane %" PRIu32 ": evaluation %" PRIu64 " stands where %" PRIu64 " belongs",
		       lane, rec->f[FLT_S_EVAL_INDEX], sum->index);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ana_check_note(c, ANA_CHECK_SUMMARY, rec->f[parts[i].field] == found[i],
			       "lane %" PRIu32 ", evaluation %" PRIu64 ": %" PRIu64
			       " %s, the program has %" PRIu64,
			       lane, sum->index, rec->f[parts[i].field], parts[i].what, found[i]);
}

static void close_evaluation(struct ana_checks *c, uint32_t lane, struct lane_sum *sum,
			     struct flt_cursor *summary)
{
	struct flt_record rec;

	if (!sum->begun)
		return;
	if (next_summary(summary, &rec))
		compare(c, lane, sum, &rec);
	else
		ana_check_note(c, ANA_CHECK_SUMMARY, false,
			       "lane %" PRIu32 ": nothing about evaluation %" PRIu64, lane,
			       sum->index);
	*sum = (struct lane_sum){.index = sum->index + 1};
}

static bool begins_evaluation(const struct flt_record *rec)
{
	uint64_t mark_class = rec->f[FLT_MARK_CLASS];

	return rec->kind == FLT_P_MARK && mark_class != FLT_MC_REQUEST && mark_class != FLT_MC_END;
}

static int check_lane(struct ana_checks *c, struct flt_reader *r, uint32_t lane,
		      struct flt_record *rec)
{
	struct flt_cursor *program = NULL, *summary = NULL;
	struct lane_sum sum = {0};
	ssize_t n = 0;
	int ret = flt_cursor_open(&program, r, FLT_PROGRAM, lane);

	if (!ret)
		ret = flt_cursor_open(&summary, r, FLT_SUMMARY, lane);
	while (!ret && (n = flt_cursor_next(program, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (begins_evaluation(&rec[i])) {
				close_evaluation(c, lane, &sum, summary);
				sum.begun = true;
			} else if (rec[i].kind == FLT_P_WINDOW) {
				sum.windows++;
				sum.bytes += rec[i].f[FLT_P_WINDOW_LENGTH];
			} else if (rec[i].kind == FLT_P_READ) {
				sum.windows++;
				sum.bytes += rec[i].f[FLT_P_READ_LENGTH];
			} else if (rec[i].kind == FLT_P_BARRIER) {
				sum.barriers++;
			}
		}
	}
	if (!ret && n < 0)
		ret = (int)n;
	if (!ret)
		close_evaluation(c, lane, &sum, summary);
	if (!ret && next_summary(summary, &rec[0]))
		ana_check_note(c, ANA_CHECK_SUMMARY, false,
			       "lane %" PRIu32 ": evaluation %" PRIu64 " is not in the program",
			       lane, rec[0].f[FLT_S_EVAL_INDEX]);
	flt_cursor_close(program);
	flt_cursor_close(summary);
	return ret;
}

int ana_check_summary(struct ana_checks *c, struct flt_reader *r)
{
	const json_t *lanes = flt_definitions(r, "lane"), *lane;
	struct flt_record *rec;
	size_t i;
	int ret = 0;

	/* The summary comes last: a trace that was cut off may well be without it. */
	if (!flt_record_count(r, FLT_PROGRAM) || !flt_finished(r))
		return 0;
	rec = malloc(BATCH * sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	json_array_foreach (lanes, i, lane) {
		uint64_t id = ana_number(lane, "id", FLT_NONE);

		if (id < FLT_ALL_STREAMS)
			ret = check_lane(c, r, (uint32_t)id, rec);
		if (ret)
			break;
	}
	free(rec);
	return ret;
}
