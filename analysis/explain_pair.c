// SPDX-License-Identifier: GPL-2.0-only
/* Which evaluation of one run belongs to which of the other, and the sums over all pairs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"

#define NOBODY SIZE_MAX

const char *ana_phase_name(enum ana_phase phase)
{
	static const char *const name[ANA_PHASES] = {
		[ANA_PHASE_LOAD] = "load",     [ANA_PHASE_WARMUP] = "warm-up",
		[ANA_PHASE_PROMPT] = "prompt", [ANA_PHASE_EVALUATION] = "evaluation",
		[ANA_PHASE_DECODE] = "decode",
	};

	return name[phase];
}

/*
 * By the numbers that the engine passes on. False if the phases contradict: then it replayed
 * another run.
 */
static bool match_numbers(const struct ana_side *a, const struct ana_side *b, size_t *partner)
{
	size_t k = 0;

	for (size_t i = 0; i < a->passes; i++) {
		partner[i] = NOBODY;
		while (k < b->passes && b->pass[k].number < a->pass[i].number)
			k++;
		if (k == b->passes || b->pass[k].number != a->pass[i].number)
			continue;
		if (b->pass[k].phase != a->pass[i].phase)
			return false;
		partner[i] = k;
	}
	return true;
}

/* The n-th of a phase belongs to the n-th of it. */
static void match_order(const struct ana_side *a, const struct ana_side *b, size_t *partner)
{
	size_t next[ANA_PHASES] = {0};

	for (size_t i = 0; i < a->passes; i++) {
		enum ana_phase phase = a->pass[i].phase;
		size_t k = next[phase];

		while (k < b->passes && b->pass[k].phase != phase)
			k++;
		partner[i] = k < b->passes ? k : NOBODY;
		next[phase] = k < b->passes ? k + 1 : k;
	}
}

ssize_t ana_explain_align(struct ana_explain *x, uint64_t first, uint64_t last)
{
	struct ana_side *a = &x->side[0], *b = &x->side[1];
	size_t *partner = calloc(a->passes + 1, sizeof(*partner)), from = 0, matched = 0;
	ssize_t pairs = 0;

	if (!partner)
		return -ENOMEM;
	x->by_number = (b->replay || b->result) && match_numbers(a, b, partner);
	if (!x->by_number)
		match_order(a, b, partner);
	for (size_t i = 0; i < a->passes; i++) {
		/* Both are read from front to back: what would go back has no counterpart. */
		if (partner[i] == NOBODY || partner[i] < from)
			continue;
		from = partner[i] + 1;
		matched++;
		if (a->pass[i].number < first || a->pass[i].number > last)
			continue;
		a->pass[i].wanted = b->pass[partner[i]].wanted = true;
		pairs++;
	}
	x->alone[0] = a->passes - matched;
	x->alone[1] = b->passes - matched;
	free(partner);
	return pairs;
}

void ana_explain_choose(struct ana_explain *x, bool mean)
{
	const struct ana_side *a = &x->side[0], *b = &x->side[1];

	x->by_path = !mean && a->has_barriers && b->has_barriers;
	x->folded = !a->knows[ANA_PART_FAULT] || !b->knows[ANA_PART_FAULT];
	for (int p = 0; p < ANA_PARTS; p++)
		x->use[p] = a->knows[p] && b->knows[p] && !x->folded;
	x->use[ANA_PART_COMPUTE] = a->knows[ANA_PART_COMPUTE] && b->knows[ANA_PART_COMPUTE] &&
				   (a->knows[ANA_PART_FAULT] || a->result) &&
				   (b->knows[ANA_PART_FAULT] || b->result);
	x->use[ANA_PART_REST] = true;
}

static void move(double part[ANA_PARTS], enum ana_part from, enum ana_part to)
{
	part[to] += part[from];
	part[from] = 0;
}

void ana_explain_fold(const struct ana_explain *x, double part[ANA_PARTS])
{
	if (x->folded) {
		for (int p = 0; p < ANA_PARTS; p++)
			if (p != ANA_PART_REST && !x->use[p])
				move(part, (enum ana_part)p, ANA_PART_REST);
		return;
	}
	if (!x->use[ANA_PART_BARRIER])
		move(part, ANA_PART_BARRIER, ANA_PART_COMPUTE);
	if (!x->use[ANA_PART_OFFCPU])
		move(part, ANA_PART_OFFCPU, ANA_PART_COMPUTE);
	if (!x->use[ANA_PART_DRIVE]) {
		move(part, ANA_PART_DRIVE, ANA_PART_STALL);
		move(part, ANA_PART_QUEUED, ANA_PART_STALL);
	}
}

static double units_of(const struct ana_side *s, size_t pass)
{
	uint64_t tokens = s->pass[pass].tokens;

	return tokens == FLT_NONE || !tokens || s->pass[pass].phase == ANA_PHASE_LOAD
		       ? 0
		       : (double)tokens;
}

static double apart(const struct ana_pair *p)
{
	return fabs(p->wall[1] - p->wall[0]) / p->units;
}

static void keep_worst(struct ana_explain *x, const struct ana_pair *pair)
{
	size_t i = x->worst_count;

	if (pair->phase == ANA_PHASE_LOAD)
		return;
	if (x->worst_count < ANA_WORST)
		x->worst_count++;
	else if (apart(pair) <= apart(&x->worst[i - 1]))
		return;
	else
		i--;
	for (; i > 0 && apart(pair) > apart(&x->worst[i - 1]); i--)
		x->worst[i] = x->worst[i - 1];
	x->worst[i] = *pair;
}

static int add_pair(struct ana_explain *x, const struct ana_moment m[2], bool list, size_t *room)
{
	const struct ana_pass *real = &x->side[0].pass[m[0].pass];
	struct ana_phase_sum *sum = &x->phase[real->phase];
	double tokens = units_of(&x->side[0], m[0].pass);
	struct ana_pair pair = {.phase = real->phase, .units = tokens > 0 ? tokens : 1};

	/* One evaluation that nobody knows the tokens of, and figures per token would be wrong. */
	if (!sum->pairs)
		sum->tokens = tokens;
	else
		sum->tokens = sum->tokens > 0 && tokens > 0 ? sum->tokens + tokens : 0;
	sum->pairs++;
	for (int k = 0; k < 2; k++) {
		double mean[ANA_PARTS], path[ANA_PARTS];

		memcpy(mean, m[k].mean, sizeof(mean));
		memcpy(path, m[k].path, sizeof(path));
		ana_explain_fold(x, mean);
		ana_explain_fold(x, path);
		pair.number[k] = x->side[k].pass[m[k].pass].number;
		pair.wall[k] = m[k].wall;
		memcpy(pair.part[k], x->by_path ? path : mean, sizeof(pair.part[k]));
		sum->wall[k] += m[k].wall;
		for (int p = 0; p < ANA_PARTS; p++) {
			sum->mean[k][p] += mean[p];
			sum->path[k][p] += path[p];
		}
		for (int t = 0; t < ANA_TALLIES; t++)
			sum->tally[k][t] += m[k].tally[t];
	}
	keep_worst(x, &pair);
	if (!list)
		return 0;
	if (x->listed == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct ana_pair *grown = reallocarray(x->list, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		x->list = grown;
		*room = more;
	}
	x->list[x->listed++] = pair;
	return 0;
}

int ana_explain_read(struct ana_explain *x, bool list)
{
	struct ana_moment m[2];
	size_t room = 0;
	int ret = 0, k, more[2] = {1, 1};

	for (k = 0; k < 2 && !ret; k++)
		ret = ana_side_begin(&x->side[k]);
	while (!ret && more[0] && more[1]) {
		for (k = 0; k < 2 && !ret; k++) {
			more[k] = ana_side_next(&x->side[k], &m[k]);
			ret = more[k] < 0 ? more[k] : 0;
		}
		if (!ret && more[0] && more[1])
			ret = add_pair(x, m, list, &room);
	}
	if (ret)
		ana_error(x->cmd, "cannot read %s: %s", x->side[more[0] < 0 ? 0 : 1].path,
			  ret == -EBADMSG ? "damaged; 'faultline verify' says where"
					  : strerror(-ret));
	return ret;
}
