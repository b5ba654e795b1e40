/* SPDX-License-Identifier: GPL-2.0-only */
/* Which records of a trace somebody wants to see. */
#ifndef ANA_SELECTION_H
#define ANA_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/common.h"

struct ana_selection {
	enum flt_layer layer;
	uint64_t kinds;                 /* one bit for each kind */
	bool unknown_kinds;             /* also those that this version does not know */
	bool *stream;                   /* wanted, by position among the definitions; NULL: all */
	struct ana_ids streams;         /* streams, or lanes of a program */
	uint64_t from_ns, to_ns;        /* records that overlap this */
	uint64_t first_eval, last_eval; /* by their numbers; 0 .. UINT64_MAX: all */
	uint64_t eval_from, eval_to;    /* the same as times: records that start in there */
	uint64_t last_end;              /* no record that ends after this can be wanted */
};

/* Everything in a layer. 0 or -ENOMEM; ana_selection_free() in any case. */
int ana_select_all(struct ana_selection *sel, struct flt_reader *r, enum flt_layer layer);

/*
 * Narrows it down; LIST has its items separated by commas. -EINVAL: BAD (of LEN bytes) names
 * the item that is not there.
 */
int ana_select_kinds(struct ana_selection *sel, const char *list, char *bad, size_t len);
/* Streams by id (BY "id"), thread id ("tid"), or the thread's name ("tid", too). */
int ana_select_streams(struct ana_selection *sel, const char *list, const char *by, char *bad,
		       size_t len);
/* Evaluations by number, 0 being the load phase. -ENODATA: the trace has no marks. */
int ana_select_evaluations(struct ana_selection *sel, struct flt_reader *r, uint64_t first,
			   uint64_t last);
/* To be called last: works out where reading may begin and end. */
void ana_select_done(struct ana_selection *sel, struct flt_reader *r);

bool ana_selected(const struct ana_selection *sel, const struct flt_record *rec);
void ana_selection_free(struct ana_selection *sel);

#endif
