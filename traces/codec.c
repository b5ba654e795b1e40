// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Encodings of columns: see codec.h and FORMAT.md. */
#include "codec.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- growing buffers ---- */

void flt_buf_free(struct flt_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void flt_buf_reset(struct flt_buf *b)
{
	b->len = 0;
	b->failed = false;
}

uint8_t *flt_buf_room(struct flt_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *p;

	if (b->failed)
		return NULL;
	if (b->cap - b->len >= n)
		return b->data + b->len;
	while (cap - b->len < n) {
		if (cap > SIZE_MAX / 2)
			goto fail;
		cap *= 2;
	}
	p = realloc(b->data, cap);
	if (!p)
		goto fail;
	b->data = p;
	b->cap = cap;
	return b->data + b->len;
fail:
	b->failed = true;
	return NULL;
}

void flt_buf_put(struct flt_buf *b, const void *p, size_t n)
{
	uint8_t *to = flt_buf_room(b, n);

	if (to && n) {
		memcpy(to, p, n);
		b->len += n;
	}
}

void flt_buf_u32(struct flt_buf *b, uint32_t v)
{
	uint8_t p[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

	flt_buf_put(b, p, sizeof(p));
}

void flt_buf_u64(struct flt_buf *b, uint64_t v)
{
	flt_buf_u32(b, (uint32_t)v);
	flt_buf_u32(b, (uint32_t)(v >> 32));
}

void flt_buf_varint(struct flt_buf *b, uint64_t v)
{
	uint8_t *p = flt_buf_room(b, 10);
	size_t n = 0;

	if (!p)
		return;
	while (v > 127) {
		p[n++] = (uint8_t)(v | 128);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	b->len += n;
}

/* ---- the ladder ---- */

#define BEND_VALUE 309 /* L[FLT_LADDER_BEND] */

static uint64_t ladder[FLT_LADDER_BEND + 1];
static uint8_t ladder_floor[BEND_VALUE]; /* the highest code not above a value */
static pthread_once_t ladder_once = PTHREAD_ONCE_INIT;

/*
 * L[0] = 0, L[i+1] = L[i] + max(1, min(16, L[i] / 19)), rounded down: exact up to
 * 38 quanta, then in steps of at most 1/19 of the value, so that the nearest rung
 * is within 1/38 (2.63 %) of it; from the bend on in steps of 16 quanta, since an
 * error must also stay small against the distance of events in other streams.
 */
static void ladder_build(void)
{
	for (uint32_t i = 0; i < FLT_LADDER_BEND; i++)
		ladder[i + 1] = ladder[i] + (ladder[i] >= 38 ? ladder[i] / 19 : 1);
	for (uint32_t v = 0, code = 0; v < BEND_VALUE; v++) {
		code += ladder[code + 1] <= v;
		ladder_floor[v] = (uint8_t)code;
	}
}

uint64_t flt_ladder_value(uint64_t code)
{
	pthread_once(&ladder_once, ladder_build);
	if (code <= FLT_LADDER_BEND)
		return ladder[code];
	return ladder[FLT_LADDER_BEND] + (code - FLT_LADDER_BEND) * 16;
}

uint64_t flt_ladder_code(uint64_t ns, uint32_t quantum)
{
	uint64_t v = ns / quantum, lo, above;

	pthread_once(&ladder_once, ladder_build);
	if (v < BEND_VALUE)
		lo = ladder_floor[v];
	else
		lo = FLT_LADDER_BEND + (v - BEND_VALUE) / 16;
	above = flt_ladder_value(lo + 1);
	if (above > UINT64_MAX / quantum)
		return lo;
	return above * quantum - ns < ns - flt_ladder_value(lo) * quantum ? lo + 1 : lo;
}

void flt_ladder_put(struct flt_buf *b, uint64_t code)
{
	uint8_t byte = code < 255 ? (uint8_t)code : 255;

	flt_buf_put(b, &byte, 1);
	if (code >= 255)
		flt_buf_varint(b, code - 255);
}

/* ---- encoding a column ---- */

struct column_facts {
	bool constant, series, pages, bytes;
};

static struct column_facts column_look(const uint64_t *v, size_t n, uint32_t page_size)
{
	struct column_facts f = {true, true, true, true};
	uint64_t step = n > 1 ? v[1] - v[0] : 0;

	for (size_t i = 0; i < n; i++) {
		f.constant &= v[i] == v[0];
		f.pages &= v[i] % page_size == 0;
		f.bytes &= v[i] < 256;
		if (i)
			f.series &= v[i] - v[i - 1] == step;
	}
	f.series &= n > 2;
	return f;
}

static uint8_t column_choose(const struct column_facts *f, uint8_t wish, bool have_context)
{
	if (f->constant)
		return FLT_ENC_CONST;
	if (f->series)
		return FLT_ENC_SERIES;
	switch (wish) {
	case FLT_ENC_U8:
		return f->bytes ? FLT_ENC_U8 : FLT_ENC_VARINT;
	case FLT_ENC_CONTEXT_DELTA:
		if (f->pages && have_context)
			return FLT_ENC_CONTEXT_DELTA;
		/* fall through */
	case FLT_ENC_PAGE_DELTA:
		return f->pages ? FLT_ENC_PAGE_DELTA : FLT_ENC_DELTA;
	case FLT_ENC_PAGE_VARINT:
		return f->pages ? FLT_ENC_PAGE_VARINT : FLT_ENC_VARINT;
	default:
		return wish;
	}
}

uint8_t flt_column_encode(struct flt_buf *b, const uint64_t *v, size_t n, uint8_t wish,
			  uint32_t page_size, uint32_t quantum, const uint64_t *context)
{
	struct column_facts f = column_look(v, n, page_size);
	uint8_t enc = column_choose(&f, wish, context != NULL);
	uint64_t slots[FLT_CONTEXT_SLOTS] = {0};
	uint64_t prev = 0;

	if (!n)
		return FLT_ENC_VARINT;
	switch (enc) {
	case FLT_ENC_CONST:
		flt_buf_varint(b, v[0]);
		break;
	case FLT_ENC_SERIES:
		flt_buf_varint(b, flt_zigzag((int64_t)v[0]));
		flt_buf_varint(b, flt_zigzag((int64_t)(v[1] - v[0])));
		break;
	case FLT_ENC_U8:
		for (size_t i = 0; i < n; i++)
			flt_buf_put(b, &(uint8_t){(uint8_t)v[i]}, 1);
		break;
	case FLT_ENC_VARINT:
		for (size_t i = 0; i < n; i++)
			flt_buf_varint(b, v[i]);
		break;
	case FLT_ENC_PAGE_VARINT:
		for (size_t i = 0; i < n; i++)
			flt_buf_varint(b, v[i] / page_size);
		break;
	case FLT_ENC_DELTA:
		for (size_t i = 0; i < n; prev = v[i++])
			flt_buf_varint(b, flt_zigzag((int64_t)(v[i] - prev)));
		break;
	case FLT_ENC_PAGE_DELTA:
		for (size_t i = 0; i < n; prev = v[i++] / page_size)
			flt_buf_varint(b, flt_zigzag((int64_t)(v[i] / page_size - prev)));
		break;
	case FLT_ENC_LADDER:
		for (size_t i = 0; i < n; i++)
			flt_ladder_put(b, v[i] == UINT64_MAX ? FLT_LADDER_NONE
							     : flt_ladder_code(v[i], quantum));
		break;
	case FLT_ENC_CONTEXT_DELTA:
		for (size_t i = 0; context && i < n; i++) {
			uint64_t *last = &slots[flt_context_slot(context[i])];

			flt_buf_varint(b, flt_zigzag((int64_t)(v[i] / page_size - *last)));
			*last = v[i] / page_size;
		}
		break;
	}
	return enc;
}

/* ---- decoding a column ---- */

/* Not inlined into the common one-byte path. */
static int varint_long(const uint8_t **pp, const uint8_t *end, uint64_t *out)
{
	const uint8_t *p = *pp;
	unsigned int shift = 0;
	uint64_t v = 0;

	while (p < end && shift < 64) {
		uint64_t byte = *p++;

		if (shift == 63 && byte > 1)
			return -EBADMSG;
		v |= (byte & 127) << shift;
		if (byte < 128) {
			*pp = p;
			*out = v;
			return 0;
		}
		shift += 7;
	}
	return -EBADMSG;
}

static inline int varint_get(const uint8_t **pp, const uint8_t *end, uint64_t *out)
{
	const uint8_t *p = *pp;

	if (__builtin_expect(p < end && *p < 128, 1)) {
		*out = *p;
		*pp = p + 1;
		return 0;
	}
	if (end - p >= 2 && p[1] < 128) {
		*out = (p[0] & 127) | (uint64_t)p[1] << 7;
		*pp = p + 2;
		return 0;
	}
	return varint_long(pp, end, out);
}

static int decode_ladder(struct flt_column *c, uint64_t *out, size_t n)
{
	const uint8_t *p = c->p, *end = c->end;
	uint64_t low[FLT_LADDER_BEND + 1], code;

	flt_ladder_value(0); /* the table is there now */
	for (size_t i = 0; i <= FLT_LADDER_BEND; i++)
		low[i] = ladder[i] * c->quantum;
	for (size_t i = 0; i < n; i++) {
		if (p >= end)
			return -EBADMSG;
		code = *p++;
		if (__builtin_expect(code <= FLT_LADDER_BEND, 1)) {
			out[i] = low[code];
			continue;
		}
		if (code == 255) {
			if (varint_get(&p, end, &code))
				return -EBADMSG;
			code = code == FLT_LADDER_NONE - 255 ? FLT_LADDER_NONE : code + 255;
		}
		out[i] = code == FLT_LADDER_NONE ? UINT64_MAX : flt_ladder_value(code) * c->quantum;
	}
	c->p = p;
	return 0;
}

static int decode_start(struct flt_column *c)
{
	uint64_t v;

	c->started = true;
	if (c->encoding == FLT_ENC_CONST)
		return varint_get(&c->p, c->end, &c->prev);
	if (c->encoding == FLT_ENC_SERIES) {
		if (varint_get(&c->p, c->end, &v))
			return -EBADMSG;
		c->prev = (uint64_t)flt_unzigzag(v);
		if (varint_get(&c->p, c->end, &v))
			return -EBADMSG;
		c->step = (uint64_t)flt_unzigzag(v);
	} else if (c->encoding == FLT_ENC_CONTEXT_DELTA) {
		c->slots = calloc(FLT_CONTEXT_SLOTS, sizeof(*c->slots));
		if (!c->slots)
			return -ENOMEM;
	}
	return 0;
}

int flt_column_decode(struct flt_column *c, uint64_t *out, size_t n, const uint64_t *context)
{
	const uint8_t *p, *end = c->end;
	uint64_t v, prev;
	int ret;

	if (n > c->values)
		return -EBADMSG;
	c->values -= (uint32_t)n;
	if (!c->started) {
		ret = decode_start(c);
		if (ret)
			return ret;
	}
	p = c->p;
	prev = c->prev;
	switch (c->encoding) {
	case FLT_ENC_CONST:
		for (size_t i = 0; i < n; i++)
			out[i] = prev;
		return 0;
	case FLT_ENC_SERIES:
		for (size_t i = 0; i < n; i++, prev += c->step)
			out[i] = prev;
		break;
	case FLT_ENC_U8:
		if ((size_t)(end - p) < n)
			return -EBADMSG;
		for (size_t i = 0; i < n; i++)
			out[i] = *p++;
		break;
	case FLT_ENC_VARINT:
		for (size_t i = 0; i < n; i++)
			if (varint_get(&p, end, &out[i]))
				return -EBADMSG;
		break;
	case FLT_ENC_PAGE_VARINT:
		for (size_t i = 0; i < n; i++) {
			if (varint_get(&p, end, &v))
				return -EBADMSG;
			out[i] = v * c->page_size;
		}
		break;
	case FLT_ENC_DELTA:
		for (size_t i = 0; i < n; i++) {
			if (varint_get(&p, end, &v))
				return -EBADMSG;
			out[i] = prev += (uint64_t)flt_unzigzag(v);
		}
		break;
	case FLT_ENC_PAGE_DELTA:
		for (size_t i = 0; i < n; i++) {
			if (varint_get(&p, end, &v))
				return -EBADMSG;
			prev += (uint64_t)flt_unzigzag(v);
			out[i] = prev * c->page_size;
		}
		break;
	case FLT_ENC_CONTEXT_DELTA:
		if (!context)
			return -EBADMSG;
		for (size_t i = 0; i < n; i++) {
			uint64_t *last = &c->slots[flt_context_slot(context[i])];

			if (varint_get(&p, end, &v))
				return -EBADMSG;
			*last += (uint64_t)flt_unzigzag(v);
			out[i] = *last * c->page_size;
		}
		break;
	case FLT_ENC_LADDER:
		return decode_ladder(c, out, n);
	default:
		for (size_t i = 0; i < n; i++)
			out[i] = UINT64_MAX;
		return 0;
	}
	c->p = p;
	c->prev = prev;
	return 0;
}
