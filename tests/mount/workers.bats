#!/usr/bin/env bats
# `man seed`: what happens to a worker is no failure of the attempt, and costs nothing.

load helper

# The workers' pids.
workers() {
	pgrep -x -P "$SEED_PID" seedfs-worker
}

# One waits for the next picture; the one before has ended.
one_waits() {
	[ "$(workers | wc -l)" -eq 1 ]
}

# Makes a picture, so that a worker waits, stops that, and has it given another.
stop_a_worker() {
	mount_seed
	write owl "an owl"
	wait_until has_thumb owl
	wait_until nothing_is_pending
	wait_until one_waits
	WORKER=$(workers)
	kill -STOP "$WORKER"
	background write fox "a fox"
	wait_until is_handed_over
}

@test "s3: a worker that is killed from outside costs no second submission" {
	stop_a_worker
	kill -KILL "$WORKER"
	job_ends 0 "$JOB"
	is_verified fox
	same 1 "$(count submit fox)"
	same 1 "$(grep -c 'fox .*killed from outside (signal 9); a new one verifies' "$MNT/status")"
}

@test "s3: a decoder that crashes once costs no second submission" {
	# The crash is ours: a sanitizer has nothing to report.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0
	stop_a_worker
	# Pending while it is stopped.
	kill -SEGV "$WORKER"
	kill -CONT "$WORKER"
	job_ends 0 "$JOB"
	is_verified fox
	same 1 "$(count submit fox)"
	same 1 "$(grep -c 'fox .*the decoder crashed (.*); a new one verifies' "$MNT/status")"
}

@test "the worker of a mount is in its cage" {
	local walls

	export KIE_API_KEY=$KEY
	mount_seed
	write owl "an owl"
	wait_until has_thumb owl
	wait_until one_waits
	! nm -D "$SEEDFS" | grep -qE '__[at]san_init' || skip "a sanitizer stands in the cage's place"
	# It may have begun only now; the filter is its last wall.
	wait_until grep -q $'^Seccomp:\t2$' "/proc/$(workers)/status"
	walls=$(cat "/proc/$(workers)/status")
	has "$walls" $'\nNoNewPrivs:\t1\n'
	has "$walls" $'\nSeccomp:\t2\n'
	has "$walls" $'\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n'
	# What its user may not look into is root's (proc(5)).
	same 0 "$(stat -c %u "/proc/$(workers)/mem")"
	need_root
	has "$walls" $'\nUid:\t2147507949\t2147507949\t2147507949\t2147507949\nGid:\t2147507949\t'
	has "$walls" $'\nGroups:\t \n'
	has "$walls" $'\nCapBnd:\t0000000000000000\n'
	has_not "$(tr '\0' '\n' <"/proc/$(workers)/environ")" "$KEY"
}

@test "no other user can stop or end the workers of root's mount" {
	local signal

	need_root
	stop_a_worker
	for signal in STOP TERM KILL; do
		run setpriv --reuid 65534 --regid 65534 --clear-groups kill -"$signal" "$WORKER"
		same 1 "$status"
		has "$output" "not permitted"
	done
	kill -CONT "$WORKER"
	job_ends 0 "$JOB"
	is_verified fox
	same "" "$(grep 'killed from outside' "$MNT/status")"
}

holds_pictures() { # N: so many are at a worker
	same "$1" "$(find "/proc/$SEED_PID/fd" -lname "$STATE/pending/*.png" | wc -l)"
}

# Gives a callback's picture to a worker that is stopped, one that was not before.
hold_a_callback() { # NUMBER
	local pid

	write "warm$1" "warm $1"
	wait_until has_thumb "warm$1"
	wait_until holds_pictures "$(($1 - 1))"
	for pid in $(workers); do
		[ "$(ps -o state= -p "$pid")" = T ] || kill -STOP "$pid"
	done
	background python3 "$FS" write "$MNT/callbacks/held$1" "{\"image_url\":\"$API/files/png/held$1.png\"}"
	wait_until holds_pictures "$1"
}

@test "pictures that callbacks name never keep a prompt's from being looked at" {
	local count i pid

	count=$(getconf _NPROCESSORS_ONLN)
	((count <= 16)) || count=16
	mount_seed
	for ((i = 1; i <= count; i++)); do hold_a_callback "$i"; done
	write fox "a fox"
	is_verified fox
	holds_pictures "$count"
	# The stopped ones go on, and so does what waits behind them.
	for pid in $(workers); do kill -CONT "$pid"; done
	for pid in "${JOBS[@]}"; do job_ends 0 "$pid"; done
	for ((i = 1; i <= count; i++)); do is_verified "held$i"; done
	wait_until has_thumb fox
}
