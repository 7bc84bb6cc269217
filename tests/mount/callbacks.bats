#!/usr/bin/env bats
# `man seed`: callbacks/NAME.

load helper

NO_IMAGE='🎨 [CALLBACK] No valid image provided, generating new 2K image'
ADOPTED='🖼️ [CALLBACK] Final image resolution: 2048x1152'
PRESERVED='ℹ️ [CALLBACK] Preserving existing verified image'

callback() { # NAME BODY: "ok" or what failed
	python3 "$FS" write "$MNT/callbacks/$1" "$2"
}

picture() { # KIND NAME: its URL at the service
	printf '%s/files/%s/%s.png' "$API" "$1" "$2"
}

adopted() { # NAME KIND PICTURE
	is_verified "$1"
	same 0 "$(count submit)"
	has "$(status_texts "$1")" "$ADOPTED"
	same "$(picture "$2" "$3")" "$(record "$1" .image_url)"
}

@test "s6: an image that verifies is adopted" {
	mount_seed
	jq -nc --arg url "$(picture png cover)" '{image_url: $url}' >"$DIR/body.json"
	cat "$DIR/body.json" >"$MNT/callbacks/track42"
	adopted track42 png cover
	curl -sS --noproxy '*' -o "$DIR/source" "$(picture png cover)"
	same "$(pixels "$DIR/source")" "$(pixels "$MNT/images/track42.png")"
	same none "$(log_of image .auth | sort -u)"
}

@test "s6: the image is found however services nest it" {
	mount_seed
	url=$(picture jpeg cover)
	same ok "$(callback a "{\"data\":{\"image_url\":\"$url\"}}")"
	same ok "$(callback b "{\"code\":200,\"msg\":\"All generated successfully.\",\"data\":{\"callbackType\":\"complete\",\"task_id\":\"1\",\"data\":[{\"id\":\"1\",\"audio_url\":\"https://h/a.mp3\",\"image_url\":\"$url\",\"prompt\":\"a song\",\"duration\":198.44}]}}")"
	same ok "$(callback c "{\"data\":{\"info\":{\"resultUrls\":[\"$url\"]}}}")"
	same ok "$(callback d "{\"code\":200,\"data\":{\"taskId\":\"1\",\"state\":\"success\",\"resultJson\":\"{\\\"resultUrls\\\":[\\\"$url\\\"]}\"}}")"
	for name in a b c d; do adopted "$name" jpeg cover; done
}

@test "s6: a larger image is fitted and adopted" {
	mount_seed
	same ok "$(callback big "{\"image_url\":\"$(picture png-4096x2304 cover)\"}")"
	adopted big png-4096x2304 cover
	same ok "$(callback square "{\"image_url\":\"$(picture jpeg-2048x2048 cover)\"}")"
	adopted square jpeg-2048x2048 cover
}

@test "s6: a 360x360 image is not: one is generated from the body's prompt" {
	mount_seed
	same ok "$(callback track "{\"image_url\":\"$(picture jpeg-360x360 cover)\",\"prompt\":\"a cover\"}")"
	has "$(status_texts track)" "$NO_IMAGE"
	same "a cover" "$(log_of create .prompt)"
	is_verified track
}

@test "s6: an image that would have to be scaled up is not adopted" {
	mount_seed
	same ok "$(callback track "{\"image_url\":\"$(picture png-1024x576 cover)\",\"prompt\":\"a cover\"}")"
	has "$(status_texts track)" "$NO_IMAGE"
	same 1 "$(count submit)"
	is_verified track
	same png "$(record track .source.format)"
	same 2048 "$(record track .source.width)"
}

@test "s6: an image that cannot be had, or is none, is not adopted" {
	mount_seed
	n=0
	for url in "$(picture png_cut a)" "$(picture html a)" "$(picture png_flat a)" "$(picture nonsense a)" \
		"file:///etc/passwd" "no url" ""; do
		n=$((n + 1))
		same ok "$(callback "track$n" "{\"image_url\":\"$url\",\"prompt\":\"a cover\"}")"
		has "$(status_texts "track$n")" "$NO_IMAGE"
		is_verified "track$n"
	done
	same 7 "$(count submit)"
}

@test "s6: nor is one whose host cannot be reached within the timeout" {
	mount_seed -o timeout=3
	same ok "$(callback track '{"image_url":"http://127.0.0.1:1/a.png","prompt":"a cover"}')"
	has "$(status_texts track)" "$NO_IMAGE"
	is_verified track
}

# Nothing is paid for while the image may come.
comes_later() {
	same ok "$(callback track "{\"image_url\":\"$(picture png cover)\",\"prompt\":\"a cover\"}")"
	adopted track png cover
}

@test "s6: an image whose host is away for a moment is adopted" {
	mount_seed
	config '{"apart":true}'
	down api 4000
	comes_later
}

@test "s6: an image whose host is busy or breaks off is adopted" {
	mount_seed
	faults '[{"on":"image","nth":1,"times":2,"do":{"status":503,"retry_after":"1"}},
		{"on":"image","nth":3,"do":{"cut":1000}}, {"on":"image","nth":4,"do":{"reset":true}},
		{"on":"image","nth":5,"do":{"status":500}}]'
	comes_later
}

@test "s6: without an image one is generated from the body's prompt" {
	mount_seed
	same ok "$(callback track '{"prompt":"a cover"}')"
	has "$(status_texts track)" "$NO_IMAGE"
	same "a cover" "$(log_of create .prompt)"
	is_verified track
}

@test "s6: without an image and a prompt, NAME's prompt is taken" {
	mount_seed
	faults '[{"on":"create","nth":1,"times":2,"do":{"status":500}}]'
	same "close EIO" "$(try_write track "a cover")"
	same ok "$(callback track '{"code":501,"data":{"callbackType":"error","data":null}}')"
	same "a cover" "$(log_of create .prompt | uniq)"
	same 3 "$(count submit)"
	is_verified track
}

@test "s6: neither there is ENODATA" {
	mount_seed
	same "close ENODATA" "$(callback track '{"code":200}')"
	same "close ENODATA" "$(callback track '{}')"
	same 0 "$(count submit)"
	same ENOENT "$(try_open images/track.png)"
}

@test "s6: neither there is ENODATA, also where an image is not taken and there is a style" {
	mount_seed -o style=ink
	same "close ENODATA" "$(callback track "{\"image_url\":\"$(picture png_flat a)\"}")"
	same 0 "$(count submit)"
}

@test "s6: what is not JSON is EINVAL" {
	mount_seed
	for body in 'not json' '{"image_url":' '[' '7 8' '{"a":1} x'; do
		same "close EINVAL" "$(callback track "$body")"
	done
	same 0 "$(count submit)"
	same 0 "$(count image)"
}

@test "s6: what is not UTF-8 is not JSON: EINVAL, and the log says where it is not" {
	mount_seed
	same "close EINVAL" "$(callback track "{\"image_url\":\"$(picture png cover)\",\"title\":\"caf"$'\xe9"}')"
	same "close EINVAL" "$(callback track $'{"image_url":"\xff"}')"
	same 2 "$(status_texts track | grep -c '^❌ \[SYNC IMAGE\] Callback refused: the callback is not valid UTF-8 (byte [0-9]*) (EINVAL)$')"
	has "$(status_texts track)" "(byte 14)"
	has_not "$(status_texts track)" "No valid image"
	# As UTF-16 has them.
	same "close EINVAL" "$(python3 "$FS" write "$MNT/callbacks/wide" 7b000a00 --hex)"
	has "$(status_texts wide)" "Callback refused: a NUL at byte 1 (EINVAL)"
	same 0 "$(count submit)"
	same 0 "$(count image)"
}

@test "s6: a verified image is preserved, whatever the body holds" {
	mount_seed
	write track "a cover"
	sum=$(sha256sum <"$MNT/images/track.png")
	for body in "{\"image_url\":\"$(picture png other)\"}" '{"prompt":"another"}' '{}'; do
		same ok "$(callback track "$body")"
		same "$sum" "$(sha256sum <"$MNT/images/track.png")"
	done
	same 3 "$(status_texts track | grep -cF "$PRESERVED")"
	same 1 "$(count submit)"
	same 1 "$(count image)"
	same "" "$(ls "$MNT/history")"
}

@test "s6: many callbacks at once give one image, which stays" {
	mount_seed
	for n in 1 2 3 4 5 6 7 8; do
		background callback track "{\"image_url\":\"$(picture png "cover$n")\"}"
	done
	for job in "${JOBS[@]}"; do job_ends 0 "$job"; done
	same ok "$(sort -u "$DIR"/job.*)"
	is_verified track
	same 0 "$(count submit)"
	same "" "$(ls "$MNT/history")"
	sum=$(sha256sum <"$MNT/images/track.png")
	same ok "$(callback track "{\"image_url\":\"$(picture png late)\"}")"
	same "$sum" "$(sha256sum <"$MNT/images/track.png")"
}

@test "s6: a callback that comes while the prompt runs replaces nothing verified" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write track "a cover"
	received poll 1
	background callback track "{\"image_url\":\"$(picture png other)\"}"
	late=$JOB
	release
	job_ends 0 "$late"
	wait_until state_is track verified
	is_verified track
	same 1 "$(count submit)"
}

@test "s6: close waits as for a prompt" {
	mount_seed
	faults '[{"on":"image","do":{"hold":true}}]'
	background python3 "$FS" write "$MNT/callbacks/track" "{\"image_url\":\"$(picture png cover)\"}"
	received held 1
	wait_until is_waiting "$JOB"
	same "" "$(cat "$JOB_OUT")"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified track
}

@test "s6: a failure is that of the generation" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(callback track '{"prompt":"a cover"}')"
	same EDQUOT "$(try_open images/track.png)"
	same 1 "$(count submit)"
}

@test "s6: a signed URL's query is not in the log" {
	mount_seed
	same ok "$(callback track "{\"image_url\":\"$(picture png cover)?X-Sig=topsecret\"}")"
	has "$(status_texts track)" "$ADOPTED"
	has_not "$(cat "$MNT/status" "$DIR/err")" topsecret
}

@test "s1: callbacks/NAME has mode 0644 where it is listed, and looking costs nothing" {
	mount_seed
	same ok "$(callback track "{\"image_url\":\"$(picture png cover)\"}")"
	ls -la "$MNT/callbacks" >/dev/null
	if [ -e "$MNT/callbacks/track" ]; then
		same 644 "$(stat -c %a "$MNT/callbacks/track")"
		cat "$MNT/callbacks/track" >/dev/null
	fi
	same 0 "$(count submit)"
	same 1 "$(count image)"
}

@test "s2.4: a signal ends the wait of a callback that waits for another's end" {
	local pid

	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	python3 "$FS" write "$MNT/callbacks/fox" '{"prompt":"an owl"}' >"$DIR/callback" 2>&1 &
	pid=$!
	wait_until is_waiting "$pid"
	kill -KILL "$pid"
	wait_until ended "$pid"
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
}

# 40 of them by one process that does not wait; their image does not come.
many_callbacks() {
	faults '[{"on":"image","do":{"hold":true}}]'
	for i in {10..49}; do
		same ok "$(python3 "$FS" write "$MNT/callbacks/track$i" \
			"{\"image_url\":\"$(picture png "cover$i")\",\"prompt\":\"a cover\"}" --nonblock)"
	done
	received image 32
	wait_until waits_in_line 8
}

waits_in_line() { # N
	same "$1" "$(grep -c 'queued .*waits until fewer than 32 images of callbacks are looked at' "$MNT/queue")"
}

@test "however many callbacks there are, 32 of their images are looked at at once" {
	mount_seed
	many_callbacks
	same 32 "$(count image)"
	# What is removed in the line is not looked at.
	same queued "$(record track49 .state)"
	rm "$MNT/prompts/track49"
	waits_in_line 7
	release
	for i in {10..48}; do
		wait_until state_is "track$i" verified
	done
	fails test -e "$MNT/images/track49.png"
	same 39 "$(count image)"
	same 0 "$(count submit)"
}

@test "callbacks that waited for their turn have it after a crash" {
	mount_seed
	many_callbacks
	kill_seedfs
	mount_seed
	wait_until waits_in_line 8
	release
	for i in {10..49}; do
		wait_until state_is "track$i" verified
	done
}

# A prompt's is asked for again after 30 s without a byte; this one is asked for once.
@test "s4: a callback's image that is slow to come is used" {
	mount_seed
	faults '[{"on":"image","do":{"delay_ms":31500}}]'
	same ok "$(callback fox "{\"image_url\":\"$API/files/png/fox.png\"}")"
	is_verified fox
	same 0 "$(count submit)"
}
