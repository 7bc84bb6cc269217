#!/usr/bin/env bats
# A start under limits of threads, processes and file sizes: it runs, or ends with one line and
# status 1, and leaves nothing behind. (`man seedfs`.)

load helper

# It starts threads and processes of its own.
no_sanitizer() {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "under a sanitizer"
}

# The N-th thread that the program starts fails: a library made here stands before libc's, and
# AddressSanitizer's before that.
fail_thread() {
	PRELOAD=$DIR/fail.so
	if nm -D "$SEEDFS" 2>/dev/null | grep -q __asan_init; then
		PRELOAD=$(cc -print-file-name=libasan.so):$PRELOAD
	else
		no_sanitizer
	fi
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/fail.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <errno.h>
		#include <pthread.h>
		#include <stdatomic.h>
		#include <stdlib.h>

		int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
				   void *argument)
		{
			static atomic_int started;
			int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
				dlsym(RTLD_NEXT, "pthread_create");
			const char *last = getenv("FAIL_THREAD");

			if (last && ++started == atoi(last))
				return EAGAIN;
			return real(thread, attr, start, argument);
		}
	C
}

# The program ended by itself, with status 1 and one line; the others are the log's.
refused() {
	local status=0

	wait_until ended "$SEED_PID"
	wait "$SEED_PID" || status=$?
	SEED_PID=
	grep -v '^2' "$DIR/err" >"$DIR/said"
	same "1 1" "$status $(wc -l <"$DIR/said")"
	has "$(cat "$DIR/said")" "seedfs: cannot "
	has "$(cat "$DIR/said")" "raise ulimit -u"
	fails grep -q 'Mounted at' "$DIR/err"
	same "" "$(mounts_here)"
}

@test "s7: whichever thread cannot be started, it ends with one line, and what is paid for goes on" {
	fail_thread
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received poll 1
	kill_seedfs
	wait_until ended "$JOB"
	umount -l "$MNT"
	: >"$DIR/err"
	local n ended=0
	# The disk's, SIGHUP's, the engine's and the first that serves cannot be missed; the look at the
	# service can, and further ones that serve.
	for n in {1..12}; do
		FAIL_THREAD=$n LD_PRELOAD=$PRELOAD start_seedfs -o "$(usual_options)" "$MNT"
		wait_until mounted_or_ended
		if mounted; then
			stop_seedfs
		else
			refused
			((++ended))
		fi
		: >"$DIR/err"
	done
	[ "$ended" -ge 7 ]
	release
	mount_seed
	same ok "$(try_open images/fox.png)"
	is_verified fox
	same 1 "$(count submit)"
}

# In the foreground it says when it is mounted. (In a namespace of its own nobody else sees it.)
said_mounted_or_ended() {
	ended "$SEED_PID" || grep -q 'Mounted at' "$DIR/err"
}

# The program, as that user and with so many processes; /dev/fuse is open to all there.
start_with_room() { # N USER
	unshare -m sh -c 'mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/fuse c 10 229 &&
		chmod 666 /dev/null /dev/fuse && exec "$@"' - prlimit --nproc="$1:$1" \
		setpriv --pdeathsig TERM --reuid "$2" --regid "$2" --clear-groups \
		"$SEEDFS" -f -o "provider=sketch,state=$STATE" "$MNT" \
		3>&- 4>&- </dev/null >>"$DIR/out" 2>>"$DIR/err" &
	SEED_PID=$!
	printf '%s\n' "$SEED_PID" >>"$DIR/pids"
}

@test "s7: with room for so many processes and no more, it ends with one line or runs" {
	local user=news n runs=0

	need_root
	no_sanitizer
	# A user with a name, which fusermount3 wants, and without processes that count, too.
	id "$user" >/dev/null || skip "no user $user"
	[ -z "$(pgrep -u "$user")" ] || skip "$user has processes"
	chmod 755 "$DIR"
	chown "$user" "$MNT" "$STATE"
	for n in {1..15}; do
		start_with_room "$n" "$user"
		wait_until said_mounted_or_ended
		if ended "$SEED_PID"; then
			refused
		else
			stop_seedfs
			((++runs))
		fi
		: >"$DIR/err"
	done
	[ "$runs" -ge 4 ]
}

@test "s3: a limit on file sizes fails the one write, and ends nothing" {
	mount_seed
	write fox "a fox"
	prlimit --pid "$SEED_PID" --fsize=1:unlimited
	# The thread that takes the request writes the log, too.
	same "write EILSEQ" "$(try_write owl ff --hex | head -n 1)"
	fails try_written wolf
	prlimit --pid "$SEED_PID" --fsize=unlimited:unlimited
	write wolf "a wolf"
	is_verified fox
	is_verified wolf
	same 2 "$(count submit)"
}

try_written() { # NAME
	[ "$(try_write "$1" "a text")" = ok ]
}

@test "s7: a start under a limit on file sizes ends with one line" {
	mount_seed
	write fox "a fox"
	stop_seedfs
	# Through a pipe, which is no file.
	run bash -c 'set -o pipefail; prlimit --fsize=1:1 timeout 20 "$@" 2>&1 | cat' - \
		"$SEEDFS" -o "$(usual_options)" "$MNT"
	same "1 1" "$status ${#lines[@]}"
	has "$output" "File too large"
	mount_seed
	is_verified fox
}

descriptors() { # of the program
	find "/proc/$SEED_PID/fd" -mindepth 1 -printf x | wc -c
}

# Keeps each PATH open as often; what it says, in $HELD.
hold() { # TIMES PATH…
	background python3 "$FS" hold "$@"
	wait_until test -s "$JOB_OUT"
	HELD=$(<"$JOB_OUT")
}

@test "who opens the same image, version or thumbnail shares one descriptor" {
	local before

	PROVIDER=sketch mount_seed -o size=256x144
	write fox "a fox"
	write fox "a red fox"
	wait_until has_thumb fox
	wait_until nothing_is_pending
	before=$(descriptors)
	hold 500 "$MNT/images/fox.png" "$MNT/history/fox/0001.png" "$MNT/thumbs/fox.jpg"
	same "1500 ok" "$HELD"
	((before + 10 > $(descriptors)))
	# They are all of the version that was opened, whatever comes.
	write fox "a blue fox"
	same 2 "$(files history/fox)"
	kill "$JOB"
	wait_until ended "$JOB"
	wait_until has_fewer_than "$((before + 3))"
}

has_fewer_than() { # N
	(($(descriptors) < $1))
}

@test "users who open many images leave the engine descriptors" {
	local i

	PROVIDER=sketch mount_seed -o size=256x144
	for i in {10..49}; do write "fox$i" "a fox $i"; done
	wait_until has_thumb fox49
	prlimit --pid "$SEED_PID" --nofile=64:64
	hold 1 "$MNT"/images/*.png
	same "32 EMFILE" "$HELD"
	same EMFILE "$(try_open images/fox49.png)"
	same ok "$(try_open images/fox10.png)"
	write owl "an owl"
	same verified "$(record owl .state)"
	kill "$JOB"
	wait_until ended "$JOB"
	wait_until opens images/owl.png
}

opens() { # PATH
	same ok "$(try_open "$1")"
}

memory_kb() { # of the program
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$SEED_PID/status"
}

@test "who opens the gallery shares one text" {
	local before

	PROVIDER=sketch mount_seed -o size=256x144
	write fox "a fox"
	wait_until nothing_is_pending
	((30000 < $(wc -c <"$MNT/index.html")))
	before=$(memory_kb)
	hold 4000 "$MNT/index.html"
	same "4000 ok" "$HELD"
	(($(memory_kb) < before + 50000))
	write owl "an owl"
	has "$(cat "$MNT/index.html")" owl
}

@test "all texts and listings that are open have a limit" {
	local text

	PROVIDER=sketch mount_seed -o size=256x144
	# A record of some 200 KB, since each byte is an escape, and is there twice.
	text=$(head -c 32000 /dev/zero | tr '\0' '\1')
	printf 'fox%s' "$text" >"$MNT/prompts/fox"
	WAIT=60 hold 8000 "$MNT/records/fox.json"
	has "$HELD" " ENOMEM"
	((${HELD% *} < 2000))
	same ENOMEM "$(try_open records/fox.json)"
	fails ls "$MNT/images"
	# What needs no text goes on.
	write owl "an owl"
	same ok "$(try_open images/owl.png)"
	kill "$JOB"
	wait_until ended "$JOB"
	wait_until ls "$MNT/images"
	same verified "$(record owl .state)"
}

@test "all callbacks that are open have a limit, and prompts another" {
	PROVIDER=sketch mount_seed -o size=256x144
	background python3 "$FS" stuff 262144 "$MNT"/callbacks/track{100..399}
	wait_until test -s "$JOB_OUT"
	same "256 ENOSPC" "$(<"$JOB_OUT")"
	same "write ENOSPC" "$(python3 "$FS" write "$MNT/callbacks/fox" '{"prompt":"a fox"}' | head -n 1)"
	has "$(status_texts fox)" "Callback refused: all that are open hold too much (ENOSPC)"
	write owl "an owl"
	kill "$JOB"
	wait_until ended "$JOB"
	wait_until callback_is_taken
	same verified "$(record fox .state)"
}

callback_is_taken() {
	same ok "$(python3 "$FS" write "$MNT/callbacks/fox" '{"prompt":"a fox"}')"
}
