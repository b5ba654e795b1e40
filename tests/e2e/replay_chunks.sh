#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will replay chunks that were taken from a counter: each once and whole, by whoever is free, in recorded order.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

# pages of fio's I/O logs: "lane offset length" in the order of each lane, in $TMP/got
logged() {
	local lane
	for ((lane = 0; lane < $1; lane++)); do
		sed -n 's/^\([0-9]* \)\{0,1\}.* read \([0-9]* [0-9]*\)$/\2/p' "$TMP/$lane.log" | sed "s/^/$lane /"
	done >"$TMP/got"
}

replay_logged() {
	local lanes=$1 lane sections=()
	shift
	for ((lane = 0; lane < lanes; lane++)); do
		sections+=(--name="l$lane" --write_iolog="$TMP/$lane.log")
	done
	rm -f "$TMP"/*.log
	fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" "$@" "${sections[@]}"
	[ "$STATUS" -eq 0 ] || fail "exit status $STATUS: $OUTPUT"
	assert_value m .complete true
	logged "$lanes"
	# Whoever did it: each window of the trace once, and the sums say so.
	awk '{ print $4, $5 }' "$TMP/m.list" | sort >"$TMP/expected"
	awk '{ print $2, $3 }' "$TMP/got" | sort >"$TMP/all"
	cmp "$TMP/all" "$TMP/expected" || fail "windows differ: $(diff "$TMP/all" "$TMP/expected" | head -n 5)"
	assert_value m '[.lanes[].windows] | add' "$(wc -l <"$TMP/expected")"
	assert_value m '[.lanes[].touched_bytes] | add' "$(listed m 5)"
	assert_value m .figures.touched_bytes "$(listed m 5)"
}

trace m -l 3 -s 8M -b 32 -c 3 -e 4
chunks=$(awk '$6 == "first"' "$TMP/m.list" | wc -l)

replay_logged 3
assert_value m .options.chunks dealt
assert_value m '[.lanes[].chunks] | add' "$chunks"
# "evaluation lane file offset length sort start"
for lane in 0 1 2; do
	awk -v lane=$lane '$2 == lane' "$TMP/m.list" |
		paste -d ' ' - <("$FAULTLINE" dump -N -l program -k window -s $lane -f csv "$TMP/m.flt" | sed '1d' | cut -d, -f1)
done >"$TMP/starts"
for lane in 0 1 2; do
	# What a lane did by itself, it does here.
	awk -v lane=$lane '$2 == lane && $6 == "own" { print $4 }' "$TMP/m.list" >"$TMP/own"
	awk -v lane=$lane '$1 == lane { print $2 }' "$TMP/got" | awk 'NR == FNR { own[$1] = 1; next } $1 in own' "$TMP/own" - >"$TMP/did"
	cmp "$TMP/own" "$TMP/did" || fail "lane $lane's own windows differ"
	# A chunk stays with one lane, its windows one after the other; chunks come in the order in which they began.
	awk -v lane=$lane 'NR == FNR { if ($6 == "first") last = $4; if ($6 == "next") after[$4] = $4 - 65536; next }
		$1 == lane { if (($2 in after) && previous != after[$2]) exit 1; previous = $2 }' "$TMP/m.list" "$TMP/got" ||
		fail "a chunk was torn apart in lane $lane"
	awk -v lane=$lane 'NR == FNR { if ($6 == "first") start[$1, $4] = $7; if ($6 == "own") own[$4] = 1; next }
		$1 != lane { next }
		$2 in own { evaluation += $2 == lane * 65536; last = 0; next }
		(evaluation - !lane, $2) in start { now = start[evaluation - !lane, $2]; bad += now < last; last = now; n++ }
		END { exit bad || !n }' "$TMP/starts" "$TMP/got" ||
		fail "lane $lane got chunks in another order than the counter's"
done

# A lane that is slow gets fewer: the first one computes ten times as long.
rm "$TMP/m.flt"
trace m -l 2 -s 8M -b 64 -c 2 -e 3 -g 300000
cat "$TMP/m.gguf" >/dev/null
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --invalidate=0 \
	--name=slow --cpu_scale=10 --name=fast --cpu_scale=1
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value m '.lanes[0].chunks * 3 < .lanes[1].chunks' true
assert_value m '[.lanes[].windows] | add' "$(wc -l <"$TMP/m.list")"

# As recorded, each lane does its own.
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --chunks=recorded --pace=none --name=a --numjobs=2
assert_eq "$STATUS" 0 "$OUTPUT"
for lane in 0 1; do
	assert_value m ".lanes[$lane].windows" "$(awk -v lane=$lane '$2 == lane' "$TMP/m.list" | wc -l)"
	assert_value m ".lanes[$lane].chunks" 0
done

# Any number of jobs; several passes
rm "$TMP/m.flt"
trace m -l 3 -s 8M -b 32 -c 3 -e 4
for jobs in 1 2 5; do
	replay_logged $jobs --streams=shared
	assert_value m '[.lanes[].chunks] | add' "$chunks"
done
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --loops=3 --name=a --numjobs=3
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value m '.selection.passes' 3
assert_value m '[.lanes[].windows] | add' $((3 * $(wc -l <"$TMP/m.list")))
# A part of it
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --tokens=2-3 --name=a --numjobs=3
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value m '[.lanes[].windows] | add' "$(awk '$1 == 2 || $1 == 3' "$TMP/m.list" | wc -l)"

# However it ends, nobody is left at a pool: one pool of 20 seconds
trace long -l 2 -s 64M -b 0 -c 4 -e 1 -g 40000000
started=$SECONDS
replay long 2 --runtime=2
assert_lt $((SECONDS - started)) 10 "seconds until runtime= ended it"
assert_value long .incomplete.reason runtime
replay long 2 --number_ios=20
assert_lt $((SECONDS - started)) 20 "seconds until number_ios= ended it"
assert_value long .incomplete.reason number_ios
