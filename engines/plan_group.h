/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_group.h: everything about a group that can be known, and refused, before it runs.
 */
#ifndef ENG_PLAN_GROUP_H
#define ENG_PLAN_GROUP_H

#include "engines/group.h"

/* Fills G from the trace and the request. 0, or -errno with the line for people. */
int eng_plan_group(struct eng_group *g, const struct eng_request *rq, struct host_err *err);
void eng_plan_group_free(struct eng_group *g);
/* Bytes that one job will touch in all passes, about: for fio's progress. */
uint64_t eng_plan_job_bytes(const struct eng_group *g, uint32_t job);

#endif
