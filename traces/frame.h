/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections, zstd frames and the tables at a trace's end. Private to the library.
 */
#ifndef FLT_FRAME_H
#define FLT_FRAME_H

#include "codec.h"
#include "fltrace.h"

#define FLT_SECTION_BYTES   16
#define FLT_SECTION_HEADER  "FLTH"
#define FLT_SECTION_DEFS    "FLTD"
#define FLT_SECTION_CHUNK   "FLTC"
#define FLT_SECTION_BLOCK   "FLTB"
#define FLT_SECTION_TRAILER "FLTT"
#define FLT_SECTION_INDEX   "FLTI"

#define FLT_CHUNK_HEAD  56 /* directory, before its entries */
#define FLT_CHUNK_ENTRY 40 /* one block */
#define FLT_BLOCK_HEAD  40 /* block, before its column descriptors */
#define FLT_COLUMN_DESC 12
#define FLT_INDEX_HEAD  16
#define FLT_INDEX_CHUNK 72
#define FLT_INDEX_DEFS  16

/* What a reader accepts; a writer stays far below. */
#define FLT_MAX_SECTION       (256u << 20)
#define FLT_MAX_JSON          (64u << 20)
#define FLT_MAX_BLOCKS        (1u << 20)
#define FLT_MAX_BLOCK_RECORDS (1u << 24)

#define FLT_SKIPPABLE_MAGIC 0x184d2a5eu
#define FLT_SEEKABLE_MAGIC  0x8f92eab1u
#define FLT_SEEK_FOOTER     9

/* Starts a section in B (reset first); flt_section_end() fills in its length. */
void flt_section_begin(struct flt_buf *b, const char *type);
void flt_section_end(struct flt_buf *b);
/* Checks head and length of a decompressed section; payload and its length. */
int flt_section_check(const uint8_t *data, size_t len, const char *type, const uint8_t **payload,
		      size_t *payload_len);

struct flt_compressor;

int flt_compressor_new(struct flt_compressor **c, int level);
void flt_compressor_free(struct flt_compressor *c);
/*
 * Compresses LEN bytes as one frame with content size and checksum, appended to
 * OUT. CUTS (ascending positions, may be NULL) are where a new zstd block should
 * begin, since columns differ in their statistics.
 */
int flt_compress(struct flt_compressor *c, struct flt_buf *out, const uint8_t *data, size_t len,
		 const size_t *cuts, size_t ncuts);

/* What a chunk's directory holds of a block: XXH64, seed 0, of its compressed bytes. */
uint64_t flt_frame_hash(const uint8_t *data, size_t len);

/* Decompresses exactly one frame of LEN bytes into OUT (reset first); -EBADMSG if that
 * would be more than MOST bytes, whatever the frame says. */
int flt_decompress(const uint8_t *data, size_t len, struct flt_buf *out, size_t most);

/* Reads LEN bytes at OFFSET into B (reset first); -EBADMSG if there are fewer. */
int flt_pread(int fd, uint64_t offset, size_t len, struct flt_buf *b, bool nocache);
/* Length of the frame at OFFSET, found by reading it; -EBADMSG if it is not whole. */
int flt_frame_length(int fd, uint64_t offset, uint64_t file_size, struct flt_buf *b, size_t *len);

/* A chunk directory, decoded. */
struct flt_dir_entry {
	uint32_t stream, records, bytes, raw;
	uint64_t first_seq, hash;
	uint64_t offset; /* of the block's frame in the file; derived */
};

struct flt_directory {
	struct flt_chunk_info info;
	uint32_t bytes; /* of the directory's own frame */
	struct flt_dir_entry *entry;
};

/* PAYLOAD of a chunk section at file offset OFFSET whose frame has BYTES. */
int flt_directory_parse(struct flt_directory *d, const uint8_t *payload, size_t len,
			uint64_t offset, uint32_t bytes);
void flt_directory_free(struct flt_directory *d);

/* Shared by reader, verify and repair. */
struct flt_chunk_ref {
	struct flt_chunk_info info;
	uint32_t dir_bytes;
};

struct flt_defs_ref {
	uint64_t offset;
	uint32_t bytes;
};

#endif
