// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tracer/zap_maps.h"

#define SMALLEST_NAMED (1ull << 20)
#define TEXT_STEP      65536

/* One line of a map. */
struct line {
	unsigned long long start, end, offset, ino;
	unsigned int major, minor;
	char prot[8];
	const char *path;
	size_t path_length;
};

static bool parse_line(const char *text, struct line *l)
{
	int at = 0;

	if (sscanf(text, "%llx-%llx %7s %llx %x:%x %llu%n", &l->start, &l->end, l->prot, &l->offset,
		   &l->major, &l->minor, &l->ino, &at) < 7)
		return false;
	text += at;
	text += strspn(text, " ");
	l->path = text;
	l->path_length = strcspn(text, "\n");
	return l->end > l->start;
}

static bool ends_with(const struct line *l, const char *end)
{
	size_t n = strlen(end);

	return l->path_length >= n && !strncasecmp(l->path + l->path_length - n, end, n);
}

static bool begins_with(const struct line *l, const char *begin)
{
	size_t n = strlen(begin);

	return l->path_length >= n && !strncmp(l->path, begin, n);
}

/* Shared memory and devices have inodes, too. */
static bool is_file(const struct line *l)
{
	if (!l->ino || l->path[0] != '/')
		return false;
	if (begins_with(l, "/memfd:") || begins_with(l, "/SYSV") ||
	    begins_with(l, "/anon_hugepage"))
		return false;
	return !begins_with(l, "/dev/") || begins_with(l, "/dev/shm/");
}

static bool is_candidate(const struct line *l)
{
	uint64_t smallest = ends_with(l, ".gguf") || ends_with(l, ".safetensors")
				    ? SMALLEST_NAMED
				    : REC_ZAP_SMALLEST;

	return l->prot[2] != 'x' && is_file(l) && l->end - l->start >= smallest;
}

static uint64_t dev_of(const struct line *l)
{
	return (uint64_t)l->major << 32 | l->minor;
}

/* A library's data is not a model, however large: the file is mapped for execution elsewhere. */
static void forget_programs(struct rec_zap_maps *m, const char *maps)
{
	struct line l;

	for (const char *at = maps; m->count && at && *at;) {
		unsigned int kept = 0;

		if (parse_line(at, &l) && l.prot[2] == 'x' && l.ino) {
			for (unsigned int i = 0; i < m->count; i++)
				if (m->mapping[i].ino != l.ino || m->mapping[i].dev != dev_of(&l))
					m->mapping[kept++] = m->mapping[i];
			m->count = kept;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
}

void rec_zap_maps_parse(struct rec_zap_maps *m, const char *maps)
{
	struct line l;

	memset(m, 0, sizeof(*m));
	for (const char *at = maps; at && *at && m->count < REC_ZAP_MAPPINGS;) {
		if (parse_line(at, &l) && is_candidate(&l)) {
			struct rec_zap_mapping *p = &m->mapping[m->count++];
			const char *name = memrchr(l.path, '/', l.path_length);

			name = name ? name + 1 : l.path;
			p->addr = l.start;
			p->length = l.end - l.start;
			p->dev = dev_of(&l);
			p->ino = l.ino;
			p->offset = l.offset;
			p->shared = l.prot[3] == 's';
			p->writable = l.prot[1] == 'w';
			p->refused = REC_ZAP_UNKNOWN;
			snprintf(p->name, sizeof(p->name), "%.*s",
				 (int)(l.path + l.path_length - name), name);
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	forget_programs(m, maps);
}

/* A field of the block that TEXT stands in, in kB; the block ends with VmFlags. */
static bool field(const char *text, const char *end, const char *key, unsigned long long *kib)
{
	size_t n = strlen(key);

	while (text && text < end) {
		if (!strncmp(text, key, n))
			return sscanf(text + n, "%llu", kib) == 1;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return false;
}

static bool has_flag(const char *flags, const char *flag)
{
	const char *end = flags + strcspn(flags, "\n");
	char word[8];

	snprintf(word, sizeof(word), " %s", flag);
	for (const char *at = strstr(flags, word); at && at < end; at = strstr(at + 1, word))
		if (at[3] == ' ' || at[3] == '\n' || !at[3])
			return true;
	return false;
}

static enum rec_zap_refusal judge(const struct rec_zap_mapping *p, const char *block)
{
	const char *flags = strstr(block, "\nVmFlags:");
	unsigned long long own, swapped = 0;

	if (!flags)
		return REC_ZAP_UNKNOWN;
	flags++;
	if (has_flag(flags, "lo"))
		return REC_ZAP_LOCKED;
	if (has_flag(flags, "pf") || has_flag(flags, "io") || has_flag(flags, "ht"))
		return REC_ZAP_DEVICE;
	if (p->shared)
		return REC_ZAP_FINE;
	if (p->writable)
		return REC_ZAP_WRITABLE;
	if (!field(block, flags, "Anonymous:", &own))
		return REC_ZAP_UNKNOWN;
	field(block, flags, "Swap:", &swapped);
	return own || swapped ? REC_ZAP_COPIES : REC_ZAP_FINE;
}

void rec_zap_maps_judge(struct rec_zap_maps *m, const char *smaps)
{
	struct line l;

	for (unsigned int i = 0; i < m->count; i++)
		m->mapping[i].refused = REC_ZAP_UNKNOWN;
	for (const char *at = smaps; at && *at;) {
		bool head = parse_line(at, &l);

		for (unsigned int i = 0; head && i < m->count; i++) {
			struct rec_zap_mapping *p = &m->mapping[i];

			/* between the two readings it may have become another one */
			if (p->addr == l.start && p->length == l.end - l.start && p->ino == l.ino &&
			    p->writable == (l.prot[1] == 'w') && p->shared == (l.prot[3] == 's'))
				p->refused = judge(p, at);
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
}

/* The whole of a file of /proc, whose size nobody knows; to be freed. NULL with errno. */
static char *read_text(pid_t pid, const char *name)
{
	size_t used = 0, room = TEXT_STEP;
	char path[64], *text = NULL;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while (n > 0) {
		char *more = realloc(text, room);

		if (!more)
			break;
		text = more;
		n = read(fd, text + used, room - used - 1);
		if (n > 0)
			used += (size_t)n;
		if (room - used < TEXT_STEP / 2)
			room *= 2;
	}
	close(fd);
	if (text)
		text[used] = '\0';
	if (n < 0) {
		free(text);
		text = NULL;
	}
	return text;
}

static bool is_same(const struct rec_zap_maps *a, const struct rec_zap_maps *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned int i = 0; i < a->count; i++) {
		const struct rec_zap_mapping *p = &a->mapping[i], *q = &b->mapping[i];

		if (p->addr != q->addr || p->length != q->length || p->ino != q->ino ||
		    p->dev != q->dev || p->offset != q->offset || p->shared != q->shared ||
		    p->writable != q->writable)
			return false;
	}
	return true;
}

int rec_zap_maps_read(struct rec_zap_maps *m, pid_t pid, bool doubted)
{
	struct rec_zap_maps now;
	char *text = read_text(pid, "maps");

	if (!text)
		return errno ? -errno : -ENOMEM;
	rec_zap_maps_parse(&now, text);
	free(text);
	if (!doubted && is_same(&now, m))
		return 0;
	*m = now;
	if (!m->count)
		return 0;
	text = read_text(pid, "smaps");
	rec_zap_maps_judge(m, text ? text : "");
	free(text);
	return 0;
}

const char *rec_zap_refusal_text(enum rec_zap_refusal refused)
{
	switch (refused) {
	case REC_ZAP_WRITABLE:
		return "is mapped private and writable: dropping its pages could lose data";
	case REC_ZAP_COPIES:
		return "has private copies of pages: dropping them would lose data";
	case REC_ZAP_LOCKED:
		return "is locked in memory (mlock): run without it";
	case REC_ZAP_DEVICE:
		return "is no mapping of a file's pages";
	case REC_ZAP_UNKNOWN:
		return "does not show in smaps whether it has private copies";
	case REC_ZAP_FINE:
		break;
	}
	return "is fine";
}
