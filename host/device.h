/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/device.h: which devices a file is on, and what /proc/diskstats says about them.
 */
#ifndef HOST_DEVICE_H
#define HOST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/util.h"

enum host_device_kind {
	HOST_DEVICE_DISK = 0,
	HOST_DEVICE_PARTITION,
	HOST_DEVICE_DM,
	HOST_DEVICE_MD,
	HOST_DEVICE_LOOP,
	HOST_DEVICE_ZRAM,
};

struct host_device {
	char name[64]; /* "nvme0n1p2", as in /proc/diskstats */
	unsigned int major;
	unsigned int minor;
	enum host_device_kind kind;
	int parent; /* index of the device built on this one; -1: the file system is on it */
	bool leaf;  /* a disk: nothing below it */
};

#define HOST_DEVICES_MAX 32

/*
 * The devices under st_dev @dev, from the one the file system is on (first) down through partitions, md, dm
 * and loop to the disks (leaf). Returns how many, 0 if it is on no block device (tmpfs, NFS), or -errno.
 */
int host_devices(dev_t dev, struct host_device *list, int max);

/*
 * The same for the file or directory @path. File systems with anonymous device numbers (btrfs, overlay) are
 * followed through the mount's source.
 */
int host_devices_of_path(const char *path, struct host_device *list, int max);

const char *host_device_kind_name(enum host_device_kind kind);

/* "dm-0 on nvme0n1, nvme1n1": one line for people. Returns @buf. */
char *host_devices_text(const struct host_device *list, int n, char *buf, size_t size);

/* One line of /proc/diskstats. Sectors are 512 bytes whatever the device's block size; times are ms. */
struct host_diskstat {
	uint64_t reads, reads_merged, read_sectors, read_ms;
	uint64_t writes, writes_merged, write_sectors, write_ms;
	uint64_t in_flight, busy_ms, queue_ms;
	uint64_t when_ns; /* CLOCK_MONOTONIC of the reading */
};

/* From /sys/dev/block/MAJ:MIN/stat. 0 or -errno. */
int host_diskstat_read(unsigned int major, unsigned int minor, struct host_diskstat *st);

/* What happened between two readings; counters of the kernel's 32 bits may have wrapped. */
struct host_diskdiff {
	double seconds;
	uint64_t reads;
	uint64_t read_bytes;
	uint64_t writes;
	uint64_t write_bytes;
	double read_iops;     /* completed reads per second */
	double read_mibps;    /* MiB/s */
	double read_await_ms; /* mean time of a read from queueing to completion; 0 without reads */
	double read_size;     /* mean bytes of a read */
	double util;          /* share of the time with at least one request in flight, 0..1 */
	double queue;         /* mean number of requests in flight */
};

void host_diskstat_diff(const struct host_diskstat *a, const struct host_diskstat *b,
			struct host_diskdiff *d);

/*
 * Bytes that this process made the drive read (/proc/PID/io read_bytes: counted where the I/O is
 * submitted, faults and read-ahead included). @pid 0: ourselves. 0 or -errno (-EACCES for other people's).
 * Foreign I/O of a device = host_diskdiff.read_bytes - the difference of this.
 */
int host_process_read_bytes(pid_t pid, uint64_t *bytes);

#endif
