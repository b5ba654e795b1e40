/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decoder.h: one thread for each running group that reads the trace ahead of its jobs.
 *
 * Its memory is fixed: a ring for each lane (or one for all), and one decoded batch of each lane. With
 * streams=recorded every lane gets its own records; with streams=shared the windows of all lanes are dealt
 * in the order of their recorded start, and barriers turn into "so many ops have to be done before".
 */
#ifndef ENG_DECODER_H
#define ENG_DECODER_H

#include "engines/replay.h"

int eng_decoder_start(struct eng_group *g, struct host_err *err);
/* Ends the thread and frees everything. NULL-safe. */
void eng_decoder_stop(struct eng_group *g);
/* A job has made room (or is waiting): the decoder should go on if it sleeps. */
void eng_decoder_wake(struct eng_group *g);
/* Whether it sleeps: to be asked before eng_decoder_wake(), which is a system call. */
bool eng_decoder_sleeps(const struct eng_group *g);

#endif
