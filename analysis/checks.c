// SPDX-License-Identifier: GPL-2.0-only
/* One pass over every record of a trace; see checks.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "analysis/checks.h"
#include "analysis/units.h"

#define BATCH         4096
#define OPEN_BARRIERS 4096 /* generations of a program that may be under way at once */

static const struct {
	const char *key, *title;
} names[ANA_CHECKS] = {
	[ANA_CHECK_ORDER] = {"order", "order within streams"},
	[ANA_CHECK_REFERENCES] = {"references", "references"},
	[ANA_CHECK_OFFSETS] = {"offsets", "offsets within files"},
	[ANA_CHECK_BARRIERS] = {"barriers", "barriers"},
	[ANA_CHECK_POOLS] = {"pools", "pools of chunks"},
	[ANA_CHECK_MARKS] = {"marks", "marks"},
	[ANA_CHECK_SUMMARY] = {"summary", "summary of the program"},
	[ANA_CHECK_SEEK] = {"seek", "seeking"},
	[ANA_CHECK_COUNTERS] = {"counters", "stored invariants"},
};

/* The last barrier of one stream in one group. */
struct last_barrier {
	struct {
		uint64_t group;
		uint32_t stream;
		uint32_t zero;
	} key;
	uint64_t generation;
	UT_hash_handle hh;
};

/* A generation of a program's barrier at which not all lanes have arrived yet. */
struct open_barrier {
	struct {
		uint64_t group, generation;
	} key;
	uint64_t arrived, participants;
	UT_hash_handle hh;
};

struct stream_state {
	uint64_t end, seq;
};

struct pass {
	struct ana_checks *c;
	struct flt_reader *r;
	enum flt_layer layer;
	struct ana_ids ids[4]; /* see below */
	struct stream_state *stream;
	struct last_barrier *last;
	struct open_barrier *open;
	struct ana_pools *pools; /* of a program */
	uint64_t next_mark[FLT_MC_END + 1];
	uint64_t page;
};

enum { FILES, REGIONS, DEVICES, STREAMS };

const char *ana_check_title(enum ana_check_id id)
{
	return names[id].title;
}

const char *ana_check_key(enum ana_check_id id)
{
	return names[id].key;
}

void ana_check_note(struct ana_checks *c, enum ana_check_id id, bool good, const char *fmt, ...)
{
	struct ana_check *check = &c->check[id];
	va_list ap;

	check->looked++;
	if (good)
		return;
	if (!check->failed++) {
		va_start(ap, fmt);
		vsnprintf(check->first, sizeof(check->first), fmt, ap);
		va_end(ap);
	}
}

#define WHERE       "stream %" PRIu32 ", record %" PRIu64
#define WHERE_OF(r) (r)->stream, (r)->seq

static bool defined(struct pass *p, int sort, uint64_t id)
{
	return ana_ids_index(&p->ids[sort], id) < p->ids[sort].count;
}

/* An id that has to be there (or FLT_NONE, where that is allowed). */
static bool check_id(struct pass *p, const struct flt_record *rec, int sort, uint64_t id, bool none)
{
	static const char *const what[] = {"file", "region", "device", "stream"};
	bool good = (none && id == FLT_NONE) || defined(p, sort, id);

	ana_check_note(p->c, ANA_CHECK_REFERENCES, good, WHERE ": there is no %s %" PRIu64,
		       WHERE_OF(rec), what[sort], id);
	return good && id != FLT_NONE;
}

/* LENGTH bytes at OFFSET of something of SIZE bytes, the last page counted as a whole. */
static void check_inside(struct pass *p, const struct flt_record *rec, const char *what,
			 uint64_t offset, uint64_t length, uint64_t size)
{
	uint64_t end, whole;
	bool good = !__builtin_add_overflow(offset, length, &end) &&
		    !__builtin_add_overflow(size, p->page - 1, &whole) &&
		    end <= whole / p->page * p->page;

	ana_check_note(p->c, ANA_CHECK_OFFSETS, good,
		       WHERE ": %" PRIu64 " bytes at %" PRIu64 " lie outside of a %s of %" PRIu64,
		       WHERE_OF(rec), length, offset, what, size);
}

static void check_in_file(struct pass *p, const struct flt_record *rec, uint64_t file,
			  uint64_t offset, uint64_t length)
{
	const json_t *def = ana_ids_get(&p->ids[FILES], file);
	uint64_t size = ana_number(def, "size", FLT_NONE);

	/* Devices and /proc have no size; a file that grew is told by nobody. */
	if (size && size != FLT_NONE)
		check_inside(p, rec, "file", offset, length, size);
}

static void check_in_region(struct pass *p, const struct flt_record *rec, uint64_t region,
			    uint64_t offset, uint64_t length)
{
	const json_t *def = ana_ids_get(&p->ids[REGIONS], region);
	uint64_t file = ana_number(def, "file", FLT_NONE);
	const char *kind = ana_text(def, "kind", "");

	if (file != FLT_NONE)
		check_in_file(p, rec, file, offset, length);
	else if (strcmp(kind, "heap") && strcmp(kind, "stack")) /* these two grow */
		check_inside(p, rec, "region", offset, length, ana_number(def, "length", 0));
}

static void check_order(struct pass *p, const struct flt_record *rec)
{
	size_t i = ana_ids_index(&p->ids[STREAMS], rec->stream);
	struct stream_state *s = &p->stream[i];
	uint64_t end;

	ana_check_note(p->c, ANA_CHECK_ORDER, !__builtin_add_overflow(rec->start, rec->dur, &end),
		       WHERE ": its end is beyond all time", WHERE_OF(rec));
	if (!check_id(p, rec, STREAMS, rec->stream, false))
		return; /* several streams without a definition share the last entry */
	ana_check_note(p->c, ANA_CHECK_ORDER, end >= s->end,
		       WHERE ": ends %" PRIu64 " ns before the record that it follows",
		       WHERE_OF(rec), s->end - end);
	ana_check_note(p->c, ANA_CHECK_ORDER, rec->seq == s->seq,
		       WHERE ": record %" PRIu64 " was expected here", WHERE_OF(rec), s->seq);
	s->end = end;
	s->seq = rec->seq + 1;
}

/* Generations count up in every stream. */
static int check_generation(struct pass *p, const struct flt_record *rec)
{
	struct last_barrier *b, key = {0};
	uint64_t generation = rec->f[FLT_BARRIER_GENERATION];

	key.key.group = rec->f[FLT_BARRIER_GROUP];
	key.key.stream = rec->stream;
	HASH_FIND(hh, p->last, &key.key, sizeof(key.key), b);
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->key = key.key;
		HASH_ADD(hh, p->last, key, sizeof(b->key), b);
	} else {
		ana_check_note(p->c, ANA_CHECK_BARRIERS, generation > b->generation,
			       WHERE ": barrier generation %" PRIu64 " after %" PRIu64,
			       WHERE_OF(rec), generation, b->generation);
	}
	b->generation = generation;
	return 0;
}

/* At a program's barrier all participants arrive, or a replay would wait for ever. */
static int check_arrival(struct pass *p, const struct flt_record *rec)
{
	struct open_barrier *b, key = {0};

	key.key.group = rec->f[FLT_BARRIER_GROUP];
	key.key.generation = rec->f[FLT_BARRIER_GENERATION];
	if (rec->f[FLT_BARRIER_PARTICIPANTS] <= 1 || rec->f[FLT_BARRIER_PARTICIPANTS] == FLT_NONE)
		return 0;
	HASH_FIND(hh, p->open, &key.key, sizeof(key.key), b);
	if (!b) {
		if (HASH_COUNT(p->open) >= OPEN_BARRIERS)
			return 0; /* told at the end, by those that are open */
		b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->key = key.key;
		b->participants = rec->f[FLT_BARRIER_PARTICIPANTS];
		HASH_ADD(hh, p->open, key, sizeof(b->key), b);
	}
	if (++b->arrived == b->participants) {
		HASH_DEL(p->open, b);
		free(b);
	}
	return 0;
}

static void check_mark(struct pass *p, const struct flt_record *rec)
{
	uint64_t mark_class = rec->f[FLT_MARK_CLASS], id = rec->f[FLT_MARK_ID];

	if (mark_class > FLT_MC_END)
		return;
	/* A program has each mark in every lane: those of lane 0 stand for all. */
	if (p->layer == FLT_PROGRAM && rec->stream)
		return;
	ana_check_note(p->c, ANA_CHECK_MARKS, id >= p->next_mark[mark_class],
		       WHERE ": %s %" PRIu64 " comes after %" PRIu64, WHERE_OF(rec),
		       flt_mark_class_name(mark_class), id, p->next_mark[mark_class] - 1);
	p->next_mark[mark_class] = id + 1;
}

static void check_fault(struct pass *p, const struct flt_record *rec)
{
	uint64_t region = rec->f[FLT_FAULT_REGION];

	p->c->unresolved += region == FLT_NONE;
	if (check_id(p, rec, REGIONS, region, true))
		check_in_region(p, rec, region, rec->f[FLT_FAULT_OFFSET], 1);
}

static int check_record(struct pass *p, const struct flt_record *rec)
{
	const uint64_t *f = rec->f;
	int ret = 0;

	check_order(p, rec);
	switch (rec->kind) {
	case FLT_FAULT:
		check_fault(p, rec);
		break;
	case FLT_REGION:
		check_id(p, rec, REGIONS, f[FLT_REGION_ID], true);
		check_id(p, rec, FILES, f[FLT_REGION_FILE], true);
		break;
	case FLT_READ:
		if (check_id(p, rec, FILES, f[FLT_READ_FILE], false))
			check_in_file(p, rec, f[FLT_READ_FILE], f[FLT_READ_OFFSET],
				      f[FLT_READ_LENGTH]);
		check_id(p, rec, REGIONS, f[FLT_READ_REGION], true);
		break;
	case FLT_HINT:
		check_id(p, rec, FILES, f[FLT_HINT_FILE], true);
		check_id(p, rec, REGIONS, f[FLT_HINT_REGION], true);
		break;
	case FLT_BLOCK:
		check_id(p, rec, DEVICES, f[FLT_BLOCK_DEVICE], false);
		check_id(p, rec, STREAMS, f[FLT_BLOCK_STREAM], true);
		break;
	case FLT_CACHE:
		check_id(p, rec, FILES, f[FLT_CACHE_FILE], false);
		break;
	case FLT_ZAP:
		if (check_id(p, rec, REGIONS, f[FLT_ZAP_REGION], false))
			check_in_region(p, rec, f[FLT_ZAP_REGION], f[FLT_ZAP_OFFSET],
					f[FLT_ZAP_LENGTH]);
		break;
	case FLT_BARRIER:
	case FLT_P_BARRIER:
		ret = check_generation(p, rec);
		if (!ret && rec->kind == FLT_P_BARRIER)
			ret = check_arrival(p, rec);
		break;
	case FLT_MARK:
	case FLT_P_MARK:
		check_mark(p, rec);
		break;
	case FLT_P_WINDOW:
		if (check_id(p, rec, FILES, f[FLT_P_WINDOW_FILE], false))
			check_in_file(p, rec, f[FLT_P_WINDOW_FILE], f[FLT_P_WINDOW_OFFSET],
				      f[FLT_P_WINDOW_LENGTH]);
		break;
	case FLT_P_READ:
		if (check_id(p, rec, FILES, f[FLT_P_READ_FILE], false))
			check_in_file(p, rec, f[FLT_P_READ_FILE], f[FLT_P_READ_OFFSET],
				      f[FLT_P_READ_LENGTH]);
		break;
	case FLT_P_HINT:
		check_id(p, rec, FILES, f[FLT_P_HINT_FILE], true);
		break;
	default:
		p->c->unknown += !flt_kind_info(rec->kind);
	}
	if (!ret && p->layer == FLT_PROGRAM)
		ret = ana_pools_add(p->c, p->pools, ana_ids_index(&p->ids[STREAMS], rec->stream),
				    rec);
	return ret;
}

static void close_barriers(struct pass *p)
{
	struct last_barrier *last, *next_last;
	struct open_barrier *open, *next_open;

	HASH_ITER (hh, p->open, open, next_open) {
		/* What comes after a trace was cut off is not known. */
		ana_check_note(p->c, ANA_CHECK_BARRIERS, !flt_finished(p->r),
			       "%" PRIu64 " of %" PRIu64 " lanes arrive at generation %" PRIu64
			       " of barrier %" PRIu64,
			       open->arrived, open->participants, open->key.generation,
			       open->key.group);
		HASH_DEL(p->open, open);
		free(open);
	}
	HASH_ITER (hh, p->last, last, next_last) {
		HASH_DEL(p->last, last);
		free(last);
	}
}

static int check_layer(struct pass *p, struct ana_progress *progress, uint64_t *done)
{
	struct flt_record *rec = malloc(BATCH * sizeof(*rec));
	struct flt_cursor *c = NULL;
	ssize_t n = 0;
	int ret = rec ? ana_ids_load(&p->ids[STREAMS], p->r,
				     p->layer == FLT_RECORDING ? "stream" : "lane")
		      : -ENOMEM;

	p->stream = calloc(p->ids[STREAMS].count + 1, sizeof(*p->stream));
	memset(p->next_mark, 0, sizeof(p->next_mark));
	p->pools = ana_pools_new(p->ids[STREAMS].count);
	if (!ret && (!p->stream || !p->pools))
		ret = -ENOMEM;
	if (!ret)
		ret = flt_cursor_open(&c, p->r, p->layer, FLT_ALL_STREAMS);
	while (!ret && (n = flt_cursor_next(c, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n && !ret; i++)
			ret = check_record(p, &rec[i]);
		*done += (uint64_t)n;
		ana_progress_update(progress, *done);
	}
	if (!ret && n < 0)
		ret = (int)n;
	close_barriers(p);
	ana_pools_end(p->c, p->pools, flt_finished(p->r) && !ret);
	p->pools = NULL;
	flt_cursor_close(c);
	ana_ids_free(&p->ids[STREAMS]);
	free(p->stream);
	free(rec);
	return ret;
}

int ana_checks_run(struct ana_checks *c, struct flt_reader *r)
{
	static const char *const sorts[] = {"file", "region", "device"};
	struct pass p = {.c = c, .r = r, .page = ana_number(flt_header(r), "page_size", 4096)};
	struct ana_progress progress;
	uint64_t done = 0;
	int ret = 0, damaged = 0;

	memset(c, 0, sizeof(*c));
	if (!p.page || p.page > 1 << 20)
		p.page = 4096;
	for (int i = FILES; i <= DEVICES && !ret; i++)
		ret = ana_ids_load(&p.ids[i], r, sorts[i]);
	ana_progress_begin(&progress, "checking", "records",
			   flt_record_count(r, FLT_RECORDING) + flt_record_count(r, FLT_PROGRAM));
	for (p.layer = FLT_RECORDING; !ret && p.layer <= FLT_PROGRAM; p.layer++) {
		ret = check_layer(&p, &progress, &done);
		if (ret == -EBADMSG) {
			damaged = ret;
			ret = 0;
		}
	}
	ana_progress_end(&progress);
	/* Parts of a damaged trace cannot agree. */
	if (!ret && !damaged)
		ret = ana_check_summary(c, r);
	if (!ret && !damaged)
		ret = ana_check_seeks(c, r);
	if (!ret)
		ana_check_trailer(c, r);
	for (int i = FILES; i <= DEVICES; i++)
		ana_ids_free(&p.ids[i]);
	return ret ? ret : damaged;
}
