#!/usr/bin/env bats
# provider=comfyui: workflows, under ids of ours.
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load helper
load provider

export SERVICE=comfyui BASE=/comfyui

# An input of the first node of a type, in the workflow of the Nth submission.
input() { # CLASS NAME [N]
	sent "[.prompt[] | select(.class_type == \"$1\")][0].inputs.$2" "${3:-1}"
}

uuid='[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

@test "comfyui: a prompt becomes a verified image" {
	mount_service
	write fox "a fox"
	is_verified fox
	same comfyui "$(record fox .provider)"
	same "$(sent .prompt_id)" "$(record fox .task_id)"
	[[ $(record fox .task_id) =~ ^$uuid$ ]]
	same "2048 1152 none" "$(record fox '"\(.source.width) \(.source.height) \(.source.fit)"')"
	has "$(record fox .image_url)" "/comfyui/view?filename="
	same 1 "$(count create)"
	same 1 "$(count image)"
}

@test "comfyui: the built-in workflow has the seed's parameters" {
	mount_service -o steps=12,cfg_scale=5.5
	write fox '{"prompt": "a \"fox\" {{seed}}", "seed": 42, "negative_prompt": "snow"}'
	is_verified fox
	same "42 12 5.5" "$(input KSampler 'seed') $(input KSampler steps) $(input KSampler cfg)"
	same "2048 1152" "$(input EmptyLatentImage width) $(input EmptyLatentImage height)"
	same sd_xl_base_1.0.safetensors "$(input CheckpointLoaderSimple ckpt_name)"
	same 'a "fox" {{seed}}' "$(log_of accepted .prompt)"
	same snow "$(sent '.prompt[.prompt["3"].inputs.negative[0]].inputs.text')"
	same "seedfs/$(record fox .task_id)" "$(input SaveImage filename_prefix)"
}

@test "comfyui: without a key file no key goes to the service" {
	mount_service
	write fox "a fox"
	same none "$(jq -r .auth "$DIR/received" | sort -u)"
}

@test "comfyui: model= names the checkpoint" {
	mount_service -o model=v1-5-pruned.safetensors
	write fox "a fox"
	is_verified fox
	same v1-5-pruned.safetensors "$(input CheckpointLoaderSimple ckpt_name)"
}

@test "comfyui: the retry has its own parameters, seed and id" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"KSampler","msg":"Allocation on device"}}}]'
	write fox "a fox"
	is_verified fox
	same "30 8" "$(input KSampler steps) $(input KSampler cfg)"
	same "25 7" "$(input KSampler steps 2) $(input KSampler cfg 2)"
	fails same "$(input KSampler seed)" "$(input KSampler seed 2)"
	fails same "$(sent .prompt_id)" "$(sent .prompt_id 2)"
	has "$(record fox '.attempts[0].error.message')" "Allocation on device"
}

@test "comfyui: a workflow of one's own" {
	cat >"$DIR/flow.json" <<-'END'
		{"10": {"class_type": "KSampler", "inputs": {"seed": "{{seed}}", "steps": "{{steps}}", "cfg": "{{cfg}}",
			"sampler_name": "dpmpp_2m", "positive": ["12", 0], "negative": ["13", 0]}},
		 "11": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5-pruned.safetensors"}},
		 "12": {"class_type": "CLIPTextEncode", "inputs": {"text": "oil painting of {{prompt}}, {{width}} wide"}},
		 "13": {"class_type": "CLIPTextEncode", "inputs": {"text": "{{negative_prompt}}"}},
		 "14": {"class_type": "EmptyLatentImage", "inputs": {"width": "{{width}}", "height": "{{height}}", "batch_size": 1}},
		 "15": {"class_type": "SaveImage", "inputs": {"filename_prefix": "mine/a b/{{id}}", "images": ["10", 0]}}}
	END
	mount_service -o "workflow=$DIR/flow.json"
	write fox '{"prompt": "a \"fox\" {{id}}", "seed": 7, "negative_prompt": "snow"}'
	is_verified fox
	same 'oil painting of a "fox" {{id}}, 2048 wide' "$(log_of accepted .prompt)"
	same "7 30 8 dpmpp_2m" "$(sent '.prompt["10"].inputs | "\(.seed) \(.steps) \(.cfg) \(.sampler_name)"')"
	same snow "$(sent '.prompt["13"].inputs.text')"
	has "$(record fox .image_url)" "subfolder=mine%2Fa%20b"
}

@test "comfyui: a workflow that is none is refused before mounting" {
	for text in '' '[]' '{"nodes": [], "links": []}' '{"3": {"class_type": "KSampler", "inputs": {}}}'; do
		printf '%s' "$text" >"$DIR/flow.json"
		run "$SEEDFS" -o "provider=comfyui,api_base=$API/comfyui,state=$STATE,workflow=$DIR/flow.json" "$MNT"
		same 1 "$status"
		has "$output" workflow
	done
	run "$SEEDFS" -o "provider=comfyui,api_base=$API/comfyui,state=$STATE,workflow=$DIR/none.json" "$MNT"
	same 1 "$status"
	has "$output" "$DIR/none.json"
	same 0 "$(count create)"
}

@test "comfyui: a checkpoint that the server does not have is EINVAL, with its list" {
	mount_service -o model=unknown.safetensors
	gives EINVAL "not in ['sd_xl_base_1.0.safetensors'" '[]'
}

@test "comfyui: a workflow that is refused is EINVAL" {
	mount_service
	gives EINVAL "Prompt has no outputs" '[{"on":"create","do":{"status":400,"code":"prompt_no_outputs","msg":"Prompt has no outputs"}}]'
	gives EINVAL "Cannot execute because node X does not exist" '[{"on":"create","do":{"status":400,"code":"invalid_prompt","msg":"Cannot execute because node X does not exist."}}]'
}

# A workflow with these nodes beside those that sample, in $DIR/flow.json.
flow() { # NODES, JSON
	jq -n --argjson more "$1" '{
		"3": {class_type: "KSampler", inputs: {seed: "{{seed}}", steps: "{{steps}}", cfg: "{{cfg}}",
			positive: ["6", 0], negative: ["7", 0], latent_image: ["5", 0]}},
		"5": {class_type: "EmptyLatentImage", inputs: {width: "{{width}}", height: "{{height}}", batch_size: 1}},
		"6": {class_type: "CLIPTextEncode", inputs: {text: "{{prompt}}"}},
		"7": {class_type: "CLIPTextEncode", inputs: {text: "{{negative_prompt}}"}}} + $more' >"$DIR/flow.json"
}

save='"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix"'

@test "comfyui: a workflow of which one output is invalid is EINVAL, and the rest is taken back" {
	flow "{\"8\": {\"class_type\": \"PreviewImage\", \"inputs\": {\"images\": [\"3\", 0]}},
		\"9\": {$save: \"a\", \"images\": [\"99\", 0]}}}"
	mount_service -o "workflow=$DIR/flow.json"
	hold_tasks
	same "close EINVAL" "$(try_write fox "a fox")"
	has "$(record fox .error.message)" "Required input is missing: images"
	received cancel 2
	same "$(sent .prompt_id)" "$(log_of cancel .task | sort -u)"
	same "1 0" "$(count create) $(count image)"
}

@test "comfyui: of several outputs the one with the id in its prefix or title is the picture" {
	for mark in '"filename_prefix": "the {{id}}"}}' '"filename_prefix": "b"}, "_meta": {"title": "result {{id}}"}}'; do
		flow "{\"9\": {\"class_type\": \"SaveImage\", \"inputs\": {\"images\": [\"3\", 0], $mark,
			\"10\": {$save: \"small\"}}, \"11\": {\"class_type\": \"PreviewImage\", \"inputs\": {\"images\": [\"3\", 0]}}}"
		mount_service -o "workflow=$DIR/flow.json"
		write fox "a fox"
		is_verified fox
		same "png 2048x1152" "$(record fox '"\(.source.format) \(.source.width)x\(.source.height)"')"
		stop_seedfs
	done
	same 2 "$(count image)"
}

@test "comfyui: without a mark it is the last that is saved, and no animation" {
	flow "{\"8\": {$save: \"first\"}}, \"9\": {$save: \"last\"}},
		\"10\": {\"class_type\": \"SaveVideo\", \"inputs\": {\"images\": [\"3\", 0], \"filename_prefix\": \"film\"}}}"
	mount_service -o "workflow=$DIR/flow.json"
	write fox "a fox"
	is_verified fox
	has "$(record fox .image_url)" "filename=last_00001_.png"
}

@test "comfyui: where an output is not valid, the next is looked at before the attempt fails" {
	flow "{\"8\": {$save: \"first\"}}, \"9\": {$save: \"small\"}}}"
	mount_service -o "workflow=$DIR/flow.json"
	write fox "a fox"
	is_verified fox
	has "$(record fox .image_url)" "filename=first_00001_.png"
	same "1 2" "$(count create) $(count image)"
	stop_seedfs
	flow "{\"8\": {$save: \"small1\"}}, \"9\": {$save: \"small2\"}}}"
	mount_service -o "workflow=$DIR/flow.json"
	same "close EBADMSG" "$(try_write owl "an owl")"
	has "$(record owl .error.message)" "no image from the workflow is valid"
	same "3 6" "$(count create) $(count image)"
}

@test "comfyui: a client is named, without which some versions answer with no outputs" {
	mount_service
	write fox "a fox"
	same "$(sent .prompt_id)" "$(sent .client_id)"
}

@test "comfyui: a run that fails is EIO, with the node and the exception" {
	mount_service
	gives EIO "the workflow failed at KSampler: Allocation on device" '[{"on":"create","do":{"fail":{"code":"KSampler","msg":"Allocation on device"}}}]'
}

@test "comfyui: a run without a picture is EIO" {
	mount_service
	gives EIO "no image in the workflow's outputs" '[{"on":"create","do":{"no_url":"absent"}}]'
}

@test "comfyui: a server error is EIO" {
	mount_service
	gives EIO "HTTP 500" '[{"on":"create","do":{"status":500,"body":"500 Internal Server Error","type":"text/plain"}}]'
}

@test "comfyui: an interruption by somebody else is EIO, and tried once more" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	api /comfyui/interrupt -d "$(log_of accepted '{prompt_id: .task}')"
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	has "$(record fox '.attempts[0].error.message')" "interrupted at the server"
}

@test "comfyui: 429 is waited for" {
	mount_service
	waits_for_429 '{"status":429,"msg":"queue full","retry_after":"1"}'
}

@test "comfyui: trouble while it is polled ends nothing" {
	mount_service
	faults '[{"on":"poll","nth":1,"do":{"status":500}},{"on":"poll","nth":2,"do":{"body":"{}"}},
		{"on":"poll","nth":3,"do":{"reset":true}},{"on":"poll","nth":4,"do":{"body":"<html>"}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
}

@test "comfyui: kill -9 in mid-task: goes on with the same run" {
	with_a_running_task
	kill_seedfs
	resumes
}

@test "comfyui: kill -9 before the submission is answered: its id is asked for" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	background try_write fox "a fox"
	received held 1
	TASK=$(sent .prompt_id)
	kill_seedfs
	# The server took it all the same.
	log_of create -c .body >"$DIR/body"
	faults '[]'
	api /comfyui/prompt -d "@$DIR/body" >/dev/null
	mount_service
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "$TASK" "$(record fox .task_id)"
	same 1 "$(count accepted)"
	same "$TASK" "$(log_of poll .task | sort -u)"
}

@test "comfyui: a run whose answer is lost is looked for by its id, not queued again" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"lost":true}}]'
	write fox "a fox"
	is_verified fox
	same "1 1" "$(count create) $(record fox '.attempts|length')"
	has "$(status_texts fox)" "the task is asked for by its id"
	# What the server never had is queued by the retry.
	faults '[{"on":"create","nth":1,"do":{"reset":true}}]'
	WAIT=40 write owl "an owl"
	is_verified owl
	same "1 2" "$(count accepted "an owl") $(record owl '.attempts|length')"
}

@test "comfyui: an id that the server never saw ends at the timeout, and is tried once more" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hang":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	mount_service -o timeout=8
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same ETIMEDOUT "$(record fox '.attempts[0].error.errno')"
	same 1 "$(count accepted)"
}

@test "comfyui: rm interrupts the run that is ours" {
	with_a_running_task
	rm "$MNT/prompts/fox"
	received cancel 2
	same "/comfyui/queue"$'\n'"/comfyui/interrupt" "$(log_of cancel .path)"
	same "$TASK" "$(log_of cancel .task | sort -u)"
	same "$TASK" "$(log_of cancel -s '.[1].body.prompt_id')"
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ECANCELED
}

@test "comfyui: rm is one request where the server has one for it" {
	BASE=/comfynew with_a_running_task
	rm "$MNT/prompts/fox"
	received cancel 1
	job_ends 0 "$JOB"
	same "/comfynew/api/jobs/$TASK/cancel" "$(log_of cancel .path)"
}

@test "comfyui: rm takes what waits out of the queue, and leaves what runs alone" {
	mount_service
	hold_tasks
	background try_write owl "an owl"
	first=$JOB
	received accepted 1
	background try_write fox "a fox"
	received poll 1 fox
	rm "$MNT/prompts/fox"
	received queue 1
	job_ends 0 "$JOB"
	release
	job_ends 0 "$first"
	is_verified owl
	same /comfyui/queue "$(log_of cancel .path)"
	same "$(log_of accepted -s '.[1].task')" "$(log_of cancel '.body.delete[0]')"
}

@test "comfyui: the place in the server's queue is in the record and in the queue" {
	mount_service
	faults '[{"on":"create","do":{"hold_task":true}}]'
	for name in fox owl hen; do
		background try_write "$name" "a $name"
		received accepted 1 "a $name"
	done
	wait_until record_is hen .queue_position 2
	wait_until record_is owl .queue_position 1
	same null "$(record fox .queue_position)"
	has "$(grep hen "$MNT/queue")" "[....................] position 2"
	has_not "$(grep hen "$MNT/queue")" "%"
	release fox
	wait_until record_is hen .queue_position 1
	wait_until record_is owl .queue_position null
	release
	job_ends 0 "$JOB"
}

@test "comfyui: a task that the server has lost fails long before the timeout, and is tried once more" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	api /_forget -X POST
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	is_verified fox
	has "$(record fox '.attempts[0].error.message')" "does not know the task any more"
	same 2 "$(count create)"
}

@test "comfyui: a server whose queue cannot be asked has pictures all the same" {
	mount_service
	for status in 404 500; do
		faults "[{\"on\":\"queue\",\"do\":{\"status\":$status}},{\"on\":\"create\",\"do\":{\"duration_ms\":1500}}]"
		write "fox$status" "a fox"
		is_verified "fox$status"
	done
}
