#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will show how traces were captured, judged and calibrated, in all the ways that a recorder may have put it.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
cd "$TMP" || exit

base='{"complete": true, "judgement": {"predictive": true, "usable": true, "why": "a usable reference capture",
	"notes": ["a note for people"], "windows_per_evaluation": 4321, "touched_bytes_per_evaluation": 268435456,
	"model_bytes": 283115520, "window_bytes_median": 65536, "interval": {"at": "evaluation"}, "zaps": 12, "zap_ns": 3000000},
	"calibration": {"n": 2, "warm": true, "spread": 0.021, "runs": [
		{"evaluations": [{"class": "prompt", "tokens": 10, "ns": 100000000}, {"class": "decode", "tokens": 1, "ns": 40000000}]},
		{"evaluations": [{"class": "prompt", "tokens": 10, "ns": 120000000}, {"class": "decode", "tokens": 1, "ns": 42000000}]}]},
	"program": {"windows": 200, "pools": 30, "dynamic_windows": 150, "inferred_barriers": 0, "barriers_from": "recorded",
		"compute_model": {"fitted": true, "per_fault_ns": 1234, "per_barrier_ns": 300, "factor_prompt": 0.95,
			"factor_decode": 0.9, "residual": 0.012, "why": ""}},
	"reclaim": {"source": "tracepoint", "reclaimed_kswapd": 1000, "reclaimed_direct": 77, "direct_ns": 5000000},
	"balloon": {"locked_bytes": 1073741824, "leave_bytes": 268435456, "alive": true}}'
# info HEADER FILTER: of a trace with that header, and the trailer above changed by the filter of jq
info() {
	rm -f a.flt
	{
		echo "header $1"
		echo 'define stream {"id": 0, "type": "process"}'
		echo '0 mark 0 1ms 1 0 - - 0'
		echo "trailer $(jq -c "$2" <<<"$base")"
	} | "$BUILD/tests/tools/writetrace" a.flt || fail "cannot write it"
	run "$FAULTLINE" info -q a.flt
	assert_eq "$STATUS" 0
}
line() {
	assert_match "$OUTPUT" "^  $1 +$2\$"
}
reference='{"mode": "reference", "zap": {"at": "evaluation"}, "warmed": true}'

info "$reference" .
line reference 'page tables dropped at each evaluation, 12 times for 3.00 ms; the model was in memory before'
line judgement usable
line '' '4,321 windows and 256 MiB of 270 MiB touched in an evaluation, the median window 64.0 KiB'
line '' 'a note for people'
line calibration '2 untraced runs, prompt 12.0 ms/token, generation 42.0 ms/token, 2.1 % apart'
line 'own compute' 'less 1.23 us for each fault and 300 ns for each barrier, times 0.950 in the prompt, 0.900 in generation; 1.2 % off the untraced run'
line barriers recorded
line pools '30 segments shared out in chunks as lanes get free, 75 % of the windows'
line balloon '1.00 GiB locked to leave 256 MiB to the whole machine'
line reclaimed '1,000 pages by kswapd, 77 directly, for 5.00 ms'
line 'good for' 'a basis for predictions'

# An unusable one, by time, without calibration, barriers inferred.
info '{"mode": "reference", "zap": {"at": "evaluation"}, "warmed": false, "pressure": "global"}' \
	'.judgement += {"predictive": false, "usable": false, "why": "the machine was busy", "interval": {"every_ms": 250}, "zaps": 0}
	| .calibration = null | .calibration_why = "the model does not fit" | .program.barriers_from = "tensors"
	| .program.inferred_barriers = 1500 | .program.pools = 0 | .program.compute_model = {"fitted": false, "why": "no calibration"}
	| .balloon.alive = false | .reclaim = null'
line reference 'page tables dropped every 250 ms; the model was not in memory before'
line judgement 'NOT USABLE: the machine was busy'
line calibration 'none: the model does not fit'
line 'own compute' 'as recorded: no calibration'
line barriers "inferred from the borders of the model's tensors, 1,500 of them"
line pressure 'on the whole machine \(a balloon\)'
line balloon '.*; IT WAS KILLED before the end'
line 'good for' 'no predictions: the machine was busy'
assert_not_contains "$OUTPUT" "  pools"
assert_not_contains "$OUTPUT" "reclaimed"

# Cold calibration runs are no measure.
info "$reference" '.calibration.warm = false'
line calibration '.*; NOT WARM: they read from the drive'

# A pressure recording has nothing of the sort to tell; what is no figure is no crash.
info '{"mode": "pressure"}' '.judgement = {"predictive": false, "usable": true, "why": "a pressure recording"} | .calibration = null | .program = null | .balloon = null | .reclaim = null'
assert_not_contains "$OUTPUT" "judgement"
assert_not_contains "$OUTPUT" "calibration"
info '{"mode": "reference", "zap": 3, "warmed": "x"}' '.judgement = {"usable": true, "notes": [1], "interval": []} | .calibration = {"runs": [1, {"evaluations": 7}], "spread": "x"} | .program = {"barriers_from": "recorded", "compute_model": 3} | .balloon = [] | .reclaim = "x"'
