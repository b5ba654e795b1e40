// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that has to be there before the run starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "tracer/reclaim.h"
#include "tracer/reference.h"
#include "tracer/session.h"

/* A file of the command line that is so large is taken for a part of the model. */
#define SMALLEST_EVICTED (64ull << 20)
#define SMALLEST_WARMED \
	(16ull << 20) /* for a reference capture: as of the mappings that are dropped */

static int fail(const struct host_err *err, int ret)
{
	rec_say("%s", err->text);
	return ret;
}

/* ---- files ---- */

static int evict_file(struct rec_session *s, const char *path, bool required)
{
	struct host_err err = {""};
	struct host_evict_result res = {0};
	struct rec_residency *r = &s->residency[s->residencies];
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0) {
		if (!required)
			return 0;
		rec_say("cannot open %s: %s", path, strerror(errno));
		return -errno;
	}
	ret = host_evict(fd, NULL, 0, &res, &err);
	close(fd);
	if (ret && s->opt.reference && !s->opt.memory_limit) {
		rec_say("%s: %s; its pages may be in large pieces", path, err.text);
	} else if (ret) {
		rec_say("cannot put %s out of memory, so the limit would not hold for it: %s", path,
			err.text);
		return ret;
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	r->size = res.size;
	r->before = res.before;
	r->left = res.left;
	s->residencies++;
	return 0;
}

/* "--model=/x/y.gguf" names a file, too. */
static const char *file_of_argument(const char *arg, struct stat *st)
{
	const char *equals;

	if (!stat(arg, st) && S_ISREG(st->st_mode))
		return arg;
	equals = arg[0] == '-' ? strchr(arg, '=') : NULL;
	if (equals && !stat(equals + 1, st) && S_ISREG(st->st_mode))
		return equals + 1;
	return NULL;
}

static const char *large_file(const struct rec_session *s, int i, struct stat *st)
{
	const char *path = file_of_argument(s->opt.command[i], st);

	uint64_t smallest = s->opt.reference ? SMALLEST_WARMED : SMALLEST_EVICTED;

	return path && (uint64_t)st->st_size >= smallest ? path : NULL;
}

static void read_tensors(struct rec_session *s)
{
	struct stat st;

	for (unsigned int i = 0; i < s->opt.evicts; i++)
		rec_tensors_read(&s->tensors, s->opt.evict[i], !s->opt.light);
	for (int i = 1; s->opt.command && i < s->opt.nargs; i++) {
		const char *path = file_of_argument(s->opt.command[i], &st);

		if (path)
			rec_tensors_read(&s->tensors, path, !s->opt.light);
	}
}

static int evict_files(struct rec_session *s)
{
	struct stat st;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < s->opt.evicts; i++)
		ret = evict_file(s, s->opt.evict[i], true);
	if (!s->opt.memory_limit && !s->opt.reference)
		return ret;
	for (int i = 1; !ret && i < s->opt.nargs && s->residencies < REC_NAMES_MAX; i++) {
		const char *path = large_file(s, i, &st);

		if (path)
			ret = evict_file(s, path, false);
	}
	return ret;
}

/* The drive that the samples and the final comparison look at: where the largest named file is. */
static dev_t model_device(const struct rec_session *s)
{
	struct stat st, largest = {0};

	for (int i = 1; s->opt.command && i < s->opt.nargs; i++)
		if (large_file(s, i, &st) && st.st_size > largest.st_size)
			largest = st;
	return largest.st_dev;
}

/* A drive is told to be the model's before its first request can come, which may be somebody else's. */
static void define_drives(struct rec_session *s)
{
	struct rec_file file = {0};
	struct stat st;

	for (unsigned int i = 0; i < s->opt.evicts; i++) {
		file.path = (char *)s->opt.evict[i];
		rec_block_model(&s->world, &file);
	}
	for (int i = 1; s->opt.command && i < s->opt.nargs; i++) {
		file.path = (char *)large_file(s, i, &st);
		if (file.path)
			rec_block_model(&s->world, &file);
	}
}

/* ---- the trace ---- */

static int create_trace(struct rec_session *s)
{
	/* A fast level: recording must not cost the run its CPU; `prepare` packs harder. */
	const struct flt_writer_options writing = {
		.level = 4,
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	struct timespec wall;
	json_t *header;
	struct stat st;
	int ret;

	header = rec_session_header(s);
	if (!header) {
		rec_say("out of memory");
		return -ENOMEM;
	}
	/* time 0: all that takes long is done, the run is about to start */
	s->sink.epoch = host_now_ns();
	clock_gettime(CLOCK_REALTIME, &wall);
	json_object_set_new(header, "epoch_ns", json_integer((json_int_t)s->sink.epoch));
	json_object_set_new(header, "epoch_wall_ns",
			    json_integer(wall.tv_sec * 1000000000ll + wall.tv_nsec));
	ret = flt_writer_create(&s->sink.writer, s->opt.output, header, &writing);
	json_decref(header);
	if (ret == -EEXIST)
		rec_say("%s exists; name another file with -o (nothing is overwritten)",
			s->opt.output);
	else if (ret)
		rec_say("cannot create %s: %s", s->opt.output, strerror(-ret));
	if (ret)
		return ret;
	if (s->user.other && lchown(s->opt.output, s->user.uid, s->user.gid))
		rec_say("cannot give %s to %s: %s", s->opt.output, s->user.name, strerror(errno));
	if (!stat(s->opt.output, &st)) {
		s->world.output_dev = st.st_dev;
		s->world.output_ino = st.st_ino;
	}
	return 0;
}

/* Refused before the run has started, and before anything was measured or evicted. */
static int check_output(const struct rec_session *s)
{
	char dir[PATH_MAX];
	char *slash;

	if (!access(s->opt.output, F_OK)) {
		rec_say("%s exists; name another file with -o (nothing is overwritten)",
			s->opt.output);
		return -EEXIST;
	}
	snprintf(dir, sizeof(dir), "%s", s->opt.output);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (access(slash ? dir : ".", W_OK)) {
		rec_say("cannot create %s: %s", s->opt.output, strerror(errno));
		return -errno;
	}
	return 0;
}

/* The command's arguments may name files that it closes before we can look. */
static void name_arguments(struct rec_session *s)
{
	struct stat st;

	for (int i = 1; s->opt.command && i < s->opt.nargs; i++) {
		const char *arg = file_of_argument(s->opt.command[i], &st);
		char *path = arg ? realpath(arg, NULL) : NULL;

		if (path)
			rec_file_hint(
				&s->world,
				(uint32_t)(major(st.st_dev) << 20 | (minor(st.st_dev) & 0xfffff)),
				st.st_ino, path);
		free(path);
	}
}

static void watch(void *arg, uint32_t dev, uint64_t ino)
{
	rec_attach_watch(arg, dev, ino);
}

static int open_world(struct rec_session *s)
{
	dev_t output_dev = s->world.output_dev;
	ino_t output_ino = s->world.output_ino;

	s->world_open = true;
	if (rec_world_open(&s->world, &s->sink, s->pid)) {
		rec_say("out of memory");
		return -ENOMEM;
	}
	s->world.output_dev = output_dev;
	s->world.output_ino = output_ino;
	s->world.tensors = s->tensors;
	s->world.wants_tensors = !s->opt.light;
	s->world.watch = watch;
	s->world.watch_arg = s->attach;
	name_arguments(s);
	return 0;
}

static void define_metrics(struct rec_session *s)
{
	for (unsigned int i = 0; i < HOST_METRIC_COUNT; i++)
		rec_sink_define(&s->sink, "metric",
				json_pack("{s:i, s:s, s:s, s:b}", "id", (int)i, "name",
					  host_metric_name(i), "unit", host_metric_unit(i),
					  "cumulative", host_metric_is_counter(i) > 0));
	rec_reclaim_define(s);
}

static void find_disks(struct rec_session *s, dev_t dev)
{
	struct host_device list[HOST_DEVICES_MAX];
	int n = dev ? host_devices(dev, list, HOST_DEVICES_MAX) : 0;

	for (int i = 0; i < n; i++) {
		struct rec_disk *d = &s->disk[s->disks];

		if (!list[i].leaf)
			continue;
		d->major = list[i].major;
		d->minor = list[i].minor;
		memcpy(d->name, list[i].name, sizeof(d->name));
		s->disks++;
	}
}

void rec_session_read_disks(struct rec_session *s, enum rec_disk_moment moment)
{
	for (unsigned int i = 0; i < s->disks; i++) {
		struct rec_disk *d = &s->disk[i];

		if (host_diskstat_read(d->major, d->minor, &d->at[moment]))
			d->gone = true;
	}
}

/* ---- a command ---- */

static int make_memcg(struct rec_session *s)
{
	struct host_err err = {""};
	int ret;

	if (!s->opt.memory_limit || s->opt.global)
		return 0;
	ret = host_memcg_create("record", s->opt.memory_limit, HOST_MEMCG_MAX, &s->memcg, &err);
	return ret ? fail(&err, ret) : 0;
}

/* After the evictions, so that what they free is not counted as taken; before the run takes any. */
static int inflate_balloon(struct rec_session *s)
{
	struct host_err err = {""};
	char size[32];
	int ret;

	if (!s->opt.global)
		return 0;
	if (!s->opt.quiet)
		rec_say("locking memory until %s is available",
			host_size_format(s->opt.memory_limit, size, sizeof(size)));
	ret = host_balloon_inflate(&s->balloon, s->opt.memory_limit, &err);
	return ret ? fail(&err, ret) : 0;
}

static int start_command(struct rec_session *s)
{
	struct host_err err = {""};
	int ret;

	if (!s->user.other && geteuid() == 0 && !s->opt.quiet)
		rec_say("the command runs as root: nobody else asked for it (no SUDO_UID)");
	ret = rec_launch_start(&s->launch, s->opt.command, &s->user, &err);
	if (ret)
		return fail(&err, ret);
	s->launched = true;
	s->pid = s->launch.pid;
	if (s->memcg) {
		ret = host_memcg_enter(s->memcg, s->pid, &err);
		if (ret)
			return fail(&err, ret);
	}
	return 0;
}

static void say_hooks(const struct rec_session *s)
{
	const struct rec_capabilities *can = rec_attach_capabilities(s->attach);
	struct rec_program_info info;

	rec_say("off-CPU times: %s, reclaim: %s, of cgroups: %s", can->sched ? "yes" : "no",
		can->reclaim ? "yes" : "no", can->reclaim_group ? "yes" : "no");
	rec_say("faults: perf software events PAGE_FAULTS, PAGE_FAULTS_MAJ, PAGE_FAULTS_MIN");
	for (unsigned int i = 0; rec_attach_program(s->attach, i, &info); i++)
		if (info.hook[0])
			rec_say("%s: tracepoint %s", info.name, info.hook);
	rec_say("regions and reads: %s, block I/O: %s, bios: %s, page cache: %s, probes: %s",
		can->regions ? "yes" : "no", can->block ? "yes" : "no", can->bio ? "yes" : "no",
		can->cache ? "yes" : "no", can->probes ? "yes" : "no");
	rec_say("rings: %u MiB for each of %u CPUs", rec_attach_ring_bytes(s->attach) >> 20,
		rec_attach_cpus(s->attach));
}

static int load_programs(struct rec_session *s)
{
	struct rec_attach_options opt = {
		.regions = !s->opt.light,
		.block = !s->opt.no_block,
		.cache = s->opt.cache,
		.probes = !s->opt.no_barriers || !s->opt.no_marks,
		.sched = !s->opt.no_sched,
		.reclaim = !s->opt.light,
		/* ignored by whoever does not want to know of it */
		.stop_signal = s->opt.reference ? SIGURG : 0,
		.ring_bytes = s->opt.ring_mib << 20,
		.verbose = s->opt.verbose,
	};
	struct host_err err = {""};
	int ret = rec_attach_open(&s->attach, &opt, &err);

	if (ret)
		return fail(&err, ret);
	/* for each CPU our ring, the page cache's runs in it, and perf's ring; and the tracer */
	ret = rec_merge_open(&s->merge, 3 * rec_attach_cpus(s->attach) + 1);
	if (ret) {
		rec_say("out of memory");
		return ret;
	}
	return 0;
}

/* The command waits to be started: what it has faulted so far is not part of the recording. */
static void read_faults_before(struct rec_session *s)
{
	char path[64], text[1024], *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->pid);
	if (host_file_read(path, text, sizeof(text)) < 0)
		return;
	at = strrchr(text, ')');
	if (at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %ld %*d %ld", &s->before.ru_minflt,
			 &s->before.ru_majflt) != 2)
		s->before.ru_minflt = s->before.ru_majflt = 0;
}

static int attach_kernel(struct rec_session *s)
{
	unsigned int cpus = rec_attach_cpus(s->attach);
	struct host_err err = {""};
	int ret;

	ret = rec_tasklog_open(&s->log, s->launched ? s->pid : -1, cpus, 2 * cpus, &err);
	if (!ret)
		ret = rec_attach_tracepoints(s->attach, &err);
	if (!ret && s->launched)
		ret = rec_attach_process(s->attach, s->pid);
	if (!ret && s->launched && !s->opt.light)
		ret = rec_attach_faults(s->attach, s->pid, true, &err);
	if (s->launched)
		read_faults_before(s);
	if (ret && !err.text[0])
		host_fail(&err, ret, "cannot attach: %s", strerror(-ret));
	return ret ? fail(&err, ret) : 0;
}

/* The launched process' only thread, which is called as the command will be. */
static void add_first_thread(struct rec_session *s)
{
	struct rec_thread *t = rec_thread_get(&s->world, s->pid, s->pid);
	const char *slash = strrchr(s->opt.command[0], '/');

	if (t) {
		snprintf(t->comm, sizeof(t->comm), "%.15s", slash ? slash + 1 : s->opt.command[0]);
		memcpy(s->world.root->comm, t->comm, sizeof(t->comm));
	}
	s->world.root->in_exec = true; /* what it has mapped until then is ours */
}

static int attach_probes(struct rec_session *s)
{
	struct host_err err = {""};
	int ret = rec_probes_open(&s->probes, s->attach, &s->world, &s->opt, &err);

	if (ret)
		return fail(&err, ret);
	if (!s->launched)
		return rec_attach_existing(s);
	add_first_thread(s);
	/* Libraries are found when they are mapped; the program itself can be looked at now. */
	if (strchr(s->opt.command[0], '/'))
		rec_probes_file(s->probes, s->opt.command[0]);
	return 0;
}

int rec_session_setup(struct rec_session *s)
{
	dev_t dev;
	int ret;

	s->status = -1;
	s->sample_stream = REC_NO_STREAM;
	s->fault_around = rec_fault_around();
	s->pid = s->opt.pid;
	rec_user_find(&s->user);
	ret = check_output(s);
	if (ret)
		return ret;
	if (s->pid && kill(s->pid, 0) && errno == ESRCH) {
		rec_say("there is no process %d", (int)s->pid);
		return -ESRCH;
	}
	ret = load_programs(s);
	if (!ret)
		ret = make_memcg(s);
	if (!ret)
		read_tensors(s);
	if (!ret)
		ret = evict_files(s);
	if (!ret)
		ret = inflate_balloon(s);
	if (!ret && !s->pid)
		ret = start_command(s);
	if (!ret)
		ret = rec_reference_begin(s);
	if (ret)
		return ret;
	dev = model_device(s);
	find_disks(s, dev);
	rec_session_read_disks(s, REC_DISK_FIRST);
	ret = attach_kernel(s);
	if (ret)
		return ret;
	rec_session_read_disks(s, REC_DISK_BEGUN);
	host_sampler_open(&s->sampler, s->pid, s->memcg, dev);
	if (s->opt.verbose)
		say_hooks(s);
	ret = create_trace(s);
	if (!ret)
		ret = open_world(s);
	if (!ret && !s->opt.no_block)
		define_drives(s);
	if (!ret)
		ret = attach_probes(s);
	if (ret)
		return ret;
	define_metrics(s);
	return rec_reference_arm(s);
}
