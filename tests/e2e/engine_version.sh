#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will load an engine that was built for another fio: it says so and what to do, and is not run.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

version=$(fio --version)
other=fio-$(printf '%*s' $((${#version} - 4)) '' | tr ' ' 9)
# Same interface number, same everything; only the version that it was built for differs.
sed "s/$version/$other/g" "$ENGINE" >"$TMP/other.so"
chmod 755 "$TMP/other.so"
! cmp -s "$ENGINE" "$TMP/other.so" || fail "the engine does not know its fio's version"
trace m -l 1 -e 1 -s 1M
fio_run --name=m --ioengine=external:"$TMP/other.so" --trace="$TMP/m.flt"
assert_ne "$STATUS" 0
[ "$STATUS" -lt 100 ] || fail "crashed: $STATUS"
assert_contains "$OUTPUT" "built for $other, but this is $version"
assert_contains "$OUTPUT" "run 'make'"
assert_no_file "$TMP/m.result.json"
assert_no_file "$TMP/m.gguf"
