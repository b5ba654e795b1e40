// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tracer/privileges.h"

/* What the kernel gives the first PID namespace's file; programs see its process ids only. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

static uint64_t capabilities(void)
{
	char text[4096], *line;

	if (host_file_read("/proc/self/status", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nCapEff:");
	return line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
}

static bool has(uint64_t caps, int cap)
{
	return caps >> cap & 1;
}

static const char *paranoia(void)
{
	uint64_t level;

	if (host_file_read_u64("/proc/sys/kernel/perf_event_paranoid", &level) || level < 2)
		return "";
	return " (kernel.perf_event_paranoid keeps others from tracing)";
}

static bool is_locked_down(void)
{
	char text[256];

	return host_file_read("/sys/kernel/security/lockdown", text, sizeof(text)) > 0 &&
	       strstr(text, "[confidentiality]");
}

int rec_privileges_check(struct host_err *err)
{
	uint64_t caps = capabilities();
	char ns[64] = "";

	if (!has(caps, CAP_SYS_ADMIN) && !(has(caps, CAP_BPF) && has(caps, CAP_PERFMON)))
		return host_fail(err, -EPERM,
				 "tracing needs root%s: run it with sudo, the command itself will "
				 "run as you",
				 paranoia());
	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) > 0 &&
	    strcmp(ns, FIRST_PID_NAMESPACE))
		return host_fail(
			err, -EPERM,
			"this is a container with process numbers of its own: record on the "
			"host (with -p for a process in here)");
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		struct utsname u = {0};

		uname(&u);
		return host_fail(
			err, -EOPNOTSUPP,
			"kernel %s carries no type information (/sys/kernel/btf/vmlinux), "
			"which BPF tracing needs: use a kernel with CONFIG_DEBUG_INFO_BTF=y",
			u.release);
	}
	if (is_locked_down())
		return host_fail(
			err, -EPERM,
			"the kernel is locked down to confidentiality, which forbids tracing: "
			"boot with lockdown=integrity, or without Secure Boot");
	return 0;
}

void rec_privileges_explain_load(int ret, struct host_err *err)
{
	if (ret == -EPERM)
		host_fail(err, ret,
			  "the kernel refuses BPF programs (%s): run as root outside of containers",
			  strerror(-ret));
	else if (ret == -ENOSYS || ret == -ENOENT)
		host_fail(err, ret,
			  "this kernel cannot run the programs (%s): it needs CONFIG_BPF_SYSCALL, "
			  "CONFIG_BPF_EVENTS, CONFIG_DEBUG_INFO_BTF and Linux 5.15 or later",
			  strerror(-ret));
	else
		host_fail(err, ret, "the kernel does not load the programs: %s (-vv shows why)",
			  strerror(-ret));
}
