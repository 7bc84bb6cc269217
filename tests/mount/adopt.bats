#!/usr/bin/env bats
# `man seedfs`, "A farm": seedfs --adopt. Directories come from real mounts without store=, and
# hosts with empty ones see the copy. Against Ceph's gateway, and the store of tests/s3/model.py.

load helper

bats_require_minimum_version 1.5.0

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
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CONTAINER_CREDENTIALS_FULL_URI
	URL=$RGW_URL
}

model() { # FLAG…: a store of our own
	local said=$DIR/model.${#JOBS[@]}

	python3 "$HERE/../s3/model.py" "$@" >"$said" 2>"$said.err" 3>&- &
	JOBS+=($!)
	MODEL_PID=$!
	wait_until test -s "$said"
	URL=$(cat "$said")
}

# The store's options, behind what tests mount with.
store() {
	printf 'store=s3://seed/adopt-%s,s3_endpoint=%s' "$BATS_TEST_NUMBER" "$URL"
}

small() {
	mount_seed -o size=256x144 "$@"
}

small_store() {
	small -o "$(store)"
}

# Another host: a state directory and a mount point of its own.
be_host() { # NUMBER
	STATE=$DIR/state$1
	MNT=$DIR/mnt$1
	mkdir -p "$MNT" "$STATE"
	chmod 700 "$STATE"
}

# By `run`, which sets stderr.
# shellcheck disable=SC2154
adopt() {
	run --separate-stderr timeout 80 "$SEEDFS" --adopt -o "state=$STATE,$(store)"
	has_not "$output$stderr" testsecret
}

adopted() {
	same "" "$stderr"
	same 0 "$status"
	has "$output" "$STATE belongs to s3://seed/adopt-$BATS_TEST_NUMBER at $URL now: mount it with store="
}

listed() { # PREFIX
	timeout 60 "$(dirname "$SEEDFS")/ask" "$URL" seed "adopt-$BATS_TEST_NUMBER" list "$1" >"$DIR/listed"
	grep -q '^done' "$DIR/listed"
}

objects() { # PREFIX: how many begin with it
	wait_until listed "$1" # the store may be busy on request
	tail -n +2 "$DIR/listed" | wc -l
}

# All that a mount shows of its catalogue: each file's sum, each prompt's time, each folder.
facts() {
	(
		cd "$MNT" || exit
		find prompts images records history -type d | LC_ALL=C sort
		find prompts images records history -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
		find prompts -type f -printf '%p %TY-%Tm-%Td %TT\n' | LC_ALL=C sort
		find images -type f -printf '%p %s %TY-%Tm-%Td %TT\n' | LC_ALL=C sort
	)
}

# Everything that names can be, and that can be of a name.
fill_directory() {
	local name

	small
	mkdir -p "$MNT/prompts/forest/deep" "$MNT/prompts/empty"
	write fox "a red fox"
	write fox "a second fox"
	write fox "a third fox"
	write forest/owl "an owl"
	write forest/deep/0001.png "a name like a version's"
	write forest/deep/0001.png "and one before it"
	for name in "füchse im schnee" a.b..c "100 % ünique_" "q\"uote'd\\"; do
		write "$name" "a picture of $name"
	done
	write json '{"prompt": "a fox", "steps": 12, "seed": 77,  "style": "oil on canvas"}'
	# What users have removed.
	write no-image "its image is gone"
	rm "$MNT/images/no-image.png"
	write no-record "its record is gone"
	rm "$MNT/records/no-record.json"
	write no-prompt "its prompt is gone"
	rm "$MNT/prompts/no-prompt"
	write only-history "all but a version is gone"
	write only-history "all of it"
	rm "$MNT/prompts/only-history" "$MNT/images/only-history.png" "$MNT/records/only-history.json"
	write gap "one"
	write gap "two"
	write gap "three"
	rm "$MNT/history/gap/0001.png"
	touch -d '2001-02-03 04:05:06.789' "$MNT/prompts/fox"
	faults '[{"on":"create","do":{"code":422,"msg":"not allowed"}}]'
	fails write failed "a failure"
	fails write gap "an image, and then a failure"
	faults '[]'
}

@test "a directory with everything is another host's, byte for byte, and nothing is paid for again" {
	local before paid

	fill_directory
	before=$(facts)
	paid=$(count submit)
	stop_seedfs
	adopt
	adopted
	has "$output" "Copied 14 names; 0 were there already"
	has "$output" "1 images had no record"
	has "$output" "3 folders"
	be_host 2
	small_store
	# The image without a record has one now, of what its file tells.
	diff <(echo "$before") <(facts | grep -v ' records/no-record.json$')
	same "verified 256x144" "$(record no-record '"\(.state) \(.resolution)"')"
	same EINVAL "$(try_open images/failed.png)"
	before=$(facts)
	stop_seedfs
	be_host ""
	small_store
	diff <(echo "$before") <(facts)
	same EINVAL "$(try_open images/failed.png)"
	same "$paid" "$(count submit)"
	# And it is one catalogue from here on.
	write fox "a fourth fox"
	mv "$MNT/history/gap/0002.png" "$MNT/images/gap.png"
	before=$(facts)
	stop_seedfs
	be_host 3
	small_store
	diff <(echo "$before") <(facts)
	same "$((paid + 1))" "$(count submit)"
}

@test "a directory that belongs to the bucket already is left alone" {
	small
	write fox "a fox"
	stop_seedfs
	adopt
	adopted
	adopt
	same 0 "$status"
	has "$output" "the state directory belongs to s3://seed/adopt-$BATS_TEST_NUMBER at $URL already"
	run --separate-stderr "$SEEDFS" --adopt -o "state=$STATE,store=s3://seed/elsewhere,s3_endpoint=$URL"
	same 1 "$status"
	has "$stderr" "seedfs: the state directory belongs to s3://seed/adopt-$BATS_TEST_NUMBER at $URL already"
	be_host 2
	mkdir -m 700 "$STATE/prompts"
	adopt
	adopted
	has "$output" "Copied 0 names"
}

@test "a stray file whose name seedfs cannot have is said, and left" {
	small
	write fox "a fox"
	stop_seedfs
	mkdir -m 700 "$STATE/images/.trash"
	echo stray >"$STATE/images/.trash/a.png"
	echo stray >"$STATE/images/.png"
	echo stray >"$STATE/images/"$'a\nb.png'
	adopt
	same 1 "$status"
	has "$stderr" "a file in the state directory, and no name of seedfs; it is left as it is: move it away"
	rm -r "$STATE/images/.trash" "$STATE/images/.png" "$STATE/images/"$'a\nb.png'
	adopt
	adopted
}

@test "what is wrong is said in one line, and nothing is copied" {
	run --separate-stderr "$SEEDFS" --adopt -o "state=$STATE"
	same 2 "$status"
	has "$stderr" "--adopt copies the state directory into a bucket: name both"
	STATE=$DIR/nowhere adopt
	same 1 "$status"
	has "$stderr" "seedfs: state directory $DIR/nowhere: No such file or directory"
	[ ! -e "$DIR/nowhere" ]
	small
	write fox "a fox"
	adopt
	same 1 "$status"
	has "$stderr" "is in use by process"
	stop_seedfs
	URL=http://127.0.0.1:1 adopt
	same 1 "$status"
	has "$stderr" "is the network up, and s3_endpoint= right?"
	same 0 "$(objects "")"
	[ ! -e "$STATE/shared" ]
}

@test "generations in flight are this host's: it is mounted once more before" {
	small
	faults '[{"on":"image","nth":1,"do":{"hold":true}}]'
	background try_write fox "a fox"
	received image 1
	kill_seedfs
	# shellcheck disable=SC2153 # background sets it
	wait_until ended "$JOB"
	adopt
	same 1 "$status"
	has "$stderr" "the journal in the state directory has 1 generations in flight (fox): mount it once without store="
	same 0 "$(objects "")"
	release
	small
	wait_until nothing_is_pending
	is_whole=$(sha256sum <"$MNT/images/fox.png")
	stop_seedfs
	adopt
	adopted
	be_host 2
	small_store
	same "$is_whole" "$(sha256sum <"$MNT/images/fox.png")"
	same 1 "$(count submit)"
}

flip() { # FILE: one byte in it
	printf '\x5a' | dd of="$1" bs=1 seek=200 conv=notrunc status=none
}

@test "a damaged image is reported and left out, and nothing else stops" {
	small
	write fox "a first fox"
	write fox "a second fox"
	write fox "a third fox"
	write owl "an owl"
	write bat "a bat"
	stop_seedfs
	flip "$STATE/images/owl.png"
	flip "$STATE/history/fox/0001.png"
	rm "$STATE/records/bat.json"
	echo "no image" >"$STATE/images/bat.png"
	adopt
	same 1 "$status"
	has "$stderr" "seedfs: images/owl.png is damaged: its bytes are not those that were verified"
	has "$stderr" "seedfs: history/fox/0001.png is damaged: its bytes are not those that were verified"
	has "$stderr" "seedfs: images/bat.png has no record, and is no image of seedfs"
	has "${stderr##*$'\n'}" "seedfs: not all of it is in the bucket: 3 images were left out, 0 names and folders stay"
	same 2 "$(objects image/)"
	same 3 "$(objects name/)"
	[ ! -e "$STATE/shared" ]
	# Again: the same.
	adopt
	same 1 "$status"
	has "$stderr" "seedfs: images/owl.png is damaged"
	has "${stderr##*$'\n'}" "3 images were left out, 0 names and folders stay"
	has "$output" "Copied 0 names; 3 were there already"
	rm "$STATE/images/owl.png" "$STATE/images/bat.png" "$STATE/history/fox/0001.png"
	adopt
	adopted
	be_host 2
	small_store
	same "an owl" "$(<"$MNT/prompts/owl")"
	same "a bat" "$(<"$MNT/prompts/bat")"
	same 0002.png "$(ls "$MNT/history/fox")"
	same fox.png "$(ls "$MNT/images")"
	same verified "$(record owl .state)"
	same 5 "$(count submit)"
}

@test "what the bucket has already is left as it is, and said" {
	be_host 2
	mkdir -m 700 "$STATE/prompts"
	adopt
	adopted
	small_store
	write fox "the bucket's fox"
	write folder "a prompt there"
	stop_seedfs
	be_host 1
	small
	write fox "a fox of this host"
	mkdir "$MNT/prompts/folder"
	write folder/owl "an owl"
	write bat "a bat"
	stop_seedfs
	adopt
	same 1 "$status"
	has "$stderr" "seedfs: fox: the bucket has another prompt, image or history of this name; it is left as it is"
	has "$stderr" "seedfs: folder: a folder here, and a prompt in the bucket; all of it is left as it is"
	has "${stderr##*$'\n'}" "0 images were left out, 3 names and folders stay as they are"
	same 3 "$(objects name/)"
	small
	mv "$MNT/prompts/fox" "$MNT/prompts/my-fox"
	mv "$MNT/prompts/folder" "$MNT/prompts/my-folder"
	stop_seedfs
	adopt
	adopted
	small_store
	same "the bucket's fox" "$(<"$MNT/prompts/fox")"
	same "a fox of this host" "$(<"$MNT/prompts/my-fox")"
	same "an owl" "$(<"$MNT/prompts/my-folder/owl")"
	[ -s "$MNT/images/my-fox.png" ] && [ -s "$MNT/images/fox.png" ]
}

# Names of an image each, and some of a version, as a mount would have made them of one.
many_names() { # COUNT
	small
	write seed "a seed"
	stop_seedfs
	python3 - "$STATE" "$1" <<-'END'
		import hashlib, json, os, sys
		state, count = sys.argv[1], int(sys.argv[2])
		image = open(state + "/images/seed.png", "rb").read()
		record = json.load(open(state + "/records/seed.json"))
		verified = os.stat(state + "/images/seed.png").st_mtime_ns
		def put(path, row, number):
		    data = image + b"%d" % number + bytes(100000)
		    row["image"] = dict(row["image"], sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
		    open(path + ".png", "wb").write(data)
		    os.utime(path + ".png", ns=(verified, verified))
		    return row
		for i in range(count):
		    name = "d%d/n%03d" % (i % 4, i)
		    for area in "prompts", "images", "records", "history":
		        os.makedirs("%s/%s/d%d" % (state, area, i % 4), exist_ok=True)
		    open(state + "/prompts/" + name, "w").write("a seed")
		    row = put(state + "/images/" + name, dict(record, name=name), i)
		    json.dump(row, open(state + "/records/" + name + ".json", "w"))
		    if i % 10 == 0:
		        os.makedirs(state + "/history/" + name)
		        row = put(state + "/history/" + name + "/0003", dict(record, name=name), 1000 + i)
		        json.dump(row, open(state + "/history/" + name + "/0003.json", "w"))
	END
}

@test "a kill at any moment is made good by running it again" {
	local kills=0 half=0 before names pid

	many_names 150
	small
	before=$(facts)
	stop_seedfs
	while names=$(objects name/); [ "$names" -lt 120 ]; do
		kills=$((kills + 1))
		[ "$kills" -lt 40 ] || fail "it never comes to an end"
		background "$SEEDFS" --adopt -o "state=$STATE,$(store)"
		pid=$JOB
		# Further than the last time.
		wait_until is_beyond "$((names + 15))"
		kill -KILL "$pid"
		wait "$pid" 2>/dev/null || true
		[ -e "$STATE/shared" ] || half=$((half + 1))
	done
	[ "$half" -ge 3 ] || fail "only $half kills came in the middle"
	adopt
	adopted
	[[ $output =~ "Copied "([0-9]+)" names; "([0-9]+)" were there already" ]]
	same 151 $((BASH_REMATCH[1] + BASH_REMATCH[2]))
	[ "${BASH_REMATCH[2]}" -ge 100 ]
	same 155 "$(objects name/)"
	same 166 "$(objects image/)"
	be_host 2
	small_store
	diff <(echo "$before") <(facts)
	same 1 "$(count submit)"
}

is_beyond() { # COUNT
	[ "$(objects name/)" -gt "$1" ]
}

@test "SIGINT ends it with a line that says how to go on" {
	many_names 150
	background "$SEEDFS" --adopt -o "state=$STATE,$(store)"
	wait_until is_beyond 10
	kill -INT "$JOB"
	job_ends 1 "$JOB"
	same "seedfs: not finished; what is in the bucket is kept: run it again, and it goes on" "$(tail -n 1 "$JOB_OUT")"
	adopt
	adopted
	[[ $output =~ "Copied "([0-9]+)" names; "([0-9]+)" were there already" ]]
	same 151 $((BASH_REMATCH[1] + BASH_REMATCH[2]))
	[ "${BASH_REMATCH[2]}" -ge 5 ]
}

@test "lost answers and a busy store do no harm" {
	many_names 30
	model lost=7 slow-down=11
	adopt
	adopted
	has "$output" "Copied 31 names; 0 were there already"
	same 35 "$(objects name/)"
	same 34 "$(objects image/)"
}

@test "a store that goes away ends it in time, and it goes on later" {
	many_names 150
	model
	background "$SEEDFS" --adopt -o "state=$STATE,$(store)"
	wait_until is_beyond 10
	kill -KILL "$MODEL_PID"
	WAIT=60 job_ends 1 "$JOB"
	same "seedfs: not finished; what is in the bucket is kept: run it again, and it goes on" "$(tail -n 1 "$JOB_OUT")"
	[ ! -e "$STATE/shared" ]
	model
	adopt
	adopted
}

role() { # COMMAND…: with the key of a role, and no other
	env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret \
		AWS_CONTAINER_CREDENTIALS_FULL_URI="$URL/role" "$@"
}

@test "a role's key that the store does not take any more is asked for anew" {
	export MODEL_HOLDS=$DIR/holds
	model metadata log rotates=7200
	small
	write fox "a fox"
	write owl "an owl"
	stop_seedfs
	echo "PUT /seed/adopt-$BATS_TEST_NUMBER/image/" >"$DIR/holds"
	background role timeout 80 "$SEEDFS" --adopt -o "state=$STATE,$(store)"
	wait_until grep -q "^PUT .*/image/" "$DIR"/model.*.err
	# Somebody else has the next key, and this one is worth nothing.
	curl -sS -H "Authorization: container-secret" "$URL/role" >"$DIR/role"
	rm "$DIR/holds"
	WAIT=60 job_ends 0 "$JOB"
	has "$(<"$JOB_OUT")" "$STATE belongs to s3://seed/adopt-$BATS_TEST_NUMBER at $URL now"
}
