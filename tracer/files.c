// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that the recorded processes map or read.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/mount.h"
#include "host/util.h"
#include "tracer/world.h"

/* Large, and not a program: weights, most likely. */
#define SMALLEST_MODEL (8ull << 20)

/* SHOWN may be a name in somebody else's file system tree, where ours has another file or none. */
static bool find_mount(const char *shown, const struct stat *st, struct host_mount *mount)
{
	struct stat here;

	return !stat(shown, &here) && here.st_ino == st->st_ino && here.st_dev == st->st_dev &&
	       !host_mount_of(shown, mount);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcasecmp(s + n - m, end);
}

static bool looks_like_model(const struct rec_world *w, const char *shown, const char *path,
			     const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return false;
	if (ends_with(shown, ".gguf") || ends_with(shown, ".safetensors"))
		return true;
	return (uint64_t)st->st_size >= SMALLEST_MODEL &&
	       !rec_tensors_begins(w->tensors, path, st, "\177ELF");
}

/* PATH as this process can open it, if it leads to that inode. */
static bool is_path_of(const char *path, uint32_t dev, uint64_t ino, struct stat *st)
{
	return !stat(path, st) && st->st_ino == ino &&
	       (makedev(dev >> 20, dev & 0xfffff) == st->st_dev || S_ISREG(st->st_mode));
}

/*
 * Finds a path: the kernel's, as the process sees it; what its descriptor shows; else nothing. SHOWN
 * is the name for people, OPENABLE one that works from here (the process may have another root).
 */
static bool find_path(uint32_t dev, uint64_t ino, pid_t pid, int fd, const char *path, char *shown,
		      char *openable, struct stat *st)
{
	char link[64];
	ssize_t n;

	if (path && path[0] == '/') {
		snprintf(shown, PATH_MAX, "%s", path);
		snprintf(openable, PATH_MAX, "%s", path);
		if (is_path_of(openable, dev, ino, st))
			return true;
		snprintf(openable, PATH_MAX, "/proc/%d/root%s", (int)pid, path);
		if (is_path_of(openable, dev, ino, st))
			return true;
	}
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(link, shown, PATH_MAX - 1);
		if (n > 0) {
			shown[n] = '\0';
			snprintf(openable, PATH_MAX, "%s", link);
			if (is_path_of(openable, dev, ino, st))
				return true;
		}
	}
	if (path)
		snprintf(shown, PATH_MAX, "%s", path);
	else
		snprintf(shown, PATH_MAX, "(inode %llu)", (unsigned long long)ino);
	openable[0] = '\0';
	return false;
}

/* PATH_HERE: works from here. */
static void define(struct rec_world *w, const struct rec_file *f, const struct stat *st,
		   const char *fs, const char *path_here)
{
	char dev[32];
	json_t *path = json_string(f->path), *tensors = NULL;
	json_t *def;

	snprintf(dev, sizeof(dev), "%u:%u", f->dev >> 20, f->dev & 0xfffff);
	def = json_pack("{s:I, s:o, s:I, s:s, s:I, s:b}", "id", (json_int_t)f->id, "path",
			path ? path : json_string("?"), "size", (json_int_t)f->size, "dev", dev,
			"ino", (json_int_t)f->ino, "model", f->model);
	if (def && st)
		json_object_set_new(
			def, "mtime_ns",
			json_integer(st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec));
	if (def && fs)
		json_object_set_new(def, "fs", json_string(fs));
	if (def && st && f->model && w->wants_tensors)
		tensors = rec_tensors_of(w->tensors, path_here, st);
	if (tensors)
		json_object_set_new(def, "tensors", tensors);
	rec_sink_define(w->sink, "file", def);
}

static struct rec_file *make_file(struct rec_world *w, uint32_t dev, uint64_t ino, pid_t pid,
				  int fd, const char *path)
{
	char shown[PATH_MAX] = "", openable[PATH_MAX] = "";
	struct host_mount mount;
	struct stat st = {0};
	bool known = find_path(dev, ino, pid, fd, path, shown, openable, &st);
	struct rec_file **more = realloc(w->file, (w->next_file + 1) * sizeof(struct rec_file *));
	struct rec_file *f;

	if (!more)
		return NULL;
	w->file = more;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->id = w->next_file;
	f->dev = dev;
	f->ino = ino;
	f->path = strdup(shown);
	if (!f->path) {
		free(f);
		return NULL;
	}
	if (known) {
		f->size = (uint64_t)st.st_size;
		f->model = looks_like_model(w, shown, openable, &st) &&
			   !(st.st_ino == w->output_ino && st.st_dev == w->output_dev);
	}
	w->file[w->next_file++] = f;
	define(w, f, known ? &st : NULL,
	       known && find_mount(shown, &st, &mount) ? mount.fstype : NULL, openable);
	if (f->model && w->watch)
		w->watch(w->watch_arg, dev, ino);
	if (f->model)
		rec_block_model(w, f);
	return f;
}

static struct rec_file_name *name_get(struct rec_world *w, uint32_t dev, uint64_t ino)
{
	struct rec_file_name *n, want = {.key = {.ino = ino, .dev = dev}};

	HASH_FIND(hh, w->files, &want.key, sizeof(want.key), n);
	if (n)
		return n;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->key = want.key;
	HASH_ADD(hh, w->files, key, sizeof(n->key), n);
	return n;
}

void rec_file_hint(struct rec_world *w, uint32_t dev, uint64_t ino, const char *path)
{
	struct rec_file_name *n = name_get(w, dev, ino);

	if (n && !n->path && !n->file)
		n->path = strdup(path);
}

void rec_file_alias(struct rec_world *w, struct rec_file *f, uint32_t dev, uint64_t ino)
{
	struct rec_file_name *n = name_get(w, dev, ino);

	if (n && !n->file)
		n->file = f;
}

struct rec_file *rec_file_get(struct rec_world *w, uint32_t dev, uint64_t ino, pid_t pid, int fd,
			      const char *path)
{
	struct rec_file_name *n = w->last_file;

	if (n && n->key.ino == ino && n->key.dev == dev)
		return n->file;
	n = name_get(w, dev, ino);
	if (n && !n->file)
		n->file = make_file(w, dev, ino, pid, fd, path ? path : n->path);
	w->last_file = n;
	return n ? n->file : NULL;
}

void rec_files_free(struct rec_world *w)
{
	struct rec_file_name *n, *next;

	HASH_ITER (hh, w->files, n, next) {
		HASH_DEL(w->files, n);
		free(n->path);
		free(n);
	}
	for (uint64_t i = 0; i < w->next_file; i++) {
		free(w->file[i]->path);
		free(w->file[i]);
	}
	free(w->file);
	w->file = NULL;
	w->next_file = 0;
}
