/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/datafile.h: the file that a replay reads: is it fit for it, and making one.
 *
 * A hole or an unwritten extent is read without the drive being asked, so a file has to be written,
 * all of it, to measure anything.
 *
 * Files that we make begin with a header (magic, size, seed, checksum) and continue with a stream of
 * pseudo-random numbers which can be computed for any offset. A file is *ours* if its header holds, its size
 * is the header's, and blocks picked all over it hold what the stream says. The mark is the content itself:
 * other than an extended attribute it exists on every file system, follows a copy, and is gone once somebody
 * writes other data into the file. Nothing here ever writes to, truncates or replaces a file that is not ours.
 */
#ifndef HOST_DATAFILE_H
#define HOST_DATAFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/evict.h"
#include "host/util.h"

struct host_datafile {
	uint64_t size;
	uint64_t allocated; /* bytes of blocks that the file system counts for it */
	uint64_t holes;     /* bytes in holes */
	uint64_t unwritten; /* bytes allocated but never written; HOST_UNKNOWN without FIEMAP */
	uint64_t encoded;   /* bytes compressed or encrypted by the file system; HOST_UNKNOWN */
	uint64_t extents;   /* pieces that do not follow each other on the device; HOST_UNKNOWN */
	bool ours;          /* see above */
	dev_t dev;          /* st_dev */
	ino_t ino;
	char fstype[32];           /* "ext4" */
	char mount[HOST_PATH_MAX]; /* mount point */
	char options[512];         /* mount options, the file system's own included */
	char source[256];          /* "/dev/nvme0n1p2" */
};

/* Look at a file; nothing is written, its pages are not read in but for a few blocks. 0 or -errno. */
int host_datafile_check(const char *path, struct host_datafile *df, struct host_err *err);

/*
 * Whether a checked file can serve a replay that needs @need bytes of it: 0, or -EINVAL with the one line
 * that says what is wrong and how to get a good one. @path is for the text.
 */
int host_datafile_fit(const char *path, const struct host_datafile *df, uint64_t need,
		      struct host_err *err);

/* 1: the open file is one of ours, 0: it is not, or -errno. */
int host_datafile_ours(int fd);

/*
 * Make a data file of @size bytes (at least 4096): the space is checked and reserved first, the content is
 * incompressible, all is on the drive (fsync) when this returns, and the pages are dropped again.
 * The file appears under its name only when it is complete, nothing remains after a failure or an
 * interruption. A complete file of ours with that size is kept (returns 1); one of ours with another
 * size is replaced. 0: made. -EEXIST: there is a file that is not ours. -ENOSPC: not enough space, nothing
 * written. -ECANCELED: @progress (may be NULL) said so.
 */
int host_datafile_make(const char *path, uint64_t size, uint64_t seed, host_progress_fn progress,
		       void *arg, struct host_err *err);

/* Remove a file of ours. -EEXIST if it is somebody else's; a missing file is fine. */
int host_datafile_remove(const char *path, struct host_err *err);

/* The stream: fill @buf with the bytes at @offset (a multiple of 8, as @len) of seed @seed. */
void host_datafile_fill(void *buf, size_t len, uint64_t seed, uint64_t offset);

#endif
