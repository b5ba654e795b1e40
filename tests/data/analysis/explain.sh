# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The two runs that `faultline explain` is tried on, as texts for tests/tools/writetrace: a load phase, a prompt batch of 4
# tokens, two tokens, on two lanes. Times are whole milliseconds (write them with a quantum of 1 ms), so all sums are known.

# head MODE: header and definitions
explain_head() {
	cat <<-END
		header {"generator": "faultline", "mode": "$1", "fault_around_bytes": 65536}
		define file {"id": 0, "path": "/m/model.gguf", "size": 67108864, "model": true}
		define file {"id": 1, "path": "/lib/libc.so.6", "size": 1048576}
		define region {"id": 0, "file": 0, "offset": 0, "length": 67108864, "kind": "file"}
		define region {"id": 1, "file": null, "length": 1048576, "kind": "anon"}
		define stream {"id": 0, "type": "process"}
		define stream {"id": 1, "type": "thread", "tid": 10, "comm": "main"}
		define stream {"id": 2, "type": "thread", "tid": 11, "comm": "worker"}
		define stream {"id": 3, "type": "device"}
		define stream {"id": 4, "type": "sample"}
		define stream {"id": 5, "type": "cache"}
		define stream {"id": 6, "type": "thread", "tid": 12, "comm": "idle"}
		define device {"id": 0, "name": "dm-0", "members": ["sda"]}
		define device {"id": 1, "name": "sda", "members": []}
		define symbol {"id": 0, "name": "${2:-ggml_graph_compute}", "role": "evaluation"}
		define metric {"id": 0, "name": "memcg.refault_file", "unit": "pages", "cumulative": true}
		define metric {"id": 1, "name": "vmstat.pgscan_direct", "unit": "pages", "cumulative": true}
		define metric {"id": 2, "name": "process.rss_anon", "unit": "bytes", "cumulative": false}
	END
}

# The load phase and the prompt, 0 to 50 ms. Critical path of the prompt: the worker's 16 ms (2 until its first record, 8 at the
# drive, 1 in the queue, 3 asleep else, 2 compute), the main lane's 10 ms of compute, 1 ms of barrier, 13 ms of compute.
explain_prompt() {
	cat <<-END
		1 fault 1ms 1ms 8 1 0
		6 fault 2ms 1ms 8 1 4096
		1 fault 14ms 2ms 0 0 0
		2 fault 12ms 12ms 6 0 8192
		3 block 14ms 8ms 1 0 65536 0 1 1ms 2
		3 block 14ms 8ms 0 0 65536 0 1 1ms 2
		3 block 15ms 9ms 0 0 1M 0 16 - -
		5 cache 22ms 0 1 0 0 65536 4
		2 barrier 26ms 0 0 0 2
		1 barrier 20ms 6ms 0 0 2
		1 barrier 36ms 1ms 0 1 2
		2 barrier 30ms 7ms 0 1 2
		4 sample 50ms 0 0 1000
		4 sample 50ms 0 1 500
		4 sample 50ms 0 2 123456
	END
}

# token START DRIVE COMPUTE BYTES GENERATION: a token of 20 + DRIVE + COMPUTE ms. The main lane computes for COMPUTE ms, sleeps DRIVE
# ms in a fault while BYTES are read, computes 4 ms, waits for nobody, computes 16 ms.
explain_token() {
	local start=$1 drive=$2 compute=$3 bytes=$4 generation=$5
	local asleep=$((start + compute)) awake=$((start + compute + drive))
	cat <<-END
		3 block ${start}ms 0 0 0 4096 0 16 - -
		2 fault $((start + 1))ms 2ms 0 0 16384
		3 block ${asleep}ms ${drive}ms 0 0 $bytes 0 1 0 1
		5 cache ${awake}ms 0 1 0 0 $bytes 0
		5 cache ${awake}ms 0 2 0 1M 8192 -
		1 fault ${asleep}ms ${drive}ms 6 0 32768
		1 barrier $((awake + 4))ms 0 0 $generation 2
		2 barrier $((start + 8))ms $((awake + 4 - start - 8))ms 0 $generation 2
	END
}

# The real run: tokens of 32 ms, 10 of them at the drive.
explain_real() {
	explain_head pressure
	echo "0 mark 0 10ms 1 0 - 0 0"
	explain_prompt
	echo "1 mark 10ms 40ms 3 0 4 0 0"
	explain_token 50 10 2 65536 2
	echo "1 mark 50ms 32ms 4 0 1 0 0"
	explain_token 82 10 2 65536 3
	echo "1 mark 82ms 32ms 4 1 1 0 0"
	printf '4 sample 114ms 0 %s\n' "0 1640" "1 500" "2 123456"
	echo 'trailer {"complete": true, "lossy": false}'
}

# Its replay: tokens of 35 ms, 12 at the drive for twice the bytes. The numbers that the engine told are in the trailer.
explain_replay() {
	explain_head none faultline_evaluation
	echo "0 mark 0 10ms 1 0 - 0 0"
	explain_prompt
	echo "1 mark 10ms 40ms 3 0 4 0 0"
	explain_token 50 12 3 131072 2
	echo "1 mark 50ms 35ms 4 0 1 0 0"
	explain_token 85 12 3 131072 3
	echo "1 mark 85ms 35ms 4 1 1 0 0"
	printf '4 sample 120ms 0 %s\n' "0 2400" "1 500" "2 123456"
	explain_trailer 1 10 2 50 3 85
}

# explain_trailer [NUMBER START_MS]...: of a replay
explain_trailer() {
	local list=
	while [ $# -gt 0 ]; do
		list+="${list:+, }{\"index\": $1, \"start_ns\": ${2}000000}"
		shift 2
	done
	echo "trailer {\"complete\": true, \"lossy\": false, \"evaluations\": [$list]}"
}
