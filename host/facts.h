/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/facts.h: what one has to know about a machine and a drive to repeat a measurement.
 *
 * Objects have stable keys; what cannot be read here is left out, never guessed. New keys may appear.
 * Bytes are integers, names are as in the kernel (vm.page-cluster is "vm": {"page-cluster": 3}).
 */
#ifndef HOST_FACTS_H
#define HOST_FACTS_H

#include <jansson.h>

#include "host/util.h"

/*
 * kernel, cpu, memory, numa, thp, mglru, vm, swap, cgroup, virtualization, load, os. A new reference; NULL
 * without memory.
 */
json_t *host_facts_machine(void);

/*
 * The file system and the drive of a file or directory: "filesystem" and "devices", an array from the
 * file system's device down to the disks, with queue settings, model, firmware, PCIe link. A new
 * reference; NULL with *err set.
 */
json_t *host_facts_path(const char *path, struct host_err *err);

#endif
