/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/launch.h: the command that is recorded, run as the person who asked for it.
 */
#ifndef REC_LAUNCH_H
#define REC_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "host/util.h"

/* Who asked: behind sudo, doas or pkexec not the user that we run as. */
struct rec_user {
	uid_t uid;
	gid_t gid;
	bool other; /* than we run as: the command changes to it */
	char name[64];
	char home[256], shell[256];
};

void rec_user_find(struct rec_user *u);

struct rec_launch {
	pid_t pid;
	int go;    /* a byte here lets it start */
	int error; /* an errno comes from here if the command cannot be executed */
};

/*
 * Forks the command, which waits for rec_launch_go() before it becomes anybody else or executes
 * anything. The group of processes stays ours, so that the terminal's Ctrl-C reaches both.
 */
int rec_launch_start(struct rec_launch *l, char **command, const struct rec_user *u,
		     struct host_err *err);
/* Lets it run; returns when it has become the command. -errno if that cannot be executed. */
int rec_launch_go(struct rec_launch *l, const char *name, struct host_err *err);
/* For a command that never started. */
void rec_launch_abandon(struct rec_launch *l);

#endif
