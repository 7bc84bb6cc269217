#!/usr/bin/env bats
# provider=fal: the queue of fal.ai.

load helper
load provider

export SERVICE=fal BASE=/fal

@test "fal: a prompt becomes a verified image" {
	mount_service
	write fox "a fox"
	is_verified fox
	same fal "$(record fox .provider)"
	same "$(log_of accepted .task)" "$(record fox .task_id)"
	same "2048 1152 none" "$(record fox '"\(.source.width) \(.source.height) \(.source.fit)"')"
	same 1 "$(count create)"
	same 1 "$(count result)"
	same 1 "$(count image)"
}

@test "fal: what is sent is what the queue takes" {
	mount_service
	write fox '{"prompt": "a fox", "seed": 42, "negative_prompt": "snow"}'
	is_verified fox
	same /fal/fal-ai/bytedance/seedream/v4/text-to-image "$(log_of create .path)"
	same '{"image_size":{"height":1152,"width":2048},"num_images":1,"prompt":"a fox","seed":42}' \
		"$(log_of create -c -S .body)"
	has "$(status_texts fox)" "This model has no negative_prompt: not sent"
}

asked_in_its_words() { # MODEL…
	mount_service
	for model; do
		name=${model//\//_}
		write "$name" '{"prompt": "a fox", "model": "'"$model"'", "seed": 7, "negative_prompt": "snow"}'
		is_verified "$name"
		has_not "$(record "$name" .source.fit)" up
		has_not "$(status_texts "$name")" "not known"
		has_not "$(status_texts "$name")" "Smaller than asked for"
	done
}

@test "fal: each Seedream, and gpt-image-2, is asked in its own words for a size that need not be enlarged" {
	asked_in_its_words fal-ai/bytedance/seedream/v4.5/text-to-image fal-ai/bytedance/seedream/v5/lite/text-to-image \
		bytedance/seedream/v5/pro/text-to-image bytedance/seedream/v5.5/text-to-image \
		fal-ai/bytedance/seedream/v3/text-to-image fal-ai/gpt-image-2
}

@test "fal: each other model is asked in its own words for a size that need not be enlarged" {
	asked_in_its_words fal-ai/nano-banana-pro fal-ai/nano-banana-2 fal-ai/kling-image/v3/text-to-image \
		fal-ai/imagen4/preview fal-ai/flux-2 fal-ai/flux-2-pro fal-ai/qwen-image-2/text-to-image \
		fal-ai/wan/v2.7/text-to-image fal-ai/z-image/turbo
	same '{"aspect_ratio":"16:9","num_images":1,"output_format":"png","prompt":"a fox","resolution":"2K","seed":7}' \
		"$(log_of create -c -S 'select(.path | endswith("banana-pro")) | .body')"
}

@test "fal: what comes smaller than asked for is enlarged, and the log says so" {
	mount_service -o model=fal-ai/gpt-image-1.5
	write fox "a fox"
	is_verified fox
	same '{"image_size":"1536x1024","num_images":1,"output_format":"png","prompt":"a fox","quality":"high"}' \
		"$(log_of create -c -S .body)"
	has "$(status_texts fox)" "Smaller than asked for: 1536x1024 came, 2048x1152 were asked for; scaled up"
	write owl '{"prompt": "an owl", "model": "fal-ai/nano-banana"}'
	has "$(status_texts owl)" "Smaller than asked for: 1024x576 came"
}

@test "fal: a model whose sizes are not known is said so at the submission" {
	mount_service -o model=fal-ai/new-model
	write fox "a fox"
	has "$(status_texts fox)" "The sizes of this model are not known: the image may come smaller than asked for"
}

@test "fal: the key goes under its own scheme, and to no image" {
	mount_service
	write fox "a fox"
	same ok "$(log_of create .auth)"
	same ok "$(log_of poll .auth | sort -u)"
	same ok "$(log_of result .auth)"
	same none "$(log_of image .auth)"
}

@test "fal: another model is another path, and a size that it has" {
	mount_service -o model=fal-ai/bytedance/seedream/v4.5/text-to-image
	write fox "a fox"
	is_verified fox
	same /fal/fal-ai/bytedance/seedream/v4.5/text-to-image "$(log_of create .path)"
	same "2560 1440" "$(sent '"\(.image_size.width) \(.image_size.height)"')"
	same down "$(record fox .source.fit)"
}

@test "fal: a picture as data: URI needs no download" {
	mount_service
	api "/files/png-1024x576/x.png" -o "$DIR/x.png"
	base64 -w0 "$DIR/x.png" >"$DIR/x"
	jq -nc --rawfile data "$DIR/x" \
		'[{on: "result", do: {body: ({images: [{url: ("data:image/png;base64," + $data)}]} | tostring)}}]' \
		>"$DIR/rules"
	api /_faults -d "@$DIR/rules" >/dev/null
	write fox "a fox"
	is_verified fox
	same null "$(record fox .image_url)"
	same 0 "$(count image fox)"
}

@test "fal: the retry is a submission of its own" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"runner_disconnected","msg":"the runner went away"}}}]'
	write fox '{"prompt": "a fox", "seed": 42}'
	is_verified fox
	same 2 "$(count create)"
	same "$(sent .)" "$(sent . 2)"
	same "25 7" "$(record fox '.attempts[1] | "\(.steps) \(.cfg_scale)"')"
	has "$(status_texts fox)" "Retrying once with adjusted parameters (steps: 25, cfg_scale: 7)"
	has "$(record fox '.attempts[0].error.message')" "the runner went away"
}

@test "fal: the content policy is EPERM, told by the result" {
	mount_service
	gives EPERM "The content could not be checked" '[{"on":"create","do":{"fail":{"status":422,"code":"content_policy_violation","msg":"The content could not be checked and approved."}}}]'
}

@test "fal: a request that the model refuses is EINVAL" {
	mount_service
	gives EINVAL "Input should be a valid integer" '[{"on":"create","do":{"status":422,"code":"int_parsing","msg":"Input should be a valid integer"}}]'
}

@test "fal: a model that does not exist is EINVAL, and named" {
	mount_service -o model=fal-ai/none
	gives EINVAL "model fal-ai/none: HTTP 404: Application 'none' not found" '[{"on":"create","do":{"status":404,"msg":"Application '"'none'"' not found"}}]'
}

@test "fal: a refusal of the request by the result is EINVAL" {
	mount_service
	gives EINVAL "the prompt is too long" '[{"on":"create","do":{"fail":{"status":422,"code":"string_too_long","msg":"the prompt is too long"}}}]'
}

@test "fal: an exhausted balance is EDQUOT" {
	mount_service
	gives EDQUOT "Exhausted balance" '[{"on":"create","do":{"status":403,"msg":"User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."}}]'
}

@test "fal: a key that is refused is EKEYREJECTED" {
	mount_service
	echo bad-key >"$DIR/key"
	stop_seedfs
	mount_service
	gives EKEYREJECTED "the key is not known here" '[]'
	same bad "$(log_of create .auth | sort -u)"
	same 0 "$(count accepted)"
}

@test "fal: errors of the model and of the machinery are EIO" {
	mount_service
	gives EIO "it broke" '[{"on":"create","do":{"fail":{"status":500,"code":"internal_server_error","msg":"it broke"}}}]'
	gives EIO "a downstream service failed" '[{"on":"create","do":{"fail":{"status":502,"code":"downstream_service_error","msg":"a downstream service failed"}}}]'
	gives EIO "no runner" '[{"on":"create","do":{"status":503,"code":"runner_scheduling_failure","msg":"no runner"}}]'
}

@test "fal: COMPLETED can mean failed" {
	mount_service
	gives EIO "the runner went away" '[{"on":"create","do":{"fail":{"code":"runner_disconnected","msg":"the runner went away"}}}]'
	gives ETIMEDOUT "startup took too long" '[{"on":"create","do":{"fail":{"code":"startup_timeout","msg":"startup took too long"}}}]'
	same 0 "$(count result)"
}

@test "fal: a blackened picture is EPERM" {
	mount_service
	gives EPERM "safety checker" '[{"on":"result","do":{"body":"{\"images\":[{\"url\":\"%BASE%/files/png_flat/x.png\"}],\"has_nsfw_concepts\":[true]}"}}]'
}

@test "fal: a result without a picture is EIO" {
	mount_service
	gives EIO "no image URL in the answer" '[{"on":"result","do":{"body":"{\"images\":[]}"}}]'
}

@test "fal: 429 is waited for" {
	mount_service
	waits_for_429 '{"status":429,"msg":"Too many requests","retry_after":"1"}'
}

@test "fal: trouble while it is polled ends nothing" {
	mount_service
	faults '[{"on":"poll","nth":1,"do":{"status":500}},{"on":"poll","nth":2,"do":{"body":"<html>bad gateway</html>","status":502}},
		{"on":"poll","nth":3,"do":{"status":429,"retry_after":"0"}},{"on":"poll","nth":4,"do":{"reset":true}},
		{"on":"poll","nth":5,"do":{"state":"SOMETHING_NEW"}},
		{"on":"result","nth":1,"do":{"body":"<html>bad gateway</html>","status":502}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
	same 2 "$(count result)"
}

@test "fal: kill -9 in mid-task: goes on with the same request" {
	with_a_running_task
	kill_seedfs
	resumes
}

@test "fal: kill -9 while the result is asked for: goes on, and submits nothing" {
	mount_service
	faults '[{"on":"result","nth":1,"do":{"hang":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_service
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count create)"
}

@test "fal: a submission cut off before its answer is not repeated after a crash" {
	is_not_repeated
}

@test "fal: rm cancels the request at the service" {
	with_a_running_task
	rm "$MNT/prompts/fox"
	received cancel 1
	same "PUT ok $TASK" "$(log_of cancel '"\(.method) \(.auth) \(.task)"')"
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ECANCELED
	same 1 "$(count create)"
}

@test "fal: an image URL that died is asked for again before the attempt fails" {
	mount_service
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
	same 2 "$(count result)"
	same 2 "$(count image)"
}

@test "fal: a status URL at another host gets no key" {
	mount_service
	faults "$(jq -nc --arg url "http://localhost:${API##*:}/fal/fal-ai/bytedance/requests/x" \
		'[{on: "create", do: {body: ({request_id: "x", status_url: ($url + "/status"),
			response_url: $url, cancel_url: ($url + "/cancel")} | tostring)}}]')"
	has "$(try_write fox "a fox")" "close E"
	same none "$(log_of poll .auth | sort -u)"
	no_key_shown
}

@test "fal: the place in the service's queue is in the record and in the queue" {
	mount_service
	faults '[{"on":"poll","nth":1,"times":3,"do":{"state":"IN_QUEUE","position":7}},{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	wait_until record_is fox .queue_position 7
	has "$(grep fox "$MNT/queue")" " position 7"
	wait_until record_is fox .queue_position null
	has_not "$(grep fox "$MNT/queue")" position
	release
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	same null "$(record fox .queue_position)"
}
