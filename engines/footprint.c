// SPDX-License-Identifier: GPL-2.0-only
#include "engines/footprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEAST_FILE (4ull << 20) /* of the limit has to be left for the page cache */
#define ROOM       (1ull << 40) /* addresses are reserved for so much, so that nothing ever moves */

/* Anonymous memory that counts against the limit already: the group's if there is one, else the process's. */
uint64_t eng_footprint_own(const struct eng_group *g)
{
	struct host_memcg_stat st;
	char text[4096];
	uint64_t kib, sum = 0;

	/* What is swapped out of it still belongs to it. */
	if (g->memcg && !host_memcg_stat(g->memcg, &st) && st.anon != HOST_UNKNOWN)
		return st.anon + (st.swap == HOST_UNKNOWN ? 0 : st.swap) +
		       (st.shmem == HOST_UNKNOWN ? 0 : st.shmem);
	if (host_file_read("/proc/self/status", text, sizeof(text)) < 0)
		return 0;
	if (!host_text_u64(text, "RssAnon:", &kib))
		sum += kib << 10;
	if (!host_text_u64(text, "RssShmem:", &kib))
		sum += kib << 10;
	if (!host_text_u64(text, "VmSwap:", &kib))
		sum += kib << 10;
	return sum;
}

uint64_t eng_footprint_free_memory(void)
{
	uint64_t available, swap = 0;
	char text[4096];

	if (host_file_read("/proc/meminfo", text, sizeof(text)) < 0 ||
	    host_text_u64(text, "MemAvailable:", &available))
		return UINT64_MAX;
	(void)host_text_u64(text, "SwapFree:", &swap);
	return (available + swap) << 10;
}

/* Whether BYTES are too much, of which HAVE are there already: the alternative is the OOM killer. */
static bool too_much(const struct eng_group *g, uint64_t bytes, uint64_t have, char *text,
		     size_t size)
{
	uint64_t room;

	if (g->limit != HOST_UNKNOWN && (bytes > g->limit || g->limit - bytes < LEAST_FILE)) {
		snprintf(text, size,
			 "the footprint of %" PRIu64 " MiB does not fit into the limit of %" PRIu64
			 " MiB",
			 bytes >> 20, g->limit >> 20);
		return true;
	}
	if (bytes <= have)
		return false;
	room = eng_footprint_free_memory();
	if (bytes - have <= room && room - (bytes - have) >= LEAST_FILE)
		return false;
	snprintf(text, size,
		 "the footprint of %" PRIu64
		 " MiB does not fit into this machine's memory, of which %" PRIu64 " MiB are free",
		 bytes >> 20, room >> 20);
	return true;
}

static bool reserve(struct eng_group *g)
{
	uint64_t room = ROOM;
	void *at = MAP_FAILED;

	/* 32-bit systems and small address spaces get what there is. */
	for (; at == MAP_FAILED && room >= (64ull << 20); room >>= 1)
		if (room <= SIZE_MAX)
			at = mmap(NULL, (size_t)room, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return false;
	g->held = at;
	g->held_cap = (size_t)room << 1;
	/* In pages, or the kernel rounds up what is asked for to 2 MiB. */
	(void)madvise(at, g->held_cap, MADV_NOHUGEPAGE);
	(void)madvise(at, g->held_cap, MADV_DONTDUMP);
	return true;
}

/*
 * Different in each page, or equal pages could be merged. Where there is swap all of it, for compressed swap would find
 * nothing to do; else a word a page, since the recorded program's time for its buffers is in its compute already.
 */
static void fill(uint8_t *at, size_t len, size_t page, size_t each)
{
	static const uint64_t odd = 0x9e3779b97f4a7c15ull;
	uint64_t x = (uint64_t)(uintptr_t)at * odd | 1;

	for (size_t i = 0; i < len; i += page) {
		for (size_t k = 0; k < each; k += sizeof(x)) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(at + i + k, &x, sizeof(x));
		}
	}
}

void eng_footprint_set(struct eng_group *g, uint64_t bytes)
{
	size_t page = (size_t)g->page, want = 0;
	char text[160];
	uint64_t all;

	pthread_mutex_lock(&g->hold_lock);
	all = eng_footprint_own(g);
	if (too_much(g, bytes, all, text, sizeof(text))) {
		pthread_mutex_unlock(&g->hold_lock);
		eng_stop(g, ENG_ERROR, UINT32_MAX, text);
		return;
	}
	g->own_bytes = all > g->held_len ? all - g->held_len : 0;
	g->footprint = bytes;
	if (bytes > g->own_bytes)
		want = (size_t)(bytes - g->own_bytes) & ~(page - 1);
	if (want && !g->held && !reserve(g)) {
		pthread_mutex_unlock(&g->hold_lock);
		eng_warn(g, "the footprint of %llu bytes could not be reserved",
			 (unsigned long long)bytes);
		return;
	}
	if (want > g->held_cap)
		want = g->held_cap;
	if (want > g->held_len)
		fill(g->held + g->held_len, want - g->held_len, page,
		     g->swap ? page : sizeof(uint64_t));
	else if (want < g->held_len)
		(void)madvise(g->held + want, g->held_len - want, MADV_DONTNEED);
	g->held_len = want;
	pthread_mutex_unlock(&g->hold_lock);
}

static void use(uint8_t *at, uint8_t *end, size_t page)
{
	for (; at < end; at += page)
		(*(volatile uint8_t *)at)++;
}

void eng_footprint_touch(struct eng_group *g, uint64_t offset, uint64_t length)
{
	pthread_mutex_lock(&g->hold_lock);
	if (g->held_len) {
		size_t from = (size_t)(offset % g->held_len);

		use(g->held + from,
		    g->held + (length < g->held_len - from ? from + (size_t)length : g->held_len),
		    (size_t)g->page);
	}
	pthread_mutex_unlock(&g->hold_lock);
}

void eng_footprint_use(struct eng_group *g)
{
	pthread_mutex_lock(&g->hold_lock);
	use(g->held, g->held + g->held_len, (size_t)g->page);
	pthread_mutex_unlock(&g->hold_lock);
}

static uint64_t end_of(const struct eng_file *f, uint64_t offset, uint64_t length)
{
	return length && length < f->size - offset ? offset + length : f->size;
}

/*
 * Of each file the range that holds all of its locked parts is remembered: programs lock a model from its start on,
 * and what is locked once more in a later pass must not be counted twice.
 */
bool eng_footprint_lock(struct eng_group *g, struct eng_file *f, uint64_t offset, uint64_t length)
{
	uint64_t from = offset, to = end_of(f, offset, length), others = 0, own, room;
	bool fits;

	pthread_mutex_lock(&g->hold_lock);
	own = f->locked_to - f->locked_from;
	for (uint32_t i = 0; i < g->files; i++)
		others += g->file[i].locked_to - g->file[i].locked_from;
	others -= own;
	if (own) {
		from = from < f->locked_from ? from : f->locked_from;
		to = to > f->locked_to ? to : f->locked_to;
	}
	if (g->limit == HOST_UNKNOWN)
		room = eng_footprint_free_memory();
	else
		room = g->limit > g->footprint ? g->limit - g->footprint : 0;
	/* What is locked already is no longer among the free memory. */
	if (g->limit == HOST_UNKNOWN && room < UINT64_MAX - own - others)
		room += own + others;
	fits = room >= LEAST_FILE && room - LEAST_FILE >= others + (to - from);
	if (fits) {
		f->locked_from = from;
		f->locked_to = to;
	}
	pthread_mutex_unlock(&g->hold_lock);
	if (!fits)
		eng_warn(g, "a recorded mlock() of %" PRIu64 " MiB of %s was left out: %s",
			 (end_of(f, offset, length) - offset) >> 20, f->path,
			 g->limit == HOST_UNKNOWN ? "this machine's memory is too small"
						  : "it does not fit into the memory limit");
	return fits;
}

void eng_footprint_unlock(struct eng_group *g, struct eng_file *f, uint64_t offset, uint64_t length)
{
	uint64_t to = end_of(f, offset, length);

	pthread_mutex_lock(&g->hold_lock);
	if (offset <= f->locked_from && to >= f->locked_to)
		f->locked_from = f->locked_to = 0;
	else if (offset <= f->locked_from && to > f->locked_from)
		f->locked_from = to;
	else if (to >= f->locked_to && offset < f->locked_to)
		f->locked_to = offset;
	pthread_mutex_unlock(&g->hold_lock);
}

void eng_footprint_free(struct eng_group *g)
{
	if (g->held)
		munmap(g->held, g->held_cap);
	g->held_end = g->held_len;
	g->held = NULL;
	g->held_len = g->held_cap = 0;
}
