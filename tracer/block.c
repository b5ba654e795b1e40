// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block I/O: bios enter a device's queue, requests made of them are issued and completed.
 *
 * The events name a device and sectors only, so bios and requests are matched by those, in the order
 * of time. A large bio is split into several requests, neighbouring bios become one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/device.h"
#include "host/facts.h"
#include "host/util.h"
#include "tracer/world.h"

/* Bios whose requests are never seen must not pile up: no device takes so many, or takes so long. */
#define BIOS_MAX    (1u << 16)
#define BIO_AGE_MAX 60000000000ull /* ns */

struct position {
	uint64_t sector;
	uint64_t dev; /* of the whole disk */
};

struct bio {
	struct position at;
	uint64_t end; /* sector behind it */
	uint64_t when;
	uint32_t stream;
	bool ours; /* for the run, if not by one of its threads */
	UT_hash_handle hh;
};

struct request {
	struct position at;
	uint32_t sectors;
	uint32_t stream;
	bool ours;
	uint64_t issued, queued; /* queued 0: not seen */
	uint64_t rwbs;
	UT_hash_handle hh;
};

struct device {
	uint32_t dev;
	uint32_t disk;  /* the whole of which this is a partition; else itself */
	uint64_t start; /* of a partition, in sectors */
	uint64_t id;
	uint32_t stream;
	bool bio_based; /* takes bios as they come: zram, dm, md */
	bool defined;
	uint64_t read, unfinished, unissued; /* bytes; see struct rec_block_reads */
	char name[64];
	UT_hash_handle hh;
};

struct rec_block {
	struct device *devices;
	struct device *last;
	struct bio *bios;
	struct request *requests;
	uint64_t next_id;
};

int rec_block_open(struct rec_world *w)
{
	w->block = calloc(1, sizeof(*w->block));
	return w->block ? 0 : -ENOMEM;
}

/* ---- devices ---- */

static void sysfs_device(struct device *d)
{
	char path[64], target[PATH_MAX], more[96];
	unsigned int major = d->dev >> 20, minor = d->dev & 0xfffff;
	uint64_t ignored;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	snprintf(d->name, sizeof(d->name), "%s",
		 strrchr(target, '/') ? strrchr(target, '/') + 1 : path);
	d->disk = d->dev;
	snprintf(more, sizeof(more), "%s/partition", path);
	if (!host_file_read_u64(more, &ignored)) {
		char text[32];
		unsigned int disk_major, disk_minor;

		snprintf(more, sizeof(more), "%s/../dev", path);
		if (host_file_read(more, text, sizeof(text)) > 0 &&
		    sscanf(text, "%u:%u", &disk_major, &disk_minor) == 2)
			d->disk = disk_major << 20 | (disk_minor & 0xfffff);
		snprintf(more, sizeof(more), "%s/start", path);
		if (host_file_read_u64(more, &d->start))
			d->start = 0;
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", d->disk >> 20,
			 d->disk & 0xfffff);
	}
	snprintf(more, sizeof(more), "%s/mq", path);
	d->bio_based = access(more, F_OK) != 0;
}

static struct device *device_get(struct rec_world *w, uint32_t dev)
{
	struct rec_block *b = w->block;
	struct device *d = b->last;

	if (d && d->dev == dev)
		return d;
	HASH_FIND(hh, b->devices, &dev, sizeof(dev), d);
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return NULL;
		d->dev = dev;
		sysfs_device(d);
		d->id = b->next_id++;
		HASH_ADD(hh, b->devices, dev, sizeof(d->dev), d);
	}
	b->last = d;
	return d;
}

/* FACTS (borrowed, may be NULL) and MEMBERS (stolen) only for devices that hold a model. */
static void device_define(struct rec_world *w, struct device *d, bool model_file, json_t *members,
			  const json_t *facts)
{
	char dev[32];
	json_t *def;

	if (d->defined) {
		json_decref(members);
		return;
	}
	d->defined = true;
	snprintf(dev, sizeof(dev), "%u:%u", d->dev >> 20, d->dev & 0xfffff);
	def = json_pack("{s:I, s:s, s:s, s:o, s:b, s:b}", "id", (json_int_t)d->id, "name", d->name,
			"dev", dev, "members", members ? members : json_array(), "model_file",
			model_file, "bio_based", d->bio_based);
	if (def && facts) {
		const json_t *model = json_object_get(facts, "model");

		if (model)
			json_object_set(def, "model", (json_t *)model);
		json_object_set(def, "facts", (json_t *)facts);
	}
	rec_sink_define(w->sink, "device", def);
	d->stream = rec_stream_new(w, "device", 0, json_pack("{s:I}", "device", (json_int_t)d->id));
}

static const json_t *facts_of(const json_t *facts, const char *name)
{
	const json_t *all = json_object_get(facts, "devices"), *one;
	size_t i;

	json_array_foreach ((json_t *)all, i, one) {
		const char *its = json_string_value(json_object_get(one, "name"));

		if (its && !strcmp(its, name))
			return one;
	}
	return NULL;
}

void rec_block_model(struct rec_world *w, const struct rec_file *f)
{
	struct host_device list[HOST_DEVICES_MAX];
	json_t *facts;
	int n = host_devices_of_path(f->path, list, HOST_DEVICES_MAX);

	if (n <= 0)
		return;
	facts = host_facts_path(f->path, NULL);
	for (int i = 0; i < n; i++) {
		struct device *d = device_get(w, list[i].major << 20 | (list[i].minor & 0xfffff));
		json_t *members = json_array();

		for (int k = 0; members && k < n; k++)
			if (list[k].parent == i)
				json_array_append_new(members, json_string(list[k].name));
		if (d)
			device_define(w, d, true, members, facts_of(facts, d->name));
		else
			json_decref(members);
		if (d && !i)
			rec_extents_add(w, f->path, d->disk, d->start);
	}
	json_decref(facts);
}

/* ---- what the letters of blktrace mean ---- */

static void decode_rwbs(uint64_t rwbs, uint64_t *op, uint64_t *flags)
{
	char s[9] = "";
	size_t i = 0;

	memcpy(s, &rwbs, 8);
	if (s[0] == 'F' && s[1] && strchr("RWDN", s[1]))
		i = 1; /* a flush goes before it */
	switch (s[i]) {
	case 'R':
		*op = 0;
		break;
	case 'W':
		*op = 1;
		break;
	case 'F':
		*op = 2;
		break;
	case 'D':
		*op = 3;
		break;
	default:
		*op = 255;
		break;
	}
	*flags = 0;
	for (i++; s[i - 1] && s[i]; i++) {
		if (s[i] == 'A')
			*flags |= FLT_BF_RAHEAD;
		else if (s[i] == 'S')
			*flags |= FLT_BF_SYNC;
		else if (s[i] == 'M')
			*flags |= FLT_BF_META;
	}
}

struct io {
	struct device *device;
	uint64_t sector, bytes;
	uint64_t rwbs;
	uint64_t issued, queued, done;
	uint32_t stream;
	bool ours;
	uint64_t flags;
};

static void add_record(struct rec_world *w, const struct io *io)
{
	struct flt_record r = {.kind = FLT_BLOCK, .stream = io->device->stream};
	uint64_t op, flags;

	decode_rwbs(io->rwbs, &op, &flags);
	flags |= io->flags;
	if (io->stream == REC_NO_STREAM && !io->ours)
		flags |= FLT_BF_FOREIGN;
	r.f[FLT_BLOCK_DEVICE] = io->device->id;
	r.f[FLT_BLOCK_SECTOR] = io->sector;
	r.f[FLT_BLOCK_LENGTH] = io->bytes;
	r.f[FLT_BLOCK_OP] = op;
	r.f[FLT_BLOCK_FLAGS] = flags;
	r.f[FLT_BLOCK_QUEUE] = io->queued ? io->issued - io->queued : FLT_NONE;
	r.f[FLT_BLOCK_STREAM] = io->stream == REC_NO_STREAM ? FLT_NONE : io->stream;
	rec_sink_time(w->sink, &r, io->done, io->done - io->issued);
	rec_sink_add(w->sink, &r);
	if (flags & FLT_BF_BIO) {
		w->totals.io_bios++;
		return;
	}
	w->totals.io_requests++;
	if (op)
		return;
	io->device->read += io->bytes;
	if (flags & FLT_BF_UNFINISHED)
		io->device->unfinished += io->bytes;
	if (flags & FLT_BF_FOREIGN)
		w->totals.io_foreign_read_bytes += io->bytes;
	else
		w->totals.io_read_bytes += io->bytes;
}

/* ---- bios ---- */

static struct bio *bio_find(struct rec_block *b, uint64_t dev, uint64_t sector)
{
	struct position at = {.sector = sector, .dev = dev};
	struct bio *bio, *next;

	HASH_FIND(hh, b->bios, &at, sizeof(at), bio);
	if (bio)
		return bio;
	HASH_ITER (hh, b->bios, bio, next)
		if (bio->at.dev == dev && bio->at.sector < sector && bio->end > sector)
			return bio;
	return NULL;
}

static void bio_remove(struct rec_block *b, struct bio *bio)
{
	HASH_DEL(b->bios, bio);
	free(bio);
}

static void bio_queued(struct rec_world *w, const struct device *d, const struct rec_event_block *e)
{
	struct rec_thread *t = rec_thread_find(w, (pid_t)e->h.tid);
	struct rec_block *b = w->block;
	struct position at = {.sector = e->sector, .dev = d->disk};
	struct bio *bio;

	if (!e->sectors)
		return;
	HASH_FIND(hh, b->bios, &at, sizeof(at), bio);
	if (bio) {
		HASH_DEL(b->bios, bio);
	} else {
		/* the hash keeps them in the order of their coming */
		while (b->bios &&
		       (HASH_COUNT(b->bios) >= BIOS_MAX || b->bios->when + BIO_AGE_MAX < e->h.end))
			bio_remove(b, b->bios);
		bio = calloc(1, sizeof(*bio));
		if (!bio)
			return;
	}
	bio->at = at;
	bio->end = e->sector + e->sectors;
	bio->when = e->h.end;
	bio->stream = t ? rec_thread_stream(w, t, e->h.end) : REC_NO_STREAM;
	bio->ours = t || ((e->h.word & REC_EF_KERNEL) && rec_extents_have(w, d->disk, e->sector));
	HASH_ADD(hh, b->bios, at, sizeof(bio->at), bio);
}

/* A device without requests. A driver may have moved the bio's position on to its end by now. */
static void bio_done(struct rec_world *w, struct device *d, const struct rec_event_block *e)
{
	struct rec_block *b = w->block;
	struct bio *bio, *next, *found = NULL;
	struct position at = {.sector = e->sector, .dev = d->disk};
	struct io io;

	HASH_FIND(hh, b->bios, &at, sizeof(at), found);
	if (!found || (e->sectors && found->end != e->sector + e->sectors)) {
		HASH_ITER (hh, b->bios, bio, next) {
			if (bio->at.dev == d->disk && bio->end == e->sector) {
				found = bio;
				break;
			}
		}
	}
	if (!found)
		return;
	device_define(w, d, false, NULL, NULL);
	io = (struct io){
		.device = d,
		.sector = found->at.sector,
		.bytes = (found->end - found->at.sector) * 512,
		.rwbs = e->rwbs,
		.issued = found->when,
		.done = e->h.end,
		.stream = found->stream,
		.ours = found->ours,
		.flags = FLT_BF_BIO,
	};
	bio_remove(b, found);
	add_record(w, &io);
}

/* ---- requests ---- */

static struct request *rq_find(struct rec_block *b, uint64_t dev, uint64_t sector)
{
	struct position at = {.sector = sector, .dev = dev};
	struct request *rq;

	HASH_FIND(hh, b->requests, &at, sizeof(at), rq);
	return rq;
}

static void rq_remove(struct rec_block *b, struct request *rq)
{
	HASH_DEL(b->requests, rq);
	free(rq);
}

/* Who waited longest and who came first is what counts of what a request is made of. */
static void rq_inherit(struct request *rq, uint64_t queued, uint32_t stream, bool ours)
{
	if (queued && (!rq->queued || queued < rq->queued))
		rq->queued = queued;
	if (rq->stream == REC_NO_STREAM)
		rq->stream = stream;
	rq->ours |= ours;
}

/*
 * Takes out what the request is made of from sector AT on: bios, and requests that the device had sent
 * back, which were then merged with their neighbours.
 */
static void take_parts(struct rec_world *w, struct request *rq, uint64_t at)
{
	struct rec_block *b = w->block;
	uint64_t end = rq->at.sector + rq->sectors;

	while (at < end) {
		struct bio *bio = bio_find(b, rq->at.dev, at);
		struct request *other = bio ? NULL : rq_find(b, rq->at.dev, at);

		if (other && other->at.sector + other->sectors <= end && other->sectors) {
			rq_inherit(rq, other->queued, other->stream, other->ours);
			at += other->sectors;
			rq_remove(b, other);
			w->totals.io_requeued++;
			continue;
		}
		if (!bio)
			break;
		rq_inherit(rq, bio->when, bio->stream, bio->ours);
		at = bio->end;
		if (bio->end <= end) {
			bio_remove(b, bio);
			continue;
		}
		/* the rest of it will be another request */
		HASH_DEL(b->bios, bio);
		bio->at.sector = end;
		HASH_ADD(hh, b->bios, at, sizeof(bio->at), bio);
	}
}

/* Its completion was not seen, or the recording has ended before. */
static void rq_lost(struct rec_world *w, struct request *rq)
{
	struct device *d = device_get(w, (uint32_t)rq->at.dev);
	struct io io;

	if (d) {
		device_define(w, d, false, NULL, NULL);
		io = (struct io){
			.device = d,
			.sector = rq->at.sector,
			.bytes = (uint64_t)rq->sectors * 512,
			.rwbs = rq->rwbs,
			.issued = rq->issued,
			.queued = rq->queued,
			.done = rq->issued,
			.stream = rq->stream,
			.ours = rq->ours,
			.flags = FLT_BF_UNFINISHED,
		};
		add_record(w, &io);
		w->totals.io_unfinished++;
	}
	rq_remove(w->block, rq);
}

static void rq_issued(struct rec_world *w, struct device *d, const struct rec_event_block *e)
{
	struct rec_block *b = w->block;
	struct request *rq = rq_find(b, d->disk, e->sector);
	struct position at = {.sector = e->sector, .dev = d->disk};
	struct rec_thread *t;
	struct bio *bio;

	HASH_FIND(hh, b->bios, &at, sizeof(at), bio);
	if (rq && bio) { /* somebody wants the same sectors anew: what was there has ended */
		rq_lost(w, rq);
		rq = NULL;
	}
	if (rq) {
		/* sent back by the device and issued again, maybe with more: the first time counts */
		uint64_t end = e->sector + rq->sectors;

		w->totals.io_requeued++;
		rq->sectors = e->sectors;
		take_parts(w, rq, end);
		return;
	}
	rq = calloc(1, sizeof(*rq));
	if (!rq)
		return;
	rq->at = at;
	rq->sectors = e->sectors;
	rq->issued = e->h.end;
	rq->rwbs = e->rwbs;
	rq->stream = REC_NO_STREAM;
	take_parts(w, rq, e->sector);
	if (!rq->queued) {
		t = rec_thread_find(w, (pid_t)e->h.tid);
		rq->stream = t ? rec_thread_stream(w, t, e->h.end) : REC_NO_STREAM;
	}
	HASH_ADD(hh, b->requests, at, sizeof(rq->at), rq);
}

static void rq_done(struct rec_world *w, struct device *d, const struct rec_event_block *e)
{
	struct rec_block *b = w->block;
	struct request *rq = rq_find(b, d->disk, e->sector);
	struct io io;

	if (!rq) { /* issued before the recording began */
		w->totals.io_unissued++;
		d->unissued += (uint64_t)e->sectors * 512;
		return;
	}
	device_define(w, d, false, NULL, NULL);
	io = (struct io){
		.device = d,
		.sector = e->sector,
		.bytes = (uint64_t)e->sectors * 512,
		.rwbs = rq->rwbs,
		.issued = rq->issued,
		.queued = rq->queued,
		.done = e->h.end,
		.stream = rq->stream,
		.ours = rq->ours,
	};
	add_record(w, &io);
	HASH_DEL(b->requests, rq);
	if (e->sectors && e->sectors < rq->sectors) { /* a part of it */
		w->totals.io_parts++;
		rq->at.sector += e->sectors;
		rq->sectors -= e->sectors;
		HASH_ADD(hh, b->requests, at, sizeof(rq->at), rq);
		return;
	}
	free(rq);
}

void rec_block_event(struct rec_world *w, const struct rec_event_block *e, uint32_t kind)
{
	struct device *d = device_get(w, e->dev);

	if (!d)
		return;
	switch (kind) {
	case REC_EV_BIO_QUEUE:
		bio_queued(w, d, e);
		break;
	case REC_EV_BIO_DONE:
		if (d->bio_based)
			bio_done(w, d, e);
		break;
	case REC_EV_RQ_ISSUE:
		rq_issued(w, d, e);
		break;
	case REC_EV_RQ_DONE:
		rq_done(w, d, e);
		break;
	default:
		break;
	}
}

void rec_block_finish(struct rec_world *w)
{
	struct request *rq, *next;

	HASH_ITER (hh, w->block->requests, rq, next)
		rq_lost(w, rq);
}

void rec_block_reads(struct rec_world *w, uint32_t dev, struct rec_block_reads *sum)
{
	struct device *d = device_get(w, dev);

	*sum = (struct rec_block_reads){0};
	if (!d)
		return;
	sum->bytes = d->read;
	sum->unfinished = d->unfinished;
	sum->unissued = d->unissued;
}

void rec_block_free(struct rec_world *w)
{
	struct rec_block *b = w->block;
	struct bio *bio, *next_bio;
	struct request *rq, *next_rq;
	struct device *d, *next_d;

	if (!b)
		return;
	HASH_ITER (hh, b->bios, bio, next_bio)
		bio_remove(b, bio);
	HASH_ITER (hh, b->requests, rq, next_rq)
		rq_remove(b, rq);
	HASH_ITER (hh, b->devices, d, next_d) {
		HASH_DEL(b->devices, d);
		free(d);
	}
	free(b);
	w->block = NULL;
}
