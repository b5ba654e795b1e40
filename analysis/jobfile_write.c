// SPDX-License-Identifier: GPL-2.0-only
/* A commented fio job for a trace. Job files hold no quoting: what would break a line is refused. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/doctor.h"
#include "analysis/evaluations.h"
#include "analysis/jobfile.h"
#include "analysis/units.h"

/* A line of comment, whatever the text holds. */
static void comment(FILE *out, const char *text)
{
	char safe[1024];

	fprintf(out, "#%s%s\n", *text ? " " : "", ana_safe(safe, sizeof(safe), text));
}

/* fio takes the rest of a line as the value; ';' and '#' begin comments only at its start. */
static int option(FILE *out, const char *key, const char *value)
{
	if (strpbrk(value, "\n\r") || *value == ' ' || !*value)
		return -EINVAL;
	fprintf(out, "%s=%s\n", key, value);
	return 0;
}

/* "load, 1 prompt batch, 16 tokens" */
static void describe_phases(const struct ana_evaluations *e, char *buf, size_t len)
{
	static const struct {
		uint64_t mark_class;
		const char *one, *many;
	} what[] = {
		{FLT_MC_WARMUP, "warm-up run", "warm-up runs"},
		{FLT_MC_PROMPT, "prompt batch", "prompt batches"},
		{FLT_MC_EVALUATION, "evaluation", "evaluations"},
		{FLT_MC_DECODE, "token", "tokens"},
	};

	snprintf(buf, len, "load");
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		size_t n = 0, used = strlen(buf);

		for (size_t k = 0; k < e->count; k++)
			n += e->span[k].mark_class == what[i].mark_class;
		if (n)
			snprintf(buf + used, len - used, ", %zu %s", n,
				 n == 1 ? what[i].one : what[i].many);
	}
}

static void write_head(FILE *out, const struct ana_job *job, struct flt_reader *r)
{
	const json_t *header = flt_header(r);
	const char *label = ana_text(header, "label", "");
	const char *model = ana_text(ana_at(header, "machine.cpu"), "model", "");
	char text[1024], phases[256], a[ANA_TEXT];
	struct ana_evaluations e;
	uint64_t ns;

	if (!ana_evaluations_load(&e, r) && e.count) {
		ns = e.span[e.count - 1].end - e.span[0].start;
		describe_phases(&e, phases, sizeof(phases));
		snprintf(text, sizeof(text), "Replays %s: %s; %s as recorded.", job->trace, phases,
			 ana_span(a, ns));
		comment(out, text);
	}
	ana_evaluations_free(&e);
	snprintf(text, sizeof(text), "Recorded on %.10s%s%s.",
		 ana_text(header, "created", "an unknown day"), *model ? " on " : "", model);
	comment(out, text);
	if (*label) {
		snprintf(text, sizeof(text), "The trace: %s.", label);
		comment(out, text);
	}
	if (!ana_true(ana_at(flt_trailer(r), "judgement"), "predictive"))
		comment(out,
			"It is not meant for predictions: compare its replays with each other.");
	comment(out, "");
	comment(out,
		"Another drive: fio --directory=DIR FILE, if there is no directory= below, else edit that.");
	comment(out, "Every option of the engine is explained by");
	comment(out, "fio --enghelp=ENGINE and fio --enghelp=ENGINE,OPTION.");
}

/* The folder of the model if it is still where it was recorded; NULL: the engine's own default. */
static const char *find_directory(struct flt_reader *r, char *buf, size_t len)
{
	const json_t *files = flt_definitions(r, "file"), *def;
	struct stat st;
	char *slash;
	size_t i;

	json_array_foreach (files, i, def) {
		const char *path = ana_text(def, "path", "");

		if (!ana_true(def, "model"))
			continue;
		snprintf(buf, len, "%s", path);
		slash = strrchr(buf, '/');
		if (*path != '/' || !slash || slash == buf || stat(path, &st) ||
		    !S_ISREG(st.st_mode) || (uint64_t)st.st_size != ana_number(def, "size", 0))
			return NULL;
		*slash = '\0';
		return strpbrk(buf, ":\n\r") ? NULL : buf;
	}
	return NULL;
}

static void comment_files(FILE *out, struct flt_reader *r)
{
	const json_t *files = flt_definitions(r, "file"), *def;
	char text[512], a[ANA_TEXT];
	size_t i;

	comment(out,
		"The data files, in ./data if nothing else is said. One that is not there is made, incompressible:");
	json_array_foreach (files, i, def) {
		const char *path = ana_text(def, "path", "?"), *slash = strrchr(path, '/');

		if (!ana_true(def, "model"))
			continue;
		snprintf(text, sizeof(text), "  %s, %s", slash ? slash + 1 : path,
			 ana_bytes(a, ana_number(def, "size", 0)));
		comment(out, text);
	}
}

static int write_pressure(FILE *out, const struct ana_job *job, struct flt_reader *r)
{
	uint64_t recorded = ana_number(flt_header(r), "memory_limit", 0);
	uint64_t limit = job->limit ? job->limit : recorded;
	const char *pressure = job->pressure ? job->pressure : limit ? "memcg" : "none";
	char a[ANA_TEXT], text[128];

	if (!strcmp(pressure, "memcg") && !limit)
		return -ENODATA;
	fputc('\n', out);
	if (!strcmp(pressure, "none")) {
		comment(out, "No memory limit: the model stays in memory once it has been read.");
		if (!strcmp(ana_text(flt_header(r), "mode", ""), "reference"))
			comment(out, "The capture serves any limit: 'faultline jobfile -l SIZE'.");
		return option(out, "pressure", "none");
	}
	snprintf(text, sizeof(text), "The memory that the run may use, model and all: %s%s.",
		 ana_bytes(a, limit), limit == recorded ? ", as recorded" : "");
	comment(out, text);
	fprintf(out, "pressure=%s\n", pressure);
	if (limit % (1 << 20))
		fprintf(out, "memory_limit=%" PRIu64 "\n", limit);
	else
		fprintf(out, "memory_limit=%" PRIu64 "m\n", limit >> 20);
	return 0;
}

static int write_pace(FILE *out, const struct ana_job *job)
{
	int ret = 0;

	if (!job->pace && !(job->cpu_scale > 0))
		return 0;
	fputc('\n', out);
	comment(out, "Between touches a lane computes as long as recorded, times cpu_scale.");
	if (job->pace)
		ret = option(out, "pace", job->pace);
	if (job->cpu_scale > 0)
		fprintf(out, "cpu_scale=%.4g\n", job->cpu_scale);
	return ret;
}

static int write_selection(FILE *out, const struct ana_job *job)
{
	int ret = 0;

	if (job->tokens || job->phases || job->warmup) {
		fputc('\n', out);
		comment(out,
			"The part that is measured; 'faultline info' numbers the evaluations.");
	}
	if (job->tokens)
		ret = option(out, "tokens", job->tokens);
	if (!ret && job->phases)
		ret = option(out, "phases", job->phases);
	if (job->warmup)
		fprintf(out, "warmup=%" PRIu64 "\n", job->warmup);
	return ret;
}

static int write_global(FILE *out, const struct ana_job *job, struct flt_reader *r, size_t lanes)
{
	const char *where;
	char path[PATH_MAX], engine[PATH_MAX + 16], found[PATH_MAX], folder[PATH_MAX], text[160];
	bool shared = job->streams && !strcmp(job->streams, "shared");
	int ret;

	if (job->engine)
		snprintf(found, sizeof(found), "%s", job->engine);
	else if (ana_find_engine(found, sizeof(found)))
		snprintf(found, sizeof(found), "engines/faultline.so");
	snprintf(engine, sizeof(engine), "external:%s", found);
	fprintf(out, "\n[global]\n");
	ret = option(out, "ioengine", engine);
	/* A job may be started from anywhere. */
	if (!ret)
		ret = option(out, "trace", realpath(job->trace, path) ? path : job->trace);
	fprintf(out, "thread=1\n\n");
	comment_files(out, r);
	/* A line here would override the command line: none where the engine's own default serves. */
	where = job->directory ? job->directory : find_directory(r, folder, sizeof(folder));
	if (!ret && where)
		ret = option(out, "directory", where);
	fputc('\n', out);
	if (shared)
		snprintf(text, sizeof(text), "The windows of all %zu lanes are dealt to the jobs.",
			 lanes);
	else
		snprintf(text, sizeof(text),
			 "One job for each of the %zu lanes of the trace: not more, not less.",
			 lanes);
	comment(out, text);
	fprintf(out, "streams=%s\nnumjobs=%" PRIu64 "\ngroup_reporting=1\n",
		shared ? "shared" : "recorded", shared && job->jobs ? job->jobs : (uint64_t)lanes);
	if (!ret)
		ret = write_pressure(out, job, r);
	if (!ret)
		ret = write_pace(out, job);
	if (!ret && job->hints) {
		fputc('\n', out);
		comment(out,
			"What the kernel is told about the mapping, instead of what was recorded.");
		ret = option(out, "hints", job->hints);
	}
	if (!ret)
		ret = write_selection(out, job);
	if (job->loops)
		fprintf(out, "\nloops=%" PRIu64 "\n", job->loops);
	if (!ret && job->result) {
		fputc('\n', out);
		ret = option(out, "result", job->result);
	}
	return ret;
}

int ana_job_write(FILE *out, const struct ana_job *job, struct flt_reader *r)
{
	size_t lanes = json_array_size(flt_definitions(r, "lane"));
	int ret;

	if (!lanes || !flt_record_count(r, FLT_PROGRAM))
		return -ENODATA;
	write_head(out, job, r);
	ret = write_global(out, job, r, lanes);
	fprintf(out, "\n[%s]\n", job->name);
	return ret;
}
