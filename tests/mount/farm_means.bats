#!/usr/bin/env bats
# Hosts that share a catalogue (`man seedfs`, "A farm"): callbacks, history, renames, removals and
# folders mean the same on all of them. The store is tests/s3/model.py.

load helper

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
	ONE=$MNT TWO=$DIR/two THREE=$DIR/three
	PIDS=()
	python3 "$HERE/../s3/model.py" >"$DIR/model" 2>"$DIR/model.err" 3>&- &
	STORE_PID=$!
	JOBS+=("$STORE_PID")
	wait_until test -s "$DIR/model"
}

more_teardown() {
	local pid wrong=0

	for pid in "${PIDS[@]}"; do
		SEED_PID=$pid
		stop_seedfs || wrong=1
	done
	return "$wrong"
}

host() { # MOUNT-POINT [OPTION]
	STATE=$1.state
	mkdir -p "$1" "$STATE"
	chmod 700 "$STATE"
	# Small pictures: what takes time here is not what is tested.
	MNT=$1 mount_seed -o "size=256x144,store=s3://seed/art,s3_endpoint=$(<"$DIR/model")${2:+,$2}"
	PIDS+=("$SEED_PID")
	SEED_PID=
}

hosts() { # [OPTION]: three
	host "$ONE" "${1:-}"
	host "$TWO" "${1:-}"
	host "$THREE" "${1:-}"
}

on() { # MOUNT-POINT NAME TEXT
	same ok "$(MNT=$1 try_write "$2" "$3")"
}

callback() { # MOUNT-POINT NAME BODY
	timeout 60 python3 "$FS" write "$1/callbacks/$2" "$3"
}

cover() { # a callback's body
	printf '{"image_url":"%s/files/png/cover.png"}' "$API"
}

sum() { # FILE
	timeout 30 sha256sum <"$1" | cut -d' ' -f1
}

sum_is() { # SUM FILE
	[ "$1" = "$(sum "$2")" ]
}

text_is() { # TEXT FILE
	[ "$1" = "$(cat "$2")" ]
}

lists() { # NAMES FOLDER
	[ "$1" = "$(find "$2" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" ]
}

time_is() { # SECONDS FILE
	[ "$1" = "$(stat -c %Y "$2")" ]
}

is_gone() { # FILE
	! [ -e "$1" ]
}

everywhere() { # COMMAND… FILE: it succeeds for FILE, below each mount
	local file=${*: -1} mount

	for mount in "$ONE" "$TWO" "$THREE"; do
		wait_until "${@:1:$#-1}" "$mount/$file" || return 1
	done
}

held() { # MOUNT-POINT NAME TEXT: it is at the service until it is released
	faults "[{\"on\":\"create\",\"prompt\":\"$3\",\"do\":{\"hold_task\":true}}]"
	MNT=$1 background try_write "$2" "$3"
	received accepted 1 "$3"
}

held_ends() { # OUTCOME
	# shellcheck disable=SC2153 # background sets it
	job_ends 0 "$JOB"
	same "$1" "$(<"$JOB_OUT")"
}

# ---- callbacks ----

@test "a callback does not touch an image that another host has made" {
	hosts
	on "$ONE" fox "a red fox"
	same ok "$(callback "$TWO" fox "$(cover)")"
	has "$(cat "$TWO/status")" "Preserving existing verified image"
	everywhere sum_is "$(sum "$ONE/images/fox.png")" images/fox.png
	same 1 "$(count create)"
	is_gone "$ONE/history/fox/0001.png"
}

@test "a callback waits for what another host generates" {
	local pid out

	hosts
	held "$ONE" fox "a red fox"
	pid=$JOB out=$JOB_OUT
	background callback "$TWO" fox "$(cover)"
	wait_until grep -q "^fox .*another host generates it" "$TWO/queue"
	release "a red fox"
	held_ends ok
	JOB=$pid JOB_OUT=$out held_ends ok
	everywhere sum_is "$(sum "$ONE/images/fox.png")" images/fox.png
	is_gone "$ONE/history/fox/0001.png"
	same 1 "$(count create)"
}

@test "one callback that comes to all hosts at once has one outcome" {
	local mount pids=() pid

	hosts
	for mount in "$ONE" "$TWO" "$THREE"; do
		background callback "$mount" fox '{"prompt":"a red fox"}'
		pids+=("$JOB")
	done
	for pid in "${pids[@]}"; do job_ends 0 "$pid"; done
	same 1 "$(count create)"
	everywhere text_is "a red fox" prompts/fox
	everywhere sum_is "$(sum "$ONE/images/fox.png")" images/fox.png
}

@test "a callback takes the prompt that was written on another host, and its folder" {
	hosts
	mkdir "$ONE/prompts/shot"
	faults '[{"on":"create","times":2,"do":{"fail":{"code":"500","msg":"it broke"}}}]'
	same "close EIO" "$(MNT=$ONE try_write shot/fox "a red fox")"
	same ok "$(callback "$TWO" shot/fox '{}')"
	everywhere test -s images/shot/fox.png
	same "a red fox" "$(jq -r .prompt "$THREE/records/shot/fox.json")"
	# An image that is adopted leaves it as it is.
	on "$ONE" hen "a hen"
	rm "$ONE/images/hen.png"
	same ok "$(callback "$THREE" hen "$(cover)")"
	everywhere test -s images/hen.png
	everywhere text_is "a hen" prompts/hen
}

@test "an image that came without a prompt has none on any host" {
	hosts
	same ok "$(callback "$TWO" fox "$(cover)")"
	everywhere test -s images/fox.png
	everywhere is_gone prompts/fox
	lists "" "$ONE/prompts"
}

# ---- history ----

@test "a restored version leaves the prompt as it is on all hosts" {
	local first

	hosts
	on "$ONE" fox "the first text"
	first=$(sum "$ONE/images/fox.png")
	on "$TWO" fox "the second text"
	wait_until test -e "$THREE/history/fox/0001.png"
	mv "$THREE/history/fox/0001.png" "$THREE/images/fox.png"
	everywhere sum_is "$first" images/fox.png
	everywhere text_is "the second text" prompts/fox
	same "the first text" "$(jq -r .prompt "$ONE/records/fox.json")"
	# Where there is none, none comes back.
	rm "$ONE/prompts/fox"
	everywhere is_gone prompts/fox
	mv "$TWO/history/fox/0002.png" "$TWO/images/fox.png"
	everywhere fails sum_is "$first" images/fox.png
	everywhere is_gone prompts/fox
	same 2 "$(count create)"
}

@test "a version that another host has removed cannot be restored" {
	hosts
	on "$ONE" fox "the first text"
	on "$ONE" fox "the second text"
	wait_until test -e "$TWO/history/fox/0001.png"
	sum "$TWO/history/fox/0001.png" >"$DIR/first"
	rm "$ONE/history/fox/0001.png"
	fails mv "$TWO/history/fox/0001.png" "$TWO/images/fox.png" 2>"$DIR/mv"
	has "$(<"$DIR/mv")" "No such file"
	everywhere fails sum_is "$(<"$DIR/first")" images/fox.png
	everywhere is_gone history/fox/0001.png
}

@test "history=N holds for what all hosts write" {
	local text

	host "$ONE" history=2
	host "$TWO" history=2
	for text in a b; do
		on "$ONE" fox "text $text"
		on "$TWO" fox "text $text$text"
	done
	wait_until lists "0002.png 0003.png " "$ONE/history/fox"
	wait_until lists "0002.png 0003.png " "$TWO/history/fox"
	cmp "$ONE/history/fox/0002.png" "$TWO/history/fox/0002.png"
}

@test "a record, an image and a version that are removed are so on all hosts" {
	hosts
	on "$ONE" fox "the first text"
	on "$TWO" fox "the second text"
	rm "$THREE/history/fox/0001.png"
	everywhere is_gone history/fox/0001.png
	rm "$TWO/records/fox.json"
	everywhere is_gone records/fox.json
	rm "$ONE/images/fox.png"
	everywhere is_gone images/fox.png
	everywhere text_is "the second text" prompts/fox
}

# ---- renames and removals ----

@test "what another host has renamed or removed is not renamed" {
	hosts
	on "$ONE" fox "a red fox"
	cat "$TWO/prompts/fox" "$THREE/prompts/fox"
	mv "$ONE/prompts/fox" "$ONE/prompts/hare"
	fails mv "$TWO/prompts/fox" "$TWO/prompts/hound"
	everywhere is_gone prompts/hound
	everywhere test -s images/hare.png
	cat "$THREE/prompts/hare"
	rm "$ONE/prompts/hare"
	fails mv "$THREE/prompts/hare" "$THREE/prompts/hound"
	everywhere is_gone prompts/hound
	everywhere is_gone records/hound.json
	everywhere test -s images/hare.png
}

@test "onto a name of another host: both images are there, on all hosts" {
	local hen

	hosts
	on "$ONE" fox "a red fox"
	on "$TWO" hen "a hen"
	hen=$(sum "$TWO/images/hen.png")
	mkdir "$TWO/prompts/yard"
	mv "$THREE/prompts/fox" "$THREE/prompts/hen"
	everywhere text_is "a red fox" prompts/hen
	everywhere sum_is "$hen" history/hen/0001.png
	mv "$ONE/prompts/hen" "$ONE/prompts/yard/hen"
	everywhere sum_is "$hen" history/yard/hen/0001.png
	everywhere text_is "a red fox" prompts/yard/hen
	everywhere is_gone prompts/hen
	same 2 "$(count create)"
}

@test "what another host has renamed just now is not removed on the host that generates it" {
	local text

	hosts
	for text in fox hen; do
		held "$ONE" $text "a red $text"
		mv "$TWO/prompts/$text" "$TWO/prompts/moved-$text"
		[ $text = fox ] || on "$THREE" $text "a newer hen"
		[ $text = hen ] || same "1" "$(rm "$ONE/prompts/$text" 2>"$DIR/rm" || echo $?)"
		[ $text = fox ] || rm "$ONE/prompts/$text" # which is the newer one
		release "a red $text"
		held_ends ok
		everywhere sum_is "$(sum "$ONE/images/moved-$text.png")" images/moved-$text.png
		same 1 "$(count create "a red $text")"
		lists "" "$ONE/history/moved-$text" 2>/dev/null || true
	done
	has "$(<"$DIR/rm")" "No such file or directory"
	everywhere is_gone prompts/fox
	everywhere is_gone prompts/hen
}

@test "what another host has taken out of a folder does not go along with the folder" {
	local gap

	hosts
	for gap in 0 2; do
		mkdir "$ONE/prompts/old"
		on "$ONE" old/owl "an owl $gap"
		held "$ONE" old/fox "a red fox $gap"
		mv "$TWO/prompts/old/fox" "$TWO/prompts/out"
		sleep "$gap"
		mv "$ONE/prompts/old" "$ONE/prompts/new"
		release "a red fox $gap"
		held_ends ok
		everywhere sum_is "$(sum "$ONE/images/out.png")" images/out.png
		same "a red fox $gap" "$(jq -r .prompt "$ONE/records/out.json")"
		everywhere lists "owl " prompts/new
		everywhere is_gone history/new/fox
		same 1 "$(count create "a red fox $gap")"
		rm "$ONE/prompts/new/owl" "$ONE/prompts/out"
		rmdir "$ONE/prompts/new"
	done
}

@test "who looks at a name sees that another host has removed it while it is generated here" {
	hosts
	held "$ONE" fox "a red fox"
	rm "$TWO/prompts/fox"
	# Without a look it would be the next renewal, after 20 s.
	WAIT=10 wait_until is_gone "$ONE/prompts/fox"
	held_ends "close ECANCELED"
	everywhere is_gone prompts/fox
	fails cat "$THREE/images/fox.png"
}

@test "a file that nobody has written yet can be renamed and removed where it is" {
	hosts
	: >"$TWO/prompts/fox"
	mv "$TWO/prompts/fox" "$TWO/prompts/hen"
	is_gone "$TWO/prompts/fox"
	on "$ONE" hen "a hen"
	wait_until text_is "a hen" "$TWO/prompts/hen"
	: >"$THREE/prompts/cow"
	rm "$THREE/prompts/cow"
	is_gone "$THREE/prompts/cow"
}

# ---- folders ----

@test "a folder in which another host has something is neither removed nor replaced" {
	hosts
	mkdir "$ONE/prompts/a" "$ONE/prompts/b" "$ONE/prompts/c"
	ls "$THREE/prompts/a" "$THREE/prompts/b" "$TWO/prompts/c" >/dev/null
	on "$ONE" a/fox "a red fox"
	mkdir "$TWO/prompts/b/in"
	fails rmdir "$THREE/prompts/a"
	fails rmdir "$THREE/prompts/b"
	fails mv -T "$TWO/prompts/c" "$TWO/prompts/a"
	everywhere test -d prompts/c
	everywhere text_is "a red fox" prompts/a/fox
	everywhere test -d prompts/b/in
	rmdir "$ONE/prompts/b/in" "$THREE/prompts/b"
	everywhere is_gone prompts/b
	mv -T "$THREE/prompts/a" "$THREE/prompts/c"
	everywhere text_is "a red fox" prompts/c/fox
	everywhere test -s images/c/fox.png
	everywhere is_gone prompts/a
	same 1 "$(count create)"
}

@test "a folder that any host removes and makes again is alive on all, whoever stands in it" {
	local mount area again

	hosts
	for again in "$THREE" "$ONE"; do
		mkdir "$ONE/prompts/shot"
		on "$ONE" shot/fox "a red fox"
		everywhere test -s images/shot/fox.png
		for mount in "$ONE" "$TWO" "$THREE"; do
			for area in prompts images; do stand_in "$mount/$area/shot"; done
		done
		rm "$TWO/images/shot/fox.png" "$ONE/prompts/shot/fox"
		rmdir "$ONE/prompts/shot"
		everywhere is_gone prompts/shot
		everywhere is_gone images/shot
		mkdir "$again/prompts/shot"
		for mount in "$ONE" "$TWO" "$THREE"; do
			wait_until test -d "$mount/prompts/shot"
			touch "$mount/prompts/shot/.scratch"
			rm "$mount/prompts/shot/.scratch"
		done
		on "$TWO" shot/fox "a grey wolf"
		everywhere text_is "a grey wolf" prompts/shot/fox
		everywhere test -s images/shot/fox.png
		everywhere lists "fox.png " images/shot
		leave_all
		rm "$ONE/prompts/shot/fox" "$ONE/images/shot/fox.png"
		rmdir "$THREE/prompts/shot"
		everywhere is_gone prompts/shot
	done
}

@test "images outlive a folder of prompts on all hosts" {
	hosts
	mkdir "$ONE/prompts/shot"
	on "$ONE" shot/fox "a red fox"
	test -s "$TWO/images/shot/fox.png"
	rm "$ONE/prompts/shot/fox"
	rmdir "$ONE/prompts/shot"
	everywhere is_gone prompts/shot
	everywhere test -s images/shot/fox.png
	everywhere lists "shot " images
	rm "$THREE/images/shot/fox.png"
	everywhere is_gone images/shot/fox.png
	# The name is free.
	on "$TWO" shot "a shot"
	everywhere text_is "a shot" prompts/shot
}

@test "what is written into a folder while another host removes it is not lost" {
	hosts
	mkdir "$ONE/prompts/shot"
	exec 5>"$ONE/prompts/shot/fox"
	wait_until test -d "$TWO/prompts/shot"
	rmdir "$TWO/prompts/shot"
	echo "a red fox" >&5
	exec 5>&-
	everywhere test -s images/shot/fox.png
	everywhere lists "fox " prompts/shot
}

# ---- what is not generated again ----

@test "a text that is synced from several hosts is paid for once, and its time is known to all" {
	mkdir "$DIR/src"
	echo "a red fox" >"$DIR/src/fox"
	touch -d @1000000000 "$DIR/src/fox"
	hosts
	rsync -a "$DIR/src/" "$ONE/prompts/"
	rsync -a "$DIR/src/" "$TWO/prompts/"
	everywhere test -s images/fox.png
	rsync -a "$DIR/src/" "$THREE/prompts/"
	touch -d @1100000000 "$DIR/src/fox"
	rsync -a "$DIR/src/" "$TWO/prompts/"
	everywhere time_is 1100000000 prompts/fox
	same 1 "$(count create)"
}

@test "a text is written again where another host has just written another" {
	hosts reuse
	on "$ONE" fox "a red fox"
	cat "$TWO/prompts/fox"
	on "$ONE" fox "a blue fox"
	on "$TWO" fox "a red fox"
	everywhere text_is "a red fox" prompts/fox
	same "a red fox" "$(jq -r .prompt "$THREE/records/fox.json")"
	everywhere sum_is "$(sum "$TWO/images/fox.png")" images/fox.png
	# Its own image, restored: the text becomes its prompt.
	mv "$THREE/history/fox/0002.png" "$THREE/images/fox.png"
	everywhere text_is "a red fox" prompts/fox
	same "a blue fox" "$(jq -r .prompt "$THREE/records/fox.json")"
	on "$THREE" fox "a blue fox"
	everywhere text_is "a blue fox" prompts/fox
}

# ---- waiting and reading ----

@test "who waits for another host can be interrupted, and need not wait" {
	hosts
	held "$ONE" fox "a red fox"
	same EAGAIN "$(MNT=$TWO try_open images/fox.png --nonblock)"
	same 0 "$(stat -c %s "$TWO/images/fox.png")"
	same generating "$(getfattr --only-values -n user.seed.state "$TWO/prompts/fox")"
	MNT=$TWO background cat "$THREE/images/fox.png"
	wait_until is_waiting "$JOB"
	kill -INT "$JOB" 2>/dev/null || true
	kill -TERM "$JOB"
	wait_until ended "$JOB"
	release "a red fox"
	everywhere test -s images/fox.png
	same 1 "$(count create)"
	same "$(sum "$ONE/images/fox.png")" "$(getfattr --only-values -n user.seed.sha256 "$THREE/images/fox.png")"
}

@test "a failure is the same error on all hosts" {
	hosts
	faults '[{"on":"create","do":{"status":422}}]'
	same "close EINVAL" "$(MNT=$ONE try_write fox "a red fox")"
	same EINVAL "$(MNT=$TWO try_open images/fox.png)"
	same EINVAL "$(python3 "$FS" fsync "$THREE/prompts/fox")"
	same EINVAL "$(jq -r .error.errno "$TWO/records/fox.json")"
}

@test "who has an image open reads on, and who opens it has the new one" {
	local old

	hosts
	on "$ONE" fox "a red fox"
	exec 5<"$TWO/images/fox.png"
	old=$(sum "$ONE/images/fox.png")
	same "$old" "$(sum "$TWO/images/fox.png")"
	on "$ONE" fox "a blue fox"
	everywhere fails sum_is "$old" images/fox.png
	same "$old" "$(sha256sum <&5 | cut -d' ' -f1)"
	exec 5<&-
}

@test "the submissions of the day are those of all hosts" {
	host "$ONE" budget=9/day
	host "$TWO" budget=9/day
	on "$ONE" fox "a red fox"
	on "$ONE" hen "a hen"
	on "$TWO" cow "a cow"
	has "$(cat "$TWO/queue")" "3 of 9 submissions"
	same 3 "$(jq .today.submissions "$TWO/gallery.json")"
}

@test "the gallery has what other hosts have made" {
	hosts
	mkdir -p "$ONE/prompts/a/b"
	on "$ONE" a/b/fox "a red fox"
	on "$TWO" hen "a hen"
	wait_until grep -q '"name":"a/b/fox"' "$THREE/index.html"
	wait_until grep -q '"name":"hen"' "$THREE/index.html"
}

ask() { # VERB KEY
	timeout 20 "$(dirname "$UPSTREAM")/ask" "$(<"$DIR/model")" seed art "$@"
}

is_placeholder() { # FILE
	[ "$(stat -c %A "$1")" = ---------- ] || [ "$(stat -c %a "$1")" -lt 400 ]
}

@test "a thumbnail is shown on another host without the image's bytes" {
	local thumb

	hosts
	on "$ONE" fox "a red fox"
	thumb=thumb/$(sum "$ONE/images/fox.png")
	wait_until ask get "$thumb" >"$DIR/stored"
	cmp "$ONE/thumbs/fox.jpg" "$TWO/thumbs/fox.jpg"
	is_placeholder "$TWO.state/images/fox.png"
	lists "fox.jpg " "$TWO/thumbs"
	on "$ONE" fox "a blue fox"
	wait_until cmp "$ONE/thumbs/fox/0001.jpg" "$TWO/thumbs/fox/0001.jpg"
	is_placeholder "$TWO.state/history/fox/0001.png"
	# Where the store has none, it is made of the image, and put there.
	ask delete "$thumb"
	cmp "$ONE/thumbs/fox/0001.jpg" "$THREE/thumbs/fox/0001.jpg"
	fails is_placeholder "$THREE.state/history/fox/0001.png"
	wait_until ask get "$thumb" >"$DIR/stored"
}

# fox is paid for, its writer on the first host has its error, and that host asks for the task now
# and then.
kept_on_one() {
	hosts timeout=3
	faults '[{"on":"poll","do":{"status":503}}]'
	same "close ETIMEDOUT" "$(MNT=$ONE try_write fox "a red fox")"
	has "$(<"$ONE/status")" "the task is kept"
}

@test "what one host keeps is asked for by another on which it is written again" {
	kept_on_one
	same "close ETIMEDOUT" "$(MNT=$TWO try_write fox "a red fox")"
	has "$(<"$TWO/status")" "Another host keeps it for later: goes on here"
	kill -STOP "${PIDS[0]}" "${PIDS[1]}"
	faults '[]'
	on "$THREE" fox "a red fox"
	kill -CONT "${PIDS[0]}" "${PIDS[1]}"
	everywhere sum_is "$(sum "$THREE/images/fox.png")" images/fox.png
	same 1 "$(count create)"
	is_gone "$THREE/history/fox/0001.png"
}

@test "also where it has been seen there, and whoever waited has had the error" {
	hosts timeout=3
	faults '[{"on":"poll","do":{"status":503}}]'
	MNT=$ONE background try_write fox "a red fox"
	received accepted 1
	same "close ETIMEDOUT" "$(MNT=$TWO try_write fox "a red fox")"
	job_ends 0 "$JOB"
	same "close ETIMEDOUT" "$(<"$JOB_OUT")"
	kill -STOP "${PIDS[0]}"
	faults '[]'
	on "$TWO" fox "a red fox"
	kill -CONT "${PIDS[0]}"
	everywhere sum_is "$(sum "$TWO/images/fox.png")" images/fox.png
	same 1 "$(count create)"
}

@test "a callback does not wait for what another host keeps" {
	kept_on_one
	same ok "$(callback "$TWO" fox "$(cover)")"
	everywhere sum_is "$(sum "$TWO/images/fox.png")" images/fox.png
}

@test "who waits for another host's image hears that the store is away, and the image comes when it is back" {
	local pid

	hosts timeout=8
	held "$ONE" fox "a fox"
	pid=$JOB
	MNT=$TWO background try_write fox "a fox"
	wait_until grep -q "^fox .*another host" "$TWO/queue"
	kill -STOP "$STORE_PID"
	release "a fox"
	WAIT=60 held_ends "close EHOSTUNREACH"
	kill -CONT "$STORE_PID"
	WAIT=60 job_ends 0 "$pid"
	wait_until test -s "$TWO/images/fox.png"
	everywhere sum_is "$(sum "$ONE/images/fox.png")" images/fox.png
	same 1 "$(count create)"
}

# ---- reuse ----

# fox is at the service for the first host, and so many others have its text.
same_text() { # MOUNT-POINT NAME…
	local mount=$1 name

	shift
	OTHERS=() OTHERS_OUT=()
	for name; do
		MNT=$mount background try_write "$name" "one text"
		OTHERS+=("$JOB") OTHERS_OUT+=("$JOB_OUT")
		wait_until grep -q "^$name .*waits for the image of another name" "$mount/queue"
	done
}

others_end() {
	local i

	for i in "${!OTHERS[@]}"; do
		job_ends 0 "${OTHERS[i]}"
		same ok "$(<"${OTHERS_OUT[i]}")"
	done
}

@test "with reuse, a store that is away for a moment costs no second image" {
	local pid out

	hosts reuse
	held "$ONE" fox "one text"
	pid=$JOB out=$JOB_OUT
	same_text "$TWO" owl hen
	kill -STOP "$STORE_PID"
	sleep 6 # a look of those that wait is answered by nobody
	release "one text"
	kill -CONT "$STORE_PID"
	JOB=$pid JOB_OUT=$out held_ends ok
	others_end
	same 1 "$(count create)"
	everywhere sum_is "$(sum "$ONE/images/fox.png")" images/hen.png
}

@test "with reuse, who writes the old name of what is renamed meanwhile waits for it, too" {
	local pid out

	hosts reuse
	held "$ONE" fox "one text"
	pid=$JOB out=$JOB_OUT
	mv "$TWO/prompts/fox" "$TWO/prompts/hare"
	same_text "$THREE" fox owl
	release "one text"
	JOB=$pid JOB_OUT=$out held_ends ok
	others_end
	same 1 "$(count create)"
	everywhere sum_is "$(sum "$TWO/images/hare.png")" images/fox.png
	everywhere sum_is "$(sum "$TWO/images/hare.png")" images/owl.png
}

@test "with reuse, what is removed while others wait is generated once more, and not again by its own end" {
	hosts reuse
	faults '[{"on":"create","nth":1,"do":{"delay_ms":3000}},{"on":"create","nth":2,"do":{"delay_ms":3000}}]'
	MNT=$ONE background try_write fox "one text"
	received create 1
	same_text "$THREE" owl hen elk
	rm "$TWO/prompts/fox"
	others_end
	same 2 "$(count create)"
	everywhere sum_is "$(sum "$THREE/images/owl.png")" images/elk.png
}

@test "with reuse, names that led to one another by renames do not wait for one another" {
	local i first second

	hosts reuse
	for i in 1 2 3; do
		# The key's name leads to c$i, and that to b$i, where there is nothing any more.
		on "$ONE" "a$i" "text $i"
		mv "$ONE/prompts/a$i" "$ONE/prompts/c$i"
		mv "$ONE/prompts/c$i" "$ONE/prompts/b$i"
		rm "$ONE/prompts/b$i" "$ONE/images/b$i.png"
		rm -rf "$ONE/history/b$i"
		everywhere is_gone "prompts/b$i"
		everywhere is_gone "prompts/c$i"
		# Both begin before either has looked.
		kill -STOP "$STORE_PID"
		MNT=$ONE background try_write "b$i" "text $i"
		first=("$JOB" "$JOB_OUT")
		MNT=$TWO background try_write "c$i" "text $i"
		second=("$JOB" "$JOB_OUT")
		sleep 1
		kill -CONT "$STORE_PID"
		JOB=${first[0]} JOB_OUT=${first[1]} held_ends ok
		JOB=${second[0]} JOB_OUT=${second[1]} held_ends ok
		same 2 "$(count create "text $i")"
		everywhere sum_is "$(sum "$ONE/images/b$i.png")" "images/c$i.png"
	done
}
