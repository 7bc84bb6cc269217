#!/usr/bin/env bats
# `man seed` and the end of `man seedfs`: waiting,
# and what ends it.
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load helper

hold_tasks() {
	faults '[{"on":"create","do":{"hold_task":true}}]'
}

# Starts a waiting writer of NAME; its pid in $JOB. The process itself closes:
# no shell or child between the test and the system call.
waiting_writer() { # NAME TEXT
	background env --default-signal=INT,QUIT python3 "$FS" write "$MNT/prompts/$1" "$2"
	received accepted 1 "$2"
	wait_until is_waiting "$JOB"
}

ended_within() { # MILLISECONDS PID
	local end=$(($(clock) + $1))

	until ended "$2"; do
		(($(clock) < end)) || fail "process $2 still there after $1 ms" || return 1
		sleep 0.01
	done
}

threads() {
	awk '/^Threads:/ { print $2 }' "/proc/$SEED_PID/status"
}

@test "s3: opening a pending image waits for it" {
	mount_seed
	hold_tasks
	background write fox "a fox"
	received accepted 1
	background sha256sum "$MNT/images/fox.png"
	reader=$JOB
	reader_out=$JOB_OUT
	wait_until is_waiting "$reader"
	same "" "$(cat "$reader_out")"
	release
	job_ends 0 "$reader"
	has "$(cat "$reader_out")" "$(record fox .image.sha256)"
}

@test "s3: opening a pending image that fails gives the error" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true,"fail":{"code":"500","msg":"no"}}}]'
	background write fox "a fox"
	received accepted 1
	background try_open images/fox.png
	reader=$JOB
	release
	job_ends 0 "$reader"
	same EIO "$(cat "$JOB_OUT")"
}

@test "s2.3: opening a pending image with O_NONBLOCK is EAGAIN" {
	mount_seed
	hold_tasks
	background write fox "a fox"
	received accepted 1
	same EAGAIN "$(try_open images/fox.png --nonblock)"
	release
	job_ends 0 "$JOB"
	same ok "$(try_open images/fox.png --nonblock)"
}

@test "s2.3: close of an O_NONBLOCK descriptor does not wait" {
	mount_seed
	hold_tasks
	same ok "$(try_write fox "a fox" --nonblock)"
	received accepted 1
	same EAGAIN "$(try_open images/fox.png --nonblock)"
	release
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s2.3: fsync always waits" {
	mount_seed
	hold_tasks
	background python3 "$FS" write "$MNT/prompts/fox" "a fox" --nonblock --fsync
	received accepted 1
	wait_until is_waiting "$JOB"
	fails ended "$JOB"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
}

@test "s2.2: sync prompts/NAME waits and reports" {
	mount_seed
	faults '[{"on":"create","prompt":"good","do":{"hold_task":true}},
		{"on":"create","prompt":"bad","do":{"hold_task":true,"fail":{"code":"500","msg":"no"}}}]'
	same ok "$(try_write good "a good fox" --nonblock)"
	same ok "$(try_write bad "a bad fox" --nonblock)"
	background sync "$MNT/prompts/good"
	good=$JOB
	background sync "$MNT/prompts/bad"
	bad=$JOB
	wait_until is_waiting "$good"
	wait_until is_waiting "$bad"
	release
	job_ends 0 "$good"
	job_ends 1 "$bad"
	same 1 "$(count submit good)"
	same 2 "$(count submit bad)"
}

@test "s2.4: Ctrl-C of a waiting writer returns at once" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	kill -INT "$JOB"
	ended_within 1000 "$JOB"
}

@test "s2.4: kill -9 of a waiting writer returns at once" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	kill -KILL "$JOB"
	ended_within 1000 "$JOB"
}

@test "s2.4: TERM, HUP and QUIT of a waiting writer return at once" {
	mount_seed
	hold_tasks
	for signal in TERM HUP QUIT; do
		waiting_writer "$signal" "a $signal fox"
		(ulimit -c 0; kill -s "$signal" "$JOB")
		ended_within 1000 "$JOB"
	done
}

@test "s2.4: a caught TERM ends the wait with EINTR" {
	mount_seed
	hold_tasks
	background python3 -c '
import errno, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: None)
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(fd, b"a fox")
try:
    os.close(fd)
    print("ok")
except OSError as error:
    print(errno.errorcode[error.errno])' "$MNT/prompts/fox"
	received accepted 1
	wait_until is_waiting "$JOB"
	kill -TERM "$JOB"
	ended_within 1000 "$JOB"
	same EINTR "$(cat "$JOB_OUT")"
}

@test "s2.4: Ctrl-C of a waiting reader returns at once" {
	mount_seed
	hold_tasks
	background write fox "a fox"
	received accepted 1
	background env --default-signal=INT,QUIT python3 "$FS" open "$MNT/images/fox.png"
	wait_until is_waiting "$JOB"
	kill -INT "$JOB"
	ended_within 1000 "$JOB"
}

@test "s2.4: a signal with a handler (ALRM) does not end the wait" {
	mount_seed
	hold_tasks
	background env --default-signal=INT,QUIT python3 "$FS" alarm "$MNT/prompts/fox" "a fox"
	received accepted 1
	received poll 2
	release
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ok
	is_verified fox
	same 1 "$(count submit)"
}

@test "s2.4: an ALRM before a KILL does not keep the KILL waiting" {
	mount_seed
	hold_tasks
	background env --default-signal=INT,QUIT python3 "$FS" alarm "$MNT/prompts/fox" "a fox"
	received accepted 1
	received poll 2
	kill -KILL "$JOB"
	ended_within 1500 "$JOB"
}

@test "s2.4: CHLD, URG, WINCH, CONT and a stop do not end the wait" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	for signal in CHLD URG WINCH CONT; do kill -s "$signal" "$JOB"; done
	received poll 2
	fails ended "$JOB"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
}

@test "s2.4: the generation goes on when its writer is gone" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	kill -KILL "$JOB"
	ended_within 1000 "$JOB"
	release
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s2.4: one of several waiters may leave" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	writer=$JOB
	writer_out=$JOB_OUT
	background env --default-signal=INT,QUIT python3 "$FS" open "$MNT/images/fox.png"
	wait_until is_waiting "$JOB"
	kill -KILL "$JOB"
	ended_within 1000 "$JOB"
	release
	job_ends 0 "$writer"
	same ok "$(cat "$writer_out")"
}

@test "s2.9: a thousand waiting writers cost no threads, and looking stays fast" {
	mount_seed -o jobs=2000
	write before "a picture from before"
	hold_tasks
	# libfuse makes up to ten threads of its own when requests come together, and each of these
	# and the engine's may have one that looks at a caller (lib/base/aside.h).
	before=$(threads)
	background env --default-signal=INT,QUIT python3 "$FS" many "$MNT/prompts" 1000
	api /_wait -G -d on=accepted -d n=1001 -d timeout_ms=60000 >/dev/null
	[ "$(threads)" -le $((before + 20)) ] || fail "threads: $before before, $(threads) now"
	for command in "ls $MNT" "stat $MNT/status" "cat $MNT/images/before.png" \
		"stat $MNT/images/p00007.png" "cat $MNT/README"; do
		start=$(clock)
		$command >/dev/null
		took=$(($(clock) - start))
		[ "$took" -le 500 ] || fail "$command took $took ms"
	done
	same 1001 "$(files prompts)"
	stop_seedfs
	job_ends 0 "$JOB"
	same "close ESHUTDOWN: 1000" "$(cat "$JOB_OUT")"
	same 1001 "$(count accepted)"
}

@test "s7: jobs=N generations run at the provider at once; the others wait" {
	mount_seed -o jobs=3
	hold_tasks
	background env --default-signal=INT,QUIT python3 "$FS" many "$MNT/prompts" 8
	received accepted 3
	received poll 6
	same 3 "$(count accepted)"
	same 5 "$(jq -r .state "$MNT"/records/p*.json | grep -c queued)"
	release
	job_ends 0 "$JOB"
	same "ok: 8" "$(cat "$JOB_OUT")"
	same 8 "$(count accepted)"
}

@test "s7: SIGTERM ends within a second; waiting writers get ESHUTDOWN" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	pid=$SEED_PID
	SEED_PID=
	kill -TERM "$pid"
	ended_within "${SHUTDOWN_MS:-1000}" "$pid"
	status=0
	wait "$pid" || status=$?
	same 0 "$status"
	job_ends 0 "$JOB"
	same "close ESHUTDOWN" "$(cat "$JOB_OUT")"
	same "" "$(mounts_here)"
}

@test "s7: SIGTERM ends with waiting readers, who get ESHUTDOWN" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	background env --default-signal=INT,QUIT python3 "$FS" open "$MNT/images/fox.png"
	# An open that the program has not read yet would have the kernel's ECONNABORTED.
	wait_until grep -q " 2 waiting callers" "$MNT/queue"
	stop_seedfs
	job_ends 0 "$JOB"
	same ESHUTDOWN "$(cat "$JOB_OUT")"
}

@test "s7: SIGTERM ends while the service does not answer" {
	mount_seed
	faults '[{"on":"create","do":{"hang":true}}]'
	background env --default-signal=INT,QUIT python3 "$FS" write "$MNT/prompts/fox" "a fox"
	received create 1
	pid=$SEED_PID
	SEED_PID=
	kill -TERM "$pid"
	ended_within "${SHUTDOWN_MS:-1000}" "$pid"
	wait "$pid"
	job_ends 0 "$JOB"
	same "close ESHUTDOWN" "$(cat "$JOB_OUT")"
}

@test "s7: SIGTERM ends with a file held open" {
	mount_seed
	write fox "a fox"
	exec 8<"$MNT/images/fox.png" 7<"$MNT/status"
	stop_seedfs
	exec 8<&- 7<&-
	same "" "$(mounts_here)"
}

@test "s7: SIGINT ends it cleanly" {
	mount_seed
	pid=$SEED_PID
	SEED_PID=
	kill -INT "$pid"
	ended_within 2000 "$pid"
	wait "$pid"
	same "" "$(mounts_here)"
}

@test "s7: fusermount3 -u ends it cleanly" {
	mount_seed
	write fox "a fox"
	pid=$SEED_PID
	SEED_PID=
	fusermount3 -u "$MNT" || umount "$MNT"
	ended_within 2000 "$pid"
	wait "$pid"
	same "" "$(mounts_here)"
}

@test "s7: fusermount3 -uz ends it cleanly with waiting writers, who get ESHUTDOWN" {
	mount_seed
	hold_tasks
	waiting_writer fox "a fox"
	fusermount3 -uz "$MNT" || umount -l "$MNT"
	pid=$SEED_PID
	SEED_PID=
	# The kernel keeps the connection of a lazy unmount while a file is open:
	# either is right, to end now or to end when told.
	ended_within 2000 "$pid" 2>/dev/null || kill -TERM "$pid"
	wait_until ended "$pid"
	wait "$pid"
	job_ends 0 "$JOB"
	same "close ESHUTDOWN" "$(cat "$JOB_OUT")"
}

@test "s2.2: two writers of two names wait each for its own outcome" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	fox=$JOB
	background try_write owl "an owl"
	owl=$JOB
	received accepted 2
	release owl
	job_ends 0 "$owl"
	is_verified owl
	fails ended "$fox"
	same generating "$(record fox .state)"
	release
	job_ends 0 "$fox"
	is_verified fox
}
