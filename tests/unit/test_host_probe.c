// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the memory controller: v1, v2, hybrid, containers, delegated scopes, and what is said where
 * there is none. Works on made-up trees of /proc and /sys/fs/cgroup.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/memcg.h"

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define NOBODY   65534

static char root[64];

static void make(const char *path, const char *text)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *s = full + strlen(root) + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		assert_true(!mkdir(full, 0755) || errno == EEXIST);
		*s = '/';
	}
	if (text) {
		FILE *f = fopen(full, "w");

		assert_non_null(f);
		assert_true(fputs(text, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/faultline-probe-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	/* a process without privileges has to be able to look in */
	return chmod(root, 0755);
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	return system(cmd);
}

static void group(const char *dir)
{
	static const char *const files[] = {"cgroup.procs", "cgroup.subtree_control", "memory.max",
					    "memory.swap.max", "cgroup.events"};
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", dir, files[i]);
		make(path, "");
	}
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.controllers", dir);
	make(path, "cpu memory pids\n");
}

static void check_path(const char *have, const char *want)
{
	assert_memory_equal(have, root, strlen(root));
	assert_string_equal(have + strlen(root), want);
}

/* Probe as somebody without privileges in a child; @check runs there, too. */
static void as_nobody(void (*check)(const struct host_memcg_probe *p, int ret))
{
	pid_t pid;
	int status;

	pid = fork();
	if (!pid) {
		struct host_memcg_probe p;
		int ret;

		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(9);
		ret = host_memcg_probe_at(root, &p);
		check(&p, ret);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void v1_beside_a_v2_without_memory(void **state)
{
	struct host_memcg_probe p;

	(void)state;
	make("/proc/self/mountinfo",
	     "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	     "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	     "37 31 0:34 / /sys/fs/cgroup/odd rw - cgroup cgroup rw,memoryless\n");
	make("/proc/self/cgroup", "4:memory:/user/one\n3:cpu,cpuacct:/elsewhere\n0::/wrong\n");
	make("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
	make("/sys/fs/cgroup/memory/cgroup.procs", "");
	make("/sys/fs/cgroup/memory/user/one/cgroup.procs", "");
	make("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	assert_int_equal(p.version, HOST_MEMCG_V1);
	check_path(p.mount, "/sys/fs/cgroup/memory");
	check_path(p.own, "/sys/fs/cgroup/memory/user/one");
	check_path(p.parent, "/sys/fs/cgroup/memory");
	assert_true(p.usable);
	assert_true(p.swap_limit);
	assert_false(p.delegated);
	assert_string_equal(p.reason, "");
}

static void v2_at_the_top_for_root(void **state)
{
	struct host_memcg_probe p;

	(void)state;
	make("/proc/self/mountinfo", V2_MOUNT);
	make("/proc/self/cgroup", "0::/user.slice/session-1.scope\n");
	group("");
	group("/user.slice/session-1.scope");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	assert_int_equal(p.version, HOST_MEMCG_V2);
	check_path(p.parent, "/sys/fs/cgroup");
	assert_false(p.delegated);
}

static void names_with_blanks_are_unescaped(void **state)
{
	struct host_memcg_probe p;

	(void)state;
	make("/proc/self/mountinfo", "30 23 0:26 / /odd\\040place rw - cgroup2 none rw\n");
	make("/proc/self/cgroup", "0::/\n");
	make("/odd place/cgroup.controllers", "memory\n");
	make("/odd place/cgroup.procs", "");
	make("/odd place/cgroup.subtree_control", "");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	check_path(p.own, "/odd place");
}

/* A container without cgroup namespace: the mount shows a part, the path is the host's. */
static void a_container_sees_its_part(void **state)
{
	struct host_memcg_probe p;

	(void)state;
	make("/proc/self/mountinfo",
	     "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	group("");
	group("/inner");
	make("/proc/self/cgroup", "0::/docker/abc/inner\n");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	check_path(p.own, "/sys/fs/cgroup/inner");
	make("/proc/self/cgroup", "0::/docker/abcdef\n");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	check_path(p.own, "/sys/fs/cgroup");
	make("/proc/self/cgroup", "0::/../other\n");
	assert_int_equal(host_memcg_probe_at(root, &p), 0);
	check_path(p.own, "/sys/fs/cgroup");
}

static void expect_systemd_run(const struct host_memcg_probe *p, int ret)
{
	if (ret != -EACCES || p->usable ||
	    !strstr(p->reason, "systemd-run --user --scope -p Delegate=yes"))
		_exit(1);
}

static void expect_scope(const struct host_memcg_probe *p, int ret)
{
	if (ret || !p->usable || !p->delegated ||
	    strcmp(p->parent + strlen(root), "/sys/fs/cgroup/u/run-1.scope"))
		_exit(1);
}

static void expect_accounting(const struct host_memcg_probe *p, int ret)
{
	if (ret != -ENODEV || !strstr(p->reason, "MemoryAccounting"))
		_exit(1);
}

static void expect_sudo(const struct host_memcg_probe *p, int ret)
{
	if (ret != -EACCES || !strstr(p->reason, "sudo") || strstr(p->reason, "systemd-run"))
		_exit(1);
}

static void own_scope(void)
{
	static const char *const files[] = {"", "/cgroup.procs", "/cgroup.subtree_control"};
	char path[512];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/u/run-1.scope%s", root,
			       files[i]);
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	}
}

static void users_are_told_the_systemd_run_line_or_use_their_scope(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	make("/proc/self/mountinfo", V2_MOUNT);
	make("/proc/self/cgroup", "0::/u/run-1.scope\n");
	group("");
	group("/u/run-1.scope");
	as_nobody(expect_systemd_run);
	own_scope();
	as_nobody(expect_scope);
	/* a second run in the leaf that the first one made works beside it, not in it */
	group("/u/run-1.scope/faultline.home");
	make("/proc/self/cgroup", "0::/u/run-1.scope/faultline.home\n");
	as_nobody(expect_scope);
	make("/proc/self/cgroup", "0::/u/run-1.scope\n");
	make("/sys/fs/cgroup/u/run-1.scope/cgroup.controllers", "cpu pids\n");
	as_nobody(expect_accounting);
}

static void users_on_v1_are_told_sudo(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	make("/proc/self/mountinfo",
	     "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup c rw,memory\n");
	make("/proc/self/cgroup", "4:memory:/\n");
	make("/sys/fs/cgroup/memory/cgroup.procs", "");
	as_nobody(expect_sudo);
}

static void a_kernel_without_controller_names_the_command_line(void **state)
{
	struct host_memcg_probe p;

	(void)state;
	make("/proc/self/mountinfo", V2_MOUNT);
	make("/proc/self/cgroup", "0::/\n");
	group("");
	make("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
	make("/proc/cgroups",
	     "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t9\t1\nmemory\t0\t9\t0\n");
	assert_int_equal(host_memcg_probe_at(root, &p), -ENODEV);
	assert_int_equal(p.version, HOST_MEMCG_NONE);
	assert_non_null(strstr(p.reason, "cgroup_enable=memory"));
	/* enabled, but in no mounted hierarchy: another remedy */
	make("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t9\t1\n");
	assert_int_equal(host_memcg_probe_at(root, &p), -ENODEV);
	assert_null(strstr(p.reason, "cgroup_enable=memory"));
	assert_non_null(strstr(p.reason, "mount -t cgroup2"));
}

/* A hybrid host's v2 hierarchy has no memory: the real one of this machine, if it is such a host. */
static void the_real_unified_hierarchy_without_memory_is_refused(void **state)
{
	struct stat st;

	(void)state;
	if (stat("/sys/fs/cgroup/unified/cgroup.controllers", &st))
		skip();
	make("/proc/self/mountinfo",
	     "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	make("/proc/self/cgroup", "0::/\n");
	make("/sys/fs/cgroup/none", "");
	{
		char link[256];
		struct host_memcg_probe p;

		(void)snprintf(link, sizeof(link), "%s/sys/fs/cgroup/unified", root);
		assert_int_equal(symlink("/sys/fs/cgroup/unified", link), 0);
		assert_int_equal(host_memcg_probe_at(root, &p), -ENODEV);
		assert_true(strlen(p.reason) > 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(v1_beside_a_v2_without_memory),
		TEST(v2_at_the_top_for_root),
		TEST(names_with_blanks_are_unescaped),
		TEST(a_container_sees_its_part),
		TEST(users_are_told_the_systemd_run_line_or_use_their_scope),
		TEST(users_on_v1_are_told_sudo),
		TEST(a_kernel_without_controller_names_the_command_line),
		TEST(the_real_unified_hierarchy_without_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
