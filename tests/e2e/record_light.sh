#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will time a run with --light, and find for each evaluation its class, tokens, time, major
# faults and bytes read, to the page, though no fault and no request is recorded; and the same figures in a full recording.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 32
page=$(getconf PAGESIZE)
touched=$((32 * 1048576 / page / 64))
# every round is cold, nothing is read ahead, and nobody shares a page
round=(-R -t 2 -s 64 -x -n 7 -w 20)
evaluations() { trailer "$1" ".evaluations | map($2) | unique | map(tostring) | join(\" \")"; }
check() {
	assert_eq "$(trailer "$1" '.evaluations | map("\(.class):\(.tokens)") | join(" ")')" \
		"prompt:7 decode:1 decode:1 decode:1 decode:1" "$1: evaluations"
	assert_eq "$(evaluations "$1" .majflt)" $touched "$1: major faults of each evaluation"
	assert_eq "$(evaluations "$1" .read_bytes)" $((touched * page)) "$1: bytes read by each evaluation"
	assert_eq "$(trailer "$1" '.evaluations | all(.ns >= 20000000 and .ns < 20000000000)')" true "$1: times"
	assert_eq "$(trailer "$1" '.evaluations | [.[:-1], .[1:]] | transpose | all(.[0].start_ns + .[0].ns <= .[1].start_ns)')" \
		true "$1: one after the other"
	assert_eq "$(trailer "$1" '.load_ns <= .evaluations[0].start_ns')" true "$1: the load phase is before them"
	assert_between "$(trailer "$1" '.evaluations[-1].majflt_total')" $((5 * touched)) "$(trailer "$1" .rusage.majflt)" \
		"$1: major faults at the last mark"
	assert_eq "$(trailer "$1" .lossy)" false "$1: lossy"
}

record light --light --evict "$TMP/data" -- "$PAGES" -r 5 "${round[@]}" "$TMP/data"
check light
assert_eq "$(count light fault,barrier,block,cache,read,hint,offcpu)" 0 "records that --light leaves out"
assert_eq "$(trailer light '.hooks | [.light, .regions, .block, .cache, .sched] | map(tostring) | join(" ")')" \
	"true false false false false" "hooks"
assert_eq "$(count light mark)" 6 "marks"
assert_lt 0 "$(count light sample)" "samples"
assert_eq "$(trailer light .program)" null "no replay program"

record full --evict "$TMP/data" -- "$PAGES" -r 5 "${round[@]}" "$TMP/data"
check full

# a running process, its evaluations from then on
"$PAGES" -q -r 100 "${round[@]}" "$TMP/data" &
pid=$!
on_exit "kill $pid 2>/dev/null"
record attached --light -p $pid --duration 1
assert_lt 1 "$(trailer attached '.evaluations | length')" "evaluations of a running process"
assert_eq "$(trailer attached '.evaluations[1:] | map(.majflt) | unique | join(" ")')" $touched "its major faults"
kill $pid
status=0
wait $pid 2>/dev/null || status=$?
assert_eq $status 143 "the workload went on until it was ended"
assert_refused "none itself" "$FAULTLINE" record --light --calibrate 1 -o "$TMP/x.flt" -- "$PAGES" "$TMP/data"
