#!/usr/bin/env bash
# Analysers of C: tests/analyse.sh [gcc] [tidy] [cppcheck]
#
# What they find is reduced to "TOOL FILE CHECK". What stands in tests/analyse.known, with
# its reason, is passed over; anything else is shown as the tool said it, and the exit
# status is 1. A line there that nothing matches any more is shown, too.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
KNOWN=tests/analyse.known
read -ra LIBRARIES < <(pkg-config --cflags fuse3 libcurl libcjson libpng libjpeg libwebp libcrypto libdeflate libseccomp lcms2)
FLAGS=(-I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DSEEDFS_VERSION="0"' -DFUSE_USE_VERSION=312 -std=gnu11 "${LIBRARIES[@]}")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

SOURCES=(fs/*.c lib/*/*.c)

# Leaks: gcc 12 does not follow a pointer that is stored through an argument, and takes each
# for one. LeakSanitizer sees the real ones.
# shellcheck disable=SC2317 # called by its name
run_gcc() {
	printf '%s\n' "${SOURCES[@]}" | nice xargs -P "$(nproc)" -n 1 \
		gcc -fanalyzer -Wno-analyzer-malloc-leak -fdiagnostics-plain-output -O1 "${FLAGS[@]}" -c -o /dev/null
}

# shellcheck disable=SC2317
run_tidy() { # .clang-tidy
	printf '%s\0' "${SOURCES[@]}" | nice xargs -0 -P "$(nproc)" -I '{}' \
		clang-tidy -quiet '{}' -- "${FLAGS[@]}" -O2
}

# shellcheck disable=SC2317
run_cppcheck() {
	nice cppcheck -q -j "$(nproc)" --enable=warning,performance,portability --inline-suppr --std=c11 \
		-I. -D_GNU_SOURCE -DFUSE_USE_VERSION=312 --suppress=missingIncludeSystem \
		--template='{file}:{line}:0: warning: {message} [{id}]' lib fs
}

# "FILE:LINE:COLUMN: warning: MESSAGE [CHECK]", once each.
findings() {
	sed -nE "s#^($PWD|\.)/##; /^[a-z0-9_./]+:[0-9]+:[0-9]+: (warning|error): .*\[[^]]+\]\$/p" | sort -u
}

bad=0
[ $# -gt 0 ] || set -- gcc tidy cppcheck
for tool; do
	# What ended early has found nothing.
	"run_$tool" >"$WORK/all" 2>&1 || { tail -n 3 "$WORK/all"; bad=1; }
	findings <"$WORK/all" | sed -E "s#^([^:]+):([0-9:]+) .*\[([^],]+).*\$#$tool \1 \3\t&#" >"$WORK/found"
	grep "^$tool " "$KNOWN" | cut -d' ' -f1-3 | sort -u >"$WORK/known"
	cut -f1 "$WORK/found" | sort -u >"$WORK/kinds"
	comm -23 "$WORK/kinds" "$WORK/known" >"$WORK/new"
	comm -13 "$WORK/kinds" "$WORK/known" | sed 's/^/no longer found, take it out of the list: /'
	if [ -s "$WORK/new" ]; then
		grep -wFf "$WORK/new" "$WORK/found" | cut -f2
		bad=1
	fi
	echo "$tool: $(wc -l <"$WORK/found") findings, $(wc -l <"$WORK/new") kinds of them new"
done
exit $bad
