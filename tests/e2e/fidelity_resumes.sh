#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will let the fidelity harness run made-up tools, end it early and change things underneath, and find that it
# takes turns, goes on where it ended, does again what has to be, and leaves the machine as it was.
. "$(dirname "$0")/../lib.sh"
requires_root
requires_cmd jq fio findmnt numfmt flock
requires_file "$BUILD/tests/fidelity/nohints.so" "$BUILD/tests/fidelity/balloon" "$GGUF_GEN"
requires_space 200

model=$BUILD/models/tiny.gguf
if [ ! -e "$model" ]; then
	mkdir -p "$BUILD/models"
	"$GGUF_GEN" -p tiny -o "$model" 2>/dev/null
fi
note_leftovers
cat >"$TMP/table" <<'TABLE'
one  dev      tiny  2  16,4  40M  64    -   on
two  heldout  tiny  2  16,4  44M  8192  50  off
TABLE

# Stands in for faultline: it says what it was called for in $TMP/calls. Evaluations last a tenth of a second, or
# what $TMP/seconds says, a line for each run.
mkdir "$TMP/bin"
cat >"$TMP/bin/faultline" <<STUB
#!/bin/bash
tmp=$TMP
STUB
cat >>"$TMP/bin/faultline" <<'STUB'
s=0.1
case $1 in
record)
	out=
	for ((i = 1; i <= $#; i++)); do
		[ "${!i}" != -o ] || { j=$((i + 1)) && out=${!j}; }
		[ "${!i}" != -- ] || break
	done
	case " $* " in
	*" --mode reference "*) what=capture ;;
	*" fio "*) what="replay recorded" ;;
	*" --light "*) what="real light" ;;
	*) what="real recorded" ;;
	esac
	limited=
	grep -q faultline-fidelity /proc/self/cgroup && limited=" throttled"
	echo "$what$limited read_ahead=$(cat "$(cat "$tmp/knob")")" >>"$tmp/calls"
	[ ! -e "$tmp/fail.${what// /-}" ] || { echo "made-up failure" >&2 && exit 1; }
	if [ -s "$tmp/seconds" ] && [ "$what" = "real light" ]; then
		s=$(head -n 1 "$tmp/seconds") && sed -i 1d "$tmp/seconds"
	fi
	echo "$s" >"$out"
	while [ "$1" != -- ]; do shift; done
	[ "$what" != "replay recorded" ] || { shift && exec "$@"; }
	;;
verify) ;;
info)
	jq -n --argjson s "$(cat "$3")" '{header: {epoch_wall_ns: 0, machine: {cpu: {model: "made up", online: 2}, memory: {total: 1073741824},
		kernel: {release: "1"}}}, trailer: {program: {lanes: 2}, judgement: {why: "-"}, evaluations: [{class: "prompt", tokens: 16,
		start_ns: 1e8, ns: 1e8, read_bytes: 1e6, majflt: 1, minflt: 2}, (range(4) | {class: "decode", tokens: 1,
		start_ns: ((0.2 + . * $s) * 1e9), ns: ($s * 1e9), read_bytes: 2097152, majflt: 3, minflt: 4})]}}'
	;;
dump)
	case "$*" in
	*--definitions*) echo '{"what":"metric","name":"vmstat.workingset_refault_file","id":7}' ;;
	*"-k fault"*) printf 'h\n300000001,1,0,0,fault,major blocked,,0\n300000002,1,0,1,fault,blocked,,0\n100,1,0,2,fault,major,,0\n' ;;
	*"-k sample"*) printf 'h\n300000000,0,1,0,sample,7,1000\n600000000,0,1,1,sample,7,1600\n400000000,0,1,1,sample,8,5\n' ;;
	*"-k block"*) printf 'h\n300000001,2000000,0,0,block,0,1,4096,read,,1,1\n300000002,4000000,0,0,block,0,1,131072,read,readahead,1,1\n300000003,1,0,0,block,0,1,4096,read,foreign,1,1\n' ;;
	esac
	;;
esac
STUB
cat >"$TMP/bin/fio" <<STUB
#!/bin/bash
tmp=$TMP
model=$model
STUB
cat >>"$TMP/bin/fio" <<'STUB'
job=${*: -1}
folder=$(sed -n 's/^directory=//p' "$job")
case " $* " in
*" --create_only=1 "*)
	echo "lay out" >>"$tmp/calls"
	cp "$model" "$folder/"
	exit
	;;
esac
limited=
grep -q faultline-fidelity /proc/self/cgroup && limited=" throttled"
echo "replay $(grep -E '^(memory_limit|hints|pressure|numjobs)=' "$job" | xargs)$limited" >>"$tmp/calls"
jq -n '{complete: true, epoch_wall_ns: 0, warnings: ["made up"], evaluations: [{class: "load", start_s: 0, duration_s: 0.1, read_bytes: 0},
	{class: "prompt", start_s: 0.1, duration_s: 0.1, read_bytes: 0}, (range(4) | {class: "decode", start_s: (0.2 + . * 0.11),
	duration_s: 0.11, read_bytes: 2097152, major_faults: 3, minor_faults: 4})]}' >"$(sed -n 's/^result=//p' "$job")"
STUB
chmod +x "$TMP/bin/"*
echo one >"$TMP/engine.so"
# shellcheck source=tests/fidelity/lib.sh
knob=$(. tests/fidelity/lib.sh && machine_find "$TMP" >&2 && echo "$READ_AHEAD") || skip "needs a drive whose read-ahead can be set"
echo "$knob" >"$TMP/knob"
before=$(cat "$knob")
on_exit "[ \"\$(cat $knob)\" = $before ] || echo $before >$knob"

harness() {
	: >"$TMP/calls"
	PATH=$TMP/bin:$PATH FAULTLINE=$TMP/bin/faultline ENGINE=$TMP/engine.so LLAMA_BENCH=/bin/true BUILD=$BUILD FIDELITY_QUIET=0 \
		FIDELITY_STATE=$TMP/state FIDELITY_TABLE=$TMP/table run env "$@" bash tests/fidelity/run
	assert_eq "$(cat "$knob")" "$before" "read-ahead afterwards"
	assert_no_leftovers
}
files() { (cd "$TMP/state/runs" && find . -name '*.json' | sort | cut -c3- | xargs); }
calls() { awk '{ print $1 }' "$TMP/calls" | uniq -c | awk '{ print $1 "x" $2 }' | xargs; }
all="one/real-1.json one/real-2.json one/real-recorded.json one/replay-1.json one/replay-2.json one/replay-recorded.json"
all="$all ${all//one/two}"

# Real runs and replays take turns; conditions are the configuration's, and the capture's none.
harness FIDELITY_N=2 FIDELITY_MAX=2
assert_eq "$STATUS" 0 "exit status: $OUTPUT"
assert_eq "$(files)" "$all"
assert_eq "$(calls)" "1xcapture 1xreal 1xlay 1xreplay 1xreal 1xreplay 1xreal 2xreplay 1xreal 1xreplay 1xreal 1xreplay 1xreal 2xreplay" \
	"the order of what is run (a recorded replay is told by both tools)"
assert_eq "$(head -n 1 "$TMP/calls")" "capture read_ahead=$before"
assert_eq "$(grep -c '^real light read_ahead=64$' "$TMP/calls")" 2 "real runs of the first"
assert_eq "$(grep -c '^replay numjobs=2 pressure=memcg memory_limit=40m hints=recorded$' "$TMP/calls")" 3
assert_eq "$(grep -c '^real light throttled read_ahead=8192$' "$TMP/calls")" 2 "real runs of the second"
assert_eq "$(grep -c '^replay numjobs=2 pressure=memcg memory_limit=44m hints=none throttled$' "$TMP/calls")" 3
run_file() { jq -c "$2" "$TMP/state/runs/$1.json"; }
assert_eq "$(run_file one/real-1 '[.figures.tokens, .figures.s_per_token, .figures.mib_per_token, .figures.major_per_token] | map(. * 1000 | round / 1000)')" '[4,0.1,2,3]'
assert_between "$(run_file one/replay-1 .figures.s_per_token)" 0.10999 0.11001
assert_between "$(run_file one/replay-1 .figures.ttft_s)" 0.19999 0.20001
# three tokens: two blocked faults, one major; refaults from 1000 to 1600 in the interval; 4 and 128 KiB, not the foreign one
assert_eq "$(run_file one/real-recorded '.figures | [.blocked_per_token * 3, .major_per_token * 3, .refaults_per_token * 3, .requests_per_token * 3,
	.request_kib, .request_median_kib, .await_ms, .request_classes.upto_4K] | map(. * 1000 | round / 1000)')" '[2,1,600,2,66,4,3,0.5]'

# Again: nothing to do. One file less: that one. A noisy one: more, up to the most.
harness FIDELITY_N=2 FIDELITY_MAX=2
assert_eq "$(calls)" "" "calls of a second start"
rm "$TMP/state/runs/two/replay-2.json"
harness FIDELITY_N=2 FIDELITY_MAX=2
assert_eq "$(calls)" "1xreplay"
echo 0.14 >"$TMP/seconds"
rm "$TMP/state/runs/one/real-2.json"
harness FIDELITY_N=2 FIDELITY_MAX=4 FIDELITY_CONFIGS=one
assert_eq "$(calls)" "2xreal 1xreplay 1xreal 1xreplay"
assert_eq "$(files)" "$(echo "$all one/real-3.json one/real-4.json one/replay-3.json one/replay-4.json" | xargs -n 1 | sort | xargs)"
harness FIDELITY_N=2 FIDELITY_MAX=4
assert_eq "$(calls)" "" "calls when there are enough"

# Another engine: its replays are others, and their twins are done again with them. The recorded real run stays.
echo two >"$TMP/engine.so"
harness FIDELITY_N=2 FIDELITY_MAX=2 FIDELITY_CONFIGS=heldout
assert_eq "$(grep -c '^real light' "$TMP/calls")/$(grep -c '^replay numjobs' "$TMP/calls")/$(grep -c '^real recorded' "$TMP/calls")" 2/3/0
assert_contains "$OUTPUT" "set aside: two/replay-1.json"
assert_file "$TMP/state/aside/two/replay-2.json"

# A failure is said, tried once more, costs the rest of its configuration only, and is tried again at the next start.
sed -i 's/ 40M  64 / 40M  96 /' "$TMP/table"
touch "$TMP/fail.real-recorded"
harness FIDELITY_N=1 FIDELITY_MAX=1
assert_eq "$STATUS" 1
assert_contains "$OUTPUT" "one real 1"
assert_eq "$(grep -c '^real recorded' "$TMP/calls")" 2 "tries"
rm "$TMP/fail.real-recorded"
harness FIDELITY_N=1 FIDELITY_MAX=1
assert_eq "$STATUS" 0
assert_eq "$(calls)" "1xreal 2xreplay"

# A table that asks for two captures of the same model and threads; a time that is over
echo "three dev tiny 2 16,8 40M 64 - on" >>"$TMP/table"
harness
assert_eq "$STATUS" 1
assert_contains "$OUTPUT" "has more than one TEST"
sed -i '$d' "$TMP/table"
rm -r "$TMP/state/runs"
harness FIDELITY_MINUTES=1 FIDELITY_N=9 FIDELITY_MAX=9 SECONDS=55
assert_eq "$STATUS" 3 "exit status when the time is over: $OUTPUT"
assert_contains "$OUTPUT" "start it again to go on"
assert_eq "$(calls)" "" "runs that were begun"
