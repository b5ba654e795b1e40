#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will run the unit tests built with the address and undefined sanitizers.
# TIMEOUT: 1500
. "$(dirname "$0")/../lib.sh"

make --no-print-directory -j"$(nproc)" asan || fail "the sanitizer build fails"
compgen -G "$BUILD/asan/tests/unit/test_*" >/dev/null || fail "there are no unit tests"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
BUILD=$BUILD/asan tests/run unit
