/* SPDX-License-Identifier: GPL-2.0-only */
/* The inner part of a scan: what one record adds to the sums. */
#ifndef ANA_SCAN_ADD_H
#define ANA_SCAN_ADD_H

#include "analysis/scan.h"

void ana_scan_add(struct ana_scan *s, const struct flt_record *rec);

#endif
