#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay while locked memory leaves 700 MiB to the machine: kswapd reclaims, and all is given back, after SIGKILL too.
# TIMEOUT: 900
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_root
requires_memory 3000

mib=1048576
available() { echo $(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024)); }
before=$(available)
is_back() { [ "$(available)" -gt $((before - 512)) ]; }

trace m -l 2 -s 1G -e 3 -g 0 -b 0 -F 40M

# What cannot work is told before anything is locked, in one line.
refused() {
	local text=$1
	shift
	replay m 2 --pressure=global "$@"
	assert_ne "$STATUS" 0 "exit status with $*"
	assert_contains "$OUTPUT" "$text"
	assert_no_file "$TMP/m.result.json"
}
refused "needs memory_limit=SIZE"
refused "has to leave at least 64 MiB" --memory_limit=32M
refused "there is nothing that pressure=global could take away" --memory_limit=4096G
refused "footprint= does not fit into the memory limit of 700 MiB" --memory_limit=700M --footprint=800M
refused "memory_limit_type=high has no meaning" --memory_limit=700M --memory_limit_type=high
refused "invalidate=0 and pressure=global exclude each other" --memory_limit=700M --invalidate=0
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	run setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock prlimit --memlock=65536:65536 fio --aux-path="$TMP" --directory="$TMP" --name=m \
		--ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --pressure=global --memory_limit=700M
	assert_ne "$STATUS" 0
	assert_match "$OUTPUT" '^faultline: pressure=global has to lock [0-9]* MiB of memory: run it as root, or raise RLIMIT_MEMLOCK'
fi

assert_replayed m 2 --pressure=global --memory_limit=700M
assert_value m .options.pressure global
assert_value m .memory.limit_bytes $((700 * mib))
assert_value m .memory.cgroup null
assert_value m ".balloon | .alive and .leave_bytes <= 700 * $mib and .leave_bytes > 600 * $mib and .locked_bytes > 1000 * $mib" true
# 1 GiB is swept over three times, and 700 MiB cannot hold it.
assert_value m ".figures.read_bytes > 2 * 1024 * $mib" true
assert_value m '.figures.refaults_scope' machine
assert_value m '.reclaim.source' vmstat
assert_value m ".reclaim.reclaimed_kswapd > 10000" true
assert_value m ".memory.held_bytes > 20 * $mib" true
wait_until 30 is_back

# Killed, the memory comes back as well.
fio --aux-path="$TMP" --directory="$TMP" --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 \
	--pressure=global --memory_limit=700M --time_based --runtime=600 >"$TMP/out" 2>&1 &
fio=$!
is_locked() { [ "$(available)" -lt 900 ]; }
wait_until 300 is_locked
kill -KILL $fio
wait $fio 2>/dev/null || true
wait_until 30 is_back
