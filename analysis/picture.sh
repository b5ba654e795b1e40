#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Draws the picture of the README: what a run touched over time, and how long each of its evaluations
# took as recorded and as replayed.
#
#   analysis/picture.sh TRACE RESULT.json OUT.png     (needs gnuplot and jq)
set -eu -o pipefail

if [ $# -ne 3 ]; then
	echo "usage: analysis/picture.sh TRACE RESULT.json OUT.png" >&2
	exit 2
fi
for tool in gnuplot jq; do
	command -v $tool >/dev/null || {
		echo "picture: $tool is not installed: apt-get install gnuplot-nox jq" >&2
		exit 1
	}
done
top=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Offset and wait of every window: columns 1 start, 2 duration, 8 offset.
"$top/faultline" dump -l program -k window -f csv "$1" |
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
		{ printf "%.6f %.4f %.3f\n", $col["start_ns"] / 1e9, $col["offset"] / 2^30, $col["dur_ns"] / 1e3 + 0.1 }' \
		>"$tmp/windows"
jq -r '.evaluations[] | select(.class != "load") | "\(.index) \(.recorded_s) \(.duration_s)"' "$2" >"$tmp/evaluations"
title=$(jq -r '"\(.trace.path | sub(".*/"; "")) on \(.figures.device // "?"), \(.memory.limit_bytes / 1048576 | round) MiB"' "$2")

gnuplot <<PLOT
set terminal pngcairo size 1400,900 font "sans,13" background "white"
set output "$3"
set multiplot layout 2,1 title "$title" font ",15"
set tics out nomirror
set border 3
set key outside right top
set cblabel "wait of the touch, us"
set logscale cb
set palette defined (0 "#d0d7de", 1 "#6cb6ff", 2 "#f0883e", 3 "#b62324")
set cbrange [0.5:100000]
set xlabel "time as recorded, s"
set ylabel "offset in the model, GiB"
set title "What the run touched: each point is a window of 64 KiB"
plot "$tmp/windows" using 1:2:3 with points pointtype 7 pointsize 0.12 palette notitle
unset logscale cb
unset colorbox
set title "Time of each evaluation: the first is the prompt, each other one a token"
set xlabel "evaluation"
set ylabel "s"
set yrange [0:*]
set xtics 1
set style fill solid 0.9
set boxwidth 0.38
plot "$tmp/evaluations" using (\$1-0.2):2 with boxes linecolor rgb "#6e7781" title "recorded", \
	"" using (\$1+0.2):3 with boxes linecolor rgb "#1f6feb" title "replayed"
PLOT
