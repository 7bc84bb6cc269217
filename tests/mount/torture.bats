#!/usr/bin/env bats
# Each allocation and each system call of a generation fails once
# (tests/torture/). A check samples them; TORTURE=SECONDS (make check-long) tries
# all that it can in that time.

load helper

export LIMIT=${TORTURE:-120} BATS_TEST_TIMEOUT=${TORTURE:-150}

mount_tortured() {
	! nm -D "$SEEDFS" | grep -qE '__[at]san_init' || skip "a sanitizer replaces malloc itself"
	python3 "$ROOT/tests/torture/torture.py" new "$DIR/page"
	FAILING_PAGE=$DIR/page LD_PRELOAD=$(dirname "$UPSTREAM")/failing.so start_seedfs \
		-o "$(usual_options),size=512x288,timeout=20" "$MNT"
	wait_mounted
	# The first generation starts what stays: workers, connections, buffers.
	write fox "a fox"
	[ -s "$MNT/images/fox.png" ]
}

torture() { # KIND FIRST STEP SECONDS
	run python3 "$ROOT/tests/torture/torture.py" run "$DIR/page" "$SEED_PID" "$MNT" "$CONTROL" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

# All where there is time, else every STEP-th from a number that is drawn.
sample() { # KIND STEP
	if [ -n "${TORTURE:-}" ]; then
		torture "$1" 1 1 "$((TORTURE * 3 / 4))"
	else
		torture "$1" "$((1 + RANDOM % $2))" "$2" 30
	fi
}

@test "whichever allocation of a generation fails, it is said, nothing hangs and nothing is paid for twice" {
	mount_tortured
	sample allocations 60
}

@test "whichever system call of a generation fails, it is said, nothing hangs and nothing is paid for twice" {
	mount_tortured
	sample calls 25
}

@test "an image that cannot be looked at is not said to be missing" {
	mount_tortured
	torture fstat64 1 1 20
}

@test "a send, a write, an fsync and a rename that fail are not waited for" {
	local name

	mount_tortured
	for name in send write fsync renameat; do
		torture "$name" 1 1 6
	done
}
