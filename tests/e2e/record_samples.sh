#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that lasts two seconds, and find samples every 100 ms or so, of every process
# figure, the anonymous memory among them as large as the run made it.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 4
record run -- "$PAGES" -a 200 -r 40 -w 50 "$TMP/data"
assert_exact run
metric() { jq -r --arg n "$1" 'select(.what == "metric" and .name == $n) | .id' "$TMP/run.defs"; }
samples() { records run sample | jq -s "map(select(.metric == $(metric "$1"))) | $2"; }

n=$(samples process.rss_anon length)
assert_between "$n" 15 30 "samples in two seconds"
# one in 100 ms on a machine at rest; the median forgives a busy one some late ones
assert_between "$(samples process.rss_anon 'map(.start_ns) | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | sort | .[length / 2 | floor]')" \
	80000000 200000000 "ns between two samples"
assert_between "$(samples process.rss_anon 'map(.value) | max')" $((200 << 20)) $((216 << 20)) "anonymous memory"
assert_between "$(samples process.rss_file 'map(.value) | max')" $((4 << 20)) $((16 << 20)) "memory of mapped files"
assert_eq "$(samples process.threads 'map(.value) | unique == [1]')" true "threads"
