#!/usr/bin/env bats
# `man seed`, never worse: earlier images.

load helper

# Each version of NAME, oldest first: the hash of its bytes.
versions() { # NAME
	(cd "$MNT/history/$1" && sha256sum -- *.png | cut -c 1-12)
}

hash_of() { # FILE below the mount
	sha256sum <"$MNT/$1" | cut -c 1-12
}

@test "s1: an image that is replaced goes to history, oldest first" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	write fox "second"
	two=$(hash_of images/fox.png)
	same 0001.png "$(ls "$MNT/history/fox")"
	write fox "third"
	same $'0001.png\n0002.png' "$(ls "$MNT/history/fox")"
	same "$one"$'\n'"$two" "$(versions fox)"
	is_verified fox
	same '["0001.png","0002.png"]' "$(record fox '.versions | tojson')"
}

@test "s1: a name that has one image has no history" {
	mount_seed
	write fox "first"
	same "" "$(ls "$MNT/history")"
	same ENOENT "$(try_open history/fox/0001.png)"
}

@test "s1: history is read-only; rm is allowed there" {
	need_root
	mount_seed
	write fox "first"
	write fox "second"
	same 444 "$(stat -c %a "$MNT/history/fox/0001.png")"
	same "open EROFS" "$(python3 "$FS" write "$MNT/history/fox/0001.png" text --append)"
	same "open EROFS" "$(python3 "$FS" write "$MNT/history/fox/0009.png" text)"
	rm "$MNT/history/fox/0001.png"
	same "" "$(ls "$MNT/history/fox" 2>/dev/null)"
	same '[]' "$(record fox '.versions | tojson')"
	is_verified fox
}

@test "s3: while a new prompt runs the earlier image is in history, never at images/NAME.png" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "second"
	received accepted 2
	same "$one" "$(versions fox)"
	same EAGAIN "$(try_open images/fox.png --nonblock)"
	same "" "$(ls "$MNT/images")"
	release
	job_ends 0 "$JOB"
	is_verified fox
	[ "$(hash_of images/fox.png)" != "$one" ]
}

@test "s3: a failed regeneration leaves the error, and the earlier image in history" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "second")"
	same EDQUOT "$(try_open images/fox.png)"
	same "$one" "$(versions fox)"
	stop_seedfs
	mount_seed
	same EDQUOT "$(try_open images/fox.png)"
	same "$one" "$(versions fox)"
}

@test "s1: mv history/NAME/0001.png images/NAME.png makes it current; the current one goes to history" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	write fox "second"
	two=$(hash_of images/fox.png)
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "$one" "$(hash_of images/fox.png)"
	same "$two" "$(versions fox)"
	same 2 "$(count submit)"
	same verified "$(record fox .state)"
	same "$one" "$(record fox .image.sha256 | cut -c 1-12)"
	stop_seedfs
	mount_seed
	same "$one" "$(hash_of images/fox.png)"
	same "$two" "$(versions fox)"
}

@test "s1: mv from history mends a failed regeneration" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "second")"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "$one" "$(hash_of images/fox.png)"
	same verified "$(record fox .state)"
	same fox.png "$(ls "$MNT/images")"
}

@test "s3: a version that was damaged is not restored, and stays what it is" {
	local version=$STATE/history/fox/0001.png row

	mount_seed
	write fox "first"
	write fox "second"
	two=$(hash_of images/fox.png)
	cp "$version" "$DIR/whole.png"
	row=$(<"$STATE/history/fox/0001.json")
	damage() { # COMMAND…
		cp "$DIR/whole.png" "$version"
		"$@"
		run timeout -s KILL 20 mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
		has "$output" "Bad message"
		has "$(status_texts fox | tail -n 1)$(tail -n 1 "$MNT/status")" "history/fox/0001.png is not the image that was verified"
		same "$two" "$(hash_of images/fox.png)"
		same second "$(record fox .prompt)"
	}
	damage dd of="$version" if=/dev/zero bs=1 seek=40000 count=4 conv=notrunc status=none
	damage truncate -s 30000 "$version"
	damage truncate -s 0 "$version"
	damage truncate -s 1T "$version"
	damage cp "$STATE/images/fox.png" "$version"
	same "$row" "$(<"$STATE/history/fox/0001.json")"
	# Nor is what is no image, where no record says what it was.
	rm "$STATE/history/fox/0001.json"
	damage dd of="$version" if=/dev/urandom bs=5000 count=1 status=none
	damage dd of="$version" if=/dev/zero bs=1 seek=40000 count=4 conv=notrunc status=none
	damage truncate -s -12 "$version"
	printf '{"state":"fai' >"$STATE/history/fox/0001.json"
	damage truncate -s -12 "$version"
	cp "$DIR/whole.png" "$version"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "2048x1152" "$(record fox .resolution)"
}

@test "s1: mv from history to another name's image is refused" {
	mount_seed
	write fox "a fox"
	write fox "another fox"
	write owl "an owl"
	owl=$(hash_of images/owl.png)
	one=$(versions fox)
	fails mv "$MNT/history/fox/0001.png" "$MNT/images/owl.png"
	same "$owl" "$(hash_of images/owl.png)"
	same "$one" "$(versions fox)"
}

@test "s3: a version with the highest number is an error, and no later one is lost" {
	mount_seed
	write fox "first"
	write fox "second"
	cp "$STATE/history/fox/0001.png" "$STATE/history/fox/99999999.png"
	two=$(hash_of images/fox.png)
	same "close EFBIG" "$(try_write fox "third")"
	has "$(<"$MNT/status")" "history/fox has a version 99999999: no later one has a number"
	same "$two" "$(hash_of images/fox.png)"
	same second "$(<"$MNT/prompts/fox")"
	rm "$MNT/history/fox/99999999.png"
	write fox "third"
	write fox "fourth"
	same 3 "$(versions fox | wc -w)"
}

@test "s7: history=N keeps the newest N" {
	mount_seed -o history=2
	config '{"image":"png-1024x576"}'
	hashes=()
	for n in 1 2 3 4 5; do
		write fox "fox $n"
		hashes+=("$(hash_of images/fox.png)")
	done
	same "${hashes[2]}"$'\n'"${hashes[3]}" "$(versions fox)"
	same "${hashes[4]}" "$(hash_of images/fox.png)"
}

@test "s7: history=0 keeps none" {
	mount_seed -o history=0
	write fox "first"
	write fox "second"
	same "" "$(ls "$MNT/history/fox" 2>/dev/null)"
	is_verified fox
}

@test "s2.5: new text supersedes what runs: its waiters get ECANCELED" {
	mount_seed
	faults '[{"on":"create","prompt":"first","do":{"hold_task":true}}]'
	background try_write fox "first"
	received accepted 1
	same ok "$(try_write fox "second")"
	job_ends 0 "$JOB"
	same "close ECANCELED" "$(cat "$JOB_OUT")"
	is_verified fox
	same second "$(record fox .prompt)"
}

@test "s2.5: the superseded image, accepted and paid for, still goes to history when it comes" {
	mount_seed
	faults '[{"on":"create","prompt":"first","do":{"hold_task":true}}]'
	background try_write fox "first"
	received poll 1
	same ok "$(try_write fox "second")"
	two=$(hash_of images/fox.png)
	release
	wait_until test -e "$MNT/history/fox/0001.png"
	curl -sS --noproxy '*' -o "$DIR/first" "$API/files/png/$(first_seed).png"
	same "$(pixels "$DIR/first")" "$(pixels "$MNT/history/fox/0001.png")"
	same "$two" "$(hash_of images/fox.png)"
	same 2 "$(count submit)"
}

# The seed of the picture that the service drew for the first task.
first_seed() {
	log_of image -s -r '[.[] | select(.prompt == "first")][0].path' | sed 's|.*/||; s|\..*||'
}

@test "s2.5: a superseded prompt that was still queued costs nothing" {
	mount_seed -o jobs=1
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write owl "an owl"
	received accepted 1
	background try_write fox "first"
	wait_until state_is fox queued
	background try_write fox "second"
	second=$JOB
	release
	job_ends 0 "$second"
	is_verified fox
	same 0 "$(count submit first)"
	same 1 "$(count submit second)"
}

@test "s3: history survives kill -9" {
	mount_seed
	for n in 1 2 3; do write fox "fox $n"; done
	before=$(versions fox)
	kill_seedfs
	mount_seed
	same "$before" "$(versions fox)"
	is_verified fox
}

@test "s2.10: rm prompts/NAME keeps its history" {
	mount_seed
	write fox "first"
	write fox "second"
	before=$(versions fox)
	rm "$MNT/prompts/fox"
	same "$before" "$(versions fox)"
}

@test "s3: an image whose prompt was removed goes to history when the name is written again" {
	mount_seed
	write fox "first"
	one=$(hash_of images/fox.png)
	rm "$MNT/prompts/fox"
	write fox "second"
	same "$one" "$(versions fox)"
}

@test "s1: an image that is made anew is there, or is waited for, at any moment" {
	PROVIDER=sketch mount_seed -o size=256x144
	write fox "a fox"
	for how in write restore rename; do
		timeout 50 python3 "$HERE/reroll.py" "$MNT" "$how" 30
	done
}

# Whoever has a file open reads it to its end, whatever happens to its name.
reads_on() { # PATH… -- COMMAND…
	python3 "$HERE/reading.py" "$MNT" "$@"
}

@test "s1: a version, a record, an image and a thumbnail that are open are read to their end" {
	mount_seed -o history=1
	mkdir "$MNT/prompts/a"
	local name
	for name in fox hen elk owl a/cow; do
		write "$name" "first"
		write "$name" "second"
		cat "$MNT/thumbs/$name.jpg" "$MNT/thumbs/$name/0001.jpg" >/dev/null
	done
	all() { echo "prompts/$1 images/$1.png records/$1.json history/$1/0001.png thumbs/$1.jpg thumbs/$1/0001.jpg"; }
	# shellcheck disable=SC2046 # paths without spaces
	{
		reads_on $(all fox) -- mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
		reads_on $(all a/cow) -- mv "$MNT/prompts/a" "$MNT/prompts/b"
		reads_on $(all hen) -- rm "$MNT/history/hen/0001.png" "$MNT/records/hen.json" "$MNT/images/hen.png" "$MNT/prompts/hen"
		reads_on history/elk/0001.png thumbs/elk/0001.jpg -- \
			mv "$MNT/history/elk/0001.png" "$MNT/images/elk.png"
		# The oldest makes room for the newest.
		write owl "third"
		reads_on history/owl/0002.png thumbs/owl/0002.jpg -- sh -c "echo fourth >'$MNT/prompts/owl'"
		same 0003.png "$(ls "$MNT/history/owl")"
	}
}
