#!/usr/bin/env bats
# lib/s3/ against stores: Ceph's gateway, which judges signatures and conditions, and one
# written from Amazon's documents, which breaks its word on request (tests/s3/). And hosts that
# share names in it; SHARE_SECONDS=600 SHARE_NAMES=200 make that longer.

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
	ASK=$(dirname "$SEEDFS")/ask
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION ASK_UNQUOTED
	echo "hello" >"$DIR/hello"
}

rgw() { # COMMAND…: below a prefix of this test's own
	ASK_UNQUOTED=1 timeout 60 "$ASK" "$RGW_URL" seed "test-$BATS_TEST_NUMBER" "$@"
}

model() { # FLAG…: a store of our own
	local said=$DIR/model.${#JOBS[@]}

	python3 "$HERE/../s3/model.py" "$@" >"$said" 2>"$said.err" 3>&- &
	JOBS+=($!)
	wait_until test -s "$said"
	MODEL_URL=$(cat "$said")
}

ask() {
	timeout 60 "$ASK" "$MODEL_URL" seed "" "$@"
}

outcome() { # COMMAND…: its first word
	"$@" | sed -n '1s/ .*//p'
}

ask_says() { # COUNT
	[ "$(ask get n | sed -n 2p)" = "$1" ]
}

rgw_is_beyond() { # COUNT
	local n

	n=$(rgw get n | sed -n 2p)
	[ "${n:-0}" -gt "$1" ]
}

@test "Ceph's gateway is fit, with ETags that have no quotes" {
	same "fit, without quotes, same time" "$(rgw probe)"
	same "done 200 " "$(rgw list "")" # the probe has left nothing
}

@test "a store as Amazon documents it is fit" {
	model
	same "fit, with quotes, same time" "$(ask probe)"
	same "done 200 " "$(ask list "")"
}

@test "a store that breaks its word is refused" {
	local row

	for row in "ignore-none-match:ignores If-None-Match" "ignore-match:ignores If-Match" \
		"stale:not what was written last" "no-etag:without an ETag"; do
		model "${row%%:*}"
		has "$(ask probe)" "unfit: the store cannot be shared:"
		has "$(ask probe)" "${row#*:}"
	done
}

@test "objects are written, read in ranges, listed and removed" {
	head -c 3000000 /dev/urandom >"$DIR/large"
	same "done" "$(outcome rgw put image/aa.png "$DIR/large")"
	rgw get image/aa.png | tail -n +2 | cmp - "$DIR/large"
	rgw get image/aa.png 1000000 5000 | tail -n +2 | cmp - <(tail -c +1000001 "$DIR/large" | head -c 5000)
	same "done" "$(outcome rgw put empty /dev/null)"
	same "done" "$(outcome rgw put name/a "$DIR/hello")"
	same "done" "$(outcome rgw put name/d/_c3_a9_20x "$DIR/hello")"
	same "$(printf 'empty\nimage/aa.png\nname/a\nname/d/_c3_a9_20x')" "$(rgw list "" | tail -n +2)"
	same "$(printf 'name/a\nname/d/')" "$(rgw folders name/ | tail -n +2)"
	same "$(printf 'name/a\nmore')" "$(rgw list "" image/aa.png 1 | tail -n +2)"
	same "done" "$(outcome rgw head name/a)"
	same "done" "$(outcome rgw delete name/a)"
	same "done" "$(outcome rgw delete name/a)"
	same none "$(outcome rgw get name/a)"
	same none "$(outcome rgw head name/a)"
}

@test "a write happens only if its condition holds" {
	local tag old

	for store in rgw ask; do
		[ "$store" = rgw ] || model
		same unsure "$(outcome "$store" replace one "$DIR/hello" 5d41402abc4b2a76b9719d911017c592)"
		same "done" "$(outcome "$store" create one "$DIR/hello")"
		same unsure "$(outcome "$store" create one "$DIR/hello")"
		old=$("$store" head one | awk '{ print $3 }')
		echo 2 >"$DIR/two"
		tag=$("$store" replace one "$DIR/two" "$old" | awk '$1 == "done" { print $3 }')
		[ -n "$tag" ]
		same unsure "$(outcome "$store" replace one "$DIR/hello" "$old")"
		same 2 "$("$store" get one | tail -n +2)"
	done
}

@test "1,500 keys are listed page by page" {
	local last page all=""

	seq -f 'k/%04g' 1500 >"$DIR/keys"
	sed "s,.*,url = \"$RGW_URL/seed/test-$BATS_TEST_NUMBER/&\"," "$DIR/keys" >"$DIR/urls"
	curl -fsS -Z --parallel-max 8 -o /dev/null -X PUT --data-binary '' --aws-sigv4 aws:amz:us-east-1:s3 --user testkey:testsecret \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -K "$DIR/urls" 2>"$DIR/curl.err"
	last=
	while :; do
		page=$(rgw list k/ "$last" | tail -n +2)
		all+=$(grep -v '^more$' <<<"$page")$'\n'
		[ "${page##*$'\n'}" = more ] || break
		last=$(grep -v '^more$' <<<"$page" | tail -n 1)
	done
	diff "$DIR/keys" <(sed '/^$/d' <<<"$all")
}

@test "a listing that strays from what was asked for, or leads nowhere, is refused" {
	local flag

	for flag in astray stuck; do
		model "$flag"
		same "done" "$(outcome ask create name/fox "$DIR/hello")"
		has "$(ask list name/ name/fox)" "the store's answer is no listing"
	done
	# The first page of the second is one like any other.
	has "$(ask list name/)" "name/fox"
}

@test "eight writers count by swaps, and each addition counts once" {
	local i counters=()

	for i in 1 2 3 4 5 6 7 8; do
		rgw count n 15 >"$DIR/count.$i" &
		counters+=($!)
	done
	wait "${counters[@]}"
	same 8 "$(cat "$DIR"/count.* | grep -c '^done 15 of 15$')"
	same 120 "$(rgw get n | sed -n 2p)"
}

@test "a lost answer to a write that happened is not a second write" {
	model lost=3
	same "done 20 of 20" "$(ask count n 20)"
	same 20 "$(ask get n | sed -n 2p)"
}

@test "a store that is busy is asked again, and nothing counts twice" {
	model slow-down=3
	same "done 20 of 20" "$(ask count n 20)"
	wait_until ask_says 20
}

@test "a gateway that is killed while eight writers count loses nothing" {
	local i counters=()

	for i in 1 2 3 4 5 6 7 8; do
		rgw count n 15 >"$DIR/count.$i" &
		counters+=($!)
	done
	wait_until rgw_is_beyond 10
	"$BATS_TEST_DIRNAME/../s3/rgw.sh" kill "$RGW"
	"$BATS_TEST_DIRNAME/../s3/rgw.sh" gateway "$RGW"
	wait "${counters[@]}"
	same 8 "$(cat "$DIR"/count.* | grep -c '^done 15 of 15$')"
	same 120 "$(rgw get n | sed -n 2p)"
}

@test "each answer is what it means for a read and for a write" {
	local row status code read write

	for row in 400:refused:refused 403:refused:refused 404:none:unsure 408:away:unsure 409:refused:unsure 412:refused:unsure \
		429:away:unsure 500:away:unsure 501:refused:refused 503:away:unsure 302:refused:refused; do
		IFS=: read -r status read write <<<"$row"
		model "status=$status"
		same "$status $read $write" \
			"$status $(outcome ask get a) $(outcome ask create a "$DIR/hello")"
	done
	# The key of the environment does not become a better one.
	for row in 400:RequestTimeout:away:unsure 403:RequestTimeTooSkewed:away:away 400:ExpiredToken:refused:refused; do
		IFS=: read -r status code read write <<<"$row"
		MODEL_CODE=$code model "status=$status"
		same "$code $read $write" \
			"$code $(outcome ask get a) $(outcome ask create a "$DIR/hello")"
	done
}

nobody() {
	timeout 60 "$ASK" http://127.0.0.1:1 seed "" "$@"
}

@test "a store that is not there is away, for a write, too" {
	same "away away away" \
		"$(outcome nobody get a) $(outcome nobody create a "$DIR/hello") $(outcome nobody list "")"
}

@test "a wrong secret, a missing bucket: the answer says what to do, without the secret" {
	has "$(AWS_SECRET_ACCESS_KEY=wrong-hush rgw list "")" "are the credentials right"
	has_not "$(AWS_SECRET_ACCESS_KEY=wrong-hush rgw list "")" wrong-hush
	has "$(ASK_UNQUOTED=1 "$ASK" "$RGW_URL" nowhere "" list "")" "there is no such bucket"
}

@test "a proxy that compresses objects for those who take that is not asked to" {
	model zips
	same fit, "$(outcome ask probe)"
	same "done 3 of 3" "$(ask count n 3)"
}

@test "who hands out credentials is not asked through a proxy" {
	model metadata
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export http_proxy=http://127.0.0.1:1 AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret
	has "$(AWS_EC2_METADATA_SERVICE_ENDPOINT=$MODEL_URL/ ask login)" "ASIAROLE"
	has "$(AWS_CONTAINER_CREDENTIALS_FULL_URI=$MODEL_URL/role ask login)" "ASIAROLE"
}

@test "credentials come from the metadata service of an instance" {
	model metadata
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	same "the instance's role: ASIAROLE, region us-east-1, expires" \
		"$(AWS_EC2_METADATA_SERVICE_ENDPOINT=$MODEL_URL/ ask login)"
	has "$(AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1 ask login)" "no metadata service answers here"
	has "$(AWS_EC2_METADATA_DISABLED=true ask login)" "nobody to ask"
}

@test "credentials come from a container's endpoint" {
	model metadata
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_CONTAINER_CREDENTIALS_FULL_URI=$MODEL_URL/role
	same "the container's endpoint: ASIAROLE, region us-east-1, expires" \
		"$(AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret ask login)"
	echo container-secret >"$DIR/token"
	has "$(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$DIR/token ask login)" "ASIAROLE"
	has "$(AWS_CONTAINER_AUTHORIZATION_TOKEN=wrong ask login)" "answered with HTTP 401"
	# No part of one is sent.
	printf '%05000d' 0 >"$DIR/token"
	has "$(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$DIR/token ask login)" "nobody to ask: Invalid argument"
	has "$(AWS_CONTAINER_AUTHORIZATION_TOKEN=$(<"$DIR/token") ask login)" "nobody to ask: Invalid argument"
	# Without TLS only where the container's agents listen.
	has "$(AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/role ask login)" "nobody to ask: Invalid argument"
}

# ---- hosts that share names (lib/share/), without the engine ----

NAMES=${SHARE_NAMES:-20}
SHARE_SECONDS=${SHARE_SECONDS:-8}

host() { # NUMBER SECONDS
	ASK_UNQUOTED=1 exec "$(dirname "$SEEDFS")/hosts" "$RGW_URL" seed "hosts-$BATS_TEST_NUMBER" \
		"$DIR/hosts" "$1" "$NAMES" "$2"
}

# Killed, paused for longer than its lease, and started again; at last left to come to rest.
life() { # NUMBER WITH-FAULTS
	local end=$((SECONDS + SHARE_SECONDS)) pid

	while [ -n "$2" ] && [ "$SECONDS" -lt "$end" ]; do
		host "$1" $((end - SECONDS)) &
		pid=$!
		sleep "$((RANDOM % 3)).$((RANDOM % 10))"
		if [ $((RANDOM % 4)) -eq 0 ]; then
			kill -STOP "$pid"
			sleep 4
			kill -CONT "$pid"
			sleep 0.2
		fi
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
	done 2>/dev/null
	host "$1" $((end > SECONDS ? end - SECONDS : 0)) &
	wait $!
}

share_names() { # [WITH-FAULTS]
	local i pids=()

	mkdir "$DIR/hosts"
	for i in 1 2 3 4 5 6 7 8; do
		life "$i" "${1:-}" >>"$DIR/life" 2>&1 3>&- &
		pids+=($!)
	done
	JOBS+=("${pids[@]}")
	[ -z "${2:-}" ] || "$2"
	wait "${pids[@]}"
}

# The service's books: how often each was sent, but for what it said it had not taken.
sent_once() {
	local twice

	twice=$(join -a 1 <(sort "$DIR/hosts/sent" | uniq -c | awk '{ print $2, $1 }') \
		<(sort "$DIR/hosts/refused" | uniq -c | awk '{ print $2, $1 }') | awk '$2 > 1 + $3')
	same "" "$twice"
	same "$(wc -l <"$DIR/hosts/accepted") made, 0 lost, 0 in flight" "$(host_check)"
}

host_check() {
	ASK_UNQUOTED=1 "$(dirname "$SEEDFS")/hosts" "$RGW_URL" seed "hosts-$BATS_TEST_NUMBER" "$DIR/hosts" \
		check "$NAMES"
}

@test "eight hosts share names: each commit is sent once, and each image is there" {
	share_names
	sent_once
	[ "$(wc -l <"$DIR/hosts/accepted")" -gt 50 ]
}

@test "eight hosts that are killed and paused send each commit once, and lose no image" {
	share_names faults
	sent_once
	[ "$(wc -l <"$DIR/hosts/accepted")" -gt 20 ]
}

kill_the_gateway() {
	local i

	for i in 1 2; do
		sleep 2
		"$BATS_TEST_DIRNAME/../s3/rgw.sh" kill "$RGW"
		sleep 1
		"$BATS_TEST_DIRNAME/../s3/rgw.sh" gateway "$RGW"
	done
}

@test "the gateway is killed, too, and nothing is sent twice or lost" {
	share_names faults kill_the_gateway
	sent_once
}

# ---- hosts of a farm: its budget and its jobs, without the engine ----

farmer() { # NUMBER SECONDS
	ASK_UNQUOTED=1 exec "$(dirname "$SEEDFS")/farm" "$RGW_URL" seed "test-$BATS_TEST_NUMBER" \
		"$DIR/farm" "$1" 100 5 "$2"
}

# With faults it is killed again and again, and then left to come to rest.
farm_life() { # NUMBER WITH-FAULTS
	local end=$((SECONDS + SHARE_SECONDS)) pid

	while [ -n "$2" ] && [ "$SECONDS" -lt "$end" ]; do
		farmer "$1" $((end - SECONDS)) &
		pid=$!
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
	done 2>/dev/null
	farmer "$1" $((end > SECONDS ? end - SECONDS : 2)) &
	wait $!
}

run_farm() { # [WITH-FAULTS [COMMAND]]
	local i pids=()

	mkdir "$DIR/farm"
	touch "$DIR/farm/free"
	for i in 1 2 3 4 5 6 7 8; do
		farm_life "$i" "${1:-}" >>"$DIR/life" 2>&1 3>&- &
		pids+=($!)
	done
	JOBS+=("${pids[@]}")
	[ -z "${2:-}" ] || "$2"
	wait "${pids[@]}"
	same "" "$(cat "$DIR/life")"
}

farm_sent() {
	echo $(($(wc -l <"$DIR/farm/sent") - $(wc -l <"$DIR/farm/free")))
}

farm_counted() {
	rgw get farm | sed -n '2s/.*"count":\([0-9]*\),"cost.*/\1/p'
}

@test "eight hosts with a budget of 100 submit 100 times, and run five jobs at once" {
	run_farm
	[ "$(wc -l <"$DIR/farm/free")" -gt 5 ]
	same "100 100" "$(farm_sent) $(farm_counted)"
	same 5 "$(awk '{ now += $1 "1"; most = now > most ? now : most } END { print most }' "$DIR/farm/jobs")"
}

# What one that is killed has charged and not sent stays charged; so do refunds that it has not
# written. Never the other way round.
@test "eight hosts that are killed again and again never submit more than the budget" {
	run_farm faults
	same 100 "$(farm_counted)"
	[ "$(farm_sent)" -le 100 ]
	[ "$(wc -l <"$DIR/farm/sent")" -gt 50 ]
}

@test "the gateway is killed while eight hosts submit, and the count stays exact" {
	run_farm "" kill_the_gateway
	same "100 100" "$(farm_sent) $(farm_counted)"
}
