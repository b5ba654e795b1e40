#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will show results as tables, compare them to the letter, and refuse what is no result.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
D=tests/data/analysis

diff -u $D/results.txt <("$FAULTLINE" result $D/one.json $D/two.json) || fail "the table has changed"
diff -u $D/results.md.txt <("$FAULTLINE" result --markdown $D/one.json $D/two.json) ||
	fail "the Markdown table has changed"

# With tokens, the rates are those of tokens.
run "$FAULTLINE" result $D/one.json
assert_match "$OUTPUT" '^tokens/s +0\.179$'
assert_not_contains "$OUTPUT" "evaluations/s"
run "$FAULTLINE" result $D/two.json
assert_match "$OUTPUT" '^evaluations/s +0\.180$'
! grep -qE "^tokens/s" <<<"$OUTPUT" || fail "a rate of tokens that nobody knows"
assert_contains "$OUTPUT" "incomplete: runtime=10 was over in evaluation 3"

# Columns of one name are told apart by their files.
cp $D/one.json "$TMP/nvme.result.json"
cp $D/one.json "$TMP/optane.json"
run "$FAULTLINE" result "$TMP/nvme.result.json" "$TMP/optane.json"
assert_match "$(head -n 1 <<<"$OUTPUT")" '^ +nvme +optane$'

# ... or by their folders, or by number if it is one file twice.
mkdir "$TMP/sata" "$TMP/m2"
cp $D/one.json "$TMP/sata/run.json"
cp $D/one.json "$TMP/m2/run.json"
run "$FAULTLINE" result "$TMP/sata/run.json" "$TMP/m2/run.json"
assert_match "$(head -n 1 <<<"$OUTPUT")" '^ +sata/run +m2/run$'
run "$FAULTLINE" result $D/one.json $D/one.json
assert_match "$(head -n 1 <<<"$OUTPUT")" '^ +one \(1\) +one \(2\)$'
long=$TMP/$(printf 'x%.0s' {1..200})
cp $D/one.json "$long.json"
cp $D/one.json "${long}y.json"
run "$FAULTLINE" result "$long.json" "${long}y.json"
assert_match "$(head -n 1 <<<"$OUTPUT")" '^ +\.\.\.x+ +\.\.\.x+y$'

# Several passes beside what was recorded once; who reclaimed; a balloon.
jq '.selection.passes = 3 | .reclaim = {"scanned_kswapd": 1234567, "scanned_direct": 0, "reclaimed_kswapd": 1000000, "reclaimed_direct": null}
	| .memory.pressure = "global" | .balloon = {"locked_bytes": 1073741824, "alive": true}
	| .files += [{"path": "data/b.gguf"}]' $D/one.json >"$TMP/more.json"
run "$FAULTLINE" result "$TMP/more.json"
assert_match "$OUTPUT" '^total duration as recorded +95\.7 s x 3$'
assert_match "$OUTPUT" '^pages scanned by kswapd +1,234,567$'
assert_match "$OUTPUT" '^pages scanned directly +0$'
assert_match "$OUTPUT" '^pages reclaimed by kswapd +1,000,000$'
assert_not_contains "$OUTPUT" "pages reclaimed directly"
assert_match "$OUTPUT" '^memory limit +2\.50 GiB \(whole machine\)$'
assert_match "$OUTPUT" '^memory locked away +1\.00 GiB$'
assert_match "$OUTPUT" '^data file +qwen2\.5-7b-q4km\.gguf and 1 more$'
jq '.balloon.alive = false' "$TMP/more.json" >"$TMP/killed.json"
run "$FAULTLINE" result "$TMP/killed.json"
assert_match "$OUTPUT" '^memory locked away +1\.00 GiB, KILLED$'

# What is not known is left out where nobody knows it, and a dash where somebody does.
jq '.figures.refaults = null | .figures.await_ms = null' $D/one.json >"$TMP/less.json"
run "$FAULTLINE" result "$TMP/less.json"
assert_not_contains "$OUTPUT" refaults
run "$FAULTLINE" result "$TMP/less.json" $D/one.json
assert_match "$OUTPUT" '^refaults +- +15,500,000$'

# JSON passes the figures on.
assert_eq "$("$FAULTLINE" result --json $D/one.json $D/two.json | jq -c '[.[].figures.read_iops]')" "[2210.4,2210.4]"

# What is no result.
assert_refused "No such file or directory" "$FAULTLINE" result "$TMP/missing.json"
assert_refused "Is a directory" "$FAULTLINE" result "$TMP"
: >"$TMP/empty.json"
assert_refused "the file is empty" "$FAULTLINE" result "$TMP/empty.json"
head -c 500 $D/one.json >"$TMP/cut.json"
assert_refused "no valid JSON, line" "$FAULTLINE" result "$TMP/cut.json"
echo '{"a": 1}' >"$TMP/other.json"
assert_refused "not a result of a replay" "$FAULTLINE" result "$TMP/other.json"
echo '[]' >"$TMP/list.json"
assert_refused "not a result of a replay" "$FAULTLINE" result "$TMP/list.json"
jq '.version = 9' $D/one.json >"$TMP/newer.json"
assert_refused "written by a newer Faultline" "$FAULTLINE" result "$TMP/newer.json"
echo '{"fio version": "fio-3.33", "jobs": [{"job options": {"faultline_result": "x.result.json"}}]}' >"$TMP/fio.json"
assert_refused "that is fio's output; the result is in x.result.json" "$FAULTLINE" result "$TMP/fio.json"
assert_refused "that is a trace; 'faultline info' shows it" "$FAULTLINE" result $D/small.flt
assert_status 2 "$FAULTLINE" result

# Figures of the wrong sort are unknown, not a crash.
jq '.figures = 3 | .io = [] | .lanes = "x" | .drive = null | .warnings = {"a": 1} | .trace = 7 | .selection = []' \
	$D/one.json >"$TMP/odd.json"
assert_status 0 "$FAULTLINE" result "$TMP/odd.json"
jq '.figures.duration_s = -1 | .figures.read_bytes = 1e300 | .figures.await_ms = "fast" | .io.foreign_read_bytes = -5' \
	$D/one.json >"$TMP/odd.json"
assert_status 0 "$FAULTLINE" result "$TMP/odd.json"
