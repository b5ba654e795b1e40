/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/sample.h: a cheap periodic look at a process, its memory cgroup, a device and the machine.
 *
 * All files are opened once and read again by pread(2). Values are absolute: levels (bytes) as they are now,
 * counters since boot, since the group's or the process's start; a reader takes differences. The order and
 * the names of the metrics are part of what a trace stores: new ones are only ever appended.
 */
#ifndef HOST_SAMPLE_H
#define HOST_SAMPLE_H

#include <stdint.h>
#include <sys/types.h>

#include "host/memcg.h"
#include "host/util.h"

/* X(identifier, name, unit, is a counter) */
#define HOST_METRICS(X)                                                    \
	X(RSS_ANON, "process.rss_anon", "bytes", 0)                        \
	X(RSS_FILE, "process.rss_file", "bytes", 0)                        \
	X(RSS_SHMEM, "process.rss_shmem", "bytes", 0)                      \
	X(PAGE_TABLES, "process.page_tables", "bytes", 0)                  \
	X(PROC_SWAP, "process.swap", "bytes", 0)                           \
	X(PROC_THREADS, "process.threads", "threads", 0)                   \
	X(PROC_READ_BYTES, "process.read_bytes", "bytes", 1)               \
	X(CG_USAGE, "memcg.usage", "bytes", 0)                             \
	X(CG_ANON, "memcg.anon", "bytes", 0)                               \
	X(CG_FILE, "memcg.file", "bytes", 0)                               \
	X(CG_MAPPED, "memcg.mapped", "bytes", 0)                           \
	X(CG_KERNEL, "memcg.kernel", "bytes", 0)                           \
	X(CG_PAGE_TABLES, "memcg.page_tables", "bytes", 0)                 \
	X(CG_SWAP, "memcg.swap", "bytes", 0)                               \
	X(CG_PGFAULT, "memcg.pgfault", "faults", 1)                        \
	X(CG_PGMAJFAULT, "memcg.pgmajfault", "faults", 1)                  \
	X(CG_REFAULT_FILE, "memcg.refault_file", "pages", 1)               \
	X(CG_REFAULT_ANON, "memcg.refault_anon", "pages", 1)               \
	X(CG_SCAN_KSWAPD, "memcg.scan_kswapd", "pages", 1)                 \
	X(CG_SCAN_DIRECT, "memcg.scan_direct", "pages", 1)                 \
	X(CG_STEAL_KSWAPD, "memcg.steal_kswapd", "pages", 1)               \
	X(CG_STEAL_DIRECT, "memcg.steal_direct", "pages", 1)               \
	X(CG_FAILCNT, "memcg.failcnt", "times", 1)                         \
	X(PSI_MEM_SOME, "psi.memory_some", "us", 1)                        \
	X(PSI_MEM_FULL, "psi.memory_full", "us", 1)                        \
	X(PSI_IO_SOME, "psi.io_some", "us", 1)                             \
	X(PSI_IO_FULL, "psi.io_full", "us", 1)                             \
	X(PSI_CPU_SOME, "psi.cpu_some", "us", 1)                           \
	X(VM_PGMAJFAULT, "vmstat.pgmajfault", "faults", 1)                 \
	X(VM_SCAN_KSWAPD, "vmstat.pgscan_kswapd", "pages", 1)              \
	X(VM_SCAN_DIRECT, "vmstat.pgscan_direct", "pages", 1)              \
	X(VM_STEAL_KSWAPD, "vmstat.pgsteal_kswapd", "pages", 1)            \
	X(VM_STEAL_DIRECT, "vmstat.pgsteal_direct", "pages", 1)            \
	X(VM_REFAULT_FILE, "vmstat.workingset_refault_file", "pages", 1)   \
	X(VM_REFAULT_ANON, "vmstat.workingset_refault_anon", "pages", 1)   \
	X(VM_ACTIVATE_FILE, "vmstat.workingset_activate_file", "pages", 1) \
	X(VM_PSWPIN, "vmstat.pswpin", "pages", 1)                          \
	X(VM_PSWPOUT, "vmstat.pswpout", "pages", 1)                        \
	X(VM_ALLOCSTALL, "vmstat.allocstall", "times", 1)                  \
	X(VM_FREE, "vmstat.free", "bytes", 0)                              \
	X(DISK_READS, "disk.reads", "requests", 1)                         \
	X(DISK_READ_BYTES, "disk.read_bytes", "bytes", 1)                  \
	X(DISK_READ_MS, "disk.read_time", "ms", 1)                         \
	X(DISK_WRITES, "disk.writes", "requests", 1)                       \
	X(DISK_WRITE_BYTES, "disk.write_bytes", "bytes", 1)                \
	X(DISK_IN_FLIGHT, "disk.in_flight", "requests", 0)                 \
	X(DISK_BUSY_MS, "disk.busy_time", "ms", 1)                         \
	X(LOAD1, "load.1min", "1/100", 0)                                  \
	X(RUNNABLE, "load.runnable", "threads", 0)

enum host_metric {
#define HOST_METRIC_ENUM(id, name, unit, counter) HOST_METRIC_##id,
	HOST_METRICS(HOST_METRIC_ENUM)
#undef HOST_METRIC_ENUM
		HOST_METRIC_COUNT
};

/* "memcg.usage", "bytes", and whether it is a counter (else a level). NULL or -1 outside the table. */
const char *host_metric_name(unsigned int id);
const char *host_metric_unit(unsigned int id);
int host_metric_is_counter(unsigned int id);

struct host_sampler;

/*
 * @pid: the process to watch, 0 for ourselves, -1 for none. @cg: its group, or NULL: pressure is then the
 * machine's, and the group's metrics are unknown. @dev: the device's number as in st_dev (makedev()), or 0.
 * What cannot be opened is simply unknown later. The sampler keeps no reference to @cg. 0 or -errno.
 */
int host_sampler_open(struct host_sampler **out, pid_t pid, const struct host_memcg *cg, dev_t dev);

/*
 * One sample: values[HOST_METRIC_COUNT]; HOST_UNKNOWN where this machine or the ended process does not
 * tell. Takes some tens of microseconds. 0 or -errno.
 */
int host_sampler_read(struct host_sampler *s, uint64_t *values);

void host_sampler_close(struct host_sampler *s);

#endif
