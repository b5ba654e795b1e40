// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as text, CSV or JSON lines. Traces have up to 10^8 records: lines are put
 * together by hand in one buffer, for printf() costs more than decoding does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dump.h"
#include "analysis/units.h"

#define BUFFER    (1u << 20)
#define LINE_ROOM (16u << 10) /* no line is longer: 9 fields of a label or name list each */

static void put_text(struct ana_dump_writer *w, const char *text)
{
	size_t len = strlen(text);

	memcpy(w->buf + w->used, text, len);
	w->used += len;
}

static void put_char(struct ana_dump_writer *w, char c)
{
	w->buf[w->used++] = c;
}

static void put_number(struct ana_dump_writer *w, uint64_t n)
{
	char digits[20];
	size_t len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len)
		w->buf[w->used++] = digits[--len];
}

static void put_hex(struct ana_dump_writer *w, uint64_t n)
{
	char digits[16];
	size_t len = 0;

	put_text(w, "0x");
	do {
		digits[len++] = "0123456789abcdef"[n % 16];
		n /= 16;
	} while (n);
	while (len)
		w->buf[w->used++] = digits[--len];
}

/* Spaces up to column WIDTH of what began at START, one at least. */
static void put_until(struct ana_dump_writer *w, size_t start, size_t width)
{
	do
		put_char(w, ' ');
	while (w->used < start + width);
}

/* Seconds with nine decimals, right-aligned to 14 columns. */
static void put_time(struct ana_dump_writer *w, uint64_t ns)
{
	uint64_t s = ns / 1000000000, f = ns % 1000000000, div = 100000000;

	for (uint64_t limit = 1000; limit >= 10; limit /= 10)
		if (s < limit)
			put_char(w, ' ');
	put_number(w, s);
	put_char(w, '.');
	for (; div; div /= 10)
		put_char(w, (char)('0' + f / div % 10));
}

/* ---- text ---- */

static const char *label_of(const struct ana_dump_writer *w, enum ana_value sort, uint64_t id)
{
	const struct ana_ids *ids = &w->ids[sort - ANA_V_FIRST_ID];
	size_t i = ana_ids_index(ids, id);

	return i < ids->count ? w->label[sort - ANA_V_FIRST_ID][i] : NULL;
}

/* A name where the value has one, true then. */
static bool put_name(struct ana_dump_writer *w, const struct flt_record *rec, unsigned int i)
{
	const struct ana_field *field = ana_field(rec->kind, i);
	const char *name = NULL;
	char list[256];

	if (w->numeric)
		return false;
	if (field->type == ANA_V_ENUM)
		name = ana_name_of(field->names, rec->f[i]);
	else if (field->type == ANA_V_ADVICE)
		name = ana_advice_name(rec->f[0], rec->f[i]);
	else if (field->type == ANA_V_FLAGS)
		name = ana_flags_text(list, sizeof(list), field->names, rec->f[i]);
	if (!name)
		return false;
	if (w->format == ANA_DUMP_JSONL)
		put_char(w, '"');
	else if (w->format == ANA_DUMP_TEXT && !*name)
		name = "-";
	put_text(w, name);
	if (w->format == ANA_DUMP_JSONL)
		put_char(w, '"');
	return true;
}

static void put_field_text(struct ana_dump_writer *w, const struct flt_record *rec, unsigned int i)
{
	const struct ana_field *field = ana_field(rec->kind, i);
	uint64_t v = rec->f[i];
	const char *label;
	char text[ANA_TEXT];

	if (v == FLT_NONE) {
		put_char(w, '-');
		return;
	}
	if (put_name(w, rec, i))
		return;
	if (field->type == ANA_V_HEX) {
		put_hex(w, v);
		return;
	}
	if (field->type == ANA_V_NS && !w->numeric) {
		char *space = strchr(ana_span(text, v), ' ');

		memmove(space, space + 1, strlen(space)); /* a value is one word */
		put_text(w, text);
		return;
	}
	put_number(w, v);
	if (field->type < ANA_V_FIRST_ID || w->numeric)
		return;
	label = label_of(w, field->type, v);
	put_char(w, '(');
	put_text(w, label ? label : "?");
	put_char(w, ')');
}

static void put_kind(struct ana_dump_writer *w, uint32_t kind, const struct flt_kind_info *info)
{
	if (info) {
		put_text(w, info->name);
		return;
	}
	put_text(w, "unknown-");
	put_number(w, kind);
}

/*
 * The name of a field. Two of them, the stream and record that a record points at, are called like
 * what every record has, and a line must not have two members of one name.
 */
static const char *field_name(const struct flt_kind_info *info, unsigned int i)
{
	static const char *const unknown[FLT_FIELDS] = {"f0", "f1", "f2", "f3", "f4",
							"f5", "f6", "f7", "f8"};

	if (!info)
		return unknown[i];
	if (!strcmp(info->field[i].name, "stream"))
		return "other_stream";
	if (!strcmp(info->field[i].name, "seq"))
		return "other_seq";
	return info->field[i].name;
}

static unsigned int field_count(const struct flt_kind_info *info)
{
	return info ? info->nfields : FLT_FIELDS;
}

static void put_record_text(struct ana_dump_writer *w, const struct flt_record *rec)
{
	const struct flt_kind_info *info = flt_kind_info(rec->kind);
	enum ana_value sort = w->layer == FLT_RECORDING ? ANA_V_STREAM : ANA_V_LANE;
	const char *label = w->numeric ? NULL : label_of(w, sort, rec->stream);
	size_t start = w->used;

	put_time(w, rec->start);
	put_text(w, " +");
	put_number(w, rec->dur);
	put_text(w, "ns");
	put_until(w, start, 30);
	put_number(w, rec->stream);
	if (label) {
		put_char(w, '(');
		put_text(w, label);
		put_char(w, ')');
	}
	put_until(w, start, 52);
	put_kind(w, rec->kind, info);
	put_until(w, start, 62);
	for (unsigned int i = 0; i < field_count(info); i++) {
		if (!info && rec->f[i] == FLT_NONE)
			continue;
		put_text(w, field_name(info, i));
		put_char(w, '=');
		put_field_text(w, rec, i);
		put_char(w, ' ');
	}
	while (w->buf[w->used - 1] == ' ')
		w->used--;
	put_char(w, '\n');
}

/* ---- CSV ---- */

static int find_column(const struct ana_dump_writer *w, const char *name)
{
	for (size_t i = 0; i < w->columns; i++)
		if (!strcmp(w->column[i], name))
			return (int)i;
	return -1;
}

/* One column for each name of a field among the selected kinds. */
static void lay_out_columns(struct ana_dump_writer *w)
{
	memset(w->place, -1, sizeof(w->place));
	for (uint32_t kind = 0; kind < FLT_KIND_END; kind++) {
		const struct flt_kind_info *info = flt_kind_info(kind);

		if (!info || !(w->kinds >> kind & 1))
			continue;
		for (unsigned int i = 0; i < info->nfields; i++) {
			const char *name = field_name(info, i);
			int at = find_column(w, name);

			if (at < 0 && w->columns < sizeof(w->column) / sizeof(w->column[0])) {
				at = (int)w->columns;
				w->column[w->columns++] = name;
			}
			w->place[kind][i] = (int8_t)at;
		}
	}
}

void ana_dump_heading(struct ana_dump_writer *w)
{
	if (w->format != ANA_DUMP_CSV)
		return;
	put_text(w, "start_ns,dur_ns,stream,seq,kind");
	for (size_t i = 0; i < w->columns; i++) {
		put_char(w, ',');
		put_text(w, w->column[i]);
	}
	put_char(w, '\n');
}

static void put_record_csv(struct ana_dump_writer *w, const struct flt_record *rec)
{
	const struct flt_kind_info *info = flt_kind_info(rec->kind);

	put_number(w, rec->start);
	put_char(w, ',');
	put_number(w, rec->dur);
	put_char(w, ',');
	put_number(w, rec->stream);
	put_char(w, ',');
	put_number(w, rec->seq);
	put_char(w, ',');
	put_kind(w, rec->kind, info);
	for (size_t col = 0; col < w->columns; col++) {
		put_char(w, ',');
		for (unsigned int i = 0; info && i < info->nfields; i++)
			if (w->place[rec->kind][i] == (int)col && rec->f[i] != FLT_NONE &&
			    !put_name(w, rec, i))
				put_number(w, rec->f[i]);
	}
	put_char(w, '\n');
}

/* ---- JSON lines ---- */

static void put_key(struct ana_dump_writer *w, const char *key)
{
	put_text(w, ",\"");
	put_text(w, key);
	put_text(w, "\":");
}

static void put_record_json(struct ana_dump_writer *w, const struct flt_record *rec)
{
	const struct flt_kind_info *info = flt_kind_info(rec->kind);

	put_text(w, "{\"start_ns\":");
	put_number(w, rec->start);
	put_key(w, "dur_ns");
	put_number(w, rec->dur);
	put_key(w, "stream");
	put_number(w, rec->stream);
	put_key(w, "seq");
	put_number(w, rec->seq);
	put_key(w, "kind");
	put_char(w, '"');
	put_kind(w, rec->kind, info);
	put_char(w, '"');
	for (unsigned int i = 0; i < field_count(info); i++) {
		put_key(w, field_name(info, i));
		if (rec->f[i] == FLT_NONE)
			put_text(w, "null");
		else if (!put_name(w, rec, i))
			put_number(w, rec->f[i]);
	}
	put_text(w, "}\n");
}

/* ---- all of them ---- */

void ana_dump_record(struct ana_dump_writer *w, const struct flt_record *rec)
{
	if (BUFFER - w->used < LINE_ROOM)
		ana_dump_flush(w);
	switch (w->format) {
	case ANA_DUMP_TEXT:
		put_record_text(w, rec);
		break;
	case ANA_DUMP_CSV:
		put_record_csv(w, rec);
		break;
	case ANA_DUMP_JSONL:
		put_record_json(w, rec);
		break;
	}
}

bool ana_dump_flush(struct ana_dump_writer *w)
{
	fwrite(w->buf, 1, w->used, stdout);
	w->used = 0;
	return !ferror(stdout);
}

int ana_dump_open(struct ana_dump_writer *w)
{
	w->buf = malloc(BUFFER);
	if (!w->buf)
		return -ENOMEM;
	lay_out_columns(w);
	for (size_t i = 0; i < ANA_SORTS; i++) {
		enum ana_value sort = (enum ana_value)(ANA_V_FIRST_ID + i);

		if (ana_ids_load(&w->ids[i], w->r, ana_sorts[i]))
			return -ENOMEM;
		w->label[i] = ana_labels(w->r, sort, &w->ids[i]);
		if (!w->label[i])
			return -ENOMEM;
	}
	return 0;
}

void ana_dump_close(struct ana_dump_writer *w)
{
	for (size_t i = 0; i < ANA_SORTS; i++) {
		ana_labels_free(w->label[i], w->ids[i].count);
		ana_ids_free(&w->ids[i]);
	}
	free(w->buf);
}
