// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A program that is not derived to its end leaves nothing in the file: half of one would be replayed. */
#include "writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void flt_writer_note(const struct flt_writer *w, struct flt_writer_place *at)
{
	*at = (struct flt_writer_place){
		.offset = w->offset,
		.chunk_number = w->chunk_number,
		.evaluation = w->evaluation,
		.chunks = w->index_chunks.len,
		.defs = w->index_defs.len,
		.seek = w->seek.len,
		.frames = w->frames,
	};
	memcpy(at->total, w->total, sizeof(at->total));
}

static void forget_streams(struct flt_writer *w, enum flt_layer layer)
{
	struct stream *s, *next;

	HASH_ITER (hh, w->streams[layer], s, next) {
		HASH_DELETE(hh, w->streams[layer], s);
		flt_writer_free_columns(s);
		free(s);
	}
}

int flt_writer_rollback(struct flt_writer *w, const struct flt_writer_place *at)
{
	if (w->error)
		return w->error;
	if (ftruncate(w->fd, (off_t)at->offset) || lseek(w->fd, (off_t)at->offset, SEEK_SET) < 0)
		return w->error = -errno;
	forget_streams(w, FLT_PROGRAM);
	forget_streams(w, FLT_SUMMARY);
	json_array_clear(w->defs);
	w->chunk_records = 0;
	w->offset = at->offset;
	w->chunk_number = at->chunk_number;
	w->evaluation = at->evaluation;
	w->index_chunks.len = at->chunks;
	w->index_defs.len = at->defs;
	w->seek.len = at->seek;
	w->frames = at->frames;
	memcpy(w->total, at->total, sizeof(w->total));
	return 0;
}
