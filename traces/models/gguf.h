/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gguf-gen: model files of a chosen geometry with random weights, as real llama.cpp loads them.
 *
 * What a run reads of a model, and when, follows from shapes, types and order of its tensors, not
 * from the values in them. So a file of random weights pages like the real one, and can be made
 * anywhere in seconds, without a download and without anybody's licence.
 */
#ifndef TRACES_MODELS_GGUF_H
#define TRACES_MODELS_GGUF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ggml's numbers for tensor types, as they stand in the file. */
enum gguf_type {
	GGUF_F32 = 0,
	GGUF_Q5_0 = 6,
	GGUF_Q8_0 = 8,
	GGUF_Q4_K = 12,
	GGUF_Q6_K = 14,
};

/* A model's shape. Widths are in elements; width and feed_forward are multiples of 32. */
struct gguf_geometry {
	const char *preset;
	const char
		*arch; /* llama.cpp's name for it: "qwen2", "llama", "qwen3moe" or "granitemoe" */
	const char *title;
	uint32_t layers;
	uint32_t width;
	uint32_t heads;
	uint32_t kv_heads;
	uint32_t head_width;
	uint32_t feed_forward; /* of one expert, where there are experts */
	uint32_t experts;      /* 0: dense */
	uint32_t experts_used;
	uint32_t vocabulary;
	uint32_t context;
	int tied; /* the output matrix is the embedding's: one tensor less */
};

struct gguf_tensor {
	char name[64];
	uint32_t dims;
	uint64_t shape[3]; /* innermost first, as ggml counts */
	enum gguf_type type;
	uint64_t offset; /* in bytes, from the start of the data section */
	uint64_t size;   /* in bytes, without padding */
	float mean;      /* of the values, where they are floats */
	float deviation; /* of the values */
};

/* A growing buffer for the header; `failed` sticks, so that callers check once. */
struct gguf_buffer {
	unsigned char *data;
	size_t len, cap;
	int failed;
};

void gguf_put(struct gguf_buffer *b, const void *data, size_t len);
void gguf_put_u32(struct gguf_buffer *b, uint32_t v);
void gguf_put_u64(struct gguf_buffer *b, uint64_t v);
void gguf_put_string(struct gguf_buffer *b, const char *s);

/* Metadata: the key, the value's type and the value. */
void gguf_kv_u32(struct gguf_buffer *b, const char *key, uint32_t v);
void gguf_kv_f32(struct gguf_buffer *b, const char *key, float v);
void gguf_kv_bool(struct gguf_buffer *b, const char *key, int v);
void gguf_kv_string(struct gguf_buffer *b, const char *key, const char *v);
/* An array's head; its @count elements follow, put by the caller. */
void gguf_kv_strings(struct gguf_buffer *b, const char *key, uint64_t count);
void gguf_kv_i32s(struct gguf_buffer *b, const char *key, uint64_t count);

/*
 * Puts a byte-pair vocabulary of @size tokens and the merges that make it, as the eight metadata
 * entries that llama.cpp wants for the "gpt2" kind of tokenizer: any text can be tokenized with it.
 * @size is at least 512. Returns the number of metadata entries, or -ENOMEM.
 */
int gguf_put_vocabulary(struct gguf_buffer *b, uint32_t size, uint64_t seed);

/*
 * The tensors of @g in the order and with the types that llama-quantize gives them in a Q4_K_M file.
 * The array is the caller's to free. Returns their number, or -ENOMEM.
 */
int gguf_plan(const struct gguf_geometry *g, struct gguf_tensor **tensors);

/*
 * Fills @out with @len bytes of @t's values, beginning at byte @offset of the tensor. Both are
 * multiples of the type's block (gguf_block_bytes()). The same (seed, offset) gives the same bytes
 * whatever the pieces.
 */
void gguf_fill(const struct gguf_tensor *t, uint64_t seed, uint64_t offset, unsigned char *out,
	       size_t len);

/* Bytes and elements of one block of a type. */
uint32_t gguf_block_bytes(enum gguf_type type);
uint32_t gguf_block_elements(enum gguf_type type);
const char *gguf_type_name(enum gguf_type type);

/* Random numbers by position: no state to carry, so that any part can be made on its own. */
static inline uint64_t gguf_random(uint64_t seed, uint64_t index)
{
	/* Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), variant 13 */
	uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

#endif
