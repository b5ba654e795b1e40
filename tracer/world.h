/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/world.h: the recorded processes, threads, files, devices and symbols, as the events tell of
 * them in the order of time, and the records that are made of the events.
 */
#ifndef REC_WORLD_H
#define REC_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "tracer/barrier.h"
#include "tracer/hooks.h"
#include "tracer/passes.h"
#include "tracer/sink.h"
#include "tracer/space.h"
#include "tracer/tasklog.h"
#include "tracer/tensors.h"

#define REC_NO_STREAM UINT32_MAX

struct rec_file {
	uint64_t id;
	uint32_t dev; /* as the kernel has it */
	uint64_t ino;
	uint64_t size;
	bool model;
	uint32_t mappings;
	char *path;
};

/* A file may have several identities: overlay and btrfs show other numbers to mmap() than to stat(). */
struct rec_file_name {
	struct {
		uint64_t ino;
		uint64_t dev;
	} key;
	struct rec_file *file; /* NULL: not met yet */
	char *path;            /* may be NULL */
	UT_hash_handle hh;
};

struct rec_process {
	pid_t pid;
	uint32_t stream; /* of type "process"; see rec_process_stream() */
	bool has_stream; /* it is defined in the trace */
	char comm[16];   /* as of its fork, then of its last exec() */
	unsigned int threads;
	struct rec_space space;
	struct rec_region *heap;
	uint64_t heap_end;
	bool in_exec;       /* between exec() and its first system call the kernel maps by itself */
	bool ended;         /* with its last thread; the first may be gone long before */
	uint64_t next_scan; /* no look into /proc/PID/maps before, ns */
	UT_hash_handle hh;
};

struct rec_thread {
	struct rec_thread *prev, *next; /* all of them */
	pid_t tid;
	struct rec_process *process;
	uint32_t stream; /* REC_NO_STREAM: nothing recorded yet */
	char comm[16];
	/* the mapping that perf's log told of last: the system call that made it ends later */
	uint64_t mapping_time, mapping_addr;
	struct rec_file *mapping_file;
	/* the batch that is being worked at */
	uint64_t batch_tokens;
	uint32_t batch_symbol;
	/* the marked functions that it is inside of: what its process had used at their begin */
	struct rec_usage used[REC_CALL_DEPTH];
	/* the evaluation whose end only the next one tells (REC_COOKIE_POINT) */
	bool in_point;
	uint32_t point_symbol;
	uint64_t point_last; /* when it was last seen in there */
	struct rec_pass point;
	/* when its faults began to be counted: before, after; 0: it has inherited that */
	uint64_t attach_begin, attach_end;
};

struct rec_barrier_group {
	struct {
		uint64_t object;
		uint64_t pid;
	} key;
	uint64_t id;
	struct rec_barrier barrier;
	UT_hash_handle hh;
};

/* A function that is probed. Lower ranks are preferred. */
struct rec_mark_symbol {
	char name[128];
	int rank;
	bool barrier;
	uint32_t cookie;
};

struct rec_marks {
	int best_rank; /* of those that have begun */
	bool any;
	uint64_t count[16]; /* by class */
	struct rec_passes passes;
};

struct rec_block;
struct rec_extents;
struct rec_judge;
struct rec_event_zap;

/* For the live line and the summary. */
struct rec_totals {
	uint64_t faults, major, blocked, unresolved;
	uint64_t barriers, reads, hints, regions, cache;
	uint64_t evaluations, decodes,
		batch_tokens; /* marks; those of one token; tokens in larger ones */
	uint64_t io_read_bytes, io_foreign_read_bytes;
	uint64_t io_bios;
	uint64_t io_requests;   /* block records, without those of bios */
	uint64_t io_unfinished; /* of them without a completion */
	uint64_t io_parts;      /* of them completions of a part */
	uint64_t io_requeued;   /* issues that were not the first one of a request */
	uint64_t io_unissued;   /* completions of what was issued before the recording */
	uint64_t scans;
	uint64_t zaps; /* records: mappings whose page-table entries were dropped */
	uint64_t off_cpu, off_cpu_ns, preempted; /* intervals outside of faults */
};

struct rec_world {
	struct rec_sink *sink;
	uint32_t page_size;
	uint32_t next_stream;
	uint64_t next_region, next_file;
	uint32_t cache_stream; /* REC_NO_STREAM: nothing yet */
	struct rec_region *regions;
	struct rec_process *processes;
	struct rec_process *root;   /* the launched or attached process */
	struct rec_thread **thread; /* by tid */
	struct rec_thread *threads;
	struct rec_file_name *files, *last_file;
	struct rec_file **file; /* by id */
	struct rec_barrier_group *barriers;
	struct rec_mark_symbol *symbol;
	unsigned int symbols;
	struct rec_marks marks;
	struct rec_block *block;
	struct rec_extents *extents;
	struct rec_judge *judge; /* borrowed; NULL: nobody judges */
	bool wants_tensors;
	const struct rec_tensors *tensors; /* of files that were named */
	struct rec_totals totals;
	/* CLOCK_MONOTONIC, 0: not yet; a probe that comes in after the first touch has missed something */
	uint64_t first_model_fault, last_probe;
	dev_t output_dev; /* the trace's own file must never count as the model */
	ino_t output_ino;
	void (*watch)(void *arg, uint32_t dev,
		      uint64_t ino); /* a file whose cache is of interest */
	void *watch_arg;
};

/* PID becomes the root; stream 0 is its. 0 or -errno. */
int rec_world_open(struct rec_world *w, struct rec_sink *sink, pid_t pid);
void rec_world_close(struct rec_world *w);

/* Takes the next event, in the order of their ends. ARG is the world. */
void rec_world_event(void *arg, const struct rec_event *event);
/* After the last event: what has not ended. */
void rec_world_finish(struct rec_world *w);

/* ---- inside the room ---- */

static inline uint64_t rec_event_duration(const struct rec_event *e)
{
	return e->dur & REC_DUR_MICROSECONDS ? (e->dur & ~REC_DUR_MICROSECONDS) * 1000ull : e->dur;
}

/* people.c: processes and threads */
struct rec_process *rec_process_get(struct rec_world *w, pid_t pid);
/* The process' stream, defined at its first use: until then its name may change by exec(). */
uint32_t rec_process_stream(struct rec_world *w, struct rec_process *p);
/* NULL if the thread does not belong to the recording. */
struct rec_thread *rec_thread_find(struct rec_world *w, pid_t tid);
/* Makes what is not there; NULL without memory. PID 0: looked up. */
struct rec_thread *rec_thread_get(struct rec_world *w, pid_t tid, pid_t pid);
/* The thread's stream, defined at its first use. */
uint32_t rec_thread_stream(struct rec_world *w, struct rec_thread *t, uint64_t now);
uint32_t rec_stream_new(struct rec_world *w, const char *type, uint64_t now, json_t *more);
void rec_people_task(struct rec_world *w, const struct rec_event_task *e);
void rec_people_free(struct rec_world *w);

/* files.c */
struct rec_file *rec_file_get(struct rec_world *w, uint32_t dev, uint64_t ino, pid_t pid, int fd,
			      const char *path);
/* How that file is called, should it be met. */
void rec_file_hint(struct rec_world *w, uint32_t dev, uint64_t ino, const char *path);
void rec_file_alias(struct rec_world *w, struct rec_file *f, uint32_t dev, uint64_t ino);
void rec_files_free(struct rec_world *w);

/* mappings.c: regions */
void rec_mappings_log(struct rec_world *w, const struct rec_event_mapping *e);
void rec_mappings_syscall(struct rec_world *w, struct rec_thread *t,
			  const struct rec_event_syscall *e);
/* The region at an address; looks into /proc/PID/maps when it does not know. */
struct rec_region *rec_mappings_find(struct rec_world *w, struct rec_process *p, uint64_t addr,
				     uint64_t now);
/* Reads /proc/PID/maps and adds what is not known. SPECIAL: only stack, heap and vdso. */
void rec_mappings_scan(struct rec_world *w, struct rec_process *p, uint64_t now, bool special);
void rec_mappings_free(struct rec_world *w);

/* calls.c: reads, hints, barriers, marks */
void rec_calls_syscall(struct rec_world *w, struct rec_thread *t,
		       const struct rec_event_syscall *e);
void rec_calls_event(struct rec_world *w, struct rec_thread *t, const struct rec_event_call *e,
		     uint32_t kind);
/* A thread ends, or the recording: so does the evaluation that it is at. */
void rec_calls_thread_end(struct rec_world *w, struct rec_thread *t);
void rec_calls_free(struct rec_world *w);

/* offcpu.c */
void rec_offcpu_event(struct rec_world *w, const struct rec_event *e);

/* zap_world.c */
void rec_zap_record(struct rec_world *w, const struct rec_event_zap *e);

/* block.c */
int rec_block_open(struct rec_world *w);
void rec_block_event(struct rec_world *w, const struct rec_event_block *e, uint32_t kind);
void rec_block_finish(struct rec_world *w);
/* What was seen of a disk's requests, by whomever. */
struct rec_block_reads {
	uint64_t bytes;      /* of reads */
	uint64_t unfinished; /* of them, without a completion */
	uint64_t unissued;   /* of completions whose issue was not seen: reads or not */
};
void rec_block_reads(struct rec_world *w, uint32_t dev, struct rec_block_reads *sum);
void rec_block_model(struct rec_world *w, const struct rec_file *f);
void rec_block_free(struct rec_world *w);

/* extents.c: where on a disk the model is. DISK and START: of the file system's device, in sectors */
void rec_extents_add(struct rec_world *w, const char *path, uint32_t disk, uint64_t start);
bool rec_extents_have(const struct rec_world *w, uint32_t disk, uint64_t sector);
void rec_extents_free(struct rec_world *w);

#endif
