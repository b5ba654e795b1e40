#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will have made-up runs of real llama.cpp and of replays summarized, and find the medians, errors, floors, the
# order of configurations and the modes that were put into them.
. "$(dirname "$0")/../lib.sh"
requires_cmd jq

cat >"$TMP/table" <<'TABLE'
a      dev      small  2  32,4  200M  8192  -    on
b      dev      small  2  32,4  240M  128   200  on   # a comment
c      heldout  moe    2  32,4  300M  8192  -    off
d      heldout  moe    2  32,4  global:1G  8192  -    on
modes  heldout  moe    2  32,4  500M  8192  -    on
none   heldout  moe    2  32,4  600M  8192  -    on
TABLE
mkdir -p "$TMP/runs"
export STATE=$TMP FIDELITY_TABLE=$TMP/table
# shellcheck source=tests/fidelity/lib.sh
. tests/fidelity/lib.sh

# made NAME KIND "S_PER_TOKEN..." [FACTOR]: run files; MiB/token and TTFT are that times 1000 and times 3, times the factor
made() {
	local n=0 s config dir=$TMP/runs/$1
	config=$(config_json "$(table "$1")")
	mkdir -p "$dir"
	for s in $3; do
		n=$((n + 1))
		jq -n --argjson config "$config" --arg kind "$2" --argjson n $n --argjson s "$s" --argjson f "${4:-1}" '{
			format: "faultline-fidelity-run", version: 1, kind: $kind, instrument: "light", n: $n, config: $config, seconds: 6,
			busy_percent: 0, machine: "a machine", notes: [], capture: "c", engine: "e", data: "own", figures: {tokens: 4,
				s_per_token: $s, ttft_s: ($s * 3 * $f), mib_per_token: ($s * 1000 * $f), major_per_token: 10, minor_per_token: 500}}' \
			>"$dir/$2-$n.json"
	done
	jq -n --argjson config "$config" --arg kind "$2" --argjson f "${4:-1}" '{kind: $kind, instrument: "recorded", n: 1, config: $config,
		seconds: 6, busy_percent: 50, machine: "a machine", notes: ["a warning"], capture: "c", engine: "e", data: "own", figures: {
			s_per_token: 1, blocked_per_token: (40 * $f), read_iops: 1000, request_kib: 128, request_classes: {upto_4K: 0.5, upto_16K: 0,
			upto_64K: 0, upto_128K: 0.5, upto_512K: 0, upto_1M: 0, upto_more: 0}}}' >"$dir/$2-recorded.json"
}

report() {
	tests/fidelity/report --state "$TMP" --table "$TMP/table" "$@" >"$TMP/text" || fail "the report failed: $(cat "$TMP/text")"
}
value() { jq -c "$1" "$TMP/fidelity.json"; }
of() { value ".configs[] | select(.name == \"$1\") | $2"; }
# close ACTUAL EXPECTED WHAT
close() { assert_between "$1" "$(awk -v e="$2" 'BEGIN { printf "%.9f", e - 1e-6 }')" "$(awk -v e="$2" 'BEGIN { printf "%.9f", e + 1e-6 }')" "$3"; }

# Nothing at all, and a broken table
report
assert_contains "$(cat "$TMP/text")" "Nothing is measured yet."
assert_eq "$(value '.summary.all.configurations')" 0
assert_eq "$(value '.unfinished | length')" 6 "configurations without runs"
echo "x dev small 2 32,4 lots 8192 - on" >"$TMP/broken"
assert_refused "makes no sense: x dev" tests/fidelity/report --state "$TMP" --table "$TMP/broken"
assert_eq "$(config_json "$(table d)" | jq -c '[.pressure, .memory, .throttle_mbps, .hints, .generate]')" '["global","1G",null,"on",4]'
assert_eq "$(config_json "$(table b)" | jq -c '[.pressure, .throttle_mbps, .read_ahead_kb]')" '["memcg",200,128]'
assert_eq "$(table heldout | wc -l)" 4 "lines of a set"
assert_eq "$(table 'mo*' a | awk '{ print $1 }' | xargs)" "a modes" "lines by patterns"

# Medians and ranges; errors are those of medians.
made a real "1.0 1.1 0.9"
made a replay "1.05 1.2 1.0" 1.1
made b real "2.0 2.02 1.98 2.04"
made b replay "2.0 1.98 2.02 2.04"
made c real "3.0 3.03 2.97"
made c replay "4.1 4.0 4.2"
made d real "4.0 4.04 3.96"
made d replay "3.6 3.5 3.7"
made modes real "0.2 0.21 0.6 0.2 0.62 0.2 0.2 0.2 0.6 0.2"
made modes replay "0.2 0.6 0.2 0.6 0.2"
report --picture "$TMP/picture.png"
assert_eq "$(of a '.figures.s_per_token.real | [.n, .median, .min, .max]')" '[3,1,0.9,1.1]'
close "$(of a .figures.s_per_token.error)" 0.05 "error of s/token"
close "$(of a .figures.mib_per_token.error)" 0.155 "error of MiB/token"
close "$(of a .figures.ttft_s.error)" 0.155 "error of the TTFT"
close "$(of a .figures.s_per_token.real.spread)" 0.2 "spread"
assert_eq "$(of b '.figures.s_per_token.real.median')" 2.01 "median of an even number"
# 1.0 against the median of 1.1 and 0.9: 0; 1.1 against 0.95: 15.8 %; 0.9 against 1.05: 14.3 %
close "$(of a .figures.s_per_token.floor)" 0.142857 "floor"
# mean 1, deviation 0.1, t 4.303
close "$(of a '.figures.s_per_token.real.interval[1]')" 1.248434 "confidence interval"
close "$(of a .recorded.blocked_per_token.error)" 0.1 "error of blocked faults"
assert_eq "$(of none '[.complete, .figures.s_per_token.real, .figures.s_per_token.error]')" '[false,null,null]'
assert_eq "$(value .unfinished)" '["none"]'
assert_eq "$(of a .notes)" '[]' "notes are the timed replays'"

# Errors of sets, and goals: 36.7 % (c), 10 % (d), 0 (modes)
close "$(value .summary.heldout.s_per_token.median)" 0.1 "median of the held-out errors"
close "$(value .summary.heldout.s_per_token.worst.error)" 0.366667 "worst of the held-out errors"
assert_eq "$(value .summary.heldout.s_per_token.worst.name)" '"c"'
assert_eq "$(value '[.summary.dev.configurations, .summary.heldout.configurations, .summary.all.configurations]')" '[2,3,5]'
assert_eq "$(value '[.goals[].reached]')" '[false,false,false,false,true]' "goals"

# Order: of ten pairs one (c, d) is the wrong way round: tau = (9 - 1) / 10. It is a clear one.
close "$(value .order.tau)" 0.8 "Kendall's tau"
assert_eq "$(value '.order.wrong | map([.fast, .slow])')" '[["c","d"]]' "pairs in the wrong order"
assert_eq "$(value .order.always_right)" false
assert_contains "$(cat "$TMP/text")" "  - c is faster than d: real 3 and 4 s/token, predicted 4.1 and 3.6"

# Modes: three of ten real runs are slow, two of five replays.
assert_eq "$(value '.bistable | map(.name)')" '["modes"]'
assert_eq "$(of modes '.modes | [.real.n, .real.fast.share, .real.slow.share, .replay.fast.share]')" '[10,0.7,0.3,0.6]'
close "$(of modes .modes.real.slow.mean)" 0.606667 "mean of the slow mode"
assert_eq "$(of a .modes)" null "one cluster"

assert_match "$(cat "$TMP/text")" '^\| a +\| +dev \| +3\+3 \| +1 \(0.9 to 1.1\) \| +1.05 \(1 to 1.2\) \| +\+5 % \| 14.3 % \|$'
assert_match "$(cat "$TMP/text")" '^\| modes +\| +70 % of 10 \| '
assert_match "$(cat "$TMP/text")" '^10 runs began while other programs'
if command -v gnuplot >/dev/null; then
	assert_eq "$(head -c 4 "$TMP/picture.png" | tail -c 3)" PNG "picture"
fi

# Runs of another line of the table do not count.
jq '.config.read_ahead_kb = 64' "$TMP/runs/a/replay-1.json" >"$TMP/other" && mv "$TMP/other" "$TMP/runs/a/replay-1.json"
report
assert_eq "$(of a '[.figures.s_per_token.replay.n, .complete]')" '[2,false]'

# Into a document, between its marks, as often as one likes
printf 'before\n<!-- fidelity: begin -->\nold\n<!-- fidelity: end -->\nafter\n' >"$TMP/doc.md"
report --write "$TMP/doc.md"
report --write "$TMP/doc.md"
assert_eq "$(sed -n '1p;$p' "$TMP/doc.md" | xargs)" "before after"
assert_eq "$(grep -c '^<!-- fidelity' "$TMP/doc.md")" 2
assert_not_contains "$(cat "$TMP/doc.md")" old
assert_eq "$(sed '1,2d;$d' "$TMP/doc.md" | sed '$d' | cmp - "$TMP/text" && echo same)" same "the document has the report"
echo "no marks" >"$TMP/other.md"
assert_refused "no place for the report" tests/fidelity/report --state "$TMP" --table "$TMP/table" --write "$TMP/other.md"
