#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will lay out missing data files, use existing ones without changing them, and refuse unfit ones.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

trace m -l 2 -e 2 -s 3M
size=$((3 << 20))

# A missing one is written, once; another drive is another directory.
mkdir "$TMP/drive"
run fio --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --directory="$TMP/drive" --result=none
assert_eq "$STATUS" 0 "$OUTPUT"
assert_eq "$(stat -c %s "$TMP/drive/m.gguf")" "$size"
assert_eq "$(find "$TMP/drive" -type f | wc -l)" 1 "files in directory="
before=$(stat -c '%i %Y %Z' "$TMP/drive/m.gguf")
run fio --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --directory="$TMP/drive" --result="$TMP/r.result.json"
assert_eq "$STATUS" 0 "$OUTPUT"
assert_eq "$(stat -c '%i %Y %Z' "$TMP/drive/m.gguf")" "$before" "the data file of the first run"
assert_eq "$(jq .files[0].ours "$TMP/r.result.json")" true

# Only laid out
assert_status 0 fio --create_only=1 --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --directory="$TMP" --aux-path="$TMP"
assert_file "$TMP/m.gguf"
assert_no_file "$TMP/m.result.json"
rm "$TMP/m.gguf"
replay m 2 --allow_file_create=0
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" allow_file_create=0
assert_no_file "$TMP/m.gguf"

# In ./data without directory=
mkdir "$TMP/cwd"
(cd "$TMP/cwd" && fio --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 >/dev/null) || fail "without directory="
assert_file "$TMP/cwd/data/m.gguf"
assert_file "$TMP/cwd/m.result.json"
assert_eq "$(find "$TMP/cwd" -type f | wc -l)" 2 "files made"

# Somebody's own model, bigger than needed, is read and never written to.
make_file "$TMP/m.gguf" 4
chmod 444 "$TMP/m.gguf"
before=$(sha256sum "$TMP/m.gguf")
assert_replayed m 2
assert_value m .files[0].ours false
assert_value m .files[0].size_bytes $((4 << 20))
assert_value m .files[0].needed_bytes "$size"
assert_eq "$(sha256sum "$TMP/m.gguf")" "$before" "the model"
# By name, with a file of any name
cp "$TMP/m.gguf" "$TMP/own.bin"
assert_replayed m 2 --filename=own.bin
assert_value m .files[0].path "$TMP/own.bin"

unfit() {
	replay m 2
	[ "$STATUS" -ne 0 ] || fail "not refused: $1"
	assert_contains "$OUTPUT" "$1"
	assert_eq "$(grep -c '^faultline: ' <<<"$OUTPUT")" 1 "lines: $OUTPUT"
	assert_eq "$(sha256sum <"$TMP/m.gguf")" "$2" "an unfit file"
}
rm "$TMP/m.gguf"
make_file "$TMP/m.gguf" 2
unfit "the trace needs" "$(sha256sum <"$TMP/m.gguf")"
rm "$TMP/m.gguf"
make_file "$TMP/m.gguf" 1
truncate -s 4M "$TMP/m.gguf"
unfit hole "$(sha256sum <"$TMP/m.gguf")"
rm "$TMP/m.gguf"
if fallocate -l 4M "$TMP/m.gguf" 2>/dev/null; then
	unfit "never written" "$(sha256sum <"$TMP/m.gguf")"
	rm "$TMP/m.gguf"
fi
mkdir "$TMP/m.gguf"
replay m 2
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" "not a regular file"
