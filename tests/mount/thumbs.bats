#!/usr/bin/env bats
# `man seed`: thumbs/.

load helper

# A whole JPEG, decoded by others' code: "WIDTHxHEIGHT".
jpeg_size() { # FILE
	python3 - "$1" <<-'PYTHON'
		import sys
		data = open(sys.argv[1], "rb").read()
		assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9", "no whole JPEG"
		at = 2
		while data[at + 1] not in (0xC0, 0xC1, 0xC2):
		    at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
		print(f"{int.from_bytes(data[at + 7:at + 9], 'big')}x{int.from_bytes(data[at + 5:at + 7], 'big')}")
	PYTHON
}

thumbs() { # all that are listed, one a line
	(cd "$MNT/thumbs" && find . -type f | sort)
}

thumbs_are() { # LINES
	[ "$(thumbs)" = "$1" ]
}

is_thumb() { # PATH below thumbs/
	local bytes

	same 480x270 "$(jpeg_size "$MNT/thumbs/$1")" || return 1
	bytes=$(stat -c %s "$MNT/thumbs/$1")
	if [ "$bytes" -lt 1000 ] || [ "$bytes" -gt 100000 ]; then fail "$1 has $bytes bytes"; fi
	same "$bytes" "$(wc -c <"$MNT/thumbs/$1")"
}

@test "s1: each verified image gets a thumbnail, also in a folder" {
	mount_seed
	mkdir "$MNT/prompts/shot"
	write fox "a fox"
	write shot/sky "a sky"
	wait_until thumbs_are $'./fox.jpg\n./shot/sky.jpg'
	is_thumb fox.jpg
	is_thumb shot/sky.jpg
	same "444 $(stat -c %Y "$MNT/images/fox.png")" "$(stat -c '%a %Y' "$MNT/thumbs/fox.jpg")"
	has "$(ls "$MNT")" thumbs
	same 2 "$(count create)"
}

@test "s1: a thumbnail shows its image" {
	mount_seed
	write fox "a fox"
	# The whole of it, and nothing else: scaled, they are alike.
	[ "$(psnr "$MNT/images/fox.png" "$MNT/thumbs/fox.jpg")" -ge 25 ]
	write owl "an owl"
	[ "$(psnr "$MNT/images/owl.png" "$MNT/thumbs/fox.jpg")" -lt 25 ]
}

@test "s1: a sketch has a thumbnail" {
	start_seedfs -o "provider=sketch,state=$STATE" "$MNT"
	wait_mounted
	write fox "a fox in the snow"
	wait_until thumbs_are ./fox.jpg
	is_thumb fox.jpg
}

@test "s1: thumbnails follow a new version, a restored one, a rename and a removal" {
	local old new

	mount_seed
	write fox "a fox"
	wait_until thumbs_are ./fox.jpg
	old=$(sha256sum <"$MNT/thumbs/fox.jpg")
	write fox "another fox"
	wait_until thumbs_are $'./fox.jpg\n./fox/0001.jpg'
	new=$(sha256sum <"$MNT/thumbs/fox.jpg")
	fails same "$old" "$new" 2>/dev/null
	same "$old" "$(sha256sum <"$MNT/thumbs/fox/0001.jpg")"
	mv "$MNT/prompts/fox" "$MNT/prompts/owl"
	same $'./owl.jpg\n./owl/0001.jpg' "$(thumbs)"
	same "$new" "$(sha256sum <"$MNT/thumbs/owl.jpg")"
	mv "$MNT/history/owl/0001.png" "$MNT/images/owl.png"
	same "$old" "$(sha256sum <"$MNT/thumbs/owl.jpg")"
	same "$new" "$(sha256sum <"$MNT/thumbs/owl/$(ls "$MNT/thumbs/owl")")"
	rm "$MNT/images/owl.png"
	fails cat "$MNT/thumbs/owl.jpg" 2>/dev/null
	rm "$MNT/history/owl/"*.png
	same "" "$(thumbs)"
	# Nothing is left of those that are gone.
	same "" "$(ls "$STATE/thumbs")"
}

@test "s1: a thumbnail that is missing is made when it is opened" {
	mount_seed
	write fox "a fox"
	write fox "another fox"
	wait_until thumbs_are $'./fox.jpg\n./fox/0001.jpg'
	sha256sum <"$MNT/thumbs/fox.jpg" >"$DIR/was"
	rm "$STATE/thumbs/"*.jpg
	same "" "$(thumbs)"
	same 0 "$(stat -c %s "$MNT/thumbs/fox.jpg")"
	same "$(<"$DIR/was")" "$(sha256sum <"$MNT/thumbs/fox.jpg")"
	same ./fox.jpg "$(thumbs)"
	# Many at once, and through the page cache.
	rm "$STATE/thumbs/"*.jpg
	for _ in {1..20}; do background cat "$MNT/thumbs/fox.jpg"; done
	for pid in "${JOBS[@]}"; do job_ends 0 "$pid"; done
	is_thumb fox.jpg
	is_thumb fox/0001.jpg
	same "" "$(ls "$STATE/tmp")"
}

@test "s1: thumbs/ cannot be written, and has nothing of what is no image" {
	mount_seed
	write fox "a fox"
	wait_until thumbs_are ./fox.jpg
	same EROFS "$(errno_of 'open("thumbs/fox.jpg", "w")')"
	same EROFS "$(errno_of 'open("thumbs/new.jpg", "w")')"
	same EROFS "$(errno_of 'os.unlink("thumbs/fox.jpg")')"
	same EROFS "$(errno_of 'os.rename("thumbs/fox.jpg", "thumbs/owl.jpg")')"
	same EROFS "$(errno_of 'os.mkdir("thumbs/d")')"
	same EROFS "$(errno_of 'os.chmod("thumbs/fox.jpg", 0o644)')"
	same ENOENT "$(errno_of 'open("thumbs/owl.jpg")')"
	same ENOENT "$(errno_of 'open("thumbs/fox.png")')"
	same ENOENT "$(errno_of 'open("thumbs/fox")')"
}

errno_of() { # PYTHON expression, in the mount
	(cd "$MNT" && python3 -c "
import errno, os
try:
    $1
except OSError as error:
    print(errno.errorcode[error.errno])
")
}

@test "s1: an image that is no picture any more has no thumbnail, and the log says so" {
	mount_seed
	write fox "a fox"
	wait_until thumbs_are ./fox.jpg
	printf 'no picture' >"$STATE/images/bad.png"
	same EIO "$(errno_of 'open("thumbs/bad.jpg")')"
	has "$(status_texts bad.png)" "No thumbnail"
	is_thumb fox.jpg
}

@test "s1: a read-only mount shows the thumbnails that are there" {
	mount_seed
	write fox "a fox"
	write owl "an owl"
	wait_until thumbs_are $'./fox.jpg\n./owl.jpg'
	stop_seedfs
	rm "$(find "$STATE/thumbs" -type f -print -quit)"
	mount_seed -o ro
	same 1 "$(thumbs | wc -l)"
	is_thumb "$(thumbs)"
}
