#!/usr/bin/env bats
# The examples, and what a newcomer's first commands answer.
# shellcheck disable=SC2016 # commands for other shells

load helper

seed() {
	SEED=$MNT "$ROOT/examples/seed" "$@"
}

@test "examples: batch.sh generates what has a name and a prompt, in folders, too" {
	mount_seed
	printf 'a\ta fox\nshots/day 1/b\ta wolf\na line without a tab\n\nc\t\n\tno name\n' >"$DIR/list"
	run "$ROOT/examples/batch.sh" "$MNT" "$DIR/list" 4
	same 1 "$status"
	same 2 "$(count submit)"
	is_verified a
	is_verified "shots/day 1/b"
	same $'\tno name\na line without a tab\nc\t' "$(LC_ALL=C sort "$DIR/list.failed")"
	printf 'a\ta fox\n' >"$DIR/list"
	"$ROOT/examples/batch.sh" "$MNT" "$DIR/list"
	fails test -e "$DIR/list.failed"
}

@test "examples: without a mount, a list or make they say so in one line" {
	run seed fox "a fox"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$MNT is not a seedfs mount; mount it first: seedfs -o provider=sketch $MNT"
	run "$ROOT/examples/batch.sh" "$MNT" "$DIR/list"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$MNT is not a seedfs mount"
	mount_seed
	run "$ROOT/examples/batch.sh" "$MNT" "$DIR/list"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$DIR/list cannot be read"
	mkdir "$DIR/bin"
	for program in bash env dirname; do ln -s "$(type -P "$program")" "$DIR/bin/"; done
	run env PATH="$DIR/bin" "$ROOT/examples/demo.sh"
	same "1 make is missing. As root: apt-get install make" "$status $output"
}

@test "seed: writes, in a folder that it makes, and says where the picture is" {
	mount_seed
	same "$MNT/images/shot/fox.png" "$(seed shot/fox a red fox)"
	same "a red fox" "$(<"$MNT/prompts/shot/fox")"
	same "$MNT/images/a b.png" "$(seed 'a b' <<<"a bear")"
	same "$MNT/images/wait.png" "$(seed -- wait "a waiter")"
	same 3 "$(count submit)"
}

@test "seed: finds the mount by itself" {
	mount_seed
	# Another one may be mounted on this machine, too.
	[ "$(grep -c ' fuse.seedfs ' /proc/self/mounts)" -eq 1 ] || skip "there is another mount here"
	same "$MNT/images/fox.png" "$(env -u SEED "$ROOT/examples/seed" fox "a fox")"
}

@test "seed: again makes another picture of the same prompt, versions lists them" {
	mount_seed
	seed fox "a fox" >/dev/null
	same "$MNT/images/fox.png" "$(seed again fox)"
	same 2 "$(count submit "a fox")"
	same "$MNT/history/fox/0001.png $MNT/images/fox.png" \
		"$(seed versions fox | awk '{ print $3 }' | paste -sd' ')"
	run seed versions owl
	same "1 seed: there is no picture owl in $MNT" "$status $output"
	run seed wait owl
	same "1 seed: there is no prompt owl in $MNT" "$status $output"
	run seed
	same 2 "$status"
	has "$output" "seed wait fox"
}

@test "seed: a failure has its reason and the log, also of a name with a space" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	run seed 'a name #1' "a fox"
	same 1 "$status"
	has "$output" "a name #1 failed: EDQUOT"
	has "$output" 'a\040name\040\0431 ❌'
	has "$output" "no credits"
	run seed wait 'a name #1'
	same 1 "$status"
	has "$output" "no credits"
}

@test "seed: shows how far it is on a terminal, and the picture where it can" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background env SEED="$MNT" KITTY_WINDOW_ID=1 script -qfec "'$ROOT/examples/seed' 'a name' 'a fox'" "$DIR/terminal"
	received accepted 1
	wait_until grep -q '\[\.*\] generating 0%' "$DIR/terminal"
	release
	job_ends 0 "$JOB"
	has "$(<"$DIR/terminal")" "$MNT/images/a name.png"
	has "$(<"$DIR/terminal")" "$(printf %s "$MNT/images/a name.png" | base64 -w0)"
}

@test "seed: says at Ctrl-C that it goes on, and comes back to it" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background env --default-signal=INT SEED="$MNT" setsid "$ROOT/examples/seed" fox "a fox"
	received accepted 1
	wait_until pgrep -s "$JOB" tee
	kill -INT -- "-$JOB"
	job_ends 130 "$JOB"
	has "$(cat "$JOB_OUT")" "the generation of fox goes on"
	has "$(cat "$JOB_OUT")" "seed wait fox"
	background env SEED="$MNT" "$ROOT/examples/seed" wait fox
	wait_until pgrep -P "$JOB" cat
	release
	job_ends 0 "$JOB"
	same "$MNT/images/fox.png" "$(<"$JOB_OUT")"
	same 1 "$(count submit)"
}

@test "make: a missing library is one line with what to install" {
	run env -u MAKEFLAGS make -s -C "$ROOT" BUILD="$DIR/build" PKG_CONFIG=false all
	same 2 "$status"
	same 1 "${#lines[@]}"
	has "$output" "As root: apt-get install pkg-config libcjson-dev libcurl4-openssl-dev"
	has "$output" libpng-dev
}

@test "make: a missing compiler is one line with what to install" {
	mkdir "$DIR/bin"
	for program in make sh grep sed awk pkg-config; do ln -s "$(type -P "$program")" "$DIR/bin/"; done
	run env -u MAKEFLAGS PATH="$DIR/bin" make -s -C "$ROOT" BUILD="$DIR/build" all
	same 2 "$status"
	same 1 "${#lines[@]}"
	has "$output" "As root: apt-get install pkg-config gcc libc6-dev."
}

@test "make: without sudo, what is missing is one line for root" {
	need_root
	mkdir "$DIR/bin"
	for program in bash env dirname nproc id dpkg-query apt-get; do
		ln -s "$(type -P "$program")" "$DIR/bin/"
	done
	cp "$ROOT/tests/check.sh" "$DIR/bin" # where another user may come
	chmod -R 755 "$DIR"
	run setpriv --reuid 65534 --regid 65534 --clear-groups env PATH="$DIR/bin" \
		bash "$DIR/bin/check.sh" install no-such-package
	[ "$status" -ne 0 ]
	same "Packages are missing. As root: apt-get install no-such-package" "$output"
}

# As it was built: with the flags of this make it would be built anew, under the
# tests that run beside this one.
installing() { # ARGUMENT…
	make -s -C "$ROOT" -o "$SEEDFS" BUILD="$(dirname "$SEEDFS")" DESTDIR="$DIR/root" "$@"
}

@test "make install puts the program, its manuals, units and mount's helper in place" {
	local usr=$DIR/root/usr/local unit page

	installing install
	same /usr/local/bin/seedfs "$(readlink "$DIR/root/sbin/mount.seedfs")"
	"$usr/bin/seedfs" -V
	for unit in seedfs.service seedfs@.service; do
		cmp "$ROOT/examples/$unit" "$usr/lib/systemd/system/$unit"
	done
	for page in 1/seedfs.1 1/seed.1 7/seed.7 8/mount.seedfs.8; do
		[ -s "$usr/share/man/man$page" ] || fail "no $page"
	done
	installing uninstall
	same "" "$(find "$DIR/root" ! -type d)"
}

@test "make install PREFIX=/usr: the units start /usr/bin/seedfs" {
	installing PREFIX=/usr install
	same "/usr/bin/seedfs 4" "$(grep -rhE '^Exec' "$DIR/root/usr/lib/systemd/system" |
		grep -oE '/usr/(local/)?bin/seedfs' | sort | uniq -c | awk '{ print $2, $1 }')"
	same /usr/bin/seedfs "$(readlink "$DIR/root/sbin/mount.seedfs")"
}

@test "make install: each link of the documents leads to a file" {
	local doc=$DIR/root/usr/local/share/doc/seedfs page link count=0

	installing install
	for page in "$doc"/*.md "$doc"/docs/*.md; do
		while read -r link; do
			[ -e "$(dirname "$page")/$link" ] || fail "${page#"$doc/"} links to $link"
			count=$((count + 1))
		done < <(grep -oE '\]\([^)#:]+\)' "$page" | tr -d '])(')
	done
	[ "$count" -ge 20 ]
}

@test "the version stands in one place: the package, the program and the list of changes agree" {
	local version

	version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$ROOT/debian/changelog")
	same "seedfs $version" "$("$SEEDFS" -V | head -n 1)"
	same "## $version" "$(grep -m 1 '^## ' "$ROOT/CHANGELOG.md")"
}

# The units say what each point of it is for.
@test "systemd: the units are valid, alike, and no more exposed than they need be" {
	local unit

	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	for unit in seedfs.service seedfs@.service; do
		# The manual is not installed here, nor is the program where the unit has it.
		sed "s|/usr/local/bin/seedfs|$SEEDFS|g; /^Documentation=/d" "$ROOT/examples/$unit" >"$DIR/$unit"
	done
	same "" "$(systemd-analyze verify "$DIR/seedfs.service" 2>&1)"
	same "" "$(systemd-analyze verify "$DIR/seedfs@art.service" 2>&1)"
	systemd-analyze security --offline=yes --threshold=25 "$DIR/seedfs.service" >/dev/null
	same "$(sed -n '/^# A sandbox/,$p' "$DIR/seedfs.service")" "$(sed -n '/^# A sandbox/,$p' "$DIR/seedfs@.service")"
}
