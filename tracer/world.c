// SPDX-License-Identifier: GPL-2.0-only
/*
 * From events to records. Everything here happens at the time of the event that is looked at, which
 * may be some milliseconds ago.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utlist.h>

#include "tracer/judge.h"
#include "tracer/world.h"

int rec_world_open(struct rec_world *w, struct rec_sink *sink, pid_t pid)
{
	memset(w, 0, sizeof(*w));
	w->sink = sink;
	w->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	w->cache_stream = REC_NO_STREAM;
	w->root = rec_process_get(w, pid);
	if (!w->root || rec_block_open(w))
		return -ENOMEM;
	return 0;
}

void rec_world_close(struct rec_world *w)
{
	rec_people_free(w);
	rec_mappings_free(w);
	rec_files_free(w);
	rec_calls_free(w);
	rec_block_free(w);
	rec_extents_free(w);
	free(w->symbol);
	w->symbol = NULL;
	w->symbols = 0;
}

static void on_fault(struct rec_world *w, const struct rec_event *e)
{
	struct rec_thread *t = rec_thread_get(w, (pid_t)e->tid, 0);
	uint64_t addr = e->word & REC_EF_ADDR_MASK & ~(uint64_t)(w->page_size - 1);
	struct flt_record r = {.kind = FLT_FAULT};
	struct rec_region *region;
	uint64_t flags = 0;

	if (!t)
		return;
	region = rec_mappings_find(w, t->process, addr, e->end);
	if (e->word & REC_EF_MAJOR)
		flags |= FLT_FF_MAJOR;
	if (e->word & REC_EF_BLOCKED)
		flags |= FLT_FF_BLOCKED;
	if (e->word & REC_EF_KERNEL)
		flags |= FLT_FF_KERNEL;
	if (e->word & REC_EF_EXEC)
		flags |= FLT_FF_EXEC;
	if (region && region->file == FLT_NONE)
		flags |= FLT_FF_ANON;
	/* The events do not tell, but what may not be written to was read. */
	if (region && !(region->prot & PROT_WRITE))
		flags |= FLT_FF_WRITE_KNOWN;
	r.stream = rec_thread_stream(w, t, e->end);
	r.f[FLT_FAULT_FLAGS] = flags;
	r.f[FLT_FAULT_REGION] = region ? region->id : FLT_NONE;
	r.f[FLT_FAULT_OFFSET] = region ? rec_region_offset(region, addr) : addr;
	rec_sink_time(w->sink, &r, e->end, rec_event_duration(e));
	if (!w->first_model_fault && region && region->file != FLT_NONE &&
	    w->file[region->file]->model)
		w->first_model_fault = e->end;
	rec_sink_add(w->sink, &r);
	if (w->judge && region && region->file != FLT_NONE && w->file[region->file]->model)
		rec_judge_fault(w->judge, region->file, w->file[region->file]->size,
				r.f[FLT_FAULT_OFFSET]);
	w->totals.faults++;
	w->totals.major += (flags & FLT_FF_MAJOR) != 0;
	w->totals.blocked += (flags & FLT_FF_BLOCKED) != 0;
	w->totals.unresolved += !region;
}

static void on_cache(struct rec_world *w, const struct rec_event_cache *e, uint32_t kind)
{
	struct rec_file *f = rec_file_get(w, e->dev, e->ino, w->root->pid, -1, NULL);
	struct flt_record r = {.kind = FLT_CACHE};

	if (!f)
		return;
	if (w->cache_stream == REC_NO_STREAM)
		w->cache_stream = rec_stream_new(w, "cache", e->h.end, NULL);
	r.stream = w->cache_stream;
	r.f[FLT_CACHE_OP] = kind == REC_EV_CACHE_ADD ? 1 : 2;
	r.f[FLT_CACHE_FILE] = f->id;
	r.f[FLT_CACHE_OFFSET] = e->index * w->page_size;
	r.f[FLT_CACHE_LENGTH] = e->pages * w->page_size;
	r.f[FLT_CACHE_ORDER] = e->order == ~0u ? FLT_NONE : e->order;
	rec_sink_time(w->sink, &r, e->h.end, rec_event_duration(&e->h));
	rec_sink_add(w->sink, &r);
	w->totals.cache++;
}

static void on_syscall(struct rec_world *w, const struct rec_event_syscall *e)
{
	struct rec_thread *t = rec_thread_get(w, (pid_t)e->h.tid, (pid_t)e->pid);

	if (!t)
		return;
	rec_mappings_syscall(w, t, e);
	rec_calls_syscall(w, t, e);
}

static void on_call(struct rec_world *w, const struct rec_event_call *e, uint32_t kind)
{
	struct rec_thread *t = rec_thread_get(w, (pid_t)e->h.tid, 0);

	if (t)
		rec_calls_event(w, t, e, kind);
}

void rec_world_event(void *arg, const struct rec_event *e)
{
	struct rec_world *w = arg;
	uint32_t kind = e->word & REC_EV_KIND_MASK;

	switch (kind) {
	case REC_EV_FAULT:
		on_fault(w, e);
		break;
	case REC_EV_BARRIER:
	case REC_EV_CALL_BEGIN:
	case REC_EV_CALL_END:
		on_call(w, (const struct rec_event_call *)e, kind);
		break;
	case REC_EV_SYSCALL:
		on_syscall(w, (const struct rec_event_syscall *)e);
		break;
	case REC_EV_BIO_QUEUE:
	case REC_EV_BIO_DONE:
	case REC_EV_RQ_ISSUE:
	case REC_EV_RQ_DONE:
		rec_block_event(w, (const struct rec_event_block *)e, kind);
		break;
	case REC_EV_CACHE_ADD:
	case REC_EV_CACHE_DROP:
		on_cache(w, (const struct rec_event_cache *)e, kind);
		break;
	case REC_EV_OFF_CPU:
		rec_offcpu_event(w, e);
		break;
	case REC_EV_ZAP:
		rec_zap_record(w, (const struct rec_event_zap *)e);
		break;
	case REC_EV_MAPPING:
		rec_mappings_log(w, (const struct rec_event_mapping *)e);
		break;
	case REC_EV_TASK_NEW:
	case REC_EV_TASK_EXIT:
	case REC_EV_EXEC:
	case REC_EV_COMM:
		rec_people_task(w, (const struct rec_event_task *)e);
		break;
	default:
		break;
	}
}

void rec_world_finish(struct rec_world *w)
{
	struct rec_process *p, *next;
	struct rec_thread *t;

	DL_FOREACH(w->threads, t)
	rec_calls_thread_end(w, t);
	HASH_ITER (hh, w->processes, p, next)
		rec_process_stream(w, p);
	rec_block_finish(w);
}
