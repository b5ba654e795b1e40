// SPDX-License-Identifier: GPL-2.0-only
/* See names.h. The numbers of the kernel's ABI are those of x86 and arm64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/names.h"
#include "analysis/units.h"

const char *const ana_sorts[ANA_SORTS] = {
	"file", "region", "stream", "device", "symbol", "metric", "lane",
};

static const struct ana_name fault_flags[] = {
	{FLT_FF_WRITE, "write"},
	{FLT_FF_MAJOR, "major"},
	{FLT_FF_BLOCKED, "blocked"},
	{FLT_FF_ANON, "anon"},
	{FLT_FF_KERNEL, "kernel"},
	{FLT_FF_EXEC, "exec"},
	{FLT_FF_WRITE_KNOWN, "write_known"},
	{0, NULL},
};

static const struct ana_name region_ops[] = {
	{FLT_RO_MMAP, "mmap"},
	{FLT_RO_MUNMAP, "munmap"},
	{FLT_RO_MREMAP, "mremap"},
	{FLT_RO_BRK, "brk"},
	{FLT_RO_EXISTING, "existing"},
	{FLT_RO_EXIT, "exit"},
	{0, NULL},
};

static const struct ana_name prot_flags[] = {{1, "read"}, {2, "write"}, {4, "exec"}, {0, NULL}};

static const struct ana_name map_flags[] = {
	{0x1, "shared"},
	{0x2, "private"},
	{0x10, "fixed"},
	{0x20, "anonymous"},
	{0x100, "growsdown"},
	{0x800, "denywrite"},
	{0x1000, "executable"},
	{0x2000, "locked"},
	{0x4000, "noreserve"},
	{0x8000, "populate"},
	{0x10000, "nonblock"},
	{0x20000, "stack"},
	{0x40000, "hugetlb"},
	{0x80000, "sync"},
	{0x100000, "fixed_noreplace"},
	{0, NULL},
};

static const struct ana_name read_flags[] = {
	{FLT_RF_DIRECT, "direct"}, {FLT_RF_POSITION_GUESSED, "position_guessed"}, {0, NULL}};

static const struct ana_name hint_ops[] = {
	{FLT_HO_MADVISE, "madvise"},
	{FLT_HO_FADVISE, "fadvise"},
	{FLT_HO_READAHEAD, "readahead"},
	{FLT_HO_MLOCK, "mlock"},
	{FLT_HO_POPULATE, "populate"},
	{FLT_HO_MUNLOCK, "munlock"},
	{0, NULL},
};

static const struct ana_name madvise_advice[] = {
	{0, "normal"},      {1, "random"},     {2, "sequential"},     {3, "willneed"},
	{4, "dontneed"},    {8, "free"},       {9, "remove"},         {10, "dontfork"},
	{11, "dofork"},     {12, "mergeable"}, {13, "unmergeable"},   {14, "hugepage"},
	{15, "nohugepage"}, {16, "dontdump"},  {17, "dodump"},        {18, "wipeonfork"},
	{20, "cold"},       {21, "pageout"},   {22, "populate_read"}, {23, "populate_write"},
	{25, "collapse"},   {0, NULL},
};

static const struct ana_name fadvise_advice[] = {
	{0, "normal"},   {1, "random"},  {2, "sequential"}, {3, "willneed"},
	{4, "dontneed"}, {5, "noreuse"}, {0, NULL},
};

static const struct ana_name mark_classes[] = {
	{FLT_MC_LOAD, "load"},       {FLT_MC_EVALUATION, "evaluation"},
	{FLT_MC_PROMPT, "prompt"},   {FLT_MC_DECODE, "decode"},
	{FLT_MC_REQUEST, "request"}, {FLT_MC_WARMUP, "warmup"},
	{FLT_MC_END, "end"},         {0, NULL},
};

static const struct ana_name mark_flags[] = {
	{FLT_MF_INFERRED, "inferred"}, {FLT_MF_CLASS_GUESSED, "class_guessed"}, {0, NULL}};

static const struct ana_name block_ops[] = {{0, "read"},    {1, "write"},        {2, "flush"},
					    {3, "discard"}, {9, "write_zeroes"}, {0, NULL}};

static const struct ana_name block_flags[] = {
	{FLT_BF_RAHEAD, "readahead"},
	{FLT_BF_SYNC, "sync"},
	{FLT_BF_META, "meta"},
	{FLT_BF_UNFINISHED, "unfinished"},
	{FLT_BF_FOREIGN, "foreign"},
	{FLT_BF_BIO, "bio"},
	{0, NULL},
};

static const struct ana_name cache_ops[] = {{1, "added"}, {2, "dropped"}, {0, NULL}};

static const struct ana_name window_flags[] = {{FLT_PW_MAJOR, "major"}, {FLT_PW_BLOCKED, "blocked"},
					       {FLT_PW_WRITE, "write"}, {FLT_PW_DYNAMIC, "dynamic"},
					       {FLT_PW_CHUNK, "chunk"}, {0, NULL}};

static const struct ana_name offcpu_flags[] = {{FLT_OF_PREEMPTED, "preempted"}, {0, NULL}};

static const struct ana_field fields[FLT_KIND_END][FLT_FIELDS] =
	{
		[FLT_FAULT] =
			{
				[FLT_FAULT_FLAGS] = {ANA_V_FLAGS, fault_flags},
				[FLT_FAULT_REGION] = {ANA_V_REGION, NULL},
			},
		[FLT_REGION] =
			{
				[FLT_REGION_OP] = {ANA_V_ENUM, region_ops},
				[FLT_REGION_ID] = {ANA_V_REGION, NULL},
				[FLT_REGION_ADDR] = {ANA_V_HEX, NULL},
				[FLT_REGION_FILE] = {ANA_V_FILE, NULL},
				[FLT_REGION_PROT] = {ANA_V_FLAGS, prot_flags},
				[FLT_REGION_FLAGS] = {ANA_V_FLAGS, map_flags},
				[FLT_REGION_FROM] = {ANA_V_REGION, NULL},
			},
		[FLT_READ] =
			{
				[FLT_READ_FILE] = {ANA_V_FILE, NULL},
				[FLT_READ_REGION] = {ANA_V_REGION, NULL},
				[FLT_READ_FLAGS] = {ANA_V_FLAGS, read_flags},
			},
		[FLT_HINT] =
			{
				[FLT_HINT_OP] = {ANA_V_ENUM, hint_ops},
				[FLT_HINT_ADVICE] = {ANA_V_ADVICE, NULL},
				[FLT_HINT_FILE] = {ANA_V_FILE, NULL},
				[FLT_HINT_REGION] = {ANA_V_REGION, NULL},
			},
		[FLT_EDGE] = {[FLT_EDGE_STREAM] = {ANA_V_STREAM, NULL}},
		[FLT_MARK] =
			{
				[FLT_MARK_CLASS] = {ANA_V_ENUM, mark_classes},
				[FLT_MARK_SYMBOL] = {ANA_V_SYMBOL, NULL},
				[FLT_MARK_FLAGS] = {ANA_V_FLAGS, mark_flags},
			},
		[FLT_BLOCK] =
			{
				[FLT_BLOCK_DEVICE] = {ANA_V_DEVICE, NULL},
				[FLT_BLOCK_OP] = {ANA_V_ENUM, block_ops},
				[FLT_BLOCK_FLAGS] = {ANA_V_FLAGS, block_flags},
				[FLT_BLOCK_QUEUE] = {ANA_V_NS, NULL},
				[FLT_BLOCK_STREAM] = {ANA_V_STREAM, NULL},
			},
		[FLT_CACHE] =
			{
				[FLT_CACHE_OP] = {ANA_V_ENUM, cache_ops},
				[FLT_CACHE_FILE] = {ANA_V_FILE, NULL},
			},
		[FLT_SAMPLE] = {[FLT_SAMPLE_METRIC] = {ANA_V_METRIC, NULL}},
		[FLT_ZAP] = {[FLT_ZAP_REGION] = {ANA_V_REGION, NULL}},
		[FLT_OFFCPU] = {[FLT_OFFCPU_FLAGS] = {ANA_V_FLAGS, offcpu_flags}},
		[FLT_P_WINDOW] =
			{
				[FLT_P_WINDOW_FILE] = {ANA_V_FILE, NULL},
				[FLT_P_WINDOW_FLAGS] = {ANA_V_FLAGS, window_flags},
			},
		[FLT_P_MARK] =
			{
				[FLT_MARK_CLASS] = {ANA_V_ENUM, mark_classes},
				[FLT_MARK_SYMBOL] = {ANA_V_SYMBOL, NULL},
				[FLT_MARK_FLAGS] = {ANA_V_FLAGS, mark_flags},
			},
		[FLT_P_HINT] =
			{
				[FLT_P_HINT_OP] = {ANA_V_ENUM, hint_ops},
				[FLT_P_HINT_ADVICE] = {ANA_V_ADVICE, NULL},
				[FLT_P_HINT_FILE] = {ANA_V_FILE, NULL},
			},
		[FLT_P_READ] = {[FLT_P_READ_FILE] = {ANA_V_FILE, NULL}},
		[FLT_P_EDGE] = {[FLT_EDGE_STREAM] = {ANA_V_LANE, NULL}},
		[FLT_P_ANON] = {[FLT_P_ANON_REGION] = {ANA_V_REGION, NULL}},
		[FLT_S_EVALUATION] =
			{
				[FLT_S_EVAL_CLASS] = {ANA_V_ENUM, mark_classes},
				[FLT_S_EVAL_COMPUTE] = {ANA_V_NS, NULL},
			},
};

const struct ana_field *ana_field(uint32_t kind, unsigned int i)
{
	static const struct ana_field number = {ANA_V_NUMBER, NULL};

	if (kind >= FLT_KIND_END || i >= FLT_FIELDS)
		return &number;
	return &fields[kind][i];
}

const char *ana_name_of(const struct ana_name *names, uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

const char *ana_flags_text(char *buf, size_t len, const struct ana_name *names, uint64_t flags)
{
	size_t used = 0;

	buf[0] = '\0';
	for (; names->name && used < len; names++) {
		if (!(flags & names->value))
			continue;
		used += (size_t)snprintf(buf + used, len - used, "%s%s", used ? "|" : "",
					 names->name);
		flags &= ~names->value;
	}
	if (flags && used < len)
		snprintf(buf + used, len - used, "%s0x%llx", used ? "|" : "",
			 (unsigned long long)flags);
	return buf;
}

const char *ana_advice_name(uint64_t op, uint64_t advice)
{
	if (op == FLT_HO_MADVISE)
		return ana_name_of(madvise_advice, advice);
	if (op == FLT_HO_FADVISE)
		return ana_name_of(fadvise_advice, advice);
	return NULL;
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void stream_label(char *buf, size_t len, const json_t *def)
{
	const char *comm = ana_text(def, "comm", "");
	uint64_t tid = ana_number(def, "tid", 0);

	if (*comm && tid)
		snprintf(buf, len, "%s/%llu", comm, (unsigned long long)tid);
	else if (tid)
		snprintf(buf, len, "%llu", (unsigned long long)tid);
	else
		snprintf(buf, len, "%s", *comm ? comm : ana_text(def, "type", "?"));
}

static void region_label(char *buf, size_t len, const struct flt_reader *r, const json_t *def)
{
	const char *name = ana_text(def, "name", "");
	const json_t *file = flt_definition(r, "file", ana_number(def, "file", FLT_NONE));

	if (!*name && file)
		name = ana_text(file, "path", "");
	snprintf(buf, len, "%s", *name ? base_name(name) : ana_text(def, "kind", "?"));
}

char **ana_labels(const struct flt_reader *r, enum ana_value sort, const struct ana_ids *ids)
{
	char **labels = calloc(ids->count + 1, sizeof(*labels));

	for (size_t i = 0; labels && i < ids->count; i++) {
		const json_t *def = json_array_get(ids->defs, i);
		char text[256], safe[256];

		if (sort == ANA_V_FILE)
			snprintf(text, sizeof(text), "%s", base_name(ana_text(def, "path", "?")));
		else if (sort == ANA_V_REGION)
			region_label(text, sizeof(text), r, def);
		else if (sort == ANA_V_STREAM)
			stream_label(text, sizeof(text), def);
		else if (sort == ANA_V_LANE)
			snprintf(text, sizeof(text), "%s", ana_text(def, "role", "lane"));
		else
			snprintf(text, sizeof(text), "%s", ana_text(def, "name", "?"));
		labels[i] = strdup(ana_safe(safe, sizeof(safe), text));
		if (!labels[i]) {
			ana_labels_free(labels, i);
			return NULL;
		}
	}
	return labels;
}

void ana_labels_free(char **labels, size_t count)
{
	if (!labels)
		return;
	for (size_t i = 0; i < count; i++)
		free(labels[i]);
	free(labels);
}
