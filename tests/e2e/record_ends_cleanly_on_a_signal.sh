#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will interrupt recordings: the run ends, the trace is finished and sound; a run that ignores the
# signal is killed by the second one; a killed recorder leaves every finished chunk.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 8
alive() { pgrep -f "^$PAGES .*$TMP/data" >/dev/null; }
dead() { ! alive; }
on_exit "pkill -9 -f '$TMP/data'"

# start NAME ARGUMENT...: in the background, as $recorder, once the workload runs
start() {
	local name=$1
	shift
	"$FAULTLINE" record --no-score -o "$TMP/$name.flt" -- "$PAGES" "$@" -r 100000 -w 20 -e "$TMP/data" \
		>"$TMP/$name.out" 2>"$TMP/$name.err" &
	recorder=$!
	wait_until 20 alive
	sleep 0.5
}

for signal in INT TERM; do
	start $signal
	kill -$signal $recorder
	wait $recorder || fail "exit status $? after SIG$signal: $(cat "$TMP/$signal.err")"
	wait_until 5 dead
	definitions $signal
	assert_exact $signal
	assert_status 0 "$FAULTLINE" verify "$TMP/$signal.flt"
	assert_eq "$(trailer $signal .interrupted)" true "said to be interrupted"
	assert_lt 100 "$(count $signal fault)" "faults"
done

start ignored -i
kill -INT $recorder
sleep 0.5
alive || fail "a run that ignores SIGINT was ended by the first one"
kill -0 $recorder || fail "the recorder left its run alone"
kill -INT $recorder
wait $recorder || fail "exit status $? after two signals"
wait_until 5 dead
definitions ignored
assert_exact ignored
assert_eq "$(trailer ignored .exit_status)" 137 "the killed run's status"

# chunks are closed every five seconds
start killed
sleep 6
kill -KILL $recorder
wait $recorder 2>/dev/null && fail "survived SIGKILL"
pkill -f "^$PAGES .*$TMP/data"
run "$FAULTLINE" info "$TMP/killed.flt"
assert_eq "$STATUS" 0 "info of an unfinished trace: $OUTPUT"
assert_lt 100 "$("$FAULTLINE" dump "$TMP/killed.flt" -k fault 2>/dev/null | wc -l)" "faults in finished chunks"
