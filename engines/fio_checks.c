// SPDX-License-Identifier: GPL-2.0-only
#include "engines/fio_checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verify.h"

static const char *what_is_wrong(struct thread_data *td, uint32_t jobs)
{
	const struct thread_options *o = &td->o;

	if (o->odirect)
		return "direct=1: a replay goes through the page cache and page faults, O_DIRECT through neither; use direct=0";
	if (td_write(td) || td_trim(td))
		return "rw=: a replay only reads, data files are never written to; leave rw= out";
	if (td_random(td))
		return "rw=randread: the trace says in which order is read; leave rw= out";
	if (o->verify != VERIFY_NONE || o->verify_only)
		return "verify=: a replay touches pages and compares nothing; leave it out";
	if (o->thinktime || o->thinktime_spin)
		return "thinktime=: the trace has its own compute between touches; leave it out (pace= and cpu_scale= change it)";
	if ((o->rate[DDIR_READ] || o->rate_iops[DDIR_READ]) && jobs > 1)
		return "rate= and rate_iops= slow down each lane on its own, and lanes meet at barriers: only possible with one job";
	if (o->iodepth > 1)
		return "iodepth=: a thread has one page fault at a time; leave it out";
	if (o->io_submit_mode == IO_MODE_OFFLOAD)
		return "io_submit_mode=offload: a lane has to touch pages in its own thread; leave it out";
	if (o->mem_type == MEM_SHMHUGE || o->mem_type == MEM_MMAPHUGE)
		return "mem=: huge pages for fio's buffers are taken from the memory that the replay measures; leave it out";
	if (!o->create_serialize)
		return "create_serialize=0: everything has to be checked before the first job starts; leave it out";
	if (o->pre_read)
		return "pre_read=1: the files would be in memory before the replay begins; leave it out";
	if (o->unlink || o->unlink_each_loop)
		return "unlink=: data files may be somebody's model; they are never removed";
	if (o->read_iolog_file)
		return "read_iolog=: there is a trace already; leave it out";
	if (o->zone_mode != ZONE_MODE_NONE && o->zone_mode != ZONE_MODE_NOT_SPECIFIED)
		return "zonemode=: offsets come from the trace; leave it out";
	if (o->fill_device)
		return "fill_device=: a replay only reads; leave it out";
	if (o->directory && strchr(o->directory, ':') && !o->filename)
		return "directory=: one directory has to hold all data files of a trace";
	return NULL;
}

int eng_fio_check(struct thread_data *td, uint32_t jobs, struct host_err *err)
{
	const char *text = what_is_wrong(td, jobs);

	return text ? host_fail(err, -EINVAL, "%s", text) : 0;
}

void eng_fio_note_ignored(struct thread_data *td)
{
	struct thread_options *o = &td->o;
	char list[256] = "";

#define NOTE(FIELD, NAME)                                                                        \
	if (fio_option_is_set(o, FIELD))                                                         \
	snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s=", list[0] ? ", " : "", \
		 NAME)
	NOTE(bs, "bs");
	NOTE(size, "size");
	NOTE(io_size, "io_size");
	NOTE(start_offset, "offset");
	NOTE(random_distribution, "random_distribution");
#undef NOTE
	if (list[0] && (output_format & FIO_OUTPUT_NORMAL))
		log_info("faultline: %s: no effect, the trace says what is read\n", list);
}

static int same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

const char *eng_settings_differ(const struct eng_settings *a, const struct eng_settings *b)
{
	if (a->streams != b->streams)
		return "streams";
	if (a->chunks != b->chunks)
		return "chunks";
	if (a->waits != b->waits)
		return "waits";
	if (a->limit_type != b->limit_type)
		return "memory_limit_type";
	if (a->hints != b->hints)
		return "hints";
	if (!same_text(a->tokens, b->tokens))
		return "tokens";
	if (a->warmup != b->warmup)
		return "warmup";
	if (!same_text(a->phases, b->phases))
		return "phases";
	if (a->footprint != b->footprint)
		return "footprint";
	if (!same_text(a->result, b->result))
		return "result";
	return NULL;
}

const char *eng_fio_options_differ(const struct thread_data *a, const struct thread_data *b)
{
	const struct thread_options *o = &a->o, *p = &b->o;

	if (o->loops != p->loops)
		return "loops";
	if (!o->time_based != !p->time_based)
		return "time_based";
	if (!o->invalidate_cache != !p->invalidate_cache)
		return "invalidate";
	if (!o->create_only != !p->create_only)
		return "create_only";
	return NULL;
}
