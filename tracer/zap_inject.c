// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/zap_inject.h"

#define KERNEL_SIGSET 8
#define CODE_SEARCHED (4u << 20) /* bytes of a mapping */

#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK 0x420a
#define PTRACE_SETSIGMASK 0x420b
#endif
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* ---- what differs between architectures ---- */

#if defined(__x86_64__)

#define SUPPORTED 1
static const unsigned char instruction_code[] = {0x0f, 0x05}; /* syscall */
#define INSTRUCTION_ALIGN 1
#define RESTARTS_EARLY    0

typedef struct user_regs_struct registers;

/* orig_rax below 0: not in a system call, so that no other signal's arrival restarts one. */
static void set_call(registers *r, uint64_t instruction, long nr, const uint64_t arg[6])
{
	r->rip = instruction;
	r->rax = (unsigned long long)nr;
	r->orig_rax = ~0ull;
	r->rdi = arg[0];
	r->rsi = arg[1];
	r->rdx = arg[2];
	r->r10 = arg[3];
	r->r8 = arg[4];
	r->r9 = arg[5];
}

static uint64_t position_of(const registers *r)
{
	return r->rip;
}

static int64_t result_of(const registers *r)
{
	return (int64_t)r->rax;
}

#elif defined(__aarch64__)

#define SUPPORTED         1
static const unsigned char instruction_code[] = {0x01, 0x00, 0x00, 0xd4}; /* svc #0 */
#define INSTRUCTION_ALIGN 4
#define RESTARTS_EARLY    1

typedef struct user_regs_struct registers;

static void set_call(registers *r, uint64_t instruction, long nr, const uint64_t arg[6])
{
	r->pc = instruction;
	r->regs[8] = (unsigned long long)nr;
	for (int i = 0; i < 6; i++)
		r->regs[i] = arg[i];
}

static uint64_t position_of(const registers *r)
{
	return r->pc;
}

static int64_t result_of(const registers *r)
{
	return (int64_t)r->regs[0];
}

#else

#define SUPPORTED         0
static const unsigned char instruction_code[] = {0};
#define INSTRUCTION_ALIGN 1
#define RESTARTS_EARLY    0

typedef struct {
	int none;
} registers;

static void set_call(registers *r, uint64_t instruction, long nr, const uint64_t arg[6])
{
	(void)r;
	(void)instruction;
	(void)nr;
	(void)arg;
}

static uint64_t position_of(const registers *r)
{
	(void)r;
	return 0;
}

static int64_t result_of(const registers *r)
{
	(void)r;
	return -ENOSYS;
}

#endif

/* ---- where ---- */

static bool is_native(pid_t pid)
{
	unsigned char ident[EI_NIDENT];
	char path[64];
	int fd;
	bool ret;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ret = read(fd, ident, sizeof(ident)) == sizeof(ident) && !memcmp(ident, ELFMAG, SELFMAG) &&
	      ident[EI_CLASS] == ELFCLASS64;
	close(fd);
	return ret;
}

static uint64_t search(int mem, uint64_t start, uint64_t end, unsigned char *buf)
{
	size_t size = end - start < CODE_SEARCHED ? end - start : CODE_SEARCHED;
	ssize_t n = pread(mem, buf, size, (off_t)start);

	for (ssize_t at = 0; at + (ssize_t)sizeof(instruction_code) <= n; at += INSTRUCTION_ALIGN)
		if (!memcmp(buf + at, instruction_code, sizeof(instruction_code)))
			return start + (uint64_t)at;
	return 0;
}

int rec_inject_find(pid_t pid, uint64_t *instruction)
{
	unsigned char *buf = malloc(CODE_SEARCHED);
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *maps = NULL;
	int mem = -1, ret = -ENOENT;

	*instruction = 0;
	if (!SUPPORTED || !is_native(pid)) {
		ret = -EOPNOTSUPP;
		goto out;
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!buf || mem < 0 || !maps) {
		ret = -errno;
		goto out;
	}
	/* The vdso has one for the clocks it cannot read by itself; a kernel may be without a vdso. */
	for (int any = 0; any < 2 && !*instruction; any++) {
		rewind(maps);
		while (!*instruction && getline(&line, &room, maps) > 0) {
			unsigned long long start, end;
			char prot[8];

			if (sscanf(line, "%llx-%llx %7s", &start, &end, prot) == 3 &&
			    prot[0] == 'r' && prot[2] == 'x' &&
			    (any ? !strstr(line, "[v") : strstr(line, "[vdso]") != NULL))
				*instruction = search(mem, start, end, buf);
		}
	}
	if (*instruction)
		ret = 0;
out:
	free(line);
	free(buf);
	if (maps)
		fclose(maps);
	if (mem >= 0)
		close(mem);
	return ret;
}

/* ---- the call ---- */

static int registers_get(pid_t tid, registers *r)
{
	struct iovec io = {.iov_base = r, .iov_len = sizeof(*r)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io))
		return -errno;
	/* fewer: a 32-bit program on a 64-bit kernel */
	return io.iov_len == sizeof(*r) ? 0 : -EOPNOTSUPP;
}

static int registers_set(pid_t tid, const registers *r)
{
	struct iovec io = {.iov_base = (void *)r, .iov_len = sizeof(*r)};

	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io) ? -errno : 0;
}

int rec_inject_begin(struct rec_inject *i)
{
	uint64_t all = ~(1ull << (SIGTRAP - 1));
	int ret;

	i->gone = i->interrupted = i->trapped = i->masked = false;
	i->deferred = 0;
	i->saved = malloc(sizeof(registers));
	if (!i->saved)
		return -ENOMEM;
	ret = registers_get(i->tid, i->saved);
	if (ret) {
		free(i->saved);
		i->saved = NULL;
		return ret;
	}
	/*
	 * A handler must not run with our registers. SIGTRAP is what the step ends with: were it blocked, the
	 * kernel would take its handler away.
	 */
	if (!ptrace(PTRACE_GETSIGMASK, i->tid, (void *)KERNEL_SIGSET, &i->blocked))
		i->masked = !ptrace(PTRACE_SETSIGMASK, i->tid, (void *)KERNEL_SIGSET, &all);
	return 0;
}

/* A stop of the whole group; the same event without one of these signals is somebody's PTRACE_INTERRUPT. */
static bool is_group_stop(int status)
{
	int sig = WSTOPSIG(status);

	return status >> 16 == PTRACE_EVENT_STOP &&
	       (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU);
}

/* Steps until the instruction has been left behind. */
static int step(struct rec_inject *i, registers *now)
{
	for (;;) {
		int status, ret;

		if (ptrace(PTRACE_SINGLESTEP, i->tid, NULL, NULL) && errno != ESRCH)
			return -errno;
		do
			ret = waitpid(i->tid, &status, __WALL);
		while (ret < 0 && errno == EINTR);
		if (ret < 0 || !WIFSTOPPED(status) || status >> 16 == PTRACE_EVENT_EXEC) {
			i->gone = true;
			i->wait_status = ret < 0 ? 0 : status;
			return -ESRCH;
		}
		if (is_group_stop(status)) {
			i->interrupted = true;
			/* the kernel stops a group before it looks at the signals that are there */
			i->trapped =
				!registers_get(i->tid, now) && position_of(now) != i->instruction;
			return -EINTR;
		}
		if (status >> 16)
			continue; /* likewise: the SIGTRAP comes after it */
		ret = registers_get(i->tid, now);
		if (ret)
			return ret;
		/* SIGSTOP cannot be kept away: it has its turn when all is as it was */
		if (WSTOPSIG(status) != SIGTRAP)
			i->deferred = WSTOPSIG(status);
		if (position_of(now) != i->instruction)
			return 0;
	}
}

int rec_inject_call(struct rec_inject *i, long nr, const uint64_t arg[6], int64_t *result)
{
	registers now = *(registers *)i->saved;
	int ret;

	set_call(&now, i->instruction, nr, arg);
	ret = registers_set(i->tid, &now);
	if (!ret)
		ret = step(i, &now);
	if (!ret)
		*result = result_of(&now);
	return ret;
}

int rec_inject_end(struct rec_inject *i)
{
	int ret = 0;

	if (!i->gone && i->saved) {
		ret = registers_set(i->tid, i->saved);
		if (i->masked)
			ptrace(PTRACE_SETSIGMASK, i->tid, (void *)KERNEL_SIGSET, &i->blocked);
	}
	free(i->saved);
	i->saved = NULL;
	/* killed meanwhile: nobody is left who would miss them */
	return ret == -ESRCH ? 0 : ret;
}

/* ---- when not ---- */

struct rseq_configuration {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};

static bool read_memory(pid_t tid, uint64_t addr, void *buf, size_t size)
{
	struct iovec to = {.iov_base = buf, .iov_len = size};
	struct iovec from = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};

	return process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)size;
}

/* The kernel there has set the registers up for a restart before it stops. */
static bool is_before_call(pid_t tid)
{
	unsigned char code[sizeof(instruction_code)];
	registers now;

	if (!RESTARTS_EARLY || registers_get(tid, &now))
		return false;
	return read_memory(tid, position_of(&now), code, sizeof(code)) &&
	       !memcmp(code, instruction_code, sizeof(code));
}

bool rec_inject_is_delicate(pid_t tid)
{
	struct rseq_configuration conf = {0};
	uint64_t sequence = 0;

	if (is_before_call(tid))
		return true;
	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, (void *)sizeof(conf), &conf) <= 0 ||
	    !conf.pointer)
		return false;
	/* struct rseq: cpu_id_start, cpu_id, then the pointer to the sequence that the thread is in */
	return read_memory(tid, conf.pointer + 8, &sequence, sizeof(sequence)) && sequence != 0;
}
