#!/bin/sh
# Generates a list of prompts with GNU parallel, and takes up where it was stopped.
#
#     examples/parallel.sh MOUNT LIST [JOBS] [further options of parallel, such as --bar]
#
# LIST has one "NAME<tab>PROMPT" a line. LIST.joblog notes how each ended: the same
# command once more runs those that failed and those that were not reached, and
# nothing twice. Remove it to begin anew. (batch.sh is the same with xargs.)
set -eu
[ $# -ge 2 ] || { echo "usage: $0 MOUNT LIST [JOBS] [OPTION]…" >&2; exit 2; }
mount=$1 list=$2 jobs=${3:-64}
[ -d "$mount/prompts" ] || { echo "$0: $mount is not a seedfs mount" >&2; exit 2; }
shift 2
[ $# -eq 0 ] || shift

# tee looks at what close() returns; a shell's own redirection does not.
export MOUNT="$mount" PARALLEL_SHELL=/bin/sh
# shellcheck disable=SC2016 # expanded by the shells that parallel starts
exec parallel "$@" --colsep '\t' --jobs "$jobs" --joblog "$list.joblog" --resume-failed \
	'mkdir -p "$MOUNT"/prompts/{1//} && printf "%s\n" {2} | tee "$MOUNT"/prompts/{1} >/dev/null' :::: "$list"
