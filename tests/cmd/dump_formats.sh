#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will dump a trace as text, CSV and JSON lines, and check every filter against the whole.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
D=tests/data/analysis
small=$D/small.flt

diff -u $D/small.dump.txt <("$FAULTLINE" dump $small) || fail "the text has changed"
diff -u $D/small.dump.csv <("$FAULTLINE" dump -f csv $small) || fail "the CSV has changed"
diff -u $D/small.dump.jsonl <("$FAULTLINE" dump -f jsonl $small) || fail "the JSON lines have changed"
diff -u $D/small.program.txt <("$FAULTLINE" dump -l program $small) || fail "the program has changed"

# Every line of CSV has as many fields as the heading, and no field name stands twice.
"$FAULTLINE" dump -f csv $small >"$TMP/a.csv"
assert_eq "$(awk -F, '{ print NF }' "$TMP/a.csv" | sort -u | wc -l)" 1 "widths of lines"
assert_eq "$(head -n 1 "$TMP/a.csv" | tr , '\n' | sort | uniq -d)" "" "field names that stand twice"

# Filters, on a trace that is big enough for all of them.
"$BUILD"/tests/tools/mktrace --recording "$TMP/t.flt" >/dev/null
"$FAULTLINE" dump -f jsonl "$TMP/t.flt" >"$TMP/all"
# same FILTER OPTION...: the options select what jq selects of everything
same() {
	local filter=$1
	shift
	jq -c "select($filter)" "$TMP/all" >"$TMP/expected"
	"$FAULTLINE" dump -f jsonl "$@" "$TMP/t.flt" | jq -c . >"$TMP/found"
	[ -s "$TMP/expected" ] || fail "nothing is expected of $*"
	cmp -s "$TMP/expected" "$TMP/found" || fail "dump $* selects something else than $filter"
}
same '.kind == "fault"' -k fault
same '.kind == "mark" or .kind == "barrier"' -k barrier,mark
same '.stream == 2' -t 4001
same '.stream == 1 or .stream == 2' -t mktrace
same '.stream == 1 and .kind == "fault"' -s 1 -k fault
same '.start_ns <= 5000000 and .start_ns + .dur_ns >= 4000000' --time 0.004-0.005
same '.start_ns <= 5000000' --time -0.005
same '.start_ns + .dur_ns >= 4000000' --time 0.004-

# Evaluations: all of them together are everything, each fault in one.
total=0
for n in 0 1 2 3 4; do
	found=$("$FAULTLINE" dump -k fault -T $n "$TMP/t.flt" | wc -l)
	assert_eq "$found" "$("$FAULTLINE" info --json "$TMP/t.flt" | jq ".evaluations[$n].faults.count")" "faults of evaluation $n"
	total=$((total + found))
done
assert_eq $total "$("$FAULTLINE" dump -k fault "$TMP/t.flt" | wc -l)" "faults of all evaluations"
assert_eq "$("$FAULTLINE" dump -k fault -T 1-3 "$TMP/t.flt" | wc -l)" 768
assert_eq "$("$FAULTLINE" dump -l summary -T 2 "$TMP/t.flt" | wc -l)" 2
assert_eq "$("$FAULTLINE" dump -n 7 "$TMP/t.flt" | wc -l)" 7
assert_eq "$("$FAULTLINE" dump -n 0 "$TMP/t.flt" | wc -l)" 0

# Numbers instead of names.
assert_contains "$("$FAULTLINE" dump -N -f jsonl -k mark -n 1 $small)" '"class":1,'

# The definitions.
"$FAULTLINE" dump --definitions $small | jq -r .what >"$TMP/what"
assert_eq "$(sort "$TMP/what" | uniq -c | awk '{ print $2 $1 }' | paste -sd ' ')" \
	"device2 file1 header1 lane2 region2 stream4 trailer1"

# What is not there is named, in one line.
assert_refused "no records of kind 'turtle'" "$FAULTLINE" dump -k turtle $small
assert_refused "has no thread '99'" "$FAULTLINE" dump -t 99 $small
assert_refused "has no evaluation with that number" "$FAULTLINE" dump -T 7 $small
assert_refused "has no stream '9'" "$FAULTLINE" dump -s 9 $small
assert_status 2 "$FAULTLINE" dump -T 3-1 $small
assert_status 2 "$FAULTLINE" dump -l nowhere $small
assert_status 2 "$FAULTLINE" dump --time 1,5 $small
assert_status 2 "$FAULTLINE" dump

# A full disk is noticed.
if [ -w /dev/full ]; then
	status=0
	"$FAULTLINE" dump "$TMP/t.flt" >/dev/full 2>"$TMP/err" || status=$?
	assert_eq $status 1
	assert_contains "$(cat "$TMP/err")" "No space left on device"
fi
