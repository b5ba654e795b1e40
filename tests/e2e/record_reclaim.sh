#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that reads a file twice as large as its memory limit, and find as many pages
# reclaimed, all by the run itself, as were dropped from the page cache.
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_space 300

note_leftovers
make_file "$TMP/data" 96
record limited --memory-limit 48M -- "$PAGES" -t 2 -r 3 "$TMP/data"
assert_exact limited
assert_no_leftovers
[ "$(trailer limited .hooks.reclaim)" = true ] || skip "this kernel has no tracepoints about reclaim"
file=$(jq -r --arg p "$TMP/data" 'select(.what == "file" and .path == $p) | .id' "$TMP/limited.defs")
page=$(getconf PAGESIZE)
dropped=$(records limited cache | jq -s --argjson f "$file" 'map(select(.op == 2 and .file == $f) | .length) | add // 0')
dropped=$((dropped / page))
reclaimed=$(trailer limited .reclaim.reclaimed_direct)
assert_lt $((100 << 8)) "$dropped" "pages of the file that were dropped"
# some are the program's own
assert_between "$reclaimed" $((dropped - dropped / 50 - 64)) $((dropped + dropped / 50 + 512)) \
	"pages that the run reclaimed, of $dropped that were dropped"
assert_le "$reclaimed" "$(trailer limited .reclaim.scanned_direct)" "reclaimed of the scanned pages"
assert_lt 0 "$(trailer limited .reclaim.direct_count)" "times in reclaim"
# two threads can be in it for twice as long as the run lasts
assert_between "$(trailer limited .reclaim.direct_ns)" 1000 "$(trailer limited '2 * .duration_ns')" "ns in reclaim"

metric() { jq -r --arg n "reclaim.$1" 'select(.what == "metric" and .name == $n) | .id' "$TMP/limited.defs"; }
for name in scanned_kswapd scanned_direct reclaimed_kswapd reclaimed_direct direct_ns direct_count; do
	id=$(metric $name)
	assert_ne "$id" "" "the metric reclaim.$name"
	values=$(records limited sample | jq -s --argjson i "$id" 'map(select(.metric == $i) | .value)')
	assert_eq "$(jq '. == sort' <<<"$values")" true "reclaim.$name only grows"
	assert_le "$(jq .[-1] <<<"$values")" "$(trailer limited .reclaim.$name)" "the last sample of reclaim.$name"
done

# what fits is not reclaimed
record fits -- "$PAGES" -t 2 -r 3 "$TMP/data"
assert_eq "$(trailer fits .reclaim.reclaimed_direct)" 0 "pages reclaimed without a limit"
