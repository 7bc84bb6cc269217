#!/usr/bin/env bats
# Answers from outside that nobody honest gives: tests/mount/hostile.py has the table.

load helper

export LIMIT=${LIMIT:-150} BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180}

@test "s3: whatever the service answers, a writer gets an error in time, and nothing leaks" {
	mount_seed -o timeout=5,jobs=1000,size=256x144
	run python3 "$HERE/hostile.py" "$MNT" "$CONTROL" "$KEY" "$SEED_PID"
	echo "$output"
	[ "$status" -eq 0 ]
}

# tests/mount/wire.py has the table.
@test "s3: whatever bytes the service puts on the wire, a writer gets an error in time" {
	background python3 "$HERE/wire.py" "$DIR/wire" "$MNT" "$DIR/pids"
	wait_until test -s "$DIR/wire"
	start_seedfs -o "$(usual_options),api_base=$(<"$DIR/wire"),timeout=8,jobs=1000,size=256x144" "$MNT"
	wait_mounted
	WAIT=120 job_ends 0 "$JOB" || fail "$(cat "$JOB_OUT")"
}

# tests/mount/shifted.py is the service.
each_gets_its_own() { # [unnamed]
	background python3 "$HERE/shifted.py" "$DIR/shifted" "$MNT" "$@"
	wait_until test -s "$DIR/shifted"
	start_seedfs -o "$(usual_options),api_base=$(<"$DIR/shifted"),jobs=100,size=256x144,rate=1000/1" "$MNT"
	wait_mounted
	WAIT=120 job_ends 0 "$JOB" || fail "$(cat "$JOB_OUT")"
}

@test "s3: an answer too many, one that breaks off behind its end, a status that says nothing: each gets its own image, once" {
	each_gets_its_own
	has "$(<"$MNT/status")" "The service answered for another task"
}

@test "s3: also where the answers do not say whose they are" {
	each_gets_its_own unnamed
}
