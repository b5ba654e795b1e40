// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data files: one open file and one shared mapping each, as in the recorded process. Page tables,
 * mmap_lock, the file's read-ahead state and the alignment that decides whether a huge page fits are then
 * what they were; jobs that map on their own fault each page once for every job.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/replay.h"

#define HUGE_PAGE (2ull << 20)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

int eng_file_map(struct eng_file *f, struct host_err *err)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)((f->size + page - 1) & ~(page - 1)), room = len + 2 * HUGE_PAGE;
	uint8_t *hole, *at;

	/*
	 * Not fio's descriptor: fio's open advises the kernel that reads will be sequential, and advice belongs to
	 * the open file.
	 */
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOATIME);
	if (f->fd < 0 && errno == EPERM)
		f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return host_fail(err, -errno, "cannot open %s: %s", f->path, strerror(errno));
	hole = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hole == MAP_FAILED)
		goto fail;
	at = (uint8_t *)((((uintptr_t)hole + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1)) +
			 (uintptr_t)(f->address & (HUGE_PAGE - 1) & ~(page - 1)));
	if (mmap(at, len, PROT_READ, MAP_SHARED | MAP_FIXED, f->fd, 0) == MAP_FAILED) {
		int e = errno;

		munmap(hole, room);
		errno = e;
		goto fail;
	}
	if (at > hole)
		munmap(hole, (size_t)(at - hole));
	munmap(at + len, room - len - (size_t)(at - hole));
	f->map = at;
	f->map_len = len;
	f->bus_base = (uintptr_t)at;
	return 0;
fail:
	room = (size_t)errno;
	close(f->fd);
	f->fd = -1;
	return host_fail(err, -(int)room, "cannot map %s: %s", f->path, strerror((int)room));
}

void eng_file_unmap(struct eng_file *f)
{
	if (f->map)
		munmap(f->map, f->map_len);
	if (f->fd >= 0)
		close(f->fd);
	f->map = NULL;
	f->map_len = 0;
	f->fd = -1;
}

static int failed(int ret)
{
	return ret < 0 ? -errno : 0;
}

int eng_file_hint(struct eng_file *f, uint8_t hint, uint32_t advice, uint64_t offset,
		  uint64_t length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end;
	uint8_t *at;

	if (offset >= f->size)
		return -EINVAL;
	/* Calls on a mapping want whole pages of this machine, those on a descriptor take the bytes as they are. */
	end = length && length < f->size - offset ? offset + length : f->size;
	at = f->map + (offset & ~(page - 1));
	switch (hint) {
	case FLT_HO_MADVISE:
		return failed(madvise(at, (size_t)(f->map + end - at), (int)advice));
	case FLT_HO_POPULATE:
		if (!madvise(at, (size_t)(f->map + end - at), MADV_POPULATE_READ))
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* Before 5.14 there is only mlock() to do it. */
		if (!mlock(at, (size_t)(f->map + end - at)))
			return failed(munlock(at, (size_t)(f->map + end - at)));
		return -errno;
	case FLT_HO_MLOCK:
		return failed(mlock(at, (size_t)(f->map + end - at)));
	case FLT_HO_MUNLOCK:
		return failed(munlock(at, (size_t)(f->map + end - at)));
	case FLT_HO_FADVISE:
		return -posix_fadvise(f->fd, (off_t)offset, length ? (off_t)(end - offset) : 0,
				      (int)advice);
	case FLT_HO_READAHEAD:
		return failed((int)readahead(f->fd, (off64_t)offset, (size_t)(end - offset)));
	default:
		return -EINVAL;
	}
}

/* ---- faults that cannot be served ------------------------------------------ */

#define WATCHED 512

/* Which addresses are ours, for a handler that may take no lock. */
static struct watched {
	_Atomic uintptr_t from, to;
	_Atomic(struct eng_group *) group;
} watched[WATCHED];

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction old_bus, old_segv;
static bool watching;
static size_t page_size;

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *old = sig == SIGBUS ? &old_bus : &old_segv;

	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	} else {
		/* The instruction is tried again and ends the process the way it would have without us. */
		signal(sig, SIG_DFL);
	}
}

/*
 * The thread must not return to an instruction that faults again, so it gets a page of zeroes to read; the
 * lane finds the stop flag after the window. mmap() is not on the list of async-signal-safe functions, but
 * on Linux it is a bare system call.
 */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	for (int i = 0; i < WATCHED; i++) {
		struct eng_group *g = atomic_load(&watched[i].group);
		uintptr_t none = 0;

		if (!g || at < atomic_load(&watched[i].from) || at >= atomic_load(&watched[i].to))
			continue;
		if (mmap((void *)(at & ~(page_size - 1)), page_size, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		atomic_compare_exchange_strong(&g->bus_address, &none, at);
		eng_stop(g, ENG_BUS, UINT32_MAX, NULL);
		errno = saved;
		return;
	}
	errno = saved;
	pass_on(sig, info, context);
}

int eng_bus_watch(struct eng_group *g, struct host_err *err)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	uint32_t done = 0;
	int ret = 0;

	sigemptyset(&sa.sa_mask);
	pthread_mutex_lock(&watch_lock);
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < WATCHED && done < g->files; i++) {
		if (atomic_load(&watched[i].group))
			continue;
		atomic_store(&watched[i].from, (uintptr_t)g->file[done].map);
		atomic_store(&watched[i].to, (uintptr_t)g->file[done].map + g->file[done].map_len);
		atomic_store(&watched[i].group, g);
		done++;
	}
	if (done < g->files)
		ret = host_fail(err, -EMFILE, "more than %d data files are mapped at one time",
				WATCHED);
	if (!watching) {
		sigaction(SIGBUS, &sa, &old_bus);
		sigaction(SIGSEGV, &sa, &old_segv);
		watching = true;
	}
	pthread_mutex_unlock(&watch_lock);
	return ret;
}

void eng_bus_forget(struct eng_group *g)
{
	bool others = false;

	pthread_mutex_lock(&watch_lock);
	for (int i = 0; i < WATCHED; i++) {
		if (atomic_load(&watched[i].group) == g)
			atomic_store(&watched[i].group, NULL);
		others |= atomic_load(&watched[i].group) != NULL;
	}
	if (watching && !others) {
		sigaction(SIGBUS, &old_bus, NULL);
		sigaction(SIGSEGV, &old_segv, NULL);
		watching = false;
	}
	pthread_mutex_unlock(&watch_lock);
}
