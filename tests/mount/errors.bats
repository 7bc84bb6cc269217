#!/usr/bin/env bats
# `man seed`, the table of outcomes: each errno at close, at fsync and at
# open of the image, in the record and in the log.
# shellcheck disable=SC2030,SC2031 # each test is a subshell

load helper

# Checks everything that the contract says of a failed prompt.
failed_everywhere() { # NAME ERRNO
	same "$2" "$(try_open "images/$1.png")"
	fails test -e "$MNT/images/$1.png"
	same failed "$(record "$1" .state)"
	same "$2" "$(record "$1" .error.errno)"
	[ -n "$(record "$1" .error.message)" ]
	same null "$(record "$1" .resolution)"
	has "$(status_texts "$1" | tail -n 1)" "❌ [SYNC IMAGE] "
	has_not "$(ls "$MNT/images")" "$1.png"
}

# A lasting fault is ERRNO at close and at fsync, after exactly so many
# submissions; and the mount lives on.
lasting_after() { # SUBMISSIONS ERRNO RULES [mount arguments]
	mount_seed "${@:4}"
	faults "$3"
	same "close $2" "$(try_write fox "a fox")"
	failed_everywhere fox "$2"
	same "$1" "$(count submit)"
	same $'fsync '"$2"$'\nclose '"$2" "$(try_write wolf "a wolf" --fsync)"
	failed_everywhere wolf "$2"
	same $((2 * $1)) "$(count submit)"
	faults '[]'
	write owl "an owl"
	is_verified owl
}

# What another attempt may change is tried once more.
lasting() { # ERRNO RULES [mount arguments]
	lasting_after 2 "$@"
}

# … and what it cannot, is not.
final() { # ERRNO RULES [mount arguments]
	lasting_after 1 "$@"
}

@test "s3: a key refused in the envelope (401) is EKEYREJECTED" {
	final EKEYREJECTED '[{"on":"create","do":{"code":401,"msg":"You do not have access permissions"}}]'
}

@test "s3: a key refused by HTTP 401 is EKEYREJECTED" {
	final EKEYREJECTED '[{"on":"create","do":{"status":401}}]'
}

@test "s3: a key refused by HTTP 403 is EKEYREJECTED" {
	final EKEYREJECTED '[{"on":"create","do":{"status":403,"code":403}}]'
}

@test "s3: a key that the service does not know is EKEYREJECTED" {
	echo bad-key >"$DIR/key"
	mount_seed
	same "close EKEYREJECTED" "$(try_write fox "a fox")"
	failed_everywhere fox EKEYREJECTED
	config '{"auth":"http"}'
	same "close EKEYREJECTED" "$(try_write wolf "a wolf")"
	failed_everywhere wolf EKEYREJECTED
	same 0 "$(count accepted)"
}

@test "s3: out of credits (402 in the envelope) is EDQUOT" {
	final EDQUOT '[{"on":"create","do":{"code":402,"msg":"not enough credits"}}]'
}

@test "s3: out of credits (HTTP 402) is EDQUOT" {
	final EDQUOT '[{"on":"create","do":{"status":402}}]'
}

@test "s3: a task refused by the content policy (failCode 422) is EPERM" {
	lasting EPERM '[{"on":"create","do":{"fail":{"code":"422","msg":"CONTENT_POLICY_BLOCKED: the prompt was flagged as sensitive"}}}]'
}

@test "s3: a task refused by the content policy (failCode 400) is EPERM" {
	lasting EPERM '[{"on":"create","do":{"fail":{"code":"400","msg":"The current content could not be processed. It may violate the content policies."}}}]'
}

@test "s3: a task flagged as sensitive is EPERM" {
	lasting EPERM '[{"on":"create","do":{"fail":{"code":"500","msg":"The input or output was flagged as sensitive. Please try again with different inputs."}}}]'
}

@test "s3: an invalid request (400 in the envelope) is EINVAL" {
	lasting EINVAL '[{"on":"create","do":{"code":400,"msg":"bad request"}}]'
}

@test "s3: an invalid request (422 in the envelope) is EINVAL" {
	lasting EINVAL '[{"on":"create","do":{"code":422,"msg":"image_size is not one of"}}]'
}

@test "s3: an invalid request (HTTP 422) is EINVAL" {
	lasting EINVAL '[{"on":"create","do":{"status":422}}]'
}

@test "s3: an image that is not valid after the retry is EBADMSG" {
	lasting EBADMSG '[{"on":"create","do":{"image":"html"}}]'
}

@test "s3: no answer to the submission in time is ETIMEDOUT" {
	lasting ETIMEDOUT '[{"on":"create","do":{"hang":true}}]' -o timeout=4
}

@test "s3: a task that does not end in time is ETIMEDOUT" {
	lasting ETIMEDOUT '[{"on":"create","do":{"hold_task":true}}]' -o timeout=4
}

@test "s3: an image that does not arrive in time is ETIMEDOUT" {
	lasting_after 1 ETIMEDOUT '[{"on":"image","do":{"hang":true}}]' -o timeout=4
}

@test "s3: the service's own time-out (408 in the envelope) is ETIMEDOUT" {
	lasting ETIMEDOUT '[{"on":"create","do":{"code":408,"msg":"upstream gave nothing"}}]'
}

@test "s3: a service that cannot be connected to is ECONNREFUSED" {
	export API=http://127.0.0.1:1
	mount_seed -o timeout=2
	same "close ECONNREFUSED" "$(try_write fox "a fox")"
	failed_everywhere fox ECONNREFUSED
	same $'fsync ECONNREFUSED\nclose ECONNREFUSED' "$(try_write wolf "a wolf" --fsync)"
}

@test "s3: a host that is not found is EHOSTUNREACH" {
	export API=http://no-such-host.invalid
	mount_seed -o timeout=2
	same "close EHOSTUNREACH" "$(try_write fox "a fox")"
	failed_everywhere fox EHOSTUNREACH
	same $'fsync EHOSTUNREACH\nclose EHOSTUNREACH' "$(try_write wolf "a wolf" --fsync)"
}

@test "s3: a full state directory is ENOSPC, and the mount goes on when there is space" {
	need_root
	mount -t tmpfs -o size=24m tmpfs "$STATE" || skip "no tmpfs may be mounted here"
	chmod 700 "$STATE"
	mount_seed
	write before "a fox before"
	sum=$(sha256sum <"$MNT/images/before.png")
	dd if=/dev/zero of="$STATE/filler" bs=64k status=none 2>/dev/null || true
	has "$(try_write fox "a fox")" ENOSPC
	same "$sum" "$(sha256sum <"$MNT/images/before.png")"
	rm "$STATE/filler"
	write owl "an owl"
	is_verified owl
	stop_seedfs
	umount "$STATE"
}

@test "s3: a server error (HTTP 500) is EIO" {
	lasting EIO '[{"on":"create","do":{"status":500}}]'
}

@test "s3: a server error (500, 455, 501, 505 in the envelope) is EIO" {
	mount_seed
	for code in 500 455 501 505; do
		faults "[{\"on\":\"create\",\"do\":{\"code\":$code,\"msg\":\"no\"}}]"
		same "close EIO" "$(try_write "fox$code" "a fox")"
		failed_everywhere "fox$code" EIO
	done
	same 8 "$(count submit)"
}

@test "s3: an answer that is not JSON is EIO" {
	lasting EIO '[{"on":"create","do":{"body":"{\"code\":200,\"data\":"}}]'
}

@test "s3: an answer that is JSON of another shape is EIO" {
	mount_seed
	n=0
	for body in '[]' '""' '{}' '{"code":200}' '{"code":200,"data":null}' \
		'{"code":200,"data":{"taskId":7.5}}' '{"code":200,"data":{"taskId":""}}'; do
		n=$((n + 1))
		faults "$(jq -nc --arg body "$body" '[{on: "create", do: {body: $body}}]')"
		same "close EIO" "$(try_write "fox$n" "a fox")"
		failed_everywhere "fox$n" EIO
	done
}

@test "s3: an answer that is cut off is EIO" {
	lasting EIO '[{"on":"create","do":{"cut":20}}]'
}

@test "s3: a connection that is reset is EIO" {
	lasting EIO '[{"on":"create","do":{"reset":true}}]'
}

@test "s3: a submission without an answer is EIO" {
	lasting EIO '[{"on":"create","do":{"lost":true}}]'
}

@test "s3: a task that fails is EIO" {
	lasting EIO '[{"on":"create","do":{"fail":{"code":"500","msg":"internal error"}}}]'
}

@test "s3: a task that succeeds without a URL is EIO" {
	mount_seed
	for how in absent empty null; do
		faults "[{\"on\":\"create\",\"do\":{\"no_url\":\"$how\"}}]"
		same "close EIO" "$(try_write "$how" "a fox")"
		failed_everywhere "$how" EIO
	done
	same 6 "$(count submit)"
}

@test "s3: an image that is not there (HTTP 404) until the deadline fails the attempt" {
	mount_seed -o timeout=3
	faults '[{"on":"image","do":{"status":404,"body":"gone"}}]'
	same "close EIO" "$(try_write fox "a fox")"
	failed_everywhere fox EIO
	same 2 "$(count submit)"
}

@test "s3: a URL that is neither http nor https is not followed" {
	mount_seed
	echo secret >"$DIR/secret.png"
	for url in "file://$DIR/secret.png" ftp://127.0.0.1/x.png gopher://127.0.0.1/ "javascript:1" "not a url"; do
		faults "[{\"on\":\"create\",\"do\":{\"url\":\"$url\"}}]"
		has "$(try_write fox "a fox")" close
		same failed "$(record fox .state)"
	done
	same 0 "$(count image)"
}

@test "s3: redirects that never end fail the attempt" {
	mount_seed
	faults '[{"on":"image","do":{"redirect":"%BASE%/files/png/again.png"}}]'
	has "$(try_write fox "a fox")" close
	same failed "$(record fox .state)"
	[ "$(count image)" -le 20 ]
}

@test "s3: never prompted is ENOENT" {
	mount_seed
	same ENOENT "$(try_open images/fox.png)"
	same ENOENT "$(try_open records/fox.json)"
	same ENOENT "$(try_open prompts/fox)"
}

@test "s3: the failures of kie-image are the same" {
	PROVIDER=kie-image mount_seed
	faults '[{"on":"generate","prompt":"key","do":{"code":401,"msg":"no"}},
		{"on":"generate","prompt":"credits","do":{"code":402,"msg":"no"}},
		{"on":"generate","prompt":"field","do":{"code":422,"msg":"no"}},
		{"on":"generate","prompt":"server","do":{"status":500}},
		{"on":"generate","prompt":"url","do":{"no_url":"absent"}},
		{"on":"generate","prompt":"page","do":{"image":"html"}}]'
	same "close EKEYREJECTED" "$(try_write a "a key")"
	same "close EDQUOT" "$(try_write b "some credits")"
	same "close EINVAL" "$(try_write c "a field")"
	same "close EIO" "$(try_write d "a server")"
	same "close EIO" "$(try_write e "a url")"
	same "close EBADMSG" "$(try_write f "a page")"
	same 10 "$(count generate)"
}

@test "s3: the error stays until the prompt is written again" {
	mount_seed
	faults '[{"on":"create","times":1,"do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "a fox")"
	for _ in 1 2 3; do failed_everywhere fox EDQUOT; done
	same EDQUOT "$(try_open images/fox.png --nonblock)"
	same 1 "$(count submit)"
	write fox "a fox"
	is_verified fox
	same null "$(record fox .error)"
}

@test "s3: the error stays across mounts" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "a fox")"
	stop_seedfs
	mount_seed
	failed_everywhere fox EDQUOT
	same 1 "$(count submit)"
}

@test "s3: the error goes with the prompt" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "a fox")"
	rm "$MNT/prompts/fox"
	same ENOENT "$(try_open images/fox.png)"
}

@test "s3: stat of a failed image gives the error" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "a fox")"
	run stat "$MNT/images/fox.png"
	[ "$status" -ne 0 ]
	has "$output" "Disk quota exceeded"
}

@test "s3: a failed regeneration never shows the old image" {
	mount_seed
	write fox "a fox"
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "another fox")"
	failed_everywhere fox EDQUOT
	same "" "$(ls "$MNT/images")"
}

@test "s3: the message of the service is in the record and in the log" {
	mount_seed
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"the flux capacitor is out of order"}}}]'
	same "close EIO" "$(try_write fox "a fox")"
	has "$(record fox .error.message)" "flux capacitor"
	has "$(cat "$MNT/status")" "flux capacitor"
}
