#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay more lanes than there are CPUs: how they wait is chosen and said, and compute is CPU time.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

lanes=$(($(nproc) + 2))
# A machine with a CPU for each, one with fewer, one that nobody knows
trace had -l $lanes -s 1M -e 3 -J '{"machine": {"cpu": {"online": 64}}}'
trace lacked -l $lanes -s 1M -e 3 -J "{\"machine\": {\"cpu\": {\"online\": $((lanes - 1))}}}"
trace unknown -l $lanes -s 1M -e 3

said() {
	assert_value "$1" .options.waits "$2"
	assert_value "$1" "[.warnings[] | select(test(\"jobs share\"))] | length" "$3"
}
assert_replayed had $lanes
said had sleep 1
assert_contains "$OUTPUT" "faultline: warning: $lanes jobs share $(nproc) CPUs: waits sleep instead of spinning"
assert_replayed unknown $lanes
said unknown sleep 1
# There, the real threads had no CPU for each either: nothing is different.
assert_replayed lacked $lanes
said lacked sleep 0
assert_replayed lacked $lanes --waits=spin
said lacked spin 0
assert_replayed had $lanes --waits=spin
said had spin 1
trace few -l 1 -s 1M -e 3
assert_replayed few 1
said few spin 0
assert_replayed few 1 --waits=sleep
said few sleep 0

# Three lanes of one CPU with 0.1 s of compute each, without barriers in between: each gets its CPU time, so it takes the sum.
trace busy -l 3 -s 768K -w 64K -b 0 -e 1 -g 25000000
cat "$TMP/busy.gguf" >/dev/null 2>&1 || true
assert_replayed busy 3 --cpus_allowed=0
assert_replayed busy 3 --cpus_allowed=0 --invalidate=0
assert_value busy '([.lanes[].compute_s] | add) > 0.29' true
assert_value busy '.figures.duration_s >= 0.29' true
