// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checking a trace to its last byte, and salvaging what is sound of one. */
#include "block.h"
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static void damage(struct flt_verify_report *rep, uint64_t at,
							 const char *fmt, ...)
{
	va_list ap;

	if (rep->message[0])
		return; /* the first one is what matters */
	rep->bad_offset = at;
	va_start(ap, fmt);
	vsnprintf(rep->message, sizeof(rep->message), fmt, ap);
	va_end(ap);
}

/* Decodes every record of a block. */
static int block_walk(struct flt_reader *r, const struct flt_dir_entry *e, struct flt_buf *frame)
{
	struct flt_block *b;
	ssize_t n;
	size_t have;
	int ret;

	ret = flt_pread(r->fd, e->offset, e->bytes, frame, true);
	if (ret)
		return ret;
	if (flt_frame_hash(frame->data, frame->len) != e->hash)
		return -EBADMSG;
	ret = flt_block_load(&b, r->fd, e, frame, true);
	if (ret)
		return ret;
	while ((n = flt_block_fill(b)) > 0) {
		flt_block_records(b, &have);
		flt_block_consume(b, have);
	}
	ret = n < 0 ? (int)n : flt_block_check_end(b);
	flt_block_free(b);
	return ret;
}

static int chunk_walk(struct flt_reader *r, const struct flt_chunk_ref *ref, struct flt_buf *frame,
		      struct flt_verify_report *rep)
{
	struct flt_directory d;
	int ret = flt_directory_load(r, ref, frame, &d);

	if (ret)
		return ret;
	if (d.info.bytes != ref->info.bytes || d.info.records != ref->info.records ||
	    d.info.layer != ref->info.layer)
		ret = -EBADMSG;
	for (uint32_t i = 0; !ret && i < d.info.blocks; i++) {
		ret = block_walk(r, &d.entry[i], frame);
		if (!ret)
			rep->records += d.entry[i].records;
	}
	flt_directory_free(&d);
	return ret;
}

/* Walks over all frames: the seek table must list them, one by one. */
static int frames_walk(struct flt_reader *r, struct flt_buf *frame, struct flt_verify_report *rep)
{
	struct flt_buf table = {0}, raw = {0};
	uint64_t at = 0, n, table_at;
	int ret;

	ret = flt_pread(r->fd, r->size - FLT_SEEK_FOOTER, FLT_SEEK_FOOTER, frame, false);
	if (ret)
		return ret;
	n = flt_get32(frame->data);
	table_at = r->size - (8 + n * 8 + FLT_SEEK_FOOTER);
	ret = flt_pread(r->fd, table_at + 8, (size_t)n * 8, &table, false);
	for (uint64_t i = 0; !ret && i < n; i++) {
		size_t len = flt_get32(table.data + i * 8);

		ret = at + len > table_at ? -EBADMSG : flt_pread(r->fd, at, len, frame, true);
		if (!ret)
			ret = flt_decompress(frame->data, frame->len, &raw, FLT_MAX_SECTION);
		if (!ret && raw.len != flt_get32(table.data + i * 8 + 4))
			ret = -EBADMSG;
		if (ret)
			damage(rep, at, "frame %llu at byte %llu is damaged", (unsigned long long)i,
			       (unsigned long long)at);
		at += len;
		rep->frames++;
	}
	if (!ret && at != table_at) {
		damage(rep, at, "the seek table does not cover the file");
		ret = -EBADMSG;
	}
	flt_buf_free(&table);
	flt_buf_free(&raw);
	return ret;
}

int flt_verify(const char *path, struct flt_verify_report *rep)
{
	struct flt_buf frame = {0};
	struct flt_reader *r;
	int ret, bad = 0;

	memset(rep, 0, sizeof(*rep));
	rep->bad_offset = FLT_NONE;
	ret = flt_open(&r, path, FLT_OPEN_NOCACHE, rep->message, sizeof(rep->message));
	if (ret) {
		/* say() put the path in front, which the caller knows. */
		return ret;
	}
	rep->finished = r->finished;
	for (size_t i = 0; i < r->nchunks; i++) {
		ret = chunk_walk(r, &r->chunk[i], &frame, rep);
		if (ret == -ENOMEM)
			goto out;
		if (ret) {
			rep->chunks_bad++;
			bad = ret;
			damage(rep, r->chunk[i].info.offset, "chunk %zu at byte %llu is damaged", i,
			       (unsigned long long)r->chunk[i].info.offset);
		} else {
			rep->chunks_ok++;
		}
	}
	if (r->finished) {
		ret = frames_walk(r, &frame, rep);
		bad = bad ? bad : ret;
	} else {
		damage(rep, FLT_NONE, "%s", r->reason);
		bad = bad ? bad : -EBADMSG;
	}
	ret = bad;
out:
	flt_buf_free(&frame);
	flt_close(r);
	return ret;
}

/* ---- repair ---- */

/*
 * The copy is made record by record through a writer: slower than copying
 * frames, but all that is written has then been understood. A stream of which a
 * chunk is lost simply goes on after the hole; the trailer says what happened.
 */
static int copy_definitions(struct flt_reader *r, struct flt_writer *w)
{
	struct def_sort *d, *next;
	json_t *obj;
	size_t i;
	int ret;

	HASH_ITER (hh, r->sorts, d, next) {
		json_array_foreach (d->all, i, obj) {
			ret = flt_writer_define(w, d->what, json_incref(obj));
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int copy_block(struct flt_reader *r, struct flt_writer *w, enum flt_layer layer,
		      const struct flt_dir_entry *e, struct flt_buf *frame)
{
	const struct flt_record *rec;
	struct flt_block *b;
	ssize_t n;
	size_t have;
	int ret;

	ret = flt_block_load(&b, r->fd, e, frame, true);
	if (ret)
		return ret;
	while ((n = flt_block_fill(b)) > 0) {
		rec = flt_block_records(b, &have);
		for (size_t i = 0; i < have; i++) {
			if (!flt_kind_info(rec[i].kind))
				continue;
			ret = flt_writer_add(w, layer, &rec[i]);
			if (ret)
				goto out;
		}
		flt_block_consume(b, have);
	}
	ret = (int)n;
out:
	flt_block_free(b);
	return ret;
}

static int copy_chunk(struct flt_reader *r, struct flt_writer *w, const struct flt_chunk_ref *ref,
		      struct flt_buf *frame, struct flt_verify_report *rep)
{
	struct flt_verify_report probe = {0};
	struct flt_directory d;
	int ret;

	/* Only a chunk that is sound as a whole is taken. */
	ret = chunk_walk(r, ref, frame, &probe);
	if (ret) {
		rep->chunks_bad++;
		damage(rep, ref->info.offset, "the chunk at byte %llu is damaged and left out",
		       (unsigned long long)ref->info.offset);
		return ret == -ENOMEM ? ret : 0;
	}
	ret = flt_directory_load(r, ref, frame, &d);
	if (ret)
		return ret;
	flt_writer_evaluation(w, ref->info.evaluation);
	for (uint32_t i = 0; !ret && i < d.info.blocks; i++)
		ret = copy_block(r, w, d.info.layer, &d.entry[i], frame);
	if (!ret)
		ret = flt_writer_flush(w, false);
	rep->chunks_ok++;
	rep->records += d.info.records;
	flt_directory_free(&d);
	return ret;
}

int flt_copy_recording(struct flt_reader *r, struct flt_writer *w)
{
	struct flt_verify_report rep = {0};
	struct flt_buf frame = {0};
	int ret = 0;

	for (size_t i = 0; !ret && i < r->nchunks; i++)
		if (r->chunk[i].info.layer == FLT_RECORDING)
			ret = copy_chunk(r, w, &r->chunk[i], &frame, &rep);
	flt_buf_free(&frame);
	return ret ? ret : rep.chunks_bad ? -EBADMSG : 0;
}

int flt_writer_like(struct flt_writer **w, const char *out, struct flt_reader *r,
		    const json_t *header)
{
	struct flt_writer_options opt = {0};
	json_t *quantum = json_object_get(r->header, "quantum_ns");
	json_t *page = json_object_get(r->header, "page_size");

	if (json_is_integer(quantum) && json_integer_value(quantum) > 0 &&
	    json_integer_value(quantum) < 1000000)
		opt.quantum_ns = (uint32_t)json_integer_value(quantum);
	if (json_is_integer(page) && json_integer_value(page) > 0 &&
	    json_integer_value(page) <= 1 << 20)
		opt.page_size = (uint32_t)json_integer_value(page);
	return flt_writer_create(w, out, header, &opt);
}

static json_t *repaired_trailer(const struct flt_reader *r, const struct flt_verify_report *rep)
{
	json_t *t = r->trailer ? json_deep_copy(r->trailer) : json_object();

	json_object_set_new(t, "complete", json_false());
	json_object_set_new(t, "repaired",
			    json_pack("{sIsIsIsb}", "chunks_kept", (json_int_t)rep->chunks_ok,
				      "chunks_lost", (json_int_t)rep->chunks_bad, "records",
				      (json_int_t)rep->records, "was_finished", r->finished));
	return t;
}

int flt_repair(const char *in, const char *out, struct flt_verify_report *rep)
{
	struct flt_buf frame = {0};
	struct flt_writer *w = NULL;
	struct flt_reader *r;
	json_t *trailer;
	int ret;

	memset(rep, 0, sizeof(*rep));
	rep->bad_offset = FLT_NONE;
	ret = flt_open(&r, in, FLT_OPEN_NOCACHE, rep->message, sizeof(rep->message));
	if (ret)
		return ret;
	ret = flt_writer_like(&w, out, r, r->header);
	if (ret)
		goto out;
	ret = copy_definitions(r, w);
	for (size_t i = 0; !ret && i < r->nchunks; i++)
		ret = copy_chunk(r, w, &r->chunk[i], &frame, rep);
	if (!ret && !r->finished)
		damage(rep, FLT_NONE, "%s", r->reason);
	if (!ret) {
		trailer = repaired_trailer(r, rep);
		ret = flt_writer_finish(&w, trailer);
		json_decref(trailer);
	}
	rep->finished = !ret;
	if (ret)
		unlink(out);
out:
	flt_writer_abort(&w);
	flt_buf_free(&frame);
	flt_close(r);
	return ret;
}
