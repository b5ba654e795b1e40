// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this machine make reference recordings and lock memory away? A thread of our own is stopped
 * as the recorder would stop one, and a program that sends the signal for it is loaded.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/doctor.h"
#include "analysis/units.h"
#include "host/util.h"

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

/* Seizes PID, stops it and lets it go: 0 or -errno. */
static int try_stop(pid_t pid)
{
	int status, ret = 0;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return -errno;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFSTOPPED(status))
		return -ESRCH;
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL))
		ret = -errno;
	return ret;
}

/* On a child that does nothing. */
static int try_ptrace(void)
{
	int status, ret;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		for (;;)
			pause();
	}
	ret = try_stop(pid);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && !WIFSIGNALED(status))
		;
	return ret;
}

/* "send SIGURG to this thread; return 0", for perf events: 0 or -errno. */
static int try_signal(void)
{
	static const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = SIGURG},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_send_signal_thread},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_PERF_EVENT,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.insns = (uintptr_t)code,
		.license = (uintptr_t) "GPL",
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void fix_ptrace(struct ana_finding *f)
{
	uint64_t scope = 0;

	if (!host_file_read_u64(YAMA, &scope) && scope >= 3)
		ana_fix(f,
			YAMA
			" is %" PRIu64
			", which forbids it to everybody until the next start: boot with another",
			scope);
	else
		ana_fix(f,
			"run it with sudo, in a container with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE)");
}

void ana_doctor_reference(struct ana_findings *all)
{
	int stop = try_ptrace(), signal = stop ? 0 : try_signal();
	struct ana_finding *f;

	if (!stop && !signal) {
		ana_find(all, ANA_RECORD, ANA_GOOD, "reference mode",
			 "threads can be stopped at each evaluation");
		return;
	}
	if (stop) {
		f = ana_find(all, ANA_RECORD, ANA_NOTE, "reference mode",
			     "threads cannot be stopped (ptrace: %s): no reference recordings",
			     strerror(-stop));
		fix_ptrace(f);
		return;
	}
	f = ana_find(
		all, ANA_RECORD, ANA_NOTE, "reference mode",
		"programs cannot send signals (%s): page tables are dropped by time, not at each evaluation",
		strerror(-signal));
	ana_fix(f, signal == -EPERM || signal == -EACCES
			   ? "run it with sudo"
			   : "Linux 5.5 or later has bpf_send_signal_thread");
}

static bool may_lock(void)
{
	char text[4096], *line;

	if (host_file_read("/proc/self/status", text, sizeof(text)) < 0)
		return false;
	line = strstr(text, "\nCapEff:");
	return line && (strtoull(line + strlen("\nCapEff:"), NULL, 16) >> CAP_IPC_LOCK & 1);
}

void ana_doctor_balloon(struct ana_findings *all)
{
	struct ana_finding *f;
	struct rlimit limit;
	char a[ANA_TEXT];

	if (may_lock()) {
		ana_find(all, ANA_LIMIT, ANA_GOOD, "pressure=global",
			 "any amount of memory can be locked away");
		return;
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY) {
		ana_find(all, ANA_LIMIT, ANA_GOOD, "pressure=global",
			 "this user may lock any amount of memory");
		return;
	}
	f = ana_find(all, ANA_LIMIT, ANA_NOTE, "pressure=global",
		     "this user may lock %s of memory, too little for a balloon",
		     ana_bytes(a, limit.rlim_cur));
	ana_fix(f,
		"run it with sudo, or 'ulimit -l unlimited' (memlock in /etc/security/limits.conf)");
}
