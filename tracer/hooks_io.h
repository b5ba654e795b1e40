/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_io.h: the part of hooks.bpf.c that is about the page cache and block I/O.
 */
#ifndef REC_HOOKS_IO_H
#define REC_HOOKS_IO_H

/* ---- page cache ---- */

static __always_inline void emit_run(const struct rec_cache_run *run)
{
	struct rec_event_cache *e = reserve_counted(sizeof(*e));

	if (!e)
		return;
	e->h.end = run->last;
	e->h.word = run->kind;
	e->h.tid = 0;
	e->h.dur = short_duration(run->last - run->first);
	e->ino = run->ino;
	e->index = run->index;
	e->dev = run->dev;
	e->order = run->order;
	e->pages = run->pages;
	submit(e);
}

/*
 * Read-ahead adds folios one after the other, and reclaim drops them in about the same order: a run of
 * equal neighbours makes one event. What has not ended is left in cache_runs, where the recorder
 * finds it. This runs in threads only, and with preemption off.
 */
static __always_inline int cache_event(void *ctx, __u32 kind)
{
	struct rec_cache_run *run = &cache_runs[bpf_get_smp_processor_id() & (REC_MAX_CPUS - 1)];
	unsigned long ino = 0, index = 0;
	__u32 dev = 0, order;
	__u8 told = 0;
	__u64 now;

	bpf_probe_read_kernel(&ino, sizeof(ino), ctx + cache_at.ino);
	bpf_probe_read_kernel(&dev, sizeof(dev), ctx + cache_at.dev);
	if (stopped || !is_watched(dev, ino))
		return 0;
	bpf_probe_read_kernel(&index, sizeof(index), ctx + cache_at.index);
	if (cache_at.order)
		bpf_probe_read_kernel(&told, sizeof(told), ctx + cache_at.order);
	order = cache_at.order ? told & 31 : ~0u;
	now = bpf_ktime_get_ns();
	if (run->pages &&
	    (run->kind != kind || run->ino != ino || run->dev != dev || run->order != order ||
	     run->index + run->pages != index || now - run->first > REC_CACHE_RUN_NS)) {
		emit_run(run);
		run->pages = 0;
	}
	if (!run->pages) {
		run->kind = kind;
		run->ino = ino;
		run->dev = dev;
		run->order = order;
		run->index = index;
		run->first = now;
	}
	run->last = now;
	run->pages += order == ~0u ? 1 : 1u << order;
	run->folios++;
	return 0;
}

SEC("tracepoint")
int cache_add(void *ctx)
{
	return cache_event(ctx, REC_EV_CACHE_ADD);
}

SEC("tracepoint")
int cache_drop(void *ctx)
{
	return cache_event(ctx, REC_EV_CACHE_DROP);
}

/* ---- block I/O ---- */

static __always_inline int block_event(void *ctx, __u32 kind,
				       const volatile struct rec_block_layout *at)
{
	struct rec_event_block *e;

	if (stopped)
		return 0;
	if (kind == REC_EV_RQ_ISSUE)
		count(REC_C_RQ_ISSUE);
	e = reserve_counted(sizeof(*e));
	if (!e)
		return 0;
	e->h.end = bpf_ktime_get_ns();
	e->h.word = kind | (me()->flags & PF_KTHREAD ? REC_EF_KERNEL : 0);
	e->h.tid = bpf_get_current_pid_tgid();
	e->h.dur = 0;
	bpf_probe_read_kernel(&e->dev, sizeof(e->dev), ctx + at->dev);
	bpf_probe_read_kernel(&e->sector, sizeof(e->sector), ctx + at->sector);
	bpf_probe_read_kernel(&e->sectors, sizeof(e->sectors), ctx + at->sectors);
	bpf_probe_read_kernel(&e->rwbs, sizeof(e->rwbs), ctx + at->rwbs);
	submit(e);
	return 0;
}

SEC("tracepoint")
int bio_queue(void *ctx)
{
	return block_event(ctx, REC_EV_BIO_QUEUE, &bio_queue_at);
}

SEC("tracepoint")
int rq_issue(void *ctx)
{
	return block_event(ctx, REC_EV_RQ_ISSUE, &rq_issue_at);
}

/*
 * Completions come in interrupts, also in those of our own programs. While a program on a perf event
 * runs, no other one can on this CPU (bpf_prog_active): programs on raw tracepoints have a guard
 * of their own each. Where threads are what runs them, it is the other way round: on a preemptible
 * kernel one thread's program keeps the next thread's from running.
 */
static __always_inline int done_event(__u32 kind, __u32 dev, __u64 sector, __u32 sectors)
{
	struct rec_event_block *e;

	e = reserve_counted(sizeof(*e));
	if (!e)
		return 0;
	e->h.end = bpf_ktime_get_ns();
	e->h.word = kind;
	e->h.tid = 0;
	e->h.dur = 0;
	e->dev = dev;
	e->sector = sector;
	e->sectors = sectors;
	e->rwbs = 0;
	submit(e);
	return 0;
}

/* block_rq_complete(struct request *rq, blk_status_t error, unsigned int nr_bytes) */
SEC("raw_tp")
int rq_done(struct bpf_raw_tracepoint_args *ctx)
{
	struct request *rq = (struct request *)ctx->args[0];
	struct gendisk *disk;
	__u32 dev = 0;

	if (stopped)
		return 0;
	count(REC_C_RQ_DONE);
	disk = BPF_CORE_READ(rq, q, disk);
	if (disk)
		dev = BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor);
	return done_event(REC_EV_RQ_DONE, dev, BPF_CORE_READ(rq, __sector),
			  (__u32)ctx->args[2] >> 9);
}

/* block_bio_complete(struct request_queue *q, struct bio *bio): of interest for devices without requests */
SEC("raw_tp")
int bio_done(struct bpf_raw_tracepoint_args *ctx)
{
	struct bio *bio = (struct bio *)ctx->args[1];

	if (stopped || BPF_CORE_READ(bio, bi_bdev, bd_disk, queue, mq_ops))
		return 0;
	return done_event(REC_EV_BIO_DONE, BPF_CORE_READ(bio, bi_bdev, bd_dev),
			  BPF_CORE_READ(bio, bi_iter.bi_sector),
			  BPF_CORE_READ(bio, bi_iter.bi_size) >> 9);
}

#endif
