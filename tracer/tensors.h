/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/tensors.h: where in the model files the tensors are, for their definitions in the trace.
 *
 * Reading a model's header puts it into the page cache, and charges it to us: of the files that the command
 * line names it is read before anything is evicted and before the run starts.
 */
#ifndef REC_TENSORS_H
#define REC_TENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

struct rec_tensors;

/* Whether a file's first four bytes are these. Read past the page cache where that is possible. */
bool rec_file_begins(const char *path, const char *magic);

/* Reads those of PATH, and remembers them; *list is NULL at first. No GGUF file: nothing. */
void rec_tensors_read(struct rec_tensors **list, const char *path);
/* Those of the file ST, remembered or read from PATH now. A new reference; NULL if there are none. */
json_t *rec_tensors_of(const struct rec_tensors *list, const char *path, const struct stat *st);
void rec_tensors_free(struct rec_tensors **list);

#endif
