#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a workload that touches every 64th page of a file in a known order, and find
# just these offsets in the file, in this order, by the thread that touched them.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 32
page=$(getconf PAGESIZE)
# Cold, and nothing is read ahead: no fault maps a page that another one touches.
record one --evict "$TMP/data" -- "$PAGES" -R -t 2 -r 2 -e -s 64 "$TMP/data"
assert_exact one
regions=$(regions_of one "$TMP/data")
assert_eq "$(jq length <<<"$regions")" 1 "regions of the file"
assert_eq "$(jq -r 'select(.what == "file" and .model) | .path' "$TMP/one.defs")" "$TMP/data" "the model"
mapfile -t streams < <(records one fault | jq -r --argjson r "$regions" 'select(.region == $r[0]) | .stream' | sort -un)
assert_eq ${#streams[@]} 2 "threads that touched it"
pages=$((32 * 1048576 / page))
for t in 0 1; do
	expected=$(for _ in 1 2; do seq $((t * 64 * page)) $((128 * page)) $((pages * page - 1)); done)
	found=$(records one fault | jq -r --argjson r "$regions" --argjson s "${streams[t]}" \
		'select(.region == $r[0] and .stream == $s) | .offset')
	assert_eq "$found" "$expected" "offsets that thread $t touched"
done
# everything else that faulted is known, too, from the first instruction on: what exec() itself maps and touches
assert_eq "$(trailer one .counters.unresolved)" 0 "unresolved faults"
assert_eq "$(count one fault '.region == null')" 0 "faults without a region"

# the stack grows without any system call
record deep -- "$PAGES" -d "$TMP/data"
stack=$(jq -sc '[.[] | select(.what == "region" and .kind == "stack") | .id]' "$TMP/deep.defs")
assert_lt 2 "$(count deep fault "[.region] | inside($stack)")" "faults on the stack"
assert_eq "$(trailer deep .counters.unresolved)" 0 "unresolved faults"
