/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside of a writer, shared by writer.c (adding, ending) and writer_chunk.c. */
#ifndef FLT_WRITER_H
#define FLT_WRITER_H

#include "frame.h"

#include <uthash.h>

struct column_u64 {
	uint64_t *v;
	size_t n, cap;
};

struct kind_columns {
	struct column_u64 time, dur; /* gap or step in ns; as codes of the ladder */
	struct column_u64 field[FLT_FIELDS];
};

struct stream {
	uint32_t id;
	uint32_t records;             /* in the open chunk */
	uint64_t seq;                 /* of the open chunk's first record, per layer */
	uint64_t base;                /* end of the record before that, exact */
	uint64_t true_end, coded_end; /* of the last record: reported and as a reader sees it */
	struct column_u64 kinds;
	/* FLT_KIND_END pointers; NULL while the stream is idle, for runners that make a
	 * thread pool anew for every graph leave very many streams behind. */
	struct kind_columns **kind;
	UT_hash_handle hh;
};

struct flt_writer {
	int fd;
	struct flt_writer_options opt;
	struct flt_compressor *comp;
	struct flt_compressor *comp_program;     /* packs harder: written once, read often */
	struct stream *streams[FLT_SUMMARY + 1]; /* by layer, uthash */
	enum flt_layer layer;                    /* of the open chunk */
	uint64_t chunk_records, first_ns, last_ns;
	uint64_t chunk_number, chunk_evaluation, evaluation;
	uint64_t offset; /* file size so far */
	uint64_t total[FLT_SUMMARY + 1];
	json_t *defs; /* not yet written: array of [what, obj] */
	struct flt_buf raw, out, dir, index_chunks, index_defs, seek;
	uint32_t frames;
	int error; /* sticky: after a failed write the file's end is not known */
};

/* The quantum of a layer's blocks, ns. */
uint32_t flt_writer_quantum(const struct flt_writer *w, enum flt_layer layer);
/* Appends B; on failure the file is cut back to what it was. */
int flt_writer_write(struct flt_writer *w, const struct flt_buf *b);
/* Appends w->raw, a begun section, as a frame of its own. */
int flt_writer_section(struct flt_writer *w);
/* Notes a frame for the seek table. */
void flt_writer_seek_entry(struct flt_writer *w, uint64_t compressed, uint64_t raw);
/* Writes the definitions that are not in the file yet. */
int flt_writer_flush_defs(struct flt_writer *w);
void flt_writer_free_columns(struct stream *s);

/* A place to go back to, between two chunks. */
struct flt_writer_place {
	uint64_t offset, chunk_number, evaluation, total[FLT_SUMMARY + 1];
	size_t chunks, defs, seek;
	uint32_t frames;
};

/* Where W is, which has just been flushed. */
void flt_writer_note(const struct flt_writer *w, struct flt_writer_place *at);
/* Takes back all of the program and summary layers that came after. 0 or -errno (sticky). */
int flt_writer_rollback(struct flt_writer *w, const struct flt_writer_place *at);

#endif
