// SPDX-License-Identifier: GPL-2.0-only
/* The tensors of GGUF files are found; damaged and foreign files have none, and do no harm. */
#include "flt_fixture.h"

#include <fcntl.h>

struct gguf {
	uint8_t data[1 << 16];
	size_t n;
};

static void put(struct gguf *g, const void *p, size_t n)
{
	assert_true(g->n + n <= sizeof(g->data));
	memcpy(g->data + g->n, p, n);
	g->n += n;
}

static void put_number(struct gguf *g, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t b = (uint8_t)(v >> (8 * i));

		put(g, &b, 1);
	}
}

static void put_text(struct gguf *g, const char *text)
{
	put_number(g, strlen(text), 8);
	put(g, text, strlen(text));
}

static void put_tensor(struct gguf *g, const char *name, uint64_t offset)
{
	put_text(g, name);
	put_number(g, 2, 4);
	put_number(g, 256, 8);
	put_number(g, 4, 8);
	put_number(g, 12, 4);
	put_number(g, offset, 8);
}

/* Keys of every kind, three tensors in another order than they lie in, 4096 bytes of data. */
static void build(struct gguf *g, uint32_t version, uint32_t alignment)
{
	static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

	g->n = 0;
	put(g, "GGUF", 4);
	put_number(g, version, 4);
	put_number(g, 3, 8);
	put_number(g, 11 + 4, 8);
	for (uint32_t kind = 0; kind < sizeof(bytes); kind++) {
		char key[16];

		if (!bytes[kind])
			continue;
		snprintf(key, sizeof(key), "key.%u", kind);
		put_text(g, key);
		put_number(g, kind, 4);
		put_number(g, 1, bytes[kind]);
	}
	put_text(g, "a.string");
	put_number(g, 8, 4);
	put_text(g, "some text");
	put_text(g, "an.array");
	put_number(g, 9, 4);
	put_number(g, 6, 4);
	put_number(g, 5, 8);
	for (int i = 0; i < 5; i++)
		put_number(g, 0, 4);
	put_text(g, "an.array.of.arrays");
	put_number(g, 9, 4);
	put_number(g, 9, 4);
	put_number(g, 1, 8);
	put_number(g, 8, 4);
	put_number(g, 2, 8);
	put_text(g, "one");
	put_text(g, "two");
	put_text(g, "general.alignment");
	put_number(g, 4, 4);
	put_number(g, alignment, 4);
	put_tensor(g, "b", 1024);
	put_tensor(g, "a", 0);
	put_tensor(g, "c", 3072);
	while (g->n % alignment)
		put(g, "", 1);
	for (int i = 0; i < 64; i++)
		put(g, (uint8_t[64]){0}, 64);
}

static json_t *tensors_of(const struct fixture *f, const void *data, size_t n)
{
	int fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	json_t *all;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	all = flt_gguf_tensors(fd);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), n); /* where it was */
	close(fd);
	return all;
}

static void tensors_come_in_the_order_of_the_file(void **state)
{
	static const uint64_t lengths[] = {1024, 2048, 1024};
	static struct gguf g;

	for (uint32_t version = 2; version <= 3; version++) {
		for (uint32_t alignment = 32; alignment <= 1024; alignment *= 32) {
			json_t *all;
			uint64_t at;

			build(&g, version, alignment);
			all = tensors_of(*state, g.data, g.n);
			at = g.n - 4096;
			assert_int_equal(json_array_size(all), 3);
			for (size_t i = 0; i < 3; i++) {
				const json_t *t = json_array_get(all, i);
				char name[2] = {(char)('a' + i), 0};

				assert_string_equal(json_string_value(json_array_get(t, 0)), name);
				assert_int_equal(json_integer_value(json_array_get(t, 1)), at);
				assert_int_equal(json_integer_value(json_array_get(t, 2)),
						 lengths[i]);
				at += lengths[i];
			}
			json_decref(all);
		}
	}
}

static void files_cut_short_have_none(void **state)
{
	static struct gguf g;

	build(&g, 3, 32);
	/* Any cut up to the last tensor's first byte takes something away that is needed. */
	for (size_t n = 0; n <= g.n - 1024; n++)
		assert_null(tensors_of(*state, g.data, n));
}

static void other_files_have_none(void **state)
{
	static struct gguf g;
	json_t *all;

	assert_null(tensors_of(*state, "", 0));
	assert_null(tensors_of(*state, "GGUF", 4));
	assert_null(flt_gguf_tensors(-1));
	for (uint32_t version = 0; version < 6; version++) {
		build(&g, version, 32);
		all = tensors_of(*state, g.data, g.n);
		assert_int_equal(all != NULL, version == 2 || version == 3);
		json_decref(all);
	}
	build(&g, 3, 32);
	g.data[0] = 'g';
	assert_null(tensors_of(*state, g.data, g.n));
	build(&g, 3, 32);
	memset(g.data + 8, 0xff, 8); /* tensors */
	assert_null(tensors_of(*state, g.data, g.n));
	build(&g, 3, 32);
	memset(g.data + 16, 0xff, 8); /* keys */
	assert_null(tensors_of(*state, g.data, g.n));
}

/* What is damaged may still look sound; then all that it says lies within the file. */
static void damage_does_no_harm(void **state)
{
	static struct gguf g;
	uint64_t x = 88172645463325252ull;

	for (int i = 0; i < 20000; i++) {
		json_t *all;
		const json_t *t;
		size_t k;

		build(&g, 3, 32);
		for (int n = 0; n < 1 + i % 4; n++)
			g.data[fixture_random(&x) % (g.n - 4096)] = (uint8_t)fixture_random(&x);
		all = tensors_of(*state, g.data, g.n);
		if (!all)
			continue;
		json_array_foreach (all, k, t) {
			json_int_t at = json_integer_value(json_array_get(t, 1));
			json_int_t n = json_integer_value(json_array_get(t, 2));

			assert_true(at > 0 && n > 0 && at <= (json_int_t)g.n &&
				    n <= (json_int_t)g.n - at);
		}
		json_decref(all);
	}
}

/* The generator of the models for the tests writes what llama.cpp loads. */
static void generated_models_have_their_tensors(void **state)
{
	static const char *const presets[] = {"tiny", "small", "moe"};
	const char *program = getenv("GGUF_GEN");
	struct fixture *f = *state;

	program = program ? program : "build/gguf-gen";
	if (access(program, X_OK))
		skip();
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		char command[512], line[256], name[64];
		json_t *all;
		size_t seen = 0;
		FILE *list;
		int fd;

		snprintf(command, sizeof(command),
			 "%s -f -p %s --layers 1 --vocabulary 512 -o %s 2>/dev/null", program,
			 presets[i], f->path);
		assert_int_equal(system(command), 0);
		fd = open(f->path, O_RDONLY);
		assert_true(fd >= 0);
		all = flt_gguf_tensors(fd);
		close(fd);
		assert_non_null(all);
		snprintf(command, sizeof(command), "%s -p %s --layers 1 --vocabulary 512 --list",
			 program, presets[i]);
		list = popen(command, "r");
		assert_non_null(list);
		while (fgets(line, sizeof(line), list)) {
			const char *got;

			if (sscanf(line, "%63s", name) != 1 || !strchr(name, '.'))
				continue;
			got = json_string_value(json_array_get(json_array_get(all, seen++), 0));
			assert_non_null(got);
			assert_string_equal(got, name);
		}
		assert_int_equal(pclose(list), 0);
		assert_int_equal(seen, json_array_size(all));
		json_decref(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(tensors_come_in_the_order_of_the_file),
		FIXTURE_TEST(files_cut_short_have_none),
		FIXTURE_TEST(other_files_have_none),
		FIXTURE_TEST(damage_does_no_harm),
		FIXTURE_TEST(generated_models_have_their_tensors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
