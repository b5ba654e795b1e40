#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will install into a folder, use what is there from elsewhere, and uninstall.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_engine

assert_status 0 make --no-print-directory install PREFIX=/opt/fl DESTDIR="$TMP/root"
root=$TMP/root/opt/fl
assert_file "$root/bin/faultline"
assert_file "$root/lib/faultline/faultline.so"
assert_file "$root/share/doc/faultline/LICENSE"
for job in jobfiles/*.fio; do
	installed=$root/share/faultline/$job
	assert_file "$installed"
	assert_contains "$(cat "$installed")" "external:/opt/fl/lib/faultline/faultline.so" "engine in $job"
	assert_not_contains "$(grep -v '^[#;]' "$installed")" "=traces/" "paths in $job"
	# Every trace that a job names has come along.
	while read -r trace; do
		assert_file "$TMP/root$trace"
	done < <(sed -nE 's/^[a-z_]*trace[a-z_]*=(.*)$/\1/p' "$installed")
done
for page in */*.scd; do
	[ -f "$page" ] || continue
	page=$(basename "${page%.scd}")
	assert_file "$root/share/man/man${page##*.}/$page"
done
(cd / && "$root/bin/faultline" --version >/dev/null) || fail "the installed command does not run"
(cd / && fio --enghelp="$root/lib/faultline/faultline.so" | grep -q '^trace ') ||
	fail "fio does not load the installed engine"

assert_status 0 make --no-print-directory uninstall PREFIX=/opt/fl DESTDIR="$TMP/root"
assert_eq "$(find "$TMP/root" ! -type d)" "" "files left after uninstall"
