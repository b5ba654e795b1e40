#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will compare every window that each lane touches with the trace: file, offset, length, order.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

# fio's own I/O log tells what it was given, one log for each lane.
check() {
	local name=$1 lanes=$2 lane sections=()
	for ((lane = 0; lane < lanes; lane++)); do
		sections+=(--name="l$lane" --write_iolog="$TMP/$name.$lane.log")
	done
	fio_run --ioengine=external:"$ENGINE" --trace="$TMP/$name.flt" --result="$TMP/$name.result.json" "${sections[@]}"
	[ "$STATUS" -eq 0 ] || fail "exit status $STATUS: $OUTPUT"
	assert_value "$name" .complete true
	for ((lane = 0; lane < lanes; lane++)); do
		# "file read offset length", with a time in front in version 3
		sed -n 's/^\([0-9]* \)\{0,1\}\(.*\) read \([0-9]* [0-9]*\)$/\2 \3/p' "$TMP/$name.$lane.log" >"$TMP/got"
		awk -v lane="$lane" -v dir="$TMP" -v name="$name" -v files="$3" '$2 == lane {
			file = files == 1 ? name ".gguf" : sprintf("%s-%05d-of-%05d.gguf", name, $3 + 1, files)
			print dir "/" file, $4, $5 }' "$TMP/$name.list" >"$TMP/expected"
		[ -s "$TMP/expected" ] || fail "nothing expected of lane $lane"
		cmp "$TMP/got" "$TMP/expected" || fail "lane $lane of $name differs: $(diff "$TMP/got" "$TMP/expected" | head -n 5)"
		assert_value "$name" ".lanes[$lane].windows" "$(wc -l <"$TMP/expected")"
	done
}

trace one -l 1 -s 3M
check one 1 1
trace two -l 2
check two 2 1
# Several files, reads, hints, sleeping lanes, edges, a last window that ends with the file
trace many -l 5 -f 3 -s 1234K -w 100K -e 3 -r 4 -H -I -x -b 3
check many 5 3
# A barrier that the last lane leaves late, behind the next evaluation's mark
trace late -l 3 -k
check late 3 1
