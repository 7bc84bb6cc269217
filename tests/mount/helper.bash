# What every test of a real mount uses: `load helper` and begin.
#
# Each test has a directory of its own ($DIR) with a mount point ($MNT), a state
# directory ($STATE), a key file and a test service ($API, tests/upstream/).
# setup() starts the service; the test mounts with mount_seed. teardown() ends
# all of it whatever happened, and fails the test if the program left anything
# behind: a mount, a process, a sanitizer's report, an exit status.
#
# Conditions are waited for (wait_until, received), never slept for. To run one
# test: make build/seedfs build/upstream && bats -f 's2.2' tests/mount/wait.bats
#
# SEEDFS   the program (build/seedfs)      UPSTREAM  the service (beside it)
# KEEP=1   keeps $DIR and says where it is  LIMIT     seconds a test may take
# shellcheck shell=bash

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
SEEDFS=$(realpath -m "${SEEDFS:-$ROOT/build/seedfs}")
UPSTREAM=$(realpath -m "${UPSTREAM:-$(dirname "$SEEDFS")/upstream}")
LIMIT=${LIMIT:-90}
KEY=test-key-5e9d21c4
# The distribution's own tools: a version manager's wrapper is slow, and another
# process than the one that is signalled.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
GUIDANCE='detailed, cinematic lighting, high contrast, ultra sharp focus'
MODEL=bytedance/seedream-v4-text-to-image
FS=$HERE/fs.py
export HERE ROOT SEEDFS UPSTREAM KEY GUIDANCE MODEL FS

setup() {
	DIR=
	SEED_PID=
	UPSTREAM_PID=
	WATCHDOG_PID=
	JOBS=()
	STANDING=()
	need_fuse
	[ -x "$SEEDFS" ] || fail "no program at $SEEDFS: run make first"
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	unset KIE_API_KEY KIE_IMAGE_API_KEY CREDENTIALS_DIRECTORY NOTIFY_SOCKET XDG_DATA_HOME
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/seedfs-test.XXXXXX")
	MNT=$DIR/mnt
	STATE=$DIR/state
	mkdir "$MNT"
	mkdir -m 700 "$STATE" "$DIR/home"
	export DIR MNT STATE HOME=$DIR/home
	printf '%s\n' "$KEY" >"$DIR/key"
	chmod 600 "$DIR/key"
	: >"$DIR/err"
	start_watchdog
	start_upstream
	if declare -F more_setup >/dev/null; then more_setup; fi
}

teardown() {
	local wrong=0

	[ -n "$DIR" ] || return 0
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then show_state; fi
	if declare -F more_teardown >/dev/null; then more_teardown || wrong=1; fi
	stop_seedfs || wrong=1
	kill_jobs
	unmount_rest || wrong=1
	stop_process "$UPSTREAM_PID" || wrong=1
	stop_process "$WATCHDOG_PID" || true
	kill_strays || wrong=1
	check_sanitizer || wrong=1
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $DIR"
	else
		rm -rf --one-file-system "$DIR"
	fi
	return "$wrong"
}

fail() {
	printf '%s\n' "$*" >&2
	return 1
}

need_fuse() {
	[ -c /dev/fuse ] || skip "no /dev/fuse here"
	[ "$(id -u)" -eq 0 ] || [ -n "$(type -P fusermount3)" ] ||
		skip "neither root nor fusermount3"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# --- waiting -----------------------------------------------------------------

# 20 ms. What waits uses shell builtins where it can: a process takes longer to
# start than most conditions take to come true.
pause() {
	[ -n "${PAUSE_FD:-}" ] || exec {PAUSE_FD}<> <(:)
	read -rt 0.02 -u "$PAUSE_FD" || true
}

# COMMAND…: until it succeeds; fails after WAIT seconds (20).
wait_until() {
	local end=$((SECONDS + ${WAIT:-20}))

	until "$@" 2>/dev/null; do
		((SECONDS < end)) || fail "never came true: $*" || return 1
		pause
	done
}

ended() { # PID
	local line=

	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	# The state follows the name, which may hold anything but ends the
	# parentheses. (One line, one read: a program that execs changes it.)
	[[ ${line##*) } == [ZX]* ]]
}

# The program has PID's request and has not answered it.
is_waiting() { # PID
	local where

	read -r where <"/proc/$1/wchan" || [ -n "$where" ] || return 1
	[[ $where == *request_wait_answer* || $where == *fuse* ]]
}

mounted() {
	local line

	[ -r "$MNT/README" ] && read -r line <"$MNT/README" && [ -n "$line" ]
}

# --- what is started and ended -----------------------------------------------

# Kills the program if a test takes too long: whoever waits in a system call on
# its mount cannot be killed any other way.
start_watchdog() {
	# shellcheck disable=SC2016 # Perl's variables
	setpriv --pdeathsig KILL -- perl -e '
		sleep $ARGV[0];
		for my $pid (split " ", do { local @ARGV = $ARGV[1]; join " ", <> }) {
			open my $file, "<", "/proc/$pid/cmdline" or next;
			kill "KILL", $pid if <$file> =~ /\Q$ARGV[2]\E/;
		}' "$LIMIT" "$DIR/pids" "$DIR" 3>&- 4>&- </dev/null >/dev/null 2>&1 &
	WATCHDOG_PID=$!
}

start_upstream() {
	rm -f "$DIR/port"
	"$UPSTREAM" --port-file "$DIR/port" --log "$DIR/received" --images "$DIR/images" 3>&- 4>&- \
		</dev/null >/dev/null 2>>"$DIR/err" &
	UPSTREAM_PID=$!
	wait_until test -s "$DIR/port"
	API=http://127.0.0.1:$(<"$DIR/port")
	CONTROL=http://127.0.0.1:$(<"$DIR/port.control")
	export API CONTROL
}

# The -o value with which tests mount, unless they say otherwise.
usual_options() {
	printf 'provider=%s,api_base=%s,key_file=%s,state=%s,rate=1000/1' \
		"${PROVIDER:-kie}" "$API" "$DIR/key" "$STATE"
}

# A library for LD_PRELOAD with which each fsync takes MILLISECONDS more.
slow_fsync() { # MILLISECONDS
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -DMS="$1" -o "$DIR/slow.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <unistd.h>

		int fsync(int fd)
		{
			int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

			usleep(MS * 1000);
			return real(fd);
		}
	C
}

# Starts the program in the foreground, as given, without waiting.
start_seedfs() {
	env --default-signal=INT,QUIT setpriv --pdeathsig TERM -- "$SEEDFS" -f "$@" 3>&- 4>&- </dev/null >>"$DIR/out" 2>>"$DIR/err" &
	SEED_PID=$!
	printf '%s\n' "$SEED_PID" >>"$DIR/pids"
}

# Mounts with the usual options and those given, and waits until it answers.
mount_seed() {
	start_seedfs -o "$(usual_options)" "$@" "$MNT"
	wait_mounted
}

wait_mounted() {
	wait_until mounted_or_ended
	mounted || fail "not mounted: $(cat "$DIR/err")"
}

mounted_or_ended() {
	mounted || ended "$SEED_PID"
}

# SIGTERM; the exit status must be 0.
stop_seedfs() {
	local pid=$SEED_PID status=0

	[ -n "$pid" ] || return 0
	SEED_PID=
	kill -TERM "$pid" 2>/dev/null
	if ! wait_until ended "$pid"; then
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		fail "the program did not end at SIGTERM"
		return 1
	fi
	wait "$pid" 2>/dev/null || status=$?
	[ "$status" -eq 0 ] || fail "the program ended with status $status: $(tail -n 30 "$DIR/err")"
}

kill_seedfs() { # as a crash would
	local pid=$SEED_PID

	SEED_PID=
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
}

# Runs in the background; its pid in $JOB, its output in the file $JOB_OUT.
background() {
	JOB_OUT=$DIR/job.${#JOBS[@]}
	"$@" 3>&- 4>&- </dev/null >"$JOB_OUT" 2>&1 &
	JOB=$!
	JOBS+=("$JOB")
}

# STATUS PID: the job ends, and with this status. (Not in a subshell: only the
# shell that started a process can tell its status.)
job_ends() {
	local status=0

	wait_until ended "$2" || return 1
	wait "$2" 2>/dev/null || status=$?
	same "$1" "$status"
}

stands_in() { # PID FOLDER
	[ "$(readlink "/proc/$1/cwd")" = "$2" ]
}

# A process that has the folder as its current one, $JOB, until leave_all is called.
stand_in() { # FOLDER
	# shellcheck disable=SC2016 # that shell's
	background sh -c 'cd "$1" && exec sleep 100' - "$1"
	STANDING+=("$JOB")
	wait_until stands_in "$JOB" "$1"
}

leave_all() {
	local pid

	for pid in "${STANDING[@]}"; do stop_process "$pid"; done
	STANDING=()
}

stop_process() { # PID; empty is allowed
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null
	wait_until ended "$1" || { kill -KILL "$1" 2>/dev/null; fail "did not end: $1"; return 1; }
	wait "$1" 2>/dev/null || true
}

kill_jobs() {
	local pid

	for pid in "${JOBS[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	return 0
}

mounts_here() {
	awk -v dir="$DIR/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts
}

# Nothing may be mounted any more; what is goes, and the test fails.
unmount_rest() {
	local path wrong=0

	while read -r path; do
		wrong=1
		fail "still mounted: $path" || true
		fusermount3 -u "$path" 2>/dev/null || umount "$path" 2>/dev/null || umount -l "$path"
	done < <(mounts_here | tac)
	return "$wrong"
}

# Processes whose command line names this test's directory.
strays() {
	local all=(/proc/[0-9]*/cmdline)

	grep -lsF --file=- "${all[@]}" <<<"$DIR" | cut -d/ -f3
}

kill_strays() {
	local pid wrong=0

	for pid in $(strays); do
		ended "$pid" && continue
		wrong=1
		fail "still running: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" || true
		kill -KILL "$pid" 2>/dev/null
	done
	return "$wrong"
}

check_sanitizer() {
	if grep -nE 'ERROR: (Address|Thread|Leak)Sanitizer|LeakSanitizer:|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed' "$DIR/err"; then
		tail -n 60 "$DIR/err"
		fail "a sanitizer's report or a failed assertion"
	fi
}

show_state() {
	echo "--- standard error of the program"
	tail -n 40 "$DIR/err"
	echo "--- received by the service"
	tail -n 20 "$DIR/received" 2>/dev/null | cut -c 1-400
}

# --- the service -------------------------------------------------------------

# Over the port that never goes down.
api() { # PATH [curl's further arguments]
	local path=$1

	shift
	curl -sS --fail-with-body --noproxy '*' --max-time 40 "$@" "$CONTROL$path"
}

faults() { # JSON array of rules: tests/upstream/fault.h
	api /_faults -d "$1" >/dev/null
}

config() { # JSON object
	api /_config -d "$1" >/dev/null
}

release() { # [part of a prompt]
	local part=${1:-}

	api "/_release?prompt=${part// /%20}" -X POST >/dev/null
}

# The service's host (images: the pictures') refuses connections, until up.
down() { # [api|images] [MILLISECONDS]
	api "/_down?door=${1:-api}&ms=${2:-0}" -X POST >/dev/null
}

up() { # [api|images]
	api "/_up?door=${1:-api}" -X POST >/dev/null
}

count() { # KIND [part of a prompt]: how many were received
	api /_count -G --data-urlencode "on=$1" --data-urlencode "prompt=${2:-}"
}

received() { # KIND N [part of a prompt]: wait until so many were received
	api /_wait -G --data-urlencode "on=$1" --data-urlencode "n=$2" \
		--data-urlencode "prompt=${3:-}" --data-urlencode timeout_ms=20000 >/dev/null ||
		fail "the service never received $2 of $1"
}

log_of() { # KIND [jq filter and options]: the service's log
	local kind=$1

	shift
	api /_log -G --data-urlencode "on=$kind" | jq -r "$@"
}

# --- checking ----------------------------------------------------------------

# COMMAND… must not succeed. (bash does not count a failed "! command".)
fails() {
	if "$@"; then fail "succeeded: $*"; fi
}

same() { # EXPECTED ACTUAL
	[ "$1" = "$2" ] || fail "expected: $1" "" "actual:   $2"
}

has() { # TEXT PART
	[[ $1 == *"$2"* ]] || fail "expected to contain: $2" "actual: $1"
}

has_not() { # TEXT PART
	[[ $1 != *"$2"* ]] || fail "expected not to contain: $2" "actual: $1"
}

write() { # NAME TEXT: as a program that looks at what close() returns
	dd of="$MNT/prompts/$1" status=none <<<"$2"
}

# Its thumbnail is made, so that no worker has anything to do for it.
has_thumb() { # NAME
	[ -s "$MNT/thumbs/$1.jpg" ]
}

# The last line of each row of the journal.
steps() {
	tail -qn 1 "$STATE"/pending/*.json 2>/dev/null
}

step_is() { # STEP
	steps | grep -q "\"step\":\"$1\""
}

# Rows go a moment after their waiters are answered.
nothing_is_pending() {
	[ -z "$(ls "$STATE/pending")" ]
}

# A worker has been given the picture: its file is open, or was written.
is_handed_over() {
	[ -n "$(find "/proc/$SEED_PID/fd" "$STATE/pending" -lname "$STATE/pending/*.png" -o \
		-path "$STATE/pending/*.png" -size +0 2>/dev/null)" ]
}

# The outcome of each step of writing a prompt, as errno names: "ok", or the
# step that failed and how, such as "close EIO".
try_write() { # NAME TEXT [options of fs.py write]
	python3 "$FS" write "$MNT/prompts/$1" "$2" "${@:3}"
}

try_open() { # PATH below the mount [--nonblock]: "ok" or an errno's name
	python3 "$FS" open "$MNT/$1" "${@:2}"
}

files() { # DIRECTORY below the mount: how many names it lists
	find "$MNT/$1" -mindepth 1 -maxdepth 1 -printf x | wc -c
}

record() { # NAME JQ-FILTER
	jq -r "$2" "$MNT/records/$1.json"
}

attribute() { # PATH NAME: its value; fails where there is none
	getfattr --absolute-names --only-values -n "user.seed.$2" "$MNT/$1"
}

record_is() { # NAME JQ-FILTER TEXT
	[ "$(record "$1" "$2")" = "$3" ]
}

state_is() { # NAME STATE
	[ "$(record "$1" .state)" = "$2" ]
}

# The image is there and is a whole PNG of exactly 2048x1152, 8-bit RGB.
is_verified() { # NAME
	local image=$MNT/images/$1.png

	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$image" summary)" || return 1
	same verified "$(record "$1" .state)"
}

pixels() { # FILE [X Y WIDTH HEIGHT]: "WIDTH HEIGHT HASH"
	"$UPSTREAM" pixels "$@"
}

psnr() { # FILE OTHER: dB
	"$UPSTREAM" compare "$@"
}

status_texts() { # NAME: the log's texts of that name, in order
	awk -v name="$1" '$2 == name { sub(/^[^ ]* [^ ]* /, ""); print }' "$MNT/status"
}

# Now in milliseconds, for "at once".
clock() {
	local now=${EPOCHREALTIME/[.,]/}

	printf '%s\n' "$((now / 1000))"
}
