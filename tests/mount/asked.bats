#!/usr/bin/env bats
# `man seed`: the model that the service is asked for, wherever it is named.

load helper

# Log, record, xattr and PNG name this model; "" : none does.
named() { # MODEL
	local shown=$1

	[ -n "$1" ] || shown="the server's own"
	has "$(status_texts x | head -n 1)" "Model: $shown | Resolution"
	same "$1" "$(record x .model)"
	same "$1" "$(getfattr --only-values -n user.seed.model "$MNT/images/x.png" 2>/dev/null)"
	same "${1:+model=$1}" "$(python3 "$FS" png "$MNT/images/x.png" texts | grep '^model=')"
}

@test "s4: a drawing's model is sketch" {
	PROVIDER=sketch mount_seed
	write x "a fox"
	named sketch
}

@test "s4: kie's model is the mount's" {
	mount_seed
	write x "a fox"
	named "$MODEL"
}

@test "s4: another service's own model is named as it is asked for" {
	PROVIDER=replicate mount_seed -o "api_base=$API/replicate"
	write x "a fox"
	named bytedance/seedream-4
}

@test "s4: a server that chooses its model itself has none named" {
	PROVIDER=automatic1111 mount_seed -o "api_base=$API/a1111"
	write x "a fox"
	named ""
}

@test "s4: the model of the option or the request is named" {
	mount_seed -o model=some/model
	write x "a fox"
	named some/model
	write x '{"prompt": "a fox", "model": "other/model"}'
	same other/model "$(record x .model)"
}
