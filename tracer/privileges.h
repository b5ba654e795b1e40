/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/privileges.h: whether this process may trace here, said in words.
 */
#ifndef REC_PRIVILEGES_H
#define REC_PRIVILEGES_H

#include "host/util.h"

/* Looks, changes nothing. 0, or -errno with what to do in *err. */
int rec_privileges_check(struct host_err *err);
/* Why the kernel may have refused the programs: RET is what loading them returned. */
void rec_privileges_explain_load(int ret, struct host_err *err);

#endif
