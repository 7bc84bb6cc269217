#!/usr/bin/env bats
# `man seedfs`: seedfs --check.
# shellcheck disable=SC2016 # commands for other shells

load helper

bats_require_minimum_version 1.5.0

check() { # STATUS [-o value]: prints nothing; the lines are in $output
	run --separate-stderr timeout 60 "$SEEDFS" --check -o "${2:-$(usual_options)}"
	same "$1" "$status"
	same "" "${stderr-}" # run sets it
	same 0 "$(count submit)"
}

line() { # WHAT: of the output
	grep -F " $1: " <<<"$output"
}

@test "s7: --check looks at everything, spends nothing, and makes nothing" {
	rmdir "$STATE"
	check 0
	same 6 "${#lines[@]}"
	has "$(line fuse)" "ok     fuse: /dev/fuse can be opened"
	same "ok     state: $STATE is made at the first mount" "$(line state)"
	has "$(line cage)" "ok     cage: limits"
	has "$(line clock)" "ok     clock: 20"
	same "ok     key: $DIR/key" "$(line key)"
	same "ok     $API: answers and accepts the key; 100 credits are left" "$(line "$API")"
	fails test -e "$STATE"
	same "" "$(mounts_here)"
	same 1 "$(count credit)"
}

@test "s7: --check finds a wrong key, no credits, and a service that is not there" {
	printf 'wrong-key-5e9d21c4\n' >"$DIR/key"
	check 1
	same "WRONG  $API: refuses the key (401); put a valid one into the key file" "$(line "$API")"
	printf '%s\n' "$KEY" >"$DIR/key"
	faults '[{"on":"credit","do":{"code":402,"msg":"no credits"}}]'
	check 1
	has "$(line "$API")" "no credits left"
	check 1 "$(usual_options),api_base=http://127.0.0.1:9"
	has "$(line http://127.0.0.1:9)" "WRONG  http://127.0.0.1:9: "
	check 1 "$(usual_options),api_base=$API/nothing"
	has "$(line "$API/nothing")" "is api_base right?"
}

@test "s7: --check finds a wrong key file and state directory, and goes on" {
	chmod 644 "$DIR/key"
	check 1
	has "$(line key)" "WRONG  key: key file $DIR/key"
	has "$(line state)" "ok "
	chmod 600 "$DIR/key"
	chmod 770 "$STATE"
	check 1
	has "$(line state)" "WRONG  state: state directory $STATE can be written by others; chmod go-w '$STATE'"
	has "$(line "$API")" "ok "
	check 1 "$(usual_options),state=$DIR/key"
	has "$(line state)" "WRONG  state: state directory $DIR/key: Not a directory"
	ln -s nowhere "$DIR/dangling"
	check 1 "$(usual_options),state=$DIR/dangling"
	has "$(line state)" "WRONG  state: state directory $DIR/dangling: No such file or directory"
}

@test "s7: --check refuses a link of somebody else's as the mount does" {
	need_root
	ln -s "$STATE" "$DIR/own"
	ln -s "$STATE" "$DIR/theirs"
	chown -h 12345 "$DIR/theirs"
	check 1 "$(usual_options),state=$DIR/theirs"
	has "$(line state)" "WRONG  state: state directory $DIR/theirs is a link that belongs to user 12345"
	check 0 "$(usual_options),state=$DIR/own"
}

@test "s7: --check says what it cannot prove, and what needs no proof" {
	check 0 "provider=fal,api_base=$API,key_file=$DIR/key,state=$STATE"
	same "ok     $API: answers; the key cannot be checked without paying" "$(line "$API")"
	check 0 "provider=sketch,state=$STATE"
	same "ok     key: none is needed" "$(line key)"
	has "$(line service)" "pictures are drawn here"
	unset KIE_API_KEY
	check 1 "provider=kie,api_base=$API,state=$STATE"
	has "$(line key)" "WRONG  key: none: set KIE_API_KEY"
}

@test "s7: --check sends the password of a local server as the mount does" {
	local service="provider=automatic1111,api_base=$API/a1111auth,key_file=$DIR/password,state=$STATE"

	printf 'user:password\n' >"$DIR/password"
	chmod 600 "$DIR/password"
	check 0 "$service"
	same "ok     $API/a1111auth: answers" "$(line "$API/a1111auth")"
	printf 'user:wrong\n' >"$DIR/password"
	check 1 "$service"
	has "$(line "$API/a1111auth")" "refuses the key (401)"
}

@test "s7: --check names the walls of the workers' cage, and those that are missing" {
	local walls

	walls=$("$SEEDFS" -V | sed -n "s/^workers' cage here: //p")
	check 0
	has "$(line cage)" "ok     cage: $walls"
	[ "$(uname -m)" = x86_64 ] || skip "numbers of system calls"
	[[ $walls != *sanitizer* ]] || skip "a sanitizer stands in the cage's place"
	run --separate-stderr timeout 60 python3 "$HERE/without.py" "$SEEDFS" --check -o "$(usual_options)"
	same 0 "$status"
	same "ok     cage: limits, no privileges, seccomp; this system does not provide Landlock or namespaces" \
		"$(line cage)"
}

@test "s7: --check while it is mounted" {
	mount_seed
	check 0
	has "$(line state)" "in use by a mount"
}

logged() { # PART: of the log's line about the service
	wait_until grep -qF " - $1" "$MNT/status"
}

@test "s7: at mount the same look runs in the background, and its line goes to the log" {
	mount_seed
	logged "🧠 [SYNC IMAGE] $API answers and accepts the key; 100 credits are left"
	stop_seedfs
	printf 'wrong-key-5e9d21c4\n' >"$DIR/key"
	mount_seed
	logged "❌ [SYNC IMAGE] $API refuses the key (401)"
	has_not "$(cat "$MNT/status")" wrong-key
	same 0 "$(count submit)"
}

@test "s7: a dead api_base is told at mount, and does not hold up the end" {
	mount_seed -o api_base=http://127.0.0.1:9
	logged "❌ [SYNC IMAGE] http://127.0.0.1:9 "
	stop_seedfs
	faults '[{"on":"credit","do":{"hang":true}}]'
	mount_seed
	received credit 1
	WAIT=10 stop_seedfs # less than the look's own limit
}
