// SPDX-License-Identifier: GPL-2.0-only
/* See selection.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/evaluations.h"
#include "analysis/selection.h"
#include "analysis/units.h"

static bool kind_of_layer(uint32_t kind, enum flt_layer layer)
{
	if (layer == FLT_RECORDING)
		return kind < FLT_P_WINDOW;
	if (layer == FLT_PROGRAM)
		return kind >= FLT_P_WINDOW && kind < FLT_S_EVALUATION;
	return kind >= FLT_S_EVALUATION;
}

int ana_select_all(struct ana_selection *sel, struct flt_reader *r, enum flt_layer layer)
{
	memset(sel, 0, sizeof(*sel));
	sel->layer = layer;
	sel->unknown_kinds = true;
	sel->to_ns = UINT64_MAX;
	sel->last_eval = UINT64_MAX;
	sel->eval_to = UINT64_MAX;
	sel->last_end = UINT64_MAX;
	for (uint32_t kind = 0; kind < FLT_KIND_END; kind++)
		if (flt_kind_info(kind) && kind_of_layer(kind, layer))
			sel->kinds |= 1ull << kind;
	return ana_ids_load(&sel->streams, r, layer == FLT_RECORDING ? "stream" : "lane");
}

/* The next item of a list into ITEM; false at its end. */
static bool next_item(const char **list, char *item, size_t len)
{
	size_t n = strcspn(*list, ",");
	size_t keep = n < len ? n : len - 1;

	if (!**list)
		return false;
	memcpy(item, *list, keep);
	item[keep] = '\0';
	*list += n + ((*list)[n] == ',');
	return true;
}

int ana_select_kinds(struct ana_selection *sel, const char *list, char *bad, size_t len)
{
	uint64_t wanted = 0;

	sel->unknown_kinds = false;
	while (next_item(&list, bad, len)) {
		uint64_t found = 0;

		for (uint32_t kind = 0; kind < FLT_KIND_END; kind++)
			if ((sel->kinds >> kind & 1) && !strcmp(flt_kind_info(kind)->name, bad))
				found |= 1ull << kind;
		if (!found && !strcmp(bad, "unknown"))
			sel->unknown_kinds = true;
		else if (!found)
			return -EINVAL;
		wanted |= found;
	}
	sel->kinds = wanted;
	return 0;
}

static bool stream_matches(const json_t *def, const char *item, const char *by)
{
	uint64_t number;

	if (!ana_parse_number(item, &number) && number == ana_number(def, by, FLT_NONE))
		return true;
	return !strcmp(by, "tid") && !strcmp(item, ana_text(def, "comm", ""));
}

int ana_select_streams(struct ana_selection *sel, const char *list, const char *by, char *bad,
		       size_t len)
{
	if (!sel->stream)
		sel->stream = calloc(sel->streams.count + 1, sizeof(*sel->stream));
	if (!sel->stream)
		return -ENOMEM;
	while (next_item(&list, bad, len)) {
		bool found = false;

		for (size_t i = 0; i < sel->streams.count; i++) {
			if (!stream_matches(json_array_get(sel->streams.defs, i), bad, by))
				continue;
			sel->stream[i] = true;
			found = true;
		}
		if (!found)
			return -EINVAL;
	}
	return 0;
}

int ana_select_evaluations(struct ana_selection *sel, struct flt_reader *r, uint64_t first,
			   uint64_t last)
{
	struct ana_evaluations e;
	int ret = ana_evaluations_load(&e, r);

	if (!ret && !e.count)
		ret = -ENODATA;
	if (!ret && first >= e.count)
		ret = -ERANGE;
	if (!ret) {
		if (last >= e.count)
			last = e.count - 1;
		sel->first_eval = first;
		sel->last_eval = last;
		sel->eval_from = e.span[first].start;
		sel->eval_to = e.span[last].end;
	}
	ana_evaluations_free(&e);
	return ret;
}

void ana_select_done(struct ana_selection *sel, struct flt_reader *r)
{
	uint64_t to = sel->to_ns < sel->eval_to ? sel->to_ns : sel->eval_to;
	uint64_t seen = 0, end = 0;

	if (to == UINT64_MAX || sel->layer == FLT_SUMMARY)
		return;
	/*
	 * Records come by their ends, chunk after chunk, and a long one may begin in time and end in a
	 * much later chunk: reading goes on to the end of the last chunk in which anything began in time.
	 */
	for (size_t i = 0; i < flt_chunk_count(r); i++) {
		const struct flt_chunk_info *c = flt_chunk_info(r, i);

		if (c->layer != sel->layer)
			continue;
		if (c->last_ns > seen)
			seen = c->last_ns;
		if (c->first_ns <= to)
			end = seen;
	}
	sel->last_end = end;
}

bool ana_selected(const struct ana_selection *sel, const struct flt_record *rec)
{
	if (rec->kind < FLT_KIND_END && flt_kind_info(rec->kind)) {
		if (!(sel->kinds >> rec->kind & 1))
			return false;
	} else if (!sel->unknown_kinds) {
		return false;
	}
	if (rec->start > sel->to_ns || flt_end(rec) < sel->from_ns)
		return false;
	if (rec->kind == FLT_S_EVALUATION) {
		if (rec->f[FLT_S_EVAL_INDEX] < sel->first_eval ||
		    rec->f[FLT_S_EVAL_INDEX] > sel->last_eval)
			return false;
	} else if (rec->start < sel->eval_from || rec->start >= sel->eval_to) {
		return false;
	}
	if (sel->stream) {
		size_t i = ana_ids_index(&sel->streams, rec->stream);

		return i < sel->streams.count && sel->stream[i];
	}
	return true;
}

void ana_selection_free(struct ana_selection *sel)
{
	ana_ids_free(&sel->streams);
	free(sel->stream);
	sel->stream = NULL;
}
