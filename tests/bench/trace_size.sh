#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: Bytes an event in the shipped traces (TRACES= for others).
. "$(dirname "$0")/../lib.sh"
. tests/bench/lib.sh

for trace in ${TRACES:-traces/*.flt}; do
	[ -f "$trace" ] || continue
	name=$(basename "$trace" .flt)
	"$BUILD/tests/tools/bench_size" "$trace" "$TMP" | figures "$name"
	goal "$name" fault_and_barrier_bytes_per_event median '<=' 2.0
	goal "$name" program_bytes_per_event median '<=' 1.2
done
verdict
