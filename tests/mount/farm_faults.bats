#!/usr/bin/env bats
# Hosts that share a catalogue (`man seedfs`, "A farm"): faults that were found with many of
# them. What one has paid for is not lost when another renames it or writes the name anew. The
# store is tests/s3/model.py.

load helper

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
	export MODEL_HOLDS=$DIR/holds MODEL_BREAKS=$DIR/breaks
	ONE=$MNT
	TWO=$DIR/two
	mkdir "$TWO"
	start_store
	mount_at "$TWO"
	OTHER_PID=$SEED_PID
	mount_at "$ONE"
}

start_store() { # [FLAG…]
	python3 "$HERE/../s3/model.py" log "$@" >"$DIR/model" 2>"$DIR/model.err" 3>&- &
	STORE_PID=$!
	JOBS+=("$STORE_PID")
	wait_until test -s "$DIR/model"
}

restart_hosts() { # [FLAG…]: with an empty store
	stop_seedfs
	SEED_PID=$OTHER_PID
	stop_seedfs
	kill -KILL "$STORE_PID"
	rm -r "$ONE.state" "$TWO.state" "$DIR/model"
	start_store "$@"
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

mount_at() { # MOUNT-POINT [OPTION]
	STATE=$1.state
	[ -d "$STATE" ] || mkdir -m 700 "$STATE"
	MNT=$1 mount_seed -o "store=s3://seed/art,s3_endpoint=$(<"$DIR/model")${2:+,$2}"
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

@test "nor where the old name has a new text before its host hears of the rename" {
	faults '[{"on":"create","prompt":"a moving fox","do":{"hold_task":true}}]'
	background try_write fox "a moving fox"
	received accepted 1 "a moving fox"
	wait_until step_is accepted
	mv "$TWO/prompts/fox" "$TWO/prompts/hare"
	MNT=$TWO write fox "another fox"
	release "a moving fox"
	wait_until made "$ONE" hare
	wait_until made "$TWO" hare
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	cmp "$ONE/images/hare.png" "$TWO/images/hare.png"
	same "a moving fox" "$(cat "$TWO/prompts/hare")"
	made "$TWO" fox
	fails test -e "$TWO/history/fox/0001.png"
	same 1 "$(count create "a moving fox")"
}

@test "nor where names are rotated, each with a new text behind it" {
	faults '[{"on":"create","prompt":"text 1","do":{"hold_task":true}},{"on":"create","prompt":"text 2","do":{"hold_task":true}}]'
	background try_write log.1 "text 1"
	local first=$JOB first_out=$JOB_OUT
	received accepted 1 "text 1"
	background try_write log.2 "text 2"
	received accepted 1 "text 2"
	wait_until step_is accepted
	mv "$TWO/prompts/log.2" "$TWO/prompts/log.3"
	mv "$TWO/prompts/log.1" "$TWO/prompts/log.2"
	MNT=$TWO write log.1 "text 3"
	mv "$TWO/prompts/log.3" "$TWO/prompts/log.4"
	mv "$TWO/prompts/log.2" "$TWO/prompts/log.3"
	mv "$TWO/prompts/log.1" "$TWO/prompts/log.2"
	MNT=$TWO write log.1 "text 4"
	release "text 1"
	release "text 2"
	job_ends 0 "$first"
	same ok "$(<"$first_out")"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	local number
	for number in 1 2 3 4; do
		wait_until made "$ONE" log.$number
		wait_until made "$TWO" log.$number
		cmp "$ONE/images/log.$number.png" "$TWO/images/log.$number.png"
		same "" "$(ls "$TWO/history/log.$number" 2>/dev/null)"
	done
	same "text 2" "$(cat "$TWO/prompts/log.4")"
	same "text 1" "$(cat "$TWO/prompts/log.3")"
	same "text 2" "$(jq -r .prompt "$TWO/records/log.4.json")"
	same 4 "$(count create)"
}

@test "nor what is in a folder that is renamed" {
	mkdir "$ONE/prompts/wood"
	renamed_meanwhile wood/fox forest/fox wood forest
}

@test "what a killed host has at the service goes to the history of a newer text" {
	faults '[{"on":"create","prompt":"first","do":{"hold_task":true}}]'
	background try_write fox "the first text"
	received accepted 1 first
	wait_until step_is accepted
	kill_seedfs
	umount -l "$ONE"
	MNT=$TWO write fox "the second text"
	made "$TWO" fox
	mount_at "$ONE"
	release first
	wait_until test -s "$TWO/history/fox/0001.png"
	wait_until cmp "$ONE/history/fox/0001.png" "$TWO/history/fox/0001.png"
	cmp "$ONE/images/fox.png" "$TWO/images/fox.png"
	same 1 "$(count create first)"
	wait_until nothing_is_pending
}

@test "a name whose key would be too long is refused as a name that is too long" {
	local long=

	printf -v long '%0100d' 0
	long=${long//0/ü}
	mkdir "$ONE/prompts/$long"
	same "close ENAMETOOLONG" "$(try_write "$long/$long" "a fox")"
	same 0 "$(count create)"
}

@test "nor has the prefix, or a hint's key, more bytes than a store takes" {
	local prefix name

	stop_seedfs
	rm -r "$ONE.state"
	printf -v prefix '%0100d' 0
	mkdir -m 700 "$ONE.state"
	STATE=$ONE.state
	MNT=$ONE mount_seed -o "store=s3://seed/$prefix,s3_endpoint=$(<"$DIR/model")"
	# Each ü is six bytes of a key. The prefix, "/flight/", an id, "/" and 899 are 1,024.
	printf -v name '%074d' 0
	name=${name//0/ü} # 444
	mkdir "$ONE/prompts/ü$name"
	same "close ENAMETOOLONG" "$(try_write "ü$name/${name}aaaaaaaaaaaaaaaaaaaaaaa" "a fox")"
	same "close ENAMETOOLONG" "$(try_write "ü$name/${name}aaaaa" "a fox")"
	same 0 "$(count create)"
	same ok "$(try_write "ü$name/${name}aaaa" "a fox")"
	wait_until grep -q "^PUT /seed/$prefix/flight/" "$DIR/model.err"
}

@test "a task is in the journal although a newer text of its name waits for the store" {
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "the first text"
	received create 1
	kill -STOP "$STORE_PID"
	background try_write fox "the second text"
	sleep 0.3 # the second is with the engine, which nothing shows
	release
	WAIT=6 wait_until step_is accepted
	kill -CONT "$STORE_PID"
	wait_until made "$ONE" fox
	same 1 "$(count create first)"
}

@test "while a prompt waits for a store that is away, a rename ends, and both can be done later" {
	stop_seedfs
	umount -l "$ONE" 2>/dev/null || true
	mount_at "$ONE" offline=wait
	write hen "a hen"
	kill -STOP "$STORE_PID"
	background try_write fox "a fox"
	sleep 0.5 # it is with the engine, which nothing shows
	same 1 "$(timeout -k 1 40 mv "$ONE/prompts/hen" "$ONE/prompts/cock" 2>"$DIR/mv" || echo $?)"
	has "$(<"$DIR/mv")" "No route to host"
	kill -CONT "$STORE_PID"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	mv "$ONE/prompts/hen" "$ONE/prompts/cock"
	wait_until made "$TWO" cock
	made "$TWO" fox
	same 1 "$(count create "a fox")"
}

@test "a store that is busy now and then fails nobody" {
	local n

	restart_hosts slow-down=5
	for n in {1..10}; do same ok "$(try_write "fox$n" "text $n")"; done
	for n in {1..10}; do cmp "$ONE/images/fox$n.png" "$TWO/images/fox$n.png"; done
	same 10 "$(count create)"
}

@test "an image is asked for again while the store is busy" {
	restart_hosts busy-images=7
	write fox "a fox"
	wait_until made "$TWO" fox
	cmp "$ONE.state/images/fox.png" "$TWO/images/fox.png"
	same 8 "$(grep -c '^GET /seed/art/image/' "$DIR/model.err")"
}

short_leases() { # SECONDS: in builds that may have such
	grep -q SEED_LEASE_S "$SEEDFS" || skip "in builds with sanitizers"
	export SEED_LEASE_S=$1
	restart_hosts
}

asked() { # N REQUEST: of the store
	[ "$(grep -c "^$2" "$DIR/model.err")" -ge "$1" ]
}

# A request is held until it is the next one's turn; no moment is between the two.
hold() { # METHOD-AND-PATH, or a part of it
	echo "$1" >"$DIR/holds.new"
	mv "$DIR/holds.new" "$DIR/holds"
}

@test "leases are renewed while a folder is renamed" {
	local puts renaming

	short_leases 3
	mkdir "$ONE/prompts/wood"
	write wood/hen "a hen"
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "a fox"
	received create 1 "a fox"
	hold "prefix=art/name/wood/"
	background mv "$ONE/prompts/wood" "$ONE/prompts/forest"
	renaming=$JOB
	# It is looked at, and then nothing else is changed here.
	wait_until asked 1 "GET /seed/?list-type=2.*prefix=art%2Fname%2Fwood%2F"
	hold "PUT /seed/art/name/forest"
	wait_until asked 1 "PUT /seed/art/name/forest"
	puts=$(grep -c "^PUT /seed/art/name/fox" "$DIR/model.err")
	wait_until asked $((puts + 2)) "PUT /seed/art/name/fox"
	# So is that of a text which is about to lose its name: the newer one waits for the rename.
	background try_write fox "a newer fox"
	sleep 0.3 # it is with the engine, which nothing shows
	puts=$(grep -c "^PUT /seed/art/name/fox" "$DIR/model.err")
	wait_until asked $((puts + 3)) "PUT /seed/art/name/fox"
	same 0 "$(count create "a newer fox")"
	fails ended "$renaming"
	fails grep -F "The host that had it is gone" "$TWO.state/log/status"
	rm "$DIR/holds"
	job_ends 0 "$renaming"
	received create 1 "a newer fox"
	release
	wait_until made "$TWO" fox
	wait_until made "$TWO" forest/hen
	wait_until test -s "$TWO/history/fox/0001.png"
	same 1 "$(count create "a fox")"
	same 1 "$(count create "a newer fox")"
}

logged() { # MOUNT-POINT TEXT
	grep -qF "$2" "$1.state/log/status"
}

@test "a host that cannot take up what another has left says so, and goes on when it can" {
	local id

	short_leases 3
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a lost fox"
	received accepted 1 "a lost fox"
	wait_until store_says fox '"step":"accepted"'
	id=$(basename "$ONE.state"/pending/*.json .json)
	# In the way of its row: a folder that cannot be set aside.
	mkdir "$TWO.state/pending/$id.json"
	mount -t tmpfs -o size=1m tmpfs "$TWO.state/pending/$id.json" || skip "no tmpfs may be mounted here"
	kill_seedfs
	umount -l "$ONE"
	WAIT=60 wait_until logged "$TWO" "What another host has left cannot be taken up here"
	fails asked_for "$TWO" "The host that had it is gone"
	umount "$TWO.state/pending/$id.json"
	release
	WAIT=60 wait_until made "$TWO" fox
	logged "$TWO" "The host that had it is gone"
	same 1 "$(count create "a lost fox")"
	mount_at "$ONE"
}

@test "a task is left to hosts that have its provider, also by who waits for it elsewhere" {
	local reads two

	short_leases 3
	stop_seedfs
	be_host "$OTHER_PID"
	stop_seedfs
	PROVIDER=kie-image mount_at "$TWO"
	two=$SEED_PID
	mount_at "$ONE"
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a lost fox"
	received accepted 1 "a lost fox"
	wait_until store_says fox '"step":"accepted"'
	MNT=$TWO background try_write fox "a lost fox"
	wait_until logged "$TWO" "joined"
	kill_seedfs
	umount -l "$ONE"
	sleep 3
	reads=$(grep -c "^GET /seed/art/name/fox" "$DIR/model.err")
	WAIT=60 wait_until asked $((reads + 6)) "GET /seed/art/name/fox"
	fails asked_for "$TWO" "The host that had it is gone"
	release
	mount_at "$ONE"
	wait_until made "$TWO" fox
	same 1 "$(count create "a lost fox")"
	stop_seedfs
	be_host "$two"
	stop_seedfs
}

@test "a picture that the store has not taken yet is in the journal, and is not fetched again" {
	local downloads

	echo image/ >"$DIR/holds"
	background try_write fox "a red fox"
	wait_until asked 1 "PUT /seed/art/image/"
	wait_until step_is commit
	kill_seedfs
	umount -l "$ONE"
	downloads=$(count image)
	rm "$DIR/holds"
	mount_at "$ONE"
	wait_until made "$TWO" fox
	same 1 "$(count create)"
	same "$downloads" "$(count image)"
	wait_until nothing_is_pending
}

put_object() { # KEY TEXT: as somebody else who may write to the bucket
	printf '%s' "$2" >"$DIR/object"
	timeout 20 "$(dirname "$UPSTREAM")/ask" "$(<"$DIR/model")" seed art put "$1" "$DIR/object" >/dev/null
}

@test "names that were renamed in a circle, as a damaged bucket has it, are asked for so often and no more" {
	local entry='{"serial":900,"writers":["000000000000000a"],"flight":[],"history":[],"gone":true,"moves":[{"to":"%s","serial":900,"there":900}]}'

	restart_hosts
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "a fox"
	received create 1
	# shellcheck disable=SC2059 # the format is ours
	put_object name/hen "$(printf "$entry" fox)"
	# shellcheck disable=SC2059
	put_object name/fox "$(printf "$entry" hen)"
	release
	job_ends 0 "$JOB"
	same "close ELOOP" "$(<"$JOB_OUT")"
	wait_until nothing_is_pending
	has "$(<"$ONE/status")" "The store says that this name was renamed"
	[ "$(grep -c '^GET /seed/art/name/' "$DIR/model.err")" -lt 500 ]
	same 1 "$(count create)"
}

put_foreign() { # KEY TEXT: which no seedfs would write
	curl -sS --fail-with-body -X PUT -H "x-amz-content-sha256: $(printf '%s' "$2" | sha256sum | cut -d' ' -f1)" \
		--data-binary "$2" "$(<"$DIR/model")/seed/art/$1" >/dev/null
}

@test "what other programs put into the bucket is no name" {
	local key

	restart_hosts
	for key in name/ name//x name/a/ name/a//x name/wood/ name/_2f name/.x; do put_foreign "$key" "some text"; done
	mkdir "$ONE/prompts/wood"
	write wood/hen "a hen"
	wait_until made "$TWO" wood/hen
	same wood "$(timeout 20 ls "$TWO/prompts")"
	same hen "$(timeout 20 ls "$TWO/prompts/wood")"
	timeout 20 mv "$TWO/prompts/wood" "$TWO/prompts/forest"
	wait_until made "$ONE" forest/hen
	same hen "$(timeout 20 ls "$ONE/prompts/forest")"
}

@test "the size of an image that another program has written into an entry is not believed" {
	restart_hosts
	write fox "a fox"
	wait_until made "$TWO" fox
	rm "$ONE/records/fox.json"
	wait_until fails test -e "$TWO/records/fox.json"
	curl -sS "$(<"$DIR/model")/seed/art/name/fox" >"$DIR/entry"
	put_foreign name/fox "$(jq -c '.current.row.image.bytes = 1000000000000' "$DIR/entry")"
	# Its bytes are not here, and its record is not either: the entry says what to fetch.
	timeout 20 cat "$TWO/images/fox.png" || true # where it is looked up anew, that fails
	fails timeout 20 cat "$TWO/images/fox.png"
	has "$(<"$TWO/status")" " fox.png ❌ [SYNC IMAGE] What the store has for this name says an impossible size or sum"
	fails grep -F "GET /seed/art/image/" "$DIR/model.err"
}

farm_of() { # HOSTS: the object "farm", with so many others who have just been heard of
	jq -nc --argjson n "$1" '{serial: 1000, day: (now / 86400 | floor), count: 0, cost: 0, users: [], hosts: [range($n) |
		{id: ("0000000000000000" + tostring)[-16:], mark: "00000000000000aa", until: (now | floor + 500),
		 served: (now | floor), wants: 0, slots: 0}]}'
}

log_lines() { # N PART
	[ "$(grep -cF "$2" "$ONE/status")" = "$1" ]
}

@test "a host for which the farm has no room, or whose farm is damaged, says so once" {
	put_object farm "$(farm_of 256)"
	background try_write fox "a fox"
	wait_until log_lines 1 "as many hosts generate as a farm can have"
	put_object farm "$(farm_of 2)"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	put_object farm "no farm"
	background try_write hen "a hen"
	wait_until log_lines 1 "what the store has as the farm is none of seedfs"
	put_object farm "$(farm_of 2)"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	log_lines 2 "The farm gives this host no jobs, and prompts wait"
	log_lines 2 "The farm gives this host jobs again"
}

store_goes() {
	kill -KILL "$STORE_PID"
	wait "$STORE_PID" 2>/dev/null || true
}

@test "nothing is left of a new name whose text could not begin" {
	write fox "a fox"
	store_goes
	has "$(try_write hen "a hen")" EHOSTUNREACH
	# The store was just asked whether there is such a name, and did not say.
	same "open EHOSTUNREACH" "$(try_write hen "a hen")"
	same fox "$(ls "$ONE.state/prompts")"
}

# Where it was, and empty.
store_comes() {
	local port

	port=$(sed 's/.*://' "$DIR/model")
	rm "$DIR/model"
	MODEL_PORT=$port start_store
}

@test "a host that starts while the store is away has its images, and new prompts once the store is back" {
	write fox "a fox"
	stop_seedfs
	store_goes
	rm "$DIR/model.err"
	mount_at "$ONE"
	timeout 20 cat "$ONE/images/fox.png" >"$DIR/copy.png"
	cmp "$DIR/copy.png" "$ONE.state/images/fox.png"
	same "open EHOSTUNREACH" "$(try_write hen "a hen")"
	same fox "$(ls "$ONE/prompts")"
	same 1 "$(timeout -k 1 20 mv "$ONE/prompts/fox" "$ONE/prompts/hare" 2>"$DIR/mv" || echo $?)"
	has "$(<"$DIR/mv")" "No route to host"
	store_comes
	wait_until write hen "a hen"
	wait_until made "$TWO" hen
	same 1 "$(count create "a hen")"
}

lists() { # NAMES FOLDER
	local found

	found=$(ls "$2") && [ "$1" = "${found//$'\n'/ }" ]
}

fails_to_list() { # FOLDER
	fails ls "$1" 2>"$DIR/ls"
	has "$(<"$DIR/ls")" "No route to host"
}

lists_and_says() { # PART
	ls "$TWO/prompts" >/dev/null && grep -q "$1" "$TWO/status"
}

@test "a listing is whole, or what was known, or an error" {
	local n

	restart_hosts page=2
	for n in 1 2 3 4 5; do write "fox$n" "text $n"; done
	# A folder that this host has never seen as a whole.
	echo start-after >"$DIR/breaks"
	fails_to_list "$TWO/prompts"
	fails_to_list "$TWO/images"
	echo name/fox3 >"$DIR/breaks"
	fails_to_list "$TWO/prompts"
	fails_to_list "$TWO/prompts"
	rm "$DIR/breaks"
	wait_until lists "fox1 fox2 fox3 fox4 fox5" "$TWO/prompts"
	lists "fox1.png fox2.png fox3.png fox4.png fox5.png" "$TWO/images"
	# One that it has.
	write fox6 "text 6"
	echo prefix=art/name >"$DIR/breaks"
	wait_until lists "fox1 fox2 fox3 fox4 fox5" "$TWO/prompts"
	has "$(<"$TWO/status")" "The store does not answer"
	rm "$DIR/breaks"
	wait_until lists "fox1 fox2 fox3 fox4 fox5 fox6" "$TWO/prompts"
	# One name's damage is that name's.
	put_object name/hen "no entry"
	wait_until lists_and_says "What the store has for this name is not what seedfs writes"
	lists "fox1 fox2 fox3 fox4 fox5 fox6" "$TWO/prompts"
}

puts() { # NAME: how often it was written
	grep -c "^PUT /seed/art/name/$1\$" "$DIR/model.err" || true
}

@test "a signal ends whoever waits for a store that does not answer to a removal" {
	local before

	write fox "a fox"
	mkdir "$ONE/prompts/wood"
	before=$(puts fox)
	echo "PUT /seed/art/name/fox" >"$DIR/holds"
	background rm "$ONE/prompts/fox"
	wait_until asked $((before + 1)) "PUT /seed/art/name/fox$"
	kill -TERM "$JOB"
	WAIT=5 wait_until ended "$JOB"
	echo "PUT /seed/art/name/wood" >"$DIR/holds"
	wait_until fails test -e "$ONE/prompts/fox"
	before=$(puts wood)
	background rmdir "$ONE/prompts/wood"
	wait_until asked $((before + 1)) "PUT /seed/art/name/wood$"
	kill -TERM "$JOB"
	WAIT=5 wait_until ended "$JOB"
	rm "$DIR/holds"
	wait_until fails test -e "$ONE/prompts/wood"
}

be_host() { # PID: whom stop_seedfs and kill_seedfs mean
	SEED_PID=$1
}

store_says() { # NAME PART: of its entry
	timeout 20 "$(dirname "$UPSTREAM")/ask" "$(<"$DIR/model")" seed art get "name/$1" | grep -qF "$2"
}

# A copy of the first host's state directory, as a third host.
copy_first() {
	THREE=$DIR/three
	mkdir "$THREE"
	cp -a "$ONE.state" "$THREE.state"
}

@test "a copy of the state directory of a host that lives is not mounted" {
	local pid

	short_leases 6
	write fox "a fox"
	copy_first
	pid=$SEED_PID
	STATE=$THREE.state start_seedfs -o "$(STATE=$THREE.state usual_options),store=s3://seed/art,s3_endpoint=$(<"$DIR/model")" "$THREE"
	wait_until ended "$SEED_PID"
	be_host "$pid"
	has "$(<"$DIR/err")" "seedfs: another mount, on $(uname -n), has the id of this host"
	same ok "$(try_write hen "a hen")"
	# Its own directory needs no patience, however it ended.
	kill_seedfs
	umount -l "$ONE"
	mount_at "$ONE"
	same ok "$(try_write owl "an owl")"
	has_not "$(<"$ONE/status")" "was mounted elsewhere"
}

row_is() { # TEXT STEP: in the first host's journal
	tail -qn 1 "$ONE.state"/pending/*.json | grep "$1" | grep -q "\"step\":\"$2\""
}

@test "what a copy has queued, and its original has sent before it died, is not sent again" {
	local pid=$OTHER_PID

	short_leases 6
	SEED_PID=$OTHER_PID stop_seedfs
	OTHER_PID=
	stop_seedfs
	mount_at "$ONE" jobs=1
	faults '[{"on":"create","prompt":"first","do":{"hold":true}},{"on":"create","prompt":"second","do":{"hold_task":true}}]'
	background try_write fox "the first text"
	received create 1 first
	background try_write hen "the second text"
	wait_until row_is "second" queued
	copy_first
	release first
	wait_until store_says hen '"step":"accepted"'
	kill_seedfs
	umount -l "$ONE"
	mount_at "$THREE" jobs=1
	has "$(<"$THREE/status")" "This state directory was mounted elsewhere ($(uname -n))"
	release second
	wait_until made "$THREE" hen
	same 1 "$(count create second)"
}

@test "a host that slept while a copy of it was mounted says so, and asks the store for nothing more" {
	local pid

	short_leases 6
	write fox "a fox"
	copy_first
	pid=$SEED_PID
	kill -STOP "$pid"
	mount_at "$THREE"
	kill -CONT "$pid"
	wait_until grep -q "Another mount, on $(uname -n), has taken the id of this host" "$ONE.state/log/status"
	same "open EHOSTUNREACH" "$(MNT=$ONE try_write hen "a hen")"
	cmp "$ONE/images/fox.png" "$THREE/images/fox.png"
	same ok "$(MNT=$THREE try_write hen "a hen")"
	same 1 "$(count create "a hen")"
	stop_seedfs
	be_host "$pid"
}

@test "a folder whose removal the store did not hear of is there again" {
	local removing

	mkdir "$TWO/prompts/wood"
	wait_until test -d "$ONE/prompts/wood"
	hold "prefix=art/name/wood/"
	background rmdir "$ONE/prompts/wood"
	removing=$JOB
	wait_until asked 1 "GET /seed/?list-type=2.*prefix=art%2Fname%2Fwood%2F"
	hold " /seed/art/name/wood"
	job_ends 1 "$removing"
	has "$(<"$JOB_OUT")" "No route to host"
	rm "$DIR/holds"
	wait_until test -d "$ONE/prompts/wood"
	same wood "$(ls "$ONE/prompts")"
	rmdir "$ONE/prompts/wood"
	wait_until fails test -d "$TWO/prompts/wood"
}

@test "a folder is not renamed onto a prompt that another host has just written" {
	local renaming said

	mkdir "$ONE/prompts/wood"
	write wood/hen "a hen"
	hold "prefix=art/name/wood/"
	background python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$ONE/prompts/wood" "$ONE/prompts/forest"
	renaming=$JOB said=$JOB_OUT
	wait_until asked 1 "GET /seed/?list-type=2.*prefix=art%2Fname%2Fwood%2F"
	MNT=$TWO write forest "a forest"
	rm "$DIR/holds"
	job_ends 1 "$renaming"
	has "$(<"$said")" NotADirectoryError
	wait_until made "$ONE" forest
	made "$ONE" wood/hen
	made "$TWO" wood/hen
	same hen "$(ls "$ONE/prompts/wood")"
	lists "forest wood" "$ONE/prompts"
}

@test "what is no entry is left out of a listing, is read once, and keeps its folder" {
	local n

	mkdir "$TWO/prompts/wood"
	for n in {1..40}; do mkdir "$TWO/prompts/wood/d$n"; done
	put_object name/wood/bad "no entry"
	head -c 5000000 /dev/zero >"$DIR/long"
	timeout 20 "$(dirname "$UPSTREAM")/ask" "$(<"$DIR/model")" seed art put name/wood/long "$DIR/long" >/dev/null
	for n in 1 2 3; do
		same 40 "$(find "$ONE/prompts/wood" -mindepth 1 | wc -l)"
		touch "$TWO/prompts/wood/$n" # nothing of it is in the bucket; a moment passes
	done
	wait_until grep -q "^GET /seed/art/name/wood/bad" "$DIR/model.err"
	same 1 "$(grep -c "^GET /seed/art/name/wood/bad" "$DIR/model.err")"
	log_lines 2 "is not what seedfs writes"
	same 1 "$(mv "$ONE/prompts/wood" "$ONE/prompts/forest" 2>"$DIR/mv" || echo $?)"
	has "$(<"$DIR/mv")" "Bad message"
	same 40 "$(find "$TWO/prompts/wood" -mindepth 1 -type d | wc -l)"
	same 1 "$(cat "$ONE/prompts/wood/bad" 2>"$DIR/cat" || echo $?)"
	has "$(<"$DIR/cat")" "Bad message"
	rmdir "$ONE/prompts/wood"/d*
	same 1 "$(rmdir "$ONE/prompts/wood" 2>"$DIR/rmdir" || echo $?)"
	has "$(<"$DIR/rmdir")" "Bad message"
}

@test "a host ends while a folder is looked at, and one in it that another host has removed" {
	mkdir "$ONE/prompts/wood" "$ONE/prompts/wood/old"
	wait_until test -d "$TWO/prompts/wood/old"
	rmdir "$TWO/prompts/wood/old"
	hold "prefix=art/name/wood/old/"
	background ls "$ONE/prompts/wood"
	wait_until asked 2 "GET /seed/?list-type=2.*prefix=art%2Fname%2Fwood%2Fold%2F"
	stop_seedfs
	mount_at "$ONE"
}

@test "nothing is sent that no other host would find" {
	short_leases 3
	echo "PUT /seed/art/flight/" >"$DIR/holds"
	background try_write fox "a fox"
	wait_until asked 1 "PUT /seed/art/flight/[0-9a-f]*/fox"
	sleep 1
	same 0 "$(count create)"
	rm "$DIR/holds"
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	same 1 "$(count create)"

	echo "PUT /seed/art/flight/" >"$DIR/breaks"
	background try_write hen "a hen"
	wait_until asked 2 "PUT /seed/art/flight/[0-9a-f]*/hen"
	kill_seedfs
	umount -l "$ONE"
	same 1 "$(count create)"
	rm "$DIR/breaks"
	mount_at "$ONE"
	WAIT=60 wait_until made "$TWO" hen
	same 2 "$(count create)"
}

@test "a hint that did not arrive is put again, and another host goes on" {
	local puts

	short_leases 3
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 1
	wait_until step_is accepted
	kill_seedfs
	umount -l "$ONE"
	echo "PUT /seed/art/flight/" >"$DIR/breaks"
	puts=$(grep -c "^PUT /seed/art/flight/[0-9a-f]*/fox" "$DIR/model.err")
	mount_at "$ONE"
	wait_until asked $((puts + 2)) "PUT /seed/art/flight/[0-9a-f]*/fox"
	rm "$DIR/breaks"
	puts=$(grep -c "^PUT /seed/art/flight/[0-9a-f]*/fox" "$DIR/model.err")
	wait_until asked $((puts + 1)) "PUT /seed/art/flight/[0-9a-f]*/fox"
	kill_seedfs
	umount -l "$ONE"
	release
	WAIT=60 wait_until test -s "$TWO.state/images/fox.png"
	same 1 "$(count create)"
	mount_at "$ONE"
}

@test "a host that slept while it sent, and whose row another host has failed, has the image all the same" {
	local pid

	short_leases 3
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "a fox"
	received create 1
	pid=$SEED_PID
	kill -STOP "$pid"
	same "close EIO" "$(MNT=$TWO WAIT=60 try_write fox "a fox")"
	release
	sleep 1
	kill -CONT "$pid"
	WAIT=60 wait_until made "$ONE" fox
	wait_until made "$TWO" fox
	cmp "$ONE/images/fox.png" "$TWO/images/fox.png"
	same 1 "$(count create)"
}

@test "what stands in place of an entry while its name is generated is in the log once" {
	restart_hosts
	faults '[{"on":"create","do":{"hold":true}}]'
	background try_write fox "a fox"
	received create 1
	MNT=$TWO background try_write fox "a fox"
	wait_until grep -q "another host generates it" "$TWO/queue"
	curl -sS "$(<"$DIR/model")/seed/art/name/fox" >"$DIR/entry"
	put_object name/fox "no entry"
	wait_until asked 8 "GET /seed/art/name/fox"
	same 1 "$(grep -c "fox.*The store: .*(EBADMSG)" "$TWO/status")"
	put_object name/fox "$(<"$DIR/entry")"
	release
	job_ends 0 "$JOB"
	same ok "$(<"$JOB_OUT")"
	cmp "$ONE/images/fox.png" "$TWO/images/fox.png"
}

row_of() { # NAME ID TASK-ID PATH-OF-ITS-POLL: in flight, of a host that is gone
	jq -nc --arg name "$1" --arg id "$2" --arg task "$3" --arg url "$API/replicate$4" '
		{name: $name, state: "generating", prompt: "p", request: "p\n", provider: "replicate", model: "bytedance/seedream-4",
		 parameters: {model: "bytedance/seedream-4", size: "2048x1152", quality: "high", steps: 30, cfg_scale: 8,
			guidance: "", style: "", negative_prompt: ""},
		 task_id: $task, attempts: [{steps: 30, cfg_scale: 8, started_at: "2026-01-01T00:00:00.000Z", ended_at: null,
			task_id: $task, error: null}], progress: 0, created_at: "2026-01-01T00:00:00.000Z",
		 started_at: "2026-01-01T00:00:00.000Z", superseded: false, id: $id, step: "accepted",
		 task: ({stage: "poll", id: $task, poll_url: $url, cancel_url: ($url + "/cancel")} | tojson)} as $row |
		{serial: 5, writers: ["4da5a1d58e8abe8d"], current: {row: $row},
		 flight: [{host: "aaaaaaaaaaaaaaaa", lease: 4, until: 1000, row: $row}], history: []}'
}

asked_for() { # PATH: of the service
	api /_log | grep -q "$1"
}

@test "a key goes to no path of the service that a row of the bucket names" {
	stop_seedfs
	put_object name/odd "$(row_of odd 00aa2274c2201111 t1 /models/odd)"
	put_object name/own "$(row_of own 00aa2274c2202222 t2 /predictions/t2)"
	PROVIDER=replicate mount_at "$ONE" "api_base=$API/replicate"
	ls "$ONE/prompts"
	background timeout 20 cat "$ONE/images/odd.png"
	background timeout 20 cat "$ONE/images/own.png"
	wait_until asked_for /replicate/predictions/t2
	sleep 2
	fails asked_for /replicate/models/odd
	rm "$ONE/prompts/odd"
	sleep 1
	fails asked_for /replicate/models/odd
}
