#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that touches a file twice as large as its memory limit, and find in the page cache's
# records that the file was added over and over, and what was dropped in between.
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_space 300

make_file "$TMP/data" 96
record run --memory-limit 48M -- "$PAGES" -t 2 -r 3 "$TMP/data"
assert_eq "$(trailer run .lossy)" false "nothing is missing"
[ "$(trailer run .hooks.cache)" = true ] || skip "needs a kernel that tells of its page cache"
file=$(jq -r --arg p "$TMP/data" 'select(.what == "file" and .path == $p) | .id' "$TMP/run.defs")
# bytes OP
bytes() { records run cache | jq -s "map(select(.file == $file and .op == $1) | .length) | add // 0"; }
added=$(bytes 1)
dropped=$(bytes 2)
assert_lt $((200 << 20)) "$added" "bytes added"
assert_lt $((150 << 20)) "$dropped" "bytes dropped"
# It was empty at first, what was added less what was dropped is there, and there is a limit to that.
assert_between $((added - dropped)) 0 $((48 << 20)) "bytes that were left in memory"
