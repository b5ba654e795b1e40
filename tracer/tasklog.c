// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracer/tasklog.h"

#define RING_PAGES 128

struct cpu_ring {
	int fd;
	struct perf_event_mmap_page *page;
};

struct rec_tasklog {
	unsigned int cpus, first_source;
	struct cpu_ring *ring;
	size_t page_size;
	uint64_t lost, received;
	unsigned char *record; /* one that wraps around the ring's end, put together */
	unsigned char *event;
};

#define RECORD_MAX 65536

static int open_ring(struct rec_tasklog *t, pid_t pid, unsigned int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.inherit = pid != -1,
		.mmap = 1,
		.mmap2 = 1,
		.mmap_data = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, pid, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	void *page;

	if (fd < 0)
		return -errno;
	page = mmap(NULL, (RING_PAGES + 1) * t->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (page == MAP_FAILED) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	t->ring[cpu] = (struct cpu_ring){.fd = fd, .page = page};
	return 0;
}

int rec_tasklog_open(struct rec_tasklog **out, pid_t pid, unsigned int cpus,
		     unsigned int first_source, struct host_err *err)
{
	struct rec_tasklog *t = calloc(1, sizeof(*t));
	unsigned int opened = 0;
	int ret = 0;

	if (!t)
		return host_fail(err, -ENOMEM, "out of memory");
	t->cpus = cpus;
	t->first_source = first_source;
	t->page_size = (size_t)sysconf(_SC_PAGESIZE);
	t->ring = calloc(cpus, sizeof(*t->ring));
	t->record = malloc(RECORD_MAX);
	t->event = malloc(sizeof(struct rec_event_mapping) + RECORD_MAX);
	if (!t->ring || !t->record || !t->event) {
		rec_tasklog_close(t);
		return host_fail(err, -ENOMEM, "out of memory");
	}
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		t->ring[cpu].fd = -1;
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		ret = open_ring(t, pid, cpu);
		if (ret == -ENODEV) /* switched off */
			continue;
		if (ret) {
			rec_tasklog_close(t);
			return host_fail(err, ret, "cannot open perf's log of mappings: %s",
					 strerror(-ret));
		}
		opened++;
	}
	if (!opened) {
		rec_tasklog_close(t);
		return host_fail(err, -ENODEV, "no CPU takes perf events");
	}
	*out = t;
	return 0;
}

void rec_tasklog_close(struct rec_tasklog *t)
{
	if (!t)
		return;
	for (unsigned int cpu = 0; t->ring && cpu < t->cpus; cpu++) {
		if (t->ring[cpu].page)
			munmap(t->ring[cpu].page, (RING_PAGES + 1) * t->page_size);
		if (t->ring[cpu].fd >= 0)
			close(t->ring[cpu].fd);
	}
	free(t->ring);
	free(t->record);
	free(t->event);
	free(t);
}

unsigned int rec_tasklog_poll(const struct rec_tasklog *t, struct pollfd *fds, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int cpu = 0; cpu < t->cpus; cpu++)
		if (t->ring[cpu].fd >= 0 && n < max)
			fds[n++] = (struct pollfd){.fd = t->ring[cpu].fd, .events = POLLIN};
	return n;
}

uint64_t rec_tasklog_lost(const struct rec_tasklog *t)
{
	return t->lost;
}

uint64_t rec_tasklog_received(const struct rec_tasklog *t)
{
	return t->received;
}

/* Records as the kernel writes them; all end with their time (sample_id_all). */
struct mmap2_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t major, minor;
	uint64_t ino, ino_generation;
	uint32_t prot, flags;
	char filename[];
};

struct task_record {
	struct perf_event_header header;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

struct comm_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	char comm[];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id, lost;
};

static int push_mapping(struct rec_tasklog *t, unsigned int cpu, const struct mmap2_record *r,
			uint64_t time, struct rec_merge *m, rec_mapping_fn fn, void *arg)
{
	size_t path = r->header.size - sizeof(*r) - sizeof(time);
	struct rec_event_mapping *e = (struct rec_event_mapping *)t->event;

	*e = (struct rec_event_mapping){
		.h = {.end = time, .word = REC_EV_MAPPING, .tid = r->tid},
		.addr = r->addr,
		.length = r->len,
		.offset = r->pgoff,
		.ino = r->ino,
		.dev = r->major << 20 | (r->minor & 0xfffff),
		.prot = r->prot,
		.flags = r->flags,
		.pid = (pid_t)r->pid,
	};
	memcpy(e->path, r->filename, path);
	e->path[path] = '\0';
	path = strlen(e->path) + 1;
	if (fn)
		fn(arg, e);
	return rec_merge_push(m, t->first_source + cpu, e, sizeof(*e) + path);
}

static int push_task(struct rec_tasklog *t, unsigned int cpu, uint64_t time, uint32_t kind,
		     const struct rec_event_task *task, struct rec_merge *m)
{
	struct rec_event_task e = *task;

	e.h.end = time;
	e.h.word = kind;
	return rec_merge_push(m, t->first_source + cpu, &e, sizeof(e));
}

static int push_comm(struct rec_tasklog *t, unsigned int cpu, const struct comm_record *r,
		     uint64_t time, struct rec_merge *m)
{
	struct rec_event_task e = {.h = {.tid = r->tid}, .pid = (pid_t)r->pid};
	bool exec = r->header.misc & PERF_RECORD_MISC_COMM_EXEC;
	size_t len = r->header.size - sizeof(*r) - sizeof(time);

	len = strnlen(r->comm, len < sizeof(e.comm) - 1 ? len : sizeof(e.comm) - 1);
	memcpy(e.comm, r->comm, len);
	return push_task(t, cpu, time, exec ? REC_EV_EXEC : REC_EV_COMM, &e, m);
}

static int take_record(struct rec_tasklog *t, unsigned int cpu, const struct perf_event_header *h,
		       struct rec_merge *m, rec_mapping_fn fn, void *arg)
{
	const struct task_record *task = (const struct task_record *)h;
	struct rec_event_task e;
	uint64_t time;

	if (h->type == PERF_RECORD_LOST) {
		t->lost += ((const struct lost_record *)h)->lost;
		return 0;
	}
	if (h->size < sizeof(struct comm_record) + sizeof(time))
		return 0;
	t->received++;
	memcpy(&time, (const char *)h + h->size - sizeof(time), sizeof(time));
	switch (h->type) {
	case PERF_RECORD_MMAP2:
		return push_mapping(t, cpu, (const struct mmap2_record *)h, time, m, fn, arg);
	case PERF_RECORD_COMM:
		return push_comm(t, cpu, (const struct comm_record *)h, time, m);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		e = (struct rec_event_task){
			.h = {.tid = task->tid},
			.pid = (pid_t)task->pid,
			.parent_pid = (pid_t)task->ppid,
			.parent_tid = (pid_t)task->ptid,
		};
		return push_task(t, cpu, time,
				 h->type == PERF_RECORD_FORK ? REC_EV_TASK_NEW : REC_EV_TASK_EXIT,
				 &e, m);
	default:
		return 0;
	}
}

static int drain_ring(struct rec_tasklog *t, unsigned int cpu, struct rec_merge *m,
		      rec_mapping_fn fn, void *arg)
{
	struct perf_event_mmap_page *page = t->ring[cpu].page;
	const unsigned char *data = (unsigned char *)page + t->page_size;
	size_t size = RING_PAGES * t->page_size;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;
	int ret = 0;

	while (tail < head && !ret) {
		const struct perf_event_header *h;
		size_t at = tail & (size - 1), len;

		h = (const struct perf_event_header *)(data + at);
		len = h->size;
		if (at + len > size) {
			memcpy(t->record, data + at, size - at);
			memcpy(t->record + (size - at), data, len - (size - at));
			h = (const struct perf_event_header *)t->record;
		}
		ret = take_record(t, cpu, h, m, fn, arg);
		tail += len;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	return ret;
}

int rec_tasklog_drain(struct rec_tasklog *t, struct rec_merge *m, rec_mapping_fn fn, void *arg)
{
	int ret = 0;

	for (unsigned int cpu = 0; cpu < t->cpus; cpu++) {
		int err = t->ring[cpu].page ? drain_ring(t, cpu, m, fn, arg) : 0;

		if (err)
			ret = err;
	}
	return ret;
}
