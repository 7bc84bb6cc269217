# What the tests of each provider share: `load helper`, `load provider`, and
# SERVICE (the provider) and BASE (its path at the test service).
# shellcheck shell=bash

mount_service() { # [arguments]
	case $SERVICE in
	automatic1111 | comfyui) # without a key, unless one is given
		start_seedfs -o "provider=$SERVICE,api_base=$API$BASE,state=$STATE,rate=1000/1" "$@" "$MNT"
		wait_mounted
		;;
	*) PROVIDER=$SERVICE mount_seed -o "api_base=$API$BASE" "$@" ;;
	esac
}

# The JSON that the Nth submission had.
sent() { # JQ-FILTER [N]
	log_of create -s ".[${2:-1} - 1].body | $1"
}

# The contract's error with the service's words, at close, at open, in the
# record and in the log; after one submission and its retry.
gives() { # ERRNO PART-OF-THE-MESSAGE RULES
	local name before submissions=2

	before=$(count create)
	name=p$before
	faults "$3"
	same "close $1" "$(try_write "$name" "a fox")" || return 1
	same "$1" "$(try_open "images/$name.png")" || return 1
	same "failed $1" "$(record "$name" '"\(.state) \(.error.errno)"')" || return 1
	has "$(record "$name" .error.message)" "$2" || return 1
	has "$(status_texts "$name" | tail -n 1)" "❌ [SYNC IMAGE] " || return 1
	has "$(status_texts "$name" | tail -n 1)" "$2" || return 1
	# What another attempt cannot change is not tried again.
	case $SERVICE-$1 in *-EKEYREJECTED | *-EDQUOT | comfyui-EINVAL) submissions=1 ;; esac
	same "$((before + submissions))" "$(count create)" || return 1
	no_key_shown || return 1
	faults '[]'
}

no_key_shown() {
	has_not "$(cat "$MNT/status" "$MNT"/records/*.json)" "$KEY"
}

# 429 twice, then an answer: one attempt, one picture.
waits_for_429() { # the rule's "do"
	faults "[{\"on\":\"create\",\"nth\":1,\"times\":2,\"do\":$1}]"
	write fox "a fox"
	is_verified fox
	same 3 "$(count create)"
	same 1 "$(count accepted)"
	same 1 "$(record fox '.attempts | length')"
	has "$(status_texts fox)" "Rate limited by the service: next try in"
}

hold_tasks() {
	faults '[{"on":"create","do":{"hold_task":true}}]'
}

# fox is at the service; its writer waits in $JOB, its task is $TASK.
with_a_running_task() {
	mount_service "$@"
	hold_tasks
	background try_write fox "a fox"
	received poll 1
	TASK=$(log_of accepted .task)
}

# The task of before the end is asked for again, and nothing else is.
resumes() {
	mount_service
	same "$TASK" "$(record fox .task_id)"
	release
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count create)"
	same "$TASK" "$(log_of poll .task | sort -u)"
	wait_until nothing_is_pending
}

# A submission whose answer never came is not repeated after a crash.
is_not_repeated() {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_service
	wait_until state_is fox failed
	has "$(record fox .error.message)" "may have been accepted"
	same EIO "$(try_open images/fox.png)"
	same 1 "$(count create)"
}
