#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will build twice, and again after touching one header.
. "$(dirname "$0")/../lib.sh"
requires_cmd gcc ar

# A project of its own, so that the real one's files keep their age. Two rooms do.
mkdir "$TMP/p"
cp -r Makefile .ci .clang-format "$TMP/p/"
mkdir "$TMP/p/traces" "$TMP/p/host"
echo 'int flt_a(void);' >"$TMP/p/traces/a.h"
printf '#include "traces/a.h"\nint flt_a(void)\n{\n\treturn 1;\n}\n' >"$TMP/p/traces/a.c"
printf 'int flt_b(void);\nint flt_b(void)\n{\n\treturn 2;\n}\n' >"$TMP/p/traces/b.c"
printf 'int host_c(void);\nint host_c(void)\n{\n\treturn 3;\n}\n' >"$TMP/p/host/c.c"
build() {
	env -u MAKEFLAGS -u MAKELEVEL -u CI -u WERROR make --no-print-directory -C "$TMP/p" "$@" build/libfltrace.a build/libhost.a
}

run build
assert_eq "$STATUS" 0 "exit status of the first build"
assert_contains "$OUTPUT" "CC      traces/a.c"
run build
assert_eq "$(grep -v 'up to date' <<<"$OUTPUT")" "" "what a second build does"

touch "$TMP/p/traces/a.h"
run build
assert_contains "$OUTPUT" "CC      traces/a.c"
assert_not_contains "$OUTPUT" "traces/b.c"
assert_not_contains "$OUTPUT" "host/c.c"

# Other flags are another program; a source that is gone is no longer part of it.
run build CFLAGS=-O1
assert_contains "$OUTPUT" "CC      host/c.c"
rm "$TMP/p/traces/b.c"
run build CFLAGS=-O1
assert_eq "$STATUS" 0 "exit status without b.c"
assert_eq "$(ar t "$TMP/p/build/libfltrace.a")" a.o "members of the library"

# A warning passes by, and stops where CI asks for it.
printf 'int flt_d(int x);\nint flt_d(int x)\n{\n\tint y;\n\treturn x;\n}\n' >"$TMP/p/traces/d.c"
run build
assert_eq "$STATUS" 0 "exit status with a warning"
run build CI=true
assert_ne "$STATUS" 0 "exit status with a warning in CI"
