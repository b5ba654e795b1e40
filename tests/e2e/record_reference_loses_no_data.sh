#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will capture programs whose mappings have pages of their own, or are locked, and find that these are left
# alone, and that the capture says why it is of no use.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
. tests/reference.sh

make_file "$TMP/data" 32
refused() {
	local how=$1 text=$2
	reference "$how" --calibrate 0 --mark evaluate -- "$ZAPPED" -m "$how" "$TMP/data"
	assert_undisturbed "$how"
	assert_eq "$(count "$how" zap)" 0 "$how: zaps"
	assert_eq "$(judgement "$how" .usable)" false "$how: usable"
	assert_contains "$VERDICT" "$text" "$how: the reason"
}
refused writable "private and writable"
refused copies "private copies"
[ "$(id -u)" -ne 0 ] || refused locked "locked in memory"

# Copies that come after the first round, with the mapping read-only again: once, and never again.
reference late --calibrate 0 --mark evaluate -- "$ZAPPED" -m late "$TMP/data"
assert_undisturbed late
assert_eq "$(count late zap)" 1 "late copies: zaps"
assert_contains "$(judgement late '[.why, .notes[]] | join("; ")')" "private copies" "late copies: what is said"

# Threads that block all signals cannot be stopped where they are.
reference blocked --calibrate 0 --mark evaluate -- "$ZAPPED" -b "$TMP/data"
assert_undisturbed blocked
assert_contains "$VERDICT" "block SIGURG" "blocked signals: the reason"

# A program without a mapped model.
reference none --calibrate 0 -- "$PAGES" "$0"
assert_contains "$VERDICT" "no page of a mapped model" "no model: the reason"
