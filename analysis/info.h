/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of `faultline info`: what is printed from a finished scan. */
#ifndef ANA_INFO_H
#define ANA_INFO_H

#include "analysis/scan.h"

struct ana_info {
	const char *cmd, *path;
	bool all;    /* every region and thread */
	bool tokens; /* every evaluation */
	bool quick;  /* nothing was scanned */
	struct flt_reader *r;
	struct ana_scan scan;
	int damaged; /* reading ended early: -errno */
};

/* info_head.c: who, what, where, when, complete or not. */
void ana_info_head(const struct ana_info *info);
/* "  LABEL  text"; nothing without a text. */
void ana_info_line(const char *label, const char *text);
/* info_mode.c: how it was captured and judged, calibration, compute, pools, pressure. */
void ana_info_mode(const struct ana_info *info);
/* One line: what may be done with a trace of this mode. BUF is returned. */
const char *ana_info_use(const struct ana_info *info, char *buf, size_t len);
/* One line: complete, lossy, unfinished, damaged, and what to do. BUF is returned. */
const char *ana_info_complete(const struct ana_info *info, char *buf, size_t len);
/* "AMD EPYC, 2 CPUs, 23.5 GiB, Linux 6.18 x86_64": a machine from host/facts.h. BUF is returned. */
const char *ana_machine_text(const json_t *machine, char *buf, size_t len);
/* Everything that was lost, by the trailer. */
uint64_t ana_info_lost(const struct ana_info *info);

/* info_tables.c: records, sizes, files, regions, threads, lanes, devices. */
void ana_info_tables(const struct ana_info *info);

/* info_evaluations.c */
void ana_info_evaluations(const struct ana_info *info);

/* info_json.c: all of it; a new reference or NULL. */
json_t *ana_info_json(const struct ana_info *info);

#endif
