/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * warnings.h: what a reader should know before he believes the figures.
 */
#ifndef ENG_WARNINGS_H
#define ENG_WARNINGS_H

#include "engines/figures.h"
#include "engines/replay.h"

/* What the trace cannot support of what is asked: known, and told, before anything starts. */
void eng_warn_of_trace(struct eng_group *g);
/* What went on during the replay. */
void eng_warn_of_run(struct eng_group *g, const struct eng_figures *f);

#endif
