#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will derive a program from a recording without one, and compare it with what was recorded.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
mktrace=$BUILD/tests/tools/mktrace

"$mktrace" --no-program "$TMP/bare.flt" >/dev/null
run "$FAULTLINE" info "$TMP/bare.flt"
assert_contains "$OUTPUT" "no replay program"
assert_refused "has no replay program: 'faultline prepare' adds one" "$FAULTLINE" jobfile "$TMP/bare.flt"
assert_refused "no program: 'faultline prepare' adds one" "$FAULTLINE" dump -l program "$TMP/bare.flt"

run "$FAULTLINE" prepare --json "$TMP/bare.flt" -o "$TMP/full.flt"
assert_eq "$STATUS" 0
assert_eq "$(jq -c '[.lanes, .evaluations, .marks_inferred]' <<<"$OUTPUT")" "[2,4,false]"
# Every recorded fault is inside of a window, so that the windows cover at least one for each that differs.
assert_eq "$(jq .windows <<<"$OUTPUT")" "$("$FAULTLINE" dump -k fault "$TMP/bare.flt" | wc -l)" windows
assert_status 0 "$FAULTLINE" verify "$TMP/full.flt"
cmp <("$FAULTLINE" dump "$TMP/bare.flt") <("$FAULTLINE" dump "$TMP/full.flt") || fail "the recording has changed"
# Tokens that follow each other at once are all found.
assert_eq "$("$FAULTLINE" info --json "$TMP/full.flt" | jq -r '[.evaluations[].class] | join(" ")')" \
	"load prompt decode decode decode"

# The program alone: smaller, and all that a replay needs.
assert_status 0 "$FAULTLINE" prepare --program-only "$TMP/bare.flt" -o "$TMP/small.flt"
assert_contains "$OUTPUT" "evaluations  4"
run "$FAULTLINE" info "$TMP/small.flt"
assert_contains "$OUTPUT" "no recording with a replay program"
cmp <("$FAULTLINE" dump -l program "$TMP/full.flt") <("$FAULTLINE" dump -l program "$TMP/small.flt") ||
	fail "the program depends on whether the recording is kept"
assert_status 0 "$FAULTLINE" verify "$TMP/small.flt"
assert_status 0 "$FAULTLINE" jobfile "$TMP/small.flt"
assert_refused "holds no recording" "$FAULTLINE" prepare "$TMP/small.flt" -o "$TMP/x.flt"
assert_no_file "$TMP/x.flt"

# Nothing is overwritten, and what cannot be written leaves nothing behind.
assert_refused "exists; name a new file" "$FAULTLINE" prepare "$TMP/bare.flt" -o "$TMP/full.flt"
assert_refused "No such file or directory" "$FAULTLINE" prepare "$TMP/bare.flt" -o "$TMP/no/where.flt"
assert_status 2 "$FAULTLINE" prepare "$TMP/bare.flt"
assert_status 2 "$FAULTLINE" prepare "$TMP/bare.flt" -o "$TMP/x.flt" -a 5000
assert_status 2 "$FAULTLINE" prepare "$TMP/bare.flt" -o "$TMP/x.flt" --barriers guessed
assert_no_file "$TMP/x.flt"

# Barriers: those that were recorded, those that the order of touches tells, or none.
barriers_of() {
	rm -f "$TMP/x.flt"
	"$FAULTLINE" prepare --json -b "$1" "$2" -o "$TMP/x.flt" | jq -c '[.barriers_from, .barriers > 0, .inferred_barriers > 0]'
	assert_status 0 "$FAULTLINE" verify "$TMP/x.flt"
}
assert_eq "$(barriers_of auto traces/quick.flt)" '["recorded",true,false]'
assert_eq "$(barriers_of recorded traces/quick.flt)" '["recorded",true,false]'
assert_eq "$(barriers_of inferred traces/quick.flt)" '["ranges",true,true]'

# Nothing is corrected without a calibration, and that is said.
run "$FAULTLINE" prepare "$TMP/bare.flt" -o "$TMP/y.flt"
assert_contains "$OUTPUT" "there is no calibration"
