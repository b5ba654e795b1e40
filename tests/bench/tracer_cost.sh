#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: What recording costs real llama.cpp: the recorder's CPU time, and tokens/s with and without it.
#
# A small model, once in memory and once under a limit that makes it page from the drive. Without a
# recorder and in each of its modes in turn, N (10) times; the difference of tokens/s is given with
# the 95 % confidence interval of the mean of the paired differences (Student's t).
. "$(dirname "$0")/../lib.sh"
. tests/bench/lib.sh
requires_root

traces/models/fetch-llama.sh >"$TMP/fetch" 2>&1 || skip "no llama.cpp: $(tail -n 1 "$TMP/fetch")"
model=$BUILD/models/small.gguf
mkdir -p "$BUILD/models"
[ -e "$model" ] || "$GGUF_GEN" -p small -o "$model"
command=("$BUILD/llama/bin/llama-bench" -m "$model" -t 2 -p 0 -r 1 -lm mmap --repack 0 --no-warmup -o json)
declare -A tokens=([warm]=128 [paging]=16)

# run KIND MODE RECORD-OPTIONS...: one run; prints "KIND_MODE_tokens_per_s N" and the recorder's share.
run() {
	local kind=$1 mode=$2 limit=() group command=("${command[@]}" -n "${tokens[$1]}")
	shift 2
	[ "$kind" = paging ] && limit=(--memory-limit 200M)
	if [ "$mode" = untraced ] && [ "$kind" = paging ]; then
		# The same group and eviction without a recording: a shell in a group of our own.
		group=$(memcg_make 200M)
		dd if="$model" iflag=nocache count=0 status=none # drops it from the page cache
		bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' _ "$group" "${command[@]}" \
			>"$TMP/out.json" 2>"$TMP/err" </dev/null
		memcg_remove "$group"
	elif [ "$mode" = untraced ]; then
		"${command[@]}" >"$TMP/out.json" 2>"$TMP/err" </dev/null
	else
		rm -f "$TMP/r.flt"
		"$FAULTLINE" record -q --no-program "${limit[@]}" "$@" -o "$TMP/r.flt" -- "${command[@]}" \
			>"$TMP/out.json" 2>"$TMP/err" </dev/null || fail "$(cat "$TMP/err")"
		"$FAULTLINE" info --json "$TMP/r.flt" | jq -r --arg n "${kind}_$mode" '.trailer |
			"\($n)_tracer_cpu_percent \(.tracer.cpu_seconds / (.rusage.utime + .rusage.stime) * 100)",
			"\($n)_dropped \(.lost.faults + .lost.events)"'
	fi
	jq -r --arg n "${kind}_$mode" '"\($n)_tokens_per_s \(.[0].avg_ts)"' "$TMP/out.json"
}

memcg_make() {
	local dir=/sys/fs/cgroup/memory/faultline.bench.$$
	mkdir "$dir"
	echo "$1" >"$dir/memory.limit_in_bytes"
	echo "$dir"
}

memcg_remove() {
	echo 0 >"$1/memory.force_empty"
	rmdir "$1"
}
on_exit 'rmdir /sys/fs/cgroup/memory/faultline.bench.$$ 2>/dev/null'

kinds=(warm)
if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
	kinds+=(paging)
else
	echo "  (paging is compared on cgroup v1 only)"
fi
# Whoever runs first after the other kind finds another page cache: a run that does not count goes
# before, and the modes change places in every round.
modes=(untraced faults nocache default)
options_of() {
	case $1 in
	faults) echo "--no-barriers --no-block --cache=no" ;;
	nocache) echo "--cache=no" ;;
	esac
}
for ((i = 0; i < ${N:-10}; i++)); do
	for kind in ${KINDS:-"${kinds[@]}"}; do
		[ "$kind" = warm ] && cat "$model" >/dev/null
		run "$kind" untraced >/dev/null
		for ((m = 0; m < ${#modes[@]}; m++)); do
			mode=${modes[(m + i) % ${#modes[@]}]}
			# shellcheck disable=SC2046 # a list of options
			run "$kind" "$mode" $(options_of "$mode")
		done
	done
done >"$TMP/lines"
figures llama <"$TMP/lines"

# paired KEY-A KEY-B: mean of the relative differences of B against A and its 95 % interval.
paired() {
	awk -v a="$1" -v b="$2" '
		$1 == a { x[++n] = $2 }
		$1 == b { y[++m] = $2 }
		END {
			split("12.71 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145 2.131 2.120 2.110 2.101 2.093", t, " ")
			k = n < m ? n : m
			if (k < 2) exit
			for (i = 1; i <= k; i++) { d[i] = (y[i] / x[i] - 1) * 100; s += d[i] }
			mean = s / k
			for (i = 1; i <= k; i++) v += (d[i] - mean) ^ 2
			half = (k - 1 <= 19 ? t[k - 1] : 1.96) * sqrt(v / (k - 1) / k)
			printf "  %-40s %+6.1f %%  (95 %% interval %+.1f to %+.1f %%, n=%d)\n", b, mean, mean - half, mean + half, k
		}' "$TMP/lines"
}

echo "  difference of tokens/s against the untraced run beside it:"
for kind in "${kinds[@]}"; do
	for mode in faults nocache default; do
		paired "${kind}_untraced_tokens_per_s" "${kind}_${mode}_tokens_per_s"
	done
done
if grep -q ^paging "$TMP/lines"; then
	goal llama paging_default_tracer_cpu_percent median '<=' 2
	goal llama paging_default_dropped max '<=' 0
fi
verdict
