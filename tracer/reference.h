/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/reference.h: what a session does beside recording in --mode reference (zap.h, warm.h, judge.h), in
 * the order of a run. Without that mode these do nothing.
 */
#ifndef REC_REFERENCE_H
#define REC_REFERENCE_H

#include "tracer/session.h"

/* The command waits to be started, or the process runs: it is traced, and what it has mapped is read anew. */
int rec_reference_begin(struct rec_session *s);
/* All probes are attached: the run may start. */
int rec_reference_arm(struct rec_session *s);
/* A descriptor that becomes readable when rec_reference_news() has something to do; -1: never. */
int rec_reference_fd(const struct rec_session *s);
/* Threads that have mapped a model are probed, and go on. */
void rec_reference_news(struct rec_session *s);
/* The tracing process is gone before its time: said, and held against the capture. */
void rec_reference_lost(struct rec_session *s);
/* The run is over, or has never begun: nothing is traced any longer, and read-ahead is as it was. */
void rec_reference_end(struct rec_session *s);
/* Sets the trailer's "judgement", after its "calibration". True: it is fine, or no reference capture. */
bool rec_reference_judge(struct rec_session *s, json_t *trailer);

#endif
