// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Copies of a trace: with its program derived anew, and fit to be given away. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- what a trace tells about the machine that it was made on ---- */

/* "/home/me/models/x.gguf" becomes "x.gguf". */
static json_t *without_folders(const json_t *v)
{
	const char *text, *slash, *key;
	json_t *out, *item;
	size_t i;

	if (json_is_string(v)) {
		text = json_string_value(v);
		slash = strrchr(text, '/');
		/* A path is one word; sentences stay as they are. */
		if (!slash || !slash[1] || strpbrk(text, " \t\n"))
			slash = NULL;
		return json_string(slash ? slash + 1 : text);
	}
	if (json_is_array(v)) {
		out = json_array();
		json_array_foreach (v, i, item)
			json_array_append_new(out, without_folders(item));
		return out;
	}
	if (json_is_object(v)) {
		out = json_object();
		json_object_foreach ((json_t *)v, key, item)
			json_object_set_new(out, key, without_folders(item));
		return out;
	}
	return json_deep_copy(v);
}

static void remove_key(json_t *obj, const char *inner, const char *key)
{
	json_object_del(inner ? json_object_get(obj, inner) : obj, key);
}

/* A header that can be given away: no names of people, hosts or folders. */
static json_t *private_header(const json_t *header)
{
	static const char *const top[] = {"user", "cwd", "environment", "host"};
	json_t *h = json_deep_copy(header), *command, *machine;

	if (!h)
		return NULL;
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		remove_key(h, NULL, top[i]);
	command = json_object_get(h, "command");
	if (command)
		json_object_set_new(h, "command", without_folders(command));
	machine = json_object_get(h, "machine");
	remove_key(machine, "kernel", "command_line");
	remove_key(machine, "cgroup", "own");
	remove_key(machine, NULL, "hostname");
	return h;
}

/* ---- a copy with a program derived anew ---- */

/* Definitions that a program needs, or all but those of an old program. */
static int define_again(struct flt_reader *r, struct flt_writer *w, bool program_only, bool private)
{
	struct def_sort *d, *next;
	json_t *obj;
	size_t i;
	int ret;

	HASH_ITER (hh, r->sorts, d, next) {
		if (!strcmp(d->what, "lane") || !strcmp(d->what, "program"))
			continue;
		if (program_only && strcmp(d->what, "file") && strcmp(d->what, "region") &&
		    strcmp(d->what, "symbol"))
			continue;
		json_array_foreach (d->all, i, obj) {
			/* A program names files only; regions tell how the model was mapped. */
			if (program_only && !strcmp(d->what, "region") &&
			    !json_is_integer(json_object_get(obj, "file")))
				continue;
			ret = flt_writer_define(w, d->what,
						private ? without_folders(obj) : json_incref(obj));
			if (ret)
				return ret;
		}
	}
	return 0;
}

int flt_prepare_copy(struct flt_reader *in, const char *out, const struct flt_prepare_options *opt,
		     struct flt_prepare_stats *st)
{
	bool program_only = opt && opt->program_only;
	bool private = opt && opt->private_copy;
	struct flt_writer *w = NULL;
	json_t *trailer = NULL, *header;
	int ret;

	header = private ? private_header(in->header) : json_incref(in->header);
	if (!header)
		return -ENOMEM;
	ret = flt_writer_like(&w, out, in, header);
	json_decref(header);
	if (ret)
		return ret;
	ret = define_again(in, w, program_only, private);
	if (!ret && !program_only)
		ret = flt_copy_recording(in, w);
	if (!ret)
		ret = flt_prepare(in, w, opt, st);
	if (ret)
		goto fail;
	trailer = !in->trailer ? json_object()
		  : private    ? without_folders(in->trailer)
			       : json_deep_copy(in->trailer);
	if (!in->trailer)
		json_object_set_new(trailer, "complete", json_false());
	json_object_set_new(trailer, "program", flt_prepare_json(st));
	ret = flt_writer_finish(&w, trailer);
	json_decref(trailer);
	if (!ret)
		return 0;
fail:
	flt_writer_abort(&w);
	unlink(out);
	return ret;
}
