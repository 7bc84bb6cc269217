#!/usr/bin/env bats
# `man seed`: a lack of descriptors, a worker that was killed or hangs and
# a stop in the middle of a commit are no failures of what is paid for.

load helper
load provider

# The rounds of a crash test, 30 writers without descriptors.
export LIMIT=300 BATS_TEST_TIMEOUT=300

start_write() { # NAME TEXT
	exec python3 "$FS" write "$MNT/prompts/$1" "$2"
}

# --- descriptors -------------------------------------------------------------------

# The limit comes while tasks run: what is asked, fetched and stored lacks them.
thirty_writers_with() { # DESCRIPTORS
	mount_seed
	config '{"image":"png-1024x576"}'
	faults '[{"on":"create","do":{"duration_ms":300}}]'
	prlimit --pid "$SEED_PID" --nofile="$1:4096"
	background python3 "$FS" many "$MNT/prompts" 30
	received accepted 1
	# What finds no descriptor waits: some get through, all do not have to.
	WAIT=20 wait_until ended "$JOB" || true
	prlimit --pid "$SEED_PID" --nofile=1024:4096
	WAIT=100 wait_until ended "$JOB"
	WAIT=100 wait_until nothing_is_pending
	same "" "$(log_of accepted .prompt | sort | uniq -d)"
	# Who was refused a descriptor at the start has an error and paid nothing.
	same "$(log_of accepted .prompt | sort)" \
		"$(jq -r 'select(.state == "verified").prompt' "$MNT"/records/*.json | sort)"
	for file in "$MNT"/images/*.png; do is_verified "$(basename "$file" .png)"; done
	[ "$(files images)" -gt 0 ]
}

@test "s3: thirty writers and 34 descriptors: no text is submitted twice" {
	thirty_writers_with 34
}

@test "s3: thirty writers and 40 descriptors: no text is submitted twice" {
	thirty_writers_with 40
}

@test "s3: thirty writers and 48 descriptors: no text is submitted twice" {
	thirty_writers_with 48
}

# More are at work than there are descriptors, and there never will be more.
@test "s3: a hundred jobs with 48 descriptors come to an end" {
	mount_seed -o jobs=100,timeout=12
	config '{"image":"png-1024x576"}'
	faults '[{"on":"create","do":{"duration_ms":300}}]'
	prlimit --pid "$SEED_PID" --nofile=48:48
	background python3 "$FS" many "$MNT/prompts" 100
	WAIT=60 wait_until ended "$JOB"
	WAIT=100 wait_until nothing_is_pending
	same "" "$(log_of accepted .prompt | sort | uniq -d)"
	same "$(count accepted)" "$(find "$STATE/images" -name '*.png' | wc -l)"
	fails same 0 "$(count accepted)"
}

LACKING='^❌ .*Too many open files (EMFILE); kept, tried again until the attempt.s time is over$'

says_what_lacks() {
	status_texts fox | grep -q "$LACKING" && grep -q 'waits: Too many open files here' "$MNT/queue"
}

@test "s3: without a single descriptor a running task is asked for later" {
	mount_seed
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	prlimit --pid "$SEED_PID" --nofile=3:4096
	release
	# The program answers all the same, nothing is given up, and it says what it waits for.
	wait_until says_what_lacks
	wait_until is_waiting "$JOB"
	prlimit --pid "$SEED_PID" --nofile=1024:4096
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
	same 1 "$(status_texts fox | grep -c "$LACKING")"
}

# Ending takes threads down, for which the C library looks for another library.
@test "s3: without a single descriptor the program ends in order" {
	# Nor can LeakSanitizer look for leaks without one.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 mount_seed
	prlimit --pid "$SEED_PID" --nofile=3:4096
	stop_seedfs
	has "$(tail -n 1 "$DIR/err")" "Unmounted from $MNT"
}

# --- a limit on the size of files ---------------------------------------------------

limit_files() { # SOFT:[HARD]
	prlimit --pid "$SEED_PID" --fsize="$1"
}

is_kept() {
	is_verified fox && same 1 "$(count submit)" && same 1 "$(record fox '.attempts | length')"
}

@test "s3: a download that is larger than a file may be here is no invalid image" {
	mount_seed
	limit_files 20000:
	background start_write fox "a fox"
	received image 2
	limit_files unlimited:
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_kept
}

@test "s3: nor is an image that is larger than a file may be for the worker" {
	mount_seed
	config '{"image":"jpeg-2048x1152"}'
	limit_files 400000:400000 # the worker, too, when it begins
	background start_write fox "a fox"
	job_ends 0 "$JOB"
	same "close EIO" "$(cat "$JOB_OUT")"
	has "$(status_texts fox)" "File too large"
	stop_seedfs
	mount_seed
	wait_until state_is fox verified
	is_kept
}

# --- workers -------------------------------------------------------------------------

workers() {
	pgrep -P "$SEED_PID" -f -- --worker
}

has_new_workers() { # OLD
	local now

	now=$(workers) && [ "$now" != "$1" ]
}

@test "s3: a worker killed while it verifies costs nothing" {
	local old

	mount_seed
	write owl "an owl"
	cat "$MNT/thumbs/owl.jpg" >/dev/null # no worker is busy with it any more
	old=$(workers)
	[ -n "$old" ]
	# shellcheck disable=SC2086 # pids
	kill -STOP $old
	background start_write fox "a fox"
	wait_until is_handed_over
	# shellcheck disable=SC2086
	kill -KILL $old
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit "a fox")"
	same 1 "$(record fox '.attempts | length')"
	wait_until has_new_workers "$old"
}

@test "s3: workers killed again and again cost nothing" {
	local n=0

	mount_seed
	background start_write fox "a fox"
	until ended "$JOB"; do
		is_handed_over || continue
		[ "$n" -lt 4 ] || continue
		n=$((n + 1))
		# shellcheck disable=SC2046 # pids
		kill -KILL $(workers) 2>/dev/null || true
	done
	[ "$n" -gt 0 ]
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
}

# A worker has 60 s. Builds with crash points may take less.
@test "s3: a worker that hangs costs nothing" {
	local old

	grep -q SEED_WORKER_LIMIT_MS "$SEEDFS" || skip "a build without a worker's limit to set"
	export SEED_WORKER_LIMIT_MS=2000
	mount_seed
	write owl "an owl"
	cat "$MNT/thumbs/owl.jpg" >/dev/null
	old=$(workers)
	# shellcheck disable=SC2086
	kill -STOP $old
	WAIT=60 same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit "a fox")"
}

# --- a newer text that is never committed ----------------------------------------------

crash_at() { # N COMMAND…
	local n=$1 status=0

	shift
	rm -rf "$STATE"
	cp -a "$DIR/base" "$STATE"
	SEED_CRASH_AT=$n start_seedfs -o "$(usual_options)" "$MNT"
	wait_until mounted_or_ended
	("$@") >/dev/null 2>&1 || true
	kill -TERM "$SEED_PID" 2>/dev/null || true
	wait_until ended "$SEED_PID"
	wait "$SEED_PID" 2>/dev/null || status=$?
	SEED_PID=
	umount -l "$MNT" 2>/dev/null || true
	[ "$status" -ne 0 ] || return 1
	same 137 "$status" || exit 1
}

texts_of() { # FILE
	python3 "$FS" png "$1" texts | sed -n 's/^prompt=//p'
}

# The older task is held all the time, and goes on at the mount after the crash.
@test "s3: stopped at every step of a newer text's commit, what it would supersede is kept" {
	local round new paid outcome

	grep -q SEED_CRASH_AT "$SEEDFS" || skip "a build without crash points"
	mount_seed
	config '{"image":"png-1024x576"}'
	HELD='[{"on":"create","prompt":"an old fox","do":{"hold_task":true}}]'
	faults "$HELD"
	background start_write fox "an old fox"
	received poll 1
	kill_seedfs
	mv "$STATE" "$DIR/base"
	for ((round = 1; round < 100; round++)); do
		faults "$HELD" # held again
		new="a new fox in round $round"
		crash_at "$round" try_write fox "$new" || break
		release
		mount_seed
		outcome=$(try_open images/fox.png)
		paid=$(count accepted "in round $round")
		wait_until nothing_is_pending || fail "round $round: $(ls "$STATE/pending")"
		if [ "$outcome" = EIO ]; then
			# Only where nobody can know whether the newer was accepted.
			has "$(record fox .error.message)" "may have been accepted"
			same "$round: an old fox" "$round: $(texts_of "$MNT/history/fox/0001.png")"
			stop_seedfs
			continue
		fi
		same "$round: ok" "$round: $outcome"
		if [ "$(cat "$MNT/prompts/fox")" = "$new" ]; then
			same "$round: 1 $new" "$round: $paid $(texts_of "$MNT/images/fox.png")"
			same "$round: an old fox" "$round: $(texts_of "$MNT/history/fox/0001.png")"
			same "$round: 1" "$round: $(files history/fox)"
		else
			same "$round: 0 an old fox" "$round: $paid $(texts_of "$MNT/images/fox.png")"
			same "$round: an old fox" "$round: $(cat "$MNT/prompts/fox")"
			same "$round: 0" "$round: $(find "$STATE/history" -name '*.png' | wc -l)"
		fi
		same "$round: verified" "$round: $(record fox .state)"
		stop_seedfs
	done
	[ "$round" -gt 8 ] || fail "only $round points"
	[ "$round" -lt 100 ]
	same 1 "$(count accepted "an old fox")"
}
