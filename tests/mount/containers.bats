#!/usr/bin/env bats
# docs/seedfs.1, Containers: the name spaces of an ordinary user.

load helper

# Mounts, writes, reads and unmounts as root of a user name space, as a rootless
# container does.
rootless() { # COMMAND that makes the name spaces…
	local as=()

	# Where it is root's alone, the user finds one that is open to all, as udev makes it.
	# shellcheck disable=SC2016 # the inner shell expands it
	[ "$(id -u)" -ne 0 ] || as=(unshare -m sh -c 'rm -f "$0" && mknod "$0" c 10 229 && chmod 666 "$0" &&
		mount --bind "$0" /dev/fuse && exec "$@"' "$DIR/fuse" setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 "$DIR"
	install -d -m 777 "$DIR/own"
	install -m 755 "$SEEDFS" "$DIR/seedfs"
	"${as[@]}" "$@" true || skip "no such name spaces here: $1"
	cat >"$DIR/inside" <<-EOF
		set -e
		cd "$DIR/own"
		mkdir mnt
		"$DIR/seedfs" -o provider=sketch,size=256x144,state=state mnt
		echo "a fox" | tee mnt/prompts/fox >/dev/null
		exec 3>mnt/prompts/owl; echo an >&3; echo owl >&3; exec 3>&-
		head -c 4 mnt/images/fox.png | tail -c 3
		grep -c Ready mnt/status
		umount mnt
	EOF
	same "PNG2" "$("${as[@]}" env HOME="$DIR/own" timeout 60 "$@" sh "$DIR/inside")"
	same "" "$(mounts_here)"
	wait_until not_running "$DIR/seedfs"
}

not_running() { # PROGRAM
	! pgrep -f "^$1" >/dev/null
}

@test "containers: a user's own name spaces are enough to mount" {
	rootless unshare --user --map-root-user --mount
}

@test "containers: also with processes of their own" {
	rootless unshare --user --map-root-user --mount --pid --fork --mount-proc
}

@test "containers: bubblewrap" {
	[ -n "$(type -P bwrap)" ] || skip "no bwrap here"
	rootless bwrap --unshare-all --uid 0 --gid 0 --cap-add CAP_SYS_ADMIN --bind / / --dev /dev \
		--dev-bind /dev/fuse /dev/fuse --proc /proc
}
