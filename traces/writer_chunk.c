// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Closing a chunk: every stream's columns become a block, the blocks a chunk. */
#include "writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * What a replay waits or computes need not be told apart more finely than a clock
 * of the replay could: programs count in four times the recording's quantum, which
 * is 1 us with the library's own. Each block says which quantum it has.
 */
uint32_t flt_writer_quantum(const struct flt_writer *w, enum flt_layer layer)
{
	return layer == FLT_PROGRAM ? w->opt.quantum_ns * 4 : w->opt.quantum_ns;
}

/* ---- closing a chunk ---- */

/* Columns shorter than this share their neighbour's zstd block. */
#define CUT_BYTES 4096
#define MAX_CUTS  512

struct block_build {
	struct flt_buf desc, data;
	size_t cuts[MAX_CUTS], ncuts, last_cut;
	uint32_t columns;
};

static void column_add(struct flt_writer *w, struct block_build *bb, uint32_t kind, uint8_t column,
		       const struct column_u64 *c, uint8_t wish, const struct column_u64 *context)
{
	size_t at = bb->data.len;
	uint8_t enc, d[4];

	if (wish == FLT_ENC_COUNT) { /* codes of the ladder, chosen when they were added */
		enc = FLT_ENC_LADDER;
		for (size_t i = 0; i < c->n; i++)
			flt_ladder_put(&bb->data, c->v[i]);
	} else {
		enc = flt_column_encode(&bb->data, c->v, c->n, wish, w->opt.page_size,
					flt_writer_quantum(w, w->layer),
					context ? context->v : NULL);
	}
	d[0] = (uint8_t)kind;
	d[1] = (uint8_t)(kind >> 8);
	d[2] = column;
	d[3] = enc;
	flt_buf_put(&bb->desc, d, sizeof(d));
	flt_buf_u32(&bb->desc, (uint32_t)c->n);
	flt_buf_u32(&bb->desc, (uint32_t)(bb->data.len - at));
	bb->columns++;
	if (bb->data.len - at >= CUT_BYTES && bb->ncuts + 2 < MAX_CUTS) {
		if (at > bb->last_cut)
			bb->cuts[bb->ncuts++] = at;
		bb->cuts[bb->ncuts++] = bb->last_cut = bb->data.len;
	}
}

static void block_columns(struct flt_writer *w, struct stream *s, struct block_build *bb)
{
	column_add(w, bb, 0, FLT_COL_KIND, &s->kinds, FLT_ENC_U8, NULL);
	for (uint32_t k = 0; k < FLT_KIND_END; k++) {
		struct kind_columns *kc = s->kind[k];
		const struct flt_kind_info *info = flt_kind_info(k);

		if (!kc || !kc->time.n)
			continue;
		column_add(w, bb, k, info->time, &kc->time, FLT_ENC_COUNT, NULL);
		column_add(w, bb, k, FLT_COL_DUR, &kc->dur, FLT_ENC_COUNT, NULL);
		for (int i = 0; i < info->nfields; i++)
			column_add(w, bb, k, (uint8_t)i, &kc->field[i], info->field[i].encoding,
				   i ? &kc->field[i - 1] : NULL);
	}
}

void flt_writer_free_columns(struct stream *s)
{
	for (int k = 0; s->kind && k < FLT_KIND_END; k++) {
		struct kind_columns *kc = s->kind[k];

		if (!kc)
			continue;
		free(kc->time.v);
		free(kc->dur.v);
		for (int i = 0; i < FLT_FIELDS; i++)
			free(kc->field[i].v);
		free(kc);
	}
	free(s->kind);
	free(s->kinds.v);
	s->kind = NULL;
	memset(&s->kinds, 0, sizeof(s->kinds));
}

static void stream_reset(struct stream *s)
{
	s->seq += s->records;
	s->records = 0;
	s->kinds.n = 0;
	for (int k = 0; k < FLT_KIND_END; k++) {
		struct kind_columns *kc = s->kind[k];

		if (!kc)
			continue;
		kc->time.n = kc->dur.n = 0;
		for (int i = 0; i < FLT_FIELDS; i++)
			kc->field[i].n = 0;
	}
}

/* Appends the stream's block to w->out and its entry to w->dir. */
static int write_block(struct flt_writer *w, struct stream *s, struct block_build *bb)
{
	size_t at = w->out.len, head;
	uint64_t hash;
	int ret;

	flt_buf_reset(&bb->desc);
	flt_buf_reset(&bb->data);
	bb->columns = 0;
	bb->ncuts = bb->last_cut = 0;
	block_columns(w, s, bb);
	flt_section_begin(&w->raw, FLT_SECTION_BLOCK);
	flt_buf_u32(&w->raw, w->layer);
	flt_buf_u32(&w->raw, s->id);
	flt_buf_u32(&w->raw, s->records);
	flt_buf_u32(&w->raw, bb->columns);
	flt_buf_u64(&w->raw, s->seq);
	flt_buf_u64(&w->raw, s->base);
	flt_buf_u32(&w->raw, flt_writer_quantum(w, w->layer));
	flt_buf_u32(&w->raw, w->opt.page_size);
	flt_buf_put(&w->raw, bb->desc.data, bb->desc.len);
	head = w->raw.len;
	flt_buf_put(&w->raw, bb->data.data, bb->data.len);
	flt_section_end(&w->raw);
	if (w->raw.failed || bb->desc.failed || bb->data.failed)
		return w->error = -ENOMEM;
	for (size_t i = 0; i < bb->ncuts; i++)
		bb->cuts[i] += head;
	ret = flt_compress(w->layer == FLT_PROGRAM ? w->comp_program : w->comp, &w->out,
			   w->raw.data, w->raw.len, bb->cuts, bb->ncuts);
	if (ret)
		return w->error = ret;
	hash = flt_frame_hash(w->out.data + at, w->out.len - at);
	flt_buf_u32(&w->dir, s->id);
	flt_buf_u32(&w->dir, s->records);
	flt_buf_u32(&w->dir, (uint32_t)(w->out.len - at));
	flt_buf_u32(&w->dir, (uint32_t)w->raw.len);
	flt_buf_u64(&w->dir, s->seq);
	flt_buf_u64(&w->dir, hash);
	flt_buf_u64(&w->dir, 0);
	stream_reset(s);
	return 0;
}

static void index_chunk(struct flt_writer *w, uint64_t at, uint64_t bytes, uint32_t dir_bytes,
			uint32_t blocks)
{
	struct flt_buf *b = &w->index_chunks;

	flt_buf_u64(b, at);
	flt_buf_u64(b, bytes);
	flt_buf_u32(b, dir_bytes);
	flt_buf_u32(b, w->layer);
	flt_buf_u32(b, blocks);
	flt_buf_u32(b, 0);
	flt_buf_u64(b, w->chunk_records);
	flt_buf_u64(b, w->first_ns);
	flt_buf_u64(b, w->last_ns);
	flt_buf_u64(b, w->chunk_evaluation);
	flt_buf_u64(b, w->chunk_number);
}

int flt_writer_flush(struct flt_writer *w, bool sync)
{
	struct block_build *bb = NULL;
	struct flt_buf blocks = {0};
	uint64_t at;
	uint32_t n = 0, dir_bytes;
	int ret;

	if (w->error)
		return w->error;
	ret = flt_writer_flush_defs(w);
	if (ret || !w->chunk_records)
		goto sync;
	bb = calloc(1, sizeof(*bb));
	if (!bb)
		return w->error = -ENOMEM;
	flt_buf_reset(&w->dir);
	flt_buf_reset(&w->out);
	for (struct stream *s = w->streams[w->layer]; s; s = s->hh.next) {
		if (!s->records) {
			flt_writer_free_columns(s);
			continue;
		}
		ret = write_block(w, s, bb);
		if (ret)
			goto out;
		n++;
	}
	/* The directory comes first in the file: set the blocks aside for a moment. */
	blocks = w->out;
	memset(&w->out, 0, sizeof(w->out));
	flt_section_begin(&w->raw, FLT_SECTION_CHUNK);
	flt_buf_u32(&w->raw, w->layer);
	flt_buf_u32(&w->raw, n);
	flt_buf_u64(&w->raw, w->chunk_records);
	flt_buf_u64(&w->raw, w->first_ns);
	flt_buf_u64(&w->raw, w->last_ns);
	flt_buf_u64(&w->raw, w->chunk_evaluation);
	flt_buf_u64(&w->raw, w->chunk_number);
	flt_buf_u64(&w->raw, 0);
	flt_buf_put(&w->raw, w->dir.data, w->dir.len);
	if (w->dir.failed) {
		ret = w->error = -ENOMEM;
		goto out;
	}
	at = w->offset;
	ret = flt_writer_section(w);
	if (ret)
		goto out;
	dir_bytes = (uint32_t)(w->offset - at);
	for (uint32_t i = 0; i < n; i++)
		flt_writer_seek_entry(w, flt_get32(w->dir.data + (size_t)i * FLT_CHUNK_ENTRY + 8),
				      flt_get32(w->dir.data + (size_t)i * FLT_CHUNK_ENTRY + 12));
	ret = flt_writer_write(w, &blocks);
	if (ret) {
		/* A directory without its blocks would mislead whoever walks the file. */
		if (ftruncate(w->fd, (off_t)at) == 0)
			w->offset = at;
		goto out;
	}
	index_chunk(w, at, w->offset - at, dir_bytes, n);
	w->chunk_number++;
	w->chunk_records = 0;
sync:
	if (!ret && sync && fdatasync(w->fd) && errno != EINVAL)
		ret = w->error = -errno;
out:
	flt_buf_free(&blocks);
	if (bb) {
		flt_buf_free(&bb->desc);
		flt_buf_free(&bb->data);
		free(bb);
	}
	return ret;
}
