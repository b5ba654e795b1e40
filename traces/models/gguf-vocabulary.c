/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A byte-pair vocabulary without a language: the 256 bytes, then tokens that are each made of two
 * earlier ones, then the control tokens. It takes as much room in the file and in a program's memory
 * as a real one of that size, which counts where memory is what a run is short of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "traces/models/gguf.h"

#define BYTES     256
#define TOKEN_MAX 24 /* bytes of UTF-8, with the terminating zero */

enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3 };

static const char *const controls[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
#define CONTROLS (sizeof(controls) / sizeof(controls[0]))

struct vocabulary {
	char (*token)[TOKEN_MAX];
	uint32_t (*parts)[2];
	uint32_t *hash; /* open addressing: index of a token + 1, or 0 */
	uint32_t hash_mask;
	uint32_t count;
};

/*
 * Byte-level BPE stands bytes for printable characters: those that are printable in Latin-1 for
 * themselves, the others, in order, for the code points from 256 on.
 */
static void byte_token(unsigned int byte, char out[TOKEN_MAX])
{
	unsigned int code = 256, b;

	if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173)) {
		code = byte;
	} else {
		for (b = 0; b < byte; b++)
			code += b < 33 || (b > 126 && b < 161) || b == 173;
	}
	if (code < 0x80) {
		out[0] = (char)code;
		out[1] = '\0';
	} else {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		out[2] = '\0';
	}
}

/* Adds the token unless it is there; returns whether it was added. */
static int add(struct vocabulary *v, const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
	uint32_t slot;

	for (const char *c = text; *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
	for (slot = (uint32_t)(h ^ h >> 32) & v->hash_mask; v->hash[slot];
	     slot = (slot + 1) & v->hash_mask)
		if (!strcmp(v->token[v->hash[slot] - 1], text))
			return 0;
	strcpy(v->token[v->count], text);
	v->hash[slot] = ++v->count;
	return 1;
}

static void grow(struct vocabulary *v, uint32_t size, uint64_t seed)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < BYTES; b++) {
		char token[TOKEN_MAX];

		byte_token(b, token);
		add(v, token);
	}
	while (v->count < size) {
		char token[2 * TOKEN_MAX];
		uint64_t r = gguf_random(seed, n++);
		/* The square prefers early, short tokens, as merges learnt from text do. */
		double x = (double)(r >> 32) / 4294967296.0, y = (double)(uint32_t)r / 4294967296.0;
		uint32_t a = (uint32_t)(x * x * v->count), c = (uint32_t)(y * y * v->count);
		size_t la = strlen(v->token[a]), lc = strlen(v->token[c]);

		if (la + lc >= TOKEN_MAX)
			continue;
		memcpy(token, v->token[a], la);
		memcpy(token + la, v->token[c], lc + 1);
		if (add(v, token)) {
			v->parts[v->count - 1][0] = a;
			v->parts[v->count - 1][1] = c;
		}
	}
}

int gguf_put_vocabulary(struct gguf_buffer *b, uint32_t size, uint64_t seed)
{
	uint32_t made = size - (uint32_t)CONTROLS, i;
	struct vocabulary v = {.hash_mask = 1};
	int ret = -ENOMEM;

	while (v.hash_mask < 2 * size)
		v.hash_mask <<= 1;
	v.hash_mask--;
	v.token = calloc(size, sizeof(*v.token));
	v.parts = calloc(size, sizeof(*v.parts));
	v.hash = calloc((size_t)v.hash_mask + 1, sizeof(*v.hash));
	if (!v.token || !v.parts || !v.hash)
		goto out;
	grow(&v, made, seed);

	gguf_kv_string(b, "tokenizer.ggml.model", "gpt2");
	gguf_kv_string(b, "tokenizer.ggml.pre", "qwen2");
	gguf_kv_strings(b, "tokenizer.ggml.tokens", size);
	for (i = 0; i < made; i++)
		gguf_put_string(b, v.token[i]);
	for (i = 0; i < CONTROLS; i++)
		gguf_put_string(b, controls[i]);
	gguf_kv_i32s(b, "tokenizer.ggml.token_type", size);
	for (i = 0; i < size; i++)
		gguf_put_u32(b, i < made ? TOKEN_NORMAL : TOKEN_CONTROL);
	gguf_kv_strings(b, "tokenizer.ggml.merges", made - BYTES);
	for (i = BYTES; i < made; i++) {
		char merge[2 * TOKEN_MAX];

		snprintf(merge, sizeof(merge), "%s %s", v.token[v.parts[i][0]],
			 v.token[v.parts[i][1]]);
		gguf_put_string(b, merge);
	}
	gguf_kv_u32(b, "tokenizer.ggml.bos_token_id", made);
	gguf_kv_u32(b, "tokenizer.ggml.eos_token_id", size - 1);
	gguf_kv_bool(b, "tokenizer.ggml.add_bos_token", 0);
	ret = b->failed ? -ENOMEM : 8;
out:
	free(v.token);
	free(v.parts);
	free(v.hash);
	return ret;
}
