/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pressure.h: how memory is made scarce: a memory cgroup around the fio process, or a balloon in the machine.
 */
#ifndef ENG_PRESSURE_H
#define ENG_PRESSURE_H

#include "engines/replay.h"

/* Before anything starts: what cannot work is refused with one line. Sets the group's limit. 0 or -errno. */
int eng_pressure_check(struct eng_group *g, struct host_err *err);
/*
 * From here on memory is scarce: to be called after the eviction, and before anything is allocated that belongs to the
 * replay. A balloon takes seconds. 0 or -errno.
 */
int eng_pressure_begin(struct eng_group *g, struct host_err *err);
/* Everything is put back. */
void eng_pressure_end(struct eng_group *g);

#endif
