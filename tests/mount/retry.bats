#!/usr/bin/env bats
# `man seed`: "Retry once".

load helper

# The first attempt fails by the rules, the second succeeds.
second_attempt() { # RULES [mount arguments]
	mount_seed "${@:2}"
	faults "$1"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
	same '[30,25]' "$(log_of create -cs 'map(.body.input.steps)')"
	same '[8,7]' "$(log_of create -cs 'map(.body.input.cfg_scale)')"
	same 2 "$(record fox '.attempts | length')"
	same 1 "$(status_texts fox | grep -cF '🔄 [SYNC IMAGE] Retrying once with adjusted parameters (steps: 25, cfg_scale: 7)')"
}

@test "s3: an HTTP error is retried once, with steps 25 and cfg_scale 7" {
	second_attempt '[{"on":"create","nth":1,"do":{"status":500}}]'
}

@test "s3: a code other than 200 is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"code":500,"msg":"no"}}]'
}

@test "s3: a failed task is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"fail":{"code":"500","msg":"no"}}}]'
}

@test "s3: a task without a URL is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"no_url":"empty"}}]'
}

@test "s3: a time-out is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"hold_task":true}}]' -o timeout=6
}

@test "s3: an image that is not valid is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"image":"png-360x360"}}]'
}

@test "s3: a refused key and spent credits are not retried" {
	mount_seed
	for status in 401 402; do
		faults "[{\"on\":\"create\",\"prompt\":\"fox$status\",\"nth\":1,\"do\":{\"status\":$status}}]"
		has "$(try_write "fox$status" "a fox$status")" close
		same 1 "$(count create "fox$status")"
		has_not "$(status_texts "fox$status")" "🔄"
	done
}

@test "s3: an answer that is not JSON is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"body":"<html>error code: 1010</html>","type":"text/html"}}]'
}

@test "s3: a closed connection is retried once" {
	second_attempt '[{"on":"create","nth":1,"do":{"close":true}}]'
}

@test "s3: kie-image is retried once with the adjusted parameters" {
	PROVIDER=kie-image mount_seed
	faults '[{"on":"generate","nth":1,"do":{"status":500}}]'
	write fox "a fox"
	is_verified fox
	same '[30,25]' "$(log_of generate -cs 'map(.body.steps)')"
	same '[8,7]' "$(log_of generate -cs 'map(.body.cfg_scale)')"
}

@test "s3: retry_steps and retry_cfg_scale are options" {
	mount_seed -o retry_steps=20,retry_cfg_scale=6.5
	faults '[{"on":"create","nth":1,"do":{"status":500}}]'
	write fox "a fox"
	same '[30,20]' "$(log_of create -cs 'map(.body.input.steps)')"
	same '[8,6.5]' "$(log_of create -cs 'map(.body.input.cfg_scale)')"
	has "$(status_texts fox)" '🔄 [SYNC IMAGE] Retrying once with adjusted parameters (steps: 20, cfg_scale: 6.5)'
}

@test "s3: the retry sends the same prompt" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":500}}]'
	write fox "a fox"
	same "a fox" "$(log_of create .prompt | uniq)"
}

@test "s3: a lasting failure is exactly two submissions" {
	mount_seed
	faults '[{"on":"create","do":{"status":503}}]'
	same "close EIO" "$(try_write fox "a fox")"
	same 2 "$(count submit)"
	same 2 "$(record fox '.attempts | length')"
	stop_seedfs
	mount_seed
	same EIO "$(try_open images/fox.png)"
	same 2 "$(count submit)"
}

@test "s3: a success is exactly one submission" {
	mount_seed
	write fox "a fox"
	same 1 "$(count submit)"
	same 1 "$(record fox '.attempts | length')"
	has_not "$(status_texts fox)" '🔄'
}

# An HTTP library repeats a request by itself when a connection that it had kept
# open turns out to be closed. Nobody told it that this one costs money.
@test "s3: a lost answer on a kept connection is not submitted a third time" {
	mount_seed
	write first "a fox"
	write second "another fox"
	faults '[{"on":"create","prompt":"wolf","do":{"lost":true}}]'
	same "close EIO" "$(try_write wolf "a wolf")"
	same 2 "$(count create wolf)"
	same 2 "$(count accepted wolf)"
}

@test "s3: a closed kept connection is not submitted a third time" {
	mount_seed
	write first "a fox"
	faults '[{"on":"create","prompt":"wolf","do":{"close":true}}]'
	same "close EIO" "$(try_write wolf "a wolf")"
	same 2 "$(count create wolf)"
}

@test "s3: a cut download ends with the image, after at most two submissions" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"cut":100000}}]'
	write fox "a fox"
	is_verified fox
	[ "$(count submit)" -le 2 ]
}

@test "s3: a slow download is waited for" {
	mount_seed
	faults '[{"on":"image","do":{"drip":{"bytes":65536,"ms":20}}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: both attempts stand in the record, each with its parameters and its error" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"500","msg":"first"}}},
		{"on":"create","nth":2,"do":{"fail":{"code":"500","msg":"second"}}}]'
	same "close EIO" "$(try_write fox "a fox")"
	same '[30,25]' "$(record fox '[.attempts[].steps] | tojson')"
	same '[8,7]' "$(record fox '[.attempts[].cfg_scale] | tojson')"
	has "$(record fox '.attempts[0].error | tojson')" first
	has "$(record fox '.attempts[1].error | tojson')" second
	same "$(log_of accepted .task)" "$(record fox '.attempts[].task_id')"
}

# The failure of the retry is on its way to a slow disk when the late image is verified.
@test "s3: a late image that comes while the retry's failure is stored is the name's" {
	slow_fsync 900
	LD_PRELOAD=$DIR/slow.so mount_seed -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}},{"on":"create","nth":2,"do":{"delay_ms":1000,"status":500}}]'
	background try_write fox "a fox"
	WAIT=40 wait_until grep -q "HTTP 500" "$MNT/status"
	release
	job_ends 0 "$JOB"
	wait_until is_verified fox
	same 0 "$(find "$STATE/history" -name '*.png' | wc -l)"
	same 1 "$(count accepted)"
}
