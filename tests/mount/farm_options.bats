#!/usr/bin/env bats
# `man seedfs`, "A farm": the bucket that hosts share, at --check and at mount. Against Ceph's
# gateway and the store of tests/s3/model.py, which breaks its word on request.

load helper

bats_require_minimum_version 1.5.0

setup_file() {
	# A port that nobody has, and the one after it.
	local port=$((20000 + RANDOM % 12000))

	export RGW=$BATS_FILE_TMPDIR/rgw RGW_URL=

	RGW_URL=$("$BATS_TEST_DIRNAME/../s3/rgw.sh" start "$RGW" "$port")
}

teardown_file() {
	"$BATS_TEST_DIRNAME/../s3/rgw.sh" stop "$RGW"
}

SECRET=testsecret
WRONG_SECRET=hush-71c3
SAME_CLOCK="its clock is this host's"

more_setup() {
	export AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=$SECRET AWS_EC2_METADATA_DISABLED=true
	unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_CONTAINER_CREDENTIALS_FULL_URI
}

model() { # FLAG…: a store of our own
	local said=$DIR/model.${#JOBS[@]}

	python3 "$HERE/../s3/model.py" "$@" >"$said" 2>"$said.err" 3>&- &
	JOBS+=($!)
	wait_until test -s "$said"
	MODEL_URL=$(cat "$said")
}

shared() { # ENDPOINT [OPTION…]: the -o value
	local IFS=,

	printf '%s' "$(usual_options),store=s3://${BUCKET:-seed}/farm-$BATS_TEST_NUMBER,s3_endpoint=$*"
}

check() { # STATUS ENDPOINT [OPTION…]: the line about the store is in $STORE
	local want=$1

	shift
	run --separate-stderr timeout 60 "$SEEDFS" --check -o "$(shared "$@")"
	same "$want" "$status"
	same "" "${stderr-}" # run sets it
	has_not "$output" "$SECRET"
	has_not "$output" "$WRONG_SECRET"
	STORE=$(grep -F " store: " <<<"$output")
}

# The mount fails: status 1, nothing mounted, and one line, which is in $LINE.
refused() { # ENDPOINT [OPTION…]
	run --separate-stderr timeout 60 "$SEEDFS" -f -o "$(shared "$@")" "$MNT"
	same 1 "$status"
	# shellcheck disable=SC2154 # run sets it
	same 1 "${#stderr_lines[@]}"
	LINE=$stderr
	has_not "$LINE" "$SECRET"
	has_not "$LINE" "$WRONG_SECRET"
	same "" "$(mounts_here)"
	same 0 "$(count submit)"
}

facts() { # ENDPOINT KEY QUOTES [CLOCK]: what --check says of a store that is fit
	printf 'ok     store: bucket seed, prefix farm-%s at %s, region us-east-1; key from %s; ' \
		"$BATS_TEST_NUMBER" "$1" "$2"
	printf 'conditional writes (ETags %s quotes); %s' "$3" "${4:-$SAME_CLOCK}"
}

left() { # ENDPOINT: what this test has left in the bucket
	timeout 60 "$(dirname "$SEEDFS")/ask" "$1" seed "farm-$BATS_TEST_NUMBER" list "" | tail -n +2
}

@test "--check says what the store is, and leaves nothing in it" {
	check 0 "$RGW_URL"
	same "$(facts "$RGW_URL" "the environment" without)" "$STORE"
	same "" "$(left "$RGW_URL")"
	model
	check 0 "$MODEL_URL"
	same "$(facts "$MODEL_URL" "the environment" with)" "$STORE"
	same "" "$(left "$MODEL_URL")"
	has_not "$("$SEEDFS" --check -o "$(usual_options)")" " store: "
}

@test "--check says that the store's clock is another one" {
	model ahead=100
	check 0 "$MODEL_URL"
	[[ $STORE =~ "its clock is "(98|99|100|101|102)" s ahead of this host's"$ ]]
	model ahead=-3600
	check 0 "$MODEL_URL"
	has "$STORE" " s behind of this host's"
}

@test "the key comes from a file, a profile of it, or the container" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	mkdir "$HOME/.aws"
	printf '[default]\naws_access_key_id = other\naws_secret_access_key = %s\n[farm]\n%s\n%s\n' "$WRONG_SECRET" \
		"aws_access_key_id = testkey" "aws_secret_access_key = $SECRET" >"$HOME/.aws/credentials"
	check 1 "$RGW_URL"
	has "$STORE" "chmod 600"
	chmod 600 "$HOME/.aws/credentials"
	check 1 "$RGW_URL"
	has "$STORE" "are the credentials right"
	check 0 "$RGW_URL" s3_profile=farm
	same "$(facts "$RGW_URL" "the shared credentials file" without)" "$STORE"
	# Whoever names a profile means no other key.
	AWS_ACCESS_KEY_ID=testkey AWS_SECRET_ACCESS_KEY=$SECRET check 1 "$RGW_URL" s3_profile=nobody
	same "WRONG  store: $HOME/.aws/credentials: the profile nobody is not there, or has no key" "$STORE"
	rm "$HOME/.aws/credentials"
	model metadata
	export AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$MODEL_URL/role check 0 "$MODEL_URL"
	same "$(facts "$MODEL_URL" "the container's endpoint" with)" "$STORE"
	check 1 "$MODEL_URL"
	has "$STORE" "WRONG  store: no key for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put"
	refused "$MODEL_URL"
	has "$LINE" "seedfs: no key for the store: "
}

@test "a key that the store refuses, and a bucket that is not there" {
	export AWS_SECRET_ACCESS_KEY=$WRONG_SECRET
	check 1 "$RGW_URL"
	has "$STORE" "WRONG  store: $RGW_URL/seed: HTTP 403 SignatureDoesNotMatch"
	has "$STORE" "are the credentials right, and may they read, write, list and delete there?"
	refused "$RGW_URL"
	has "$LINE" "are the credentials right"
	export AWS_SECRET_ACCESS_KEY=$SECRET BUCKET=nowhere
	check 1 "$RGW_URL"
	same "WRONG  store: $RGW_URL/nowhere: there is no such bucket; make it, or correct store=" "$STORE"
	refused "$RGW_URL"
	same "seedfs: $RGW_URL/nowhere: there is no such bucket; make it, or correct store=" "$LINE"
}

@test "a store that ignores conditions is refused" {
	local flag

	for flag in ignore-none-match ignore-match stale no-etag; do
		model "$flag"
		check 1 "$MODEL_URL"
		has "$STORE" "WRONG  store: the store cannot be shared: "
		has "$STORE" "use a store with conditional writes"
		refused "$MODEL_URL"
		has "$LINE" "seedfs: the store cannot be shared: "
		same "" "$(left "$MODEL_URL")"
	done
}

@test "a store that does not answer" {
	local url=http://127.0.0.1:1

	check 1 "$url"
	has "$STORE" "WRONG  store: s3://seed/farm-$BATS_TEST_NUMBER at $url: "
	has "$STORE" "is the network up, and s3_endpoint= right?"
	refused "$url"
	has "$LINE" "is the network up, and s3_endpoint= right?"
	# The first mount must reach it.
	refused "$url" offline=wait
	has "$LINE" "is the network up, and s3_endpoint= right?"
}

@test "a store that is busy is asked again, for twenty seconds" {
	local begun

	model busy-first=3
	check 0 "$MODEL_URL"
	same "$(facts "$MODEL_URL" "the environment" with)" "$STORE"
	model status=503
	begun=$SECONDS
	check 1 "$MODEL_URL"
	has "$STORE" "too busy, so try again later"
	[ $((SECONDS - begun)) -le 25 ]
}

@test "https: the certificate is checked, and s3_ca_file names another authority" {
	export MODEL_CERTIFICATE=$DIR/certificate
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/key.pem" -out "$DIR/ca.pem" 2>"$DIR/openssl"
	cat "$DIR/key.pem" "$DIR/ca.pem" >"$MODEL_CERTIFICATE"
	model tls
	check 1 "$MODEL_URL"
	has "$STORE" "certificate"
	has "$STORE" "s3_endpoint= or s3_ca_file= right?"
	cd "$DIR"
	check 0 "$MODEL_URL" s3_ca_file=ca.pem
	same "$(facts "$MODEL_URL" "the environment" with)" "$STORE"
	check 1 "$MODEL_URL" s3_ca_file=nothing.pem
	has "$STORE" "WRONG  store: "
}

@test "s3_ca_file stands in the place of all authorities of the system" {
	local name

	need_root
	mkdir "$DIR/certs"
	for name in ca another; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$name \
			-addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/$name.key" -out "$DIR/$name.pem" 2>"$DIR/openssl"
	done
	cat "$DIR/ca.key" "$DIR/ca.pem" >"$DIR/certificate"
	# As Debian has it: all of them in one file, and each in a directory.
	cp "$DIR/ca.pem" "$DIR/certs/ca.pem"
	cp "$DIR/ca.pem" "$DIR/certs/ca-certificates.crt"
	openssl rehash "$DIR/certs" 2>"$DIR/openssl"
	printf '#!/bin/sh\nexec unshare -m sh -c "mount --bind %s /etc/ssl/certs && exec %s \\"\\$@\\"" sh "$@"\n' \
		"$DIR/certs" "$SEEDFS" >"$DIR/with-certs"
	chmod 755 "$DIR/with-certs"
	MODEL_CERTIFICATE=$DIR/certificate model tls
	SEEDFS=$DIR/with-certs check 0 "$MODEL_URL"
	SEEDFS=$DIR/with-certs check 1 "$MODEL_URL" s3_ca_file="$DIR/another.pem"
	has "$STORE" "certificate"
}

bound_to() { # URL
	printf '{"bucket":"%s","host":"0123456789abcdef"}' "$1" >"$STATE/shared"
}

logged() { # PART: of the log of the mount that failed
	grep -qF "$1" "$STATE/log/status"
}

@test "a state directory that has met its bucket is mounted without it" {
	local url=http://127.0.0.1:1

	bound_to "s3://seed/farm-$BATS_TEST_NUMBER at $url"
	start_seedfs -o "$(shared "$url")" "$MNT"
	wait_mounted
	# A look at a name, and one at what it may have become since.
	has "$(stat "$MNT/images/hen.png" 2>&1)" "No route to host"
	same "open EHOSTUNREACH" "$(try_write hen "a hen")"
	same "" "$(ls "$MNT/prompts")"
	stop_seedfs
	logged "The store is away, and new prompts fail; what is here can be read: "
	start_seedfs -o "$(shared "$url" offline=wait)" "$MNT"
	wait_mounted
	stop_seedfs
	logged "The store is away, and new prompts wait for it; what is here can be read: s3://seed/farm-$BATS_TEST_NUMBER at $url: "
	# Only while it is away: what would not become better is told.
	model ignore-match
	bound_to "s3://seed/farm-$BATS_TEST_NUMBER at $MODEL_URL"
	refused "$MODEL_URL" offline=wait
	has "$LINE" "the store cannot be shared"
}

@test "a role's key that nobody hands out at the mount does not keep a host from its images" {
	model
	bound_to "s3://seed/farm-$BATS_TEST_NUMBER at $MODEL_URL"
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/role
	start_seedfs -o "$(shared "$MODEL_URL")" "$MNT"
	wait_mounted
	same "" "$(ls "$MNT/prompts")"
	stop_seedfs
	logged "The store is away, and new prompts fail; what is here can be read: no credentials for the store: the \
container's endpoint does not answer"
	# The first mount needs it.
	rm -r "$STATE"
	mkdir -m 700 "$STATE"
	refused "$MODEL_URL"
	has "$LINE" "the container's endpoint does not answer"
}

@test "a state directory belongs to one bucket, and is not mounted without it" {
	local other="s3://seed/another at $RGW_URL" options

	bound_to "$other"
	refused "$RGW_URL"
	has "$LINE" "the state directory belongs to $other, not to s3://seed/farm-$BATS_TEST_NUMBER at $RGW_URL"
	# --check says what the mount would.
	run --separate-stderr timeout 60 "$SEEDFS" --check -o "$(shared "$RGW_URL")"
	same 1 "$status"
	has "$output" "WRONG  state: the state directory belongs to $other, not to s3://seed/farm-"
	run --separate-stderr timeout 60 "$SEEDFS" --check -o "$(usual_options)"
	same 1 "$status"
	has "$output" "WRONG  state: the state directory is a part of $other, and has not all of its images"
	rm "$STATE/shared"
	mkdir -p "$STATE/prompts"
	echo "a fox" >"$STATE/prompts/fox"
	run --separate-stderr timeout 60 "$SEEDFS" --check -o "$(shared "$RGW_URL")"
	same 1 "$status"
	has "$output" "WRONG  state: the state directory has entries of its own"
	rm "$STATE/prompts/fox"
	bound_to "$other"
	for options in "$(usual_options)" "$(usual_options),ro"; do
		run --separate-stderr timeout 20 "$SEEDFS" -f -o "$options" "$MNT"
		same 1 "$status"
		same "seedfs: the state directory is a part of $other, and has not all of its images; mount it with \
store=, or name another with -o state=DIR" "$stderr"
	done
	same "" "$(mounts_here)"
}

@test "a role's key is asked for anew before it expires" {
	model metadata rotates=60
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	unset AWS_EC2_METADATA_DISABLED
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$MODEL_URL/role AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret \
		start_seedfs -o "$(shared "$MODEL_URL")" "$MNT"
	wait_mounted
	# The second key is the engine's, and the store takes no other any more.
	wait_until try_is ok fox "a red fox"
	same 1 "$(count create)"
}

@test "a role's key that the store does not take any more is asked for anew, and nothing fails" {
	model metadata rotates=7200
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$MODEL_URL/role AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret \
		start_seedfs -o "$(shared "$MODEL_URL")" "$MNT"
	wait_mounted
	same ok "$(try_write fox "a red fox")"
	# Somebody else has the next key, and this host's is worth nothing.
	curl -sS -H "Authorization: container-secret" "$MODEL_URL/role" >"$DIR/role"
	same ok "$(try_write hen "a hen")"
	same 2 "$(count create)"
}

try_is() { # OUTCOME NAME TEXT
	[ "$1" = "$(try_write "$2" "$3")" ]
}
