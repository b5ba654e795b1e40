/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_usage.h: the part of hooks.bpf.c that says at each mark what the process has read and
 * faulted so far. The kernel counts that anyway, so it costs a walk over the process' threads and
 * nothing in between: this is what real runs are measured with, when nothing else is traced.
 */
#ifndef REC_HOOKS_USAGE_H
#define REC_HOOKS_USAGE_H

static __always_inline void add_task_usage(struct rec_usage *u, struct task_struct *t)
{
	u->majflt += BPF_CORE_READ(t, maj_flt);
	u->minflt += BPF_CORE_READ(t, min_flt);
	if (bpf_core_field_exists(t->ioac.read_bytes))
		u->read_bytes += BPF_CORE_READ(t, ioac.read_bytes);
}

/*
 * Threads come and go meanwhile. Who ends adds its counts to the process' before it leaves the list,
 * so that one may be counted twice for a moment; marks are made while the workers wait or work.
 */
static __always_inline void read_usage(struct rec_usage *u)
{
	struct signal_struct *sig = BPF_CORE_READ(me(), signal);
	const void *head = (void *)sig + bpf_core_field_offset(struct signal_struct, thread_head);
	const __u64 at = bpf_core_field_offset(struct task_struct, thread_node);
	struct list_head *node = BPF_CORE_READ(sig, thread_head.next);

	u->majflt = BPF_CORE_READ(sig, maj_flt);
	u->minflt = BPF_CORE_READ(sig, min_flt);
	u->read_bytes = 0;
	if (bpf_core_field_exists(sig->ioac.read_bytes))
		u->read_bytes = BPF_CORE_READ(sig, ioac.read_bytes);
#pragma clang loop unroll(disable)
	for (int i = 0; i < REC_USAGE_THREADS; i++) {
		struct task_struct *t = (void *)node - at;

		if (!node || node == head)
			break;
		add_task_usage(u, t);
		node = BPF_CORE_READ(t, thread_node.next);
	}
	if (!bpf_core_field_exists(sig->ioac.read_bytes))
		u->read_bytes = ~0ull;
}

/* Symbol, argument, depth and usage are filled in. */
static __always_inline int emit_mark(const struct rec_event_mark *mark, __u32 kind, __u64 end,
				     __u64 dur)
{
	struct rec_event_mark *e = reserve_counted(sizeof(*e));

	if (!e)
		return 0;
	*e = *mark;
	e->c.h.end = end;
	e->c.h.word = kind;
	e->c.h.tid = bpf_get_current_pid_tgid();
	e->c.h.dur = short_duration(dur);
	submit(e);
	return 0;
}

static __always_inline int mark_event(struct rec_event_mark *mark, __u32 kind, __u64 end, __u64 dur)
{
	read_usage(&mark->usage);
	return emit_mark(mark, kind, end, dur);
}

#endif
