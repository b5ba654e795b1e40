// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a chunk is made of. */
#include "block.h"
#include "reader.h"

#include <errno.h>

ssize_t flt_chunk_blocks(struct flt_reader *r, size_t i, struct flt_block_info *out, size_t n)
{
	struct flt_buf frame = {0};
	struct flt_directory d;
	ssize_t blocks;
	int ret;

	if (i >= r->nchunks)
		return -EINVAL;
	ret = flt_directory_load(r, &r->chunk[i], &frame, &d);
	if (ret)
		goto out;
	blocks = (ssize_t)d.info.blocks;
	for (size_t b = 0; b < n && b < d.info.blocks; b++) {
		out[b].stream = d.entry[b].stream;
		out[b].records = d.entry[b].records;
		out[b].bytes = d.entry[b].bytes;
	}
	flt_directory_free(&d);
out:
	flt_buf_free(&frame);
	return ret ? ret : blocks;
}
