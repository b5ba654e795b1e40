/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gguf-gen: the command line, and the writing of the file. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traces/models/gguf.h"

#define PIECE                (8u << 20) /* about so much is made, written and sent to the drive at a time */
#define FLUSH                (64u << 20)
#define MIB                  1048576.0
#define GIB                  1073741824.0
#define FILE_TYPE_Q4_K_M     15
#define QUANTIZATION_VERSION 2

/* Numbers of the models with names are those of the config.json that their makers published. */
static const struct gguf_geometry presets[] = {
	{"qwen2.5-7b", "qwen2", "Qwen2.5-7B", 28, 3584, 28, 4, 128, 18944, 0, 0, 152064, 32768, 0},
	{"qwen2.5-1.5b", "qwen2", "Qwen2.5-1.5B", 28, 1536, 12, 2, 128, 8960, 0, 0, 151936, 32768,
	 1},
	{"qwen2.5-0.5b", "qwen2", "Qwen2.5-0.5B", 24, 896, 14, 2, 64, 4864, 0, 0, 151936, 32768, 1},
	{"llama-3.2-1b", "llama", "Llama-3.2-1B", 16, 2048, 32, 8, 64, 8192, 0, 0, 128256, 131072,
	 1},
	{"granite-3.1-1b-a400m", "granitemoe", "Granite-3.1-1B-A400M", 24, 1024, 16, 8, 64, 512, 32,
	 8, 49155, 131072, 1},
	{"small", "qwen2", "a small dense model", 8, 1536, 12, 2, 128, 8960, 0, 0, 32768, 8192, 0},
	{"tiny", "qwen2", "a tiny dense model", 8, 768, 12, 2, 64, 3072, 0, 0, 16384, 4096, 0},
	{"moe", "qwen3moe", "a small mixture of experts", 12, 1024, 16, 4, 64, 768, 32, 4, 32768,
	 8192, 0},
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

struct options {
	struct gguf_geometry geometry;
	const char *output;
	uint64_t seed;
	int force, list;
};

struct output {
	int fd;
	int terminal;
	uint64_t written, flushed, total;
	double start, shown;
};

enum {
	OPT_LAYERS = 256,
	OPT_WIDTH,
	OPT_HEADS,
	OPT_KV_HEADS,
	OPT_FEED_FORWARD,
	OPT_VOCABULARY,
	OPT_EXPERTS,
	OPT_EXPERTS_USED,
};

static const struct argp_option argp_options[] = {
	{"output", 'o', "FILE", 0, "Write the model to FILE", 0},
	{"preset", 'p', "NAME", 0,
	 "Geometry: qwen2.5-7b (default), qwen2.5-1.5b, qwen2.5-0.5b, llama-3.2-1b, "
	 "granite-3.1-1b-a400m, small, tiny or moe",
	 0},
	{"seed", 's', "N", 0, "Other weights; the same seed gives the same file (default 1)", 0},
	{"force", 'f', NULL, 0, "Replace FILE if it is there", 0},
	{"list", 'l', NULL, 0, "Print the tensors instead of writing anything", 0},
	{NULL, 0, NULL, 0, "Changes to the preset's geometry:", 1},
	{"layers", OPT_LAYERS, "N", 0, "Layers", 1},
	{"width", OPT_WIDTH, "N", 0, "Width of the model, a multiple of 32", 1},
	{"heads", OPT_HEADS, "N", 0, "Attention heads", 1},
	{"kv-heads", OPT_KV_HEADS, "N", 0, "Key and value heads", 1},
	{"feed-forward", OPT_FEED_FORWARD, "N", 0, "Inner width, a multiple of 32", 1},
	{"vocabulary", OPT_VOCABULARY, "N", 0, "Tokens, from 512", 1},
	{"experts", OPT_EXPERTS, "N", 0, "Experts of a layer (of a preset that has some)", 1},
	{"experts-used", OPT_EXPERTS_USED, "N", 0, "Experts that a token uses", 1},
	{0},
};

static const char doc[] =
	"Write a GGUF model of a given geometry with random weights, quantized like Q4_K_M.\v"
	"EXAMPLES:\n"
	"  gguf-gen -o model.gguf                      Qwen2.5-7B's geometry, 4.4 GiB\n"
	"  gguf-gen -p small --layers 4 -o tests.gguf  half of the small preset's layers\n"
	"  gguf-gen -p moe --list                      what would be in it\n";

static uint32_t number(struct argp_state *state, const char *arg, const char *what, uint32_t max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(arg, &end, 10);
	if (errno || end == arg || *end || v < 1 || v > max)
		argp_error(state, "%s must be a number from 1 to %" PRIu32 ", not '%s'", what, max,
			   arg);
	return (uint32_t)v;
}

static void set_preset(struct argp_state *state, struct options *o, const char *name)
{
	for (size_t i = 0; i < PRESETS; i++) {
		if (!strcmp(presets[i].preset, name)) {
			o->geometry = presets[i];
			return;
		}
	}
	argp_error(state, "no preset is called '%s': --help lists them", name);
}

static void check(struct argp_state *state, struct options *o)
{
	struct gguf_geometry *g = &o->geometry;

	if (g->width % 32 || g->feed_forward % 32)
		argp_error(state, "--width and --feed-forward must be multiples of 32");
	if (!strstr(g->arch, "moe")) {
		if (g->experts || g->experts_used)
			argp_error(state, "the preset '%s' has no experts", g->preset);
		if (g->width % g->heads || g->width / g->heads % 2)
			argp_error(state, "--width must be an even multiple of --heads");
		g->head_width = g->width / g->heads;
	} else if (g->experts_used > g->experts) {
		argp_error(state, "a token cannot use more experts than there are");
	} else if (g->experts == 8) {
		argp_error(state, "llama-quantize has types of its own for 8 experts, which are "
				  "not made here; take another number");
	}
	if ((uint64_t)g->heads * g->head_width % 32)
		argp_error(state, "all heads together must be a multiple of 32 wide");
	if (g->heads % g->kv_heads)
		argp_error(state, "--heads must be a multiple of --kv-heads");
	if (g->vocabulary < 512)
		argp_error(state, "--vocabulary must be at least 512");
	if (!o->output && !o->list)
		argp_error(state, "where to? give -o FILE");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct gguf_geometry *g = &o->geometry;
	char *end;

	switch (key) {
	case 'o':
		o->output = arg;
		break;
	case 'p':
		set_preset(state, o, arg);
		break;
	case 's':
		errno = 0;
		o->seed = strtoull(arg, &end, 0);
		if (errno || end == arg || *end)
			argp_error(state, "--seed must be a number, not '%s'", arg);
		break;
	case 'f':
		o->force = 1;
		break;
	case 'l':
		o->list = 1;
		break;
	case OPT_LAYERS:
		g->layers = number(state, arg, "--layers", 1000);
		break;
	case OPT_WIDTH:
		g->width = number(state, arg, "--width", 1u << 20);
		break;
	case OPT_HEADS:
		g->heads = number(state, arg, "--heads", 4096);
		break;
	case OPT_KV_HEADS:
		g->kv_heads = number(state, arg, "--kv-heads", 4096);
		break;
	case OPT_FEED_FORWARD:
		g->feed_forward = number(state, arg, "--feed-forward", 1u << 20);
		break;
	case OPT_VOCABULARY:
		g->vocabulary = number(state, arg, "--vocabulary", 1u << 22);
		break;
	case OPT_EXPERTS:
		g->experts = number(state, arg, "--experts", 4096);
		break;
	case OPT_EXPERTS_USED:
		g->experts_used = number(state, arg, "--experts-used", 4096);
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much; the file is named with -o", arg);
		break;
	case ARGP_KEY_END:
		check(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void progress(struct output *out, int last)
{
	double t = now(), rate = (double)out->written / (t - out->start + 1e-9);

	if (!out->terminal || (!last && t - out->shown < 0.2))
		return;
	out->shown = t;
	fprintf(stderr, "\rgguf-gen: %.2f of %.2f GiB, %.0f MB/s, %.0f s left  %s",
		(double)out->written / GIB, (double)out->total / GIB, rate / 1e6,
		(double)(out->total - out->written) / rate, last ? "\n" : "");
}

/*
 * Write-out starts behind the pen instead of in the final fsync, and what is on the drive leaves the
 * page cache: a model bigger than memory would otherwise push everybody else's pages out.
 */
static int flush(struct output *out, int all)
{
	if (!all && out->written - out->flushed < FLUSH)
		return 0;
	sync_file_range(out->fd, (off_t)out->flushed, (off_t)(out->written - out->flushed),
			SYNC_FILE_RANGE_WRITE);
	if (out->flushed >= FLUSH) {
		off_t from = (off_t)(out->flushed - FLUSH);

		sync_file_range(out->fd, from, FLUSH,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(out->fd, from, FLUSH, POSIX_FADV_DONTNEED);
	}
	out->flushed = out->written;
	if (all && fsync(out->fd))
		return -errno;
	if (all)
		posix_fadvise(out->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

static int put(struct output *out, const unsigned char *data, size_t len)
{
	while (len) {
		ssize_t n = write(out->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
		out->written += (uint64_t)n;
	}
	progress(out, 0);
	return flush(out, 0);
}

static int put_padding(struct output *out, uint64_t size)
{
	static const unsigned char zero[32];

	return put(out, zero, (size_t)(-size & 31));
}

static void key(char out[64], const struct gguf_geometry *g, const char *name)
{
	snprintf(out, 64, "%s.%s", g->arch, name);
}

static int put_metadata(struct gguf_buffer *b, const struct options *o)
{
	const struct gguf_geometry *g = &o->geometry;
	const struct {
		const char *name;
		uint32_t value;
	} numbers[] = {
		{"block_count", g->layers},
		{"context_length", g->context},
		{"embedding_length", g->width},
		{"feed_forward_length", g->feed_forward},
		{"attention.head_count", g->heads},
		{"attention.head_count_kv", g->kv_heads},
		{"attention.key_length", g->head_width},
		{"attention.value_length", g->head_width},
		{"expert_count", g->experts},
		{"expert_used_count", g->experts_used},
		{"expert_feed_forward_length", g->experts ? g->feed_forward : 0},
	};
	char name[64], text[256];
	int count = 0, n;

	gguf_kv_string(b, "general.architecture", g->arch);
	gguf_kv_string(b, "general.type", "model");
	snprintf(text, sizeof(text), "random weights, geometry of %s", g->title);
	gguf_kv_string(b, "general.name", text);
	snprintf(text, sizeof(text),
		 "Random weights (gguf-gen, preset %s, seed %" PRIu64
		 "): pages like a real model of this geometry and says nothing sensible.",
		 g->preset, o->seed);
	gguf_kv_string(b, "general.description", text);
	gguf_kv_u32(b, "general.file_type", FILE_TYPE_Q4_K_M);
	gguf_kv_u32(b, "general.quantization_version", QUANTIZATION_VERSION);
	count += 6;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!numbers[i].value)
			continue;
		key(name, g, numbers[i].name);
		gguf_kv_u32(b, name, numbers[i].value);
		count++;
	}
	key(name, g, "rope.freq_base");
	gguf_kv_f32(b, name, 1e6f);
	key(name, g, "attention.layer_norm_rms_epsilon");
	gguf_kv_f32(b, name, 1e-6f);
	count += 2;
	if (!strcmp(g->arch, "granitemoe")) {
		/* what Granite multiplies by; without them its activations are others */
		static const struct {
			const char *name;
			float value;
		} scales[] = {{"embedding_scale", 12.0f},
			      {"attention.scale", 0.015625f},
			      {"residual_scale", 0.22f},
			      {"logit_scale", 6.0f}};

		for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
			key(name, g, scales[i].name);
			gguf_kv_f32(b, name, scales[i].value);
			count++;
		}
	}
	n = gguf_put_vocabulary(b, g->vocabulary, o->seed);
	return n < 0 ? n : count + n;
}

/* Puts the whole header; the number of metadata entries is known last and stands in front. */
static int put_header(struct gguf_buffer *b, const struct options *o,
		      const struct gguf_tensor *tensors, int count)
{
	struct gguf_buffer metadata = {0};
	int n = put_metadata(&metadata, o);

	if (n >= 0) {
		gguf_put(b, "GGUF", 4);
		gguf_put_u32(b, 3);
		gguf_put_u64(b, (uint64_t)count);
		gguf_put_u64(b, (uint64_t)n);
		gguf_put(b, metadata.data, metadata.len);
		for (int i = 0; i < count; i++) {
			gguf_put_string(b, tensors[i].name);
			gguf_put_u32(b, tensors[i].dims);
			for (uint32_t d = 0; d < tensors[i].dims; d++)
				gguf_put_u64(b, tensors[i].shape[d]);
			gguf_put_u32(b, tensors[i].type);
			gguf_put_u64(b, tensors[i].offset);
		}
		n = b->failed ? -ENOMEM : 0;
	}
	free(metadata.data);
	return n;
}

static int put_tensor(struct output *out, const struct gguf_tensor *t, uint64_t seed,
		      unsigned char *piece)
{
	uint32_t block = gguf_block_bytes(t->type);
	uint64_t offset, step = PIECE / block * block;
	int ret = 0;

	for (offset = 0; offset < t->size && !ret; offset += step) {
		uint64_t len = t->size - offset < step ? t->size - offset : step;

		gguf_fill(t, seed, offset, piece, (size_t)len);
		ret = put(out, piece, (size_t)len);
	}
	return ret ? ret : put_padding(out, t->size);
}

static int put_file(struct output *out, const struct options *o, const struct gguf_tensor *tensors,
		    int count)
{
	struct gguf_buffer header = {0};
	unsigned char *piece = malloc(PIECE);
	const struct gguf_tensor *last = &tensors[count - 1];
	int ret = piece ? put_header(&header, o, tensors, count) : -ENOMEM;

	if (ret)
		goto out;
	out->total = header.len + (-header.len & 31) + last->offset + last->size;
	/* For a layout in few pieces; a file system that cannot allocate ahead is as welcome. */
	ret = fallocate(out->fd, 0, 0, (off_t)out->total) ? errno : 0;
	if (ret == ENOSPC || ret == EFBIG) {
		ret = -ret;
		goto out;
	}
	ret = put(out, header.data, header.len);
	if (!ret)
		ret = put_padding(out, header.len);
	for (int i = 0; i < count && !ret; i++)
		ret = put_tensor(out, &tensors[i], gguf_random(o->seed, (uint64_t)i), piece);
	if (!ret)
		ret = flush(out, 1);
	progress(out, 1);
out:
	free(header.data);
	free(piece);
	return ret;
}

static void list(const struct gguf_tensor *tensors, int count)
{
	const struct gguf_tensor *last = &tensors[count - 1];

	for (int i = 0; i < count; i++) {
		const struct gguf_tensor *t = &tensors[i];
		char shape[64];

		snprintf(shape, sizeof(shape),
			 t->dims > 2   ? "%" PRIu64 " x %" PRIu64 " x %" PRIu64
			 : t->dims > 1 ? "%" PRIu64 " x %" PRIu64
				       : "%" PRIu64,
			 t->shape[0], t->shape[1], t->shape[2]);
		printf("%-28s %-5s %-22s %11.3f MiB\n", t->name, gguf_type_name(t->type), shape,
		       (double)t->size / MIB);
	}
	printf("%d tensors, %.3f GiB\n", count, (double)(last->offset + last->size) / GIB);
}

static int fail(const char *what, const char *path, int err)
{
	fprintf(stderr, "gguf-gen: cannot %s %s: %s\n", what, path, strerror(err));
	return 1;
}

/* Into a file of another name first, so that FILE is never there half. */
static int write_model(const struct options *o, const struct gguf_tensor *tensors, int count)
{
	struct output out = {.terminal = isatty(STDERR_FILENO), .start = now()};
	char path[PATH_MAX];
	int ret;

	if (!o->force && !access(o->output, F_OK))
		return fail("write", o->output, EEXIST);
	if (snprintf(path, sizeof(path), "%s.part", o->output) >= (int)sizeof(path))
		return fail("write", o->output, ENAMETOOLONG);
	out.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out.fd < 0)
		return fail("create", path, errno);
	ret = put_file(&out, o, tensors, count);
	if (close(out.fd) && !ret)
		ret = -errno;
	if (!ret && rename(path, o->output))
		ret = -errno;
	if (ret) {
		unlink(path);
		return fail("write", o->output, -ret);
	}
	fprintf(stderr, "gguf-gen: %s: %.3f GiB of random weights in %.1f s (%.0f MB/s)\n",
		o->output, (double)out.total / GIB, now() - out.start,
		(double)out.total / (now() - out.start) / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.geometry = presets[0], .seed = 1};
	const struct argp argp = {argp_options, parse, "-o FILE", doc, NULL, NULL, NULL};
	struct gguf_tensor *tensors = NULL;
	int count, ret;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	count = gguf_plan(&o.geometry, &tensors);
	if (count < 0)
		return fail("plan", o.geometry.preset, -count);
	if (o.list) {
		list(tensors, count);
		ret = 0;
	} else {
		ret = write_model(&o, tensors, count);
	}
	free(tensors);
	return ret;
}
