#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will ask the recorder for what cannot be done, and get one line that says what to do instead,
# the right exit status, and no trace.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
note_leftovers

# refused STATUS TEXT ARGUMENT...
refused() {
	local status=$1 text=$2
	shift 2
	run "$FAULTLINE" record "$@"
	assert_eq "$STATUS" "$status" "exit status of 'record $*' ($OUTPUT)"
	assert_contains "$OUTPUT" "$text" "the refusal of 'record $*'"
	assert_match "$OUTPUT" "^faultline record: " "the message's beginning"
	assert_no_file "$TMP/x.flt"
}

x=(-o "$TMP/x.flt" --no-score)
refused 2 "what is to be recorded" "${x[@]}"
refused 2 "not both" "${x[@]}" -p 1 -- true
refused 2 "is no process number" "${x[@]}" -p one
refused 2 "systemd-run" "${x[@]}" -p 1 --memory-limit 1G
refused 2 "launched" "${x[@]}" -p 1 --evict /etc/passwd
refused 2 "is for --mode reference" "${x[@]}" --zap-every 100 -- true
refused 2 "1 to 60000" "${x[@]}" --mode reference --zap-every 0.5 -- true
refused 2 "records no faults" "${x[@]}" --mode reference --light -- true
refused 2 "no mode" "${x[@]}" --mode fast -- true
refused 2 "no backend" "${x[@]}" --backend ebpf -- true
refused 2 "is no size" "${x[@]}" --memory-limit much -- true
refused 2 "no positive number" "${x[@]}" --duration never -- true
refused 2 "1, 2, 4" "${x[@]}" --ring 3 -- true
refused 1 "there is no process" "${x[@]}" -p 4194303
refused 1 "No such file or directory" "${x[@]}" --evict "$TMP/nothing" -- true
refused 1 "No such file or directory" -o "$TMP/no/such/folder/x.flt" -- true

touch "$TMP/old.flt"
run "$FAULTLINE" record -o "$TMP/old.flt" --no-score -- touch "$TMP/was-run"
assert_eq "$STATUS" 1 "status for an existing output"
assert_contains "$OUTPUT" "nothing is overwritten"
assert_no_file "$TMP/was-run"
assert_eq "$(stat -c %s "$TMP/old.flt")" 0 "size of the old file"

# without privileges
if [ -x /usr/bin/setpriv ]; then
	chmod 777 "$TMP"
	run setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$FAULTLINE" record -o "$TMP/x.flt" -- true
	assert_eq "$STATUS" 1 "status without privileges"
	assert_contains "$OUTPUT" "sudo"
	assert_no_file "$TMP/x.flt"
fi
# a container's processes have other numbers than those that programs in the kernel see
run unshare --pid --fork --mount-proc "$FAULTLINE" record -o "$TMP/x.flt" -- true
assert_eq "$STATUS" 1 "status in a container"
assert_contains "$OUTPUT" "container"
assert_no_file "$TMP/x.flt"
assert_no_leftovers
