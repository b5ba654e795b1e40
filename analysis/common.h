/* SPDX-License-Identifier: GPL-2.0-only */
/* What every subcommand of this room needs: messages, opening, definitions by id, progress. */
#ifndef ANA_COMMON_H
#define ANA_COMMON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "traces/fltrace.h"

enum {
	ANA_OK = 0,
	ANA_FAILED = 1,
	ANA_USAGE = 2,
};

/* "CMD: text" on stderr, one line, safe for a terminal. */
void ana_error(const char *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Opens a trace, or says why not. 0 or -errno. */
int ana_open(const char *cmd, const char *path, struct flt_reader **r);

/* Flushes stdout and says what went wrong with it, if anything. ANA_OK or ANA_FAILED. */
int ana_flush(const char *cmd);

/* Prints a JSON document and a newline on stdout; O is stolen (NULL: out of memory). */
int ana_print_json(const char *cmd, json_t *o);

/* ---- members of objects that somebody else wrote ---- */

/* The text at KEY, or OTHERWISE if there is none. */
const char *ana_text(const json_t *o, const char *key, const char *otherwise);
/* The whole number at KEY (negative or missing: OTHERWISE). */
uint64_t ana_number(const json_t *o, const char *key, uint64_t otherwise);
/* The number at KEY, whole or not. */
double ana_real(const json_t *o, const char *key, double otherwise);
bool ana_true(const json_t *o, const char *key);
/* The member at a path such as "machine.cpu.model"; NULL if any step is missing. */
const json_t *ana_at(const json_t *o, const char *path);

/* ---- definitions by id ---- */

struct ana_ids {
	const json_t *defs; /* array, borrowed from the reader */
	size_t count;
	struct ana_id {
		uint64_t id;
		size_t index; /* in defs */
	} * id;               /* sorted by id */
};

/* All definitions of one sort. 0 or -ENOMEM; ana_ids_free() in any case. */
int ana_ids_load(struct ana_ids *ids, const struct flt_reader *r, const char *what);
void ana_ids_free(struct ana_ids *ids);
/* Position of a definition in the array, ids->count if there is none. */
size_t ana_ids_index(const struct ana_ids *ids, uint64_t id);
/* The definition with that id or NULL. */
const json_t *ana_ids_get(const struct ana_ids *ids, uint64_t id);

/* ---- progress ---- */

struct ana_progress {
	const char *what, *unit;
	uint64_t total;
	uint64_t begun_ns, shown_ns;
	bool on; /* stderr is a terminal */
	bool shown;
};

/* UNIT is NULL for bytes. TOTAL 0: not known. */
void ana_progress_begin(struct ana_progress *p, const char *what, const char *unit, uint64_t total);
/* Shows rate and time left once two seconds have passed; cheap enough for every batch. */
void ana_progress_update(struct ana_progress *p, uint64_t done);
/* Takes the line away again. */
void ana_progress_end(struct ana_progress *p);

#endif
