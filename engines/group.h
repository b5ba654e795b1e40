/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * group.h: replay groups: made in fio's main thread, run by fio's job threads.
 */
#ifndef ENG_GROUP_H
#define ENG_GROUP_H

#include "engines/replay.h"

/* What a job file asks for, as far as it concerns one group. */
struct eng_request {
	const char *key; /* names the group; jobs with the same key belong together */
	struct eng_settings set;
	uint32_t jobs;
	const char *directory; /* where the data files are; NULL: "data" */
	char **filename;       /* or their names, in the trace's order */
	uint32_t filenames;
	uint64_t loops; /* UINT64_MAX: until the runtime is over */
	bool invalidate, create_only, may_create;
	uint32_t cpus;             /* that the jobs may use */
	host_progress_fn progress; /* while a data file is written */
	void *progress_arg;
	const char *job_name, *aux_path, *fio_version;
};

/*
 * The group with that key, made and checked if there is none yet: the trace is opened, data files are laid out and
 * looked at. 0, or -errno with the one line that a person needs. Main thread only. A failed request is
 * remembered: the next with its key fails with an empty text, so that the line is printed once.
 */
int eng_group_prepare(const struct eng_request *rq, struct eng_group **out, struct host_err *err);
/* The next free job of a group. Main thread only. */
struct eng_job *eng_group_add_job(struct eng_group *g, const char *name, enum eng_pace pace,
				  double cpu_scale);

/* A job's thread is there. The first one prepares machine and process. 0 or -errno (text empty if told already). */
int eng_group_enter(struct eng_job *j, struct host_err *err);
/* Waits until all jobs are there, and begins. False if the group was stopped before. */
bool eng_group_start(struct eng_job *j);
/*
 * A job's thread ends; WHY it did if it had not finished. True for the last one: everything has been put back
 * and the result can be written.
 */
bool eng_group_leave(struct eng_job *j, enum eng_end why);

/* For the end of fio: groups that somebody is still inside of give everything back now. */
void eng_groups_shut(void);
/* Frees all groups. */
void eng_groups_free(void);

/* One line: why the group ended before its time. Returns BUF. */
char *eng_stop_describe(struct eng_group *g, char *buf, size_t size);

#endif
