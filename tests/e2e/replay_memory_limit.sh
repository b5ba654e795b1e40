#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay under a memory limit: the file is evicted first, the limit holds, the model is read again and again.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_memcg
note_leftovers

mib=1048576
trace m -l 2 -e 4 -s 64M -m 40M -g 0
# Warm: without the eviction these pages would not count against the limit.
assert_replayed m 2
cat "$TMP/m.gguf" >/dev/null

assert_replayed m 2 --pressure=memcg
assert_no_leftovers
assert_value m .memory.limit_bytes $((40 * mib))
assert_value m .memory.left_bytes 0
assert_value m .memory.cgroup_version "$MEMCG_VERSION"
assert_value m ".memory.evicted_bytes" $((64 * mib))
# 40 MiB hold no 64: an LRU keeps next to nothing of a file that is swept over in a circle.
assert_value m ".figures.read_bytes > $((3 * 64 * mib))" true
assert_value m '.figures.model_reads > 3' true
assert_value m ".memory.end.file <= $((40 * mib))" true
assert_value m ".memory.end.usage <= $((40 * mib))" true
assert_value m '.figures.refaults > 0' true
assert_value m '.figures.major_faults > 0' true

# Room for all of it: it is read once.
assert_replayed m 2 --pressure=memcg --memory_limit=200M
assert_value m ".figures.read_bytes >= $((64 * mib)) and .figures.read_bytes < $((70 * mib))" true
assert_value m .figures.refaults 0

# The footprint takes its part of the limit: what fio needs itself is in it.
assert_replayed m 2 --pressure=memcg --memory_limit=200M --footprint=100M
assert_value m .memory.footprint_bytes $((100 * mib))
assert_value m ".memory.end.anon >= $((99 * mib)) and .memory.end.anon <= $((101 * mib))" true
assert_value m ".memory.held_bytes < $((100 * mib))" true
trace f -l 2 -e 3 -s 16M -F 60M -m 120M
assert_replayed f 2 --pressure=memcg
assert_value f ".memory.end.anon >= $((59 * mib)) and .memory.end.anon <= $((61 * mib))" true
assert_replayed f 2 --pressure=memcg --footprint=none
assert_value f ".memory.held_bytes" 0
# It counts even where the load phase, in which it grew, is left out.
assert_replayed f 2 --pressure=memcg --phases=decode
assert_value f ".memory.end.anon >= $((59 * mib)) and .memory.end.anon <= $((61 * mib))" true
# One that does not fit is told, instead of called to the OOM killer.
replay f 2 --pressure=memcg --memory_limit=60M
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" "the footprint of 60 MiB does not fit into the limit of 60 MiB"
assert_no_leftovers
