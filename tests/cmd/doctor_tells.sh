#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will ask the doctor as root, as somebody else and without fio, and compare its words with the machine.
. "$(dirname "$0")/../lib.sh"
requires_faultline
requires_cmd jq

ask() {
	run "$FAULTLINE" doctor -q -d "$TMP" -e "$ENGINE" "$@"
}
finding() {
	jq -r ".findings[] | select(.section == \"$1\" and .name == \"$2\") | .$3" <<<"$OUTPUT"
}

# The words and the status say the same as the JSON.
ask
text=$OUTPUT status=$STATUS
ask --json
assert_eq "$STATUS" "$status"
if jq -e '.record and .replay and .limit and .drive' <<<"$OUTPUT" >/dev/null; then
	assert_eq "$status" 0
	assert_not_contains "$text" "  NO  "
else
	assert_eq "$status" 1
	assert_contains "$text" "  NO  "
fi
for section in Recording Replaying Memory "Drive of"; do
	assert_match "$text" "^$section"
done
# Whatever does not work comes with advice.
assert_eq "$(jq -r '.findings[] | select(.state == "missing" and .fix == null) | .name' <<<"$OUTPUT")" "" \
	"findings without advice"

# It agrees with what can be seen from here.
if [ "$(finding record 'type information' state)" = good ]; then
	assert_file /sys/kernel/btf/vmlinux
fi
if command -v fio >/dev/null; then
	assert_eq "$(finding replay fio text)" "$(fio --version)"
fi
if [ "$(id -u)" -eq 0 ] && [ "$(finding record privileges state)" = good ]; then
	assert_ne "$(finding record 'reference mode' text)" "" "what is said about reference mode"
	if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 3 ]; then
		assert_contains "$(finding record 'reference mode' fix)" ptrace_scope
	fi
fi

# Without fio, an engine, or a drive.
mkdir "$TMP/bin"
PATH=$TMP/bin run "$FAULTLINE" doctor -q -d "$TMP"
assert_eq "$STATUS" 1
assert_match "$OUTPUT" '^  NO  fio +fio does not run here$'
run "$FAULTLINE" doctor -q -e /nonexistent.so --json
assert_eq "$STATUS" 1
if command -v fio >/dev/null; then
	assert_eq "$(finding replay engine state)" missing
	assert_contains "$(finding replay engine text)" "/nonexistent.so is not there"
	echo garbage >"$TMP/bad.so"
	run "$FAULTLINE" doctor -q -e "$TMP/bad.so" --json
	assert_eq "$(finding replay engine state)" missing
fi
run "$FAULTLINE" doctor -q -d /proc --json
assert_eq "$(finding drive drive state)" missing
run "$FAULTLINE" doctor -q -d "$TMP/missing" --json
assert_eq "$(jq .drive <<<"$OUTPUT")" false

# As somebody who may not trace.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$TMP"
	cp "$FAULTLINE" "$TMP/faultline"
	chmod 755 "$TMP/faultline"
	cd /
	if setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/faultline" --version >/dev/null 2>&1; then
		run setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/faultline" doctor -q --json -d /
		assert_eq "$STATUS" 1
		assert_eq "$(finding record privileges state)" missing
		assert_contains "$(finding record privileges fix)" "sudo faultline record"
		run setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/faultline" doctor -q -d /
		assert_contains "$OUTPUT" "=> Not as this user; 'sudo faultline doctor' tells whether root can record here."
		assert_not_contains "$OUTPUT" "Recording does not work as it is"
		# What it may lock is what the shell says.
		run bash -c 'ulimit -l 64 && exec "$@"' - setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/faultline" doctor -q --json -d /
		assert_contains "$(finding limit pressure=global text)" "may lock 64.0 KiB of memory"
	fi
fi
