// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs in the kernel. What is attached where is decided in attach.c; nothing here depends
 * on the kernel's version: types are relocated by the running kernel's BTF (and are our own, so
 * that no kernel's headers are needed to build), tracepoint fields by their format files.
 *
 * Faults: the perf software event PAGE_FAULTS comes at a fault's entry, PAGE_FAULTS_MAJ and _MIN at
 * its end, both in the faulting thread with preemption off. The entry leaves its time in the task's
 * storage, the end makes one event of it.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "tracer/hooks.h"
#include "tracer/hooks_kernel.h"

char LICENSE[] SEC("license") = "GPL";

/* Set before loading. */
const volatile __u8 syscall_op[REC_SYSCALLS]; /* enum rec_syscall by number */
const volatile struct rec_block_layout bio_queue_at, rq_issue_at;
const volatile struct rec_cache_layout cache_at;
const volatile struct rec_reclaim_layout reclaim_at;
const volatile __u32 page_shift = 12;
const volatile __u32 stop_signal; /* 0: no thread is ever stopped */

/* The recorder maps these; it never asks for them with bpf(2), which would switch programs off
 * for the moment of the call. */
struct rec_counters counters[REC_MAX_CPUS];
struct rec_watched_file watched[REC_FILES];
struct rec_cache_run cache_runs[REC_MAX_CPUS];
struct rec_reclaim reclaim[REC_MAX_CPUS];
int stopped;
/* For threads that are stopped (hooks_stop.h). */
struct rec_stop stops[REC_STOPS];
__u32 armed; /* a bit for each enum rec_stop_why */
__u32 probed_quality, called_quality;
__u32 model_mapped;
__u64 guard_start, guard_end, guard_hits;

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, REC_MAX_CPUS);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

/* Processes that are recorded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} processes SEC(".maps");

struct call {
	__u64 begin;
	__u64 arg;
	__u32 symbol;
	__u32 quality;
};

struct task_state {
	/* fault */
	__u64 start;
	__u64 addr;
	__u64 nvcsw;
	__u32 flags;
	__u32 in_fault;
	/* barrier: the outermost one counts */
	__u64 barrier_start;
	__u64 barrier_group;
	__u32 barrier_symbol;
	__u32 barrier_generation;
	__u32 call_depth;
	__u32 call_quality; /* the best of the outermost call and what it called */
	struct call call[REC_CALL_DEPTH];
	/* system call */
	__u64 sys_start;
	__u64 arg[6];
	__u64 ino;
	__u64 pos;
	__u64 dest;
	__u32 dev;
	__u32 file_flags;
	__u32 sys_op;
	__u32 sys_nr;
	__u64 reclaim_start; /* 0: not in direct reclaim */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

static __always_inline struct rec_counters *my_counters(void)
{
	return &counters[bpf_get_smp_processor_id() & (REC_MAX_CPUS - 1)];
}

static __always_inline void count(enum rec_counter i)
{
	__sync_fetch_and_add(&my_counters()->c[i], 1);
}

static __always_inline struct task_struct *me(void)
{
	return (struct task_struct *)bpf_get_current_task_btf();
}

static __always_inline struct task_state *state(int create)
{
	return bpf_task_storage_get(&tasks, me(), NULL,
				    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

static __always_inline int is_recorded(void)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	return !stopped && bpf_map_lookup_elem(&processes, &pid);
}

static __always_inline __u32 short_duration(__u64 ns)
{
	if (ns < REC_DUR_MICROSECONDS)
		return ns;
	ns /= 1000;
	return ns < REC_DUR_MICROSECONDS ? (__u32)ns | REC_DUR_MICROSECONDS : ~0u;
}

static __always_inline void *reserve(__u64 size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rings, &cpu);

	return ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
}

/* No wake-up: one costs five times as much as the rest of the event. The recorder looks by itself. */
static __always_inline void submit(void *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void *reserve_counted(__u64 size)
{
	void *event = reserve(size);

	count(event ? REC_C_EMITTED : REC_C_DROPPED);
	return event;
}

#include "tracer/hooks_stop.h"

/* ---- faults ---- */

/* Only what the registers tell; whether it was a write they do not. */
static __always_inline __u32 fault_flags(struct bpf_perf_event_data *ctx)
{
#if defined(__TARGET_ARCH_x86)
	__u32 flags = ctx->regs.cs & 3 ? 0 : REC_EF_KERNEL;
	__u64 ip = ctx->regs.rip;
#elif defined(__TARGET_ARCH_arm64)
	__u32 flags = ctx->regs.pstate & 0xf ? REC_EF_KERNEL : 0;
	__u64 ip = ctx->regs.pc;
#else
	__u32 flags = 0;
	__u64 ip = ~0ull;
#endif
	if (!flags && ip == ctx->addr)
		flags = REC_EF_EXEC;
	return flags;
}

SEC("perf_event")
int fault_start(struct bpf_perf_event_data *ctx)
{
	struct rec_counters *n = my_counters();
	struct task_state *s = state(1);

	n->c[REC_C_FAULT_START]++;
	if (!s) {
		n->c[REC_C_NO_STORAGE]++;
		return 0;
	}
	if (s->in_fault)
		n->c[REC_C_FAULT_NO_END]++;
	s->in_fault = 1;
	s->addr = ctx->addr;
	s->flags = fault_flags(ctx);
	s->nvcsw = me()->nvcsw;
	s->start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int fault_end(__u32 major)
{
	__u64 now = bpf_ktime_get_ns();
	struct rec_counters *n = my_counters();
	struct task_state *s = state(0);
	struct rec_event *e;

	n->c[major ? REC_C_FAULT_MAJOR : REC_C_FAULT_MINOR]++;
	if (!s || !s->in_fault) {
		n->c[REC_C_FAULT_NO_START]++;
		return 0;
	}
	s->in_fault = 0;
	e = reserve(sizeof(*e));
	if (!e) {
		n->c[REC_C_FAULT_DROPPED]++;
		return 0;
	}
	n->c[REC_C_FAULT_EMITTED]++;
	e->end = now;
	e->word = (s->addr & REC_EF_ADDR_MASK) | s->flags | major | REC_EV_FAULT;
	if (me()->nvcsw != s->nvcsw)
		e->word |= REC_EF_BLOCKED;
	e->tid = bpf_get_current_pid_tgid();
	e->dur = short_duration(now - s->start);
	submit(e);
	return 0;
}

SEC("perf_event")
int fault_major(struct bpf_perf_event_data *ctx)
{
	return fault_end(REC_EF_MAJOR);
}

SEC("perf_event")
int fault_minor(struct bpf_perf_event_data *ctx)
{
	return fault_end(0);
}

/* ---- which processes ---- */

SEC("tracepoint")
int task_new(struct trace_event_raw_task_newtask *ctx)
{
	__u32 pid = ctx->pid;
	__u8 one = 1;

	if (!(ctx->clone_flags & CLONE_THREAD) && is_recorded())
		bpf_map_update_elem(&processes, &pid, &one, BPF_ANY);
	return 0;
}

/* sched_process_exit comes after the thread was taken off its process' count. */
SEC("tracepoint")
int task_exit(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (!bpf_map_lookup_elem(&processes, &pid))
		return 0;
	if (BPF_CORE_READ(me(), signal, live.counter) <= 0)
		bpf_map_delete_elem(&processes, &pid);
	return 0;
}

/* ---- watched files ---- */

static __always_inline __u32 file_slot(__u64 dev, __u64 ino)
{
	return ((ino ^ dev << 32) * 0x9e3779b97f4a7c15ull) >> 32 & (REC_FILES - 1);
}

static __always_inline int is_watched(__u64 dev, __u64 ino)
{
	__u32 slot = file_slot(dev, ino);

#pragma unroll
	for (int i = 0; i < REC_FILE_PROBES; i++) {
		struct rec_watched_file *f = &watched[(slot + i) & (REC_FILES - 1)];

		if (f->ino == ino && f->dev == dev)
			return 1;
		if (!f->ino)
			return 0;
	}
	return 0;
}

/* From the first mmap() or read() on, before any page of it can come. A full table watches no more. */
static __always_inline void watch(__u64 dev, __u64 ino)
{
	__u32 slot = file_slot(dev, ino);

#pragma unroll
	for (int i = 0; i < REC_FILE_PROBES; i++) {
		struct rec_watched_file *f = &watched[(slot + i) & (REC_FILES - 1)];

		if (f->ino == ino && f->dev == dev)
			return;
		if (!f->ino) {
			f->dev = dev;
			f->ino = ino;
			return;
		}
	}
}

/* ---- system calls ---- */

static __always_inline int is_read(__u32 op)
{
	return op >= REC_SYS_READ && op <= REC_SYS_PREADV;
}

/* The regular file of a descriptor; 0 if it is none, or too small a one to be part of a model. */
static __always_inline int find_file(struct task_state *s, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(me(), files, fdt);
	struct inode *inode;
	struct file **slot, *file = NULL;

	s->ino = 0;
	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	slot = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	s->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	s->ino = BPF_CORE_READ(inode, i_ino);
	if (BPF_CORE_READ(inode, i_size) < REC_SMALLEST_FILE)
		return 0;
	s->file_flags = BPF_CORE_READ(file, f_flags);
	s->pos = BPF_CORE_READ(file, f_pos);
	return 1;
}

SEC("tracepoint")
int syscall_enter(struct trace_event_raw_sys_enter *ctx)
{
	unsigned long nr = ctx->id;
	struct task_state *s;
	__u32 op;

	if (nr >= REC_SYSCALLS)
		return 0;
	op = syscall_op[nr & (REC_SYSCALLS - 1)];
	if (!op || !is_recorded())
		return 0;
	if (op == REC_SYS_MPROTECT) {
		guard(ctx->args[0], ctx->args[1]);
		return 0;
	}
	s = state(1);
	if (!s) {
		count(REC_C_NO_STORAGE);
		return 0;
	}
	s->sys_op = REC_SYS_NONE;
	s->ino = 0;
	s->arg[0] = ctx->args[0];
	s->arg[1] = ctx->args[1];
	s->arg[2] = ctx->args[2];
	s->arg[3] = ctx->args[3];
	s->arg[4] = ctx->args[4];
	s->arg[5] = ctx->args[5];
	if (op == REC_SYS_MMAP) {
		if ((int)s->arg[4] >= 0 && find_file(s, (__u32)s->arg[4]))
			watch(s->dev, s->ino);
	} else if (is_read(op)) {
		if (!find_file(s, (__u32)s->arg[0]))
			return 0;
		watch(s->dev, s->ino);
		s->dest = s->arg[1];
		if (op == REC_SYS_READV || op == REC_SYS_PREADV)
			bpf_probe_read_user(&s->dest, sizeof(s->dest), (void *)s->arg[1]);
	} else if (op == REC_SYS_FADVISE || op == REC_SYS_READAHEAD) {
		find_file(s, (__u32)s->arg[0]);
	}
	s->sys_op = op;
	s->sys_nr = nr;
	s->sys_start = bpf_ktime_get_ns();
	return 0;
}

SEC("tracepoint")
int syscall_exit(struct trace_event_raw_sys_exit *ctx)
{
	unsigned long nr = ctx->id;
	struct rec_event_syscall *e;
	struct task_state *s;
	__u64 id;

	if (nr >= REC_SYSCALLS || !syscall_op[nr & (REC_SYSCALLS - 1)] || !is_recorded())
		return 0;
	s = state(0);
	if (!s || !s->sys_op || s->sys_nr != nr)
		return 0;
	stop_at_mapping(s, ctx->ret);
	count(REC_C_SYSCALL);
	e = reserve_counted(sizeof(*e));
	if (!e)
		goto out;
	id = bpf_get_current_pid_tgid();
	e->h.end = bpf_ktime_get_ns();
	e->h.word = REC_EV_SYSCALL;
	e->h.tid = id;
	e->h.dur = short_duration(e->h.end - s->sys_start);
	__builtin_memcpy(e->arg, s->arg, sizeof(e->arg));
	e->ret = ctx->ret;
	e->ino = s->ino;
	e->pos = s->pos;
	e->dev = s->dev;
	e->file_flags = s->file_flags;
	e->dest = s->dest;
	e->op = s->sys_op;
	e->pid = id >> 32;
	submit(e);
out:
	s->sys_op = REC_SYS_NONE;
	return 0;
}

#include "tracer/hooks_io.h"
#include "tracer/hooks_usage.h"
#include "tracer/hooks_probes.h"
#include "tracer/hooks_sched.h"
#include "tracer/hooks_reclaim.h"
