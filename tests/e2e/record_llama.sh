#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will record real llama.cpp with a small model of random weights, and find every token, every
# barrier with both of its threads, and the model's file.
# TIMEOUT: 900
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
requires_llama
requires_space 400

model=$BUILD/models/tiny.gguf
if [ ! -e "$model" ]; then
	requires_file "$GGUF_GEN"
	mkdir -p "$BUILD/models"
	"$GGUF_GEN" -p tiny -o "$model" || fail "cannot make the model"
fi
note_leftovers
record one --memory-limit 48M --evict "$model" -- "$LLAMA_BENCH" -m "$model" -t 2 -p 16 -n 8 -r 1 -lm mmap --repack 0 \
	--no-warmup -o json
assert_exact one
assert_no_leftovers
assert_eq "$(trailer one .exit_status)" 0 "llama-bench's status"
text=$("$FAULTLINE" dump "$TMP/one.flt" -k mark -f jsonl | jq -r .class | uniq -c | awk '{ print $1 "x" $2 }' | xargs)
assert_eq "$text" "1xload 1xprompt 8xdecode" "marks"
assert_eq "$(records one mark | jq -r 'select(.tokens != null) | .tokens' | xargs)" "16 1 1 1 1 1 1 1 1" "tokens"
barriers=$(records one barrier)
assert_lt 100 "$(wc -l <<<"$barriers")" "barriers"
assert_eq "$(jq -s 'map(.stream) | unique | length' <<<"$barriers")" 2 "threads at barriers"
assert_eq "$(jq -s 'group_by([.group, .generation]) | map(length) | unique | join(" ")' -r <<<"$barriers")" 2 "threads at each meeting"
assert_eq "$(jq -r 'select(.what == "file" and .model) | .path' "$TMP/one.defs" | grep -c "$model")" 1 "the model"
assert_eq "$(trailer one .program.marks_inferred)" false "marks are known, not inferred"
assert_lt 1000 "$(trailer one .program.windows)" "windows of the replay program"
