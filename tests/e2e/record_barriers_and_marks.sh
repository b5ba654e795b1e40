#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record threads that meet at a barrier of theirs and work on batches, and find every
# meeting with all of its threads, and every batch with its number of tokens.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 8
record one --barrier team_barrier -- "$PAGES" -t 3 -r 20 -e -n 7 "$TMP/data"
assert_exact one
# two meetings of three threads in each of twenty rounds
barriers=$(records one barrier)
assert_eq "$(jq -s 'group_by(.generation) | map(length) | unique | join(" ")' -r <<<"$barriers")" 3 "threads at a meeting"
assert_eq "$(jq -s 'map(.generation) | unique == [range(40)]' <<<"$barriers")" true "generations 0 to 39"
assert_eq "$(jq -s 'group_by(.generation) | all(map(.stream) | unique | length == 3)' <<<"$barriers")" true \
	"every thread once in each meeting"
assert_eq "$(jq -s 'map(select(.generation > 0) | .participants) | unique | join(" ")' -r <<<"$barriers")" 3 "participants"

# llama_decode() has a batch by value: 7 tokens, then one at a time
marks=$(records one mark | jq -c 'select(.tokens != null)')
assert_eq "$(jq -r .tokens <<<"$marks" | uniq -c | awk '{ print $1 "x" $2 }' | xargs)" "1x7 19x1" "tokens of the batches"
text=$("$FAULTLINE" dump "$TMP/one.flt" -k mark -f jsonl | jq -r .class | uniq -c | awk '{ print $1 "x" $2 }' | xargs)
assert_eq "$text" "1xload 1xprompt 19xdecode" "classes of the marks"

# a function that is not known to be about tokens makes evaluations, never tokens
record other --barrier "team_barrier@$PAGES" --mark "token_mark@$PAGES" -- "$PAGES" -t 2 -r 5 -e "$TMP/data"
text=$("$FAULTLINE" dump "$TMP/other.flt" -k mark -f jsonl | jq -r .class | uniq -c | awk '{ print $1 "x" $2 }' | xargs)
assert_eq "$text" "1xload 5xevaluation" "marks of a function of unknown meaning"
assert_eq "$(trailer other .counters.decodes)" 0 "tokens that nobody knows of"

record none --no-barriers --no-marks -- "$PAGES" -t 2 -r 5 -e -n 1 "$TMP/data"
assert_eq "$(count none barrier,mark)" 0 "barriers and marks when switched off"
assert_refused "no such function" "$FAULTLINE" record --no-score -o "$TMP/x.flt" --mark "nothing@$PAGES" -- "$PAGES" "$TMP/data"
assert_no_file "$TMP/x.flt"
