#!/usr/bin/env bats
# Each allocation and each system call of a generation fails once
# (tests/torture/). A check samples them; TORTURE=SECONDS (make check-long) tries
# all that it can in that time. Under AddressSanitizer a call's failure must leak nothing, either.

load helper

# The tests that do not sample take longer than a short TORTURE.
LIMIT=$((${TORTURE:-0} > 120 ? TORTURE : 120))
export LIMIT BATS_TEST_TIMEOUT=$((LIMIT + 30))

# AddressSanitizer looks at the end for what a failure has leaked; its library comes before all
# others.
mount_tortured() { # KIND [OPTION]
	local preload

	preload=$(dirname "$UPSTREAM")/failing.so
	if nm -D "$SEEDFS" | grep -qE '__[at]san_init'; then
		[ "$1" != allocations ] || skip "a sanitizer replaces malloc itself"
		nm -D "$SEEDFS" | grep -q __asan_init || skip "under ThreadSanitizer"
		preload=$(cc -print-file-name=libasan.so):$preload
	fi
	python3 "$ROOT/tests/torture/torture.py" new "$DIR/page"
	FAILING_PAGE=$DIR/page LD_PRELOAD=$preload start_seedfs \
		-o "$(usual_options),size=512x288,timeout=20${2:+,$2}" "$MNT"
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
	mount_tortured allocations
	sample allocations 60
}

@test "whichever system call of a generation fails, it is said, nothing hangs and nothing is paid for twice" {
	mount_tortured calls
	sample calls 25
}

@test "an image that cannot be looked at is not said to be missing" {
	mount_tortured calls
	torture fstat64 1 1 20
}

@test "a send, a write, an fsync and a rename that fail are not waited for" {
	local name

	mount_tortured calls
	for name in send write fsync renameat; do
		torture "$name" 1 1 6
	done
}

@test "reuse: a lack of memory, descriptors or space does not have a text paid for that has its image" {
	local name

	mount_tortured calls reuse
	for name in openat64 write; do
		torture "$name" 1 1 20 "a fox"
	done
	[ "$(count submit "a fox")" = 1 ]
}

@test "reuse: nor does whichever allocation fails" {
	mount_tortured allocations reuse
	torture allocations 1 1 "${TORTURE:-20}" "a fox"
	[ "$(count submit "a fox")" = 1 ]
}
