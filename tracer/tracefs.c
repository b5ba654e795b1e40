// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/tracefs.h"

static int open_mounted(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* An empty directory waits for the mount in most systems. */
	if (faccessat(fd, "events", F_OK, 0)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int open_detached(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	int fd, err;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		err = -errno;
		close(fs);
		return err;
	}
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	err = -errno;
	close(fs);
	return fd < 0 ? err : fd;
}

int rec_tracefs_open(void)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open_mounted(places[i]);

		if (fd >= 0)
			return fd;
	}
	return open_detached();
}

/* Reads events/NAME/FILE; the length or -errno. */
static ssize_t read_event_file(int tracefs, const char *name, const char *file, char *buf,
			       size_t size)
{
	char path[256];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/%s/%s", name, file);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	n = n < 0 ? -errno : (ssize_t)len;
	buf[len] = '\0';
	close(fd);
	return n;
}

int rec_tracepoint_id(int tracefs, const char *name)
{
	char text[32];
	ssize_t n = read_event_file(tracefs, name, "id", text, sizeof(text));

	if (n < 0)
		return (int)n;
	return atoi(text);
}

/* Lines look like "\tfield:unsigned int nr_sector;\toffset:24;\tsize:4;\tsigned:0;". */
int rec_tracepoint_field(int tracefs, const char *name, const char *field)
{
	char text[8192], *line, *next;
	ssize_t n = read_event_file(tracefs, name, "format", text, sizeof(text));
	size_t len = strlen(field);

	if (n < 0)
		return (int)n;
	for (line = text; line; line = next) {
		char *declaration = strstr(line, "field:"), *end, *offset;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!declaration || declaration > line + 2)
			continue;
		end = strchr(declaration, ';');
		offset = end ? strstr(end, "offset:") : NULL;
		if (!offset)
			continue;
		/* an array's name is followed by its length */
		for (char *c = declaration; c < end; c++)
			if (*c == '[')
				end = c;
		if (end - declaration > (ptrdiff_t)len && end[-1 - (ptrdiff_t)len] == ' ' &&
		    !strncmp(end - len, field, len))
			return atoi(offset + strlen("offset:"));
	}
	return -ENOENT;
}
