// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/util.c: error texts, small files, sizes, clocks.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/util.h"

int host_fail(struct host_err *err, int ret, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return ret;
}

ssize_t host_file_read(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	int ret = 0;
	int fd;

	if (!size)
		return -EINVAL;
	buf[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* seq_file hands out a page at a time: read to the end, not once */
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (ret) {
		buf[0] = '\0';
		return ret;
	}
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return (ssize_t)len;
}

static int parse_u64(const char *text, uint64_t *val)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*val = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	return end == text ? -EINVAL : 0;
}

int host_file_read_u64(const char *path, uint64_t *val)
{
	char buf[64];
	ssize_t n = host_file_read(path, buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	if (!strcmp(buf, "max")) {
		*val = HOST_UNKNOWN;
		return 0;
	}
	return parse_u64(buf, val);
}

int host_file_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int ret = 0;
	ssize_t n;
	int fd;

	/* O_TRUNC would be wrong for nothing in /proc and /sys, and harmful for a file that is not there */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != len)
		ret = -EIO;
	close(fd);
	return ret;
}

int host_file_write_u64(const char *path, uint64_t val)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%" PRIu64, val);
	return host_file_write(path, buf);
}

int host_path(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size) {
		buf[0] = '\0';
		return -ENAMETOOLONG;
	}
	return 0;
}

int host_text_u64(const char *text, const char *key, uint64_t *val)
{
	size_t len = strlen(key);

	while (text && *text) {
		if (!strncmp(text, key, len) && isspace((unsigned char)text[len]))
			return parse_u64(text + len, val);
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return -ENOENT;
}

int host_size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "bkmgtpe";
	const char *unit;
	char *end;
	double v;
	int shift = 0;

	if (!strcmp(text, "max")) {
		*bytes = HOST_UNKNOWN;
		return 0;
	}
	/* strtod would also take "inf", "nan", "0x10" and a sign */
	if (!isdigit((unsigned char)*text) ||
	    (text[0] == '0' && tolower((unsigned char)text[1]) == 'x'))
		return -EINVAL;
	if (strspn(text, "0123456789") == strlen(text)) {
		errno = 0;
		*bytes = strtoull(text, NULL, 10);
		return errno ? -ERANGE : 0;
	}
	v = strtod(text, &end);
	if (*end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit || !*unit)
			return -EINVAL;
		shift = (int)(unit - units) * 10;
		end++;
		if (shift && tolower((unsigned char)*end) == 'i')
			end++;
		if (shift && tolower((unsigned char)*end) == 'b')
			end++;
		if (*end)
			return -EINVAL;
	}
	v *= (double)(1ULL << shift);
	if (v >= 18446744073709551615.0)
		return -ERANGE;
	*bytes = (uint64_t)v;
	return 0;
}

char *host_size_format(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned int u = 0;

	if (bytes == HOST_UNKNOWN) {
		(void)snprintf(buf, size, "unknown");
		return buf;
	}
	/* 1023.995 would round to "1024.00" of the smaller unit */
	while (v >= 1023.995 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		u++;
	}
	(void)snprintf(buf, size, u ? "%.2f %s" : "%.0f %s", v, units[u]);
	return buf;
}

uint64_t host_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void host_sleep_ns(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000ULL),
			      .tv_nsec = (long)(ns % 1000000000ULL)};
	int saved = errno;

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
	errno = saved;
}

int host_pid_start(pid_t pid, uint64_t *ticks)
{
	char path[64];
	char buf[1024];
	const char *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = host_file_read(path, buf, sizeof(buf));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	/* the command's name may hold spaces and parentheses: count from the last one */
	p = strrchr(buf, ')');
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
	}
	return p ? parse_u64(p, ticks) : -EIO;
}
