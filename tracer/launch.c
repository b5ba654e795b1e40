// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/launch.h"

static bool number_in(const char *variable, unsigned long *n)
{
	const char *text = getenv(variable);
	char *end;

	if (!text || !*text)
		return false;
	*n = strtoul(text, &end, 10);
	return !*end && *n < (uid_t)-1;
}

void rec_user_find(struct rec_user *u)
{
	const char *doas = getenv("DOAS_USER");
	const struct passwd *pw = NULL;
	unsigned long uid, gid;

	*u = (struct rec_user){.uid = getuid(), .gid = getgid()};
	if (geteuid() == 0) {
		if (number_in("SUDO_UID", &uid) || number_in("PKEXEC_UID", &uid)) {
			u->uid = (uid_t)uid;
			pw = getpwuid(u->uid);
		} else if (doas && (pw = getpwnam(doas))) {
			u->uid = pw->pw_uid;
		}
		u->other = u->uid != 0;
	}
	if (!pw)
		pw = getpwuid(u->uid);
	if (pw && u->other)
		u->gid = pw->pw_gid;
	else if (u->other)
		u->gid = number_in("SUDO_GID", &gid) ? (gid_t)gid : (gid_t)u->uid;
	if (pw) {
		snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
		snprintf(u->home, sizeof(u->home), "%s", pw->pw_dir);
		snprintf(u->shell, sizeof(u->shell), "%s", pw->pw_shell);
	} else {
		snprintf(u->name, sizeof(u->name), "%u", (unsigned int)u->uid);
	}
}

/* In the child. What sudo has set for root is set back; the rest of the environment is left alone. */
static int become(const struct rec_user *u)
{
	if (!u->other)
		return 0;
	if (initgroups(u->name, u->gid) && setgroups(1, &u->gid))
		return -errno;
	if (setresgid(u->gid, u->gid, u->gid) || setresuid(u->uid, u->uid, u->uid))
		return -errno;
	setenv("USER", u->name, 1);
	setenv("LOGNAME", u->name, 1);
	if (u->home[0])
		setenv("HOME", u->home, 1);
	if (u->shell[0])
		setenv("SHELL", u->shell, 1);
	unsetenv("MAIL");
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	unsetenv("SUDO_USER");
	unsetenv("SUDO_COMMAND");
	return 0;
}

static void child(char **command, const struct rec_user *u, int go, int error)
{
	sigset_t none;
	char byte;
	int ret;

	/* The recorder went away before it began. */
	if (read(go, &byte, 1) != 1)
		_exit(126);
	close(go);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* A script's background jobs ignore it; but the recorder listens, and hands it on. */
	signal(SIGINT, SIG_DFL);
	ret = become(u);
	if (!ret) {
		execvp(command[0], command);
		ret = -errno;
	}
	if (write(error, &ret, sizeof(ret)) != sizeof(ret))
		_exit(126);
	_exit(127);
}

int rec_launch_start(struct rec_launch *l, char **command, const struct rec_user *u,
		     struct host_err *err)
{
	int go[2], error[2];

	if (pipe2(go, O_CLOEXEC))
		return host_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	if (pipe2(error, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return host_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	}
	fflush(NULL);
	l->pid = fork();
	if (!l->pid) {
		close(go[1]);
		close(error[0]);
		child(command, u, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	l->go = go[1];
	l->error = error[0];
	if (l->pid < 0) {
		close(l->go);
		close(l->error);
		return host_fail(err, -EAGAIN, "cannot fork");
	}
	return 0;
}

void rec_launch_abandon(struct rec_launch *l)
{
	close(l->go);
	close(l->error);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int rec_launch_go(struct rec_launch *l, const char *name, struct host_err *err)
{
	ssize_t n;
	int ret = 0;

	if (write(l->go, "", 1) != 1)
		return host_fail(err, -errno, "cannot start %s: %s", name, strerror(errno));
	close(l->go);
	/* exec() closes the other end; an error comes through it before that. */
	do
		n = read(l->error, &ret, sizeof(ret));
	while (n < 0 && errno == EINTR);
	close(l->error);
	if (n != sizeof(ret))
		return 0;
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (ret == -ENOENT)
		return host_fail(
			err, ret,
			"cannot run %s: no such command (sudo has a PATH of its own: give the "
			"command's whole path)",
			name);
	return host_fail(err, ret, "cannot run %s: %s", name, strerror(-ret));
}
