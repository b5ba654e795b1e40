/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/zap_inject.h: a system call in the name of a stopped thread.
 *
 * The thread is traced (PTRACE_SEIZE) by the calling thread and in a stop in which it waits to deliver a
 * signal: a signal's delivery, or a PTRACE_EVENT_STOP. Its registers are set to a system call instruction
 * that it has mapped anyway, it is stepped over that, and gets them back. What the kernel does about an
 * interrupted system call happens after the last stop, with the old registers, as if nothing had been.
 */
#ifndef REC_ZAP_INJECT_H
#define REC_ZAP_INJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rec_inject {
	pid_t tid;
	uint64_t instruction; /* of a system call, in the thread's memory */
	void *saved;          /* registers */
	uint64_t blocked;     /* its signal mask */
	bool masked;
	/* out */
	bool gone; /* it ended, or became another program; what is below is left to the caller */
	int wait_status;  /* ... as of waitpid(); 0: nothing was told */
	bool interrupted; /* by a stop of its whole group, which it is in now */
	bool trapped; /* ... with the step's SIGTRAP still to come, which is nobody's but ours */
	int deferred; /* a signal that came in between: to be delivered when it goes on; 0: none */
};

/*
 * Where PID has a system call instruction: in its vdso, else in any code that it has mapped.
 * -ENOENT: nowhere; -EOPNOTSUPP: not a 64-bit process of this architecture.
 */
int rec_inject_find(pid_t pid, uint64_t *instruction);

/* Saves the registers, and keeps other signals away. *I has tid and instruction. 0 or -errno. */
int rec_inject_begin(struct rec_inject *i);
/*
 * One call. *RESULT is what it returned, -errno of the thread's call included. 0; -errno if it could not be
 * made, of which -ESRCH: see gone, -EINTR: see interrupted.
 */
int rec_inject_call(struct rec_inject *i, long nr, const uint64_t arg[6], int64_t *result);
/* Everything as it was; the thread is still stopped. 0 or -errno. Safe if it is gone. */
int rec_inject_end(struct rec_inject *i);

/*
 * Whether the stopped thread must not be disturbed where it is: in a sequence that the kernel would restart
 * had the thread been rescheduled (rseq), since with other registers it does not see that; on arm64 also
 * right before a system call, since whether the kernel is about to restart it cannot be seen there.
 */
bool rec_inject_is_delicate(pid_t tid);

#endif
