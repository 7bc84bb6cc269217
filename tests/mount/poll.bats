#!/usr/bin/env bats
# `man seed` and the wire facts of kie: what is no failure while a task
# is submitted and polled, and how often it is asked for.
# shellcheck disable=SC2016 # commands for other shells

load helper

# The rules cost nothing but time: one submission, no retry.
not_a_failure() { # RULES
	mount_seed
	faults "$1"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
	has_not "$(status_texts fox)" "🔄"
}

# The largest number of polls that the service saw in any span of so many ms.
busiest() { # MILLISECONDS
	log_of poll -s --argjson span "$1" '
		[.[].time] | sort as $t | [range($t | length) as $i
			| [$t[] | select(. >= $t[$i] and . < $t[$i] + $span)] | length] | max // 0'
}

@test "s3: HTTP 429 is not a failure; it waits as Retry-After says" {
	mount_seed
	faults '[{"on":"create","nth":1,"times":2,"do":{"status":429,"retry_after":"1"}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 3 "$(count create)"
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
	same '[30,30,30]' "$(log_of create -cs 'map(.body.input.steps)')"
	has_not "$(status_texts fox)" "🔄"
	log_of create -s '[.[].time] | (.[1] - .[0] >= 1000 and .[2] - .[1] >= 1000)' | grep -qx true
}

@test "s3: 429 without Retry-After backs off" {
	not_a_failure '[{"on":"create","nth":1,"times":2,"do":{"status":429}}]'
}

@test "s3: 429 in the envelope backs off" {
	not_a_failure '[{"on":"create","nth":1,"do":{"code":429,"msg":"too many requests"}}]'
}

@test "s3: 429 is waited for within the attempt's timeout" {
	mount_seed -o timeout=1
	faults '[{"on":"create","do":{"status":429,"retry_after":"600"}}]'
	same "close ETIMEDOUT" "$(try_write fox "a fox")"
	[ "$(count create)" -le 2 ]
}

@test "s3: recordInfo is null right after creation is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"times":3,"do":{"null":true}}]'
}

@test "s3: 429 while polling is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"times":2,"do":{"status":429}}]'
}

@test "s3: 5xx while polling is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"do":{"status":500}},{"on":"poll","nth":1,"do":{"status":502,"body":"<html>bad gateway</html>"}},
		{"on":"poll","nth":2,"do":{"status":503}}]'
}

@test "s3: a broken connection while polling is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"do":{"reset":true}},{"on":"poll","nth":2,"do":{"close":true}}]'
}

@test "s3: a broken answer while polling is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"do":{"body":"{\"code\":200,"}},{"on":"poll","nth":2,"do":{"cut":10}}]'
}

@test "s3: an unknown state is not a failure" {
	not_a_failure '[{"on":"poll","nth":1,"times":3,"do":{"state":"pondering"}}]'
}

@test "s3: waiting, queuing and generating are not failures" {
	not_a_failure '[{"on":"poll","nth":1,"do":{"state":"waiting"}},{"on":"poll","nth":2,"do":{"state":"queuing"}},
		{"on":"poll","nth":3,"do":{"state":"generating"}}]'
}

@test "s3: the task that was created is the one that is polled" {
	mount_seed
	write fox "a fox"
	same "$(log_of accepted .task)" "$(log_of poll .query.taskId | sort -u)"
}

@test "s3: nothing is polled after the end of the task" {
	mount_seed
	write fox "a fox"
	polls=$(count poll)
	write owl "an owl"
	same "$polls" "$(count poll fox)"
	same 2 "$(count finished)"
}

@test "s3: the end of a task is seen soon" {
	mount_seed
	config '{"duration_ms":1500}'
	write fox "a fox"
	seen=$(log_of finished .time)
	made=$(log_of accepted .time)
	[ $((seen - made)) -le 4000 ] || fail "a task of 1500 ms was seen to end after $((seen - made)) ms"
	[ "$(count poll)" -le 10 ]
}

@test "s3: never more than the documented 10 queries a second over all tasks" {
	mount_seed -o jobs=64
	config '{"image":"png-1024x576"}'
	faults '[{"on":"create","do":{"duration_ms":3000}}]'
	background python3 "$FS" many "$MNT/prompts" 40
	WAIT=60 job_ends 0 "$JOB"
	same "ok: 40" "$(cat "$JOB_OUT")"
	# Ten sent late in one second and ten early in the next are within the rate,
	# and a busy machine delivers the first ten late: hence not a whole second.
	[ "$(busiest 700)" -le 10 ] || fail "$(busiest 700) polls in 700 ms"
	[ "$(busiest 5000)" -le 60 ] || fail "$(busiest 5000) polls in 5 s"
	same 40 "$(count accepted)"
}

# The service is asked again between the last question that is kept for it and the deadline.
@test "s3: an image that is ready a moment before the deadline is not paid for again" {
	mount_seed -o timeout=4
	faults '[{"on":"create","do":{"duration_ms":3200}}]'
	try_write fox "a fox" # which may be told ETIMEDOUT, if the download takes too long
	wait_until is_verified fox
	same 1 "$(count submit)"
}

# What one refused question put off was taken for how long tasks take.
@test "s3: after one answer of 429 others are asked for as ever" {
	mount_seed -o timeout=30
	faults '[{"on":"image","nth":1,"do":{"status":429,"retry_after":"8"}},
		{"on":"create","do":{"duration_ms":500}}]'
	same ok "$(try_write fox "a fox")"
	same ok "$(try_write owl "an owl")"
	log_of poll -s '[.[] | select(.prompt == "an owl").time] | max' >"$DIR/last"
	log_of create -s '[.[] | select(.prompt == "an owl").time] | max' >"$DIR/first"
	took=$(($(<"$DIR/last") - $(<"$DIR/first")))
	[ "$took" -lt 6000 ] || fail "its end was seen after $took ms"
}

@test "s3: a task that nobody had a turn to ask for is not paid for again" {
	mount_seed -o jobs=400,timeout=15
	config '{"image":"png-1024x576"}'
	faults '[{"on":"create","do":{"duration_ms":11000}}]'
	# With ten questions a second many are asked once, early, and not again in time.
	background python3 "$FS" many "$MNT/prompts" 200
	WAIT=100 job_ends 0 "$JOB"
	same 200 "$(count submit)"
	same "" "$(log_of submit .prompt | sort | uniq -d)"
	has "$(cat "$MNT/status")" "no turn left to ask for it"
}

@test "s7: the default rate is the provider's documented limit of new submissions" {
	start_seedfs -o "provider=kie,api_base=$API,key_file=$DIR/key,state=$STATE" "$MNT"
	wait_mounted
	config '{"image":"png-1024x576"}'
	faults '[{"on":"create","do":{"duration_ms":1}}]'
	background python3 "$FS" many "$MNT/prompts" 25
	WAIT=60 job_ends 0 "$JOB"
	same "ok: 25" "$(cat "$JOB_OUT")"
	busy=$(log_of create -s '[.[].time] | sort as $t | [range($t | length) as $i
		| [$t[] | select(. >= $t[$i] and . < $t[$i] + 9900)] | length] | max')
	[ "$busy" -le 20 ] || fail "$busy submissions in ten seconds"
}

six_submissions() { # at rate=2/1
	start_seedfs -o "provider=kie,api_base=$API,key_file=$DIR/key,state=$STATE,rate=2/1" "$MNT"
	wait_mounted
	config '{"image":"png-1024x576"}'
	background python3 "$FS" many "$MNT/prompts" 6
	job_ends 0 "$JOB"
	same "ok: 6" "$(cat "$JOB_OUT")"
	# The service notes when it read a request: on a busy machine that is later than it was sent.
	busy=$(log_of create -s '[.[].time] | sort as $t | [range($t | length) as $i
		| [$t[] | select(. >= $t[$i] and . < $t[$i] + 700)] | length] | max')
	[ "$busy" -le 2 ] || fail "$busy submissions within 0.7 s"
}

# A router that forgets a connection says nothing about it. `timeout` is far longer.
@test "s3: a poll or an image of which nothing comes is asked for again" {
	mount_seed -o timeout=200
	faults '[{"on":"poll","prompt":"owl","nth":1,"do":{"hang":true}},
		{"on":"image","prompt":"fox","nth":1,"do":{"hang":true}}]'
	background write owl "an owl"
	background write fox "a fox"
	for pid in "${JOBS[@]}"; do WAIT=60 job_ends 0 "$pid"; done
	is_verified owl
	is_verified fox
	same 2 "$(count submit)"
	has_not "$(<"$MNT/status")" "🔄"
}

@test "s3: polls that say nothing about the task until the deadline cost no second submission" {
	mount_seed -o timeout=4
	faults '[{"on":"poll","times":999,"do":{"body":"{\"code\":200,\"data\":{}}"}}]'
	same "close ETIMEDOUT" "$(try_write fox "a fox")"
	faults '[]'
	wait_until is_verified fox
	same 1 "$(count submit)"
}

@test "s7: rate=N/SECONDS bounds new submissions" {
	six_submissions
}

@test "s7: a disk that takes its time does not make rate=N/SECONDS larger" {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/slow.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <stdatomic.h>
		#include <unistd.h>

		int fdatasync(int fd)
		{
			static atomic_int calls;
			int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");

			if (calls++ < 2)
				usleep(1200000);
			return real(fd);
		}
	C
	LD_PRELOAD=$DIR/slow.so six_submissions
}
