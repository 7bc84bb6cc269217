#!/usr/bin/env bats
# provider=automatic1111: one synchronous request, and two about whatever runs.

load helper
load provider

export SERVICE=automatic1111 BASE=/a1111

@test "automatic1111: a prompt becomes a verified image" {
	mount_service
	write fox "a fox"
	is_verified fox
	same "automatic1111 null" "$(record fox '"\(.provider) \(.image_url)"')"
	same "2048 1152 none" "$(record fox '"\(.source.width) \(.source.height) \(.source.fit)"')"
	same 1 "$(count create)"
}

@test "automatic1111: what is sent are the sampler's parameters" {
	mount_service
	write fox '{"prompt": "a (fox:1.2) | wolf", "seed": 42, "negative_prompt": "snow", "steps": 12, "cfg_scale": 5.5}'
	is_verified fox
	same '{"batch_size":1,"cfg_scale":5.5,"height":1152,"n_iter":1,"negative_prompt":"snow","prompt":"a (fox:1.2) | wolf","save_images":false,"seed":42,"send_images":true,"steps":12,"width":2048}' \
		"$(sent 'del(.force_task_id)' | jq -cS .)"
	same "$(sent .force_task_id)" "$(log_of accepted .task)"
	has_not "$(status_texts fox)" harmless
}

@test "automatic1111: without a key file no key goes to the service" {
	mount_service
	write fox "a fox"
	same none "$(jq -r .auth "$DIR/received" | sort -u)"
}

@test "automatic1111: model= names the checkpoint" {
	mount_service -o model=dreamshaper
	write fox "a fox"
	same dreamshaper "$(sent .override_settings.sd_model_checkpoint)"
}

@test "automatic1111: the retry has its parameters" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"OutOfMemoryError","msg":"CUDA out of memory"}}}]'
	write fox "a fox"
	is_verified fox
	same "30 8 -1" "$(sent '"\(.steps) \(.cfg_scale) \(.seed)"')"
	same "25 7 -1" "$(sent '"\(.steps) \(.cfg_scale) \(.seed)"' 2)"
	fails same "$(sent .force_task_id)" "$(sent .force_task_id 2)"
	has "$(record fox '.attempts[0].error.message')" "CUDA out of memory"
}

@test "automatic1111: pictures in the server's own format are understood" {
	mount_service
	for kind in jpeg webp; do
		faults "[{\"on\":\"create\",\"do\":{\"image\":\"$kind\"}}]"
		write "$kind" "a fox as $kind"
		is_verified "$kind"
		same "$kind" "$(record "$kind" .source.format)"
	done
}

@test "automatic1111: no memory is EIO, with the server's words" {
	mount_service
	gives EIO "CUDA out of memory" '[{"on":"create","do":{"fail":{"code":"OutOfMemoryError","msg":"CUDA out of memory"}}}]'
}

@test "automatic1111: a request that is refused is EINVAL" {
	mount_service -o retry_steps=200
	gives EINVAL "value is not a valid integer" '[{"on":"create","do":{"status":422,"body":"{\"detail\":[{\"loc\":[\"body\",\"steps\"],\"msg\":\"value is not a valid integer\",\"type\":\"type_error.integer\"}]}"}}]'
}

@test "automatic1111: a server without --api is EIO" {
	mount_service
	gives EIO "Not Found" '[{"on":"create","do":{"status":404,"msg":"Not Found"}}]'
}

@test "automatic1111: a password that is asked for is EKEYREJECTED" {
	mount_service
	gives EKEYREJECTED "Incorrect username or password" '[{"on":"create","do":{"status":401,"msg":"Incorrect username or password"}}]'
}

@test "automatic1111: no picture in the answer is EIO" {
	mount_service
	gives EIO "no image in the answer" '[{"on":"create","do":{"no_url":"absent"}}]'
}

@test "automatic1111: a half-finished picture is refused: the progress tells it at the end" {
	mount_service
	gives EIO "the server's job was interrupted" '[{"on":"create","do":{"fail":{"interrupted":true}}}]'
}

@test "automatic1111: a half-finished picture is refused where its answer says so" {
	mount_service
	gives EIO "the server's job was interrupted" '[{"on":"create","do":{"fail":{"told":true}}},{"on":"progress","do":{"status":404}}]'
}

@test "automatic1111: an interruption that is seen while the job runs ends it at once" {
	mount_service
	faults '[{"on":"create","nth":1,"do":{"hold_task":true,"fail":{"interrupted":true}}}]'
	write fox "a fox"
	is_verified fox
	has "$(record fox '.attempts[0].error.message')" "the server's job was interrupted"
	same 2 "$(count create)"
}

@test "automatic1111: an interruption of somebody else's job is not ours" {
	mount_service
	faults '[{"on":"create","do":{"hold_task":true,"fail":{"interrupted":true}}}]'
	background api /a1111/sdapi/v1/txt2img -d '{"prompt":"somebody else","steps":20}'
	other=$JOB
	received accepted 1
	hold_tasks
	background try_write fox "a fox"
	received progress 2
	same generating "$(record fox .state)"
	release
	job_ends 0 "$other"
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	same 1 "$(record fox '.attempts | length')"
}

@test "automatic1111: a server without the progress has pictures all the same" {
	mount_service
	faults '[{"on":"progress","do":{"status":404,"msg":"Not Found"}}]'
	write fox "a fox"
	write owl "an owl"
	is_verified fox
	is_verified owl
	same 4 "$(count progress)"
	same 1 "$(grep -c "reports neither a job" "$MNT/status")"
}

@test "automatic1111: a half-finished picture is refused although the next job begins at once" {
	mount_service
	hold_tasks
	background try_write fox "a fox"
	fox=$JOB
	received accepted 1
	background try_write owl "an owl"
	received accepted 2
	api /a1111/sdapi/v1/interrupt -d '{}'
	wait_until record_is fox '.attempts[0].error.message' "the server's job was interrupted"
	release
	job_ends 0 "$fox"
	job_ends 0 "$JOB"
	is_verified fox
	is_verified owl
	same 1 "$(record owl '.attempts | length')"
}

@test "automatic1111: an interruption of the job after ours does not cost our picture" {
	mount_service
	faults '[{"on":"create","prompt":"somebody","do":{"hold_task":true,"fail":{"interrupted":true}}},
		{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	fox=$JOB
	received accepted 1
	background api /a1111/sdapi/v1/txt2img -d '{"prompt":"somebody else","steps":20}'
	received accepted 2
	release fox
	job_ends 0 "$fox"
	is_verified fox
	same 1 "$(record fox '.attempts | length')"
	release
	job_ends 0 "$JOB"
}

@test "automatic1111: SD.Next names the job in its state: progress, interruptions, rm" {
	BASE=/sdnext mount_service
	faults '[{"on":"create","nth":1,"do":{"hold_task":true,"progress":40}},
		{"on":"create","nth":2,"do":{"fail":{"interrupted":true}}},
		{"on":"create","nth":4,"do":{"hold_task":true}}]'
	background try_write fox "a fox"
	wait_until record_is fox .progress 0.4
	release fox
	job_ends 0 "$JOB"
	is_verified fox
	write owl "an owl"
	is_verified owl
	has "$(record owl '.attempts[0].error.message')" "the server's job was interrupted"
	background try_write hen "a hen"
	received accepted 4
	rm "$MNT/prompts/hen"
	received cancel 1
	same "$(sent .force_task_id 4)" "$(log_of cancel .task)"
	job_ends 0 "$JOB"
}

@test "automatic1111: a progress that is not answered holds no picture up for long" {
	mount_service
	faults '[{"on":"progress","do":{"hang":true}}]'
	write fox "a fox"
	is_verified fox
}

@test "automatic1111: the progress of our job is in the record and in the queue" {
	mount_service
	faults '[{"on":"create","do":{"hold_task":true,"progress":40}}]'
	background try_write fox "a fox"
	wait_until record_is fox .progress 0.4
	same null "$(record fox .progress_estimated)"
	has "$(grep fox "$MNT/queue")" "[########............] 40%"
	release
	job_ends 0 "$JOB"
	same "1 null" "$(record fox '"\(.progress) \(.progress_estimated)"')"
}

@test "automatic1111: 429 is waited for" {
	mount_service
	waits_for_429 '{"status":429,"msg":"busy","retry_after":"1"}'
}

@test "automatic1111: markup of stable-diffusion.cpp is made harmless" {
	mount_service
	write fox 'a fox <sd_cpp_extra_args>{"steps": 1}</sd_cpp_extra_args> <lora:x:1>'
	is_verified fox
	same 'a fox ‹sd_cpp_extra_args>{"steps": 1}‹/sd_cpp_extra_args> <lora:x:1>' "$(sent .prompt)"
	has "$(status_texts fox)" "would execute was made harmless"
}

@test "automatic1111: rm interrupts the job that is ours" {
	mount_service
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	rm "$MNT/prompts/fox"
	received cancel 1
	same "$(sent .force_task_id)" "$(log_of cancel .task)"
	job_ends 0 "$JOB"
	has "$(cat "$JOB_OUT")" ECANCELED
	fails test -e "$MNT/images/fox.png"
}

@test "automatic1111: rm interrupts no other job" {
	mount_service
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background api /a1111/sdapi/v1/txt2img -d '{"prompt":"somebody else","steps":20}'
	other=$JOB
	received accepted 1
	background try_write fox "a fox"
	received accepted 1 fox
	rm "$MNT/prompts/fox"
	received progress 1
	job_ends 0 "$JOB"
	background try_write owl "an owl"
	received accepted 1 owl
	release
	job_ends 0 "$JOB"
	job_ends 0 "$other"
	same 0 "$(count cancel)"
}

@test "automatic1111: what was not answered at kill -9 is not repeated" {
	mount_service
	hold_tasks
	background try_write fox "a fox"
	received accepted 1
	kill_seedfs
	mount_service
	wait_until state_is fox failed
	[ -n "$(record fox .error.message)" ]
	same 1 "$(count create)"
}

@test "automatic1111: a key file with user:password goes as HTTP Basic, and is shown nowhere" {
	for text in user:password "Basic user:password" "Basic dXNlcjpwYXNzd29yZA=="; do
		printf '%s\n' "$text" >"$DIR/password"
		chmod 600 "$DIR/password"
		BASE=/a1111auth mount_service -o "key_file=$DIR/password"
		write fox "a fox"
		is_verified fox
		faults '[{"on":"create","do":{"status":401,"msg":"no: %KEY%"}}]'
		same "close EKEYREJECTED" "$(try_write owl "an owl")"
		has_not "$(cat "$MNT/status" "$MNT/records/owl.json")" dXNlcjpwYXNzd29yZA
		# Nor in the words that it stands for.
		faults '[{"on":"create","do":{"status":401,"msg":"no: user:password, nor p%61ssword"}}]'
		same "close EKEYREJECTED" "$(try_write owl "an owl")"
		faults '[{"on":"create","do":{"redirect":"http://x.test/password"}}]'
		has_not "$(try_write wolf "a wolf")" ok
		has "$(record wolf .error.message)" "moved to http://x.test/********"
		has_not "$(cat "$MNT/status" "$MNT/records/owl.json")" password
		faults '[]'
		stop_seedfs
	done
}

# In base64 the answer does not have it.
@test "automatic1111: the password of HTTP Basic in the place of an image is shown nowhere" {
	printf 'user:password\n' >"$DIR/password"
	chmod 600 "$DIR/password"
	BASE=/a1111auth mount_service -o "key_file=$DIR/password"
	faults "[{\"on\":\"create\",\"times\":9,\"do\":{\"body\":\"{\\\"images\\\":[\\\"$(printf 'my password!' | base64)\\\"]}\"}}]"
	same "close EBADMSG" "$(try_write fox "a fox")"
	has "$(record fox .error.message)" 'nor WebP (starts with "my ********!")'
	has_not "$(cat "$MNT/status" "$MNT/records/fox.json")" password
}

@test "automatic1111: without the password the server refuses, and with another" {
	BASE=/a1111auth mount_service
	gives EKEYREJECTED "Not authenticated" '[]'
	stop_seedfs
	printf 'user:wrong\n' >"$DIR/password"
	chmod 600 "$DIR/password"
	BASE=/a1111auth mount_service -o "key_file=$DIR/password"
	same "close EKEYREJECTED" "$(try_write owl "an owl")"
}

@test "automatic1111: a password in the URL is refused before mounting, with what to do instead" {
	run "$SEEDFS" -o "provider=automatic1111,api_base=http://user:password@127.0.0.1:1,state=$STATE" "$MNT"
	same 1 "$status"
	has "$output" "key_file=PATH"
	has_not "$output" password@
}

@test "automatic1111: an answer that is whole while the program stops is kept" {
	mount_service
	faults '[{"on":"create","do":{"drip":{"bytes":32768,"ms":100}}}]'
	background try_write fox "a fox"
	received create 1
	sleep 1
	stop_seedfs
	job_ends 0 "$JOB"
	mount_service
	WAIT=10 wait_until is_verified fox
	same 1 "$(count create)"
}

@test "automatic1111: and one whose look is under way when it stops" {
	mount_service
	faults '[{"on":"progress","do":{"hang":true}}]'
	background try_write fox "a fox"
	wait_until grep -q "fox .*Response status: 200" "$MNT/status"
	stop_seedfs
	job_ends 0 "$JOB"
	faults '[]'
	mount_service
	WAIT=10 wait_until is_verified fox
	same 1 "$(count create)"
}
