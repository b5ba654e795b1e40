#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will ask for everything that a replay cannot do: each is refused in one line that names it.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay

trace m -l 2 -e 2 -s 1M
mkdir "$TMP/out"

# refused PART-OF-THE-LINE FIO-OPTIONS...: nothing runs, and the reason is told in exactly one line of ours
refused() {
	local part=$1 lines
	shift
	fio_run --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --result="$TMP/out/r.json" "$@"
	[ "$STATUS" -ne 0 ] || fail "not refused: $*: $OUTPUT"
	[ "$STATUS" -lt 100 ] || fail "crashed or hung ($STATUS): $*: $OUTPUT"
	assert_contains "$OUTPUT" "$part"
	lines=$(grep -v '^faultline: warning: ' <<<"$OUTPUT" | grep -c '^faultline: ')
	assert_eq "$lines" 1 "lines of ours for $*"$'\n'"$OUTPUT"$'\n'
	assert_no_file "$TMP/out/r.json"
}

refused direct=1 --direct=1
refused rw= --rw=write
refused rw= --rw=randrw
refused rw= --rw=trim
refused rw=randread --rw=randread
refused verify= --verify=crc32c --rw=read
refused thinktime= --thinktime=10
refused rate= --rate=10M
refused rate= --rate_iops=100
refused iodepth= --iodepth=2
refused io_submit_mode= --io_submit_mode=offload
refused mem= --mem=mmaphuge:"$TMP/huge"
refused pre_read=1 --pre_read=1
refused unlink= --unlink=1
refused zonemode= --zonemode=strided --zonesize=1M --zoneskip=0 --zonerange=1M
refused fill_device= --fill_device=1
refused numjobs=2 --numjobs=3
refused numjobs=2 --numjobs=1
refused memory_limit= --memory_limit=1G
refused memory_limit= --pressure=memcg
refused memory_limit= --pressure=memcg --memory_limit=lots
refused memory_limit= --pressure=memcg --memory_limit=1000
refused invalidate=0 --pressure=memcg --memory_limit=64M --invalidate=0
refused cpu_scale= --cpu_scale=0
refused cpu_scale= --cpu_scale=1e9
refused cpu_scale= --cpu_scale=fast
refused footprint= --footprint=much
refused footprint= --footprint=1000T
refused tokens= --tokens=3
refused tokens= --tokens=2-1
refused tokens= --tokens=0
refused tokens= --tokens=all
refused tokens= --tokens=evaluation
refused phases= --phases=load,dinner
refused 'leave nothing' --phases=evaluation
refused ramp_time= --tokens=2 --ramp_time=1
refused filename= --filename=a:b
refused 'No such file' --trace="$TMP/none.flt"

# create_serialize=0: fio starts jobs as processes before it asks us, so each of them says it.
fio_run --name=m --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --numjobs=2 --create_serialize=0
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" create_serialize=0
fio_run --name=m --ioengine=external:"$ENGINE" --numjobs=2
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" "trace= is missing"

# Options that must be the same in all jobs of a group
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result=none --name=a --hints=none --name=b --hints=random
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" "hints= differs between jobs"
for option in loops:1:2 time_based:0:1 invalidate:0:1 create_only:0:1; do
	IFS=: read -r option first second <<<"$option"
	fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --runtime=1 --result="$TMP/out/r.json" \
		--name=a --"$option"="$first" --name=b --"$option"="$second"
	assert_ne "$STATUS" 0 "exit status where $option= differs"
	assert_contains "$OUTPUT" "faultline: $option= differs between jobs"
	assert_eq "$(grep -v '^faultline: warning: ' <<<"$OUTPUT" | grep -c '^faultline: ')" 1 "lines about $option="
	assert_no_file "$TMP/out/r.json"
done

# Traces that cannot be replayed
trace tiny -m 1000 -s 1M
refused memory_limit= --pressure=memcg --trace="$TMP/tiny.flt"
"$MKTRACE" -u "$TMP/unfinished.flt"
refused unfinished --trace="$TMP/unfinished.flt"
"$MKTRACE" -N "$TMP/recording.flt"
refused "faultline prepare" --trace="$TMP/recording.flt"
echo "no trace" >"$TMP/text.flt"
refused text.flt --trace="$TMP/text.flt"
head -c 1000 "$TMP/m.flt" >"$TMP/cut.flt"
refused cut.flt --trace="$TMP/cut.flt"

# With one job rate= has a meaning, and options that have none are named.
trace single -l 1 -s 1M -e 1
assert_replayed single 1 --rate_iops=1000
assert_replayed single 1 --bs=64k --size=1M
assert_contains "$OUTPUT" "bs=, size=: no effect"
