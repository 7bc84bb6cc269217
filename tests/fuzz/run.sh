#!/usr/bin/env bash
# Runs fuzz targets: tests/fuzz/run.sh BUILD SECONDS [TARGET…]
#
# Begins with tests/fuzz/corpus/TARGET and what earlier runs have found new
# (BUILD/corpus/TARGET). What ends a target is kept in tests/fuzz/found/TARGET-…,
# to be mended and then moved to its corpus. BUILD/counts has a line for each run:
# target, inputs, seconds of processor time; the sums of all stand at the end.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 seconds=$2
shift 2
if [ $# -eq 0 ]; then
	for source in tests/fuzz/*.c; do
		name=$(basename "$source" .c)
		[ "$name" = replay ] || set -- "$@" "$name"
	done
fi
bad=0
mkdir -p tests/fuzz/found
for target; do
	mkdir -p "$build/corpus/$target" "$build/logs"
	ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
		UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
		bash -c 'time nice "$@"' _ "$build/tests/fuzz/$target" \
		-max_total_time="$seconds" -rss_limit_mb=4096 -timeout=60 -max_len=65536 \
		-print_final_stats=1 -artifact_prefix="tests/fuzz/found/$target-" \
		"$build/corpus/$target" "tests/fuzz/corpus/$target" >"$build/logs/$target" 2>&1 || {
		bad=1
		echo "$target FAILED:"
		grep -vE '^#[0-9]+|NEW_FUNC' "$build/logs/$target" | head -40
	}
	awk -v target="$target" '
		/^stat::number_of_executed_units/ { inputs = $2 }
		/^user|^sys/ { split($2, t, /[ms]/); used += 60 * t[1] + t[2] }
		END { print target, inputs + 0, used }' "$build/logs/$target" >>"$build/counts"
done
awk '{ inputs[$1] += $2; used[$1] += $3 }
	END { for (t in inputs) printf "%-10s %12d inputs %8.0f s\n", t, inputs[t], used[t] }' \
	"$build/counts" | sort
exit $bad
