#!/bin/sh
# Generates one image and reports how it went.
#
#     examples/prompt.sh MOUNT NAME "a prompt" [OUTPUT.png]
#
# tee, as cp and dd, looks at what close() returns, so its exit status tells
# whether the image is there. (A shell ignores that error when it ends its own
# redirection: echo "…" > file is always 0.)
set -u

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
	echo "usage: $0 MOUNT NAME PROMPT [OUTPUT.png]" >&2
	exit 2
fi
mount=$1 name=$2 prompt=$3 output=${4:-}

# Waits until the image is verified, or fails with the reason.
if ! printf '%s\n' "$prompt" | tee "$mount/prompts/$name" >/dev/null; then
	echo "$0: $name failed; its last lines in the log:" >&2
	grep -F " $name " "$mount/status" | tail -n 3 >&2
	exit 1
fi

if [ -n "$output" ]; then
	cat "$mount/images/$name.png" >"$output" || exit 1
else
	echo "$mount/images/$name.png"
fi
