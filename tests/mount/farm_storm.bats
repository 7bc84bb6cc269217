#!/usr/bin/env bats
# `man seedfs`, "A farm": never twice, never lost, and the same on all hosts, in bad weather.

load helper

# make farm-storm HOSTS=8 NAMES=200 SECONDS=600 is what a release is tried with.
export LIMIT=$((${FARM_SECONDS:-8} + 1200)) BATS_TEST_TIMEOUT=$((${FARM_SECONDS:-8} + 1200))

setup_file() {
	# A port that nobody has, and the one after it.
	export PORT=$((20000 + RANDOM % 12000)) RGW=$BATS_FILE_TMPDIR/rgw

	S3_LIFE=$((${FARM_SECONDS:-8} + 1200)) "$BATS_TEST_DIRNAME/../s3/rgw.sh" start "$RGW" "$PORT" >/dev/null
}

teardown_file() {
	"$BATS_TEST_DIRNAME/../s3/rgw.sh" stop "$RGW"
}

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
	export S3_LIFE=$((${FARM_SECONDS:-8} + 1200)) # of gateways that are started again
}

@test "hosts that are killed, paused and cut off, and a gateway that is killed: nothing is paid for twice, nothing is lost, all hosts show the same" {
	run python3 "$HERE/farm_storm.py" "$SEEDFS" "$(usual_options),size=256x144,jobs=1000,store=s3://seed/storm" \
		"$DIR" "$CONTROL" "$RGW" "$PORT" "${FARM_HOSTS:-4}" "${FARM_NAMES:-12}" "${FARM_SECONDS:-8}" \
		"${FARM_SEED:-$RANDOM}"
	echo "$output"
	[ "$status" -eq 0 ]
}
