#!/usr/bin/env bats
# `man seed`: after acceptance; what was paid for is asked for and
# fetched, and nothing is submitted because it does not come at once.

load helper
load provider

# The writer itself is the job.
start_write() { # NAME TEXT
	exec python3 "$FS" write "$MNT/prompts/$1" "$2"
}

paid_once() { # RULES [mount arguments]
	mount_seed "${@:2}"
	faults "$1"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit)"
	same 1 "$(record fox '.attempts | length')"
}

# --- pictures that come late -----------------------------------------------------

@test "s3: an image URL that answers 503 for 1.7 s costs nothing" {
	paid_once '[{"on":"create","do":{"late_ms":1700,"late_status":503}}]'
}

@test "s3: an image URL that answers 503 for 6.5 s costs nothing" {
	paid_once '[{"on":"create","do":{"late_ms":6500,"late_status":503}}]'
}

@test "s3: an image URL that answers 404 for a second costs nothing" {
	paid_once '[{"on":"create","do":{"late_ms":1000}}]'
}

@test "s3: an image URL that answers 403 for a second costs nothing" {
	paid_once '[{"on":"create","do":{"late_ms":1000,"late_status":403}}]'
}

@test "s3: an image URL that answers 410 for three seconds costs nothing" {
	paid_once '[{"on":"create","do":{"late_ms":3000,"late_status":410}}]'
}

@test "s3: an image URL that answers 429 with Retry-After, 408 and 500 costs nothing" {
	paid_once '[{"on":"image","nth":1,"do":{"status":429,"retry_after":"1"}},
		{"on":"image","nth":2,"do":{"status":408}},
		{"on":"image","nth":3,"times":4,"do":{"status":500}}]'
}

@test "s3: downloads that break off, five times, cost nothing" {
	paid_once '[{"on":"image","nth":1,"times":2,"do":{"cut":100000}},
		{"on":"image","nth":3,"do":{"reset":true}},{"on":"image","nth":4,"times":2,"do":{"close":true}}]'
}

# The store is slow in the end, too: what is new has its own time.
@test "s3: a picture of a provider that cannot renew its URL may be late, too" {
	export SERVICE=fal BASE=/fal
	mount_service
	faults '[{"on":"create","do":{"late_ms":2500,"late_status":403}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a picture that is late over kill -9 costs nothing" {
	mount_seed
	faults '[{"on":"create","do":{"late_ms":4000}}]'
	background start_write fox "a fox"
	received image 1
	kill_seedfs
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a URL that is dead to the deadline is one retry, at the deadline" {
	mount_seed -o timeout=3
	faults '[{"on":"image","do":{"status":404,"body":"gone"}}]'
	same "close EIO" "$(try_write fox "a fox")"
	same 2 "$(count submit)"
	same 2 "$(record fox '.attempts | length')"
	# Not before: the first was accepted three seconds earlier.
	same true "$(log_of create -s '.[1].time - .[0].time >= 2900')"
	wait_until nothing_is_pending
}

@test "s3: a URL that is dead to the deadline is retried, and the retry is the image" {
	mount_seed -o timeout=3
	faults '[{"on":"create","nth":1,"do":{"late_ms":600000,"late_status":410}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
}

@test "s3: a complete body that is no picture is judged at once" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"image":"html"}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
}

# --- nothing can be asked until the deadline --------------------------------------

# fox's writer has the error; the row stays. COMMAND makes the image reachable.
stays_and_comes() { # ERROR COMMAND…
	WAIT=40 wait_until ended "$JOB"
	[[ $(cat "$JOB_OUT") =~ ^close\ ($1)$ ]] || fail "close gave: $(cat "$JOB_OUT")"
	same 1 "$(count submit)"
	[ -n "$(ls "$STATE/pending")" ] || fail "the row is gone"
	"${@:2}"
	WAIT=70 wait_until test -s "$MNT/images/fox.png"
	is_verified fox
	same ok "$(try_open images/fox.png)"
	same 1 "$(count submit)"
	same null "$(record fox .error)"
	wait_until nothing_is_pending
}

with_the_images_down() {
	mount_seed -o timeout=3
	config '{"apart":true}'
	down images
	background start_write fox "a fox"
}

remount() {
	kill_seedfs
	mount_seed -o timeout=3
}

remount_with_the_images_up() {
	kill_seedfs
	up images
	mount_seed -o timeout=3
}

@test "s3: an image host that is down past the deadline costs the wait, not the image" {
	with_the_images_down
	stays_and_comes 'ECONNREFUSED|ETIMEDOUT' up images
}

@test "s3: an image host that is down past the deadline and a restart costs no image" {
	with_the_images_down
	stays_and_comes 'ECONNREFUSED|ETIMEDOUT' remount_with_the_images_up
}

@test "s3: an image host that is down past the deadline, a restart and another one" {
	with_the_images_down
	WAIT=40 wait_until ended "$JOB"
	remount
	remount
	stays_and_comes 'ECONNREFUSED|ETIMEDOUT' up images
}

@test "s3: an image URL that answers 503 past the deadline costs the wait, not the image" {
	mount_seed -o timeout=3
	faults '[{"on":"image","do":{"status":503}}]'
	background start_write fox "a fox"
	stays_and_comes 'EIO|ETIMEDOUT' faults '[]'
}

@test "s3: a picture that comes slowly is downloaded once, however long that takes" {
	mount_seed -o timeout=3
	faults '[{"on":"image","do":{"drip":{"bytes":65536,"ms":1000}}}]'
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	# A second caller has a time of his own.
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	WAIT=60 wait_until is_verified fox
	same "1 1" "$(count submit) $(count image)"
}

@test "s3: the time in which the program is stopped is not the picture's" {
	mount_seed -o timeout=11
	faults '[{"on":"image","do":{"drip":{"bytes":65536,"ms":1200}}}]'
	background try_write fox "a fox"
	received image 1
	kill -STOP "$SEED_PID"
	sleep 9
	kill -CONT "$SEED_PID"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	same "1 1" "$(count submit) $(count image)"
}

@test "s6: nor do the callbacks that come for it meanwhile cost another" {
	mount_seed -o timeout=3
	faults '[{"on":"image","do":{"status":503}}]'
	fails write fox "a fox"
	for body in '{}' '{"status":"failed"}' '{"prompt":"a fox"}'; do
		has "$(python3 "$FS" write "$MNT/callbacks/fox" "$body")" "close E"
	done
	same 1 "$(count submit)"
	background python3 "$FS" write "$MNT/callbacks/fox" '{}'
	faults '[]'
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
	same "" "$(ls "$MNT/history")"
}

@test "s3: an API that is down past the deadline costs the wait, not the image" {
	mount_seed -o timeout=4
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	down
	release
	stays_and_comes 'ECONNREFUSED|ETIMEDOUT' up
}

@test "s3: polls that are answered 500 past the deadline cost the wait, not the image" {
	mount_seed -o timeout=4
	faults '[{"on":"poll","do":{"status":500}}]'
	background start_write fox "a fox"
	stays_and_comes 'EIO|ETIMEDOUT' faults '[]'
}

# What is asked for without anybody waiting ends with its prompt.
@test "s3: rm of the prompt ends what is asked for past its deadline" {
	with_the_images_down
	WAIT=40 wait_until ended "$JOB"
	rm "$MNT/prompts/fox"
	wait_until nothing_is_pending
	same ENOENT "$(try_open images/fox.png)"
	same 1 "$(count submit)"
}

@test "s3: a newer text takes the name from what is asked for past its deadline" {
	with_the_images_down
	WAIT=40 wait_until ended "$JOB"
	up images
	same ok "$(try_write fox "another fox")"
	is_verified fox
	same 2 "$(count submit)"
	WAIT=70 wait_until test -s "$MNT/history/fox/0001.png"
	wait_until nothing_is_pending
	same "another fox" "$(record fox .prompt)"
}

# --- polls -------------------------------------------------------------------------

poll_waits_at_most_to_the_deadline() { # RETRY-AFTER
	mount_seed -o timeout=4
	faults "[{\"on\":\"poll\",\"nth\":1,\"do\":{\"status\":429,\"retry_after\":\"$1\"}}]"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit)"
	[ "$(count poll)" -ge 2 ]
}

@test "s3: Retry-After 86400 to a poll waits at most to the deadline" {
	poll_waits_at_most_to_the_deadline 86400
}

@test "s3: Retry-After 999999999999 to a poll waits at most to the deadline" {
	poll_waits_at_most_to_the_deadline 999999999999
}

@test "s3: Retry-After 0 to a poll does not make it poll without a pause" {
	mount_seed
	faults '[{"on":"poll","nth":1,"times":5,"do":{"status":429,"retry_after":"0"}}]'
	same ok "$(try_write fox "a fox")"
	same 1 "$(count submit)"
	[ "$(count poll)" -le 8 ]
}

refused_after_acceptance() { # ERRNO DO
	mount_seed
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	faults "[{\"on\":\"poll\",\"do\":$2}]"
	release
	job_ends 0 "$JOB"
	same "failed $1" "$(record fox '.state + " " + .error.errno')" || return 1
	same "close $1" "$(cat "$JOB_OUT")" || return 1
	same 1 "$(count submit)" || return 1
	faults '[]'
	release
	kill -HUP "$SEED_PID"
	wait_until test -s "$MNT/images/fox.png" || return 1
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a key refused after acceptance keeps the row until SIGHUP" {
	refused_after_acceptance EKEYREJECTED '{"status":401}'
}

@test "s3: credits refused after acceptance keep the row until SIGHUP" {
	refused_after_acceptance EDQUOT '{"code":402,"msg":"not enough credits"}'
}

@test "s3: a key refused after acceptance keeps the row until the next mount" {
	mount_seed
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	faults '[{"on":"poll","do":{"status":401}}]'
	release
	job_ends 0 "$JOB"
	same "close EKEYREJECTED" "$(cat "$JOB_OUT")"
	kill_seedfs
	faults '[]'
	release
	mount_seed
	wait_until test -s "$MNT/images/fox.png"
	is_verified fox
	same 1 "$(count submit)"
}

# --- late ----------------------------------------------------------------------------

@test "s3: a task that still runs at the deadline is one retry" {
	mount_seed -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
	same 2 "$(record fox '.attempts | length')"
	# The first may be received late.
	same true "$(log_of create -s '.[1].time - .[0].time >= 3000')"
}

@test "s3: two tasks that run past their deadlines are ETIMEDOUT, and no third" {
	mount_seed -o timeout=4
	hold_tasks
	same "close ETIMEDOUT" "$(try_write fox "a fox")"
	same 2 "$(count submit)"
	kill_seedfs
	mount_seed -o timeout=4
	same ETIMEDOUT "$(try_open images/fox.png)"
	same 2 "$(count submit)"
}

@test "s3: a late task is cancelled where it can be" {
	SERVICE=fal BASE=/fal mount_service -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count create)"
	same "$(log_of accepted -s '.[0].task')" \
		"$(log_of cancel -s '.[0].task // (.[0].path | split("/") | .[-2])')"
}

@test "s3: a late image that comes before the retry's is the name's, the other goes to history" {
	mount_seed -o timeout=6
	faults '[{"on":"create","nth":1,"do":{"duration_ms":8000}},{"on":"create","nth":2,"do":{"hold_task":true}}]'
	background start_write fox "a fox"
	WAIT=30 job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 2 "$(count submit)"
	same "$(log_of accepted -s '.[0].task')" "$(record fox .task_id)"
	release
	wait_until test -s "$MNT/history/fox/0001.png"
	wait_until nothing_is_pending
	is_verified fox
	same "$(log_of accepted -s '.[0].task')" "$(record fox .task_id)"
	same 2 "$(count submit)"
}

# --- what the service's JSON holds -----------------------------------------------------

@test "s3: a negative code is an error like others, and the prompt can be removed" {
	mount_seed
	faults '[{"on":"create","prompt":"a vole","do":{"body":"{\"code\":-5,\"msg\":\"neg\"}"}}]'
	same "close EIO" "$(try_write v "a vole")"
	same 2 "$(count submit)"
	has "$(record v .error.message)" neg
	rm "$MNT/prompts/v"
	same ENOENT "$(try_open images/v.png)"
	write owl "an owl"
	is_verified owl
}

@test "s3: rm while a poll tells an endless price ends the generation alone" {
	mount_seed
	faults '[{"on":"poll","prompt":"a vole","do":{"body":"{\"code\":200,\"data\":{\"state\":\"generating\",\"creditsConsumed\":1e300}}"}}]'
	background start_write v "a vole"
	received poll 2
	rm "$MNT/prompts/v"
	job_ends 0 "$JOB"
	same "close ECANCELED" "$(cat "$JOB_OUT")"
	write owl "an owl"
	is_verified owl
	wait_until nothing_is_pending
	same 1 "$(count submit "a vole")"
}

stores_whatever_it_cost() { # JSON
	mount_seed
	faults "[{\"on\":\"create\",\"do\":{\"cost\":$1}}]"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 1 "$(count submit)"
	wait_until nothing_is_pending
	stop_seedfs
	mount_seed
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a picture with a price of 1e300 is stored" {
	stores_whatever_it_cost 1e300
}

@test "s3: a picture with a price of -1e300 is stored" {
	stores_whatever_it_cost -1e300
}

@test "s3: a picture with a price that is no number is stored" {
	stores_whatever_it_cost '{"credits":[5]}'
}
