#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a run that touches a file twice as large as its memory limit: the file is evicted
# first, is read again in every round, and nothing of the group is left.
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_space 300

note_leftovers
make_file "$TMP/data" 96
cat "$TMP/data" >/dev/null
record limited --memory-limit 48M -- "$PAGES" -t 2 -r 3 "$TMP/data"
assert_exact limited
assert_no_leftovers
assert_eq "$(trailer limited '.residency[0] | "\(.path) \(.resident)"')" "$TMP/data 0" "what was evicted"
assert_lt 0 "$(trailer limited '.residency[0].resident_before')" "bytes that were resident before"
assert_eq "$(jq -r 'select(.what == "header") | .memory_limit' "$TMP/limited.defs")" $((48 << 20)) "the limit in the header"
assert_eq "$(trailer limited .memcg.limit)" $((48 << 20)) "the limit of the group"
# three rounds over 96 MiB, of which 48 at most can stay
assert_lt $((200 << 20)) "$(trailer limited .io.read_bytes)" "bytes read from the drive"

# small files are left where they are, unless named
make_file "$TMP/small" 8
cat "$TMP/small" >/dev/null
record named --memory-limit 48M --evict "$TMP/small" -- "$PAGES" "$TMP/small"
assert_eq "$(trailer named '.residency | length')" 1 "evicted files"
# a killed recorder's group goes, too
"$FAULTLINE" record -q --no-score --memory-limit 48M -o "$TMP/killed.flt" -- "$PAGES" -q -r 1000 -w 50 "$TMP/data" &
recorder=$!
running() { pgrep -f "^$PAGES .*$TMP/data" >/dev/null; }
on_exit "pkill -9 -f '$TMP/data'"
wait_until 20 running
sleep 0.3
kill -KILL $recorder
status=0
wait $recorder 2>/dev/null || status=$?
assert_eq $status 137 "the recorder was killed while it recorded"
pkill -f "^$PAGES .*$TMP/data"
assert_no_leftovers
