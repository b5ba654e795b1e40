#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: The engine's cost: an I/O against fio's null engine, pages/s against fio's mmap engine and a bare loop.
#
# All on a resident file and without pacing, so that nothing but the engine (and fio around it) is
# measured. The contenders take turns, N (9) times.
. "$(dirname "$0")/../lib.sh"
. tests/bench/lib.sh

mktrace=$BUILD/tests/tools/mktrace
size=$((64 << 20))
evaluations=${EVALUATIONS:-400}

# One lane and one file; barriers only where an evaluation ends.
"$mktrace" -l 1 -b 0 -g 0 -a 0 -s $size -w 4K -W 16384 -e $((evaluations / 4)) -n page "$TMP/page.flt"
"$mktrace" -l 1 -b 0 -g 0 -a 0 -s $size -w 64K -e $((evaluations * 4)) -n block "$TMP/block.flt"
head -c $size /dev/urandom >"$TMP/page.gguf"
cp "$TMP/page.gguf" "$TMP/block.gguf"
sync "$TMP/page.gguf" "$TMP/block.gguf"

# run KEY FIO-ARGUMENTS...: prints ns an I/O and pages a second.
run() {
	local key=$1
	shift
	fio --output-format=json --output="$TMP/out.json" --name=a --thread --gtod_reduce=0 "$@" >"$TMP/log" 2>&1 ||
		{ cat "$TMP/log" && fail "fio failed: $*"; }
	sed -n '/^{/,$p' "$TMP/out.json" | jq -r --arg k "$key" '.jobs[0].read |
		"\($k)_ns_per_io \(1e9 / .iops)", "\($k)_pages_per_s \(.bw_bytes / 4096)"'
}

replay() {
	run "$1" --ioengine=external:"$ENGINE" --trace="$TMP/$2.flt" --directory="$TMP" --pace=none \
		--pressure=none --result=none --invalidate=0
}

for ((i = 0; i < ${N:-9}; i++)); do
	cat "$TMP/page.gguf" "$TMP/block.gguf" >/dev/null
	run null --ioengine=null --rw=read --bs=4k --size=$size --loops=$((evaluations / 4))
	replay engine_4k page
	run mmap_64k --ioengine=mmap --rw=read --bs=64k --size=$size --filename="$TMP/block.gguf" --invalidate=0 --loops=32
	replay engine_64k block
	"$BUILD/tests/tools/bench_touch" "$TMP/block.gguf" 400
done >"$TMP/lines"
figures run <"$TMP/lines"
{
	echo "over_null_ns $(awk -v a="$(value run engine_4k_ns_per_io median)" -v b="$(value run null_ns_per_io median)" 'BEGIN { print a - b }')"
	echo "times_mmap $(awk -v a="$(value run engine_64k_pages_per_s median)" -v b="$(value run mmap_64k_pages_per_s median)" 'BEGIN { print a / b }')"
	echo "of_bare_loop $(awk -v a="$(value run engine_64k_pages_per_s median)" -v b="$(value run touch_pages_per_s median)" 'BEGIN { print a / b }')"
} | figures engine
goal engine over_null_ns median '<=' 150
goal engine times_mmap median '>=' 8
verdict
