#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: The recorder at 300,000 faults/s and at as many as the machine can take: nothing may be dropped.
. "$(dirname "$0")/../lib.sh"
. tests/bench/lib.sh
requires_root

faults=$BUILD/tests/workloads/faults
threads=$(nproc)
for ((i = 0; i < ${N:-5}; i++)); do
	for rate in 300000 0; do
		name=$([ $rate -eq 0 ] && echo flat_out || echo "at_$rate")
		rm -f "$TMP/r.flt"
		"$FAULTLINE" record -q --no-program -o "$TMP/r.flt" -- "$faults" "$threads" 5 $((rate / threads)) \
			>"$TMP/out" 2>"$TMP/err" || fail "$(cat "$TMP/err")"
		awk -v n="$name" '{ print n "_" $1, $2 }' "$TMP/out"
		"$FAULTLINE" info --json "$TMP/r.flt" | jq -r --arg n "$name" '.trailer |
			"\($n)_dropped \(.lost.faults)",
			"\($n)_tracer_cpu_percent_of_one \(.tracer.cpu_seconds / .duration_ns * 1e11)"'
	done
done >"$TMP/lines"
figures recorder <"$TMP/lines"
goal recorder at_300000_faults_per_s median '>=' 295000
goal recorder at_300000_dropped max '<=' 0
verdict
