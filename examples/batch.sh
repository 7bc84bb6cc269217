#!/bin/sh
# Generates a list of prompts in parallel and collects the failures.
#
#     examples/batch.sh MOUNT LIST [PARALLEL]
#
# LIST has one "NAME<tab>PROMPT" a line; NAME may be in folders, which are made.
# A line without a tab, or with an empty name or prompt, generates nothing and is
# a failure. How many run at the service at once is the mount's affair (-o jobs=,
# rate=); PARALLEL only bounds the processes here. Failures go to LIST.failed in
# the same form, so that it can be run again.
set -u

fails() {
	echo "failed  $1"
	# One short write to a file opened for appending is not torn.
	printf '%s\n' "$line" >>"$failed"
	exit 0
}

if [ "${1:-}" = --one ]; then
	# The form in which xargs starts this script: one line of the list.
	mount=$2 failed=$3 line=$4
	tab=$(printf '\t')
	name=${line%%"$tab"*} prompt=${line#*"$tab"}
	if [ "$name" = "$line" ] || [ -z "$name" ] || [ -z "$prompt" ]; then
		fails "(a line that is not NAME<tab>PROMPT) $line"
	fi
	case $name in
	*/*) mkdir -p "$mount/prompts/${name%/*}" || fails "$name" ;;
	esac
	printf '%s\n' "$prompt" | tee "$mount/prompts/$name" >/dev/null || fails "$name"
	echo "ok      $name"
	exit 0
fi

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
	echo "usage: $0 MOUNT LIST [PARALLEL]" >&2
	exit 2
fi
mount=$1 list=$2 parallel=${3:-16}
failed=$list.failed
if [ ! -d "$mount/prompts" ]; then
	echo "$0: $mount is not a seedfs mount; mount it first: seedfs -o provider=sketch $mount" >&2
	exit 2
fi
if [ ! -r "$list" ]; then
	echo "$0: $list cannot be read; it has a line of NAME<tab>PROMPT for each image" >&2
	exit 2
fi

: >"$failed" || exit 1
grep -v '^[[:space:]]*$' "$list" | tr '\n' '\0' |
	xargs -0 -r -n 1 -P "$parallel" "$0" --one "$mount" "$failed" || exit 1

if [ -s "$failed" ]; then
	echo "$0: $(wc -l <"$failed") failed, see $failed and $mount/status" >&2
	exit 1
fi
rm -f "$failed"
