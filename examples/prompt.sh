#!/bin/sh
# Generates one image, shows how far it is, and reports how it went.
#
#     examples/prompt.sh MOUNT NAME "a prompt" [OUTPUT.png]
#
# tee, as cp and dd, looks at what close() returns, so its exit status tells
# whether the image is there. (A shell ignores that error when it ends its own
# redirection: echo "…" > file is always 0.) Ctrl-C ends the wait and not the
# generation, which is paid for.
set -u

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
	echo "usage: $0 MOUNT NAME PROMPT [OUTPUT.png]" >&2
	exit 2
fi
mount=$1 name=$2 prompt=$3 output=${4:-}
if [ ! -d "$mount/prompts" ]; then
	echo "$0: $mount is no mount of seedfs; mount it first: seedfs -o provider=sketch $mount" >&2
	exit 2
fi

# The log and `queue` write NAME as /proc/mounts does.
escaped() {
	printf '%s' "$name" | LC_ALL=C awk 'BEGIN { for (i = 1; i < 256; i++) octal[sprintf("%c", i)] = sprintf("\\%03o", i) }
		{
			if (NR > 1)
				printf "\\012"
			n = split($0, letters, "")
			for (i = 1; i <= n; i++)
				printf "%s", letters[i] ~ /[\001-\040\177\\#]/ ? octal[letters[i]] : letters[i]
		}'
}
word=$(escaped)

# Its line of `queue`: state, time, bar. On a terminal only, over itself.
show_progress() {
	while sleep 1; do
		WORD=$word awk '$1 == ENVIRON["WORD"]' "$mount/queue" 2>/dev/null | head -n 1 |
			cut -c 1-100 | while IFS= read -r line; do
				printf '\r\033[K%s' "$line" >&2
			done
	done
}

log_lines() { # HOW-MANY
	WORD=$word awk '$2 == ENVIRON["WORD"]' "$mount/status" | tail -n "$1" >&2
}

progress=
if [ -t 2 ]; then
	show_progress &
	progress=$!
fi
end_progress() {
	[ -z "$progress" ] || { kill "$progress" 2>/dev/null; printf '\r\033[K' >&2; }
	progress=
}
interrupted() {
	end_progress
	echo "$0: not waiting any longer; the generation of $name goes on." >&2
	echo "  get it:    cat \"$mount/images/$name.png\" (waits until it is there)" >&2
	echo "  cancel it: rm \"$mount/prompts/$name\"" >&2
	exit 130
}
trap interrupted INT TERM HUP

# Waits until the image is verified, or fails with the reason.
printf '%s\n' "$prompt" | tee "$mount/prompts/$name" >/dev/null
status=$?
end_progress
if [ "$status" -ne 0 ]; then
	echo "$0: $name failed; its last lines in the log:" >&2
	log_lines 3
	exit 1
fi

if [ -n "$output" ]; then
	cat "$mount/images/$name.png" >"$output" || exit 1
else
	echo "$mount/images/$name.png"
fi
