#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will let llama-quantize judge the types and the order of our tensors.
. "$(dirname "$0")/../lib.sh"
requires_file "$GGUF_GEN"
requires_llama
requires_space 400

# Asked for Q4_K_M, llama-quantize copies a tensor that already has the type it would choose, and
# makes a new one of any other. So our file comes out as it went in, from the table of the tensors
# on, if types, order and layout are what llama-quantize writes. (It puts the metadata before the
# table in an order of its own.) The table begins with the first tensor's name.
from_table() {
	local offset
	offset=$(grep -abo -m 1 "$2" "$1" | head -n 1 | cut -d: -f1)
	tail -c "+$((offset + 1))" "$1"
}
quantize=$(dirname "$LLAMA_BENCH")/llama-quantize
for geometry in "-p tiny --layers 9" "-p moe --layers 5 --experts 16 --vocabulary 2000 --experts-used 2" \
	"-p moe --layers 3 --vocabulary 2000" "-p qwen2.5-0.5b --layers 3 --vocabulary 2000" \
	"-p qwen2.5-1.5b --layers 3 --vocabulary 2000" "-p llama-3.2-1b --layers 3 --vocabulary 2000" \
	"-p granite-3.1-1b-a400m --layers 3"; do
	# shellcheck disable=SC2086
	"$GGUF_GEN" $geometry -f -o "$TMP/in.gguf" 2>/dev/null
	# shellcheck disable=SC2086
	first=$("$GGUF_GEN" $geometry --list | awk 'NR == 1 { print $1 }')
	run "$quantize" --allow-requantize "$TMP/in.gguf" "$TMP/out.gguf" Q4_K_M 2
	[ "$STATUS" -eq 0 ] || fail "llama-quantize refuses our file ($geometry): $(tail -n 3 <<<"$OUTPUT")"
	assert_eq "$(stat -c %s "$TMP/out.gguf")" "$(stat -c %s "$TMP/in.gguf")" "size ($geometry)"
	cmp <(from_table "$TMP/in.gguf" "$first") <(from_table "$TMP/out.gguf" "$first") ||
		fail "llama-quantize would have made other tensors ($geometry)"
done
