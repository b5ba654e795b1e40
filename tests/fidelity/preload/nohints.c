/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swallows the advice that a program gives about its mappings and files (LD_PRELOAD=nohints.so), for
 * llama-bench has no switch for it: how does the kernel do by itself?
 */
/* both names of a function are defined here, so neither may stand for the other */
#undef _FILE_OFFSET_BITS
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static void *map(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, addr, len, prot, flags & ~MAP_POPULATE, fd, offset);
}

EXPORTED void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return map(addr, len, prot, flags, fd, offset);
}

EXPORTED void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t offset)
{
	return map(addr, len, prot, flags, fd, offset);
}

EXPORTED int madvise(void *addr, size_t len, int advice)
{
	switch (advice) {
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
		return 0;
	default:
		/* the C library's own uses: giving memory back, guard pages, huge pages */
		return (int)syscall(SYS_madvise, addr, len, advice);
	}
}

EXPORTED int posix_madvise(void *addr, size_t len, int advice)
{
	(void)addr, (void)len, (void)advice;
	return 0;
}

EXPORTED int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
	(void)fd, (void)offset, (void)len, (void)advice;
	return 0;
}

EXPORTED int posix_fadvise64(int fd, off64_t offset, off64_t len, int advice)
{
	(void)fd, (void)offset, (void)len, (void)advice;
	return 0;
}

EXPORTED ssize_t readahead(int fd, off64_t offset, size_t len)
{
	(void)fd, (void)offset, (void)len;
	return 0;
}
