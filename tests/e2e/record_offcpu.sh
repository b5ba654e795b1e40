#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record twice as many computing threads as there are CPUs for them, and find for each
# thread all the time that it had none, as the scheduler's own account and the thread's clocks say.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
requires_cmd taskset

LANES=$BUILD/tests/workloads/lanes
requires_file "$LANES"
make_file "$TMP/data" 8
cpus=$(nproc)
[ "$cpus" -gt 2 ] && cpus=2
probes=(--mark "faultline_evaluation@$LANES" --barrier "faultline_barrier@$LANES")
record busy "${probes[@]}" -- taskset -c "0-$((cpus - 1))" "$LANES" -t $((2 * cpus)) -r 5 -m 60 "$TMP/data"
assert_eq "$(trailer busy .lossy)" false "lossy"
assert_eq "$(wc -l <"$TMP/busy.out")" $((2 * cpus)) "threads"
records busy offcpu >"$TMP/offcpu"
while read -r tid wall cpu delay preempted; do
	stream=$(jq -r --argjson t "$tid" 'select(.what == "stream" and .type == "thread" and .tid == $t) | .id' "$TMP/busy.defs")
	assert_ne "$stream" "" "the stream of thread $tid"
	read -r off times <<<"$(jq -s --argjson s "$stream" \
		'map(select(.stream == $s)) | "\(map(.dur_ns) | add // 0) \(map(select(.flags == 1)) | length)"' -r "$TMP/offcpu")"
	# At least as long as it was ready and had no CPU, but for what is shorter than 20 us; at most as long as its
	# CPU time stood still (interrupts and the host take of that, too), and a thread also starts and ends.
	[ "$delay" -gt 0 ] || skip "this kernel keeps no account of the time that threads wait for a CPU"
	assert_between "$off" $((delay - delay / 50 - preempted * 20000)) $((wall - cpu + (wall - cpu) / 50 + 20000000)) \
		"ns off the CPU of thread $tid"
	assert_le "$times" $((preempted + 2)) "times that thread $tid was preempted, by the kernel's count"
	assert_le $((preempted / 2)) $((times + 2)) "times that thread $tid was preempted, at least half of the kernel's count"
done < <(jq -r '"\(.tid) \(.wall_ns) \(.cpu_ns) \(.delay_ns) \(.preempted)"' "$TMP/busy.out")
assert_lt 0 "$(trailer busy .counters.preempted)" "preempted threads"
assert_eq "$(trailer busy .counters.off_cpu)" "$(wc -l <"$TMP/offcpu")" "intervals in the trailer and in the recording"
assert_eq "$(jq -s 'all(.dur_ns >= 20000)' "$TMP/offcpu")" true "short intervals are left out"

# the wait in a fault is the fault's: nothing of it is told twice
record cold --evict "$TMP/data" -- "$PAGES" -R -s 4 "$TMP/data"
assert_exact cold
{ records cold offcpu; records cold fault; } | jq -sc 'map(select(.stream != null)) | group_by(.stream)[] | sort_by(.start_ns)
	| [.[:-1], .[1:]] | transpose[] | select(.[0].kind != .[1].kind and .[0].start_ns + .[0].dur_ns > .[1].start_ns + 1000)' >"$TMP/both"
assert_eq "$(wc -l <"$TMP/both")" 0 "off-CPU times that overlap a fault: $(head -n 1 "$TMP/both")"
assert_lt 100 "$(trailer cold .counters.blocked)" "faults that waited"

record off --no-sched -- "$LANES" -t 2 -r 2 -m 5 "$TMP/data"
assert_eq "$(count off offcpu)" 0 "off-CPU times when switched off"
