#!/usr/bin/env bats
# Hosts that share a catalogue, of which one renames what another generates (`man seedfs`, "A
# farm"). The store is tests/s3/model.py.

load helper

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
	ONE=$MNT
	TWO=$DIR/two
	mkdir "$TWO"
	python3 "$HERE/../s3/model.py" >"$DIR/model" 2>"$DIR/model.err" 3>&- &
	JOBS+=($!)
	wait_until test -s "$DIR/model"
	mount_at "$TWO"
	OTHER_PID=$SEED_PID
	mount_at "$ONE"
}

more_teardown() {
	local pid=$SEED_PID

	stop_seedfs || return 1
	[ -n "$pid" ] || return 0
	SEED_PID=$OTHER_PID
}

mount_at() { # MOUNT-POINT
	STATE=$1.state
	mkdir -m 700 "$STATE"
	MNT=$1 mount_seed -o "store=s3://seed/art,s3_endpoint=$(<"$DIR/model")"
}

made() { # MOUNT-POINT NAME
	[ -s "$1/images/$2.png" ] && [ "$(jq -r .state "$1/records/$2.json")" = verified ]
}

# NAME on the first host becomes OTHER on the second while its request is at the service.
renamed_meanwhile() { # NAME OTHER FROM TO
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write "$1" "a moving fox"
	received create 1
	mv "$TWO/prompts/$3" "$TWO/prompts/$4"
	release
	# shellcheck disable=SC2153 # background sets it
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	wait_until made "$ONE" "$2"
	wait_until made "$TWO" "$2"
	cmp "$ONE/images/$2.png" "$TWO/images/$2.png"
	wait_until fails test -e "$ONE/prompts/$1"
	same 1 "$(count create)"
}

@test "an entry is renamed on one host and has its name on the other" {
	write fox "a red fox"
	mv "$TWO/prompts/fox" "$TWO/prompts/hare"
	wait_until made "$ONE" hare
	wait_until fails test -e "$ONE/prompts/fox"
	cmp "$ONE/images/hare.png" "$TWO/images/hare.png"
	same 1 "$(count create)"
}

@test "what is renamed on another host while it is being sent is not lost" {
	renamed_meanwhile fox hare fox hare
}

@test "nor what is in a folder that is renamed" {
	mkdir "$ONE/prompts/wood"
	renamed_meanwhile wood/fox forest/fox wood forest
}
