#!/usr/bin/env bats
# What the kernel keeps of images/ is never what somebody sees as the present.

load helper

# Names and attributes are kept from here on, for a moment.
keep() {
	ls -lR "$MNT/images" >/dev/null
}

# It waits in openat(2), not in the question that precedes it.
is_opening() { # PID
	[[ $(<"/proc/$1/syscall") == 257\ * ]] && is_waiting "$1"
}

more_setup() {
	need_fuse
}

@test "s1: eight readers never see an old image after close() returned" {
	start_seedfs -o "provider=sketch,state=$STATE,size=64x36,history=3" "$MNT"
	wait_mounted
	run python3 "$ROOT/tests/mount/readers.py" "$MNT" "$STATE" "${REWRITES:-50}" 8
	[ "$status" -eq 0 ] || fail "$output"
	[ "$output" -ge 50 ] || fail "looked $output times"
}

@test "s3: a prompt that failed is at its image at once, also while the earlier one is open" {
	mount_seed
	write fox "a fox"
	exec 5<"$MNT/images/fox.png"
	keep
	faults '[{"on":"create","do":{"code":402,"msg":"not enough credits"}}]'
	same "close EDQUOT" "$(try_write fox "another fox")"
	fails test -e "$MNT/images/fox.png"
	same EDQUOT "$(try_open images/fox.png)"
	cmp "$STATE/history/fox/0001.png" - <&5
	exec 5<&-
}

@test "s1: who has an earlier image open reads on in it, and sees its size and time" {
	local before

	mount_seed
	write fox "a fox"
	before=$(stat -c '%i %s %Y' "$MNT/images/fox.png")
	exec 5<"$MNT/images/fox.png"
	write fox "another fox"
	same "$before" "$(stat -L -c '%i %s %Y' - <&5)"
	cmp "$STATE/history/fox/0001.png" - <&5
	cmp "$STATE/images/fox.png" "$MNT/images/fox.png"
	exec 5<&-
}

@test "s1: who looks at a name and then opens it finds the same file" {
	local i

	mount_seed
	write fox "a fox"
	for i in 1 2 3; do
		keep
		write fox "fox number $i"
		cp "$MNT/images/fox.png" "$DIR/fox.png"
		cmp "$STATE/images/fox.png" "$DIR/fox.png"
		keep
		write fox "fox number $i again"
		same "$(stat -c %i "$MNT/images/fox.png")" "$(stat -L -c %i - <"$MNT/images/fox.png")"
	done
}

@test "s2: a renamed prompt's image has its new name at once, and no other" {
	mount_seed
	write fox "a fox"
	keep
	mv "$MNT/prompts/fox" "$MNT/prompts/reynard"
	fails test -e "$MNT/images/fox.png"
	cmp "$STATE/images/reynard.png" "$MNT/images/reynard.png"
	keep
	mv "$MNT/prompts/reynard" "$MNT/prompts/fox"
	fails cat "$MNT/images/reynard.png"
	cmp "$STATE/images/fox.png" "$MNT/images/fox.png"
}

@test "s1: a renamed or removed folder is gone from images/ at once" {
	mount_seed
	mkdir -p "$MNT/prompts/shots/one"
	write shots/one/fox "a fox"
	keep
	mv "$MNT/prompts/shots" "$MNT/prompts/takes"
	fails ls "$MNT/images/shots"
	fails test -e "$MNT/images/shots/one/fox.png"
	same fox.png "$(ls "$MNT/images/takes/one")"
	keep
	rm -r "$MNT/images/takes/one/fox.png" "$MNT/prompts/takes"
	wait_until fails test -e "$MNT/images/takes/one/fox.png"
	mkdir "$MNT/prompts/takes"
	keep
	rmdir "$MNT/prompts/takes"
	fails test -e "$MNT/images/takes"
}

@test "s1: a version that is current again is at its name at once" {
	mount_seed
	write fox "a fox"
	write fox "another fox"
	keep
	ls -l "$MNT/history/fox" >/dev/null
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	cmp "$STATE/images/fox.png" "$MNT/images/fox.png"
	same "$(stat -c %s "$STATE/images/fox.png")" "$(stat -c %s "$MNT/images/fox.png")"
	has "$(strings "$MNT/images/fox.png")" "a fox"
}

@test "s1: a folder's time and links are true after an image came and a folder was made" {
	mount_seed
	keep
	write fox "a fox"
	same "$(stat -c '%.9Y %h' "$STATE/images")" "$(stat -c '%.9Y %h' "$MNT/images")"
	keep
	mkdir "$MNT/prompts/shots"
	same "$(stat -c '%.9Y %h' "$STATE/images")" "$(stat -c '%.9Y %h' "$MNT/images")"
	keep
	rmdir "$MNT/prompts/shots"
	same "$(stat -c '%.9Y %h' "$STATE/images")" "$(stat -c '%.9Y %h' "$MNT/images")"
}

@test "s1: a listing with attributes has each image's own, and none of a pending one" {
	mount_seed
	write fox "a fox"
	mkdir "$MNT/prompts/shots"
	write shots/wolf "a wolf"
	for path in fox shots/wolf; do
		same "$(stat -c '%s %.9Y' "$STATE/images/$path.png")" \
			"$(ls -lR "$MNT/images" >/dev/null; stat -c '%s %.9Y' "$MNT/images/$path.png")"
	done
	same "$(cd "$STATE/images" && find . -printf '%p %s\n' | grep png | sort)" \
		"$(cd "$MNT/images" && find . -printf '%p %s\n' | grep png | sort)"
	same "$(find "$MNT/images" -printf '%i\n' | sort | uniq -d)" ""
}

@test "s3: who waits for a pending image has it as the file that he looked at" {
	local before

	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received accepted 1
	before=$(stat -c %i "$MNT/images/fox.png")
	background cp "$MNT/images/fox.png" "$DIR/fox.png"
	wait_until is_opening "$JOB"
	release
	job_ends 0 "$JOB"
	cmp "$STATE/images/fox.png" "$DIR/fox.png"
	same "$before" "$(stat -c %i "$MNT/images/fox.png")"
	same "$before fox.png" "$(ls -i "$MNT/images")"
}

@test "s1: attributes of a name are those of its newest image" {
	mount_seed
	write fox "a fox"
	keep
	exec 5<"$MNT/images/fox.png"
	write fox "another fox"
	has "$(getfattr -d "$MNT/images/fox.png")" "sha256=\"$(record fox .image.sha256)\""
	write fox "a third fox"
	same "$(record fox .image.sha256)" \
		"$(getfattr --only-values -n user.seed.sha256 "$MNT/images/fox.png")"
	exec 5<&-
}
