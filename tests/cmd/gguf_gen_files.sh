#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will check that generated models are reproducible, labelled and without holes.
. "$(dirname "$0")/../lib.sh"
requires_file "$GGUF_GEN"

geometry=(-p tiny --layers 2 --vocabulary 1000)
"$GGUF_GEN" "${geometry[@]}" -o "$TMP/a.gguf" 2>/dev/null
"$GGUF_GEN" "${geometry[@]}" -o "$TMP/b.gguf" 2>/dev/null
"$GGUF_GEN" "${geometry[@]}" -s 2 -o "$TMP/c.gguf" 2>/dev/null
cmp "$TMP/a.gguf" "$TMP/b.gguf" || fail "the same seed gives another file"
! cmp -s "$TMP/a.gguf" "$TMP/c.gguf" || fail "another seed gives the same file"

assert_eq "$(head -c 4 "$TMP/a.gguf")" GGUF "magic"
assert_eq "$(od -An -tu4 -j4 -N4 "$TMP/a.gguf" | tr -d ' ')" 3 "version"
assert_match "$(head -c 1000 "$TMP/a.gguf" | strings)" 'random weights, geometry of a tiny dense model'
[ "$(($(stat -c %b "$TMP/a.gguf") * 512))" -ge "$(stat -c %s "$TMP/a.gguf")" ] || fail "the file has holes"
! filefrag -v "$TMP/a.gguf" 2>/dev/null | grep -q unwritten || fail "the file has unwritten extents"
# Random weights don't compress: a drive or file system that compresses would flatter itself.
tail -c 1000000 "$TMP/a.gguf" | gzip | wc -c >"$TMP/packed"
assert_lt 900000 "$(cat "$TMP/packed")" "compressed size of 1000000 bytes"

assert_refused "File exists" "$GGUF_GEN" "${geometry[@]}" -o "$TMP/a.gguf"
"$GGUF_GEN" "${geometry[@]}" -f -o "$TMP/a.gguf" 2>/dev/null
assert_status 2 "$GGUF_GEN" -p tiny
assert_status 2 "$GGUF_GEN" -p huge -o "$TMP/d.gguf"
assert_status 2 "$GGUF_GEN" -p tiny --width 700 -o "$TMP/d.gguf"
assert_status 2 "$GGUF_GEN" -p tiny --layers 0 -o "$TMP/d.gguf"
assert_status 1 "$GGUF_GEN" "${geometry[@]}" -o "$TMP/no/such/folder.gguf"
assert_eq "$(find "$TMP" -name '*.part')" "" "unfinished files"

# The shipped geometry is the one of the model that it stands for.
listed=$("$GGUF_GEN" --list)
assert_match "$listed" '^token_embd.weight +q4_K +3584 x 152064 '
assert_match "$listed" '^output.weight +q6_K +3584 x 152064 '
assert_match "$listed" '^blk.27.ffn_down.weight +q6_K +18944 x 3584 '
assert_match "$listed" '^blk.27.attn_k.weight +q4_K +3584 x 512 '
assert_eq "$(tail -n 1 <<<"$listed")" "339 tensors, 4.356 GiB"
