#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will have a command timed after its recording, and find the times of each run beside the
# recording's own; and refuse runs that did other work, and skip the rest on Ctrl-C.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 16
record three --calibrate 3 -- "$PAGES" -t 2 -r 6 -n 5 -w 10 "$TMP/data"
assert_exact three
assert_eq "$(wc -l <"$TMP/three.out")" 1 "what the runs print is not shown"
assert_contains "$(cat "$TMP/three.err")" "calibration run 3 of 3"
assert_eq "$(trailer three '.calibration | "\(.n) \(.runs | length) \(.warm)"')" "3 3 true" "runs"
assert_eq "$(trailer three '[.calibration.runs[].evaluations | map("\(.class):\(.tokens)")] | unique | tojson')" \
	"$(trailer three '[.evaluations | map("\(.class):\(.tokens)")] | tojson')" "evaluations of the runs"
# each of them waits for 10 ms
assert_eq "$(trailer three '[.calibration.runs[].evaluations[].ns] | all(. >= 10000000)')" true "times"
assert_eq "$(trailer three '[.calibration.runs[].load_ns] | all(. > 0)')" true "load phases"
assert_eq "$(trailer three '.calibration.load_average | length')" 2 "load before and after"
spread=$(trailer three '[.calibration.runs[].evaluations | map(select(.class == "decode").ns) | sort | .[2]] | sort |
	(.[2] - .[0]) / .[1]')
assert_between "$(trailer three .calibration.spread)" "$(awk "BEGIN { print $spread - 1e-6 }")" \
	"$(awk "BEGIN { print $spread + 1e-6 }")" "relative range of the decodes' medians"

record none --calibrate 0 -- "$PAGES" -r 2 -n 1 "$TMP/data"
assert_eq "$(trailer none '"\(.calibration) \(.calibration_why)"')" "null not asked for"
record unmarked --calibrate 2 -- "$PAGES" -r 2 "$TMP/data"
assert_contains "$(trailer unmarked .calibration_why)" "no evaluation"

# it has one evaluation more each time
cat >"$TMP/grows" <<-END
	#!/bin/sh
	echo x >>"$TMP/times"
	exec "$PAGES" -n 5 -r \$(wc -l <"$TMP/times") "$TMP/data"
END
chmod 755 "$TMP/grows"
: >"$TMP/times"
chmod 666 "$TMP/times"
record grows --calibrate 2 --mark "llama_decode@$PAGES" -- "$TMP/grows"
assert_eq "$(trailer grows .calibration)" null "a run that did something else"
assert_contains "$(trailer grows .calibration_why)" "2 evaluations instead of 1"
assert_contains "$(cat "$TMP/grows.err")" "no calibration"

# the first of three runs is interrupted; the recording is complete by then
"$FAULTLINE" record --no-score --calibrate 3 -o "$TMP/int.flt" -- "$PAGES" -r 4 -n 1 -w 400 "$TMP/data" >"$TMP/int.out" \
	2>"$TMP/int.err" &
recorder=$!
calibrates() { grep -q "calibration run 1 of 3" "$TMP/int.err"; }
wait_until 20 calibrates
sleep 0.5
kill -INT $recorder
wait $recorder || fail "the recording failed: $(cat "$TMP/int.err")"
definitions int
assert_eq "$(trailer int '"\(.complete) \(.calibration) \(.calibration_why) \(.evaluations | length)"')" \
	"true null interrupted 4" "after Ctrl-C"
assert_not_contains "$(cat "$TMP/int.err")" "run 2 of 3"
run pgrep -f "^$PAGES .*$TMP/data"
assert_eq "$OUTPUT" "" "processes left"

assert_refused "not with -p" "$FAULTLINE" record --calibrate 1 -o "$TMP/x.flt" -p $$
