// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result of a replay as the second run of `faultline explain`: coarser than a recording, see
 * engines/RESULT.md.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"
#include "analysis/result.h"

static bool phase_by_name(const char *name, enum ana_phase *phase)
{
	static const struct {
		const char *name;
		enum ana_phase phase;
	} names[] = {{"load", ANA_PHASE_LOAD},
		     {"warmup", ANA_PHASE_WARMUP},
		     {"prompt", ANA_PHASE_PROMPT},
		     {"evaluation", ANA_PHASE_EVALUATION},
		     {"decode", ANA_PHASE_DECODE}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name))
			continue;
		*phase = names[i].phase;
		return true;
	}
	return false;
}

static const json_t *phase_entry(const struct ana_side *s, enum ana_phase phase)
{
	const json_t *one;
	enum ana_phase found;
	size_t i;

	json_array_foreach (json_object_get(s->doc, "phases"), i, one)
		if (phase_by_name(ana_text(one, "class", ""), &found) && found == phase)
			return one;
	return NULL;
}

static void find_model(struct ana_side *s)
{
	const json_t *files = json_object_get(s->doc, "files"), *one;
	size_t i;

	json_array_foreach (files, i, one) {
		const char *path = ana_text(one, "recorded_path", ana_text(one, "path", "?"));
		const char *slash = strrchr(path, '/');

		s->model_bytes += ana_number(one, "size_bytes", 0);
		if (!i)
			strncat(s->model, slash && slash[1] ? slash + 1 : path,
				sizeof(s->model) - 1);
	}
}

int ana_side_open_result(struct ana_side *s)
{
	struct ana_result res;
	const json_t *list, *one;
	int ret = ana_result_load(s->cmd, s->path, &res);
	size_t i;

	s->doc = res.doc;
	s->result = s->replay = true;
	if (ret)
		return ret;
	list = json_object_get(s->doc, "evaluations");
	s->entry = calloc(json_array_size(list) + 1, sizeof(*s->entry));
	if (!s->entry)
		return -ENOMEM;
	json_array_foreach (list, i, one) {
		double duration = ana_real(one, "duration_s", -1),
		       start = ana_real(one, "start_s", 0);
		struct ana_pass pass = {
			.number = ana_number(one, "index", FLT_NONE),
			.tokens = ana_number(one, "tokens", FLT_NONE),
		};

		if (!ana_true(one, "measured") || duration < 0 || duration > 1e9 || start < 0 ||
		    start > 1e9 || pass.number == FLT_NONE ||
		    !phase_by_name(ana_text(one, "class", ""), &pass.phase))
			continue;
		if (ana_number(one, "pass", 1) != 1) {
			s->later_passes++;
			continue;
		}
		pass.start = (uint64_t)(start * 1e9);
		pass.end = pass.start + (uint64_t)(duration * 1e9 + 0.5);
		s->entry[s->passes] = i;
		ret = ana_side_add_pass(s, &pass);
		if (ret)
			return ret;
		s->knows[ANA_PART_COMPUTE] |= phase_entry(s, pass.phase) != NULL;
	}
	find_model(s);
	if (s->passes)
		return 0;
	ana_error(s->cmd, "%s tells of no evaluation that was measured", s->path);
	return -ENODATA;
}

/* The recorded compute of a phase, spread over its evaluations and lanes. */
static double compute_ns(const struct ana_side *s, enum ana_phase phase)
{
	const json_t *entry = phase_entry(s, phase);
	double lanes = (double)json_array_size(json_object_get(s->doc, "lanes"));
	double evaluations = ana_real(entry, "evaluations", 0);
	double compute = ana_real(entry, "compute_s", 0);

	return lanes > 0 && evaluations > 0 && compute > 0 ? compute * 1e9 / lanes / evaluations
							   : 0;
}

int ana_side_next_result(struct ana_side *s, struct ana_moment *m)
{
	const struct ana_pass *pass;
	const json_t *one;
	double compute;

	while (s->next < s->passes && !s->pass[s->next].wanted)
		s->next++;
	if (s->next == s->passes)
		return 0;
	memset(m, 0, sizeof(*m));
	m->pass = s->next++;
	pass = &s->pass[m->pass];
	one = json_array_get(json_object_get(s->doc, "evaluations"), s->entry[m->pass]);
	m->wall = (double)(pass->end - pass->start);
	m->tally[ANA_T_MAJOR] = ana_number(one, "major_faults", 0);
	m->tally[ANA_T_FAULTS] = m->tally[ANA_T_MAJOR] + ana_number(one, "minor_faults", 0);
	m->tally[ANA_T_BLOCKED] = ana_number(one, "blocked_faults", 0);
	m->tally[ANA_T_REQUEST_BYTES] = ana_number(one, "read_bytes", 0);
	compute = compute_ns(s, pass->phase);
	m->mean[ANA_PART_COMPUTE] = compute < m->wall ? compute : m->wall;
	m->mean[ANA_PART_REST] = m->wall - m->mean[ANA_PART_COMPUTE];
	memcpy(m->path, m->mean, sizeof(m->path));
	return 1;
}
