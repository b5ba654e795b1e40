// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/attach_int.h"
#include "tracer/privileges.h"
#include "tracer/tracefs.h"

#define RING_BYTES    (16u << 20)
#define ALL_RINGS_MAX (512u << 20)
#define SMALLEST_RING (1u << 20)

enum part {
	PART_CORE,
	PART_REGIONS,
	PART_BLOCK,
	PART_BIO,
	PART_CACHE,
	PART_SCHED,
	PART_RECLAIM,
	PART_RECLAIM_GROUP,
};

/* The programs on tracepoints. A kernel that lacks one of them does without its whole part. */
static const struct tracepoint {
	const char *program, *name;
	enum part part;
	bool raw;
} tracepoints[] = {
	{"task_new", "task/task_newtask", PART_CORE, false},
	{"task_exit", "sched/sched_process_exit", PART_CORE, false},
	{"syscall_enter", "raw_syscalls/sys_enter", PART_REGIONS, false},
	{"syscall_exit", "raw_syscalls/sys_exit", PART_REGIONS, false},
	{"rq_issue", "block/block_rq_issue", PART_BLOCK, false},
	{"rq_done", "block/block_rq_complete", PART_BLOCK, true},
	{"bio_queue", "block/block_bio_queue", PART_BIO, false},
	{"bio_done", "block/block_bio_complete", PART_BIO, true},
	{"cache_add", "filemap/mm_filemap_add_to_page_cache", PART_CACHE, false},
	{"cache_drop", "filemap/mm_filemap_delete_from_page_cache", PART_CACHE, false},
	{"sched_switch", "sched/sched_switch", PART_SCHED, true},
	{"reclaim_batch", "vmscan/mm_vmscan_lru_shrink_inactive", PART_RECLAIM, false},
	{"reclaim_begin", "vmscan/mm_vmscan_direct_reclaim_begin", PART_RECLAIM, false},
	{"reclaim_end", "vmscan/mm_vmscan_direct_reclaim_end", PART_RECLAIM, false},
	{"reclaim_group_begin", "vmscan/mm_vmscan_memcg_reclaim_begin", PART_RECLAIM_GROUP, false},
	{"reclaim_group_end", "vmscan/mm_vmscan_memcg_reclaim_end", PART_RECLAIM_GROUP, false},
};

#define TRACEPOINTS (sizeof(tracepoints) / sizeof(tracepoints[0]))

static bool *part_flag(struct rec_capabilities *can, enum part part)
{
	switch (part) {
	case PART_REGIONS:
		return &can->regions;
	case PART_BLOCK:
		return &can->block;
	case PART_BIO:
		return &can->bio;
	case PART_CACHE:
		return &can->cache;
	case PART_SCHED:
		return &can->sched;
	case PART_RECLAIM:
		return &can->reclaim;
	case PART_RECLAIM_GROUP:
		return &can->reclaim_group;
	case PART_CORE:
		break;
	}
	return &can->core;
}

static const struct {
	long nr;
	enum rec_syscall op;
} syscalls[] = {
	{SYS_mmap, REC_SYS_MMAP},
	{SYS_munmap, REC_SYS_MUNMAP},
	{SYS_mremap, REC_SYS_MREMAP},
	{SYS_brk, REC_SYS_BRK},
	{SYS_read, REC_SYS_READ},
	{SYS_pread64, REC_SYS_PREAD},
	{SYS_readv, REC_SYS_READV},
	{SYS_preadv, REC_SYS_PREADV},
	{SYS_preadv2, REC_SYS_PREADV},
	{SYS_madvise, REC_SYS_MADVISE},
	{SYS_fadvise64, REC_SYS_FADVISE},
	{SYS_readahead, REC_SYS_READAHEAD},
	{SYS_mlock, REC_SYS_MLOCK},
	{SYS_mlock2, REC_SYS_MLOCK},
	{SYS_munlock, REC_SYS_MUNLOCK},
	{SYS_mprotect, REC_SYS_MPROTECT},
	{SYS_pkey_mprotect, REC_SYS_MPROTECT},
};

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int print_all(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

static int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool block_layout(int tracefs, const char *name, volatile struct rec_block_layout *at)
{
	int dev = rec_tracepoint_field(tracefs, name, "dev");
	int sector = rec_tracepoint_field(tracefs, name, "sector");
	int sectors = rec_tracepoint_field(tracefs, name, "nr_sector");
	int rwbs = rec_tracepoint_field(tracefs, name, "rwbs");

	if (dev < 0 || sector < 0 || sectors < 0 || rwbs < 0)
		return false;
	at->dev = (__u16)dev;
	at->sector = (__u16)sector;
	at->sectors = (__u16)sectors;
	at->rwbs = (__u16)rwbs;
	return true;
}

static bool cache_layout(int tracefs, const char *name, volatile struct rec_cache_layout *at)
{
	int ino = rec_tracepoint_field(tracefs, name, "i_ino");
	int index = rec_tracepoint_field(tracefs, name, "index");
	int dev = rec_tracepoint_field(tracefs, name, "s_dev");
	int order = rec_tracepoint_field(tracefs, name, "order");

	if (ino < 0 || index < 0 || dev < 0)
		return false;
	at->ino = (__u16)ino;
	at->index = (__u16)index;
	at->dev = (__u16)dev;
	at->order = order < 0 ? 0 : (__u16)order;
	return true;
}

static bool reclaim_layout(int tracefs, const char *name, volatile struct rec_reclaim_layout *at)
{
	int scanned = rec_tracepoint_field(tracefs, name, "nr_scanned");
	int reclaimed = rec_tracepoint_field(tracefs, name, "nr_reclaimed");

	if (scanned < 0 || reclaimed < 0)
		return false;
	at->scanned = (__u16)scanned;
	at->reclaimed = (__u16)reclaimed;
	return true;
}

static void choose_programs(struct rec_attach *a)
{
	struct hooks__rodata *ro = a->bpf->rodata;
	struct rec_capabilities *can = &a->can;

	for (size_t i = 0; i < TRACEPOINTS; i++) {
		bool *flag = part_flag(can, tracepoints[i].part);

		if (tracepoints[i].part != PART_CORE &&
		    rec_tracepoint_id(a->tracefs, tracepoints[i].name) < 0)
			*flag = false;
	}
	if (!block_layout(a->tracefs, "block/block_rq_issue", &ro->rq_issue_at))
		can->block = false;
	if (!block_layout(a->tracefs, "block/block_bio_queue", &ro->bio_queue_at))
		can->bio = false;
	if (!cache_layout(a->tracefs, "filemap/mm_filemap_add_to_page_cache", &ro->cache_at))
		can->cache = false;
	if (!reclaim_layout(a->tracefs, "vmscan/mm_vmscan_lru_shrink_inactive", &ro->reclaim_at))
		can->reclaim = false;
	for (size_t i = 0; i < TRACEPOINTS; i++) {
		bool *flag = part_flag(can, tracepoints[i].part);
		struct bpf_program *p =
			bpf_object__find_program_by_name(a->bpf->obj, tracepoints[i].program);

		bpf_program__set_autoload(p, *flag);
	}
	bpf_program__set_autoload(a->bpf->progs.barrier_enter, can->probes);
	bpf_program__set_autoload(a->bpf->progs.barrier_exit, can->probes);
	bpf_program__set_autoload(a->bpf->progs.call_enter, can->probes);
	bpf_program__set_autoload(a->bpf->progs.call_exit, can->probes);
	ro->stop_signal = can->stops;
	for (size_t i = 0; i < sizeof(syscalls) / sizeof(syscalls[0]); i++)
		if (syscalls[i].nr >= 0 && syscalls[i].nr < REC_SYSCALLS &&
		    (syscalls[i].op != REC_SYS_MPROTECT || can->stops))
			ro->syscall_op[syscalls[i].nr] = (__u8)syscalls[i].op;
}

static int load(struct rec_attach *a, const struct rec_capabilities *want)
{
	int ret;

	a->bpf = hooks__open();
	if (!a->bpf)
		return -errno;
	a->can = *want;
	choose_programs(a);
	ret = hooks__load(a->bpf);
	if (ret) {
		hooks__destroy(a->bpf);
		a->bpf = NULL;
	}
	return ret;
}

/* Runs of the page cache are reported late: they have a source of their own, to stay in order. */
static unsigned int source_of(const struct ring_source *s, const struct rec_event *e)
{
	uint32_t kind = e->word & REC_EV_KIND_MASK;

	return kind == REC_EV_CACHE_ADD || kind == REC_EV_CACHE_DROP ? s->attach->cpus + s->cpu
								     : s->cpu;
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct ring_source *s = ctx;
	int ret = rec_merge_push(s->attach->merge, source_of(s, data), data, size);

	s->attach->received++;
	if (ret)
		s->attach->drain_error = ret;
	return 0;
}

static int add_ring(struct rec_attach *a, unsigned int cpu)
{
	__u32 key = cpu;
	int fd, ret;

	a->source[cpu] = (struct ring_source){.attach = a, .cpu = cpu};
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "faultline_ring", 0, 0, a->ring_bytes, NULL);
	if (fd < 0)
		return -errno;
	ret = bpf_map_update_elem(bpf_map__fd(a->bpf->maps.rings), &key, &fd, BPF_ANY);
	if (ret) {
		close(fd);
		return ret;
	}
	/* the map in the kernel and libbpf's mapping keep it */
	if (!a->rings) {
		a->rings = ring_buffer__new(fd, on_event, &a->source[cpu], NULL);
		ret = a->rings ? 0 : -errno;
	} else {
		ret = ring_buffer__add(a->rings, fd, on_event, &a->source[cpu]);
	}
	return ret;
}

static int open_rings(struct rec_attach *a, unsigned int want)
{
	int ret = 0;

	a->ring_bytes = want ? want : RING_BYTES;
	while (!want && a->ring_bytes > SMALLEST_RING &&
	       (uint64_t)a->ring_bytes * a->cpus > ALL_RINGS_MAX)
		a->ring_bytes /= 2;
	a->source = calloc(a->cpus, sizeof(*a->source));
	if (!a->source)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < a->cpus && !ret; cpu++)
		ret = add_ring(a, cpu);
	return ret;
}

int rec_attach_open(struct rec_attach **out, const struct rec_attach_options *opt,
		    struct host_err *err)
{
	struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
	struct rec_capabilities want = {
		.core = true,
		.regions = opt->regions,
		.block = opt->block,
		.bio = opt->block,
		.cache = opt->cache,
		.probes = opt->probes,
		.sched = opt->sched,
		.reclaim = opt->reclaim,
		.reclaim_group = opt->reclaim,
		.stops = (uint32_t)opt->stop_signal,
	};
	struct rec_attach *a;
	int ret = rec_privileges_check(err);

	if (ret)
		return ret;
	a = calloc(1, sizeof(*a));
	if (!a)
		return host_fail(err, -ENOMEM, "out of memory");
	a->tracefs = rec_tracefs_open();
	if (a->tracefs < 0) {
		ret = host_fail(err, a->tracefs,
				"cannot open tracefs: %s; try 'mount -t tracefs nodev "
				"/sys/kernel/tracing' (the kernel needs CONFIG_FTRACE)",
				strerror(-a->tracefs));
		goto out;
	}
	/* before 5.11 maps are charged to this limit */
	setrlimit(RLIMIT_MEMLOCK, &no_limit);
	libbpf_set_print(opt->verbose > 1 ? print_all : print_nothing);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	a->cpus = (unsigned int)libbpf_num_possible_cpus();
	if (a->cpus > REC_MAX_CPUS)
		a->cpus = REC_MAX_CPUS;
	ret = load(a, &want);
	if (ret && want.stops) {
		/* before 5.6, or where a policy refuses programs that send signals */
		want.stops = 0;
		ret = load(a, &want);
	}
	if (ret && ret != -EPERM) {
		/* An optional program may need what this kernel's BPF lacks: do without all of them. */
		want.cache = want.probes = want.bio = want.sched = false;
		want.reclaim = want.reclaim_group = false;
		ret = load(a, &want);
	}
	if (ret) {
		rec_privileges_explain_load(ret, err);
		goto out;
	}
	ret = open_rings(a, opt->ring_bytes);
	if (ret)
		host_fail(err, ret, "cannot create the rings of %u MiB per CPU: %s",
			  a->ring_bytes >> 20, strerror(-ret));
out:
	if (ret) {
		rec_attach_close(a);
		return ret;
	}
	*out = a;
	return 0;
}

void rec_attach_stop(struct rec_attach *a)
{
	__atomic_store_n(&a->bpf->bss->stopped, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < a->nfaults; i++)
		for (int k = 0; k < 3; k++)
			ioctl(a->faults[i].fd[k], PERF_EVENT_IOC_DISABLE, 0);
}

void rec_attach_detach(struct rec_attach *a)
{
	for (size_t i = 0; i < a->ntracepoints; i++)
		close(a->tracepoint[i]);
	for (size_t i = 0; i < a->nprobes; i++)
		bpf_link__destroy(a->probe[i]);
	a->ntracepoints = a->nprobes = 0;
}

/* Holds what we hold until the pipe closes, which is when we are gone. */
static void hand_over(void)
{
	int end[2], null;

	if (pipe2(end, O_CLOEXEC))
		return;
	if (fork()) {
		close(end[0]); /* the other end stays open as long as we live */
		return;
	}
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close(end[1]);
	while (read(end[0], &(char){0}, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

void rec_attach_close(struct rec_attach *a)
{
	if (!a)
		return;
	if (a->bpf)
		rec_attach_stop(a);
	if (a->ntracepoints || a->nprobes)
		hand_over();
	for (size_t i = 0; i < a->ntracepoints; i++)
		close(a->tracepoint[i]);
	for (size_t i = 0; i < a->nprobes; i++)
		bpf_link__destroy(a->probe[i]);
	for (size_t i = 0; i < a->nfaults; i++)
		for (int k = 0; k < 3; k++)
			close(a->faults[i].fd[k]);
	ring_buffer__free(a->rings);
	hooks__destroy(a->bpf);
	if (a->tracefs >= 0)
		close(a->tracefs);
	free(a->source);
	free(a->faults);
	free(a->tracepoint);
	free(a->probe);
	free(a);
}

const struct rec_capabilities *rec_attach_capabilities(const struct rec_attach *a)
{
	return &a->can;
}

unsigned int rec_attach_cpus(const struct rec_attach *a)
{
	return a->cpus;
}

unsigned int rec_attach_ring_bytes(const struct rec_attach *a)
{
	return a->ring_bytes;
}

static int attach_tracepoint(struct rec_attach *a, const struct tracepoint *t)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
	};
	struct bpf_program *p = bpf_object__find_program_by_name(a->bpf->obj, t->program);
	int id = rec_tracepoint_id(a->tracefs, t->name), fd;
	int *more;

	if (id < 0)
		return id;
	more = realloc(a->tracepoint, (a->ntracepoints + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	a->tracepoint = more;
	if (t->raw) {
		fd = bpf_raw_tracepoint_open(strchr(t->name, '/') + 1, bpf_program__fd(p));
		if (fd < 0)
			return -errno;
		a->tracepoint[a->ntracepoints++] = fd;
		return 0;
	}
	attr.config = (__u64)id;
	/* The program belongs to the tracepoint, not to this event's CPU: it runs on all of them. */
	fd = perf_event_open(&attr, -1, 0);
	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(p)) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	a->tracepoint[a->ntracepoints++] = fd;
	return 0;
}

int rec_attach_tracepoints(struct rec_attach *a, struct host_err *err)
{
	for (size_t i = 0; i < TRACEPOINTS; i++) {
		bool *flag = part_flag(&a->can, tracepoints[i].part);
		int ret;

		if (!*flag)
			continue;
		ret = attach_tracepoint(a, &tracepoints[i]);
		if (ret && tracepoints[i].part != PART_CORE)
			*flag = false;
		else if (ret)
			return host_fail(err, ret, "cannot attach to the tracepoint %s: %s",
					 tracepoints[i].name, strerror(-ret));
	}
	return 0;
}

int rec_attach_process(struct rec_attach *a, pid_t pid)
{
	__u32 key = (__u32)pid;
	__u8 one = 1;

	return bpf_map_update_elem(bpf_map__fd(a->bpf->maps.processes), &key, &one, BPF_ANY);
}

static int fault_event(struct rec_attach *a, pid_t tid, int kind, bool on_exec)
{
	static const __u64 config[] = {PERF_COUNT_SW_PAGE_FAULTS, PERF_COUNT_SW_PAGE_FAULTS_MAJ,
				       PERF_COUNT_SW_PAGE_FAULTS_MIN};
	struct bpf_program *programs[] = {a->bpf->progs.fault_start, a->bpf->progs.fault_major,
					  a->bpf->progs.fault_minor};
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = config[kind],
		.sample_period = 1,
		.inherit = 1,
		.disabled = 1,
		.enable_on_exec = on_exec,
	};
	int fd = perf_event_open(&attr, tid, -1);

	if (fd < 0)
		return fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(programs[kind]))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int rec_attach_faults(struct rec_attach *a, pid_t tid, bool on_exec, struct host_err *err)
{
	struct fault_events *more = realloc(a->faults, (a->nfaults + 1) * sizeof(*more));
	struct fault_events events;
	int ret;

	if (!more)
		return host_fail(err, -ENOMEM, "out of memory");
	a->faults = more;
	for (int k = 0; k < 3; k++) {
		ret = fault_event(a, tid, k, on_exec);
		if (ret < 0) {
			while (k--)
				close(events.fd[k]);
			if (ret == -ESRCH)
				return ret;
			return host_fail(err, ret, "cannot count the page faults of %d: %s%s",
					 (int)tid, strerror(-ret),
					 ret == -EACCES ? "; see kernel.perf_event_paranoid" : "");
		}
		events.fd[k] = ret;
	}
	for (int k = 0; k < 3 && !on_exec; k++)
		ioctl(events.fd[k], PERF_EVENT_IOC_ENABLE, 0);
	a->faults[a->nfaults++] = events;
	return 0;
}

int rec_attach_probe(struct rec_attach *a, bool barrier, const char *path, uint64_t offset,
		     uint64_t cookie)
{
	LIBBPF_OPTS(bpf_uprobe_opts, enter, .bpf_cookie = cookie);
	LIBBPF_OPTS(bpf_uprobe_opts, leave, .bpf_cookie = cookie, .retprobe = true);
	struct bpf_program *on_enter =
		barrier ? a->bpf->progs.barrier_enter : a->bpf->progs.call_enter;
	struct bpf_program *on_leave =
		barrier ? a->bpf->progs.barrier_exit : a->bpf->progs.call_exit;
	struct bpf_link **more;

	if (!a->can.probes)
		return -EOPNOTSUPP;
	more = realloc(a->probe, (a->nprobes + 2) * sizeof(struct bpf_link *));
	if (!more)
		return -ENOMEM;
	a->probe = more;
	/* What spans nothing has no end; a return probe would trap a second time. */
	if (!barrier && cookie & REC_COOKIE_POINT) {
		more[a->nprobes] =
			bpf_program__attach_uprobe_opts(on_enter, -1, path, offset, &enter);
		if (!more[a->nprobes])
			return -errno;
		a->nprobes++;
		return 0;
	}
	/* By inode, for all processes: the file need not be mapped yet. The programs look whose it is. */
	more[a->nprobes] = bpf_program__attach_uprobe_opts(on_leave, -1, path, offset, &leave);
	if (!more[a->nprobes])
		return -errno;
	more[a->nprobes + 1] = bpf_program__attach_uprobe_opts(on_enter, -1, path, offset, &enter);
	if (!more[a->nprobes + 1]) {
		int ret = -errno;

		bpf_link__destroy(more[a->nprobes]);
		return ret;
	}
	a->nprobes += 2;
	return 0;
}

int rec_attach_drain(struct rec_attach *a, struct rec_merge *m)
{
	int ret;

	a->merge = m;
	a->drain_error = 0;
	ret = ring_buffer__consume(a->rings);
	return ret < 0 ? ret : a->drain_error;
}

const char *rec_attach_hook(const char *program)
{
	for (size_t i = 0; i < TRACEPOINTS; i++)
		if (!strcmp(tracepoints[i].program, program))
			return tracepoints[i].name;
	return "";
}
