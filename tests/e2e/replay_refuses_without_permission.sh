#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will ask for a memory limit as a user who may set none: one line says what to run instead, nothing is left.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_memcg
requires_cmd setpriv
id nobody >/dev/null 2>&1 || skip "needs a user nobody"
note_leftovers

# Where a stranger may read and write: the project may stand in somebody's home.
place=$(mktemp -d /tmp/faultline-nobody.XXXXXX)
on_exit "rm -rf '$place'"
trace m -l 2 -e 2 -s 1M
cp "$ENGINE" "$place/engine.so"
cp "$TMP/m.flt" "$place/m.flt"
cat >"$place/m.fio" <<JOBS
[m]
ioengine=external:$place/engine.so
trace=$place/m.flt
directory=$place
numjobs=2
group_reporting
JOBS
chown -R nobody "$place"
cd "$place"

as_nobody() {
	run setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups fio --aux-path="$place" "$@"
}

# Without a limit nobody may replay: what is refused below is the limit.
as_nobody "$place/m.fio"
assert_eq "$STATUS" 0 "$OUTPUT"
assert_file "$place/m.result.json"
rm "$place/m.result.json"

printf 'pressure=memcg\nmemory_limit=64M\n' >>"$place/m.fio"
as_nobody "$place/m.fio"
assert_ne "$STATUS" 0 "exit status"
[ "$STATUS" -lt 100 ] || fail "crashed or hung ($STATUS): $OUTPUT"
assert_eq "$(grep -c '^faultline: ' <<<"$OUTPUT")" 1 "lines of ours: $OUTPUT"
# Only cgroup v2 can be delegated to a user.
case $MEMCG_VERSION in
2) assert_match "$OUTPUT" '^faultline: .*systemd-run --user --scope -p Delegate=yes' ;;
*) assert_match "$OUTPUT" '^faultline: pressure=memcg: .*cgroup v1 needs root.*sudo' ;;
esac
assert_no_file "$place/m.result.json"
cd "$LIB_DIR"
assert_no_leftovers
