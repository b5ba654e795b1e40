// SPDX-License-Identifier: GPL-2.0-only
/*
 * faultline: records the page faults and block I/O of an LLM run, and replays them
 * as a fio job. This file is the table of subcommands; each lives in its own room.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "tracer/record.h"

#define WRONG_USAGE 2

const char *argp_program_version = "faultline " FLT_VERSION;

static int help_main(int argc, char **argv);

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"record", rec_main, "record the page faults and block I/O of a run"},
	{"info", ana_info_main, "show what a trace holds and what it may be used for"},
	{"dump", ana_dump_main, "print the records of a trace: text, CSV, JSON lines"},
	{"verify", ana_verify_main, "check a trace, or repair an unfinished one"},
	{"prepare", ana_prepare_main, "derive a trace's replay program anew"},
	{"jobfile", ana_jobfile_main, "write the fio job that replays a trace"},
	{"doctor", ana_doctor_main, "tell whether this machine can record and replay"},
	{"result", ana_result_main, "show the results of replays as a table"},
	{"explain", ana_explain_main, "tell why a replay is slower or faster than the run"},
	{"help", help_main, "explain a command"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_overview(FILE *out)
{
	fputs("Usage: faultline COMMAND [ARGUMENT...]\n"
	      "\n"
	      "Records the page faults and block I/O of an LLM run, and replays them as a fio job.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].what);
	fputs("\n"
	      "EXAMPLES\n"
	      "  faultline doctor                                     what works on this machine\n"
	      "  sudo faultline record -o my.flt -- llama-bench ...   record a run\n"
	      "  faultline info my.flt                                what was recorded\n"
	      "  faultline jobfile my.flt -o my.fio && fio my.fio     replay it\n"
	      "  faultline help record                                more about a command\n",
	      out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, change, swap of neighbours) that turn A into B. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t before[32] = {0}, last[32], row[32];
	size_t na = strlen(a), nb = strlen(b);

	if (nb >= sizeof(row) / sizeof(row[0]))
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		memcpy(before, last, sizeof(last));
		memcpy(last, row, sizeof(row));
	}
	return last[nb];
}

/* The command that somebody who typed NAME most likely meant; NULL if none is near. */
static const char *closest_command(const char *name)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (size_t i = 0; i < COMMANDS; i++) {
		const char *known = commands[i].name;
		size_t len = strlen(name), d = edit_distance(name, known);

		if (len >= 3 && !strncmp(name, known, len))
			d = 0;
		if (d < best_distance) {
			best_distance = d;
			best = known;
		}
	}
	return best_distance <= 2 ? best : NULL;
}

static int unknown_command(const char *name)
{
	const char *near = closest_command(name);

	fprintf(stderr, "faultline: there is no command '%.40s'", name);
	if (near)
		fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		fputs("; 'faultline help' lists them\n", stderr);
	return WRONG_USAGE;
}

/* Messages of a subcommand begin with "faultline NAME". */
static int run_command(const struct command *c, int argc, char **argv)
{
	char name[64];
	char *before = argv[0];
	int ret;

	snprintf(name, sizeof(name), "faultline %s", c->name);
	argv[0] = name;
	ret = c->main(argc, argv);
	argv[0] = before;
	return ret;
}

/*
 * The manual page of a command: as installed (PREFIX/bin beside PREFIX/share/man) or as
 * built (build/man beside the program). False if neither is there.
 */
static bool find_man_page(const char *command, char *path, size_t size)
{
	static const char *const places[] = {
		"%s/build/man/faultline%s%s.1",
		"%s/man/faultline%s%s.1",
		"%s/../share/man/man1/faultline%s%s.1",
	};
	char dir[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	struct stat st;

	if (len <= 0)
		return false;
	dir[len] = '\0';
	*strrchr(dir, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(path, size, places[i], dir, command ? "-" : "",
				 command ? command : "");

		if (n > 0 && (size_t)n < size && !stat(path, &st))
			return true;
	}
	return false;
}

/* Shows a manual page; false if that does not work here (no man, no page). */
static bool show_man_page(const char *command)
{
	char path[PATH_MAX + 64];
	int status;
	pid_t pid;

	if (!isatty(STDOUT_FILENO) || !find_man_page(command, path, sizeof(path)))
		return false;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return false;
	if (!pid) {
		execlp("man", "man", "-l", path, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int help_main(int argc, char **argv)
{
	const struct command *c = NULL;

	if (argc > 2) {
		fputs("faultline help: one command at a time\n", stderr);
		return WRONG_USAGE;
	}
	if (argc == 2 && strcmp(argv[1], "help") && strcmp(argv[1], "--help")) {
		c = find_command(argv[1]);
		if (!c)
			return unknown_command(argv[1]);
	}
	if (c && !show_man_page(c->name)) {
		char name[64], option[] = "--help";
		char *args[] = {name, option, NULL};

		snprintf(name, sizeof(name), "faultline %s", c->name);
		return c->main(2, args);
	}
	if (!c)
		print_overview(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	argp_err_exit_status = WRONG_USAGE;
	if (argc < 2) {
		print_overview(stderr);
		return WRONG_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "-?"))
		return help_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts(argp_program_version);
		return 0;
	}
	c = find_command(argv[1]);
	if (!c)
		return unknown_command(argv[1]);
	return run_command(c, argc - 1, argv + 1);
}
