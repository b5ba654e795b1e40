# SPDX-License-Identifier: GPL-2.0-only
#
# The figures of one run, out of a light recording (info --json) or of a replay's result, by one rule: an
# evaluation lasts from its start to its end; the first generated token is left out, since it still feels the
# prompt, and what lies between evaluations counts.

def mib: . / 1048576;

# Evaluations as {class, tokens, start, end (seconds), read, major, minor}, and what else is known.
def figures:
	.evaluations as $e
	| [$e[] | select(.class == "decode")] as $d
	| [$e[] | select(.class == "prompt")] as $p
	| ($d | length) as $n
	| if $n < 2 then error("fewer than two generated tokens") else . end
	| ([$p[] | select(.end <= $d[0].end) | .end] | max) as $first
	| {
		tokens: $n,
		prompt_tokens: ([$p[] | .tokens // 0] | add // 0),
		s_per_token: (($d[-1].end - $d[0].end) / ($n - 1)),
		ttft_s: (if $first == null then null else $first - .start end),
		load_s: (if ($p | length) == 0 then null else $p[0].start - .start end),
		prompt_s: (if $first == null then null else $first - $p[0].start end),
		mib_per_token: ([$d[1:][].read] | if any(. == null) then null else add / ($n - 1) | mib end),
		major_per_token: ([$d[1:][].major] | if any(. == null) then null else add / ($n - 1) end),
		minor_per_token: ([$d[1:][].minor] | if any(. == null) then null else add / ($n - 1) end),
		token_s: [range(1; $n) as $i | $d[$i].end - $d[$i - 1].end]
	};

# of `faultline info --json` of a recording
def of_trace:
	{start: 0, evaluations: [.trailer.evaluations[] | {class, tokens, start: (.start_ns / 1e9),
		end: ((.start_ns + .ns) / 1e9), read: .read_bytes, major: .majflt, minor: .minflt}]}
	| figures;

# of a result file
def of_result:
	{start: (.evaluations[0].start_s), evaluations: [.evaluations[] | {class, tokens, start: .start_s,
		end: (.start_s + .duration_s), read: .read_bytes, major: .major_faults, minor: .minor_faults}]}
	| figures;

# Where decoding began and ended after the first token, in ns of a recording's clock.
def decode_of_trace:
	[.trailer.evaluations // [] | .[] | select(.class == "decode")]
	| if length < 2 then null else {from: (.[0].start_ns + .[0].ns), to: (.[-1].start_ns + .[-1].ns), tokens: (length - 1)} end;

# The same of a replay that was recorded, by the clock on the wall: $result is its result file
def decode_of_replay($result):
	.header.epoch_wall_ns as $zero
	| [$result.evaluations[] | select(.class == "decode") | $result.epoch_wall_ns - $zero + (.start_s + .duration_s) * 1e9]
	| if length < 2 then null else {from: .[0], to: .[-1], tokens: (length - 1)} end;

def machine:
	.header.machine as $m
	| "\($m.cpu.model // "unknown CPU"), \($m.cpu.online // "?") CPUs, \((($m.memory.total // 0) / 1073741824 * 10 | round) / 10) GiB, Linux \($m.kernel.release // "?")";
