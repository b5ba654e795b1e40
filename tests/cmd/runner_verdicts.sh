#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check that the runner counts passes, failures, skips and time-outs.
. "$(dirname "$0")/../lib.sh"

mkdir -p "$TMP"/p/tests/{cmd,e2e}
cp tests/run tests/lib.sh "$TMP/p/tests/"
script() {
	# shellcheck disable=SC2016
	printf '#!/bin/bash\n. "$(dirname "$0")/../lib.sh"\n%s\n' "$2" >"$TMP/p/tests/$1.sh"
}
script cmd/passes 'assert_eq 1 1; assert_contains abc b; assert_between 1.5 1 2; assert_match "a b" "^a"'
script cmd/fails 'assert_eq 1 2 "the sum"'
script cmd/fails_by_a_command 'false; true'
script cmd/skips 'skip "no such machine"'
script e2e/hangs $'# TIMEOUT: 1\nsleep 100 & sleep 100'
script e2e/dies 'kill -SEGV $$'
script e2e/leaves_a_process 'sleep 987654 & sleep 0.1'

run env -u BUILD "$TMP/p/tests/run"
assert_eq "$STATUS" 1 "exit status"
assert_eq "$(tail -n 1 <<<"$OUTPUT")" "2 passed, 4 failed, 1 skipped"
assert_match "$OUTPUT" '^  ok    cmd/passes\.sh +[0-9.]+ s$'
assert_match "$OUTPUT" '^  skip  cmd/skips\.sh +[0-9.]+ s  \(no such machine\)$'
assert_match "$OUTPUT" '^  FAIL  cmd/fails\.sh '
assert_match "$OUTPUT" "^        \| FAILED at fails\.sh:3: the sum: got '1', expected '2'$"
assert_match "$OUTPUT" '^  FAIL  cmd/fails_by_a_command\.sh '
assert_match "$OUTPUT" '^  FAIL  e2e/hangs\.sh '
assert_match "$OUTPUT" '^  FAIL  e2e/dies\.sh '
assert_contains "$OUTPUT" "ended by signal 11"
assert_contains "$OUTPUT" "not finished after 1 s"

# What a test leaves running goes with it, and so do the tests' folders.
assert_eq "$(pgrep -f 'sleep 987654' || true)" "" "process left by a test"
assert_eq "$(ls "$TMP/p/build/tests/tmp")" "" "folders left by tests"

run env -u BUILD "$TMP/p/tests/run" passes cmd/skips.sh
assert_eq "$STATUS" 0 "exit status"
assert_eq "$(tail -n 1 <<<"$OUTPUT")" "1 passed, 0 failed, 1 skipped"
assert_status 2 env -u BUILD "$TMP/p/tests/run" no_such_test
