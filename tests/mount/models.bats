#!/usr/bin/env bats
# Models of kie: each is asked in its own words. The test service refuses a field
# that a model does not have (tests/upstream/schema.c).

load helper
load provider

export SERVICE=kie BASE=

@test "kie: each model is asked in its own words for a size that need not be enlarged" {
	mount_service
	for model in seedream/4.5-text-to-image seedream/5-lite-text-to-image seedream/5-pro-text-to-image nano-banana-2 \
		nano-banana-pro gpt-image-2-text-to-image flux-2/pro-text-to-image wan/2-7-image-pro; do
		name=${model//\//_}
		write "$name" '{"prompt": "a fox", "model": "'"$model"'", "seed": 7, "negative_prompt": "snow"}'
		is_verified "$name"
		has_not "$(record "$name" .source.fit)" up
		has "$(status_texts "$name")" "This model has no negative_prompt and no seed: not sent"
		has_not "$(status_texts "$name")" "not known"
	done
	same '{"aspect_ratio":"16:9","prompt":"a fox","resolution":"2K"}' \
		"$(log_of create -c -S 'select(.body.model == "nano-banana-pro") | .body.input')"
}

@test "kie: models of one size each are enlarged, and the log says so" {
	mount_service
	for model in google/nano-banana qwen2/text-to-image gpt-image/1.5-text-to-image; do
		name=${model//\//_}
		write "$name" '{"prompt": "a fox", "model": "'"$model"'"}'
		is_verified "$name"
		has "$(status_texts "$name")" "Smaller than asked for: "
	done
	same '{"aspect_ratio":"3:2","prompt":"a fox"}' "$(log_of create -c -S 'select(.body.model | test("1.5")) | .body.input')"
}

@test "kie: a model that is not known is asked as the default is, and the log says so" {
	mount_service
	write fox '{"prompt": "a fox", "model": "some/model", "seed": 7, "negative_prompt": "snow"}'
	has "$(status_texts fox)" "The sizes of this model are not known"
	same "7 snow" "$(sent '.input | "\(.seed) \(.negative_prompt)"')"
}

@test "kie: Seedream v4 has no seed and no negative_prompt" {
	mount_service
	write fox '{"prompt": "a fox", "seed": 7}'
	same null "$(sent .input.seed)"
	has "$(status_texts fox)" "This model has no seed: not sent"
	write owl "an owl"
	has_not "$(status_texts owl)" "not sent"
}

@test "kie: an image URL with white space is the URL that was meant; one that is none is kept for a person" {
	mount_service
	faults '[{"on":"create","prompt":"fox","do":{"url":"%BASE%/files/png/7.png \n"}},
		{"on":"create","prompt":"owl","do":{"url":"ftp://x.test/owl.png?sig=secret"}}]'
	write fox "a fox"
	is_verified fox
	same "$API/files/png/7.png" "$(record fox .image_url)"
	same "close EIO" "$(try_write owl "an owl")"
	has "$(cat "$STATE/log/refused-urls")" " owl ftp://x.test/owl.png?sig=secret"
	same 600 "$(stat -c %a "$STATE/log/refused-urls")"
	has_not "$(cat "$MNT/status" "$MNT/records/owl.json")" secret
}

@test "kie: what an image cost is in its record, and summed in metrics" {
	mount_service
	write fox "a fox"
	write owl "an owl"
	same "5 5" "$(record fox .cost) $(record owl .cost)"
	has "$(cat "$MNT/metrics")" "seedfs_cost_total 10"
}
