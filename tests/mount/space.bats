#!/usr/bin/env bats
# `man seed`: a full state directory is ENOSPC; what was there stays, and
# what is paid for is kept until there is room.

load helper

more_setup() {
	need_root
	mount -t tmpfs -o size=12m,mode=700 tmpfs "$STATE"
}

more_teardown() {
	stop_seedfs
	umount "$STATE"
}

fill() {
	dd if=/dev/zero of="$STATE/fill" bs=64k status=none 2>/dev/null || true
	dd if=/dev/zero of="$STATE/fill2" bs=512 status=none 2>/dev/null || true
}

pending_are() { # COUNT
	same "$1" "$(find "$STATE/pending" -name '*.json' | wc -l)"
}

make_room() {
	rm -f "$STATE/fill" "$STATE/fill2"
}

@test "s3: with the state directory full, close gives ENOSPC and what was there stays" {
	mount_seed
	write fox "a fox"
	before=$(pixels "$MNT/images/fox.png")
	# What is removed, or is made, after that would be room.
	wait_until nothing_is_pending
	wait_until has_thumb fox
	fill
	has "$(try_write fox "another fox")" ENOSPC
	has "$(try_write owl "an owl")" ENOSPC
	same 1 "$(count submit)"
	same "a fox" "$(cat "$MNT/prompts/fox")"
	same "$before" "$(pixels "$MNT/images/fox.png")"
	same fox "$(ls "$STATE/prompts")"
	# One that was there before stays, empty as it was.
	touch "$MNT/prompts/hen"
	has "$(try_write hen "a hen")" ENOSPC
	same $'fox\nhen' "$(ls "$STATE/prompts")"
	make_room
	write owl "an owl"
	is_verified owl
	is_verified fox
	same 2 "$(count submit)"
	wait_until nothing_is_pending
}

@test "s7: prompts that were not sent yet outlive a mount on a full disk" {
	local name names="fox owl hen cat"

	mount_seed
	faults '[{"on":"create","do":{"status":429,"retry_after":"60"}}]'
	for name in $names; do
		python3 "$FS" write "$MNT/prompts/$name" "a $name" --nonblock
	done
	wait_until pending_are 4
	kill_seedfs
	umount -l "$MNT"
	fill
	mount_seed
	sleep 2.5 # one more try
	pending_are 4
	same queued "$(record owl .state)"
	kill_seedfs
	umount -l "$MNT"
	make_room
	faults '[]'
	mount_seed
	for name in $names; do
		WAIT=20 wait_until is_verified "$name"
	done
	same 4 "$(count accepted)"
	wait_until nothing_is_pending
}

@test "s3: a failure that cannot be stored keeps nobody from the same answer" {
	mount_seed -o jobs=1
	faults '[{"on":"create","do":{"hold_task":true,"fail":{"failCode":"500","failMsg":"broken"}}}]'
	background try_write fox "a fox"
	received poll 1
	background try_write owl "an owl"
	wait_until grep -q "^owl .*jobs" "$MNT/queue"
	fill
	release
	job_ends 0 "$JOB"
	same "close ENOSPC" "$(<"$JOB_OUT")"
	same 0 "$(count create "an owl")"
	make_room
	wait_until nothing_is_pending
}

@test "s3: a paid image that finds no space is kept, and stored when there is room" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	fill
	release
	job_ends 0 "$JOB"
	same "close ENOSPC" "$(cat "$JOB_OUT")"
	make_room
	wait_until test -s "$MNT/images/fox.png"
	is_verified fox
	same 1 "$(count submit)"
	wait_until nothing_is_pending
}

@test "s3: a task that was accepted while the disk was full is journalled by the stop, and asked for" {
	mount_seed
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "a fox"
	received submit 1
	fill
	release
	wait_until grep -q "The task id cannot be stored" "$DIR/err"
	kill -TERM "$SEED_PID"
	make_room
	stop_seedfs
	mount_seed
	wait_until test -s "$MNT/images/fox.png"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a task that was accepted on a full disk is known after kill -9" {
	mount_seed
	faults '[{"on":"create","do":{"hold":true}}]'
	# Not what is left of a page by chance.
	background try_write fox "a fox, $(printf '%05000d' 0)"
	received submit 1
	fill
	release
	wait_until grep -q "The task id cannot be stored" "$DIR/err"
	kill_seedfs
	make_room
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
	wait_until nothing_is_pending
}

@test "s3: on a full disk, what came just before can be removed" {
	mount_seed
	write fox "a fox"
	fill
	rm "$MNT/images/fox.png"
	make_room
	write owl "an owl"
	is_verified owl
	wait_until nothing_is_pending
	same 2 "$(cut -d' ' -f2 "$STATE/spent" | head -n 1)"
}
