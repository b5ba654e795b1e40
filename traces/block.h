/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Decoding of one block. Private to the library. */
#ifndef FLT_BLOCK_H
#define FLT_BLOCK_H

#include "frame.h"

#define FLT_BATCH 256 /* records decoded at a time */

struct flt_block;

/* Loads and decompresses the block E of file FD; FRAME is scratch. */
int flt_block_load(struct flt_block **b, int fd, const struct flt_dir_entry *e,
		   struct flt_buf *frame, bool nocache);
void flt_block_free(struct flt_block *b);
/* Decodes the next batch once all of the last one is consumed: how many records
 * are at hand, 0 at the block's end, or -EBADMSG. */
ssize_t flt_block_fill(struct flt_block *b);
/* The records at hand. */
const struct flt_record *flt_block_records(struct flt_block *b, size_t *n);
const struct flt_record *flt_block_peek(struct flt_block *b);
void flt_block_consume(struct flt_block *b, size_t n);
/* After the last record: is every column used up to its last byte? */
int flt_block_check_end(struct flt_block *b);

/* Reads the directory of a chunk; FRAME is scratch. */
int flt_directory_load(struct flt_reader *r, const struct flt_chunk_ref *ref, struct flt_buf *frame,
		       struct flt_directory *d);

#endif
