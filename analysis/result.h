/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of `faultline result`: results of replays, read from their files. */
#ifndef ANA_RESULT_H
#define ANA_RESULT_H

#include <stdbool.h>

#include "analysis/common.h"

#define ANA_RESULT_VERSION 1 /* of engines/RESULT.md; a higher one is refused */

struct ana_result {
	const char *path;
	char name[128]; /* of its column */
	json_t *doc;
};

/* Reads and checks one file; says what is wrong with it. 0 or -errno; json_decref(res->doc) later. */
int ana_result_load(const char *cmd, const char *path, struct ana_result *res);

/* ---- result_rows.c: what a table shows ---- */

struct ana_result_row {
	const char *title;
	/* The same where some result does not know tokens, only evaluations; NULL: no other. An
	 * empty title of a row with a value leaves the row out. */
	const char *title_evaluations;
	/* Writes the value into BUF ("" where it is not known). */
	void (*text)(const json_t *doc, char *buf, size_t len);
};

/* Rows in the order of the table; a NULL title ends them, a row without a value separates groups. */
extern const struct ana_result_row ana_result_rows[];

#endif
