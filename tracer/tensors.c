// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/fltrace.h"
#include "tracer/tensors.h"

struct rec_tensors {
	struct rec_tensors *next;
	dev_t dev;
	ino_t ino;
	json_t *tensors;
};

/* The run may be at the file, and is to find it as it was. */
bool rec_file_begins(const char *path, const char *magic)
{
	static _Alignas(4096) char head[4096];
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, fd = open(path, flags | O_DIRECT);
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);

	if (n < 4) {
		if (fd >= 0)
			close(fd);
		fd = open(path, flags);
		if (fd < 0)
			return false;
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
		n = pread(fd, head, sizeof(head), 0);
	}
	close(fd);
	return n >= 4 && !memcmp(head, magic, 4);
}

static json_t *read_file(const char *path, struct stat *st)
{
	json_t *tensors = NULL;
	int fd;

	if (!rec_file_begins(path, "GGUF"))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	/* not a page more than what is asked for, should the run be at it */
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		tensors = flt_gguf_tensors(fd);
	close(fd);
	return tensors;
}

void rec_tensors_read(struct rec_tensors **list, const char *path)
{
	struct rec_tensors *t = malloc(sizeof(*t));
	struct stat st = {0};

	if (!t)
		return;
	t->tensors = read_file(path, &st);
	if (!t->tensors) {
		free(t);
		return;
	}
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	t->next = *list;
	*list = t;
}

json_t *rec_tensors_of(const struct rec_tensors *list, const char *path, const struct stat *st)
{
	struct stat now;

	for (; list; list = list->next)
		if (list->dev == st->st_dev && list->ino == st->st_ino)
			return json_incref(list->tensors);
	return read_file(path, &now);
}

void rec_tensors_free(struct rec_tensors **list)
{
	while (*list) {
		struct rec_tensors *t = *list;

		*list = t->next;
		json_decref(t->tensors);
		free(t);
	}
}
