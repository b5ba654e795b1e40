// SPDX-License-Identifier: GPL-2.0-only
#include "engines/pressure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "engines/footprint.h"

#define CAP_IPC_LOCK 14

static uint64_t meminfo(const char *key)
{
	char text[4096];
	uint64_t kib;

	if (host_file_read("/proc/meminfo", text, sizeof(text)) < 0 ||
	    host_text_u64(text, key, &kib))
		return HOST_UNKNOWN;
	return kib << 10;
}

static bool may_lock(uint64_t bytes)
{
	const char *line;
	char text[4096];
	struct rlimit r;

	if (host_file_read("/proc/self/status", text, sizeof(text)) > 0 &&
	    (line = strstr(text, "\nCapEff:"))) {
		unsigned long long caps;

		if (sscanf(line, "\nCapEff: %llx", &caps) == 1 && (caps >> CAP_IPC_LOCK & 1))
			return true;
	}
	return !getrlimit(RLIMIT_MEMLOCK, &r) &&
	       (r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= bytes);
}

static int check_memcg(struct eng_group *g, struct host_err *err)
{
	static struct host_memcg_probe probe; /* large, and the main thread's alone */

	if (host_memcg_probe(&probe))
		return host_fail(err, -ENODEV, "pressure=memcg: %s", probe.reason);
	if (g->set.limit_type == ENG_LIMIT_HIGH && probe.version == HOST_MEMCG_V1)
		return host_fail(
			err, -ENOTSUP,
			"memory_limit_type=high needs cgroup v2, this machine has v1: use max");
	return 0;
}

/* The data files will be evicted first, so what they have in memory now does not count for the comparison. */
static int check_global(struct eng_group *g, struct host_err *err)
{
	uint64_t all = meminfo("MemTotal:"), available = meminfo("MemAvailable:");

	if (g->set.limit_type == ENG_LIMIT_HIGH)
		return host_fail(
			err, -EINVAL,
			"memory_limit_type=high has no meaning with pressure=global: leave it out");
	if (g->limit < HOST_BALLOON_LEAVE_MIN)
		return host_fail(err, -EINVAL,
				 "memory_limit=%" PRIu64
				 "M: pressure=global has to leave at least %" PRIu64
				 " MiB to the machine",
				 g->limit >> 20, (uint64_t)HOST_BALLOON_LEAVE_MIN >> 20);
	if (all == HOST_UNKNOWN || available == HOST_UNKNOWN)
		return host_fail(err, -ENOENT,
				 "pressure=global: /proc/meminfo does not tell what is available");
	if (g->limit >= all)
		return host_fail(err, -EINVAL,
				 "memory_limit=%" PRIu64 "M: this machine has %" PRIu64
				 " MiB, so there is nothing that pressure=global could take away",
				 g->limit >> 20, all >> 20);
	if (available > g->limit && !may_lock(available - g->limit))
		return host_fail(
			err, -EPERM,
			"pressure=global has to lock %" PRIu64
			" MiB of memory: run it as root, or raise RLIMIT_MEMLOCK (ulimit -l)",
			(available - g->limit) >> 20);
	return 0;
}

int eng_pressure_check(struct eng_group *g, struct host_err *err)
{
	json_int_t recorded =
		json_integer_value(json_object_get(flt_header(g->trace), "memory_limit"));
	const char *name = eng_pressure_name(g->set.pressure);
	int ret;

	g->limit = HOST_UNKNOWN;
	if (g->set.pressure == ENG_PRESSURE_NONE) {
		if (g->set.memory_limit != UINT64_MAX)
			return host_fail(
				err, -EINVAL,
				"memory_limit= has no effect with pressure=none: add pressure=memcg");
		return 0;
	}
	g->limit = g->set.memory_limit != UINT64_MAX ? g->set.memory_limit
		   : recorded > 0                    ? (uint64_t)recorded
						     : 0;
	if (!g->limit)
		return host_fail(
			err, -EINVAL,
			"%s was recorded without a memory limit, so pressure=%s needs memory_limit=SIZE",
			g->set.trace, name);
	if (g->limit < ENG_LEAST_LIMIT)
		return host_fail(err, -EINVAL,
				 "%s was recorded with a memory limit of %" PRIu64
				 " bytes, less than 1M: pressure=%s needs memory_limit=SIZE",
				 g->set.trace, g->limit, name);
	if (!g->invalidate)
		return host_fail(
			err, -EINVAL,
			"invalidate=0 and pressure=%s exclude each other: pages that are in memory already "
			"are not charged to the limit",
			name);
	ret = g->set.pressure == ENG_PRESSURE_MEMCG ? check_memcg(g, err) : check_global(g, err);
	if (ret)
		return ret;
	if (g->set.footprint != ENG_FOOTPRINT_RECORDED && g->set.footprint >= g->limit)
		return host_fail(err, -EINVAL,
				 "footprint= does not fit into the memory limit of %" PRIu64 " MiB",
				 g->limit >> 20);
	return 0;
}

static int enter_memcg(struct eng_group *g, struct host_err *err)
{
	int ret = host_memcg_create("replay", g->limit,
				    g->set.limit_type == ENG_LIMIT_HIGH ? HOST_MEMCG_HIGH
									: HOST_MEMCG_MAX,
				    &g->memcg, err);

	if (ret)
		return ret;
	snprintf(g->memcg_path, sizeof(g->memcg_path), "%s", host_memcg_path(g->memcg));
	g->memcg_version = host_memcg_version(g->memcg);
	return host_memcg_enter(g->memcg, 0, err);
}

/*
 * What this process holds already is part of what is left to the machine, as the recorded program's memory was, but it is no
 * longer among what is available.
 */
static int inflate(struct eng_group *g, struct host_err *err)
{
	uint64_t own = eng_footprint_own(g);

	if (own >= g->limit || g->limit - own < HOST_BALLOON_LEAVE_MIN)
		return host_fail(err, -EINVAL,
				 "memory_limit=%" PRIu64
				 "M leaves nothing beside fio's own %" PRIu64 " MiB",
				 g->limit >> 20, own >> 20);
	return host_balloon_inflate(&g->balloon, g->limit - own, err);
}

int eng_pressure_begin(struct eng_group *g, struct host_err *err)
{
	switch (g->set.pressure) {
	case ENG_PRESSURE_MEMCG:
		return enter_memcg(g, err);
	case ENG_PRESSURE_GLOBAL:
		return inflate(g, err);
	default:
		return 0;
	}
}

void eng_pressure_end(struct eng_group *g)
{
	struct host_err err;

	if (g->balloon) {
		g->balloon_facts = host_balloon_json(g->balloon);
		if (!host_balloon_alive(g->balloon))
			eng_warn(
				g,
				"the locked memory was taken from the balloon meanwhile (by the OOM killer?): the limit did not hold");
		host_balloon_release(&g->balloon);
	}
	if (g->memcg && host_memcg_remove(g->memcg, &err))
		eng_warn(g, "%s", err.text);
	g->memcg = NULL;
}
