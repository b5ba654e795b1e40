/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/mount.h: what a path is mounted on.
 */
#ifndef HOST_MOUNT_H
#define HOST_MOUNT_H

#include "host/util.h"

struct host_mount {
	char mount[HOST_PATH_MAX]; /* mount point */
	char fstype[32];           /* as mount(8) shows it */
	char source[256];
	char options[1024]; /* the mount's, then the file system's own */
};

/*
 * The mount that @path, which has to exist, is on, as this process sees it: a path through /proc/PID/root
 * leads out of a container and is not answered for it. 0 or -errno; -ENOENT too if no mount is known.
 */
int host_mount_of(const char *path, struct host_mount *mt);

#endif
