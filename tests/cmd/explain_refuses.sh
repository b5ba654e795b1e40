#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will ask to explain what cannot be compared, and read why not.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
. tests/data/analysis/explain.sh
ONE=$LIB_DIR/tests/data/analysis/one.json
cd "$TMP" || exit
make_trace() {
	"$BUILD/tests/tools/writetrace" "$1" 1000000 || fail "cannot write $1"
}
explain_real | make_trace real.flt

refused() {
	local text=$1
	shift
	assert_refused "$text" "$FAULTLINE" explain "$@"
	assert_eq "$STATUS" 1 "exit status"
	assert_eq "$(wc -l <<<"$OUTPUT")" 1 "lines of the refusal"
}

"$BUILD/tests/tools/mktrace" program.flt >/dev/null
refused "program.flt has no recording" program.flt real.flt
refused "program.flt has no recording" real.flt program.flt

explain_real | grep -v ' mark ' | make_trace nomarks.flt
refused "nomarks.flt has no marks" nomarks.flt real.flt
refused "nomarks.flt has no marks" real.flt nomarks.flt

explain_real | sed 's/67108864/268435456/; s/model.gguf/larger.gguf/' | make_trace larger.flt
refused "of different models: model.gguf of 64.0 MiB (real.flt) and larger.gguf of 256 MiB (larger.flt)" real.flt larger.flt
# A data file that is rounded up to whole blocks is no other model.
explain_real | sed 's/67108864/67112960/' | make_trace rounded.flt
assert_status 0 "$FAULTLINE" explain real.flt rounded.flt

# Nothing in common: one has a prompt alone, the other tokens.
explain_real | grep -v -e ' mark .* 4 . 1 ' -e '^0 mark' | make_trace prompt.flt
explain_real | grep -v -e ' mark .* 3 0 4 ' -e '^0 mark' | make_trace decode.flt
refused "have no evaluation in common" prompt.flt decode.flt
refused "no evaluation in common among those asked for" -e 17-20 real.flt real.flt

# Results: as the second run only, of a version that is known, with evaluations.
cp "$ONE" one.json
refused "a result can only be the second one" one.json real.flt
jq '.version = 9' one.json >newer.json
refused "written by a newer Faultline" real.flt newer.json
jq '.evaluations = []' one.json >none.json
refused "none.json tells of no evaluation that was measured" real.flt none.json
echo '{"a": 1}' >other.json
refused "not a result of a replay" real.flt other.json
refused "of different models" real.flt one.json

refused "cannot open missing.flt" missing.flt real.flt
refused "cannot open missing.flt" real.flt missing.flt
echo text >text.flt
refused "cannot open text.flt" real.flt text.flt

assert_status 2 "$FAULTLINE" explain
assert_status 2 "$FAULTLINE" explain real.flt
assert_contains "$OUTPUT" "which replay?"
assert_status 2 "$FAULTLINE" explain real.flt real.flt real.flt
assert_contains "$OUTPUT" "two runs at a time"
assert_status 2 "$FAULTLINE" explain -e 5-2 real.flt real.flt

# Odd figures in a result are unknown, not a crash.
jq '.files = 3 | .lanes = "x" | .phases = [1] | .evaluations = [{"index": 2, "class": "decode", "measured": true, "duration_s": 0}, 7]' one.json >odd.json
assert_status 0 "$FAULTLINE" explain real.flt odd.json
