// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/judge.h"
#include "tracer/warm.h"
#include "tracer/zap.h"
#include "tracer/zap_maps.h"

#define PROGRESS_NS   500000000ull
#define PROGRESS_FROM (1ull << 30)

/* What has to be left to everybody else beside the model, or reclaim takes some of it away again. */
static uint64_t needed(uint64_t model)
{
	return model + model / 16 + (128ull << 20);
}

static uint64_t available(void)
{
	char text[4096];
	uint64_t kib = 0;

	if (host_file_read("/proc/meminfo", text, sizeof(text)) > 0)
		host_text_u64(text, "MemAvailable:", &kib);
	return kib * 1024;
}

/* ---- reading ---- */

struct progress {
	const struct rec_session *s;
	const char *path;
	uint64_t next;
	bool shown;
};

static int on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;
	uint64_t now = host_now_ns();

	if (p->s->opt.quiet || total < PROGRESS_FROM || now < p->next || !isatty(STDERR_FILENO))
		return 0;
	fprintf(stderr, "\r\033[Kreading %s page by page: %.0f %%", p->path,
		100.0 * (double)done / (double)total);
	fflush(stderr);
	p->shown = true;
	p->next = now + PROGRESS_NS;
	return 0;
}

/* True: all of it is there, in the smallest pieces. */
static bool read_file(struct rec_session *s, struct rec_residency *r, int fd)
{
	struct progress p = {.s = s, .path = r->path, .next = host_now_ns() + PROGRESS_NS};
	struct host_residency now;
	struct host_err err = {""};
	uint64_t stayed;
	int ret = host_warm(fd, 0, 0, on_progress, &p);

	if (p.shown)
		fputs("\r\033[K", stderr);
	if (ret) {
		rec_say("cannot read %s into memory: %s", r->path, strerror(-ret));
		return false;
	}
	ret = host_residency(fd, &now, &err);
	/* Reclaim that was under way takes some of it again; what is there is not read twice. */
	for (int again = 0; !ret && now.resident < now.size && again < 3; again++) {
		ret = host_warm(fd, 0, 0, NULL, NULL);
		ret = ret ? ret : host_residency(fd, &now, &err);
	}
	if (ret) {
		rec_say("%s", err.text[0] ? err.text : strerror(-ret));
		return false;
	}
	stayed = r->left;
	r->left = now.resident;
	if (now.resident < now.size)
		rec_say("%s of %s did not stay in memory",
			host_size_format(now.size - now.resident, (char[32]){""}, 32), r->path);
	/* what could not be evicted is in whatever pieces it was */
	return now.resident >= now.size && !stayed;
}

static void read_files(struct rec_session *s)
{
	uint64_t total = 0, room = available();
	char size[32], free[32];

	for (unsigned int i = 0; i < s->residencies; i++)
		total += s->residency[i].size;
	if (!total)
		return;
	if (needed(total) > room) {
		rec_say("the model (%s) does not fit into the %s that are available: it is read while the "
			"capture runs",
			host_size_format(total, size, sizeof(size)),
			host_size_format(room, free, sizeof(free)));
		return;
	}
	s->warmed = true;
	for (unsigned int i = 0; i < s->residencies; i++) {
		struct rec_residency *r = &s->residency[i];
		/* another process' name of it may lead to another file from here */
		int fd = open(r->link[0] ? r->link : r->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0) {
			rec_say("cannot open %s: %s", r->path, strerror(errno));
			s->warmed = false;
			continue;
		}
		if (!read_file(s, r, fd))
			s->warmed = false;
		close(fd);
	}
}

/* ---- read-ahead ---- */

/* The queue of the disk that a partition is on is its folder's parent's. */
static bool read_ahead_path(const struct host_device *d, char *path)
{
	static const char *const forms[] = {"/sys/dev/block/%u:%u/queue/read_ahead_kb",
					    "/sys/dev/block/%u:%u/../queue/read_ahead_kb"};
	char link[96];

	for (int i = 0; i < 2; i++) {
		snprintf(link, sizeof(link), forms[i], d->major, d->minor);
		if (realpath(link, path))
			return true;
	}
	return false;
}

/* With a janitor that puts back what we cannot, should we be killed. */
static int open_tunables(struct rec_session *s, struct host_err *err)
{
	struct host_janitor *janitor = s->memcg ? host_memcg_janitor(s->memcg) : NULL;
	int ret = 0;

	if (!janitor && !s->janitor)
		ret = host_janitor_start(&s->janitor, err);
	if (!janitor)
		janitor = s->janitor;
	return ret ? ret : host_tunables_open(&s->tunables, janitor, err);
}

static void bound_read_ahead(struct rec_session *s, const char *file)
{
	struct host_device list[HOST_DEVICES_MAX];
	char path[PATH_MAX], text[32];
	struct host_err err = {""};
	/* POSIX_FADV_SEQUENTIAL, which loaders like, doubles it */
	uint64_t small = (s->fault_around ? s->fault_around : REC_FAULT_AROUND) / 2048, before;

	if (host_devices_of_path(file, list, HOST_DEVICES_MAX) <= 0 ||
	    !read_ahead_path(&list[0], path) || host_file_read_u64(path, &before) ||
	    before <= small)
		return;
	if (!s->tunables && open_tunables(s, &err)) {
		rec_say("%s", err.text);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)small);
	if (host_tunables_set(s->tunables, path, text, &err))
		rec_say("cannot bound the read-ahead: %s", err.text);
	else
		rec_say("read-ahead of %s is %llu KiB instead of %llu for the time of the capture: larger "
			"pieces would hide what is touched",
			list[0].name, (unsigned long long)small, (unsigned long long)before);
}

void rec_warm_end(struct rec_session *s)
{
	struct host_err err = {""};

	if (host_tunables_restore(s->tunables, &err))
		rec_say("%s", err.text);
	s->tunables = NULL;
	host_janitor_stop(s->janitor);
	s->janitor = NULL;
}

void rec_warm(struct rec_session *s)
{
	if (!s->residencies) {
		rec_say("no large file is named by the command: what of the model is in memory stays as it "
			"is (--evict FILE names one)");
		return;
	}
	if (!s->opt.memory_limit)
		read_files(s);
	for (unsigned int i = 0; i < s->residencies && !s->warmed; i++)
		bound_read_ahead(s, s->residency[i].path);
}

/* ---- a process that runs ---- */

static void evict_mapping(struct rec_session *s, const struct rec_zap_mapping *m)
{
	struct rec_residency *r = &s->residency[s->residencies];
	struct host_evict_result res = {0};
	struct host_err err = {""};
	char link[96];
	ssize_t n;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%llx-%llx", (int)s->pid,
		 (unsigned long long)m->addr, (unsigned long long)(m->addr + m->length));
	n = readlink(link, r->path, sizeof(r->path) - 1);
	if (n <= 0)
		return;
	r->path[n] = '\0';
	for (unsigned int i = 0; i < s->residencies; i++)
		if (!strcmp(s->residency[i].path, r->path))
			return;
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (host_evict(fd, NULL, 0, &res, &err))
		rec_say("%s: %s; its pages may be in large pieces", r->path, err.text);
	close(fd);
	snprintf(r->link, sizeof(r->link), "%s", link);
	r->size = res.size;
	r->before = res.before;
	r->left = res.left;
	s->residencies++;
}

void rec_warm_process(struct rec_session *s)
{
	struct rec_zap_maps *maps = calloc(1, sizeof(*maps));
	int ret = rec_zap_freeze(s->zap, s->pid);

	/* without a model there is nothing to be warmed yet */
	if (maps && ret != -ENOENT && !rec_zap_maps_read(maps, s->pid, true)) {
		for (unsigned int i = 0; i < maps->count && s->residencies < REC_NAMES_MAX; i++)
			if (maps->mapping[i].refused == REC_ZAP_FINE)
				evict_mapping(s, &maps->mapping[i]);
		read_files(s);
		for (unsigned int i = 0; i < s->residencies && !s->warmed; i++)
			bound_read_ahead(s, s->residency[i].path);
	}
	rec_zap_thaw(s->zap);
	free(maps);
}
