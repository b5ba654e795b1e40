#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a program with the replay engine's marks and barriers, and then a replay itself,
# and find each evaluation with its class and tokens, and each meeting with all of its lanes.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

LANES=$BUILD/tests/workloads/lanes
requires_file "$LANES"
make_file "$TMP/data" 8
marks() { "$FAULTLINE" dump "$TMP/$1.flt" -k mark -f jsonl | jq -r '"\(.class):\(.tokens)"' | uniq -c | awk '{ print $1 "x" $2 }' | xargs; }
meetings() { records "$1" barrier | jq -sc 'map([.group, .generation]) | group_by(.) | map([.[0][0], .[0][1], length])'; }

record lanes -- "$LANES" -t 3 -r 4 -m 10 "$TMP/data"
assert_exact lanes
assert_eq "$(marks lanes)" "1xload:null 1xprompt:9 3xdecode:1" "marks"
assert_eq "$(trailer lanes '.evaluations | map("\(.index):\(.class)") | join(" ")')" \
	"5:prompt 6:decode 7:decode 8:decode" "evaluations, as they were told"
# each lasts to the next one
assert_eq "$(trailer lanes '.evaluations | [.[:-1], .[1:]] | transpose | all(.[0].start_ns + .[0].ns == .[1].start_ns)')" \
	true "no time is between them"
assert_eq "$(trailer lanes '.evaluations | all(.ns >= 10000000)')" true "times"
assert_eq "$(meetings lanes)" "[[7,100,3],[7,101,3],[7,102,3],[7,103,3]]" "meetings: group, generation, lanes"

requires_engine
assert_match "$(nm -D "$ENGINE")" ' T faultline_evaluation$' "the engine's exported functions"
requires_cmd fio
requires_space 300
record real --memory-limit 48M --evict "$TMP/data" --barrier team_barrier -- "$PAGES" -t 2 -r 4 -n 5 -x "$TMP/data"
"$FAULTLINE" jobfile --result "$TMP/result.json" -o "$TMP/run.fio" "$TMP/real.flt"
record replay -- fio --aux-path="$TMP" "$TMP/run.fio"
assert_eq "$(trailer replay .exit_status)" 0 "fio's status"
assert_eq "$(trailer replay '.evaluations | map("\(.class):\(.tokens)") | join(" ")')" \
	"$(trailer real '.evaluations | map("\(.class):\(.tokens)") | join(" ")')" "evaluations of the replay and of the run"
assert_eq "$(records replay barrier | jq -s 'group_by([.group, .generation]) | map(length) | unique | join(" ")' -r)" 2 \
	"lanes at each meeting"
assert_eq "$(records replay barrier | wc -l)" "$(trailer real .program.barriers)" "waits"
