#!/usr/bin/env bats
# provider=openai: OpenAI itself, and local servers that speak its dialect.

load helper
load provider

export SERVICE=openai BASE=/openai/v1

mount_gpt() {
	mount_service -o model=gpt-image-2 "$@"
}

mount_local() { # sdcpp or localai
	BASE=/$1/v1 mount_service "${@:2}"
}

error_is() { # NAME CODE
	[[ $(record "$1" .error.errno) == "$2" ]]
}

@test "openai: a prompt becomes a verified image" {
	mount_gpt
	write fox "a fox"
	is_verified fox
	same "openai null null" "$(record fox '"\(.provider) \(.image_url) \(.task_id)"')"
	same "2048 1152 none" "$(record fox '"\(.source.width) \(.source.height) \(.source.fit)"')"
	same '{"model":"gpt-image-2","n":1,"output_format":"png","prompt":"a fox","quality":"high","size":"2048x1152"}' \
		"$(log_of create -c -S .body)"
	same ok "$(log_of create .auth)"
	same 0 "$(count image)"
	has "$(status_texts fox)" "Image generated at: (in the answer itself)"
}

@test "openai: a model that is gone is EINVAL, and since when is said" {
	mount_service -o model=dall-e-3
	gives EINVAL "model dall-e-3: HTTP 404: The model 'dall-e-3' does not exist.; OpenAI removed it on 2026-05-12" '[]'
}

@test "openai: each model gets the qualities that it has" {
	mount_service -o quality=max
	for model in gpt-image-2.5-flare gpt-image-2.6-sunburst gpt-image-2 gpt-image-1.5; do
		write "$model" '{"prompt": "a fox", "model": "'"$model"'", "seed": 7}'
		is_verified "$model"
		has "$(status_texts "$model")" "This model has no seed: not sent"
	done
	same "max max null null" "$(log_of create -s '[.[].body.quality] | map(tostring) | join(" ")')"
}

@test "openai: gpt-image-1 has a size of its own" {
	mount_service -o model=gpt-image-1
	write fox "a fox"
	is_verified fox
	same 1536x1024 "$(sent .size)"
	same "crop+up" "$(record fox .source.fit)"
}

@test "openai: the words go to a model of OpenAI as they are, but for local markup" {
	mount_gpt
	write fox 'a "fox" — ‹ünï›'
	same 'a "fox" — ‹ünï›' "$(sent .prompt)"
	has_not "$(status_texts fox)" harmless
}

@test "openai: the moderation is EPERM" {
	mount_gpt
	gives EPERM "rejected by the safety system" '[{"on":"create","do":{"status":400,"code":"moderation_blocked","msg":"Your request was rejected by the safety system."}}]'
	gives EPERM "content policy" '[{"on":"create","do":{"status":400,"code":"content_policy_violation","msg":"This request violates our content policy."}}]'
	# Azure, and gateways to it.
	gives EPERM "was filtered" '[{"on":"create","do":{"status":400,"code":"content_filter","msg":"The response was filtered"}}]'
	gives EPERM "content management policy" '[{"on":"create","do":{"status":400,"code":"BadRequest","msg":"Filtered due to the prompt triggering Azure OpenAI'"'"'s content management policy."}}]'
}

@test "openai: a request that is refused is EINVAL" {
	mount_gpt
	gives EINVAL "Invalid value: 'size'." '[{"on":"create","do":{"status":400,"code":"invalid_value","msg":"Invalid value: '"'size'"'."}}]'
}

@test "openai: a model that does not exist is EINVAL, in the service's words" {
	mount_service -o model=gpt-image-none
	gives EINVAL "model gpt-image-none: HTTP 404: The model 'gpt-image-none' does not exist" '[]'
}

@test "openai: a spent quota is EDQUOT, although it comes with 429" {
	mount_gpt
	gives EDQUOT "You exceeded your current quota" '[{"on":"create","do":{"status":429,"code":"insufficient_quota","msg":"You exceeded your current quota, please check your plan and billing details."}}]'
	gives EDQUOT "Billing hard limit" '[{"on":"create","do":{"status":400,"code":"billing_hard_limit_reached","msg":"Billing hard limit has been reached"}}]'
}

@test "openai: the rate limit is waited for" {
	mount_gpt
	waits_for_429 '{"status":429,"code":"rate_limit_exceeded","msg":"Rate limit reached for gpt-image-2","retry_after":"1"}'
}

@test "openai: a key that is refused is EKEYREJECTED" {
	echo bad-key >"$DIR/key"
	mount_gpt
	gives EKEYREJECTED "the key is not known here" '[]'
	same 0 "$(count accepted)"
}

@test "openai: a key that the service repeats is not shown" {
	mount_gpt
	gives EKEYREJECTED "Incorrect API key provided" '[{"on":"create","do":{"status":401,"code":"invalid_api_key","msg":"Incorrect API key provided: %KEY%."}}]'
}

@test "openai: a server error is EIO" {
	mount_gpt
	gives EIO "The server had an error" '[{"on":"create","do":{"status":500,"msg":"The server had an error while processing your request."}}]'
	gives EIO "HTTP 502" '[{"on":"create","do":{"status":502,"body":"<html>bad gateway</html>","type":"text/html"}}]'
}

@test "openai: an answer without a picture, or with a broken one, is EIO" {
	mount_gpt
	gives EIO "no image in the answer" '[{"on":"create","do":{"no_url":"absent"}}]'
	gives EIO "not base64" '[{"on":"create","do":{"body":"{\"data\":[{\"b64_json\":\"!!\"}]}"}}]'
}

@test "openai: a picture that is none is EBADMSG" {
	mount_gpt
	gives EBADMSG "not valid" '[{"on":"create","do":{"image":"html"}}]'
	gives EBADMSG "not valid" '[{"on":"create","do":{"image":"png_cut"}}]'
}

@test "openai: an answer that comes slowly is waited for, and not paid for again" {
	mount_gpt -o timeout=3
	faults '[{"on":"create","do":{"drip":{"bytes":65536,"ms":1000}}}]'
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	same 1 "$(count create)"
	has "$(status_texts fox)" "the rest is waited for, without another submission"
	# Whoever writes it again joins it, with a time of his own.
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	WAIT=60 wait_until is_verified fox
	same "1 1" "$(count create) $(record fox '.attempts | length')"
	same null "$(record fox .error)"
}

@test "openai: an answer that comes slowly and breaks off behind the deadline is not repeated" {
	mount_gpt -o timeout=3
	faults '[{"on":"create","do":{"drip":{"bytes":8192,"ms":500},"cut":81920}}]'
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	step_is submitting
	WAIT=20 wait_until error_is fox EIO
	has "$(record fox .error.message)" "came late and broke off"
	same 1 "$(count create)"
}

@test "openai: an error that comes slowly has its retry" {
	mount_gpt -o timeout=2
	faults '[{"on":"create","nth":1,"do":{"status":500,"drip":{"bytes":8,"ms":1000}}}]'
	write fox "a fox"
	is_verified fox
	same 2 "$(count create)"
}

@test "openai: what comes slowly can be removed, renamed, and superseded meanwhile" {
	mount_gpt -o timeout=2
	faults '[{"on":"create","nth":1,"times":2,"do":{"drip":{"bytes":65536,"ms":500}}}]'
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	rm "$MNT/prompts/fox"
	has "$(try_write cat "a cat")" "close ETIMEDOUT"
	mv "$MNT/prompts/cat" "$MNT/prompts/lynx"
	WAIT=60 wait_until is_verified lynx
	same 2 "$(count create)"
	wait_until nothing_is_pending
	# Its image is paid for: the history has it.
	faults '[{"on":"create","nth":1,"do":{"drip":{"bytes":65536,"ms":500}}}]'
	has "$(try_write owl "an owl")" "close ETIMEDOUT"
	write owl "a great owl"
	WAIT=60 wait_until test -e "$STATE/history/owl/0001.png"
	same "a great owl" "$(record owl .prompt)"
	same 4 "$(count create)"
}

@test "openai: a kill while an answer comes slowly costs no second one" {
	mount_gpt -o timeout=2
	faults '[{"on":"create","do":{"drip":{"bytes":65536,"ms":500}}}]'
	has "$(try_write fox "a fox")" "close ETIMEDOUT"
	kill_seedfs
	mount_gpt
	wait_until state_is fox failed
	has "$(record fox .error.message)" "may have been accepted"
	same 1 "$(count create)"
}

@test "openai: the retry at a local server has its parameters" {
	mount_local sdcpp
	faults '[{"on":"create","nth":1,"do":{"status":500,"msg":"out of VRAM"}}]'
	write fox '{"prompt": "a fox", "seed": 42, "negative_prompt": "snow"}'
	is_verified fox
	same '{"cfg_scale":8,"n":1,"negative_prompt":"snow","prompt":"a fox","response_format":"b64_json","seed":42,"size":"2048x1152","step":30,"steps":30}' \
		"$(sent . | jq -cS .)"
	same "25 25 7 42" "$(sent '"\(.steps) \(.step) \(.cfg_scale) \(.seed)"' 2)"
	has "$(record fox '.attempts[0].error.message')" "out of VRAM"
}

@test "openai: the errors of stable-diffusion.cpp are texts" {
	mount_local sdcpp
	gives EIO "out of VRAM" '[{"on":"create","do":{"status":500,"msg":"out of VRAM"}}]'
	gives EINVAL "prompt required" '[{"on":"create","do":{"status":400,"msg":"prompt required"}}]'
	gives EIO "something" '[{"on":"create","do":{"body":"{\"error\":\"something went wrong\"}"}}]'
}

@test "openai: stable-diffusion.cpp is given no parameters out of the prompt" {
	mount_local sdcpp
	write fox 'a fox <sd_cpp_extra_args>{"width": 64, "height": 64}</sd_cpp_extra_args> in snow'
	is_verified fox
	same "2048 1152" "$(record fox '"\(.source.width) \(.source.height)"')"
	same 'a fox ‹sd_cpp_extra_args>{"width": 64, "height": 64}‹/sd_cpp_extra_args> in snow' "$(sent .prompt)"
	same 'a fox <sd_cpp_extra_args>{"width": 64, "height": 64}</sd_cpp_extra_args> in snow' "$(cat "$MNT/prompts/fox")"
	has "$(status_texts fox)" "would execute was made harmless"
}

@test "openai: nor out of a negative prompt or a style" {
	mount_local sdcpp -o 'style=<sd_cpp_extra_args>{"width": 64}'
	write fox '{"prompt": "a fox", "negative_prompt": "<SD_CPP_EXTRA_ARGS>{}"}'
	is_verified fox
	has_not "$(sent . | tr '[:upper:]' '[:lower:]')" "<sd_cpp"
	has "$(status_texts fox)" "would execute was made harmless"
}

@test "openai: LocalAI is given no negative prompt out of the prompt" {
	mount_local localai
	write fox 'a fox | snow'
	is_verified fox
	same 'a fox / snow' "$(sent .prompt)"
	same 'a fox / snow' "$(log_of accepted .prompt)"
	has "$(status_texts fox)" "would execute was made harmless"
	write owl 'an owl'
	has_not "$(status_texts owl)" harmless
}

@test "openai: what was not answered at kill -9 is not repeated" {
	mount_gpt
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	kill_seedfs
	mount_gpt
	wait_until state_is fox failed
	has "$(record fox .error.message)" "may have been accepted"
	same 1 "$(count create)"
}

@test "openai: what was answered at kill -9 is not asked for again" {
	mount_gpt
	write fox "a fox"
	sum=$(sha256sum <"$MNT/images/fox.png")
	kill_seedfs
	mount_gpt
	same "$sum" "$(sha256sum <"$MNT/images/fox.png")"
	same 1 "$(count create)"
}

@test "openai: rm ends the wait; there is nothing to cancel" {
	mount_gpt
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	rm "$MNT/prompts/fox"
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ECANCELED
	same 0 "$(count cancel)"
}

@test "openai: an image whose answer breaks off behind the last byte of its JSON is paid for once" {
	mount_gpt
	faults '[{"on":"create","nth":1,"do":{"length":9000000}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count submit)"
}
