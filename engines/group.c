// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replay groups at work: entering, starting together, leaving. The registry is the one piece of process-wide
 * state, since fio's jobs know nothing of each other and the memory cgroup is the process's.
 */
#include "engines/group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/barriers.h"
#include "engines/decoder.h"
#include "engines/footprint.h"
#include "engines/lanes.h"
#include "engines/measure.h"
#include "engines/plan_group.h"
#include "engines/pressure.h"
#include "engines/wait.h"

#define START_POLL_NS 1000000ull

static struct eng_group *groups;
/* Groups that run now, and those of them with a limit. */
static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t running, limited;

const char *eng_end_name(enum eng_end end)
{
	static const char *const name[] = {"running", "end", "runtime", "number_ios", "signal",
					   "error",   "bus", "job",     "barrier",    "trace"};

	return name[end];
}

void eng_stop(struct eng_group *g, enum eng_end why, uint32_t job, const char *text)
{
	uint32_t none = ENG_RUNNING;

	if (!atomic_compare_exchange_strong(&g->stop, &none, (uint32_t)why))
		return;
	g->stop_job = job;
	if (text)
		snprintf(g->stop_text, sizeof(g->stop_text), "%s", text);
	/* Sleepers look for themselves within 10 ms: waking them is not for signal handlers. */
}

void eng_warn(struct eng_group *g, const char *fmt, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char text[512];
	va_list ap;
	json_t *w;
	size_t i;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&lock);
	json_array_foreach (g->warnings, i, w)
		if (!strcmp(json_string_value(w), text))
			goto out;
	json_array_append_new(g->warnings, json_string(text));
out:
	pthread_mutex_unlock(&lock);
}

/* ---- making ------------------------------------------------------------------------- */

static void group_free(struct eng_group *g)
{
	eng_plan_group_free(g);
	eng_measure_free(g);
	eng_barriers_free(g);
	free(g->lane);
	free(g->job);
	free(g->key);
	free(g->result_path);
	json_decref(g->machine);
	json_decref(g->drive);
	json_decref(g->balloon_facts);
	json_decref(g->warnings);
	free(g);
}

static int make(const struct eng_request *rq, struct eng_group **out, struct host_err *err)
{
	struct eng_group *g = aligned_alloc(ENG_CACHE_LINE, sizeof(*g));
	int ret;

	if (!g)
		return host_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->hold_lock, NULL);
	pthread_mutex_init(&g->barrier_lock, NULL);
	g->key = strdup(rq->key);
	g->warnings = json_array();
	g->next = groups;
	groups = g;
	*out = g;
	ret = g->key && g->warnings ? eng_plan_group(g, rq, err) : -ENOMEM;
	if (!ret && !g->inert)
		ret = eng_measure_init(g);
	if (!ret && !g->inert)
		ret = eng_barriers_init(g);
	if (ret == -ENOMEM)
		host_fail(err, ret, "%s", strerror(ENOMEM));
	return ret;
}

int eng_group_prepare(const struct eng_request *rq, struct eng_group **out, struct host_err *err)
{
	struct eng_group *g;

	eng_clock_init();
	err->text[0] = 0;
	for (g = groups; g; g = g->next) {
		if (strcmp(g->key, rq->key))
			continue;
		*out = g;
		return g->start_error;
	}
	int ret = make(rq, &g, err);

	if (ret && g)
		g->start_error = ret;
	*out = g;
	return ret;
}

struct eng_job *eng_group_add_job(struct eng_group *g, const char *name, enum eng_pace pace,
				  double cpu_scale)
{
	struct eng_job *j;

	if (g->added == g->jobs)
		return NULL;
	j = &g->job[g->added];
	j->group = g;
	j->index = g->added++;
	j->lane = g->shared ? NULL : &g->lane[j->index];
	j->pace = pace;
	j->scale = cpu_scale * eng_clock.per_ns;
	j->entry = UINT64_MAX;
	snprintf(j->name, sizeof(j->name), "%s", name);
	return j;
}

void eng_groups_free(void)
{
	while (groups) {
		struct eng_group *next = groups->next;

		group_free(groups);
		groups = next;
	}
}

/* ---- starting ------------------------------------------------------------------------- */

/* Memory is limited for a process: two groups at one time would be in each other's limit. */
static int claim_process(struct eng_group *g, struct host_err *err)
{
	bool limit = g->set.pressure != ENG_PRESSURE_NONE;
	int ret = 0;

	pthread_mutex_lock(&running_lock);
	if (limited || (limit && running)) {
		ret = host_fail(
			err, -EBUSY,
			"another replay group runs at the same time, and pressure= limits the whole fio "
			"process: separate the groups with stonewall, or start a fio for each");
	} else {
		running++;
		limited += limit;
		g->claimed = true;
	}
	pthread_mutex_unlock(&running_lock);
	return ret;
}

static void give_process_back(struct eng_group *g)
{
	if (!g->claimed)
		return;
	pthread_mutex_lock(&running_lock);
	running--;
	limited -= g->set.pressure != ENG_PRESSURE_NONE;
	pthread_mutex_unlock(&running_lock);
	g->claimed = false;
}

/* Pages that are in memory stay charged to whom they were: a limit has no effect on a warm file. */
static int evict(struct eng_group *g, struct host_err *err)
{
	for (uint32_t i = 0; i < g->files; i++) {
		struct host_evict_result r = {0};
		int ret = host_evict(g->file[i].fd, g->file[i].map, g->file[i].map_len, &r, err);

		g->evicted += r.before > r.left ? r.before - r.left : 0;
		g->left_bytes += r.left;
		if (ret == -EBUSY && g->set.pressure == ENG_PRESSURE_NONE) {
			eng_warn(g, "%s", err->text);
			ret = 0;
		}
		if (ret)
			return ret;
	}
	return 0;
}

/* In this order: what comes after the pressure is under it, decoder and rings included. */
static int start(struct eng_group *g, struct host_err *err)
{
	struct stat st;
	int ret = claim_process(g, err);

	/* The result of an earlier run must not be taken for this one's. */
	if (!ret && g->result_path)
		unlink(g->result_path);

	for (uint32_t i = 0; i < g->files && !ret; i++)
		ret = eng_file_map(&g->file[i], err);
	if (!ret)
		ret = eng_bus_watch(g, err);
	if (!ret && g->invalidate)
		ret = evict(g, err);
	if (!ret)
		ret = eng_pressure_begin(g, err);
	if (!ret)
		ret = eng_decoder_start(g, err);
	if (ret)
		return ret;
	memset(&st, 0, sizeof(st));
	(void)fstat(g->file[0].fd, &st);
	/* Without a sampler some figures are not known; that is all. */
	if (host_sampler_open(&g->sampler, 0, g->memcg, st.st_dev))
		g->sampler = NULL;
	if (g->set.footprint && g->set.footprint != ENG_FOOTPRINT_RECORDED)
		eng_footprint_set(g, g->set.footprint);
	return 0;
}

int eng_group_enter(struct eng_job *j, struct host_err *err)
{
	struct eng_group *g = j->group;
	int ret;

	err->text[0] = 0;
	pthread_mutex_lock(&g->lock);
	g->inside++;
	j->entered = true;
	if (!g->started) {
		g->started = true;
		g->start_error = start(g, err);
		if (g->start_error)
			eng_stop(g, ENG_ERROR, j->index, err->text);
	}
	ret = g->start_error ? g->start_error : g->ended || eng_stopped(g) ? -ECANCELED : 0;
	pthread_mutex_unlock(&g->lock);
	return ret;
}

bool eng_group_start(struct eng_job *j)
{
	struct eng_group *g = j->group;

	if (atomic_fetch_add(&g->arrived, 1) + 1 == g->jobs) {
		eng_measure_begin(g);
		atomic_store(&g->go, 1);
	}
	while (!atomic_load(&g->go)) {
		if (eng_look(j))
			return false;
		host_sleep_ns(START_POLL_NS);
	}
	eng_job_begin(j);
	return true;
}

/* ---- ending ------------------------------------------------------------------------------ */

static void shut(struct eng_group *g)
{
	if (g->start_ns)
		eng_measure_end(g, true);
	eng_decoder_stop(g);
	eng_footprint_free(g);
	eng_bus_forget(g);
	for (uint32_t i = 0; i < g->files; i++)
		eng_file_unmap(&g->file[i]);
	host_sampler_close(g->sampler);
	g->sampler = NULL;
	eng_pressure_end(g);
	give_process_back(g);
	g->ended = true;
}

bool eng_group_leave(struct eng_job *j, enum eng_end why)
{
	struct eng_group *g = j->group;
	bool last;

	if (j->left)
		return false;
	j->left = true;
	if (!j->finished)
		eng_stop(g, why, j->index, NULL);
	if (j->entered && g->start_ns)
		eng_job_end(j);
	pthread_mutex_lock(&g->lock);
	g->left += j->entered;
	last = j->entered && !g->ended && g->left == g->inside &&
	       (g->left == g->jobs || eng_stopped(g));
	if (last)
		shut(g);
	pthread_mutex_unlock(&g->lock);
	return last;
}

void eng_groups_shut(void)
{
	for (struct eng_group *g = groups; g; g = g->next) {
		pthread_mutex_lock(&g->lock);
		if (g->started && !g->ended)
			shut(g);
		pthread_mutex_unlock(&g->lock);
	}
}

static char *describe_bus(struct eng_group *g, char *buf, size_t size)
{
	uintptr_t at = atomic_load(&g->bus_address);

	for (uint32_t i = 0; i < g->files; i++) {
		const struct eng_file *f = &g->file[i];
		struct stat st;

		if (at < f->bus_base || at >= f->bus_base + f->size)
			continue;
		uint64_t offset = at - f->bus_base;

		if (!stat(f->path, &st) && (uint64_t)st.st_size <= offset)
			snprintf(buf, size,
				 "%s was truncated to %" PRIu64
				 " bytes during the replay (offset %" PRIu64 " was touched)",
				 f->path, (uint64_t)st.st_size, offset);
		else
			snprintf(buf, size, "%s cannot be read at offset %" PRIu64 ": %s", f->path,
				 offset, strerror(EIO));
		return buf;
	}
	snprintf(buf, size, "a data file cannot be read: %s", strerror(EIO));
	return buf;
}

char *eng_stop_describe(struct eng_group *g, char *buf, size_t size)
{
	const char *job = g->stop_job < g->jobs ? g->job[g->stop_job].name : "";

	switch (eng_stopped(g)) {
	case ENG_RUNTIME:
		snprintf(buf, size, "runtime= was over before the selection was replayed");
		break;
	case ENG_NUMBER:
		snprintf(buf, size, "job %s reached number_ios=", job);
		break;
	case ENG_SIGNAL:
		snprintf(buf, size, "fio was told to stop");
		break;
	case ENG_BUS:
		describe_bus(g, buf, size);
		break;
	case ENG_JOB:
		snprintf(buf, size, "job %s ended before the others", job);
		break;
	case ENG_NO_BARRIER:
		snprintf(
			buf, size,
			"all lanes wait, each at another barrier: the trace's barriers do not fit together; "
			"run 'faultline prepare' on it, or use streams=shared");
		break;
	case ENG_TRACE:
		snprintf(buf, size, "%s is damaged; 'faultline verify' tells where", g->set.trace);
		break;
	case ENG_ERROR:
		snprintf(buf, size, "%s", g->stop_text[0] ? g->stop_text : "a job failed");
		break;
	default:
		snprintf(buf, size, "%s", "");
	}
	return buf;
}
