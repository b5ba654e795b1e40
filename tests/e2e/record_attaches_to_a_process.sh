#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will attach to a process with threads and a child that run already, see the faults of all of
# them, and end when it ends, or after --duration without disturbing it.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 8
"$PAGES" -t 3 -r 40 -w 50 -e -f -q "$TMP/data" &
pid=$!
on_exit "kill $pid 2>/dev/null"
sleep 0.3
record part -p $pid --duration 0.5 --barrier team_barrier
kill -0 $pid || fail "the process didn't survive the end of the recording"
assert_exact part
assert_between "$(trailer part '.duration_ns / 1e9')" 0.5 1.5 "seconds"
assert_eq "$(trailer part .interrupted)" true "ended early"

record rest -p $pid --barrier team_barrier
assert_exact rest
wait $pid || fail "the process failed"
# three threads in each of two processes, of which all touch the file
regions=$(regions_of rest "$TMP/data")
assert_eq "$(records rest fault | jq -r --argjson r "$regions" 'select([.region] | inside($r)) | .stream' | sort -u | wc -l)" \
	6 "threads that touched the file"
assert_eq "$(trailer rest .counters.unresolved)" 0 "unresolved faults"
assert_eq "$(records rest barrier | jq -s 'map(.group) | unique | length')" 2 "barriers: one for each process"
assert_eq "$(jq -r 'select(.what == "header") | .attached_to' "$TMP/rest.defs")" $pid "whom it was attached to"
