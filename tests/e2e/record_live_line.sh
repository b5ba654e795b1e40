#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record on a terminal and look at the line that it shows meanwhile: time, faults per second, what
# is read, evaluations, what is lost; and at nothing of it where there is no terminal.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
requires_cmd script

make_file "$TMP/data" 8
command="'$FAULTLINE' record --no-score -o '$TMP/live.flt' -- '$PAGES' -q -e -r 60 -w 50 -n 1 '$TMP/data'"
script -qec "$command" "$TMP/typescript" >/dev/null </dev/null || fail "$(cat "$TMP/typescript")"
# each one takes the place of the one before
lines=$(tr '\r' '\n' <"$TMP/typescript" | grep 'faults/s' || true)
assert_lt 2 "$(wc -l <<<"$lines")" "updates in three seconds"
assert_match "$lines" '[0-9]+\.[0-9] s +[1-9][0-9]* faults/s +[0-9]+\.[0-9] MiB/s read +[1-9][0-9]* tokens +0 lost'
assert_not_contains "$(tail -n 3 "$TMP/typescript")" "faults/s" "what is left on the screen"

record plain -- "$PAGES" -q -e -r 30 -w 50 "$TMP/data"
assert_not_contains "$(cat "$TMP/plain.err")" "faults/s" "a log file"
