#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay with every pace: computing as recorded, scaled, not at all, or by the recorded clock; and keep compute out of latencies.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

# One lane on a resident file: 4 x 32 windows with 1 ms before each, all of it compute
trace m -l 1 -e 4 -s 2M -g 1000000 -a 500000
assert_replayed m 1
warm() {
	cat "$TMP/m.gguf" >/dev/null
	assert_replayed m 1 --invalidate=0 "$@"
}

warm
# 129 windows: compute is what was recorded, and time is at least that.
assert_value m '.lanes[0].compute_s > 0.127 and .lanes[0].compute_s < 0.132' true
assert_value m '.figures.duration_s >= 0.127' true
warm --cpu_scale=3
assert_value m '.lanes[0].compute_s > 0.381 and .lanes[0].compute_s < 0.396' true
assert_value m '.figures.duration_s >= 0.381' true
warm --pace=none
assert_value m '.lanes[0].compute_s' 0
# The recorded clock has the waits in it: 1.5 ms a window.
warm --pace=wall
assert_value m '.figures.duration_s >= 0.18' true
assert_value m '.lanes[0].compute_s' 0

# Compute between pages is not the memory's time: fio's completion latency stays far below the window's 1 ms.
warm --output-format=json
assert_lt "$(sed -n '/^{/,$p' <<<"$OUTPUT" | jq '.jobs[0].read.clat_ns.percentile."50.000000"')" 500000 "median clat, ns"

# A sleeping lane sleeps in compute's pace only.
trace idle -l 2 -e 50 -s 128K -g 0 -I
assert_replayed idle 2
assert_value idle '.figures.duration_s >= 0.05' true
