// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the programs in the kernel share with us through memory, and what the kernel knows about them.
 */
#include <unistd.h>

#include "tracer/attach_int.h"

/* The same function as in hooks.bpf.c, on the same memory. */
void rec_attach_watch(struct rec_attach *a, uint32_t dev, uint64_t ino)
{
	struct rec_watched_file *table = a->bpf->bss->watched;
	uint32_t slot = ((ino ^ (uint64_t)dev << 32) * 0x9e3779b97f4a7c15ull) >> 32;

	for (int i = 0; i < REC_FILE_PROBES; i++) {
		struct rec_watched_file *f = &table[(slot + (uint32_t)i) & (REC_FILES - 1)];

		if (f->ino == ino && f->dev == dev)
			return;
		if (f->ino)
			continue;
		f->dev = dev;
		__atomic_store_n(&f->ino, ino, __ATOMIC_RELEASE);
		return;
	}
}

void rec_attach_take_runs(struct rec_attach *a, struct rec_merge *m)
{
	for (unsigned int cpu = 0; cpu < a->cpus; cpu++) {
		struct rec_cache_run *run = &a->bpf->bss->cache_runs[cpu];
		struct rec_event_cache e = {
			.h = {.end = run->last, .word = run->kind},
			.ino = run->ino,
			.index = run->index,
			.dev = run->dev,
			.order = run->order,
			.pages = run->pages,
		};

		if (run->last - run->first < REC_DUR_MICROSECONDS)
			e.h.dur = (uint32_t)(run->last - run->first);
		if (run->pages)
			rec_merge_push(m, a->cpus + cpu, &e, sizeof(e));
		run->pages = 0;
	}
}

uint64_t rec_attach_folios(const struct rec_attach *a)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < REC_MAX_CPUS; cpu++)
		sum += a->bpf->bss->cache_runs[cpu].folios;
	return sum;
}

uint64_t rec_attach_received(const struct rec_attach *a)
{
	return a->received;
}

uint64_t rec_attach_counter(const struct rec_attach *a, enum rec_counter c)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < REC_MAX_CPUS; cpu++)
		sum += __atomic_load_n(&a->bpf->bss->counters[cpu].c[c], __ATOMIC_RELAXED);
	return sum;
}

void rec_attach_reclaim(const struct rec_attach *a, struct rec_reclaim *sum)
{
	*sum = (struct rec_reclaim){0};
	for (unsigned int cpu = 0; cpu < REC_MAX_CPUS; cpu++) {
		const struct rec_reclaim *r = &a->bpf->bss->reclaim[cpu];

		sum->scanned_kswapd += r->scanned_kswapd;
		sum->scanned_direct += r->scanned_direct;
		sum->reclaimed_kswapd += r->reclaimed_kswapd;
		sum->reclaimed_direct += r->reclaimed_direct;
		sum->direct_ns += r->direct_ns;
		sum->direct_count += r->direct_count;
	}
}

void rec_attach_fault_counts(const struct rec_attach *a, uint64_t counts[3])
{
	for (int k = 0; k < 3; k++) {
		counts[k] = 0;
		for (size_t i = 0; i < a->nfaults; i++) {
			uint64_t n;

			if (read(a->faults[i].fd[k], &n, sizeof(n)) == sizeof(n))
				counts[k] += n;
		}
	}
}

bool rec_attach_program(const struct rec_attach *a, unsigned int i, struct rec_program_info *info)
{
	struct bpf_program *p;
	unsigned int n = 0;

	bpf_object__for_each_program(p, a->bpf->obj)
	{
		struct bpf_prog_info kernel = {0};
		__u32 len = sizeof(kernel);

		if (bpf_program__fd(p) < 0 || n++ != i)
			continue;
		*info = (struct rec_program_info){.name = bpf_program__name(p), .hook = ""};
		info->hook = rec_attach_hook(info->name);
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(p), &kernel, &len)) {
			info->misses = kernel.recursion_misses;
			info->runs = kernel.run_cnt;
			info->run_ns = kernel.run_time_ns;
		}
		return true;
	}
	return false;
}

void rec_attach_mark_quality(struct rec_attach *a, unsigned int quality)
{
	uint32_t *best = &a->bpf->bss->probed_quality;

	if (quality > *best)
		__atomic_store_n(best, quality, __ATOMIC_RELEASE);
}

bool rec_attach_has_marks(const struct rec_attach *a)
{
	return __atomic_load_n(&a->bpf->bss->probed_quality, __ATOMIC_ACQUIRE);
}

void rec_attach_arm(struct rec_attach *a, uint32_t what)
{
	__atomic_store_n(&a->bpf->bss->armed, what, __ATOMIC_RELEASE);
}

bool rec_attach_take_stop(struct rec_attach *a, pid_t tid, struct rec_stop *stop)
{
	struct rec_stop *slot = &a->bpf->bss->stops[(uint32_t)tid & (REC_STOPS - 1)];

	if (__atomic_load_n(&slot->tid, __ATOMIC_ACQUIRE) != (uint32_t)tid)
		return false;
	*stop = *slot;
	/* the thread is stopped: nobody else writes here in its name */
	__atomic_store_n(&slot->tid, 0, __ATOMIC_RELEASE);
	return true;
}

bool rec_attach_guard(struct rec_attach *a, uint64_t start, uint64_t end)
{
	__atomic_store_n(&a->bpf->bss->guard_start, start, __ATOMIC_RELAXED);
	__atomic_store_n(&a->bpf->bss->guard_end, end, __ATOMIC_RELEASE);
	return a->can.regions && a->can.stops;
}

uint64_t rec_attach_guard_hits(const struct rec_attach *a)
{
	return __atomic_load_n(&a->bpf->bss->guard_hits, __ATOMIC_ACQUIRE);
}
