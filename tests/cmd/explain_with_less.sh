#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will explain runs that lack records, and results of replays; what is not known is said, the rest stays right.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
. tests/data/analysis/explain.sh
ONE=$LIB_DIR/tests/data/analysis/one.json
cd "$TMP" || exit
make_trace() {
	"$BUILD/tests/tools/writetrace" "$1" 1000000 || fail "cannot write $1"
}
explain_real | make_trace real.flt
explain_replay | make_trace replay.flt

decode() {
	jq -r ".phases[] | select(.phase == \"decode\") | $1" <<<"$J"
}
# sums: the parts of each run add up to its time
sums() {
	assert_eq "$(jq '[.phases[].runs[] | .seconds as $s | (.path, .mean) | select(.) | ([.[] | numbers] | add) - $s | fabs | select(. > 1e-9)] | length' <<<"$J")" 0 "phases whose parts do not add up"
}

# No block I/O: asleep is asleep, and nothing is blamed on the drive.
explain_replay | grep -v ' block ' | make_trace noblock.flt
run "$FAULTLINE" explain real.flt noblock.flt
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "noblock.flt has no block I/O"
assert_match "$OUTPUT" '^  faults, asleep +10\.000 +12\.000 '
assert_not_contains "$OUTPUT" "read-around"
J=$("$FAULTLINE" explain --json real.flt noblock.flt)
assert_eq "$(decode '[.runs[1].path.drive, .runs[1].counts.requests, .difference.device] | tostring')" "[null,null,null]"
assert_eq "$(decode '.runs[1].path.stall * 1e3 | round')" 12
sums

# No page-cache records.
explain_replay | grep -v ' cache ' | make_trace nocache.flt
run "$FAULTLINE" explain real.flt nocache.flt
assert_contains "$OUTPUT" "nocache.flt has no page-cache records"
assert_not_contains "$OUTPUT" "order 0"
assert_match "$OUTPUT" '^  MiB into the page cache +0\.06 +- *$'

# No barriers: the mean of the lanes, waits in compute on both sides.
explain_replay | grep -v ' barrier ' | make_trace nobarrier.flt
run "$FAULTLINE" explain real.flt nobarrier.flt
assert_contains "$OUTPUT" "nobarrier.flt has no barriers"
assert_contains "$OUTPUT" "mean of the lanes"
J=$("$FAULTLINE" explain --json real.flt nobarrier.flt)
assert_eq "$(jq -r .by <<<"$J")" mean
sums

# Barriers are missing in part: then they look like compute, which has to be said.
explain_replay | sed '/ barrier .* 3 2$/d' | make_trace few.flt
run "$FAULTLINE" explain real.flt few.flt
assert_contains "$OUTPUT" "decode: 2 barriers against 4"

# Marks alone (--light): times.
explain_replay | grep -v -e ' fault ' -e ' barrier ' -e ' block ' -e ' cache ' | make_trace light.flt
run "$FAULTLINE" explain real.flt light.flt
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "light.flt has no faults"
assert_match "$OUTPUT" '^  all else +32\.000 +35\.000 '
J=$("$FAULTLINE" explain --json real.flt light.flt)
sums

# An unfinished one.
explain_replay | grep -v ^trailer | make_trace cut.flt
run "$FAULTLINE" explain real.flt cut.flt
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "cut.flt is unfinished"

# A result: evaluations 2 and 3 of 36 ms, measured; 30 ms of compute on two lanes.
jq '.files[0].size_bytes = 67108864 | .lanes = [{"lane": 0}, {"lane": 1}]
	| .phases = [{"class": "decode", "evaluations": 2, "tokens": 2, "compute_s": 0.06}]
	| .evaluations = [1, 2, 3 | {"index": ., "pass": 1, "class": (if . == 1 then "prompt" else "decode" end), "tokens": 1,
		"start_s": (. * 0.036), "duration_s": 0.036, "read_bytes": 98304, "major_faults": 2, "minor_faults": 3,
		"blocked_faults": 2, "measured": (. > 1)}]' "$ONE" >result.json
run "$FAULTLINE" explain real.flt result.json
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "result.json is a result, no recording"
assert_contains "$OUTPUT" "Decode: the replay is 12.5 % slower, 0.036 against 0.032 s/token"
assert_match "$OUTPUT" '^  compute +[0-9.]+ +15\.000 '
assert_match "$OUTPUT" '^  faults +2\.00 +5\.00 +\+150\.0 %'
assert_match "$OUTPUT" '^  MiB read from the drive +0\.06 +0\.09 +\+50\.0 %'
assert_not_contains "$OUTPUT" "Prompt"
J=$("$FAULTLINE" explain --json real.flt result.json)
assert_eq "$(jq -r .aligned_by <<<"$J")" number
assert_eq "$(decode '[.runs[0].mean.barrier, .runs[1].counts.requests] | tostring')" "[null,null]"
sums
