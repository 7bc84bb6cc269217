#!/usr/bin/env bats
# s3 and s5: a task that is late goes on beside its retry, also over a stop; whichever image is good first is the
# name's.

load helper

# The first attempt's task ends when it is late, and its retry as RETRY says; between the two
# nothing is mounted.
late_over_a_stop() { # LATE RETRY COMMAND…
	mount_seed -o timeout=4
	faults "[{\"on\":\"create\",\"nth\":1,\"do\":$1},{\"on\":\"create\",\"nth\":2,\"do\":$2}]"
	background try_write fox "a fox"
	received create 2
	"${@:3}"
	mount_seed -o timeout=4
	WAIT=30 wait_until is_verified fox
	same "$(log_of accepted -s '.[0].task')" "$(record fox .task_id)"
	same 2 "$(count submit)"
}

accepted_are() { # ROWS
	[ "$(steps | grep -c '"step":"accepted"')" = "$1" ]
}

# The service has them before the journal has.
when_accepted() { # ROWS COMMAND…
	wait_until accepted_are "$1"
	"${@:2}"
}

comes_first_over() { # COMMAND
	late_over_a_stop '{"duration_ms":9000}' '{"hold_task":true}' when_accepted 2 "$1"
	release
	wait_until test -s "$MNT/history/fox/0001.png"
	wait_until nothing_is_pending
	same "$(log_of accepted -s '.[0].task')" "$(record fox .task_id)"
}

@test "s3: over kill -9, too, a late image that comes first is the name's" {
	comes_first_over kill_seedfs
}

@test "s3: over a clean stop, too, a late image that comes first is the name's" {
	comes_first_over stop_seedfs
}

@test "s3: over kill -9, too, a late image is the name's where the retry fails" {
	late_over_a_stop '{"duration_ms":12000}' '{"duration_ms":2000,"fail":{"code":"500","msg":"no"}}' kill_seedfs
	wait_until nothing_is_pending
	same "" "$(ls "$MNT/history")"
	same true "$(record fox '[.attempts[].ended_at != null] | all')"
}

@test "s3: and where the retry was being sent" {
	late_over_a_stop '{"duration_ms":9000}' '{"hold":true}' kill_seedfs
	same 2 "$(record fox '.attempts | length')"
}

@test "s3: and where its failure was stored, and nothing after it" {
	not_noted() {
		WAIT=30 wait_until state_is fox failed
		kill_seedfs
		sed -i 's/"superseded": *false/"superseded": true/' "$STATE"/pending/*.json
		grep -q '"superseded": *true' "$STATE"/pending/*.json
	}
	late_over_a_stop '{"duration_ms":12000}' '{"status":500}' not_noted
}

# A server that counts its tasks anew gives an id again.
@test "s3: a task of another name that has the same id is not taken for it" {
	mount_seed -o timeout=20
	faults '[{"on":"create","nth":1,"do":{"id":"1","fail":{"code":"500","msg":"no"}}},
		{"on":"create","nth":2,"do":{"hold_task":true}},{"on":"create","nth":3,"do":{"id":"1","hold_task":true}},
		{"on":"create","nth":4,"do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 2
	background try_write owl "an owl"
	received accepted 3
	background try_write owl "a hare"
	received accepted 4
	when_accepted 3 kill_seedfs
	mount_seed -o timeout=20
	release
	wait_until is_verified fox
	wait_until is_verified owl
	wait_until test -s "$MNT/history/owl/0001.png"
	same "a fox" "$(record fox .prompt)"
	same "a hare" "$(record owl .prompt)"
	same "$(log_of accepted -s '.[1].task')" "$(record fox .task_id)"
	same 4 "$(count submit)"
	same owl "$(ls "$MNT/history")"
}

@test "s3: after it was renamed, too" {
	mount_seed -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"duration_ms":9000}},{"on":"create","nth":2,"do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received create 2
	mv "$MNT/prompts/fox" "$MNT/prompts/owl"
	kill_seedfs
	mount_seed -o timeout=4
	WAIT=30 wait_until is_verified owl
	same "$(log_of accepted -s '.[0].task')" "$(record owl .task_id)"
	same 2 "$(count submit)"
}

@test "s5: the row of a late image that came first tells of both attempts" {
	mount_seed -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"duration_ms":6000}},{"on":"create","nth":2,"do":{"duration_ms":60000}}]'
	same ok "$(try_write fox "a fox")"
	is_verified fox
	same 2 "$(count submit)"
	same "$(log_of accepted .task)" "$(record fox '.attempts[].task_id')"
	same "$(log_of accepted .task | head -n 1)" "$(record fox .task_id)"
	same true "$(record fox '[.attempts[].ended_at != null] | all')"
}

@test "s3: a task that was running is not forgotten for one answer that does not know it" {
	mount_seed -o timeout=4
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}},{"on":"create","nth":2,"do":{"status":500}}]'
	background try_write fox "a fox"
	received poll 2
	sleep 2.5
	faults '[{"on":"poll","do":{"status":404,"body":"no route"}},{"on":"create","do":{"status":500}}]'
	job_ends 0 "$JOB"
	same 1 "$(count accepted)"
	faults '[]'
	release
	WAIT=20 wait_until is_verified fox
	same 1 "$(count accepted)"
}
