#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will drop page-table entries inside of programs that would notice if anything else changed: static
# ones, ones in system calls, with signals, stops and children of their own, and ones that start others.
# TIMEOUT: 300
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
. tests/reference.sh

make_file "$TMP/data" 32
windows=512
at_marks() {
	local name=$1 rounds=$2
	shift 2
	reference "$name" --calibrate 0 --mark evaluate -- "$@" -r "$rounds" "$TMP/data"
	assert_usable "$name"
	assert_undisturbed "$name"
	assert_eq "$(count "$name" zap)" "$rounds" "$name: zaps"
	assert_eq "$(judgement "$name" .windows_per_evaluation)" $windows "$name: windows"
}

at_marks plain 6 "$ZAPPED"
at_marks private 6 "$ZAPPED" -m private
at_marks calls 6 "$ZAPPED" -c -w 20
at_marks signals 6 "$ZAPPED" -s
at_marks stops 6 "$ZAPPED" -k
if cc -static -D_GNU_SOURCE -O1 -o "$TMP/static" tests/workloads/zapped.c -pthread -lrt 2>"$TMP/cc.err"; then
	at_marks static 6 "$TMP/static" -c -s
fi

# by exec() it becomes another process image with mappings of its own
reference again --calibrate 0 --mark evaluate -- "$ZAPPED" -x -r 4 "$TMP/data"
assert_undisturbed again
assert_eq "$(count again zap)" 5 "zaps: one before exec()"

# The same output as on its own.
"$ZAPPED" -r 6 "$TMP/data" >"$TMP/alone"
assert_eq "$(cat "$TMP/plain.out")" "$(cat "$TMP/alone")" "what it printed"

# By time, wherever the threads are just then.
by_time() {
	local name=$1
	shift
	reference "$name" --calibrate 0 --no-marks --zap-every 2 -- "$@" "$TMP/data"
	assert_undisturbed "$name"
	assert_lt 20 "$(count "$name" zap)" "$name: zaps"
	assert_eq "$(judgement "$name" .interval.every_ms)" 2 "$name: the interval"
}
by_time calls_by_time "$ZAPPED" -c -w 20 -r 20
by_time signals_by_time "$ZAPPED" -s -r 40
by_time stops_by_time "$ZAPPED" -k -c -r 10
