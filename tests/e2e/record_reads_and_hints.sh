#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a workload that reads its file into anonymous memory and drops its mapping, and
# find each read's position and destination, and each hint.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 16
record one -- "$PAGES" -p -r 3 -e "$TMP/data"
assert_exact one
file=$(jq -r --arg p "$TMP/data" 'select(.what == "file" and .path == $p) | .id' "$TMP/one.defs")
reads=$(records one read | jq -c --argjson f "$file" 'select(.file == $f)')
assert_eq "$(jq -r .offset <<<"$reads")" "$(seq 0 1048576 $((15 * 1048576)))" "positions"
assert_eq "$(jq -r .length <<<"$reads" | sort -u)" 1048576 "lengths"
assert_eq "$(jq -r .dest <<<"$reads")" "$(seq 0 1048576 $((15 * 1048576)))" "destinations"
region=$(jq -r .region <<<"$reads" | sort -u)
assert_eq "$(jq -r --argjson r "$region" 'select(.what == "region" and .id == $r) | "\(.kind) \(.length)"' "$TMP/one.defs")" \
	"anon $((16 << 20))" "the destination's region"
# madvise(MADV_DONTNEED) of the whole mapping, after each of three rounds
hints=$(records one hint | jq -c --argjson f "$file" 'select(.file == $f)')
assert_eq "$(jq -r '"\(.op) \(.advice) \(.offset) \(.length)"' <<<"$hints")" \
	"$(for _ in 1 2 3; do echo "1 4 0 $((16 << 20))"; done)" "hints"
