#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run while locked memory leaves 2 GiB to the whole machine, find that pages of a
# larger file were reclaimed by somebody, and all the memory available again at the end, also after SIGKILL.
# TIMEOUT: 600
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
requires_memory 4096

available() { echo $(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024)); }
# Holes: its pages are as large in memory as others, and nothing is read for them.
truncate -s 3G "$TMP/data"
record global --pressure global --memory-limit 2G -- "$PAGES" -t 2 -r 2 -s 16 "$TMP/data"
assert_eq "$(trailer global .lossy)" false "lossy"
assert_eq "$(jq -r 'select(.what == "header") | "\(.pressure) \(.memory_limit)"' "$TMP/global.defs")" "global $((2 << 30))" "header"
assert_eq "$(trailer global '.balloon | "\(.alive) \(.leave_bytes)"')" "true $((2 << 30))" "the balloon"
locked=$(trailer global .balloon.locked_bytes)
assert_lt $((1 << 30)) "$locked" "locked bytes"
assert_between "$(trailer global .balloon.available_after)" $((3 << 29)) $((5 << 29)) "bytes left to the machine"
assert_eq "$(trailer global '.memcg')" null "a memory cgroup"
# two rounds over 3 GiB, of which 2 at most can stay
if [ "$(trailer global .hooks.reclaim)" = true ]; then
	assert_lt $((2 << 18)) "$(trailer global '.reclaim | .reclaimed_kswapd + .reclaimed_direct')" "pages reclaimed"
	assert_lt 0 "$(trailer global .reclaim.reclaimed_kswapd)" "pages that kswapd reclaimed"
fi
is_back() { [ "$(available)" -gt $((2048 + locked / 2097152)) ]; }
wait_until 30 is_back

"$FAULTLINE" record -q --no-score --pressure global --memory-limit 2G -o "$TMP/killed.flt" -- "$PAGES" -q -r 1000 -w 50 -s 64 \
	"$TMP/data" &
recorder=$!
# the command itself, not the recorder that names it
is_running() { workload=$(pgrep -f "^$PAGES -q.*$TMP/data"); }
wait_until 90 is_running
on_exit "kill -9 $workload 2>/dev/null"
[ "$(available)" -lt 3072 ] || fail "$(available) MiB are available under --pressure global"
kill -KILL $recorder
wait_until 30 is_back
kill "$workload"

assert_refused "needs --memory-limit" "$FAULTLINE" record --pressure global -o "$TMP/x.flt" -- "$PAGES" "$TMP/data"
