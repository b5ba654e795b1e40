// SPDX-License-Identifier: GPL-2.0-only
#include "engines/settings.h"

const char *eng_streams_name(enum eng_streams v)
{
	return v == ENG_STREAMS_SHARED ? "shared" : "recorded";
}

const char *eng_chunking_name(enum eng_chunking v)
{
	return v == ENG_CHUNKS_RECORDED ? "recorded" : "dealt";
}

const char *eng_waits_name(enum eng_waits v)
{
	static const char *const name[] = {"auto", "spin", "sleep"};

	return name[v];
}

const char *eng_pace_name(enum eng_pace v)
{
	static const char *const name[] = {"compute", "none", "wall"};

	return name[v];
}

const char *eng_pressure_name(enum eng_pressure v)
{
	static const char *const name[] = {"none", "memcg", "global"};

	return name[v];
}

const char *eng_limit_type_name(enum eng_limit_type v)
{
	return v == ENG_LIMIT_HIGH ? "high" : "max";
}

const char *eng_hints_name(enum eng_hints v)
{
	static const char *const name[] = {"recorded",   "none",     "random",
					   "sequential", "willneed", "populate"};

	return name[v];
}
