#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record as root for somebody else: the command has that user's identity, groups and home,
# the trace belongs to them; without such a user it says that the command runs as root.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

user=nobody
uid=$(id -u $user)
gid=$(id -g $user)
mkdir "$TMP/out"
# shellcheck disable=SC2016
SUDO_UID=$uid SUDO_GID=$gid SUDO_USER=$user HOME=/root USER=root \
	"$FAULTLINE" record -q --no-score --no-program -o "$TMP/out/a.flt" -- \
	sh -c 'echo "$(id -u) $(id -g) $(id -G) $HOME $USER ${SUDO_UID-unset}"; cat' <<<"through stdin" >"$TMP/words"
assert_eq "$(cat "$TMP/words")" "$uid $gid $gid $(getent passwd $user | cut -d: -f6) $user unset
through stdin" "what the command saw"
assert_eq "$(stat -c '%u %g' "$TMP/out/a.flt")" "$uid $gid" "the trace's owner"
assert_eq "$("$FAULTLINE" dump "$TMP/out/a.flt" --definitions | jq -r 'select(.what == "header") | .user')" $user "the user in the header"

OUTPUT=$(env -u SUDO_UID "$FAULTLINE" record --no-score --no-program -o "$TMP/b.flt" -- id -u 2>&1)
assert_contains "$OUTPUT" "runs as root" "without an invoking user"
assert_match "$OUTPUT" '^0$' "the command's user"
