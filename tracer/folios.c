// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/folios.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define SAMPLES       1000
#define AROUND        512 /* pages: the largest folio, for the most part */
#define FRAME_MASK    ((1ull << 55) - 1)
#define FRAME_PRESENT (1ull << 63)
/* Bits of /proc/kpageflags. */
#define COMPOUND_HEAD (1ull << 15)
#define COMPOUND_TAIL (1ull << 16)

struct files {
	int pagemap, flags;
	size_t page;
};

/* Pages of the piece that a frame is in; 0: not known. */
static unsigned int pieces_pages(const struct files *f, uint64_t frame)
{
	uint64_t flags[2 * AROUND];
	uint64_t first = frame > AROUND ? frame - AROUND : 0;
	ssize_t n = pread(f->flags, flags, sizeof(flags), (off_t)(first * sizeof(flags[0])));
	size_t at = (size_t)(frame - first), end, count = n > 0 ? (size_t)n / sizeof(flags[0]) : 0;

	if (at >= count)
		return 0;
	if (!(flags[at] & (COMPOUND_HEAD | COMPOUND_TAIL)))
		return 1;
	for (end = at + 1; end < count && flags[end] & COMPOUND_TAIL; end++)
		;
	while (at && flags[at] & COMPOUND_TAIL)
		at--;
	return (unsigned int)(end - at);
}

/* Maps one page for a moment, if it is in memory. */
static unsigned int look(const struct files *f, unsigned char *p)
{
	unsigned char resident;
	uint64_t entry = 0;

	if (mincore(p, f->page, &resident) || !(resident & 1) ||
	    madvise(p, f->page, MADV_POPULATE_READ))
		return 0;
	if (pread(f->pagemap, &entry, sizeof(entry),
		  (off_t)((uintptr_t)p / f->page * sizeof(entry))) != sizeof(entry) ||
	    !(entry & FRAME_PRESENT) || !(entry & FRAME_MASK))
		return 0;
	return pieces_pages(f, entry & FRAME_MASK);
}

static double sample(const struct files *f, unsigned char *map, size_t size, uint64_t bytes)
{
	size_t pages = (size + f->page - 1) / f->page;
	size_t step = pages > SAMPLES ? pages / SAMPLES : 1;
	unsigned int known = 0, larger = 0;

	/* an odd step meets all places in pieces of whatever power of two */
	for (size_t i = 0; i < pages; i += step | 1) {
		unsigned int n = look(f, map + i * f->page);

		known += n != 0;
		larger += (uint64_t)n * f->page > bytes;
	}
	return known ? (double)larger / known : -1;
}

double rec_folios_larger(const char *path, uint64_t bytes)
{
	struct files f = {
		.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
		.flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC),
		.page = (size_t)sysconf(_SC_PAGESIZE),
	};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	double result = -1;
	struct stat st;
	void *map;

	if (fd < 0 || f.pagemap < 0 || f.flags < 0 || fstat(fd, &st) || !st.st_size)
		goto out;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		goto out;
	madvise(map, (size_t)st.st_size, MADV_RANDOM);
	result = sample(&f, map, (size_t)st.st_size, bytes);
	munmap(map, (size_t)st.st_size);
out:
	if (fd >= 0)
		close(fd);
	if (f.pagemap >= 0)
		close(f.pagemap);
	if (f.flags >= 0)
		close(f.flags);
	return result;
}
