// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves so many bytes to the whole machine until its standard input ends: balloon SIZE
 *
 * Around runs that each inflate a balloon of their own (--pressure global), so that theirs is small: to lock
 * all of a large machine takes longer than what is measured.
 */
#include <stdio.h>
#include <unistd.h>

#include "host/host.h"

int main(int argc, char **argv)
{
	struct host_balloon *b;
	struct host_err err;
	uint64_t leave;
	char c;

	if (argc != 2 || host_size_parse(argv[1], &leave) || leave == HOST_UNKNOWN) {
		(void)fprintf(stderr, "usage: balloon SIZE (as 2G: what is left to the machine)\n");
		return 2;
	}
	if (host_balloon_inflate(&b, leave, &err)) {
		(void)fprintf(stderr, "balloon: %s\n", err.text);
		return 1;
	}
	(void)printf("%llu\n", (unsigned long long)host_balloon_bytes(b));
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	host_balloon_release(&b);
	return 0;
}
