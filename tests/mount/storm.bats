#!/usr/bin/env bats
# `man seed`: never twice, never lost, in bad weather.

load helper

# make storm KILLS=300 is what a release is tried with; a check takes fewer.
export LIMIT=${STORM_LIMIT:-600} BATS_TEST_TIMEOUT=${STORM_LIMIT:-600}

@test "s3: kills, outages, odd answers, a full disk and a lack of descriptors pay for nothing twice and lose nothing" {
	local seed=${STORM_SEED:-$RANDOM}

	need_root
	run unshare -m --propagation private python3 "$HERE/storm.py" "$SEEDFS" "$(usual_options)" "$MNT" "$STATE" "$CONTROL" \
		"${KILLS:-15}" "$seed"
	echo "$output"
	[ "$status" -eq 0 ]
}
