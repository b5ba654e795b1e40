/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which tensors a model has, in which order and type, and what stands in them.
 *
 * Order and types are those of a file that llama-quantize wrote as Q4_K_M, since they decide which
 * pages a token touches: tensors outside the layers first, then layer by layer, by name; Q4_K, but
 * Q6_K for the output matrix (which may be the embedding's) and, in the layers that get more bits,
 * for attn_v and ffn_down; float for everything with one dimension and for the router of the experts.
 * Where a row is no multiple of 256 long, Q5_0 stands in for Q4_K and Q8_0 for Q6_K.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "traces/models/gguf.h"

#define ALIGNMENT 32

static const struct type {
	enum gguf_type type;
	const char *name;
	uint32_t bytes, elements; /* of a block */
} types[] = {
	{GGUF_F32, "f32", 4, 1},
	{GGUF_Q5_0, "q5_0", 22, 32}, /* d (half float), 4 bytes of fifth bits, 16 of the others */
	{GGUF_Q8_0, "q8_0", 34, 32}, /* d, 32 signed bytes */
	{GGUF_Q4_K, "q4_K", 144,
	 256}, /* d, dmin (half floats), 12 bytes of scales, 128 of quants */
	{GGUF_Q6_K, "q6_K", 210, 256}, /* 128 bytes of low bits, 64 of high bits, 16 scales, d */
};

static const struct type *type_of(enum gguf_type type)
{
	size_t i = 0;

	while (types[i].type != type)
		i++;
	return &types[i];
}

uint32_t gguf_block_bytes(enum gguf_type type)
{
	return type_of(type)->bytes;
}

uint32_t gguf_block_elements(enum gguf_type type)
{
	return type_of(type)->elements;
}

const char *gguf_type_name(enum gguf_type type)
{
	return type_of(type)->name;
}

/* ---- the plan */

struct plan {
	struct gguf_tensor *tensors;
	int count;
	uint64_t offset;
};

static struct gguf_tensor *add(struct plan *p, const char *name, int layer, enum gguf_type type,
			       uint64_t n0, uint64_t n1, uint64_t n2)
{
	struct gguf_tensor *t = &p->tensors[p->count++];

	if (n0 % gguf_block_elements(type))
		type = type == GGUF_Q6_K ? GGUF_Q8_0 : GGUF_Q5_0;
	if (layer < 0)
		snprintf(t->name, sizeof(t->name), "%s", name);
	else
		snprintf(t->name, sizeof(t->name), "blk.%d.%s", layer, name);
	t->type = type;
	t->shape[0] = n0;
	t->shape[1] = n1;
	t->shape[2] = n2;
	t->dims = n2 ? 3 : n1 ? 2 : 1;
	t->size = n0 * (n1 ? n1 : 1) * (n2 ? n2 : 1) / gguf_block_elements(type) *
		  gguf_block_bytes(type);
	t->offset = p->offset;
	p->offset += (t->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	/* A product of rows of that length with a vector of unit variance has unit variance again. */
	t->deviation = n1 ? (float)(1.0 / sqrt((double)n0)) : 0.05f;
	t->mean = 0;
	return t;
}

static void add_norm(struct plan *p, const char *name, int layer, uint64_t n)
{
	add(p, name, layer, GGUF_F32, n, 0, 0)->mean = 1;
}

/* llama-quantize's choice of the layers whose attn_v and ffn_down get Q6_K: see use_more_bits there. */
static enum gguf_type more_bits(uint32_t layer, uint32_t layers)
{
	uint32_t eighth = layers / 8;

	return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2 ? GGUF_Q6_K
										      : GGUF_Q4_K;
}

static void add_layer(struct plan *p, const struct gguf_geometry *g, uint32_t layer)
{
	int l = (int)layer, dense = !g->experts;
	int bias = !strcmp(g->arch, "qwen2"), norms = !strcmp(g->arch, "qwen3moe");
	uint64_t w = g->width, q = (uint64_t)g->heads * g->head_width;
	uint64_t kv = (uint64_t)g->kv_heads * g->head_width, ff = g->feed_forward;
	enum gguf_type more = more_bits(layer, g->layers);

	if (bias)
		add(p, "attn_k.bias", l, GGUF_F32, kv, 0, 0);
	add(p, "attn_k.weight", l, GGUF_Q4_K, w, kv, 0);
	if (norms)
		add_norm(p, "attn_k_norm.weight", l, g->head_width);
	add_norm(p, "attn_norm.weight", l, w);
	add(p, "attn_output.weight", l, GGUF_Q4_K, q, w, 0);
	if (bias)
		add(p, "attn_q.bias", l, GGUF_F32, q, 0, 0);
	add(p, "attn_q.weight", l, GGUF_Q4_K, w, q, 0);
	if (norms)
		add_norm(p, "attn_q_norm.weight", l, g->head_width);
	if (bias)
		add(p, "attn_v.bias", l, GGUF_F32, kv, 0, 0);
	add(p, "attn_v.weight", l, more, w, kv, 0);
	if (dense) {
		add(p, "ffn_down.weight", l, more, ff, w, 0);
		add(p, "ffn_gate.weight", l, GGUF_Q4_K, w, ff, 0);
		add_norm(p, "ffn_norm.weight", l, w);
		add(p, "ffn_up.weight", l, GGUF_Q4_K, w, ff, 0);
	} else {
		add(p, "ffn_down_exps.weight", l, more, ff, w, g->experts);
		add(p, "ffn_gate_exps.weight", l, GGUF_Q4_K, w, ff, g->experts);
		add(p, "ffn_gate_inp.weight", l, GGUF_F32, w, g->experts, 0);
		add_norm(p, "ffn_norm.weight", l, w);
		add(p, "ffn_up_exps.weight", l, GGUF_Q4_K, w, ff, g->experts);
	}
}

int gguf_plan(const struct gguf_geometry *g, struct gguf_tensor **tensors)
{
	struct plan p = {0};

	p.tensors = calloc((size_t)g->layers * 13 + 4, sizeof(*p.tensors));
	if (!p.tensors)
		return -ENOMEM;
	if (!g->tied)
		add(&p, "output.weight", -1, GGUF_Q6_K, g->width, g->vocabulary, 0);
	add_norm(&p, "output_norm.weight", -1, g->width);
	/* Llama 3 stretches each pair of channels by a factor of its own */
	if (!strcmp(g->arch, "llama"))
		add_norm(&p, "rope_freqs.weight", -1, g->head_width / 2);
	add(&p, "token_embd.weight", -1, g->tied ? GGUF_Q6_K : GGUF_Q4_K, g->width, g->vocabulary,
	    0);
	for (uint32_t layer = 0; layer < g->layers; layer++)
		add_layer(&p, g, layer);
	*tensors = p.tensors;
	return p.count;
}

/* ---- the values */

/* To half precision, nearest; for the small positive numbers that scales are. */
static uint16_t half(float v)
{
	int exponent;
	float mantissa = frexpf(v, &exponent);

	if (exponent < -13) /* subnormal: multiples of 2^-24 */
		return (uint16_t)lrintf(ldexpf(v, 24));
	/* A mantissa that rounds up to 2048 carries into the exponent, as it should. */
	return (uint16_t)(((exponent + 14) << 10) + (int)lrintf(ldexpf(mantissa, 11)) - 1024);
}

static void put_half(unsigned char *out, float v)
{
	uint16_t h = half(v);

	out[0] = (unsigned char)h;
	out[1] = (unsigned char)(h >> 8);
}

static void put_random(unsigned char *out, size_t len, uint64_t seed, uint64_t index)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t r = htole64(gguf_random(seed, index + i / 8));

		memcpy(out + i, &r, len - i < 8 ? len - i : 8);
	}
}

/*
 * value = d * scale * quant - dmin * min, with quants of 0 to 15, and 6-bit scales and mins for eight
 * sub-blocks of 32. With min = scale and dmin = 7.5 d the mean is zero. Scales below 16 need
 * none of the bits that the format packs elsewhere.
 */
static void fill_q4_k(const struct gguf_tensor *t, uint64_t seed, uint64_t block,
		      unsigned char *out)
{
	/* of quants: sqrt((16^2 - 1) / 12) = 4.61; of scales 8 to 15: root of the mean square 11.72 */
	float d = t->deviation / (4.61f * 11.72f);
	uint64_t r = gguf_random(seed, block * 17);

	put_half(out, d);
	put_half(out + 2, 7.5f * d);
	for (int i = 0; i < 4; i++) {
		unsigned int low = 8 + (r >> (3 * i) & 7), high = 8 + (r >> (12 + 3 * i) & 7);

		out[4 + i] = (unsigned char)low;
		out[8 + i] = (unsigned char)low;
		out[12 + i] = (unsigned char)(high | high << 4);
	}
	put_random(out + 16, 128, seed, block * 17 + 1);
}

/* value = d * scale * (quant - 32), with quants of 0 to 63 and signed scales for 16 sub-blocks of 16. */
static void fill_q6_k(const struct gguf_tensor *t, uint64_t seed, uint64_t block,
		      unsigned char *out)
{
	/* of quants: sqrt((64^2 - 1) / 12) = 18.47; of scales 4 to 7: root of the mean square 5.61 */
	float d = t->deviation / (18.47f * 5.61f);
	uint64_t r = gguf_random(seed, block * 25);

	put_random(out, 192, seed, block * 25 + 1);
	for (int i = 0; i < 16; i++) {
		int scale = 4 + (int)(r >> (2 * i) & 3);

		/* Either sign: quants of 0 to 63 around 32 have a mean of -0.5. */
		out[192 + i] = (unsigned char)(r >> (32 + i) & 1 ? -scale : scale);
	}
	put_half(out + 208, d);
}

/* value = d * (quant - 16), with quants of 0 to 31; d of either sign, or their mean were -0.5. */
static void fill_q5_0(const struct gguf_tensor *t, uint64_t seed, uint64_t block,
		      unsigned char *out)
{
	/* of quants: sqrt((32^2 - 1) / 12) = 9.23 */
	put_half(out, t->deviation / 9.23f);
	out[1] |= (unsigned char)(gguf_random(seed, block * 4) << 7);
	put_random(out + 2, 20, seed, block * 4 + 1);
}

/* value = d * quant, with signed bytes */
static void fill_q8_0(const struct gguf_tensor *t, uint64_t seed, uint64_t block,
		      unsigned char *out)
{
	/* of bytes: sqrt((256^2 - 1) / 12) = 73.9 */
	put_half(out, t->deviation / 73.9f);
	out[1] |= (unsigned char)(gguf_random(seed, block * 5) << 7);
	put_random(out + 2, 32, seed, block * 5 + 1);
}

static void fill_f32(const struct gguf_tensor *t, uint64_t seed, uint64_t index, unsigned char *out)
{
	/* uniform, with that deviation: sqrt(12) wide */
	double unit = (double)(gguf_random(seed, index) >> 11) / 9007199254740992.0;
	float v = (float)(t->mean + t->deviation * 3.4641016 * (unit - 0.5));
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bits = htole32(bits);
	memcpy(out, &bits, sizeof(bits));
}

void gguf_fill(const struct gguf_tensor *t, uint64_t seed, uint64_t offset, unsigned char *out,
	       size_t len)
{
	uint32_t bytes = gguf_block_bytes(t->type);
	uint64_t block = offset / bytes;

	for (size_t i = 0; i < len / bytes; i++, block++, out += bytes) {
		switch (t->type) {
		case GGUF_F32:
			fill_f32(t, seed, block, out);
			break;
		case GGUF_Q5_0:
			fill_q5_0(t, seed, block, out);
			break;
		case GGUF_Q8_0:
			fill_q8_0(t, seed, block, out);
			break;
		case GGUF_Q4_K:
			fill_q4_k(t, seed, block, out);
			break;
		case GGUF_Q6_K:
			fill_q6_k(t, seed, block, out);
			break;
		}
	}
}
