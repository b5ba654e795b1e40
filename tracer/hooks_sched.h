/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_sched.h: the part of hooks.bpf.c that sees recorded threads leave their CPU: with more
 * threads than CPUs, or beside other programs, what looks like computing is partly waiting for a CPU.
 */
#ifndef REC_HOOKS_SCHED_H
#define REC_HOOKS_SCHED_H

/*
 * By the lowest bits of the thread's number. The thread that comes is no argument that task storage
 * takes, and a map costs too much for all the threads of the machine that are not ours. Two recorded
 * threads 4096 apart that are off at the same time share one place: the earlier one is not reported.
 */
struct rec_off_cpu off_cpu[REC_OFF_CPU_SLOTS];

/*
 * sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, ...), in the context of
 * the one that goes. Raw: perf's own handler of this tracepoint copies names for every switch of the
 * machine, and it never nests, so the guard against that misses nothing.
 */
SEC("raw_tp")
int sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *prev = me(), *next = (struct task_struct *)ctx->args[2];
	struct task_state *s = state(0);
	struct rec_off_cpu *slot;
	struct rec_event *e;
	__u64 now, since;
	__u32 tid, task_is;

	/* The wait in a fault or at a barrier is theirs; who is dead does not come back. */
	if (s && !s->in_fault && !s->barrier_start && !stopped) {
		task_is = BPF_CORE_READ(prev, __state);
		tid = bpf_get_current_pid_tgid();
		slot = &off_cpu[tid & (REC_OFF_CPU_SLOTS - 1)];
		slot->tid = task_is & TASK_DEAD ? 0 : tid;
		slot->preempted = ctx->args[0] || !task_is;
		slot->since = bpf_ktime_get_ns();
	}
	tid = BPF_CORE_READ(next, pid);
	slot = &off_cpu[tid & (REC_OFF_CPU_SLOTS - 1)];
	if (!tid || slot->tid != tid)
		return 0;
	slot->tid = 0;
	since = slot->since;
	now = bpf_ktime_get_ns();
	if (now - since < REC_OFF_CPU_NS || stopped)
		return 0;
	e = reserve_counted(sizeof(*e));
	if (!e)
		return 0;
	e->end = now;
	e->word = REC_EV_OFF_CPU | (slot->preempted ? REC_EF_PREEMPTED : 0);
	e->tid = tid;
	e->dur = short_duration(now - since);
	submit(e);
	return 0;
}

#endif
