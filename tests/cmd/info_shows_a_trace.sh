#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will show a trace as a table and as JSON and compare every figure with what was put into it.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
D=tests/data/analysis

# The table, to the letter.
diff -u $D/small.info.txt <("$FAULTLINE" info $D/small.flt) || fail "the table has changed"

# The same figures as JSON.
run "$FAULTLINE" info --json $D/small.flt
assert_eq "$STATUS" 0
json=$OUTPUT
value() {
	jq -r "$1" <<<"$json"
}
assert_eq "$(value '.faults | [.count, .major, .blocked, .anonymous] | join(" ")')" "3 1 2 1" faults
assert_eq "$(value '.records.recording.barrier')" 4
assert_eq "$(value '[.evaluations[].class] | join(" ")')" "load prompt decode"
assert_eq "$(value '.evaluations[1].drive_bytes')" 65536 "bytes read in the prompt, counted once"
assert_eq "$(value '.evaluations[1].tokens')" 8
assert_eq "$(value '.evaluations[0].tokens')" null "unknown number of tokens"
assert_eq "$(value '.devices[1].counted')" false
assert_eq "$(value '.header.user')" ada
assert_eq "$(value '.trailer.invariants[0].ok')" true
assert_eq "$(value '.finished')" true

# Without reading a record.
run "$FAULTLINE" info -q $D/small.flt
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "llama-bench -m 'a model.gguf'"
assert_not_contains "$OUTPUT" "Evaluations"
assert_eq "$("$FAULTLINE" info -q --json $D/small.flt | jq 'has("evaluations")')" false

# A long run is summed up by phase; --tokens lists it.
"$BUILD"/tests/tools/mktrace --recording --evaluations=60 --windows=8 "$TMP/long.flt" >/dev/null
run "$FAULTLINE" info "$TMP/long.flt"
assert_match "$OUTPUT" '^  decode +59  median '
assert_match "$OUTPUT" '^ +most '
assert_not_contains "$OUTPUT" "number  phase"
run "$FAULTLINE" info --tokens "$TMP/long.flt"
assert_match "$OUTPUT" '^ +60  decode '

# An unfinished recording says so, and what to do.
"$BUILD"/tests/tools/mktrace --recording --unfinished "$TMP/cut.flt" >/dev/null
run "$FAULTLINE" info "$TMP/cut.flt"
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "UNFINISHED"
assert_contains "$OUTPUT" "verify --repair"

# What a trace says cannot steer the terminal.
"$BUILD"/tests/tools/mktrace --recording --name="$(printf 'a\033[31mb')" "$TMP/red.flt" >/dev/null
for command in info dump verify jobfile; do
	if "$FAULTLINE" "$command" "$TMP/red.flt" | grep -q "$(printf '\033')"; then
		fail "$command passes an escape sequence on"
	fi
done
