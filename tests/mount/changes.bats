#!/usr/bin/env bats
# `man seed`: a change of names that failed is undone, and never carried
# out later; records and images agree.

load helper

more_setup() {
	command -v prlimit >/dev/null || skip "no prlimit"
}

# No file that seedfs writes may become larger: EFBIG, as a full disk's ENOSPC.
file_limit() { # BYTES
	prlimit --pid "$SEED_PID" --fsize="$1:unlimited"
}

hash_of() { # FILE below the mount
	sha256sum <"$MNT/$1" | cut -d ' ' -f 1
}

# Each verified image, current or earlier, has the row that was made for it.
all_agree() {
	local image row

	for image in $(cd "$STATE" && find images history -name '*.png'); do
		row=${image%.png}.json
		row=$STATE/${row/#images/records}
		same "$image: verified $(sha256sum <"$STATE/$image" | cut -d ' ' -f 1)" \
			"$image: $(jq -r '.state + " " + .image.sha256' "$row")"
	done
}

# What a reader sees of NAME.
entry() { # NAME
	cat "$MNT/prompts/$1"
	hash_of "images/$1.png"
	jq -c '[.name, .state, .prompt, .image.sha256, .versions]' "$MNT/records/$1.json"
	(cd "$MNT/history/$1" 2>/dev/null && sha256sum -- *.png) || true
}

@test "s3: a rename that fails half-way is undone, and not carried out at the next mount" {
	local limit before

	mount_seed
	write a "the first a"
	write a "the second a"
	write b "the first b"
	write b "the second b"
	before=$(entry a; entry b)
	for limit in 50 100 200 300; do
		file_limit "$limit"
		fails mv "$MNT/prompts/a" "$MNT/prompts/b"
		file_limit unlimited
		same "$limit: $before" "$limit: $(entry a; entry b)"
		wait_until nothing_is_pending
	done
	write a "a newer a"
	write b "a newer b"
	before=$(entry a; entry b)
	kill_seedfs
	mount_seed
	same "$before" "$(entry a; entry b)"
	all_agree
}

@test "s3: a folder's rename that fails half-way is undone" {
	local limit before

	mount_seed
	mkdir "$MNT/prompts/d" "$MNT/prompts/e"
	write d/sky "the first sky"
	write d/sky "the second sky"
	before=$(entry d/sky)
	for limit in 50 100 200 300; do
		file_limit "$limit"
		fails mv -T "$MNT/prompts/d" "$MNT/prompts/e"
		file_limit unlimited
		same "$limit: $before" "$limit: $(entry d/sky)"
		test -d "$MNT/prompts/e"
	done
	mv -T "$MNT/prompts/d" "$MNT/prompts/e"
	same e/sky "$(record e/sky .name)"
	kill_seedfs
	mount_seed
	is_verified e/sky
	all_agree
}

@test "s5: versions are those of history/, also when a superseded image comes late" {
	mount_seed
	faults '[{"on":"create","prompt":"first","do":{"hold_task":true}}]'
	background try_write fox "first"
	received poll 1
	same ok "$(try_write fox "second")"
	same '[]' "$(record fox '.versions | tojson')"
	release
	wait_until test -e "$MNT/history/fox/0001.png"
	same '["0001.png"]' "$(record fox '.versions | tojson')"
	same "$(stat -c %s "$MNT/records/fox.json")" "$(wc -c <"$MNT/records/fox.json")"
	all_agree
}

@test "s1: mv from history brings the version's own record, also while NAME has an error" {
	local one

	mount_seed
	write fox "first"
	one=$(jq -cS 'del(.versions)' "$MNT/records/fox.json")
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	same "close EDQUOT" "$(try_write fox "second")"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "$one" "$(jq -cS 'del(.versions)' "$MNT/records/fox.json")"
	same second "$(cat "$MNT/prompts/fox")"
	all_agree
	faults '[]'
	# A version that has lost its row has what can be seen of it.
	write fox "third"
	write fox "fourth"
	rm "$STATE/history/fox/0001.json"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "verified 2048x1152" "$(record fox '.state + " " + .resolution')"
	all_agree
}

@test "s7: with history=1 a version can be made current again" {
	mount_seed -o history=1
	write fox "first"
	one=$(hash_of images/fox.png)
	write fox "second"
	mv "$MNT/history/fox/0001.png" "$MNT/images/fox.png"
	same "$one" "$(hash_of images/fox.png)"
	all_agree
}

# The program's rename of fox.png, and its removal of wolf, stop until $DIR/go is there: a library made
# here stands before libc's.
hold_rename() {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/hold.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>

		static void hold(void)
		{
			if (!getenv("HELD"))
				return;
			close(open(getenv("HELD"), O_CREAT | O_WRONLY, 0600));
			while (access(getenv("GO"), F_OK) < 0)
				usleep(1000);
		}

		int renameat(int a, const char *from, int b, const char *to)
		{
			int (*real)(int, const char *, int, const char *) = dlsym(RTLD_NEXT, "renameat");

			if (strcmp(from, "fox.png") == 0)
				hold();
			return real(a, from, b, to);
		}

		int unlinkat(int dir, const char *path, int flags)
		{
			int (*real)(int, const char *, int) = dlsym(RTLD_NEXT, "unlinkat");

			if (strcmp(path, "wolf") == 0)
				hold();
			return real(dir, path, flags);
		}
	C
}

@test "s1: rm of an image while its prompt is written again never fails the prompt" {
	hold_rename
	HELD=$DIR/held GO=$DIR/go LD_PRELOAD=$DIR/hold.so mount_seed
	write fox "a fox"
	background try_write fox "another fox"
	local writer=$JOB out=$JOB_OUT
	wait_until test -e "$DIR/held"
	# In order behind the beginning, which has moved the image away by then.
	background rm -f "$MNT/images/fox.png"
	wait_until waits_or_ended "$JOB"
	: >"$DIR/go"
	job_ends 0 "$writer"
	same ok "$(cat "$out")"
	all_agree
}

# Each fsync and fdatasync of the program is a byte of $DIR/fsyncs: a library made here stands
# before libc's.
count_fsyncs() {
	! nm -D "$SEEDFS" 2>/dev/null | grep -qE '__[at]san_init' || skip "a sanitizer comes first itself"
	cc -shared -fPIC -D_GNU_SOURCE -o "$DIR/count.so" -x c - <<-'C'
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <stdlib.h>
		#include <unistd.h>

		static int log_fd = -1;

		__attribute__((constructor)) static void begin(void)
		{
			if (getenv("FSYNCS"))
				log_fd = open(getenv("FSYNCS"), O_CREAT | O_APPEND | O_WRONLY, 0600);
		}

		static int counted(const char *name, int fd)
		{
			int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

			if (log_fd >= 0 && write(log_fd, "x", 1) < 0)
				return -1;
			return real(fd);
		}

		int fsync(int fd)
		{
			return counted("fsync", fd);
		}

		int fdatasync(int fd)
		{
			return counted("fdatasync", fd);
		}
	C
}

@test "a prompt costs no more fsyncs than docs/architecture.md counts" {
	count_fsyncs
	FSYNCS=$DIR/fsyncs LD_PRELOAD=$DIR/count.so mount_seed
	write warm "what is made once"
	wait_until nothing_is_pending
	local before
	before=$(stat -c %s "$DIR/fsyncs")
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write fox "a fox"
	received create 2
	wait_until step_is accepted
	# Three before the submission, and that it was accepted.
	same 4 $(($(stat -c %s "$DIR/fsyncs") - before))
	release
	job_ends 0 "$JOB"
	wait_until nothing_is_pending
	# One is the worker's, which has closed what it does not need.
	same "5 and 8" "5 and $(($(stat -c %s "$DIR/fsyncs") - before - 5))"
}

@test "thirty-two prompts at once share the fsyncs of their checkpoints" {
	count_fsyncs
	FSYNCS=$DIR/fsyncs LD_PRELOAD=$DIR/count.so mount_seed -o jobs=32
	config '{"image":"png-1024x576"}'
	python3 "$FS" many "$MNT/prompts" 32
	wait_until nothing_is_pending
	same 32 "$(find "$STATE/images" -name '*.png' | wc -l)"
	echo "# $(stat -c %s "$DIR/fsyncs") fsyncs" >&3
	# Those of the workers apart, seven and a share.
	[ "$(stat -c %s "$DIR/fsyncs")" -le $((32 * 10)) ]
}

@test "s1: rmdir is in order with what is done to the names" {
	hold_rename
	HELD=$DIR/held GO=$DIR/go LD_PRELOAD=$DIR/hold.so mount_seed
	write fox "a fox"
	mkdir "$MNT/prompts/d"
	background try_write fox "another fox"
	local writer=$JOB
	wait_until test -e "$DIR/held"
	background rmdir "$MNT/prompts/d"
	local remover=$JOB
	wait_until waits_or_ended "$remover"
	fails ended "$remover"
	: >"$DIR/go"
	job_ends 0 "$remover"
	job_ends 0 "$writer"
	fails test -e "$MNT/images/d"
}

# It, or its child, is in a request that has no answer yet, or it has one.
waits_or_ended() { # PID
	local pid

	ended "$1" && return
	for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		grep -qs request_wait_answer "/proc/$pid/wchan" && return
	done
	return 1
}

@test "s2.7: a file whose text came to nothing never takes another's prompt with it" {
	hold_rename
	HELD=$DIR/held GO=$DIR/go LD_PRELOAD=$DIR/hold.so mount_seed
	echo >"$MNT/prompts/wolf" # white text is none
	wait_until test -e "$DIR/held"
	background try_write wolf "a wolf"
	wait_until waits_or_ended "$JOB"
	: >"$DIR/go"
	job_ends 0 "$JOB"
	same ok "$(cat "$JOB_OUT")"
	same "a wolf" "$(cat "$MNT/prompts/wolf")"
	all_agree
}
