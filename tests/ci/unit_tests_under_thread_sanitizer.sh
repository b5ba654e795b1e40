#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will run the unit tests built with the thread sanitizer.
# TIMEOUT: 1500
. "$(dirname "$0")/../lib.sh"

# Its shadow memory does not fit every layout that address randomization may choose.
requires_cmd setarch
make --no-print-directory -j"$(nproc)" tsan || fail "the sanitizer build fails"
ls "$BUILD"/tsan/tests/unit/test_* >/dev/null || fail "there are no unit tests"
BUILD=$BUILD/tsan setarch -R tests/run unit
