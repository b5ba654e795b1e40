#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check that the package installer is silent, and helps where it cannot.
. "$(dirname "$0")/../lib.sh"
requires_cmd dpkg-query apt-get

# Nothing is missing, nothing is said.
assert_status 0 .ci/deps coreutils libc-bin
assert_eq "$OUTPUT" ""

# A machine without apt is told the list, and may go on: it may have all that under other names.
mkdir "$TMP/bin"
for tool in bash id env; do
	ln -s "$(command -v $tool)" "$TMP/bin/$tool"
done
assert_status 0 env PATH="$TMP/bin" bash .ci/deps one-package another-package
assert_contains "$OUTPUT" "one-package another-package"

# Who is neither root nor has sudo gets the command to pass on.
for tool in apt-get dpkg-query apt-cache grep; do
	ln -s "$(command -v $tool)" "$TMP/bin/$tool"
done
rm "$TMP/bin/id"
printf '#!/bin/sh\necho 1000\n' >"$TMP/bin/id"
chmod +x "$TMP/bin/id"
assert_status 1 env PATH="$TMP/bin" "$(command -v bash)" .ci/deps coreutils no-such-package-for-sure
assert_contains "$OUTPUT" "as root run: apt-get install no-such-package-for-sure"
