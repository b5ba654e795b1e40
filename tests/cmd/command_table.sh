#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will call every subcommand for help and with wrong usage, and check exit statuses and messages.
. "$(dirname "$0")/../lib.sh"
requires_faultline

commands="record info dump verify prepare jobfile doctor result explain"

assert_status 2 "$FAULTLINE"
assert_contains "$OUTPUT" "Usage: faultline COMMAND"
assert_status 0 "$FAULTLINE" --help
overview=$OUTPUT
assert_eq "$("$FAULTLINE" help)" "$overview"
assert_contains "$overview" "EXAMPLES"
assert_status 0 "$FAULTLINE" --version
assert_match "$OUTPUT" '^faultline [0-9]+\.[0-9]+\.[0-9]+$'

for command in $commands; do
	assert_match "$overview" "^  $command +[a-z]"
	assert_status 0 "$FAULTLINE" "$command" --help
	help=$OUTPUT
	assert_match "$help" "^Usage: faultline $command "
	assert_contains "$help" "EXAMPLES"
	assert_eq "$("$FAULTLINE" help "$command")" "$help" "help $command"
	assert_status 2 "$FAULTLINE" "$command" --no-such-option
	assert_contains "$OUTPUT" "faultline $command: unrecognized option"
	assert_contains "$OUTPUT" "Try \`faultline $command --help'"
done
for command in info dump verify prepare jobfile result explain; do
	assert_status 2 "$FAULTLINE" "$command"
	assert_match "$OUTPUT" "^faultline $command: which "
done
for command in info dump verify jobfile; do
	assert_status 2 "$FAULTLINE" "$command" a.flt b.flt
	assert_match "$OUTPUT" "^faultline $command: one trace at a time"
done

# A slip of the finger is recognised; something else is not taken for one.
while read -r typed meant; do
	assert_status 2 "$FAULTLINE" "$typed"
	assert_eq "$OUTPUT" "faultline: there is no command '$typed'; did you mean '$meant'?"
done <<-END
	recrod record
	recor record
	inf info
	dupm dump
	verfiy verify
	prep prepare
	job jobfile
	docotr doctor
	results result
END
assert_status 2 "$FAULTLINE" bicycle
assert_eq "$OUTPUT" "faultline: there is no command 'bicycle'; 'faultline help' lists them"
assert_status 2 "$FAULTLINE" help bicycle
assert_status 2 "$FAULTLINE" "$(printf 'x%.0s' {1..5000})"

# Every option that --help names is explained by the manual page.
for command in info dump verify prepare jobfile doctor result explain; do
	page=analysis/faultline-$command.1.scd
	assert_file "$page"
	while read -r option; do
		grep -qF -- "*$option*" "$page" || fail "$page does not explain $option"
	done < <("$FAULTLINE" $command --help | grep -oE '^ +(-., +)?--[a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vE '^--(help|usage|version)$')
done
