/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_stop.h: the part of hooks.bpf.c that stops a thread where it is, for the recorder's process
 * that traces it (zap.h): at an evaluation's begin, so that page-table entries can be dropped, and right
 * after it has mapped a model, so that the probes are there before it goes on.
 *
 * A stop is a signal to the thread itself. It is taken on the way back to user space, at once; traced
 * threads stop for signals that they would ignore, too. Threads that are not traced get none.
 */
#ifndef REC_HOOKS_STOP_H
#define REC_HOOKS_STOP_H

static __always_inline void ask_for_stop(__u32 why)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct rec_stop *stop = &stops[tid & (REC_STOPS - 1)];
	unsigned long blocked;

	if (!stop_signal || !(armed & (1u << why)) || !BPF_CORE_READ(me(), ptrace))
		return;
	blocked = BPF_CORE_READ(me(), blocked.sig[0]);
	if (blocked >> (stop_signal - 1) & 1) {
		/* it would come whenever the thread unblocks it, which nobody expects */
		count(REC_C_STOP_REFUSED);
		return;
	}
	stop->why = why;
	stop->when = bpf_ktime_get_ns();
	stop->tid = tid;
	if (!bpf_send_signal_thread(stop_signal))
		return;
	stop->tid = 0;
	count(REC_C_STOP_REFUSED);
}

/*
 * A marked function is entered at DEPTH. Of those that are inside each other the one that makes the
 * marks stops: the best one that is probed, for nothing better can come; or the best one that was called so
 * far, which is known when an outermost call has ended.
 */
static __always_inline void stop_at_call(struct task_state *s, __u32 depth, __u32 quality)
{
	if (!stop_signal)
		return;
	if (!depth)
		s->call_quality = 0;
	if (quality > s->call_quality)
		s->call_quality = quality;
#pragma unroll
	for (int i = 0; i < REC_CALL_DEPTH; i++)
		if ((__u32)i < depth && s->call[i].quality == quality)
			return;
	if (quality == probed_quality || quality == called_quality)
		ask_for_stop(REC_STOP_ZAP);
}

/* What is or was writable may have pages of its own, which must not be dropped: the recorder looks again. */
static __always_inline void guard(__u64 addr, __u64 length)
{
	if (addr < guard_end && addr + length > guard_start)
		__sync_fetch_and_add(&guard_hits, 1);
}

static __always_inline void outermost_call_ended(struct task_state *s)
{
	if (stop_signal && s->call_quality > called_quality)
		called_quality = s->call_quality;
}

/*
 * What a model is computed with is loaded before the model, mostly; what comes after it and is code may
 * be about to be used.
 */
static __always_inline void stop_at_mapping(const struct task_state *s, long ret)
{
	__u64 prot = s->arg[2];

	if (!stop_signal || s->sys_op != REC_SYS_MMAP || !s->ino || (ret < 0 && ret > -4096))
		return;
	if (!(prot & REC_PROT_EXEC) && s->arg[1] >= REC_SMALLEST_MODEL) {
		model_mapped = 1;
		ask_for_stop(REC_STOP_MODEL);
	} else if (prot & REC_PROT_EXEC && model_mapped) {
		ask_for_stop(REC_STOP_CODE);
	}
}

#endif
