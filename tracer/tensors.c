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
	char magic[4];
	json_t *tensors; /* NULL: no GGUF file */
};

/* Past the page cache where that is possible: the run is to find the file as it was. */
static bool read_magic(const char *path, char magic[4])
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
	if (n >= 4)
		memcpy(magic, head, 4);
	return n >= 4;
}

static json_t *read_tensors(const char *path, const char magic[4])
{
	json_t *tensors;
	int fd;

	if (memcmp(magic, "GGUF", 4))
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	/* not a page more than what is asked for, should the run be at it */
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	tensors = flt_gguf_tensors(fd);
	close(fd);
	return tensors;
}

void rec_tensors_read(struct rec_tensors **list, const char *path, bool wanted)
{
	struct rec_tensors *t = calloc(1, sizeof(*t));
	struct stat st;

	if (!t)
		return;
	if (stat(path, &st) || !S_ISREG(st.st_mode) || !read_magic(path, t->magic)) {
		free(t);
		return;
	}
	t->tensors = wanted ? read_tensors(path, t->magic) : NULL;
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	t->next = *list;
	*list = t;
}

static const struct rec_tensors *find(const struct rec_tensors *list, const struct stat *st)
{
	while (list && (list->dev != st->st_dev || list->ino != st->st_ino))
		list = list->next;
	return list;
}

bool rec_tensors_begins(const struct rec_tensors *list, const char *path, const struct stat *st,
			const char *magic)
{
	const struct rec_tensors *t = find(list, st);
	char own[4];

	if (t)
		return !memcmp(t->magic, magic, 4);
	return read_magic(path, own) && !memcmp(own, magic, 4);
}

json_t *rec_tensors_of(const struct rec_tensors *list, const char *path, const struct stat *st)
{
	const struct rec_tensors *t = find(list, st);
	char magic[4];

	if (t)
		return json_incref(t->tensors);
	return read_magic(path, magic) ? read_tensors(path, magic) : NULL;
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
