#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will end one lane early in every way; its group ends within a second, and the result says why.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

# About 20 s of compute, with barriers
trace m -l 2 -e 400 -s 4M -g 750000

# Ends within a second after the time that was given.
replay m 2 --runtime=2
assert_eq "$STATUS" 0 "exit status at the end of runtime="
assert_value m .complete false
assert_value m .incomplete.reason runtime
assert_value m '.figures.duration_s < 3' true
assert_value m '.evaluations | length > 1' true
assert_contains "$OUTPUT" INCOMPLETE

# Only one of the lanes has a limit: the other must not wait for it for ever.
start=$SECONDS
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --name=a --number_ios=100 --name=b
assert_le $((SECONDS - start)) 5 "seconds until number_ios= ended the group"
assert_value m .incomplete.reason number_ios
assert_value m '.lanes[0].windows' 100
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --name=a --runtime=1 --name=b
assert_value m .incomplete.reason runtime

# Barriers that never meet: noticed instead of waited at.
trace broken -B -e 4 -s 2M
start=$SECONDS
replay broken 2
assert_ne "$STATUS" 0
assert_le $((SECONDS - start)) 5 "seconds until the deadlock was noticed"
assert_value broken .incomplete.reason barrier

# The last lane leaves the selection before a barrier at which the others wait for it.
trace left -l 3 -k -s 2M
start=$SECONDS
replay left 3 --tokens=1
assert_ne "$STATUS" 0
assert_le $((SECONDS - start)) 5 "seconds until it was noticed that a lane is done"
assert_value left .incomplete.reason barrier

# An offset outside of the file
trace escape -X -e 2 -s 2M
replay escape 2
assert_ne "$STATUS" 0
assert_value escape .incomplete.reason trace
assert_contains "$OUTPUT" "is damaged"

# Anonymous memory that no machine has: not a case for the OOM killer.
for bytes in 1000T 18446744073709551610; do
	rm -f "$TMP/huge.flt"
	trace huge -F $bytes -s 2M
	replay huge 2
	assert_ne "$STATUS" 0
	assert_value huge .incomplete.reason error
	assert_contains "$OUTPUT" "does not fit into this machine's memory"
	assert_eq "$(grep -c '^faultline: the footprint' <<<"$OUTPUT")" 1 "lines about the footprint"
done

# A data file that shrinks under the mapping: SIGBUS, but no crash.
fio --ioengine=external:"$ENGINE" --aux-path="$TMP" --directory="$TMP" --name=m --trace="$TMP/m.flt" --numjobs=2 \
	>"$TMP/out" 2>&1 &
pid=$!
sleep 2
truncate -s 1M "$TMP/m.gguf"
status=0
wait $pid || status=$?
assert_between "$status" 1 99 "exit status after a truncated file"
assert_value m .incomplete.reason bus
assert_contains "$(cat "$TMP/out")" "was truncated to 1048576 bytes"
assert_eq "$(grep -c '^faultline: .*truncated.*' "$TMP/out")" 2 "one line as an error, one in the summary"
