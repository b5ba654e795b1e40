#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will verify pools of chunks, zaps and times off the CPU, whole and broken in each way that a replay would stumble over.
. "$(dirname "$0")/../lib.sh"
requires_faultline
cd "$TMP" || exit

# A segment of two lanes: one window each, then two chunks from a pool, both in lane 0.
whole() {
	cat <<-'END'
		header {"mode": "reference", "zap": {"at": "evaluation"}}
		define file {"id": 0, "path": "/m/model.gguf", "size": 1048576, "model": true}
		define region {"id": 0, "file": 0, "offset": 0, "length": 1048576, "kind": "file"}
		define stream {"id": 0, "type": "process"}
		define stream {"id": 1, "type": "thread", "tid": 10, "comm": "main"}
		define lane {"id": 0, "role": "main", "streams": [1]}
		define lane {"id": 1, "role": "worker", "streams": []}
		1 zap 1ms 1ms 0 0 1048576
		1 offcpu 3ms 1ms 1
		0 p:mark 0 0 1 0 - - 0
		1 p:mark 0 0 1 0 - - 0
		0 p:window 1ms 1us 0 0 65536 0
		1 p:window 1ms 1us 0 65536 65536 0
		0 p:pool 2ms 0 0 0 2
		1 p:pool 2ms 0 0 0 2
		0 p:window 3ms 1us 0 131072 65536 24
		0 p:window 4ms 1us 0 196608 65536 8
		0 p:window 5ms 1us 0 262144 65536 24
		0 p:barrier 6ms 0 0 0 2
		1 p:barrier 3ms 3ms 0 0 2
		0 p:mark 7ms 0 7 1 - - 0
		1 p:mark 7ms 0 7 1 - - 0
		0 p:evaluation 0 7ms 0 1 - 4 262144 1 0 7
		1 p:evaluation 0 7ms 0 1 - 1 65536 1 0 5
		trailer {"complete": true, "lossy": false}
	END
}

# verify [SED]...: of the trace as it is, or with changes
verify() {
	rm -f a.flt
	whole | sed "$@" -e '' | "$BUILD/tests/tools/writetrace" a.flt || fail "cannot write it"
	run "$FAULTLINE" verify a.flt
}
broken() {
	local text=$1
	shift
	verify "$@"
	assert_eq "$STATUS" 1 "status with: $*"
	assert_match "$OUTPUT" "pools of chunks .*BAD.*$text" "what is said about: $*"
}

verify
assert_eq "$STATUS" 0 "a whole one: $OUTPUT"
assert_match "$OUTPUT" '^  pools of chunks +[0-9]+  ok$'

broken "1 of 2 lanes come to the pool of barrier 0, generation 0" -e '/^1 p:pool/d'
broken "a dynamic window outside of a pool" -e '/^[01] p:pool/d'
broken "a window of the lane's own inside of a pool" -e '/p:window 4ms/s/8$/0/'
broken "a pool's first window does not begin a chunk" -e '/p:window 3ms/s/24$/8/'
broken "a chunk begins in a window that is not dynamic" -e '/^1 p:window/s/0$/16/'
broken "ends at another one" -e '/p:pool/s/0 0 2$/0 5 2/'
broken "a pool of 1 lanes is one of 2 in another lane" -e '/^1 p:pool/s/2$/1/'
broken "a pool of 1 lanes ends at a barrier of 2" -e '/^0 p:pool/s/2$/1/'
broken "a pool of 3 lanes, the trace has 2" -e '/p:pool/s/2$/3/'
broken "a pool inside of another one" -e 's/^0 p:pool.*/&\n0 p:pool 2ms 0 0 1 2/'

# What the recording tells of zaps, too.
verify -e 's/zap 1ms 1ms 0/zap 1ms 1ms 9/'
assert_contains "$OUTPUT" "there is no region 9"
verify -e 's/0 1048576$/4096 1048576/'
assert_contains "$OUTPUT" "lie outside of a file"

# dump knows them by name.
verify
assert_contains "$("$FAULTLINE" dump a.flt -k offcpu)" "flags=preempted"
assert_match "$("$FAULTLINE" dump a.flt -k zap)" 'zap +region=0\(model.gguf\) offset=0 length=1048576'
assert_match "$("$FAULTLINE" dump a.flt -l program -k pool -s 1)" 'pool +group=0 generation=0 participants=2'
assert_eq "$("$FAULTLINE" dump a.flt -l program -k window -s 0 | grep -o 'flags=.*' | xargs)" "flags=- flags=dynamic|chunk flags=dynamic flags=dynamic|chunk"
assert_contains "$("$FAULTLINE" dump a.flt -l program -k pool -f jsonl)" '"participants":2'
