// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One block: decompressed as a whole, decoded in batches. Every column is run
 * over in a loop of its own, then the batch's records are put together.
 */
#include "block.h"
#include "reader.h"

#include <errno.h>
#include <stdlib.h>

struct kind_decoder {
	uint32_t kind;
	int16_t time, dur;         /* columns, -1 = none */
	uint8_t time_column;       /* FLT_COL_GAP or FLT_COL_STEP */
	int16_t field[FLT_FIELDS]; /* columns, -1 = none */
	int nfields;               /* one more than the highest that is there */
	size_t n, used;            /* in this batch */
	uint64_t *value;           /* FLT_BATCH times (time, dur, fields) */
};

struct flt_block {
	struct flt_buf raw;
	uint32_t stream, records, ncolumns, nkinds, quantum, page_size;
	uint64_t seq, clock; /* of the next record; end of the last one */
	uint32_t decoded;
	struct flt_column *column;
	struct kind_decoder *kinds;
	uint8_t slot_of[256]; /* kind -> index in kinds + 1, for kinds below 256 */
	int16_t kind_column;
	struct flt_record batch[FLT_BATCH];
	size_t at, count;
};

#define COL_VALUES(k, c) ((k)->value + (size_t)(c)*FLT_BATCH)

static struct kind_decoder *kind_get(struct flt_block *b, uint32_t kind)
{
	struct kind_decoder *k, *p;

	for (uint32_t i = 0; i < b->nkinds; i++)
		if (b->kinds[i].kind == kind)
			return &b->kinds[i];
	if (kind > 255 || b->nkinds >= 255)
		return NULL;
	p = realloc(b->kinds, (b->nkinds + 1) * sizeof(*p));
	if (!p)
		return NULL;
	b->kinds = p;
	k = &p[b->nkinds++];
	memset(k, 0, sizeof(*k));
	k->kind = kind;
	k->time = k->dur = -1;
	for (int i = 0; i < FLT_FIELDS; i++)
		k->field[i] = -1;
	b->slot_of[kind] = (uint8_t)b->nkinds;
	return k;
}

static int column_place(struct flt_block *b, int16_t i)
{
	const struct flt_column *c = &b->column[i];
	struct kind_decoder *k;

	if (c->kind == 0) {
		if (c->column == FLT_COL_KIND)
			b->kind_column = i;
		return 0;
	}
	k = kind_get(b, c->kind);
	if (!k)
		return c->kind > 255 ? 0 : -ENOMEM;
	if (c->column == FLT_COL_GAP || c->column == FLT_COL_STEP) {
		k->time = i;
		k->time_column = c->column;
	} else if (c->column == FLT_COL_DUR) {
		k->dur = i;
	} else if (c->column < FLT_FIELDS) {
		k->field[c->column] = i;
		if (c->column >= k->nfields)
			k->nfields = c->column + 1;
	}
	return 0;
}

static int columns_parse(struct flt_block *b, const uint8_t *p, size_t len)
{
	const uint8_t *data;
	size_t left;
	int ret;

	if (b->ncolumns > 4096 || len < (size_t)b->ncolumns * FLT_COLUMN_DESC)
		return -EBADMSG;
	b->column = calloc(b->ncolumns ? b->ncolumns : 1, sizeof(*b->column));
	if (!b->column)
		return -ENOMEM;
	data = p + (size_t)b->ncolumns * FLT_COLUMN_DESC;
	left = len - (size_t)b->ncolumns * FLT_COLUMN_DESC;
	b->kind_column = -1;
	for (uint32_t i = 0; i < b->ncolumns; i++, p += FLT_COLUMN_DESC) {
		struct flt_column *c = &b->column[i];
		uint32_t bytes = flt_get32(p + 8);

		c->kind = flt_get16(p);
		c->column = p[2];
		c->encoding = p[3];
		c->values = flt_get32(p + 4);
		c->quantum = b->quantum;
		c->page_size = b->page_size;
		if (bytes > left || c->values > b->records)
			return -EBADMSG;
		c->p = data;
		c->end = data + bytes;
		data += bytes;
		left -= bytes;
		ret = column_place(b, (int16_t)i);
		if (ret)
			return ret;
	}
	if (left || b->kind_column < 0)
		return -EBADMSG;
	return 0;
}

static int kinds_allocate(struct flt_block *b)
{
	for (uint32_t i = 0; i < b->nkinds; i++) {
		struct kind_decoder *k = &b->kinds[i];

		/* A time column whose encoding is unknown would falsify all that follows. */
		if (k->time < 0 || b->column[k->time].encoding >= FLT_ENC_COUNT ||
		    (k->dur >= 0 && b->column[k->dur].encoding >= FLT_ENC_COUNT))
			return -EPROTO;
		k->value = calloc((size_t)(2 + k->nfields) * FLT_BATCH, sizeof(*k->value));
		if (!k->value)
			return -ENOMEM;
	}
	return 0;
}

int flt_block_load(struct flt_block **out, int fd, const struct flt_dir_entry *e,
		   struct flt_buf *frame, bool nocache)
{
	struct flt_block *b = calloc(1, sizeof(*b));
	const uint8_t *p;
	size_t len;
	int ret;

	if (!b)
		return -ENOMEM;
	ret = flt_pread(fd, e->offset, e->bytes, frame, nocache);
	if (!ret)
		ret = flt_decompress(frame->data, frame->len, &b->raw, e->raw);
	if (!ret)
		ret = flt_section_check(b->raw.data, b->raw.len, FLT_SECTION_BLOCK, &p, &len);
	if (!ret && (b->raw.len != e->raw || len < FLT_BLOCK_HEAD))
		ret = -EBADMSG;
	if (ret)
		goto fail;
	b->stream = flt_get32(p + 4);
	b->records = flt_get32(p + 8);
	b->ncolumns = flt_get32(p + 12);
	b->seq = flt_get64(p + 16);
	b->clock = flt_get64(p + 24);
	b->quantum = flt_get32(p + 32);
	b->page_size = flt_get32(p + 36);
	ret = -EBADMSG;
	if (b->stream != e->stream || b->records != e->records || !b->quantum || !b->page_size)
		goto fail;
	ret = columns_parse(b, p + FLT_BLOCK_HEAD, len - FLT_BLOCK_HEAD);
	if (!ret)
		ret = kinds_allocate(b);
	if (ret)
		goto fail;
	*out = b;
	return 0;
fail:
	flt_block_free(b);
	return ret;
}

void flt_block_free(struct flt_block *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; b->column && i < b->ncolumns; i++)
		free(b->column[i].slots);
	for (uint32_t i = 0; i < b->nkinds; i++)
		free(b->kinds[i].value);
	free(b->kinds);
	free(b->column);
	flt_buf_free(&b->raw);
	free(b);
}

/* Decodes N values of every column of a kind. */
static int kind_decode(struct flt_block *b, struct kind_decoder *k)
{
	const uint64_t *before = NULL;
	int ret;

	k->used = 0;
	if (!k->n)
		return 0;
	ret = flt_column_decode(&b->column[k->time], COL_VALUES(k, 0), k->n, NULL);
	if (ret)
		return ret;
	if (k->dur >= 0) {
		ret = flt_column_decode(&b->column[k->dur], COL_VALUES(k, 1), k->n, NULL);
		if (ret)
			return ret;
	}
	for (int i = 0; i < k->nfields; i++) {
		uint64_t *v = COL_VALUES(k, 2 + i);

		if (k->field[i] < 0) {
			for (size_t j = 0; j < k->n; j++)
				v[j] = FLT_NONE;
		} else {
			ret = flt_column_decode(&b->column[k->field[i]], v, k->n, before);
			if (ret)
				return ret;
		}
		before = v;
	}
	return 0;
}

static void record_put(struct flt_block *b, struct kind_decoder *k, struct flt_record *r)
{
	size_t j = k->used++;
	uint64_t time = COL_VALUES(k, 0)[j], end;

	r->dur = COL_VALUES(k, 1)[j];
	if (k->time_column == FLT_COL_GAP) {
		r->start = b->clock + time;
		end = r->start + r->dur;
	} else {
		end = b->clock + time;
		if (r->dur > end)
			r->dur = end;
		r->start = end - r->dur;
	}
	b->clock = end;
	r->seq = b->seq++;
	r->stream = b->stream;
	r->kind = k->kind;
	for (int i = 0; i < k->nfields; i++)
		r->f[i] = COL_VALUES(k, 2 + i)[j];
	for (int i = k->nfields; i < FLT_FIELDS; i++)
		r->f[i] = FLT_NONE; /* written before there was such a field */
}

ssize_t flt_block_fill(struct flt_block *b)
{
	uint64_t kinds[FLT_BATCH];
	size_t n = b->records - b->decoded;
	int ret;

	if (b->at < b->count)
		return (ssize_t)(b->count - b->at);
	if (n > FLT_BATCH)
		n = FLT_BATCH;
	b->at = b->count = 0;
	if (!n)
		return 0;
	if (flt_column_decode(&b->column[b->kind_column], kinds, n, NULL))
		return -EBADMSG;
	for (uint32_t i = 0; i < b->nkinds; i++)
		b->kinds[i].n = 0;
	for (size_t i = 0; i < n; i++) {
		if (kinds[i] > 255 || !b->slot_of[kinds[i]])
			return -EBADMSG;
		b->kinds[b->slot_of[kinds[i]] - 1].n++;
	}
	for (uint32_t i = 0; i < b->nkinds; i++) {
		ret = kind_decode(b, &b->kinds[i]);
		if (ret)
			return ret;
	}
	for (size_t i = 0; i < n; i++)
		record_put(b, &b->kinds[b->slot_of[kinds[i]] - 1], &b->batch[i]);
	b->decoded += (uint32_t)n;
	b->count = n;
	return (ssize_t)n;
}

const struct flt_record *flt_block_records(struct flt_block *b, size_t *n)
{
	*n = b->count - b->at;
	return &b->batch[b->at];
}

const struct flt_record *flt_block_peek(struct flt_block *b)
{
	return &b->batch[b->at];
}

void flt_block_consume(struct flt_block *b, size_t n)
{
	b->at += n;
}

int flt_block_check_end(struct flt_block *b)
{
	if (b->decoded != b->records)
		return -EBADMSG;
	for (uint32_t i = 0; i < b->ncolumns; i++) {
		const struct flt_column *c = &b->column[i];

		if (c->kind > 255 || c->encoding >= FLT_ENC_COUNT ||
		    (c->kind && c->column >= FLT_FIELDS && c->column < FLT_COL_GAP))
			continue; /* not understood, hence not read */
		if (c->values || c->p != c->end)
			return -EBADMSG;
	}
	return 0;
}

int flt_directory_load(struct flt_reader *r, const struct flt_chunk_ref *ref, struct flt_buf *frame,
		       struct flt_directory *d)
{
	struct flt_buf raw = {0};
	const uint8_t *p;
	size_t n;
	int ret;

	ret = flt_pread(r->fd, ref->info.offset, ref->dir_bytes, frame,
			r->flags & FLT_OPEN_NOCACHE);
	if (!ret)
		ret = flt_decompress(frame->data, frame->len, &raw, FLT_MAX_SECTION);
	if (!ret)
		ret = flt_section_check(raw.data, raw.len, FLT_SECTION_CHUNK, &p, &n);
	if (!ret)
		ret = flt_directory_parse(d, p, n, ref->info.offset, ref->dir_bytes);
	flt_buf_free(&raw);
	return ret;
}
