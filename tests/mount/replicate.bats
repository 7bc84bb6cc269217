#!/usr/bin/env bats
# provider=replicate: predictions.

load helper
load provider

export SERVICE=replicate BASE=/replicate

@test "replicate: a prompt becomes a verified image" {
	mount_service
	write fox "a fox"
	is_verified fox
	same replicate "$(record fox .provider)"
	same "$(log_of accepted .task)" "$(record fox .task_id)"
	same "jpeg 2048 1152" "$(record fox '"\(.source.format) \(.source.width) \(.source.height)"')"
	same 1 "$(count create)"
	same 1 "$(count image)"
}

@test "replicate: what is sent is what the model takes" {
	mount_service -o timeout=240
	write fox '{"prompt": "a fox", "seed": 42, "negative_prompt": "snow"}'
	is_verified fox
	same /replicate/models/bytedance/seedream-4/predictions "$(log_of create .path)"
	same '{"input":{"enhance_prompt":false,"height":1152,"max_images":1,"prompt":"a fox","sequential_image_generation":"disabled","size":"custom","width":2048}}' \
		"$(log_of create -c -S .body)"
	same 240s "$(log_of create '.headers["Cancel-After"]')"
	same null "$(log_of create '.headers.Prefer')"
}

@test "replicate: each model is asked in its own words for a size that need not be enlarged" {
	mount_service
	for model in bytedance/seedream-4.5 bytedance/seedream-5-lite bytedance/seedream-5-pro google/nano-banana-pro \
		google/nano-banana-2 black-forest-labs/flux-2-pro; do
		name=${model//\//_}
		write "$name" '{"prompt": "a fox", "model": "'"$model"'", "seed": 7, "negative_prompt": "snow"}'
		is_verified "$name"
		has_not "$(record "$name" .source.fit)" up
		has "$(status_texts "$name")" "This model has no negative_prompt"
	done
	same '{"aspect_ratio":"custom","height":1152,"output_format":"png","prompt":"a fox","seed":7,"width":2048}' \
		"$(log_of create -c -S 'select(.path | contains("flux-2-pro")) | .body.input')"
	write dev '{"prompt": "a fox", "model": "black-forest-labs/flux-2-dev"}'
	has "$(status_texts dev)" "Smaller than asked for: 1440x832 came"
	write banana '{"prompt": "a fox", "model": "google/nano-banana"}'
	has "$(status_texts banana)" "Smaller than asked for: "
}

@test "replicate: a model that does not exist is EINVAL, and named" {
	mount_service -o model=owner/none
	gives EINVAL "model owner/none: HTTP 404: The requested resource could not be found." '[{"on":"create","do":{"status":404,"msg":"The requested resource could not be found."}}]'
}

@test "replicate: the key is a bearer's, and goes to no image" {
	mount_service
	write fox "a fox"
	same ok "$(log_of create .auth)"
	same ok "$(log_of poll .auth | sort -u)"
	same none "$(log_of image .auth)"
}

@test "replicate: a model's version is asked for by its name" {
	mount_service -o model=owner/name:abc123
	write fox "a fox"
	is_verified fox
	same /replicate/predictions "$(log_of create .path)"
	same "abc123 2048 1152 16:9" "$(sent '"\(.version) \(.input.width) \(.input.height) \(.input.aspect_ratio)"')"
}

@test "replicate: a model that wants more pixels is asked for more" {
	mount_service -o model=bytedance/seedream-4.5
	write fox "a fox"
	is_verified fox
	same "custom 2560 1440" "$(sent '.input | "\(.size) \(.width) \(.height)"')"
	same down "$(record fox .source.fit)"
}

@test "replicate: the retry is a prediction of its own" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"failed","msg":"CUDA error"}}}]'
	write fox "a fox"
	is_verified fox
	same 2 "$(count create)"
	same "$(sent .)" "$(sent . 2)"
	same "25 7" "$(record fox '.attempts[1] | "\(.steps) \(.cfg_scale)"')"
	has "$(record fox '.attempts[0].error.message')" "CUDA error"
	same 2 "$(record fox '[.attempts[].task_id] | unique | length')"
}

@test "replicate: the content policy (E005) is EPERM" {
	mount_service
	gives EPERM "flagged as sensitive" '[{"on":"create","do":{"fail":{"code":"failed","msg":"The input or output was flagged as sensitive. Please try again with different inputs. (E005)"}}}]'
}

@test "replicate: a request that is refused is EINVAL" {
	mount_service
	gives EINVAL "input: prompt is required" '[{"on":"create","do":{"status":422,"code":"Input validation failed","msg":"- input: prompt is required\n"}}]'
}

@test "replicate: no credit is EDQUOT" {
	mount_service
	gives EDQUOT "insufficient credit" '[{"on":"create","do":{"status":402,"code":"Insufficient credit","msg":"You have insufficient credit to run this model. Go to the billing page to purchase credit."}}]'
}

@test "replicate: a key that is refused is EKEYREJECTED" {
	echo bad-key >"$DIR/key"
	mount_service
	gives EKEYREJECTED "the key is not known here" '[]'
	same 0 "$(count accepted)"
}

@test "replicate: failed, canceled and aborted are ends, and EIO" {
	mount_service
	gives EIO "prediction failed: CUDA error" '[{"on":"create","do":{"fail":{"code":"failed","msg":"CUDA error"}}}]'
	gives EIO "prediction aborted: the deadline passed" '[{"on":"create","do":{"fail":{"code":"aborted","msg":"the deadline passed"}}}]'
	gives EIO "prediction canceled" '[{"on":"create","do":{"fail":{"code":"canceled"}}}]'
}

@test "replicate: a server error is EIO" {
	mount_service
	gives EIO "internal server error" '[{"on":"create","do":{"status":500,"msg":"internal server error"}}]'
}

@test "replicate: a picture that the service has removed is EIO and said so" {
	mount_service
	gives EIO "the service has removed the image" '[{"on":"create","do":{"no_url":"absent"}}]'
}

@test "replicate: 429 is waited for" {
	mount_service
	waits_for_429 '{"status":429,"msg":"Request was throttled. Your rate limit resets in ~1s.","retry_after":"1"}'
}

@test "replicate: 429 without Retry-After is waited for, too" {
	mount_service
	waits_for_429 '{"status":429,"msg":"Request was throttled. Expected available in 1 second."}'
}

@test "replicate: trouble while it is polled ends nothing" {
	mount_service
	faults '[{"on":"poll","nth":1,"do":{"status":500}},{"on":"poll","nth":2,"do":{"body":"<html>bad gateway</html>","status":502}},
		{"on":"poll","nth":3,"do":{"status":429,"retry_after":"0"}},{"on":"poll","nth":4,"do":{"reset":true}},
		{"on":"poll","nth":5,"do":{"state":"something new"}},{"on":"poll","nth":6,"do":{"cut":30}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
}

@test "replicate: kill -9 in mid-task: goes on with the same prediction" {
	with_a_running_task
	kill_seedfs
	resumes
}

@test "replicate: a submission cut off before its answer is not repeated after a crash" {
	is_not_repeated
}

@test "replicate: rm cancels the prediction at the service" {
	with_a_running_task
	rm "$MNT/prompts/fox"
	received cancel 1
	same "POST ok $TASK" "$(log_of cancel '"\(.method) \(.auth) \(.task)"')"
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ECANCELED
	same 1 "$(count create)"
}

@test "replicate: an image URL that died is read again out of the prediction" {
	mount_service
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
	same 2 "$(count image)"
}
