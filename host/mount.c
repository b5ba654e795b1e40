// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/mount.c: the mount that a path is on.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_int.h"

int host_mount_of(const char *path, struct host_mount *mt)
{
	char *real = realpath(path, NULL);
	size_t best = 0;
	char *line = NULL;
	size_t cap = 0;
	FILE *f;
	int ret = -ENOENT;

	memset(mt, 0, sizeof(*mt));
	if (!real)
		return -errno;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f) {
		ret = -errno;
		free(real);
		return ret;
	}
	while (getline(&line, &cap, f) > 0) {
		struct host_mount m = {0};
		char super[512] = "";
		const char *dash = strstr(line, " - ");
		size_t len;

		if (!dash ||
		    sscanf(line, "%*s %*s %*s %*s %1023s %255s", m.mount, m.options) != 2 ||
		    sscanf(dash, " - %31s %255s %511s", m.fstype, m.source, super) < 2)
			continue;
		host_unescape(m.mount);
		host_unescape(m.source);
		len = strcmp(m.mount, "/") != 0 ? strlen(m.mount) : 0;
		/* equal length: the later line is mounted on top */
		if (strncmp(real, m.mount, len) != 0 || (real[len] && real[len] != '/') ||
		    len < best)
			continue;
		best = len;
		*mt = m;
		len = strlen(mt->options);
		(void)snprintf(mt->options + len, sizeof(mt->options) - len, "%s%s",
			       *super ? "," : "", super);
		ret = 0;
	}
	free(line);
	(void)fclose(f);
	free(real);
	return ret;
}
