# SPDX-License-Identifier: GPL-2.0-only
#
# What tests/fidelity/report.jq needs of statistics. Lists of numbers may hold nulls, which count for nothing.

def known: map(select(. != null));

def median:
	known | sort | length as $n
	| if $n == 0 then null elif $n % 2 == 1 then .[$n / 2 | floor] else (.[$n / 2 - 1] + .[$n / 2]) / 2 end;

def mean: known | if length == 0 then null else add / length end;

# Half the width of the 95 % confidence interval of the mean, by Student's t.
def t95: [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
	2.120, 2.110, 2.101, 2.093][. - 1] // 1.96;

def half_interval:
	known | length as $n | mean as $m
	| if $n < 2 then null else (map((. - $m) * (. - $m)) | add / ($n - 1) / $n | sqrt) * (($n - 1) | t95) end;

def stats:
	known | length as $n
	| if $n == 0 then null else
		. as $v | median as $median | half_interval as $half | mean as $mean
		| {n: $n, median: $median, min: min, max: max, values: $v,
			spread: (if $median > 0 then (max - min) / $median else null end),
			interval: (if $half == null then null else [$mean - $half, $mean + $half] end)}
	end;

# How well real runs predict each other: the median of each one's distance from the median of the others.
def floor_of:
	known | . as $v | length as $n
	| if $n < 2 then null else
		[range($n) as $i | ($v[:$i] + $v[$i + 1:] | median) as $others | $v[$i] / $others - 1 | fabs] | median
	end;

# Two clusters: the widest gap between neighbours, if it is over 30 % of the lower one. The value in its middle.
def split_point:
	known | sort | . as $v
	| [range(length - 1) as $i | select($v[$i] > 0)
		| {gap: ($v[$i + 1] / $v[$i] - 1), at: (($v[$i] + $v[$i + 1]) / 2)}]
	| max_by(.gap) | if . != null and .gap > 0.3 then .at else null end;

def share_below($at):
	known | {n: length, fast: (map(select(. < $at)) | {share: length, mean: mean}),
		slow: (map(select(. >= $at)) | {share: length, mean: mean})}
	| .n as $n | if $n == 0 then null else .fast.share /= $n | .slow.share /= $n end;

# Real runs and replays by the modes of the real ones, or else of the replays; null if neither has two.
def modes($real; $replay):
	(($real | split_point) // ($replay | split_point)) as $at
	| if $at == null then null else {at: $at, real: ($real | share_below($at)), replay: ($replay | share_below($at))} end;

def sign: if . > 0 then 1 elif . < 0 then -1 else 0 end;

def pairs: . as $v | [range(length) as $i | range($i + 1; $v | length) as $j | [$v[$i], $v[$j]]];

# Kendall's tau-b of a list of [x, y]
def tau:
	pairs | map({x: (.[0][0] - .[1][0] | sign), y: (.[0][1] - .[1][1] | sign)})
	| (map(.x * .y) | add // 0) as $s
	| (map(select(.x != 0)) | length) as $nx | (map(select(.y != 0)) | length) as $ny
	| if $nx == 0 or $ny == 0 then null else $s / (($nx * $ny) | sqrt) end;

# Three significant digits, as text.
def sig:
	if . == null then "-"
	elif . == 0 then "0"
	else
		. as $v | (fabs | log10 | floor) as $p
		| if $p >= 2 then ($v | round | tostring)
		else
			([2 - $p, 6] | min) as $digits | pow(10; $digits) as $f
			| (($v * $f | round) / $f | tostring)
		end
	end;

def percent: if . == null then "-" else (. * 1000 | round / 10) as $p | (if $p > 0 then "+" else "" end) + "\($p) %" end;
def share: if . == null then "-" else "\(. * 1000 | round / 10) %" end;
