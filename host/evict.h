/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/evict.h: what of a file is in the page cache, and putting it out or in.
 */
#ifndef HOST_EVICT_H
#define HOST_EVICT_H

#include <stdint.h>
#include <stddef.h>

#include "host/util.h"

struct host_residency {
	uint64_t size;     /* the file's bytes */
	uint64_t resident; /* bytes in the page cache, whole pages, never above the size */
	uint64_t dirty;    /* bytes; HOST_UNKNOWN without cachestat(2) */
	uint64_t
		evicted; /* bytes that were here and of which the kernel still keeps a shadow; or HOST_UNKNOWN */
};

/*
 * Count by mincore(2), and by cachestat(2) where the kernel has it (6.5 and later).
 * -EPERM: the kernel does not tell about files that we neither own nor may write.
 */
int host_residency(int fd, struct host_residency *res, struct host_err *err);

/* Bytes of [offset, offset + len) in the page cache, by mincore(2). 0 or -errno. */
int host_resident_range(int fd, uint64_t offset, uint64_t len, uint64_t *resident);

struct host_evict_result {
	uint64_t size;   /* the file's bytes */
	uint64_t before; /* resident bytes before */
	uint64_t left;   /* resident bytes at the end */
	unsigned int tries;
	char mapped_by
		[256]; /* "llama-server (pid 4711), ..." who else maps the file; "" if nobody seen */
};

/*
 * Put a file out of the page cache: write it back, drop our own mapping's page-table entries (@map and
 * @map_len, or NULL, 0: POSIX_FADV_DONTNEED skips mapped pages), drop, count, and try again for about a
 * second. 0 if nothing is left, -EBUSY if @res->left bytes are (err says who maps the file), -errno.
 * @res may not be NULL.
 */
int host_evict(int fd, void *map, size_t map_len, struct host_evict_result *res,
	       struct host_err *err);

/*
 * Called now and then with what is done and what is to do, in bytes. Non-zero stops the work, which then
 * returns -ECANCELED and leaves nothing half done behind.
 */
typedef int (*host_progress_fn)(void *arg, uint64_t done, uint64_t total);

/*
 * Read [offset, offset + len) of a file into the page cache in order-0 folios: with FADV_RANDOM the
 * kernel reads what is asked for instead of read-ahead's large folios, of which one fault would map up
 * to 2 MiB. Pages that are resident already keep their folio: evict first. @len 0: up to the end.
 */
int host_warm(int fd, uint64_t offset, uint64_t len, host_progress_fn progress, void *arg);

#endif
