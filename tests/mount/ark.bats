#!/usr/bin/env bats
# provider=ark: one synchronous request.

load helper
load provider

export SERVICE=ark BASE=/ark

@test "ark: a prompt becomes a verified image" {
	mount_service
	write fox "a fox"
	is_verified fox
	same "ark null" "$(record fox '"\(.provider) \(.task_id)"')"
	same "jpeg 2048 1152 none" "$(record fox '.source | "\(.format) \(.width) \(.height) \(.fit)"')"
	has "$(record fox .image_url)" "$API/files/"
	same '{"model":"seedream-4-0-250828","prompt":"a fox","response_format":"url","sequential_image_generation":"disabled","size":"2048x1152","watermark":false}' \
		"$(log_of create -c -S .body)"
	same 1 "$(count create)"
}

@test "ark: the key is a bearer's, and goes to no image" {
	mount_service
	write fox "a fox"
	same ok "$(log_of create .auth)"
	same none "$(log_of image .auth)"
}

@test "ark: what a model has no field for is not sent" {
	mount_service
	write fox '{"prompt": "a fox", "seed": 42, "negative_prompt": "snow", "steps": 12}'
	is_verified fox
	same "null null null null" "$(sent '"\(.seed) \(.guidance_scale) \(.steps) \(.negative_prompt)"')"
}

@test "ark: seedream 3.0 has a seed and a scale, and other ones at the retry" {
	mount_service -o model=seedream-3-0-t2i-250415
	faults '[{"on":"create","nth":1,"do":{"status":500,"code":"InternalServiceError","msg":"try again"}}]'
	write fox '{"prompt": "a fox", "seed": 42}'
	is_verified fox
	same "42 8" "$(sent '"\(.seed) \(.guidance_scale)"')"
	same "42 7" "$(sent '"\(.seed) \(.guidance_scale)"' 2)"
}

@test "ark: a model that wants more pixels is asked for more" {
	mount_service -o model=seedream-4-5-251128
	write fox "a fox"
	is_verified fox
	same 2560x1440 "$(sent .size)"
	same down "$(record fox .source.fit)"
}

@test "ark: 5.0 pro is asked for exactly the size, as PNG" {
	mount_service -o model=dola-seedream-5-0-pro-260628
	write fox "a fox"
	is_verified fox
	same "2048x1152 png" "$(sent '"\(.size) \(.output_format)"')"
	same "png none" "$(record fox '"\(.source.format) \(.source.fit)"')"
}

@test "ark: the content policy is EPERM, with HTTP 400 and within a 200" {
	mount_service
	gives EPERM "may contain sensitive information" '[{"on":"create","do":{"status":400,"code":"InputTextSensitiveContentDetected","msg":"The request failed because the input text may contain sensitive information."}}]'
	gives EPERM "may contain sensitive information" '[{"on":"create","do":{"fail":{"code":"OutputImageSensitiveContentDetected","msg":"The output image may contain sensitive information."}}}]'
	gives EPERM "the picture was withheld" '[{"on":"create","do":{"fail":{"whole":true,"code":"OutputImageSensitiveContentDetected","msg":"the picture was withheld"}}}]'
}

@test "ark: a request that is refused is EINVAL" {
	mount_service
	gives EINVAL "image size must be at least" '[{"on":"create","do":{"status":400,"code":"InvalidParameter","msg":"image size must be at least 3686400 pixels"}}]'
}

@test "ark: quotas and debts are EDQUOT, although they come with 429 and 403" {
	mount_service
	gives EDQUOT "exceeded the quota" '[{"on":"create","do":{"status":429,"code":"QuotaExceeded","msg":"You have exceeded the quota."}}]'
	gives EDQUOT "inference limit" '[{"on":"create","do":{"status":429,"code":"SetLimitExceeded","msg":"Your account has reached the set inference limit."}}]'
	gives EDQUOT "overdue balance" '[{"on":"create","do":{"status":403,"code":"AccountOverdueError","msg":"Your account has an overdue balance."}}]'
	gives EDQUOT "exceeded the quota" '[{"on":"create","do":{"fail":{"code":"QuotaExceeded","msg":"You have exceeded the quota."}}}]'
}

@test "ark: other 429s are waited for" {
	mount_service
	waits_for_429 '{"status":429,"code":"ModelAccountIpmRateLimitExceeded","msg":"The requests have exceeded the limit.","retry_after":"1"}'
}

@test "ark: an overload within a 200 is waited for, too" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"body":"{\"error\":{\"code\":\"ServerOverloaded\",\"message\":\"overloaded\"}}"}}]'
	write fox "a fox"
	is_verified fox
	same 2 "$(count create)"
	same 1 "$(record fox '.attempts | length')"
}

@test "ark: a key that is refused is EKEYREJECTED" {
	echo bad-key >"$DIR/key"
	mount_service
	gives EKEYREJECTED "the key is not known here" '[]'
	same 0 "$(count accepted)"
}

@test "ark: a model that is not there is EINVAL, with its name" {
	mount_service -o model=seedance-1-0
	gives EINVAL "model seedance-1-0: HTTP 404: The model does not exist" '[]'
}

@test "ark: each model gets the fields that it has" {
	mount_service
	for model in seedream-4-0-250828 seedream-4-5-251128 seedream-5-0-260128 dola-seedream-5-0-pro-260628 \
		seedream-5-0-flash-260915 seedream-5-5-261015 ep-20261122-abcde; do
		write "$model" '{"prompt": "a fox", "model": "'"$model"'", "seed": 7, "negative_prompt": "snow"}'
		is_verified "$model"
		has_not "$(record "$model" .source.fit)" up
		has "$(status_texts "$model")" "This model has no negative_prompt and no seed: not sent"
	done
	has "$(status_texts ep-20261122-abcde)" "The sizes of this model are not known"
	has_not "$(status_texts seedream-4-0-250828)" "not known"
}

@test "ark: a server error is EIO, with HTTP 500 and within a 200" {
	mount_service
	gives EIO "internal" '[{"on":"create","do":{"status":500,"code":"InternalServiceError","msg":"The service encountered an internal error."}}]'
	gives EIO "internal" '[{"on":"create","do":{"fail":{"code":"InternalServiceError","msg":"internal"}}}]'
}

@test "ark: an answer without a picture is EIO" {
	mount_service
	gives EIO "no image URL in the answer" '[{"on":"create","do":{"no_url":"absent"}}]'
}

@test "ark: what was not answered at kill -9 is not repeated" {
	mount_service
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	kill_seedfs
	mount_service
	wait_until state_is fox failed
	has "$(record fox .error.message)" "may have been accepted"
	same 1 "$(count create)"
}

@test "ark: a download cut by kill -9 is begun again, without a submission" {
	mount_service
	faults '[{"on":"image","nth":1,"do":{"hold":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_service
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count create)"
}

@test "ark: an image URL that died is asked for again: the service has no other" {
	mount_service
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}}]'
	write fox "a fox"
	is_verified fox
	same "1 2" "$(count create) $(count image)"
}
