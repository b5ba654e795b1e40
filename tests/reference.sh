# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of reference captures share; sourced after record.sh.
ZAPPED=$BUILD/tests/workloads/zapped
requires_file "$ZAPPED"

# reference NAME [OPTION...] -- COMMAND...: as record(); a machine that is busy makes a capture unusable, and a test
# machine may be: then that is the one reason. The verdict is in $VERDICT.
reference() {
	local name=$1 status=0
	shift
	"$FAULTLINE" record --mode reference --no-score -o "$TMP/$name.flt" "$@" >"$TMP/$name.out" 2>"$TMP/$name.err" ||
		status=$?
	if [ $status -gt 1 ] || [ ! -e "$TMP/$name.flt" ]; then
		fail "the capture '$name' failed: $(cat "$TMP/$name.err")"
	fi
	definitions "$name"
	VERDICT=$(judgement "$name" .why)
	assert_eq "$(judgement "$name" .usable)" "$([ $status -eq 0 ] && echo true || echo false)" \
		"$name: the exit status says what the judgement does ($VERDICT)"
}

# judgement NAME FILTER
judgement() {
	trailer "$1" ".judgement | $2"
}

# Usable, or it would be on a machine of its own.
assert_usable() {
	case $VERDICT in
	"a usable reference capture" | "the machine was busy"* | "the calibration's runs were"*) ;;
	*) fail "$1 is not usable: $VERDICT" ;;
	esac
	case $(judgement "$1" '.notes | join(";")') in
	*"in larger pieces"* | *"began with dropped"* | *"touched no page"*)
		fail "$1 is not usable: $(judgement "$1" '.notes | join("; ")')"
		;;
	esac
}

# What the program itself found out.
assert_undisturbed() {
	assert_contains "$(cat "$TMP/$1.out")" " 0 failures" "$1: the program noticed something: $(cat "$TMP/$1.err")"
	assert_eq "$(trailer "$1" .exit_status)" 0 "$1: the program's status"
}
