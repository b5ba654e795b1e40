// SPDX-License-Identifier: GPL-2.0-only
/* Aligned tables; see table.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/table.h"
#include "analysis/units.h"

#define MAX_COLUMNS 32

struct ana_table {
	size_t columns;
	char align[MAX_COLUMNS];
	char **cell; /* row by row */
	size_t cells, room;
	bool failed; /* out of memory at some point */
};

struct ana_table *ana_table_new(const char *align)
{
	struct ana_table *t = calloc(1, sizeof(*t));
	size_t columns = strlen(align);

	if (!t || !columns || columns > MAX_COLUMNS) {
		free(t);
		return NULL;
	}
	t->columns = columns;
	memcpy(t->align, align, columns);
	return t;
}

void ana_table_free(struct ana_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->cells; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t);
}

static void add_cell(struct ana_table *t, const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy;

	if (t->cells == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		char **cell = realloc(t->cell, room * sizeof(*cell));

		if (!cell) {
			t->failed = true;
			return;
		}
		t->cell = cell;
		t->room = room;
	}
	copy = malloc(len);
	if (!copy) {
		t->failed = true;
		return;
	}
	t->cell[t->cells++] = (char *)ana_safe(copy, len, text);
}

void ana_table_cell(struct ana_table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (!t || t->failed)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	add_cell(t, text);
	free(text);
}

void ana_table_end_row(struct ana_table *t)
{
	while (t && !t->failed && t->cells % t->columns)
		add_cell(t, "");
}

void ana_table_row(struct ana_table *t, ...)
{
	const char *text;
	va_list ap;

	if (!t)
		return;
	va_start(ap, t);
	while ((text = va_arg(ap, const char *)) && !t->failed)
		add_cell(t, text);
	va_end(ap);
	ana_table_end_row(t);
}

/* Width of each column; 0 for one that has nothing below its heading. */
static void measure(const struct ana_table *t, size_t width[MAX_COLUMNS])
{
	bool used[MAX_COLUMNS] = {false};

	memset(width, 0, MAX_COLUMNS * sizeof(*width));
	for (size_t i = 0; i < t->cells; i++) {
		size_t col = i % t->columns, w = ana_width(t->cell[i]);

		if (i >= t->columns && w)
			used[col] = true;
		if (w > width[col])
			width[col] = w;
	}
	for (size_t col = 0; col < t->columns; col++)
		if (!used[col] && t->cells > t->columns)
			width[col] = 0;
}

static void pad(FILE *out, size_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void print_plain(const struct ana_table *t, FILE *out, const size_t *width, int indent)
{
	for (size_t row = 0; row < t->cells; row += t->columns) {
		size_t behind = (size_t)indent; /* spaces due before the next text */

		for (size_t col = 0; col < t->columns; col++) {
			const char *text = t->cell[row + col];
			size_t gap = width[col] - ana_width(text);

			if (!width[col])
				continue;
			/* Nothing is printed behind the last text of a line. */
			if (!*text) {
				behind += width[col] + 2;
				continue;
			}
			if (t->align[col] == 'r')
				behind += gap;
			pad(out, behind);
			fputs(text, out);
			behind = 2 + (t->align[col] == 'r' ? 0 : gap);
		}
		fputc('\n', out);
	}
}

static void markdown_cell(FILE *out, const char *text, size_t width, bool right)
{
	size_t escaped = 0;

	for (const char *p = text; *p; p++)
		escaped += *p == '|';
	size_t gap = width > ana_width(text) + escaped ? width - ana_width(text) - escaped : 0;

	fputs(" ", out);
	if (right)
		pad(out, gap);
	for (const char *p = text; *p; p++) {
		if (*p == '|')
			fputc('\\', out);
		fputc(*p, out);
	}
	if (!right)
		pad(out, gap);
	fputs(" |", out);
}

static void print_markdown(const struct ana_table *t, FILE *out, const size_t *width)
{
	for (size_t row = 0; row < t->cells; row += t->columns) {
		fputc('|', out);
		for (size_t col = 0; col < t->columns; col++)
			if (width[col])
				markdown_cell(out, t->cell[row + col], width[col],
					      t->align[col] == 'r');
		fputc('\n', out);
		if (row)
			continue;
		fputc('|', out);
		for (size_t col = 0; col < t->columns; col++) {
			if (!width[col])
				continue;
			fputc(t->align[col] == 'r' ? '-' : ':', out);
			for (size_t i = 0; i < width[col]; i++)
				fputc('-', out);
			fputs(t->align[col] == 'r' ? ":|" : "-|", out);
		}
		fputc('\n', out);
	}
}

int ana_table_print(struct ana_table *t, FILE *out, enum ana_style style, int indent)
{
	size_t width[MAX_COLUMNS];
	int ret = 0;

	if (!t)
		return -ENOMEM;
	ana_table_end_row(t);
	if (t->failed) {
		ret = -ENOMEM;
		goto out;
	}
	measure(t, width);
	if (style == ANA_MARKDOWN)
		print_markdown(t, out, width);
	else
		print_plain(t, out, width, indent);
out:
	ana_table_free(t);
	return ret;
}
