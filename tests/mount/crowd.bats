#!/usr/bin/env bats
# CONTRACT sections 1 to 3, with sixteen who do not wait for each other.

load helper

# make crowd SECONDS=600 [SANITIZE=thread] is what a release is tried with.
export LIMIT=$((${CROWD_SECONDS:-8} + 500)) BATS_TEST_TIMEOUT=$((${CROWD_SECONDS:-8} + 500)) WAIT=${WAIT:-60}

@test "s1-s3: sixteen processes on the same names: each call ends, each text is paid for once, each name is a name" {
	config '{"image":"png-256x144"}'
	start_seedfs -o "$(usual_options),size=256x144,timeout=200" "$MNT"
	wait_mounted
	run python3 "$HERE/crowd.py" "$MNT" "$CONTROL" "${CROWD_SECONDS:-8}" "${CROWD_SEED:-$RANDOM}"
	echo "$output"
	[ "$status" -eq 0 ]
}
