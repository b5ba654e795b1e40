// SPDX-License-Identifier: GPL-2.0-only
/* See common.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/common.h"
#include "analysis/units.h"

void ana_error(const char *cmd, const char *fmt, ...)
{
	char text[2048], safe[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", cmd, ana_safe(safe, sizeof(safe), text));
}

int ana_open(const char *cmd, const char *path, struct flt_reader **r)
{
	char err[512] = "";
	int ret = flt_open(r, path, 0, err, sizeof(err));

	if (ret)
		ana_error(cmd, "cannot open %s", *err ? err : strerror(-ret));
	return ret;
}

int ana_flush(const char *cmd)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return ANA_OK;
	fprintf(stderr, "%s: cannot write the output: %s\n", cmd, strerror(errno));
	return ANA_FAILED;
}

int ana_print_json(const char *cmd, json_t *o)
{
	if (!o || json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12))) {
		json_decref(o);
		ana_error(cmd, "cannot write the output: %s", strerror(o ? EIO : ENOMEM));
		return ANA_FAILED;
	}
	json_decref(o);
	putchar('\n');
	return ana_flush(cmd);
}

const char *ana_text(const json_t *o, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : otherwise;
}

uint64_t ana_number(const json_t *o, const char *key, uint64_t otherwise)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return otherwise;
	return (uint64_t)json_integer_value(v);
}

double ana_real(const json_t *o, const char *key, double otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : otherwise;
}

bool ana_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

const json_t *ana_at(const json_t *o, const char *path)
{
	char key[64];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		o = json_object_get(o, key);
		path += len + (path[len] == '.');
	}
	return o;
}

static int by_id(const void *a, const void *b)
{
	const struct ana_id *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

int ana_ids_load(struct ana_ids *ids, const struct flt_reader *r, const char *what)
{
	const json_t *def;
	size_t i, used = 0;

	memset(ids, 0, sizeof(*ids));
	ids->defs = flt_definitions(r, what);
	ids->id = calloc(json_array_size(ids->defs) + 1, sizeof(*ids->id));
	if (!ids->id)
		return -ENOMEM;
	json_array_foreach (ids->defs, i, def) {
		uint64_t id = ana_number(def, "id", FLT_NONE);

		if (id == FLT_NONE)
			continue;
		ids->id[used].id = id;
		ids->id[used++].index = i;
	}
	ids->count = json_array_size(ids->defs);
	qsort(ids->id, used, sizeof(*ids->id), by_id);
	/* What has no id can never be found: an entry that no id matches stands in. */
	for (; used < ids->count; used++) {
		ids->id[used].id = FLT_NONE;
		ids->id[used].index = ids->count;
	}
	return 0;
}

void ana_ids_free(struct ana_ids *ids)
{
	free(ids->id);
	memset(ids, 0, sizeof(*ids));
}

size_t ana_ids_index(const struct ana_ids *ids, uint64_t id)
{
	size_t lo = 0, hi = ids->count;

	if (id < ids->count && ids->id[id].id == id) /* dense ids, the usual case */
		return ids->id[id].index;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ids->id[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ids->count && ids->id[lo].id == id ? ids->id[lo].index : ids->count;
}

const json_t *ana_ids_get(const struct ana_ids *ids, uint64_t id)
{
	size_t i = ana_ids_index(ids, id);

	return i < ids->count ? json_array_get(ids->defs, i) : NULL;
}
