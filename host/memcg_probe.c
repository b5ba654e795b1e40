// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/memcg_probe.c: which hierarchy has the memory controller, where we are in it, what we may do there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/memcg.h"

void host_unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

/* Is @word one of the words of @list, separated by any of @sep? */
static bool list_has(const char *list, const char *sep, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, sep);

		if (n == len && !strncmp(list, word, len))
			return true;
		list += n;
		list += strspn(list, sep);
	}
	return false;
}

bool host_cg_list_has(const char *dir, const char *name, const char *word)
{
	char path[HOST_PATH_MAX];
	char buf[512];

	if (host_path(path, sizeof(path), "%s/%s", dir, name))
		return false;
	return host_file_read(path, buf, sizeof(buf)) > 0 && list_has(buf, " \n", word);
}

int host_cg_find(const char *root, struct host_cg_mount *m)
{
	char path[HOST_PATH_MAX];
	char *line = NULL;
	size_t cap = 0;
	FILE *f;

	memset(m, 0, sizeof(*m));
	if (host_path(path, sizeof(path), "%s/proc/self/mountinfo", root))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* no early end: later lines are mounted on top of earlier ones */
	while (getline(&line, &cap, f) > 0) {
		char top[HOST_PATH_MAX], mount[HOST_PATH_MAX];
		char type[32], options[HOST_PATH_MAX];
		char dir[HOST_PATH_MAX];
		const char *dash = strstr(line, " - ");
		bool v1, v2;

		if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", top, mount) != 2 ||
		    sscanf(dash, " - %31s %*s %1023s", type, options) != 2)
			continue;
		host_unescape(top);
		host_unescape(mount);
		if (host_path(dir, sizeof(dir), "%s%s", root, mount))
			continue;
		v1 = !strcmp(type, "cgroup") && list_has(options, ",", "memory");
		v2 = !strcmp(type, "cgroup2") &&
		     host_cg_list_has(dir, "cgroup.controllers", "memory");
		if (!v1 && !v2)
			continue;
		m->version = v1 ? 1 : 2;
		(void)host_path(m->mount, sizeof(m->mount), "%s", dir);
		(void)host_path(m->top, sizeof(m->top), "%s", top);
	}
	free(line);
	(void)fclose(f);
	return m->version ? 0 : -ENODEV;
}

int host_cg_of(const char *root, const struct host_cg_mount *m, int pid, char *buf, size_t size)
{
	char path[HOST_PATH_MAX];
	char *line = NULL;
	size_t cap = 0;
	int ret = -ENOENT;
	FILE *f;

	if (pid)
		ret = host_path(path, sizeof(path), "%s/proc/%d/cgroup", root, pid);
	else
		ret = host_path(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (ret)
		return ret;
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	ret = -ENOENT;
	while (ret == -ENOENT && getline(&line, &cap, f) > 0) {
		char *list = strchr(line, ':');
		char *dir = list ? strchr(list + 1, ':') : NULL;
		size_t top = strlen(m->top);

		if (!dir)
			continue;
		*list++ = '\0';
		*dir++ = '\0';
		dir[strcspn(dir, "\n")] = '\0';
		if (m->version == 1 ? !list_has(list, ",", "memory") : strcmp(line, "0") != 0)
			continue;
		/*
		 * In a container without a cgroup namespace the path is the host's, and the mount shows a part of
		 * the hierarchy; with one, "/.." is possible. What cannot be seen here is the mount's top.
		 */
		if (top == 1)
			top = 0;
		else if (strncmp(dir, m->top, top) != 0 || (dir[top] && dir[top] != '/'))
			dir[top = 0] = '\0';
		if (!strcmp(dir + top, "/"))
			dir[top] = '\0';
		ret = host_path(buf, size, "%s%s", m->mount, dir + top);
		if (!ret && (strstr(dir, "/..") || access(buf, F_OK)))
			ret = host_path(buf, size, "%s", m->mount);
	}
	free(line);
	(void)fclose(f);
	return ret;
}

static bool may_write(const char *dir, const char *name)
{
	char path[HOST_PATH_MAX];

	if (host_path(path, sizeof(path), "%s%s%s", dir, *name ? "/" : "", name))
		return false;
	return !faccessat(AT_FDCWD, path, *name ? W_OK : W_OK | X_OK, AT_EACCESS);
}

/* Could a limited group be made in @dir? -EACCES, -EROFS, or -ENODEV: no memory controller handed down. */
static int may_create(const struct host_memcg_probe *p, const char *dir)
{
	if (!may_write(dir, "") || !may_write(dir, "cgroup.procs"))
		return errno == EROFS ? -EROFS : -EACCES;
	if (p->version == HOST_MEMCG_V1)
		return 0;
	if (!may_write(dir, "cgroup.subtree_control"))
		return -EACCES;
	return host_cg_list_has(dir, "cgroup.controllers", "memory") ? 0 : -ENODEV;
}

/* systemd marks what it has delegated; the trusted one is visible to root only. */
static bool marked_delegated(const char *dir)
{
	char val[4];

	return (getxattr(dir, "user.delegate", val, sizeof(val)) > 0 && val[0] == '1') ||
	       (getxattr(dir, "trusted.delegate", val, sizeof(val)) > 0 && val[0] == '1');
}

static int no_controller(const char *root, struct host_memcg_probe *p)
{
	char path[HOST_PATH_MAX];
	char text[4096];
	char *line = NULL;
	unsigned int enabled = 0;

	if (!host_path(path, sizeof(path), "%s/proc/cgroups", root) &&
	    host_file_read(path, text, sizeof(text)) > 0)
		line = strstr(text, "\nmemory\t");
	if (line && sscanf(line, " memory %*u %*u %u", &enabled) == 1 && enabled)
		(void)snprintf(
			p->reason, sizeof(p->reason),
			"the kernel has a memory controller, but no cgroup file system with it is "
			"mounted: mount -t cgroup2 none /sys/fs/cgroup");
	else
		(void)snprintf(
			p->reason, sizeof(p->reason),
			"the kernel runs without memory controller: add cgroup_enable=memory to the "
			"kernel command line (on a Raspberry Pi: the line in "
			"/boot/firmware/cmdline.txt) and reboot");
	return -ENODEV;
}

static int no_permission(struct host_memcg_probe *p, int why)
{
	if (why == -EROFS)
		(void)snprintf(
			p->reason, sizeof(p->reason),
			"%s is mounted read-only: in a container, run it with a writable cgroup "
			"file system (docker run --privileged, podman run --cgroups=split)",
			p->mount);
	else if (p->version == HOST_MEMCG_V1)
		(void)snprintf(
			p->reason, sizeof(p->reason),
			"no permission to limit memory in %s (cgroup v1 needs root): run it with sudo",
			p->mount);
	else if (why == -ENODEV)
		(void)snprintf(
			p->reason, sizeof(p->reason),
			"the memory controller is not handed down to %s: run it with sudo, or as "
			"systemd-run --user --scope -p Delegate=yes -p MemoryAccounting=yes COMMAND",
			p->own);
	else
		(void)snprintf(p->reason, sizeof(p->reason),
			       "no permission to limit memory in %s: run it as "
			       "systemd-run --user --scope -p Delegate=yes COMMAND, or with sudo",
			       p->own);
	return why == -ENODEV ? -ENODEV : -EACCES;
}

int host_memcg_probe_at(const char *root, struct host_memcg_probe *p)
{
	char mine[HOST_PATH_MAX];
	char path[HOST_PATH_MAX];
	struct host_cg_mount m;
	const char *candidate[2];
	char *slash;
	int why = 0;

	memset(p, 0, sizeof(*p));
	if (host_cg_find(root, &m) || host_cg_of(root, &m, 0, p->own, sizeof(p->own)))
		return no_controller(root, p);
	p->version = m.version == 1 ? HOST_MEMCG_V1 : HOST_MEMCG_V2;
	(void)host_path(p->mount, sizeof(p->mount), "%s", m.mount);

	/* in the leaf that an earlier run made for us, the group to work in is the one above */
	(void)host_path(mine, sizeof(mine), "%s", p->own);
	slash = strrchr(mine, '/');
	if (slash && !strcmp(slash + 1, HOST_CG_HOME))
		*slash = '\0';

	/* the top of the hierarchy is bound by no other limit; what systemd gave us is ours to use, though */
	candidate[0] = p->mount;
	candidate[1] = mine;
	if (p->version == HOST_MEMCG_V2 && marked_delegated(mine)) {
		candidate[0] = mine;
		candidate[1] = p->mount;
	}
	for (int i = 0; i < 2 && !p->usable; i++) {
		int ret = may_create(p, candidate[i]);

		if (ret) {
			why = why == -ENODEV ? why : ret;
			continue;
		}
		p->usable = true;
		(void)host_path(p->parent, sizeof(p->parent), "%s", candidate[i]);
	}
	if (!p->usable)
		return no_permission(p, why);
	p->delegated = p->version == HOST_MEMCG_V2 && strcmp(p->parent, p->mount) != 0;
	if (p->version == HOST_MEMCG_V1)
		p->swap_limit = !host_path(path, sizeof(path), "%s/memory.memsw.limit_in_bytes",
					   p->parent) &&
				!access(path, F_OK);
	else
		/* the file is in every group but the root; /proc/swaps exists if the kernel has swap at all */
		p->swap_limit = !host_path(path, sizeof(path), "%s/memory.swap.max", p->own) &&
				(!access(path, F_OK) ||
				 (!strcmp(p->own, p->mount) && !access("/proc/swaps", F_OK)));
	return 0;
}

int host_memcg_probe(struct host_memcg_probe *p)
{
	return host_memcg_probe_at("", p);
}
