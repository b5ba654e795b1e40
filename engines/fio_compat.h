/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fio_compat.h: what fio's releases do differently.
 *
 * Ramp time is how fio leaves the start of a job out of its figures; we use it for what is replayed
 * unmeasured, and end it ourselves. Up to 3.41 a job's own thread looks at the clock (ramp_time_over());
 * from 3.42 on the helper thread decides and the job's thread follows (ramp_period_*()). Either set of functions is there,
 * so both are weak, and no member that only some releases have is touched.
 */
#ifndef ENG_FIO_COMPAT_H
#define ENG_FIO_COMPAT_H

#include "fio.h"

#define ENG_RAMP_USEC (7ull * 24 * 3600 * 1000000) /* longer than any warm-up */

extern bool in_ramp_time(struct thread_data *) __attribute__((weak));
extern bool ramp_time_over(struct thread_data *) __attribute__((weak));
extern bool in_ramp_period(struct thread_data *) __attribute__((weak));
extern bool ramp_period_over(struct thread_data *) __attribute__((weak));
extern int ramp_period_check(void) __attribute__((weak));
extern int td_ramp_period_init(struct thread_data *) __attribute__((weak));

static inline bool eng_fio_in_ramp(struct thread_data *td)
{
	if (in_ramp_period)
		return in_ramp_period(td);
	return in_ramp_time && in_ramp_time(td);
}

/* In setup(): the job begins in its ramp time. */
static inline void eng_fio_begin_ramp(struct thread_data *td)
{
	td->o.ramp_time = ENG_RAMP_USEC;
	if (td_ramp_period_init)
		td_ramp_period_init(td);
}

/* By the job's thread: everything that fio has counted so far is forgotten. */
static inline void eng_fio_end_ramp(struct thread_data *td)
{
	if (!eng_fio_in_ramp(td))
		return;
	td->o.ramp_time = 1;
	if (ramp_period_check && ramp_period_over) {
		ramp_period_check();
		ramp_period_over(td);
	} else if (ramp_time_over) {
		ramp_time_over(td);
	}
}

#endif
