#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# DESCRIPTION: This test will run several replay groups of one job file, after each other with limits of their own and side by side.
. "$(dirname "$0")/../lib.sh"
. tests/e2e/lib.sh
requires_replay
requires_memcg
note_leftovers

trace m -l 2 -e 3 -s 32M -g 0
trace n -l 3 -e 2 -s 2M -f 2
cat >"$TMP/after.fio" <<JOBS
[global]
ioengine=external:$ENGINE
group_reporting
[first]
trace=$TMP/m.flt
numjobs=2
pressure=memcg
memory_limit=20M
[second]
stonewall
trace=$TMP/m.flt
numjobs=2
pressure=memcg
memory_limit=100M
[third]
stonewall
trace=$TMP/n.flt
numjobs=3
[fourth]
stonewall
trace=$TMP/m.flt
numjobs=5
streams=shared
JOBS
fio_run --output-format=json "$TMP/after.fio"
assert_eq "$STATUS" 0 "$OUTPUT"
for job in first second third fourth; do
	assert_value $job .complete true
	assert_value $job .job $job
done
assert_value first .memory.limit_bytes $((20 << 20))
assert_value first '.figures.model_reads > 2' true
assert_value second .memory.limit_bytes $((100 << 20))
assert_value second '.figures.model_reads < 1.2' true
assert_value third .memory.limit_bytes null
assert_value third '.files | length' 2
assert_value fourth '.lanes | length' 5
# Each is evicted anew.
assert_value fourth '.figures.model_reads > 0.9' true
assert_no_leftovers

# Side by side without a limit
sed -e '/stonewall/d' -e '/memcg/d' -e '/memory_limit/d' -e 's/^\[\(second\|third\|fourth\)\]/&\nnew_group/' "$TMP/after.fio" >"$TMP/beside.fio"
rm -f "$TMP"/*.json
fio_run "$TMP/beside.fio"
assert_eq "$STATUS" 0 "$OUTPUT"
for job in first second third fourth; do
	assert_value $job .complete true
done
assert_value third .figures.touched_bytes "$(listed n 5)"

# A limit is the process's, so two groups at one time are refused.
sed -e '/stonewall/d' -e 's/^\[second\]/&\nnew_group/' -e '/^\[third/,$d' "$TMP/after.fio" >"$TMP/refused.fio"
fio_run "$TMP/refused.fio"
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" stonewall
# The same holds for a job of another engine, unless it runs before or after.
cat >"$TMP/stranger.fio" <<JOBS
[first]
ioengine=external:$ENGINE
trace=$TMP/m.flt
numjobs=2
pressure=memcg
memory_limit=20M
group_reporting
[other]
ioengine=null
size=4k
JOBS
fio_run "$TMP/stranger.fio"
assert_ne "$STATUS" 0
assert_contains "$OUTPUT" "faultline: other, of another engine, would run at the same time"
assert_eq "$(grep -c '^faultline: ' <<<"$OUTPUT")" 1 "lines about the other engine"
sed -i 's/^\[other\]/&\nstonewall/' "$TMP/stranger.fio"
rm -f "$TMP/first.result.json"
fio_run "$TMP/stranger.fio"
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value first .complete true

# Two sections with the same trace in one fio group are one replay group.
fio_run --ioengine=external:"$ENGINE" --trace="$TMP/m.flt" --result="$TMP/m.result.json" --name=x --pace=none --name=y --cpu_scale=2
assert_eq "$STATUS" 0 "$OUTPUT"
assert_value m '[.lanes[].job] | join(" ")' "x y"
assert_no_leftovers
