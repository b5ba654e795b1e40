#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will look at the system calls of a replay: hints as recorded, others, none; one shared mapping a file, aligned as recorded.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_cmd strace

# Recorded at an address with an odd offset to 2 MiB
trace m -l 3 -e 2 -s 5M -H -r 2 -A 0x7f0000134000
assert_replayed m 3

# calls FIO-OPTIONS...: the calls on the data file, in $TMP/calls
calls() {
	fio_options=("$@")
	strace -f -o "$TMP/strace" -e trace=mmap,madvise,fadvise64,openat,pread64 \
		fio --aux-path="$TMP" --directory="$TMP" --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" \
		--numjobs=3 "${fio_options[@]}" >"$TMP/out" 2>&1 || skip "fio does not run under strace here"
	base=$(sed -n 's/.*mmap(0x[0-9a-f]*, 5242880, PROT_READ, MAP_SHARED|MAP_FIXED, .* = 0x\([0-9a-f]*\)$/\1/p' "$TMP/strace")
	[ -n "$base" ] || fail "no mapping: $(grep mmap "$TMP/strace" | tail -n 3)"
	grep "madvise(0x$base" "$TMP/strace" | sed 's/.*madvise(0x[0-9a-f]*, \([0-9]*\), \([A-Z_]*\).*/\2 \1/' >"$TMP/calls" || true
}

calls
assert_eq "$(wc -w <<<"$base")" 1 "mappings of the data file"
assert_eq $((0x$base % (2 << 20))) $((0x134000)) "alignment of the mapping"
assert_contains "$(cat "$TMP/calls")" "MADV_WILLNEED 5242880"
# The kernel keeps the state of its read-ahead with the open file: what is mapped, advised and read is one.
fd=$(sed -n 's/.*mmap(0x[0-9a-f]*, 5242880, PROT_READ, MAP_SHARED|MAP_FIXED, \([0-9]*\), .*/\1/p' "$TMP/strace")
assert_match "$(cat "$TMP/strace")" "fadvise64\\($fd, 0, 5242880, POSIX_FADV_SEQUENTIAL"
assert_match "$(cat "$TMP/strace")" "pread64\\($fd, .*, 4096, 4096\\) *= 4096"
for hints in none random sequential willneed populate; do
	calls --hints=$hints
	advice=$(grep -v DONTNEED "$TMP/calls" || true)
	case $hints in
	none) assert_eq "$advice" "" "hints=none" ;;
	populate) assert_match "$advice" '^(MADV_POPULATE_READ|MADV_.*) 5242880' ;;
	*) assert_eq "$advice" "MADV_${hints^^} 5242880" "hints=$hints" ;;
	esac
done
