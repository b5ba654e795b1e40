// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_size TRACE FOLDER: bytes an event of a real trace, apart for faults and barriers, for block
 * I/O, for everything else of the recording, and for the program. Each part is copied into a trace
 * of its own, whose size is divided by its records; prints "key value" lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/fltrace.h"

enum part { EVENTS, BLOCKS, OTHERS, PROGRAM, PARTS };

static const char *const names[PARTS] = {"fault_and_barrier", "block", "other", "program"};

static enum part part_of(enum flt_layer layer, uint32_t kind)
{
	if (layer == FLT_PROGRAM)
		return PROGRAM;
	if (kind == FLT_FAULT || kind == FLT_BARRIER)
		return EVENTS;
	return kind == FLT_BLOCK ? BLOCKS : OTHERS;
}

static int copy_part(struct flt_reader *r, enum part part, const char *folder)
{
	enum flt_layer layer = part == PROGRAM ? FLT_PROGRAM : FLT_RECORDING;
	static struct flt_record rec[512];
	json_t *head = json_object();
	struct flt_cursor *c = NULL;
	struct flt_reader *copy;
	struct flt_writer *w;
	char path[4096];
	uint64_t n = 0;
	ssize_t got = 0;
	int ret;

	snprintf(path, sizeof(path), "%s/part.flt", folder);
	unlink(path);
	ret = flt_writer_create(&w, path, head, NULL);
	json_decref(head);
	if (ret)
		return ret;
	ret = flt_cursor_open(&c, r, layer, FLT_ALL_STREAMS);
	while (!ret && (got = flt_cursor_next(c, rec, 512)) > 0) {
		for (ssize_t i = 0; !ret && i < got; i++) {
			if (part_of(layer, rec[i].kind) != part)
				continue;
			ret = flt_writer_add(w, layer, &rec[i]);
			n++;
		}
	}
	flt_cursor_close(c);
	ret = ret ? ret : (int)(got < 0 ? got : 0);
	if (!ret)
		ret = flt_writer_finish(&w, NULL);
	else
		flt_writer_abort(&w);
	if (!ret)
		ret = flt_open(&copy, path, 0, NULL, 0);
	if (ret)
		return ret;
	printf("%s_events %" PRIu64 "\n", names[part], n);
	if (n)
		printf("%s_bytes_per_event %.3f\n", names[part],
		       (double)flt_file_size(copy) / (double)n);
	flt_close(copy);
	unlink(path);
	return 0;
}

int main(int argc, char **argv)
{
	struct flt_reader *r;
	char err[256];
	int ret = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_size TRACE FOLDER\n");
		return 2;
	}
	if (flt_open(&r, argv[1], 0, err, sizeof(err))) {
		fprintf(stderr, "bench_size: %s\n", err);
		return 1;
	}
	for (enum part p = 0; !ret && p < PARTS; p++)
		ret = copy_part(r, p, argv[2]);
	if (ret)
		fprintf(stderr, "bench_size: %s: %s\n", argv[1], strerror(-ret));
	flt_close(r);
	return ret ? 1 : 0;
}
