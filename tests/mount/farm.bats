#!/usr/bin/env bats
# `man seedfs`, "A farm": hosts that share a catalogue in a bucket, over Ceph's gateway. Each
# host is a mount of its own with a state directory of its own.

load helper

setup_file() {
	# A port that nobody has, and the one after it.
	local port=$((20000 + RANDOM % 12000))

	export RGW=$BATS_FILE_TMPDIR/rgw RGW_URL=

	RGW_URL=$("$BATS_TEST_DIRNAME/../s3/rgw.sh" start "$RGW" "$port")
}

teardown_file() {
	"$BATS_TEST_DIRNAME/../s3/rgw.sh" stop "$RGW"
}

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
	# A host that is gone is missed so soon, in builds with crash points.
	export SEED_LEASE_S=10
	HOSTS=()
}

more_teardown() {
	local host wrong=0

	for host in "${!HOSTS[@]}"; do
		end_host "$host" || wrong=1
	done
	return "$wrong"
}

host_answers() { # N
	local line

	ended "${HOSTS[$1]}" || { [ -r "$DIR/m$1/README" ] && read -r line <"$DIR/m$1/README" && [ -n "$line" ]; }
}

# Mounts host N at $DIR/mN.
host() { # N [OPTION…]
	local n=$1 IFS=,

	shift
	mkdir -p "$DIR/m$n" "$DIR/s$n"
	chmod 700 "$DIR/s$n"
	# shellcheck disable=SC2034 # of usual_options
	STATE=$DIR/s$n
	setpriv --pdeathsig TERM -- "$SEEDFS" -f \
		-o "$(usual_options),store=s3://seed/farm-$BATS_TEST_NUMBER,s3_endpoint=$RGW_URL${*:+,$*}" \
		"$DIR/m$n" 3>&- 4>&- </dev/null >>"$DIR/out" 2>>"$DIR/err" &
	HOSTS[n]=$!
	printf '%s\n' "${HOSTS[n]}" >>"$DIR/pids"
	wait_until host_answers "$n"
	mountpoint -q "$DIR/m$n" || fail "host $n is not mounted: $(tail -n 5 "$DIR/err")"
}

end_host() { # N
	local pid=${HOSTS[$1]} status=0

	unset "HOSTS[$1]"
	kill -TERM "$pid" 2>/dev/null
	if ! wait_until ended "$pid"; then
		kill -KILL "$pid" 2>/dev/null
		fail "host $1 did not end at SIGTERM"
		return 1
	fi
	wait "$pid" 2>/dev/null || status=$?
	same 0 "$status"
}

kill_host() { # N: as a crash would
	local pid=${HOSTS[$1]}

	unset "HOSTS[$1]"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	umount -l "$DIR/m$1" 2>/dev/null || true
}

outcome() { # N NAME TEXT
	timeout 60 python3 "$FS" write "$DIR/m$1/prompts/$2" "$3"
}

store_says() { # NAME PART: of its entry
	ASK_UNQUOTED=1 timeout 20 "$(dirname "$UPSTREAM")/ask" "$RGW_URL" seed "farm-$BATS_TEST_NUMBER" get "name/$1" |
		grep -qF "$2"
}

store_goes() {
	"$HERE/../s3/rgw.sh" kill "$RGW"
}

store_comes() {
	"$HERE/../s3/rgw.sh" gateway "$RGW"
	wait_until curl -s -o "$DIR/said" "$RGW_URL"
}

on() { # N NAME TEXT
	same ok "$(outcome "$@")"
}

is_gone() { # FILE
	! [ -e "$1" ]
}

sum_is() { # SUM N PATH
	[ "$1" = "$(sum "$2" "$3")" ]
}

text_is() { # TEXT FILE
	[ "$1" = "$(cat "$2")" ]
}

lists() { # COUNT FOLDER
	[ "$1" = "$(find "$2" -mindepth 1 -printf x | wc -c)" ]
}

is_empty() { # FOLDER
	[ -z "$(ls "$1")" ]
}

sum() { # N PATH
	timeout 30 sha256sum <"$DIR/m$1/$2" | cut -d' ' -f1
}

is_placeholder() { # FILE
	[ "$(stat -c %A "$1")" = ---------- ] || [ "$(stat -c %a "$1")" -lt 400 ]
}

@test "what one host has made is there on another, byte for byte" {
	host 1
	host 2
	on 1 fox "a red fox"
	same "$(sum 1 images/fox.png)" "$(sum 2 images/fox.png)"
	same "a red fox" "$(cat "$DIR/m2/prompts/fox")"
	same "verified" "$(jq -r .state "$DIR/m2/records/fox.json")"
	# Also where a user has removed the record that has its sum.
	on 1 owl "an owl"
	rm "$DIR/m1/records/owl.json"
	wait_until is_gone "$DIR/m2/records/owl.json"
	cmp "$DIR/m1/images/owl.png" "$DIR/m2/images/owl.png"
	# Its time and size, without its bytes.
	on 1 hen "a hen"
	same "$(stat -c '%s %Y' "$DIR/m1/images/hen.png")" "$(stat -c '%s %Y' "$DIR/m2/images/hen.png")"
	is_placeholder "$DIR/s2/images/hen.png"
	cmp "$DIR/m1/images/hen.png" "$DIR/m2/images/hen.png"
	fails is_placeholder "$DIR/s2/images/hen.png"
	same 1 "$(count create "a red fox")"
	# A rewrite on the second moves the first's image to the history of both.
	on 2 fox "a blue fox"
	wait_until cmp "$DIR/m1/images/fox.png" "$DIR/m2/images/fox.png"
	cmp "$DIR/m1/history/fox/0001.png" "$DIR/m2/history/fox/0001.png"
	fails cmp -s "$DIR/m1/history/fox/0001.png" "$DIR/m1/images/fox.png"
}

@test "one text that all hosts commit at once is paid for once" {
	local n name pids=() pid

	for n in 1 2 3 4; do host "$n"; done
	for name in a b c d e; do
		for n in 1 2 3 4; do
			on "$n" "$name" "the text of $name" &
			pids+=($!)
		done
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	for name in a b c d e; do
		same 1 "$(count create "the text of $name")"
		for n in 2 3 4; do same "$(sum 1 "images/$name.png")" "$(sum "$n" "images/$name.png")"; done
	done
}

@test "of two texts the later has the name on both hosts, and the earlier is superseded" {
	host 1
	host 2
	faults '[{"on":"create","prompt":"the first","do":{"hold_task":true}}]'
	background outcome 1 fox "the first"
	received accepted 1 "the first"
	on 2 fox "the second"
	release "the first"
	wait_until text_is "the second" "$DIR/m1/prompts/fox"
	job_ends 0 "$JOB"
	same "close ECANCELED" "$(cat "$JOB_OUT")"
	# What was paid for is kept.
	wait_until test -e "$DIR/m1/history/fox/0001.png"
	wait_until cmp "$DIR/m1/images/fox.png" "$DIR/m2/images/fox.png"
	same 1 "$(count create "the first")"
	same 1 "$(count create "the second")"
}

@test "who opens an image that another host generates waits for it" {
	host 1
	host 2
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background outcome 1 fox "a slow fox"
	received accepted 1 "a slow fox"
	wait_until test -e "$DIR/m2/prompts/fox"
	# Who commits it, too, sees it as it is.
	background outcome 2 fox "a slow fox"
	wait_until text_is "a slow fox" "$DIR/s2/prompts/fox"
	background cp "$DIR/m2/images/fox.png" "$DIR/copy.png"
	release
	job_ends 0 "$JOB"
	cmp "$DIR/copy.png" "$DIR/m1/images/fox.png"
}

@test "a host that is killed is replaced by another, which goes on with its task" {
	# A minute is too long for a test.
	grep -q SEED_LEASE_S "$SEEDFS" || skip "in builds with sanitizers"
	host 1
	host 2
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background outcome 1 fox "a lost fox"
	received accepted 1 "a lost fox"
	wait_until store_says fox '"step":"accepted"'
	kill_host 1
	release
	WAIT=60 wait_until test -s "$DIR/m2/images/fox.png"
	same 1 "$(count create "a lost fox")"
	# And it finds that out when it is back.
	host 1
	wait_until cmp "$DIR/m1/images/fox.png" "$DIR/m2/images/fox.png"
	wait_until is_empty "$DIR/s1/pending"
	same 1 "$(count create "a lost fox")"
}

@test "so is one of whose name nobody asks" {
	grep -q SEED_LEASE_S "$SEEDFS" || skip "in builds with sanitizers"
	host 1
	host 2
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background outcome 1 fox "a lost fox"
	received accepted 1 "a lost fox"
	wait_until store_says fox '"step":"accepted"'
	kill_host 1
	release
	WAIT=60 wait_until test -s "$DIR/s2/images/fox.png"
	same 1 "$(count create "a lost fox")"
}

@test "what only the host that is killed knew of is asked for when it is back" {
	host 1
	faults '[{"on":"create","do":{"hold":true}}]'
	background outcome 1 fox "a lost fox"
	received create 1 "a lost fox"
	store_goes # before it hears of the task
	release
	wait_until grep -q '"step":"accepted"' "$DIR"/s1/pending/*.json
	kill_host 1
	store_comes
	host 1
	wait_until test -s "$DIR/m1/images/fox.png"
	same 1 "$(count create "a lost fox")"
}

@test "users' changes are seen on all hosts" {
	host 1
	host 2
	mkdir "$DIR/m1/prompts/shots"
	on 1 shots/one "the first text"
	on 2 shots/one "the second text"
	wait_until test -e "$DIR/m1/history/shots/one/0001.png"
	# Restored on one, with its own prompt's image in the history.
	local old
	old=$(sum 2 history/shots/one/0001.png)
	mv "$DIR/m2/history/shots/one/0001.png" "$DIR/m2/images/shots/one.png"
	wait_until sum_is "$old" 1 images/shots/one.png
	# Renamed.
	mv "$DIR/m1/prompts/shots/one" "$DIR/m1/prompts/shots/two"
	wait_until test -e "$DIR/m2/prompts/shots/two"
	wait_until is_gone "$DIR/m2/prompts/shots/one"
	same "$old" "$(sum 2 images/shots/two.png)"
	# A folder, with all that is in it.
	mv "$DIR/m2/prompts/shots" "$DIR/m2/prompts/takes"
	wait_until test -e "$DIR/m1/prompts/takes/two"
	same "$old" "$(sum 1 images/takes/two.png)"
	wait_until is_gone "$DIR/m1/prompts/shots"
	# Removed.
	rm "$DIR/m1/images/takes/two.png"
	wait_until is_gone "$DIR/m2/images/takes/two.png"
	rm "$DIR/m2/prompts/takes/two"
	wait_until is_gone "$DIR/m1/prompts/takes/two"
	rmdir "$DIR/m1/prompts/takes"
	wait_until is_gone "$DIR/m2/prompts/takes"
	same 2 "$(count create)"
}

@test "a listing has what other hosts have made" {
	local n pids=() pid

	host 1
	host 2
	mkdir "$DIR/m1/prompts/set"
	for n in 1 2 3 4 5 6 7 8; do
		on 1 "set/$n" "text $n" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	wait_until lists 8 "$DIR/m2/images/set"
	same "$(ls "$DIR/m1/images/set")" "$(ls "$DIR/m2/images/set")"
	same "set" "$(ls "$DIR/m2/prompts")"
}

@test "while the store is away what is here is read, and new prompts fail at once" {
	host 1
	on 1 fox "a red fox"
	store_goes
	timeout 30 cat "$DIR/m1/images/fox.png" >"$DIR/copy.png"
	same "$(jq -r .image.sha256 "$DIR/s1/records/fox.json")" "$(sha256sum <"$DIR/copy.png" | cut -d' ' -f1)"
	has "$(outcome 1 hen "a hen")" EHOSTUNREACH
	same 0 "$(count create "a hen")"
	store_comes
	wait_until on 1 hen "a hen"
	same 1 "$(count create "a hen")"
}

@test "the budget is that of all hosts" {
	local n i ok=0

	for n in 1 2 3; do host "$n" budget=7/day; done
	for i in 1 2 3 4; do
		for n in 1 2 3; do
			case $(outcome "$n" "p$n-$i" "text $n $i") in
			ok) ok=$((ok + 1)) ;;
			*EDQUOT*) ;;
			*) fail "neither made nor over the budget" ;;
			esac
		done
	done
	same 7 "$ok"
	same 7 "$(count create)"
}

@test "with reuse, a text is generated once for all names and hosts" {
	host 1 reuse
	host 2 reuse
	on 1 fox "one text"
	on 2 hen "one text"
	same "$(sum 1 images/fox.png)" "$(sum 2 images/hen.png)"
	same "$(sum 2 images/hen.png)" "$(sum 1 images/hen.png)"
	same 1 "$(count create "one text")"
	wait_until is_empty "$DIR/s2/pending"
	# A prompt that was removed, and is written again as it was.
	rm "$DIR/m1/prompts/fox"
	wait_until is_gone "$DIR/m2/prompts/fox"
	on 1 fox "one text"
	wait_until text_is "one text" "$DIR/m2/prompts/fox"
	same 1 "$(count create "one text")"
}

@test "nor is it while it is being generated, for so many names at once" {
	local n outs=() pids=()

	host 1 reuse
	host 2 reuse
	host 3 reuse
	faults '[{"on":"create","do":{"delay_ms":1500}}]'
	for n in 1 2 3 4 5 6 7 8 9; do
		background outcome $((n % 3 + 1)) "name $n" "one text"
		pids+=("$JOB") outs+=("$JOB_OUT")
	done
	for n in "${!pids[@]}"; do
		job_ends 0 "${pids[n]}"
		same ok "$(<"${outs[n]}")"
	done
	same 1 "$(count create "one text")"
	for n in 1 2 3 4 5 6 7 8 9; do
		same "$(sum 1 "images/name 1.png")" "$(sum $((n % 2 + 1)) "images/name $n.png")"
	done
	wait_until is_empty "$DIR/s1/pending"
}

@test "nor when the host that generates it dies; where it fails, others generate it" {
	grep -q SEED_LEASE_S "$SEEDFS" || skip "in builds with sanitizers"
	host 1 reuse
	host 2 reuse
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}},{"on":"create","nth":2,"do":{"delay_ms":3000,"status":400}},
		{"on":"create","nth":3,"do":{"status":400}}]'
	background outcome 1 fox "one text"
	received accepted 1
	background outcome 2 hen "one text"
	wait_until grep -q "^hen .*waits for the image" "$DIR/m2/queue"
	kill_host 1
	release
	WAIT=90 job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	same 1 "$(count create)"
	same "$(sum 2 images/fox.png)" "$(sum 2 images/hen.png)"
	host 1 reuse
	background outcome 1 elk "another text"
	received create 2
	background outcome 2 owl "another text"
	wait_until grep -q "^owl .*waits for the image" "$DIR/m2/queue"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	same 4 "$(count create)"
}

@test "images are kept here up to cache_size, and all of them can be read" {
	local name first

	host 1
	host 2 cache_size=64M
	for name in a b c; do on 1 "$name" "a picture of $name"; done
	first=$(sum 2 images/a.png)
	for name in a b c; do same "$(sum 1 "images/$name.png")" "$(sum 2 "images/$name.png")"; done
	end_host 2
	# So little that each image drives the others out.
	host 2 cache_size=4K
	rm -f "$DIR/m2/thumbs/"* 2>/dev/null || true
	on 2 d "a picture of d"
	wait_until is_placeholder "$DIR/s2/images/a.png"
	same "$first" "$(sum 2 images/a.png)"
	# Nor is more kept of those that come after the first look.
	for name in a b c; do same "$(sum 1 "images/$name.png")" "$(sum 2 "images/$name.png")"; done
	wait_until is_placeholder "$DIR/s2/images/a.png"
	wait_until is_placeholder "$DIR/s2/images/b.png"
}
