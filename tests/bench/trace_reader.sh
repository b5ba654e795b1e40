#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: The reader: 10^8 events (EVENTS=), opened and read N times (5).
. "$(dirname "$0")/../lib.sh"
. tests/bench/lib.sh

events=${EVENTS:-100000000}
"$BUILD/tests/tools/bench_reader" write "$TMP/big.flt" "$events" | figures writer
for ((i = 0; i < ${N:-5}; i++)); do
	"$BUILD/tests/tools/bench_reader" read "$TMP/big.flt"
done | figures reader
goal reader open_ms median '<=' 100
goal reader read_events_per_s median '>=' 30000000
goal reader merge_events_per_s median '>=' 30000000
goal reader max_rss_mib max '<=' 32
verdict
