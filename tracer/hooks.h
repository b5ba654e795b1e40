/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/hooks.h: what the programs in the kernel (hooks.bpf.c) and the recorder share.
 *
 * Events travel through one ring per CPU. A fault takes 24 bytes (32 with the ring's own header),
 * since there may be hundreds of thousands a second; everything else may be larger.
 */
#ifndef REC_HOOKS_H
#define REC_HOOKS_H

#include <linux/types.h>

#define REC_MAX_CPUS      1024      /* a power of two: higher CPUs share a slot of counters */
#define REC_FILES         64        /* slots of the table of watched files, a power of two */
#define REC_FILE_PROBES   8         /* how far a file may be from its first slot */
#define REC_SYSCALLS      512       /* system call numbers that can be chosen from */
#define REC_CALL_DEPTH    4         /* marks that one thread may be inside of */
#define REC_SMALLEST_FILE (1 << 20) /* bytes: reads of smaller files are not reported */

/* Kinds of events: the lowest five bits of rec_event.word. */
enum rec_event_kind {
	REC_EV_FAULT = 1,  /* struct rec_event; the rest of word is the address */
	REC_EV_BARRIER,    /* struct rec_event_call */
	REC_EV_CALL_BEGIN, /* struct rec_event_mark: a marked function is entered */
	REC_EV_CALL_END,   /* struct rec_event_mark: ... and left */
	REC_EV_SYSCALL,    /* struct rec_event_syscall */
	REC_EV_BIO_QUEUE,  /* struct rec_event_block */
	REC_EV_BIO_DONE,
	REC_EV_RQ_ISSUE,
	REC_EV_RQ_DONE,
	REC_EV_CACHE_ADD, /* struct rec_event_cache */
	REC_EV_CACHE_DROP,
	REC_EV_OFF_CPU, /* struct rec_event: of a thread that is put on a CPU again */
	/* from here on: made in user space */
	REC_EV_TASK_NEW, /* struct rec_event_task */
	REC_EV_TASK_EXIT,
	REC_EV_EXEC,
	REC_EV_MAPPING, /* struct rec_event_mapping */
	REC_EV_COMM,
	REC_EV_ZAP, /* struct rec_event_zap */
};
#define REC_EV_KIND_MASK 0x1fu

/* Flags of an event: the next seven bits of word. An address loses its lowest twelve bits. */
#define REC_EF_MAJOR     (1u << 5)
#define REC_EF_BLOCKED   (1u << 6)
#define REC_EF_KERNEL    (1u << 7)
#define REC_EF_EXEC      (1u << 8)
#define REC_EF_PREEMPTED (1u << 9) /* off its CPU, though it could run */
#define REC_EF_ADDR_MASK (~0xfffull)

struct rec_event {
	__u64 end;  /* CLOCK_MONOTONIC, ns */
	__u64 word; /* kind, flags, address */
	__u32 tid;
	__u32 dur; /* ns, or with the top bit set microseconds */
};

#define REC_DUR_MICROSECONDS (1u << 31)

struct rec_event_call {
	struct rec_event h;
	__u64 arg; /* barrier: its first argument; mark: number of tokens, or all ones */
	__u32 symbol;
	__u32 depth; /* barrier: its generation, where the function is told it */
};

/* What a process has used so far, its threads that have ended included. */
struct rec_usage {
	__u64 read_bytes; /* all ones: this kernel does not account for it */
	__u64 majflt, minflt;
};

#define REC_USAGE_THREADS 256 /* living threads that are summed up */

struct rec_event_mark {
	struct rec_event_call c;
	__u64 index, class; /* REC_COOKIE_POINT: what the function was told */
	struct rec_usage usage;
};

/* System calls that change mappings, read files or give hints. */
enum rec_syscall {
	REC_SYS_NONE = 0,
	REC_SYS_MMAP,
	REC_SYS_MUNMAP,
	REC_SYS_MREMAP,
	REC_SYS_BRK,
	REC_SYS_READ,
	REC_SYS_PREAD,
	REC_SYS_READV,
	REC_SYS_PREADV,
	REC_SYS_MADVISE,
	REC_SYS_FADVISE,
	REC_SYS_READAHEAD,
	REC_SYS_MLOCK,
	REC_SYS_MUNLOCK,
	REC_SYS_MPROTECT, /* no event: see rec_attach_guard() */
};

struct rec_event_syscall {
	struct rec_event h;
	__u64 arg[6];
	__s64 ret;
	__u64 ino; /* 0: no file */
	__u64 pos; /* the file's position before a read(), or the destination of a readv() */
	__u32 dev; /* as the kernel has it: major << 20 | minor */
	__u32 file_flags;
	__u64 dest; /* first destination of a read */
	__u32 op;   /* enum rec_syscall */
	__u32 pid;
};

struct rec_event_block {
	struct rec_event h;
	__u64 sector;
	__u64 rwbs; /* the first eight letters that blktrace uses for the operation */
	__u32 dev;
	__u32 sectors;
};

/* A run of neighbouring folios of one order; h.dur is the time from the first to the last. */
struct rec_event_cache {
	struct rec_event h;
	__u64 ino;
	__u64 index; /* in pages */
	__u32 dev;
	__u32 order; /* all ones: not told */
	__u64 pages;
};

#define REC_CACHE_RUN_NS 2000000ull /* a run ends with the first folio that comes later */

/* The run that a CPU is at. */
struct rec_cache_run {
	__u64 first, last;
	__u64 ino, index;
	__u64 pages;  /* 0: none */
	__u64 folios; /* over all runs */
	__u32 dev, order, kind, pad;
};

/* Numbers that both sides keep per CPU. */
enum rec_counter {
	/* in the thread's own context, never nested: plain additions */
	REC_C_FAULT_START,
	REC_C_FAULT_MAJOR,
	REC_C_FAULT_MINOR,
	REC_C_FAULT_EMITTED,
	REC_C_FAULT_DROPPED,
	REC_C_FAULT_NO_START, /* an end without a start: begun before the recording */
	REC_C_FAULT_NO_END,   /* a start that was followed by another start: the fault failed */
	REC_C_NO_STORAGE,
	/* also in interrupts, or preemptible: atomic additions */
	REC_C_EMITTED,
	REC_C_DROPPED,
	REC_C_BARRIER,
	REC_C_RQ_ISSUE,
	REC_C_RQ_DONE,
	REC_C_SYSCALL,
	REC_C_STOP_REFUSED, /* a thread could not be stopped for us */
	REC_C_COUNT,
};

struct rec_counters {
	__u64 c[REC_C_COUNT];
};

/* Sums of one CPU since the programs were attached. */
struct rec_reclaim {
	__u64 scanned_kswapd, scanned_direct; /* pages; direct: by recorded processes */
	__u64 reclaimed_kswapd, reclaimed_direct;
	__u64 direct_ns, direct_count; /* calls of recorded threads into reclaim */
};

struct rec_reclaim_layout {
	__u16 scanned, reclaimed;
};

#define REC_OFF_CPU_NS    20000ull /* shorter intervals are not reported */
#define REC_OFF_CPU_SLOTS 4096     /* a power of two, by the thread's number */

struct rec_off_cpu {
	__u64 since;
	__u32 tid; /* 0: none */
	__u32 preempted;
};

/* Where a tracepoint has its fields (from its format file, since that differs between kernels). */
struct rec_block_layout {
	__u16 dev, sector, sectors, rwbs;
};

struct rec_cache_layout {
	__u16 ino, index, dev, order; /* order 0: the kernel does not tell */
};

struct rec_watched_file {
	__u64 ino; /* 0: free */
	__u64 dev;
};

/* Cookie of a probe: symbol id, and what is special about the function. */
#define REC_COOKIE_SYMBOL_MASK 0xffffu
#define REC_COOKIE_GROUP_ARG   (1u << 16) /* barrier: the first argument tells the group */
#define REC_COOKIE_BATCH \
	(1u << 17) /* llama_decode(ctx, batch): n_tokens is the batch's first member */
#define REC_COOKIE_UBATCH     (1u << 18) /* llama_context::process_ubatch(ubatch): it has n_tokens */
#define REC_COOKIE_POINT      (1u << 19) /* f(index, class, tokens): spans nothing, lasts to the next */
#define REC_COOKIE_GENERATION (1u << 20) /* barrier: the second argument tells the generation */
/* Mark: how much this function is preferred to others, from 1; 255 is the best. */
#define REC_COOKIE_QUALITY_SHIFT 24
#define REC_COOKIE_QUALITY_MASK  0xffu

/* Why a thread was stopped; a bit each of what is switched on. */
enum rec_stop_why {
	REC_STOP_ZAP = 1, /* an evaluation begins */
	REC_STOP_MODEL,   /* it has mapped a large file */
	REC_STOP_CODE,    /* it has mapped a program or library, after the model */
};

/* One slot for each thread, by its number: those that are stopped at one time are neighbours. */
#define REC_STOPS 1024

struct rec_stop {
	__u64 when; /* CLOCK_MONOTONIC, ns: right before */
	__u32 tid;  /* 0: free */
	__u32 why;
};

#define REC_SMALLEST_MODEL (16u << 20) /* bytes of a mapping */
#define REC_PROT_EXEC      4u

#endif
