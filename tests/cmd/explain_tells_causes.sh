#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will explain a made-up replay of a made-up run, whose differences are known to the millisecond.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
D=tests/data/analysis
. tests/data/analysis/explain.sh
cd "$TMP" || exit
make_trace() {
	"$BUILD/tests/tools/writetrace" "$1" 1000000 || fail "cannot write $1"
}
explain_real | make_trace real.flt
explain_replay | make_trace replay.flt

# To the letter.
D=$LIB_DIR/$D
diff -u "$D/explain.txt" <("$FAULTLINE" explain --per-token real.flt replay.flt) || fail "the report has changed"

json() {
	"$FAULTLINE" explain --json "$@"
}
J=$(json --per-token real.flt replay.flt)
# value FILTER: milliseconds, rounded to the nanosecond
value() {
	jq -r "($1) * 1e3 * 1e6 | round / 1e6" <<<"$J"
}
phase() {
	echo ".phases[] | select(.phase == \"$1\")"
}

# The critical path of the prompt: 40 ms for 4 tokens, as the comments in explain.sh count them.
path="$(phase prompt) | .runs[0].path"
assert_eq "$(value "$path.rest * 4")" 2
assert_eq "$(value "$path.drive * 4")" 8 "at the drive, the stacked one counted once"
assert_eq "$(value "$path.queued * 4")" 1
assert_eq "$(value "$path.stall * 4")" 3
assert_eq "$(value "$path.barrier * 4")" 1
assert_eq "$(value "$path.compute * 4")" 25
assert_eq "$(value "$path.fault * 4")" 0 "the main lane's fault is off the path"

# The mean of both lanes: (31 + 6) / 2 ms of compute, (7 + 7) / 2 at barriers, ...
mean="$(phase prompt) | .runs[0].mean"
assert_eq "$(value "$mean.compute * 8")" 37
assert_eq "$(value "$mean.barrier * 8")" 14
assert_eq "$(value "$mean.fault * 8")" 2
assert_eq "$(value "$mean.drive * 8")" 8
assert_eq "$(value "$mean.rest * 8")" 15

# A token: 3 ms more, 1 of it compute and 2 at the drive, which read twice as much.
decode=$(phase decode)
assert_eq "$(value "$decode | .difference.seconds")" 3
assert_eq "$(value "$decode | .runs[1].path.compute - .runs[0].path.compute")" 1
assert_eq "$(value "$decode | .runs[1].path.drive - .runs[0].path.drive")" 2
assert_eq "$(value "$decode | .difference.read_around + .difference.device")" 2
# 2 / ln(12 / 10) * ln(2)
assert_between "$(value "$decode | .difference.read_around")" 7.6035 7.6036
assert_eq "$(jq -c "$decode | [.runs[].counts.read_bytes | round]" <<<"$J")" "[65536,131072]" "bytes per token"
assert_eq "$(jq -c "$decode | [.runs[].counts.requests_by_size | map(round) | index(1)]" <<<"$J")" "[4,5]"
assert_eq "$(jq -c "$decode | [.runs[].counts.folios_by_order[0] | round]" <<<"$J")" "[16,32]"
assert_eq "$(jq -c "$decode | [.runs[].reclaim.refaults | round]" <<<"$J")" "[320,700]" "refaults per token"
assert_eq "$(jq -r "$decode | .runs[0].reclaim.refaults_source" <<<"$J")" memcg

# Parts sum to the whole, both ways, in each phase and each evaluation.
assert_eq "$(jq '[.phases[].runs[] | .seconds as $s | (.path, .mean) | ([.[] | numbers] | add) - $s | fabs | select(. > 1e-9)] | length' <<<"$J")" 0
assert_eq "$(jq '[.phases[].runs[] | .residual_path, .residual_mean | fabs | select(. > 1e-9)] | length' <<<"$J")" 0
assert_eq "$(jq '[.evaluations[] | [(([.real_parts[] | numbers] | add) - .real_s), (([.second_parts[] | numbers] | add) - .second_s)][] | fabs | select(. > 1e-9)] | length' <<<"$J")" 0

# Pairs: a replay goes by its numbers, a run by order.
assert_eq "$(jq -c '[.aligned_by, [.evaluations[] | [.number, .number_second]]]' <<<"$J")" '["number",[[0,0],[1,1],[2,2],[3,3]]]'
J=$(json -e 3 --per-token real.flt replay.flt)
assert_eq "$(jq -c '[.evaluations[].number]' <<<"$J")" "[3]"
assert_eq "$(value "$(phase decode) | .difference.seconds")" 3
J=$(json replay.flt real.flt)
assert_eq "$(jq -r .aligned_by <<<"$J")" order

# With itself, nothing is different.
J=$(json real.flt real.flt)
assert_eq "$(jq '[.phases[].difference | .seconds, .read_around, .device | select(. != 0)] | length' <<<"$J")" 0

# A replay of the tokens alone: what has no counterpart is left out, and said.
explain_replay | sed -e '/ mark 0 10ms /d' -e '/ mark 10ms 40ms /d' | make_trace tokens.flt
run "$FAULTLINE" explain real.flt tokens.flt
assert_eq "$STATUS" 0
assert_contains "$OUTPUT" "2 evaluations of real.flt have no counterpart: left out"
assert_not_contains "$OUTPUT" "Prompt"
assert_contains "$OUTPUT" "Decode: the replay is 9.4 % slower, 0.035 against 0.032 s/token"

# A second pass of loops= is left out.
{
	explain_replay | grep -v ^trailer
	explain_token 120 12 3 131072 4
	echo "1 mark 120ms 35ms 4 2 1 0 0"
	explain_trailer 1 10 2 50 3 85 2 120
} | make_trace loops.flt
run "$FAULTLINE" explain real.flt loops.flt
assert_contains "$OUTPUT" "1 evaluation of loops.flt is of a later pass (loops=): left out"
assert_contains "$OUTPUT" "Decode: the replay is 9.4 % slower"

# Other classes under the same numbers: another run. Then the order decides.
explain_replay | sed 's/^1 mark 50ms 35ms 4 0 1/1 mark 50ms 35ms 3 1 4/' | make_trace other.flt
run "$FAULTLINE" explain real.flt other.flt
assert_contains "$OUTPUT" "other.flt replays another run than real.flt"

# Asleep and awake: a fault that did not sleep is no wait for the drive, whatever was read meanwhile.
explain_real | sed 's/^1 fault \(.*\) 6 0 32768/1 fault \1 0 0 32768/' | make_trace awake.flt
J=$(json awake.flt real.flt)
assert_eq "$(value "$(phase decode) | .runs[0].path.fault")" 10
assert_eq "$(value "$(phase decode) | .runs[0].path.drive")" 0

# Time off the CPU: out of compute if both know it, in it otherwise.
explain_real | sed 's/^1 mark 50ms 32ms/1 offcpu 70ms 5ms 1\n&/' | make_trace offcpu.flt
J=$(json -e 2 offcpu.flt offcpu.flt)
assert_eq "$(value "$(phase decode) | .runs[0].path.offcpu")" 5
assert_eq "$(value "$(phase decode) | .runs[0].path.compute")" 17
J=$(json -e 2 offcpu.flt real.flt)
assert_eq "$(value "$(phase decode) | .runs[0].path.compute")" 22
assert_eq "$(jq -r "$(phase decode) | .runs[0].path.offcpu" <<<"$J")" null
