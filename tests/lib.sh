# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the shell tests share. A test starts with
#
#   . "$(dirname "$0")/../lib.sh"
#
# and then finds itself in the project's root, with a folder of its own in $TMP that vanishes at its
# end, with the tools' paths in $FAULTLINE, $ENGINE, $GGUF_GEN and $BUILD, and under `set -eu`:
# a command that fails ends the test as failed. `on_exit COMMAND` adds to what happens at the end.
set -euo pipefail

LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$LIB_DIR"
export LC_ALL=C
BUILD=${BUILD:-build}
if [ "$BUILD" = build ]; then
	FAULTLINE=$LIB_DIR/faultline
	ENGINE=$LIB_DIR/engines/faultline.so
	BUILD=$LIB_DIR/build
else
	BUILD=$(cd "$BUILD" && pwd)
	FAULTLINE=$BUILD/faultline
	ENGINE=$BUILD/engines/faultline.so
fi
# Absolute from here on, and not for make's eyes: it would take it for another folder to build in.
export -n BUILD
GGUF_GEN=$BUILD/gguf-gen
export FAULTLINE ENGINE GGUF_GEN

# On a file system with real pages in its page cache, since tmpfs knows neither eviction nor holes
# the way a disk does: the build folder, never /tmp.
mkdir -p "$BUILD/tests/tmp"
TMP=$(mktemp -d "$BUILD/tests/tmp/$(basename "$0" .sh).XXXXXX")
# A recorded command runs as the invoking user, who has to get at its files.
chmod 755 "$TMP"

lib_exit_commands=()
on_exit() {
	lib_exit_commands+=("$*")
}

lib_on_exit() {
	local status=$? i
	set +e
	trap - EXIT
	for ((i = ${#lib_exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${lib_exit_commands[i]}"
	done
	rm -rf "$TMP"
	exit $status
}
trap lib_on_exit EXIT
# A fatal signal alone wouldn't run the trap above.
trap 'exit 130' INT
trap 'exit 143' TERM

# ---------------------------------------------------------------- verdicts

skip() {
	echo "skip: $*"
	exit 77
}

# Says where, so that one function used ten times in a test still points at its line.
fail() {
	local frame=1
	while [ "${BASH_SOURCE[$frame]:-}" = "${BASH_SOURCE[0]}" ]; do
		frame=$((frame + 1))
	done
	echo "FAILED at $(basename "${BASH_SOURCE[$frame]:-$0}"):${BASH_LINENO[$((frame - 1))]}: $*"
	exit 1
}

# assert_eq ACTUAL EXPECTED [WHAT]
assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', expected '$2'"
}

assert_ne() {
	[ "$1" != "$2" ] || fail "${3:-value}: is '$1', which it must not be"
}

# assert_contains TEXT PART [WHAT]
assert_contains() {
	case $1 in
	*"$2"*) ;;
	*) fail "${3:-text}: '$2' is missing in: $1" ;;
	esac
}

assert_not_contains() {
	case $1 in
	*"$2"*) fail "${3:-text}: '$2' must not be in: $1" ;;
	esac
}

# assert_match TEXT REGEX [WHAT]: an extended regular expression, line by line
assert_match() {
	grep -qE -- "$2" <<<"$1" || fail "${3:-text}: no line matches '$2' in: $1"
}

assert_file() {
	[ -e "$1" ] || fail "$1 is not there"
}

assert_no_file() {
	[ ! -e "$1" ] || fail "$1 must not be there"
}

# Numbers, fractions too: assert_lt A B, assert_le A B, assert_between VALUE LOW HIGH (inclusive)
lib_compare() {
	awk -v a="$1" -v b="$3" "BEGIN { exit !(a+0 $2 b+0) }"
}

assert_lt() {
	lib_compare "$1" '<' "$2" || fail "${3:-value}: $1 is not below $2"
}

assert_le() {
	lib_compare "$1" '<=' "$2" || fail "${3:-value}: $1 is above $2"
}

assert_between() {
	if ! lib_compare "$1" '>=' "$2" || ! lib_compare "$1" '<=' "$3"; then
		fail "${4:-value}: $1 is not within $2 to $3"
	fi
}

# run COMMAND...: its output (both streams) in $OUTPUT, its exit status in $STATUS, whatever it is
run() {
	STATUS=0
	OUTPUT=$("$@" 2>&1 </dev/null) || STATUS=$?
}

# assert_status N COMMAND...: runs it as `run` does
assert_status() {
	local expected=$1
	shift
	run "$@"
	[ "$STATUS" -eq "$expected" ] ||
		fail "exit status $STATUS instead of $expected from: $*"$'\n'"$OUTPUT"
}

# assert_refused TEXT COMMAND...: it fails, says so in a line that contains TEXT, and doesn't crash
assert_refused() {
	local text=$1
	shift
	run "$@"
	[ "$STATUS" -ne 0 ] || fail "was not refused: $*"$'\n'"$OUTPUT"
	[ "$STATUS" -lt 124 ] || fail "crashed or hung (status $STATUS): $*"$'\n'"$OUTPUT"
	assert_contains "$OUTPUT" "$text" "the refusal"
}

# wait_until SECONDS COMMAND...: tries every 50 ms; fails the test when it stays false
wait_until() {
	local deadline=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || fail "still not true after all the time: $*"
		sleep 0.05
	done
}

# ---------------------------------------------------------------- what a test needs

requires_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

requires_cmd() {
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || [ -x "/usr/sbin/$command" ] || skip "needs $command"
	done
}

requires_file() {
	local file
	for file in "$@"; do
		[ -e "$file" ] || skip "needs $file"
	done
}

requires_faultline() {
	requires_file "$FAULTLINE"
}

requires_engine() {
	requires_cmd fio
	requires_file "$ENGINE"
}

# Free space in MiB where the test's files go.
requires_space() {
	local free
	free=$(df --output=avail -m "$TMP" | tail -n 1)
	[ "$free" -ge "$1" ] || skip "needs $1 MiB of disk space, $free are free"
}

requires_memory() {
	local free
	free=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
	[ "$free" -ge "$1" ] || skip "needs $1 MiB of memory, $free are available"
}

# The memory controller's version (1 or 2) in $MEMCG_VERSION and its mount point in $MEMCG_ROOT.
requires_memcg() {
	requires_root
	MEMCG_ROOT=$(findmnt -rn -t cgroup -O memory -o TARGET | head -n 1)
	MEMCG_VERSION=1
	if [ -z "$MEMCG_ROOT" ]; then
		MEMCG_VERSION=2
		MEMCG_ROOT=$(findmnt -rn -t cgroup2 -o TARGET | head -n 1)
		grep -qsw memory "${MEMCG_ROOT:-/nonexistent}/cgroup.controllers" ||
			skip "needs the memory controller (cgroup_enable=memory on the kernel's command line)"
	fi
	[ -w "$MEMCG_ROOT" ] || skip "needs a writable $MEMCG_ROOT"
	export MEMCG_ROOT MEMCG_VERSION
}

# BPF programs on perf events, as the recorder loads them.
requires_bpf() {
	requires_root
	[ -r /sys/kernel/btf/vmlinux ] || skip "needs a kernel with BTF"
	[ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled 2>/dev/null || echo none)" != none ] ||
		skip "needs a kernel with BPF"
}

# Real llama.cpp in $LLAMA_BENCH, fetched where it has to be.
requires_llama() {
	local reason status=0
	LLAMA_BENCH=$BUILD/llama/bin/llama-bench
	if [ ! -x "$LLAMA_BENCH" ]; then
		reason=$(BUILD=$BUILD traces/models/fetch-llama.sh 2>&1) || status=$?
		[ $status -eq 0 ] || skip "needs llama.cpp: $(tail -n 1 <<<"$reason")"
	fi
	export LLAMA_BENCH
}

# ---------------------------------------------------------------- leftovers

lib_cgroups() {
	find /sys/fs/cgroup -type d -name '*faultline*' 2>/dev/null | sort
}

# To be called before anything that makes cgroups or mounts.
note_leftovers() {
	lib_cgroups >"$TMP/.cgroups"
	sort /proc/self/mounts >"$TMP/.mounts"
}

lib_leftovers() {
	comm -13 "$TMP/.cgroups" <(lib_cgroups)
	comm -13 "$TMP/.mounts" <(sort /proc/self/mounts)
}

# Gives the janitor five seconds, then fails if a cgroup or a mount is there that wasn't before.
assert_no_leftovers() {
	local tries
	for tries in {1..100}; do
		[ -z "$(lib_leftovers)" ] && return
		sleep 0.05
	done
	fail "left behind after $((tries / 20)) s: $(lib_leftovers)"
}

# make_file PATH MIB: written data, no holes, on disk
make_file() {
	dd if=/dev/urandom of="$1" bs=1M count="$2" conv=fsync status=none
}
