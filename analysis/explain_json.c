// SPDX-License-Identifier: GPL-2.0-only
/* `faultline explain --json`. Times in seconds per token (or evaluation), counts per token. */
#include <math.h>
#include <string.h>

#include "analysis/explain.h"

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *side_json(const struct ana_side *s)
{
	return json_pack("{ss, ss, sI, sI, ss, sb}", "path", s->path, "sort",
			 s->result   ? "result"
			 : s->replay ? "replay"
				     : "run",
			 "evaluations", (json_int_t)s->passes, "model_bytes",
			 (json_int_t)s->model_bytes, "model", s->model, "marks_inferred",
			 s->marks_inferred);
}

static json_t *parts_json(const struct ana_explain *x, const double part[ANA_PARTS], double units)
{
	json_t *o = json_object();

	for (int p = 0; p < ANA_PARTS; p++)
		json_object_set_new(o, ana_part_keys[p],
				    x->use[p] ? real(part[p] / units / 1e9) : json_null());
	return o;
}

/* The whole less its parts: rounding, or a mistake. */
static double residual(const double part[ANA_PARTS], double wall)
{
	for (int p = 0; p < ANA_PARTS; p++)
		wall -= part[p];
	return wall;
}

static json_t *counts_json(const struct ana_explain *x, enum ana_phase phase, int k)
{
	static const char *const key[ANA_T_SIZE] = {
		"faults",   "major_faults", "blocked_faults",    "barriers",
		"requests", "read_bytes",   "readahead_bytes",   "await_s",
		"queue_s",  "call_bytes",   "cache_added_bytes", "cache_dropped_bytes",
	};
	const struct ana_side *s = &x->side[k];
	const struct ana_phase_sum *p = &x->phase[phase];
	double units = ana_explain_units(p);
	json_t *o = json_object(), *sizes = json_array(), *orders = json_array();

	for (int t = 0; t < ANA_T_SIZE; t++) {
		bool known = t == ANA_T_REQUEST_BYTES ? s->has_blocks || s->result
			     : t <= ANA_T_BLOCKED     ? s->has_faults || s->result
			     : t == ANA_T_BARRIERS    ? s->has_barriers
			     : t == ANA_T_CALL_BYTES  ? !s->result
			     : t >= ANA_T_CACHE_ADDED ? s->has_cache
						      : s->has_blocks;
		double scale = t == ANA_T_AWAIT_NS || t == ANA_T_QUEUE_NS ? 1e-9 : 1;

		json_object_set_new(o, key[t],
				    known ? real((double)p->tally[k][t] * scale / units)
					  : json_null());
	}
	for (int i = 0; i < ANA_SIZES; i++)
		json_array_append_new(sizes, real((double)p->tally[k][ANA_T_SIZE + i] / units));
	for (int i = 0; i < ANA_ORDERS; i++)
		json_array_append_new(orders, real((double)p->tally[k][ANA_T_ORDER + i] / units));
	json_object_set_new(o, "requests_by_size", s->has_blocks ? sizes : json_null());
	json_object_set_new(o, "folios_by_order", s->has_orders ? orders : json_null());
	if (!s->has_blocks)
		json_decref(sizes);
	if (!s->has_orders)
		json_decref(orders);
	return o;
}

static json_t *gauges_json(const struct ana_explain *x, enum ana_phase phase, int k)
{
	static const char *const key[ANA_GAUGES] = {
		[ANA_G_SCAN_KSWAPD] = "scanned_kswapd",
		[ANA_G_SCAN_DIRECT] = "scanned_direct",
		[ANA_G_STEAL_KSWAPD] = "reclaimed_kswapd",
		[ANA_G_STEAL_DIRECT] = "reclaimed_direct",
		[ANA_G_DIRECT_NS] = "direct_ns",
		[ANA_G_DIRECT_COUNT] = "direct_count",
		[ANA_G_REFAULT] = "refaults",
	};
	double units = ana_explain_units(&x->phase[phase]);
	json_t *o = json_object();

	for (int g = 0; g < ANA_GAUGES; g++) {
		int source = ana_explain_source(x, (enum ana_gauge)g);

		json_object_set_new(o, key[g],
				    source < 0 ? json_null()
					       : real(x->side[k].gauge[phase][source][g] / units));
		if (!k && source >= 0) {
			char name[64];

			snprintf(name, sizeof(name), "%s_source", key[g]);
			json_object_set_new(o, name, json_string(ana_source_name(source)));
		}
	}
	return o;
}

static json_t *phase_json(const struct ana_explain *x, enum ana_phase phase)
{
	const struct ana_phase_sum *p = &x->phase[phase];
	const double(*part)[ANA_PARTS] = x->by_path ? p->path : p->mean;
	double units = ana_explain_units(p), bytes, speed;
	char text[1024];
	json_t *o = json_pack("{ss, sI, so, ss}", "phase", ana_phase_name(phase), "evaluations",
			      (json_int_t)p->pairs, "tokens",
			      p->tokens > 0 ? json_real(p->tokens) : json_null(), "sentence",
			      ana_explain_sentence(x, phase, text, sizeof(text)));
	json_t *runs = json_array();

	for (int k = 0; o && k < 2; k++)
		json_array_append_new(
			runs,
			json_pack("{so, so, so, so, so, so, so}", "seconds",
				  real(p->wall[k] / units / 1e9), "path",
				  x->by_path ? parts_json(x, p->path[k], units) : json_null(),
				  "mean", parts_json(x, p->mean[k], units), "residual_path",
				  x->by_path ? real(residual(p->path[k], p->wall[k]) / units / 1e9)
					     : json_null(),
				  "residual_mean",
				  real(residual(p->mean[k], p->wall[k]) / units / 1e9), "counts",
				  counts_json(x, phase, k), "reclaim", gauges_json(x, phase, k)));
	json_object_set_new(o, "runs", runs);
	ana_explain_drive(p, part, &bytes, &speed);
	json_object_set_new(
		o, "difference",
		json_pack("{so, so, so, so}", "seconds",
			  real((p->wall[1] - p->wall[0]) / units / 1e9), "relative",
			  real(p->wall[1] / p->wall[0] - 1), "read_around",
			  x->use[ANA_PART_DRIVE] ? real(bytes / units / 1e9) : json_null(),
			  "device",
			  x->use[ANA_PART_DRIVE] ? real(speed / units / 1e9) : json_null()));
	return o;
}

static json_t *pair_json(const struct ana_explain *x, const struct ana_pair *p)
{
	return json_pack("{sI, sI, ss, sf, sf, sf, so, so}", "number", (json_int_t)p->number[0],
			 "number_second", (json_int_t)p->number[1], "phase",
			 ana_phase_name(p->phase), "tokens", p->units, "real_s", p->wall[0] / 1e9,
			 "second_s", p->wall[1] / 1e9, "real_parts", parts_json(x, p->part[0], 1),
			 "second_parts", parts_json(x, p->part[1], 1));
}

static json_t *pairs_json(const struct ana_explain *x, const struct ana_pair *p, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, pair_json(x, &p[i]));
	return list;
}

json_t *ana_explain_json(const struct ana_explain *x)
{
	json_t *phases = json_array(), *o;

	for (int phase = 0; phase < ANA_PHASES; phase++)
		if (x->phase[phase].pairs)
			json_array_append_new(phases, phase_json(x, (enum ana_phase)phase));
	o = json_pack("{ss, si, so, so, ss, ss, so, so, so}", "format", "faultline-explain",
		      "version", 1, "real", side_json(&x->side[0]), "second",
		      side_json(&x->side[1]), "by", x->by_path ? "path" : "mean", "aligned_by",
		      x->by_number ? "number" : "order", "notes", ana_explain_notes(x), "phases",
		      phases, "worst", pairs_json(x, x->worst, x->worst_count));
	if (o && x->list)
		json_object_set_new(o, "evaluations", pairs_json(x, x->list, x->listed));
	return o;
}
