# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of the engine share; sourced after tests/lib.sh. Data files, results and logs go to $TMP.
MKTRACE=$BUILD/tests/tools/mktrace

requires_replay() {
	requires_engine
	requires_cmd jq
	requires_file "$MKTRACE"
}

# trace NAME MKTRACE-OPTIONS...: $TMP/NAME.flt of a model NAME, its windows in $TMP/NAME.list
trace() {
	local name=$1
	shift
	"$MKTRACE" -n "$name" -L "$@" "$TMP/$name.flt" >"$TMP/$name.list"
}

# replay TRACE JOBS FIO-OPTIONS...: as `run` does; the result is $TMP/TRACE.result.json.
# Without --ioengine= and the like where a job file is given instead of TRACE and JOBS: see fio_run.
replay() {
	local name=$1 jobs=$2
	shift 2
	rm -f "$TMP/$name.result.json"
	fio_run --name="$name" --ioengine=external:"$ENGINE" --trace="$TMP/$name.flt" --numjobs="$jobs" \
		--group_reporting "$@"
}

fio_run() {
	run fio --aux-path="$TMP" --directory="$TMP" "$@"
}

# value TRACE JQ-EXPRESSION: of its result
value() {
	jq -r "$2" "$TMP/$1.result.json"
}

# assert_value TRACE JQ-EXPRESSION EXPECTED
assert_value() {
	assert_file "$TMP/$1.result.json"
	assert_eq "$(value "$1" "$2")" "$3" "$2"
}

# assert_replayed TRACE JOBS FIO-OPTIONS...: it succeeds and is complete
assert_replayed() {
	replay "$@"
	[ "$STATUS" -eq 0 ] || fail "exit status $STATUS"$'\n'"$OUTPUT"
	assert_value "$1" .complete true
	assert_value "$1" .incomplete null
}

# listed NAME COLUMN [CONDITION]: the sum of a column of $TMP/NAME.list where the awk condition holds
listed() {
	awk "${3:-1} { n += \$$2 } END { printf \"%d\n\", n }" "$TMP/$1.list"
}
