#!/usr/bin/env bats
# `man seed`: folders, renaming, scratch names, and the
# real tools that need them.
# shellcheck disable=SC2016 # commands for other shells

load helper

# fox exists; a tool changes it: one generation more, of this text.
changes_once() { # EXPECTED COMMAND…
	mount_seed
	write fox "a red fox"
	F=$MNT/prompts/fox "${@:2}"
	same ok "$(try_open images/fox.png)"
	same 2 "$(count submit)"
	same "$1" "$(log_of create -s '.[1].prompt')"
	is_verified fox
	same "fox" "$(ls "$MNT/prompts")"
	same "fox.png" "$(ls "$MNT/images")"
}

# A tool makes fox: one generation, of this text, and nothing else is left.
makes_once() { # EXPECTED COMMAND…
	mount_seed
	F=$MNT/prompts/fox "${@:2}"
	same ok "$(try_open images/fox.png)"
	same 1 "$(count submit)"
	same "$1" "$(log_of create .prompt)"
	is_verified fox
	same "fox" "$(ls "$MNT/prompts")"
	same "fox.png" "$(ls "$MNT/images")"
}

@test "s1: mkdir under prompts/ makes the same folder everywhere" {
	mount_seed
	mkdir "$MNT/prompts/shot010"
	for dir in images records history callbacks; do
		same directory "$(stat -c %F "$MNT/$dir/shot010")"
	done
	mkdir -p "$MNT/prompts/a/b/c"
	test -d "$MNT/images/a/b/c"
	same 0 "$(count submit)"
}

@test "s1: NAME is then a relative path" {
	mount_seed
	mkdir "$MNT/prompts/shot010"
	write shot010/sky "a sky"
	is_verified shot010/sky
	same shot010/sky "$(record shot010/sky .name)"
	has "$(cat "$MNT/status")" " shot010/sky ✅ [SYNC IMAGE] "
	same sky.png "$(ls "$MNT/images/shot010")"
	write shot010/sky "another sky"
	test -e "$MNT/history/shot010/sky/0001.png"
}

@test "s1: the same name in two folders is two pictures" {
	mount_seed
	mkdir "$MNT/prompts/a" "$MNT/prompts/b"
	write a/sky "a sky"
	write b/sky "b sky"
	is_verified a/sky
	is_verified b/sky
	[ "$(pixels "$MNT/images/a/sky.png")" != "$(pixels "$MNT/images/b/sky.png")" ]
}

@test "s1: folders and their pictures are kept across mounts" {
	mount_seed
	mkdir -p "$MNT/prompts/a/b" "$MNT/prompts/empty"
	write a/b/sky "a sky"
	kill_seedfs
	mount_seed
	is_verified a/b/sky
	test -d "$MNT/images/empty"
}

@test "s1: a path has at most 16 parts" {
	mount_seed
	path=$(seq -s / 15)
	mkdir -p "$MNT/prompts/$path"
	write "$path/sky" "a sky"
	is_verified "$path/sky"
	mkdir "$MNT/prompts/$path/16" || true
	has "$(try_write "$path/16/sky" "too deep")" open
	same 1 "$(count submit)"
}

@test "s1: a path has at most 1,024 bytes" {
	mount_seed
	part=$(printf 'd%.0s' {1..200})
	mkdir -p "$MNT/prompts/$part/$part/$part/$part"
	write "$part/$part/$part/$part/$(printf 'n%.0s' {1..220})" "a long name"
	same 1 "$(count submit)"
	same "open ENAMETOOLONG" "$(try_write "$part/$part/$part/$part/$(printf 'n%.0s' {1..221})" "a longer one")"
	same 1 "$(count submit)"
}

# Folders that would stand in the place of z's image, record and thumbnail.
no_folder_for() { # COMMAND… given the folder's path
	local suffix

	for suffix in png json jpg; do
		fails "$@" "$MNT/prompts/z.$suffix"
		fails test -d "$MNT/images/z.$suffix"
	done
}

@test "s1: no folder takes the place of NAME's files, also while NAME is pending" {
	mount_seed
	mkdir -p "$MNT/prompts/other/in"
	write other/in/x "a fox"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write z "a red fox"
	received accepted 1 red
	no_folder_for mkdir
	no_folder_for mv -T "$MNT/prompts/other"
	no_folder_for mv -T "$MNT/prompts/other/in"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	no_folder_for mkdir
	is_verified z
	is_verified other/in/x
	fails test -e "$MNT/history/z"
	same 2 "$(count submit)"
}

# Folders that an earlier version could make, put into the state directory.
plant_folder() { # PATH
	mkdir "$STATE/images/$1" "$STATE/records/$1" "$STATE/history/$1" "$STATE/prompts/$1"
}

is_told_twice() {
	[ "$(grep -c ' z .*The outcome cannot be stored: rename' "$MNT/status")" -ge 2 ]
}

@test "s3: a folder of an earlier version in the image's place: the image is kept, and comes" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write z "a red fox"
	received poll 1
	kill_seedfs
	job_ends 0 "$JOB"
	plant_folder z.png
	release
	mount_seed
	wait_until grep -q ' z .*The outcome cannot be stored: rename what is in the place' "$MNT/status"
	test -d "$MNT/images/z.png"
	same "" "$(ls "$MNT/history/z.png")"
	# So it is for another mount; nothing of ours is set aside.
	stop_seedfs
	mount_seed
	wait_until is_told_twice
	has_not "$(cat "$MNT/status")" "set aside"
	rmdir "$MNT/prompts/z.png"
	wait_until test -f "$MNT/images/z.png"
	is_verified z
	same 1 "$(count submit)"
	same 1 "$(count image)"
}

@test "s3: an image in the way of a folder that an earlier version made is no reason to lose what is paid for" {
	local area row

	mount_seed
	mkdir "$MNT/prompts/folder"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write folder/in "a red fox"
	received poll 1
	kill_seedfs
	for area in prompts images records history; do
		mv "$STATE/$area/folder" "$STATE/$area/z.png" 2>/dev/null || true
	done
	rm -rf "$STATE/images/z.png"
	echo "not ours" >"$STATE/images/z.png"
	# … and wrote its rows as one text.
	for row in "$STATE"/pending/*.json; do
		tail -n 1 "$row" | sed -e 's/^[^{]*//' -e 's:folder/in:z.png/in:' >"$DIR/row"
		cp "$DIR/row" "$row"
	done
	release
	mount_seed
	wait_until grep -q ' z.png/in .*The outcome cannot be stored: rename' "$MNT/status"
	has_not "$(cat "$MNT/status")" "set aside"
	rm "$STATE/images/z.png"
	wait_until test -f "$MNT/images/z.png/in.png"
	same 1 "$(count submit)"
}

@test "s1: a prompt whose image, or history, another's file stands for is refused" {
	mount_seed
	write z "one"
	write z "two"
	rm "$MNT/prompts/z"
	mkdir "$MNT/prompts/z"
	same "open ENOTDIR" "$(try_write z/0001.png "three")"
	write z/0002.png "three"
	stop_seedfs
	plant_folder y.png
	mount_seed
	same "open EISDIR" "$(try_write y "four")"
	same "open EINVAL" "$(try_write y.png/y "four")"
	same 3 "$(count submit)"
}

@test "s1: a folder is not renamed where a path below it would have more than 16 parts" {
	local deep

	mount_seed
	deep=$(seq -s / 13)
	mkdir -p "$MNT/prompts/a/b" "$MNT/prompts/$deep"
	write a/b/fox "a fox"
	mv -T "$MNT/prompts/a" "$MNT/prompts/$deep/a"
	is_verified "$deep/a/b/fox"
	mkdir "$MNT/prompts/$deep/x"
	fails mv -T "$MNT/prompts/$deep/a" "$MNT/prompts/$deep/x/a"
	# Also of an image alone, of a folder alone, and of what is being generated.
	rm "$MNT/prompts/$deep/a/b/fox"
	fails mv -T "$MNT/prompts/$deep/a" "$MNT/prompts/$deep/x/a"
	has "$(python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$MNT/prompts/$deep/a" \
		"$MNT/prompts/$deep/x/a" 2>&1)" "File name too long"
	is_verified "$deep/a/b/fox"
	test -d "$MNT/prompts/$deep/x"
	same 1 "$(count submit)"
}

@test "s1: nor where one would have more than 1,024 bytes" {
	local part

	part=$(printf 'd%.0s' {1..200})
	mount_seed
	mkdir -p "$MNT/prompts/$part/$part/$part/$part" "$MNT/prompts/a"
	write "a/$(printf 'n%.0s' {1..217})" "a fox"
	write "a/$(printf 'n%.0s' {1..217})" "another fox"
	mv "$MNT/prompts/a" "$MNT/prompts/$part/$part/$part/$part/b"
	mv "$MNT/prompts/$part/$part/$part/$part/b" "$MNT/prompts/a"
	fails mv -T "$MNT/prompts/a" "$MNT/prompts/$part/$part/$part/$part/bcde"
	test -e "$MNT/history/a/$(printf 'n%.0s' {1..217})/0001.png"
	mkdir "$MNT/prompts/s"
	echo "a wolf" >"$MNT/prompts/s/$(printf 'n%.0s' {1..217})~"
	fails mv -T "$MNT/prompts/s" "$MNT/prompts/$part/$part/$part/$part/bcde"
	same 2 "$(count submit)"
}

@test "s1: what is written to a scratch file after its rename to a prompt is ECANCELED, never 0" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import errno, os
path = os.environ["F"]
def fails(call, *args):
    try:
        call(*args)
        raise SystemExit("succeeded")
    except OSError as error:
        assert error.errno == errno.ECANCELED, error
scratch = os.path.dirname(path) + "/.x"
late, unchanged = (os.open(scratch, os.O_RDWR | os.O_CREAT) for _ in range(2))
os.write(late, b"a fox")
os.rename(scratch, path)
fails(os.write, late, b" in snow")
fails(os.ftruncate, late, 0)
fails(os.fsync, late)
fails(os.close, late)
os.close(unchanged)
buffered = open(scratch, "w")
buffered.write("a wolf")
os.rename(scratch, path + "2")
fails(buffered.close)
# A rename that is refused leaves it as it was.
again = os.open(scratch, os.O_WRONLY | os.O_CREAT)
os.write(again, b"\xff")
try:
    os.rename(scratch, path)
except OSError as error:
    assert error.errno == errno.EILSEQ, error
os.pwrite(again, b"an owl", 0)
os.rename(scratch, path + "3")
os.close(again)'
	same ok "$(try_open images/x3.png)"
	same ok "$(try_open images/x.png)"
	same $'a fox\nan owl' "$(log_of create .prompt)"
	has "$(status_texts .x)" "Not committed: it was renamed to a prompt before this was written"
}

@test "s1: so it is in a shell" {
	mount_seed
	F=$MNT/prompts run bash -c 'exec 3>"$F/.s"; echo one >&3; mv "$F/.s" "$F/s"; echo two >&3'
	same 1 "$status"
	has "$output" "write error"
	same ok "$(try_open images/s.png)"
	same one "$(log_of create .prompt)"
}

# A backup that hides the prompt "a", which has an image.
backed_up() {
	mount_seed
	write a "a fox"
	mv "$MNT/prompts/a" "$MNT/prompts/a~"
}

a_is_removed() {
	fails test -f "$MNT/prompts/a"
	stop_seedfs
	mount_seed
	fails test -f "$MNT/prompts/a"
}

@test "s1: a backup that another prompt's backup replaces is rm of its prompt" {
	backed_up
	write b "a wolf"
	mv "$MNT/prompts/b" "$MNT/prompts/a~"
	fails test -e "$MNT/prompts/b"
	same "a wolf" "$(cat "$MNT/prompts/a~")"
	a_is_removed
	same "b" "$(ls "$MNT/prompts")" # its backup was in memory
	same 2 "$(count submit)"
}

@test "s1: so is one that a scratch file replaces" {
	backed_up
	echo "a wolf" >"$MNT/prompts/.x"
	mv "$MNT/prompts/.x" "$MNT/prompts/a~"
	same "a wolf" "$(cat "$MNT/prompts/a~")"
	a_is_removed
	same 1 "$(count submit)"
}

@test "s1: so is one that is changed and becomes another prompt" {
	backed_up
	echo "in snow" >>"$MNT/prompts/a~"
	mv "$MNT/prompts/a~" "$MNT/prompts/b"
	same ok "$(try_open images/b.png)"
	a_is_removed
	same $'a fox\na fox\nin snow' "$(log_of create .prompt)"
}

@test "s1: a folder may take the name that a backup hides; that is rm of its prompt" {
	backed_up
	mkdir "$MNT/prompts/a"
	same "a fox" "$(cat "$MNT/prompts/a~")"
	write a/b "a wolf"
	a_is_removed
	is_verified a/b
	test -f "$MNT/images/a.png"
	same 2 "$(count submit)"
}

@test "s1: so may one that is renamed, also beside the history of that prompt" {
	mount_seed
	write a "a lynx"
	write a "a fox"
	mkdir "$MNT/prompts/folder"
	write folder/b "an owl"
	write folder/b "a wolf"
	mv "$MNT/prompts/a" "$MNT/prompts/a~"
	mv -T "$MNT/prompts/folder" "$MNT/prompts/a"
	same "a fox" "$(cat "$MNT/prompts/a~")"
	a_is_removed
	is_verified a/b
	test -f "$MNT/history/a/0001.png"
	test -f "$MNT/history/a/b/0001.png"
	for area in prompts images records history; do fails test -e "$MNT/$area/folder"; done
	same 4 "$(count submit)"
}

@test "s1: a folder does not replace one that holds scratch files" {
	mount_seed
	mkdir "$MNT/prompts/a" "$MNT/prompts/b"
	echo "a wolf" >"$MNT/prompts/b/x~"
	has "$(mv -T "$MNT/prompts/a" "$MNT/prompts/b" 2>&1)" "not empty"
	same "x~" "$(ls "$MNT/prompts/b")"
	rm "$MNT/prompts/b/x~"
	mv -T "$MNT/prompts/a" "$MNT/prompts/b"
}

@test "s1: rmdir removes an empty folder everywhere, and no other" {
	mount_seed
	mkdir "$MNT/prompts/empty" "$MNT/prompts/full"
	write full/sky "a sky"
	rmdir "$MNT/prompts/empty"
	fails test -e "$MNT/images/empty"
	fails rmdir "$MNT/prompts/full"
	is_verified full/sky
}

# One that was removed while JOB stood in it is empty, and nothing can be made there.
is_removed_for() { # JOB
	same "" "$(timeout 20 ls "/proc/$1/cwd/." 2>"$DIR/ls" || grep -v "No such file" "$DIR/ls")"
	fails timeout 20 touch "/proc/$1/cwd/.late"
}

# A folder of prompts/ in which everything can be done.
is_alive() { # NAME
	timeout 20 touch "$MNT/prompts/$1/.scratch"
	timeout 20 mkdir "$MNT/prompts/$1/below"
	timeout 20 rmdir "$MNT/prompts/$1/below"
	timeout 20 rm "$MNT/prompts/$1/.scratch"
	write "$1/fox" "a fox"
	same fox "$(ls "$MNT/prompts/$1")"
	same fox.png "$(ls "$MNT/images/$1")"
	same fox.json "$(ls "$MNT/records/$1")"
	is_verified "$1/fox"
}

@test "s1: a folder that is removed while a process stands in it can be made again" {
	local first

	mount_seed
	mkdir "$MNT/prompts/shot"
	first=$(stat -c %i "$MNT/prompts/shot")
	stand_in "$MNT/prompts/shot"
	exec 8<"$MNT/prompts/shot"
	rmdir "$MNT/prompts/shot"
	is_removed_for "$JOB"
	mkdir "$MNT/prompts/shot"
	is_removed_for "$JOB"
	is_alive shot
	is_removed_for "$JOB"
	[ "$first" != "$(stat -c %i "$MNT/prompts/shot")" ]
	has "$(ls -i "$MNT/prompts")" "$(stat -c %i "$MNT/prompts/shot") shot"
	exec 8<&-
	leave_all
	same fox "$(ls "$MNT/prompts/shot")"
	rm -r "$MNT/prompts/shot"
	fails test -e "$MNT/prompts/shot"
}

@test "s1: so can one in images/, records/ or history/, which comes again with the next picture" {
	local area folder

	mount_seed
	for area in images/shot records/shot history/shot/fox history/shot; do
		mkdir -p "$MNT/prompts/shot"
		write shot/fox "a fox"
		write shot/fox "a red fox"
		stand_in "$MNT/$area"
		folder=$JOB
		rm -r "$MNT/${area:?}"
		rm -f "$MNT/prompts/shot/fox"
		is_removed_for "$folder"
		write shot/fox "a wolf"
		write shot/fox "a grey wolf"
		[ -n "$(ls "$MNT/$area")" ]
		is_verified shot/fox
		[ -n "$(ls "$MNT/history/shot/fox")" ]
		is_removed_for "$folder"
		leave_all
		[ -n "$(ls "$MNT/$area")" ]
		rm -r "$MNT/${area:?}"
		fails test -e "$MNT/$area"
	done
}

@test "s1: also where its picture is being generated, and is waited for" {
	local writer reader out

	mount_seed
	mkdir "$MNT/prompts/shot"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write shot/fox "a fox"
	writer=$JOB out=$JOB_OUT
	received accepted 1
	background cat "$MNT/images/shot/fox.png"
	reader=$JOB
	wait_until is_waiting "$reader"
	stand_in "$MNT/images/shot"
	rmdir "$MNT/images/shot"
	release
	job_ends 0 "$writer"
	job_ends 0 "$reader"
	same ok "$(<"$out")"
	is_verified shot/fox
	same fox.png "$(ls "$MNT/images/shot")"
	is_removed_for "$JOB"
	leave_all
}

@test "s1: what a folder of prompts/ takes with it, and brings back, is alive for who stands in it" {
	local area

	mount_seed
	mkdir "$MNT/prompts/shot"
	for area in images records history callbacks thumbs; do stand_in "$MNT/$area/shot"; done
	rmdir "$MNT/prompts/shot"
	for area in images records history callbacks thumbs; do
		fails test -e "$MNT/$area/shot"
	done
	mkdir "$MNT/prompts/shot"
	is_alive shot
	write shot/fox "a red fox"
	for area in images records history thumbs; do [ -n "$(ls "$MNT/$area/shot")" ]; done
	same fox.png "$(ls "/proc/${STANDING[0]}/cwd/")"
	same fox.json "$(ls "/proc/${STANDING[1]}/cwd/")"
	leave_all
}

@test "s1: so it is with a folder that had another name, or whose name another folder took" {
	local area name

	mount_seed
	mkdir "$MNT/prompts/a" "$MNT/prompts/c" "$MNT/prompts/d"
	for area in prompts images records history callbacks; do
		for name in a c d; do stand_in "$MNT/$area/$name"; done
	done
	mv "$MNT/prompts/a" "$MNT/prompts/b"
	rmdir "$MNT/prompts/b"
	mv -T "$MNT/prompts/c" "$MNT/prompts/d"
	mkdir "$MNT/prompts/a" "$MNT/prompts/b" "$MNT/prompts/c"
	for name in a b c d; do is_alive "$name"; done
	rm -r "$MNT/prompts/d"
	mkdir "$MNT/prompts/d"
	write d/wolf "a wolf"
	same wolf "$(ls "$MNT/prompts/d")"
	leave_all
}

@test "s1: a folder that is not removed stays the one in which a process stands" {
	local area number

	mount_seed
	mkdir "$MNT/prompts/shot"
	write shot/fox "a fox"
	for area in prompts images records; do
		stand_in "$MNT/$area/shot"
		number=$(stat -c %i "$MNT/$area/shot")
		fails rmdir "$MNT/$area/shot"
		same "$number" "$(stat -c %i "$MNT/$area/shot")"
		same "$number" "$(stat -Lc %i "/proc/$JOB/cwd")"
	done
	touch "/proc/${STANDING[0]}/cwd/.scratch"
	same fox.png "$(ls "/proc/${STANDING[1]}/cwd/")"
	leave_all
}

# Who has just made it can use it, whatever others look up, list, stand in or remove elsewhere.
@test "s1: a folder is removed and made again beside look-ups of its name" {
	local area

	mount_seed
	timeout 60 python3 - "$MNT" <<-'END'
		import os, sys, threading, time
		mount, over = sys.argv[1], threading.Event()
		shot = mount + "/prompts/shot"

		def again(step):
		    while not over.is_set():
		        try:
		            step()
		        except OSError:
		            pass

		def look():
		    for area in "prompts", "images", "records", "callbacks", "thumbs":
		        os.stat("%s/%s/shot" % (mount, area))
		        os.listdir("%s/%s" % (mount, area))

		held = []
		def hold():
		    for area in "prompts", "images":
		        held.append(os.open("%s/%s/shot" % (mount, area), os.O_RDONLY))
		        if len(held) > 40:
		            os.close(held.pop(0))

		def remove():
		    os.rmdir(mount + "/images/shot")

		threads = [threading.Thread(target=again, args=(step,)) for step in (look, look, hold, remove)]
		for thread in threads:
		    thread.start()
		try:
		    end = time.monotonic() + 4
		    while time.monotonic() < end:
		        os.mkdir(shot)
		        os.close(os.open(shot + "/.scratch", os.O_CREAT | os.O_WRONLY))
		        assert os.listdir(shot) == [".scratch"]
		        os.remove(shot + "/.scratch")
		        os.rmdir(shot)
		finally:
		    over.set()
		    for thread in threads:
		        thread.join()
	END
	mkdir "$MNT/prompts/shot"
	is_alive shot
	for area in images records; do test -d "$MNT/$area/shot"; done
}

@test "s1: a folder can be made in one of which all but the prompts was removed" {
	mount_seed
	mkdir -p "$MNT/prompts/a/b"
	write a/b/fox "a fox"
	stand_in "$MNT/images/a/b"
	rm -r "$MNT/images/a" "$MNT/records/a" "$MNT/history/a"
	mkdir -p "$MNT/prompts/a/c/d"
	is_alive a/c/d
	write a/b/wolf "a wolf"
	same wolf.png "$(ls "$MNT/images/a/b")"
	leave_all
}

@test "s1: rm -r removes prompts; images stay until they are removed" {
	mount_seed
	mkdir "$MNT/prompts/a"
	write a/sky "a sky"
	rm -r "$MNT/prompts/a" || true
	same ENOENT "$(try_open prompts/a/sky)"
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/a/sky.png" summary)"
	same 1 "$(count submit)"
}

@test "s2.10: mv prompts/A prompts/B renames the whole entry and generates nothing" {
	mount_seed
	write fox "first"
	write fox "second"
	image=$(sha256sum <"$MNT/images/fox.png")
	old=$(sha256sum <"$MNT/history/fox/0001.png")
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
	same "$image" "$(sha256sum <"$MNT/images/wolf.png")"
	same "$old" "$(sha256sum <"$MNT/history/wolf/0001.png")"
	same wolf "$(record wolf .name)"
	same second "$(cat "$MNT/prompts/wolf")"
	for path in prompts/fox images/fox.png records/fox.json history/fox/0001.png; do
		same ENOENT "$(try_open "$path")"
	done
	same 2 "$(count submit)"
	stop_seedfs
	mount_seed
	is_verified wolf
	same "$image" "$(sha256sum <"$MNT/images/wolf.png")"
}

@test "s2.10: mv onto an existing name: that one's image and history stay in its history" {
	mount_seed
	write wolf "wolf one"
	write wolf "wolf two"
	one=$(sha256sum <"$MNT/history/wolf/0001.png")
	two=$(sha256sum <"$MNT/images/wolf.png")
	write fox "a fox"
	fox=$(sha256sum <"$MNT/images/fox.png")
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
	same "$fox" "$(sha256sum <"$MNT/images/wolf.png")"
	same "$one" "$(sha256sum <"$MNT/history/wolf/0001.png")"
	same "$two" "$(sha256sum <"$MNT/history/wolf/0002.png")"
	same 3 "$(count submit)"
}

@test "s2.10: mv into a folder, and of a folder" {
	mount_seed
	mkdir "$MNT/prompts/a"
	write fox "a fox"
	sum=$(sha256sum <"$MNT/images/fox.png")
	mv "$MNT/prompts/fox" "$MNT/prompts/a/"
	same "$sum" "$(sha256sum <"$MNT/images/a/fox.png")"
	mv "$MNT/prompts/a" "$MNT/prompts/b"
	same "$sum" "$(sha256sum <"$MNT/images/b/fox.png")"
	same b/fox "$(record b/fox .name)"
	fails test -e "$MNT/images/a"
	same 1 "$(count submit)"
}

@test "s2.10: mv while it runs: the image comes under the new name" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
	release
	same ok "$(try_open images/wolf.png)"
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified wolf
	same ENOENT "$(try_open images/fox.png)"
	same 1 "$(count submit)"
}

@test "s1: scratch files hold text and never generate" {
	mount_seed
	for name in .hidden draft~ draft.swp draft.tmp draft.part .fox.swp; do
		echo "a fox" >"$MNT/prompts/$name"
		same "a fox" "$(cat "$MNT/prompts/$name")"
		fails test -e "$MNT/images/$name.png"
	done
	rm "$MNT/prompts/draft.tmp"
	fails test -e "$MNT/prompts/draft.tmp"
	same "" "$(find "$MNT/images" "$MNT/records" -type f)"
	write last "the last one"
	same 1 "$(count submit)"
}

@test "s1: renaming a scratch file to NAME commits its text to NAME" {
	mount_seed
	echo "a red fox" >"$MNT/prompts/fox.tmp"
	mv "$MNT/prompts/fox.tmp" "$MNT/prompts/fox"
	same ok "$(try_open images/fox.png)"
	same "a red fox" "$(log_of create .prompt)"
	same "a red fox" "$(cat "$MNT/prompts/fox")"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s1: mv of a file from elsewhere is one generation" {
	echo "a red fox" >"$DIR/text"
	makes_once "a red fox" bash -c 'mv "$DIR/text" "$F"'
}

@test "s1: vim makes a prompt: one generation" {
	[ -n "$(type -P vim)" ] || skip "needs vim"
	makes_once "a red fox" bash -c 'vim -N -u NONE -i NONE -es +"call setline(1, \"a red fox\")" +wq "$F"'
}

@test "s1: vim changes a prompt, with swap and backup files: one generation" {
	[ -n "$(type -P vim)" ] || skip "needs vim"
	changes_once "a blue fox" bash -c \
		'vim -N -u NONE -i NONE -es +"set backup writebackup backupcopy=no swapfile" +"%s/red/blue/" +wq "$F"; rm -f "$F~"'
}

@test "s1: vim with backupcopy=yes: one generation" {
	[ -n "$(type -P vim)" ] || skip "needs vim"
	changes_once "a blue fox" bash -c \
		'vim -N -u NONE -i NONE -es +"set backup backupcopy=yes" +"%s/red/blue/" +wq "$F"; rm -f "$F~"'
}

@test "s1: nano changes a prompt: one generation" {
	[ -n "$(type -P nano)" ] || skip "needs nano"
	changes_once "very a red fox" bash -c \
		'python3 "$HERE/keys.py" nano -I "$F" -- Exit "very " Modified "\\x0f" Write "\\r" Wrote "\\x18" >/dev/null'
}

@test "s1: sed -i changes a prompt: one generation" {
	changes_once "a blue fox" bash -c 'sed -i s/red/blue/ "$F"'
}

@test "s1: perl -i changes a prompt: one generation" {
	changes_once "a blue fox" bash -c 'perl -i -pe s/red/blue/ "$F"'
}

@test "s1: rsync makes and changes a prompt: one generation each" {
	[ -n "$(type -P rsync)" ] || skip "needs rsync"
	mkdir "$DIR/from"
	echo "a red fox" >"$DIR/from/fox"
	makes_once "a red fox" bash -c 'rsync -a "$DIR/from/" "$MNT/prompts/"'
	echo "a blue fox, quite" >"$DIR/from/fox"
	rsync -a "$DIR/from/" "$MNT/prompts/"
	same ok "$(try_open images/fox.png)"
	same 2 "$(count submit)"
	same "a blue fox, quite" "$(log_of create -s '.[1].prompt')"
	rsync -a "$DIR/from/" "$MNT/prompts/"
	same 2 "$(count submit)"
}

@test "s1: rsync --inplace: one generation" {
	[ -n "$(type -P rsync)" ] || skip "needs rsync"
	echo "a red fox" >"$DIR/fox"
	makes_once "a red fox" bash -c 'rsync --inplace "$DIR/fox" "$F"'
}

@test "s1: cp --remove-destination: one generation" {
	echo "a blue fox" >"$DIR/text"
	changes_once "a blue fox" bash -c 'cp --remove-destination "$DIR/text" "$F"'
}

@test "s1: cp -p and cp --preserve=all: one generation" {
	echo "a blue fox" >"$DIR/text"
	changes_once "a blue fox" bash -c 'cp -p "$DIR/text" "$F"'
}

@test "s1: install: one generation" {
	echo "a red fox" >"$DIR/text"
	makes_once "a red fox" bash -c 'install -m 644 "$DIR/text" "$F"'
}

@test "s1: Python's NamedTemporaryFile and os.replace: one generation" {
	makes_once "a red fox" python3 -c '
import os, tempfile
path = os.environ["F"]
with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), prefix=".", delete=False) as file:
    file.write("a red fox")
os.replace(file.name, path)'
}

@test "s1: a name with spaces and UTF-8 goes through rename, folders and history" {
	mount_seed
	mkdir "$MNT/prompts/erste Szene"
	write "erste Szene/Füchse 🦊" "foxes"
	write "erste Szene/Füchse 🦊" "more foxes"
	mv "$MNT/prompts/erste Szene/Füchse 🦊" "$MNT/prompts/erste Szene/Wölfe"
	is_verified "erste Szene/Wölfe"
	test -e "$MNT/history/erste Szene/Wölfe/0001.png"
	same 2 "$(count submit)"
}

@test "s1: a scratch file whose renaming is killed is renamed or not, never both" {
	mount_seed
	python3 - "$MNT/prompts" <<-'END'
		import os, signal, sys, time
		for number in range(12):
		    scratch = "%s/.x%d.tmp" % (sys.argv[1], number)
		    with open(scratch, "w") as file:
		        file.write("fox %d" % number)
		    child = os.fork()
		    if child == 0:
		        os.rename(scratch, "%s/x%d" % (sys.argv[1], number))
		        os._exit(0)
		    time.sleep(number / 1000)
		    os.kill(child, signal.SIGKILL)
		    os.waitpid(child, 0)
	END
	wait_until grep -q "nothing is running" "$MNT/queue"
	for number in {0..11}; do
		same 1 "$(find "$MNT/prompts" -name ".x$number.tmp" -o -name "x$number" | wc -l)"
	done
}
