/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Quantities as people read them. Every function writes into BUF (ANA_TEXT
 * bytes are always enough) and returns it, so that it can be used in place.
 */
#ifndef ANA_UNITS_H
#define ANA_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANA_TEXT 48 /* bytes that hold any quantity below */

/* "1,234,567" */
const char *ana_count(char buf[ANA_TEXT], uint64_t n);
/* "512 B", "64.0 KiB", "4.24 GiB": three significant digits */
const char *ana_bytes(char buf[ANA_TEXT], uint64_t bytes);
/* "12.3": mebibytes without the unit, for columns that name it */
const char *ana_mib(char buf[ANA_TEXT], uint64_t bytes);
/* "250 ns", "12.3 us", "4.56 ms", "1.23 s", "12 min 05 s", "3 h 07 min" */
const char *ana_span(char buf[ANA_TEXT], uint64_t ns);
/* "12.345": seconds without the unit */
const char *ana_seconds(char buf[ANA_TEXT], uint64_t ns);

/* A unit for all times of a table, whose heading names it. */
struct ana_unit {
	const char *name; /* "s" or "ms" */
	uint64_t ns;
};

/* The unit in which times of about so many ns read well with three decimals. */
struct ana_unit ana_unit_for(uint64_t ns);
/* "12.345" of that unit */
const char *ana_in_unit(char buf[ANA_TEXT], uint64_t ns, struct ana_unit unit);
/* "3.14 GiB/s" from bytes moved in NS; "-" if NS is 0 */
const char *ana_rate(char buf[ANA_TEXT], uint64_t bytes, uint64_t ns);

/*
 * Parses "A-B", "A-", "-B" or "A" (whole numbers, A <= B). A missing end is
 * UINT64_MAX. Returns 0 or -EINVAL.
 */
int ana_parse_range(const char *text, uint64_t *first, uint64_t *last);
/* The same for seconds with a fraction ("1.5-3"), returned in ns. */
int ana_parse_seconds(const char *text, uint64_t *first, uint64_t *last);
/* A whole decimal or 0x number that fits, nothing behind it. 0 or -EINVAL. */
int ana_parse_number(const char *text, uint64_t *n);

/*
 * Copies TEXT with what could steer a terminal (control characters, bidirectional
 * overrides, malformed UTF-8) replaced by '?': names and paths come from a file that
 * somebody else may have written. Returns BUF.
 */
const char *ana_safe(char *buf, size_t len, const char *text);
/* Columns that TEXT takes on a terminal: code points of valid UTF-8. */
size_t ana_width(const char *text);

#endif
