/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fio_checks.h: what of fio a replay cannot work with, each refused with one line that names the option.
 */
#ifndef ENG_FIO_CHECKS_H
#define ENG_FIO_CHECKS_H

#include "fio.h"

#include "engines/settings.h"
#include "host/util.h"

/* 0 or -EINVAL. JOBS: of the replay group. */
int eng_fio_check(struct thread_data *td, uint32_t jobs, struct host_err *err);
/* Says on fio's log, once for a group, which of the given options a trace makes meaningless. */
void eng_fio_note_ignored(struct thread_data *td);
/* The first option in which two jobs of one group differ though they may not; NULL if there is none. */
const char *eng_settings_differ(const struct eng_settings *a, const struct eng_settings *b);
/* The same of fio's own options. */
const char *eng_fio_options_differ(const struct thread_data *a, const struct thread_data *b);

#endif
