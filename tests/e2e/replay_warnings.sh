#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay traces that cannot support what is asked of them: the start and the result say so, once.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

fine='{"judgement": {"predictive": true, "usable": true, "why": ""}, "serves_limit": 0,
	"calibration": {"n": 3}, "program": {"barriers": "recorded"}}'
# warns NAME TEXT: once before the replay, once in the result
warns() {
	assert_value "$1" "[.warnings[] | select(contains(\"$2\"))] | length" 1
	assert_eq "$(grep -c "^faultline: warning: .*$2" <<<"$OUTPUT")" 1 "'$2' at the start of $1"
}

trace fine -l 1 -s 1M -e 2 -J '{"mode": "reference"}' -T "$fine"
assert_replayed fine 1
assert_not_contains "$OUTPUT" "faultline: warning"

trace weak -l 1 -s 1M -e 2
assert_replayed weak 1
warns weak "does not claim to predict other limits or drives: a made-up trace"

trace bad -l 1 -s 1M -e 2 -T '{"lossy": true, "judgement": {"predictive": false, "usable": false, "why": "the machine was busy"}}'
assert_replayed bad 1
warns bad "not usable: the machine was busy"
warns bad "the trace is lossy"

trace pages -l 1 -s 1M -e 2 -G 16384 -T "$fine"
if [ "$(getconf PAGE_SIZE)" -ne 16384 ]; then
	assert_replayed pages 1
	warns pages "recorded with pages of 16 KiB"
fi

trace raw -l 1 -s 1M -e 2 -J '{"mode": "reference"}' -T "$(jq -c '.calibration = null' <<<"$fine")"
assert_replayed raw 1
warns raw "no calibration"

for barriers in tensors ranges; do
	rm -f "$TMP/guess.flt"
	trace guess -l 2 -s 1M -e 2 -T "$(jq -c --arg b $barriers '.program.barriers = $b' <<<"$fine")"
	assert_replayed guess 2
	warns guess "not recorded but inferred"
	assert_match "$OUTPUT" "^faultline: warning: .*inferred.* $barriers"
done

# In fio's JSON there is no room for them, but the result has them.
assert_replayed weak 1 --output-format=json
assert_not_contains "$OUTPUT" "faultline: warning"
assert_value weak '[.warnings[] | select(contains("does not claim"))] | length' 1

requires_memcg
trace small -l 1 -s 8M -e 2 -T "$(jq -c '.serves_limit = 67108864' <<<"$fine")"
assert_replayed small 1 --pressure=memcg --memory_limit=32M
warns small "the limit of 32 MiB is below the 64 MiB that the trace serves"
assert_replayed small 1 --pressure=memcg --memory_limit=64M
assert_not_contains "$OUTPUT" "that the trace serves"
