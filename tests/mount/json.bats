#!/usr/bin/env bats
# `man seed`: JSON requests.

load helper

# EINVAL at close, nothing sent; the log names what was wrong.
refused() { # TEXT PART-OF-THE-LOG
	same "close EINVAL" "$(try_write fox "$1" | head -n 1 | sed 's/^write/close/')"
	same EINVAL "$(try_open images/fox.png)"
	has "$(status_texts fox | tail -n 1)" "$2"
	same 0 "$(count submit)"
}

@test "s2.8: a JSON request sets its parameters" {
	mount_seed
	write fox '{"prompt": "a fox", "model": "some/model", "steps": 12, "cfg_scale": 4.5, "guidance": "soft light",
		"quality": "basic", "seed": 77, "negative_prompt": "text", "style": "oil on canvas"}'
	body=$(log_of create -c .body)
	same some/model "$(jq -r .model <<<"$body")"
	same "a fox, oil on canvas" "$(jq -r .input.prompt <<<"$body")"
	same "12 4.5 basic 77" "$(jq -r '.input | "\(.steps) \(.cfg_scale) \(.quality) \(.seed)"' <<<"$body")"
	same "soft light" "$(jq -r .input.guidance <<<"$body")"
	is_verified fox
	same "a fox" "$(record fox .prompt)"
	same 12 "$(record fox .parameters.steps)"
	same some/model "$(record fox .model)"
}

@test "s2.8: what a JSON request does not say is the mount's" {
	mount_seed -o steps=17
	write fox '{"prompt": "a fox"}'
	same "17 8 high" "$(log_of create '.body.input | "\(.steps) \(.cfg_scale) \(.quality)"')"
	same "$GUIDANCE" "$(log_of create .body.input.guidance)"
}

@test "s2.8: the retry of a JSON request uses the retry's steps and cfg_scale" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"status":500}}]'
	write fox '{"prompt": "a fox", "model": "some/model", "steps": 12, "seed": 5}'
	same '[12,25]' "$(log_of create -cs 'map(.body.input.steps)')"
	same '[5,5]' "$(log_of create -cs 'map(.body.input.seed)')"
}

@test "s2.8: the prompt reads as it was written" {
	mount_seed
	write fox '{"prompt": "a fox", "steps": 12}'
	same '{"prompt": "a fox", "steps": 12}' "$(cat "$MNT/prompts/fox")"
}

@test "s2.8: a JSON request without a prompt is EINVAL" {
	mount_seed
	refused '{"steps": 12}' prompt
	refused '{}' prompt
	refused '{"prompt": ""}' prompt
	refused '{"prompt": "  "}' prompt
	refused '{"prompt": 7}' prompt
	refused '{"prompt": null}' prompt
}

@test "s2.8: an unknown key is EINVAL, and the log says which" {
	mount_seed
	refused '{"prompt": "a fox", "stpes": 12}' stpes
	refused '{"prompt": "a fox", "callBackUrl": "http://h/"}' callBackUrl
}

@test "s2.8: a wrong value is EINVAL, and the log says of which key" {
	mount_seed
	refused '{"prompt": "a fox", "steps": "12"}' steps
	refused '{"prompt": "a fox", "steps": 0}' steps
	refused '{"prompt": "a fox", "steps": 1.5}' steps
	refused '{"prompt": "a fox", "steps": 1e9}' steps
	refused '{"prompt": "a fox", "cfg_scale": []}' cfg_scale
	refused '{"prompt": "a fox", "cfg_scale": -1}' cfg_scale
	refused '{"prompt": "a fox", "seed": "x"}' seed
	refused '{"prompt": "a fox", "seed": -2}' seed
	refused '{"prompt": "a fox", "model": 5}' model
	refused '{"prompt": "a fox", "style": {}}' style
}

@test "s2.8: what is not JSON is EINVAL, and the log says at which byte" {
	mount_seed
	refused '{"prompt": "a fox"' 18
	refused '{"prompt" "a fox"}' 10
	refused '{"prompt": "a fox"} and more' 20
	refused "{'prompt': 'a fox'}" 2
	refused $'\n{"prompt": "a fox"' 19
}

@test "s2.8: a refused request is this prompt's outcome: the earlier image goes to history" {
	mount_seed
	write fox "a fox"
	sum=$(sha256sum <"$MNT/images/fox.png")
	same "close EINVAL" "$(try_write fox '{"steps": 12}')"
	same EINVAL "$(try_open images/fox.png)"
	same "$sum" "$(sha256sum <"$MNT/history/fox/0001.png")"
	same EINVAL "$(record fox .error.errno)"
	same 1 "$(count submit)"
	write fox "a fox again"
	is_verified fox
}

@test "s2.8: text that only holds a brace is text" {
	mount_seed
	write fox 'a fox {red}'
	same 'a fox {red}' "$(log_of create .prompt)"
}

@test "s2.8: {masterpiece}, a fox is a prompt" {
	mount_seed
	write fox '{masterpiece}, a fox'
	same '{masterpiece}, a fox' "$(log_of create .prompt)"
}

@test "s2.8: a byte order mark, line breaks or white space before a request do not matter" {
	mount_seed
	# What PowerShell 5 writes with -Encoding UTF8.
	printf '\xef\xbb\xbf{"prompt": "a fox", "steps": 11}\r\n' | dd of="$MNT/prompts/a" status=none
	printf '\n\t {\n "prompt": "a fox", "steps": 12}\n' | dd of="$MNT/prompts/b" status=none
	same '11 12' "$(log_of create -s 'map(.body.input.steps) | join(" ")')"
	same 'a fox,a fox' "$(log_of create -s 'map(.prompt) | join(",")')"
}

@test "s2.8: seed -1 and null mean none" {
	mount_seed
	write a '{"prompt": "a fox", "seed": -1}'
	write b '{"prompt": "a fox", "seed": null}'
	same '[null,null]' "$(log_of create -cs 'map(.body.input.seed)')"
}

@test "s2.7: a byte order mark at the beginning of a text is dropped" {
	mount_seed
	printf '\xef\xbb\xbfein Fuchs\r\n' | dd of="$MNT/prompts/a" status=none
	same "ein Fuchs" "$(log_of create .prompt)"
	printf '\xef\xbb\xbf\r\n' | dd of="$MNT/prompts/b" status=none
	same ENOENT "$(try_open images/b.png)"
	same 1 "$(count submit)"
}
