#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that reads a cold file, and find each of the file's bytes in the block requests
# of the drive, issued on behalf of its threads; as well as in the page cache's additions.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh
requires_cmd filefrag

make_file "$TMP/data" 32
device=$(df --output=source "$TMP" | tail -n 1)
[ -b "$device" ] || skip "needs a file system on a block device"
record one --evict "$TMP/data" -- "$PAGES" -t 2 "$TMP/data"
assert_exact one
disk=$(jq -r 'select(.what == "device" and .model_file) | .id' "$TMP/one.defs" | tail -n 1)
[ -n "$disk" ] || fail "the model's drive is not defined"
reads=$(records one block | jq -c --argjson d "$disk" 'select(.device == $d and .op == 0 and .other_stream != null)')
# nothing is read twice, and nothing but the file is read by this run, in the main
bytes=$(jq -s 'map(.length) | add' <<<"$reads")
assert_between "$bytes" $((32 << 20)) $((40 << 20)) "bytes read on behalf of the run"
assert_eq "$(jq -s 'all(.queue != null and .queue >= 0)' <<<"$reads")" true "every request's time in the queue"
assert_lt 0 "$(jq -s 'map(select(.flags % 2 == 1)) | length' <<<"$reads")" "read-ahead requests"
file=$(jq -r --arg p "$TMP/data" 'select(.what == "file" and .path == $p) | .id' "$TMP/one.defs")
added=$(records one cache | jq -s --argjson f "$file" 'map(select(.file == $f and .op == 1) | .length) | add')
assert_eq "$added" $((32 << 20)) "bytes added to the page cache"

# What a throttled group wants, a worker of the kernel submits: it is the run's all the same.
blkio=$(findmnt -rn -t cgroup -O blkio -o TARGET | head -n 1)
if [ -n "$blkio" ]; then
	group=$blkio/faultline-test.$$
	mkdir "$group"
	on_exit "rmdir '$group'"
	lsblk -dno MAJ:MIN "$(lsblk -sdpno NAME "$device" | tail -n 1)" | awk '{ print $1, 52428800 }' \
		>"$group/blkio.throttle.read_bps_device"
	# shellcheck disable=SC2016
	record slow --evict "$TMP/data" -- sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2" -t 2 "$3"' _ "$group" "$PAGES" "$TMP/data"
	assert_exact slow
	assert_between "$(trailer slow .io.read_bytes)" $((32 << 20)) $((40 << 20)) "bytes read for a throttled run"
fi

record quiet --no-block --cache no --evict "$TMP/data" -- "$PAGES" "$TMP/data"
assert_eq "$(count quiet block,cache)" 0 "records when switched off"
