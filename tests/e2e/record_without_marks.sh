#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record sweeps over a file without any marks, and find them as evaluations that are said to be
# inferred, and are never called tokens.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 48
record run --no-marks -- "$PAGES" -r 6 -x -s 4 -n 1 "$TMP/data"
assert_eq "$(trailer run .lossy)" false "nothing is missing"
assert_eq "$(count run mark)" 0 "marks"
assert_eq "$(trailer run '.program | "\(.marks_inferred) \(.evaluations)"')" "true 6" "the program's evaluations"
assert_contains "$(trailer run .program.note)" inferred "what the trailer says"
assert_match "$(cat "$TMP/run.err")" '6 evaluations \(found by their pattern\)'
"$FAULTLINE" info --json "$TMP/run.flt" >"$TMP/info.json"
assert_eq "$(jq .marks_inferred "$TMP/info.json")" true "what info says"
assert_eq "$(trailer run .counters.decodes)" 0 "tokens that nobody knows of"

# the same run with marks is not
record marked -- "$PAGES" -r 6 -x -s 4 -n 1 "$TMP/data"
assert_eq "$(trailer marked '.program | "\(.marks_inferred) \(.evaluations)"')" "false 6" "with marks"
