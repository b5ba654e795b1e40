#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check that fio's JSON stays valid and holds the main figures, and that the result file is what RESULT.md says.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

trace m -l 2 -e 3 -s 2M
for format in json json+ terse; do
	fio_run --output-format=$format --output="$TMP/out" --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2
	assert_eq "$STATUS" 0 "$OUTPUT"
	assert_not_contains "$(cat "$TMP/out")" "faultline: "
	[ $format != terse ] || continue
	jq -e '.jobs | length == 2' "$TMP/out" >/dev/null || fail "$format: not a JSON document: $(head -c 300 "$TMP/out")"
	jq -r --slurpfile r "$TMP/m.result.json" '.jobs[]."job options" | [
		.faultline_complete, .faultline_result, (.faultline_major_faults | tonumber),
		(.faultline_read_bytes | tonumber), (.faultline_tokens_per_s | tonumber > 0)] ==
		["yes", $r[0].file, $r[0].figures.major_faults, $r[0].figures.read_bytes, true]' "$TMP/out" >"$TMP/same"
	assert_eq "$(sort -u "$TMP/same")" true "figures in fio's JSON"
done
# An incomplete one says so there, too.
fio_run --output-format=json --output="$TMP/out" --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --number_ios=3
assert_eq "$(jq -r '.jobs[0]."job options".faultline_complete' "$TMP/out")" number_ios

# Every key of the file is explained, and everything explained is there.
assert_replayed m 2
jq -r 'keys[]' "$TMP/m.result.json" >"$TMP/keys"
jq -r '.figures, .figures.inter_token, .figures.recorded, .trace, .selection, .memory, .pressure, .pressure.reclaim, .io, .faults,
	.phases[0], .evaluations[0], .lanes[0], .files[0], .io.devices[0] // {} | keys[]' "$TMP/m.result.json" >>"$TMP/keys"
sort -u "$TMP/keys" >"$TMP/all"
while read -r key; do
	grep -q "[\`\"]${key}[\`\"]" engines/RESULT.md || fail "RESULT.md does not tell what '$key' is"
done <"$TMP/all"
sed '1,/^.*json$/d' engines/RESULT.md | sed '$d' >"$TMP/example.json"
jq -e .version "$TMP/example.json" >/dev/null || fail "the example in RESULT.md is no JSON"
for part in . .figures .trace .selection .memory .io .faults '.phases[0]' '.evaluations[0]' '.lanes[0]' '.files[0]'; do
	jq -r "$part | keys[]" "$TMP/example.json" | sort >"$TMP/a"
	jq -r "$part | keys[]" "$TMP/m.result.json" | sort >"$TMP/b"
	cmp -s "$TMP/a" "$TMP/b" || fail "$part: the example and a result differ: $(comm -3 "$TMP/a" "$TMP/b" | tr -s '\n\t' ' ')"
done
assert_value m .format faultline-result
assert_value m .version 1
assert_value m .fio "$(fio --version)"
assert_no_file "$TMP/m.result.json.tmp"

# Where it goes
replay m 2 --result="$TMP/elsewhere.json"
assert_file "$TMP/elsewhere.json"
assert_no_file "$TMP/m.result.json"
replay m 2 --result=none
assert_no_file "$TMP/m.result.json"
assert_contains "$OUTPUT" tokens/s
replay m 2 --result="$TMP/no/such/folder.json"
assert_contains "$OUTPUT" "cannot write $TMP/no/such/folder.json: No such file or directory"
