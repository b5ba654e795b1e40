#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes the captured traces of this folder anew (`make traces`): generates the models, runs real
# llama.cpp on them, and records that: as a reference capture, with ample memory, which replays predict
# other machines from, and with too little memory, which is the truth about that run.
#
#   capture.sh [NAME...]   NAME is one of the table below; all of them without
#
# Needs root, and room for the models in $BUILD/models. Environment: BUILD; LLAMA_BENCH for a
# llama-bench of one's own; THREADS, where it isn't two as on the machine that the shipped traces
# come from. A reference capture needs an idle machine with memory for the model; one that is not usable
# replaces nothing.
set -eu -o pipefail

cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
THREADS=${THREADS:-2}

die() {
	echo "capture: $*" >&2
	exit 1
}

# NAME                        MODEL                       PRESET      RECORDED   PROMPT,TOKENS
table='
qwen2.5-7b-q4km-reference     qwen2.5-7b-q4km.gguf        qwen2.5-7b  reference  64,16
qwen2.5-7b-q4km-2560M         qwen2.5-7b-q4km.gguf        qwen2.5-7b  2560M      64,16
quick                         quick.gguf                  small       192M       32,8
'

[ "$(id -u)" -eq 0 ] || die "recording needs root: sudo make traces"
for tool in ./faultline "$BUILD/gguf-gen"; do
	[ -x "$tool" ] || die "$tool is not built yet: run make"
done

llama=${LLAMA_BENCH:-}
if [ -z "$llama" ]; then
	reason=$(traces/models/fetch-llama.sh) || die "no llama.cpp: ${reason##*$'\n'}"
	llama=$BUILD/llama/bin/llama-bench
fi

# The run itself is not root's: it reads the model as the user who asked for it.
mkdir -p "$BUILD/models"
chmod a+rx "$BUILD" "$BUILD/models"

wanted=("$@")
is_wanted() {
	local name
	[ ${#wanted[@]} -eq 0 ] && return
	for name in "${wanted[@]}"; do
		[ "$name" = "$1" ] && return
	done
	return 1
}

done=0
while read -r name model preset recorded test; do
	if [ -z "$name" ] || ! is_wanted "$name"; then
		continue
	fi
	done=$((done + 1))
	[ -e "$BUILD/models/$model" ] || "$BUILD/gguf-gen" -p "$preset" -o "$BUILD/models/$model"

	# One request: the prompt in one batch, then token by token. --repack 0, since repacked weights
	# are copied to anonymous memory and the file is read once; no warm-up, since its pass over the
	# model would belong to nothing.
	command=("$llama" -m "$BUILD/models/$model" -t "$THREADS" -p 0 -n 0 -pg "$test" -r 1
		-lm mmap --repack 0 --no-warmup)
	if [ "$recorded" = reference ]; then
		options=(--mode reference)
		label="random weights ($preset), reference capture with ample memory"
		what="Random weights in the real geometry; a reference capture: all that each evaluation touches, with
the compute in between, which replays under other limits, on other drives, are predicted from."
	else
		options=(--memory-limit "$recorded")
		label="random weights ($preset), recorded under pressure ($recorded): not predictive"
		what="Random weights in the real geometry; a recording under pressure, hence the truth about
that run and no basis for predictions about others."
	fi
	echo "capture: $name: ${command[*]}"
	rm -f "$BUILD/$name.flt"
	./faultline record "${options[@]}" --label "$label" -o "$BUILD/$name.flt" -- "${command[@]}" </dev/null ||
		die "the recording of $name is not good enough; it is kept as $BUILD/$name.flt"
	./faultline verify "$BUILD/$name.flt" || die "the recording of $name does not verify"
	# What is given away names no people, hosts or folders.
	rm -f "traces/$name.flt"
	./faultline prepare --private -o "traces/$name.flt" "$BUILD/$name.flt"
	rm -f "$BUILD/$name.flt"
	{
		echo "How traces/$name.flt was made (traces/models/capture.sh $name does it again):"
		echo
		echo "    gguf-gen -p $preset -o $model"
		echo "    faultline record ${options[*]} -o $name.flt -- \\"
		echo "        llama-bench -m $model ${command[*]:3}"
		echo "    faultline prepare --private ..."
		echo
		echo "$what What the trace says of itself:"
		echo
		./faultline info "traces/$name.flt" | sed 's/^/    /; s/ *$//'
	} >"traces/$name.txt"
	ls -l "traces/$name.flt"
done <<<"$table"

if [ $done -eq 0 ] || [ $done -lt ${#wanted[@]} ]; then
	die "not every name is in the table (${wanted[*]})"
fi
