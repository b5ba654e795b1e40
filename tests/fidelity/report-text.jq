# SPDX-License-Identifier: GPL-2.0-only
#
# The report (report.jq's object) as Markdown that reads well as it is: tables have aligned columns.
include "statistics";

# Rows of cells, the first one the head; numbers to the right but for the first column.
def table:
	. as $rows
	| [range($rows[0] | length) as $i | $rows | map(.[$i] | length) | max] as $width
	| def pad($i): . as $s | ($width[$i] - length) as $n | (if $n > 0 then " " * $n else "" end) as $space
		| if $i == 0 then $s + $space else $space + $s end;
	def line: [range(length) as $i | .[$i] | pad($i)] | "| " + join(" | ") + " |";
	($rows[0] | line), ("|" + ([range($width | length) as $i | if $i == 0 then "-" * ($width[$i] + 2)
		else "-" * ($width[$i] + 1) + ":" end] | join("|")) + "|"), ($rows[1:][] | line);

def range_of: if . == null then "-" elif .n == 1 then (.median | sig) else "\(.median | sig) (\(.min | sig) to \(.max | sig))" end;

def counts: "\(.real.n // 0)+\(.replay.n // 0)";

def figure_table($key; $title):
	["\($title)", "set", "n", "real", "predicted", "error", "floor"] as $head
	| [$head] + map(.figures[$key] as $f | [.name, .set, ($f | counts), ($f.real | range_of), ($f.replay | range_of),
		($f.error | percent), ($f.floor | share)])
	| [table] | join("\n");

def once($key): .recorded[$key] | "\(.real | sig) / \(.replay | sig)";

def recorded_table:
	[["a token: real / predicted", "major faults", "blocked faults", "refaults", "reads", "reads/s", "KiB a read", "median KiB", "await ms"]]
	+ map([.name, once("major_per_token"), once("blocked_per_token"), once("refaults_per_token"),
		once("requests_per_token"), once("read_iops"), once("request_kib"), once("request_median_kib"), once("await_ms")])
	| [table] | join("\n");

def class_names: ["4K", "16K", "64K", "128K", "512K", "1M", "more"];

def class_table:
	[["share of reads up to: real / predicted"] + class_names] + map(. as $c
		| [.name] + (class_names | map(. as $k | "upto_\($k)" as $key
			| def of: if . == null then "-" else .[$key] * 100 | round | tostring end;
			"\($c.request_classes.real | of) / \($c.request_classes.replay | of)")))
	| [table] | join("\n");

def summary_table:
	. as $r
	| [["set", "figure", "n", "median error", "worst error", "of", "floor: median", "worst"]]
	+ [("dev", "heldout", "all") as $set | ({s_per_token: "s/token", mib_per_token: "MiB/token", ttft_s: "TTFT"} | to_entries[]) as $f
		| $r.summary[$set][$f.key] as $s | select($s.n > 0)
		| [$set, $f.value, "\($s.n)", ($s.median | share), ($s.worst.error | percent), ($s.worst.name // "-"),
			($s.floor_median | share), ($s.floor_worst | share)]]
	| if length > 1 then [table] | join("\n") else "Nothing is measured yet." end;

. as $r
| (.configs | map(select(.figures.s_per_token.real != null or .figures.s_per_token.replay != null))) as $c
| (["Measured on \(if .machines == [] then "an unknown machine" else .machines | join("; ") end): \($c | length) of " +
	"\(.configs | length) configurations, \($c | map(.figures.s_per_token.real.n // 0) | add // 0) real runs and " +
	"\($c | map(.figures.s_per_token.replay.n // 0) | add // 0) replays in \(.seconds / 60 | round) minutes; the last on \(.created[:10])."]
+ (if .unfinished == [] then [] else ["", "**Not finished** (fewer than \(.least) runs of each, or none fully recorded): \(.unfinished | join(", "))."] end)
+ ["", "Median and worst |error| of the predicted medians. The floor is what real runs are off from each other: the median distance of one from the median of the rest.", ""]
+ [summary_table]
+ ["", "Goals, on the held-out configurations:", ""]
+ (.goals | map("- \(.what): " + (if .value == null then "not measured" else "\(.value | share), goal \(.limit | share): \(if .reached then "reached" else "**missed**" end)" end)))
+ ["- order of all configurations by s/token: Kendall's tau \(.order.tau | sig); of \(.order.clear_pairs) pairs whose real 95 % confidence intervals are disjoint and whose medians are over 20 % apart, " +
	(if .order.clear_pairs == 0 then "none could be judged" elif .order.wrong == [] then "all are predicted in the right order: reached" else "**\(.order.wrong | length) in the wrong order**:" end)]
+ (.order.wrong | map("  - \(.fast) is faster than \(.slow): real \(.real[0] | sig) and \(.real[1] | sig) s/token, predicted \(.replay[0] | sig) and \(.replay[1] | sig)"))
+ ["", "Medians (range). n is real runs + replays.", ""]
+ [$c | figure_table("s_per_token"; "s/token")]
+ ["", ($c | figure_table("ttft_s"; "TTFT, s"))]
+ ["", ($c | figure_table("mib_per_token"; "MiB/token"))]
+ ["", ($c | figure_table("major_per_token"; "major faults/token"))]
+ ["", "Each once, both fully recorded with the same instrument, while decoding:", "", ($c | recorded_table), "", ($c | class_table)]
+ (if .bistable == [] then ["", "No configuration is bistable (two clusters of s/token more than 30 % apart)."]
	else ["", "Bistable: two clusters of s/token more than 30 % apart. Shares of the fast one, and the means of both.", "",
		([["", "real: fast", "mean fast / slow", "predicted: fast", "mean fast / slow"]] + (.bistable | map([.name] +
			([.modes.real, .modes.replay] | map([(if . == null then "-" else "\(.fast.share | share) of \(.n)" end),
				"\(.fast.mean | sig) / \(.slow.mean | sig)"]) | add))) | [table] | join("\n"))] end)
+ (($c | map(select(.notes != []))) as $noted | if $noted == [] then [] else
	["", "What the replays said themselves:", ""] + ($noted | map(. as $n | .notes[] | {note: ., name: $n.name}) | group_by(.note)
		| map("- \(.[0].note) (\(map(.name) | join(", ")))")) end)
+ (($c | map(.on_a_busy_machine) | add // 0) as $busy | if $busy == 0 then [] else
	["", "\($busy) runs began while other programs used more than 10 % of the CPUs."] end)
+ (($c | map(.engines[]) | unique) as $engines | if ($engines | length) < 2 then [] else
	["", "Replays of \($engines | length) different builds of the engine are mixed."] end)
) | .[]
