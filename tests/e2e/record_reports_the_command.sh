#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record commands that fail or die: their status is reported and stored, and the recording
# itself is fine; commands that cannot be run leave no trace.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

assert_status 0 "$FAULTLINE" record --no-score -o "$TMP/three.flt" -- sh -c 'exit 3'
assert_contains "$OUTPUT" "ended with status 3"
definitions three
assert_eq "$(trailer three .exit_status)" 3 "stored status"
# shellcheck disable=SC2016
assert_status 0 "$FAULTLINE" record --no-score -o "$TMP/dead.flt" -- sh -c 'kill -SEGV $$'
assert_contains "$OUTPUT" "signal 11"
definitions dead
assert_eq "$(trailer dead .exit_status)" 139 "stored status of a signal"

assert_status 1 "$FAULTLINE" record --no-score -o "$TMP/x.flt" -- no-such-command-at-all
assert_contains "$OUTPUT" "no such command"
assert_no_file "$TMP/x.flt"
assert_status 1 "$FAULTLINE" record --no-score -o "$TMP/x.flt" -- /etc/passwd
assert_contains "$OUTPUT" "Permission denied"
assert_no_file "$TMP/x.flt"

# without -o the name tells when, and two in one second don't collide silently
cd "$TMP"
assert_status 0 "$FAULTLINE" record -q --no-score -- true
ls faultline-*.flt >/dev/null || fail "no trace of the default name"
