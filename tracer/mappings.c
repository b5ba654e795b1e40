// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: what the processes map, from their system calls, from perf's log (what exec() maps), and
 * from /proc/PID/maps (what was there before, the stack, and whatever else did not resolve).
 */
#include <errno.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tracer/world.h"

#define SCAN_INTERVAL_NS 200000000ull
/* The kernel keeps at least this much free below the stack, which grows without any event. */
#define STACK_ROOM (8ull << 20)

static bool failed(int64_t ret)
{
	return ret < 0 && ret > -4096;
}

static uint64_t round_up(const struct rec_world *w, uint64_t bytes)
{
	return (bytes + w->page_size - 1) & ~(uint64_t)(w->page_size - 1);
}

static uint64_t alignment(uint64_t addr)
{
	return addr ? addr & -addr : 0;
}

static void record(struct rec_world *w, struct rec_process *p, uint32_t op,
		   const struct rec_region *region, uint64_t addr, uint64_t length, uint64_t end,
		   uint64_t dur, uint64_t from)
{
	struct flt_record r = {.stream = rec_process_stream(w, p), .kind = FLT_REGION};

	r.f[FLT_REGION_OP] = op;
	r.f[FLT_REGION_ID] = region->id;
	r.f[FLT_REGION_ADDR] = addr;
	r.f[FLT_REGION_LENGTH] = length;
	r.f[FLT_REGION_FILE] = region->file;
	r.f[FLT_REGION_OFFSET] = region->file == FLT_NONE ? 0 : rec_region_offset(region, addr);
	r.f[FLT_REGION_PROT] = region->prot;
	r.f[FLT_REGION_FLAGS] = region->flags;
	r.f[FLT_REGION_FROM] = from;
	rec_sink_time(w->sink, &r, end, dur);
	rec_sink_add(w->sink, &r);
	w->totals.regions++;
}

/* A copy of WANT with an id, defined in the trace. Regions live as long as the world. */
static struct rec_region *make_region(struct rec_world *w, const struct rec_region *want,
				      const char *name)
{
	struct rec_region *r = malloc(sizeof(*r));
	json_t *def;

	if (!r)
		return NULL;
	*r = *want;
	r->id = w->next_region++;
	r->next = w->regions;
	w->regions = r;
	if (r->file != FLT_NONE)
		r->generation = w->file[r->file]->mappings++;
	def = json_pack("{s:I, s:o, s:I, s:I, s:I, s:i, s:i, s:s, s:i, s:I}", "id",
			(json_int_t)r->id, "file",
			r->file == FLT_NONE ? json_null() : json_integer((json_int_t)r->file),
			"addr", (json_int_t)r->addr, "length", (json_int_t)r->length, "offset",
			(json_int_t)r->offset, "prot", (int)r->prot, "flags", (int)r->flags, "kind",
			rec_region_kind_name(r->kind), "generation", (int)r->generation, "align",
			(json_int_t)alignment(r->addr));
	if (def && name && *name)
		json_object_set_new(def, "name", json_string(name));
	rec_sink_define(w->sink, "region", def);
	return r;
}

static uint32_t kind_of(uint64_t file, uint32_t flags, const char *name)
{
	if (file != FLT_NONE)
		return REC_REGION_FILE;
	if (name && !strcmp(name, "[heap]"))
		return REC_REGION_HEAP;
	if (name && !strncmp(name, "[stack", 6))
		return REC_REGION_STACK;
	if (flags & MAP_STACK)
		return REC_REGION_STACK;
	if ((flags & MAP_TYPE) == MAP_SHARED)
		return REC_REGION_SHMEM;
	return REC_REGION_ANON;
}

static struct rec_region *add(struct rec_world *w, struct rec_process *p, uint32_t op,
			      const struct rec_region *want, const char *name, uint64_t end,
			      uint64_t dur, uint64_t from)
{
	struct rec_region *r = make_region(w, want, name);

	if (!r)
		return NULL;
	rec_space_map(&p->space, r->addr, r->addr + r->length, r, end);
	record(w, p, op, r, r->addr, r->length, end, dur, from);
	return r;
}

/* ---- perf's log ---- */

void rec_mappings_log(struct rec_world *w, const struct rec_event_mapping *e)
{
	struct rec_process *p;
	struct rec_thread *t;
	struct rec_file *f = NULL;
	struct rec_region want;

	HASH_FIND_INT(w->processes, &e->pid, p);
	if (!p || p->ended)
		return;
	t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);
	if (e->ino)
		f = rec_file_get(w, e->dev, e->ino, e->pid, -1, e->path);
	if (t) {
		t->mapping_time = e->h.end;
		t->mapping_addr = e->addr;
		t->mapping_file = f;
	}
	if (!p->in_exec)
		return;
	want = (struct rec_region){
		.addr = e->addr,
		.length = e->length,
		.file = f ? f->id : FLT_NONE,
		.offset = f ? e->offset : 0,
		.prot = e->prot,
		.flags = e->flags,
		.kind = kind_of(f ? f->id : FLT_NONE, e->flags, e->path),
	};
	if (want.kind == REC_REGION_STACK && want.length < STACK_ROOM && want.addr > STACK_ROOM) {
		want.addr = want.addr + want.length - STACK_ROOM;
		want.length = STACK_ROOM;
	}
	add(w, p, FLT_RO_MMAP, &want, e->path, e->h.end, 0, FLT_NONE);
}

/* ---- /proc/PID/maps ---- */

/* Adds those parts of [want->addr, + length) of which nothing is known. */
static void add_gaps(struct rec_world *w, struct rec_process *p, const struct rec_region *want,
		     const char *name, uint64_t now)
{
	uint64_t at = want->addr, end = want->addr + want->length;

	while (at < end) {
		const struct rec_span *next = rec_space_from(&p->space, at);
		uint64_t stop = next && next->start < end ? next->start : end;

		if (next && next->start <= at) {
			at = next->end;
			continue;
		}
		if (stop > at) {
			struct rec_region part = *want;

			part.addr = at;
			part.length = stop - at;
			part.offset = want->file == FLT_NONE ? 0 : want->offset + (at - want->addr);
			add(w, p, FLT_RO_EXISTING, &part, name, now, 0, FLT_NONE);
		}
		at = stop;
	}
}

static void scan_line(struct rec_world *w, struct rec_process *p, const char *line, uint64_t now,
		      bool special)
{
	unsigned long long start, end, offset, ino;
	unsigned int major, minor;
	char prot[8];
	int path = 0;
	struct rec_file *f = NULL;
	struct rec_region want = {0};
	const char *name;

	if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &start, &end, prot, &offset, &major,
		   &minor, &ino, &path) < 7)
		return;
	name = path ? line + path : "";
	if (special && name[0] != '[')
		return;
	/* The heap of now may be a later one than the events are at: brk() tells of it in time. */
	if (!strcmp(name, "[vsyscall]") || (!strcmp(name, "[heap]") && (special || p->heap_end)))
		return;
	if (ino)
		f = rec_file_get(w, major << 20 | (minor & 0xfffff), ino, p->pid, -1, name);
	want.addr = start;
	want.length = end - start;
	want.file = f ? f->id : FLT_NONE;
	want.offset = f ? offset : 0;
	want.prot = (prot[0] == 'r' ? PROT_READ : 0u) | (prot[1] == 'w' ? PROT_WRITE : 0u) |
		    (prot[2] == 'x' ? PROT_EXEC : 0u);
	want.flags = (prot[3] == 's' ? MAP_SHARED : MAP_PRIVATE) | (f ? 0u : MAP_ANONYMOUS);
	want.kind = kind_of(want.file, want.flags, name);
	if (!strcmp(name, "[stack]") && want.length < STACK_ROOM && start > STACK_ROOM) {
		want.addr = end - STACK_ROOM;
		want.length = STACK_ROOM;
	}
	add_gaps(w, p, &want, name, now);
	if (want.kind == REC_REGION_HEAP && !p->heap) {
		p->heap = rec_space_find(&p->space, start);
		p->heap_end = end;
	}
}

void rec_mappings_scan(struct rec_world *w, struct rec_process *p, uint64_t now, bool special)
{
	char path[64], *line = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while ((n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		scan_line(w, p, line, now, special);
	}
	free(line);
	fclose(f);
	w->totals.scans++;
}

struct rec_region *rec_mappings_find(struct rec_world *w, struct rec_process *p, uint64_t addr,
				     uint64_t now)
{
	struct rec_region *r = rec_space_find(&p->space, addr);

	if (r || p->ended || p->in_exec || now < p->next_scan)
		return r;
	/* What the map shows now was there then, as far as nothing else is known of that address. */
	p->next_scan = now + SCAN_INTERVAL_NS;
	rec_mappings_scan(w, p, now, false);
	return rec_space_find(&p->space, addr);
}

/* ---- system calls ---- */

static struct rec_file *mapped_file(struct rec_world *w, struct rec_thread *t,
				    const struct rec_event_syscall *e)
{
	uint64_t start = e->h.end - rec_event_duration(&e->h);
	struct rec_file *f;

	if (e->arg[3] & MAP_ANONYMOUS)
		return NULL;
	/* The log has the name, and the inode that the memory will really belong to. */
	if (t->mapping_file && t->mapping_time >= start && t->mapping_time <= e->h.end &&
	    t->mapping_addr <= (uint64_t)e->ret)
		return t->mapping_file;
	if (!e->ino)
		return NULL;
	f = rec_file_get(w, e->dev, e->ino, t->process->pid, (int)e->arg[4], NULL);
	return f;
}

static void on_mmap(struct rec_world *w, struct rec_thread *t, const struct rec_event_syscall *e)
{
	struct rec_file *f = mapped_file(w, t, e);
	struct rec_region want = {
		.addr = (uint64_t)e->ret,
		.length = round_up(w, e->arg[1]),
		.file = f ? f->id : FLT_NONE,
		.offset = f ? e->arg[5] : 0,
		.prot = (uint32_t)e->arg[2],
		.flags = (uint32_t)e->arg[3],
	};
	struct rec_region *r;
	struct flt_record hint = {.kind = FLT_HINT};

	want.kind = kind_of(want.file, want.flags, NULL);
	r = add(w, t->process, FLT_RO_MMAP, &want, NULL, e->h.end, rec_event_duration(&e->h),
		FLT_NONE);
	if (!r || !(want.flags & MAP_POPULATE))
		return;
	hint.stream = rec_thread_stream(w, t, e->h.end);
	hint.f[FLT_HINT_OP] = FLT_HO_POPULATE;
	hint.f[FLT_HINT_ADVICE] = want.flags;
	hint.f[FLT_HINT_FILE] = want.file;
	hint.f[FLT_HINT_REGION] = r->id;
	hint.f[FLT_HINT_OFFSET] = want.offset;
	hint.f[FLT_HINT_LENGTH] = want.length;
	rec_sink_time(w->sink, &hint, e->h.end, rec_event_duration(&e->h));
	rec_sink_add(w->sink, &hint);
	w->totals.hints++;
}

/* One record for each region that loses something. */
static void take_out(struct rec_world *w, struct rec_process *p, uint64_t start, uint64_t end,
		     const struct rec_event_syscall *e, uint32_t op)
{
	uint64_t dur = rec_event_duration(&e->h), begun = e->h.end - dur;
	const struct rec_span *s;
	uint64_t at = start;

	while (at < end && (s = rec_space_from(&p->space, at)) && s->start < end) {
		uint64_t from = s->start > start ? s->start : start;
		uint64_t to = s->end < end ? s->end : end;

		if (s->since < begun)
			record(w, p, op, s->region, from, to - from, e->h.end, dur, FLT_NONE);
		at = s->end;
	}
	rec_space_unmap(&p->space, start, end, begun);
}

static void on_mremap(struct rec_world *w, struct rec_process *p, const struct rec_event_syscall *e)
{
	struct rec_region *old = rec_space_find(&p->space, e->arg[0]);
	struct rec_region want;

	if (!old)
		return;
	want = *old;
	want.addr = (uint64_t)e->ret;
	want.length = round_up(w, e->arg[2]);
	if (old->file != FLT_NONE)
		want.offset = rec_region_offset(old, e->arg[0]);
	/* MREMAP_DONTUNMAP leaves the old place mapped, but empty */
	if (!(e->arg[3] & MREMAP_DONTUNMAP))
		rec_space_unmap(&p->space, e->arg[0], e->arg[0] + round_up(w, e->arg[1]),
				UINT64_MAX);
	add(w, p, FLT_RO_MREMAP, &want, NULL, e->h.end, rec_event_duration(&e->h), old->id);
}

static void on_brk(struct rec_world *w, struct rec_process *p, const struct rec_event_syscall *e)
{
	uint64_t end = round_up(w, (uint64_t)e->ret), dur = rec_event_duration(&e->h);

	if (!p->heap_end) {
		p->heap_end = end;
		return;
	}
	if (end == p->heap_end)
		return;
	if (end > p->heap_end && !p->heap) {
		struct rec_region want = {
			.addr = p->heap_end,
			.length = end - p->heap_end,
			.file = FLT_NONE,
			.prot = PROT_READ | PROT_WRITE,
			.flags = MAP_PRIVATE | MAP_ANONYMOUS,
			.kind = REC_REGION_HEAP,
		};

		p->heap = add(w, p, FLT_RO_BRK, &want, "[heap]", e->h.end, dur, FLT_NONE);
	} else if (p->heap) {
		/* the same region, of another length: offsets in it stay what they are */
		if (end > p->heap_end)
			rec_space_map(&p->space, p->heap_end, end, p->heap, e->h.end);
		else
			rec_space_unmap(&p->space, end, p->heap_end, UINT64_MAX);
		if (end > p->heap->addr)
			record(w, p, FLT_RO_BRK, p->heap, p->heap->addr, end - p->heap->addr,
			       e->h.end, dur, FLT_NONE);
	}
	p->heap_end = end;
}

void rec_mappings_syscall(struct rec_world *w, struct rec_thread *t,
			  const struct rec_event_syscall *e)
{
	struct rec_process *p = t->process;

	if (p->in_exec) {
		/* the program itself runs: the kernel has mapped all that exec() maps */
		p->in_exec = false;
		rec_mappings_scan(w, p, e->h.end, true);
	}
	if (failed(e->ret))
		return;
	switch (e->op) {
	case REC_SYS_MMAP:
		on_mmap(w, t, e);
		break;
	case REC_SYS_MUNMAP:
		take_out(w, p, e->arg[0], e->arg[0] + round_up(w, e->arg[1]), e, FLT_RO_MUNMAP);
		break;
	case REC_SYS_MREMAP:
		on_mremap(w, p, e);
		break;
	case REC_SYS_BRK:
		on_brk(w, p, e);
		break;
	default:
		break;
	}
}

void rec_mappings_free(struct rec_world *w)
{
	while (w->regions) {
		struct rec_region *r = w->regions;

		w->regions = r->next;
		free(r);
	}
}
