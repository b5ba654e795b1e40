#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will capture a process that runs already, with all of its threads, and let go of it unharmed: at the
# end, and when the recorder is killed.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
. tests/reference.sh

make_file "$TMP/data" 32
"$ZAPPED" -c -s -w 30 -r 1000000 "$TMP/data" >"$TMP/program.out" 2>"$TMP/program.err" &
pid=$!
on_exit "kill -9 $pid 2>/dev/null"
sleep 0.3
reference attached --mark evaluate --duration 2 -p $pid
assert_usable attached
assert_lt 5 "$(count attached zap)" "zaps"
assert_eq "$(judgement attached .windows_per_evaluation)" 512 "windows"
assert_eq "$(sed -n 's/^TracerPid:\t//p' /proc/$pid/status)" 0 "who traces it afterwards"

# Without marks, by time, as nothing is found that could mark evaluations.
reference unmarked --no-marks --duration 3 -p $pid
assert_lt 3 "$(count unmarked zap)" "zaps by time"
assert_eq "$(judgement unmarked .interval.every_ms)" 100 "the interval"

traced() {
	[ "$(sed -n 's/^TracerPid:\t//p' /proc/$pid/status 2>/dev/null)" != 0 ]
}
untraced() {
	! traced
}
# at whatever it is just doing in the process
for i in 1 2 3 4 5; do
	"$FAULTLINE" record --mode reference --no-score -q --zap-every 1 -o "$TMP/killed$i.flt" -p $pid >/dev/null 2>&1 &
	recorder=$!
	wait_until 20 traced
	sleep 1.${i}7
	kill -9 $recorder
	wait $recorder 2>/dev/null || true
	wait_until 5 untraced
	kill -0 $pid || fail "the process did not survive the recorder"
done
kill -USR1 $pid
wait $pid || fail "the process noticed: $(cat "$TMP/program.err")"
assert_contains "$(cat "$TMP/program.out")" " 0 failures" "the process' own output"
