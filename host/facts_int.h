/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/facts_int.h: putting what small files say into objects; what is missing is left out.
 */
#ifndef HOST_FACTS_INT_H
#define HOST_FACTS_INT_H

#include <jansson.h>
#include <stdint.h>

void host_facts_str(json_t *o, const char *key, const char *val);
void host_facts_int(json_t *o, const char *key, uint64_t val);

/* Takes the reference of @val; an empty object is dropped. */
void host_facts_add(json_t *o, const char *key, json_t *val);

/* A file's first line; its number; the [chosen] one of its words (or the line, if none is chosen). */
void host_facts_file(json_t *o, const char *key, const char *path);
void host_facts_file_int(json_t *o, const char *key, const char *path);
void host_facts_file_choice(json_t *o, const char *key, const char *path);

#endif
