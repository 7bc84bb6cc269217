#!/usr/bin/env bash
# Runs tests and counts them. `make check` calls it; so do the targets that run
# a part:
#
#   tests/check.sh [all]        everything below, after installing what is missing
#   tests/check.sh unit         the programs of tests/unit/
#   tests/check.sh mount [FILE…] the files of tests/mount/
#   tests/check.sh asan         both again under AddressSanitizer and UBSan, and the fuzz targets' kept inputs
#   tests/check.sh long [PART…] what does not fit into a check, see run_long(): its parts are
#                               asan tsan torture valgrind analysers weather fuzz
#   tests/check.sh warnings     compiles everything with gcc and clang, warnings are errors
#   tests/check.sh lint         shellcheck; functions that have grown too long; where
#                               comments stand; which files call which
#   tests/check.sh headers      each header compiles alone
#   tests/check.sh counts       that a failed test is counted as one
#   tests/check.sh install PACKAGE…   what is missing of these, through apt
#
# The last line is "N passed, N failed" (and ", N skipped"), counting cmocka's
# and bats' tests; a part that cannot run counts as one failure. The exit status
# is 1 if anything failed.
#
# BUILD     the build directory (build); the others are BUILD-asan, BUILD-clang
# BATS_TEST_TIMEOUT  seconds that one mount test may take
# SUITES    how many suites run at once (four to a processor: they mostly wait)
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
# One set of flags: with another, make would build everything anew.
export DEVELOPER=1
BUILD=${BUILD:-build}
SUITES=${SUITES:-$((4 * $(nproc)))}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
RUN=
passed=0 failed=0 skipped=0

# --- what is missing ---------------------------------------------------------

is_installed() { # PACKAGE
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() { # PACKAGE…
	local missing=() as_root=() package

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "Not a Debian system: needed are $*"
		return 0
	fi
	for package; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "Packages are missing. As root: apt-get install ${missing[*]}" >&2
			return 1
		fi
		as_root=(sudo)
	fi
	echo "Installing ${missing[*]}"
	"${as_root[@]}" apt-get update -q &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
			apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# --- one suite ---------------------------------------------------------------

# Ends what a suite has left: processes whose command line names its directory,
# and what is mounted in it.
clean_up() { # DIRECTORY
	local pid path all=(/proc/[0-9]*/cmdline)

	while read -r pid; do
		[ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null
	done < <(grep -lsF --file=- "${all[@]}" <<<"$1" | cut -d/ -f3)
	while read -r path; do
		echo "# left mounted: $path"
		fusermount3 -uz "$path" 2>/dev/null || umount -l "$path"
	done < <(awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | tac)
}

# What a power cut leaves is their own model's: a real disk would only be slow (a factor of 20).
is_in_memory() { # PROGRAM
	[[ $1 == */tests/unit/store_faults || $1 == */tests/unit/mirror ]]
}

# Runs in a process of its own (see run_suites): writes TAP to DIRECTORY/tap.
suite() { # DIRECTORY SECONDS COMMAND…
	local dir=$1 limit=$2 status=0 start=$SECONDS

	memory=
	shift 2
	mkdir -p "$dir"
	if is_in_memory "$1" && [ -d /dev/shm ] && [ -w /dev/shm ]; then
		memory=$(mktemp -d /dev/shm/seedfs-suite.XXXXXX)
		trap 'rm -rf "$memory"' EXIT # also where the check is ended
		chmod 755 "$memory" # some tests are nobody's
	fi
	TMPDIR=${memory:-$dir} CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" "$@" \
		</dev/null >"$dir/tap" 2>"$dir/err" || status=$?
	clean_up "$dir" >>"$dir/err" 2>&1
	[ "$status" -ne 124 ] && [ "$status" -ne 137 ] ||
		echo "not ok - stopped after $limit seconds" >>"$dir/tap"
	printf '%s %s\n' "$status" "$((SECONDS - start))" >"$dir/status"
}

# TAP as cmocka and bats write it: "passed failed skipped planned".
count_tap() { # FILE
	awk '
		/^1\.\.[0-9]+/ { planned += substr($1, 4) }
		/^(not )?ok .*# ?(SKIP|skip)/ { skipped++; next }
		/^ok / { passed++ }
		/^not ok / { failed++ }
		END { print passed + 0, failed + 0, skipped + 0, planned + 0 }' "$1"
}

# The tests that failed. cmocka writes what it skips as "not ok … # SKIP".
failures() { # FILE
	awk '/^not ok/ && !/# ?(SKIP|skip)/ { print; found = 1 } END { exit !found }' "$1" 2>/dev/null
}

# Adds a suite's results to the sums and shows them.
report() { # NAME DIRECTORY
	local ok=0 bad=0 skip=0 planned=0 status=1 took=0 missing

	[ -f "$2/status" ] && read -r status took <"$2/status"
	[ -f "$2/tap" ] && read -r ok bad skip planned < <(count_tap "$2/tap")
	missing=$((planned - ok - bad - skip))
	if [ "$missing" -gt 0 ]; then
		echo "# $1: $missing of its $planned tests gave no result"
		bad=$((bad + missing))
	elif [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$((ok + skip))" -eq 0 ]; }; then
		echo "# $1: ended with status $status"
		bad=1
	fi
	printf '%-28s %3d passed, %d failed, %d skipped (%d s)\n' "$1" "$ok" "$bad" "$skip" "$took"
	if [ "$bad" -gt 0 ]; then
		awk '/^(not )?ok / { show = /^not ok/ } show || /^Bail|ERROR|FAIL/' "$2/tap" 2>/dev/null
		tail -n 40 "$2/err" 2>/dev/null
	elif [ "$skip" -gt 0 ]; then
		grep -E '# ?(SKIP|skip)' "$2/tap"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# Reads "NAME SECONDS COMMAND…" lines, runs several at once, reports all. Not to
# be the end of a pipe: what a subshell counts is lost with it.
run_suites() { # PREFIX
	local list=$RUN/$1.list name dir limit command

	# Short directories: a socket's path has 107 bytes at most. All as long: clean_up() finds a suite's
	# processes by its directory, and what p1 has left is not what p10 is running.
	awk -v prefix="$1" -v dir="$RUN/${1:0:1}" '{ $1 = prefix "/" $1 " " dir sprintf("%03d", NR); print }' >"$list"
	cut -d' ' -f2- "$list" | xargs -P "$SUITES" -L 1 "$0" suite
	while read -r name dir limit command; do
		# What failed beside others is tried once more, alone: on two busy
		# processors a second is not always a second. It is said, and what
		# fails alone has failed.
		if failures "$dir/tap" >"$RUN/failures"; then
			echo "# $name: failed beside others, tried again alone:"
			cat "$RUN/failures"
			rm -rf "$dir"
			# shellcheck disable=SC2086 # the command's words
			"$0" suite "$dir" "$limit" $command
		fi
		report "$name" "$dir"
	done <"$list"
}

# A part that is not made of tests: it fails as a whole, or says nothing.
part() { # NAME COMMAND…
	local name=$1 start=$SECONDS

	shift
	if "$@" >"$RUN/part" 2>&1; then
		printf '%-28s ok (%d s)\n' "$name" "$((SECONDS - start))"
	else
		printf '%-28s FAILED (%d s)\n' "$name" "$((SECONDS - start))"
		grep -vE '^  (CC|LD) ' "$RUN/part" | tail -n 60
		failed=$((failed + 1))
		return 1
	fi
}

# --- the parts ---------------------------------------------------------------

build() { # DIRECTORY [make's arguments]
	local dir=$1

	shift
	make -j"$(nproc)" BUILD="$dir" "$@" all upstream unit-programs fuzz-programs
}

# As often as its cells are judged by; less under sanitizers.
simulation() { # BUILD-DIRECTORY RUNS
	echo "unit/simulate 600 $1/tests/unit/simulate --runs $2"
}

# Hosts that share a bucket, of S3's guarantees and of one that does not always keep them.
farm_simulation() { # BUILD-DIRECTORY RUNS
	echo "unit/simulate_farm 600 $1/tests/unit/simulate --hosts 3 --runs $2"
	echo "unit/simulate_lies 600 $1/tests/unit/simulate --hosts 3 --lies 1"
}

unit_suites() { # BUILD-DIRECTORY
	local source name

	for source in tests/unit/*.c; do
		name=$(basename "$source" .c)
		echo "unit/$name 300 $1/tests/unit/$name"
	done
}

# Each target's kept inputs, and what damage makes of them.
fuzz_suites() { # BUILD-DIRECTORY
	local source name

	for source in tests/fuzz/*.c; do
		name=$(basename "$source" .c)
		[ "$name" = replay ] || echo "fuzz/$name 300 $1/tests/fuzz/$name"
	done
}

# What mostly waits, or tries other people's tools. Under sanitizers it reaches what
# the simulation and the other suites reach there, too, in a tenth of the time: a check
# leaves these out there, make check-long runs every suite.
SLOW="paid_after late paid_local paid_submit poll errors tools torture storm examples browser peer colour log \
comfyui openai replicate automatic1111 fal sketch gallery bucket farm_options farm_means adopt \
options names retry history"
# Only the builds with sanitizers have crash points and short leases. A check runs these there,
# and not twice.
CRASHES="crash farm farm_faults"

is_slow() { # FILE
	[[ " $SLOW " == *" $(basename "$1" .bats) "* ]]
}

plain_suites() {
	local file

	for file in tests/mount/*.bats; do
		[[ " $CRASHES " == *" $(basename "$file" .bats) "* ]] || echo "$file"
	done
}

quick_suites() {
	local file

	for file in tests/mount/*.bats; do
		is_slow "$file" || echo "$file"
	done
}

# The longest first, so that none is left running alone at the end.
mount_suites() { # LIMIT [FILE…]
	local limit=$1 file tests

	shift
	[ $# -gt 0 ] || set -- tests/mount/*.bats
	for file; do
		tests=$(grep -c '^@test' "$file")
		is_slow "$file" && tests=$((tests + 100))
		echo "$tests mount/$(basename "$file" .bats) $limit bats --tap $file"
	done | sort -rn | cut -d' ' -f2-
}

run_unit() {
	run_suites plain < <(
		simulation "$BUILD" 100000
		farm_simulation "$BUILD" 600
		unit_suites "$BUILD"
	)
}

run_mount() { # [FILE…]
	SEEDFS=$PWD/$BUILD/seedfs run_suites plain < <(mount_suites 600 "$@")
}

has_sanitizers() { # PROGRAM SYMBOL…
	local symbols symbol

	symbols=$(nm -D "$1")
	shift
	for symbol; do
		[[ $symbols = *"$symbol"* ]] || return
	done
}

under_asan() { # COMMAND…
	SEEDFS=$PWD/$BUILD-asan/seedfs UPSTREAM=$PWD/$BUILD/upstream LIMIT=150 BATS_TEST_TIMEOUT=200 SHUTDOWN_MS=5000 \
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "$@"
}

build_asan() {
	part "asan: build" build "$BUILD-asan" SANITIZE=address,undefined || return
	# What is tested is the program: its service draws faster without.
	part "asan: service" make BUILD="$BUILD" upstream || return
	# A build that lost its sanitizer would pass everything.
	part "asan: is built in" has_sanitizers "$BUILD-asan/seedfs" __asan_init __ubsan
}

run_asan() {
	build_asan || return
	# A check's part of the worlds, the calls that fail and the damaged pictures: make check-unit tries
	# all of these.
	STRIDE=4 WORLDS=80 under_asan run_suites asan < <(
		simulation "$BUILD-asan" 8000
		farm_simulation "$BUILD-asan" 60
		# shellcheck disable=SC2046 # the project's file names have no spaces
		mount_suites 900 $(quick_suites)
		unit_suites "$BUILD-asan"
		fuzz_suites "$BUILD-asan"
	)
}

# --- what does not fit into a check: hours, not minutes ---

# Every mount suite; what is quick is in a check.
long_asan() {
	local file slow=()

	build_asan || return
	for file in tests/mount/*.bats; do
		is_slow "$file" && slow+=("$file")
	done
	CROWD_SECONDS=300 under_asan run_suites asan < <(mount_suites 3600 "${slow[@]}" tests/mount/crowd.bats)
}

# It makes the decoder some ten times slower, and only what has threads can race.
TSAN_SUITES="wait write workers restart callbacks changes thumbs storm crowd control history tree xattrs queue \
kept exec log names gallery hardening"
TSAN_UNITS="disk engine log net process scratch store worker"

long_tsan() {
	local name files=()

	# The unit programs, and the one that races (hardening.bats).
	part "tsan: build" make -j"$(nproc)" BUILD="$BUILD-tsan" SANITIZE=thread all unit-programs || return
	part "tsan: service" make BUILD="$BUILD" upstream || return
	part "tsan: is built in" has_sanitizers "$BUILD-tsan/seedfs" __tsan_init || return
	for name in $TSAN_SUITES; do
		files+=("tests/mount/$name.bats")
	done
	CROWD_SECONDS=300 SEEDFS=$PWD/$BUILD-tsan/seedfs UPSTREAM=$PWD/$BUILD/upstream LIMIT=280 BATS_TEST_TIMEOUT=300 \
		WAIT=90 SHUTDOWN_MS=5000 \
		TSAN_OPTIONS=halt_on_error=0:exitcode=66:suppressions=$PWD/tests/tsan.supp run_suites tsan < <(
		mount_suites 3600 "${files[@]}"
		for name in $TSAN_UNITS; do
			echo "unit/$name 1800 $BUILD-tsan/tests/unit/$name"
		done
	)
}

# All of it: `make check` draws a sample.
long_torture() {
	TORTURE=${TORTURE:-3000} SEEDFS=$PWD/$BUILD/seedfs run_suites torture < <(
		mount_suites 15000 tests/mount/torture.bats
	)
}

# Left out: the picture suites, whose loops over millions of samples take it an hour
# (AddressSanitizer runs them); those with a worker, whose cage ends what valgrind itself
# does; and those for which it changes what they try: malloc, how signals are handled.
NOT_IN_VALGRIND="image_* cage worker engine no_memory process"

long_valgrind() {
	local source name pattern

	run_suites valgrind < <(
		for source in tests/unit/*.c; do
			name=$(basename "$source" .c)
			for pattern in $NOT_IN_VALGRIND; do
				# shellcheck disable=SC2053 # a pattern
				[[ $name == $pattern ]] && continue 2
			done
			echo "valgrind/$name 1800 valgrind -q --error-exitcode=99 --leak-check=full" \
				"--errors-for-leak-kinds=definite --child-silent-after-fork=yes" \
				"--suppressions=tests/valgrind.supp $BUILD/tests/unit/$name"
		done
	)
}

long_analysers() {
	local tool

	for tool in gcc tidy cppcheck; do
		part "analyse: $tool" tests/analyse.sh "$tool"
	done
}

# A longer simulation, and kills and outages on a real mount.
long_weather() {
	part "simulate" make BUILD="$BUILD" simulate SECONDS="${SIMULATE_SECONDS:-1200}" FROM="$((RANDOM * 1000000))"
	part "farm-storm" make BUILD="$BUILD" farm-storm SECONDS="${FARM_SECONDS:-600}"
	KILLS=${KILLS:-100} MODEL_OPERATIONS=1000 STORM_LIMIT=3600 SEEDFS=$PWD/$BUILD/seedfs run_suites weather < <(
		mount_suites 4000 tests/mount/storm.bats tests/mount/kills.bats tests/mount/model.bats
	)
}

long_fuzz() {
	part "fuzz" make BUILD="$BUILD" fuzz SECONDS="${FUZZ_SECONDS:-120}"
}

run_long() { # [PART…]
	local name

	part "packages" make install-deps install-test-deps install-long-deps || return
	with_dev || return
	[ $# -gt 0 ] || set -- asan tsan torture valgrind analysers weather fuzz
	for name; do
		"long_$name"
	done
}

run_warnings() {
	part "warnings: gcc" make -j"$(nproc)" BUILD="$BUILD" objects
	part "warnings: clang" make -j"$(nproc)" BUILD="$BUILD-clang" CC=clang objects
}

scripts() {
	git ls-files 2>/dev/null | grep -E '\.(sh|bash|bats)$|^\.ci/|^examples/seed$' || find tests examples .ci -name '*.sh'
}

long_functions() {
	awk '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ {
			if (start && FNR - start > 60)
				printf "%s:%d: a function of %d lines\n", FILENAME, start, FNR - start
			if (start && FNR - start > 100)
				bad = 1
			start = 0
		}
		END { exit bad }' fs/*.c lib/*/*.c tests/*/*.c
}

# A folder of lib/ includes what stands before it here (and itself), nothing else;
# docs/architecture.md has the same list from above.
FLOORS="base record net provider s3 share store page image adopt sketch worker engine"

floors() {
	awk -v floors="$FLOORS" '
		BEGIN { n = split(floors, name, " "); for (i = 1; i <= n; i++) floor[name[i]] = i }
		FNR == 1 { split(FILENAME, path, "/"); here = floor[path[2]]
			if (!here) { print FILENAME ": a folder that is not in FLOORS"; bad = 1 } }
		/^#include "fs\// { print FILENAME ":" FNR ": " $0; bad = 1 }
		/^#include "lib\// { split($2, path, "/")
			if (floor[path[2]] > here) { print FILENAME ":" FNR ": points up: " $0; bad = 1 } }
		END { exit bad }' lib/*/*.[ch]
}

# The files of a folder call each other in one direction: no circle. Read off the
# objects, so that a function pointer is what it is, a way back up.
NO_CIRCLES="lib/base lib/record lib/net lib/provider lib/s3 lib/share lib/page lib/image lib/sketch lib/store lib/adopt lib/worker lib/engine fs"

circles() {
	local folder objects bad=0

	make -s -j"$(nproc)" BUILD="$BUILD" all >/dev/null || return 1
	for folder in $NO_CIRCLES; do
		objects=("$folder"/*.c) # not those of files that are gone
		[ ${#objects[@]} -gt 1 ] || continue
		objects=("${objects[@]/#/$BUILD/}")
		objects=("${objects[@]/%.c/.o}")
		nm -A --defined-only -g "${objects[@]}" | sed -E 's/^([^:]*):.* (.*)/\2 \1/' | sort -u >"$RUN/defined"
		nm -A -u "${objects[@]}" | sed -E 's/^([^:]*):.* (.*)/\2 \1/' | sort -u >"$RUN/used"
		join "$RUN/used" "$RUN/defined" | awk '$2 != $3 { print $2, $3 }' | sort -u >"$RUN/calls"
		if [ ! -s "$RUN/calls" ] || ! tsort "$RUN/calls" >/dev/null 2>"$RUN/circles"; then
			echo "$folder: files that call each other in a circle:"
			cat "$RUN/circles"
			bad=1
		fi
	done
	return $bad
}

# A comment stands as far in as the line after it, which it is about. Not looked at: a
# comment before a blank line, a closing brace, a label or the preprocessor's line.
comments() { # FILE…
	awk '
		function indent(line) { match(line, /^[ \t]*/); return substr(line, 1, RLENGTH) }
		FNR == 1 { inside = start = 0 }
		inside { inside = !/\*\//; next }
		/^[ \t]*\/\*/ {
			if (!start) { start = FNR; outer = indent($0) }
			if (/\*\/[ \t]*[^ \t]/) start = 0
			inside = !/\*\//
			next
		}
		start && NF && !/^[ \t]*([}#]|[a-z_]+:$)/ && indent($0) != outer {
			print FILENAME ":" start ": a comment that does not stand as far in as its line"
			bad = 1
		}
		{ start = 0 }
		END { exit bad }' "$@"
}

# With an example that it must find.
comments_everywhere() {
	printf 'void f(void)\n{\n/* planted\n * here */\n\tg();\n}\n' >"$RUN/planted.c"
	if comments "$RUN/planted.c" >/dev/null; then
		echo "a comment that does not stand as far in as its line is not found"
		return 1
	fi
	comments fs/*.[ch] lib/*/*.[ch] tests/*/*.[ch]
}

# A merge of two changes may leave an include twice.
includes_once() {
	awk '/^#include/ && seen[FILENAME, $2]++ { print FILENAME ":" FNR ": a second time: " $0; bad = 1 }
		END { exit bad }' fs/*.[ch] lib/*/*.[ch] tests/*/*.[ch]
}

# What reaches the disk does so in one file, where the fault test finds it.
disk_calls() {
	local calls='fsync|fdatasync|syncfs|(rename|link|unlink|mkdir|symlink)(at2?)?|rmdir'

	! nm -A -u "$BUILD"/lib/store/*.o | grep -v '/files\.o:' | grep -E " U ($calls)$"
}

# A mend that was rewritten leaves a mutant that takes nothing out, and is never missed.
mutants() {
	ONLY_LOOK=1 tests/sim/mutants.sh
}

lint() {
	# shellcheck disable=SC2046 # the project's file names have no spaces
	shellcheck -x $(scripts) && long_functions && comments_everywhere && floors && circles &&
		includes_once && disk_calls && mutants
}

headers() {
	make BUILD="$BUILD" headers
}

with_dev() {
	part "build" build "$BUILD"
}

run_all() {
	part "packages" make install-deps install-test-deps || return
	part "counts" counts
	with_dev || return
	run_warnings
	part "headers" headers
	part "lint" lint
	SEEDFS=$PWD/$BUILD/seedfs run_suites plain < <(
		simulation "$BUILD" 50000
		farm_simulation "$BUILD" 400
		# shellcheck disable=SC2046 # the project's file names have no spaces
		mount_suites 600 $(plain_suites)
		unit_suites "$BUILD"
	)
	run_asan
}

# A check that forgets what it counted passes everything: here are suites whose
# sums are known, run as the real ones are.
counts() {
	local tap=$RUN/known ok=$passed bad=$failed skip=$skipped sums i

	printf '1..4\nok 1 - a\nnot ok 2 - b\nnot ok 3 # SKIP c\nok 4 d # skip e\n' >"$tap"
	printf '1..2\nok 1 - a\n' >"$tap.short"
	run_suites known < <(
		echo "fails 10 cat $tap"
		echo "stops-early 10 cat $tap.short"
		echo "says-nothing 10 true"
		echo "is-missing 10 $RUN/no-such-program"
	) >"$RUN/known.out"
	sums="$((passed - ok)) $((failed - bad)) $((skipped - skip))"
	passed=$ok failed=$bad skipped=$skip
	[ "$sums" = "2 4 2" ] || { echo "counted $sums where 2 4 2 is right"; cat "$RUN/known.out"; return 1; }
	# The first of ten ends, and the tenth still runs.
	# shellcheck disable=SC2016 # the script's own
	printf 'sleep $1\nprintf "1..1\\nok 1 - a\\n"\n' >"$tap.sh"
	SUITES=10 run_suites known < <(
		for i in 0.2 0 0 0 0 0 0 0 0 1; do
			echo "waits 10 sh $tap.sh $i"
		done
	) >"$RUN/known.out"
	sums="$((passed - ok)) $((failed - bad))"
	passed=$ok failed=$bad skipped=$skip
	[ "$sums" = "10 0" ] || { echo "counted $sums where 10 0 is right"; cat "$RUN/known.out"; return 1; }
}

main() {
	local what=${1:-all}

	[ $# -eq 0 ] || shift
	case $what in
	install) install_packages "$@"; exit ;;
	suite) suite "$@"; exit ;;
	esac
	RUN=$(mktemp -d "${TMPDIR:-/tmp}/seedfs-check.XXXXXX")
	chmod 755 "$RUN" # some tests look as another user
	trap 'clean_up "$RUN"; rm -rf --one-file-system "$RUN"' EXIT
	trap 'exit 1' INT TERM HUP
	case $what in
	all) run_all ;;
	unit) with_dev && run_unit ;;
	mount) with_dev && run_mount "$@" ;;
	asan) run_asan ;;
	long) run_long "$@" ;;
	warnings) run_warnings ;;
	lint) part lint lint ;;
	headers) part headers headers ;;
	counts) part counts counts ;;
	*)
		echo "unknown part: $what" >&2
		exit 2
		;;
	esac
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ]
}

main "$@"
