// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/session.h"

#define INTERVAL_NS 500000000ull
#define PATIENCE_NS 2000000000ull /* what takes no longer needs no line */

static struct {
	uint64_t when, faults, bytes;
	bool shown;
} last;

static uint64_t lost(const struct rec_session *s)
{
	return rec_attach_counter(s->attach, REC_C_FAULT_DROPPED) +
	       rec_attach_counter(s->attach, REC_C_DROPPED) + rec_tasklog_lost(s->log) +
	       s->sink.refused;
}

void rec_live_update(struct rec_session *s, uint64_t now)
{
	const struct rec_totals *t = &s->world.totals;
	double seconds = (double)(now - last.when) / 1e9;
	char what[64];

	if (s->opt.quiet || !isatty(STDERR_FILENO) || now < last.when + INTERVAL_NS)
		return;
	if (last.when) {
		double faults = (double)(t->faults - last.faults) / seconds;
		double mib = (double)(t->io_read_bytes - last.bytes) / seconds / (1 << 20);

		if (t->decodes || t->batch_tokens)
			snprintf(what, sizeof(what), "%llu tokens", (unsigned long long)t->decodes);
		else
			snprintf(what, sizeof(what), "%llu evaluations",
				 (unsigned long long)t->evaluations);
		fprintf(stderr, "\r\033[K%7.1f s  %8.0f faults/s  %7.1f MiB/s read  %s  %llu lost",
			(double)(now - s->begin) / 1e9, faults, mib, what,
			(unsigned long long)lost(s));
		fflush(stderr);
		last.shown = true;
	}
	last.when = now;
	last.faults = t->faults;
	last.bytes = t->io_read_bytes;
}

void rec_live_derivation(const struct rec_session *s, uint64_t begun, uint64_t done, uint64_t total)
{
	uint64_t now = host_now_ns();

	if (s->opt.quiet || !isatty(STDERR_FILENO) || now < begun + PATIENCE_NS ||
	    now < last.when + INTERVAL_NS || !total)
		return;
	fprintf(stderr,
		"\r\033[Kderiving the replay program: %.0f %% (Ctrl-C: leave it to faultline prepare)",
		100.0 * (double)done / (double)total);
	fflush(stderr);
	last.shown = true;
	last.when = now;
}

void rec_live_clear(void)
{
	if (last.shown)
		fputs("\r\033[K", stderr);
	last.shown = false;
}
