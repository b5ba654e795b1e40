// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/calibrate.h"

/* What a warm run may read in all its evaluations: its own libraries' last pages, not the model. */
#define WARM_BYTES (1u << 20)
/* Memory that must be left beside the model and what the run itself takes. */
#define ROOM_BYTES (256ull << 20)
/* The fastest runs should be so near to each other; up to so many times as many as asked for are made for that. */
#define AGREE     0.05
#define MORE_RUNS 3

struct calibration {
	struct rec_session *s;
	char folder[PATH_MAX], trace[PATH_MAX + 16], log[PATH_MAX + 16];
	json_t *runs;
	uint64_t read_bytes; /* by the evaluations of the run that read most */
	char why[512];       /* why there is no calibration, or fewer runs than asked for */
};

static volatile sig_atomic_t interrupted;
static volatile pid_t child;

/* The terminal tells both of us; a signal that was sent to us alone is handed on. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	interrupted = 1;
	if (child > 0 && info->si_code <= 0)
		kill(child, sig);
}

static void listen_for_signals(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static void ignore_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static double load_now(void)
{
	char text[128];
	double load = 0;

	if (host_file_read("/proc/loadavg", text, sizeof(text)) <= 0 ||
	    sscanf(text, "%lf", &load) != 1)
		return 0;
	return load;
}

static bool may_run(struct calibration *c)
{
	struct rec_session *s = c->s;
	const char *why = NULL;

	if (!s->launched)
		why = "the process ran already, so there is no command to run again";
	else if (s->stopped_early || interrupted)
		why = "the recording was interrupted";
	else if (s->status)
		why = "the command failed";
	else if (!s->world.marks.passes.count)
		why = "no evaluation of the model was seen that could be timed";
	else if (s->world.marks.passes.left_out)
		why = "the run has too many evaluations";
	if (why)
		snprintf(c->why, sizeof(c->why), "%s", why);
	return !why;
}

/* ---- a warm model ---- */

static uint64_t available(void)
{
	char text[8192];
	uint64_t kib;

	if (host_file_read("/proc/meminfo", text, sizeof(text)) < 0 ||
	    host_text_u64(text, "MemAvailable:", &kib))
		return 0;
	return kib << 10;
}

static int goes_on(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	return interrupted;
}

static int warm_file(const char *path)
{
	struct host_residency res = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = host_residency(fd, &res, NULL);
	if (ret || res.resident < res.size)
		ret = host_warm(fd, 0, 0, goes_on, NULL);
	close(fd);
	return ret;
}

/* After a capture without a limit it is warm already. */
static bool warm_model(struct calibration *c)
{
	const struct rec_world *w = &c->s->world;
	uint64_t rss = (uint64_t)c->s->usage.ru_maxrss << 10, model = 0, own, free = available();
	char size[2][32];

	for (uint64_t i = 0; i < w->next_file; i++)
		model += w->file[i]->model ? w->file[i]->size : 0;
	own = rss > model ? rss - model : 0;
	if (free < model + own + ROOM_BYTES) {
		snprintf(c->why, sizeof(c->why), "the model (%s) does not fit into memory (%s)",
			 host_size_format(model, size[0], sizeof(size[0])),
			 host_size_format(free, size[1], sizeof(size[1])));
		return false;
	}
	for (uint64_t i = 0; i < w->next_file; i++) {
		int ret = w->file[i]->model ? warm_file(w->file[i]->path) : 0;

		if (!ret)
			continue;
		snprintf(c->why, sizeof(c->why), "cannot read %.300s into memory: %s",
			 w->file[i]->path, ret == -ECANCELED ? "interrupted" : strerror(-ret));
		return false;
	}
	return true;
}

/* ---- one run ---- */

static bool make_folder(struct calibration *c)
{
	const char *place = getenv("TMPDIR");

	snprintf(c->folder, sizeof(c->folder), "%s/faultline-XXXXXX",
		 place && *place ? place : "/tmp");
	if (!mkdtemp(c->folder)) {
		snprintf(c->why, sizeof(c->why), "cannot create %.300s: %s", c->folder,
			 strerror(errno));
		c->folder[0] = '\0';
		return false;
	}
	snprintf(c->trace, sizeof(c->trace), "%s/run.flt", c->folder);
	snprintf(c->log, sizeof(c->log), "%s/run.log", c->folder);
	return true;
}

static void remove_folder(const struct calibration *c)
{
	if (!c->folder[0])
		return;
	unlink(c->trace);
	unlink(c->log);
	rmdir(c->folder);
}

/* The recorder itself, as it would be called for nothing but times. */
static void run_recorder(const struct calibration *c)
{
	const struct rec_options *o = &c->s->opt;
	size_t n = 0, room = 16 + 2 * (size_t)REC_NAMES_MAX + (size_t)o->nargs;
	char mark[REC_NAMES_MAX][PATH_MAX + 256];
	const char **argv = calloc(room, sizeof(*argv));
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (!argv || null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log, 2) < 0)
		_exit(1);
	/* Nobody else would end it if we are killed. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	argv[n++] = "faultline";
	argv[n++] = "record";
	argv[n++] = "--light";
	argv[n++] = "--quiet";
	argv[n++] = "--no-score";
	argv[n++] = "-o";
	argv[n++] = c->trace;
	/* By name and file, so that they are probed before the command starts. */
	for (unsigned int i = 0;
	     i < REC_NAMES_MAX && rec_probes_mark(c->s->probes, i, mark[i], sizeof(mark[i])); i++) {
		argv[n++] = "--mark";
		argv[n++] = mark[i];
	}
	argv[n++] = "--";
	for (int i = 0; i < o->nargs; i++)
		argv[n++] = o->command[i];
	execv("/proc/self/exe", (char **)argv);
	_exit(1);
}

/* What it said last, for people. */
static void last_words(const struct calibration *c, char *line, size_t size)
{
	char text[4096];
	ssize_t n = host_file_read(c->log, text, sizeof(text));
	const char *at = n > 0 ? strrchr(text, '\n') : NULL;

	snprintf(line, size, "%.250s", n <= 0 ? "" : at ? at + 1 : text);
}

static int run_once(struct calibration *c)
{
	int status;

	unlink(c->trace);
	fflush(NULL);
	child = fork();
	if (!child)
		run_recorder(c);
	if (child < 0) {
		snprintf(c->why, sizeof(c->why), "cannot fork: %s", strerror(errno));
		return -EAGAIN;
	}
	if (interrupted)
		kill(child, SIGTERM);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	child = 0;
	if (interrupted)
		return -EINTR;
	if (status) {
		char words[256];

		last_words(c, words, sizeof(words));
		snprintf(c->why, sizeof(c->why), "a run failed%s%s", *words ? ": " : "", words);
		return -EIO;
	}
	return 0;
}

/* ---- what a run has brought ---- */

static uint64_t number(const json_t *o, const char *key)
{
	const json_t *n = json_object_get(o, key);

	return json_is_integer(n) ? (uint64_t)json_integer_value(n) : UINT64_MAX;
}

/* The replay aligns evaluations by their number: a run that did other work says nothing about this one. */
static bool is_same(struct calibration *c, const json_t *list)
{
	const struct rec_passes *p = &c->s->world.marks.passes;

	if (json_array_size(list) != p->count) {
		snprintf(
			c->why, sizeof(c->why),
			"another run had %zu evaluations instead of %zu (does the command choose a "
			"seed by itself?)",
			json_array_size(list), p->count);
		return false;
	}
	for (size_t i = 0; i < p->count; i++) {
		const json_t *e = json_array_get(list, i);
		const char *class = json_string_value(json_object_get(e, "class"));

		if (class && !strcmp(class, flt_mark_class_name(p->pass[i].class)) &&
		    number(e, "tokens") == p->pass[i].tokens)
			continue;
		snprintf(c->why, sizeof(c->why), "evaluation %zu of another run was another one",
			 i);
		return false;
	}
	return true;
}

static void add_run(struct calibration *c, const json_t *trailer, const json_t *list)
{
	json_t *times = json_array();
	uint64_t bytes = 0;
	const json_t *e;
	size_t i;

	json_array_foreach ((json_t *)list, i, e) {
		uint64_t read = number(e, "read_bytes");
		json_t *one = json_object();

		bytes += read == UINT64_MAX ? 0 : read;
		json_object_set(one, "class", json_object_get(e, "class"));
		json_object_set(one, "tokens", json_object_get(e, "tokens"));
		json_object_set(one, "ns", json_object_get(e, "ns"));
		json_array_append_new(times, one);
	}
	if (bytes > c->read_bytes)
		c->read_bytes = bytes;
	json_array_append_new(c->runs, json_pack("{s:O, s:I, s:o}", "load_ns",
						 json_object_get(trailer, "load_ns"), "read_bytes",
						 (json_int_t)bytes, "evaluations", times));
}

static int take_run(struct calibration *c)
{
	const json_t *trailer, *list;
	struct flt_reader *r;
	char err[256] = "";
	int ret = flt_open(&r, c->trace, 0, err, sizeof(err));

	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read a run's times: %s", err);
		return ret;
	}
	trailer = flt_trailer(r);
	list = json_object_get(trailer, "evaluations");
	if (json_integer_value(json_object_get(trailer, "exit_status"))) {
		snprintf(c->why, sizeof(c->why), "the command failed when it was run again");
		ret = -EIO;
	} else if (!is_same(c, list)) {
		ret = -EINVAL;
	} else {
		add_run(c, trailer, list);
	}
	flt_close(r);
	return ret;
}

/* ---- how far they are apart ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *list, size_t n)
{
	qsort(list, n, sizeof(*list), by_value);
	return n ? (list[(n - 1) / 2] + list[n / 2]) / 2 : 0;
}

/* The median time of a run's decodes; of all its evaluations where there are none. */
static double median_of_run(const json_t *run, double *room)
{
	const json_t *list = json_object_get(run, "evaluations"), *e;
	bool decodes = true;
	size_t i, n = 0;

	for (; !n; decodes = false) {
		json_array_foreach ((json_t *)list, i, e) {
			const char *class = json_string_value(json_object_get(e, "class"));

			if (!decodes || (class && !strcmp(class, "decode")))
				room[n++] = (double)number(e, "ns");
		}
		if (!decodes)
			break;
	}
	return median(room, n);
}

/*
 * Keeps the WANTED fastest of the runs so far. What else a machine does can only make a run slower, so runs
 * that agree at the fast end are the command's own speed. How far those are apart, relative to their median.
 */
static double keep_fastest(const struct calibration *c, size_t wanted, json_t *kept)
{
	size_t n = json_array_size(c->runs), use = n < wanted ? n : wanted;
	double *list = calloc(n, sizeof(double)), *sorted = calloc(n, sizeof(double));
	double *room = calloc(c->s->world.marks.passes.count, sizeof(double)), result = 0;

	if (!list || !sorted || !room || !use)
		goto out;
	for (size_t i = 0; i < n; i++)
		list[i] = sorted[i] = median_of_run(json_array_get(c->runs, i), room);
	qsort(sorted, n, sizeof(*sorted), by_value);
	for (size_t i = 0; kept && i < n; i++)
		if (list[i] <= sorted[use - 1] && json_array_size(kept) < use)
			json_array_append(kept, json_array_get(c->runs, i));
	result = median(sorted, use);
	result = result > 0 ? (sorted[use - 1] - sorted[0]) / result : 0;
out:
	free(list);
	free(sorted);
	free(room);
	return result;
}

static json_t *result(struct calibration *c, double load_before)
{
	size_t made = json_array_size(c->runs), n;
	json_t *kept = json_array(), *o;
	double apart = keep_fastest(c, (size_t)c->s->opt.calibrate, kept);
	char size[32];

	n = json_array_size(kept);
	o = json_pack("{s:I, s:I, s:o, s:[f, f], s:f, s:I, s:b}", "n", (json_int_t)n, "made",
		      (json_int_t)made, "runs", kept, "load_average", load_before, load_now(),
		      "spread", apart, "read_bytes", (json_int_t)c->read_bytes, "warm",
		      c->read_bytes <= WARM_BYTES);
	if (o && c->why[0])
		json_object_set_new(o, "note", json_string(c->why));
	if (c->read_bytes > WARM_BYTES)
		rec_say("the calibration is not warm: a run read %s from the drive",
			host_size_format(c->read_bytes, size, sizeof(size)));
	if (!c->s->opt.quiet)
		rec_say("calibration: the fastest %zu of %zu run%s, %.1f %% apart", n, made,
			made == 1 ? "" : "s", 100 * apart);
	return o;
}

static void run_all(struct calibration *c)
{
	int n = c->s->opt.calibrate;

	for (int i = 1; i <= MORE_RUNS * n && !interrupted; i++) {
		if (i > n && (n < 2 || keep_fastest(c, (size_t)n, NULL) <= AGREE))
			break;
		if (!c->s->opt.quiet && i <= n)
			rec_say("calibration run %d of %d (Ctrl-C skips the rest)", i, n);
		else if (!c->s->opt.quiet)
			rec_say("calibration run %d, since the fastest %d do not agree to %.0f %% yet",
				i, n, 100 * AGREE);
		if (run_once(c) || take_run(c))
			break;
	}
	if (interrupted)
		snprintf(c->why, sizeof(c->why), "interrupted");
}

void rec_calibrate(struct rec_session *s, json_t *trailer)
{
	struct calibration c = {.s = s, .runs = json_array()};
	double load = load_now();
	json_t *done = NULL;

	if (s->opt.calibrate <= 0) {
		snprintf(c.why, sizeof(c.why), "not asked for");
		goto out;
	}
	interrupted = 0;
	listen_for_signals();
	if (may_run(&c) && warm_model(&c) && make_folder(&c)) {
		rec_attach_detach(s->attach);
		run_all(&c);
	}
	ignore_signals();
	remove_folder(&c);
	if (json_array_size(c.runs))
		done = result(&c, load);
	if (c.why[0])
		rec_say("%s: %s", done ? "fewer calibration runs than asked for" : "no calibration",
			c.why);
out:
	json_object_set_new(trailer, "calibration", done ? done : json_null());
	if (!done)
		json_object_set_new(trailer, "calibration_why", json_string(c.why));
	json_decref(c.runs);
}
