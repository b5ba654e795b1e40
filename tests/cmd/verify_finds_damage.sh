#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will damage a trace byte by byte and at every length, expect verify to notice, and repair it.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
D=tests/data/analysis
small=$D/small.flt
mktrace=$BUILD/tests/tools/mktrace

diff -u $D/small.verify.txt <("$FAULTLINE" verify $small) || fail "the verdict has changed"
assert_status 0 "$FAULTLINE" verify $small
assert_eq "$("$FAULTLINE" verify --json $small | jq .sound)" true

# One flipped bit anywhere is noticed, and nobody crashes on it.
size=$(stat -c %s $small)
for ((at = 0; at < size; at += 13)); do
	cp $small "$TMP/bad.flt"
	byte=$(od -An -tu1 -j $at -N 1 $small)
	printf %b "\\x$(printf %x $((byte ^ 16)))" | dd of="$TMP/bad.flt" bs=1 seek=$at conv=notrunc status=none
	assert_status 1 "$FAULTLINE" verify "$TMP/bad.flt"
	for command in "info --json" "dump -f csv" jobfile "prepare -o $TMP/p.flt"; do
		status=0
		# shellcheck disable=SC2086 # commands with options
		"$FAULTLINE" $command "$TMP/bad.flt" >/dev/null 2>&1 || status=$?
		[ $status -le 1 ] || fail "$command ends with $status on a flipped bit at byte $at"
		rm -f "$TMP/p.flt"
	done
done

# Cut off anywhere behind the header: what is whole stays readable, and can be repaired.
for ((at = size - 1; at > 400; at -= 97)); do
	head -c $at $small >"$TMP/cut.flt"
	assert_status 1 "$FAULTLINE" verify "$TMP/cut.flt"
	assert_match "$OUTPUT" 'UNFINISHED'
	assert_contains "$OUTPUT" "--repair"
	assert_status 0 "$FAULTLINE" verify --repair -o "$TMP/whole.flt" "$TMP/cut.flt"
	run "$FAULTLINE" verify --json "$TMP/whole.flt"
	assert_eq "$(jq .finished <<<"$OUTPUT")" true "finished after the repair of $at bytes"
	assert_eq "$(jq .damaged <<<"$OUTPUT")" false "damaged after the repair of $at bytes"
	rm "$TMP/whole.flt"
done

# An unfinished recording, whole again, has lost nothing that was in it.
rm "$TMP/cut.flt"
"$mktrace" --recording --unfinished "$TMP/cut.flt" >/dev/null
assert_status 0 "$FAULTLINE" verify --repair -o "$TMP/whole.flt" "$TMP/cut.flt"
cmp <("$FAULTLINE" dump -f csv "$TMP/cut.flt") <("$FAULTLINE" dump -f csv "$TMP/whole.flt") ||
	fail "the repaired trace has other records"
assert_refused "exists; name a new file" "$FAULTLINE" verify --repair -o "$TMP/whole.flt" "$TMP/cut.flt"

# Contents that contradict each other, in sound bytes.
"$mktrace" --broken-barrier "$TMP/barrier.flt" >/dev/null
assert_status 1 "$FAULTLINE" verify "$TMP/barrier.flt"
assert_contains "$OUTPUT" "1 of 2 lanes arrive at generation 1 of barrier 7"
"$mktrace" --escape "$TMP/escape.flt" >/dev/null
assert_status 1 "$FAULTLINE" verify "$TMP/escape.flt"
assert_contains "$OUTPUT" "lie outside of a file of 16777216"

assert_status 2 "$FAULTLINE" verify
assert_status 2 "$FAULTLINE" verify --repair $small
assert_status 2 "$FAULTLINE" verify -o "$TMP/x" $small
