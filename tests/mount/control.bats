#!/usr/bin/env bats
# `man seed` and `man seedfs`: reuse, budget, extended attributes,
# queue, metrics. (The gallery has gallery.bats.)

load helper

attribute() { # PATH NAME
	getfattr --only-values -n "user.seed.$2" "$MNT/$1" 2>/dev/null
}


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

@test "s7: more than budget submissions in a UTC day are EDQUOT" {
	mount_seed -o budget=2/day
	write one "picture one"
	write two "picture two"
	has "$(try_write three "picture three")" EDQUOT
	same 2 "$(count submit)"
	same EDQUOT "$(try_open images/three.png)"
	is_verified one
	is_verified two
}

@test "s2.2: an exhausted budget is seen by every shell's echo" {
	mount_seed -o budget=1/day
	write one "picture one"
	for shell in bash dash; do
		# shellcheck disable=SC2016
		fails "$shell" -c 'echo "a fox" >"$0"' "$MNT/prompts/two"
	done
	same 1 "$(count submit)"
}

@test "s7: the budget counts retries, and is kept across mounts" {
	mount_seed -o budget=3/day
	faults '[{"on":"create","nth":1,"times":2,"do":{"status":500}}]'
	same "close EIO" "$(try_write one "picture one")"
	write two "picture two"
	kill_seedfs
	mount_seed -o budget=3/day
	has "$(try_write three "picture three")" EDQUOT
	same 3 "$(count submit)"
}

@test "s1: the extended attributes of a verified prompt and image" {
	mount_seed
	write fox "a fox"
	for path in prompts/fox images/fox.png; do
		same verified "$(attribute "$path" state)"
		same 2048x1152 "$(attribute "$path" resolution)"
		same "$(record fox .image_url)" "$(attribute "$path" image_url)"
		same "$(sha256sum <"$MNT/images/fox.png" | cut -d' ' -f1)" "$(attribute "$path" sha256)"
		same kie "$(attribute "$path" provider)"
		same "$MODEL" "$(attribute "$path" model)"
		same "$(log_of accepted .task)" "$(attribute "$path" task_id)"
		same "" "$(attribute "$path" error)"
		same 5 "$(attribute "$path" cost)"
		has "$(getfattr -d "$MNT/$path" 2>/dev/null)" 'user.seed.state="verified"'
	done
}

@test "s1: the extended attributes of a failed and of a running prompt" {
	mount_seed
	faults '[{"on":"create","prompt":"wolf","do":{"code":402,"msg":"no credits"}},
		{"on":"create","prompt":"owl","do":{"hold_task":true}}]'
	same "close EDQUOT" "$(try_write wolf "a wolf")"
	same failed "$(attribute prompts/wolf state)"
	has "$(attribute prompts/wolf error)" EDQUOT
	background write owl "an owl"
	received poll 1
	same generating "$(attribute prompts/owl state)"
	release
	job_ends 0 "$JOB"
}

@test "s1: queue shows what is running, one line a generation" {
	mount_seed -o jobs=1
	same 444 "$(stat -c %a "$MNT/queue")"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 1
	background write owl "an owl"
	wait_until state_is owl queued
	has "$(grep fox "$MNT/queue")" generating
	has "$(grep owl "$MNT/queue")" queued
	same 1 "$(grep -c fox "$MNT/queue")"
	release
	job_ends 0 "$JOB"
	wait_until fails grep -E 'fox|owl' "$MNT/queue"
}

@test "s1: metrics are Prometheus text" {
	mount_seed
	same 444 "$(stat -c %a "$MNT/metrics")"
	faults '[{"on":"create","nth":2,"do":{"status":500}}]'
	write fox "a fox"
	write owl "an owl"
	cat "$MNT/metrics" >"$DIR/metrics"
	# Each line is a comment or a sample; each sample's family is declared.
	same "" "$(grep -vE '^(# (HELP|TYPE) [a-z_:]+ .+|[a-z_:][a-z0-9_:]*(\{[^}]*\})? -?([0-9.e+-]+|\+Inf|NaN))$' "$DIR/metrics" || true)"
	same "" "$(awk '/^# TYPE/ { known[$3] = 1; next } /^#/ { next }
		{ name = $1; sub(/\{.*/, "", name); base = name; sub(/_(bucket|sum|count)$/, "", base)
		  if (!known[name] && !known[base]) print name }' "$DIR/metrics")"
	[ "$(awk '!/^#/ && /submi/ { sum += $NF } END { print sum + 0 }' "$DIR/metrics")" -ge 3 ]
	[ "$(awk '!/^#/ && /retr/ { sum += $NF } END { print sum + 0 }' "$DIR/metrics")" -ge 1 ]
	has_not "$(cat "$DIR/metrics")" "$KEY"
}

@test "s1: metrics counts the bytes that were downloaded" {
	mount_seed
	write fox "a fox"
	same "$(record fox .source.bytes)" \
		"$(awk '$1 == "seedfs_download_bytes_total" { print $2 }' "$MNT/metrics")"
}
