#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will load generated models into real llama.cpp and generate tokens.
. "$(dirname "$0")/../lib.sh"
requires_cmd jq
requires_file "$GGUF_GEN"
requires_llama
requires_memory 1500
requires_space 400

for geometry in "-p tiny" "-p llama-3.2-1b --layers 2" "-p qwen2.5-0.5b --layers 2" "-p granite-3.1-1b-a400m --layers 4" \
	"-p moe --layers 4"; do
	# shellcheck disable=SC2086
	"$GGUF_GEN" $geometry -f -o "$TMP/model.gguf" 2>/dev/null
	"$LLAMA_BENCH" -m "$TMP/model.gguf" -t 2 -p 16 -n 4 -r 1 -lm mmap --repack 0 -o json \
		>"$TMP/bench.json" 2>"$TMP/log" || fail "llama-bench: $(tail -n 3 "$TMP/log")"
	assert_eq "$(jq length "$TMP/bench.json")" 2 "tests that llama-bench ran ($geometry)"
	assert_eq "$(jq 'all(.[]; .avg_ts > 0)' "$TMP/bench.json")" true "tokens per second above 0"
	assert_match "$(jq -r '.[0].model_type' "$TMP/bench.json")" 'Q4_K - Medium'
done

# Text goes in and comes out, and no activation is infinite or not a number: then the sampler would
# have nothing to choose from and llama.cpp would stop.
"$(dirname "$LLAMA_BENCH")/llama-completion" -m "$TMP/model.gguf" -t 2 -n 8 --ignore-eos -no-cnv --no-repack \
	-lm mmap --seed 1 -p "What is the capital of France?" </dev/null >"$TMP/text" 2>"$TMP/log" ||
	fail "llama-completion: $(tail -n 3 "$TMP/log")"
assert_match "$(tr -d '\0' <"$TMP/log")" 'eval time = .* 7 runs'
assert_not_contains "$(tr '[:upper:]' '[:lower:]' <"$TMP/log" | tr -d '\0')" "nan" "llama.cpp's log"
