#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will run the job file for a first look as a newcomer does: all of its trace is replayed, nothing is left.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_engine
requires_cmd jq
requires_faultline
requires_memcg
requires_space 512
# The job file names the engine that stands in the project.
[ "$ENGINE" = "$PWD/engines/faultline.so" ] || skip "needs the engine in engines/, not another build's"
note_leftovers

"$FAULTLINE" info --json traces/quick.flt >"$TMP/plan.json"
planned() {
	jq -r "$1" "$TMP/plan.json"
}

run fio --directory="$TMP" --aux-path="$TMP" jobfiles/quick.fio
assert_eq "$STATUS" 0 "$OUTPUT"
assert_contains "$OUTPUT" "faultline: quick"
assert_not_contains "$OUTPUT" INCOMPLETE
assert_value quick .complete true
assert_value quick .incomplete null
assert_value quick .figures.evaluations 9
assert_value quick .figures.tokens 8
# The load phase comes before them.
assert_value quick '[.evaluations[].index] | join(" ")' "$(planned '[.evaluations[].index] | join(" ")')"
assert_value quick '.evaluations | length' 10
assert_value quick '[.lanes[].windows] | add' "$(planned '[.evaluations[].windows] | add')"
assert_value quick '[.lanes[].barriers] | add' "$(planned '[.evaluations[].barriers] | add')"
assert_value quick '.lanes | length' "$(planned .trailer.program.lanes)"
assert_value quick .memory.limit_bytes "$(planned .header.memory_limit)"
# A window that ends behind its file is cut there: at most one of 64 KiB for each lane and evaluation.
bytes=$(planned '[.evaluations[].window_bytes] | add')
assert_between "$(value quick .figures.touched_bytes)" $((bytes - 10 * 2 * 65536)) "$bytes" "bytes"
assert_eq "$(stat -c %s "$TMP/quick.gguf")" "$(planned '[.files[] | select(.model)][0].size')" "size of the data file"
assert_no_leftovers
