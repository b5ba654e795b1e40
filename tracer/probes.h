/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/probes.h: which functions are probed, and attaching to them when a file that has them is
 * first seen.
 *
 * Engines load what computes at run time (llama.cpp its CPU backend of the right instruction set), so
 * every file that a recorded process maps for execution is looked through once. A probe belongs to
 * the file: it holds for every process and for every later mapping.
 */
#ifndef REC_PROBES_H
#define REC_PROBES_H

#include "host/util.h"
#include "tracer/attach.h"
#include "tracer/options.h"
#include "tracer/world.h"

struct rec_probes;

int rec_probes_open(struct rec_probes **p, struct rec_attach *a, struct rec_world *w,
		    const struct rec_options *o, struct host_err *err);
void rec_probes_close(struct rec_probes *p);

/* Looks through a file that is going to be mapped, and probes it at once. */
void rec_probes_file(struct rec_probes *p, const char *path);
/* A mapping, as the log tells of it: a rec_mapping_fn, ARG is the probes. */
void rec_probes_mapping(void *arg, const struct rec_event_mapping *mapping);
/*
 * To be called every few milliseconds: a mapped file is probed when it has stayed for a moment, since
 * plug-ins are tried one after the other, and removing a probe takes the kernel a tenth of a second.
 */
void rec_probes_poll(struct rec_probes *p, uint64_t now);
/* When the next call of rec_probes_poll() has something to do; UINT64_MAX: nothing is waiting. */
uint64_t rec_probes_due(const struct rec_probes *p);
/* All files that a process has mapped, at once. */
void rec_probes_process(struct rec_probes *p, pid_t pid);

/*
 * SYMBOL@FILE of the i-th function by which evaluations were told, best ones first, as --mark takes it: with
 * it another run of the command has its probes before it starts. False behind the last one.
 */
bool rec_probes_mark(const struct rec_probes *p, unsigned int i, char *spec, size_t size);
/* "ggml_barrier in libggml-cpu.so": the I-th probe for people; NULL after the last. */
const char *rec_probes_text(const struct rec_probes *p, unsigned int i, char *buf, size_t size);

#endif
