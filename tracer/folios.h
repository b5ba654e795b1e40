/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/folios.h: in what pieces the page cache has a file. A fault may map a large folio as a whole.
 */
#ifndef REC_FOLIOS_H
#define REC_FOLIOS_H

#include <stdint.h>

/*
 * The share (0 to 1) of the file's resident pages that are in pieces of more than BYTES, by a sample of a
 * thousand of them; nothing is read from the drive. Below 0: the kernel does not tell (no
 * /proc/kpageflags, not permitted), or nothing is resident.
 */
double rec_folios_larger(const char *path, uint64_t bytes);

#endif
