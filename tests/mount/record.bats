#!/usr/bin/env bats
# `man seed`: the record.

load helper

RFC3339='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$'

is_time() { # NAME KEY
	[[ $(record "$1" "$2") =~ $RFC3339 ]] || fail "$2 is no time: $(record "$1" "$2")"
}

@test "s5: the record has all its keys" {
	mount_seed
	write fox "a fox"
	same '[]' "$(record fox '["attempts", "created_at", "error", "image", "image_url", "model", "name",
		"parameters", "progress", "prompt", "provider", "resolution", "source", "started_at",
		"state", "task_id", "verified_at", "versions"] - keys | tojson')"
	same '["bytes","height","sha256","width"]' "$(record fox '.image | keys | tojson')"
	same '["bytes","fit","format","height","sha256","width"]' "$(record fox '.source | keys | tojson')"
	same '["cfg_scale","ended_at","error","started_at","steps","task_id"]' "$(record fox '.attempts[0] | keys | tojson')"
}

@test "s5: the record of a verified image" {
	mount_seed
	write fox "a fox"
	same fox "$(record fox .name)"
	same verified "$(record fox .state)"
	same "a fox" "$(record fox .prompt)"
	same 2048x1152 "$(record fox .resolution)"
	same kie "$(record fox .provider)"
	same "$MODEL" "$(record fox .model)"
	same "$(log_of accepted .task)" "$(record fox .task_id)"
	same null "$(record fox .error)"
	same 1 "$(record fox .progress)"
	same '[]' "$(record fox '.versions | tojson')"
	has "$(record fox .image_url)" "$API/files/png/"
	same "$(sha256sum <"$MNT/images/fox.png" | cut -d' ' -f1)" "$(record fox .image.sha256)"
	same "$(stat -c %s "$MNT/images/fox.png")" "$(record fox .image.bytes)"
	same "2048 1152" "$(record fox '"\(.image.width) \(.image.height)"')"
	same none "$(record fox .source.fit)"
}

@test "s5: the parameters are those that were sent" {
	mount_seed
	write fox "a fox"
	same 30 "$(record fox .parameters.steps)"
	same 8 "$(record fox .parameters.cfg_scale)"
	same high "$(record fox .parameters.quality)"
	same "$GUIDANCE" "$(record fox .parameters.guidance)"
}

@test "s5: the attempt has its parameters, its times and its task" {
	mount_seed
	write fox "a fox"
	same 1 "$(record fox '.attempts | length')"
	same "30 8 null" "$(record fox '.attempts[0] | "\(.steps) \(.cfg_scale) \(.error)"')"
	same "$(log_of accepted .task)" "$(record fox '.attempts[0].task_id')"
	is_time fox .attempts[0].started_at
	is_time fox .attempts[0].ended_at
}

@test "s5: times are UTC, RFC 3339, and in order" {
	mount_seed
	before=$(date -u +%Y-%m-%dT%H:%M:%S)
	write fox "a fox"
	for key in .created_at .started_at .verified_at; do is_time fox "$key"; done
	sort -c <(printf '%s\n' "$before" "$(record fox .created_at)" "$(record fox .started_at)" \
		"$(record fox .verified_at)" "$(date -u -d 'next second' +%Y-%m-%dT%H:%M:%S)")
}

@test "s5: the record of a running generation" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 1
	same generating "$(record fox .state)"
	same null "$(record fox .resolution)"
	same null "$(record fox .verified_at)"
	same null "$(record fox .image_url)"
	same "$(log_of accepted .task)" "$(record fox .task_id)"
	record fox '.progress >= 0 and .progress < 1' | grep -qx true
	release
	job_ends 0 "$JOB"
	same verified "$(record fox .state)"
}

@test "s5: the record of a queued generation" {
	mount_seed -o jobs=1
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received accepted 1
	background write owl "an owl"
	wait_until state_is owl queued
	same null "$(record owl .started_at)"
	release
	job_ends 0 "$JOB"
	same verified "$(record owl .state)"
}

@test "s5: the record of a failed generation" {
	mount_seed
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"out of paint"}}}]'
	fails write fox "a fox"
	same failed "$(record fox .state)"
	same EIO "$(record fox .error.errno)"
	has "$(record fox .error.message)" "out of paint"
	same null "$(record fox .resolution)"
	same null "$(record fox .verified_at)"
	same 2 "$(record fox '.attempts | length')"
}

@test "s5: image_url is the one that the service gave" {
	mount_seed
	faults '[{"on":"create","do":{"query":"X-Sig=1"}}]'
	write fox "a fox"
	has "$(record fox .image_url)" "$API/files/png/"
	curl -sS --noproxy '*' -o "$DIR/source" "$(record fox .image_url)"
	same "$(pixels "$DIR/source")" "$(pixels "$MNT/images/fox.png")"
}

@test "s5: the record is JSON whatever the prompt is" {
	mount_seed
	text=$'quotes " and \\ back, a\ttab\nand 🦊 \x01 control \x7f'
	write fox "$text"
	same "$text" "$(record fox .prompt)"
	same "$text" "$(log_of create .prompt)"
}

@test "s5: a record on disk is whole at any time" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received accepted 1
	for _ in 1 2 3 4 5; do jq -e .state "$MNT/records/fox.json" >/dev/null; done
	release
	job_ends 0 "$JOB"
	jq -e . "$STATE/records/fox.json" >/dev/null
	wait_until nothing_is_pending
}

@test "s5: progress is the service's where it tells it" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true,"progress":42}}]'
	background write fox "a fox"
	wait_until record_is fox .progress 0.42
	same null "$(record fox .progress_estimated)"
	has "$(grep fox "$MNT/queue")" "] 42%"
	release
	job_ends 0 "$JOB"
}

@test "s5: else it is estimated from how long others took, and marked as that" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"duration_ms":2000}},{"on":"create","do":{"hold_task":true}}]'
	write fox "a fox"
	background write owl "an owl"
	wait_until record_is owl .progress_estimated true
	record owl '.progress > 0 and .progress <= 0.95' | grep -qx true
	[[ $(grep owl "$MNT/queue") =~ \]\ ~[1-9][0-9]?%$ ]]
	wait_until record_is owl '.progress >= 0.9' true # written in steps of 0.05, up to 0.95
	release
	job_ends 0 "$JOB"
	same "1 null" "$(record owl '"\(.progress) \(.progress_estimated)"')"
}

@test "s5: nothing is estimated while nothing is known" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received poll 4
	same "0 null" "$(record fox '"\(.progress) \(.progress_estimated)"')"
	has "$(grep fox "$MNT/queue")" "] 0%"
	release
	job_ends 0 "$JOB"
}

@test "s5: progress is estimated for services that answer at once, too" {
	PROVIDER=openai mount_seed -o "api_base=$API/openai/v1,model=gpt-image-2"
	faults '[{"on":"create","nth":1,"do":{"duration_ms":2000}},{"on":"create","do":{"hold_task":true}}]'
	write fox "a fox"
	background write owl "an owl"
	wait_until record_is owl .progress_estimated true
	release
	job_ends 0 "$JOB"
}

@test "s5: what waits for another try at a rate limit is not estimated" {
	mount_seed
	write fox "a fox"
	faults '[{"on":"create","do":{"status":429,"retry_after":"30"}}]'
	background write owl "an owl"
	wait_until grep -q 'owl .*Rate limited' "$MNT/status"
	has "$(grep owl "$MNT/queue")" "] 0%"
	rm "$MNT/prompts/owl"
}
