// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/facts_drive.c: facts about the file system and the drive of a path.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "host/device.h"
#include "host/facts.h"
#include "host/facts_int.h"
#include "host/host_int.h"

static const char *const queue_numbers[] = {
	"read_ahead_kb",
	"nr_requests",
	"logical_block_size",
	"physical_block_size",
	"minimum_io_size",
	"optimal_io_size",
	"max_sectors_kb",
	"max_hw_sectors_kb",
	"rotational",
	"nomerges",
	"rq_affinity",
	"wbt_lat_usec",
	"io_poll",
	"discard_granularity",
};

static json_t *queue(const char *dir)
{
	json_t *o = json_object();
	char path[HOST_PATH_MAX];

	for (size_t i = 0; i < sizeof(queue_numbers) / sizeof(queue_numbers[0]); i++)
		if (!host_path(path, sizeof(path), "%s/queue/%s", dir, queue_numbers[i]))
			host_facts_file_int(o, queue_numbers[i], path);
	if (!host_path(path, sizeof(path), "%s/queue/scheduler", dir))
		host_facts_file_choice(o, "scheduler", path);
	if (!host_path(path, sizeof(path), "%s/queue/write_cache", dir))
		host_facts_file(o, "write_cache", path);
	return o;
}

/*
 * The PCIe link: the first device up the tree from the disk that has one. A bridge above it may be the
 * bottleneck, but its link is another device's fact.
 */
static json_t *pcie(const char *dir)
{
	static const char *const names[] = {"current_link_speed", "max_link_speed",
					    "current_link_width", "max_link_width"};
	char path[HOST_PATH_MAX];
	char up[PATH_MAX];
	json_t *o = json_object();
	char *slash;

	(void)snprintf(up, sizeof(up), "%s", dir);
	while (!host_path(path, sizeof(path), "%s/current_link_speed", up) && access(path, F_OK)) {
		slash = strrchr(up, '/');
		if (!slash || slash == up)
			return o;
		*slash = '\0';
	}
	slash = strrchr(up, '/');
	if (slash)
		host_facts_str(o, "address", slash + 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (host_path(path, sizeof(path), "%s/%s", up, names[i]))
			continue;
		if (strstr(names[i], "width"))
			host_facts_file_int(o, names[i], path);
		else
			host_facts_file(o, names[i], path);
	}
	return o;
}

/* NVMe namespaces, SCSI disks and MMC cards have their identity in different places below "device". */
static void identity(json_t *o, const char *dir)
{
	static const struct {
		const char *key;
		const char *file;
	} names[] = {
		{"model", "device/model"},
		{"model", "device/name"},
		{"vendor", "device/vendor"},
		{"firmware", "device/firmware_rev"},
		{"firmware", "device/rev"},
		{"firmware", "device/fwrev"},
		{"transport", "device/transport"},
		{"controller", "device/device/class"},
		{"numa_node", "device/numa_node"},
		{"nvme_state", "device/state"},
		{"nvme_cntrltype", "device/cntrltype"},
		{"nvme_queue_count", "device/queue_count"},
		{"nvme_numa_node", "device/numa_node"},
		{"nvme_nsid", "nsid"},
		{"nvme_metadata_bytes", "metadata_bytes"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[HOST_PATH_MAX];

		if (json_object_get(o, names[i].key) ||
		    host_path(path, sizeof(path), "%s/%s", dir, names[i].file))
			continue;
		host_facts_file(o, names[i].key, path);
	}
}

/* What md, dm, loop and zram say about themselves. */
static void stacked(json_t *o, const char *dir)
{
	static const struct {
		const char *key;
		const char *file;
	} names[] = {
		{"dm_name", "dm/name"},
		{"md_level", "md/level"},
		{"md_chunk_size", "md/chunk_size"},
		{"md_raid_disks", "md/raid_disks"},
		{"md_state", "md/array_state"},
		{"loop_file", "loop/backing_file"},
		{"loop_direct_io", "loop/dio"},
		{"zram_size", "disksize"},
		{"zram_algorithm", "comp_algorithm"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[HOST_PATH_MAX];

		if (host_path(path, sizeof(path), "%s/%s", dir, names[i].file))
			continue;
		if (!strcmp(names[i].key, "zram_algorithm"))
			host_facts_file_choice(o, names[i].key, path);
		else
			host_facts_file(o, names[i].key, path);
	}
}

static json_t *device(const struct host_device *d)
{
	char path[HOST_PATH_MAX];
	char dir[PATH_MAX];
	json_t *o = json_object();
	uint64_t sectors;

	host_facts_str(o, "name", d->name);
	host_facts_str(o, "kind", host_device_kind_name(d->kind));
	(void)snprintf(path, sizeof(path), "%u:%u", d->major, d->minor);
	host_facts_str(o, "number", path);
	if (d->parent >= 0)
		host_facts_int(o, "parent", (uint64_t)d->parent);
	(void)json_object_set_new(o, "leaf", json_boolean(d->leaf));
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", d->major, d->minor);
	if (!realpath(path, dir))
		return o;
	if (!host_path(path, sizeof(path), "%s/size", dir) && !host_file_read_u64(path, &sectors))
		host_facts_int(o, "size", sectors * 512);
	if (d->kind == HOST_DEVICE_PARTITION) {
		if (!host_path(path, sizeof(path), "%s/start", dir) &&
		    !host_file_read_u64(path, &sectors))
			host_facts_int(o, "start", sectors * 512);
		return o;
	}
	host_facts_add(o, "queue", queue(dir));
	stacked(o, dir);
	if (d->kind == HOST_DEVICE_DISK) {
		identity(o, dir);
		host_facts_add(o, "pcie", pcie(dir));
	}
	return o;
}

static json_t *filesystem(const char *path, const struct host_mount *mt)
{
	json_t *o = json_object();
	struct statvfs vfs;

	host_facts_str(o, "type", mt->fstype);
	host_facts_str(o, "mount", mt->mount);
	host_facts_str(o, "source", mt->source);
	host_facts_str(o, "options", mt->options);
	if (!statvfs(path, &vfs)) {
		host_facts_int(o, "block_size", vfs.f_bsize);
		host_facts_int(o, "size", (uint64_t)vfs.f_blocks * vfs.f_frsize);
		host_facts_int(o, "available", (uint64_t)vfs.f_bavail * vfs.f_frsize);
	}
	return o;
}

json_t *host_facts_path(const char *path, struct host_err *err)
{
	struct host_device list[HOST_DEVICES_MAX];
	struct host_mount mt;
	json_t *devices;
	json_t *o;
	int n;

	n = host_mount_of(path, &mt);
	if (n) {
		host_fail(err, n, "cannot find the file system of %s: %s", path, strerror(-n));
		return NULL;
	}
	o = json_object();
	devices = json_array();
	if (!o || !devices) {
		json_decref(o);
		json_decref(devices);
		host_fail(err, -ENOMEM, "cannot describe the drive of %s: out of memory", path);
		return NULL;
	}
	host_facts_add(o, "filesystem", filesystem(path, &mt));
	n = host_devices_of_path(path, list, HOST_DEVICES_MAX);
	for (int i = 0; i < n; i++)
		(void)json_array_append_new(devices, device(&list[i]));
	(void)json_object_set_new(o, "devices", devices);
	return o;
}
