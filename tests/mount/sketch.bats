#!/usr/bin/env bats
# `man seedfs`: provider=sketch.

load helper

mount_sketch() {
	start_seedfs -o "provider=sketch,state=$STATE" "$@" "$MNT"
	wait_mounted
}

@test "s7: sketch needs no key and no network" {
	mount_sketch
	write fox "a red fox in deep snow, low winter sun"
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/fox.png" summary)"
	same 0 "$(count submit)"
	same "" "$(api /_log)"
}

@test "s7: sketch draws for echo, too" {
	mount_sketch
	echo "a lighthouse in a storm" >"$MNT/prompts/light"
	is_verified light
}

@test "s7: the same prompt is the same picture" {
	mount_sketch -o nometadata
	write one "a red fox in deep snow"
	write two "a red fox in deep snow"
	same "$(pixels "$MNT/images/one.png")" "$(pixels "$MNT/images/two.png")"
	write one "a red fox in deep snow"
	same "$(pixels "$MNT/images/two.png")" "$(pixels "$MNT/images/one.png")"
}

@test "s7: other words are another picture" {
	mount_sketch
	write one "a red fox in deep snow"
	write two "a green valley at noon"
	[ "$(pixels "$MNT/images/one.png")" != "$(pixels "$MNT/images/two.png")" ]
}

@test "s7: the picture is the same on the next mount" {
	mount_sketch -o nometadata
	write one "mountains at dawn"
	stop_seedfs
	mount_sketch -o nometadata
	write two "mountains at dawn"
	cmp "$MNT/images/one.png" "$MNT/images/two.png"
}

@test "s5: the record of a sketch has no URL, its bytes came from the provider itself" {
	mount_sketch
	write fox "a fox"
	same sketch "$(record fox .provider)"
	same null "$(record fox .image_url)"
	same 2048x1152 "$(record fox .resolution)"
	same verified "$(record fox .state)"
}

@test "s4: the log of a sketch ends in success" {
	mount_sketch
	write fox "a fox"
	has "$(status_texts fox)" "🖼️ [SYNC IMAGE] Image verified at 2048x1152"
	has "$(status_texts fox | tail -n 1)" "✅ [SYNC IMAGE] "
}

@test "s7: twenty sketches at once" {
	mount_sketch
	background python3 "$FS" many "$MNT/prompts" 20
	WAIT=60 job_ends 0 "$JOB"
	same "ok: 20" "$(cat "$JOB_OUT")"
	same 20 "$(files images)"
}
