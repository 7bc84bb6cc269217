#!/usr/bin/env bats
# `man seed`: never twice, never lost, over the end of the program.

load helper

hold_tasks() {
	faults '[{"on":"create","do":{"hold_task":true}}]'
}

# fox is at the service; its writer waits in $JOB.
with_a_running_task() {
	mount_seed
	hold_tasks
	background try_write fox "a fox"
	received poll 1
	TASK=$(log_of accepted .task)
}

all_are_polled() { # N
	[ "$(log_of poll .query.taskId | sort -u | wc -l)" -eq "$1" ]
}

goes_on() {
	mount_seed
	same "$TASK" "$(record fox .task_id)"
	release
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "$TASK" "$(record fox .task_id)"
	same 1 "$(count submit)"
	same "$TASK" "$(log_of poll .query.taskId | sort -u)"
	wait_until nothing_is_pending
}

@test "s3: what runs at SIGTERM goes on at the next mount with the same task id" {
	with_a_running_task
	stop_seedfs
	job_ends 0 "$JOB"
	same "close ESHUTDOWN" "$(cat "$JOB_OUT")"
	goes_on
}

@test "s3: what runs at kill -9 goes on at the next mount with the same task id" {
	with_a_running_task
	kill_seedfs
	goes_on
}

@test "s3: what runs at umount -l goes on at the next mount with the same task id" {
	need_root
	with_a_running_task
	umount -l "$MNT"
	stop_seedfs
	goes_on
}

@test "s3: a task that ended while nothing was mounted is fetched" {
	with_a_running_task
	kill_seedfs
	release
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: what is downloaded at kill -9 is downloaded again, not generated again" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"hold":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a submission cut off before its answer is never submitted again" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_seed
	wait_until state_is fox failed
	fails test -e "$MNT/images/fox.png"
	[ -n "$(record fox .error.message)" ]
	write owl "an owl"
	same 1 "$(count create fox)"
}

@test "s3: prompts that were queued are submitted at the next mount" {
	mount_seed -o jobs=1
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	background try_write owl "an owl"
	wait_until state_is owl queued
	kill_seedfs
	mount_seed
	release
	same ok "$(try_open images/fox.png)"
	same ok "$(try_open images/owl.png)"
	is_verified owl
	same 1 "$(count submit fox)"
	same 1 "$(count submit owl)"
}

@test "s3: no verified image is lost" {
	mount_seed
	for name in one two three; do write "$name" "picture $name"; done
	sums=$(cd "$MNT" && sha256sum images/* prompts/* records/*)
	kill_seedfs
	mount_seed
	same "$sums" "$(cd "$MNT" && sha256sum images/* prompts/* records/*)"
	stop_seedfs
	mount_seed
	same "$sums" "$(cd "$MNT" && sha256sum images/* prompts/* records/*)"
	same 3 "$(count submit)"
}

@test "s3: twenty running tasks survive kill -9" {
	mount_seed
	config '{"image":"png-1024x576"}'
	hold_tasks
	background python3 "$FS" many "$MNT/prompts" 20
	# Accepted and answered: the program knows the id when it asks for it.
	wait_until all_are_polled 20
	kill_seedfs
	mount_seed
	release
	for n in $(seq -f %05g 0 19); do same ok "$(try_open "images/p$n.png")"; done
	same 20 "$(count submit)"
	same 20 "$(files images)"
}

@test "s3: a second kill -9 during recovery changes nothing" {
	with_a_running_task
	for _ in 1 2 3; do
		kill_seedfs
		mount_seed
	done
	kill_seedfs
	goes_on
}

@test "s7: the mount of a crashed program is detached first" {
	mount_seed
	write fox "a fox"
	kill_seedfs
	run ls "$MNT"
	has "$output" "Transport endpoint is not connected"
	mount_seed
	same fox.png "$(ls "$MNT/images")"
	same 1 "$(mounts_here | wc -l)"
}

tells_where() {
	[[ $(status_texts fox) == *"its task is at kie: mount with provider=kie"* ]]
}

@test "s3: a task of another provider is not asked for, not submitted again, and not lost" {
	with_a_running_task
	kill_seedfs
	PROVIDER=fal mount_seed -o "api_base=$API/fal"
	wait_until tells_where
	same EIO "$(try_open images/fox.png)"
	same 1 "$(count submit)"
	stop_seedfs
	release
	mount_seed
	wait_until is_verified fox
	same "$TASK" "$(record fox .task_id)"
	same 1 "$(count submit)"
	wait_until nothing_is_pending
}

@test "s3: what no service has accepted yet is asked for at the provider of the next mount" {
	mount_seed
	faults '[{"on":"create","times":1000,"do":{"status":429,"retry_after":"1"}}]'
	background try_write fox "a fox"
	received create 1
	wait_until step_is queued # known not to be accepted
	kill_seedfs
	faults '[]'
	PROVIDER=fal mount_seed -o "api_base=$API/fal"
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same fal "$(record fox .provider)"
	has "$(record fox .model)" fal-ai
	same 1 "$(count accepted)"
}

@test "s7: what was to be drawn is never paid for at the next mount" {
	local options

	for options in provider=sketch "$(usual_options),dry_run"; do
		rm -rf "$STATE"
		mkdir -m 700 "$STATE"
		start_seedfs -o "$options,jobs=1" -o "state=$STATE" "$MNT"
		wait_mounted
		for i in 1 2 3 4 5 6; do
			try_write "fox$i" "a fox $i" --nonblock
		done
		kill_seedfs
		step_is queued
		mount_seed
		wait_until state_is fox6 failed
		has "$(record fox6 .error.message)" "not submitted: it was written while provider"
		write fox6 "a fox again"
		is_verified fox6
		stop_seedfs
	done
	same 2 "$(count submit)"
}

@test "s3: a task id that could not be stored is stored as soon as there is space" {
	need_root
	mount -t tmpfs -o size=8m,mode=700 tmpfs "$STATE" || skip "no tmpfs may be mounted here"
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true,"delay_ms":1500}}]'
	background try_write fox "a fox"
	received create 1
	head -c 9m /dev/zero >"$STATE/full" 2>/dev/null || :
	received poll 1
	rm "$STATE/full"
	wait_until step_is accepted
	kill_seedfs
	release
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
	stop_seedfs
	umount "$STATE"
}

# fox is verified, and its row is still in the journal: what the day has spent cannot be
# written, so there was no checkpoint.
with_an_outcome_in_the_journal() {
	mount_seed "${MORE[@]}"
	chmod 500 "$STATE"
	"$@"
	kill_seedfs
	chmod 700 "$STATE"
	step_is commit
}

@test "s3: a row that came without its picture, as a copy may have it, has it fetched again" {
	with_an_outcome_in_the_journal write fox "a fox"
	cp -a "$STATE" "$DIR/copy"
	for left in 0 1000; do
		rm "$STATE/images/fox.png"
		truncate -s "$left" "$STATE"/pending/*.png
		mount_seed
		wait_until nothing_is_pending
		is_verified fox
		same 1 "$(count submit)"
		stop_seedfs
		rm -rf "$STATE"
		cp -a "$DIR/copy" "$STATE"
	done
	# At the service it is gone, too.
	rm "$STATE/images/fox.png" "$STATE"/pending/*.png
	faults '[{"on":"image","times":1000,"do":{"status":404}},{"on":"poll","times":1000,"do":{"status":404}}]'
	start_seedfs -o "$(usual_options),timeout=2" "$MNT"
	wait_mounted
	wait_until state_is fox failed
	wait_until nothing_is_pending
	fails test -e "$MNT/images/fox.png"
	same 1 "$(count submit)"
}

@test "s3: where the bytes of an answer are gone, the prompt fails, and is not sent again" {
	MORE=(-o "api_base=$API/openai/v1,model=gpt-image-2")
	PROVIDER=openai with_an_outcome_in_the_journal write fox "a fox"
	rm "$STATE/images/fox.png" "$STATE"/pending/*.png
	cp -a "$STATE" "$DIR/copy"
	PROVIDER=openai mount_seed "${MORE[@]}"
	wait_until nothing_is_pending
	is_verified fox
	stop_seedfs
	rm -rf "$STATE"
	mv "$DIR/copy" "$STATE"
	rm "$STATE"/pending/*.source
	PROVIDER=openai mount_seed "${MORE[@]}"
	wait_until nothing_is_pending
	same failed "$(record fox .state)"
	has "$(record fox .error.message)" "its picture is not in the state directory any more"
	same 1 "$(count submit)"
}

@test "s3: a copy of hard links stays as it was when the program goes on" {
	with_a_running_task
	cp -al "$STATE" "$DIR/copy"
	release
	job_ends 0 "$JOB"
	stop_seedfs
	rm -rf "$STATE"
	mv "$DIR/copy" "$STATE"
	step_is accepted
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s1: a prompt that a power cut took has its time, too" {
	local time='2001-02-03 04:05:06.123456789 +0000'

	echo "a fox" >"$DIR/fox"
	touch -d "$time" "$DIR/fox"
	with_an_outcome_in_the_journal cp -p "$DIR/fox" "$MNT/prompts/fox"
	rm "$STATE/prompts/fox"
	: >"$STATE/records/fox.json"
	mount_seed
	same "a fox" "$(cat "$MNT/prompts/fox")"
	same "$time" "$(TZ=UTC stat -c %y "$MNT/prompts/fox")"
	is_verified fox
	same 1 "$(count submit)"
}
