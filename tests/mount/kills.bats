#!/usr/bin/env bats
# `man seed`: never twice, never lost, under load.

load helper

# KILLS=100 is what a release is tried with; a check takes fewer.
export LIMIT=600 BATS_TEST_TIMEOUT=600

@test "s3: kills at random moments under load lose nothing and pay for nothing twice" {
	local seed=${KILLS_SEED:-$RANDOM}

	run python3 "$HERE/kills.py" "$SEEDFS" "$(usual_options)" "$MNT" "$STATE" "$API" \
		"${KILLS:-12}" "$seed"
	echo "$output"
	[ "$status" -eq 0 ]
}
