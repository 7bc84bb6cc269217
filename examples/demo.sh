#!/usr/bin/env bash
# What `make demo` shows: three prompts become three pictures.
#
# Mounts seedfs with provider=sketch (no key, no network, no cost) on a
# directory of its own, writes prompts with echo, reads the images, shows the
# log, keeps copies of the pictures and unmounts. Safe to run again.
#
# BUILD      the build directory (build)
# PICTURES   where the copies go (demo-pictures)
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
PICTURES=${PICTURES:-demo-pictures}

if ! command -v make >/dev/null; then
	echo "make is missing. As root: apt-get install make" >&2
	exit 1
fi
env -u MAKEFLAGS -u MFLAGS make -s install-deps
env -u MAKEFLAGS -u MFLAGS make BUILD="$BUILD" all

work=$(mktemp -d)
mkdir "$work/mnt" "$work/state"
seedfs=

# However this ends, nothing stays mounted or running.
finish() {
	if [ -n "$seedfs" ]; then
		kill "$seedfs" 2>/dev/null || true
		wait "$seedfs" || true
	fi
	if mountpoint -q "$work/mnt"; then
		fusermount3 -uz "$work/mnt" || umount -l "$work/mnt"
	fi
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

say() {
	if [ -t 1 ]; then
		printf '\n\033[1m%s\033[0m\n' "$*"
	else
		printf '\n%s\n' "$*"
	fi
}

# Shows a command and runs it, as one would type it in $work.
run() {
	printf '$ %s\n' "$*"
	(cd "$work" && bash -c "$*")
}

"$BUILD/seedfs" -f -o "provider=sketch,state=$work/state" "$work/mnt" 2>"$work/stderr" &
seedfs=$!
for _ in $(seq 200); do
	[ -r "$work/mnt/README" ] && break
	if ! kill -0 "$seedfs" 2>/dev/null; then
		cat "$work/stderr" >&2
		exit 1
	fi
	sleep 0.05
done
[ -r "$work/mnt/README" ] || { echo "the mount did not come up" >&2; exit 1; }

say "seedfs is mounted with provider=sketch. Writing a prompt draws its picture:"
run 'echo "a red fox in deep snow, low winter sun" > mnt/prompts/fox'
run 'echo "a lighthouse on black cliffs, storm at dusk" > mnt/prompts/lighthouse'
run 'echo "misty green mountains at dawn, a calm lake" > mnt/prompts/mountains'

say "echo came back when each picture was there, checked, exactly 2048x1152:"
run 'ls -l mnt/images'

say "The log:"
run 'cat mnt/status'

mkdir -p "$PICTURES"
cp "$work"/mnt/images/*.png "$PICTURES/"
say "The pictures:"
printf '  %s\n' "$(realpath "$PICTURES")"/*.png
