// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where on the disk the model is: what a kernel thread reads there, it reads for the run. (A throttled
 * cgroup's bios are not submitted by the thread that wants them, but later by a worker.)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tracer/world.h"

#define AT_A_TIME 256

struct extent {
	uint32_t disk;
	uint64_t start, end; /* sectors */
};

struct rec_extents {
	struct extent *extent; /* sorted */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->disk != y->disk)
		return x->disk < y->disk ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static bool add(struct rec_extents *x, const struct fiemap_extent *e, uint32_t disk, uint64_t start)
{
	/* elsewhere, not yet anywhere, or not as it is in the file */
	const __u32 useless =
		FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_NOT_ALIGNED;
	struct extent *more;

	if (e->fe_flags & useless)
		return true;
	more = realloc(x->extent, (x->count + 1) * sizeof(*more));
	if (!more)
		return false;
	x->extent = more;
	more[x->count++] = (struct extent){
		.disk = disk,
		.start = start + e->fe_physical / 512,
		.end = start + (e->fe_physical + e->fe_length) / 512,
	};
	return true;
}

static void read_extents(struct rec_extents *x, int fd, uint32_t disk, uint64_t start)
{
	size_t size = sizeof(struct fiemap) + AT_A_TIME * sizeof(struct fiemap_extent);
	struct fiemap *map = calloc(1, size);
	bool more = map;

	while (more) {
		const struct fiemap_extent *last;

		map->fm_length = FIEMAP_MAX_OFFSET - map->fm_start;
		map->fm_extent_count = AT_A_TIME;
		if (ioctl(fd, FS_IOC_FIEMAP, map) || !map->fm_mapped_extents)
			break;
		for (__u32 i = 0; more && i < map->fm_mapped_extents; i++)
			more = add(x, &map->fm_extents[i], disk, start);
		last = &map->fm_extents[map->fm_mapped_extents - 1];
		if (last->fe_flags & FIEMAP_EXTENT_LAST)
			break;
		map->fm_start = last->fe_logical + last->fe_length;
	}
	free(map);
}

void rec_extents_add(struct rec_world *w, const char *path, uint32_t disk, uint64_t start)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (!w->extents)
		w->extents = calloc(1, sizeof(*w->extents));
	if (w->extents) {
		read_extents(w->extents, fd, disk, start);
		if (w->extents->count)
			qsort(w->extents->extent, w->extents->count, sizeof(struct extent),
			      compare);
	}
	close(fd);
}

bool rec_extents_have(const struct rec_world *w, uint32_t disk, uint64_t sector)
{
	size_t low = 0, high = w->extents ? w->extents->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct extent *e = &w->extents->extent[middle];

		if (e->disk < disk || (e->disk == disk && e->end <= sector))
			low = middle + 1;
		else if (e->disk == disk && e->start <= sector)
			return true;
		else
			high = middle;
	}
	return false;
}

void rec_extents_free(struct rec_world *w)
{
	if (w->extents)
		free(w->extents->extent);
	free(w->extents);
	w->extents = NULL;
}
