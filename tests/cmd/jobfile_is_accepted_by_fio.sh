#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will write job files with every option and have fio take them, and run one of them.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq
"$BUILD"/tests/tools/mktrace --lanes=3 "$TMP/run 1.flt" >/dev/null
trace="$TMP/run 1.flt"

run "$FAULTLINE" jobfile "$trace"
assert_eq "$STATUS" 0
job=$OUTPUT
assert_contains "$job" "numjobs=3"
assert_contains "$job" "streams=recorded"
assert_contains "$job" "trace=$trace"
assert_contains "$job" "model.gguf, 16.0 MiB"
assert_contains "$job" "pressure=none"
assert_match "$job" '^\[run-1\]$'
assert_contains "$("$FAULTLINE" jobfile -l 64M "$trace")" "memory_limit=64m"
assert_contains "$("$FAULTLINE" jobfile --streams shared --jobs 7 "$trace")" "numjobs=7"

# The recorded limit is the default one.
"$BUILD"/tests/tools/mktrace --limit=32M "$TMP/limited.flt" >/dev/null
assert_contains "$("$FAULTLINE" jobfile "$TMP/limited.flt")" "memory_limit=32m"
assert_contains "$("$FAULTLINE" jobfile -l none "$TMP/limited.flt")" "pressure=none"

# Files are not overwritten by accident.
assert_status 0 "$FAULTLINE" jobfile "$trace" -o "$TMP/a.fio"
assert_refused "it exists; --force replaces it" "$FAULTLINE" jobfile "$trace" -o "$TMP/a.fio"
assert_status 0 "$FAULTLINE" jobfile "$trace" -o "$TMP/a.fio" --force
assert_eq "$(cat "$TMP/a.fio")" "$job"

# What makes no sense.
for wrong in "--streams both" "--jobs 4" "--pace fast" "--cpu-scale 0" "--cpu-scale 1x" "--limit 12Q" "--limit 5" \
	"--tokens 3-1" "--name a]b" "--name global" "--warmup -1" "--hints loud"; do
	# shellcheck disable=SC2086 # options with values
	assert_status 2 "$FAULTLINE" jobfile $wrong "$trace"
done
assert_refused "line break" "$FAULTLINE" jobfile -d "$(printf 'a\nb')" "$trace"

requires_engine
mkdir "$TMP/data"
cd "$TMP"
# accepted OPTION...: fio takes the job, engine options included
accepted() {
	"$FAULTLINE" jobfile "$@" -e "$ENGINE" -d "$TMP/data" "$trace" -o "$TMP/b.fio" --force
	run fio --parse-only "$TMP/b.fio"
	[ "$STATUS" -eq 0 ] || fail "fio refuses the job of '$*': $OUTPUT"
}
accepted
accepted --streams shared --jobs 2 --pace none
accepted --pace wall --cpu-scale 1.25 --hints random --warmup 1 -T 2-3
accepted --phases decode --loops 2 --result "$TMP/x.json"
accepted --limit 64M --name other

# And one of them runs.
accepted --name short --pace none
assert_status 0 fio --output-format=json --output="$TMP/fio.json" "$TMP/b.fio"
assert_file "$TMP/short.result.json"
assert_eq "$(jq .complete "$TMP/short.result.json")" true
run "$FAULTLINE" result "$TMP/short.result.json"
assert_eq "$STATUS" 0
assert_match "$OUTPUT" '^lanes +3 \(recorded\)$'
assert_refused "that is fio's output" "$FAULTLINE" result "$TMP/fio.json"
