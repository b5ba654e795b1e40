#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will compare all memory beside the page cache, page tables and buffers included, with the recorded run's over time.
# TIMEOUT: 300
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_memcg
requires_file traces/quick.flt
note_leftovers

mib=1048576
cp traces/quick.flt "$TMP/quick.flt"
assert_replayed quick 2 --pressure=memcg
assert_value quick '.memory.beside_cache | type' object
assert_value quick '.memory.beside_cache.evaluations >= 3' true
assert_value quick '.memory.beside_cache.recorded_how' cgroup
assert_value quick '.memory.beside_cache.replayed_how' cgroup
# Within a MiB at each moment that was looked at
assert_lt "$(value quick .memory.beside_cache.max_difference_bytes)" $mib "bytes between recorded and replayed"
for moment in start prompt decode; do
	assert_value quick ".memory.beside_cache.$moment | .recorded_bytes > 15 * $mib and .replayed_bytes > 15 * $mib" true
done
assert_value quick '.memory.beside_cache.decode.evaluation' 9

# Without the footprint they are apart, so this can fail.
assert_replayed quick 2 --pressure=memcg --footprint=none
assert_lt $((10 * mib)) "$(value quick .memory.beside_cache.max_difference_bytes)" "bytes without the footprint"

# A trace without samples has nothing to compare with.
trace m -l 2 -s 16M -e 3 -F 30M -m 64M
assert_replayed m 2 --pressure=memcg
assert_value m .memory.beside_cache null
# What is charged is what was asked for, and what the kernel needs: page tables, stacks.
assert_value m ".memory.end | (.usage - .file) >= 30 * $mib and (.usage - .file) < 32 * $mib" true
assert_no_leftovers
