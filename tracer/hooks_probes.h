/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks_probes.h: the part of hooks.bpf.c that runs at probed functions: barriers and marks.
 */
#ifndef REC_HOOKS_PROBES_H
#define REC_HOOKS_PROBES_H

static __always_inline int call_event(__u32 kind, __u64 end, __u64 start, __u64 arg, __u32 symbol,
				      __u32 depth)
{
	struct rec_event_call *e = reserve_counted(sizeof(*e));

	if (!e)
		return 0;
	e->h.end = end;
	e->h.word = kind;
	e->h.tid = bpf_get_current_pid_tgid();
	e->h.dur = short_duration(end - start);
	e->arg = arg;
	e->symbol = symbol;
	e->depth = depth;
	submit(e);
	return 0;
}

/*
 * A barrier may be made of another one (ggml's of OpenMP's): the one entered first counts, since
 * its exit is what the thread waits for.
 */
SEC("uprobe")
int barrier_enter(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u32 symbol = cookie & REC_COOKIE_SYMBOL_MASK;
	struct task_state *s;

	if (!is_recorded())
		return 0;
	s = state(1);
	if (!s || (s->barrier_start && s->barrier_symbol != symbol))
		return 0;
	s->barrier_symbol = symbol;
	s->barrier_group = cookie & REC_COOKIE_GROUP_ARG ? PT_REGS_PARM1(ctx) : 0;
	s->barrier_generation = cookie & REC_COOKIE_GENERATION ? PT_REGS_PARM2(ctx) : 0;
	s->barrier_start = bpf_ktime_get_ns();
	return 0;
}

SEC("uretprobe")
int barrier_exit(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns(), start;
	__u32 symbol = bpf_get_attach_cookie(ctx) & REC_COOKIE_SYMBOL_MASK;
	struct task_state *s = state(0);

	if (!s || !s->barrier_start || s->barrier_symbol != symbol)
		return 0;
	start = s->barrier_start;
	s->barrier_start = 0;
	count(REC_C_BARRIER);
	return call_event(REC_EV_BARRIER, now, start, s->barrier_group, symbol,
			  s->barrier_generation);
}

/* n_tokens of a struct that is passed by value and larger than two registers. */
static __always_inline __u64 batch_tokens(struct pt_regs *ctx)
{
	__s32 n = -1;

#if defined(__TARGET_ARCH_x86)
	/* System V: in memory, right above the return address */
	bpf_probe_read_user(&n, sizeof(n), (void *)(PT_REGS_SP(ctx) + 8));
#elif defined(__TARGET_ARCH_arm64)
	/* AAPCS64: a copy, by its address */
	bpf_probe_read_user(&n, sizeof(n), (void *)PT_REGS_PARM2(ctx));
#endif
	return n > 0 && n < 1 << 24 ? (__u64)n : ~0ull;
}

/* How llama.cpp's ubatch begins, since 2024. */
struct ubatch {
	__u32 equal_seqs, n_tokens, n_seq_tokens, n_seqs;
};

static __always_inline __u64 ubatch_at(unsigned long addr)
{
	struct ubatch u = {0};

	if (bpf_probe_read_user(&u, sizeof(u), (void *)addr))
		return ~0ull;
	/* The fields agree with each other, or it is not the struct that we know. */
	if ((u.equal_seqs & 0xff) > 1 || !u.n_tokens || u.n_tokens >= 1 << 24 ||
	    (__u64)u.n_seq_tokens * u.n_seqs != u.n_tokens)
		return ~0ull;
	return u.n_tokens;
}

/* The first argument after the object; versions that return an object have one more before it. */
static __always_inline __u64 ubatch_tokens(struct pt_regs *ctx)
{
	__u64 n = ubatch_at(PT_REGS_PARM2(ctx));

	return n != ~0ull ? n : ubatch_at(PT_REGS_PARM3(ctx));
}

SEC("uprobe")
int call_enter(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct rec_event_mark mark = {.c = {.arg = ~0ull}};
	struct task_state *s;
	struct call *c;
	__u32 depth;

	if (!is_recorded())
		return 0;
	s = state(1);
	if (!s)
		return 0;
	mark.c.symbol = cookie & REC_COOKIE_SYMBOL_MASK;
	if (cookie & REC_COOKIE_POINT) {
		mark.index = PT_REGS_PARM1(ctx);
		mark.class = PT_REGS_PARM2(ctx);
		mark.c.arg = PT_REGS_PARM3(ctx);
		return mark_event(&mark, REC_EV_CALL_BEGIN, bpf_ktime_get_ns(), 0);
	}
	depth = s->call_depth;
	if (depth >= REC_CALL_DEPTH)
		return 0;
	s->call_depth = depth + 1;
	c = &s->call[depth & (REC_CALL_DEPTH - 1)];
	c->symbol = cookie & REC_COOKIE_SYMBOL_MASK;
	c->arg = ~0ull;
	c->quality = cookie >> REC_COOKIE_QUALITY_SHIFT & REC_COOKIE_QUALITY_MASK;
	if (cookie & REC_COOKIE_BATCH)
		c->arg = batch_tokens(ctx);
	else if (cookie & REC_COOKIE_UBATCH)
		c->arg = ubatch_tokens(ctx);
	mark.c.arg = c->arg;
	mark.c.depth = depth;
	read_usage(&mark.usage);
	/* last: what all this takes is not the function's */
	c->begin = bpf_ktime_get_ns();
	emit_mark(&mark, REC_EV_CALL_BEGIN, c->begin, 0);
	stop_at_call(s, depth, c->quality);
	return 0;
}

/* A function that was left by longjmp() or an exception has no exit: those above it go, too. */
SEC("uretprobe")
int call_exit(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 symbol = bpf_get_attach_cookie(ctx) & REC_COOKIE_SYMBOL_MASK;
	struct task_state *s = state(0);
	struct rec_event_mark mark = {0};

	if (!s)
		return 0;
#pragma unroll
	for (int i = REC_CALL_DEPTH - 1; i >= 0; i--) {
		struct call *c = &s->call[i];

		if ((__u32)i >= s->call_depth || c->symbol != symbol)
			continue;
		s->call_depth = i;
		if (!i)
			outermost_call_ended(s);
		mark.c.arg = c->arg;
		mark.c.symbol = symbol;
		mark.c.depth = i;
		return mark_event(&mark, REC_EV_CALL_END, now, now - c->begin);
	}
	return 0;
}

#endif
