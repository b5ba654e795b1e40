// SPDX-License-Identifier: GPL-2.0-only
/* Can this machine replay: fio and the engine, memory limits, the drive. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/doctor.h"
#include "analysis/units.h"
#include "host/facts.h"
#include "host/memcg.h"

/* ---- fio and the engine ---- */

/* Runs a command and keeps the first bytes of all that it prints. Its exit status, or -errno. */
static int run(char *const argv[], char *out, size_t len)
{
	int fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	out[0] = '\0';
	if (pipe(fds))
		return -errno;
	pid = fork();
	if (pid < 0) {
		status = -errno;
		close(fds[0]);
		close(fds[1]);
		return status;
	}
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	for (;;) {
		char rest
			[512]; /* what does not fit has to be read, too, or the command waits for us */
		bool room = used + 1 < len;

		n = read(fds[0], room ? out + used : rest, room ? len - 1 - used : sizeof(rest));
		if (n <= 0 && !(n < 0 && errno == EINTR))
			break;
		if (n > 0 && room)
			used += (size_t)n;
	}
	out[used] = '\0';
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int ana_find_engine(char *buf, size_t len)
{
	static const char *const places[] = {"%s/engines/faultline.so",
					     "%s/../lib/faultline/faultline.so"};
	char dir[PATH_MAX], path[PATH_MAX + 64], real[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0)
		return -ENOENT;
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), places[i], dir);
		if (!i)
			snprintf(buf, len, "%s", path);
		if (realpath(path, real)) {
			snprintf(buf, len, "%s", real);
			return 0;
		}
	}
	return -ENOENT;
}

/* The first line of what a command printed that says something. */
static const char *first_line(char *text)
{
	char *p = text;

	while (*p == '\n' || *p == ' ')
		p++;
	p[strcspn(p, "\n")] = '\0';
	return p;
}

static void check_engine(struct ana_findings *all, const char *version, const char *engine)
{
	char option[PATH_MAX + 32], fio[] = "fio", out[8192];
	char *const argv[] = {fio, option, NULL};
	struct ana_finding *f;
	int status;

	if (access(engine, R_OK)) {
		f = ana_find(all, ANA_REPLAY, ANA_MISSING, "engine", "%s is not there", engine);
		ana_fix(f, "make, or name another place with --engine");
		return;
	}
	snprintf(option, sizeof(option), "--enghelp=%s", engine);
	status = run(argv, out, sizeof(out));
	if (!status && strstr(out, "trace") && strstr(out, "streams")) {
		ana_find(all, ANA_REPLAY, ANA_GOOD, "engine", "%s loads %s", version, engine);
		return;
	}
	f = ana_find(all, ANA_REPLAY, ANA_MISSING, "engine", "%s does not load %s: %s", version,
		     engine, *out ? first_line(out) : "it says nothing about why");
	ana_fix(f, "make, which builds the engine for exactly the installed fio");
}

void ana_doctor_replay(struct ana_findings *all, const char *engine)
{
	char fio[] = "fio", option[] = "--version", out[256], found[PATH_MAX];
	char *const argv[] = {fio, option, NULL};
	const char *version;
	struct ana_finding *f;
	int status = run(argv, out, sizeof(out));

	version = first_line(out);
	if (status || strncmp(version, "fio-", 4)) {
		f = ana_find(all, ANA_REPLAY, ANA_MISSING, "fio", "fio does not run here");
		ana_fix(f, "apt install fio (or 'make deps'), then 'make'");
		return;
	}
	ana_find(all, ANA_REPLAY, ANA_GOOD, "fio", "%s", version);
	if (!engine) {
		ana_find_engine(found, sizeof(found));
		engine = found;
	}
	check_engine(all, version, engine);
}

/* ---- memory ---- */

static void check_memory(struct ana_findings *all)
{
	json_t *machine = host_facts_machine();
	const json_t *memory = ana_at(machine, "memory");
	char a[ANA_TEXT], b[ANA_TEXT], c[ANA_TEXT];

	if (memory)
		ana_find(all, ANA_LIMIT, ANA_GOOD, "memory", "%s, %s of it available; swap %s",
			 ana_bytes(a, ana_number(memory, "total", 0)),
			 ana_bytes(b, ana_number(memory, "available", 0)),
			 ana_number(memory, "swap_total", 0)
				 ? ana_bytes(c, ana_number(memory, "swap_total", 0))
				 : "none");
	json_decref(machine);
}

void ana_doctor_limit(struct ana_findings *all)
{
	struct host_memcg_probe probe;
	struct ana_finding *f;
	char *fix;

	check_memory(all);
	ana_doctor_balloon(all);
	if (!host_memcg_probe(&probe)) {
		ana_find(all, ANA_LIMIT, ANA_GOOD, "memory limits",
			 "cgroup v%d, groups are made below %s%s", (int)probe.version, probe.parent,
			 probe.delegated ? " (delegated)" : "");
		if (!probe.swap_limit)
			ana_find(all, ANA_LIMIT, ANA_NOTE, "swap limits",
				 "this kernel does not bound a group's swap: with swap in use, "
				 "anonymous memory may leave the limit");
		return;
	}
	/* The probe's line says what is wrong, then what to do. */
	fix = strstr(probe.reason, ": ");
	f = ana_find(all, ANA_LIMIT, ANA_MISSING, "memory limits", "%.*s",
		     fix ? (int)(fix - probe.reason) : HOST_ERR_MAX, probe.reason);
	if (fix)
		ana_fix(f, "%s", fix + 2);
}

/* ---- the drive ---- */

static void check_link(struct ana_findings *all, const json_t *device)
{
	const json_t *pcie = json_object_get(device, "pcie");
	const char *now = ana_text(pcie, "current_link_speed", "");
	const char *most = ana_text(pcie, "max_link_speed", "");
	uint64_t lanes = ana_number(pcie, "current_link_width", 0);
	uint64_t most_lanes = ana_number(pcie, "max_link_width", 0);
	struct ana_finding *f;

	if (!*now)
		return;
	if (strcmp(now, most) == 0 && lanes == most_lanes) {
		ana_find(all, ANA_DRIVE, ANA_GOOD, "link", "PCIe %s x%" PRIu64, now, lanes);
		return;
	}
	f = ana_find(all, ANA_DRIVE, ANA_NOTE, "link",
		     "PCIe %s x%" PRIu64 ", the drive could do %s x%" PRIu64, now, lanes, most,
		     most_lanes);
	ana_fix(f, "another slot or adapter; on a Raspberry Pi 5: dtparam=pciex1_gen=3");
}

static void check_device(struct ana_findings *all, const json_t *device)
{
	const json_t *queue = json_object_get(device, "queue");
	const char *model = ana_text(device, "model", "");
	char a[ANA_TEXT];

	if (!ana_true(device, "leaf")) {
		ana_find(all, ANA_DRIVE, ANA_GOOD, "device", "%s (%s)",
			 ana_text(device, "name", "?"), ana_text(device, "kind", "?"));
		return;
	}
	ana_find(all, ANA_DRIVE, ANA_GOOD, "drive",
		 "%s%s%s%s, %s, read-ahead %" PRIu64 " KiB, scheduler %s",
		 ana_text(device, "name", "?"), *model ? " (" : "", model, *model ? ")" : "",
		 ana_bytes(a, ana_number(device, "size", 0)), ana_number(queue, "read_ahead_kb", 0),
		 ana_text(queue, "scheduler", "unknown"));
	check_link(all, device);
}

void ana_doctor_drive(struct ana_findings *all, const char *directory)
{
	struct host_err err;
	json_t *facts = host_facts_path(directory, &err);
	const json_t *fs = json_object_get(facts, "filesystem"), *device;
	const json_t *devices = json_object_get(facts, "devices");
	struct ana_finding *f;
	char a[ANA_TEXT];
	size_t i;

	if (!facts) {
		f = ana_find(all, ANA_DRIVE, ANA_MISSING, "directory", "%s", err.text);
		ana_fix(f, "name the directory of the data file with --directory");
		return;
	}
	ana_find(all, ANA_DRIVE, ANA_GOOD, "file system", "%s on %s, %s free",
		 ana_text(fs, "type", "?"), ana_text(fs, "mount", "?"),
		 ana_bytes(a, ana_number(fs, "available", 0)));
	if (!json_array_size(devices)) {
		f = ana_find(all, ANA_DRIVE, ANA_MISSING, "drive",
			     "%s is on no block device: a replay from there measures no drive",
			     directory);
		ana_fix(f, "put the data file on a local drive: fio --directory=DIR, "
			   "'faultline doctor --directory DIR'");
	}
	json_array_foreach (devices, i, device)
		check_device(all, device);
	json_decref(facts);
}
