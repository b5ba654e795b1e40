// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names and default encodings of every kind of record. */
#include "codec.h"
#include "fltrace.h"

#define V(n)                             \
	{                                \
		n, FLT_ENC_VARINT, false \
	}
#define B(n)                         \
	{                            \
		n, FLT_ENC_U8, false \
	}
#define D(n)                            \
	{                               \
		n, FLT_ENC_DELTA, false \
	}
#define P(n)                                 \
	{                                    \
		n, FLT_ENC_PAGE_VARINT, true \
	}
#define PD(n)                               \
	{                                   \
		n, FLT_ENC_PAGE_DELTA, true \
	}
#define CD(n)                                  \
	{                                      \
		n, FLT_ENC_CONTEXT_DELTA, true \
	} /* context: the field before it */
#define L(n)                             \
	{                                \
		n, FLT_ENC_LADDER, false \
	}
#define GAP  FLT_COL_GAP
#define STEP FLT_COL_STEP

static const struct flt_kind_info kinds[FLT_KIND_END] = {
	[FLT_FAULT] = {"fault", 3, GAP, {B("flags"), V("region"), CD("offset")}},
	[FLT_REGION] = {"region",
			9,
			STEP,
			{B("op"), V("region"), PD("addr"), P("length"), V("file"), P("offset"),
			 V("prot"), V("flags"), V("from")}},
	[FLT_READ] = {"read",
		      6,
		      STEP,
		      {V("file"), D("offset"), V("length"), V("region"), D("dest"), B("flags")}},
	[FLT_HINT] = {"hint",
		      6,
		      STEP,
		      {B("op"), V("advice"), V("file"), V("region"), D("offset"), V("length")}},
	[FLT_BARRIER] = {"barrier", 3, GAP, {V("group"), D("generation"), V("participants")}},
	[FLT_EDGE] = {"edge", 2, GAP, {V("stream"), D("seq")}},
	[FLT_MARK] = {"mark", 5, STEP, {B("class"), D("id"), V("tokens"), V("symbol"), B("flags")}},
	[FLT_BLOCK] = {"block",
		       7,
		       STEP,
		       {V("device"), D("sector"), PD("length"), B("op"), B("flags"), L("queue"),
			V("stream")}},
	[FLT_CACHE] = {"cache",
		       5,
		       STEP,
		       {B("op"), V("file"), CD("offset"), P("length"), V("order")}},
	[FLT_SCHED] = {"sched", 3, STEP, {V("histogram"), V("bucket"), V("count")}},
	[FLT_SAMPLE] = {"sample", 2, STEP, {D("metric"), V("value")}},
	[FLT_ZAP] = {"zap", 3, STEP, {V("region"), CD("offset"), P("length")}},
	[FLT_OFFCPU] = {"offcpu", 1, STEP, {B("flags")}},
	[FLT_P_WINDOW] = {"window", 4, GAP, {V("file"), CD("offset"), P("length"), B("flags")}},
	[FLT_P_BARRIER] = {"barrier", 3, GAP, {V("group"), D("generation"), V("participants")}},
	[FLT_P_MARK] = {"mark",
			5,
			GAP,
			{B("class"), D("id"), V("tokens"), V("symbol"), B("flags")}},
	[FLT_P_HINT] = {"hint",
			5,
			GAP,
			{B("op"), V("advice"), V("file"), D("offset"), V("length")}},
	[FLT_P_READ] = {"read", 3, GAP, {V("file"), D("offset"), V("length")}},
	[FLT_P_FOOTPRINT] = {"footprint", 1, GAP, {P("bytes")}},
	[FLT_P_EDGE] = {"edge", 2, GAP, {V("lane"), D("seq")}},
	[FLT_P_IDLE] = {"idle", 0, GAP, {{0}}},
	[FLT_P_ANON] = {"anon", 3, GAP, {V("region"), CD("offset"), P("length")}},
	[FLT_P_POOL] = {"pool", 3, GAP, {V("group"), D("generation"), V("participants")}},
	[FLT_S_EVALUATION] = {"evaluation",
			      8,
			      STEP,
			      {D("index"), B("class"), V("tokens"), D("windows"), D("bytes"),
			       D("barriers"), D("compute"), D("records")}},
};

const struct flt_kind_info *flt_kind_info(uint32_t kind)
{
	if (kind >= FLT_KIND_END || !kinds[kind].name)
		return NULL;
	return &kinds[kind];
}

const char *flt_mark_class_name(uint64_t mark_class)
{
	static const char *const names[] = {
		[FLT_MC_LOAD] = "load",       [FLT_MC_EVALUATION] = "evaluation",
		[FLT_MC_PROMPT] = "prompt",   [FLT_MC_DECODE] = "decode",
		[FLT_MC_REQUEST] = "request", [FLT_MC_WARMUP] = "warmup",
		[FLT_MC_END] = "end",
	};

	if (!mark_class || mark_class >= sizeof(names) / sizeof(names[0]))
		return "?";
	return names[mark_class];
}
