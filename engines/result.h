/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * result.h: what a replay found out. RESULT.md describes the file.
 */
#ifndef ENG_RESULT_H
#define ENG_RESULT_H

#include <jansson.h>

#include "engines/replay.h"

/* The whole result as an object; a new reference, NULL without memory. After the group has ended. */
json_t *eng_result_make(struct eng_group *g);
/* Writes it to g->result_path: complete, or not at all. 0 or -errno. */
int eng_result_write(struct eng_group *g, const json_t *result, struct host_err *err);

/* The main figures for fio's own JSON: name and text, called for each that is known. */
typedef void (*eng_figure_fn)(void *arg, const char *name, const char *text);
void eng_result_figures(const json_t *result, eng_figure_fn fn, void *arg);

/* The lines that are printed at the end, for people; LINE is called for each. */
typedef void (*eng_line_fn)(const char *line);
void eng_result_summary(const json_t *result, eng_line_fn line);

#endif
