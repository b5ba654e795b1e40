#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Draws real against predicted s/token, with their ranges, out of the report's JSON.
#
#   tests/fidelity/picture.sh FIDELITY.json OUT.png     (needs gnuplot and jq)
set -eu -o pipefail

if [ $# -ne 2 ]; then
	echo "usage: tests/fidelity/picture.sh FIDELITY.json OUT.png" >&2
	exit 2
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for set in dev heldout; do
	jq -r --arg set "$set" '.configs[] | select(.set == $set and .figures.s_per_token.error != null) | .name as $name
		| .figures.s_per_token | "\(.real.median) \(.real.min) \(.real.max) \(.replay.median) \(.replay.min) \(.replay.max) \($name)"' \
		"$1" >"$tmp/$set"
done
# Room around the points, the same on both axes: the diagonal is a diagonal.
read -r low high < <(jq -r '[.configs[].figures.s_per_token | select(.error != null) | .real.min, .real.max, .replay.min, .replay.max]
	| "\(min / 1.4) \(max * 1.4)"' "$1")
plots="x title 'as predicted' with lines linecolor rgb '#6e7781', x * 1.15 title '+-15 %' with lines dashtype 2 linecolor rgb '#afb8c1', x / 1.15 notitle with lines dashtype 2 linecolor rgb '#afb8c1'"
for set in dev heldout; do
	[ -s "$tmp/$set" ] || continue
	color='#6e7781' title='looked at while developing'
	[ $set = dev ] || color='#1f6feb' title='held out'
	plots+=", '$tmp/$set' using 1:4:2:3:5:6 title '$title' with xyerrorbars pointtype 7 pointsize 0.9 linecolor rgb '$color'"
	plots+=", '$tmp/$set' using 1:4:7 notitle with labels left offset 0.8,-0.5 font ',9' textcolor rgb '$color'"
done
gnuplot <<PLOT
set terminal pngcairo size 900,860 font "sans,12" background "white"
set output "$tmp/picture.png"
set title "s/token: medians and ranges"
set logscale xy
set xrange [$low:$high]
set yrange [$low:$high]
set size square
set tics out nomirror
set xtics (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
set ytics (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
set border 3
set key left top
set xlabel "real llama.cpp, s/token"
set ylabel "predicted by the replay, s/token"
plot $plots
PLOT
mv "$tmp/picture.png" "$2"
chmod 644 "$2"
