/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * selection.h: which evaluations are replayed, and which of them are measured.
 *
 * tokens=A-B measures evaluations A to B (counted from 1). Before them load and prompt are replayed
 * unmeasured, and warmup= evaluations, because read-ahead and reclaim have a state: a cold start would measure
 * another machine. phases= leaves whole classes out.
 */
#ifndef ENG_SELECTION_H
#define ENG_SELECTION_H

#include "engines/replay.h"

/* Needs g->plan, g->set. 0, or -EINVAL with a line that names the option. */
int eng_selection_make(struct eng_group *g, struct host_err *err);
void eng_selection_free(struct eng_selection *s);

/* What happens to evaluation INDEX in PASS (from 0): later passes are of the measured part alone. */
static inline enum eng_action eng_selection_action(const struct eng_selection *s, uint64_t index,
						   uint64_t pass)
{
	enum eng_action a = index < s->count ? (enum eng_action)s->action[index] : ENG_SKIP;

	return a == ENG_WARM && pass ? ENG_SKIP : a;
}

/* Recorded time that is left out before evaluation INDEX, ns: for pace=wall. */
static inline uint64_t eng_selection_skipped(const struct eng_selection *s, uint64_t index,
					     uint64_t pass)
{
	if (index >= s->count)
		return 0;
	return s->skipped[index] + (pass ? s->warm_ns : 0);
}

/* Whether a trace has evaluations of which it knows that they generate a token. */
bool eng_plan_has_tokens(const struct flt_plan *p);

#endif
