#!/usr/bin/env bats
# The examples, and what a newcomer's first commands answer.
# shellcheck disable=SC2016 # commands for other shells

load helper

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
	run "$ROOT/examples/prompt.sh" "$MNT" fox "a fox"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$MNT is no mount of seedfs; mount it first: seedfs -o provider=sketch $MNT"
	run "$ROOT/examples/batch.sh" "$MNT" "$DIR/list"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$MNT is no mount of seedfs"
	mount_seed
	run "$ROOT/examples/batch.sh" "$MNT" "$DIR/list"
	same "2 1" "$status ${#lines[@]}"
	has "$output" "$DIR/list cannot be read"
	mkdir "$DIR/bin"
	for program in bash env dirname; do ln -s "$(type -P "$program")" "$DIR/bin/"; done
	run env PATH="$DIR/bin" "$ROOT/examples/demo.sh"
	same "1 make is missing. As root: apt-get install make" "$status $output"
}

@test "examples: prompt.sh shows the log of a name with a space when it fails" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	run "$ROOT/examples/prompt.sh" "$MNT" 'a name #1' "a fox"
	same 1 "$status"
	has "$output" "Disk quota exceeded"
	has "$output" 'a\040name\040\0431 ❌'
	has "$output" "no credits"
}

@test "examples: prompt.sh writes the image, and shows progress on a terminal" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background script -qfec "'$ROOT/examples/prompt.sh' '$MNT' 'a name' 'a fox' '$DIR/out.png'" "$DIR/terminal"
	received accepted 1
	wait_until grep -q 'a.040name  *generating' "$DIR/terminal"
	release
	job_ends 0 "$JOB"
	cmp "$DIR/out.png" "$MNT/images/a name.png"
}

@test "examples: prompt.sh says at Ctrl-C that it goes on" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background env --default-signal=INT setsid "$ROOT/examples/prompt.sh" "$MNT" fox "a fox"
	received accepted 1
	wait_until pgrep -s "$JOB" tee
	kill -INT -- "-$JOB"
	job_ends 130 "$JOB"
	has "$(cat "$JOB_OUT")" "the generation of fox goes on"
	release
	same ok "$(try_open images/fox.png)"
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
	chmod -R 755 "$DIR"
	run setpriv --reuid 65534 --regid 65534 --clear-groups env PATH="$DIR/bin" \
		bash "$ROOT/tests/check.sh" install no-such-package
	[ "$status" -ne 0 ]
	same "Packages are missing. As root: apt-get install no-such-package" "$output"
}

@test "make install puts the program, its manuals and mount's helper in place" {
	# As it was built: with the flags of this make it would be built anew, under
	# the tests that run beside this one.
	make -s -C "$ROOT" -o "$SEEDFS" BUILD="$(dirname "$SEEDFS")" DESTDIR="$DIR/root" install
	same /usr/local/bin/seedfs "$(readlink "$DIR/root/sbin/mount.seedfs")"
	"$DIR/root/usr/local/bin/seedfs" -V
	make -s -C "$ROOT" -o "$SEEDFS" BUILD="$(dirname "$SEEDFS")" DESTDIR="$DIR/root" uninstall
	same "" "$(find "$DIR/root" -name '*seed*' ! -type d)"
}
