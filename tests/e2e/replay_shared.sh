#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay four lanes with one to six jobs: each window once, evaluations and barriers in order.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

trace m -l 4 -f 2 -s 3M -e 4 -b 4 -H -r 2 -x -I
awk '{ print $3, $4, $5 }' "$TMP/m.list" | sort >"$TMP/expected"
for jobs in 1 2 3 4 6; do
	sections=()
	for ((i = 0; i < jobs; i++)); do
		sections+=(--name="j$i" --write_iolog="$TMP/$i.log")
	done
	rm -f "$TMP"/*.log
	fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --streams=shared --result="$TMP/m.result.json" "${sections[@]}"
	[ "$STATUS" -eq 0 ] || fail "exit status $STATUS: $OUTPUT"
	assert_value m .complete true
	assert_value m '.lanes | length' "$jobs"
	cat "$TMP"/*.log | sed -n 's/^\([0-9]* \)\{0,1\}.*-0000\([0-9]\)-of-00002.gguf read \([0-9]* [0-9]*\)$/\2 \3/p' |
		awk '{ print $1 - 1, $2, $3 }' | sort >"$TMP/got"
	cmp "$TMP/got" "$TMP/expected" || fail "$jobs jobs: $(diff "$TMP/got" "$TMP/expected" | head -n 5)"
	assert_value m '[.evaluations[].index] | join(",")' 0,1,2,3,4
	assert_value m '[.phases[].touched_bytes] | add' "$(listed m 5)"
done
# Barriers that do not fit together cannot stop anybody here.
trace b -B
assert_replayed b 3 --streams=shared
