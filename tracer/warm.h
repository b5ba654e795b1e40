/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/warm.h: what of the model is in memory when a reference capture begins, and in what pieces.
 *
 * A fault maps what lies around it, 64 KiB by default, but a large folio of the page cache as a whole, up
 * to 2 MiB. Then a capture shows a fraction of what is touched. So the model is put out of memory and read
 * again page by page; where that does not fit, read-ahead is kept small for as long as the capture lasts.
 */
#ifndef REC_WARM_H
#define REC_WARM_H

#include "tracer/session.h"

/*
 * The files that were evicted (s->residency) are read into memory, if they fit and no limit is asked for. Else
 * their drives' read-ahead is bounded until rec_warm_end(). What does not go is said, and no error.
 */
void rec_warm(struct rec_session *s);
/*
 * The same for the models that a traced process has mapped: entries dropped, evicted, read. It stands still
 * meanwhile, or it would bring back what is put out.
 */
void rec_warm_process(struct rec_session *s);
/* Read-ahead as it was. */
void rec_warm_end(struct rec_session *s);

#endif
