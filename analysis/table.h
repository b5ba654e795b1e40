/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables for people: aligned columns, as plain text or as Markdown. Cells are
 * added from left to right, row by row; what a trace could smuggle into a
 * terminal is replaced (ana_safe()).
 */
#ifndef ANA_TABLE_H
#define ANA_TABLE_H

#include <stdio.h>

struct ana_table;

enum ana_style {
	ANA_PLAIN,
	ANA_MARKDOWN,
};

/*
 * ALIGN has one letter per column: 'l' left, 'r' right. NULL when out of memory;
 * all functions take NULL then, and ana_table_print() returns -ENOMEM.
 */
struct ana_table *ana_table_new(const char *align);
/* The next cell; "" leaves it empty. */
void ana_table_cell(struct ana_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Fills the rest of the row with empty cells. */
void ana_table_end_row(struct ana_table *t);
/* All cells of a row at once, NULL-terminated; the first row is the heading. */
void ana_table_row(struct ana_table *t, ...) __attribute__((sentinel));
/*
 * Prints and frees. Plain text is indented by INDENT columns. A column that is
 * empty in every row below the heading is left out. 0 or -ENOMEM.
 */
int ana_table_print(struct ana_table *t, FILE *out, enum ana_style style, int indent);
void ana_table_free(struct ana_table *t);

#endif
