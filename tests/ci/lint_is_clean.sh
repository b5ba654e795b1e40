#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check layout, static analysis and shell scripts of all sources.
# TIMEOUT: 1500
. "$(dirname "$0")/../lib.sh"

requires_cmd clang-format clang-tidy cppcheck shellcheck
make --no-print-directory -k -j"$(nproc)" lint-checks || fail "the sources are not clean, see above"
