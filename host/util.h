/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/util.h: small things that the whole room needs: error texts, /proc and /sys files,
 * sizes written by people, clocks, and the identity of a process.
 *
 * The room's conventions: functions return 0 (or a count) or -errno and never exit, never print and
 * never change signal handlers. Nothing here is a thread's own business unless it says so: one object
 * belongs to one thread at a time, different objects are independent.
 */
#ifndef HOST_UTIL_H
#define HOST_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A counter which this kernel, file system or cgroup version does not offer. */
#define HOST_UNKNOWN UINT64_MAX

#define HOST_PATH_MAX 1024
#define HOST_ERR_MAX  (HOST_PATH_MAX + 512)

/*
 * One line for a person: what failed, why, and what to do. Callers print it after their own prefix
 * ("faultline record: ", "faultline: "). Every function that takes one accepts NULL.
 */
struct host_err {
	char text[HOST_ERR_MAX];
};

/* Format the text (if err is not NULL) and return @ret, so that "return host_fail(...)" reads well. */
int host_fail(struct host_err *err, int ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Read a small file into @buf: at most @size - 1 bytes, NUL-terminated, trailing newlines removed.
 * Returns the length, or -errno.
 */
ssize_t host_file_read(const char *path, char *buf, size_t size);

/* Read a file that holds one decimal number ("max" reads as HOST_UNKNOWN). 0 or -errno. */
int host_file_read_u64(const char *path, uint64_t *val);

/* Write @text with one write(2), as cgroup and sysfs files want it; nothing is created. 0 or -errno. */
int host_file_write(const char *path, const char *text);
int host_file_write_u64(const char *path, uint64_t val);

/* snprintf() into a path buffer; -ENAMETOOLONG where it does not fit, else 0. */
int host_path(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Find the number that follows the word @key at the start of a line, as in memory.stat, vmstat
 * ("key 12") and status ("Key:   12 kB", with @key "Key:"). Returns 0, or -ENOENT.
 */
int host_text_u64(const char *text, const char *key, uint64_t *val);

/*
 * Parse a size as people write it: "2560M", "1.5G", "4096", "512KiB", "1t". Units are powers of 1024
 * and the letter's case does not matter. "max" gives HOST_UNKNOWN. 0, -EINVAL or -ERANGE.
 */
int host_size_parse(const char *text, uint64_t *bytes);

/* "2.50 GiB"; returns @buf. 16 bytes suffice; HOST_UNKNOWN reads "unknown". */
char *host_size_format(uint64_t bytes, char *buf, size_t size);

/* CLOCK_MONOTONIC in ns. */
uint64_t host_now_ns(void);

/* Sleep at least @ns, whatever signals arrive. Async-signal-safe. */
void host_sleep_ns(uint64_t ns);

/*
 * When a process began, in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it names a
 * process for good, a pid alone is reused. -ESRCH where there is none.
 */
int host_pid_start(pid_t pid, uint64_t *ticks);

#endif
