// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/facts.c: facts about the machine: kernel, CPU, memory and what decides about paging.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/facts.h"
#include "host/facts_int.h"
#include "host/memcg.h"

/* What is in vm.* and bears on page faults, reclaim, swap and write-back. */
static const char *const vm_names[] = {
	"page-cluster",
	"swappiness",
	"vfs_cache_pressure",
	"min_free_kbytes",
	"watermark_scale_factor",
	"watermark_boost_factor",
	"dirty_ratio",
	"dirty_background_ratio",
	"dirty_bytes",
	"dirty_background_bytes",
	"dirty_expire_centisecs",
	"dirty_writeback_centisecs",
	"overcommit_memory",
	"overcommit_ratio",
	"compaction_proactiveness",
	"zone_reclaim_mode",
	"max_map_count",
	"nr_hugepages",
	"laptop_mode",
};

void host_facts_str(json_t *o, const char *key, const char *val)
{
	/* nothing that came from a file is trusted to be UTF-8: jansson would refuse it, and it is left out */
	if (val && *val)
		(void)json_object_set_new(o, key, json_string(val));
}

void host_facts_int(json_t *o, const char *key, uint64_t val)
{
	if (val <= INT64_MAX)
		(void)json_object_set_new(o, key, json_integer((json_int_t)val));
}

void host_facts_add(json_t *o, const char *key, json_t *val)
{
	if (json_is_object(val) && !json_object_size(val))
		json_decref(val);
	else if (val)
		(void)json_object_set_new(o, key, val);
}

void host_facts_file(json_t *o, const char *key, const char *path)
{
	char text[1024];

	if (host_file_read(path, text, sizeof(text)) <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	/* fixed-width fields of hardware are padded with blanks */
	for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	host_facts_str(o, key, text);
}

void host_facts_file_int(json_t *o, const char *key, const char *path)
{
	uint64_t val;

	if (!host_file_read_u64(path, &val))
		host_facts_int(o, key, val);
}

void host_facts_file_choice(json_t *o, const char *key, const char *path)
{
	char text[512];
	char *begin, *end;

	if (host_file_read(path, text, sizeof(text)) <= 0)
		return;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end) {
		*end = '\0';
		host_facts_str(o, key, begin + 1);
	} else {
		text[strcspn(text, "\n")] = '\0';
		host_facts_str(o, key, text);
	}
}

/* CONFIG_HZ, from /boot/config-RELEASE; /proc/config.gz would need a decompressor here. */
static void kernel_config(json_t *o, const char *release)
{
	char path[HOST_PATH_MAX];
	char *line = NULL;
	size_t cap = 0;
	FILE *f;

	if (host_path(path, sizeof(path), "/boot/config-%s", release))
		return;
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &cap, f) > 0)
		if (!strncmp(line, "CONFIG_HZ=", 10))
			host_facts_int(o, "hz", strtoull(line + 10, NULL, 10));
	free(line);
	(void)fclose(f);
}

static json_t *kernel(void)
{
	json_t *o = json_object();
	struct utsname u;

	if (!uname(&u)) {
		host_facts_str(o, "release", u.release);
		host_facts_str(o, "version", u.version);
		host_facts_str(o, "architecture", u.machine);
		kernel_config(o, u.release);
	}
	host_facts_int(o, "page_size", (uint64_t)sysconf(_SC_PAGESIZE));
	host_facts_file(o, "command_line", "/proc/cmdline");
	host_facts_file_choice(o, "lockdown", "/sys/kernel/security/lockdown");
	host_facts_file_choice(o, "preempt", "/sys/kernel/debug/sched/preempt");
	/* how many bytes around a fault are mapped if they are in the page cache */
	host_facts_file_int(o, "fault_around_bytes", "/sys/kernel/debug/fault_around_bytes");
	return o;
}

/* The value of the first line of /proc/cpuinfo that begins with one of the keys. */
static void cpu_model(json_t *o)
{
	/* x86 and s390; arm64 has only part numbers, and boards say what they are in the device tree */
	static const char *const keys[] = {"model name", "Model", "cpu model", "cpu\t", "uarch"};
	char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen("/proc/cpuinfo", "re");
	char parts[128] = "";

	while (f && getline(&line, &cap, f) > 0) {
		char *val = strchr(line, ':');

		if (!val)
			continue;
		val += strspn(val, ": \t");
		val[strcspn(val, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strncmp(line, keys[i], strlen(keys[i])) &&
			    !json_object_get(o, "model"))
				host_facts_str(o, "model", val);
		if (!strncmp(line, "CPU implementer", 15) && !*parts)
			(void)snprintf(parts, sizeof(parts), "%.40s", val);
		if (!strncmp(line, "CPU part", 8) && *parts && !strchr(parts, ' ')) {
			size_t n = strlen(parts);

			(void)snprintf(parts + n, sizeof(parts) - n, " %.40s", val);
		}
		if (!strncmp(line, "flags", 5) && strstr(val, " hypervisor"))
			(void)json_object_set_new(o, "hypervisor_flag", json_true());
	}
	host_facts_str(o, "arm_part", parts);
	free(line);
	if (f)
		(void)fclose(f);
	host_facts_file(o, "board", "/proc/device-tree/model");
}

static json_t *cpu(void)
{
	json_t *o = json_object();
	const char *freq = "/sys/devices/system/cpu/cpu0/cpufreq";
	char path[HOST_PATH_MAX];
	long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	cpu_model(o);
	if (n > 0)
		host_facts_int(o, "online", (uint64_t)n);
	host_facts_file(o, "online_list", "/sys/devices/system/cpu/online");
	host_facts_file(o, "isolated_list", "/sys/devices/system/cpu/isolated");
	host_facts_file(o, "smt", "/sys/devices/system/cpu/smt/control");
	if (l3 > 0)
		host_facts_int(o, "l3_bytes", (uint64_t)l3);
	(void)host_path(path, sizeof(path), "%s/scaling_governor", freq);
	host_facts_file(o, "governor", path);
	(void)host_path(path, sizeof(path), "%s/scaling_driver", freq);
	host_facts_file(o, "frequency_driver", path);
	(void)host_path(path, sizeof(path), "%s/scaling_cur_freq", freq);
	host_facts_file_int(o, "frequency_khz", path);
	(void)host_path(path, sizeof(path), "%s/cpuinfo_max_freq", freq);
	host_facts_file_int(o, "frequency_max_khz", path);
	(void)host_path(path, sizeof(path), "%s/cpuinfo_min_freq", freq);
	host_facts_file_int(o, "frequency_min_khz", path);
	return o;
}

static void meminfo(json_t *o, const char *text, const char *key, const char *line)
{
	uint64_t kib;

	if (!host_text_u64(text, line, &kib))
		host_facts_int(o, key, kib * 1024);
}

static json_t *memory(void)
{
	json_t *o = json_object();
	char text[8192];

	if (host_file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return o;
	meminfo(o, text, "total", "MemTotal:");
	meminfo(o, text, "free", "MemFree:");
	meminfo(o, text, "available", "MemAvailable:");
	meminfo(o, text, "cached", "Cached:");
	meminfo(o, text, "swap_total", "SwapTotal:");
	meminfo(o, text, "swap_free", "SwapFree:");
	meminfo(o, text, "zswap", "Zswap:");
	meminfo(o, text, "huge_page_size", "Hugepagesize:");
	meminfo(o, text, "huge_pages", "Hugetlb:");
	return o;
}

/* What is in /proc/swaps, a line each. */
static json_t *swaps(void)
{
	json_t *a = json_array();
	char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen("/proc/swaps", "re");

	while (f && getline(&line, &cap, f) > 0) {
		char name[512], type[32];
		unsigned long long size, used;
		int priority;

		/* the header line has no numbers */
		if (sscanf(line, "%511s %31s %llu %llu %d", name, type, &size, &used, &priority) !=
		    5)
			continue;
		(void)json_array_append_new(
			a, json_pack("{s:s, s:s, s:I, s:I, s:i}", "name", name, "type", type,
				     "size", (json_int_t)(size * 1024), "used",
				     (json_int_t)(used * 1024), "priority", priority));
	}
	free(line);
	if (f)
		(void)fclose(f);
	return a;
}

static json_t *zswap(void)
{
	static const char dir[] = "/sys/module/zswap/parameters";
	static const char *const names[] = {"enabled", "compressor", "zpool", "max_pool_percent"};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[HOST_PATH_MAX];

		(void)host_path(path, sizeof(path), "%s/%s", dir, names[i]);
		host_facts_file(o, names[i], path);
	}
	return o;
}

static json_t *numa(void)
{
	json_t *o = json_object();
	json_t *nodes = json_array();
	uint64_t kib;

	for (int i = 0; i < 1024; i++) {
		char path[HOST_PATH_MAX], line[64];
		char text[4096];

		(void)host_path(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", i);
		(void)snprintf(line, sizeof(line), "Node %d MemTotal:", i);
		if (host_file_read(path, text, sizeof(text)) <= 0)
			break;
		if (!host_text_u64(text, line, &kib))
			(void)json_array_append_new(
				nodes, json_pack("{s:I}", "memory", (json_int_t)(kib * 1024)));
	}
	if (json_array_size(nodes))
		(void)json_object_set(o, "nodes", nodes);
	json_decref(nodes);
	host_facts_file(o, "balancing", "/proc/sys/kernel/numa_balancing");
	return o;
}

static json_t *thp(void)
{
	static const char dir[] = "/sys/kernel/mm/transparent_hugepage";
	json_t *o = json_object();
	json_t *sizes = json_object();
	struct dirent *d;
	DIR *dp;

	host_facts_file_choice(o, "enabled", "/sys/kernel/mm/transparent_hugepage/enabled");
	host_facts_file_choice(o, "defrag", "/sys/kernel/mm/transparent_hugepage/defrag");
	host_facts_file_choice(o, "shmem_enabled",
			       "/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	host_facts_file_int(o, "pmd_size", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
	dp = opendir(dir);
	while (dp && (d = readdir(dp))) {
		char path[HOST_PATH_MAX];

		if (strncmp(d->d_name, "hugepages-", 10) != 0 ||
		    host_path(path, sizeof(path), "%s/%s/enabled", dir, d->d_name))
			continue;
		host_facts_file_choice(sizes, d->d_name + 10, path);
	}
	if (dp)
		closedir(dp);
	host_facts_add(o, "sizes", sizes);
	return o;
}

static json_t *mglru(void)
{
	json_t *o = json_object();

	host_facts_file(o, "enabled", "/sys/kernel/mm/lru_gen/enabled");
	host_facts_file_int(o, "min_ttl_ms", "/sys/kernel/mm/lru_gen/min_ttl_ms");
	return o;
}

static json_t *vm(void)
{
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(vm_names) / sizeof(vm_names[0]); i++) {
		char path[HOST_PATH_MAX];

		(void)host_path(path, sizeof(path), "/proc/sys/vm/%s", vm_names[i]);
		host_facts_file_int(o, vm_names[i], path);
	}
	return o;
}

static json_t *cgroup(void)
{
	json_t *o = json_object();
	struct host_memcg_probe p;

	(void)host_memcg_probe(&p);
	host_facts_int(o, "memory_version", p.version);
	host_facts_str(o, "memory_mount", p.mount);
	host_facts_str(o, "own", p.own);
	(void)json_object_set_new(o, "limit_possible", json_boolean(p.usable));
	(void)json_object_set_new(o, "swap_limit_possible", json_boolean(p.swap_limit));
	host_facts_str(o, "reason", p.reason);
	return o;
}

static json_t *virtualization(const json_t *cpu_facts)
{
	json_t *o = json_object();

	host_facts_file(o, "vendor", "/sys/class/dmi/id/sys_vendor");
	host_facts_file(o, "product", "/sys/class/dmi/id/product_name");
	host_facts_file(o, "hypervisor", "/sys/hypervisor/type");
	if (json_is_true(json_object_get(cpu_facts, "hypervisor_flag")))
		(void)json_object_set_new(o, "guest", json_true());
	if (!access("/.dockerenv", F_OK) || !access("/run/.containerenv", F_OK) ||
	    getenv("container"))
		(void)json_object_set_new(o, "container", json_true());
	return o;
}

static json_t *load(void)
{
	double avg[3];
	json_t *a = json_array();
	int n = getloadavg(avg, 3);

	for (int i = 0; i < n; i++)
		(void)json_array_append_new(a, json_real(avg[i]));
	return a;
}

static json_t *os(void)
{
	json_t *o = json_object();
	char *line = NULL;
	size_t cap = 0;
	FILE *f = fopen("/etc/os-release", "re");

	while (f && getline(&line, &cap, f) > 0) {
		char *val = strchr(line, '=');

		if (!val)
			continue;
		*val++ = '\0';
		val += *val == '"';
		val[strcspn(val, "\"\n")] = '\0';
		if (!strcmp(line, "PRETTY_NAME"))
			host_facts_str(o, "name", val);
		else if (!strcmp(line, "ID"))
			host_facts_str(o, "id", val);
		else if (!strcmp(line, "VERSION_ID"))
			host_facts_str(o, "version", val);
	}
	free(line);
	if (f)
		(void)fclose(f);
	return o;
}

json_t *host_facts_machine(void)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	host_facts_add(o, "kernel", kernel());
	host_facts_add(o, "cpu", cpu());
	host_facts_add(o, "memory", memory());
	host_facts_add(o, "swap", swaps());
	host_facts_add(o, "zswap", zswap());
	host_facts_add(o, "numa", numa());
	host_facts_add(o, "thp", thp());
	host_facts_add(o, "mglru", mglru());
	host_facts_add(o, "vm", vm());
	host_facts_add(o, "cgroup", cgroup());
	host_facts_add(o, "virtualization", virtualization(json_object_get(o, "cpu")));
	host_facts_add(o, "load", load());
	host_facts_add(o, "os", os());
	return o;
}
