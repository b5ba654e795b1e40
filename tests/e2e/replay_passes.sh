#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will select evaluations by number, name and phase, warm up, and repeat: what is replayed, what is measured.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

# Evaluations: 0 load, 1 and 2 prompt, 3 to 8 decode
trace m -l 3 -e 8 -p 2 -s 2M -F 8M
each=$((2 << 20))

# selects EXPECTED FIO-OPTIONS...: EXPECTED are the evaluations in order, u behind the unmeasured ones
selects() {
	local expected=$1
	shift
	assert_replayed m 3 "$@"
	assert_value m '[.evaluations[] | "\(.index)\(if .measured then "" else "u" end)"] | join(" ")' "$expected"
}

selects "0 1 2 3 4 5 6 7 8"
selects "0u 1u 2u 3u 4u 5 6" --tokens=5-6
assert_value m .figures.touched_bytes $((2 * each))
assert_value m .selection.warmup 2
assert_value m .selection.load unmeasured
assert_value m .figures.tokens 2
selects "0u 1u 2u 5 6" --tokens=5-6 --warmup=0
selects "0u 1u 2u 3u 4u 5 6" --tokens=5-6 --warmup=9
selects "0u 1u 2u 4u 5 6" --tokens=5-6 --warmup=1
selects "0u 1u 2u 6u 7u 8" --tokens=8
selects "0u 1u 2u 5u 6u 7 8" --tokens=7-
selects "0u 1u 2u 3 4 5 6 7 8" --tokens=decode
selects "0u 1 2" --tokens=prompt
selects "3 4 5 6 7 8" --phases=decode
assert_value m .selection.load skipped
selects "0 1 2" --phases=load,prompt
selects "3u 4u 5" --phases=decode --tokens=5
# What is skipped leaves its footprint behind, if not its reads.
assert_value m .memory.footprint_bytes $((8 << 20))
selects "0 3 4 5 6 7 8" --phases=load,decode

# fio's own figures are of the measured part alone.
assert_replayed m 3 --tokens=5-6 --output-format=json
json=$(sed -n '/^{/,$p' <<<"$OUTPUT")
assert_eq "$(jq '[.jobs[].read.io_bytes] | add' <<<"$json")" $((2 * each)) "fio's bytes"
assert_eq "$(jq '[.jobs[].read.clat_ns.N] | add' <<<"$json")" $((2 * 32)) "fio's latency samples"

# runtime= counts the measured part, too.
trace long -l 2 -e 40 -p 0 -s 1M -g 2000000
replay long 2 --tokens=31-40 --warmup=30 --runtime=1
assert_value long '[.evaluations[] | select(.measured | not)] | length' 31
assert_value long '.incomplete == null or .incomplete.reason == "runtime"' true

# loops: the measured part again, warm-up once, all lanes in step
assert_replayed m 3 --tokens=5-6 --loops=3
assert_value m '[.evaluations[] | "\(.pass):\(.index)"] | join(" ")' '1:0 1:1 1:2 1:3 1:4 1:5 1:6 2:5 2:6 3:5 3:6'
assert_value m .selection.passes 3
assert_value m .figures.touched_bytes $((6 * each))
assert_value m .figures.inter_token.n 3
assert_replayed m 3 --loops=2
assert_value m '[.evaluations[].index] | join(" ")' '0 1 2 3 4 5 6 7 8 0 1 2 3 4 5 6 7 8'
assert_value m '[.lanes[].barriers] | unique | length' 1
assert_replayed m 4 --loops=3 --streams=shared
assert_value m '[.evaluations[].pass] | unique | join(" ")' '1 2 3'
assert_value m '[.lanes[].windows] | add' $((3 * $(wc -l <"$TMP/m.list")))

# time_based: as often as the time allows, complete if at least once
replay m 3 --time_based --runtime=2
assert_eq "$STATUS" 0
assert_value m .complete true
assert_value m .ended_by runtime
assert_value m '.selection.passes > 2' true
assert_value m '.figures.duration_s > 1.8 and .figures.duration_s < 3' true
replay m 2 --time_based --runtime=1 --streams=shared
assert_value m .complete true

# The user's ramp_time is fio's: its first second is not in fio's figures, but in the result.
trace ramp -l 2 -e 160 -s 1M -g 2000000
replay ramp 2 --ramp_time=1 --output-format=json
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value ramp .complete true
assert_value ramp '[.lanes[].windows] | add' "$(wc -l <"$TMP/ramp.list")"
ios=$(sed -n '/^{/,$p' <<<"$OUTPUT" | jq '[.jobs[].read.total_ios] | add')
assert_between "$ios" 1 $(($(wc -l <"$TMP/ramp.list") * 9 / 10)) "I/Os that fio counted after its ramp time"
