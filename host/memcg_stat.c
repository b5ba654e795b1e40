// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/memcg_stat.c: what a group holds and did, in one vocabulary for both cgroup versions.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "host/host_int.h"
#include "host/memcg.h"

#define FIELD(f) #f, offsetof(struct host_memcg_stat, f)

/*
 * Lines of memory.stat. v1 has a hierarchy's sums under total_ names; our groups have no children, but a
 * container's group that somebody asks for may.
 */
static const struct {
	const char *name;
	size_t offset;
	const char *v1;
	const char *v2;
} stat_lines[] = {
	{FIELD(file), "total_cache", "file"},
	{FIELD(anon), "total_rss", "anon"},
	{FIELD(shmem), "total_shmem", "shmem"},
	{FIELD(mapped), "total_mapped_file", "file_mapped"},
	{FIELD(kernel), NULL, "kernel"},
	{FIELD(pagetables), NULL, "pagetables"},
	{FIELD(slab), NULL, "slab"},
	{FIELD(swap), "total_swap", NULL},
	{FIELD(dirty), "total_dirty", "file_dirty"},
	{FIELD(writeback), "total_writeback", "file_writeback"},
	{FIELD(inactive_file), "total_inactive_file", "inactive_file"},
	{FIELD(active_file), "total_active_file", "active_file"},
	{FIELD(pgfault), "total_pgfault", "pgfault"},
	{FIELD(pgmajfault), "total_pgmajfault", "pgmajfault"},
	{FIELD(refault_file), "total_workingset_refault_file", "workingset_refault_file"},
	{FIELD(refault_anon), "total_workingset_refault_anon", "workingset_refault_anon"},
	{FIELD(activate_file), NULL, "workingset_activate_file"},
	{FIELD(scan_kswapd), NULL, "pgscan_kswapd"},
	{FIELD(scan_direct), NULL, "pgscan_direct"},
	{FIELD(steal_kswapd), NULL, "pgsteal_kswapd"},
	{FIELD(steal_direct), NULL, "pgsteal_direct"},
};

/* Files that hold one number. */
static const struct {
	const char *name;
	size_t offset;
	const char *v1;
	const char *v2;
} stat_files[] = {
	{FIELD(usage), "memory.usage_in_bytes", "memory.current"},
	{FIELD(peak), "memory.max_usage_in_bytes", "memory.peak"},
	{FIELD(limit), "memory.limit_in_bytes", "memory.max"},
	{FIELD(high), NULL, "memory.high"},
	{FIELD(kernel), "memory.kmem.usage_in_bytes", NULL},
	{FIELD(swap), NULL, "memory.swap.current"},
	{FIELD(failcnt), "memory.failcnt", NULL},
};

/* Lines of another file. */
static const struct {
	const char *name;
	size_t offset;
	enum host_memcg_version version;
	const char *file;
	const char *key;
} stat_events[] = {
	{FIELD(failcnt), HOST_MEMCG_V2, "memory.events", "max"},
	{FIELD(high_events), HOST_MEMCG_V2, "memory.events", "high"},
	{FIELD(oom_kill), HOST_MEMCG_V2, "memory.events", "oom_kill"},
	{FIELD(oom_kill), HOST_MEMCG_V1, "memory.oom_control", "oom_kill"},
};

static uint64_t *field(struct host_memcg_stat *st, size_t offset)
{
	return (uint64_t *)(void *)((char *)st + offset);
}

void host_memcg_stat_parse(const char *text, enum host_memcg_version v, struct host_memcg_stat *st)
{
	for (size_t i = 0; i < sizeof(stat_lines) / sizeof(stat_lines[0]); i++) {
		const char *key = v == HOST_MEMCG_V1 ? stat_lines[i].v1 : stat_lines[i].v2;
		uint64_t *f = field(st, stat_lines[i].offset);

		if (!key || !host_text_u64(text, key, f))
			continue;
		/* 4.19's v1, say, has no sum of it */
		if (v == HOST_MEMCG_V1)
			(void)host_text_u64(text, key + strlen("total_"), f);
		/* before 5.9 refaults were not told apart; they were the page cache's mostly */
		else if (!strcmp(key, "workingset_refault_file"))
			(void)host_text_u64(text, "workingset_refault", f);
	}
}

int host_memcg_stat_path(const char *dir, enum host_memcg_version v, struct host_memcg_stat *st)
{
	char path[HOST_PATH_MAX];
	char text[8192];
	ssize_t n;
	int ret;

	memset(st, 0xff, sizeof(*st));
	ret = host_path(path, sizeof(path), "%s/memory.stat", dir);
	if (ret)
		return ret;
	n = host_file_read(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	host_memcg_stat_parse(text, v, st);
	for (size_t i = 0; i < sizeof(stat_files) / sizeof(stat_files[0]); i++) {
		const char *file = v == HOST_MEMCG_V1 ? stat_files[i].v1 : stat_files[i].v2;

		if (file && !host_path(path, sizeof(path), "%s/%s", dir, file))
			(void)host_file_read_u64(path, field(st, stat_files[i].offset));
	}
	for (size_t i = 0; i < sizeof(stat_events) / sizeof(stat_events[0]); i++) {
		if (stat_events[i].version != v ||
		    host_path(path, sizeof(path), "%s/%s", dir, stat_events[i].file) ||
		    host_file_read(path, text, sizeof(text)) < 0)
			continue;
		(void)host_text_u64(text, stat_events[i].key, field(st, stat_events[i].offset));
	}
	/* v1 writes "no limit" as the largest number of pages that fits */
	if (v == HOST_MEMCG_V1 && st->limit >= 0x7fffffff00000000ULL)
		st->limit = HOST_UNKNOWN;
	return 0;
}

int host_memcg_stat(const struct host_memcg *cg, struct host_memcg_stat *st)
{
	return host_memcg_stat_path(host_memcg_path(cg), host_memcg_version(cg), st);
}

static int put(json_t *o, const char *name, const struct host_memcg_stat *st, size_t offset)
{
	uint64_t val = *(const uint64_t *)(const void *)((const char *)st + offset);

	if (val == HOST_UNKNOWN || val > INT64_MAX)
		return 0;
	return json_object_set_new(o, name, json_integer((json_int_t)val));
}

json_t *host_memcg_stat_json(const struct host_memcg_stat *st)
{
	json_t *o = json_object();
	int ret = 0;

	if (!o)
		return NULL;
	for (size_t i = 0; i < sizeof(stat_files) / sizeof(stat_files[0]); i++)
		ret |= put(o, stat_files[i].name, st, stat_files[i].offset);
	for (size_t i = 0; i < sizeof(stat_lines) / sizeof(stat_lines[0]); i++)
		ret |= put(o, stat_lines[i].name, st, stat_lines[i].offset);
	for (size_t i = 0; i < sizeof(stat_events) / sizeof(stat_events[0]); i++)
		ret |= put(o, stat_events[i].name, st, stat_events[i].offset);
	if (ret) {
		json_decref(o);
		return NULL;
	}
	return o;
}
