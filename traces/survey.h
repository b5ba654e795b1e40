/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The conversion's first pass: which threads are lanes, which files are the
 * model, where evaluations begin. Private to the library.
 */
#ifndef FLT_SURVEY_H
#define FLT_SURVEY_H

#include "fltrace.h"

#define FLT_NO_LANE UINT32_MAX

struct survey_stream {
	uint64_t first, last; /* ns: first start and last end of its records */
	uint64_t model_faults, barriers, records;
	uint32_t lane; /* FLT_NO_LANE: its touches, if any, go to the helper lane */
};

struct survey_mark {
	uint64_t start, end, tokens, symbol;
	uint32_t mark_class, flags;
};

struct survey {
	struct survey_stream *stream; /* by id */
	size_t nstreams;
	struct survey_mark *mark; /* evaluations in order, not overlapping */
	size_t nmarks, cap_marks;
	bool marks_inferred;
	uint32_t workers; /* lanes of recorded threads; lane 0 is the main one */
	bool helper;      /* one more lane for other threads' touches */
	uint64_t end;     /* latest end of any thread's record */
	uint64_t model_faults, barriers;
	/* from definitions */
	uint64_t *region_file; /* by region id; FLT_NONE = anonymous or unknown */
	size_t nregions;
	uint8_t *model_file; /* by file id: 1 = part of the model */
	uint64_t *file_size; /* by file id, bytes; 0 = not known */
	uint64_t *file_base; /* by file id: place in all of the model's bytes */
	size_t nfiles;
	uint64_t model_bytes;
	uint64_t footprint_metric; /* id of the metric "process.rss_anon"; FLT_NONE = none */
	uint64_t shmem_metric, swap_metric;
};

int survey_make(struct survey *s, struct flt_reader *r, const struct flt_prepare_options *opt);
void survey_free(struct survey *s);

/* The model file of a region, FLT_NONE if the region is not of the model. */
static inline uint64_t survey_model_file(const struct survey *s, uint64_t region)
{
	uint64_t file = region < s->nregions ? s->region_file[region] : FLT_NONE;

	return file < s->nfiles && s->model_file[file] ? file : FLT_NONE;
}

static inline bool survey_is_model(const struct survey *s, uint64_t file)
{
	return file < s->nfiles && s->model_file[file];
}

#endif
