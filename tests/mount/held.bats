#!/usr/bin/env bats
# Processes that hold up whoever looks at them in /proc (lib/base/process.h), which the
# program does before it answers. What they wait for is an answer of its own.
# A failure must not hang the suite: looking at such a process hangs, too, until the
# program ends.

load helper

# HOW: all is answered, what they do and what others ask.
attack() {
	cc -Wall -Wextra -o "$DIR/held" "$HERE/held.c"
	mount_seed
	write fox "a fox"
	# shellcheck disable=SC2016 # the shell's own
	background bash -c '"$@"; echo $? >"$0"' "$DIR/status" timeout 60 "$DIR/held" "$MNT" "$SEED_PID" "$1"
	if ! wait_until test -s "$DIR/status"; then
		kill -CONT "$SEED_PID"
		kill_seedfs
		fail "hangs"
		return 1
	fi
	same 0 "$(<"$DIR/status")" || { cat "$JOB_OUT"; return 1; }
	write owl "an owl"
	same 2 "$(count create)"
	stop_seedfs
}

@test "the lock of an epoll that waits for a page of an image" {
	attack epoll
}

@test "the lock of a folder of /proc that waits for a page of an image" {
	attack folder
}
