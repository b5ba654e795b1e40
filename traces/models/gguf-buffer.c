/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The header of a GGUF file, put together in memory: little-endian numbers, counted strings. */
#include <stdlib.h>
#include <string.h>

#include "traces/models/gguf.h"

enum { KV_U32 = 4, KV_I32 = 5, KV_F32 = 6, KV_BOOL = 7, KV_STRING = 8, KV_ARRAY = 9 };

void gguf_put(struct gguf_buffer *b, const void *data, size_t len)
{
	if (b->failed)
		return;
	if (b->cap - b->len < len) {
		size_t cap = (b->cap + len) * 2 + 4096;
		unsigned char *p = realloc(b->data, cap);

		if (!p) {
			b->failed = 1;
			return;
		}
		b->data = p;
		b->cap = cap;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void gguf_put_u32(struct gguf_buffer *b, uint32_t v)
{
	unsigned char c[4];

	for (int i = 0; i < 4; i++)
		c[i] = (unsigned char)(v >> (8 * i));
	gguf_put(b, c, sizeof(c));
}

void gguf_put_u64(struct gguf_buffer *b, uint64_t v)
{
	gguf_put_u32(b, (uint32_t)v);
	gguf_put_u32(b, (uint32_t)(v >> 32));
}

void gguf_put_string(struct gguf_buffer *b, const char *s)
{
	size_t len = strlen(s);

	gguf_put_u64(b, len);
	gguf_put(b, s, len);
}

static void put_key(struct gguf_buffer *b, const char *key, uint32_t type)
{
	gguf_put_string(b, key);
	gguf_put_u32(b, type);
}

void gguf_kv_u32(struct gguf_buffer *b, const char *key, uint32_t v)
{
	put_key(b, key, KV_U32);
	gguf_put_u32(b, v);
}

void gguf_kv_f32(struct gguf_buffer *b, const char *key, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_key(b, key, KV_F32);
	gguf_put_u32(b, bits);
}

void gguf_kv_bool(struct gguf_buffer *b, const char *key, int v)
{
	unsigned char c = v != 0;

	put_key(b, key, KV_BOOL);
	gguf_put(b, &c, 1);
}

void gguf_kv_string(struct gguf_buffer *b, const char *key, const char *v)
{
	put_key(b, key, KV_STRING);
	gguf_put_string(b, v);
}

void gguf_kv_strings(struct gguf_buffer *b, const char *key, uint64_t count)
{
	put_key(b, key, KV_ARRAY);
	gguf_put_u32(b, KV_STRING);
	gguf_put_u64(b, count);
}

void gguf_kv_i32s(struct gguf_buffer *b, const char *key, uint64_t count)
{
	put_key(b, key, KV_ARRAY);
	gguf_put_u32(b, KV_I32);
	gguf_put_u64(b, count);
}
