// SPDX-License-Identifier: GPL-2.0-only
/*
 * faultline_engine.c: the fio ioengine. fio's hooks in the order of a job's life; what a replay is stands in the other
 * files of this folder, which know nothing of fio.
 *
 * A fio I/O is one window: prep() does everything up to the next window (barriers, compute, hints) and sets
 * its offset and length, queue() touches it. fio takes the time just before queue(), so its completion latency is the
 * time that memory took. The offsets that fio itself makes up are overwritten.
 */
#include "engines/fio_options.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/fio_checks.h"
#include "engines/fio_compat.h"
#include "engines/group.h"
#include "engines/lanes.h"
#include "engines/plan_group.h"
#include "engines/result.h"
#include "engines/selection.h"

#define FLAGS (FIO_SYNCIO | FIO_NOEXTEND)

extern struct ioengine_ops ioengine;

/* ---- which fio is this? -------------------------------------------------------------- */

extern const char fio_version_string[] __attribute__((weak));

/*
 * fio compares one number, which has stayed the same across releases that moved the members of its structures.
 * Running on would crash somewhere; a version that no fio accepts makes it refuse the engine.
 */
static __attribute__((constructor)) void check_fio(void)
{
	const char *running = (uintptr_t)fio_version_string ? fio_version_string : NULL;

	if (!running || !strcmp(running, FLT_FIO_VERSION))
		return;
	fprintf(stderr,
		"faultline: this engine was built for %s, but this is %s: run 'make' again in faultline's folder "
		"(with FIO_SRC= if this fio is of no package)\n",
		FLT_FIO_VERSION, running);
	ioengine.version = -1;
}

static __attribute__((destructor)) void engine_unload(void)
{
	eng_groups_shut();
	eng_groups_free();
}

/* ---- setup(): in fio's main thread, for all jobs before any starts --------------------- */

static bool is_ours(const struct thread_data *td)
{
	return td->io_ops == &ioengine;
}

/* Jobs with the same key are one group. */
static int make_key(const struct thread_data *td, const struct eng_settings *set, char *key,
		    size_t size)
{
	int n = snprintf(key, size, "%u|%s|%s|%s|%d|%" PRIu64, td->groupid, set->trace,
			 td->o.directory ? td->o.directory : "",
			 td->o.filename ? td->o.filename : "", set->pressure, set->memory_limit);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

struct neighbours {
	uint32_t jobs;        /* of the group */
	bool at_once;         /* another group with or beside a limit runs at the same time */
	const char *stranger; /* a job of another engine that does */
};

/* Looks at all jobs of the job file: who belongs to TD's group, and is every one of them fit? */
static int look_around(struct thread_data *td, const char *key, const struct eng_settings *set,
		       struct neighbours *n, struct host_err *err)
{
	char other[2 * PATH_MAX];
	unsigned int stage = 0, own_stage = 0;
	const struct thread_data *first = NULL;
	struct eng_settings theirs, firsts;
	const char *differs;
	int ret;

	memset(n, 0, sizeof(*n));
	for (unsigned int i = 0; i < thread_number; i++) {
		struct thread_data *t = tnumber_to_td(i);

		stage += t->o.stonewall != 0;
		if (t == td)
			own_stage = stage;
	}
	stage = 0;
	for (unsigned int i = 0; i < thread_number; i++) {
		struct thread_data *t = tnumber_to_td(i);

		stage += t->o.stonewall != 0;
		if (!is_ours(t)) {
			if (stage == own_stage && !t->o.wait_for && !n->stranger)
				n->stranger = t->o.name;
			continue;
		}
		ret = eng_fio_settings(t->eo, &theirs, err);
		if (!ret)
			ret = make_key(t, &theirs, other, sizeof(other));
		if (ret)
			return ret;
		if (strcmp(key, other)) {
			n->at_once |= stage == own_stage && !t->o.wait_for && !td->o.wait_for &&
				      (set->pressure || theirs.pressure);
			continue;
		}
		n->jobs++;
		/* With the first of them, whoever asks: the reason is then the same and told once. */
		if (!first) {
			first = t;
			firsts = theirs;
		}
		differs = eng_settings_differ(&firsts, &theirs);
		if (!differs)
			differs = eng_fio_options_differ(first, t);
		if (differs)
			return host_fail(err, -EINVAL,
					 "%s= differs between jobs of one replay group (%s and %s)",
					 differs, first->o.name, t->o.name);
		if (t->o.wait_for)
			return host_fail(
				err, -EINVAL,
				"wait_for= in %s: the jobs of a replay group start together; separate groups "
				"with stonewall",
				t->o.name);
	}
	for (unsigned int i = 0; i < thread_number; i++) {
		struct thread_data *t = tnumber_to_td(i);

		if (!is_ours(t) || eng_fio_settings(t->eo, &theirs, err) ||
		    make_key(t, &theirs, other, sizeof(other)) || strcmp(key, other))
			continue;
		ret = eng_fio_check(t, n->jobs, err);
		if (ret)
			return ret;
	}
	return 0;
}

static uint32_t usable_cpus(struct thread_data *td)
{
	cpu_set_t set;
	int n = 1;

	if (fio_option_is_set(&td->o, cpumask))
		n = fio_cpu_count(&td->o.cpumask);
	else if (!sched_getaffinity(0, sizeof(set), &set))
		n = CPU_COUNT(&set);
	return n > 0 ? (uint32_t)n : 1;
}

struct layout {
	struct thread_data *td;
	uint64_t began, shown;
	bool told;
};

/* A line on the terminal while a data file is written: it takes a while, and fio shows nothing yet. */
static int show_layout(void *arg, uint64_t done, uint64_t total)
{
	struct layout *l = arg;
	uint64_t now = eng_monotonic_ns();
	char a[16], b[16];
	double s;

	if (l->td->terminate)
		return 1;
	if (!l->began)
		l->began = now;
	/* Without a terminal one line has to do, for what takes long enough to wonder about. */
	if ((output_format & FIO_OUTPUT_NORMAL) && !isatty(STDERR_FILENO) && !l->told &&
	    total >= 256u << 20) {
		l->told = true;
		log_info("faultline: writing the data file, %s, once\n",
			 host_size_format(total, b, sizeof(b)));
	}
	if (!(output_format & FIO_OUTPUT_NORMAL) || eta_print == FIO_ETA_NEVER ||
	    !isatty(STDERR_FILENO) || (now - l->shown < 200000000 && done < total))
		return 0;
	l->shown = now;
	s = (double)(now - l->began) / 1e9;
	fprintf(stderr,
		"\rfaultline: writing the data file: %s of %s, %.0f MiB/s, %.0f s left \033[K%s",
		host_size_format(done, a, sizeof(a)), host_size_format(total, b, sizeof(b)),
		s > 0 ? (double)done / s / 1048576.0 : 0.0,
		done && s > 0 ? (double)(total - done) * s / (double)done : 0.0,
		done >= total ? "\r\033[K" : "");
	return 0;
}

/* What is known before the replay begins is worth to be known before one waits for it. */
static void tell_warnings(const struct eng_group *g)
{
	json_t *w;
	size_t i;

	if (!(output_format & FIO_OUTPUT_NORMAL) || g->inert)
		return;
	json_array_foreach (g->warnings, i, w)
		log_info("faultline: warning: %s\n", json_string_value(w));
}

static int prepare(struct thread_data *td, struct eng_group **g, struct host_err *err)
{
	struct layout layout = {.td = td};
	struct neighbours around;
	struct eng_request rq = {0};
	char key[2 * PATH_MAX];
	char **names = NULL;
	int ret;

	ret = eng_fio_settings(td->eo, &rq.set, err);
	if (!ret && make_key(td, &rq.set, key, sizeof(key)))
		ret = host_fail(err, -ENAMETOOLONG, "trace= or filename=: too long");
	if (ret)
		return ret;
	ret = look_around(td, key, &rq.set, &around, err);
	if (ret)
		return ret;
	if (around.at_once)
		return host_fail(
			err, -EINVAL,
			"two replay groups would run at the same time, and pressure= limits the whole fio "
			"process: put stonewall between them, or start a fio for each");
	if (around.stranger && rq.set.pressure)
		return host_fail(
			err, -EINVAL,
			"%s, of another engine, would run at the same time, and pressure= limits the whole "
			"fio process: put stonewall between them, or start a fio for each",
			around.stranger);
	if (td->o.filename) {
		names = calloc(td->o.nr_files, sizeof(*names));
		if (!names)
			return -ENOMEM;
		for (unsigned int i = 0; i < td->o.nr_files; i++)
			names[i] = td->files[i]->file_name;
	}
	rq.key = key;
	rq.jobs = around.jobs;
	rq.directory = td->o.directory;
	rq.filename = names;
	rq.filenames = names ? td->o.nr_files : 0;
	rq.loops = td->o.time_based ? UINT64_MAX : td->o.loops;
	rq.invalidate = td->o.invalidate_cache;
	rq.create_only = td->o.create_only;
	rq.may_create = td->o.allow_create;
	rq.cpus = usable_cpus(td);
	rq.progress = show_layout;
	rq.progress_arg = &layout;
	rq.job_name = td->o.name;
	rq.aux_path = aux_path;
	rq.fio_version = FLT_FIO_VERSION;
	ret = eng_group_prepare(&rq, g, err);
	if (!ret && *g && !(*g)->added) {
		eng_fio_note_ignored(td);
		tell_warnings(*g);
	}
	free(names);
	return ret;
}

/* fio should know the real files: for its disk statistics, its I/O log, and for opening them. */
static int name_files(struct thread_data *td, const struct eng_group *g)
{
	for (uint32_t i = 0; i < g->files; i++) {
		const char *slash = strrchr(g->file[i].path, '/');
		struct fio_file *f;

		if (i >= td->files_index)
			add_file(td, slash ? slash + 1 : g->file[i].path, 0, 1);
		f = td->files[i];
		if (strcmp(f->file_name, g->file[i].path)) {
			char *name = smalloc_strdup(g->file[i].path);

			if (!name)
				return -ENOMEM;
			sfree(f->file_name);
			f->file_name = name;
		}
		f->filetype = FIO_TYPE_FILE;
		f->real_file_size = g->file[i].size;
		fio_file_set_size_known(f);
	}
	td->o.nr_files = td->o.open_files = g->files;
	return 0;
}

static int setup_job(struct thread_data *td, struct host_err *err)
{
	struct eng_settings set;
	struct eng_group *g = NULL;
	struct eng_job *j;
	uint64_t bytes;
	int ret;

	ret = prepare(td, &g, err);
	if (ret)
		return ret;
	if (g->sel.prefix && td->o.ramp_time)
		return host_fail(
			err, -EINVAL,
			"ramp_time= and an unmeasured start (tokens=) exclude each other: use warmup=");
	if (name_files(td, g))
		return host_fail(err, -ENOMEM, "fio's shared memory is full");
	/* Lanes share one address space, as the LLM's threads do. */
	td->o.use_thread = 1;
	if (g->inert)
		return 0;
	eng_fio_settings(td->eo, &set, err);
	j = eng_group_add_job(g, td->o.name, set.pace, set.cpu_scale);
	if (!j)
		return host_fail(err, -EINVAL, "more jobs than counted");
	j->ask_arg = td;
	td->io_ops_data = j;
	/* What is replayed unmeasured is to fio what it calls ramp time; we end it ourselves. */
	if (g->sel.prefix)
		eng_fio_begin_ramp(td);
	/* For fio's estimate of the time left. */
	bytes = eng_plan_job_bytes(g, j->index);
	td->o.io_size = bytes > td->o.min_bs[DDIR_READ] ? bytes : td->o.min_bs[DDIR_READ];
	return 0;
}

#define NO_SERIALIZE \
	"create_serialize=0: everything has to be checked before the first job starts; leave it out"

/* Jobs of a group are refused for the same reason: it is told once. */
static void refuse(const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char last[HOST_ERR_MAX];

	pthread_mutex_lock(&lock);
	if (text[0] && strcmp(last, text)) {
		snprintf(last, sizeof(last), "%s", text);
		log_err("faultline: %s\n", text);
	}
	pthread_mutex_unlock(&lock);
}

static int fio_faultline_setup(struct thread_data *td)
{
	struct host_err err = {""};

	if (td->pid || !td->o.create_serialize) {
		refuse(NO_SERIALIZE);
		return 1;
	}
	if (!setup_job(td, &err))
		return 0;
	refuse(err.text);
	return 1;
}

/* ---- init(), post_init(): in the job's thread -------------------------------------------- */

static enum eng_end told_to_stop(struct thread_data *td)
{
	bool clock_runs = td->epoch.tv_sec || td->epoch.tv_nsec;

	if (td->o.timeout && clock_runs && !eng_fio_in_ramp(td) &&
	    utime_since_now(&td->epoch) >= td->o.timeout)
		return ENG_RUNTIME;
	return td->terminate ? ENG_SIGNAL : ENG_RUNNING;
}

/* Called in waits: fio looks at its flags and clock only between I/Os. */
static enum eng_end ask(void *arg)
{
	struct thread_data *td = arg;
	struct eng_job *j = td->io_ops_data;
	enum eng_end why = told_to_stop(td);

	if (why == ENG_RUNTIME)
		fio_mark_td_terminate(td);
	if (why != ENG_RUNNING || !j || atomic_load(&j->group->go))
		return why;
	/* Before all have started: a job that fio gave up will never come. */
	for (uint32_t i = 0; i < j->group->jobs; i++) {
		const struct thread_data *other = j->group->job[i].ask_arg;

		if (!other || (other->runstate >= TD_EXITED && !j->group->job[i].entered))
			return ENG_JOB;
	}
	return ENG_RUNNING;
}

static int open_files(struct thread_data *td)
{
	struct fio_file *f;
	unsigned int i;

	for_each_file (td, f, i) {
		if (!fio_file_open(f) && td_io_open_file(td, f))
			return 1;
	}
	return 0;
}

static int fio_faultline_init(struct thread_data *td)
{
	struct eng_job *j = td->io_ops_data;
	struct host_err err;

	if (td->o.create_only)
		return 0;
	if (!j) {
		refuse(NO_SERIALIZE);
		return 1;
	}
	j->ask = ask;
	/* Reported once, when the group ends. */
	return eng_group_enter(j, &err) ? 1 : 0;
}

static int fio_faultline_post_init(struct thread_data *td)
{
	struct eng_job *j = td->io_ops_data;

	if (td->o.create_only)
		return 0;
	/* A replay reads more than the files hold; it ends when its trace does. */
	td->o.size = (1ull << 60) / (td->o.loops ? td->o.loops : 1);
	td->o.io_size = td->o.size;
	if (j->group->files > 1 && open_files(td))
		return 1;
	eng_group_start(j);
	return 0;
}

/* ---- prep(), queue(): for each I/O --------------------------------------------------------- */

static void set_file(struct thread_data *td, struct io_u *io_u, struct fio_file *f)
{
	struct fio_file *old = io_u->file;

	if (f == old)
		return;
	get_file(f);
	io_u->file = f;
	put_file_log(td, old);
}

/* A ramp time that we did not begin is the user's, and fio ends it by the clock. */
static int fio_faultline_prep(struct thread_data *td, struct io_u *io_u)
{
	struct eng_job *j = td->io_ops_data;
	const struct eng_op *op;
	bool measured;

	/* Keeps fio's own generator at the start of the file, or it would find its end. */
	io_u->file->last_pos[DDIR_READ] = io_u->file->file_offset;
	if (eng_job_next(j, &op, &measured) != ENG_NEXT_IO) {
		if (measured && j->group->sel.prefix)
			eng_fio_end_ramp(td);
		td->done = 1;
		return 1;
	}
	if (measured && j->group->sel.prefix)
		eng_fio_end_ramp(td);
	io_u->offset = io_u->verify_offset = op->offset;
	io_u->buflen = io_u->xfer_buflen = op->length;
	set_file(td, io_u, td->files[op->file]);
	return 0;
}

static void add_ns(struct timespec *ts, uint64_t ns)
{
	ns += (uint64_t)ts->tv_nsec;
	ts->tv_sec += (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
}

static enum fio_q_status fio_faultline_queue(struct thread_data *td, struct io_u *io_u)
{
	uint64_t compute_ns;

	fio_ro_check(td, io_u);
	/* An error stops the group; the next prep() ends the job. */
	(void)eng_job_touch(td->io_ops_data, &compute_ns);
	if (compute_ns) {
		/* The compute between the pages is none of the memory's time. */
		add_ns(&io_u->issue_time, compute_ns);
		add_ns(&io_u->start_time, compute_ns);
	}
	return FIO_Q_COMPLETED;
}

/* Whoever needs the files out of memory is the group, once, when it starts: not each job at its first I/O. */
static int fio_faultline_invalidate(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

/* ---- cleanup(): in the job's thread, after success, failure and signals alike ----------------- */

static enum eng_end why_ended(struct thread_data *td)
{
	enum eng_end why = told_to_stop(td);

	if (why == ENG_RUNTIME)
		return why;
	if (td->error)
		return ENG_ERROR;
	if (td->o.number_ios && ddir_rw_sum(td->io_blocks) >= td->o.number_ios * td->loops)
		return ENG_NUMBER;
	return why == ENG_RUNNING ? ENG_JOB : why;
}

static void append_option(struct thread_data *td, const char *name, const char *value)
{
	struct print_option *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	/* fio frees them, maybe after this engine has been unloaded. */
	p->name = strdup(name);
	p->value = strdup(value);
	if (p->name && p->value) {
		flist_add_tail(&p->list, &td->opt_list);
	} else {
		free(p->name);
		free(p->value);
		free(p);
	}
}

static void add_figure(void *arg, const char *name, const char *text)
{
	struct eng_group *g = arg;

	for (uint32_t i = 0; i < g->jobs; i++)
		if (g->job[i].ask_arg)
			append_option(g->job[i].ask_arg, name, text);
}

static void print_line(const char *line)
{
	log_info("%s\n", line);
}

/* The group is over and everything put back. */
static void report(struct eng_group *g)
{
	json_t *result;
	struct host_err err = {""};
	char text[512];

	if (eng_stopped(g) >= ENG_ERROR)
		log_err("faultline: %s\n", eng_stop_describe(g, text, sizeof(text)));
	if (!g->start_ns)
		return;
	result = eng_result_make(g);
	if (!result || eng_result_write(g, result, &err))
		log_err("faultline: %s\n", err.text[0] ? err.text : strerror(ENOMEM));
	if (!result)
		return;
	/* fio's statistics thread walks these lists at any time. */
	fio_sem_down(stat_sem);
	eng_result_figures(result, add_figure, g);
	fio_sem_up(stat_sem);
	/* In JSON output it would stand in the middle of the document. */
	if (output_format & FIO_OUTPUT_NORMAL && !(output_format & ~FIO_OUTPUT_NORMAL))
		eng_result_summary(result, print_line);
	json_decref(result);
}

static void fio_faultline_cleanup(struct thread_data *td)
{
	struct eng_job *j = td->io_ops_data;
	struct eng_group *g;
	bool last;

	if (!j)
		return;
	g = j->group;
	last = eng_group_leave(j, why_ended(td));
	/* The reason is told in one line by report(); fio's exit status has to show it, too. */
	if (eng_stopped(g) >= ENG_ERROR && !td->error)
		td->error = EIO;
	if (last)
		report(g);
}

struct ioengine_ops ioengine = {
	.name = "faultline",
	.version = FIO_IOOPS_VERSION,
	.flags = FLAGS,
	.setup = fio_faultline_setup,
	.init = fio_faultline_init,
	.post_init = fio_faultline_post_init,
	.prep = fio_faultline_prep,
	.queue = fio_faultline_queue,
	.invalidate = fio_faultline_invalidate,
	.cleanup = fio_faultline_cleanup,
	.open_file = generic_open_file,
	.close_file = generic_close_file,
	.get_file_size = generic_get_file_size,
	.options = eng_fio_option_table,
	.option_struct_size = sizeof(struct eng_fio_options),
};
