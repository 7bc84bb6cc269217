#!/usr/bin/env bats
# `man seed`: the tree.

load helper

@test "s1: echo into prompts/NAME makes images/NAME.png, exactly 2048x1152" {
	mount_seed
	echo "a red fox in deep snow, low winter sun" >"$MNT/prompts/fox"
	cat "$MNT/images/fox.png" >"$DIR/fox.png"
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$DIR/fox.png" summary)"
	same "a red fox in deep snow, low winter sun" "$(log_of create .prompt)"
}

@test "s1: the tree has the paths of the contract, each with its mode" {
	mount_seed
	write fox "a fox"
	same 644 "$(stat -c %a "$MNT/prompts/fox")"
	same 444 "$(stat -c %a "$MNT/images/fox.png")"
	same 444 "$(stat -c %a "$MNT/records/fox.json")"
	same 444 "$(stat -c %a "$MNT/status")"
	same 444 "$(stat -c %a "$MNT/README")"
	for dir in prompts images records; do
		same directory "$(stat -c %F "$MNT/$dir")"
	done
	has "$(ls "$MNT")" README
	has "$(ls "$MNT")" status
}

@test "s1: README says in ten lines how to use the mount" {
	mount_seed
	same 10 "$(wc -l <"$MNT/README")"
	has "$(cat "$MNT/README")" prompts/
	has "$(cat "$MNT/README")" images/
	same "$(wc -c <"$MNT/README")" "$(stat -c %s "$MNT/README")"
}

@test "s1: prompts/NAME reads as what was written" {
	mount_seed
	printf 'a fox\nin deep snow\n\n' >"$DIR/text"
	cp "$DIR/text" "$MNT/prompts/fox"
	cmp "$DIR/text" "$MNT/prompts/fox"
	same "$(stat -c %s "$DIR/text")" "$(stat -c %s "$MNT/prompts/fox")"
}

@test "s1: looking never generates" {
	mount_seed
	ls -laR "$MNT" >/dev/null
	find "$MNT" -type f -exec cat {} + >/dev/null
	du -sh "$MNT" >/dev/null
	df "$MNT" >/dev/null
	fails stat "$MNT/images/fox.png"
	fails cat "$MNT/images/fox.png"
	fails cat "$MNT/prompts/fox"
	fails cat "$MNT/records/fox.json"
	fails grep -r fox "$MNT/prompts" "$MNT/images" "$MNT/records"
	fails test -e "$MNT/images/.DS_Store"
	same 0 "$(count submit)"
}

@test "s1: looking at what was made generates nothing more" {
	mount_seed
	write fox "a fox"
	ls -laR "$MNT" >/dev/null
	find "$MNT" -type f -exec cat {} + >/dev/null
	file "$MNT/images/fox.png" 2>/dev/null || head -c 100 "$MNT/images/fox.png" >/dev/null
	same 1 "$(count submit)"
	same 1 "$(count image)"
}

@test "s1: a pending image is not listed but can be looked up by name" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received accepted 1
	same "" "$(ls "$MNT/images")"
	same 0 "$(stat -c %s "$MNT/images/fox.png")"
	test -e "$MNT/images/fox.png"
	release
	job_ends 0 "$JOB"
	same fox.png "$(ls "$MNT/images")"
}

@test "s1: what ls images/ lists is whole and readable" {
	mount_seed
	faults '[{"on":"create","prompt":"bad","do":{"fail":{"code":"500","msg":"no"}}}]'
	write fox "a fox"
	fails write wolf "a bad wolf"
	write owl "an owl"
	same $'fox.png\nowl.png' "$(ls "$MNT/images")"
	for name in fox owl; do
		is_verified "$name"
	done
}

@test "s1: nothing under images/ or records/ can be written: EROFS" {
	need_root # others are stopped by the modes before
	mount_seed
	write fox "a fox"
	for path in images/fox.png images/new.png records/fox.json records/new.json; do
		same "open EROFS" "$(python3 "$FS" write "$MNT/$path" text --append)"
		same "open EROFS" "$(python3 "$FS" write "$MNT/$path" text)"
	done
	run mkdir "$MNT/images/dir"
	[ "$status" -ne 0 ]
	has "$output" "Read-only file system"
	run truncate -s 0 "$MNT/images/fox.png"
	[ "$status" -ne 0 ]
	is_verified fox
	same 1 "$(count submit)"
}

@test "s1: rm of an image is allowed; its prompt stays" {
	mount_seed
	write fox "a fox"
	rm "$MNT/images/fox.png"
	same "" "$(ls "$MNT/images")"
	same ENOENT "$(try_open images/fox.png)"
	same "a fox" "$(cat "$MNT/prompts/fox")"
	same 1 "$(count submit)"
}

@test "s1: st_size is the image's size, st_mtime the moment it was verified" {
	mount_seed
	write fox "a fox"
	same "$(wc -c <"$MNT/images/fox.png")" "$(stat -c %s "$MNT/images/fox.png")"
	same "$(record fox .image.bytes)" "$(stat -c %s "$MNT/images/fox.png")"
	same "$(date -d "$(record fox .verified_at)" +%s)" "$(stat -c %Y "$MNT/images/fox.png")"
}

@test "s1: a prompt and an image have the size that tools see before they read" {
	mount_seed
	write fox "a fox"
	tar -C "$MNT" -cf "$DIR/all.tar" images records prompts
	mkdir "$DIR/copy"
	tar -C "$DIR/copy" -xf "$DIR/all.tar"
	cmp "$MNT/images/fox.png" "$DIR/copy/images/fox.png"
	cmp "$MNT/records/fox.json" "$DIR/copy/records/fox.json"
	cmp "$MNT/prompts/fox" "$DIR/copy/prompts/fox"
}

@test "s1: NAME may be any UTF-8, with spaces" {
	mount_seed
	write "Füchse im Schnee 🦊" "a fox"
	is_verified "Füchse im Schnee 🦊"
	same "Füchse im Schnee 🦊.png" "$(ls "$MNT/images")"
}

@test "s1: NAME has at most 250 bytes" {
	mount_seed
	name=$(printf 'n%.0s' {1..250})
	write "$name" "a long name"
	is_verified "$name"
	same "open ENAMETOOLONG" "$(try_write "${name}n" "a longer name")"
	same 1 "$(count submit)"
}

@test "s1: NAME is valid UTF-8 without control characters" {
	mount_seed
	for name in $'a\x01b' $'a\nb' $'a\x7fb' $'a\xffb' $'\xc3'; do
		has "$(try_write "$name" "a fox")" open
	done
	same "" "$(ls "$MNT/prompts")"
	same 0 "$(count submit)"
}

@test "s1: a mount that stays is one that was written to by name only" {
	mount_seed
	for name in one two three; do write "$name" "picture $name"; done
	same $'one\nthree\ntwo' "$(ls "$MNT/prompts")"
	same $'one.png\nthree.png\ntwo.png' "$(ls "$MNT/images")"
	same $'one.json\nthree.json\ntwo.json' "$(ls "$MNT/records")"
}

@test "s1: many readers of one image read the same bytes" {
	mount_seed
	write fox "a fox"
	for _ in 1 2 3 4 5 6 7 8; do background sha256sum "$MNT/images/fox.png"; done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same 1 "$(cat "$DIR"/job.* | sort -u | wc -l)"
	same "$(record fox .image.sha256)" "$(cut -d' ' -f1 "$DIR/job.0")"
}

@test "s1: d_ino is st_ino, of every name, looked up before or not" {
	mount_seed
	mkdir "$MNT/prompts/d"
	for name in a b d/c; do write "$name" "a fox"; done
	write a "a blue fox"
	echo text >"$MNT/prompts/x.tmp"
	mv "$MNT/prompts/b" "$MNT/prompts/e"
	write b "a wolf"
	rm "$MNT/prompts/a"
	exec 8>>"$MNT/prompts/e"
	rm "$MNT/prompts/e"
	write e "a lynx"
	python3 -c '
import os, sys
numbers, count = {}, 0
for folder, folders, files in os.walk(sys.argv[1]):
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        assert entry.inode() == status.st_ino, (entry.path, entry.inode(), status.st_ino)
        assert numbers.setdefault(status.st_ino, entry.path) == entry.path, entry.path
        assert 2**32 < status.st_ino < 2**53
        count += 1
assert count > 25, count' "$MNT"
	exec 8>&-
}
