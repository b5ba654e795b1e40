#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a workload of threads and a child, on a warm and on a cold file, and compare
# the recorded faults with the kernel's own counts and with what the workload says it did.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 64
record warm -- "$PAGES" -t 3 -r 3 -e -a 4 -f "$TMP/data"
record cold --evict "$TMP/data" -- "$PAGES" -t 3 -r 3 -x -a 4 -f "$TMP/data"

for name in warm cold; do
	assert_exact $name
	total=$(count $name fault)
	assert_eq "$(trailer $name .counters.faults)" "$total" "$name: faults in the trailer and in the records"
	assert_eq "$(trailer $name .rusage.majflt)" "$(count $name fault '.flags / 2 % 2 >= 1')" \
		"$name: major faults of wait4() and in the records"
	# The workload looks at its counters a little before its end.
	said=$(jq .majflt "$TMP/$name.out")
	assert_between "$(trailer $name .counters.major)" "$said" $((said + 8)) "$name: major faults in the workload's eyes"
	minor=$(trailer $name .rusage.minflt)
	# exec() and fork() take some inside the kernel, which are no events
	assert_between "$(count $name fault '.flags / 2 % 2 < 1')" $((minor - 200)) $((minor + 6)) "$name: minor faults"
	# 1024 pages of anonymous memory for the parent, and as many for its child
	assert_between "$(count $name fault '.flags / 8 % 2 >= 1')" 2048 2700 "$name: anonymous faults"
done
assert_lt 0 "$(trailer cold .counters.major)" "major faults on a cold file"
assert_lt 0 "$(trailer cold .counters.blocked)" "blocked faults on a cold file"
assert_eq "$(jq -s '[.[] | select(.what == "stream" and .type == "process")] | length' "$TMP/warm.defs")" 2 "processes"
assert_between "$(jq -s '[.[] | select(.what == "stream" and .type == "thread")] | length' "$TMP/warm.defs")" 6 6 "threads"
