// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the result that are about the machine: faults, drives, memory, pressure, data files. */
#include "engines/recorded_held.h"
#include "engines/result_parts.h"

json_t *eng_result_faults(const struct eng_group *g, const struct eng_figures *f)
{
	bool known = g->from_taken && g->to_taken;
	json_t *o = json_object();

	set(o, "major", count(f->major));
	set(o, "minor", count(f->minor));
	set(o, "blocked", count(f->blocked));
	set(o, "process_major", known ? rise(g->from.major, g->to.major) : json_null());
	set(o, "process_minor", known ? rise(g->from.minor, g->to.minor) : json_null());
	set(o, "blocked_how", text("rise of ru_nvcsw of each lane less the engine's own sleeps"));
	return o;
}

json_t *eng_result_io(const struct eng_group *g, const struct eng_figures *f)
{
	json_t *o = json_object(), *a = json_array();

	for (int i = 0; i < g->devices; i++) {
		const struct host_device *dev = &g->device[i];
		struct host_diskdiff d;
		json_t *e;

		if (!eng_device_diff(g, i, &d))
			continue;
		e = json_object();
		set(e, "name", text(dev->name));
		set(e, "kind", text(host_device_kind_name(dev->kind)));
		set(e, "parent", text(dev->parent >= 0 ? g->device[dev->parent].name : NULL));
		set(e, "disk", json_boolean(dev->leaf));
		set(e, "reads", count(d.reads));
		set(e, "read_bytes", count(d.read_bytes));
		set(e, "read_iops", real(d.read_iops));
		set(e, "bandwidth_bytes_per_s",
		    d.seconds > 0 ? whole((double)d.read_bytes / d.seconds) : json_null());
		set(e, "await_ms", d.reads ? real(d.read_await_ms) : json_null());
		set(e, "read_size_bytes", d.reads ? whole(d.read_size) : json_null());
		set(e, "utilisation", real(d.util));
		set(e, "queue", real(d.queue));
		set(e, "writes", count(d.writes));
		set(e, "write_bytes", count(d.write_bytes));
		json_array_append_new(a, e);
	}
	set(o, "read_bytes", count(f->read_of_process ? f->read_bytes : HOST_UNKNOWN));
	set(o, "foreign_read_bytes", count(f->foreign_read));
	set(o, "write_bytes", count(f->write_bytes));
	set(o, "devices", a);
	return o;
}

json_t *eng_result_memory(const struct eng_group *g)
{
	bool cg = g->memcg_path[0];
	json_t *o = json_object();

	set(o, "pressure", text(eng_pressure_name(g->set.pressure)));
	set(o, "limit_bytes", count(g->limit));
	set(o, "limit_type", text(eng_limit_type_name(g->set.limit_type)));
	set(o, "cgroup_version", cg ? json_integer(g->memcg_version) : json_null());
	set(o, "cgroup", text(cg ? g->memcg_path : NULL));
	set(o, "footprint_bytes", count(g->footprint));
	set(o, "held_bytes", count(g->held_end));
	set(o, "beside_cache", eng_recorded_held_json(g));
	set(o, "own_bytes", count(g->own_bytes));
	set(o, "page_tables_bytes",
	    count(g->to_taken ? g->to.metric[HOST_METRIC_PAGE_TABLES] : HOST_UNKNOWN));
	set(o, "evicted_bytes", count(g->evicted));
	set(o, "left_bytes", count(g->left_bytes));
	set(o, "start", cg && g->from_taken ? host_memcg_stat_json(&g->from.memcg) : json_null());
	set(o, "end", cg && g->to_taken ? host_memcg_stat_json(&g->to.memcg) : json_null());
	set(o, "peak_bytes", count(cg && g->to_taken ? g->to.memcg.peak : HOST_UNKNOWN));
	return o;
}

static json_t *psi(const struct eng_group *g, enum host_metric m)
{
	uint64_t a = g->from.metric[m], b = g->to.metric[m];

	if (!g->from_taken || !g->to_taken || a == HOST_UNKNOWN || b == HOST_UNKNOWN)
		return json_null();
	return json_real((double)(b - a) / 1e6);
}

static json_t *metric(const struct eng_group *g, enum host_metric m)
{
	return g->from_taken && g->to_taken ? rise(g->from.metric[m], g->to.metric[m])
					    : json_null();
}

json_t *eng_result_pressure(const struct eng_group *g)
{
	bool cg = g->memcg_path[0];
	/* v1 groups know nothing of pressure, nor of who reclaimed. */
	bool own = cg && g->memcg_version == HOST_MEMCG_V2;
	json_t *o = json_object(), *r = json_object();

	set(o, "scope", text(own ? "cgroup" : "machine"));
	set(o, "memory_some_s", psi(g, HOST_METRIC_PSI_MEM_SOME));
	set(o, "memory_full_s", psi(g, HOST_METRIC_PSI_MEM_FULL));
	set(o, "io_some_s", psi(g, HOST_METRIC_PSI_IO_SOME));
	set(o, "io_full_s", psi(g, HOST_METRIC_PSI_IO_FULL));
	set(o, "cpu_some_s", psi(g, HOST_METRIC_PSI_CPU_SOME));
	set(r, "scope", text(own ? "cgroup" : "machine"));
	set(r, "scan_kswapd",
	    metric(g, own ? HOST_METRIC_CG_SCAN_KSWAPD : HOST_METRIC_VM_SCAN_KSWAPD));
	set(r, "scan_direct",
	    metric(g, own ? HOST_METRIC_CG_SCAN_DIRECT : HOST_METRIC_VM_SCAN_DIRECT));
	set(r, "steal_kswapd",
	    metric(g, own ? HOST_METRIC_CG_STEAL_KSWAPD : HOST_METRIC_VM_STEAL_KSWAPD));
	set(r, "steal_direct",
	    metric(g, own ? HOST_METRIC_CG_STEAL_DIRECT : HOST_METRIC_VM_STEAL_DIRECT));
	set(r, "refault_file",
	    metric(g, own ? HOST_METRIC_CG_REFAULT_FILE : HOST_METRIC_VM_REFAULT_FILE));
	set(r, "refault_anon",
	    metric(g, own ? HOST_METRIC_CG_REFAULT_ANON : HOST_METRIC_VM_REFAULT_ANON));
	set(r, "swap_in", metric(g, HOST_METRIC_VM_PSWPIN));
	set(r, "swap_out", metric(g, HOST_METRIC_VM_PSWPOUT));
	set(o, "reclaim", r);
	return o;
}

/*
 * Who reclaimed, in pages. A cgroup's own reclaim is in no counter of the machine, so where the cgroup does not tell,
 * nobody does.
 */
json_t *eng_result_reclaim(const struct eng_group *g)
{
	bool cg = g->memcg_path[0], told = !cg || g->memcg_version == HOST_MEMCG_V2;
	json_t *o = json_object();

	set(o, "source", text(!told ? NULL : cg ? "memcg" : "vmstat"));
	set(o, "why", text(told ? NULL : "cgroup v1 does not count who reclaims"));
	set(o, "scanned_kswapd",
	    !told ? json_null()
		  : metric(g, cg ? HOST_METRIC_CG_SCAN_KSWAPD : HOST_METRIC_VM_SCAN_KSWAPD));
	set(o, "scanned_direct",
	    !told ? json_null()
		  : metric(g, cg ? HOST_METRIC_CG_SCAN_DIRECT : HOST_METRIC_VM_SCAN_DIRECT));
	set(o, "reclaimed_kswapd",
	    !told ? json_null()
		  : metric(g, cg ? HOST_METRIC_CG_STEAL_KSWAPD : HOST_METRIC_VM_STEAL_KSWAPD));
	set(o, "reclaimed_direct",
	    !told ? json_null()
		  : metric(g, cg ? HOST_METRIC_CG_STEAL_DIRECT : HOST_METRIC_VM_STEAL_DIRECT));
	return o;
}

json_t *eng_result_files(const struct eng_group *g)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < g->files; i++) {
		const struct eng_file *f = &g->file[i];
		uint64_t align = f->bus_base & -f->bus_base;
		json_t *o = json_object();

		set(o, "path", text(f->path));
		set(o, "recorded_path", text(f->recorded));
		set(o, "size_bytes", count(f->facts.size));
		set(o, "needed_bytes", count(f->size));
		set(o, "ours", json_boolean(f->facts.ours));
		set(o, "fstype", text(f->facts.fstype));
		set(o, "mount", text(f->facts.mount));
		set(o, "options", text(f->facts.options));
		set(o, "extents", count(f->facts.extents));
		set(o, "alignment_bytes", count(align > (2u << 20) ? 2u << 20 : align));
		json_array_append_new(a, o);
	}
	return a;
}
