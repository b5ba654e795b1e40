#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that reads each page once, after another run under the same limit had its
# pages reclaimed: none of them counts as a refault, since eviction has dropped what reclaim remembers.
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_space 300

note_leftovers
make_file "$TMP/data" 96
for run in first second; do
	record $run --memory-limit 48M --evict "$TMP/data" -- sh -c "cat '$TMP/data' >/dev/null"
	[ "$(trailer $run .memcg.refault_file)" != null ] || skip "this kernel does not count refaults for a group"
	# the rest are a few pages of libraries
	assert_lt "$(trailer $run .memcg.refault_file)" 256 "refaults of the $run run"
done
assert_no_leftovers

# the count is one that can be something else: two rounds of the same
record twice --memory-limit 48M --evict "$TMP/data" -- sh -c "cat '$TMP/data' '$TMP/data' >/dev/null"
assert_lt 4096 "$(trailer twice .memcg.refault_file)" "refaults of two rounds"
