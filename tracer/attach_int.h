/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/attach_int.h: what attach.c and attach_read.c share.
 */
#ifndef REC_ATTACH_INT_H
#define REC_ATTACH_INT_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tracer/attach.h"
#include "tracer/hooks.skel.h"

struct fault_events {
	int fd[3]; /* start, major, minor */
};

struct ring_source {
	struct rec_attach *attach;
	unsigned int cpu;
};

struct rec_attach {
	struct hooks *bpf;
	struct rec_capabilities can;
	int tracefs;
	unsigned int cpus, ring_bytes;
	struct ring_buffer *rings;
	struct ring_source *source;
	struct rec_merge *merge; /* while draining */
	int drain_error;
	uint64_t received;
	struct fault_events *faults;
	size_t nfaults;
	int *tracepoint;
	size_t ntracepoints;
	struct bpf_link **probe;
	size_t nprobes;
};

/* The tracepoint that a program is for; "" if it is for none. */
const char *rec_attach_hook(const char *program);

#endif
