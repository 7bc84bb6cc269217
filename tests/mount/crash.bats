#!/usr/bin/env bats
# `man seed`: never twice, never lost; the program is stopped right
# before each fsync and each rename of the state directory in turn, as a power
# cut would stop it, mounted again, and what must hold is looked at. Needs a
# build with crash points (the sanitizer builds have them).

load helper

# Dozens of mounts in one test.
export LIMIT=600 BATS_TEST_TIMEOUT=600

more_setup() {
	grep -q SEED_CRASH_AT "$SEEDFS" || skip "a build without crash points"
	BASE=$DIR/base
}

# The state that every round begins with.
prepare() {
	mount_seed
	"$@"
	stop_seedfs
	mv "$STATE" "$BASE"
}

# The N-th point of a round: copies the state, does COMMAND on a mount that ends
# there. False if the point never came. It may come after COMMAND's answer, also
# as late as the unmounting.
crash_at() { # N COMMAND…
	local n=$1 status=0

	shift
	rm -rf "$STATE"
	cp -a "$BASE" "$STATE"
	SEED_CRASH_AT=$n start_seedfs -o "$(usual_options)${MORE:-}" "$MNT"
	wait_until mounted_or_ended
	("$@") >/dev/null 2>&1 || true
	kill -TERM "$SEED_PID" 2>/dev/null || true
	wait_until ended "$SEED_PID"
	wait "$SEED_PID" 2>/dev/null || status=$?
	SEED_PID=
	umount -l "$MNT" 2>/dev/null || true
	[ "$status" -ne 0 ] || return 1
	same 137 "$status" || exit 1 # SIGKILL: it is the point that ended it
}

nothing_is_left() {
	wait_until nothing_is_pending
	same "" "$(ls "$STATE/tmp")"
	# shellcheck disable=SC2046 # names without spaces
	jq -e .state $(find "$STATE/records" -name '*.json') >/dev/null
	fails grep -qvE '^[0-9-]+T[0-9:.]+Z [^ ]+ .' "$MNT/status"
	all_agree
}

# Each image, current or earlier, has the row that was made for it.
all_agree() {
	local image row

	for image in $(cd "$STATE" && find images history -name '*.png'); do
		row=${image%.png}.json
		row=$STATE/${row/#images/records}
		same "$image: verified $(sha256sum <"$STATE/$image" | cut -d ' ' -f 1)" \
			"$image: $(jq -r '.state + " " + .image.sha256' "$row")"
	done
}

# All images of NAME, current and earlier.
images_of() { # NAME
	find "$STATE/images/$1.png" "$STATE/history/$1" -name '*.png' 2>/dev/null | wc -l
}

write_fox() {
	write fox "a fox in round $ROUND"
}

@test "s3: stopped at every step of a generation, nothing is lost or paid twice" {
	local paid outcome

	prepare write fox "the first fox"
	for ((ROUND = 1; ROUND < 200; ROUND++)); do
		crash_at "$ROUND" write_fox || break
		mount_seed
		outcome=$(try_open images/fox.png)
		paid=$(count accepted "in round $ROUND")
		[ "$paid" -le 1 ] || fail "round $ROUND: paid $paid times"
		if [ "$outcome" = ok ]; then
			is_verified fox || fail "round $ROUND: not verified"
			# The new image beside the old one, or the old one untouched.
			if [ "$(cat "$MNT/prompts/fox")" = "a fox in round $ROUND" ]; then
				same "$ROUND: 1 2" "$ROUND: $paid $(images_of fox)"
			else
				same "$ROUND: 0 1" "$ROUND: $paid $(images_of fox)"
			fi
		else
			# Only where nobody can know whether it was accepted.
			same "round $ROUND: EIO" "round $ROUND: $outcome"
			has "$(record fox .error.message)" "may have been accepted"
			same "$ROUND: 1" "$ROUND: $(images_of fox)"
		fi
		nothing_is_left || fail "in round $ROUND"
		stop_seedfs
	done
	[ "$ROUND" -gt 10 ] || fail "only $ROUND points"
	[ "$ROUND" -lt 200 ]
}

# Whichever name has its image.
@test "s2.6: stopped at every step of a generation, with reuse its text is not paid for under another name" {
	local paid made=0

	export MORE=,reuse
	prepare write wolf "a wolf"
	for ((ROUND = 1; ROUND < 200; ROUND++)); do
		crash_at "$ROUND" write_fox || break
		mount_seed -o reuse
		if [ "$(try_open images/fox.png)" = ok ]; then
			made=$((made + 1))
			write owl "a fox in round $ROUND"
			paid=$(count accepted "in round $ROUND")
			same "$ROUND: 1" "$ROUND: $paid"
		fi
		nothing_is_left || fail "in round $ROUND"
		stop_seedfs
	done
	((made > 5)) || fail "only $made images"
	[ "$ROUND" -lt 200 ]
}

two_entries() {
	write fox "a fox"
	write fox "another fox"
	write wolf "a wolf"
}

rename_fox() {
	mv "$MNT/prompts/fox" "$MNT/prompts/wolf"
}

@test "s2.10: stopped at every step of a rename, it has happened or it has not" {
	local before=3

	prepare two_entries
	for ((ROUND = 1; ROUND < 200; ROUND++)); do
		crash_at "$ROUND" rename_fox || break
		mount_seed
		if [ -e "$MNT/prompts/fox" ]; then
			is_verified fox && is_verified wolf || fail "round $ROUND: not as before"
			same "$ROUND: 2 1" "$ROUND: $(images_of fox) $(images_of wolf)"
		else
			is_verified wolf || fail "round $ROUND: not renamed whole"
			same "another fox" "$(cat "$MNT/prompts/wolf")"
			same "another fox" "$(record wolf .prompt)"
			same "$ROUND: 0 $before" "$ROUND: $(images_of fox) $(images_of wolf)"
			[ ! -e "$MNT/records/fox.json" ] || fail "round $ROUND: a row is left"
		fi
		nothing_is_left || fail "in round $ROUND"
		stop_seedfs
	done
	[ "$ROUND" -gt 5 ] || fail "only $ROUND points"
	[ "$ROUND" -lt 200 ]
	same 3 "$(count submit)"
}

make_folder() {
	mkdir "$MNT/prompts/shot"
	write shot/sky "a sky"
	write shot/sea "a sea"
}

rename_folder() {
	mv "$MNT/prompts/shot" "$MNT/prompts/take"
}

@test "s2.10: stopped at every step of a folder's rename, it ends whole" {
	local where

	prepare make_folder
	for ((ROUND = 1; ROUND < 200; ROUND++)); do
		crash_at "$ROUND" rename_folder || break
		mount_seed
		where=$(ls "$MNT/prompts")
		is_verified "$where/sky" && is_verified "$where/sea" ||
			fail "round $ROUND: not whole in $where"
		same "$where/sky" "$(record "$where/sky" .name)"
		nothing_is_left || fail "in round $ROUND"
		stop_seedfs
	done
	[ "$ROUND" -gt 3 ] || fail "only $ROUND points"
	[ "$ROUND" -lt 200 ]
	same 2 "$(count submit)"
}

restore_fox() {
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
}

@test "s1: stopped at every step of a restore, it has happened or it has not" {
	local first

	prepare two_entries
	first=$(sha256sum <"$BASE/history/fox/0001.png")
	for ((ROUND = 1; ROUND < 200; ROUND++)); do
		crash_at "$ROUND" restore_fox || break
		mount_seed
		is_verified fox || fail "round $ROUND: not verified"
		same "$ROUND: 2" "$ROUND: $(images_of fox)"
		if [ "$first" = "$(sha256sum <"$MNT/images/fox.png")" ]; then
			same "a fox" "$(record fox .prompt)"
		else
			same "another fox" "$(record fox .prompt)"
		fi
		nothing_is_left || fail "in round $ROUND"
		stop_seedfs
	done
	[ "$ROUND" -gt 5 ] || fail "only $ROUND points"
	[ "$ROUND" -lt 200 ]
	same 3 "$(count submit)"
}
