#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will run the unit tests built with the thread sanitizer.
# TIMEOUT: 1500
. "$(dirname "$0")/../lib.sh"

# The sanitizer's shadow memory counts as the process's own, so what measures memory (test_host_)
# cannot hold here; and it does not fit every layout that address randomization may choose.
requires_cmd setarch
make --no-print-directory -j"$(nproc)" tsan || fail "the sanitizer build fails"
tests=()
for source in tests/unit/test_*.c; do
	case $source in
	tests/unit/test_host_*) ;;
	*) tests+=("$source") ;;
	esac
done
[ ${#tests[@]} -gt 0 ] || fail "there are no unit tests"
BUILD=$BUILD/tsan setarch -R tests/run "${tests[@]}"
