// SPDX-License-Identifier: GPL-2.0-only
/* Numbers to text and back; see units.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/units.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

const char *ana_count(char buf[ANA_TEXT], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *out = buf;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

/* Three significant digits, as many decimals as that leaves. */
static int three_digits(char buf[ANA_TEXT], double v, const char *unit)
{
	int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;

	return snprintf(buf, ANA_TEXT, "%.*f%s", decimals, v, unit);
}

const char *ana_bytes(char buf[ANA_TEXT], uint64_t bytes)
{
	static const char *const unit[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, ANA_TEXT, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (v >= 999.5 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		v /= 1024;
		i++;
	}
	three_digits(buf, v, unit[i]);
	return buf;
}

const char *ana_mib(char buf[ANA_TEXT], uint64_t bytes)
{
	snprintf(buf, ANA_TEXT, "%.1f", (double)bytes / (1 << 20));
	return buf;
}

const char *ana_span(char buf[ANA_TEXT], uint64_t ns)
{
	uint64_t s = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);

	if (ns < 1000)
		snprintf(buf, ANA_TEXT, "%" PRIu64 " ns", ns);
	else if (ns < 999500)
		three_digits(buf, (double)ns / 1e3, " us");
	else if (ns < 999500 * 1000ull)
		three_digits(buf, (double)ns / 1e6, " ms");
	else if (s < 120)
		three_digits(buf, (double)ns / 1e9, " s");
	else if (s < 7200)
		snprintf(buf, ANA_TEXT, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
	else
		snprintf(buf, ANA_TEXT, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
	return buf;
}

struct ana_unit ana_unit_for(uint64_t ns)
{
	if (ns < NS_PER_S)
		return (struct ana_unit){"ms", NS_PER_MS};
	return (struct ana_unit){"s", NS_PER_S};
}

const char *ana_in_unit(char buf[ANA_TEXT], uint64_t ns, struct ana_unit unit)
{
	uint64_t step = unit.ns / 1000;
	uint64_t n = ns / step + (ns % step >= step / 2);

	snprintf(buf, ANA_TEXT, "%" PRIu64 ".%03" PRIu64, n / 1000, n % 1000);
	return buf;
}

const char *ana_seconds(char buf[ANA_TEXT], uint64_t ns)
{
	return ana_in_unit(buf, ns, (struct ana_unit){"s", NS_PER_S});
}

const char *ana_rate(char buf[ANA_TEXT], uint64_t bytes, uint64_t ns)
{
	double per_s = ns ? (double)bytes * 1e9 / (double)ns : 0;

	if (!ns || per_s >= 1e18) {
		strcpy(buf, "-");
		return buf;
	}
	ana_bytes(buf, (uint64_t)per_s);
	strcat(buf, "/s");
	return buf;
}

int ana_parse_number(const char *text, uint64_t *n)
{
	int base = 10;
	uint64_t v = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		uint64_t digit;

		if (*text >= '0' && *text <= '9')
			digit = (uint64_t)(*text - '0');
		else if (base == 16 && *text >= 'a' && *text <= 'f')
			digit = (uint64_t)(*text - 'a' + 10);
		else if (base == 16 && *text >= 'A' && *text <= 'F')
			digit = (uint64_t)(*text - 'A' + 10);
		else
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return -EINVAL;
	}
	*n = v;
	return 0;
}

/* Seconds with up to nine decimals, in ns; exact, unlike a double. */
static int parse_decimal(const char *text, uint64_t *ns)
{
	char whole[24];
	const char *dot = strchr(text, '.');
	size_t len = dot ? (size_t)(dot - text) : strlen(text);
	uint64_t v, fraction = 0, unit = NS_PER_S;

	if (!len || len >= sizeof(whole) || (dot && !dot[1]))
		return -EINVAL;
	memcpy(whole, text, len);
	whole[len] = '\0';
	if (ana_parse_number(whole, &v) || __builtin_mul_overflow(v, NS_PER_S, &v))
		return -EINVAL;
	for (const char *p = dot ? dot + 1 : ""; *p; p++) {
		if (*p < '0' || *p > '9' || unit < 10)
			return -EINVAL;
		unit /= 10;
		fraction += (uint64_t)(*p - '0') * unit;
	}
	if (__builtin_add_overflow(v, fraction, ns))
		return -EINVAL;
	return 0;
}

static int parse_ends(const char *text, uint64_t *first, uint64_t *last,
		      int (*parse)(const char *, uint64_t *))
{
	char left[32];
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);

	if (len >= sizeof(left) || (dash && !len && !dash[1]))
		return -EINVAL;
	memcpy(left, text, len);
	left[len] = '\0';
	*first = 0;
	*last = UINT64_MAX;
	if ((len || !dash) && parse(left, first))
		return -EINVAL;
	if (!dash)
		*last = *first;
	else if (dash[1] && parse(dash + 1, last))
		return -EINVAL;
	return *first <= *last ? 0 : -EINVAL;
}

int ana_parse_range(const char *text, uint64_t *first, uint64_t *last)
{
	return parse_ends(text, first, last, ana_parse_number);
}

int ana_parse_seconds(const char *text, uint64_t *first, uint64_t *last)
{
	return parse_ends(text, first, last, parse_decimal);
}

/* Length of the UTF-8 sequence at S and its code point; 0 if malformed. */
static size_t utf8_at(const unsigned char *s, uint32_t *cp)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t v;

	if (!len || s[0] > 0xf4)
		return 0;
	v = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return len;
}

/* What moves the cursor, changes direction or hides itself. */
static bool steers_terminal(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff;
}

const char *ana_safe(char *buf, size_t len, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t used = 0;

	if (!len)
		return buf;
	while (*s) {
		uint32_t cp = 0;
		size_t n = utf8_at(s, &cp);
		bool bad = !n || steers_terminal(cp);
		size_t out = bad ? 1 : n;

		if (used + out >= len)
			break;
		if (bad)
			buf[used] = '?';
		else
			memcpy(buf + used, s, n);
		used += out;
		s += n ? n : 1;
	}
	buf[used] = '\0';
	return buf;
}

size_t ana_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}
