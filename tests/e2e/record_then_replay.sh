#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run under a memory limit, replay that very recording with the job that faultline
# writes for it, and find in the result every lane, evaluation, window and barrier that the trace is said to have.
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_engine
requires_space 300

note_leftovers
make_file "$TMP/data" 96
record run --memory-limit 48M --barrier team_barrier -- "$PAGES" -t 2 -r 4 -n 5 "$TMP/data"
assert_eq "$(trailer run .lossy)" false "nothing is missing"
"$FAULTLINE" info --json "$TMP/run.flt" >"$TMP/info.json"
info() { jq -r "$1" "$TMP/info.json"; }
assert_eq "$(info .marks_inferred)" false "evaluations are marked"
assert_eq "$(info '.trailer.program | "\(.lanes) \(.evaluations)"')" "2 4" "lanes and evaluations of the program"

"$FAULTLINE" jobfile --result "$TMP/result.json" -o "$TMP/run.fio" "$TMP/run.flt"
assert_match "$(cat "$TMP/run.fio")" '^numjobs=2$'
assert_match "$(cat "$TMP/run.fio")" '^memory_limit=48m$'
assert_status 0 fio --aux-path="$TMP" "$TMP/run.fio"
result() { jq -r "$1" "$TMP/result.json"; }
assert_eq "$(result .complete)" true "a complete replay"
assert_eq "$(result '.lanes | length')" "$(info .trailer.program.lanes)" "lanes"
assert_eq "$(result .figures.evaluations)" "$(info .trailer.program.evaluations)" "evaluations"
assert_eq "$(result '[.lanes[].windows] | add')" "$(info .trailer.program.windows)" "windows"
assert_eq "$(result .figures.touched_bytes)" "$(info .trailer.program.window_bytes)" "bytes of the windows"
assert_eq "$(result '[.lanes[].barriers] | add')" "$(info .trailer.program.barriers)" "barriers"
assert_eq "$(result .figures.tokens)" "$(trailer run .counters.decodes)" "tokens"
# four rounds over 96 MiB, of which 48 at most can stay
assert_lt $((200 << 20)) "$(result .figures.read_bytes)" "bytes that the replay read"
assert_no_leftovers
