/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/zap_maps.h: which mappings of a process may lose their page-table entries without losing data.
 *
 * MADV_DONTNEED throws away what a private mapping has of its own. So a mapping is taken only if it is
 * of a file, and either shared, or private, not writable, and without a page of its own.
 */
#ifndef REC_ZAP_MAPS_H
#define REC_ZAP_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define REC_ZAP_MAPPINGS 64 /* more are left alone: split models have some dozens */

/* The smallest mapping that is taken for a model's; those of *.gguf and *.safetensors may be smaller. */
#define REC_ZAP_SMALLEST (16ull << 20)

enum rec_zap_refusal {
	REC_ZAP_FINE,
	REC_ZAP_WRITABLE, /* private and writable */
	REC_ZAP_COPIES,   /* private, with pages that differ from the file's */
	REC_ZAP_LOCKED,   /* mlock() */
	REC_ZAP_DEVICE,   /* not of pages */
	REC_ZAP_UNKNOWN,  /* the kernel does not tell */
};

struct rec_zap_mapping {
	uint64_t addr, length;
	uint64_t dev, ino, offset;
	bool shared, writable;
	enum rec_zap_refusal refused;
	char name[64]; /* the file's, without folders */
};

struct rec_zap_maps {
	struct rec_zap_mapping mapping[REC_ZAP_MAPPINGS];
	unsigned int count;
};

/* Collects the candidates of a text like /proc/PID/maps; their refusals are not known yet. */
void rec_zap_maps_parse(struct rec_zap_maps *m, const char *maps);
/* Looks the candidates up in a text like /proc/PID/smaps and says which are refused. */
void rec_zap_maps_judge(struct rec_zap_maps *m, const char *smaps);

/*
 * Brings *m, which belongs to process PID and is all zero at first, up to date. The cheap list is read
 * every time, the expensive one only after a change in that, or if it is DOUBTED. 0 or -errno (-ENOENT, -ESRCH: the process is gone).
 */
int rec_zap_maps_read(struct rec_zap_maps *m, pid_t pid, bool doubted);

/* "is locked in memory": the rest of a sentence that begins with the mapping's name. */
const char *rec_zap_refusal_text(enum rec_zap_refusal refused);

#endif
