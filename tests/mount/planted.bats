#!/usr/bin/env bats
# `man seedfs`, state=: what stands in the state directory and is not ours.

load helper

# Does not mount, and says one line.
is_refused() { # OPTIONS TEXT
	: >"$DIR/err"
	start_seedfs -o "$1" "$MNT"
	wait_until mounted_or_ended
	if mounted; then fail "mounted"; fi
	wait "$SEED_PID" && fail "it ended with 0"
	SEED_PID=
	has "$(cat "$DIR/err")" "$2"
	same 1 "$(wc -l <"$DIR/err")"
}

@test "s7: a state directory that others may write is refused with the command that mends it" {
	local mode

	for mode in 770 707 777; do
		chmod "$mode" "$STATE"
		is_refused "$(usual_options)" \
			"state directory $STATE can be written by others; chmod go-w '$STATE'"
	done
	chmod go-w "$STATE"
	mount_seed
}

@test "s7: a state directory that belongs to somebody else is refused" {
	need_root
	chown 12345 "$STATE"
	is_refused "$(usual_options)" "belongs to user 12345, not to 0; chown -R 0 '$STATE'"
	chown 0 "$STATE"
}

@test "s7: a planted journal moves nothing, waits for nothing, and does not forbid the mount" {
	local id=0123456789abcdef

	mount_seed
	write fox "a fox"
	stop_seedfs
	printf secret >"$DIR/victim"
	printf '{"from":"../../victim","to":"loot","folder":false,"retired":true}' >"$STATE/pending/$id.move"
	printf '[["prompts","../../victim","prompts","loot",3]]' >"$STATE/pending/1$id.move"
	printf '[["prompts","../../victim","prompts","loot",3]]' >"$STATE/pending/${id/0/1}.move"
	mkfifo "$STATE/pending/${id/0/2}.json"
	ln -s "$DIR/victim" "$STATE/pending/${id/0/3}.json"
	mkdir "$STATE/pending/${id/0/4}.json"
	printf garbage >"$STATE/pending/${id/0/5}.json"
	printf paid >"$STATE/pending/${id/0/5}.source"
	mount_seed
	same secret "$(cat "$DIR/victim")"
	same fox "$(ls "$MNT/prompts")"
	for n in 0 1 2 3 4 5; do
		has "$(cat "$MNT/status")" "set aside as ${id/0/$n}.bad"
	done
	same paid "$(cat "$STATE/pending/${id/0/5}.source")"
	write owl "an owl"
	is_verified owl
}

has_time_of() { # FILE OTHER
	[ "$(stat -c '%Y %s' "$1")" = "$(stat -c '%Y %s' "$2")" ]
}

@test "s1: an image's time is shown as it is, also beyond what nanoseconds in 64 bits reach" {
	local year

	mount_seed
	write fox "a fox"
	wait_until has_thumb fox
	for year in 2400 1601; do
		touch -d "$year-01-01T00:00:00Z" "$STATE/images/fox.png"
		# The kernel keeps a name for a second.
		wait_until has_time_of "$STATE/images/fox.png" "$MNT/images/fox.png"
		cmp "$STATE/images/fox.png" "$MNT/images/fox.png"
		same " ff d8" "$(head -c 2 "$MNT/thumbs/fox.jpg" | od -An -tx1)"
		grep -q fox "$MNT/index.html"
	done
}

plant_spent() { # WHAT
	case $1 in
	garbage) printf garbage >"$STATE/spent" ;;
	link) ln -s "$DIR/count" "$STATE/spent" ;;
	dangling) ln -s nowhere "$STATE/spent" ;;
	folder) mkdir "$STATE/spent" ;;
	fifo) mkfifo "$STATE/spent" ;;
	esac
}

@test "s7: budget= counts as used up for the day where its count cannot be read" {
	local what

	# A count of ours as it could be, by another name: it is not read either.
	printf '%s 0\n' "$(($(date +%s) / 86400))" >"$DIR/count"
	for what in garbage link dangling folder fifo; do
		plant_spent "$what"
		mount_seed -o budget=5/day
		has "$what $(try_write fox "a fox")" EDQUOT
		has "$(cat "$MNT/status")" "(the file spent in the state directory) cannot be read"
		same "$what 0" "$what $(count submit)"
		# For this day, also at the next mount, and for any budget.
		stop_seedfs
		mount_seed -o budget=1000/day
		has "$what $(try_write fox "a fox")" EDQUOT
		same "$what seedfs_budget_left 0" "$what $(grep ^seedfs_budget_left "$MNT/metrics")"
		stop_seedfs
		rm -rf "$STATE/spent"
	done
	mount_seed -o budget=5/day
	write fox "a fox"
}

@test "s7: a mount without budget= does not make the next one forget that" {
	printf garbage >"$STATE/spent"
	mount_seed
	has "$(cat "$MNT/status")" "(the file spent in the state directory) cannot be read"
	write fox "a fox"
	stop_seedfs
	mount_seed -o budget=5/day
	has "$(try_write owl "an owl")" EDQUOT
	same 1 "$(count submit)"
}

@test "s7: what stands where a bucket's name should is named" {
	for make in mkfifo mkdir "truncate -s 99"; do
		$make "$STATE/shared"
		is_refused "$(usual_options)" "what stands at shared in the state directory cannot be read"
		rm -r "$STATE/shared"
	done
	mount_seed
}

@test "s7: a state directory below the mount point is refused, also where it is not there yet" {
	local below

	ln -s "$MNT" "$DIR/link"
	for below in "$MNT/state" "$MNT/a/b/c" "$MNT/../${MNT##*/}/state" "$DIR/link/state"; do
		is_refused "provider=sketch,state=$below" \
			"state directory $below is inside the mount point $MNT"
		same "" "$(ls "$MNT")"
	done
}

@test "s7: a link of somebody else's is not taken for the state directory, one's own is" {
	need_root
	ln -s "$STATE" "$DIR/own"
	ln -s "$STATE" "$DIR/theirs"
	chown -h 12345 "$DIR/theirs"
	is_refused "provider=sketch,state=$DIR/theirs" \
		"state directory $DIR/theirs is a link that belongs to user 12345; name the directory itself"
	same "" "$(ls "$STATE")"
	start_seedfs -o "provider=sketch,state=$DIR/own" "$MNT"
	wait_mounted
}

@test "s7: nor is a link that somebody else makes while the program starts" {
	need_root
	! nm -D "$SEEDFS" | grep -qE '__[at]san_init' || skip "a sanitizer comes before other libraries"
	mkdir -m 700 "$DIR/victim"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/race.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/stat.h>
		#include <unistd.h>

		int mkdirat(int dirfd, const char *path, mode_t mode)
		{
			int (*real)(int, const char *, mode_t) = dlsym(RTLD_NEXT, "mkdirat");
			const char *victim = getenv("RACE_VICTIM");

			if (strcmp(path, getenv("RACE_AT")) == 0 && symlink(victim, path) == 0)
				return lchown(path, 12345, 12345) || real(dirfd, path, mode);
			return real(dirfd, path, mode);
		}
	C
	RACE_AT=$DIR/new RACE_VICTIM=$DIR/victim LD_PRELOAD=$DIR/race.so \
		is_refused "provider=sketch,state=$DIR/new" "is a link that belongs to user 12345"
	same "" "$(ls "$DIR/victim")"
}

@test "s7: where a file of ours has another name elsewhere, that one is not written to" {
	local file

	mount_seed
	write fox "a fox"
	stop_seedfs
	for file in lock log/status log/status.new log/refused-urls; do
		echo "a victim" >"$DIR/victim.${file##*/}"
		ln -f "$DIR/victim.${file##*/}" "$STATE/$file"
	done
	mount_seed -o log_size=4K
	has "$(cat "$MNT/status")" "status in the state directory is not a file of its own: set aside as status.bad"
	faults '[{"on":"create","prompt":"odd","do":{"url":"ftp://x.test/a.png"}}]'
	has "$(try_write odd "an odd url")" EIO
	for file in owl wolf hare bear lynx mole; do
		write "$file" "a $file, $(printf '%0300d' 0)"
	done
	same "a victim" "$(cat "$DIR"/victim.* | sort -u)"
	has "$(cat "$STATE/log/refused-urls")" "ftp://x.test/a.png"
	# It locks, too.
	mkdir "$DIR/other"
	run "$SEEDFS" -f -o "$(usual_options)" "$DIR/other"
	same 1 "$status"
	has "$output" "is in use by process"
}

@test "s7: of a directory that is taken for one by mistake no file goes" {
	mkdir "$STATE/tmp"
	echo mine >"$STATE/tmp/letter"
	echo old >"$STATE/tmp/0123456789abcdef"
	mount_seed
	stop_seedfs
	same letter "$(ls "$STATE/tmp")"
	same mine "$(cat "$STATE/tmp/letter")"
}

@test "s7: nobody waits for the reader of a FIFO that stands where a file of ours should" {
	local place

	mount_seed
	write fox "a fox"
	stop_seedfs
	for place in prompts/fox images/fox.png records/fox.json spent lock; do
		rm -f "$STATE/$place"
		mkfifo "$STATE/$place"
	done
	run timeout 20 "$SEEDFS" --check -o "$(usual_options)"
	[ "$status" -ne 124 ]
	mount_seed
	background try_write fox "another fox"
	wait_until ended "$JOB"
	has_not "$(cat "$JOB_OUT")" ok
	write owl "an owl"
	is_verified owl
}

@test "s7: what stands in the way is set aside beside what was before it" {
	local place

	mount_seed
	write fox "a fox"
	stop_seedfs
	for place in lock images log reuse thumbs spent; do
		mv "$STATE/$place" "$DIR/was.$place" 2>/dev/null || true
		mkfifo "$STATE/$place"
		mkdir -p "$STATE/$place.bad/x"
		echo "evidence" >"$STATE/$place.bad2"
	done
	# The last name that is free.
	mkdir -p "$STATE/thumbs.bad"{3..98}
	mount_seed
	mv "$STATE/thumbs.bad99" "$DIR/last"
	rmdir "$STATE/thumbs.bad3"
	mv "$DIR/last" "$STATE/thumbs.bad3"
	for place in lock images log reuse thumbs spent; do
		[ -p "$STATE/$place.bad3" ] || fail "$place"
		same "evidence" "$(<"$STATE/$place.bad2")"
		has "$(<"$MNT/status")" "$place in the state directory is not a"
	done
	write owl "an owl"
	is_verified owl
}

@test "s3: where a link or a FIFO stands in a prompt's place, the log says what to do" {
	local place name

	mount_seed
	ln -s "$DIR/key" "$STATE/prompts/link"
	ln -s nowhere "$STATE/prompts/dangling"
	mkfifo "$STATE/prompts/fifo" "$STATE/history/version"
	ln -s "$DIR" "$STATE/prompts/folder"
	for place in prompts/link prompts/dangling prompts/fifo history/version; do
		same "open EIO" "$(try_write "${place##*/}" "a fox")"
	done
	fails mkdir "$MNT/prompts/folder"
	for place in prompts/link prompts/dangling prompts/fifo prompts/folder history/version; do
		name=${place##*/}
		same "❌ [SYNC IMAGE] What stands at $place in the state directory is neither a file nor a folder, and is left alone; to use the name, remove it: rm '$STATE/$place' (EIO)" \
			"$(status_texts "$name")"
		rm "$STATE/$place"
	done
	same 0 "$(count submit)"
	same "$KEY" "$(cat "$DIR/key")"
	write link "a fox"
	write version "a fox"
	mkdir "$MNT/prompts/folder"
}

@test "s7: nor does a rename of an empty file wait for it" {
	mount_seed
	mkfifo "$STATE/prompts/fifo" "$STATE/prompts/other"
	: >"$MNT/prompts/.new"
	run timeout -s KILL 20 mv -T "$MNT/prompts/.new" "$MNT/prompts/fifo"
	has "$output" "Input/output error"
	mkdir "$DIR/from"
	: >"$DIR/from/other"
	fails timeout -s KILL 20 rsync -a "$DIR/from/" "$MNT/prompts/"
	has "$(status_texts fifo)" "What stands at prompts/fifo in the state directory"
	write owl "an owl"
	is_verified owl
}

@test "s3: where a link or a FIFO stands in an image's place, an open ends, and the log says what to do" {
	local name

	mount_seed
	for name in link fifo; do write "$name" "a fox"; done
	rm "$STATE/images/link.png" "$STATE/images/fifo.png"
	ln -s "$DIR/key" "$STATE/images/link.png"
	mkfifo "$STATE/images/fifo.png"
	for name in link fifo; do
		same EIO "$(timeout 20 python3 "$FS" open "$MNT/images/$name.png")"
		has "$(status_texts "$name.png")" "What stands at images/$name.png in the state directory is neither a file nor a folder, and is left alone; to use the name, remove it: rm '$STATE/images/$name.png' (EIO)"
		rm "$STATE/images/$name.png"
		same ENOENT "$(timeout 20 python3 "$FS" open "$MNT/images/$name.png")"
	done
}

@test "s7: a link in the place of a folder leads nothing out of the state directory" {
	local area

	mount_seed
	mkdir "$MNT/prompts/dir"
	write dir/fox "a fox"
	write dir/fox "another fox"
	stop_seedfs
	for area in images records history; do
		mv "$STATE/$area/dir" "$DIR/$area"
		ln -s "$DIR/$area" "$STATE/$area/dir"
		(cd "$DIR" && find images records history -type f -exec sha256sum {} + 2>/dev/null | sort) >"$DIR/before"
		mount_seed
		has_not "$(try_write dir/fox "a third fox")" ok
		try_write dir/owl "an owl"
		fails cat "$MNT/$area/dir"/*
		rm -rf "$MNT/$area/dir"{,/fox.png,/fox.json,/fox/0001.png} 2>/dev/null || :
		write wolf "a wolf"
		is_verified wolf
		kill_seedfs
		umount -l "$MNT"
		(cd "$DIR" && find images records history -type f -exec sha256sum {} + 2>/dev/null | sort) >"$DIR/after"
		diff "$DIR/before" "$DIR/after"
		rm "$STATE/$area/dir"
		mv "$DIR/$area" "$STATE/$area/dir"
		rm -f "$STATE/pending"/*
	done
}

@test "s3: where the outcome may not be written, who waits knows it at once, and it is kept" {
	mount_seed
	write fox "a fox"
	chmod 0 "$STATE/images"
	same "close EIO" "$(try_write owl "an owl" | tail -n 1)"
	has "$(cat "$MNT/status")" "Permission denied (EACCES); kept, tried again every 2 s"
	chmod 700 "$STATE/images"
	wait_until is_verified owl
	same 2 "$(count submit)"
}

tells() { # TEXT
	grep -q "$1" "$MNT/status"
}

@test "s3: that the catalogue cannot be made durable is told once, and so is the end of it" {
	mount_seed
	chmod 500 "$STATE" # the day's count cannot be written
	write fox "a fox"
	wait_until tells "The catalogue cannot be made durable: Permission denied (EACCES); kept in the journal"
	write owl "an owl"
	# Each is a try more.
	fails rm "$MNT/images/fox.png"
	fails rm "$MNT/images/owl.png"
	chmod 700 "$STATE"
	wait_until tells "The catalogue is durable again"
	wait_until nothing_is_pending
	same 1 "$(grep -c "The catalogue cannot be made durable" "$MNT/status")"
	same 1 "$(grep -c "The catalogue is durable again" "$MNT/status")"
	is_verified fox
	is_verified owl
}

@test "s3: a record whose name a power cut has lost is there again while its task runs" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 1
	wait_until step_is accepted
	kill_seedfs
	rm "$STATE/records/fox.json"
	mount_seed
	same generating "$(record fox .state)"
	release
	wait_until is_verified fox
	same 1 "$(count submit)"
}

@test "s3: a folder where a row's files should be is set aside, and holds up no other name" {
	mount_seed
	write fox "a fox"
	wait_until nothing_is_pending
	chmod 500 "$STATE"
	write owl "an owl"
	row=$(basename "$STATE"/pending/*.json .json)
	mkdir -p "$STATE/pending/$row.was/x"
	chmod 700 "$STATE"
	wait_until tells "set aside as $row.was.bad"
	mv "$MNT/prompts/fox" "$MNT/prompts/hare"
	rm "$MNT/images/owl.png"
	same "$row.was.bad" "$(ls "$STATE/pending")"
}

# The callback's image has no prompt, so its folder in prompts/ can go.
@test "s3: a prompt named as a folder was, with an image still in it, is no obstacle to the catalogue" {
	mount_seed
	mkdir "$MNT/prompts/d"
	printf '{"image_url":"%s"}' "$API/files/png/cover.png" >"$MNT/callbacks/d/x"
	rmdir "$MNT/prompts/d"
	write d "a d"
	wait_until nothing_is_pending
	has_not "$(<"$MNT/status")" "cannot be made durable"
	mv "$MNT/prompts/d" "$MNT/prompts/e"
	rm "$MNT/images/d/x.png" "$MNT/images/e.png"
}

@test "s3: what is planted in pending/ while mounted holds up no mv" {
	mount_seed
	write fox "a fox"
	mkdir "$MNT/prompts/d"
	mkdir "$STATE/pending/0123456789abcdef.json"
	mkfifo "$STATE/pending/1123456789abcdef.json"
	ln -s "$DIR/key" "$STATE/pending/2123456789abcdef.json"
	truncate -s 1T "$STATE/pending/3123456789abcdef.json"
	mv "$MNT/prompts/fox" "$MNT/prompts/owl"
	mv "$MNT/prompts/d" "$MNT/prompts/e"
	is_verified owl
}

@test "s3: a stop that cannot make the catalogue durable leaves that to the next mount" {
	mount_seed
	chmod 500 "$STATE"
	write fox "a fox"
	stop_seedfs
	has "$(cat "$DIR/err")" "The catalogue cannot be made durable"
	step_is commit
	chmod 700 "$STATE"
	mount_seed
	nothing_is_pending
	is_verified fox
	same 1 "$(count submit)"
}

@test "s3: that a row cannot be removed from the journal is told once" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	chmod 500 "$STATE" # the day's count is durable before a row goes
	rm "$MNT/prompts/fox"
	job_ends 0 "$JOB"
	same "close ECANCELED" "$(cat "$JOB_OUT")"
	wait_until tells "fox .*The journal cannot be written: Permission denied (EACCES); tried again every 2 s"
	# By the next outcome it has been tried again.
	release
	write owl "an owl"
	chmod 700 "$STATE"
	wait_until nothing_is_pending
	same 1 "$(grep -c "The journal cannot be written" "$MNT/status")"
	fails test -e "$MNT/prompts/fox"
}

@test "s3: what was accepted, and whose row does not say as which task, is not submitted again" {
	local row task

	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received accepted 1 "a fox"
	wait_until step_is accepted
	kill_seedfs
	umount -l "$MNT"
	row=$(echo "$STATE"/pending/*.json)
	cp "$row" "$DIR/row"
	for task in "no attempts" null '""' '{' '[1]' '{}' '{"stage":"zzz"}' '{"stage":"submit"}' '{"stage":"poll"}' '{"stage":"cancel"}' \
		'{"stage":"poll","id":7}' '{"stage":"submit","id":"'"$(head -c 100000 /dev/zero | tr '\0' x)"'"}'; do
		rm -f "$STATE"/pending/*
		python3 - "$DIR/row" "$row" "$task" <<-'EOF'
			import json, sys
			line = open(sys.argv[1]).read().rstrip("\n").split("\n")[-1]
			record = json.loads(line[line.index("{"):])
			task = None if sys.argv[3] == "null" else sys.argv[3]
			record.update({"attempts": []} if task == "no attempts" else {"task": task})
			open(sys.argv[2], "w").write(json.dumps(record))
		EOF
		mount_seed
		wait_until record_is fox .state failed
		same EIO "$(record fox .error.errno)"
		has "$(record fox .error.message)" "does not say as which task"
		stop_seedfs
		same 1 "$(count create)"
	done
}

# LeakSanitizer is the judge.
@test "s1: a history that has records only is no version's, and costs the gallery nothing" {
	mount_seed
	write fox "a fox"
	mkdir -p "$STATE/history/fox"
	echo '{}' >"$STATE/history/fox/0001.json"
	timeout 20 cat "$MNT/index.html" >"$DIR/page"
	has "$(<"$DIR/page")" '"fox"'
	stop_seedfs
}
