/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fio_options.h: the engine's options as fio parses them.
 *
 * One of the few headers that see fio: its types change with every release, so nothing of it goes further.
 */
#ifndef ENG_FIO_OPTIONS_H
#define ENG_FIO_OPTIONS_H

#include "fio.h"
#include "optgroup.h"

#include "engines/settings.h"
#include "host/util.h"

struct eng_fio_options {
	void *td; /* fio's own, while it parses */
	char *trace;
	char *cpu_scale;
	char *memory_limit;
	char *tokens;
	char *phases;
	char *footprint;
	char *result;
	unsigned int streams;
	unsigned int chunks;
	unsigned int waits;
	unsigned int pace;
	unsigned int pressure;
	unsigned int limit_type;
	unsigned int hints;
	unsigned int warmup;
};

extern struct fio_option eng_fio_option_table[];

/* 0, or -EINVAL with the line that names the option. */
int eng_fio_settings(const struct eng_fio_options *o, struct eng_settings *set,
		     struct host_err *err);

#endif
