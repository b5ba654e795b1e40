// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writing a trace. Records are kept as columns until their chunk is full; then
 * every stream becomes a block, compressed apart, and all of it is appended in
 * one go: a directory frame and the blocks that it lists. Whatever happens
 * later, that chunk can be read.
 */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void column_push(struct column_u64 *c, uint64_t v, int *error)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		uint64_t *p = realloc(c->v, cap * sizeof(*p));

		if (!p) {
			*error = -ENOMEM;
			return;
		}
		c->v = p;
		c->cap = cap;
	}
	c->v[c->n++] = v;
}

/* ---- frames ---- */

void flt_writer_seek_entry(struct flt_writer *w, uint64_t compressed, uint64_t raw)
{
	flt_buf_u32(&w->seek, (uint32_t)compressed);
	flt_buf_u32(&w->seek, (uint32_t)raw);
	w->frames++;
}

int flt_writer_write(struct flt_writer *w, const struct flt_buf *b)
{
	size_t done = 0;

	if (b->failed)
		return w->error = -ENOMEM;
	while (done < b->len) {
		ssize_t n = write(w->fd, b->data + done, b->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			w->error = -errno;
			/* Take back the torn part, so that a later append could work;
			 * if even that fails, readers stop at it. */
			if (ftruncate(w->fd, (off_t)w->offset) == 0)
				lseek(w->fd, (off_t)w->offset, SEEK_SET);
			return w->error;
		}
		done += (size_t)n;
	}
	w->offset += b->len;
	return 0;
}

/* Appends w->raw, a finished section, as a frame of its own. */
int flt_writer_section(struct flt_writer *w)
{
	int ret;

	flt_section_end(&w->raw);
	flt_buf_reset(&w->out);
	if (w->raw.failed)
		return w->error = -ENOMEM;
	ret = flt_compress(w->comp, &w->out, w->raw.data, w->raw.len, NULL, 0);
	if (ret)
		return w->error = ret;
	flt_writer_seek_entry(w, w->out.len, w->raw.len);
	return flt_writer_write(w, &w->out);
}

static int write_json(struct flt_writer *w, const char *type, const json_t *obj)
{
	char *text = json_dumps(obj, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return w->error = -EINVAL;
	flt_section_begin(&w->raw, type);
	flt_buf_put(&w->raw, text, strlen(text));
	free(text);
	return flt_writer_section(w);
}

/* ---- creating ---- */

int flt_writer_create(struct flt_writer **out, const char *path, const json_t *header,
		      const struct flt_writer_options *opt)
{
	struct flt_writer *w = calloc(1, sizeof(*w));
	json_t *head = NULL;
	int ret = -ENOMEM;

	if (!w)
		return -ENOMEM;
	w->fd = -1;
	if (opt)
		w->opt = *opt;
	w->opt.level = w->opt.level ? w->opt.level : 9;
	w->opt.quantum_ns = w->opt.quantum_ns ? w->opt.quantum_ns : 250;
	w->opt.page_size = w->opt.page_size ? w->opt.page_size : 4096;
	w->opt.chunk_records = w->opt.chunk_records ? w->opt.chunk_records : 262144;
	w->opt.chunk_ns = w->opt.chunk_ns ? w->opt.chunk_ns : 5000000000ull;
	if (w->opt.chunk_records > 1u << 20) {
		ret = -EINVAL;
		goto fail;
	}
	w->evaluation = w->chunk_evaluation = FLT_NONE;
	w->defs = json_array();
	head = json_deep_copy(header);
	if (!w->defs || !head)
		goto fail;
	json_object_set_new(head, "format", json_string("faultline"));
	json_object_set_new(head, "version",
			    json_pack("[ii]", FLT_VERSION_MAJOR, FLT_VERSION_MINOR));
	json_object_set_new(head, "quantum_ns", json_integer(w->opt.quantum_ns));
	json_object_set_new(head, "page_size", json_integer(w->opt.page_size));
	ret = flt_compressor_new(&w->comp, w->opt.level);
	if (!ret)
		ret = flt_compressor_new(&w->comp_program, w->opt.level > 15 ? w->opt.level : 15);
	if (ret)
		goto fail;
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (w->fd < 0) {
		ret = -errno;
		goto fail;
	}
	ret = write_json(w, FLT_SECTION_HEADER, head);
	if (ret) {
		unlink(path);
		goto fail;
	}
	json_decref(head);
	*out = w;
	return 0;
fail:
	json_decref(head);
	flt_writer_abort(&w);
	return ret;
}

int flt_writer_define(struct flt_writer *w, const char *what, json_t *obj)
{
	json_t *pair;

	if (!obj)
		return -ENOMEM;
	pair = json_pack("[so]", what, obj);
	if (!pair || json_array_append_new(w->defs, pair))
		return w->error = -ENOMEM;
	return w->error;
}

/* Definitions go out before the chunk whose records may need them. */
int flt_writer_flush_defs(struct flt_writer *w)
{
	uint64_t at = w->offset;
	int ret;

	if (!json_array_size(w->defs))
		return 0;
	ret = write_json(w, FLT_SECTION_DEFS, w->defs);
	if (ret)
		return ret;
	flt_buf_u64(&w->index_defs, at);
	flt_buf_u32(&w->index_defs, (uint32_t)(w->offset - at));
	flt_buf_u32(&w->index_defs, 0);
	json_array_clear(w->defs);
	return 0;
}

/* ---- adding ---- */

static struct stream *stream_get(struct flt_writer *w, enum flt_layer layer, uint32_t id)
{
	struct stream *s;

	HASH_FIND(hh, w->streams[layer], &id, sizeof(id), s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->id = id;
	HASH_ADD(hh, w->streams[layer], id, sizeof(id), s);
	return s;
}

/*
 * Chooses a rung for NS. The clock that a reader adds up drifts from the real
 * one by LAG; the rung is chosen to take some of it back as long as it stays
 * within the format's promise for this value: 1 us or 3 %.
 */
static uint64_t code_time(uint64_t ns, int64_t lag, uint32_t quantum, uint64_t *code)
{
	uint64_t tol = ns / 100 * 3 > 1000 ? ns / 100 * 3 : 1000, want = ns, got;
	uint64_t step = (uint64_t)(lag < 0 ? -lag : lag);

	step = step < tol ? step : tol;
	if (lag > 0)
		want = ns + step;
	else
		want = ns > step ? ns - step : 0;
	*code = flt_ladder_code(want, quantum);
	got = flt_ladder_value(*code) * quantum;
	if (got > ns + tol || got + tol < ns) {
		*code = flt_ladder_code(ns, quantum);
		got = flt_ladder_value(*code) * quantum;
	}
	return got;
}

/*
 * What a program waits matters to pace=wall alone, which wants the clock to be
 * right, not the single wait: short ones come in steps of four quanta, rounded
 * so that all of LAG is taken back. That halves the cost of the column, and
 * leaves the compute between, which a replay lives on, as exact as it can be.
 */
static uint64_t code_wait(uint64_t ns, int64_t lag, uint32_t quantum, uint64_t *code)
{
	int64_t want = (int64_t)ns + lag;

	if (!ns || want <= 0)
		*code = 0;
	else if ((uint64_t)want < 36ull * quantum)
		*code = ((uint64_t)want + 2 * quantum) / (4 * quantum) * 4;
	else
		*code = flt_ladder_code((uint64_t)want, quantum);
	return flt_ladder_value(*code) * quantum;
}

static int add_to_stream(struct flt_writer *w, struct stream *s, const struct flt_record *r,
			 const struct flt_kind_info *info)
{
	struct kind_columns *k;
	uint32_t quantum = flt_writer_quantum(w, w->layer);
	uint64_t end = flt_end(r), start = r->start, coded;
	uint64_t code;
	int64_t lag;

	if (!s->kind)
		s->kind = calloc(FLT_KIND_END, sizeof(*s->kind));
	if (!s->kind)
		return w->error = -ENOMEM;
	k = s->kind[r->kind];
	if (!k) {
		k = s->kind[r->kind] = calloc(1, sizeof(*k));
		if (!k)
			return w->error = -ENOMEM;
	}
	/* A stream's records come in the order of their ends. */
	if (end < s->true_end)
		end = s->true_end;
	if (start > end)
		start = end;
	if (!s->records) {
		/* Every block starts from an exact time: that of its first record. */
		uint64_t exact = info->time == FLT_COL_GAP ? start : end;

		s->true_end = exact > s->true_end ? exact : s->true_end;
		/* ... unless rounding took the block before it a little further. */
		s->coded_end = s->true_end > s->coded_end ? s->true_end : s->coded_end;
		s->base = s->coded_end;
	}
	lag = (int64_t)(s->true_end - s->coded_end);
	if (info->time == FLT_COL_GAP) {
		if (start < s->true_end)
			start = s->true_end;
		if (w->layer == FLT_PROGRAM)
			lag = 0;
		coded = s->coded_end + code_time(start - s->true_end, lag, quantum, &code);
		column_push(&k->time, code, &w->error);
		lag = (int64_t)(start - coded);
		s->coded_end = coded + (w->layer == FLT_PROGRAM
						? code_wait(end - start, lag, quantum, &code)
						: code_time(end - start, lag, quantum, &code));
	} else {
		s->coded_end += code_time(end - s->true_end, lag, quantum, &code);
		column_push(&k->time, code, &w->error);
		code_time(r->dur, 0, quantum, &code);
	}
	column_push(&k->dur, code, &w->error);
	s->true_end = end;
	column_push(&s->kinds, r->kind, &w->error);
	for (int i = 0; i < info->nfields; i++)
		column_push(&k->field[i], r->f[i], &w->error);
	s->records++;
	return w->error;
}

int flt_writer_add(struct flt_writer *w, enum flt_layer layer, const struct flt_record *r)
{
	const struct flt_kind_info *info = flt_kind_info(r->kind);
	struct stream *s;
	int ret;

	if (w->error)
		return w->error;
	if (!info || layer < FLT_RECORDING || layer > FLT_SUMMARY)
		return -EINVAL;
	if (w->chunk_records &&
	    (layer != w->layer || w->chunk_records >= w->opt.chunk_records ||
	     (flt_end(r) > w->first_ns && flt_end(r) - w->first_ns > w->opt.chunk_ns &&
	      layer == FLT_RECORDING))) {
		ret = flt_writer_flush(w, false);
		if (ret)
			return ret;
	}
	s = stream_get(w, layer, r->stream);
	if (!s)
		return w->error = -ENOMEM;
	if (!w->chunk_records) {
		w->layer = layer;
		w->first_ns = r->start;
		w->last_ns = 0;
		w->chunk_evaluation = layer == FLT_PROGRAM ? w->evaluation : FLT_NONE;
	}
	ret = add_to_stream(w, s, r, info);
	if (ret)
		return ret;
	if (r->start < w->first_ns)
		w->first_ns = r->start;
	if (s->true_end > w->last_ns)
		w->last_ns = s->true_end;
	w->chunk_records++;
	w->total[layer]++;
	return 0;
}

int flt_writer_evaluation(struct flt_writer *w, uint64_t index)
{
	if (w->evaluation == FLT_NONE || index > w->evaluation)
		w->evaluation = index;
	return w->error;
}

uint64_t flt_writer_bytes(const struct flt_writer *w)
{
	return w->offset;
}

uint64_t flt_writer_records(const struct flt_writer *w, enum flt_layer layer)
{
	return layer >= FLT_RECORDING && layer <= FLT_SUMMARY ? w->total[layer] : 0;
}

/* ---- ending ---- */

static int write_index(struct flt_writer *w)
{
	flt_section_begin(&w->raw, FLT_SECTION_INDEX);
	flt_buf_u64(&w->raw, w->index_chunks.len / FLT_INDEX_CHUNK);
	flt_buf_u64(&w->raw, w->index_defs.len / FLT_INDEX_DEFS);
	flt_buf_put(&w->raw, w->index_chunks.data, w->index_chunks.len);
	flt_buf_put(&w->raw, w->index_defs.data, w->index_defs.len);
	if (w->index_chunks.failed || w->index_defs.failed)
		return w->error = -ENOMEM;
	return flt_writer_section(w);
}

static int write_seek_table(struct flt_writer *w)
{
	struct flt_buf *b = &w->out;

	flt_buf_reset(b);
	flt_buf_u32(b, FLT_SKIPPABLE_MAGIC);
	flt_buf_u32(b, (uint32_t)w->seek.len + FLT_SEEK_FOOTER);
	flt_buf_put(b, w->seek.data, w->seek.len);
	flt_buf_u32(b, w->frames);
	flt_buf_put(b, "", 1); /* descriptor: no checksums in the table, frames have them */
	flt_buf_u32(b, FLT_SEEKABLE_MAGIC);
	if (w->seek.failed)
		return w->error = -ENOMEM;
	return flt_writer_write(w, b);
}

int flt_writer_finish(struct flt_writer **wp, const json_t *trailer)
{
	struct flt_writer *w = *wp;
	json_t *empty = NULL;
	int ret;

	ret = flt_writer_flush(w, false);
	if (ret)
		goto out;
	if (!trailer)
		trailer = empty = json_object();
	ret = write_json(w, FLT_SECTION_TRAILER, trailer);
	if (!ret)
		ret = write_index(w);
	if (!ret)
		ret = write_seek_table(w);
	if (!ret && fsync(w->fd) && errno != EINVAL)
		ret = -errno;
out:
	json_decref(empty);
	flt_writer_abort(wp);
	return ret;
}

void flt_writer_abort(struct flt_writer **wp)
{
	struct flt_writer *w = *wp;
	struct stream *s, *next;

	*wp = NULL;
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	for (int l = 0; l <= FLT_SUMMARY; l++) {
		HASH_ITER (hh, w->streams[l], s, next) {
			HASH_DELETE(hh, w->streams[l], s);
			flt_writer_free_columns(s);
			free(s);
		}
	}
	flt_compressor_free(w->comp);
	flt_compressor_free(w->comp_program);
	flt_buf_free(&w->raw);
	flt_buf_free(&w->out);
	flt_buf_free(&w->dir);
	flt_buf_free(&w->index_chunks);
	flt_buf_free(&w->index_defs);
	flt_buf_free(&w->seek);
	json_decref(w->defs);
	free(w);
}
