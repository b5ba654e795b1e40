// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Opening a trace. A finished one is found from its end: seek table, index,
 * trailer. Any other is walked from its beginning, directory by directory, up to
 * the first thing that is not whole.
 */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int say(char *err, size_t len, int ret, const char *path, const char *what)
{
	if (err && len)
		snprintf(err, len, "%s: %s", path, what);
	return ret;
}

/* ---- definitions ---- */

static struct def_sort *def_sort(struct flt_reader *r, const char *what, bool make)
{
	struct def_sort *d;

	HASH_FIND_STR(r->sorts, what, d);
	if (d || !make)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->what = strdup(what);
	d->all = json_array();
	if (!d->what || !d->all) {
		free(d->what);
		json_decref(d->all);
		free(d);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, r->sorts, d->what, strlen(d->what), d);
	return d;
}

static int def_add(struct flt_reader *r, const char *what, json_t *obj)
{
	struct def_sort *d = def_sort(r, what, true);
	json_t *id = json_object_get(obj, "id");
	uint64_t n;

	if (!d || json_array_append(d->all, obj))
		return -ENOMEM;
	if (!json_is_integer(id) || json_integer_value(id) < 0)
		return 0;
	n = (uint64_t)json_integer_value(id);
	/* Ids are handed out from 0; a file that says otherwise must not make us
	 * allocate what it likes: those ids are looked up by walking. */
	if (n > 4 * json_array_size(d->all) + 4096) {
		d->sparse = true;
		return 0;
	}
	if (n >= d->cap) {
		size_t cap = (size_t)n * 2 + 64;
		json_t **p = realloc(d->by_id, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		memset(p + d->cap, 0, (cap - d->cap) * sizeof(*p));
		d->by_id = p;
		d->cap = cap;
	}
	d->by_id[n] = obj; /* alive as long as d->all */
	return 0;
}

static int defs_parse(struct flt_reader *r, const uint8_t *p, size_t len)
{
	json_t *all = json_loadb((const char *)p, len, 0, NULL), *pair;
	size_t i;
	int ret = 0;

	if (!json_is_array(all)) {
		json_decref(all);
		return -EBADMSG;
	}
	json_array_foreach (all, i, pair) {
		const char *what = json_string_value(json_array_get(pair, 0));
		json_t *obj = json_array_get(pair, 1);

		if (!what || !json_is_object(obj)) {
			ret = -EBADMSG;
			break;
		}
		ret = def_add(r, what, obj);
		if (ret)
			break;
	}
	json_decref(all);
	return ret;
}

const json_t *flt_definitions(const struct flt_reader *r, const char *what)
{
	struct def_sort *d;

	HASH_FIND_STR(r->sorts, what, d);
	return d ? d->all : r->none;
}

const json_t *flt_definition(const struct flt_reader *r, const char *what, uint64_t id)
{
	struct def_sort *d;
	json_t *obj;
	size_t i;

	HASH_FIND_STR(r->sorts, what, d);
	if (!d)
		return NULL;
	if (id < d->cap && d->by_id[id])
		return d->by_id[id];
	if (!d->sparse)
		return NULL;
	json_array_foreach (d->all, i, obj) {
		json_t *n = json_object_get(obj, "id");

		if (json_is_integer(n) && (uint64_t)json_integer_value(n) == id)
			return obj;
	}
	return NULL;
}

/* ---- sections ---- */

/* Reads and decompresses the frame at OFFSET into r->section. */
static int section_load(struct flt_reader *r, uint64_t offset, size_t len)
{
	int ret;

	if (offset > r->size || len > r->size - offset)
		return -EBADMSG;
	ret = flt_pread(r->fd, offset, len, &r->frame, r->flags & FLT_OPEN_NOCACHE);
	if (ret)
		return ret;
	return flt_decompress(r->frame.data, r->frame.len, &r->section, FLT_MAX_JSON);
}

static int load_json(struct flt_reader *r, uint64_t offset, size_t len, const char *type,
		     json_t **out)
{
	const uint8_t *p;
	size_t n;
	int ret = section_load(r, offset, len);

	if (!ret)
		ret = flt_section_check(r->section.data, r->section.len, type, &p, &n);
	if (ret)
		return ret;
	*out = json_loadb((const char *)p, n, 0, NULL);
	if (!json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return -EBADMSG;
	}
	return 0;
}

static int load_defs(struct flt_reader *r, uint64_t offset, size_t len)
{
	const uint8_t *p;
	size_t n;
	int ret = section_load(r, offset, len);

	if (!ret)
		ret = flt_section_check(r->section.data, r->section.len, FLT_SECTION_DEFS, &p, &n);
	return ret ? ret : defs_parse(r, p, n);
}

static int chunk_push(struct flt_reader *r, const struct flt_chunk_ref *ref)
{
	if (r->nchunks == r->cap_chunks) {
		size_t cap = r->cap_chunks ? r->cap_chunks * 2 : 64;
		struct flt_chunk_ref *p = realloc(r->chunk, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		r->chunk = p;
		r->cap_chunks = cap;
	}
	r->chunk[r->nchunks++] = *ref;
	if (ref->info.layer >= FLT_RECORDING && ref->info.layer <= FLT_SUMMARY)
		r->records[ref->info.layer] += ref->info.records;
	return 0;
}

/* ---- from the end ---- */

static int index_parse(struct flt_reader *r, const uint8_t *p, size_t len)
{
	uint64_t chunks, defs;
	int ret;

	if (len < FLT_INDEX_HEAD)
		return -EBADMSG;
	chunks = flt_get64(p);
	defs = flt_get64(p + 8);
	if (chunks > len / FLT_INDEX_CHUNK || defs > len / FLT_INDEX_DEFS ||
	    len != FLT_INDEX_HEAD + chunks * FLT_INDEX_CHUNK + defs * FLT_INDEX_DEFS)
		return -EBADMSG;
	p += FLT_INDEX_HEAD;
	for (uint64_t i = 0; i < chunks; i++, p += FLT_INDEX_CHUNK) {
		struct flt_chunk_ref c = {0};

		c.info.offset = flt_get64(p);
		c.info.bytes = flt_get64(p + 8);
		c.dir_bytes = flt_get32(p + 16);
		c.info.layer = flt_get32(p + 20);
		c.info.blocks = flt_get32(p + 24);
		c.info.records = flt_get64(p + 32);
		c.info.first_ns = flt_get64(p + 40);
		c.info.last_ns = flt_get64(p + 48);
		c.info.evaluation = flt_get64(p + 56);
		if (c.info.offset > r->size || c.info.bytes > r->size - c.info.offset ||
		    c.dir_bytes > c.info.bytes)
			return -EBADMSG;
		ret = chunk_push(r, &c);
		if (ret)
			return ret;
	}
	/* load_defs() reuses the buffer that P points into: copy the list first. */
	r->defs = calloc(defs ? defs : 1, sizeof(*r->defs));
	if (!r->defs)
		return -ENOMEM;
	r->ndefs = defs;
	for (uint64_t i = 0; i < defs; i++, p += FLT_INDEX_DEFS) {
		r->defs[i].offset = flt_get64(p);
		r->defs[i].bytes = flt_get32(p + 8);
	}
	return 0;
}

static int open_from_end(struct flt_reader *r)
{
	const uint8_t *p, *last;
	uint64_t table, index_at, trailer_at, frames;
	size_t n;
	int ret;

	if (r->size < FLT_SEEK_FOOTER + 8)
		return -EBADMSG;
	ret = flt_pread(r->fd, r->size - FLT_SEEK_FOOTER, FLT_SEEK_FOOTER, &r->frame, false);
	if (ret)
		return ret;
	frames = flt_get32(r->frame.data);
	if (flt_get32(r->frame.data + 5) != FLT_SEEKABLE_MAGIC || frames < 3 ||
	    r->frame.data[4] != 0)
		return -EBADMSG;
	table = 8 + frames * 8 + FLT_SEEK_FOOTER;
	if (table > r->size)
		return -EBADMSG;
	ret = flt_pread(r->fd, r->size - table, 8, &r->frame, false);
	if (ret)
		return ret;
	if (flt_get32(r->frame.data) != FLT_SKIPPABLE_MAGIC ||
	    flt_get32(r->frame.data + 4) != table - 8)
		return -EBADMSG;
	/* The last two entries are trailer and index. */
	ret = flt_pread(r->fd, r->size - FLT_SEEK_FOOTER - 16, 16, &r->frame, false);
	if (ret)
		return ret;
	last = r->frame.data;
	index_at = (uint64_t)flt_get32(last + 8);
	trailer_at = (uint64_t)flt_get32(last);
	if (index_at + trailer_at + table > r->size)
		return -EBADMSG;
	index_at = r->size - table - index_at;
	trailer_at = index_at - trailer_at;
	ret = load_json(r, trailer_at, index_at - trailer_at, FLT_SECTION_TRAILER, &r->trailer);
	if (!ret)
		ret = section_load(r, index_at, r->size - table - index_at);
	if (!ret)
		ret = flt_section_check(r->section.data, r->section.len, FLT_SECTION_INDEX, &p, &n);
	if (!ret)
		ret = index_parse(r, p, n);
	for (size_t i = 0; !ret && i < r->ndefs; i++)
		ret = load_defs(r, r->defs[i].offset, r->defs[i].bytes);
	return ret;
}

/* ---- from the beginning ---- */

/*
 * Are all blocks of the directory there (-EBADMSG) and their checksums right
 * (-EILSEQ)? In the second case the file goes on behind the chunk.
 */
static int blocks_check(struct flt_reader *r, const struct flt_directory *d)
{
	int bad = 0;

	for (uint32_t i = 0; i < d->info.blocks; i++) {
		const struct flt_dir_entry *e = &d->entry[i];
		int ret;

		if (e->offset > r->size || e->bytes > r->size - e->offset)
			return -EBADMSG;
		ret = flt_pread(r->fd, e->offset, e->bytes, &r->frame, r->flags & FLT_OPEN_NOCACHE);
		if (ret)
			return ret;
		if (flt_frame_hash(r->frame.data, r->frame.len) != e->hash)
			bad = -EILSEQ;
	}
	return bad;
}

/* Takes the section at OFFSET; *LEN becomes what it covers, blocks included. */
static int scan_one(struct flt_reader *r, uint64_t offset, size_t *len)
{
	struct flt_chunk_ref ref = {0};
	struct flt_directory d;
	const uint8_t *p;
	size_t n;
	int ret = section_load(r, offset, *len);

	if (ret)
		return ret;
	if (!flt_section_check(r->section.data, r->section.len, FLT_SECTION_DEFS, &p, &n))
		return defs_parse(r, p, n);
	if (flt_section_check(r->section.data, r->section.len, FLT_SECTION_CHUNK, &p, &n))
		return 0; /* trailer or index of an earlier ending, or something newer */
	ret = flt_directory_parse(&d, p, n, offset, (uint32_t)*len);
	if (ret)
		return ret;
	ret = blocks_check(r, &d);
	if (!ret) {
		ref.info = d.info;
		ref.dir_bytes = d.bytes;
		ret = chunk_push(r, &ref);
	} else if (ret == -EILSEQ) {
		snprintf(r->reason, sizeof(r->reason), "the chunk at byte %llu is damaged",
			 (unsigned long long)offset);
		ret = 0;
	}
	*len = (size_t)d.info.bytes;
	flt_directory_free(&d);
	return ret;
}

static int open_from_start(struct flt_reader *r)
{
	uint64_t at = r->header_bytes;

	while (at < r->size) {
		size_t len;
		int ret = flt_frame_length(r->fd, at, r->size, &r->frame, &len);

		if (!ret && flt_get32(r->frame.data) != FLT_SKIPPABLE_MAGIC)
			ret = scan_one(r, at, &len);
		if (ret == -ENOMEM || ret == -EIO)
			return ret;
		if (ret) {
			snprintf(r->reason, sizeof(r->reason),
				 "damaged or cut short at byte %llu of %llu",
				 (unsigned long long)at, (unsigned long long)r->size);
			return 0;
		}
		at += len;
	}
	if (!r->reason[0])
		snprintf(r->reason, sizeof(r->reason),
			 "it has no trailer: the recording was cut short");
	return 0;
}

/* ---- opening ---- */

static int header_load(struct flt_reader *r, const char *path, char *err, size_t errlen)
{
	json_t *version;
	size_t len;
	int ret;

	if (!r->size)
		return say(err, errlen, -EBADMSG, path, "the file is empty");
	ret = flt_frame_length(r->fd, 0, r->size, &r->frame, &len);
	if (!ret)
		ret = load_json(r, 0, len, FLT_SECTION_HEADER, &r->header);
	if (ret == -EBADMSG)
		return say(err, errlen, ret, path,
			   "not a Faultline trace, or its header is damaged");
	if (ret)
		return say(err, errlen, ret, path, strerror(-ret));
	r->header_bytes = len;
	version = json_array_get(json_object_get(r->header, "version"), 0);
	if (!json_is_integer(version) || json_integer_value(version) < 1)
		return say(err, errlen, -EBADMSG, path, "the header names no format version");
	if (json_integer_value(version) > FLT_VERSION_MAJOR)
		return say(err, errlen, -EPROTO, path,
			   "written by a newer Faultline; update this one to read it");
	return 0;
}

int flt_open(struct flt_reader **out, const char *path, unsigned int flags, char *err,
	     size_t errlen)
{
	struct flt_reader *r = calloc(1, sizeof(*r));
	struct stat st;
	int ret;

	if (err && errlen)
		err[0] = 0;
	if (!r)
		return say(err, errlen, -ENOMEM, path, strerror(ENOMEM));
	r->flags = flags;
	r->none = json_array();
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &st)) {
		ret = say(err, errlen, -errno, path, strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		say(err, errlen, ret, path, "not a regular file");
		goto fail;
	}
	r->size = (uint64_t)st.st_size;
	ret = header_load(r, path, err, errlen);
	if (ret)
		goto fail;
	ret = open_from_end(r);
	if (!ret) {
		r->finished = true;
	} else if (ret == -EBADMSG) {
		flt_reader_forget(r);
		ret = open_from_start(r);
	}
	if (ret) {
		say(err, errlen, ret, path, strerror(-ret));
		goto fail;
	}
	*out = r;
	return 0;
fail:
	flt_close(r);
	return ret;
}

/* Forgets all but the header, for a second attempt. */
void flt_reader_forget(struct flt_reader *r)
{
	struct def_sort *d, *next;

	HASH_ITER (hh, r->sorts, d, next) {
		HASH_DELETE(hh, r->sorts, d);
		json_decref(d->all);
		free(d->by_id);
		free(d->what);
		free(d);
	}
	free(r->defs);
	r->defs = NULL;
	r->ndefs = 0;
	r->nchunks = 0;
	memset(r->records, 0, sizeof(r->records));
	json_decref(r->trailer);
	r->trailer = NULL;
}

void flt_close(struct flt_reader *r)
{
	if (!r)
		return;
	flt_reader_forget(r);
	if (r->fd >= 0)
		close(r->fd);
	json_decref(r->header);
	json_decref(r->none);
	free(r->chunk);
	flt_buf_free(&r->frame);
	flt_buf_free(&r->section);
	free(r);
}

bool flt_finished(const struct flt_reader *r)
{
	return r->finished;
}

const char *flt_unfinished_reason(const struct flt_reader *r)
{
	return r->finished ? NULL : r->reason;
}

uint64_t flt_file_size(const struct flt_reader *r)
{
	return r->size;
}

const json_t *flt_header(const struct flt_reader *r)
{
	return r->header;
}

const json_t *flt_trailer(const struct flt_reader *r)
{
	return r->trailer;
}

size_t flt_chunk_count(const struct flt_reader *r)
{
	return r->nchunks;
}

const struct flt_chunk_info *flt_chunk_info(const struct flt_reader *r, size_t i)
{
	return i < r->nchunks ? &r->chunk[i].info : NULL;
}

uint64_t flt_record_count(const struct flt_reader *r, enum flt_layer layer)
{
	return layer >= FLT_RECORDING && layer <= FLT_SUMMARY ? r->records[layer] : 0;
}
