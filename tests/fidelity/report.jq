# SPDX-License-Identifier: GPL-2.0-only
#
# Out of all runs (slurped), with $configs (the table's lines as objects, in its order) and $least: the report.
include "statistics";

def timed: ["s_per_token", "ttft_s", "load_s", "prompt_s", "mib_per_token", "major_per_token", "minor_per_token"];
def recorded: ["major_per_token", "blocked_per_token", "faults_per_token", "refaults_per_token", "requests_per_token",
	"read_iops", "request_kib", "request_median_kib", "await_ms", "s_per_token"];

# A ratio says nothing where there is next to nothing: a model that fits reads no MiB a token.
def least_of($key): {mib_per_token: 1, major_per_token: 1, minor_per_token: 10, blocked_per_token: 1, refaults_per_token: 10,
	requests_per_token: 1, read_iops: 1, faults_per_token: 10}[$key] // 0;

def error_of($key; $real; $replay):
	if $real == null or $replay == null or $real <= least_of($key) then null else $replay / $real - 1 end;

def config($config):
	map(select(.config == $config)) as $runs
	| ($runs | map(select(.kind == "real" and .instrument == "light")) | sort_by(.n)) as $real
	| ($runs | map(select(.kind == "replay" and .instrument == "light")) | sort_by(.n)) as $replay
	| ($runs | map(select(.kind == "real" and .instrument == "recorded")) | .[0].figures) as $real_once
	| ($runs | map(select(.kind == "replay" and .instrument == "recorded")) | .[0].figures) as $replay_once
	| {
		name: $config.name, set: $config.set, config: $config,
		complete: (($real | length) >= $least and ($replay | length) >= $least and $real_once != null and $replay_once != null),
		figures: (timed | map(. as $key
			| ($real | map(.figures[$key]) | stats) as $a | ($replay | map(.figures[$key]) | stats) as $b
			| {key: $key, value: {real: $a, replay: $b, error: error_of($key; $a.median; $b.median),
				floor: (if ($a.median // 0) <= least_of($key) then null else $real | map(.figures[$key]) | floor_of end)}})
			| from_entries),
		recorded: (recorded | map(. as $key | {key: $key, value: {real: $real_once[$key], replay: $replay_once[$key],
			error: error_of($key; $real_once[$key]; $replay_once[$key])}}) | from_entries),
		request_classes: {real: $real_once.request_classes, replay: $replay_once.request_classes},
		modes: modes($real | map(.figures.s_per_token); $replay | map(.figures.s_per_token)),
		notes: ($replay | map(.notes[]) | unique),
		on_a_busy_machine: ($runs | map(select((.busy_percent // 0) > 10)) | length),
		captures: ($replay | map(.capture) | unique), engines: ($replay | map(.engine) | unique),
		data: ($replay | map(.data) | unique), machines: ($runs | map(.machine) | known | unique),
		seconds: ($runs | map(.seconds) | add // 0)
	};

# |error| of a figure over configurations, beside what real runs are off from each other
def errors($key):
	map(select(.figures[$key].error != null)) | {
		n: length,
		median: (map(.figures[$key].error | fabs) | median),
		worst: (map({name, error: .figures[$key].error}) | max_by(.error | fabs)),
		floor_median: (map(.figures[$key].floor) | median),
		floor_worst: (map(.figures[$key].floor) | known | max),
		spread_median: (map(.figures[$key].real.spread) | median)
	};

def order:
	map(select(.figures.s_per_token.error != null)
		| {name, real: .figures.s_per_token.real, replay: .figures.s_per_token.replay}) as $c
	| ($c | pairs | map(select(.[0].real.interval != null and .[1].real.interval != null))
		| map(if .[0].real.median <= .[1].real.median then . else [.[1], .[0]] end)
		| map(select(.[0].real.interval[1] < .[1].real.interval[0] and .[1].real.median / .[0].real.median > 1.2))) as $clear
	| {tau: ($c | map([.real.median, .replay.median]) | tau), configurations: ($c | length), clear_pairs: ($clear | length),
		wrong: ($clear | map(select(.[0].replay.median >= .[1].replay.median)
			| {fast: .[0].name, slow: .[1].name, real: [.[0].real.median, .[1].real.median],
				replay: [.[0].replay.median, .[1].replay.median]}))};

def goal($what; $value; $limit): {what: $what, value: $value, limit: $limit,
	reached: (if $value == null then null else $value <= $limit end)};

# A list of objects in, one object out
. as $runs
| [$configs[] as $c | $runs | config($c)] as $list
| ($list | map(select(.figures.s_per_token.error != null))) as $measured
| {
	format: "faultline-fidelity", version: 1, created: (now | todate), least: $least,
	machines: ($list | map(.machines[]) | unique),
	seconds: ($list | map(.seconds) | add // 0),
	configs: $list,
	unfinished: ($list | map(select(.complete | not) | .name)),
	summary: ({dev: "dev", heldout: "heldout", all: null} | map_values(. as $set
		| ($measured | map(select($set == null or .set == $set))) as $of
		| {configurations: ($of | length)} + (["s_per_token", "mib_per_token", "ttft_s"]
			| map({key: ., value: (. as $key | $of | errors($key))}) | from_entries))),
	order: ($measured | order),
	bistable: ($measured | map(select(.modes != null) | {name, set, modes}))
}
| .goals = [
	goal("s/token, median error"; .summary.heldout.s_per_token.median; 0.05),
	goal("s/token, worst error"; .summary.heldout.s_per_token.worst.error | if . == null then null else fabs end; 0.15),
	goal("MiB/token, median error"; .summary.heldout.mib_per_token.median; 0.05),
	goal("MiB/token, worst error"; .summary.heldout.mib_per_token.worst.error | if . == null then null else fabs end; 0.10),
	goal("TTFT, median error"; .summary.heldout.ttft_s.median; 0.10)]
| .order.always_right = (if .order.clear_pairs == 0 then null else .order.wrong == [] end)
