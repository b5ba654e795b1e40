/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_reclaim.h: the part of hooks.bpf.c that tells who reclaimed memory. Cgroup v1 does not
 * say it for a group, and what the machine's counters say includes everybody.
 */
#ifndef REC_HOOKS_RECLAIM_H
#define REC_HOOKS_RECLAIM_H

static __always_inline struct rec_reclaim *my_reclaim(void)
{
	return &reclaim[bpf_get_smp_processor_id() & (REC_MAX_CPUS - 1)];
}

/*
 * mm_vmscan_lru_shrink_inactive: a batch of pages was looked at, by the lists of old and by those of
 * generations alike. kswapd works for all; of direct reclaim that of recorded processes counts. In
 * threads only, with preemption off: plain additions.
 */
SEC("tracepoint")
int reclaim_batch(void *ctx)
{
	unsigned long scanned = 0, reclaimed = 0;
	__u32 kswapd = PF_KTHREAD | PF_KSWAPD;
	struct rec_reclaim *r = my_reclaim();

	if (stopped)
		return 0;
	kswapd = (me()->flags & kswapd) == kswapd;
	if (!kswapd && !is_recorded())
		return 0;
	bpf_probe_read_kernel(&scanned, sizeof(scanned), ctx + reclaim_at.scanned);
	bpf_probe_read_kernel(&reclaimed, sizeof(reclaimed), ctx + reclaim_at.reclaimed);
	if (kswapd) {
		r->scanned_kswapd += scanned;
		r->reclaimed_kswapd += reclaimed;
	} else {
		r->scanned_direct += scanned;
		r->reclaimed_direct += reclaimed;
	}
	return 0;
}

static __always_inline int reclaim_enter(void)
{
	struct task_state *s;

	if (!is_recorded())
		return 0;
	s = state(1);
	if (s)
		s->reclaim_start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int reclaim_leave(void)
{
	struct task_state *s = state(0);
	struct rec_reclaim *r = my_reclaim();

	if (!s || !s->reclaim_start)
		return 0;
	r->direct_ns += bpf_ktime_get_ns() - s->reclaim_start;
	r->direct_count++;
	s->reclaim_start = 0;
	return 0;
}

/* The machine is short of memory ... */
SEC("tracepoint")
int reclaim_begin(void *ctx)
{
	return reclaim_enter();
}

SEC("tracepoint")
int reclaim_end(void *ctx)
{
	return reclaim_leave();
}

/* ... or the cgroup is at its limit. */
SEC("tracepoint")
int reclaim_group_begin(void *ctx)
{
	return reclaim_enter();
}

SEC("tracepoint")
int reclaim_group_end(void *ctx)
{
	return reclaim_leave();
}

#endif
