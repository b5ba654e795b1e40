// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this machine record? Every capability that the recorder needs is tried for real, with plain
 * system calls: an event is opened, a program is loaded, a probe is set on a function of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "analysis/doctor.h"
#include "host/util.h"

/* The inode of the first PID namespace: programs in the kernel see process numbers of that one. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

static uint64_t effective_capabilities(void)
{
	char text[4096], *line;

	if (host_file_read("/proc/self/status", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nCapEff:");
	return line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
}

static bool may_trace(void)
{
	uint64_t caps = effective_capabilities();

	return (caps >> CAP_SYS_ADMIN & 1) || ((caps >> CAP_BPF & 1) && (caps >> CAP_PERFMON & 1));
}

/* False if there is no point in trying anything. */
static bool check_privileges(struct ana_findings *all)
{
	bool may = may_trace();
	struct ana_finding *f;
	uint64_t paranoid = 0;
	char ns[64] = "";

	if (may) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "privileges",
			 "this user may trace; the recorded command runs as the invoking user");
	} else {
		host_file_read_u64("/proc/sys/kernel/perf_event_paranoid", &paranoid);
		f = ana_find(all, ANA_RECORD, ANA_MISSING, "privileges",
			     "tracing needs root, or CAP_BPF and CAP_PERFMON "
			     "(kernel.perf_event_paranoid is %" PRIu64 ")",
			     paranoid);
		ana_fix(f, "sudo faultline record ...; the recorded command itself runs as you");
	}
	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) > 0 &&
	    strcmp(ns, FIRST_PID_NAMESPACE)) {
		f = ana_find(all, ANA_RECORD, ANA_MISSING, "container",
			     "this is a container with process numbers of its own");
		ana_fix(f, "record on the host, with -p for a process in here");
	}
	return may;
}

static int open_event(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Makes one page fault of our own; it has to be counted. */
static bool counts_faults(int fd)
{
	uint64_t before = 0, after = 0;
	volatile char *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	if (read(fd, &before, sizeof(before)) != sizeof(before))
		before = UINT64_MAX;
	page[0] = 1;
	if (read(fd, &after, sizeof(after)) != sizeof(after))
		after = 0;
	munmap((void *)page, 4096);
	return after > before;
}

/* The event on which everything rests; the file descriptor, or -errno. */
static int check_fault_events(struct ana_findings *all)
{
	static const struct {
		uint64_t config;
		const char *name;
	} event[] = {
		{PERF_COUNT_SW_PAGE_FAULTS_MAJ, "major faults"},
		{PERF_COUNT_SW_PAGE_FAULTS_MIN, "minor faults"},
		{PERF_COUNT_SW_PAGE_FAULTS, "page faults"}, /* last: its file descriptor is kept */
	};
	struct ana_finding *f;
	int fd = -1;

	for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++) {
		struct perf_event_attr attr = {
			.type = PERF_TYPE_SOFTWARE, .config = event[i].config, .sample_period = 1};

		if (fd >= 0)
			close(fd);
		fd = open_event(&attr, 0, -1);
		if (fd < 0) {
			f = ana_find(all, ANA_RECORD, ANA_MISSING, "page faults",
				     "the kernel refuses the event '%s': %s", event[i].name,
				     strerror(-fd));
			ana_fix(f, fd == -EACCES || fd == -EPERM
					   ? "run it with sudo"
					   : "a kernel with CONFIG_PERF_EVENTS=y is needed");
			return fd;
		}
	}
	if (counts_faults(fd)) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "page faults",
			 "starts, major and minor ends are counted");
	} else {
		f = ana_find(all, ANA_RECORD, ANA_MISSING, "page faults",
			     "the events open, but a fault of our own was not counted");
		ana_fix(f,
			"this kernel (or sandbox) imitates perf events: record on another machine");
	}
	return fd;
}

static void check_type_information(struct ana_findings *all)
{
	struct ana_finding *f;
	struct utsname u = {0};

	if (!access("/sys/kernel/btf/vmlinux", R_OK)) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "type information",
			 "the kernel describes its types (BTF)");
		return;
	}
	uname(&u);
	f = ana_find(all, ANA_RECORD, ANA_MISSING, "type information",
		     "kernel %s does not describe its types (no /sys/kernel/btf/vmlinux)",
		     u.release);
	ana_fix(f, "a kernel built with CONFIG_DEBUG_INFO_BTF=y");
}

static void check_lockdown(struct ana_findings *all)
{
	struct ana_finding *f;
	char text[256];

	if (host_file_read("/sys/kernel/security/lockdown", text, sizeof(text)) <= 0)
		return;
	if (!strstr(text, "[confidentiality]")) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "lockdown",
			 strstr(text, "[integrity]") ? "integrity, which still allows tracing"
						     : "off");
		return;
	}
	f = ana_find(all, ANA_RECORD, ANA_MISSING, "lockdown",
		     "the kernel is locked down to confidentiality, which forbids tracing");
	ana_fix(f, "boot with lockdown=integrity, or without Secure Boot");
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	int fd = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return fd < 0 ? -errno : fd;
}

/* "return 0", for perf events; a file descriptor or -errno. */
static int load_program(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_PERF_EVENT,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.insns = (uintptr_t)code,
		.license = (uintptr_t) "GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int create_ring(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_RINGBUF,
		.max_entries = 1u << 16, /* the largest page size that there is */
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static void check_programs(struct ana_findings *all, int fault_event)
{
	struct ana_finding *f;
	int program = load_program(), ring = create_ring(), ret = program;
	const char *what = "load a program";

	if (ret >= 0) {
		ret = ring;
		what = "make a ring buffer (Linux 5.8)";
	}
	if (ret >= 0 && fault_event >= 0) {
		ret = ioctl(fault_event, PERF_EVENT_IOC_SET_BPF, program) ? -errno : 0;
		what = "attach a program to page faults";
	}
	if (ret >= 0) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "BPF", "programs load%s, ring buffers work",
			 fault_event >= 0 ? " and attach to page faults" : "");
	} else {
		f = ana_find(all, ANA_RECORD, ANA_MISSING, "BPF", "the kernel does not %s: %s",
			     what, strerror(-ret));
		if (ret == -EPERM || ret == -EACCES)
			ana_fix(f, "run it with sudo, outside of containers");
		else
			ana_fix(f, "a kernel of 5.15 or later with CONFIG_BPF_SYSCALL=y and "
				   "CONFIG_BPF_EVENTS=y");
	}
	if (program >= 0)
		close(program);
	if (ring >= 0)
		close(ring);
}

/* The directory events/ of tracefs, mounted for ourselves if nobody has; or -errno. */
static int open_tracefs(void)
{
	static const char *const places[] = {"/sys/kernel/tracing/events",
					     "/sys/kernel/debug/tracing/events"};
	int fs, mount, fd;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	mount = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
			? -1
			: (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	fd = mount < 0 ? -errno : openat(mount, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount >= 0 && fd < 0)
		fd = -errno;
	close(fs);
	if (mount >= 0)
		close(mount);
	return fd;
}

/* Opens a tracepoint as the recorder does: 0 or -errno. */
static int try_tracepoint(int events, const char *name)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .sample_period = 1};
	char path[128], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/id", name);
	fd = openat(events, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	attr.config = strtoull(text, NULL, 10);
	fd = open_event(&attr, -1, 0);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void check_tracepoints(struct ana_findings *all)
{
	static const struct {
		const char *name, *point[3], *without;
		bool needed;
	} group[] = {
		{"threads", {"task/task_newtask", "sched/sched_process_exit", NULL}, "", true},
		{"mappings and reads",
		 {"raw_syscalls/sys_enter", "raw_syscalls/sys_exit", NULL},
		 "mappings are only seen as they were at the start; no read(2), no hints",
		 false},
		{"block I/O",
		 {"block/block_rq_issue", "block/block_rq_complete", NULL},
		 "recordings have no block I/O",
		 false},
		{"page cache",
		 {"filemap/mm_filemap_add_to_page_cache",
		  "filemap/mm_filemap_delete_from_page_cache", NULL},
		 "recordings do not tell what entered and left the page cache",
		 false},
	};
	struct ana_finding *f;
	int events = open_tracefs();

	if (events < 0) {
		f = ana_find(all, ANA_RECORD, ANA_MISSING, "tracepoints",
			     "tracefs does not open: %s", strerror(-events));
		ana_fix(f,
			events == -EACCES || events == -EPERM
				? "run it with sudo"
				: "mount -t tracefs nodev /sys/kernel/tracing (CONFIG_FTRACE=y)");
		return;
	}
	for (size_t i = 0; i < sizeof(group) / sizeof(group[0]); i++) {
		int ret = 0;
		size_t k;

		for (k = 0; group[i].point[k]; k++) {
			ret = try_tracepoint(events, group[i].point[k]);
			if (ret)
				break;
		}
		if (!ret) {
			ana_find(all, ANA_RECORD, ANA_GOOD, group[i].name, "tracepoints work");
			continue;
		}
		f = ana_find(all, ANA_RECORD, group[i].needed ? ANA_MISSING : ANA_NOTE,
			     group[i].name, "no tracepoint %s (%s)%s%s", group[i].point[k],
			     strerror(-ret), *group[i].without ? ": " : "", group[i].without);
		if (ret == -EACCES || ret == -EPERM)
			ana_fix(f, "run it with sudo");
	}
	close(events);
}

/* A function to put probes on. */
__attribute__((noinline)) static void probe_target(void)
{
	__asm__ volatile("" ::: "memory");
}

struct place {
	uintptr_t address;
	uint64_t offset; /* in the program's file */
};

/* The first object is the program itself: which part of its file is mapped at the address? */
static int find_place(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *p = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && p->address >= start && p->address - start < h->p_filesz)
			p->offset = p->address - start + h->p_offset;
	}
	return 1;
}

static int try_uprobe(void)
{
	struct perf_event_attr attr = {.sample_period = 1};
	char type[32], self[HOST_PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct place place = {.address = (uintptr_t)probe_target};
	int fd;

	if (len <= 0)
		return -ENOENT;
	self[len] = '\0';
	if (host_file_read("/sys/bus/event_source/devices/uprobe/type", type, sizeof(type)) <= 0)
		return -ENODEV;
	dl_iterate_phdr(find_place, &place);
	attr.type = (uint32_t)strtoul(type, NULL, 10);
	attr.uprobe_path = (uintptr_t)self;
	attr.probe_offset = place.offset;
	fd = open_event(&attr, getpid(), -1);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void check_probes(struct ana_findings *all)
{
	struct ana_finding *f;
	int ret = try_uprobe();

	probe_target();
	if (!ret) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "user probes",
			 "tokens and barriers can be marked exactly");
		return;
	}
	f = ana_find(all, ANA_RECORD, ANA_NOTE, "user probes",
		     "no uprobes (%s): barriers are not seen, and evaluations are inferred from "
		     "sweeps over the model",
		     strerror(-ret));
	ana_fix(f, ret == -EACCES || ret == -EPERM ? "run it with sudo"
						   : "a kernel with CONFIG_UPROBE_EVENTS=y");
}

void ana_doctor_record(struct ana_findings *all)
{
	bool may = check_privileges(all);
	int fault_event;

	check_lockdown(all);
	check_type_information(all);
	if (!may) {
		ana_find(all, ANA_RECORD, ANA_NOTE, "the rest",
			 "not tried without privileges: 'sudo faultline doctor' tells");
		return;
	}
	fault_event = check_fault_events(all);
	check_programs(all, fault_event);
	check_tracepoints(all);
	check_probes(all);
	ana_doctor_reference(all);
	if (fault_event >= 0)
		close(fault_event);
}
