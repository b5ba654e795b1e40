/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/symbols.h: functions of ELF files, by name.
 */
#ifndef REC_SYMBOLS_H
#define REC_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct rec_symbol {
	const char *name; /* in: the whole name, or with a '*' at the end how it begins */
	uint64_t offset;  /* out: in the file; 0 if the file does not have it */
};

/*
 * Looks for N functions in PATH's symbol tables (the full one, then the dynamic one). The number that
 * was found, or -errno (-ENOEXEC: not an ELF file).
 */
int rec_symbols_find(const char *path, struct rec_symbol *symbols, size_t n);

#endif
