// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/sample.c: the periodic sampler; see sample.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/sample.h"

static const struct {
	const char *name;
	const char *unit;
	int counter;
} metrics[] = {
#define HOST_METRIC_ROW(id, name, unit, counter) {name, unit, counter},
	HOST_METRICS(HOST_METRIC_ROW)
#undef HOST_METRIC_ROW
};

/* /proc/vmstat is the longest: some 5 KB */
#define TEXT_MAX 16384

enum source {
	SRC_STATUS,
	SRC_IO,
	SRC_CG_STAT,
	SRC_CG_USAGE,
	SRC_CG_SWAP,
	SRC_CG_FAILS,
	SRC_CG_KERNEL,
	SRC_PSI_MEM,
	SRC_PSI_IO,
	SRC_PSI_CPU,
	SRC_VMSTAT,
	SRC_DISK,
	SRC_LOAD,
	SRC_COUNT
};

struct host_sampler {
	int fd[SRC_COUNT];
	enum host_memcg_version version;
	uint64_t page;
	char text[TEXT_MAX];
};

/* A line "key value" of a file: which metric it is, and what to multiply it with. */
struct key {
	const char *key;
	enum host_metric metric;
	uint64_t scale;
};

const char *host_metric_name(unsigned int id)
{
	return id < HOST_METRIC_COUNT ? metrics[id].name : NULL;
}

const char *host_metric_unit(unsigned int id)
{
	return id < HOST_METRIC_COUNT ? metrics[id].unit : NULL;
}

int host_metric_is_counter(unsigned int id)
{
	return id < HOST_METRIC_COUNT ? metrics[id].counter : -1;
}

static void set(int *fd, const char *dir, const char *name)
{
	char path[HOST_PATH_MAX];

	if (!host_path(path, sizeof(path), "%s/%s", dir, name))
		*fd = open(path, O_RDONLY | O_CLOEXEC);
}

static void open_memcg(struct host_sampler *s, const struct host_memcg *cg)
{
	const char *dir = host_memcg_path(cg);

	s->version = host_memcg_version(cg);
	set(&s->fd[SRC_CG_STAT], dir, "memory.stat");
	if (s->version == HOST_MEMCG_V1) {
		set(&s->fd[SRC_CG_USAGE], dir, "memory.usage_in_bytes");
		set(&s->fd[SRC_CG_FAILS], dir, "memory.failcnt");
		set(&s->fd[SRC_CG_KERNEL], dir, "memory.kmem.usage_in_bytes");
		return;
	}
	set(&s->fd[SRC_CG_USAGE], dir, "memory.current");
	set(&s->fd[SRC_CG_SWAP], dir, "memory.swap.current");
	set(&s->fd[SRC_CG_FAILS], dir, "memory.events");
	set(&s->fd[SRC_PSI_MEM], dir, "memory.pressure");
	set(&s->fd[SRC_PSI_IO], dir, "io.pressure");
	set(&s->fd[SRC_PSI_CPU], dir, "cpu.pressure");
}

int host_sampler_open(struct host_sampler **out, pid_t pid, const struct host_memcg *cg, dev_t dev)
{
	struct host_sampler *s = calloc(1, sizeof(*s));
	char dir[64];

	*out = NULL;
	if (!s)
		return -ENOMEM;
	for (int i = 0; i < SRC_COUNT; i++)
		s->fd[i] = -1;
	s->page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (pid >= 0) {
		(void)snprintf(dir, sizeof(dir), "/proc/%d", (int)(pid ? pid : getpid()));
		set(&s->fd[SRC_STATUS], dir, "status");
		set(&s->fd[SRC_IO], dir, "io");
	}
	if (cg)
		open_memcg(s, cg);
	/* v1 has no pressure of a group */
	if (s->fd[SRC_PSI_MEM] < 0)
		set(&s->fd[SRC_PSI_MEM], "/proc/pressure", "memory");
	if (s->fd[SRC_PSI_IO] < 0)
		set(&s->fd[SRC_PSI_IO], "/proc/pressure", "io");
	if (s->fd[SRC_PSI_CPU] < 0)
		set(&s->fd[SRC_PSI_CPU], "/proc/pressure", "cpu");
	set(&s->fd[SRC_VMSTAT], "/proc", "vmstat");
	set(&s->fd[SRC_LOAD], "/proc", "loadavg");
	if (dev) {
		(void)snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
		set(&s->fd[SRC_DISK], dir, "stat");
	}
	*out = s;
	return 0;
}

/* The file's text, or NULL. */
static char *get(struct host_sampler *s, enum source src)
{
	ssize_t n;

	if (s->fd[src] < 0)
		return NULL;
	n = pread(s->fd[src], s->text, sizeof(s->text) - 1, 0);
	if (n <= 0)
		return NULL;
	s->text[n] = '\0';
	return s->text;
}

/* One pass over the lines, for any number of keys. */
static void get_keys(struct host_sampler *s, enum source src, const struct key *keys, size_t n,
		     uint64_t *values)
{
	char *line = get(s, src);

	while (line && *line) {
		size_t len = strcspn(line, " \t\n");

		for (size_t i = 0; i < n; i++) {
			if (strncmp(keys[i].key, line, len) != 0 || keys[i].key[len])
				continue;
			values[keys[i].metric] = strtoull(line + len, NULL, 10) * keys[i].scale;
			break;
		}
		line = strchr(line + len, '\n');
		if (line)
			line++;
	}
}

static void get_number(struct host_sampler *s, enum source src, enum host_metric m,
		       uint64_t *values)
{
	const char *text = get(s, src);

	if (text && *text >= '0' && *text <= '9')
		values[m] = strtoull(text, NULL, 10);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", and the same with "full" */
static void get_psi(struct host_sampler *s, enum source src, enum host_metric some, int full,
		    uint64_t *values)
{
	const char *text = get(s, src);
	const char *total = text ? strstr(text, "total=") : NULL;

	if (!total)
		return;
	values[some] = strtoull(total + 6, NULL, 10);
	total = strstr(total + 6, "total=");
	if (total && full >= 0)
		values[full] = strtoull(total + 6, NULL, 10);
}

static void read_process(struct host_sampler *s, uint64_t *values)
{
	static const struct key status[] = {
		{"RssAnon:", HOST_METRIC_RSS_ANON, 1024},
		{"RssFile:", HOST_METRIC_RSS_FILE, 1024},
		{"RssShmem:", HOST_METRIC_RSS_SHMEM, 1024},
		{"VmPTE:", HOST_METRIC_PAGE_TABLES, 1024},
		{"VmSwap:", HOST_METRIC_PROC_SWAP, 1024},
		{"Threads:", HOST_METRIC_PROC_THREADS, 1},
	};
	static const struct key io[] = {{"read_bytes:", HOST_METRIC_PROC_READ_BYTES, 1}};

	get_keys(s, SRC_STATUS, status, sizeof(status) / sizeof(status[0]), values);
	get_keys(s, SRC_IO, io, 1, values);
}

static void read_memcg(struct host_sampler *s, uint64_t *values)
{
	static const struct key events[] = {{"max", HOST_METRIC_CG_FAILCNT, 1}};
	struct host_memcg_stat st;
	const char *text;

	get_number(s, SRC_CG_USAGE, HOST_METRIC_CG_USAGE, values);
	text = get(s, SRC_CG_STAT);
	if (!text)
		return;
	memset(&st, 0xff, sizeof(st));
	host_memcg_stat_parse(text, s->version, &st);
	values[HOST_METRIC_CG_ANON] = st.anon;
	values[HOST_METRIC_CG_FILE] = st.file;
	values[HOST_METRIC_CG_MAPPED] = st.mapped;
	values[HOST_METRIC_CG_KERNEL] = st.kernel;
	values[HOST_METRIC_CG_PAGE_TABLES] = st.pagetables;
	values[HOST_METRIC_CG_SWAP] = st.swap;
	values[HOST_METRIC_CG_PGFAULT] = st.pgfault;
	values[HOST_METRIC_CG_PGMAJFAULT] = st.pgmajfault;
	values[HOST_METRIC_CG_REFAULT_FILE] = st.refault_file;
	values[HOST_METRIC_CG_REFAULT_ANON] = st.refault_anon;
	values[HOST_METRIC_CG_SCAN_KSWAPD] = st.scan_kswapd;
	values[HOST_METRIC_CG_SCAN_DIRECT] = st.scan_direct;
	values[HOST_METRIC_CG_STEAL_KSWAPD] = st.steal_kswapd;
	values[HOST_METRIC_CG_STEAL_DIRECT] = st.steal_direct;
	get_number(s, SRC_CG_KERNEL, HOST_METRIC_CG_KERNEL, values);
	get_number(s, SRC_CG_SWAP, HOST_METRIC_CG_SWAP, values);
	if (s->version == HOST_MEMCG_V1)
		get_number(s, SRC_CG_FAILS, HOST_METRIC_CG_FAILCNT, values);
	else
		get_keys(s, SRC_CG_FAILS, events, 1, values);
}

static void read_vmstat(struct host_sampler *s, uint64_t *values)
{
	const struct key keys[] = {
		{"pgmajfault", HOST_METRIC_VM_PGMAJFAULT, 1},
		{"pgscan_kswapd", HOST_METRIC_VM_SCAN_KSWAPD, 1},
		{"pgscan_direct", HOST_METRIC_VM_SCAN_DIRECT, 1},
		{"pgsteal_kswapd", HOST_METRIC_VM_STEAL_KSWAPD, 1},
		{"pgsteal_direct", HOST_METRIC_VM_STEAL_DIRECT, 1},
		{"workingset_refault", HOST_METRIC_VM_REFAULT_FILE, 1}, /* before 5.9 */
		{"workingset_refault_file", HOST_METRIC_VM_REFAULT_FILE, 1},
		{"workingset_refault_anon", HOST_METRIC_VM_REFAULT_ANON, 1},
		{"workingset_activate_file", HOST_METRIC_VM_ACTIVATE_FILE, 1},
		{"pswpin", HOST_METRIC_VM_PSWPIN, 1},
		{"pswpout", HOST_METRIC_VM_PSWPOUT, 1},
		{"nr_free_pages", HOST_METRIC_VM_FREE, s->page},
	};
	const char *p;

	get_keys(s, SRC_VMSTAT, keys, sizeof(keys) / sizeof(keys[0]), values);
	if (values[HOST_METRIC_VM_FREE] == HOST_UNKNOWN)
		return;
	/* one line for each zone: allocstall_normal, ...; the text is still in the buffer */
	values[HOST_METRIC_VM_ALLOCSTALL] = 0;
	for (p = s->text; (p = strstr(p, "\nallocstall")); p++) {
		size_t len = strcspn(p + 1, " ");

		values[HOST_METRIC_VM_ALLOCSTALL] += strtoull(p + 1 + len, NULL, 10);
	}
}

static void read_disk(struct host_sampler *s, uint64_t *values)
{
	char *text = get(s, SRC_DISK);
	uint64_t f[11];
	char *end;

	for (int i = 0; text && i < 11; i++) {
		f[i] = strtoull(text, &end, 10);
		if (end == text)
			return;
		text = end;
	}
	if (!text)
		return;
	values[HOST_METRIC_DISK_READS] = f[0];
	values[HOST_METRIC_DISK_READ_BYTES] = f[2] * 512;
	values[HOST_METRIC_DISK_READ_MS] = f[3];
	values[HOST_METRIC_DISK_WRITES] = f[4];
	values[HOST_METRIC_DISK_WRITE_BYTES] = f[6] * 512;
	values[HOST_METRIC_DISK_IN_FLIGHT] = f[8];
	values[HOST_METRIC_DISK_BUSY_MS] = f[9];
}

/* "0.05 0.10 0.20 1/123 4567" */
static void read_load(struct host_sampler *s, uint64_t *values)
{
	const char *text = get(s, SRC_LOAD);
	unsigned long whole, hundredths, runnable;

	if (!text || sscanf(text, "%lu.%lu %*s %*s %lu/", &whole, &hundredths, &runnable) != 3)
		return;
	values[HOST_METRIC_LOAD1] = whole * 100 + hundredths;
	/* the reader itself is running */
	values[HOST_METRIC_RUNNABLE] = runnable ? runnable - 1 : 0;
}

int host_sampler_read(struct host_sampler *s, uint64_t *values)
{
	for (unsigned int i = 0; i < HOST_METRIC_COUNT; i++)
		values[i] = HOST_UNKNOWN;
	read_process(s, values);
	read_memcg(s, values);
	get_psi(s, SRC_PSI_MEM, HOST_METRIC_PSI_MEM_SOME, HOST_METRIC_PSI_MEM_FULL, values);
	get_psi(s, SRC_PSI_IO, HOST_METRIC_PSI_IO_SOME, HOST_METRIC_PSI_IO_FULL, values);
	get_psi(s, SRC_PSI_CPU, HOST_METRIC_PSI_CPU_SOME, -1, values);
	read_vmstat(s, values);
	read_disk(s, values);
	read_load(s, values);
	return 0;
}

void host_sampler_close(struct host_sampler *s)
{
	if (!s)
		return;
	for (int i = 0; i < SRC_COUNT; i++)
		if (s->fd[i] >= 0)
			close(s->fd[i]);
	free(s);
}
