/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside of a reader, shared by the library's own files. */
#ifndef FLT_READER_H
#define FLT_READER_H

#include "frame.h"

#include <uthash.h>

struct def_sort {
	char *what;
	json_t *all; /* array */
	json_t **by_id;
	size_t cap;
	bool sparse; /* some ids are not in by_id */
	UT_hash_handle hh;
};

struct flt_reader {
	int fd;
	unsigned int flags;
	bool finished;
	uint64_t size;
	size_t header_bytes;
	json_t *header, *trailer, *none;
	struct def_sort *sorts;
	struct flt_chunk_ref *chunk;
	size_t nchunks, cap_chunks;
	struct flt_defs_ref *defs; /* finished traces only */
	size_t ndefs;
	uint64_t records[FLT_SUMMARY + 1];
	char reason[128];
	struct flt_buf frame, section; /* while opening */
};

void flt_reader_forget(struct flt_reader *r);

/* A writer for OUT with HEADER and R's quantum and page size (verify.c). */
int flt_writer_like(struct flt_writer **w, const char *out, struct flt_reader *r,
		    const json_t *header);
/* The recording of R, without its definitions; -EBADMSG if a chunk had to be left out. */
int flt_copy_recording(struct flt_reader *r, struct flt_writer *w);

#endif
