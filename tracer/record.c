// SPDX-License-Identifier: GPL-2.0-only
/*
 * faultline record: see record.h, and session.h for how a recording goes.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/judge.h"
#include "tracer/record.h"
#include "tracer/reference.h"
#include "tracer/session.h"

void rec_say(const char *format, ...)
{
	char line[2 * HOST_ERR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	rec_live_clear();
	fprintf(stderr, "faultline record: %s\n", line);
}

static void close_session(struct rec_session *s)
{
	struct host_err err = {""};

	if (s->memcg && host_memcg_remove(s->memcg, &err))
		rec_say("%s", err.text);
	rec_reference_end(s);
	rec_judge_close(s->judge);
	host_balloon_release(&s->balloon);
	json_decref(s->balloon_was);
	host_sampler_close(s->sampler);
	rec_tensors_free(&s->tensors);
	rec_probes_close(s->probes);
	if (s->world_open)
		rec_world_close(&s->world);
	rec_tasklog_close(s->log);
	rec_attach_close(s->attach);
	rec_merge_close(s->merge);
}

/* Before the run has started: nothing of it may stay, not even an empty trace. */
static void undo(struct rec_session *s)
{
	rec_reference_end(s);
	if (s->launched)
		rec_launch_abandon(&s->launch);
	if (s->sink.writer) {
		flt_writer_abort(&s->sink.writer);
		unlink(s->opt.output);
	}
}

int rec_main(int argc, char **argv)
{
	struct rec_session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return 1;
	ret = rec_options_parse(&s->opt, argc, argv);
	if (ret) {
		free(s);
		return ret;
	}
	ret = rec_session_setup(s);
	if (ret) {
		undo(s);
	} else {
		ret = rec_session_run(s);
		if (ret)
			undo(s);
		else
			ret = rec_session_finish(s);
	}
	close_session(s);
	free(s);
	return ret ? 1 : 0;
}
