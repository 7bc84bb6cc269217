#!/usr/bin/env bats
# provider=kie: a picture's URL that died is minted anew before the attempt
# counts as failed. (The other services' tests are with the others of theirs.)

load helper

@test "kie: an image URL that died is minted anew" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}}]'
	write fox "a fox"
	is_verified fox
	same 1 "$(count create)"
	same "1 ok" "$(count mint) $(log_of mint .auth)"
	same 2 "$(count image)"
	same 1 "$(record fox '.attempts | length')"
	same "$(log_of image -s '.[0].path')" "$(log_of mint '.body.url | sub("^http://[^/]*"; "")')"
	has "$(status_texts fox)" "Image URL refused: asking for a new one"
	has_not "$(status_texts fox)" "Retrying once"
}

@test "kie: 404 and 410 are deaths of a URL, too" {
	mount_seed
	for code in 404 410; do
		faults "[{\"on\":\"image\",\"nth\":1,\"do\":{\"status\":$code,\"body\":\"gone\"}}]"
		write "fox$code" "a fox of $code"
		is_verified "fox$code"
		same 1 "$(count create "$code")"
	done
	same 2 "$(count mint)"
}

@test "kie: a URL is minted once; the second death fails the attempt" {
	mount_seed
	faults '[{"on":"image","times":2,"do":{"status":403,"body":"expired"}}]'
	write fox "a fox"
	is_verified fox
	same "2 1 3" "$(count create) $(count mint) $(count image)"
	has "$(record fox '.attempts[0].error.message')" "HTTP 403"
}

@test "kie: a URL that cannot be minted fails the attempt" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}},
		{"on":"mint","do":{"code":422,"msg":"The URL is not one of ours"}}]'
	write fox "a fox"
	is_verified fox
	same "2 1 2" "$(count create) $(count mint) $(count image)"
	has "$(record fox '.attempts[0].error.message')" "not one of ours"
}

@test "kie: a URL that died while nothing was mounted is minted anew" {
	mount_seed
	faults '[{"on":"image","nth":1,"do":{"hold":true}}]'
	background try_write fox "a fox"
	received held 1
	kill_seedfs
	faults '[{"on":"image","nth":1,"do":{"status":403,"body":"expired"}}]'
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same "1 1" "$(count create) $(count mint)"
}
