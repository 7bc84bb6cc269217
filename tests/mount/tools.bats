#!/usr/bin/env bats
# `man seed`: tools that write, sync and edit; each is counted in submissions.
# shellcheck disable=SC2016 # commands for other shells

load helper

needs() { # PROGRAM
	[ -n "$(type -P "$1")" ] || skip "needs $1"
}

# Three prompts of January with images, as rsync -a brings them.
three_foxes() {
	mount_seed
	mkdir "$DIR/s"
	for i in 1 2 3; do echo "a fox $i" >"$DIR/s/f$i"; done
	touch -d 2026-01-01T12:00:00 "$DIR"/s/*
	rsync -a "$DIR/s/" "$MNT/prompts/"
	for i in 1 2 3; do same ok "$(try_open "images/f$i.png")"; done
	same 3 "$(count submit)"
}

# Nothing was generated since, and there is nothing in the history.
nothing_new() {
	same 3 "$(count submit)"
	same 0 "$(files history)"
	for i in 1 2 3; do is_verified "f$i"; done
}

mtime() { # FILE
	stat -c %y "$1"
}

@test "s1: rsync -a again generates nothing, and keeps the times" {
	needs rsync
	three_foxes
	same "$(mtime "$DIR/s/f1")" "$(mtime "$MNT/prompts/f1")"
	for _ in 1 2 3; do rsync -a "$DIR/s/" "$MNT/prompts/"; done
	same "" "$(rsync -a --out-format=%n "$DIR/s/" "$MNT/prompts/" | grep f)"
	nothing_new
}

@test "s1: rsync -c, --size-only and without times generate nothing again" {
	needs rsync
	three_foxes
	rsync -ac "$DIR/s/" "$MNT/prompts/"
	rsync -a --size-only "$DIR/s/" "$MNT/prompts/"
	touch "$DIR"/s/*
	rsync -a --size-only "$DIR/s/" "$MNT/prompts/"
	rsync -a "$DIR/s/" "$MNT/prompts/"
	rsync -r "$DIR/s/" "$MNT/prompts/"
	rsync -rI "$DIR/s/" "$MNT/prompts/"
	nothing_new
}

@test "s1: rsync -a --inplace of files with their times generates nothing again" {
	needs rsync
	three_foxes
	rsync -a --inplace "$DIR/s/" "$MNT/prompts/"
	nothing_new
	# A touched one is written again, which is a re-roll.
	touch "$DIR/s/f1"
	rsync -a --inplace "$DIR/s/" "$MNT/prompts/"
	same 4 "$(count submit)"
	rsync -a --inplace "$DIR/s/" "$MNT/prompts/"
	same 4 "$(count submit)"
}

@test "s1: rsync -a of one changed file generates one image" {
	needs rsync
	three_foxes
	echo "a blue fox" >"$DIR/s/f2"
	rsync -a "$DIR/s/" "$MNT/prompts/"
	same ok "$(try_open images/f2.png)"
	same 4 "$(count submit)"
	same "a blue fox" "$(record f2 .prompt)"
}

@test "s1: the times survive a rename and a remount" {
	needs rsync
	three_foxes
	mv "$MNT/prompts/f1" "$MNT/prompts/g1"
	same "$(mtime "$DIR/s/f1")" "$(mtime "$MNT/prompts/g1")"
	stop_seedfs
	mount_seed
	same "$(mtime "$DIR/s/f1")" "$(mtime "$MNT/prompts/g1")"
	mv "$DIR/s/f1" "$DIR/s/g1"
	rsync -a "$DIR/s/" "$MNT/prompts/"
	same 3 "$(count submit)"
}

@test "s1: cp -p, touch -d and utimens before or after the close set the time" {
	mount_seed
	echo "a fox" >"$DIR/text"
	touch -d 2026-01-01T12:00:00.123456789 "$DIR/text"
	cp -p "$DIR/text" "$MNT/prompts/x"
	same "$(mtime "$DIR/text")" "$(mtime "$MNT/prompts/x")"
	touch -d 2025-05-05T05:05:05.5 "$MNT/prompts/x"
	has "$(mtime "$MNT/prompts/x")" "2025-05-05 05:05:05.500000000"
	F=$MNT/prompts/x python3 -c '
import os
path = os.environ["F"]
def is_at(seconds):
    assert os.stat(path).st_mtime == seconds, os.stat(path)
fd = os.open(path, os.O_WRONLY | os.O_APPEND)
os.write(fd, b"in snow")
os.utime(fd, (0, 1000))
is_at(1000)
os.fsync(fd)
is_at(1000)
os.utime(path, (0, 2000))
is_at(2000)
os.close(fd)
is_at(2000)'
	stop_seedfs
	mount_seed
	same 2000 "$(stat -c %Y "$MNT/prompts/x")"
	same 2 "$(count submit)"
}

@test "s1: a time that is set while the text is on its way to the disk is the one that stays" {
	mount_seed
	python3 - "$MNT/prompts" <<-'END'
		import os, sys, threading
		for number in range(4):
		    path = "%s/x%d" % (sys.argv[1], number)
		    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
		    os.write(fd, b"a fox")
		    closing = threading.Thread(target=os.close, args=(fd,))
		    closing.start()
		    os.utime(path, (0, 1000 + number))
		    closing.join()
	END
	for number in {0..3}; do
		same $((1000 + number)) "$(stat -c %Y "$MNT/prompts/x$number")"
	done
}

@test "s1: make with prompts as targets settles" {
	mount_seed
	mkdir "$DIR/texts"
	echo "a fox" >"$DIR/texts/fox"
	printf '%s/fox: texts/fox\n\tcp $< $@\n' "$MNT/prompts" >"$DIR/Makefile"
	make -s -C "$DIR"
	make -s -C "$DIR" -q
	same 1 "$(count submit)"
	touch -d "now + 1 hour" "$DIR/texts/fox"
	fails make -s -C "$DIR" -q
}

@test "s1: a scratch file of other settings, or of a removed prompt, generates" {
	mount_seed
	write x "a fox"
	echo '{"prompt": "a fox", "steps": 31}' >"$MNT/prompts/x.tmp"
	mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	same ok "$(try_open images/x.png)"
	same 2 "$(count submit)"
	echo '{"steps": 31, "prompt": "a fox"}' >"$MNT/prompts/x.tmp"
	mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	same '{"steps": 31, "prompt": "a fox"}' "$(cat "$MNT/prompts/x")"
	same 2 "$(count submit)"
	rm "$MNT/prompts/x"
	echo '{"steps": 31, "prompt": "a fox"}' >"$MNT/prompts/x.tmp"
	mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	same ok "$(try_open images/x.png)"
	same 3 "$(count submit)"
}

@test "s1: a rename that write would refuse changes nothing" {
	mount_seed -o budget=1/day
	write x "a fox"
	echo "a wolf" >"$MNT/prompts/x.tmp"
	run mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	has "$output" "Disk quota exceeded"
	same "a fox" "$(cat "$MNT/prompts/x")"
	same "a wolf" "$(cat "$MNT/prompts/x.tmp")"
	is_verified x
	printf 'a \xff fox' >"$MNT/prompts/y.tmp"
	fails mv "$MNT/prompts/y.tmp" "$MNT/prompts/y"
	fails test -e "$MNT/prompts/y"
	echo "a fox" >"$MNT/prompts/x.tmp"
	mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	same 1 "$(count submit)"
}

@test "s1: Emacs saves once for one image; its autosave generates nothing" {
	needs emacs
	mount_seed
	write fox1 "a red fox"
	ln -s /nonexistent "$MNT/prompts/.#x" 2>"$DIR/why" || true
	F=$MNT/prompts/fox1 emacs --batch -Q --eval '(progn
		(setq make-backup-files t create-lockfiles t backup-enable-predicate (lambda (_) t))
		(find-file (getenv "F"))
		(auto-save-mode 1)
		(goto-char (point-max))
		(insert "half of it")
		(do-auto-save t t)
		(insert ", and the rest")
		(save-buffer))' 2>"$DIR/emacs"
	fails grep -i "error\|not implemented" "$DIR/emacs"
	same ok "$(try_open images/fox1.png)"
	same 2 "$(count submit)"
	same $'a red fox\nhalf of it, and the rest' "$(record fox1 .prompt)"
	same fox1.png "$(ls "$MNT/images")"
	same "fox1 fox1~" "$(find "$MNT/prompts" -mindepth 1 -printf '%f\n' | sort | xargs)"
	has "$(cat "$DIR/why")" "Operation not permitted"
}

@test "s1: JetBrains' safe write is one generation, and the history stays" {
	mount_seed
	write x "a red fox"
	first=$(sha256sum <"$MNT/images/x.png")
	jetbrains() {
		printf '%s\n' "$1" >"$MNT/prompts/x___jb_tmp___"
		mv "$MNT/prompts/x" "$MNT/prompts/x___jb_old___"
		mv "$MNT/prompts/x___jb_tmp___" "$MNT/prompts/x"
		rm "$MNT/prompts/x___jb_old___"
		same ok "$(try_open images/x.png)"
	}
	jetbrains "a blue fox"
	same 2 "$(count submit)"
	same "$first" "$(sha256sum <"$MNT/history/x/0001.png")"
	same x.png "$(ls "$MNT/images")"
	same x "$(ls -A "$MNT/prompts")"
	jetbrains "a blue fox"
	same 2 "$(count submit)"
	is_verified x
}

@test "s1: patch changes a prompt: one generation; its x.orig is none" {
	needs patch
	mount_seed
	write x "a red fox"
	printf -- '--- x\n+++ x\n@@ -1 +1 @@\n-a red fox\n+a blue fox\n' >"$DIR/good"
	(cd "$MNT/prompts" && patch -b x "$DIR/good")
	same ok "$(try_open images/x.png)"
	same "a blue fox" "$(record x .prompt)"
	same 2 "$(count submit)"
	same x.png "$(ls "$MNT/images")"
	same 0001.png "$(ls "$MNT/history/x")"
}

@test "s1: each scratch name holds text and never generates" {
	mount_seed
	for name in .x '#x#' x~ x.swp x.swx x.tmp x.part x.partial x.crdownload x.bak x.orig x.rej \
		x___jb_tmp___ x___jb_old___; do
		echo "a fox" >"$MNT/prompts/$name"
		same "a fox" "$(cat "$MNT/prompts/$name")"
		fails mkdir "$MNT/prompts/$name"
		rm "$MNT/prompts/$name"
		run mkdir "$MNT/prompts/$name"
		has "$output" "Invalid argument"
	done
	write last "the last one"
	same 1 "$(count submit)"
}

@test "s1: a prompt renamed to a backup comes back as it was, and what is running goes on" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write x "a fox"
	received accepted 1
	mv "$MNT/prompts/x" "$MNT/prompts/x.bak"
	same x.bak "$(ls "$MNT/prompts")"
	same ENOENT "$(try_open prompts/x)"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	mv "$MNT/prompts/x.bak" "$MNT/prompts/x"
	same "a fox" "$(cat "$MNT/prompts/x")"
	is_verified x
	mv "$MNT/prompts/x" "$MNT/prompts/x~"
	mv "$MNT/prompts/x~" "$MNT/prompts/y"
	is_verified y
	same y "$(ls "$MNT/prompts")"
	same 1 "$(count submit)"
}

@test "s1: removing a backup before anything takes the name removes the prompt" {
	mount_seed
	write x "a fox"
	mv "$MNT/prompts/x" "$MNT/prompts/x~"
	rm "$MNT/prompts/x~"
	same "" "$(ls -A "$MNT/prompts")"
	stop_seedfs
	mount_seed
	same "" "$(ls -A "$MNT/prompts")"
	same x.png "$(ls "$MNT/images")"
}

@test "s1: a backup that nothing has replaced is the prompt again at the next mount" {
	mount_seed
	write x "a fox"
	mv "$MNT/prompts/x" "$MNT/prompts/x~"
	stop_seedfs
	mount_seed
	same x "$(ls -A "$MNT/prompts")"
	same "a fox" "$(cat "$MNT/prompts/x")"
	is_verified x
}

@test "s1: scratch files in a folder follow its rename" {
	mount_seed
	mkdir "$MNT/prompts/d"
	echo text >"$MNT/prompts/d/x.tmp"
	mv "$MNT/prompts/d" "$MNT/prompts/e"
	same text "$(cat "$MNT/prompts/e/x.tmp")"
	same x.tmp "$(ls "$MNT/prompts/e")"
}

@test "s1: all scratch files together hold at most 64 MiB" {
	mount_seed
	# The last one can be made, but not filled.
	for i in {1..70}; do
		head -c 1000000 /dev/zero >"$MNT/prompts/x$i.tmp" 2>/dev/null || break
	done
	same 67 "$i"
	rm "$MNT/prompts/x67.tmp"
	run truncate -s 1000000 "$MNT/prompts/y.tmp"
	has "$output" "No space left"
	run dd if=/dev/zero of="$MNT/prompts/y.tmp" bs=1M count=1
	has "$output" "No space left"
	rm "$MNT"/prompts/*.tmp
	echo "a fox" >"$MNT/prompts/y.tmp"
	run dd if=/dev/zero of="$MNT/prompts/y.tmp" bs=1M count=2
	has "$output" "File too large"
}

@test "s1: a scratch file has the mode and times it was given; a prompt has the mount's" {
	mount_seed
	(umask 077; echo "a fox" >"$MNT/prompts/x.tmp")
	same 600 "$(stat -c %a "$MNT/prompts/x.tmp")"
	chmod 640 "$MNT/prompts/x.tmp"
	same 640 "$(stat -c %a "$MNT/prompts/x.tmp")"
	touch -d @1000 "$MNT/prompts/x.tmp"
	mv "$MNT/prompts/x.tmp" "$MNT/prompts/x"
	same "644 1000" "$(stat -c '%a %Y' "$MNT/prompts/x")"
	chmod 600 "$MNT/prompts/x"
	same 644 "$(stat -c %a "$MNT/prompts/x")"
}

@test "s1: a removed scratch file that is open is another than the next of its name" {
	mount_seed
	F=$MNT/prompts/x.tmp python3 -c '
import os
path = os.environ["F"]
a = os.open(path, os.O_RDWR | os.O_CREAT)
os.write(a, b"old")
os.remove(path)
b = os.open(path, os.O_RDWR | os.O_CREAT)
os.write(b, b"new one")
assert os.fstat(a).st_ino != os.fstat(b).st_ino
assert (os.fstat(a).st_nlink, os.fstat(a).st_size) == (0, 3)
assert os.pread(a, 9, 0) == b"old"
assert os.pread(b, 9, 0) == b"new one"'
}

@test "s1: truncate by path commits at once, and cannot grow a text" {
	mount_seed
	write x "a fox in snow"
	F=$MNT/prompts/x python3 -c '
import os
path = os.environ["F"]
os.truncate(path, 5)
assert os.stat(path).st_size == 5
assert open(path).read() == "a fox"
try:
    os.truncate(path, 100)
    raise SystemExit("grown")
except OSError as error:
    assert error.errno == 22, error
assert os.stat(path).st_size == 5'
	same ok "$(try_open images/x.png)"
	same 2 "$(count submit)"
	is_verified x
}

# What cannot be made here: each prints the error's name.
refused() { # PYTHON
	F=$MNT/prompts/x python3 -c "
import errno, os, socket
path = os.environ['F']
try:
    $1
    print('made')
except OSError as error:
    print(errno.errorcode[error.errno])"
}

@test "s1: links, devices, FIFOs and sockets are EPERM" {
	mount_seed
	write y "a fox"
	same EPERM "$(refused "os.symlink('y', path)")"
	same EPERM "$(refused "os.link(os.path.dirname(path) + '/y', path)")"
	same EPERM "$(refused "os.mkfifo(path)")"
	same EPERM "$(refused "socket.socket(socket.AF_UNIX).bind(path)")"
	if [ "$(id -u)" -eq 0 ]; then
		same EPERM "$(refused "os.mknod(path, 0o20600, os.makedev(1, 3))")"
	fi
	fails test -e "$MNT/prompts/x"
}

@test "s1: what cannot be done here gives the errno that a file system gives" {
	need_root # for devices
	mount_seed
	mkdir "$MNT/prompts/d"
	for name in x x y d/z; do write "$name" "a fox"; done
	echo "a wolf" >"$MNT/prompts/s.tmp"
	same "" "$(python3 "$HERE/errnos.py" "$MNT")"
	same "d s.tmp x y" "$(cd "$MNT/prompts" && echo *)"
	same 4 "$(count submit)"
	is_verified x
}

@test "s1: a name of more than 250 bytes is ENAMETOOLONG, at stat as at create" {
	mount_seed
	long=$(printf 'x%.0s' {1..251})
	same ENAMETOOLONG "$(refused "os.stat(os.path.dirname(path) + '/$long')")"
	same ENAMETOOLONG "$(refused "open(os.path.dirname(path) + '/$long', 'w')")"
	same ENAMETOOLONG "$(refused "os.mkdir(os.path.dirname(path) + '/$long')")"
	write "${long:1}" "a fox"
	is_verified "${long:1}"
}

@test "s2.9: a descriptor of a prompt that was renamed over is ECANCELED, under its name" {
	mount_seed
	write x "a fox"
	write y "a wolf"
	same ECANCELED "$(refused "fd = os.open(path, os.O_WRONLY | os.O_APPEND); os.write(fd, b'old'); os.rename(os.path.dirname(path) + '/y', path); os.close(fd)")"
	has "$(status_texts x)" "Not committed: the prompt was removed or replaced"
	fails grep -F '\001' "$MNT/status"
	same 2 "$(count submit)"
}

# An entry as an earlier version stored it, under what is a scratch name now. Not while mounted.
store_as() { # NAME SCRATCH-NAME
	mv "$STATE/prompts/$1" "$STATE/prompts/$2"
	mv "$STATE/images/$1.png" "$STATE/images/$2.png"
	mv "$STATE/records/$1.json" "$STATE/records/$2.json"
	[ ! -e "$STATE/history/$1" ] || mv "$STATE/history/$1" "$STATE/history/$2"
}

@test "s1: what is stored under a scratch name is readable, listed, removable and renamable" {
	local name

	mount_seed
	write a "the first a"
	for name in a b c d; do write "$name" "a fox $name"; done
	stop_seedfs
	for name in a b c d; do store_as "$name" "$name.bak"; done
	mount_seed
	same "a.bak b.bak c.bak d.bak" "$(cd "$MNT/prompts" && echo *)"
	same "a fox a" "$(cat "$MNT/prompts/a.bak")"
	is_verified a.bak
	same a.bak "$(record a.bak .name)"
	same 0001.png "$(ls "$MNT/history/a.bak")"
	mv "$MNT/prompts/a.bak" "$MNT/prompts/a"
	is_verified a
	same a "$(record a .name)"
	same 0001.png "$(ls "$MNT/history/a")"
	# To another scratch name, and back.
	mv "$MNT/prompts/b.bak" "$MNT/prompts/b~"
	mv "$MNT/prompts/b~" "$MNT/prompts/b"
	is_verified b
	rm "$MNT/prompts/c.bak"
	fails test -e "$MNT/prompts/c.bak"
	rm "$MNT/images/c.bak.png"
	# It is not written any more, for that would be paid for; a scratch file may take its place.
	same "open EROFS" "$(try_write d.bak "a wolf")"
	fails truncate -s 3 "$MNT/prompts/d.bak"
	same "a fox d" "$(cat "$MNT/prompts/d.bak")"
	echo "a backup" >"$MNT/prompts/d.tmp"
	mv "$MNT/prompts/d.tmp" "$MNT/prompts/d.bak"
	same "a backup" "$(cat "$MNT/prompts/d.bak")"
	rm "$MNT/prompts/d.bak"
	same "a fox d" "$(cat "$MNT/prompts/d.bak")"
	same "a b d.bak" "$(cd "$MNT/prompts" && echo *)"
	same 5 "$(count submit)"
}

all_made() {
	[ "$(find "$MNT/images" -name '*.png' -printf x | wc -c)" -eq 100 ]
}

@test "s1: a directory of 100 prompts is synced 60 times without one submission" {
	needs rsync
	mount_seed -o size=64x36 # many, so small ones
	mkdir -p "$DIR/s/d"
	for i in {1..50}; do
		echo "a fox $i" >"$DIR/s/f$i"
		echo "a wolf $i" >"$DIR/s/d/w$i"
	done
	rsync -a "$DIR/s/" "$MNT/prompts/"
	WAIT=60 wait_until all_made
	same 100 "$(count submit)"
	for _ in {1..60}; do rsync -a "$DIR/s/" "$MNT/prompts/"; done
	same 100 "$(count submit)"
	same "" "$(find "$MNT/history" -name '*.png')"
}

# Each of these changes red to blue, and then blue to green.
edit() { # EDITOR FROM TO
	local file=$MNT/prompts/fox

	case $1 in
	vim) vim -N -u NONE -i NONE -es +"%s/$2/$3/" +wq "$file" ;;
	vim-backup) vim -N -u NONE -i NONE -es +"set backup backupcopy=no" +"%s/$2/$3/" +wq "$file" ;;
	nano) F=$file python3 "$HERE/keys.py" nano -I "$file" -- Exit "\\x1c" Search "$2\\r" Replace "$3\\r" instance "A" \
		eplaced "\\x0f" Write "\\r" Wrote "\\x18" >/dev/null ;;
	emacs) F=$file emacs --batch -Q --eval "(progn (find-file (getenv \"F\"))
		(while (search-forward \"$2\" nil t) (replace-match \"$3\")) (save-buffer))" 2>/dev/null ;;
	ed) printf '%s\n' ",s/$2/$3/" w q | ed -s "$file" ;;
	sed) sed -i "s/$2/$3/" "$file" ;;
	busybox) busybox sed -i "s/$2/$3/" "$file" ;;
	perl) perl -i.bak -pe "s/$2/$3/" "$file" ;;
	esac
}

@test "s1: each editor twice: two generations, the history stays, and nothing else is left" {
	local editor number=0

	mount_seed
	for editor in vim vim-backup nano emacs ed sed busybox perl; do
		[ -n "$(type -P "${editor%-*}")" ] || continue
		write fox "a red fox"
		edit "$editor" red blue
		same "$editor ok" "$editor $(try_open images/fox.png)"
		edit "$editor" blue green
		same "$editor ok" "$editor $(try_open images/fox.png)"
		same "$editor: a green fox" "$editor: $(record fox .prompt)"
		same "$editor $((number += 3))" "$editor $(count submit)"
		same "$editor $((number - 1))" "$editor $(files history/fox)"
		same "$editor fox.png" "$editor $(ls "$MNT/images")"
		rm -f "$MNT/prompts/fox~" "$MNT/prompts/fox.bak"
		same "$editor fox" "$editor $(ls -A "$MNT/prompts")"
	done
}

@test "s1: patch that does not apply pays for its temporary files; --dry-run tells before" {
	needs patch
	mount_seed
	write x "a red fox"
	printf -- '--- x\n+++ x\n@@ -1 +1 @@\n-a green fox\n+a blue fox\n' >"$DIR/bad"
	cd "$MNT/prompts"
	fails patch --dry-run x "$DIR/bad"
	same 1 "$(count submit)"
	fails patch x "$DIR/bad"
	same "x x.orig x.rej" "$(echo *)"
	cd "$DIR"
	is_verified x
	same "a red fox" "$(cat "$MNT/prompts/x")"
	same 3 "$(count submit)"
}

@test "s1: tar, cp -a and rsync take the whole mount out, without a word" {
	mount_seed
	write x "a fox"
	mkdir "$MNT/prompts/d"
	write d/y "a wolf"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write z "a lynx"
	received accepted 1 lynx
	mkdir "$DIR/tar" "$DIR/cp" "$DIR/rsync"
	# A pipe: tar opens nothing for /dev/null.
	(cd "$MNT" && tar cf - prompts images records history queue metrics README index.html) 2>"$DIR/said" |
		tar xf - -C "$DIR/tar"
	same "0 0" "${PIPESTATUS[*]}"
	same "" "$(cat "$DIR/said")"
	has "$(cat "$DIR/tar/queue")" "z "
	has "$(cat "$DIR/tar/metrics")" seedfs_
	cp -a "$MNT/images" "$MNT/queue" "$DIR/cp/"
	[ -s "$DIR/cp/queue" ]
	rsync -a "$MNT/images" "$MNT/queue" "$MNT/metrics" "$DIR/rsync/"
	[ -s "$DIR/rsync/metrics" ]
	for to in tar cp rsync; do cmp "$MNT/images/x.png" "$DIR/$to/images/x.png"; done
	release
	job_ends 0 "$JOB"
	same 3 "$(count submit)"
}

@test "s1: queue and metrics have a true size; queue is never empty" {
	mount_seed -o jobs=1
	[ "$(stat -c %s "$MNT/queue")" -gt 0 ]
	same "$(stat -c %s "$MNT/metrics")" "$(wc -c <"$MNT/metrics")"
	same "$(stat -c %s "$MNT/queue")" "$(wc -c <"$MNT/queue")"
	has "$(cat "$MNT/queue")" "# 0 generating, 0 queued, 0 waiting callers"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 1
	background try_write owl "an owl"
	wait_until grep -q 'owl .* waits for one of 1 jobs' "$MNT/queue"
	has "$(cat "$MNT/queue")" "# 1 generating, 1 queued, 2 waiting callers"
	release
	wait_until state_is owl verified
}
