/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libfltrace: reading, writing and converting Faultline traces (.flt).
 *
 * This header is the manual of the library; FORMAT.md describes the bytes.
 *
 * A trace has up to three layers. The *recording* is what the kernel reported,
 * one stream per thread (plus streams for the process, for its devices and for
 * samples). The *program* is derived from it: one stream per lane, made of
 * windows to touch, barriers, hints and marks. The *summary* says, per lane and
 * evaluation, how much the program does, so that a replayer can plan without
 * reading the program.
 *
 * Conventions: times are nanoseconds since the trace's epoch (header field
 * "epoch_ns", CLOCK_MONOTONIC of the recording machine); offsets and lengths
 * are bytes. Functions return 0 (or a count) on success and -errno on failure;
 * -EBADMSG is damaged data, -EPROTO data of a version that cannot be read.
 * No function prints, exits or touches signal state. A reader, writer or cursor
 * is used by one thread at a time; several cursors of one reader may be used by
 * several threads at once.
 */
#ifndef FLTRACE_H
#define FLTRACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FLT_VERSION_MAJOR 1 /* readers refuse a higher one */
#define FLT_VERSION_MINOR 1 /* additions that older readers may skip */

#define FLT_FIELDS      9 /* payload fields a record can carry */
#define FLT_ALL_STREAMS UINT32_MAX
#define FLT_NONE        UINT64_MAX /* "not known" in any 64-bit field (stored as such) */

enum flt_layer {
	FLT_RECORDING = 1,
	FLT_PROGRAM = 2,
	FLT_SUMMARY = 3,
};

/*
 * Kinds of records. 1..31 are recording, 32..47 program, 48..63 summary. The
 * meaning of the payload fields f[] of each kind is given by the enums below;
 * flt_kind_info() gives names and encodings.
 */
enum flt_kind {
	FLT_FAULT = 1,     /* one page fault, from entry to end */
	FLT_REGION = 2,    /* mmap, munmap, mremap, brk, exec */
	FLT_READ = 3,      /* read(2) and friends on a traced file */
	FLT_HINT = 4,      /* madvise, fadvise, readahead, mlock, populate */
	FLT_BARRIER = 5,   /* one thread's wait at a barrier */
	FLT_EDGE = 6,      /* stream waits for another stream's record */
	FLT_MARK = 7,      /* load, evaluation, request ... */
	FLT_BLOCK = 8,     /* one block I/O request */
	FLT_CACHE = 9,     /* pages added to or dropped from the page cache */
	FLT_SCHED = 10,    /* one bucket of a scheduling histogram */
	FLT_SAMPLE = 11,   /* one metric's value */
	FLT_ZAP = 12,      /* page-table entries dropped (reference capture) */
	FLT_OFFCPU = 13,   /* a thread was off its CPU, not in a fault or barrier (1.1) */
	FLT_P_WINDOW = 32, /* touch a run of pages of a file */
	FLT_P_BARRIER = 33,
	FLT_P_MARK = 34,
	FLT_P_HINT = 35,
	FLT_P_READ = 36,
	FLT_P_FOOTPRINT = 37, /* anonymous memory to hold from here on */
	FLT_P_EDGE = 38,
	FLT_P_IDLE = 39,       /* recorded sleep: neither compute nor a wait for memory */
	FLT_P_ANON = 40,       /* touch a run of pages of an anonymous region */
	FLT_P_POOL = 41,       /* from here on this lane takes chunks from a counter (1.1) */
	FLT_S_EVALUATION = 48, /* what one lane does in one evaluation */
	FLT_KIND_END = 64,
};

/* FLT_FAULT: start = fault entry, start + dur = end */
enum {
	FLT_FAULT_FLAGS,  /* FLT_FF_* */
	FLT_FAULT_REGION, /* id of a region definition, FLT_NONE if unresolved */
	FLT_FAULT_OFFSET, /* in the file if the region has one, else in the region;
			   * the address itself if unresolved; rounded down to the
			   * recording machine's page size */
};
#define FLT_FF_WRITE       (1u << 0)
#define FLT_FF_MAJOR       (1u << 1)
#define FLT_FF_BLOCKED     (1u << 2) /* the thread slept: nvcsw rose during the fault */
#define FLT_FF_ANON        (1u << 3) /* not backed by a file */
#define FLT_FF_KERNEL      (1u << 4) /* taken in kernel mode on a user address */
#define FLT_FF_EXEC        (1u << 5)
#define FLT_FF_WRITE_KNOWN (1u << 6) /* FLT_FF_WRITE means something */

/* FLT_REGION */
enum {
	FLT_REGION_OP,     /* enum flt_region_op */
	FLT_REGION_ID,     /* region definition; a new mapping has a new id */
	FLT_REGION_ADDR,   /* virtual address */
	FLT_REGION_LENGTH, /* bytes */
	FLT_REGION_FILE,   /* file id, FLT_NONE for anonymous */
	FLT_REGION_OFFSET, /* in the file */
	FLT_REGION_PROT,   /* PROT_* of the recording machine's ABI */
	FLT_REGION_FLAGS,  /* MAP_* */
	FLT_REGION_FROM,   /* mremap: the region it came from; else FLT_NONE */
};
enum flt_region_op {
	FLT_RO_MMAP = 1,
	FLT_RO_MUNMAP,
	FLT_RO_MREMAP,
	FLT_RO_BRK,
	FLT_RO_EXISTING, /* was there when the recording began */
	FLT_RO_EXIT,     /* the address space is gone */
};

/* FLT_READ: start .. start + dur is the system call */
enum {
	FLT_READ_FILE,
	FLT_READ_OFFSET,
	FLT_READ_LENGTH, /* bytes returned */
	FLT_READ_REGION, /* of the destination; FLT_NONE if unresolved */
	FLT_READ_DEST,   /* offset in that region, or the address */
	FLT_READ_FLAGS,  /* FLT_RF_* */
};
#define FLT_RF_DIRECT           (1u << 0)
#define FLT_RF_POSITION_GUESSED (1u << 1) /* file position inferred, not reported */

/* FLT_HINT */
enum {
	FLT_HINT_OP,     /* enum flt_hint_op */
	FLT_HINT_ADVICE, /* the call's advice or flags argument */
	FLT_HINT_FILE,   /* FLT_NONE for anonymous memory */
	FLT_HINT_REGION, /* FLT_NONE where the call takes a descriptor */
	FLT_HINT_OFFSET, /* in the file, or in the region */
	FLT_HINT_LENGTH, /* 0 = to the end, as the call has it */
};
enum flt_hint_op {
	FLT_HO_MADVISE = 1,
	FLT_HO_FADVISE,
	FLT_HO_READAHEAD,
	FLT_HO_MLOCK,
	FLT_HO_POPULATE, /* MAP_POPULATE of an mmap */
	FLT_HO_MUNLOCK,
};

/* FLT_BARRIER and FLT_P_BARRIER: start = arrival, start + dur = release */
enum {
	FLT_BARRIER_GROUP,
	FLT_BARRIER_GENERATION,   /* counts up within the group */
	FLT_BARRIER_PARTICIPANTS, /* threads that meet; 0 = not known */
};

/* FLT_EDGE and FLT_P_EDGE: the record's stream waits for (stream, seq) to end */
enum { FLT_EDGE_STREAM, FLT_EDGE_SEQ };

/*
 * FLT_MARK: start .. start + dur is what is marked. FLT_P_MARK stands before the
 * first record of its evaluation in *every* lane (ID = index of the evaluation:
 * 0 = load, n + 1 = FLT_MC_END) and is a meeting point of all lanes: the workers
 * of the recorded run, too, wait until the main thread starts the next graph.
 */
enum {
	FLT_MARK_CLASS,  /* enum flt_mark_class */
	FLT_MARK_ID,     /* counts up within the class, from 0 */
	FLT_MARK_TOKENS, /* tokens in the batch; FLT_NONE = not known */
	FLT_MARK_SYMBOL, /* symbol definition it was seen at; FLT_NONE = inferred */
	FLT_MARK_FLAGS,  /* FLT_MF_* */
};
enum flt_mark_class {
	FLT_MC_LOAD = 1,   /* from the start to the first evaluation */
	FLT_MC_EVALUATION, /* a pass over the model, not known to be a token */
	FLT_MC_PROMPT,     /* a prompt batch */
	FLT_MC_DECODE,     /* generation of one token */
	FLT_MC_REQUEST,
	FLT_MC_WARMUP, /* the runner's own empty run */
	FLT_MC_END,    /* nothing of the run follows (program) */
};
#define FLT_MF_INFERRED      (1u << 0) /* found by sweep detection, not by a probe */
#define FLT_MF_CLASS_GUESSED (1u << 1)

/* FLT_BLOCK: start = issue, start + dur = completion */
enum {
	FLT_BLOCK_DEVICE, /* device definition */
	FLT_BLOCK_SECTOR, /* 512-byte sectors */
	FLT_BLOCK_LENGTH, /* bytes */
	FLT_BLOCK_OP,     /* REQ_OP_*: 0 read, 1 write, 2 flush, 3 discard */
	FLT_BLOCK_FLAGS,  /* FLT_BF_* */
	FLT_BLOCK_QUEUE,  /* ns from entering the queue to issue; FLT_NONE unknown */
	FLT_BLOCK_STREAM, /* thread that submitted it; FLT_NONE = none of the run's */
};
#define FLT_BF_RAHEAD     (1u << 0)
#define FLT_BF_SYNC       (1u << 1)
#define FLT_BF_META       (1u << 2)
#define FLT_BF_UNFINISHED (1u << 3) /* issued, no completion was seen: dur is 0 */
#define FLT_BF_FOREIGN    (1u << 4) /* not on behalf of the recorded processes */
#define FLT_BF_BIO        (1u << 5) /* seen as a bio (zram, md): there is no request */

/* FLT_CACHE: start .. start + dur is from the first folio of the run to the last */
enum {
	FLT_CACHE_OP, /* 1 added, 2 dropped */
	FLT_CACHE_FILE,
	FLT_CACHE_OFFSET,
	FLT_CACHE_LENGTH, /* bytes: of a run of neighbouring folios of one order */
	FLT_CACHE_ORDER,  /* FLT_NONE = not told */
};

/* FLT_SCHED: cumulative over the recording, written at its end */
enum { FLT_SCHED_HISTOGRAM, FLT_SCHED_BUCKET, FLT_SCHED_COUNT };

/* FLT_SAMPLE: metric is the id of a metric definition */
enum { FLT_SAMPLE_METRIC, FLT_SAMPLE_VALUE };

/*
 * FLT_ZAP: the entries of one mapping were dropped. The stream is the thread in
 * which it happened (or the process' main thread); start .. start + dur is from
 * when that thread was stopped to when it went on. Other threads run on.
 */
enum { FLT_ZAP_REGION, FLT_ZAP_OFFSET, FLT_ZAP_LENGTH };

/*
 * FLT_OFFCPU: start .. start + dur the thread was not on a CPU, because it slept
 * or because others were preferred. Only intervals of 20 us and more, and none
 * inside of faults and barriers: those are waits already (and a record within a
 * barrier's wait would hide where that began: its time is a gap to the last one).
 */
enum { FLT_OFFCPU_FLAGS };
#define FLT_OF_PREEMPTED (1u << 0) /* it could have run */

/*
 * Program records: the gap between the end of the lane's previous record and
 * this one's start is the lane's own compute; dur is what the recorded thread
 * waited for (fault service, barrier). So start is the recorded wall clock.
 */
enum { FLT_P_WINDOW_FILE, FLT_P_WINDOW_OFFSET, FLT_P_WINDOW_LENGTH, FLT_P_WINDOW_FLAGS };
#define FLT_PW_MAJOR   (1u << 0) /* some fault of it was major */
#define FLT_PW_BLOCKED (1u << 1)
#define FLT_PW_WRITE   (1u << 2)
#define FLT_PW_DYNAMIC (1u << 3) /* of a chunk that was taken from a shared counter */
#define FLT_PW_CHUNK   (1u << 4) /* the first window of a chunk */
enum { FLT_P_HINT_OP, FLT_P_HINT_ADVICE, FLT_P_HINT_FILE, FLT_P_HINT_OFFSET, FLT_P_HINT_LENGTH };
enum { FLT_P_READ_FILE, FLT_P_READ_OFFSET, FLT_P_READ_LENGTH };
enum { FLT_P_FOOTPRINT_BYTES };
enum { FLT_P_ANON_REGION, FLT_P_ANON_OFFSET, FLT_P_ANON_LENGTH };

/*
 * FLT_P_POOL: from here to this lane's next barrier or mark, windows with
 * FLT_PW_DYNAMIC belong to chunks that the recorded threads took from a counter
 * they shared, so that a replayer may give each chunk to whoever is free. GROUP
 * and GENERATION are those of the barrier that ends the segment; every lane that
 * meets there has the record, also one that took no chunk. PARTICIPANTS is their
 * number, never 0. In a lane, what it does by itself comes before the pool
 * record; between that and the barrier there are windows with FLT_PW_DYNAMIC only.
 * A chunk is a window with FLT_PW_CHUNK and what follows up to the next one.
 * Played in the order of the lanes, it is the recorded run.
 */
enum { FLT_P_POOL_GROUP, FLT_P_POOL_GENERATION, FLT_P_POOL_PARTICIPANTS };

/* FLT_S_EVALUATION: stream = lane; start, dur = the evaluation's recorded span */
enum {
	FLT_S_EVAL_INDEX,   /* 0 = load, then 1, 2, ... in order of the run */
	FLT_S_EVAL_CLASS,   /* enum flt_mark_class */
	FLT_S_EVAL_TOKENS,  /* FLT_NONE = not known */
	FLT_S_EVAL_WINDOWS, /* windows and reads of this lane */
	FLT_S_EVAL_BYTES,   /* their bytes */
	FLT_S_EVAL_BARRIERS,
	FLT_S_EVAL_COMPUTE, /* own compute, ns */
	FLT_S_EVAL_RECORDS, /* all records of this lane */
};

struct flt_record {
	uint64_t start;  /* ns since the epoch */
	uint64_t dur;    /* ns; 0 for what takes no time */
	uint64_t seq;    /* position in its stream, from 0; set by the reader */
	uint32_t stream; /* stream (or lane) id */
	uint32_t kind;   /* enum flt_kind */
	uint64_t f[FLT_FIELDS];
};

static inline uint64_t flt_end(const struct flt_record *r)
{
	return r->start + r->dur;
}

struct flt_field_info {
	const char *name;
	uint8_t encoding; /* default encoding, FORMAT.md "Columns" */
	bool is_bytes;    /* offset or length: stored in units of the page size where exact */
};

struct flt_kind_info {
	const char *name; /* "fault" */
	uint8_t nfields;
	uint8_t time; /* time encoding */
	struct flt_field_info field[FLT_FIELDS];
};

/* Name and fields of a kind; NULL for a kind that this library does not know. */
const struct flt_kind_info *flt_kind_info(uint32_t kind);
/* "load", "prompt", "decode", "evaluation", ...; "?" if unknown. */
const char *flt_mark_class_name(uint64_t mark_class);

/* ---- writing ---------------------------------------------------------- */

struct flt_writer;

struct flt_writer_options {
	int level;              /* zstd level; 0 = 9 */
	uint32_t quantum_ns;    /* 0 = 250 */
	uint32_t page_size;     /* of the recorded machine; 0 = 4096 */
	uint32_t chunk_records; /* 0 = 262144: a chunk is closed after so many; at most 2^20 */
	uint64_t chunk_ns;      /* 0 = 5 s: ... or after so much trace time */
};

/*
 * Creates PATH (it must not exist, else -EEXIST; a partial file of an earlier
 * run is thus never overwritten) and writes the header frame. The header object
 * is borrowed; "format", "version", "quantum_ns" and "page_size" are filled in.
 */
int flt_writer_create(struct flt_writer **w, const char *path, const json_t *header,
		      const struct flt_writer_options *opt);
/*
 * Adds a definition; WHAT is "file", "region", "stream", "device", "symbol",
 * "metric", "lane" or anything else (readers keep what they do not know). OBJ
 * is stolen and should have an integer "id". It is in the file before any
 * record that is added later.
 */
int flt_writer_define(struct flt_writer *w, const char *what, json_t *obj);
/*
 * Adds a record. Records of one stream come in the order of their ends; streams
 * may be interleaved freely, ideally in the order (end, stream).
 */
int flt_writer_add(struct flt_writer *w, enum flt_layer layer, const struct flt_record *r);
/*
 * Closes the current chunk: what was added is then in the file (with SYNC, on
 * the disk). A reader may then open the file, unfinished as it is, while the
 * writer stays open: that is how flt_prepare() adds a program to a recording.
 */
int flt_writer_flush(struct flt_writer *w, bool sync);
/*
 * The next records of the program are of evaluation INDEX (or an earlier one: the
 * highest counts). The chunk index carries it, so that a reader can seek.
 */
int flt_writer_evaluation(struct flt_writer *w, uint64_t index);
/* Bytes in the file, and records added, so far. */
uint64_t flt_writer_bytes(const struct flt_writer *w);
uint64_t flt_writer_records(const struct flt_writer *w, enum flt_layer layer);
/* Writes trailer, index and seek table, fsyncs and closes. The trailer object is
 * borrowed; may be NULL. On error the file stays unfinished but readable. */
int flt_writer_finish(struct flt_writer **w, const json_t *trailer);
/* Closes without trailer (an unfinished trace); chunks so far stay readable. */
void flt_writer_abort(struct flt_writer **w);

/* ---- reading ---------------------------------------------------------- */

struct flt_reader;

#define FLT_OPEN_NOCACHE (1u << 0) /* keep the trace itself out of the page cache */

struct flt_chunk_info {
	uint64_t offset; /* of the chunk's first frame in the file */
	uint64_t bytes;  /* compressed, directory and blocks */
	uint64_t records;
	uint64_t first_ns, last_ns; /* earliest start, latest end */
	uint64_t evaluation;        /* program: index of the first evaluation in it */
	uint32_t layer;
	uint32_t blocks;
};

/*
 * Opens a trace. An unfinished or damaged one opens too: everything up to the
 * first damage is there and flt_finished() is false. ERR (may be NULL) receives
 * one line for people when the result is negative.
 */
int flt_open(struct flt_reader **r, const char *path, unsigned int flags, char *err, size_t errlen);
void flt_close(struct flt_reader *r);
bool flt_finished(const struct flt_reader *r);
/* Why the trace counts as unfinished, one line; NULL if it is finished. */
const char *flt_unfinished_reason(const struct flt_reader *r);
uint64_t flt_file_size(const struct flt_reader *r);
/* Borrowed; live as long as the reader. The trailer is NULL if unfinished. */
const json_t *flt_header(const struct flt_reader *r);
const json_t *flt_trailer(const struct flt_reader *r);
/* Array of all definitions of one sort, in file order (empty if none). */
const json_t *flt_definitions(const struct flt_reader *r, const char *what);
/* The definition with that id, NULL if there is none. O(1) for dense ids. */
const json_t *flt_definition(const struct flt_reader *r, const char *what, uint64_t id);
size_t flt_chunk_count(const struct flt_reader *r);
const struct flt_chunk_info *flt_chunk_info(const struct flt_reader *r, size_t i);
uint64_t flt_record_count(const struct flt_reader *r, enum flt_layer layer);

/* The part of a chunk that belongs to one stream (or lane). */
struct flt_block_info {
	uint64_t records, bytes; /* compressed */
	uint32_t stream;
};

/* Fills OUT with up to N blocks of chunk I; how many the chunk has, or -errno. */
ssize_t flt_chunk_blocks(struct flt_reader *r, size_t i, struct flt_block_info *out, size_t n);

struct flt_cursor;

/*
 * Iterates over one layer: one stream, or FLT_ALL_STREAMS merged by (end,
 * stream, sequence). Memory is one decoded chunk at most, whatever the length
 * of the trace.
 */
int flt_cursor_open(struct flt_cursor **c, struct flt_reader *r, enum flt_layer layer,
		    uint32_t stream);
/* Fills OUT with up to N records; the count, 0 at the end, or -errno. */
ssize_t flt_cursor_next(struct flt_cursor *c, struct flt_record *out, size_t n);
/* Goes to the first chunk that may hold records ending at or after NS. */
int flt_cursor_seek_time(struct flt_cursor *c, uint64_t ns);
/* Program layer: goes to the mark that begins evaluation INDEX in this stream. */
int flt_cursor_seek_evaluation(struct flt_cursor *c, uint64_t index);
void flt_cursor_close(struct flt_cursor *c);

/* ---- checking --------------------------------------------------------- */

struct flt_verify_report {
	uint64_t chunks_ok, chunks_bad, frames, records;
	uint64_t bad_offset; /* of the first damage; FLT_NONE if none */
	bool finished;       /* trailer, index and seek table present and right */
	char message[256];   /* what is wrong, one line; empty if all is well */
};

/* Reads every byte of PATH and checks frames, checksums, directories and that
 * every record decodes. 0 if sound, -EBADMSG if damaged or unfinished. */
int flt_verify(const char *path, struct flt_verify_report *rep);
/* Writes a finished copy of the sound chunks of IN to OUT (which must not exist). */
int flt_repair(const char *in, const char *out, struct flt_verify_report *rep);

/* ---- recording -> program --------------------------------------------- */

/* Where the program's barriers come from. */
enum flt_barriers {
	FLT_BARRIERS_AUTO,     /* recorded if there are any, else inferred */
	FLT_BARRIERS_RECORDED, /* recorded, or none */
	FLT_BARRIERS_INFERRED, /* inferred, though some may have been recorded */
};

struct flt_prepare_options {
	uint64_t fault_around; /* bytes; 0 = header's, else 64 KiB */
	bool program_only;     /* flt_prepare_copy(): leave the recording out */
	bool private_copy;     /* ... and names of people, hosts and folders */
	uint32_t max_lanes;    /* 0 = 1024; threads beyond share the helper lane; 1 may be -E2BIG */
	/* Records; may be NULL. False stops the conversion, which returns -ECANCELED. */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
	/* Times of untraced warm runs (the trailer's "calibration", see FORMAT.md), to
	 * which the program's own compute is fitted. Borrowed; NULL = as IN's trailer says. */
	const json_t *calibration;
	int barriers; /* enum flt_barriers */
};

struct flt_prepare_stats {
	uint32_t lanes;
	uint64_t evaluations; /* without the load phase */
	uint64_t windows, window_bytes, barriers, hints, reads;
	uint64_t compute_ns; /* of all lanes */
	uint64_t program_bytes;
	bool marks_inferred; /* by sweep detection */
	char note[256];      /* what a reader should know, may be empty */
	uint64_t pools;      /* segments whose chunks were taken from a counter */
	uint64_t dynamic_windows;
	uint64_t inferred_barriers; /* meeting points that were not recorded */
	const char *barriers_from;  /* "recorded", "tensors", "ranges", "none"; static */
	/* The fitted compute model, FORMAT.md "compute_model". A new reference, the
	 * caller's; NULL after an error. */
	json_t *model;
};

/* {"lanes", "evaluations", "windows", ...}: what belongs into the trailer as
 * "program"; flt_prepare() also writes it as the definition "program". New. */
json_t *flt_prepare_json(const struct flt_prepare_stats *st);
/* The tensors of a GGUF file (version 2 or 3): an array of [name, offset in the
 * file, bytes], in the order of their offsets; what a "file" definition has as
 * "tensors". A new reference; NULL if FD is no GGUF file, or a damaged one. Reads
 * with pread(): the file position stays. */
json_t *flt_gguf_tensors(int fd);
/* Derives the program of IN (open reader) and adds it to OUT. Streams: memory
 * does not grow with the recording. -ENODATA: no faults on a file. After an error
 * (but one in writing) OUT has nothing of the program and can be finished without. */
int flt_prepare(struct flt_reader *in, struct flt_writer *out,
		const struct flt_prepare_options *opt, struct flt_prepare_stats *st);
/* Copies the recording of IN (unless program_only) to the new file OUT, derives
 * the program anew and finishes OUT with IN's trailer plus "program". */
int flt_prepare_copy(struct flt_reader *in, const char *out, const struct flt_prepare_options *opt,
		     struct flt_prepare_stats *st);

/* ---- planning a replay ------------------------------------------------- */

struct flt_evaluation {
	uint64_t start, dur;                           /* recorded, ns */
	uint64_t tokens;                               /* FLT_NONE = not known */
	uint64_t windows, bytes, barriers, compute_ns; /* over all lanes */
	uint32_t mark_class;                           /* enum flt_mark_class */
};

struct flt_lane_plan {
	uint64_t records, windows, bytes, barriers, compute_ns;
};

struct flt_plan {
	uint32_t lanes;
	uint64_t evaluations; /* entries; entry 0 is the load phase */
	struct flt_evaluation *evaluation;
};

/* Reads the summary layer. -ENODATA if the trace has no program. */
int flt_plan_open(struct flt_reader *r, struct flt_plan **plan);
/* What LANE does in evaluations FIRST..LAST (inclusive, entry numbers). */
int flt_plan_lane(struct flt_reader *r, uint32_t lane, uint64_t first, uint64_t last,
		  struct flt_lane_plan *out);
void flt_plan_close(struct flt_plan *plan);

#endif
