#!/usr/bin/env bats
# `man seed`: what is no failure of the attempt; what may lead to
# another submission before the service has accepted one, and what may not.

load helper
load provider

# The answer has arrived, and the journal knows that nothing was accepted. Until
# then a crash cannot tell, and nothing is submitted again (its own test below).
is_told_to_wait() { # NAME
	[[ $(status_texts "$1") == *"Rate limited by the service"* ]] &&
		step_is queued
}

# As try_write, but the job is the writer itself: for is_waiting.
start_write() { # NAME TEXT
	exec python3 "$FS" write "$MNT/prompts/$1" "$2"
}

# --- a busy service, and the end of the program --------------------------------

@test "s3: after 429 and kill -9 the next mount submits once" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"2"}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	kill_seedfs
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "429 200" "$(log_of answered -s '[.[].status] | join(" ")')"
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
}

@test "s3: after 429 to the second attempt and kill -9 the next mount submits once" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"500","msg":"no"}}},
		{"on":"create","nth":2,"do":{"status":429,"retry_after":"2"}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	kill_seedfs
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "200 429 200" "$(log_of answered -s '[.[].status] | join(" ")')"
	same 2 "$(count accepted)"
	same 2 "$(record fox '.attempts | length')"
}

@test "s3: after 429 and SIGTERM the next mount submits once" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"2"}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	stop_seedfs
	job_ends 0 "$JOB"
	same "close ESHUTDOWN" "$(cat "$JOB_OUT")"
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "429 200" "$(log_of answered -s '[.[].status] | join(" ")')"
}

# A timeout that was used up before the crash would be none after it: the task
# takes longer than what is left, not longer than the timeout.
@test "s3: an attempt that is taken up after a restart has a fresh timeout" {
	mount_seed -o timeout=6
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"3"}},
		{"on":"create","nth":2,"do":{"duration_ms":4000}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	kill_seedfs
	mount_seed -o timeout=6
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
}

@test "s3: Retry-After 0, and 503 with Retry-After, are no failures" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"0"}},
		{"on":"create","nth":2,"do":{"status":503,"retry_after":"1"}},
		{"on":"create","nth":3,"do":{"code":429,"msg":"too many"}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 4 "$(count create)"
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
}

is_later_than() { # MILLISECONDS TIME of the service
	[ "$(date +%s%3N)" -ge "$(($1 + $2))" ]
}

# The prompt that was told to wait for ever ends with its own time, and whoever
# came later is held no longer than that.
holds_nobody() { # RETRY-AFTER
	local owl

	mount_seed -o timeout=6
	faults "[{\"on\":\"create\",\"prompt\":\"a fox\",\"do\":{\"status\":429,\"retry_after\":\"$1\"}}]"
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	wait_until is_later_than 3000 "$(log_of answered .time)"
	background start_write owl "an owl"
	owl=$JOB
	job_ends 0 "${JOBS[0]}"
	same "close ETIMEDOUT" "$(cat "$DIR/job.0")"
	job_ends 0 "$owl"
	same ok "$(cat "$DIR/job.1")"
	is_verified owl
	same ok "$(try_write elk "an elk")"
	# A last question at the deadline is no submission, and allowed.
	[ "$(count create "a fox")" -le 2 ]
	same 0 "$(count accepted "a fox")"
	same 1 "$(record fox '.attempts | length')"
}

@test "s3: Retry-After 86400 ends with the attempt, and holds nobody else" {
	holds_nobody 86400
}

@test "s3: Retry-After 999999999999 ends with the attempt, and holds nobody else" {
	holds_nobody 999999999999
}

# Nor does the one that asks for all after it: its request is not refused, so they are sent, too.
others_are_sent() { # REQUESTS of the one that hangs
	for name in owl hare; do background start_write "$name" "an $name"; done
	received create "$1" "a fox"
	for job in "${JOBS[@]:1}"; do job_ends 0 "$job"; done
	same "ok ok" "$(cat "$DIR/job.1") $(cat "$DIR/job.2")"
	if ended "${JOBS[0]}"; then fail "its time was over"; fi
	# It may have been accepted: that is an attempt.
	job_ends 0 "${JOBS[0]}"
	same ok "$(cat "$DIR/job.0")"
	same "$(($1 + 1))" "$(count create "a fox")"
}

@test "s3: after a 429, a request that is not answered holds up nobody else" {
	mount_seed -o timeout=9
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"1"}},{"on":"create","nth":2,"do":{"hang":true}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	others_are_sent 2
}

@test "s3: nor does one after an outage" {
	mount_seed -o timeout=9
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	down
	background start_write fox "a fox"
	wait_until is_queued fox
	up
	others_are_sent 1
}

all_have_ended() {
	for job in "${JOBS[@]}"; do ended "$job" || return 1; done
}

# Refused after it was taken for one that got through: the others' time is over when it was before.
@test "s3: refusals that take seconds have nobody wait for one more timeout after the other" {
	mount_seed -o timeout=8,jobs=1
	faults '[{"on":"create","do":{"delay_ms":3600,"status":429}}]'
	for name in fox owl hare elk; do background start_write "$name" "a $name"; done
	WAIT=25 wait_until all_have_ended
	same "close ETIMEDOUT" "$(sort -u "$DIR"/job.[0-3])"
	same 0 "$(count accepted)"
}

of_its_model() { # TEXT
	jq -nc --arg text "$1" '{prompt: $text, model: "bytedance/limited"}'
}

# Three prompts are answered 429 again and again; their model has a limit of its own.
limits_three() { # RETRY-AFTER
	mount_seed -o timeout=20
	faults "[{\"on\":\"create\",\"prompt\":\"a fox\",\"do\":{\"status\":429$1}}]"
	for name in fox fox2 fox3; do background start_write "$name" "$(of_its_model "a fox, $name")"; done
	wait_until is_told_to_wait fox
	for name in owl hare elk; do background start_write "$name" "an $name"; done
	for job in "${JOBS[@]:3}"; do job_ends 0 "$job"; done
	for name in owl hare elk; do is_verified "$name"; done
	for job in "${JOBS[@]:0:3}"; do
		if ended "$job"; then fail "their time was over"; fi
	done
	same "3 3" "$(count accepted) $(log_of accepted .prompt | sort -u | wc -l)"
}

@test "s3: a limit of one model keeps no prompts with another from being sent" {
	limits_three ',"retry_after":"2"'
	# And one of them asks again.
	wait_until asked_again
	[ "$(count create "a fox")" -lt 12 ]
	faults '[]'
	for job in "${JOBS[@]:0:3}"; do job_ends 0 "$job"; done
	is_verified fox
	is_verified fox3
	same 6 "$(count accepted)"
}

is_queued() { # NAME
	grep -q "^$1 .*waits" "$MNT/queue"
}

asked_again() {
	[ "$(count create "a fox")" -gt 4 ]
}

@test "s3: nor without Retry-After" {
	limits_three ""
}

@test "s3: a limit that is over holds nobody, whoever was told of it" {
	mount_seed -o jobs=1,timeout=8
	faults '[{"on":"create","prompt":"a fox","do":{"status":429,"retry_after":"1"}},
		{"on":"create","prompt":"an ","do":{"duration_ms":4000}}]'
	background start_write fox "$(of_its_model "a fox")"
	wait_until is_told_to_wait fox
	rm "$MNT/prompts/fox"
	for name in owl hare elk; do
		background start_write "$name" "an $name"
		wait_until is_there "$name"
	done
	background start_write wolf "$(of_its_model "a wolf")"
	for job in "${JOBS[@]:1}"; do job_ends 0 "$job"; done
	same "ok ok ok ok" "$(<"$DIR/job.1") $(<"$DIR/job.2") $(<"$DIR/job.3") $(<"$DIR/job.4")"
	same 4 "$(count accepted)"
}

is_there() { # NAME
	grep -q "^$1 " "$MNT/queue"
}

@test "s3: what was refused is sent again in the order in which it was written" {
	mount_seed -o rate=1/1
	# The last one is sent before the first is answered.
	faults '[{"on":"create","times":4,"do":{"status":429,"retry_after":"1","delay_ms":4000}}]'
	for n in 1 2 3 4; do
		background start_write "fox$n" "fox number $n"
		wait_until is_there "fox$n"
	done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "1 2 3 4" "$(log_of accepted .prompt | tr -dc '1-4\n' | paste -sd ' ')"
}

@test "s3: nor where one is told to wait for ever" {
	mount_seed -o timeout=6
	faults '[{"on":"create","prompt":"a fox","do":{"status":429,"retry_after":"86400"}}]'
	background start_write fox "$(of_its_model "a fox")"
	wait_until is_told_to_wait fox
	background start_write fox2 "$(of_its_model "a fox, too")"
	wait_until is_queued fox2
	write owl "an owl"
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "close ETIMEDOUT close ETIMEDOUT" "$(<"$DIR/job.0") $(<"$DIR/job.1")"
	same 1 "$(count accepted)"
}

@test "s3: a prompt's 403 is its own: what waits for a job is sent, and 401 is the key's" {
	mount_seed -o jobs=1
	faults '[{"on":"create","prompt":"an ibis","do":{"delay_ms":1500}},
		{"on":"create","prompt":"a fox","do":{"status":403,"code":403,"msg":"verify your organization to use this model"}}]'
	background start_write ibis "an ibis"
	received create 1
	background start_write fox "a fox"
	wait_until is_queued fox
	for name in owl hare; do
		background start_write "$name" "a $name"
		wait_until is_queued "$name"
	done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "ok close EKEYREJECTED ok ok" "$(<"$DIR/job.0") $(<"$DIR/job.1") $(<"$DIR/job.2") $(<"$DIR/job.3")"
}

@test "s3: nor is what a poll is answered about the key" {
	mount_seed -o jobs=2
	faults '[{"on":"poll","prompt":"a fox","do":{"status":401}}]'
	background start_write ibis "an ibis"
	for name in fox owl hare elk; do background start_write "$name" "a $name"; done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "ok close EKEYREJECTED ok ok ok" "$(cat "$DIR"/job.[0-4] | paste -sd " ")"
}

# --- what did not leave --------------------------------------------------------

@test "s3: a request that did not leave is tried again, within one attempt" {
	mount_seed
	down
	background start_write fox "a fox"
	wait_until has_asked
	up
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
	same 1 "$(record fox '.attempts | length')"
}

# The program has tried to send something: it is in no queue any more.
has_asked() {
	[[ $(status_texts fox) == *"Sending request"* ]]
}

@test "s7: connection refused spends no budget" {
	mount_seed -o budget=2/day
	down
	for n in 1 2 3 4 5 6 7 8 9; do background start_write "p$n" "picture $n"; done
	WAIT=5 wait_until test -e "$MNT/records/p9.json"
	wait_until has_tried
	up
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "2 ok, 7 EDQUOT" "$(grep -lx ok "$DIR"/job.* | wc -l) ok, $(grep -l EDQUOT "$DIR"/job.* | wc -l) EDQUOT"
	same 2 "$(count submit)"
	same 2 "$(count accepted)"
	same 2 "$(files images)"
}

has_tried() {
	[ "$(grep -cF 'Sending request' "$MNT/status")" -ge 1 ]
}

@test "s7: what was answered 429, 503 with Retry-After, 401, 402 or 403 spends no budget" {
	local n=0 answer

	mount_seed -o budget=1/day
	for answer in '"code":402,"msg":"no credits"' '"status":402' '"status":401' \
		'"status":403,"code":403,"msg":"no access"'; do
		n=$((n + 1))
		faults "[{\"on\":\"create\",\"do\":{$answer}}]"
		has "$(try_write "p$n" "picture $n")" "close E"
		same 0 "$(count accepted)"
	done
	faults '[{"on":"create","nth":1,"do":{"status":429,"retry_after":"0"}},
		{"on":"create","nth":2,"do":{"status":503,"retry_after":"0"}}]'
	same ok "$(try_write fox "a fox")"
	has "$(try_write owl "an owl")" EDQUOT
	same 1 "$(count accepted)"
}

# --- refusals ------------------------------------------------------------------

PAGE='"status":403,"type":"text/html","body":"<html><title>Attention Required! | Cloudflare</title>error code: 1020</html>"'

@test "s3: a firewall's page with 403 is no refused key, and stops nobody" {
	mount_seed
	faults "[{\"on\":\"create\",\"nth\":1,\"times\":2,\"do\":{$PAGE}}]"
	same "close EIO" "$(try_write fox "a fox")"
	same 2 "$(count submit)"
	same ok "$(try_write owl "an owl")"
	same 3 "$(count submit)"
	is_verified owl
}

@test "s3: after a firewall's page the retry may succeed" {
	mount_seed
	faults "[{\"on\":\"create\",\"nth\":1,\"do\":{$PAGE}}]"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
}

# Refused once, asked once; and a prompt after it is asked for.
refused_once() { # ERRNO DO
	faults "[{\"on\":\"create\",\"nth\":1,\"do\":$2}]"
	same "close $1" "$(try_write fox "a fox")" || return 1
	same 1 "$(count submit)" || return 1
	same ok "$(try_write owl "an owl")" || return 1
	same 2 "$(count submit)"
}

@test "s3: a key refused by 401 is not tried again" {
	mount_seed
	refused_once EKEYREJECTED '{"status":401}'
}

@test "s3: a key refused by 403 in the service's own format is not tried again" {
	mount_seed
	refused_once EKEYREJECTED '{"status":403,"code":403,"msg":"You do not have access permissions"}'
}

@test "s3: no credits (HTTP 402) is EDQUOT and not tried again" {
	mount_seed
	refused_once EDQUOT '{"status":402}'
}

@test "s3: no credits (402 in the envelope) is EDQUOT and not tried again" {
	mount_seed
	refused_once EDQUOT '{"code":402,"msg":"not enough credits"}'
}

@test "s3: fal's 403 without balance is EDQUOT, no refused key, and not tried again" {
	SERVICE=fal BASE=/fal mount_service
	refused_once EDQUOT '{"status":403,"msg":"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."}'
}

@test "s3: ark's 403 for an overdue account is EDQUOT, no refused key, and not tried again" {
	SERVICE=ark BASE=/ark mount_service
	refused_once EDQUOT '{"status":403,"code":"AccountOverdueError","msg":"The request failed because your account has an overdue balance."}'
}

@test "s3: ark's 403 for no access is EKEYREJECTED, and not tried again" {
	SERVICE=ark BASE=/ark mount_service
	refused_once EKEYREJECTED '{"status":403,"code":"AccessDenied","msg":"The request failed because you do not have access to the requested resource."}'
}

# --- whether it was accepted, nobody knows --------------------------------------

unsure() { # DO
	mount_seed
	faults "[{\"on\":\"create\",\"nth\":1,\"do\":$1}]"
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
	same 2 "$(record fox '.attempts | length')"
}

@test "s3: a connection broken after the request left is one retry" {
	unsure '{"lost":true}'
}

@test "s3: a connection reset after the request left is one retry" {
	unsure '{"reset":true}'
}

@test "s3: an API that goes down during a submission is one retry" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	background start_write fox "a fox"
	received held 1
	down api 300
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	same 2 "$(count submit)"
}

@test "s3: the second submission cut off by kill -9 is EIO, and never repeated" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"500","msg":"no"}}},
		{"on":"create","nth":2,"do":{"hang":true}}]'
	background start_write fox "a fox"
	received held 1
	kill_seedfs
	mount_seed
	wait_until state_is fox failed
	same EIO "$(try_open images/fox.png)"
	kill_seedfs
	mount_seed
	same EIO "$(try_open images/fox.png)"
	write owl "an owl"
	same 2 "$(count submit "a fox")"
}

# The retry that it would have had was not sent before the end.
@test "s3: a submission cut off, whose retry waits at kill -9, is EIO, and never repeated" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"lost":true}},
		{"on":"create","nth":2,"times":9,"do":{"status":429,"retry_after":"5"}}]'
	background start_write fox "a fox"
	wait_until is_told_to_wait fox
	kill_seedfs
	faults '[]'
	mount_seed
	same EIO "$(try_open images/fox.png)"
	has "$(record fox .error.message)" "may have been accepted"
	same 1 "$(count accepted)"
}

# --- the same text again ----------------------------------------------------------

@test "s2.6: the same text committed while it is generated joins" {
	local first

	mount_seed
	hold_tasks
	background start_write fox "a fox"
	first=$JOB
	received poll 1
	background start_write fox "a fox"
	wait_until is_waiting "$JOB"
	release
	job_ends 0 "$first"
	job_ends 0 "$JOB"
	same "ok ok" "$(cat "$DIR/job.0") $(cat "$DIR/job.1")"
	is_verified fox
	same 1 "$(count submit)"
	same 0 "$(find "$STATE/history" -name '*.png' | wc -l)"
}

@test "s2.6: the same text committed through a scratch file joins" {
	mount_seed
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	same ok "$(try_write .fox.new "a fox")"
	mv "$MNT/prompts/.fox.new" "$MNT/prompts/fox"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
	same 0 "$(find "$STATE/history" -name '*.png' | wc -l)"
}

@test "s2.6: the same text joins what was taken up after a restart" {
	mount_seed
	hold_tasks
	background start_write fox "a fox"
	received poll 1
	kill_seedfs
	mount_seed
	background start_write fox "a fox"
	wait_until is_waiting "$JOB"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	same 1 "$(count submit)"
	same 0 "$(find "$STATE/history" -name '*.png' | wc -l)"
}

@test "s2.6: the same text joins while it is queued" {
	local second

	mount_seed -o jobs=1
	hold_tasks
	background start_write owl "an owl"
	received poll 1
	background start_write fox "a fox"
	wait_until state_is fox queued
	background start_write fox "a fox"
	second=$JOB
	wait_until is_waiting "$second"
	release
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same "ok ok ok" "$(cat "$DIR"/job.* | tr '\n' ' ' | sed 's/ $//')"
	same 1 "$(count submit "a fox")"
}

@test "s2.5: another text while one is generated supersedes it" {
	local first

	mount_seed
	hold_tasks
	background start_write fox "a fox"
	first=$JOB
	received poll 1
	background start_write fox "another fox"
	job_ends 0 "$first"
	same "close ECANCELED" "$(cat "$DIR/job.0")"
	received poll 1 "another fox"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$DIR/job.1")"
	same 2 "$(count submit)"
	wait_until test -s "$MNT/history/fox/0001.png"
}

@test "s2.6: the same text committed after the end generates again" {
	mount_seed
	write fox "a fox"
	write fox "a fox"
	same 2 "$(count submit)"
	same 1 "$(find "$STATE/history" -name '*.png' | wc -l)"
	is_verified fox
}

@test "s3: a program that is stopped past the deadline reads the answer that came meanwhile" {
	mount_seed -o timeout=3
	faults '[{"on":"create","do":{"hold":true}}]'
	background start_write fox "a fox"
	received create 1
	kill -STOP "$SEED_PID"
	release
	sleep 5 # the deadline passes, which nothing shows
	kill -CONT "$SEED_PID"
	WAIT=20 wait_until ended "$JOB"
	same 1 "$(count submit)"
	WAIT=60 wait_until is_verified fox
	same 1 "$(count submit)"
}
