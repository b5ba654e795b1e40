// SPDX-License-Identifier: GPL-2.0-only
#include "engines/selection.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t mark_class;
} classes[] = {
	{"load", FLT_MC_LOAD},     {"warmup", FLT_MC_WARMUP},         {"prompt", FLT_MC_PROMPT},
	{"decode", FLT_MC_DECODE}, {"evaluation", FLT_MC_EVALUATION},
};
#define CLASSES (sizeof(classes) / sizeof(*classes))

static int class_of(const char *word, size_t len, uint32_t *mark_class)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (strlen(classes[i].name) == len && !strncmp(word, classes[i].name, len)) {
			*mark_class = classes[i].mark_class;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_phases(struct eng_group *g, struct host_err *err)
{
	const char *p = g->set.phases;

	g->sel.phases = ~0u;
	if (!p || !*p)
		return 0;
	g->sel.phases = 0;
	for (;;) {
		size_t len = strcspn(p, ",:+");
		uint32_t mark_class;

		if (class_of(p, len, &mark_class))
			return host_fail(
				err, -EINVAL,
				"phases=%s: \"%.*s\" is none of load, warmup, prompt, decode, evaluation",
				g->set.phases, (int)len, p);
		g->sel.phases |= 1u << mark_class;
		p += len;
		if (!*p++)
			return 0;
	}
}

static bool number(const char **p, uint64_t *v)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	*v = strtoull(*p, &end, 10);
	*p = end;
	return !errno;
}

/* "prompt", "decode": from the first of them to the last. */
static int named_range(struct eng_group *g, uint32_t mark_class, struct host_err *err)
{
	struct eng_selection *s = &g->sel;
	bool any = false;

	for (uint64_t i = 0; i < g->plan->evaluations; i++) {
		if (g->plan->evaluation[i].mark_class != mark_class)
			continue;
		s->first = any ? s->first : i;
		s->last = i;
		any = true;
	}
	if (!any)
		return host_fail(err, -EINVAL,
				 "tokens=%s: the trace has no evaluation of that sort",
				 g->set.tokens);
	return 0;
}

static int parse_tokens(struct eng_group *g, struct host_err *err)
{
	struct eng_selection *s = &g->sel;
	const char *p = g->set.tokens;
	uint32_t mark_class;

	s->first = 0;
	s->last = s->count - 1;
	if (!p || !*p)
		return 0;
	if (!class_of(p, strlen(p), &mark_class))
		return named_range(g, mark_class, err);
	if (!number(&p, &s->first))
		goto bad;
	s->last = s->first;
	if (*p == '-') {
		p++;
		if (!*p)
			s->last = s->count - 1;
		else if (!number(&p, &s->last))
			goto bad;
	}
	if (*p || !s->first || s->first > s->last)
		goto bad;
	if (s->last >= s->count)
		return host_fail(err, -EINVAL,
				 "tokens=%s: the trace has %" PRIu64
				 " evaluations, numbered from 1",
				 g->set.tokens, s->count - 1);
	return 0;
bad:
	return host_fail(
		err, -EINVAL,
		"tokens=%s: give evaluations as A-B, A- or A, counted from 1, or a name: prompt, decode, evaluation",
		g->set.tokens);
}

static bool replayed(const struct eng_group *g, uint64_t i)
{
	return g->sel.phases & (1u << (g->plan->evaluation[i].mark_class & 31));
}

/* How long an evaluation lasted, up to the next one. */
static uint64_t span(const struct flt_plan *p, uint64_t i)
{
	if (i + 1 < p->evaluations && p->evaluation[i + 1].start > p->evaluation[i].start)
		return p->evaluation[i + 1].start - p->evaluation[i].start;
	return p->evaluation[i].dur;
}

static void choose(struct eng_group *g)
{
	struct eng_selection *s = &g->sel;
	uint64_t warm = g->set.warmup;

	for (uint64_t i = s->first; i <= s->last; i++)
		s->action[i] = replayed(g, i) ? ENG_MEASURE : ENG_SKIP;
	for (uint64_t i = s->first; i-- > 0;) {
		uint32_t c = g->plan->evaluation[i].mark_class;

		if (!replayed(g, i))
			continue;
		if (c == FLT_MC_LOAD || c == FLT_MC_PROMPT) {
			s->action[i] = ENG_WARM;
		} else if (warm) {
			s->action[i] = ENG_WARM;
			s->warm++;
			warm--;
		}
	}
}

static int sum_up(struct eng_group *g, struct host_err *err)
{
	struct eng_selection *s = &g->sel;
	uint64_t skipped = g->plan->evaluation[0].start, ordinal = 0, first = UINT64_MAX;

	for (uint64_t i = 0; i < s->count; i++) {
		const struct flt_evaluation *e = &g->plan->evaluation[i];

		s->skipped[i] = skipped;
		s->ordinal[i] = ordinal;
		switch (s->action[i]) {
		case ENG_SKIP:
			skipped += span(g->plan, i);
			break;
		case ENG_WARM:
			s->prefix = true;
			s->warm_bytes += e->bytes;
			s->warm_ns += span(g->plan, i);
			ordinal++;
			break;
		default:
			s->bytes += e->bytes;
			first = first == UINT64_MAX ? i : first;
			s->last = i;
			ordinal++;
		}
	}
	if (first == UINT64_MAX)
		return host_fail(err, -EINVAL,
				 "tokens= and phases= leave nothing of the trace to measure");
	s->first = first;
	return 0;
}

int eng_selection_make(struct eng_group *g, struct host_err *err)
{
	struct eng_selection *s = &g->sel;
	int ret;

	s->count = g->plan->evaluations;
	if (!s->count)
		return host_fail(err, -ENODATA, "%s has no evaluations", g->set.trace);
	s->action = calloc(s->count, sizeof(*s->action));
	s->skipped = calloc(s->count, sizeof(*s->skipped));
	s->ordinal = calloc(s->count, sizeof(*s->ordinal));
	if (!s->action || !s->skipped || !s->ordinal)
		return host_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	ret = parse_phases(g, err);
	if (!ret)
		ret = parse_tokens(g, err);
	if (ret)
		return ret;
	choose(g);
	return sum_up(g, err);
}

void eng_selection_free(struct eng_selection *s)
{
	free(s->action);
	free(s->skipped);
	free(s->ordinal);
	s->action = NULL;
	s->skipped = s->ordinal = NULL;
}

bool eng_plan_has_tokens(const struct flt_plan *p)
{
	for (uint64_t i = 0; i < p->evaluations; i++)
		if (p->evaluation[i].mark_class == FLT_MC_DECODE)
			return true;
	return false;
}
