#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will let the disk of the trace fill up: the run goes on to its end, the failure is told, and what
# was written before can be repaired into a sound trace.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 64
mkdir "$TMP/disk"
mount -t tmpfs -o size=32k faultline-test "$TMP/disk" || skip "cannot mount a tmpfs"
on_exit "umount '$TMP/disk'"
# enough faults for several chunks
run "$FAULTLINE" record --no-score --no-block -o "$TMP/disk/x.flt" -- "$PAGES" -t 2 -r 800 -s 17 -e -w 15 "$TMP/data"
assert_eq "$STATUS" 1 "status"
assert_contains "$OUTPUT" "No space left on device"
assert_contains "$OUTPUT" '"touched": 771200' "the run's own words"
assert_contains "$OUTPUT" "--repair" "what to do"
cp "$TMP/disk/x.flt" "$TMP/x.flt"
run "$FAULTLINE" verify --repair -o "$TMP/fixed.flt" "$TMP/x.flt"
assert_status 0 "$FAULTLINE" info "$TMP/fixed.flt"
