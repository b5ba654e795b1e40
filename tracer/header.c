// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracer/session.h"

/* Strings of other people's making need not be UTF-8. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : json_string("?");
}

static json_t *command_of(const struct rec_session *s)
{
	char path[64], buf[16384];
	json_t *list = json_array();
	ssize_t n;

	for (int i = 0; s->opt.command && i < s->opt.nargs; i++)
		json_array_append_new(list, text(s->opt.command[i]));
	if (s->opt.command)
		return list;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)s->opt.pid);
	n = host_file_read(path, buf, sizeof(buf));
	for (ssize_t at = 0; at < n;) {
		json_array_append_new(list, text(buf + at));
		while (at < n && buf[at])
			at++;
		at++;
	}
	return list;
}

/* debugfs is often not mounted: an instance of our own, which nobody else sees. */
uint64_t rec_fault_around(void)
{
	int fs = (int)syscall(SYS_fsopen, "debugfs", FSOPEN_CLOEXEC), root = -1, fd = -1;
	uint64_t bytes = 0;
	char buf[32] = "";

	if (fs >= 0 && !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (root >= 0)
		fd = openat(root, "fault_around_bytes", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0)
		bytes = strtoull(buf, NULL, 10);
	if (fd >= 0)
		close(fd);
	if (root >= 0)
		close(root);
	if (fs >= 0)
		close(fs);
	return bytes;
}

/* Before the run: it would disturb a process that runs already. */
static json_t *score(const struct rec_session *s)
{
	struct host_score sc;

	if (s->opt.no_score || s->opt.pid)
		return json_null();
	if (!s->opt.quiet && isatty(STDERR_FILENO))
		fputs("measuring CPU and memory ...\r", stderr);
	return host_score_run(&sc, NULL) ? json_null() : host_score_json(&sc);
}

json_t *rec_session_header(const struct rec_session *s)
{
	char cwd[PATH_MAX] = "?", created[32];
	time_t now = time(NULL);
	struct tm tm;
	json_t *h, *machine = host_facts_machine();

	gmtime_r(&now, &tm);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!getcwd(cwd, sizeof(cwd)))
		snprintf(cwd, sizeof(cwd), "?");
	h = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "created", created, "generator",
		      "faultline " FLT_VERSION, "mode", s->opt.reference ? "reference" : "pressure",
		      "backend", "bpf", "command", command_of(s), "user", text(s->user.name), "cwd",
		      text(cwd), "machine", machine ? machine : json_object());
	if (!h)
		return NULL;
	json_object_set_new(h, "fault_around_bytes",
			    s->fault_around ? json_integer((json_int_t)s->fault_around)
					    : json_null());
	json_object_set_new(h, "score", score(s));
	json_object_set_new(h, "memory_limit",
			    s->opt.memory_limit ? json_integer((json_int_t)s->opt.memory_limit)
						: json_null());
	json_object_set_new(h, "pressure",
			    s->opt.memory_limit ? json_string(s->opt.global ? "global" : "memcg")
						: json_null());
	if (s->opt.reference) {
		json_object_set_new(
			h, "zap",
			s->opt.zap_every_ns
				? json_pack("{s:f}", "every_ms", (double)s->opt.zap_every_ns / 1e6)
				: json_pack("{s:s}", "at", "evaluation"));
		json_object_set_new(h, "warmed", json_boolean(s->warmed));
	}
	if (s->opt.label)
		json_object_set_new(h, "label", text(s->opt.label));
	if (s->opt.pid)
		json_object_set_new(h, "attached_to", json_integer(s->opt.pid));
	return h;
}
