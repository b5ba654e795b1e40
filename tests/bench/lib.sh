# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the benchmarks share: "key value" lines of several runs become a table with n, median and
# range, and goals are held against them. A goal that is missed is said, and makes the benchmark fail.

BENCH_DATA=$TMP/figures
: >"$BENCH_DATA"
bench_missed=0

# figures GROUP <"key value"...: collects them and prints a line for each key.
figures() {
	local group=$1
	awk -v g="$group" 'NF == 2 { print g, $1, $2 }' | tee -a "$BENCH_DATA" |
		awk '{ key[$1 " " $2] = key[$1 " " $2] " " $3; if (!($1 " " $2 in seen)) { seen[$1 " " $2] = 1; order[++n] = $1 " " $2 } }
		END {
			for (i = 1; i <= n; i++) {
				m = split(key[order[i]], v, " ")
				for (a = 2; a <= m; a++)
					for (b = a; b > 1 && v[b] + 0 < v[b - 1] + 0; b--) {
						t = v[b]; v[b] = v[b - 1]; v[b - 1] = t
					}
				median = m % 2 ? v[(m + 1) / 2] : (v[m / 2] + v[m / 2 + 1]) / 2
				printf "  %-52s median %14.6g  (n=%d, %.6g to %.6g)\n", order[i], median, m, v[1], v[m]
			}
		}'
}

# value GROUP KEY median|min|max|n
value() {
	awk -v g="$1" -v k="$2" '$1 == g && $2 == k { print $3 }' "$BENCH_DATA" | sort -g |
		awk -v what="$3" '{ v[NR] = $1 }
		END {
			if (!NR) exit
			if (what == "min") print v[1]
			else if (what == "max") print v[NR]
			else if (what == "n") print NR
			else print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		}'
}

# goal GROUP KEY median|min|max '<='|'>=' NUMBER
goal() {
	local got
	got=$(value "$1" "$2" "$3")
	if [ -z "$got" ]; then
		echo "  MISSED $1 $2: not measured"
		bench_missed=$((bench_missed + 1))
	elif awk -v a="$got" -v b="$5" -v op="$4" 'BEGIN { exit !(op == "<=" ? a <= b : a >= b) }'; then
		echo "  reached $1 $2: $3 $got $4 $5"
	else
		echo "  MISSED $1 $2: $3 $got, wanted $4 $5"
		bench_missed=$((bench_missed + 1))
	fi
}

verdict() {
	[ "$bench_missed" -eq 0 ]
}
