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

/*
 * Looks at PATH, and remembers its first bytes and, if WANTED, its tensors; *list is NULL at first. To be called before
 * the run starts: two reads of the same sectors at the same time cannot be told apart by their requests.
 */
void rec_tensors_read(struct rec_tensors **list, const char *path, bool wanted);
/* Whether the file ST begins with these four bytes: remembered, or read from PATH past the page cache. */
bool rec_tensors_begins(const struct rec_tensors *list, const char *path, const struct stat *st,
			const char *magic);
/* Its tensors: remembered, or read from PATH now. A new reference; NULL if there are none. */
json_t *rec_tensors_of(const struct rec_tensors *list, const char *path, const struct stat *st);
void rec_tensors_free(struct rec_tensors **list);

#endif
