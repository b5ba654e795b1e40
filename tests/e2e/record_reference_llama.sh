#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will capture real llama.cpp in reference mode, and find at every token every window of every tensor
# that a token needs, with memory to spare as well as below the model's size.
# TIMEOUT: 900
. "$(dirname "$0")/../lib.sh"
requires_memcg
. tests/record.sh
. tests/reference.sh
requires_llama
requires_space 400
requires_memory 1024
requires_file "$GGUF_GEN"

model=$TMP/model.gguf
"$GGUF_GEN" -p tiny -o "$model" >/dev/null || fail "cannot make the model"
note_leftovers
read_ahead() {
	cat /sys/block/*/queue/read_ahead_kb | xargs
}
before=$(read_ahead)

check() {
	local name=$1 expected windows
	assert_usable "$name"
	assert_eq "$(trailer "$name" .exit_status)" 0 "$name: llama-bench's status"
	assert_contains "$(cat "$TMP/$name.out")" '"n_gen": 8' "$name: llama-bench's own output"
	assert_eq "$(trailer "$name" .lossy)" false "$name: lossy"
	# of the embedding a token needs one row
	expected=$(jq -s 'map(select(.what == "file" and .tensors)) | .[0].tensors
		| map(select(.[0] != "token_embd.weight") | .[2]) | add / 65536 | floor' "$TMP/$name.defs")
	windows=$(judgement "$name" .windows_per_evaluation)
	assert_between "$windows" "$((expected * 97 / 100))" "$((expected * 103 / 100 + 16))" "$name: windows per token"
	assert_eq "$(judgement "$name" .window_bytes_median)" "$(jq 'select(.what == "header") | .fault_around_bytes // 65536' \
		"$TMP/$name.defs")" "$name: the windows' size"
	assert_eq "$(count "$name" mark '.class != 1')" 9 "$name: evaluations"
	assert_eq "$(count "$name" zap)" 9 "$name: zaps"
	# each at the begin of the evaluation that it is for; durations are stored to 3 %
	assert_eq "$(records "$name" mark,zap | jq -s '[.[] | select(.kind == "zap")] as $zaps
		| [.[] | select(.kind == "mark" and .class != 1) | . as $m | select(any($zaps[]; .stream == $m.stream
			and (.start_ns - $m.start_ns | fabs) < 1000000 + $m.dur_ns * 0.03))] | length')" \
		9 "$name: zaps at the evaluations' begin"
	# what is done in the run's name is not the run's doing
	assert_eq "$(count "$name" hint '.op == 1 and .advice == 4 and .length > 16777216')" 0 "$name: hints of ours"
	assert_eq "$(trailer "$name" '[.invariants[] | select((.name | contains("before the probes")) and (.ok | not))] | length')" \
		0 "$name: probes that came late"
	assert_eq "$(read_ahead)" "$before" "$name: read-ahead afterwards"
}

# shellcheck disable=SC2054
bench=("$LLAMA_BENCH" -m "$model" -t 2 -p 0 -n 0 -pg 16,8 -r 1 -lm mmap --repack 0 --no-warmup -o json)
reference ample --calibrate 0 -- "${bench[@]}"
check ample
assert_eq "$(jq 'select(.what == "header") | [.mode, .warmed, .zap.at] | join(" ")' -r "$TMP/ample.defs")" \
	"reference true evaluation" "the header"
assert_eq "$(judgement ample .larger_pieces)" 0 "large folios"

# Less than half of the model in memory.
reference limited --calibrate 0 --memory-limit 40M -- "${bench[@]}"
check limited
assert_eq "$(jq 'select(.what == "header") | .warmed' "$TMP/limited.defs")" false "warmed under a limit"
assert_lt 100 "$(trailer limited .counters.major)" "faults that read"
assert_no_leftovers
