# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What tests/fidelity/run is made of: the table, the state of the machine, one real run, one replay, and
# the figures of each as one JSON object. Sourced; expects the project's root as working folder, and
# $BUILD, $FAULTLINE, $ENGINE and $STATE (where everything lies that outlives a run).
#
# All functions print what went wrong to stderr and return 1; none of them exits.

say() {
	echo "fidelity: $*" >&2
}

# ---------------------------------------------------------------- the table

# table [FILTER...]: the lines whose name, set or model matches one of the patterns (all without)
table() {
	local line name set model filter
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${FIDELITY_TABLE:-tests/fidelity/configs}" | while read -r line; do
		read -r name set model _ <<<"$line"
		[ $# -gt 0 ] || echo "$line"
		for filter in "$@"; do
			# shellcheck disable=SC2254 # patterns are what is asked for
			case $name in $filter) echo "$line" && break ;; esac
			case $set in "$filter") echo "$line" && break ;; esac
			case $model in "$filter") echo "$line" && break ;; esac
		done
	done
}

# config_json LINE: a line as an object; what it says has to make sense
config_json() {
	local name set model threads tokens memory read_ahead throttle hints pressure=memcg
	read -r name set model threads tokens memory read_ahead throttle hints <<<"$1"
	case $memory in global:*) pressure=global ;; esac
	if [[ ! $name =~ ^[A-Za-z0-9._-]+$ || ! $set =~ ^(dev|heldout)$ || ! $threads =~ ^[0-9]+$ ||
		! $tokens =~ ^[0-9]+,[0-9]+$ || ! ${memory#global:} =~ ^[0-9]+[MG]$ ||
		! $read_ahead =~ ^[0-9]+$ || ! $throttle =~ ^([0-9]+|-)$ || ! $hints =~ ^(on|off)$ ]]; then
		say "this line of the table makes no sense: $1"
		return 1
	fi
	jq -nc --arg name "$name" --arg set "$set" --arg model "$model" --argjson threads "$threads" \
		--argjson prompt "${tokens%,*}" --argjson generate "${tokens#*,}" --arg pressure "$pressure" \
		--arg memory "${memory#global:}" --argjson read_ahead "$read_ahead" --arg throttle "$throttle" \
		--arg hints "$hints" '{name: $name, set: $set, model: $model, threads: $threads, prompt: $prompt,
			generate: $generate, pressure: $pressure, memory: $memory, read_ahead_kb: $read_ahead,
			throttle_mbps: (if $throttle == "-" then null else ($throttle | tonumber) end), hints: $hints}'
}

# check_table: one capture has to do for all lines of a model and a number of threads
check_table() {
	local line
	table "$@" | while read -r line; do config_json "$line" || return 1; done >"$STATE/table.json" || return 1
	jq -rs 'if length == 0 then "no line of the table is meant" else
		(group_by([.model, .threads]) | map(select(map([.prompt, .generate]) | unique | length > 1)
			| "\(.[0].model) with \(.[0].threads) threads has more than one TEST: one capture serves all of its lines")),
		(group_by(.name) | map(select(length > 1) | "\(.[0].name) is in the table twice")) | .[] end' \
		"$STATE/table.json" >"$STATE/table.wrong" || return 1
	[ ! -s "$STATE/table.wrong" ] || {
		say "$(head -n 1 "$STATE/table.wrong")"
		return 1
	}
}

# ---------------------------------------------------------------- the machine

# What is changed is put back by machine_restore, which belongs into the exit trap; what a SIGKILL left
# behind, by the next start (the old values lie in $STATE/machine.*).

machine_cgroup=
machine_balloon=

# machine_find PATH: the drive of a path, as the kernel numbers it, in $DRIVE; its read-ahead in $READ_AHEAD
machine_find() {
	local dev name
	dev=$(findmnt -nvo MAJ:MIN -T "$1" | tr -d ' ')
	# a partition's requests count, and are throttled, as its disk's
	name=$(basename "$(readlink -f "/sys/dev/block/$dev")")
	if [ -e "/sys/dev/block/$dev/partition" ]; then
		name=$(basename "$(dirname "$(readlink -f "/sys/dev/block/$dev")")")
	fi
	READ_AHEAD=/sys/class/block/$name/queue/read_ahead_kb
	DRIVE=$(cat "/sys/class/block/$name/dev" 2>/dev/null)
	[ -w "$READ_AHEAD" ] && [ -n "$DRIVE" ] && return
	say "no drive of its own is below $1 (or we may not set its read-ahead): needs root and a real file system"
	return 1
}

machine_recover() {
	[ -e "$STATE/machine.read_ahead" ] && cat "$STATE/machine.read_ahead" >"$READ_AHEAD"
	rm -f "$STATE/machine.read_ahead"
	[ -e "$STATE/machine.cgroup" ] && cgroup_remove "$(cat "$STATE/machine.cgroup")"
	return 0
}

# No bound where none was: an empty group, removed as soon as its last process has gone.
cgroup_remove() {
	local tries
	# a run's clean-up process may live on in it for some seconds
	for tries in {1..400}; do
		if [ ! -d "$1" ] || rmdir "$1" 2>/dev/null; then
			rm -f "$STATE/machine.cgroup"
			return
		fi
		# v2: the leaves that faultline's groups were made in
		rmdir "$1"/*/ 2>/dev/null
		sleep 0.05
	done
	say "cannot remove the cgroup $1 after $((tries / 20)) s"
	return 1
}

# machine_throttle BYTES_PER_S: a group whose processes read no faster, in $machine_cgroup
machine_throttle() {
	local v1 v2
	v1=$(findmnt -rn -t cgroup -O blkio -o TARGET | head -n 1)
	v2=$(findmnt -rn -t cgroup2 -o TARGET | head -n 1)
	machine_cgroup=${v1:-$v2}/faultline-fidelity.$$
	echo "$machine_cgroup" >"$STATE/machine.cgroup"
	if [ -n "$v1" ]; then
		mkdir "$machine_cgroup" && echo "$DRIVE $1" >"$machine_cgroup/blkio.throttle.read_bps_device"
		return
	fi
	# One hierarchy for both: the memory cgroup has to become a child of this one. Marked as delegated,
	# faultline takes it for its own.
	echo "+io +memory" >"$v2/cgroup.subtree_control" && mkdir "$machine_cgroup" &&
		echo "$DRIVE rbps=$1" >"$machine_cgroup/io.max" &&
		setfattr -n trusted.delegate -v 1 "$machine_cgroup"
}

# machine_set CONFIG: as the configuration wants it
machine_set() {
	local read_ahead throttle
	read -r read_ahead throttle < <(jq -r '"\(.read_ahead_kb) \((.throttle_mbps // 0) * 1000000)"' <<<"$1")
	machine_restore || return 1
	[ -e "$STATE/machine.read_ahead" ] || cat "$READ_AHEAD" >"$STATE/machine.read_ahead"
	echo "$read_ahead" >"$READ_AHEAD" || return 1
	if [ "$throttle" -gt 0 ] && ! machine_throttle "$throttle"; then
		say "cannot throttle the drive: no cgroup with block I/O limits"
		return 1
	fi
	if [ "$(jq -r .pressure <<<"$1")" = global ]; then
		machine_inflate "$(jq -r .memory <<<"$1")" || return 1
	fi
}

# A balloon around the balloons of the runs, so that those are small: see balloon.c
machine_inflate() {
	local leave=$(($(numfmt --from=iec "$1") / 1048576 + 1024)) locked=
	echo 3 >/proc/sys/vm/drop_caches
	coproc BALLOON { "$BUILD/tests/fidelity/balloon" "${leave}M"; }
	# shellcheck disable=SC2153 # BALLOON_PID is coproc's
	machine_balloon=$BALLOON_PID
	read -r locked <&"${BALLOON[0]}" || true
	[ -n "$locked" ] && return
	wait "$machine_balloon"
	machine_balloon=
	# it said why on stderr; a machine that has no more than that to begin with needs none
	[ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -le $((leave * 1024)) ]
}

machine_restore() {
	local status=0
	if [ -n "$machine_balloon" ]; then
		# its standard input ends; the memory is free when it has ended
		eval "exec ${BALLOON[1]}>&-"
		wait "$machine_balloon" 2>/dev/null
		machine_balloon=
	fi
	if [ -n "$machine_cgroup" ]; then
		cgroup_remove "$machine_cgroup" || status=1
		machine_cgroup=
	fi
	if [ -e "$STATE/machine.read_ahead" ]; then
		cat "$STATE/machine.read_ahead" >"$READ_AHEAD" && rm -f "$STATE/machine.read_ahead" || status=1
	fi
	return $status
}

# in_cgroup COMMAND...: in the throttled group, if there is one
in_cgroup() {
	if [ -n "$machine_cgroup" ]; then
		# shellcheck disable=SC2016 # for the inner shell
		bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$machine_cgroup" "$@"
	else
		"$@"
	fi
}

# evict FILE...: out of the page cache
evict() {
	local file
	sync "$@"
	for file in "$@"; do
		dd if="$file" iflag=nocache count=0 status=none || return 1
	done
}

# The share of the CPUs that others use, in percent, over half a second.
machine_busy() {
	{
		head -n 1 /proc/stat
		sleep 0.5
		head -n 1 /proc/stat
	} | awk '{ t = 0; for (i = 2; i <= 9; i++) t += $i; idle = $5 + $6
		if (NR == 1) { t0 = t; i0 = idle } else printf "%d\n", (t > t0 ? 100 * (1 - (idle - i0) / (t - t0)) : 0) }'
}

# Waits up to $FIDELITY_QUIET seconds (30) until nobody else is at work; the share in $BUSY
await_quiet() {
	local deadline=$((SECONDS + ${FIDELITY_QUIET:-30})) told=
	while BUSY=$(machine_busy) && [ "$BUSY" -gt 10 ] && [ $SECONDS -lt $deadline ]; do
		[ -n "$told" ] || say "waiting for a quiet machine: $BUSY % of its CPUs are in use"
		told=yes
		sleep 0.5
	done
}

# ---------------------------------------------------------------- models and captures

# model_file MODEL: made if it is not there
model_file() {
	local file=$BUILD/models/$1.gguf
	if [ ! -e "$file" ]; then
		mkdir -p "$BUILD/models"
		"$BUILD/gguf-gen" -p "$1" -o "$file" >&2 || return 1
	fi
	echo "$file"
}

# llama_command CONFIG: its words, one a line. One request: the prompt in one batch, then token by token.
# --repack 0, since repacked weights are copied to anonymous memory and the file is read once.
llama_command() {
	local model
	model=$(model_file "$(jq -r .model <<<"$1")") || return 1
	jq -r --arg bench "$LLAMA_BENCH" --arg model "$model" '$bench, "-m", $model, "-t", .threads, "-p", 0, "-n", 0, "-pg",
		"\(.prompt),\(.generate)", "-r", 1, "-lm", "mmap", "--repack", 0, "--no-warmup", "-o", "json"' <<<"$1"
}

file_id() {
	sha256sum "$1" | cut -c1-12
}

# capture CONFIG: the reference capture of the model and number of threads, in $CAPTURE; made if it is not
# there. An unusable one (a busy machine, say) is made again, twice; then the last one has to do.
capture() {
	local name tries command status
	name=$(jq -r '"\(.model)-t\(.threads)-\(.prompt)-\(.generate)"' <<<"$1")
	CAPTURE=$STATE/captures/$name.flt
	[ ! -e "$CAPTURE" ] || return 0
	mkdir -p "$STATE/captures"
	mapfile -t command < <(llama_command "$1")
	[ ${#command[@]} -gt 0 ] || return 1
	for tries in 1 2 3; do
		await_quiet
		say "capture of $name, with ample memory"
		status=0
		rm -f "$CAPTURE.part"
		# shellcheck disable=SC2086 # a list of options
		"$FAULTLINE" record ${FIDELITY_CAPTURE:---mode reference} --label "random weights, $name" \
			-o "$CAPTURE.part" -- "${command[@]}" </dev/null >"$STATE/captures/$name.log" 2>&1 || status=$?
		if [ ! -e "$CAPTURE.part" ] || ! "$FAULTLINE" verify "$CAPTURE.part" >/dev/null 2>&1; then
			say "the capture of $name failed: $(tail -n 3 "$STATE/captures/$name.log")"
			rm -f "$CAPTURE.part"
			return 1
		fi
		[ $status -eq 0 ] && break
		say "the capture is not usable (try $tries): $("$FAULTLINE" info --json "$CAPTURE.part" | jq -r '.trailer.judgement.why')"
	done
	mv "$CAPTURE.part" "$CAPTURE"
}

# ---------------------------------------------------------------- runs

# Everything that a run leaves goes to $WORK, which is emptied first.
run_clean() {
	rm -rf "$WORK"
	mkdir -p "$WORK"
}

memory_options() {
	jq -r '"--memory-limit", .memory, (if .pressure == "global" then "--pressure", "global" else empty end)' <<<"$1"
}

# probe_options ROLE: what --mark or --barrier has to name so that the probes of llama.cpp are in before it starts;
# the capture knows. (Else they are put in when the libraries are mapped, and on a busy machine the first
# evaluations may be over by then.)
probe_options() {
	local option=--mark
	[ "$1" = barrier ] && option=--barrier
	"$FAULTLINE" dump --definitions "$CAPTURE" |
		jq -r --arg role "$1" --arg option $option 'select(.what == "symbol" and .role == $role) | $option, "\(.name)@\(.file)"'
}

# The runner's own files, as the capture saw them, are in memory before it starts, as on a machine where it is in use;
# a replay has none. Else they are read into the run's cgroup: some MiB of small pages on the inactive list, which are
# enough to change what reclaim keeps of the model for the whole run.
warm_runner() {
	local files
	mapfile -t files < <("$FAULTLINE" dump --definitions "$CAPTURE" |
		jq -r 'select(.what == "file" and (.model | not)) | .path | select(startswith("/"))')
	# Some were there for the capture only.
	cat -- "${files[@]}" >/dev/null 2>&1 || return 0
}

# real_run CONFIG light|recorded: a trace in $WORK/real.flt
real_run() {
	local config=$1 command memory probes preload=() light=(--light)
	mapfile -t command < <(llama_command "$config")
	mapfile -t memory < <(memory_options "$config")
	[ ${#command[@]} -gt 0 ] || return 1
	[ "$2" = light ] || light=(--cache no)
	mapfile -t probes < <(probe_options evaluation; [ "$2" = light ] || probe_options barrier)
	[ "$(jq -r .hints <<<"$config")" = on ] || preload=(env "LD_PRELOAD=$BUILD/tests/fidelity/nohints.so")
	run_clean
	warm_runner
	evict "${command[2]}" || return 1
	in_cgroup "$FAULTLINE" record -q "${light[@]}" "${probes[@]}" --no-program --no-score "${memory[@]}" --evict "${command[2]}" \
		-o "$WORK/real.flt" -- "${preload[@]}" "${command[@]}" >"$WORK/real.out" 2>"$WORK/real.err" </dev/null && return
	say "the real run failed: $(tail -n 2 "$WORK/real.err")"
	return 1
}

# The data files are the engine's, laid out where the capture's model never was; FIDELITY_DATA=model takes
# the models themselves.
data_folder() {
	if [ "${FIDELITY_DATA:-own}" = model ]; then
		echo "$BUILD/models"
	else
		mkdir -p "$STATE/data"
		echo "$STATE/data"
	fi
}

# replay_job CONFIG: the job, written to $WORK/replay.fio
replay_job() {
	local lanes
	lanes=$("$FAULTLINE" info --json "$CAPTURE" | jq -r '.trailer.program.lanes') || return 1
	jq -r --arg engine "$ENGINE" --arg trace "$CAPTURE" --arg folder "$(data_folder)" --arg lanes "$lanes" \
		--arg result "$WORK/replay.json" '"[replay]", "ioengine=external:\($engine)", "trace=\($trace)", "thread=1",
		"streams=recorded", "numjobs=\($lanes)", "group_reporting=1", "directory=\($folder)", "pressure=\(.pressure)",
		"memory_limit=\(.memory | ascii_downcase)", "hints=\(if .hints == "on" then "recorded" else "none" end)",
		"result=\($result)"' <<<"$1" >"$WORK/replay.fio"
}

# replay_run CONFIG light|recorded: a result in $WORK/replay.json; recorded: a trace in $WORK/replay.flt, too
replay_run() {
	local config=$1 command file
	run_clean
	replay_job "$config" || return 1
	file=$(data_folder)/$(jq -r .model <<<"$config").gguf
	command=(fio --aux-path="$WORK" "$WORK/replay.fio")
	if [ ! -e "$file" ]; then
		fio --aux-path="$WORK" --create_only=1 "$WORK/replay.fio" >"$WORK/replay.out" 2>&1 </dev/null || {
			say "the data file cannot be laid out: $(tail -n 2 "$WORK/replay.out")"
			return 1
		}
	fi
	evict "$file" || return 1
	if [ "$2" = recorded ]; then
		command=("$FAULTLINE" record -q --cache no --no-program --no-score --mark "faultline_evaluation@$ENGINE"
			--barrier "faultline_barrier@$ENGINE" -o "$WORK/replay.flt" -- "${command[@]}")
	fi
	if in_cgroup "${command[@]}" >"$WORK/replay.out" 2>&1 </dev/null && [ -s "$WORK/replay.json" ]; then
		return
	fi
	say "the replay failed: $(grep -v '^$' "$WORK/replay.out" | tail -n 2)"
	return 1
}

# ---------------------------------------------------------------- figures

# jq with the definitions of figures.jq: figures_jq FILTER OPTION... FILE
figures_jq() {
	local filter=$1
	shift
	jq -c -L tests/fidelity "include \"figures\"; $filter" "$@"
}

# details TRACE INTERVAL: what only a full recording tells of an interval ({from, to, tokens}): faults, refaults and
# the sizes of requests, as one object
details() {
	local from to tokens span refault
	read -r from to tokens < <(jq -r '"\(.from) \(.to) \(.tokens)"' <<<"$2")
	[ -n "$tokens" ] || return 1
	span=$(awk -v a="$from" -v b="$to" 'BEGIN { printf "%.3f-%.3f", (a > 1e9 ? a / 1e9 - 1 : 0), b / 1e9 + 1 }')
	refault=$("$FAULTLINE" dump "$1" --definitions |
		jq -r 'select(.what == "metric" and .name == "vmstat.workingset_refault_file") | .id')
	{
		"$FAULTLINE" dump "$1" -k fault --time "$span" -f csv |
			awk -F, -v a="$from" -v b="$to" '$1 >= a && $1 < b { n["faults"]++
				if ($6 ~ /major/) n["major"]++
				if ($6 ~ /blocked/) n["blocked"]++ }
				END { print "faults", n["faults"] + 0; print "major", n["major"] + 0; print "blocked", n["blocked"] + 0 }'
		[ -z "$refault" ] || "$FAULTLINE" dump "$1" -k sample --time "$span" -f csv |
			awk -F, -v id="$refault" -v a="$from" -v b="$to" '
				# a counter that is looked at now and then: a straight line in between
				function at(x, i) {
					for (i = 1; i < m && t[i + 1] < x; i++);
					return m < 2 || t[i + 1] == t[i] ? v[i] : v[i] + (v[i + 1] - v[i]) * (x - t[i]) / (t[i + 1] - t[i])
				}
				$6 == id { t[++m] = $1; v[m] = $7 }
				END { if (m > 1) printf "refaults %.0f\n", at(b) - at(a) }'
		"$FAULTLINE" dump "$1" -k block --time "$span" -f csv |
			awk -F, -v a="$from" -v b="$to" '$1 >= a && $1 < b && $9 == "read" && $10 !~ /meta|foreign/ { print $8, $2 }' |
			sort -n | awk '
				{ size[NR] = $1; bytes += $1; await += $2
				  class = $1 <= 4096 ? "4K" : $1 <= 16384 ? "16K" : $1 <= 65536 ? "64K" : $1 <= 131072 ? "128K" : $1 <= 524288 ? "512K" : $1 <= 1048576 ? "1M" : "more"
				  n[class]++ }
				END {
					print "requests", NR; printf "request_bytes %.0f\n", bytes; printf "await %.0f\n", await
					if (NR) print "request_median", size[int((NR + 1) / 2)]
					split("4K 16K 64K 128K 512K 1M more", name, " ")
					for (i = 1; i <= 7; i++) print "upto_" name[i], n[name[i]] + 0
				}'
	} | jq -Rnc --argjson tokens "$tokens" --argjson seconds "$(awk -v a="$from" -v b="$to" 'BEGIN { print (b - a) / 1e9 }')" '
		[inputs | split(" ") | {key: .[0], value: (.[1] | tonumber)}] | from_entries as $n
		| def per_token(k): if $n[k] == null then null else $n[k] / $tokens end;
		{
			major_per_token: per_token("major"), blocked_per_token: per_token("blocked"),
			faults_per_token: per_token("faults"), refaults_per_token: per_token("refaults"),
			requests_per_token: per_token("requests"),
			read_iops: ($n.requests / $seconds),
			request_kib: (if $n.requests > 0 then $n.request_bytes / $n.requests / 1024 else null end),
			request_median_kib: (if $n.requests > 0 then $n.request_median / 1024 else null end),
			await_ms: (if $n.requests > 0 then $n.await / $n.requests / 1e6 else null end),
			request_classes: ($n | with_entries(select(.key | startswith("upto_"))) |
				with_entries(.value /= ([$n.requests, 1] | max)))
		}'
}

# save KIND INSTRUMENT N CONFIG FIGURES SECONDS [NOTES]: the run's file, whole or not there
save() {
	local file
	file=$STATE/runs/$(jq -r .name <<<"$4")/$1-$3.json
	[ "$2" = light ] || file=${file%-*}-$2.json
	mkdir -p "$(dirname "$file")"
	jq -n --arg kind "$1" --arg instrument "$2" --argjson n "$3" --argjson config "$4" --argjson figures "$5" \
		--argjson seconds "$6" --argjson notes "${7:-[]}" --argjson busy "${BUSY:-null}" --argjson machine "$MACHINE" \
		--arg capture "$CAPTURE_ID" --arg engine "$ENGINE_ID" --arg data "${FIDELITY_DATA:-own}" \
		'{format: "faultline-fidelity-run", version: 1, kind: $kind, instrument: $instrument, n: $n, at: (now | todate),
			config: $config, seconds: $seconds, busy_percent: $busy, machine: $machine, notes: $notes}
		+ (if $kind == "replay" then {capture: $capture, engine: $engine, data: $data} else {} end)
		+ {figures: $figures}' >"$file.part" && mv "$file.part" "$file"
}

# Whether the read-ahead is what the configuration says: others (a recorder at work) may have changed it.
machine_is() {
	[ "$(cat "$READ_AHEAD")" -eq "$(jq .read_ahead_kb <<<"$1")" ]
}

# measure KIND INSTRUMENT N CONFIG: one run and its file; KIND is real or replay, INSTRUMENT light or recorded
measure() {
	local kind=$1 instrument=$2 n=$3 config=$4 start=$EPOCHREALTIME seconds info figures interval notes='[]'
	[ "$(jq -r .pressure <<<"$config")" = memcg ] || echo 3 >/proc/sys/vm/drop_caches
	machine_is "$config" || jq .read_ahead_kb <<<"$config" >"$READ_AHEAD" || return 1
	await_quiet
	"${kind}_run" "$config" "$instrument" || return 1
	machine_is "$config" || {
		say "somebody else changed the drive's read-ahead during the run"
		return 1
	}
	seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
	if [ "$kind" = real ] || [ "$instrument" = recorded ]; then
		info=$WORK/info.json
		"$FAULTLINE" info --json "$WORK/$kind.flt" >"$info" || return 1
		MACHINE=$(figures_jq machine "$info")
	fi
	if [ "$kind" = real ]; then
		figures=$(figures_jq of_trace "$info") || return 1
		jq -e --argjson config "$config" '.tokens == $config.generate and .prompt_tokens == $config.prompt' >/dev/null <<<"$figures" || {
			say "evaluations are missing: $(jq -r '"\(.prompt_tokens) tokens of the prompt and \(.tokens) others"' <<<"$figures") were seen"
			return 1
		}
		[ "$instrument" = light ] || interval=$(figures_jq decode_of_trace "$info")
	else
		[ "$(jq .complete "$WORK/replay.json")" = true ] || {
			say "the replay is incomplete: $(jq -c .incomplete "$WORK/replay.json")"
			return 1
		}
		figures=$(figures_jq of_result "$WORK/replay.json") || return 1
		notes=$(jq -c .warnings "$WORK/replay.json")
		# shellcheck disable=SC2016 # jq's variable
		[ "$instrument" = light ] ||
			interval=$(figures_jq 'decode_of_replay($result[0])' --slurpfile result "$WORK/replay.json" "$info")
	fi
	if [ "$instrument" = recorded ]; then
		[ "${interval:-null}" != null ] || {
			say "the recording does not tell where decoding began"
			return 1
		}
		figures=$(jq -nc --argjson a "$figures" --argjson b "$(details "$WORK/$kind.flt" "$interval")" '$a + $b') || return 1
	fi
	save "$kind" "$instrument" "$n" "$config" "$figures" "$seconds" "$notes"
}
