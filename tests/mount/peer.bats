#!/usr/bin/env bats
# The dialects of openai and ark, spoken by a server that was written by others
# (tests/peer/): what our own test service and the program would both get wrong
# is seen here. And the test service is judged itself, by the clients of OpenAI,
# Replicate and fal. Skipped where they cannot be had from npm.

load helper

setup_file() {
	export PEER=$BATS_FILE_TMPDIR/peer

	mkdir "$PEER"
	cp "$BATS_TEST_DIRNAME"/../peer/package*.json "$PEER"
	# The lock file holds its hash; none of its scripts is run.
	timeout 60 npm ci --prefix "$PEER" --ignore-scripts --no-audit --no-fund \
		--cache "$PEER/cache" >"$PEER/log" 2>&1 || touch "$PEER/missing"
}

more_setup() {
	[ ! -e "$PEER/missing" ] || skip "no peer from npm: $(tail -n 1 "$PEER/log")"
	answers >"$DIR/answers.json"
	# Its processes name $DIR, so that the helper ends those that are left.
	node "$PEER/node_modules/@copilotkit/aimock/dist/cli.js" --port 0 --host 127.0.0.1 \
		--fixtures "$DIR/answers.json" >"$DIR/peer.log" 2>&1 &
	JOBS+=($!)
	wait_until grep -q 'listening on' "$DIR/peer.log"
	PEER_URL=$(grep -o 'http://127[^ ]*' "$DIR/peer.log")
}

# What it answers to a prompt that holds a word.
answers() {
	api /files/png/7.png | base64 -w0 | jq -R '{fixtures: [
		{match: {endpoint: "image", userMessage: "fox"}, response: {image: {b64Json: .}}},
		{match: {endpoint: "image", userMessage: "owl"}, response: {image: {url: "'"$API"'/files/jpeg/7.jpg"}}},
		{match: {endpoint: "image", userMessage: "quota"}, response: {status: 429, error: {
			message: "You exceeded your quota",
			type: "insufficient_quota", code: "insufficient_quota"}}},
		{match: {endpoint: "image", userMessage: "policy"}, response: {status: 400, error: {
			message: "Rejected by the safety system",
			type: "image_generation_user_error", code: "moderation_blocked"}}}]}'
}

speaks_with_it() { # PROVIDER PATH MODEL
	PROVIDER=$1 mount_seed -o "api_base=$PEER_URL$2,model=$3"
	write fox "a fox"
	is_verified fox
	same null "$(record fox .image_url)"
	write owl "an owl"
	is_verified owl
	same "jpeg $API/files/jpeg/7.jpg" "$(record owl '"\(.source.format) \(.image_url)"')"
	same "close EDQUOT" "$(try_write rich "a quota")"
	has "$(record rich .error.message)" "You exceeded your quota"
	same "close EPERM" "$(try_write bad "a policy")"
	has "$(record bad .error.message)" "Rejected by the safety system"
	same "close EIO" "$(try_write none "nothing that it knows")"
	has "$(record none .error.message)" "HTTP 404"
}

@test "a peer's OpenAI dialect" {
	speaks_with_it openai /v1 gpt-image-2
}

@test "a peer's Ark dialect" {
	speaks_with_it ark /api/v3 seedream-4-0-250828
}

@test "the services' own clients understand our test service" {
	cp "$BATS_TEST_DIRNAME/../peer/clients.mjs" "$PEER"
	run timeout 60 node "$PEER/clients.mjs" "$API"
	same "openai PNG
openai refuses NotFoundError 404 model_not_found
replicate true http:
replicate cancels canceled
fal http:
fal refuses ValidationError 422" "$output"
}
