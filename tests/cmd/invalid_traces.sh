#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will give every command files that are no traces, and expect one clear line and status 1.
. "$(dirname "$0")/../lib.sh"
requires_faultline
D=tests/data/invalid

# refused PATH REASON: by all commands that read traces
refused() {
	local command
	for command in info "info --json" "info -q" dump verify "verify --repair -o $TMP/out" \
		"prepare -o $TMP/out" jobfile "doctor -q"; do
		# shellcheck disable=SC2086 # commands with options
		run "$FAULTLINE" $command "$1"
		assert_eq "$STATUS" 1 "status of $command $1"
		assert_eq "$OUTPUT" "faultline ${command%% *}: cannot open $1: $2" "what $command says"
		assert_no_file "$TMP/out"
	done
}

refused $D/empty.flt "the file is empty"
for file in text zeros other-zstd half-header long-section not-json; do
	refused $D/$file.flt "not a Faultline trace, or its header is damaged"
done
refused $D/no-version.flt "the header names no format version"
refused $D/newer.flt "written by a newer Faultline; update this one to read it"
refused "$TMP" "not a regular file"
refused /dev/null "not a regular file"
refused "$TMP/missing.flt" "No such file or directory"

# A file in that folder that nobody has thought of above would not be tested.
for file in "$D"/*.flt; do
	grep -q "$(basename "$file" .flt)" "$0" || fail "$file is not tested"
done

if [ "$(id -u)" -ne 0 ]; then
	cp tests/data/analysis/small.flt "$TMP/secret.flt"
	chmod 0 "$TMP/secret.flt"
	refused "$TMP/secret.flt" "Permission denied"
fi
