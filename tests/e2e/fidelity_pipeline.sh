#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will take a reference capture of real llama.cpp with a tiny model, predict two runs under other limits, read-ahead,
# drive speed and advice from it, hold them against the real ones, and find a whole report. How close they are is not asked.
# TIMEOUT: 600
. "$(dirname "$0")/../lib.sh"
requires_memcg
requires_bpf
requires_faultline
requires_engine
requires_cmd jq fio findmnt numfmt flock
requires_file "$BUILD/tests/fidelity/nohints.so" "$BUILD/tests/fidelity/balloon" "$GGUF_GEN"
requires_llama
requires_space 300
requires_memory 1500
[ "$MEMCG_VERSION" = 1 ] || requires_cmd setfattr

note_leftovers
cat >"$TMP/table" <<'TABLE'
limited    dev      tiny  2  16,6  44M  8192  -    on
throttled  heldout  tiny  2  16,6  50M  128   300  off
TABLE
printf '# A document\n<!-- fidelity: begin -->\n<!-- fidelity: end -->\n' >"$TMP/doc.md"
# shellcheck source=tests/fidelity/lib.sh
knob=$(. tests/fidelity/lib.sh && machine_find "$TMP" >&2 && echo "$READ_AHEAD") || skip "needs a drive whose read-ahead can be set"
before=$(cat "$knob")
export FIDELITY_STATE=$TMP/state FIDELITY_TABLE=$TMP/table FIDELITY_N=1 FIDELITY_MAX=1 FIDELITY_QUIET=5
start=$SECONDS
assert_status 0 env BUILD="$BUILD" FAULTLINE="$FAULTLINE" ENGINE="$ENGINE" FIDELITY_WRITE="$TMP/doc.md" FIDELITY_PICTURE="$TMP/picture.png" \
	tests/fidelity/run
took=$((SECONDS - start))
echo "$OUTPUT" | grep '^fidelity: ' || fail "the runs are not told one by one"
assert_eq "$(cat "$knob")" "$before" "read-ahead afterwards"
assert_no_leftovers

value() { jq -c "$1" "$TMP/state/fidelity.json"; }
assert_eq "$(value '.configs | map(.complete)')" "[true,true]" "configurations"
for name in limited throttled; do
	for kind in real replay; do
		file=$TMP/state/runs/$name/$kind-1.json
		assert_eq "$(jq .figures.tokens "$file")" 6 "tokens ($name, $kind)"
		assert_eq "$(jq '.figures | .s_per_token > 0 and .ttft_s > .load_s and .load_s > 0' "$file")" true "times ($name, $kind)"
		# 56 MiB do not fit into 44 or 50: something is read for every token
		assert_lt 1 "$(jq .figures.mib_per_token "$file")" "MiB a token ($name, $kind)"
		file=$TMP/state/runs/$name/$kind-recorded.json
		assert_eq "$(jq '.figures | .requests_per_token > 0 and .blocked_per_token > 0 and .read_iops > 0 and
			([.request_classes[]] | add | . > 0.999 and . < 1.001)' "$file")" true "what only a recording tells ($name, $kind)"
	done
	assert_eq "$(value ".configs[] | select(.name == \"$name\") | .figures.s_per_token.error | type")" '"number"' "error ($name)"
done
# 300 MB/s are 286 MiB/s: neither side can have had more, give or take the throttle's slice of 100 ms
for kind in real replay; do
	assert_le "$(jq '.figures | .mib_per_token / .s_per_token' "$TMP/state/runs/throttled/$kind-1.json")" 450 "MiB/s of the $kind, throttled"
done
# What an untold advice costs a run that was recorded with advice: the capture is the same one.
assert_eq "$(find "$TMP/state/captures" -name '*.flt' | wc -l)" 1 "captures"
assert_eq "$(value '.configs | map(.captures) | unique | length')" 1
assert_contains "$(cat "$TMP/doc.md")" "| throttled"
assert_contains "$(cat "$TMP/doc.md")" "Kendall's tau"

# Started again, it has nothing to do.
start=$SECONDS
assert_status 0 env BUILD="$BUILD" FAULTLINE="$FAULTLINE" ENGINE="$ENGINE" tests/fidelity/run
assert_lt $((SECONDS - start)) $((took / 2 + 2)) "seconds of the second start"
assert_not_contains "$OUTPUT" "set aside"
