# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the recorder's tests share; sourced after lib.sh.
requires_bpf
requires_faultline
requires_cmd jq

PAGES=$BUILD/tests/workloads/pages
requires_file "$PAGES"

# record NAME [OPTION...] -- COMMAND...: a trace $TMP/NAME.flt; the command's words in $TMP/NAME.out, the
# recorder's in $TMP/NAME.err, header, definitions and trailer in $TMP/NAME.defs
record() {
	local name=$1
	shift
	"$FAULTLINE" record --no-score -o "$TMP/$name.flt" "$@" >"$TMP/$name.out" 2>"$TMP/$name.err" ||
		fail "the recording '$name' failed: $(cat "$TMP/$name.err")"
	definitions "$name"
}

definitions() {
	"$FAULTLINE" dump "$TMP/$1.flt" --definitions >"$TMP/$1.defs"
}

# trailer NAME FILTER: something of the trailer
trailer() {
	jq -r "select(.what == \"trailer\") | $2" "$TMP/$1.defs"
}

# records NAME KIND[,KIND...]: one JSON object a line, numbers as they are stored
records() {
	"$FAULTLINE" dump "$TMP/$1.flt" -k "$2" -f jsonl -N
}

# count NAME KIND [CONDITION]: how many records
count() {
	records "$1" "$2" | jq -c "select(${3:-true})" | wc -l
}

# region_of NAME PATH: ids of the regions of a file, as a JSON array
regions_of() {
	jq -sc --arg path "$2" '(map(select(.what == "file" and .path == $path)) | .[0].id) as $file
		| [.[] | select(.what == "region" and .file == $file and $file != null) | .id]' "$TMP/$1.defs"
}

assert_exact() {
	assert_eq "$(trailer "$1" '[.invariants[] | select(.ok | not) | .name] | join("; ")')" "" "$1: what disagrees"
	assert_eq "$(trailer "$1" .lossy)" false "$1: lossy"
	assert_eq "$(trailer "$1" .complete)" true "$1: complete"
}
