#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will compile the engine for the fio versions of newer Debian suites.
# TIMEOUT: 900
. "$(dirname "$0")/../lib.sh"

output=$(make --no-print-directory engine-compat 2>&1) || fail "$output"
echo "$output"
grep -q 'compiles$' <<<"$output" || skip "no other fio's source can be reached"
