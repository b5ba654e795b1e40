#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will compare a replay's windows, bytes, barriers and evaluations with the trace, and with fio's own counts.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

trace m -l 3 -e 6 -p 2 -P 40 -s 8M
assert_replayed m 3 --output-format=json
json=$(sed -n '/^{/,$p' <<<"$OUTPUT")
windows=$(wc -l <"$TMP/m.list")
bytes=$(listed m 5)
assert_eq "$(jq '[.jobs[].read.total_ios] | add' <<<"$json")" "$windows" "fio's I/Os"
assert_eq "$(jq '[.jobs[].read.io_bytes] | add' <<<"$json")" "$bytes" "fio's bytes"
assert_value m '[.lanes[].windows] | add' "$windows"
assert_value m .figures.touched_bytes "$bytes"
assert_value m '[.phases[].touched_bytes] | add' "$bytes"
assert_value m '.figures.evaluations' 6
assert_value m '.figures.tokens' 4
assert_value m '[.phases[] | "\(.class) \(.evaluations) \(.tokens)"] | join(",")' \
	'load 1 null,prompt 2 80,decode 4 4'
assert_value m '[.evaluations[].index] | join(",")' 0,1,2,3,4,5,6
# 8 MiB in windows of 64 KiB: 42 or 43 for a lane, a barrier after every 16 of them and at the end.
assert_value m '[.lanes[].barriers] | unique | length' 1
assert_value m '.lanes[0].barriers' 19
for ((i = 0; i < 3; i++)); do
	assert_value m ".lanes[$i].touched_bytes" "$(listed m 5 "\$2 == $i")"
done

# Rates are what the evaluations' own times say: (n - 1) tokens between the first end and the last.
jq -e '. as $r | [.evaluations[] | select(.class == "decode")] as $d |
	((($d | length) - 1) / (($d[-1].start_s + $d[-1].duration_s) - ($d[0].start_s + $d[0].duration_s))) as $rate |
	(($rate / $r.figures.tokens_per_s - 1) | fabs) < 1e-6 and $r.figures.inter_token.n == ($d | length) - 1' \
	"$TMP/m.result.json" >/dev/null || fail "tokens_per_s does not follow from the evaluations"
jq -e '.figures.ttft_s as $t | .evaluations[0].start_s as $from | [.evaluations[] | select(.class == "prompt")][-1] |
	((.start_s + .duration_s - $from - $t) | fabs) < 1e-6' "$TMP/m.result.json" >/dev/null || fail "ttft_s is not the end of the prompt"

# What the trace does not call a token is not called one.
trace plain -E -e 5
assert_replayed plain 2
assert_value plain .figures.tokens null
assert_value plain .figures.tokens_per_s null
assert_value plain '.figures.evaluations_per_s > 0' true
assert_contains "$OUTPUT" evaluations/s
assert_not_contains "$OUTPUT" tokens/s
