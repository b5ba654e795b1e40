// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tracer/probes.h"
#include "tracer/symbols.h"

/* A plug-in that is only asked whether it would fit is gone by then. */
#define SETTLE_NS 4000000ull
/* A barrier of a rank above 0 is what better ones are made of: it is probed when an evaluation has begun
 * and no better one is there, or, where evaluations are not known, after a while. */
#define FALLBACK_NS 1000000000ull

struct candidate {
	const char *name;
	int rank; /* the lowest counts */
	bool barrier;
	uint32_t cookie;
	char *file;  /* only there; NULL: anywhere */
	char *owned; /* the name, if it is to be freed */
};

/*
 * The function that computes one pass over the model, innermost first; the outer ones may still know
 * how many tokens the pass is for. A function that is called several times in a pass comes last.
 */
static const struct candidate default_marks[] = {
	{.name = "ggml_backend_sched_graph_compute_async", .rank = 0},
	/* our own engine's: a recording of a replay */
	{.name = "faultline_evaluation", .rank = 0, .cookie = REC_COOKIE_POINT},
	{.name = "_ZN13llama_context14process_ubatchE*", .rank = 1, .cookie = REC_COOKIE_UBATCH},
	{.name = "llama_decode", .rank = 2, .cookie = REC_COOKIE_BATCH},
	{.name = "llama_encode", .rank = 2, .cookie = REC_COOKIE_BATCH},
	{.name = "llama_process", .rank = 2},
	{.name = "ggml_graph_compute", .rank = 3},
};

static const struct candidate default_barriers[] = {
	{.name = "faultline_barrier",
	 .rank = 0,
	 .barrier = true,
	 .cookie = REC_COOKIE_GROUP_ARG | REC_COOKIE_GENERATION},
	{.name = "ggml_barrier", .rank = 0, .barrier = true, .cookie = REC_COOKIE_GROUP_ARG},
	{.name = "GOMP_barrier", .rank = 1, .barrier = true},
	{.name = "__kmpc_barrier", .rank = 1, .barrier = true},
};

#define CANDIDATES_MAX (2 * REC_NAMES_MAX)

struct probe {
	const struct candidate *candidate;
	int error; /* of attaching */
	char *path;
};

struct seen_file {
	uint64_t dev, ino;
};

struct pending_file {
	pid_t pid;
	uint64_t start, end, ino;
	uint64_t due;
	bool fallback; /* looked through, but for barriers of second choice */
	char *path;
};

struct rec_probes {
	struct rec_attach *attach;
	struct rec_world *world;
	struct candidate candidate[CANDIDATES_MAX];
	unsigned int candidates;
	int barrier_rank;    /* of the best barrier that is probed */
	struct probe *probe; /* by symbol id */
	unsigned int probes;
	struct seen_file *seen;
	unsigned int nseen;
	struct pending_file *pending;
	unsigned int npending;
};

static void add_defaults(struct rec_probes *p, const struct candidate *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->candidate[p->candidates++] = list[i];
}

/* A function that is known by name keeps what is known of its arguments. */
static uint32_t cookie_of(const char *name, bool barrier)
{
	const struct candidate *list = barrier ? default_barriers : default_marks;
	size_t n = barrier ? sizeof(default_barriers) / sizeof(list[0])
			   : sizeof(default_marks) / sizeof(list[0]);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(list[i].name);

		if (!strcmp(list[i].name, name) ||
		    (list[i].name[len - 1] == '*' && !strncmp(list[i].name, name, len - 1)))
			return list[i].cookie;
	}
	return barrier ? REC_COOKIE_GROUP_ARG : 0;
}

static int add_chosen(struct rec_probes *p, const char *const *specs, unsigned int n, bool barrier,
		      struct host_err *err)
{
	for (unsigned int i = 0; i < n; i++) {
		struct candidate *c = &p->candidate[p->candidates];
		const char *at = strchr(specs[i], '@');
		char *name = strndup(specs[i], at ? (size_t)(at - specs[i]) : strlen(specs[i]));

		if (!name || !*name) {
			free(name);
			return host_fail(err, -EINVAL, "'%s' is no SYMBOL[@FILE]", specs[i]);
		}
		*c = (struct candidate){
			.name = name,
			.owned = name,
			.rank = barrier ? 0 : (int)i,
			.barrier = barrier,
			.cookie = cookie_of(name, barrier),
		};
		p->candidates++;
		if (!at)
			continue;
		c->file = realpath(at + 1, NULL);
		if (!c->file)
			return host_fail(err, -errno, "cannot find %s: %s", at + 1,
					 strerror(errno));
	}
	return 0;
}

static bool is_probed(const struct rec_probes *p, const struct candidate *c)
{
	for (unsigned int i = 0; i < p->probes; i++)
		if (p->probe[i].candidate == c && !p->probe[i].error)
			return true;
	return false;
}

int rec_probes_open(struct rec_probes **out, struct rec_attach *a, struct rec_world *w,
		    const struct rec_options *o, struct host_err *err)
{
	struct rec_probes *p = calloc(1, sizeof(*p));
	int ret = 0;

	if (!p)
		return host_fail(err, -ENOMEM, "out of memory");
	p->attach = a;
	p->world = w;
	p->barrier_rank = INT_MAX;
	if (!o->no_barriers && o->barriers)
		ret = add_chosen(p, o->barrier, o->barriers, true, err);
	else if (!o->no_barriers)
		add_defaults(p, default_barriers,
			     sizeof(default_barriers) / sizeof(default_barriers[0]));
	if (!ret && !o->no_marks && o->marks)
		ret = add_chosen(p, o->mark, o->marks, false, err);
	else if (!ret && !o->no_marks)
		add_defaults(p, default_marks, sizeof(default_marks) / sizeof(default_marks[0]));
	for (unsigned int i = 0; !ret && i < p->candidates; i++) {
		if (!p->candidate[i].file)
			continue;
		rec_probes_file(p, p->candidate[i].file);
		if (!is_probed(p, &p->candidate[i]))
			ret = host_fail(err, -ENOENT,
					"cannot probe %s in %s: no such function there",
					p->candidate[i].name, p->candidate[i].file);
	}
	if (ret)
		rec_probes_close(p);
	else
		*out = p;
	return ret;
}

void rec_probes_close(struct rec_probes *p)
{
	if (!p)
		return;
	for (unsigned int i = 0; i < p->candidates; i++) {
		free(p->candidate[i].file);
		free(p->candidate[i].owned);
	}
	for (unsigned int i = 0; i < p->probes; i++)
		free(p->probe[i].path);
	for (unsigned int i = 0; i < p->npending; i++)
		free(p->pending[i].path);
	free(p->pending);
	free(p->probe);
	free(p->seen);
	free(p);
}

static void probe_symbol(struct rec_probes *p, const struct candidate *c, const char *path,
			 const char *shown, uint64_t offset)
{
	struct rec_world *w = p->world;
	struct rec_mark_symbol *symbols;
	struct probe *probes;
	unsigned int id = w->symbols, quality = 0;
	bool known;

	if (c->barrier && c->rank > p->barrier_rank)
		return;
	known = is_probed(p, c);
	symbols = realloc(w->symbol, (id + 1) * sizeof(*symbols));
	if (symbols)
		w->symbol = symbols;
	probes = realloc(p->probe, (id + 1) * sizeof(*probes));
	if (probes)
		p->probe = probes;
	if (!symbols || !probes || id > REC_COOKIE_SYMBOL_MASK)
		return;
	if (!c->barrier)
		quality = c->rank < 254 ? 255u - (unsigned int)c->rank : 1u;
	symbols[id] = (struct rec_mark_symbol){
		.rank = c->rank, .barrier = c->barrier, .cookie = c->cookie};
	snprintf(symbols[id].name, sizeof(symbols[id].name), "%s", c->name);
	probes[id] = (struct probe){.candidate = c, .path = strdup(shown)};
	/* defined before the first event of it can come */
	rec_sink_define(w->sink, "symbol",
			json_pack("{s:i, s:s, s:s, s:s}", "id", (int)id, "name", c->name, "file",
				  shown, "role", c->barrier ? "barrier" : "evaluation"));
	w->symbols = p->probes = id + 1;
	probes[id].error =
		rec_attach_probe(p->attach, c->barrier, path, offset,
				 id | c->cookie | (uint64_t)quality << REC_COOKIE_QUALITY_SHIFT);
	if (!probes[id].error && quality)
		rec_attach_mark_quality(p->attach, quality);
	if (!probes[id].error && !known && !(c->barrier && c->rank))
		w->last_probe = host_now_ns();
	if (!probes[id].error && c->barrier && c->rank < p->barrier_rank)
		p->barrier_rank = c->rank;
}

/* FALLBACK: now for barriers of second choice, else for all the others. Whether it has any of those. */
static bool look_through(struct rec_probes *p, const char *path, const char *shown, bool fallback)
{
	struct rec_symbol symbol[CANDIDATES_MAX];
	bool has_fallback = false;

	for (unsigned int i = 0; i < p->candidates; i++)
		symbol[i].name = p->candidate[i].name;
	if (rec_symbols_find(path, symbol, p->candidates) <= 0)
		return false;
	for (unsigned int i = 0; i < p->candidates; i++) {
		const struct candidate *c = &p->candidate[i];
		bool second = c->barrier && c->rank > 0;

		if (!symbol[i].offset || (c->file && strcmp(c->file, shown)))
			continue;
		if (second == fallback)
			probe_symbol(p, c, path, shown, symbol[i].offset);
		has_fallback |= second;
	}
	return has_fallback;
}

static bool is_new(struct rec_probes *p, uint64_t dev, uint64_t ino)
{
	struct seen_file *more;

	for (unsigned int i = 0; i < p->nseen; i++)
		if (p->seen[i].ino == ino && p->seen[i].dev == dev)
			return false;
	more = realloc(p->seen, (p->nseen + 1) * sizeof(*more));
	if (!more)
		return false;
	p->seen = more;
	p->seen[p->nseen++] = (struct seen_file){.dev = dev, .ino = ino};
	return true;
}

static void add_pending(struct rec_probes *p, const struct pending_file *f)
{
	struct pending_file *more = realloc(p->pending, (p->npending + 1) * sizeof(*more));

	if (!more)
		return;
	p->pending = more;
	more[p->npending] = *f;
	more[p->npending].path = strdup(f->path);
	if (more[p->npending].path)
		p->npending++;
}

/*
 * The name if it leads to that file from here, else the process' own link, which also leads to files
 * under another root and to deleted ones. NULL if neither does.
 */
static const char *openable(const struct pending_file *f, char *link, size_t size, struct stat *st)
{
	if (!stat(f->path, st) && st->st_ino == f->ino)
		return f->path;
	snprintf(link, size, "/proc/%d/map_files/%llx-%llx", (int)f->pid,
		 (unsigned long long)f->start, (unsigned long long)f->end);
	return !stat(link, st) && S_ISREG(st->st_mode) ? link : NULL;
}

static void probe_file(struct rec_probes *p, struct pending_file *f, uint64_t now)
{
	char link[96];
	struct stat st;
	const char *path = openable(f, link, sizeof(link), &st);

	if (!path || (!f->fallback && !is_new(p, st.st_dev, st.st_ino)))
		return;
	if (!look_through(p, path, f->path, f->fallback) || f->fallback)
		return;
	f->fallback = true;
	f->due = now + FALLBACK_NS;
	add_pending(p, f);
}

void rec_probes_file(struct rec_probes *p, const char *path)
{
	struct pending_file f = {.path = realpath(path, NULL)};
	struct stat st;

	if (f.path && !stat(f.path, &st) && S_ISREG(st.st_mode)) {
		f.ino = st.st_ino;
		probe_file(p, &f, host_now_ns());
	}
	free(f.path);
}

void rec_probes_mapping(void *arg, const struct rec_event_mapping *m)
{
	struct rec_probes *p = arg;
	struct pending_file f = {
		.pid = m->pid,
		.start = m->addr,
		.end = m->addr + m->length,
		.ino = m->ino,
		.due = m->h.end + SETTLE_NS,
		.path = (char *)m->path,
	};

	if (p->candidates && (m->prot & PROT_EXEC) && m->ino && m->path[0] == '/')
		add_pending(p, &f);
}

static bool is_mapped(const struct pending_file *f)
{
	char path[64], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)f->pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!found && getline(&line, &room, maps) > 0) {
		unsigned long long start, ino;

		if (sscanf(line, "%llx-%*x %*s %*x %*x:%*x %llu", &start, &ino) == 2)
			found = start == f->start && ino == f->ino;
	}
	free(line);
	fclose(maps);
	return found;
}

static bool is_due(const struct rec_probes *p, const struct pending_file *f, uint64_t now)
{
	return now >= f->due || (f->fallback && p->world->marks.any);
}

void rec_probes_poll(struct rec_probes *p, uint64_t now)
{
	for (unsigned int i = 0; i < p->npending;) {
		struct pending_file f = p->pending[i];

		if (!is_due(p, &f, now)) {
			i++;
			continue;
		}
		p->pending[i] = p->pending[--p->npending];
		if (is_mapped(&f))
			probe_file(p, &f, now);
		free(f.path);
	}
}

uint64_t rec_probes_due(const struct rec_probes *p)
{
	uint64_t due = UINT64_MAX;

	for (unsigned int i = 0; i < p->npending; i++)
		if (p->pending[i].due < due)
			due = p->pending[i].due;
	return due;
}

void rec_probes_process(struct rec_probes *p, pid_t pid)
{
	char path[64], *line = NULL;
	uint64_t now = host_now_ns();
	size_t room = 0;
	ssize_t n;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return;
	while (p->candidates && (n = getline(&line, &room, maps)) > 0) {
		unsigned long long start, end, ino;
		struct pending_file f;
		char prot[8];
		int at = 0;

		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (sscanf(line, "%llx-%llx %7s %*x %*x:%*x %llu %n", &start, &end, prot, &ino,
			   &at) < 4)
			continue;
		if (!at || prot[2] != 'x' || !ino || line[at] != '/')
			continue;
		f = (struct pending_file){
			.pid = pid,
			.start = start,
			.end = end,
			.ino = ino,
			.path = line + at,
		};
		probe_file(p, &f, now);
	}
	free(line);
	fclose(maps);
}

const char *rec_probes_text(const struct rec_probes *p, unsigned int i, char *buf, size_t size)
{
	const struct probe *probe;
	const char *slash;

	if (i >= p->probes)
		return NULL;
	probe = &p->probe[i];
	slash = probe->path ? strrchr(probe->path, '/') : NULL;
	snprintf(buf, size, "%s %s in %s%s", probe->candidate->barrier ? "barrier" : "mark",
		 probe->candidate->name, slash ? slash + 1 : "?", probe->error ? " (failed)" : "");
	return buf;
}

bool rec_probes_mark(const struct rec_probes *p, unsigned int i, char *spec, size_t size)
{
	for (int rank = 0; rank < 255; rank++) {
		for (unsigned int k = 0; k < p->probes; k++) {
			const struct probe *probe = &p->probe[k];

			if (probe->error || probe->candidate->barrier ||
			    probe->candidate->rank != rank || !probe->path || i--)
				continue;
			snprintf(spec, size, "%s@%s", probe->candidate->name, probe->path);
			return true;
		}
	}
	return false;
}
