// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/datafile.c: is a file fit to be replayed on: size, holes, unwritten extents, where it lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/datafile.h"
#include "host/host_int.h"

#define EXTENTS_PER_CALL 256

static uint64_t count_holes(int fd, uint64_t size)
{
	uint64_t holes = 0;
	off_t at = 0;

	while (at >= 0 && (uint64_t)at < size) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		off_t data;

		if (hole < 0 || (uint64_t)hole >= size)
			break;
		data = lseek(fd, hole, SEEK_DATA);
		/* ENXIO: nothing but a hole up to the end */
		if (data < 0 || (uint64_t)data > size)
			data = (off_t)size;
		holes += (uint64_t)(data - hole);
		at = data;
	}
	return holes;
}

/* Unwritten extents look like data to SEEK_HOLE on some file systems and like holes on others. */
static int count_extents(int fd, struct host_datafile *df)
{
	const uint32_t not_written =
		FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN;
	uint64_t unwritten = 0, encoded = 0, extents = 0;
	uint64_t at = 0, next_physical = UINT64_MAX;
	struct fiemap *fm;
	bool last = false;
	int ret = 0;

	fm = calloc(1, sizeof(*fm) + EXTENTS_PER_CALL * sizeof(fm->fm_extents[0]));
	if (!fm)
		return -ENOMEM;
	while (!last) {
		fm->fm_start = at;
		fm->fm_length = FIEMAP_MAX_OFFSET - at;
		fm->fm_flags = FIEMAP_FLAG_SYNC;
		fm->fm_extent_count = EXTENTS_PER_CALL;
		fm->fm_mapped_extents = 0;
		if (ioctl(fd, FS_IOC_FIEMAP, fm)) {
			ret = -errno;
			goto out;
		}
		if (!fm->fm_mapped_extents)
			break;
		for (uint32_t i = 0; i < fm->fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &fm->fm_extents[i];
			uint64_t end = e->fe_logical + e->fe_length;
			uint64_t len = 0;

			/* blocks reserved beyond the end are never read */
			if (e->fe_logical < df->size)
				len = (end < df->size ? end : df->size) - e->fe_logical;
			if (e->fe_flags & not_written)
				unwritten += len;
			if (e->fe_flags & (FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_INLINE))
				encoded += len;
			if (len && e->fe_physical != next_physical)
				extents++;
			next_physical = e->fe_physical + e->fe_length;
			last = e->fe_flags & FIEMAP_EXTENT_LAST;
			if (end <= at)
				last = true;
			at = end;
		}
	}
	df->unwritten = unwritten;
	df->encoded = encoded;
	df->extents = extents;
out:
	free(fm);
	return ret;
}

int host_datafile_check(const char *path, struct host_datafile *df, struct host_err *err)
{
	struct host_mount mt;
	struct stat st;
	int ret = 0;
	int fd;

	memset(df, 0, sizeof(*df));
	df->unwritten = HOST_UNKNOWN;
	df->encoded = HOST_UNKNOWN;
	df->extents = HOST_UNKNOWN;
	/* O_NONBLOCK: a FIFO of that name must not hang us */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return host_fail(err, -errno, "cannot open the data file %s: %s", path,
				 strerror(errno));
	if (fstat(fd, &st)) {
		ret = host_fail(err, -errno, "cannot look at %s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = host_fail(err, -EINVAL, "%s is not a regular file", path);
		goto out;
	}
	df->size = (uint64_t)st.st_size;
	df->allocated = (uint64_t)st.st_blocks * 512;
	df->dev = st.st_dev;
	df->ino = st.st_ino;
	df->holes = count_holes(fd, df->size);
	ret = count_extents(fd, df);
	if (ret == -ENOMEM) {
		host_fail(err, ret, "cannot check %s: out of memory", path);
		goto out;
	}
	/* no FIEMAP (tmpfs, NFS, FUSE): stays unknown */
	ret = 0;
	if (!host_mount_of(path, &mt)) {
		(void)host_path(df->fstype, sizeof(df->fstype), "%s", mt.fstype);
		(void)host_path(df->mount, sizeof(df->mount), "%s", mt.mount);
		(void)host_path(df->source, sizeof(df->source), "%s", mt.source);
		memcpy(df->options, mt.options, sizeof(df->options) - 1);
	}
	df->ours = host_datafile_ours(fd) == 1;
out:
	close(fd);
	return ret;
}

int host_datafile_fit(const char *path, const struct host_datafile *df, uint64_t need,
		      struct host_err *err)
{
	const char *again = df->ours ? "remove it and have it laid out anew"
				     : "copy it with cp --sparse=never, or name another file";
	char a[32], b[32];

	if (df->size < need)
		return host_fail(err, -EINVAL, "the data file %s has %s, the trace needs %s: %s",
				 path, host_size_format(df->size, a, sizeof(a)),
				 host_size_format(need, b, sizeof(b)), again);
	/* of a file with more than is needed all counts: it is not known here which part is read */
	if (df->holes)
		return host_fail(
			err, -EINVAL,
			"the data file %s has holes (%s of %s), which no drive is asked for: %s",
			path, host_size_format(df->holes, a, sizeof(a)),
			host_size_format(df->size, b, sizeof(b)), again);
	if (df->unwritten && df->unwritten != HOST_UNKNOWN)
		return host_fail(
			err, -EINVAL,
			"the data file %s has extents that were never written (%s of %s), which no "
			"drive is asked for: %s",
			path, host_size_format(df->unwritten, a, sizeof(a)),
			host_size_format(df->size, b, sizeof(b)), again);
	return 0;
}
