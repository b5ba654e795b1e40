#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record a program that is started by a thread that is not its process' first one: every
# fault of it is found and belongs to the file that it touches.
. "$(dirname "$0")/../lib.sh"
. tests/record.sh

make_file "$TMP/data" 4
record exec -- "$PAGES" -X -R -t 2 -r 3 -e "$TMP/data"
assert_exact exec
assert_eq "$(jq .pages "$TMP/exec.out")" 1024 "the program that was started in the end"
regions=$(regions_of exec "$TMP/data")
assert_ne "$regions" "[]" "regions of the file"
# by whole tables of pages at most, in each of three rounds
assert_le 3 "$(count exec fault "[.region] | inside($regions)")" "faults on the file"
assert_eq "$(trailer exec .counters.unresolved)" 0 "faults without a region"
# two programs, one after the other: both were mapped by the one process, the second one after an exit
assert_eq "$(jq -s '[.[] | select(.what == "stream" and .type == "process") | .comm] | unique | join(" ")' -r \
	"$TMP/exec.defs")" pages "name of the process"
