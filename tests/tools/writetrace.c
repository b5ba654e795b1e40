// SPDX-License-Identifier: GPL-2.0-only
/*
 * writetrace: makes a trace from a text on stdin, record by record, for tests that need to know
 * every nanosecond of it. Lines are
 *
 *   header {...}                               JSON, first
 *   define WHAT {...}                          as flt_writer_define()
 *   STREAM KIND START DURATION FIELD...        a record; the layer follows from the kind
 *   trailer {...}                              last; without it the trace is unfinished
 *
 * Times and fields are numbers, "-" is "not known", a suffix us, ms, K or M multiplies. Kinds are
 * called as flt_kind_info() calls them, those of the program with "p:" before. Empty lines and
 * those with # are skipped.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/fltrace.h"

#define MAX_LINE 65536

struct maker {
	const char *path;
	struct flt_writer *w;
	struct flt_writer_options opt;
	unsigned int line;
	bool finished;
};

static int wrong(const struct maker *m, const char *what, const char *text)
{
	fprintf(stderr, "writetrace: line %u: %s: %s\n", m->line, what, text);
	return -EINVAL;
}

static json_t *object(const struct maker *m, const char *text)
{
	json_error_t error;
	json_t *o = json_loads(text, 0, &error);

	if (!json_is_object(o)) {
		wrong(m, "no JSON object", text);
		json_decref(o);
		return NULL;
	}
	return o;
}

static int number(const char *text, uint64_t *out)
{
	static const struct {
		const char *suffix;
		uint64_t times;
	} units[] = {{"", 1}, {"us", 1000}, {"ms", 1000000}, {"K", 1024}, {"M", 1 << 20}};
	char *end;

	if (!strcmp(text, "-")) {
		*out = FLT_NONE;
		return 0;
	}
	errno = 0;
	*out = strtoull(text, &end, 0);
	if (errno || end == text || !isdigit((unsigned char)*text))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].suffix))
			return __builtin_mul_overflow(*out, units[i].times, out) ? -EINVAL : 0;
	return -EINVAL;
}

static uint32_t kind_of(const char *name)
{
	uint32_t from = 1, until = FLT_P_WINDOW;

	if (!strncmp(name, "p:", 2)) {
		from = FLT_P_WINDOW;
		until = FLT_KIND_END;
		name += 2;
	}
	for (uint32_t kind = from; kind < until; kind++)
		if (flt_kind_info(kind) && !strcmp(flt_kind_info(kind)->name, name))
			return kind;
	return 0;
}

static int add_record(struct maker *m, char *line)
{
	struct flt_record r = {0};
	uint64_t stream;
	char *word = strtok(line, " \t");
	int n = 0;

	if (number(word, &stream) || stream >= FLT_ALL_STREAMS)
		return wrong(m, "no stream", word);
	r.stream = (uint32_t)stream;
	for (word = strtok(NULL, " \t"); word; word = strtok(NULL, " \t"), n++) {
		uint64_t *to = n == 1 ? &r.start : n == 2 ? &r.dur : &r.f[n > 2 ? n - 3 : 0];

		if (!n) {
			r.kind = kind_of(word);
			if (!r.kind)
				return wrong(m, "no such kind", word);
		} else if (n - 3 >= FLT_FIELDS || number(word, to)) {
			return wrong(m, "no number", word);
		}
	}
	if (n < 3)
		return wrong(m, "a record has", "STREAM KIND START DURATION FIELD...");
	return flt_writer_add(m->w,
			      r.kind < FLT_P_WINDOW       ? FLT_RECORDING
			      : r.kind < FLT_S_EVALUATION ? FLT_PROGRAM
							  : FLT_SUMMARY,
			      &r);
}

static int make_line(struct maker *m, char *line)
{
	int ret;

	if (!strncmp(line, "header ", 7)) {
		json_t *o = object(m, line + 7);

		if (!o)
			return -EINVAL;
		ret = m->w ? -EINVAL : flt_writer_create(&m->w, m->path, o, &m->opt);
		json_decref(o);
		return ret;
	}
	if (!m->w)
		return wrong(m, "there is no header yet", line);
	if (!strncmp(line, "define ", 7)) {
		char *what = strtok(line + 7, " "), *rest = strtok(NULL, "");
		json_t *o = what && rest ? object(m, rest) : NULL;

		return o ? flt_writer_define(m->w, what, o) : -EINVAL;
	}
	if (!strncmp(line, "trailer ", 8)) {
		json_t *o = object(m, line + 8);

		ret = o ? flt_writer_finish(&m->w, o) : -EINVAL;
		m->finished = !ret;
		json_decref(o);
		return ret;
	}
	return add_record(m, line);
}

int main(int argc, char **argv)
{
	/* One chunk, and times to the microsecond: what a test writes is what a command reads. */
	struct maker m = {.opt = {.quantum_ns = 1000, .chunk_ns = 1ull << 60}};
	char *line = malloc(MAX_LINE);
	int ret = 0;

	if (argc < 2 || argc > 3 || !line) {
		fprintf(stderr, "usage: writetrace OUT.flt [QUANTUM_NS] <TEXT\n");
		free(line);
		return 2;
	}
	m.path = argv[1];
	if (argc == 3)
		m.opt.quantum_ns = (uint32_t)strtoul(argv[2], NULL, 0);
	while (!ret && fgets(line, MAX_LINE, stdin)) {
		m.line++;
		line[strcspn(line, "\n")] = '\0';
		if (m.finished)
			ret = wrong(&m, "behind the trailer", line);
		else if (*line && *line != '#')
			ret = make_line(&m, line);
	}
	/* Unfinished, but with all that was written. */
	if (!ret && m.w)
		ret = flt_writer_flush(m.w, false);
	if (ret)
		fprintf(stderr, "writetrace: %s, line %u: %s\n", m.path, m.line, strerror(-ret));
	flt_writer_abort(&m.w);
	free(line);
	return ret ? 1 : 0;
}
