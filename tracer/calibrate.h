/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/calibrate.h: how fast the command is when nothing slows it down.
 *
 * A capture's own compute is too long: threads that were trapped at every barrier and whose page tables
 * were emptied at every token run slower in between, too. So the command is run again, warm and with
 * nothing but its evaluations' marks, and the replay's pace is fitted to what it took then.
 */
#ifndef REC_CALIBRATE_H
#define REC_CALIBRATE_H

#include "tracer/session.h"

/*
 * Runs the command as often as the options say, after the recording has stopped; probes and tracepoints are
 * taken off first. Sets the trailer's "calibration" (see traces/FORMAT.md), or null and "calibration_why".
 * SIGINT, SIGTERM and SIGHUP skip the rest; their dispositions are ignored afterwards.
 */
void rec_calibrate(struct rec_session *s, json_t *trailer);

#endif
