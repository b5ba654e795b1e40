// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sections and zstd frames: see frame.h and FORMAT.md. */
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

void flt_section_begin(struct flt_buf *b, const char *type)
{
	flt_buf_reset(b);
	flt_buf_put(b, type, 4);
	flt_buf_u32(b, 0);
	flt_buf_u64(b, 0);
}

void flt_section_end(struct flt_buf *b)
{
	uint64_t len = b->len - FLT_SECTION_BYTES;

	if (b->failed)
		return;
	for (int i = 0; i < 8; i++)
		b->data[8 + i] = (uint8_t)(len >> (8 * i));
}

int flt_section_check(const uint8_t *data, size_t len, const char *type, const uint8_t **payload,
		      size_t *payload_len)
{
	if (len < FLT_SECTION_BYTES || memcmp(data, type, 4))
		return -EBADMSG;
	if (flt_get64(data + 8) != len - FLT_SECTION_BYTES)
		return -EBADMSG;
	*payload = data + FLT_SECTION_BYTES;
	*payload_len = len - FLT_SECTION_BYTES;
	return 0;
}

struct flt_compressor {
	ZSTD_CCtx *ctx;
};

int flt_compressor_new(struct flt_compressor **out, int level)
{
	struct flt_compressor *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ctx = ZSTD_createCCtx();
	if (!c->ctx) {
		free(c);
		return -ENOMEM;
	}
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(c->ctx, ZSTD_c_contentSizeFlag, 1);
	*out = c;
	return 0;
}

void flt_compressor_free(struct flt_compressor *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->ctx);
	free(c);
}

static int compress_part(struct flt_compressor *c, ZSTD_outBuffer *o, const uint8_t *p, size_t n,
			 ZSTD_EndDirective mode)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;

	/* The output has room for the bound of the whole, so one call does it. */
	left = ZSTD_compressStream2(c->ctx, o, &in, mode);
	if (ZSTD_isError(left) || left || in.pos != in.size)
		return -EIO;
	return 0;
}

int flt_compress(struct flt_compressor *c, struct flt_buf *out, const uint8_t *data, size_t len,
		 const size_t *cuts, size_t ncuts)
{
	/* Each flushed block may need a little more than the bound of the whole. */
	size_t bound = ZSTD_compressBound(len) + 64 * (ncuts + 1), at = 0;
	uint8_t *to = flt_buf_room(out, bound);
	ZSTD_outBuffer o = {to, bound, 0};
	int ret;

	if (!to)
		return -ENOMEM;
	ZSTD_CCtx_reset(c->ctx, ZSTD_reset_session_only);
	if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(c->ctx, len)))
		return -EIO;
	for (size_t i = 0; i < ncuts; i++) {
		if (cuts[i] <= at || cuts[i] >= len)
			continue;
		ret = compress_part(c, &o, data + at, cuts[i] - at, ZSTD_e_flush);
		if (ret)
			return ret;
		at = cuts[i];
	}
	ret = compress_part(c, &o, data + at, len - at, ZSTD_e_end);
	if (ret)
		return ret;
	out->len += o.pos;
	return 0;
}

uint64_t flt_frame_hash(const uint8_t *data, size_t len)
{
	return XXH64(data, len, 0);
}

int flt_decompress(const uint8_t *data, size_t len, struct flt_buf *out, size_t most)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	uint8_t *to;
	size_t got;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > most)
		return -EBADMSG;
	flt_buf_reset(out);
	to = flt_buf_room(out, size ? (size_t)size : 1);
	if (!to)
		return -ENOMEM;
	got = ZSTD_decompress(to, (size_t)size, data, len);
	if (ZSTD_isError(got))
		return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
	if (got != size)
		return -EBADMSG;
	out->len = got;
	return 0;
}

int flt_pread(int fd, uint64_t offset, size_t len, struct flt_buf *b, bool nocache)
{
	size_t done = 0;
	uint8_t *to;

	if (len > FLT_MAX_SECTION || offset > INT64_MAX - len)
		return -EBADMSG;
	flt_buf_reset(b);
	to = flt_buf_room(b, len ? len : 1);
	if (!to)
		return -ENOMEM;
	while (done < len) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EBADMSG;
		done += (size_t)n;
	}
	b->len = len;
	if (nocache) {
		/* The kernel drops whole pages only: reach out to their borders. */
		uint64_t from = offset & ~(uint64_t)0xffff;

		posix_fadvise(fd, (off_t)from, (off_t)((offset - from + len + 0xffff) & ~0xffffull),
			      POSIX_FADV_DONTNEED);
	}
	return 0;
}

int flt_frame_length(int fd, uint64_t offset, uint64_t file_size, struct flt_buf *b, size_t *len)
{
	size_t want = 64 << 10;
	int ret;

	for (;;) {
		uint64_t left = file_size - offset;
		size_t n = left < want ? (size_t)left : want, got;

		if (n < 5)
			return -EBADMSG;
		ret = flt_pread(fd, offset, n, b, false);
		if (ret)
			return ret;
		got = ZSTD_findFrameCompressedSize(b->data, n);
		if (!ZSTD_isError(got)) {
			*len = got;
			return 0;
		}
		if (ZSTD_getErrorCode(got) != ZSTD_error_srcSize_wrong || n == left ||
		    want >= FLT_MAX_SECTION)
			return -EBADMSG;
		want *= 4;
	}
}

int flt_directory_parse(struct flt_directory *d, const uint8_t *p, size_t len, uint64_t offset,
			uint32_t bytes)
{
	struct flt_chunk_info *info = &d->info;
	uint64_t at = offset + bytes, records = 0, raw = 0;

	memset(d, 0, sizeof(*d));
	if (len < FLT_CHUNK_HEAD)
		return -EBADMSG;
	info->layer = flt_get32(p);
	info->blocks = flt_get32(p + 4);
	info->records = flt_get64(p + 8);
	info->first_ns = flt_get64(p + 16);
	info->last_ns = flt_get64(p + 24);
	info->evaluation = flt_get64(p + 32);
	/* p + 40: the chunk's number, p + 48: reserved */
	if (info->blocks > FLT_MAX_BLOCKS ||
	    len != FLT_CHUNK_HEAD + (size_t)info->blocks * FLT_CHUNK_ENTRY)
		return -EBADMSG;
	d->entry = calloc(info->blocks ? info->blocks : 1, sizeof(*d->entry));
	if (!d->entry)
		return -ENOMEM;
	p += FLT_CHUNK_HEAD;
	for (uint32_t i = 0; i < info->blocks; i++, p += FLT_CHUNK_ENTRY) {
		struct flt_dir_entry *e = &d->entry[i];

		e->stream = flt_get32(p);
		e->records = flt_get32(p + 4);
		e->bytes = flt_get32(p + 8);
		e->raw = flt_get32(p + 12);
		e->first_seq = flt_get64(p + 16);
		e->hash = flt_get64(p + 24);
		e->offset = at;
		if (e->records > FLT_MAX_BLOCK_RECORDS || e->raw > FLT_MAX_SECTION ||
		    e->bytes > FLT_MAX_SECTION)
			goto bad;
		records += e->records;
		raw += e->raw;
		at += e->bytes;
	}
	/* All blocks of a chunk are open at once when streams are merged. */
	if (records != info->records || raw > FLT_MAX_SECTION)
		goto bad;
	info->offset = offset;
	info->bytes = at - offset;
	d->bytes = bytes;
	return 0;
bad:
	flt_directory_free(d);
	return -EBADMSG;
}

void flt_directory_free(struct flt_directory *d)
{
	free(d->entry);
	d->entry = NULL;
}
