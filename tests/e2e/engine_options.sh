#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will read fio's help on every option of the engine, and see that none hides one of fio's own.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

options=$(fio --enghelp="$ENGINE" | sed -n 's/^\([a-z_]*\) *: .*/\1/p')
assert_eq "$(wc -w <<<"$options")" 15 "options: $options"
fio --cmdhelp=all | sed -n 's/^\([a-z_]*\) *: .*/\1/p' >"$TMP/fio"
[ -s "$TMP/fio" ] || fail "no options of fio's own found"
for option in $options; do
	! grep -qx "$option" "$TMP/fio" || fail "$option is an option of fio's own"
	help=$(fio --enghelp="$ENGINE,$option")
	assert_match "$help" "^ *$option: .{20,}"
	[ "$option" = trace ] || assert_match "$help" "default" "the help of $option"
	assert_contains "$(cat engines/faultline-engine.7.scd)" "*$option*="
done
# What the options' values are called is in the help as well.
for value in recorded shared; do
	assert_contains "$(fio --enghelp="$ENGINE,streams")" $value
done
for value in compute none wall; do
	assert_contains "$(fio --enghelp="$ENGINE,pace")" $value
done
