#!/usr/bin/env bats
# CONTRACT section 7: under systemd, in a unit's sandbox, behind an automount.
# (The units themselves: examples.bats; under a real systemd, by hand: docs/reliability.md.)

load helper

# As the units do it: the mount is made outside of the program's name space.
mount_handed_over() {
	export PROGRAM=${PROGRAM:-$SEEDFS}
	SEEDFS=$HERE/manager.py
	start_seedfs -o "$(usual_options)" "$MNT"
	wait_mounted
}

@test "s7: a mount that was handed over is seen outside of the service's name space" {
	need_root
	mount_handed_over
	[ "$(readlink "/proc/$SEED_PID/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
	write fox "a fox"
	is_verified fox
	stop_seedfs
	umount "$MNT"
	has "$(<"$STATE/log/status")" "Unmounted from $MNT"
}

@test "s7: a crash ends a mount that was handed over, and the next one goes on" {
	need_root
	mount_handed_over
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	kill_seedfs
	job_ends 0 "$JOB"
	same "close ECONNABORTED" "$(<"$JOB_OUT")"
	# The dead mount is still there.
	rm "$DIR/notify"
	mount_handed_over
	release
	wait_until is_verified fox
	same 1 "$(count submit)"
	stop_seedfs
	umount "$MNT"
}

@test "s7: --hand-over without systemd says so and mounts nothing" {
	run "$SEEDFS" --hand-over -o provider=sketch "$MNT"
	same "1 1" "$status ${#lines[@]}"
	has "$output" "--hand-over: systemd does not accept the mount"
	same "" "$(mounts_here)"
}

# An automount lets only its own process group in until the mount is there: a
# program that leaves the group before that waits for itself.
@test "s7: an automount mounts it, and it leaves the process group after that" {
	need_root
	grep -qw autofs /proc/filesystems || skip "no autofs in this kernel"
	same "$(printf '%s\n' "This is a seedfs mount: writing a text here makes a picture." "a group of its own")" \
		"$(timeout 60 "$HERE/manager.py" --automount "$MNT" "$SEEDFS" -o "provider=sketch,state=$STATE" "$MNT")"
	wait_until fails_to_find "$STATE"
}

fails_to_find() {
	! pgrep -f "$1" >/dev/null
}
