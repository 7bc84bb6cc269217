#!/usr/bin/env bats
# `man seed` and `man seedfs`: budget, extended attributes, queue, metrics. (The gallery has
# gallery.bats, reuse has reuse.bats.)

load helper

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

# The program's day is as many days off as $DIR/days says: a library made here stands before libc's.
set_days_off() { # DAYS
	echo "$1" >"$DIR/days.new"
	mv "$DIR/days.new" "$DIR/days"
	[ ! -e "$DIR/clock.so" ] || return 0
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/clock.so" -x c - <<-'C'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>

		int clock_gettime(clockid_t id, struct timespec *now)
		{
			int result = (int)syscall(SYS_clock_gettime, id, now);
			FILE *file = id == CLOCK_REALTIME ? fopen(getenv("DAYS"), "r") : NULL;
			long days = 0;

			if (file && fscanf(file, "%ld", &days) == 1)
				now->tv_sec += days * 86400;
			if (file)
				fclose(file);
			return result;
		}
	C
}

@test "s7: a clock that shows another day for a while gives no new budget" {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	export DAYS=$DIR/days
	set_days_off 0
	LD_PRELOAD=$DIR/clock.so mount_seed -o budget=2/day
	write one "picture one"
	write two "picture two"
	has "$(try_write three "picture three")" EDQUOT
	set_days_off 1
	write four "picture four"
	set_days_off 0
	has "$(try_write three "picture three")" EDQUOT
	stop_seedfs
	# As a machine without a battery starts.
	set_days_off "-$(($(date +%s) / 86400))"
	LD_PRELOAD=$DIR/clock.so mount_seed -o budget=2/day
	write five "picture five"
	set_days_off 0
	has "$(try_write three "picture three")" EDQUOT
	stop_seedfs
	LD_PRELOAD=$DIR/clock.so mount_seed -o budget=2/day
	has "$(try_write three "picture three")" EDQUOT
	# The next day is a new one, as ever.
	set_days_off 2
	write three "picture three"
	same 5 "$(count submit)"
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
