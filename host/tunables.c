// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/tunables.c: sysctl and /sys values that are put back; see tunables.h.
 *
 * A journal is one file, <pid>.<start>, of lines "PATH<tab>OLD VALUE", oldest first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/tunables.h"

#define TUNABLES_MAX 32
#define VALUE_MAX    256

struct tunable {
	char path[HOST_PATH_MAX];
	char old[VALUE_MAX];
	int undo;
};

struct host_tunables {
	char journal[HOST_PATH_MAX];
	struct host_janitor *janitor;
	int undo_journal;
	int fd; /* the journal's; -1 before the first change */
	unsigned int count;
	struct tunable set[TUNABLES_MAX];
};

/* A journal is only as good as its folder: nobody else may write in it. */
static int check_dir(const char *dir, struct host_err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return host_fail(err, -errno, "cannot create %s: %s", dir, strerror(errno));
	if (lstat(dir, &st))
		return host_fail(err, -errno, "cannot look at %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return host_fail(err, -EPERM, "%s is not a folder that only we can write", dir);
	return 0;
}

static int journal_dir(char *buf, size_t size, struct host_err *err)
{
	const char *run;

	if (!geteuid())
		return host_path(buf, size, "/run/faultline");
	run = getenv("XDG_RUNTIME_DIR");
	if (!run || *run != '/')
		return host_fail(err, -EACCES,
				 "no folder for the journal: XDG_RUNTIME_DIR is not set");
	return host_path(buf, size, "%s/faultline", run);
}

/* Kernel settings only: a journal must not be a way to write anywhere else. */
static bool path_ok(const char *path)
{
	return (!strncmp(path, "/proc/sys/", 10) || !strncmp(path, "/sys/", 5)) &&
	       !strstr(path, "/..") && !strpbrk(path, "\t\n");
}

/* "none [mq-deadline] kyber" means mq-deadline; tabs between numbers are spaces when written. */
static ssize_t read_value(const char *path, char *buf, size_t size)
{
	ssize_t n = host_file_read(path, buf, size);
	char *open_bracket, *close_bracket;

	if (n < 0)
		return n;
	open_bracket = strchr(buf, '[');
	close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
	if (close_bracket) {
		*close_bracket = '\0';
		memmove(buf, open_bracket + 1, (size_t)(close_bracket - open_bracket));
	}
	for (char *s = buf; *s; s++)
		if (*s == '\t' || *s == '\n')
			*s = ' ';
	return (ssize_t)strlen(buf);
}

/* Put a journal's values back, last first. The number, or -errno. */
static int recover_file(const char *journal)
{
	char text[TUNABLES_MAX * (HOST_PATH_MAX + VALUE_MAX)];
	ssize_t len = host_file_read(journal, text, sizeof(text));
	int count = 0;

	if (len < 0)
		return (int)len;
	while (len > 0) {
		char *line = memrchr(text, '\n', (size_t)len);
		char *tab;

		line = line ? line + 1 : text;
		tab = strchr(line, '\t');
		if (tab) {
			*tab = '\0';
			if (path_ok(line) && !host_file_write(line, tab + 1))
				count++;
		}
		if (line == text)
			break;
		line[-1] = '\0';
		len = line - 1 - text;
	}
	return unlink(journal) ? -errno : count;
}

int host_tunables_recover_at(const char *dir, struct host_err *err)
{
	struct dirent *d;
	int count = 0;
	int lock;
	DIR *dp;

	dp = opendir(dir);
	if (!dp)
		return errno == ENOENT
			       ? 0
			       : host_fail(err, -errno, "cannot open %s: %s", dir, strerror(errno));
	if (check_dir(dir, err)) {
		closedir(dp);
		return -EPERM;
	}
	/* two that start at the same time must not both write the same journal back */
	lock = host_cg_lock(dir);
	while ((d = readdir(dp))) {
		char path[HOST_PATH_MAX];
		uint64_t start, now;
		int pid;
		int n;

		if (sscanf(d->d_name, "%d.%" SCNu64, &pid, &start) != 2)
			continue;
		if (!host_pid_start(pid, &now) && now == start)
			continue;
		if (host_path(path, sizeof(path), "%s/%s", dir, d->d_name))
			continue;
		n = recover_file(path);
		if (n > 0)
			count += n;
	}
	if (lock >= 0)
		close(lock);
	closedir(dp);
	return count;
}

int host_tunables_recover(struct host_err *err)
{
	char dir[HOST_PATH_MAX];
	int ret = journal_dir(dir, sizeof(dir), err);

	return ret ? ret : host_tunables_recover_at(dir, err);
}

int host_tunables_open_at(const char *dir, struct host_tunables **out, struct host_janitor *j,
			  struct host_err *err)
{
	struct host_tunables *t;
	uint64_t start;
	int ret;

	*out = NULL;
	ret = host_tunables_recover_at(dir, err);
	if (ret < 0)
		return ret;
	t = calloc(1, sizeof(*t));
	if (!t)
		return host_fail(err, -ENOMEM, "cannot keep a journal: out of memory");
	t->fd = -1;
	t->janitor = j;
	ret = host_pid_start(getpid(), &start);
	if (!ret)
		ret = host_path(t->journal, sizeof(t->journal), "%s/%d.%" PRIu64, dir,
				(int)getpid(), start);
	if (ret) {
		free(t);
		return host_fail(err, ret, "cannot keep a journal: %s", strerror(-ret));
	}
	*out = t;
	return 0;
}

int host_tunables_open(struct host_tunables **out, struct host_janitor *j, struct host_err *err)
{
	char dir[HOST_PATH_MAX];
	int ret = journal_dir(dir, sizeof(dir), err);

	return ret ? ret : host_tunables_open_at(dir, out, j, err);
}

static int journal_add(struct host_tunables *t, const struct tunable *s, struct host_err *err)
{
	char line[HOST_PATH_MAX + VALUE_MAX + 2];
	char dir[HOST_PATH_MAX];
	ssize_t n;
	int ret;

	if (t->fd < 0) {
		(void)host_path(dir, sizeof(dir), "%s", t->journal);
		*strrchr(dir, '/') = '\0';
		ret = check_dir(dir, err);
		if (ret)
			return ret;
		t->fd = open(t->journal, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (t->fd < 0)
			return host_fail(err, -errno, "cannot create the journal %s: %s",
					 t->journal, strerror(errno));
		/* registered first, so undone last */
		if (t->janitor)
			t->undo_journal =
				host_janitor_add(t->janitor, HOST_UNDO_UNLINK, t->journal, NULL);
	}
	n = snprintf(line, sizeof(line), "%s\t%s\n", s->path, s->old);
	if (write(t->fd, line, (size_t)n) != n || fdatasync(t->fd))
		return host_fail(err, -EIO, "cannot write the journal %s", t->journal);
	return 0;
}

int host_tunables_set(struct host_tunables *t, const char *path, const char *value,
		      struct host_err *err)
{
	struct tunable *s = NULL;
	char now[VALUE_MAX];
	int ret;

	if (!path_ok(path))
		return host_fail(err, -EINVAL, "%s is not a kernel setting", path);
	for (unsigned int i = 0; i < t->count; i++)
		if (!strcmp(t->set[i].path, path))
			s = &t->set[i];
	if (!s) {
		if (t->count >= TUNABLES_MAX)
			return host_fail(err, -ENOSPC, "more than %d settings changed",
					 TUNABLES_MAX);
		s = &t->set[t->count];
		memset(s, 0, sizeof(*s));
		ret = host_path(s->path, sizeof(s->path), "%s", path);
		if (!ret)
			ret = (int)read_value(path, s->old, sizeof(s->old));
		if (ret < 0)
			return host_fail(err, ret, "cannot read %s: %s", path, strerror(-ret));
		/* nothing to change is nothing to put back */
		if (!strcmp(s->old, value))
			return 0;
		ret = journal_add(t, s, err);
		if (ret)
			return ret;
		if (t->janitor)
			s->undo = host_janitor_add(t->janitor, HOST_UNDO_WRITE, path, s->old);
		t->count++;
	}
	ret = host_file_write(path, value);
	if (ret)
		return host_fail(err, ret, "cannot set %s to %s: %s", path, value, strerror(-ret));
	if (read_value(path, now, sizeof(now)) < 0 || strcmp(now, value) != 0) {
		(void)host_file_write(path, s->old);
		return host_fail(err, -EINVAL, "%s does not take %s: it reads %s", path, value,
				 now);
	}
	return 0;
}

int host_tunables_restore(struct host_tunables *t, struct host_err *err)
{
	int first = 0;

	if (!t)
		return 0;
	while (t->count) {
		struct tunable *s = &t->set[--t->count];
		int ret = host_file_write(s->path, s->old);

		/* ENOENT: the device is gone, and its settings with it */
		if (ret && ret != -ENOENT && !first)
			first = host_fail(err, ret, "cannot put %s back to %s: %s", s->path, s->old,
					  strerror(-ret));
		if (s->undo > 0 && (!ret || ret == -ENOENT))
			(void)host_janitor_drop(t->janitor, s->undo);
	}
	if (t->fd >= 0) {
		close(t->fd);
		/* kept if something could not be put back: a later start tries again */
		if (!first)
			(void)unlink(t->journal);
		if (t->undo_journal > 0)
			(void)host_janitor_drop(t->janitor, t->undo_journal);
	}
	free(t);
	return first;
}
