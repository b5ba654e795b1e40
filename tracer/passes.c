// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "traces/fltrace.h"
#include "tracer/passes.h"

#define PASSES_MAX (1u << 16)

void rec_passes_add(struct rec_passes *p, const struct rec_pass *pass)
{
	if (p->count == PASSES_MAX) {
		p->left_out++;
		return;
	}
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct rec_pass *more = realloc(p->pass, room * sizeof(*more));

		if (!more) {
			p->left_out++;
			return;
		}
		p->pass = more;
		p->room = room;
	}
	p->pass[p->count++] = *pass;
}

static void set(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, n == UINT64_MAX ? json_null() : json_integer((json_int_t)n));
}

static uint64_t between(uint64_t from, uint64_t to)
{
	if (from == UINT64_MAX || to == UINT64_MAX)
		return UINT64_MAX;
	return to > from ? to - from : 0;
}

static json_t *pass_json(const struct rec_pass *p, uint64_t epoch)
{
	json_t *o = json_pack("{s:s}", "class", flt_mark_class_name(p->class));

	if (!o)
		return NULL;
	set(o, "tokens", p->tokens);
	if (p->index != FLT_NONE)
		set(o, "index", p->index);
	set(o, "start_ns", p->begin > epoch ? p->begin - epoch : 0);
	set(o, "ns", p->end - p->begin);
	set(o, "read_bytes", between(p->from.read_bytes, p->to.read_bytes));
	set(o, "majflt", between(p->from.majflt, p->to.majflt));
	set(o, "minflt", between(p->from.minflt, p->to.minflt));
	set(o, "read_bytes_total", p->to.read_bytes);
	set(o, "majflt_total", p->to.majflt);
	set(o, "minflt_total", p->to.minflt);
	return o;
}

json_t *rec_passes_json(const struct rec_passes *p, uint64_t epoch)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++)
		json_array_append_new(list, pass_json(&p->pass[i], epoch));
	return list;
}

void rec_passes_free(struct rec_passes *p)
{
	free(p->pass);
	*p = (struct rec_passes){0};
}
