#!/usr/bin/env bats
# `man seed`: extended attributes.

load helper

attributes() { # PATH: the names that are listed, one a line
	getfattr --absolute-names "$MNT/$1" | grep -v '^#' | grep .
}

# "ok" or the errno's name.
try_attribute() { # PATH NAME
	python3 - "$MNT/$1" "$2" <<-'PYTHON'
		import errno, os, sys
		try:
		    os.getxattr(sys.argv[1], sys.argv[2])
		    print("ok")
		except OSError as error:
		    print(errno.errorcode[error.errno])
	PYTHON
}

@test "s1: the attributes of a verified image are its record's values" {
	mount_seed
	write fox "a fox"
	for path in prompts/fox images/fox.png; do
		same verified "$(attribute "$path" state)"
		same 2048x1152 "$(attribute "$path" resolution)"
		same "$(record fox .image_url)" "$(attribute "$path" image_url)"
		same "$(sha256sum <"$MNT/images/fox.png" | cut -d' ' -f1)" "$(attribute "$path" sha256)"
		same kie "$(attribute "$path" provider)"
		same "$MODEL" "$(attribute "$path" model)"
		same "$(record fox .task_id)" "$(attribute "$path" task_id)"
		same ENODATA "$(try_attribute "$path" user.seed.error)"
	done
}

@test "s1: an attribute is listed exactly where it has a value" {
	mount_seed
	write fox "a fox"
	for path in prompts/fox images/fox.png; do
		names=$(attributes "$path")
		for name in state resolution image_url sha256 provider model task_id; do
			grep -qx "user.seed.$name" <<<"$names"
		done
		has_not "$names" error
		for name in state resolution image_url sha256 provider model task_id error cost; do
			listed=ENODATA
			if grep -qx "user.seed.$name" <<<"$names"; then listed=ok; fi
			same "$listed" "$(try_attribute "$path" "user.seed.$name")"
		done
	done
}

@test "s1: their removal changes nothing, and rsync -aX settles" {
	[ -n "$(type -P rsync)" ] || skip "needs rsync"
	mount_seed
	mkdir "$DIR/from"
	echo "a fox" >"$DIR/from/fox"
	for _ in 1 2 3; do
		rsync -aX "$DIR/from/" "$MNT/prompts/"
		same ok "$(try_open images/fox.png)"
	done
	setfattr -x user.seed.state "$MNT/prompts/fox"
	same verified "$(attribute prompts/fox state)"
	has "$(setfattr -x user.other "$MNT/prompts/fox" 2>&1)" "No such attribute"
	same 1 "$(count submit)"
}

@test "s1: tar --xattrs unpacks, though no attribute can be set" {
	mount_seed
	mkdir "$DIR/from"
	echo "a fox" >"$DIR/from/fox"
	echo "a wolf" >"$DIR/from/wolf~"
	setfattr -n user.other -v value "$DIR/from/fox" "$DIR/from/wolf~" ||
		skip "no attributes in $DIR"
	tar --xattrs -C "$DIR/from" -cf "$DIR/tar" fox wolf~
	tar --xattrs -C "$MNT/prompts" -xf "$DIR/tar"
	same "a fox" "$(cat "$MNT/prompts/fox")"
	same "a wolf" "$(cat "$MNT/prompts/wolf~")"
	same ok "$(try_open images/fox.png)"
	same 1 "$(count submit)"
}

@test "s1: user.seed.error tells why it failed" {
	mount_seed
	faults '[{"on":"create","times":9,"do":{"fail":{"code":"500","msg":"no luck"}}}]'
	fails write fox "a fox"
	same failed "$(attribute prompts/fox state)"
	same "$(record fox '"\(.error.errno): \(.error.message)"')" "$(attribute prompts/fox error)"
	has "$(attribute prompts/fox error)" "EIO: "
	same ENODATA "$(try_attribute prompts/fox user.seed.resolution)"
	same ENODATA "$(try_attribute prompts/fox user.seed.sha256)"
	same ENODATA "$(try_attribute prompts/fox user.seed.image_url)"
	same EIO "$(try_attribute images/fox.png user.seed.state)"
}

@test "s1: a pending image has the attributes of what is running" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 1
	for path in prompts/fox images/fox.png; do
		same generating "$(attribute "$path" state)"
		same "$(log_of accepted .task)" "$(attribute "$path" task_id)"
		same ENODATA "$(try_attribute "$path" user.seed.resolution)"
		same ENODATA "$(try_attribute "$path" user.seed.sha256)"
	done
	release
	job_ends 0 "$JOB"
	same verified "$(attribute images/fox.png state)"
}

@test "s1: an image that is still open does not take over its successor's attributes" {
	mount_seed
	write fox "a fox"
	exec 5<"$MNT/images/fox.png"
	same verified "$(getfattr --only-values -n user.seed.state /proc/self/fd/5)"
	write fox "another fox"
	fails getfattr -n user.seed.state /proc/self/fd/5
	same "" "$(getfattr /proc/self/fd/5)"
	exec 5<&-
	same "$(sha256sum <"$MNT/images/fox.png" | cut -d' ' -f1)" "$(attribute images/fox.png sha256)"
}

@test "s1: the attributes move with the entry" {
	mount_seed
	mkdir "$MNT/prompts/shot"
	write shot/sky "a sky"
	task=$(attribute prompts/shot/sky task_id)
	mv "$MNT/prompts/shot/sky" "$MNT/prompts/air"
	same "$task" "$(attribute prompts/air task_id)"
	same "$task" "$(attribute images/air.png task_id)"
}

@test "s1: cost is told where the provider tells it" {
	mount_seed
	write fox "a fox"
	cost=$(record fox .cost)
	stop_seedfs
	if [ "$cost" = null ]; then
		jq '.cost = 0.035' "$STATE/records/fox.json" >"$DIR/row"
		cat "$DIR/row" >"$STATE/records/fox.json"
		cost=0.035
	fi
	mount_seed
	same "$cost" "$(attribute images/fox.png cost)"
	attributes images/fox.png | grep -qx user.seed.cost
}

@test "s1: other files and other names have none" {
	mount_seed
	write fox "a fox"
	echo draft >"$MNT/prompts/.draft"
	for path in status README index.html records/fox.json prompts images prompts/.draft; do
		same "" "$(getfattr --absolute-names "$MNT/$path")"
		same ENODATA "$(try_attribute "$path" user.seed.state)"
	done
	for name in user.seed. user.seed user.seed.nothing user.other security.capability; do
		same ENODATA "$(try_attribute images/fox.png "$name")"
	done
}

@test "s1: a prompt without a record has no attributes" {
	mount_seed
	write fox "a fox"
	rm "$MNT/records/fox.json"
	same "" "$(getfattr --absolute-names "$MNT/prompts/fox")"
	same ENODATA "$(try_attribute images/fox.png user.seed.state)"
}

@test "s1: a read-only mount has the attributes, too" {
	mount_seed
	write fox "a fox"
	stop_seedfs
	start_seedfs -o "provider=kie,state=$STATE,ro" "$MNT"
	wait_mounted
	same verified "$(attribute images/fox.png state)"
}

@test "s1: attributes cannot be set, nor be gone after their removal" {
	mount_seed
	write fox "a fox"
	has "$(setfattr -x user.seed.state "$MNT/images/fox.png" 2>&1)" "Read-only"
	setfattr -x user.seed.state "$MNT/prompts/fox"
	for path in prompts/fox images/fox.png; do
		run setfattr -n user.seed.state -v queued "$MNT/$path"
		[ "$status" -ne 0 ]
		same verified "$(attribute "$path" state)"
	done
	same 1 "$(count submit)"
}

@test "s1: cp -a, mv and rsync -X bring in files that have attributes" {
	mount_seed
	for name in copied moved synced; do
		echo "a fox $name" >"$DIR/$name"
	done
	# Not every file system for temporary files has user attributes.
	setfattr -n user.test -v yes "$DIR/copied" "$DIR/moved" || true
	cp -a "$DIR/copied" "$MNT/prompts/copied"
	mv "$DIR/moved" "$MNT/prompts/moved"
	rsync -X "$DIR/synced" "$MNT/prompts/synced"
	for name in copied moved synced; do
		same "a fox $name" "$(cat "$MNT/prompts/$name")"
		is_verified "$name"
	done
	[ ! -e "$DIR/moved" ]
	same 3 "$(count submit)"
}

@test "s1: rsync -X says which attributes it could not bring, and brings the text" {
	mount_seed
	echo "a fox" >"$DIR/fox"
	setfattr -n user.test -v yes "$DIR/fox" || skip "no user attributes in $DIR"
	run rsync -X "$DIR/fox" "$MNT/prompts/fox"
	same 23 "$status" # as onto any file system without them
	has "$output" "Operation not supported"
	same "a fox" "$(cat "$MNT/prompts/fox")"
	cat "$MNT/images/fox.png" >/dev/null # waits
	is_verified fox
	same 1 "$(count submit)"
}

@test "s1: what is copied out keeps the attributes" {
	mount_seed
	write fox "a fox"
	cp -a "$MNT/images/fox.png" "$DIR/fox.png"
	rsync -X "$MNT/images/fox.png" "$DIR/synced.png" || true
	cmp "$MNT/images/fox.png" "$DIR/fox.png"
	if : >"$DIR/probe" && setfattr -n user.test -v yes "$DIR/probe"; then
		same verified "$(getfattr --absolute-names --only-values -n user.seed.state "$DIR/fox.png")"
		same "$(attribute images/fox.png task_id)" \
			"$(getfattr --absolute-names --only-values -n user.seed.task_id "$DIR/synced.png")"
	fi
	same 1 "$(count submit)"
}
