// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where the tensors of a GGUF file lie: the names that a model's parts have, and
 * the borders that a run's faults can be put into.
 *
 * The header is a list of keys with values, which are skipped (but one), and a
 * list of tensors. The length of a tensor is what lies between its offset and the
 * next one's, so that types of elements that are invented later need no table
 * here; the padding between two tensors counts to the first.
 */
#include "codec.h"
#include "fltrace.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER  (256ull << 20) /* bytes: vocabularies of millions of words are below */
#define MAX_KEYS    (1u << 20)
#define MAX_TENSORS (1u << 17)
#define MAX_NAME    255 /* ggml itself stops at 63 */
#define MAX_DIMS    8
#define MAX_DEPTH   4 /* arrays of arrays */

enum gguf_value { /* kinds of values, by ggml's numbers */
		  GGUF_UINT8 = 0,
		  GGUF_UINT32 = 4,
		  GGUF_STRING = 8,
		  GGUF_ARRAY = 9,
};

struct tensor {
	char name[MAX_NAME + 1];
	uint64_t offset;
};

struct gguf_reader {
	uint8_t buf[64 << 10];
	uint64_t at;   /* position in the file, of buf[0] */
	uint64_t size; /* of the file */
	size_t pos, len;
	uint64_t alignment;
	struct tensor *tensor;
	uint64_t tensors;
	int fd;
};

static int need(struct gguf_reader *g, void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		size_t have = g->len - g->pos;
		ssize_t got;

		if (have) {
			have = have < n ? have : n;
			memcpy(p, g->buf + g->pos, have);
			g->pos += have;
			p += have;
			n -= have;
			continue;
		}
		g->at += g->len;
		g->pos = g->len = 0;
		if (g->at >= MAX_HEADER)
			return -EBADMSG;
		got = pread(g->fd, g->buf, sizeof(g->buf), (off_t)g->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EBADMSG;
		g->len = (size_t)got;
	}
	return 0;
}

static int need32(struct gguf_reader *g, uint32_t *v)
{
	uint8_t b[4];
	int ret = need(g, b, sizeof(b));

	*v = ret ? 0 : flt_get32(b);
	return ret;
}

static int need64(struct gguf_reader *g, uint64_t *v)
{
	uint8_t b[8];
	int ret = need(g, b, sizeof(b));

	*v = ret ? 0 : flt_get64(b);
	return ret;
}

static int skip(struct gguf_reader *g, uint64_t n)
{
	uint64_t here = g->at + g->pos;

	if (here > g->size || n > g->size - here)
		return -EBADMSG;
	if (n <= g->len - g->pos) {
		g->pos += (size_t)n;
		return 0;
	}
	g->at = here + n;
	g->pos = g->len = 0;
	return 0;
}

/* Bytes of a value of fixed length; 0 for the others and for unknown kinds. */
static unsigned int value_bytes(uint32_t kind)
{
	static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

	return kind < sizeof(bytes) ? bytes[kind] : 0;
}

static int skip_value(struct gguf_reader *g, uint32_t kind, int depth)
{
	unsigned int bytes = value_bytes(kind);
	uint32_t of;
	uint64_t n;
	int ret;

	if (bytes)
		return skip(g, bytes);
	if (kind == GGUF_STRING) {
		ret = need64(g, &n);
		return ret ? ret : skip(g, n);
	}
	if (kind != GGUF_ARRAY || depth >= MAX_DEPTH)
		return -EBADMSG;
	ret = need32(g, &of);
	if (!ret)
		ret = need64(g, &n);
	if (ret)
		return ret;
	if (n > g->size)
		return -EBADMSG;
	bytes = value_bytes(of);
	if (bytes)
		return n > g->size / bytes ? -EBADMSG : skip(g, n * bytes);
	/* Each element takes eight bytes or more of a file that ends. */
	while (!ret && n--)
		ret = skip_value(g, of, depth + 1);
	return ret;
}

static int read_name(struct gguf_reader *g, char *name)
{
	uint64_t n;
	int ret = need64(g, &n);

	if (ret)
		return ret;
	if (n > MAX_NAME)
		return -EBADMSG;
	name[n] = 0;
	return need(g, name, (size_t)n);
}

static int read_keys(struct gguf_reader *g, uint64_t keys)
{
	uint32_t kind, alignment;
	int ret = 0;

	for (uint64_t i = 0; !ret && i < keys; i++) {
		char key[sizeof("general.alignment")];
		uint64_t n;

		ret = need64(g, &n);
		if (ret)
			return ret;
		key[0] = 0;
		if (n == sizeof(key) - 1) {
			ret = need(g, key, sizeof(key) - 1);
			key[n] = 0;
		} else {
			ret = skip(g, n);
		}
		if (!ret)
			ret = need32(g, &kind);
		if (ret)
			return ret;
		if (strcmp(key, "general.alignment") || kind != GGUF_UINT32) {
			ret = skip_value(g, kind, 0);
			continue;
		}
		ret = need32(g, &alignment);
		if (!alignment || (alignment & (alignment - 1)))
			return -EBADMSG;
		g->alignment = alignment;
	}
	return ret;
}

static int read_tensor(struct gguf_reader *g, struct tensor *t)
{
	uint32_t dims, type;
	int ret = read_name(g, t->name);

	if (!ret)
		ret = need32(g, &dims);
	if (ret)
		return ret;
	if (dims > MAX_DIMS)
		return -EBADMSG;
	ret = skip(g, 8ull * dims);
	if (!ret)
		ret = need32(g, &type);
	return ret ? ret : need64(g, &t->offset);
}

static int by_offset(const void *a, const void *b)
{
	const struct tensor *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int read_header(struct gguf_reader *g)
{
	uint8_t magic[4];
	uint32_t version;
	uint64_t keys;
	int ret = need(g, magic, sizeof(magic));

	if (!ret)
		ret = need32(g, &version);
	if (!ret)
		ret = need64(g, &g->tensors);
	if (!ret)
		ret = need64(g, &keys);
	if (ret)
		return ret;
	if (memcmp(magic, "GGUF", 4) || version < 2 || version > 3 || !g->tensors ||
	    g->tensors > MAX_TENSORS || g->tensors > g->size / 24 || keys > MAX_KEYS)
		return -EBADMSG;
	ret = read_keys(g, keys);
	if (ret)
		return ret;
	g->tensor = calloc(g->tensors, sizeof(*g->tensor));
	if (!g->tensor)
		return -ENOMEM;
	for (uint64_t i = 0; !ret && i < g->tensors; i++)
		ret = read_tensor(g, &g->tensor[i]);
	return ret;
}

static json_t *tensors_json(struct gguf_reader *g)
{
	uint64_t data = g->at + g->pos, mask = g->alignment - 1, end;
	json_t *all = json_array();

	qsort(g->tensor, g->tensors, sizeof(*g->tensor), by_offset);
	data = (data + mask) & ~mask;
	for (uint64_t i = 0; all && i < g->tensors; i++) {
		const struct tensor *t = &g->tensor[i];
		json_t *one = NULL;

		if (data < g->size && t->offset < g->size - data && !(t->offset & mask)) {
			end = i + 1 < g->tensors ? t[1].offset : g->size - data;
			if (end > t->offset && end <= g->size - data)
				one = json_pack("[sII]", t->name, (json_int_t)(data + t->offset),
						(json_int_t)(end - t->offset));
		}
		if (!one || json_array_append_new(all, one)) {
			json_decref(all);
			all = NULL;
		}
	}
	return all;
}

json_t *flt_gguf_tensors(int fd)
{
	struct gguf_reader *g = calloc(1, sizeof(*g));
	json_t *all = NULL;
	struct stat st;

	if (!g)
		return NULL;
	g->fd = fd;
	g->alignment = 32;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
		g->size = (uint64_t)st.st_size;
		if (!read_header(g))
			all = tensors_json(g);
	}
	free(g->tensor);
	free(g);
	return all;
}
