#!/usr/bin/env bats
# `man seedfs`: reuse. (On a farm: farm_means.bats.)

load helper

@test "s2.6: with reuse a text whose image is verified is answered at once with it" {
	mount_seed -o reuse
	write fox "a fox"
	write wolf "a fox"
	same 1 "$(count submit)"
	is_verified wolf
	cmp "$MNT/images/fox.png" "$MNT/images/wolf.png"
	write fox "a fox"
	same 1 "$(count submit)"
	is_verified fox
	write fox "another fox"
	same 2 "$(count submit)"
}

@test "s2.6: reuse is for the same settings only" {
	mount_seed -o reuse
	write fox "a fox"
	write wolf '{"prompt": "a fox", "steps": 12}'
	same 2 "$(count submit)"
	stop_seedfs
	mount_seed -o reuse,style=oil
	write owl "a fox"
	same 3 "$(count submit)"
	stop_seedfs
	mount_seed -o reuse
	write hare "a fox"
	same 3 "$(count submit)"
}

@test "s2.6: an image that came at the second attempt is reused, with what is known of it" {
	mount_seed -o reuse
	faults '[{"on":"create","nth":1,"do":{"status":500}}]'
	write fox "a fox"
	same 2 "$(count submit)"
	write wolf "a fox"
	same 2 "$(count submit)"
	is_verified wolf
	same "$(record fox '.attempts[0].error.message')" "$(record wolf '.attempts[0].error.message')"
}

waits_for_same() { # NAME
	grep -q "^$1 .*waits for the image of another name" "$MNT/queue"
}

# fox is at the service, owl waits for its image; and so does hare.
same_text_thrice() { # FAULT [SECOND-FAULT]; OPTIONS
	mount_seed -o "reuse${OPTIONS:+,$OPTIONS}"
	faults "[{\"on\":\"create\",\"nth\":1,\"do\":$1}${2:+,{\"on\":\"create\",\"nth\":2,\"do\":$2\}}]"
	background try_write fox "a fox"
	FIRST=$JOB FIRST_OUT=$JOB_OUT
	received create 1
	background try_write owl "a fox"
	SECOND=$JOB SECOND_OUT=$JOB_OUT
	background try_write hare "a fox"
	THIRD=$JOB THIRD_OUT=$JOB_OUT
	wait_until waits_for_same owl
	wait_until waits_for_same hare
}

all_end() { # THREE OUTCOMES
	job_ends 0 "$FIRST"
	job_ends 0 "$SECOND"
	job_ends 0 "$THIRD"
	same "$1" "$(<"$FIRST_OUT")"
	same "$2" "$(<"$SECOND_OUT")"
	same "$3" "$(<"$THIRD_OUT")"
}

@test "s2.6: with reuse a text that is being generated for one name is not generated for another" {
	same_text_thrice '{"hold":true}'
	write oak "an oak"
	release
	all_end ok ok ok
	cmp "$MNT/images/fox.png" "$MNT/images/owl.png"
	cmp "$MNT/images/fox.png" "$MNT/images/hare.png"
	same 1 "$(count create "a fox")"
	same "" "$(attribute prompts/owl cost)"
}

@test "s2.6: and is generated for all that waited, side by side, if that fails" {
	same_text_thrice '{"delay_ms":3000,"status":400}' '{"status":400}' # the retry, too
	all_end "close EINVAL" ok ok
	same 4 "$(count create)"
}

@test "s2.6: where none was ever accepted, one of those that waited is, and the others wait for that" {
	local first names="owl hare hen cat" name jobs=()

	mount_seed -o reuse,timeout=5
	faults '[{"on":"create","do":{"status":429,"retry_after":"1"}}]'
	background try_write fox "a fox"
	first=$JOB
	received create 1
	for name in $names; do
		background try_write "$name" "a fox"
		jobs+=("$JOB")
		wait_until waits_for_same "$name"
	done
	job_ends 0 "$first"
	fails is_verified fox
	faults '[]'
	for name in "${jobs[@]}"; do
		job_ends 0 "$name"
	done
	for name in $names; do
		is_verified "$name"
	done
	same 1 "$(count accepted)"
}

@test "s2.6: or for the first of them, if that is removed" {
	same_text_thrice '{"hold":true}'
	rm "$MNT/prompts/fox"
	all_end "close ECANCELED" ok ok
	release
	cmp "$MNT/images/owl.png" "$MNT/images/hare.png"
	same 2 "$(count create)"
}

@test "s2.6: or if that has a newer text" {
	same_text_thrice '{"hold":true}'
	write fox "a red fox"
	all_end "close ECANCELED" ok ok
	release
	cmp "$MNT/images/owl.png" "$MNT/images/hare.png"
	same 2 "$(count create "a fox")"
}

@test "s2.6: and costs nothing more, also where it is the last that the budget allows" {
	OPTIONS=budget=1/day same_text_thrice '{"hold_task":true}'
	same "close EDQUOT" "$(try_write elk "an elk")"
	release
	all_end ok ok ok
	same 1 "$(count create)"
}

@test "s2.6: and waits no longer for one that is paid for and cannot be stored: EIO, and the image comes later" {
	same_text_thrice '{"hold_task":true}'
	mkdir -p "$STATE/images/fox.png/in the way"
	release
	all_end "close EIO" "close EIO" "close EIO"
	rm -r "$STATE/images/fox.png"
	wait_until is_verified fox
	wait_until is_verified owl
	wait_until is_verified hare
	same 1 "$(count create)"
}

@test "s2.6: and fails with one that is paid for and cannot be asked for; who writes it again has it asked for again" {
	OPTIONS=timeout=5 same_text_thrice '{"delay_ms":1000}'
	faults '[{"on":"image","times":999,"do":{"status":500}}]'
	all_end "close EIO" "close EIO" "close EIO"
	has "$(record owl .error.message)" "this text is paid for, and kept for fox: "
	background try_write owl "a fox"
	wait_until waits_for_same owl
	faults '[]'
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	cmp "$MNT/images/fox.png" "$MNT/images/owl.png"
	same ok "$(try_write hare "a fox")"
	same 1 "$(count create)"
}

@test "s2.6: and with one whose late task is kept beside the retry that failed" {
	OPTIONS=timeout=4 same_text_thrice '{"hold_task":true}' '{"status":500}'
	all_end "close EIO" "close EIO" "close EIO"
	release
	wait_until is_verified fox
	same ok "$(try_write owl "a fox")"
	same 1 "$(count accepted)"
}

@test "s2.6: also where nothing was mounted between the two" {
	OPTIONS=timeout=4 same_text_thrice '{"duration_ms":12000}' '{"duration_ms":2000,"fail":{"code":"500","msg":"no"}}'
	WAIT=30 received accepted 2
	kill_seedfs
	umount -l "$MNT"
	mount_seed -o reuse,timeout=4
	WAIT=30 wait_until is_verified fox
	same ok "$(try_write owl "a fox")"
	same ok "$(try_write hare "a fox")"
	same 2 "$(count submit)"
}

# Its failure is on its way to the disk when the other one asks.
@test "s2.6: a kept one that has failed for good is not waited for" {
	slow_fsync 400
	LD_PRELOAD=$DIR/slow.so mount_seed -o reuse,timeout=3
	faults '[{"on":"image","times":999,"do":{"status":500}}]'
	background try_write fox "a fox"
	FIRST=$JOB FIRST_OUT=$JOB_OUT
	wait_until grep -q "the task is kept" "$MNT/status"
	faults '[{"on":"image","nth":1,"do":{"body":"no picture"}}]'
	wait_until grep -q "image not valid" "$MNT/status"
	same ok "$(try_write owl "a fox")"
	job_ends 0 "$FIRST"
	has "$(<"$FIRST_OUT")" "close E"
	wait_until state_is fox failed
	same EBADMSG "$(record fox .error.errno)"
	has_not "$(<"$MNT/status")" " 0 bytes"
	is_verified owl
}

@test "s2.6: and with the retry, where the late task beside it fails" {
	OPTIONS=timeout=7 same_text_thrice '{"hold_task":true,"fail":{"code":"500","msg":"no"}}' \
		'{"duration_ms":3000}'
	WAIT=30 received accepted 2
	release
	all_end ok ok ok
	cmp "$MNT/images/fox.png" "$MNT/images/owl.png"
	same 2 "$(count create)"
}

@test "s2.6: where it fails, those that wait for a slot have the image of the first that gets one" {
	OPTIONS=jobs=1 same_text_thrice '{"duration_ms":5000,"fail":{"code":"500","msg":"no"}}' '{"fail":{"code":"500","msg":"no"}}'
	background try_write elk "a fox"
	all_end "close EIO" ok ok
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	same 3 "$(count submit)"
	cmp "$MNT/images/owl.png" "$MNT/images/hare.png"
	cmp "$MNT/images/owl.png" "$MNT/images/elk.png"
}

@test "s2.6: an image that is there is not waited for, whoever else generates the text" {
	mount_seed -o reuse
	write fox "a fox"
	write fox "another fox"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write owl "a fox"
	received accepted 2 "a fox"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	write hare "a fox"
	cmp "$MNT/images/fox.png" "$MNT/images/hare.png"
	release
	job_ends 0 "$JOB"
	is_verified owl
	same 3 "$(count submit)"
}

@test "s2.6: and not with an older text's task that fails" {
	same_text_thrice '{"hold_task":true,"fail":{"code":"500","msg":"no"}}' '{"duration_ms":4000}'
	received accepted 1
	write fox "another fox"
	received accepted 3
	release "a fox"
	job_ends 0 "$SECOND"
	job_ends 0 "$THIRD"
	same "ok ok" "$(<"$SECOND_OUT") $(<"$THIRD_OUT")"
	same 2 "$(count create "a fox")"
}

@test "s2.6: what waits for another name's image does so after a restart, too" {
	same_text_thrice '{"hold_task":true}'
	received accepted 1
	wait_until step_is accepted
	kill_seedfs
	umount -l "$MNT"
	mount_seed -o reuse
	wait_until waits_for_same owl
	release
	wait_until is_verified owl
	wait_until is_verified hare
	cmp "$MNT/images/fox.png" "$MNT/images/owl.png"
	same 1 "$(count create)"
}

@test "s2.6: what waits finds the one that is under way after a restart, also where that came later" {
	mount_seed -o reuse
	faults '[{"on":"image","do":{"status":503}},{"on":"create","do":{"hold_task":true}}]'
	background python3 "$FS" write "$MNT/callbacks/owl" \
		"{\"prompt\":\"a fox\",\"image_url\":\"$API/files/jpeg-360x360/a.png\"}"
	received image 1
	background try_write fox "a fox"
	received accepted 1 "a fox"
	wait_until step_is accepted
	faults '[{"on":"create","do":{"hold_task":true}}]'
	kill_seedfs
	umount -l "$MNT"
	mount_seed -o reuse
	WAIT=20 wait_until waits_for_same owl
	release
	wait_until is_verified owl
	is_verified fox
	same 1 "$(count create)"
}

@test "s2.6: a callback without an image, or with one that is not taken, has that of its text" {
	local body

	mount_seed -o reuse
	write fox "a fox"
	for body in '{"prompt":"a fox"}' "{\"prompt\":\"a fox\",\"image_url\":\"$API/files/jpeg-360x360/a.png\"}"; do
		same ok "$(python3 "$FS" write "$MNT/callbacks/owl${#body}" "$body")"
		cmp "$MNT/images/fox.png" "$MNT/images/owl${#body}.png"
		has "$(status_texts "owl${#body}")" "No valid image provided"
	done
	same 1 "$(count submit)"
}

@test "s2.6: what reuse answers costs nothing, also when the budget is used up" {
	mount_seed -o reuse,budget=1/day
	write fox "a fox"
	write owl "a fox"
	write fox "a fox"
	printf 'a fox' >"$MNT/prompts/.hen.tmp"
	mv "$MNT/prompts/.hen.tmp" "$MNT/prompts/hen"
	cmp "$MNT/images/fox.png" "$MNT/images/owl.png"
	cmp "$MNT/images/fox.png" "$MNT/images/hen.png"
	# Another text is refused, and changes nothing.
	same "close EDQUOT" "$(try_write fox "a red fox")"
	same "a fox" "$(<"$MNT/prompts/fox")"
	is_verified fox
	printf 'a hen' >"$MNT/prompts/.hen.tmp"
	same "1" "$(mv "$MNT/prompts/.hen.tmp" "$MNT/prompts/hen" 2>"$DIR/mv" || echo $?)"
	has "$(<"$DIR/mv")" "Disk quota exceeded"
	same "a fox" "$(<"$MNT/prompts/hen")"
	cmp "$MNT/images/fox.png" "$MNT/images/hen.png"
	same 1 "$(count submit)"
}

# The program's look at the record of fox stops while $DIR/hold is there: a library made here
# stands before libc's.
hold_look() {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/hold.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <stdarg.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>

		int openat64(int dir, const char *path, int flags, ...)
		{
			int (*real)(int, const char *, int, int) = dlsym(RTLD_NEXT, "openat64");
			const char *hold = getenv("HOLD");
			va_list more;
			int mode;

			va_start(more, flags);
			mode = flags & O_CREAT ? va_arg(more, int) : 0;
			va_end(more);
			if (hold && strcmp(path, "fox.json") == 0 && access(hold, F_OK) == 0) {
				close(real(AT_FDCWD, getenv("HELD"), O_CREAT | O_WRONLY, 0600));
				while (access(hold, F_OK) == 0)
					usleep(1000);
			}
			return real(dir, path, flags, mode);
		}
	C
}

@test "s2.9: a disk that keeps one text waiting for a look keeps no other" {
	hold_look
	HOLD=$DIR/hold HELD=$DIR/held LD_PRELOAD=$DIR/hold.so mount_seed -o reuse
	write fox "a fox"
	: >"$DIR/hold"
	background try_write fox "a fox"
	local writer=$JOB out=$JOB_OUT
	wait_until test -e "$DIR/held"
	write owl "an owl"
	rm "$DIR/hold"
	job_ends 0 "$writer"
	same ok "$(cat "$out")"
	same 2 "$(count submit)"
}

# Answered with the image that is there, of whatever name.
is_answered() { # NAME TEXT
	local before
	before=$(count submit)
	write "$1" "$2"
	same "$before" "$(count submit)"
	is_verified "$1"
}

@test "s2.6: an image is found under the name that it was renamed to" {
	mount_seed -o reuse
	write fox "a fox"
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
	is_answered owl "a fox"
	write fox "a hen"
	mv "$MNT/prompts/fox" "$MNT/prompts/owl"
	mv "$MNT/prompts/owl" "$MNT/prompts/hare"
	is_answered fox "a hen"
}

@test "s2.6: and below a folder that was renamed" {
	mount_seed -o reuse
	mkdir -p "$MNT/prompts/a/b"
	write a/fox "a fox"
	write a/b/hen "a hen"
	mv "$MNT/prompts/a" "$MNT/prompts/c"
	mv "$MNT/prompts/c/b" "$MNT/prompts/d"
	is_answered one "a fox"
	is_answered two "a hen"
}

@test "s2.6: and where the name that had it last was removed, or has another text" {
	mount_seed -o reuse
	write fox "a fox"
	is_answered owl "a fox"
	is_answered hare "a fox"
	rm "$MNT/prompts/hare" "$MNT/images/hare.png"
	write owl "an owl"
	is_answered elk "a fox"
	rm "$MNT/prompts/elk"
	write fox "a red fox"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	rm "$MNT/images/elk.png"
	is_answered hen "a fox"
}

@test "s2.6: and is generated once none has it any more" {
	mount_seed -o reuse
	write fox "a fox"
	is_answered owl "a fox"
	rm "$MNT/images/fox.png" "$MNT/images/owl.png"
	write hare "a fox"
	same 2 "$(count submit)"
}

@test "s2.6: a hint that an earlier version wrote, and one that is damaged" {
	mount_seed -o reuse
	write fox "a fox"
	local hint
	hint=$(echo "$STATE"/reuse/*)
	printf 'fox' >"$hint"
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
	printf '\n../../wolf\n\nnobody\nwo' >>"$hint"
	is_answered owl "a fox"
	is_answered hare "a fox"
}

@test "s2.6: whatever other names had it meanwhile" {
	mount_seed -o reuse
	write keep "a fox"
	is_answered w "a fox"
	python3 - "$MNT/prompts" <<-'PYTHON'
		import os, sys
		os.chdir(sys.argv[1])
		name = "w"
		for i in range(80):
		    new = "%03d" % i + "n" * 230
		    os.rename(name, new)
		    name = new
		os.remove(name)
		os.remove("../images/" + name + ".png")
	PYTHON
	is_answered z "a fox"
}

@test "s2.6: what is planted in a hint's place is set aside, and the next text finds its image" {
	mount_seed -o reuse
	local hint kind name=0
	write fox "a fox"
	hint=$(echo "$STATE"/reuse/*)
	for kind in link fifo folder twice; do
		rm "$hint"
		echo "not ours" >"$DIR/victim"
		case $kind in
		link) ln -s "$DIR/victim" "$hint" ;;
		fifo) mkfifo "$hint" ;;
		folder) mkdir "$hint" ;;
		twice) ln "$DIR/victim" "$hint" ;;
		esac
		write "$((++name))" "a fox"
		is_answered "$((++name))" "a fox"
		same "not ours" "$(<"$DIR/victim")"
		[ -e "$hint.bad" ] || [ -L "$hint.bad" ]
		has "$(<"$MNT/status")" "set aside as ${hint##*/}.bad"
		rm -rf "$hint.bad" "$DIR/victim"
	done
}

@test "s2.6: bytes that are not those that were verified are not reused" {
	mount_seed -o reuse
	write fox "a fox"
	write owl "an owl"
	cp "$STATE/images/owl.png" "$STATE/images/fox.png"
	write hare "a fox"
	same 3 "$(count submit)"
	is_verified hare
	has "$(<"$MNT/status")" "images/fox.png is not the image that was verified: it is not reused"
	is_answered elk "a fox"
}

@test "s2.6: nor is a file that is larger than any image read to its end" {
	mount_seed -o reuse
	write fox "a fox"
	truncate -s 8T "$STATE/images/fox.png" 2>/dev/null || truncate -s 2T "$STATE/images/fox.png"
	same ok "$(timeout 30 python3 "$FS" write "$MNT/prompts/hare" "a fox")"
	same 2 "$(count submit)"
	has "$(<"$MNT/status")" "images/fox.png is not the image that was verified: it is not reused"
	stop_seedfs
}

@test "s2.6: nor are they taken for the image of their own name, with reuse or without" {
	local options damage submitted

	rot() { dd if=/dev/zero of="$1" bs=1 seek=3000 count=6 conv=notrunc status=none; }
	for options in reuse timeout=60; do
		mount_seed -o "$options"
		write fox "a fox"
		saved() { # by a scratch file
			echo "a fox" >"$MNT/prompts/.fox"
			mv "$MNT/prompts/.fox" "$MNT/prompts/fox"
			same ok "$(try_open images/fox.png)"
			is_verified fox
		}
		for damage in rot "truncate -s 500" "truncate -s 1T"; do
			saved
			submitted=$(count submit)
			$damage "$STATE/images/fox.png"
			saved
			same $((submitted + 1)) "$(count submit)"
			has "$(<"$MNT/status")" "images/fox.png is not the image that was verified"
		done
		stop_seedfs
		rm -rf "$STATE"
	done
}

@test "s2.6: names behind zeros that a power cut left are seen" {
	mount_seed -o reuse
	write fox "a fox"
	stop_seedfs
	truncate -s +4096 "$STATE"/reuse/*
	mount_seed -o reuse
	write owl "a fox"
	rm "$MNT/prompts/fox" "$MNT/images/fox.png"
	write hare "a fox"
	cmp "$MNT/images/owl.png" "$MNT/images/hare.png"
	same 1 "$(count submit)"
}

@test "s2.6: a hint that names one image again and again is not followed to its end" {
	mount_seed -o reuse
	write fox "a fox"
	hint=$(ls "$STATE"/reuse/*)
	stop_seedfs
	truncate -s 200M "$STATE/images/fox.png"
	yes fox | head -n 200000 >"$hint"
	mount_seed -o reuse
	same ok "$(timeout 60 python3 "$FS" write "$MNT/prompts/owl" "a fox")"
	is_verified owl
	same 2 "$(count submit)"
	[ "$(grep -c "not the image that was verified" "$MNT/status")" -lt 20 ]
}

@test "s2.6: and which of many it is, also in a folder that was renamed" {
	mount_seed -o reuse
	mkdir "$MNT/prompts/a"
	python3 - "$MNT/prompts" <<-'PYTHON'
		import os, sys
		os.chdir(sys.argv[1])
		names = ["%03d" % i + "n" * 200 for i in range(60)]
		def write(name, text):
		    with open(name, "w") as file:
		        file.write(text)
		for name in names:
		    write("a/" + name, "a fox")
		os.rename("a", "b")
		for name in names[:20] + names[21:]:
		    write("b/" + name, "a hen")
	PYTHON
	is_answered z "a fox"
	same 2 "$(count submit)"
}

@test "s2.6: an image whose name cannot be noted for want of room is shown when it can" {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/full.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <errno.h>
		#include <stdatomic.h>
		#include <string.h>
		#include <unistd.h>

		ssize_t write(int fd, const void *data, size_t len)
		{
			static atomic_int calls;
			ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");

			if (len == 4 && memcmp(data, "\nfox", 4) == 0 && !calls++) {
				errno = ENOSPC;
				return -1;
			}
			return real(fd, data, len);
		}
	C
	LD_PRELOAD=$DIR/full.so mount_seed -o reuse
	same "close ENOSPC" "$(try_write fox "a fox")"
	has "$(<"$MNT/status")" "The outcome cannot be stored: No space left on device (ENOSPC)"
	wait_until is_verified fox
	write owl "a fox"
	is_verified owl
	same 1 "$(count submit)"
}
