#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will interrupt and kill replays under a memory limit, whole and one job alone: nothing is left behind.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_memcg
note_leftovers

trace m -l 2 -e 400 -s 4M -g 750000
groups() {
	find "$MEMCG_ROOT" -type d -name 'faultline.replay.*' 2>/dev/null | grep -c "faultline.replay.$1\."
}
threads() {
	find "/proc/$1/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n
}
runs_limited() {
	[ "$(groups "$1")" = 1 ] && [ "$(threads "$1" | wc -l)" -ge 4 ]
}

# launch SIGNAL [thread]: its exit status in $status, its output in $TMP/out
launch() {
	local pid target began
	rm -f "$TMP/m.result.json"
	fio --ioengine=external:"$ENGINE" --aux-path="$TMP" --directory="$TMP" --name=m --trace="$TMP/m.flt" --numjobs=2 \
		--pressure=memcg --memory_limit=64M >"$TMP/out" 2>&1 &
	pid=$!
	wait_until 10 runs_limited $pid
	sleep 0.5
	target=$pid
	[ "${2:-}" != thread ] || target=$(threads $pid | tail -n 1)
	began=$(date +%s%N)
	kill -"$1" "$target"
	status=0
	wait $pid || status=$?
	assert_le $((($(date +%s%N) - began) / 1000000)) 1500 "ms until fio was gone after SIG$1"
	assert_no_leftovers
}

for signal in INT TERM; do
	launch $signal
	assert_between "$status" 1 128 "exit status after SIG$signal"
	assert_value m .incomplete.reason signal
done
launch TERM thread
assert_value m .incomplete.reason signal
launch KILL
assert_eq "$status" 137
assert_no_file "$TMP/m.result.json"
# A refused start leaves nothing either.
replay m 3 --pressure=memcg --memory_limit=64M
assert_no_leftovers
# No janitor stays.
sleep 0.2
for p in /proc/[0-9]*; do
	[ "$(cat "$p/comm" 2>/dev/null)" != faultline-undo ] || ! grep -qsa "$TMP" "$p/cmdline" || fail "a janitor is left: $p"
done
