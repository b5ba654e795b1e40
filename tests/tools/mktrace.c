// SPDX-License-Identifier: GPL-2.0-only
/*
 * mktrace: writes a small, made-up trace with a replay program, for tests.
 *
 * Every evaluation sweeps over the model: window i goes to lane i modulo lanes, and after every few windows all lanes
 * meet at a barrier. Everything follows from the arguments alone, so that a test can compute what a replay has to do;
 * --list prints the windows, in the order of each lane, for a test to compare with.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include "host/util.h"
#include "traces/fltrace.h"

#define MAX_LANES 64
#define MAX_FILES 16
#define EPOCH_NS  1000000000ull

struct settings {
	const char *out;
	const char *name;
	json_t *header, *trailer; /* what is added to them, or stands there instead */
	uint32_t page_size;
	uint32_t lanes, files, evaluations, prompts;
	uint64_t size, window, windows, limit, footprint, address;
	uint64_t gap_ns, wait_ns;
	uint32_t per_barrier, prompt_tokens, generations_from, reads;
	uint32_t chunk; /* windows of a chunk that any lane may take; 0: there are none */
	bool plain, hints, recording, no_program, unfinished, list, edges, idle;
	bool skew; /* --skew: the last lane's barriers of an evaluation's end come after the next mark */
	bool broken_barrier, escape;
};

/* The records of one evaluation, lane by lane, until its duration is known. */
struct lane {
	struct flt_record *rec;
	size_t n, cap;
	uint64_t now; /* trace time at which the lane's last record ended */
	uint64_t windows, bytes, barriers, compute, records, seq;
};

struct maker {
	const struct settings *s;
	struct flt_writer *w;
	struct lane lane[MAX_LANES];
	uint64_t generation;
	uint64_t evaluation;      /* index of the one being made */
	struct flt_record marked; /* recorded mark of this evaluation; kind 0: none */
	enum flt_layer layer;     /* a chunk holds one layer, so the trace is made once for each */
	bool list;
	int error;
};

static struct flt_record *push(struct maker *m, uint32_t lane, uint32_t kind, uint64_t gap,
			       uint64_t dur)
{
	static struct flt_record nowhere;
	struct lane *l = &m->lane[lane];

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 1024;
		struct flt_record *rec = realloc(l->rec, cap * sizeof(*rec));

		if (!rec) {
			m->error = -ENOMEM;
			return &nowhere;
		}
		l->rec = rec;
		l->cap = cap;
	}
	struct flt_record *r = &l->rec[l->n++];

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->stream = lane;
	r->start = l->now + gap;
	r->dur = dur;
	l->now = r->start + dur;
	l->compute += gap;
	l->records++;
	return r;
}

static void mark(struct maker *m, uint64_t mark_class, uint64_t id, uint64_t tokens)
{
	for (uint32_t i = 0; i < m->s->lanes; i++) {
		struct flt_record *r = push(m, i, FLT_P_MARK, 0, 0);

		r->f[FLT_MARK_CLASS] = mark_class;
		/* A program numbers its marks by evaluation, a recording within their class. */
		r->f[FLT_MARK_ID] = m->layer == FLT_PROGRAM ? m->evaluation : id;
		r->f[FLT_MARK_TOKENS] = tokens;
		r->f[FLT_MARK_SYMBOL] = FLT_NONE;
		r->f[FLT_MARK_FLAGS] = 0;
	}
}

static void barrier(struct maker *m)
{
	uint64_t release = 0;

	for (uint32_t i = 0; i < m->s->lanes; i++)
		if (m->lane[i].now > release)
			release = m->lane[i].now;
	release += 500;
	for (uint32_t i = 0; i < m->s->lanes; i++) {
		struct flt_record *r = push(m, i, FLT_P_BARRIER, 0, release - m->lane[i].now);

		r->f[FLT_BARRIER_GROUP] = 0;
		r->f[FLT_BARRIER_GENERATION] = m->generation;
		r->f[FLT_BARRIER_PARTICIPANTS] = m->s->lanes;
		m->lane[i].barriers++;
	}
	m->generation++;
}

static void window(struct maker *m, uint32_t lane, uint32_t file, uint64_t offset, uint64_t length,
		   uint64_t flags)
{
	/* The main lane's drive is slow, so that the lanes' numbers of chunks differ. */
	uint64_t wait = m->s->wait_ns * (flags & FLT_PW_DYNAMIC && !lane ? 3 : 1);
	struct flt_record *r = push(m, lane, FLT_P_WINDOW, m->s->gap_ns, wait);

	r->f[FLT_P_WINDOW_FILE] = file;
	r->f[FLT_P_WINDOW_OFFSET] = offset;
	r->f[FLT_P_WINDOW_LENGTH] = length;
	r->f[FLT_P_WINDOW_FLAGS] = m->s->wait_ns ? FLT_PW_MAJOR | FLT_PW_BLOCKED : 0;
	r->f[FLT_P_WINDOW_FLAGS] |= flags;
	m->lane[lane].windows++;
	m->lane[lane].bytes += length;
	if (m->list)
		printf("%" PRIu64 " %u %u %" PRIu64 " %" PRIu64 "%s\n", m->evaluation, lane, file,
		       offset, length,
		       !m->s->chunk             ? ""
		       : flags & FLT_PW_CHUNK   ? " first"
		       : flags & FLT_PW_DYNAMIC ? " next"
						: " own");
}

/* From here on, all lanes take chunks from a counter, up to the next barrier. */
static void pool(struct maker *m)
{
	for (uint32_t i = 0; i < m->s->lanes; i++) {
		struct flt_record *r = push(m, i, FLT_P_POOL, 0, 0);

		r->f[FLT_P_POOL_GROUP] = 0;
		r->f[FLT_P_POOL_GENERATION] = m->generation;
		r->f[FLT_P_POOL_PARTICIPANTS] = m->s->lanes;
	}
}

/*
 * The Nth window of a segment (--chunk): each lane has one of its own, then whoever is done first takes a chunk, so that the
 * order of their starts is that of their offsets.
 */
static uint32_t chunk_window(struct maker *m, uint64_t n, uint64_t *flags)
{
	static uint32_t lane;
	uint32_t lanes = m->s->lanes;

	*flags = 0;
	if (n < lanes)
		return (uint32_t)n;
	if (n == lanes)
		pool(m);
	*flags = FLT_PW_DYNAMIC;
	if ((n - lanes) % m->s->chunk)
		return lane;
	*flags |= FLT_PW_CHUNK;
	lane = 0;
	for (uint32_t i = 1; i < lanes; i++)
		if (m->lane[i].now < m->lane[lane].now)
			lane = i;
	return lane;
}

static void hint(struct maker *m, uint64_t op, uint64_t advice, uint32_t file)
{
	struct flt_record *r = push(m, 0, FLT_P_HINT, 1000, 2000);

	r->f[FLT_P_HINT_OP] = op;
	r->f[FLT_P_HINT_ADVICE] = advice;
	r->f[FLT_P_HINT_FILE] = file;
	r->f[FLT_P_HINT_OFFSET] = 0;
	r->f[FLT_P_HINT_LENGTH] = m->s->size;
}

static void load(struct maker *m)
{
	const struct settings *s = m->s;

	mark(m, FLT_MC_LOAD, 0, FLT_NONE);
	for (uint32_t f = 0; f < s->files; f++) {
		if (s->hints) {
			hint(m, FLT_HO_FADVISE, POSIX_FADV_SEQUENTIAL, f);
			hint(m, FLT_HO_MADVISE, MADV_WILLNEED, f);
		}
		for (uint32_t i = 0; i < s->reads; i++) {
			struct flt_record *r = push(m, 0, FLT_P_READ, 1000, 3000);

			r->f[FLT_P_READ_FILE] = f;
			r->f[FLT_P_READ_OFFSET] = (uint64_t)i * 4096;
			r->f[FLT_P_READ_LENGTH] = 4096;
			m->lane[0].windows++;
			m->lane[0].bytes += 4096;
			if (m->list)
				printf("%" PRIu64 " 0 %u %" PRIu64 " 4096\n", m->evaluation, f,
				       (uint64_t)i * 4096);
		}
		window(m, 0, f, 0, s->window < s->size ? s->window : s->size, 0);
	}
	if (s->footprint) {
		struct flt_record *r = push(m, 0, FLT_P_FOOTPRINT, 0, 0);

		r->f[FLT_P_FOOTPRINT_BYTES] = s->footprint;
	}
	barrier(m);
}

/*
 * With --skew the last lane, late off the CPU, reports the release of the barrier that ended the last evaluation only after
 * it has passed the mark of the next: the barrier then belongs to different evaluations in different lanes.
 */
static void late_barrier(struct maker *m)
{
	uint64_t release = m->lane[0].now + 500;

	for (uint32_t i = 0; i < m->s->lanes - 1; i++) {
		struct flt_record *r = push(m, i, FLT_P_BARRIER, 0, release - m->lane[i].now);

		r->f[FLT_BARRIER_GENERATION] = m->generation;
		r->f[FLT_BARRIER_PARTICIPANTS] = m->s->lanes;
		m->lane[i].barriers++;
	}
}

static void evaluation(struct maker *m, uint64_t n)
{
	const struct settings *s = m->s;
	uint32_t last = s->lanes - 1;
	uint64_t per_file = (s->size + s->window - 1) / s->window;
	uint64_t total = per_file * s->files;
	uint64_t seen = 0;

	if (s->windows && s->windows < total)
		total = s->windows;
	if (s->plain)
		mark(m, FLT_MC_EVALUATION, n, FLT_NONE);
	else if (n < s->prompts)
		mark(m, FLT_MC_PROMPT, n, s->prompt_tokens);
	else
		mark(m, FLT_MC_DECODE, n - s->prompts, 1);
	if (s->skew && n) {
		struct flt_record *r = push(m, last, FLT_P_BARRIER, 0, 2000);

		r->f[FLT_BARRIER_GENERATION] = m->generation++;
		r->f[FLT_BARRIER_PARTICIPANTS] = s->lanes;
		m->lane[last].barriers++;
	}
	if (s->idle && s->lanes > 1)
		push(m, s->lanes - 1, FLT_P_IDLE, 0, 1000000);
	for (uint64_t i = 0; i < total; i++) {
		uint64_t offset = i % per_file * s->window;
		uint64_t length = s->size - offset < s->window ? s->size - offset : s->window;
		/* Escaping windows prove that a replayer checks what it reads. */
		uint64_t bad = s->escape && i == total / 2 ? UINT64_C(1) << 60 : 0;

		uint64_t flags = 0;
		uint32_t lane = (uint32_t)(i % s->lanes);

		if (s->chunk)
			lane = chunk_window(m, seen, &flags);
		window(m, lane, (uint32_t)(i / per_file), offset + bad, length, flags);
		if (s->edges && i % s->lanes == s->lanes - 1 && s->lanes > 1 &&
		    i / s->lanes % 8 == 0) {
			struct flt_record *r = push(m, s->lanes - 1, FLT_P_EDGE, 0, 0);

			r->f[FLT_EDGE_STREAM] = 0;
			r->f[FLT_EDGE_SEQ] = m->lane[0].seq + m->lane[0].n - 1;
		}
		seen++;
		if (s->per_barrier && seen == (uint64_t)s->per_barrier * s->lanes) {
			barrier(m);
			seen = 0;
		}
	}
	if (s->broken_barrier && n == s->evaluations / 2) {
		struct flt_record *r = push(m, 0, FLT_P_BARRIER, 0, 1000);

		/* Nobody else comes to this one, ever. */
		r->f[FLT_BARRIER_GROUP] = 7;
		r->f[FLT_BARRIER_GENERATION] = 1;
		r->f[FLT_BARRIER_PARTICIPANTS] = s->lanes;
	}
	barrier(m);
	if (s->skew && n + 1 < s->evaluations)
		late_barrier(m);
}

static int add_fault(struct maker *m, const struct flt_record *p)
{
	struct flt_record r = {
		.start = p->start, .dur = p->dur, .stream = p->stream + 1, .kind = FLT_FAULT};

	r.f[FLT_FAULT_FLAGS] = p->dur ? FLT_FF_MAJOR | FLT_FF_BLOCKED : 0;
	r.f[FLT_FAULT_REGION] = p->f[FLT_P_WINDOW_FILE];
	r.f[FLT_FAULT_OFFSET] = p->f[FLT_P_WINDOW_OFFSET];
	return flt_writer_add(m->w, FLT_RECORDING, &r);
}

static int add_recorded(struct maker *m, const struct flt_record *p)
{
	struct flt_record r = *p;

	switch (p->kind) {
	case FLT_P_WINDOW:
		return add_fault(m, p);
	case FLT_P_BARRIER:
		r.kind = FLT_BARRIER;
		break;
	case FLT_P_MARK:
		if (p->stream || p->f[FLT_MARK_CLASS] == FLT_MC_END)
			return 0;
		/* It is stored when it ends, with the evaluation. */
		m->marked = r;
		m->marked.kind = FLT_MARK;
		m->marked.stream++;
		return 0;
	default:
		return 0;
	}
	r.stream++; /* stream 0 is the process */
	return flt_writer_add(m->w, FLT_RECORDING, &r);
}

/* Write what the evaluation has gathered, streams interleaved by time, and its summary. */
static int flush(struct maker *m, uint64_t mark_class, uint64_t tokens)
{
	const struct settings *s = m->s;
	size_t at[MAX_LANES] = {0};
	uint64_t start = UINT64_MAX, end = 0;
	int ret = m->error;

	for (uint32_t i = 0; i < s->lanes; i++) {
		struct lane *l = &m->lane[i];

		if (l->n && l->rec[0].start < start)
			start = l->rec[0].start;
		if (l->now > end)
			end = l->now;
	}
	if (!ret && m->layer == FLT_PROGRAM)
		ret = flt_writer_evaluation(m->w, m->evaluation);
	while (!ret) {
		uint32_t best = MAX_LANES;

		for (uint32_t i = 0; i < s->lanes; i++)
			if (at[i] < m->lane[i].n &&
			    (best == MAX_LANES || flt_end(&m->lane[i].rec[at[i]]) <
							  flt_end(&m->lane[best].rec[at[best]])))
				best = i;
		if (best == MAX_LANES)
			break;
		struct flt_record *r = &m->lane[best].rec[at[best]++];

		if (m->layer == FLT_RECORDING)
			ret = add_recorded(m, r);
		else if (m->layer == FLT_PROGRAM)
			ret = flt_writer_add(m->w, FLT_PROGRAM, r);
	}
	if (!ret && m->marked.kind) {
		m->marked.dur = end - m->marked.start;
		ret = flt_writer_add(m->w, FLT_RECORDING, &m->marked);
		m->marked.kind = 0;
	}
	for (uint32_t i = 0; i < s->lanes && !ret; i++) {
		struct lane *l = &m->lane[i];
		struct flt_record r = {
			.start = start, .dur = end - start, .stream = i, .kind = FLT_S_EVALUATION};

		r.f[FLT_S_EVAL_INDEX] = m->evaluation;
		r.f[FLT_S_EVAL_CLASS] = mark_class;
		r.f[FLT_S_EVAL_TOKENS] = tokens;
		r.f[FLT_S_EVAL_WINDOWS] = l->windows;
		r.f[FLT_S_EVAL_BYTES] = l->bytes;
		r.f[FLT_S_EVAL_BARRIERS] = l->barriers;
		r.f[FLT_S_EVAL_COMPUTE] = l->compute;
		r.f[FLT_S_EVAL_RECORDS] = l->records;
		if (mark_class != FLT_MC_END && m->layer == FLT_SUMMARY)
			ret = flt_writer_add(m->w, FLT_SUMMARY, &r);
		l->seq += l->n;
		l->n = 0;
		l->windows = l->bytes = l->barriers = l->compute = l->records = 0;
	}
	m->evaluation++;
	return ret;
}

static int define(struct maker *m)
{
	const struct settings *s = m->s;
	int ret = 0;

	for (uint32_t f = 0; f < s->files && !ret; f++) {
		char path[256];

		if (s->files == 1)
			snprintf(path, sizeof(path), "/models/%s.gguf", s->name);
		else
			snprintf(path, sizeof(path), "/models/%s-%05u-of-%05u.gguf", s->name, f + 1,
				 s->files);
		ret = flt_writer_define(
			m->w, "file",
			json_pack("{s:I, s:s, s:I, s:s, s:I, s:I, s:b}", "id", (json_int_t)f,
				  "path", path, "size", (json_int_t)s->size, "dev", "8:1", "ino",
				  (json_int_t)(100 + f), "mtime_ns", (json_int_t)1, "model", 1));
		if (!ret)
			ret = flt_writer_define(
				m->w, "region",
				json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:s, s:I, s:I}",
					  "id", (json_int_t)f, "file", (json_int_t)f, "addr",
					  (json_int_t)(s->address + ((uint64_t)f << 36)), "length",
					  (json_int_t)s->size, "offset", (json_int_t)0, "prot",
					  PROT_READ, "flags", MAP_SHARED, "kind", "file",
					  "generation", (json_int_t)0, "align",
					  (json_int_t)(s->address & -s->address)));
	}
	if (!ret)
		ret = flt_writer_define(m->w, "stream",
					json_pack("{s:i, s:s, s:i, s:i, s:s, s:i}", "id", 0, "type",
						  "process", "tid", 4000, "pid", 4000, "comm",
						  "mktrace", "first_ns", 0));
	for (uint32_t i = 0; i < s->lanes && !ret; i++) {
		ret = flt_writer_define(m->w, "stream",
					json_pack("{s:i, s:s, s:i, s:i, s:s, s:i}", "id",
						  (int)i + 1, "type", "thread", "tid",
						  4000 + (int)i, "pid", 4000, "comm", "mktrace",
						  "first_ns", 0));
		if (!ret && !s->no_program)
			ret = flt_writer_define(m->w, "lane",
						json_pack("{s:i, s:s, s:[i]}", "id", (int)i, "role",
							  i ? "worker" : "main", "streams",
							  (int)i + 1));
	}
	return ret;
}

static json_t *trailer(const struct maker *m)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < m->s->lanes; i++)
		if (m->lane[i].now > end)
			end = m->lane[i].now;
	return json_pack(
		"{s:b, s:b, s:I, s:i, s:{}, s:[], s:{}, s:n, s:n, s:{s:b, s:s}, s:{s:i, s:I, s:b, s:s}}",
		"complete", 1, "lossy", 0, "duration_ns", (json_int_t)end, "exit_status", 0,
		"counters", "invariants", "lost", "calibration", "serves_limit", "judgement",
		"predictive", 0, "why", "a made-up trace", "program", "lanes", (int)m->s->lanes,
		"evaluations", (json_int_t)m->s->evaluations, "marks_inferred", 0, "note", "");
}

static int make_layer(struct maker *m, enum flt_layer layer)
{
	const struct settings *s = m->s;
	int ret;

	for (uint32_t i = 0; i < s->lanes; i++)
		m->lane[i].now = m->lane[i].seq = 0;
	m->generation = m->evaluation = 0;
	m->layer = layer;
	m->list = s->list && layer == FLT_PROGRAM;
	load(m);
	ret = flush(m, FLT_MC_LOAD, FLT_NONE);
	for (uint64_t n = 0; n < s->evaluations && !ret; n++) {
		bool prompt = !s->plain && n < s->prompts;

		evaluation(m, n);
		ret = flush(m,
			    s->plain ? FLT_MC_EVALUATION
			    : prompt ? FLT_MC_PROMPT
				     : FLT_MC_DECODE,
			    s->plain ? FLT_NONE
			    : prompt ? s->prompt_tokens
				     : 1);
	}
	mark(m, FLT_MC_END, 0, FLT_NONE);
	return ret ? ret : flush(m, FLT_MC_END, FLT_NONE);
}

static int make(struct maker *m)
{
	const struct settings *s = m->s;
	struct flt_writer_options opt = {.page_size = s->page_size};
	json_t *header, *end;
	int ret;

	header = json_pack(
		"{s:s, s:I, s:I, s:s, s:s, s:[s], s:s, s:s, s:{}, s:n, s:i, s:o, s:s, s:s}",
		"created", "2026-01-01T00:00:00Z", "epoch_ns", (json_int_t)EPOCH_NS,
		"epoch_wall_ns", (json_int_t)1767225600000000000, "generator", "mktrace", "mode",
		"none", "command", "mktrace", "user", "nobody", "cwd", "/", "machine", "score",
		"fault_around_bytes", 65536, "memory_limit",
		s->limit ? json_integer((json_int_t)s->limit) : json_null(), "label",
		"made up for tests", "backend", "none");
	if (!header || (s->header && json_object_update(header, s->header)))
		return -ENOMEM;
	ret = flt_writer_create(&m->w, s->out, header, &opt);
	json_decref(header);
	if (ret)
		return ret;
	ret = define(m);
	if (!ret && s->recording)
		ret = make_layer(m, FLT_RECORDING);
	if (!ret && !s->no_program)
		ret = make_layer(m, FLT_PROGRAM);
	if (!ret && !s->no_program)
		ret = make_layer(m, FLT_SUMMARY);
	if (ret || s->unfinished) {
		flt_writer_abort(&m->w);
		return ret;
	}
	end = trailer(m);
	if (s->trailer && json_object_update(end, s->trailer))
		ret = -ENOMEM;
	if (!ret)
		ret = flt_writer_finish(&m->w, end);
	else
		flt_writer_abort(&m->w);
	json_decref(end);
	return ret;
}

static const struct argp_option options[] = {
	{"lanes", 'l', "N", 0, "Lanes (default 2)", 0},
	{"evaluations", 'e', "N", 0, "Evaluations after the load phase (default 4)", 0},
	{"prompts", 'p', "N", 0, "How many of them are prompt batches (default 1)", 0},
	{"prompt-tokens", 'P', "N", 0, "Tokens of a prompt batch (default 8)", 0},
	{"plain", 'E', NULL, 0, "Evaluations of no known sort: no tokens", 0},
	{"files", 'f', "N", 0, "Files of the model (default 1)", 0},
	{"name", 'n', "NAME", 0, "Their name without .gguf (default \"model\")", 0},
	{"size", 's', "SIZE", 0, "Bytes of each (default 16M)", 0},
	{"window", 'w', "SIZE", 0, "Bytes of a window (default 64K)", 0},
	{"windows", 'W', "N", 0, "Windows of an evaluation (default: the whole model)", 0},
	{"barrier", 'b', "N", 0,
	 "A barrier after every N windows of a lane (default 16; 0: at the end only)", 0},
	{"chunk", 'c', "N", 0,
	 "Between barriers the lanes take chunks of N windows from a counter, after one of their own each",
	 0},
	{"gap", 'g', "NS", 0, "Own compute before a window, ns (default 20000)", 0},
	{"wait", 'a', "NS", 0, "Recorded wait in a window, ns (default 5000)", 0},
	{"limit", 'm', "SIZE", 0, "Memory limit of the recording (default: none)", 0},
	{"footprint", 'F', "SIZE", 0, "Anonymous memory held after the load (default: none)", 0},
	{"address", 'A', "ADDR", 0, "Where the first file was mapped (default 0x7f0000012000)", 0},
	{"reads", 'r', "N", 0, "read() calls of 4 KiB during the load, each file (default 0)", 0},
	{"hints", 'H', NULL, 0, "FADV_SEQUENTIAL and MADV_WILLNEED during the load", 0},
	{"idle", 'I', NULL, 0, "The last lane sleeps 1 ms at the start of each evaluation", 0},
	{"edges", 'x', NULL, 0, "The last lane waits for lane 0 now and then", 0},
	{"recording", 'R', NULL, 0, "Write a recording too", 0},
	{"no-program", 'N', NULL, 0, "Write no program (implies --recording)", 0},
	{"unfinished", 'u', NULL, 0, "Stop without a trailer", 0},
	{"skew", 'k', NULL, 0, "The last lane's barrier between evaluations comes after its mark",
	 0},
	{"broken-barrier", 'B', NULL, 0, "A barrier at which lane 0 stays alone", 0},
	{"escape", 'X', NULL, 0, "A window outside of its file", 0},
	{"page-size", 'G', "SIZE", 0, "Of the recorded machine (default 4096)", 0},
	{"header", 'J', "JSON", 0, "Members to set in the header", 0},
	{"trailer", 'T', "JSON", 0, "The same in the trailer", 0},
	{"list", 'L', NULL, 0, "Print \"evaluation lane file offset length\" of each window", 0},
	{0},
};

static uint64_t size_of(const char *text, struct argp_state *state)
{
	uint64_t v = 0;

	if (host_size_parse(text, &v))
		argp_error(state, "not a size: %s", text);
	return v;
}

static uint64_t number_of(const char *text, uint64_t max, struct argp_state *state)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end || v > max)
		argp_error(state, "not a number up to %" PRIu64 ": %s", max, text);
	return v;
}

static json_t *json_of(const char *text, struct argp_state *state)
{
	json_t *o = json_loads(text, 0, NULL);

	if (!json_is_object(o))
		argp_error(state, "not a JSON object: %s", text);
	return o;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct settings *s = state->input;

	switch (key) {
	case 'l':
		s->lanes = (uint32_t)number_of(arg, MAX_LANES, state);
		break;
	case 'e':
		s->evaluations = (uint32_t)number_of(arg, 1000000, state);
		break;
	case 'p':
		s->prompts = (uint32_t)number_of(arg, 1000000, state);
		break;
	case 'P':
		s->prompt_tokens = (uint32_t)number_of(arg, 1000000, state);
		break;
	case 'E':
		s->plain = true;
		break;
	case 'f':
		s->files = (uint32_t)number_of(arg, MAX_FILES, state);
		break;
	case 'n':
		s->name = arg;
		break;
	case 's':
		s->size = size_of(arg, state);
		break;
	case 'w':
		s->window = size_of(arg, state);
		break;
	case 'W':
		s->windows = number_of(arg, UINT64_MAX, state);
		break;
	case 'b':
		s->per_barrier = (uint32_t)number_of(arg, UINT32_MAX, state);
		break;
	case 'c':
		s->chunk = (uint32_t)number_of(arg, UINT32_MAX, state);
		break;
	case 'g':
		s->gap_ns = number_of(arg, UINT64_C(1) << 40, state);
		break;
	case 'a':
		s->wait_ns = number_of(arg, UINT64_C(1) << 40, state);
		break;
	case 'm':
		s->limit = size_of(arg, state);
		break;
	case 'F':
		s->footprint = size_of(arg, state);
		break;
	case 'A':
		s->address = number_of(arg, UINT64_MAX, state);
		break;
	case 'r':
		s->reads = (uint32_t)number_of(arg, 1000, state);
		break;
	case 'H':
		s->hints = true;
		break;
	case 'I':
		s->idle = true;
		break;
	case 'x':
		s->edges = true;
		break;
	case 'R':
		s->recording = true;
		break;
	case 'N':
		s->no_program = s->recording = true;
		break;
	case 'u':
		s->unfinished = true;
		break;
	case 'k':
		s->skew = true;
		break;
	case 'B':
		s->broken_barrier = true;
		break;
	case 'X':
		s->escape = true;
		break;
	case 'G':
		s->page_size = (uint32_t)size_of(arg, state);
		break;
	case 'J':
		s->header = json_of(arg, state);
		break;
	case 'T':
		s->trailer = json_of(arg, state);
		break;
	case 'L':
		s->list = true;
		break;
	case ARGP_KEY_ARG:
		if (s->out)
			argp_usage(state);
		s->out = arg;
		break;
	case ARGP_KEY_END:
		if (!s->out || !s->lanes || !s->files || !s->window || !s->size)
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "OUT.flt", "Write a made-up trace for tests.", NULL, NULL, NULL};
	struct settings s = {
		.name = "model",
		.page_size = 4096,
		.lanes = 2,
		.files = 1,
		.evaluations = 4,
		.prompts = 1,
		.prompt_tokens = 8,
		.size = 16 << 20,
		.window = 64 << 10,
		.per_barrier = 16,
		.gap_ns = 20000,
		.wait_ns = 5000,
		.address = 0x7f0000012000,
	};
	struct maker m = {0};
	int ret;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &s);
	m.s = &s;
	ret = make(&m);
	for (uint32_t i = 0; i < s.lanes; i++)
		free(m.lane[i].rec);
	json_decref(s.header);
	json_decref(s.trailer);
	if (ret) {
		fprintf(stderr, "mktrace: cannot write %s: %s\n", s.out, strerror(-ret));
		return 1;
	}
	return 0;
}
