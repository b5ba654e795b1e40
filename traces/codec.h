/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The encodings of a block's columns (FORMAT.md, "Columns"). Private to the
 * library. Encoders append to a growing buffer; decoders never read outside the
 * bytes that they were given, whatever these say.
 */
#ifndef FLT_CODEC_H
#define FLT_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct flt_buf {
	uint8_t *data;
	size_t len, cap;
	bool failed; /* out of memory; checked once, at the end */
};

void flt_buf_free(struct flt_buf *b);
void flt_buf_reset(struct flt_buf *b);
/* Room for N more bytes; NULL and b->failed if there is none. */
uint8_t *flt_buf_room(struct flt_buf *b, size_t n);
void flt_buf_put(struct flt_buf *b, const void *p, size_t n);
void flt_buf_u32(struct flt_buf *b, uint32_t v);
void flt_buf_u64(struct flt_buf *b, uint64_t v);
void flt_buf_varint(struct flt_buf *b, uint64_t v);

static inline uint16_t flt_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t flt_get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t flt_get64(const uint8_t *p)
{
	return flt_get32(p) | (uint64_t)flt_get32(p + 4) << 32;
}

static inline uint64_t flt_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t flt_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

enum flt_encoding {
	FLT_ENC_CONST = 0,         /* varint: the one value of all records */
	FLT_ENC_U8 = 1,            /* one byte a value */
	FLT_ENC_VARINT = 2,        /* LEB128 */
	FLT_ENC_DELTA = 3,         /* zigzag LEB128 of the difference to the last value */
	FLT_ENC_PAGE_DELTA = 4,    /* the same, in pages */
	FLT_ENC_PAGE_VARINT = 5,   /* LEB128, in pages */
	FLT_ENC_LADDER = 6,        /* logarithmic, FORMAT.md "The ladder" */
	FLT_ENC_SERIES = 7,        /* zigzag first, zigzag step: an arithmetic series */
	FLT_ENC_CONTEXT_DELTA = 8, /* page delta to the last value in the same slot */
	FLT_ENC_COUNT,
};

/* Column numbers of a block beside the fields 0..FLT_FIELDS-1. */
enum {
	FLT_COL_GAP = 0xf0,  /* start - end of the stream's previous record */
	FLT_COL_STEP = 0xf1, /* end - end of the stream's previous record */
	FLT_COL_DUR = 0xf2,
	FLT_COL_KIND = 0xff, /* of kind 0: the records' kinds */
};

#define FLT_CONTEXT_SLOTS 64

static inline unsigned int flt_context_slot(uint64_t context)
{
	return (unsigned int)((context * 0x9e3779b97f4a7c15ull) >> 58);
}

/* ---- the ladder ---- */

#define FLT_LADDER_BEND 83         /* code from which on the rungs are 16 quanta apart */
#define FLT_LADDER_NONE UINT64_MAX /* the code of FLT_NONE */

/* Value of a code, in quanta. */
uint64_t flt_ladder_value(uint64_t code);
/* The code whose value times QUANTUM is nearest to NS. */
uint64_t flt_ladder_code(uint64_t ns, uint32_t quantum);
void flt_ladder_put(struct flt_buf *b, uint64_t code);

/* ---- columns ---- */

/*
 * Encodes N values into B and returns the encoding that was chosen: the wished
 * one, or a cheaper or an exact one where that one does not fit. CONTEXT is the
 * companion column of FLT_ENC_CONTEXT_DELTA.
 */
uint8_t flt_column_encode(struct flt_buf *b, const uint64_t *v, size_t n, uint8_t wish,
			  uint32_t page_size, uint32_t quantum, const uint64_t *context);

struct flt_column {
	const uint8_t *p, *end;
	uint64_t prev, step;
	uint64_t *slots; /* FLT_CONTEXT_SLOTS values, owned */
	uint32_t values; /* left */
	uint32_t page_size, quantum;
	uint16_t kind;
	uint8_t column, encoding;
	bool started;
};

/* Decodes the next N values. CONTEXT as in flt_column_encode(). 0 or -EBADMSG. */
int flt_column_decode(struct flt_column *c, uint64_t *out, size_t n, const uint64_t *context);

#endif
