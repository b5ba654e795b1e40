#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check that headers that cannot be had are reported in one line.
. "$(dirname "$0")/../lib.sh"

one_line() {
	local text=$1
	shift
	assert_refused "$text" env BUILD="$TMP" "$@" engines/fio-headers.sh "$TMP/cflags"
	assert_eq "$(wc -l <<<"$OUTPUT")" 1 "lines of the message"
	assert_no_file "$TMP/cflags"
}

one_line "fio is not installed: run 'make deps'" FIO=no-such-fio
one_line "FIO_SRC=$TMP is not a fio source tree" FIO_SRC="$TMP"
printf '#!/bin/sh\necho fio-9.99\n' >"$TMP/myfio"
chmod +x "$TMP/myfio"
one_line "(fio-9.99) is of no package: give its source tree with FIO_SRC=" FIO="$TMP/myfio"

# A tree that is configured is taken as it is, one that isn't is configured in a copy.
mkdir "$TMP/tree"
touch "$TMP/tree/ioengines.h"
echo 'DEF_VER=fio-9.98' >"$TMP/tree/FIO-VERSION-GEN"
printf '#!/bin/sh\necho "#define HERE" >config-host.h\n' >"$TMP/tree/configure"
chmod +x "$TMP/tree/configure"
before=$(ls "$TMP/tree")
assert_status 0 env BUILD="$TMP" FIO_SRC="$TMP/tree" engines/fio-headers.sh "$TMP/cflags"
assert_eq "$(ls "$TMP/tree")" "$before" "the tree"
assert_eq "$(cat "$TMP/cflags")" \
	"-isystem $TMP/fio-own -include $TMP/fio-own/config-host.h -DFLT_FIO_VERSION=\"fio-9.98\""
echo '#define MINE' >"$TMP/tree/config-host.h"
assert_status 0 env BUILD="$TMP" FIO_SRC="$TMP/tree" engines/fio-headers.sh "$TMP/cflags"
assert_contains "$(cat "$TMP/cflags")" "-include $TMP/tree/config-host.h"

# Unchanged flags leave the file alone: else every build would compile the engine again.
touch -d '2001-01-01' "$TMP/cflags"
assert_status 0 env BUILD="$TMP" FIO_SRC="$TMP/tree" engines/fio-headers.sh "$TMP/cflags"
assert_eq "$(stat -c %y "$TMP/cflags" | cut -c 1-4)" 2001 "age of the unchanged flags"
