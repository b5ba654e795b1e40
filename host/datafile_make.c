// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/datafile_make.c: lay out a data file, and know it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/datafile.h"
#include "host/host_int.h"

#define STEP       (8ULL << 20)  /* one write */
#define FLUSH      (64ULL << 20) /* start writing back, so that dirty pages stay few */
#define HEADER     64
#define BLOCK      4096
#define SAMPLES    16
#define SPACE_LEFT (64ULL << 20) /* that the file system needs for itself */

static const char magic[24] = "faultline data file 1\n";

/* Little-endian on disk, as the stream: a file is ours on whatever machine it is read. */
static void put64(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* A bijective mixing of 64 bits, so that a counter becomes noise: multiply, fold, three times. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

void host_datafile_fill(void *buf, size_t len, uint64_t seed, uint64_t offset)
{
	uint64_t base = mix(seed + 0x9e3779b97f4a7c15ULL);
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = mix(base ^ (offset + i) * 0x9e3779b97f4a7c15ULL);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		memcpy(p + i, &v, 8);
#else
		put64(p + i, v);
#endif
	}
}

/* magic[24] size seed zero[16] check: over what is before it */
static void header_fill(unsigned char *h, uint64_t size, uint64_t seed)
{
	uint64_t check = 0;

	memset(h, 0, HEADER);
	memcpy(h, magic, sizeof(magic));
	put64(h + 24, size);
	put64(h + 32, seed);
	for (int i = 0; i < HEADER - 8; i += 8)
		check = mix(check ^ get64(h + i));
	put64(h + HEADER - 8, check);
}

static int block_matches(int fd, uint64_t offset, size_t len, uint64_t seed)
{
	unsigned char have[BLOCK], want[BLOCK];
	ssize_t n;

	n = pread(fd, have, len, (off_t)offset);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : 0;
	host_datafile_fill(want, len, seed, offset);
	return !memcmp(have, want, len);
}

static int check_content(int fd, uint64_t size)
{
	unsigned char have[HEADER], want[HEADER];
	uint64_t seed;
	ssize_t n;
	int ret;

	n = pread(fd, have, HEADER, 0);
	if (n != HEADER)
		return n < 0 ? -errno : 0;
	seed = get64(have + 32);
	header_fill(want, size, seed);
	if (memcmp(have, want, HEADER) != 0)
		return 0;
	/* somebody may have put a model over it and kept the first block: look at some of the others */
	for (uint64_t i = 0; i < SAMPLES; i++) {
		uint64_t offset = size / SAMPLES * i + mix(seed + i) % (size / SAMPLES);

		offset -= offset % BLOCK;
		if (offset < BLOCK)
			ret = block_matches(fd, HEADER, 8, seed);
		else if (size - offset < 8)
			ret = 1;
		else
			ret = block_matches(fd, offset, size - offset < BLOCK ? 8 : BLOCK, seed);
		if (ret != 1)
			return ret;
	}
	/* and the last whole words */
	return block_matches(fd, (size - 16) / 8 * 8, 8, seed);
}

int host_datafile_ours(int fd)
{
	char link[64];
	struct stat st;
	int own;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < BLOCK)
		return 0;
	/* an open file of our own: FADV_RANDOM, so that read-ahead does not fill the cache for it */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	own = open(link, O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	(void)posix_fadvise(own, 0, 0, POSIX_FADV_RANDOM);
	ret = check_content(own, (uint64_t)st.st_size);
	close(own);
	return ret;
}

static int check_space(const char *dir, uint64_t size, uint64_t freed, const char *path,
		       struct host_err *err)
{
	struct statvfs vfs;
	struct statfs fs;
	uint64_t avail;
	char a[32], b[32];

	/* Before anything is written: it would fill the memory that the replay is about. */
	if (!statfs(dir, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		return host_fail(
			err, -EINVAL,
			"%s would live in memory (%s is a tmpfs): name a folder on a drive", path,
			dir);
	if (statvfs(dir, &vfs))
		return host_fail(err, -errno, "cannot ask for the free space of %s: %s", dir,
				 strerror(errno));
	avail = (uint64_t)vfs.f_bavail * vfs.f_frsize + freed;
	if (avail < size + SPACE_LEFT)
		return host_fail(err, -ENOSPC,
				 "not enough space for %s: it needs %s, %s has %s free", path,
				 host_size_format(size, a, sizeof(a)), dir,
				 host_size_format(avail, b, sizeof(b)));
	return 0;
}

static int write_all(int fd, const void *buf, size_t len, uint64_t offset)
{
	const char *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_content(int fd, uint64_t size, uint64_t seed, host_progress_fn progress, void *arg)
{
	unsigned char *buf = malloc(STEP + 8);
	uint64_t done = 0;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	/* tells about missing space now, and gives long extents; NFS and FAT may not know it */
	if (fallocate(fd, 0, 0, (off_t)size)) {
		ret = errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL ? 0 : -errno;
		if (ret)
			goto out;
	}
	while (done < size) {
		size_t len = (size_t)(size - done < STEP ? size - done : STEP);

		host_datafile_fill(buf, (len + 7) / 8 * 8, seed, done);
		if (!done)
			header_fill(buf, size, seed);
		ret = write_all(fd, buf, len, done);
		if (ret)
			goto out;
		done += len;
		if (done % FLUSH == 0) {
			/* the step before is on the drive by now, or is waited for here */
			uint64_t from = done < 2 * FLUSH ? 0 : done - 2 * FLUSH;

			(void)sync_file_range(fd, (off_t)(done - FLUSH), (off_t)FLUSH,
					      SYNC_FILE_RANGE_WRITE);
			(void)sync_file_range(fd, (off_t)from, (off_t)(done - FLUSH - from),
					      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
						      SYNC_FILE_RANGE_WAIT_AFTER);
			(void)posix_fadvise(fd, (off_t)from, (off_t)(done - FLUSH - from),
					    POSIX_FADV_DONTNEED);
		}
		if (progress && progress(arg, done, size)) {
			ret = -ECANCELED;
			goto out;
		}
	}
	if (fsync(fd))
		ret = -errno;
	else
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
out:
	free(buf);
	return ret;
}

/* What is there under @path: 0 nothing, 1 ours and of that size, 2 ours, -EEXIST somebody else's. */
static int look(const char *path, uint64_t size, uint64_t *blocks, struct host_err *err)
{
	struct stat st;
	int ret;
	int fd;

	*blocks = 0;
	if (lstat(path, &st))
		return errno == ENOENT ? 0
				       : host_fail(err, -errno, "cannot look at %s: %s", path,
						   strerror(errno));
	if (!S_ISREG(st.st_mode))
		return host_fail(err, -EEXIST, "%s exists and is not a data file of faultline",
				 path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return host_fail(err, -errno, "cannot open %s: %s", path, strerror(errno));
	ret = host_datafile_ours(fd);
	close(fd);
	if (ret < 0)
		return host_fail(err, ret, "cannot read %s: %s", path, strerror(-ret));
	if (!ret)
		return host_fail(err, -EEXIST,
				 "%s exists and was not made by faultline: it is not touched",
				 path);
	*blocks = (uint64_t)st.st_blocks * 512;
	return (uint64_t)st.st_size == size ? 1 : 2;
}

/*
 * Create the file without a name, so that nothing remains whatever happens to us. Where the file system
 * cannot do that (FAT, NFS), under a temporary name with a janitor that removes it.
 */
static int create(const char *dir, const char *path, char *tmp, size_t tmp_size,
		  struct host_janitor **j, struct host_err *err)
{
	int fd;
	int ret;

	tmp[0] = '\0';
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
		return host_fail(err, -errno, "cannot create a file in %s: %s", dir,
				 strerror(errno));
	ret = host_path(tmp, tmp_size, "%s.faultline-%d", path, (int)getpid());
	if (!ret)
		ret = host_janitor_start(j, err);
	if (!ret) {
		fd = open(tmp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
		if (fd >= 0)
			ret = host_janitor_add(*j, HOST_UNDO_UNLINK, tmp, NULL);
		else
			ret = host_fail(err, -errno, "cannot create %s: %s", tmp, strerror(errno));
		if (ret > 0)
			return fd;
		if (fd >= 0) {
			(void)unlink(tmp);
			close(fd);
		}
	}
	return ret;
}

/* Give the finished file its name. Never replaces anything: what was ours there is unlinked before. */
static int publish(int fd, const char *tmp, const char *path)
{
	char link_path[64];

	if (tmp[0]) {
		/* link() would be the way to not replace anything, but FAT has none */
		if (!access(path, F_OK))
			return -EEXIST;
		return rename(tmp, path) ? -errno : 0;
	}
	(void)snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, link_path, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int host_datafile_make(const char *path, uint64_t size, uint64_t seed, host_progress_fn progress,
		       void *arg, struct host_err *err)
{
	char copy[HOST_PATH_MAX], tmp[HOST_PATH_MAX];
	struct host_janitor *j = NULL;
	const char *dir;
	uint64_t blocks;
	int fd = -1;
	int dir_fd;
	int there;
	int ret;

	if (size < BLOCK || size > INT64_MAX - SPACE_LEFT)
		return host_fail(err, -EINVAL, "a data file has at least %d bytes", BLOCK);
	if (host_path(copy, sizeof(copy), "%s", path))
		return host_fail(err, -ENAMETOOLONG, "the name of the data file is too long");
	dir = dirname(copy);
	there = look(path, size, &blocks, err);
	if (there < 0 || there == 1)
		return there;
	ret = check_space(dir, size, blocks, path, err);
	if (ret)
		return ret;
	/* what is ours goes first: there may be no space for both; look() has just seen that it is */
	if (there == 2 && unlink(path))
		return host_fail(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	ret = create(dir, path, tmp, sizeof(tmp), &j, err);
	if (ret < 0)
		goto out;
	fd = ret;
	ret = write_content(fd, size, seed, progress, arg);
	if (!ret)
		ret = publish(fd, tmp, path);
	if (ret)
		host_fail(err, ret, "cannot write the data file %s: %s", path,
			  ret == -ECANCELED ? "interrupted" : strerror(-ret));
	if (ret && tmp[0])
		(void)unlink(tmp);
	/* the name has to survive a power cut as well as the content */
	dir_fd = ret ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0) {
		(void)fsync(dir_fd);
		close(dir_fd);
	}
out:
	if (fd >= 0)
		close(fd);
	/* its unlink() then finds nothing: the temporary name is gone, either way */
	host_janitor_stop(j);
	return ret;
}

int host_datafile_remove(const char *path, struct host_err *err)
{
	uint64_t blocks;
	int ret = look(path, 0, &blocks, err);

	if (ret <= 0)
		return ret;
	if (unlink(path))
		return host_fail(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}
