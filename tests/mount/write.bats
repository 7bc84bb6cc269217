#!/usr/bin/env bats
# `man seed`: what is a commit, and of what.
# shellcheck disable=SC2016 # commands for other shells

load helper

# The service got exactly one submission, of this text, and the image is there.
generated_once() { # EXPECTED TEXT
	same 1 "$(count submit)"
	same "$1" "$(log_of create .prompt)"
	is_verified x
}

# One generation of TEXT by a shell command that writes to $F.
writes_once() { # EXPECTED COMMAND…
	mount_seed
	F=$MNT/prompts/x "${@:2}"
	generated_once "$1"
}

writes_nothing() { # COMMAND…
	mount_seed
	F=$MNT/prompts/x "$@"
	same ENOENT "$(try_open images/x.png)"
	# Whatever was started is seen before the next prompt's image.
	write last "the last one"
	same 1 "$(count submit)"
	same "the last one" "$(log_of create .prompt)"
}

@test "s2.1: echo in bash is one generation" {
	writes_once "a red fox" bash -c 'echo "a red fox" >"$F"'
}

@test "s2.1: echo in dash is one generation" {
	writes_once "a red fox" dash -c 'echo "a red fox" >"$F"'
}

@test "s2.1: printf of several lines is one generation" {
	writes_once $'a red fox\nin snow\nlow sun' bash -c 'printf "%s\n" "a red fox" "in snow" "low sun" >"$F"'
}

@test "s2.1: /bin/echo is one generation" {
	writes_once "a red fox" bash -c '/bin/echo a red fox >"$F"'
}

@test "s2.1: cp is one generation" {
	echo "a red fox" >"$DIR/text"
	writes_once "a red fox" bash -c 'cp "$DIR/text" "$F"'
}

@test "s2.1: tee is one generation" {
	writes_once "a red fox" bash -c 'echo a red fox | tee "$F" >/dev/null'
}

@test "s2.1: dd conv=fsync is one generation" {
	writes_once "a red fox" bash -c 'echo a red fox | dd of="$F" conv=fsync status=none'
}

@test "s2.1: dd in single bytes is one generation" {
	writes_once "a red fox" bash -c 'echo a red fox | dd of="$F" bs=1 status=none'
}

@test "s2.1: cat with a here document is one generation" {
	writes_once $'a red fox\nin snow' bash -c $'cat <<EOT >"$F"\na red fox\nin snow\nEOT'
}

@test "s2.1: cat with a here document in dash is one generation" {
	writes_once $'a red fox\nin snow' dash -c $'cat <<EOT >"$F"\na red fox\nin snow\nEOT'
}

@test "s2.1: >> on a new name is one generation" {
	writes_once "a red fox" bash -c 'echo a red fox >>"$F"'
}

@test "s2.1: >> on a prompt is one generation of the whole text" {
	mount_seed
	echo "a red fox" >"$MNT/prompts/x"
	echo "in snow" >>"$MNT/prompts/x"
	same 2 "$(count submit)"
	same $'a red fox\nin snow' "$(log_of create -s '.[1].prompt')"
	is_verified x
}

@test "s2.1: { cat a; echo b; } is one generation of the whole text" {
	echo "oil painting of" >"$DIR/style.txt"
	writes_once $'oil painting of\na fox' bash -c '{ cat "$DIR/style.txt"; echo "a fox"; } >"$F"'
}

@test "s2.1: { cat a; echo b; } in dash is one generation of the whole text" {
	echo "oil painting of" >"$DIR/style.txt"
	writes_once $'oil painting of\na fox' dash -c '{ cat "$DIR/style.txt"; echo "a fox"; } >"$F"'
}

@test "s2.1: two programs in one redirection are one generation" {
	writes_once $'a red\nfox' bash -c '{ /bin/echo a red; /bin/echo fox; } >"$F"'
}

@test "s2.1: ( … ) > is one generation" {
	writes_once $'a red fox\nin snow' bash -c '(echo a red fox; echo in snow) >"$F"'
}

@test "s2.1: ( … ) > with programs inside is one generation" {
	writes_once $'a red fox\nin snow' bash -c '(/bin/echo a red fox; /bin/echo in snow) >"$F"'
}

@test "s2.1: a loop into one file is one generation" {
	writes_once $'fox 1\nfox 2\nfox 3' bash -c 'for i in 1 2 3; do echo "fox $i"; done >"$F"'
}

@test "s2.1: programs between exec 9> and exec 9>&- are one generation" {
	writes_once $'a red fox\nin snow' bash -c 'exec 9>"$F"; /bin/echo a red fox >&9; /bin/echo in snow >&9; exec 9>&-'
}

# A builtin's "echo >&3" closes a copy each time: the descriptor is still open.
writes_by_builtin() { # SHELL…
	writes_once $'line 1\nline 2\nline 3' "$@" -c '
		exec 3>"$F"
		for i in 1 2 3; do echo "line $i" >&3; done
		exec 3>&-'
}

@test "s2.1: builtins between exec 3> and exec 3>&- are one generation in bash" {
	writes_by_builtin bash
}

@test "s2.1: builtins between exec 3> and exec 3>&- are one generation in dash" {
	writes_by_builtin dash
}

@test "s2.1: builtins between exec 3> and exec 3>&- are one generation in zsh" {
	writes_by_builtin zsh
}

@test "s2.1: builtins between exec 3> and exec 3>&- are one generation in busybox sh" {
	writes_by_builtin busybox sh
}

@test "s2.1: nothing is committed while the opener still holds a descriptor" {
	mount_seed
	F=$MNT/prompts/x COUNT="$API/_count?on=submit" python3 -c '
import os, urllib.request
def submitted():
    return int(urllib.request.urlopen(os.environ["COUNT"]).read())
a = os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT)
b, c = os.dup(a), os.open(os.environ["F"], os.O_WRONLY | os.O_APPEND)
reader = os.open(os.environ["F"], os.O_RDONLY)
os.write(a, b"a fox")
os.close(a)
os.close(b)
assert submitted() == 0
os.write(c, b" in snow")
os.close(c)
assert submitted() == 1'
	generated_once "a fox in snow"
}

@test "s2.1: behind 256 other descriptors each close commits" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os
fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(300)]
fd = os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT)
copy = os.dup(fd)
os.write(fd, b"a fox")
os.close(fd)
print(open(os.path.dirname(os.environ["F"]) + "/../images/x.png", "rb").read(4))'
	generated_once "a fox"
}

# COMMAND… is given half of a text and then the signal; nothing comes of it.
killed_by() { # SIGNAL COMMAND…
	mount_seed
	mkfifo "$DIR/half"
	F=$MNT/prompts/x background env --default-signal=INT,QUIT "${@:2}"
	exec 7>"$DIR/half"
	printf 'a re' >&7
	wait_until writes_half
	kill -s "$1" -- "$JOB"
	wait_until ended "$JOB"
	exec 7>&-
	wait_until grep -q ' x .*Not committed: a signal ended the writer' "$MNT/status"
	same ENOENT "$(try_open images/x.png)"
	same ENOENT "$(try_open prompts/x)"
	same 0 "$(count submit)"
}

writes_half() {
	[ "$(cat "$MNT/prompts/x")" = "a re" ]
}

@test "s2.1: nothing is committed of a text whose writer a signal ended (Ctrl-C in cat)" {
	killed_by INT bash -c 'exec cat "$DIR/half" >"$F"'
}

@test "s2.1: nothing is committed of a text whose writer kill -9 ended" {
	killed_by KILL bash -c 'exec cat "$DIR/half" >"$F"'
}

@test "s2.1: nothing is committed of a text whose writer a closed pipe ended" {
	mount_seed
	F=$MNT/prompts/x bash -c 'exec python3 -c "
import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.write(os.open(os.environ[\"F\"], os.O_WRONLY | os.O_CREAT), b\"a re\")
os.kill(os.getpid(), signal.SIGPIPE)"' || true
	wait_until grep -q ' x .*Not committed: a signal ended the writer' "$MNT/status"
	same 0 "$(count submit)"
}

@test "s2.1: a child that a signal ended leaves the text to the opener" {
	mount_seed
	F=$MNT/prompts/x bash -c 'exec 3>"$F"; echo a fox >&3; bash -c "echo in snow >&3; kill -9 \$\$"; exec 3>&-' || true
	generated_once $'a fox\nin snow'
}

@test "s2.1: exit with any status is no signal" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os
os.write(os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT), b"a fox")
os._exit(130)' || true
	received accepted 1
	same ok "$(try_open images/x.png)"
	generated_once "a fox"
}

@test "s2.1: Python is one generation" {
	writes_once "a red fox" python3 -c '
import os
with open(os.environ["F"], "w") as file:
    file.write("a red ")
    file.flush()
    file.write("fox")'
}

@test "s2.1: Python's pathlib is one generation" {
	writes_once "a red fox" python3 -c '
import os, pathlib
pathlib.Path(os.environ["F"]).write_text("a red fox\n")'
}

@test "s2.1: Perl is one generation" {
	writes_once $'a red fox\nin snow' perl -e '
open(my $file, ">", $ENV{F}) or die $!;
print $file "a red fox\n";
print $file "in snow\n";
close($file) or die $!;'
}

@test "s2.1: Node is one generation" {
	writes_once "a red fox" node -e 'require("fs").writeFileSync(process.env.F, "a red fox\n")'
}

@test "s2.1: a Node stream is one generation" {
	writes_once $'a red fox\nin snow' node -e '
const stream = require("fs").createWriteStream(process.env.F);
stream.write("a red fox\n");
stream.end("in snow\n");'
}

@test "s2.1: a parent that closes before its child writes is one generation" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os, subprocess
with open(os.environ["F"], "w") as file:
    child = subprocess.Popen(["sh", "-c", "read _; echo a red; echo fox"], stdin=subprocess.PIPE, stdout=file)
child.communicate(b"go\n")'
	received accepted 1
	same ok "$(try_open images/x.png)"
	generated_once $'a red\nfox'
}

@test "s2.1: a program that ends without closing is one generation" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os
os.write(os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT), b"a red fox")
os._exit(0)'
	received accepted 1
	same ok "$(try_open images/x.png)"
	generated_once "a red fox"
}

@test "s2.1: touch starts nothing" {
	writes_nothing bash -c 'touch "$F"'
}

@test "s2.1: : > starts nothing" {
	writes_nothing bash -c ': >"$F"'
}

@test "s2.7: ideographic and other white space of Unicode alone starts nothing" {
	writes_nothing bash -c 'printf "\xe3\x80\x80\xc2\xa0\n" >"$F"; printf "\xe2\x80\x83" >"$F"'
}

@test "s2.1: > starts nothing" {
	writes_nothing bash -c '>"$F"'
}

@test "s2.1: : > in dash starts nothing" {
	writes_nothing dash -c ': >"$F"'
}

@test "s2.7: white text starts nothing" {
	writes_nothing bash -c 'printf " \n\t\r\n  " >"$F"'
}

@test "s2.7: an empty echo starts nothing" {
	writes_nothing bash -c 'echo >"$F"; echo -n >"$F"; cp /dev/null "$F"; truncate -s 0 "$F"'
}

@test "s2.7: empty or white text changes nothing" {
	mount_seed
	write x "a fox"
	sum=$(sha256sum <"$MNT/images/x.png")
	for text in "" " " $'\n'; do
		printf '%s' "$text" >"$MNT/prompts/x"
		same "$sum" "$(sha256sum <"$MNT/images/x.png")"
		same verified "$(record x .state)"
	done
	touch "$MNT/prompts/x"
	same "$sum" "$(sha256sum <"$MNT/images/x.png")"
	same 1 "$(count submit)"
}

@test "s2.1: flushing unchanged text starts nothing" {
	mount_seed
	write x "a fox"
	bash -c 'exec 3<>"$0"; exec 3>&-' "$MNT/prompts/x"
	bash -c 'exec 3>>"$0"; exec 3>&-' "$MNT/prompts/x"
	same ok "$(python3 "$FS" fsync "$MNT/prompts/x")"
	cat "$MNT/prompts/x" >/dev/null
	same 1 "$(count submit)"
}

@test "s2.1: a second flush of committed text returns the same outcome" {
	mount_seed
	faults '[{"on":"create","prompt":"bad","do":{"code":500,"msg":"no"}}]'
	same ok "$(try_write good "a good fox" --dup)"
	same "close EIO" "$(try_write bad "a bad fox" --dup)"
	same $'fsync EIO\nclose EIO' "$(try_write bad2 "a bad wolf" --fsync)"
	same 1 "$(count submit good)"
	same 2 "$(count submit "bad fox")"
	same 2 "$(count submit "bad wolf")"
}

@test "s2.1: fsync commits" {
	mount_seed
	same ok "$(try_write x "a fox" --fsync)"
	generated_once "a fox"
}

@test "s2.2: close waits for the outcome" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background bash -c 'echo a fox >"$0"; echo closed' "$MNT/prompts/x"
	received accepted 1
	received poll 1
	wait_until is_waiting "$JOB"
	same "" "$(cat "$JOB_OUT")"
	release
	job_ends 0 "$JOB"
	same closed "$(cat "$JOB_OUT")"
	is_verified x
}

@test "s2.2: a shell's own echo does not see the failure; opening the image gives it" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	bash -c 'echo a fox >"$0"' "$MNT/prompts/x"
	same EDQUOT "$(try_open images/x.png)"
	has "$(grep ' x ' "$MNT/status")" "no credits"
}

@test "s2.2: cp, tee, dd, /bin/echo, cat, Python, Perl and Node see the failure" {
	mount_seed
	faults '[{"on":"create","do":{"code":500,"msg":"no"}}]'
	F=$MNT/prompts/x
	export F
	echo "a fox" >"$DIR/text"
	fails cp "$DIR/text" "$F"
	fails bash -c 'tee "$F" <"$DIR/text" >/dev/null'
	fails dd if="$DIR/text" of="$F" conv=fsync status=none
	fails bash -c '/bin/echo a fox >"$F"'
	fails bash -c $'cat <<EOT >"$F"\na fox\nEOT'
	fails python3 -c 'import os
with open(os.environ["F"], "w") as file: file.write("a fox")'
	fails perl -e 'open(F, ">", $ENV{F}) or die; print F "a fox\n"; close(F) or die "$!"'
	fails node -e 'require("fs").writeFileSync(process.env.F, "a fox\n")'
}

@test "s2.2: what write() can tell is seen by every shell's echo" {
	mount_seed
	for shell in bash dash; do
		fails "$shell" -c 'echo "$1" >"$0"' "$MNT/prompts/x" $'a \xff fox'
	done
	same 0 "$(count submit)"
}

@test "s2.6: committing the same text again generates again" {
	mount_seed
	write x "a fox"
	first=$(sha256sum <"$MNT/images/x.png")
	write x "a fox"
	same 2 "$(count submit)"
	[ "$first" != "$(sha256sum <"$MNT/images/x.png")" ]
	is_verified x
}

@test "s2.7: white space at the end is not sent" {
	writes_once $'  a fox\n\n in snow' bash -c 'printf "  a fox\n\n in snow \t\n\r\n" >"$F"'
}

@test "s2.7: text that is not UTF-8 is EILSEQ, given by write" {
	mount_seed
	same "write EILSEQ" "$(try_write x 6120ff20666f78 --hex | head -n 1)"
	same "write EILSEQ" "$(try_write x eda080 --hex | head -n 1)"
	same "write EILSEQ" "$(try_write x c0af --hex | head -n 1)"
	same 0 "$(count submit)"
}

@test "s2.7: a character may be cut between two writes" {
	mount_seed
	same ok "$(try_write x "ein Fuchs 🦊 im Schnee, größer" --pieces 1)"
	generated_once "ein Fuchs 🦊 im Schnee, größer"
}

@test "s2.7: a text that is written from its end is judged when it is whole" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os
data = "größer 🦊".encode()
fd = os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT)
for at in reversed(range(len(data))):
    os.pwrite(fd, data[at:at + 1], at)
os.close(fd)'
	generated_once "größer 🦊"
}

@test "s2.7: a character cut off by the end is EILSEQ, given by close" {
	mount_seed
	same "close EILSEQ" "$(try_write x 6120f09fa6 --hex)"
	same 0 "$(count submit)"
}

@test "s2.7: NUL is EINVAL, given by write" {
	mount_seed
	same "write EINVAL" "$(try_write x 6120006620 --hex | head -n 1)"
	same 0 "$(count submit)"
}

@test "s2.7: 32 KiB are a prompt, one byte more is EFBIG" {
	mount_seed
	text=$(head -c 32768 /dev/zero | tr '\0' f)
	same ok "$(try_write x "$text" --pieces 4096)"
	same 32768 "$(log_of create '.prompt | length')"
	same "write EFBIG" "$(try_write y "${text}f" | head -n 1)"
	same "write EFBIG" "$(try_write z "${text}f" --pieces 1000 | head -n 1)"
	same 1 "$(count submit)"
}

@test "s2.7: refused text changes nothing" {
	mount_seed
	write x "a fox"
	sum=$(sha256sum <"$MNT/images/x.png")
	same "write EINVAL" "$(try_write x 6100 --hex | head -n 1)"
	same "$sum" "$(sha256sum <"$MNT/images/x.png")"
	same verified "$(record x .state)"
	same 1 "$(count submit)"
}

@test "s2.10: rm prompts/NAME removes the prompt; the image stays until it is removed" {
	mount_seed
	write x "a fox"
	rm "$MNT/prompts/x"
	same "" "$(ls "$MNT/prompts")"
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/x.png" summary)"
	rm "$MNT/images/x.png"
	same ENOENT "$(try_open images/x.png)"
	same 1 "$(count submit)"
}

@test "s2.10: rm prompts/NAME cancels what is running" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background try_write x "a fox"
	received accepted 1
	rm "$MNT/prompts/x"
	job_ends 0 "$JOB"
	same "close ECANCELED" "$(cat "$JOB_OUT")"
	same "" "$(ls "$MNT/prompts")"
	same ENOENT "$(try_open images/x.png)"
	same 1 "$(count submit)"
}

@test "s3: the request of kie holds the documented fields, inside input" {
	mount_seed
	write x "a fox"
	body=$(log_of create -c .body)
	same "$MODEL" "$(jq -r .model <<<"$body")"
	same '["input","model"]' "$(jq -c 'keys' <<<"$body")"
	input=$(jq -c .input <<<"$body")
	same "a fox" "$(jq -r .prompt <<<"$input")"
	same landscape_16_9 "$(jq -r .image_size <<<"$input")"
	same 2K "$(jq -r .image_resolution <<<"$input")"
	same 1 "$(jq -r .max_images <<<"$input")"
	same 2048x1152 "$(jq -r .resolution <<<"$input")"
	same 16:9 "$(jq -r .aspect_ratio <<<"$input")"
	same high "$(jq -r .quality <<<"$input")"
	same 30 "$(jq -r .steps <<<"$input")"
	same 8 "$(jq -r .cfg_scale <<<"$input")"
	same "$GUIDANCE" "$(jq -r .guidance <<<"$input")"
	same null "$(jq -r .seed <<<"$input")"
	same ok "$(log_of create .auth)"
	[ -n "$(log_of create .agent)" ]
}

@test "s3: kie-image sends the parameters flat" {
	PROVIDER=kie-image mount_seed
	write x "a fox"
	is_verified x
	same 0 "$(count create)"
	body=$(log_of generate -c .body)
	same "a fox" "$(jq -r .prompt <<<"$body")"
	same "$MODEL" "$(jq -r .model <<<"$body")"
	same 2048x1152 "$(jq -r .resolution <<<"$body")"
	same 16:9 "$(jq -r .aspect_ratio <<<"$body")"
	same high "$(jq -r .quality <<<"$body")"
	same 30 "$(jq -r .steps <<<"$body")"
	same 8 "$(jq -r .cfg_scale <<<"$body")"
	same "$GUIDANCE" "$(jq -r .guidance <<<"$body")"
	same null "$(jq -r .input <<<"$body")"
}

@test "s3: kie-image's answer may be a task id, which is then polled" {
	PROVIDER=kie-image mount_seed
	faults '[{"on":"generate","do":{"task":true}}]'
	write x "a fox"
	is_verified x
	same 1 "$(count generate)"
	same 0 "$(count create)"
	[ "$(count poll)" -ge 1 ]
}

@test "s3: never a callBackUrl" {
	mount_seed
	write x "a fox"
	has_not "$(api /_log)" callBackUrl
}

@test "s3: the mount options are the request's parameters" {
	mount_seed -o 'model=some/model,quality=basic,steps=12,cfg_scale=5.5,guidance=soft light\, fog,style=oil on canvas'
	write x "a fox"
	body=$(log_of create -c .body)
	same some/model "$(jq -r .model <<<"$body")"
	same "a fox, oil on canvas" "$(jq -r .input.prompt <<<"$body")"
	same basic "$(jq -r .input.quality <<<"$body")"
	same 12 "$(jq -r .input.steps <<<"$body")"
	same 5.5 "$(jq -r .input.cfg_scale <<<"$body")"
	same "soft light, fog" "$(jq -r .input.guidance <<<"$body")"
}

@test "s3: the key goes with the API's requests only, never with the image's" {
	mount_seed
	write x "a fox"
	same ok "$(log_of create .auth)"
	same ok "$(log_of poll .auth | sort -u)"
	same none "$(log_of image .auth)"
}

# An old descriptor of x that COMMAND takes away, and a new x: bash -c's $1 is the text's file.
survives() { # COMMAND…
	echo "an old fox" >"$DIR/old"
	echo "a new fox" >"$DIR/new"
	mount_seed
	cp "$DIR/old" "$MNT/prompts/x"
	F=$MNT/prompts/x bash -c 'exec 3>>"$F"; eval "$1"; cp "$DIR/new" "$F"; exec 3>&-' - "$1"
	same "a new fox" "$(cat "$MNT/prompts/x")"
	same $'an old fox\na new fox' "$(log_of create .prompt)"
	same "a new fox" "$(record x .prompt)"
	is_verified x
}

@test "s2.9: a prompt that is removed while it is open is gone; the next of its name is another" {
	survives 'rm "$F"'
}

@test "s2.9: so it is where it is renamed to a backup" {
	survives 'mv "$F" "$F~"'
}

@test "s2.9: text written to a removed prompt is ECANCELED, and starts nothing" {
	mount_seed
	write x "a fox"
	F=$MNT/prompts/x python3 -c '
import errno, os
path = os.environ["F"]
fd = os.open(path, os.O_WRONLY | os.O_APPEND)
os.write(fd, b"in snow")
number = os.fstat(fd).st_ino
os.remove(path)
assert os.fstat(fd).st_nlink == 0
new = os.open(path, os.O_RDWR | os.O_CREAT)
assert os.fstat(new).st_ino != number
assert os.read(new, 99) == b""
try:
    os.close(fd)
    raise SystemExit("closed")
except OSError as error:
    assert error.errno == errno.ECANCELED, error'
	same 1 "$(count submit)"
	has "$(status_texts x)" "Not committed: the prompt was removed or replaced"
}

@test "s2.9: a descriptor that reads a removed prompt has its text, and never shows the next one" {
	mount_seed
	write x "a fox"
	write y "a wolf"
	F=$MNT/prompts/x G=$MNT/prompts/y python3 -c '
import os
def is_old(fd, text):
    assert os.fstat(fd).st_nlink == 0
    assert os.pread(fd, 99, 0) == text, os.pread(fd, 99, 0)
path, other = os.environ["F"], os.environ["G"]
removed = os.open(path, os.O_RDONLY)
os.remove(path)
is_old(removed, b"a fox\n")
os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
is_old(removed, b"a fox\n")
with open(path, "w") as new:
    new.write("a lynx")
is_old(removed, b"a fox\n")
replaced = os.open(path, os.O_RDONLY)
os.rename(other, path)
is_old(replaced, b"a lynx")
with open(path) as now:
    assert now.read() == "a wolf\n"'
}

@test "s2.9: a text that another writer overwrites before its close is ECANCELED, never 0" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import errno, os
def fails(call, *args):
    try:
        call(*args)
        raise SystemExit("succeeded")
    except OSError as error:
        assert error.errno == errno.ECANCELED, error
path = os.environ["F"]
a = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.write(a, b"a wolf")
late = os.open(path, os.O_WRONLY)
os.write(late, b"a lynx")
b = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.write(b, b"a fox")
fails(os.write, late, b" in snow")
fails(os.fsync, late)
if os.fork() == 0:
    os._exit(0)
os.wait()
fails(os.close, a)
fails(os.close, late)
os.close(b)'
	generated_once "a fox"
	has "$(status_texts x)" "Not committed: a new text was begun through another descriptor"
}

@test "s2.9: so is one that another begins to overwrite while it is being closed" {
	mount_seed -o size=256x144
	config '{"image":"png-256x144","duration_ms":1}'
	# The look at a process takes long where it has many descriptors.
	F=$MNT/prompts/x python3 -c '
import os, time
path, flags = os.environ["F"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC
def close(fd):
    try:
        os.close(fd)
    except OSError:
        return False
    return True
fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(240)]
for turn in range(60):
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        for fd in fds:
            os.close(fd)
        os.read(ours, 1)
        time.sleep(turn % 20 * 0.0002)
        fd = os.open(path, flags)
        time.sleep(0.02)
        os.close(fd)
        os._exit(0)
    fd = os.open(path, flags)
    os.write(fd, b"fox number %d." % turn)
    os.write(theirs, b"x")
    if close(fd):
        print("fox number %d." % turn)
    os.waitpid(child, 0)
    os.close(ours)
    os.close(theirs)' >"$DIR/closed"
	log_of create .prompt >"$DIR/sent"
	same "$(cat "$DIR/closed")" "$(grep -xFf "$DIR/sent" "$DIR/closed")"
}

@test "s2.1: a text that the process overwrote itself is ECANCELED; the newer one is committed" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import errno, os
path = os.environ["F"]
flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
a = os.open(path, flags)
os.write(a, b"a wolf")
b = os.open(path, flags)
os.write(b, b"a fox")
os.close(b)
try:
    os.close(a)
    raise SystemExit("closed")
except OSError as error:
    assert error.errno == errno.ECANCELED, error
# It waited.
assert open(os.path.dirname(path) + "/../images/x.png", "rb").read(4) == b"\x89PNG"'
	generated_once "a fox"
	has_not "$(cat "$MNT/status")" "another writer"
}

@test "s2.1: so is the text of > inside exec 3>, in bash" {
	writes_once "a fox" bash -c 'exec 3>"$F"; echo a wolf >&3; echo a fox >"$F"; exec 3>&-'
}

@test "s2.1: so is that of a child that has inherited the descriptor, at the latest when it goes" {
	mount_seed
	F=$MNT/prompts/x bash -c 'exec 3>"$F"; echo a wolf >&3; bash -c "echo a fox >\"\$F\""; exec 3>&-'
	wait_until test -e "$MNT/images/x.png" # a release comes after the close that causes it
	same ok "$(try_open images/x.png)"
	generated_once "a fox"
}

@test "s2.1: > FILE 2> FILE is one writer" {
	writes_once "a fox" bash -c '/bin/echo a fox >"$F" 2>"$F"'
}

# Two processes, and what each of them does in turn: prints how the closes end.
in_turn() { # STEPS, such as "a-open b-open a-write"
	F=$MNT/prompts/x python3 - "$1" <<-'EOT'
		import errno, os, sys
		texts = {"a": b"a long text of a wolf", "b": b"a fox"}
		def step(what, fd):
		    if what == "open":
		        return os.open(os.environ["F"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "ok"
		    try:
		        os.write(fd, texts[who]) if what == "write" else os.close(fd)
		    except OSError as error:
		        return fd, errno.errorcode[error.errno]
		    return fd, "ok"
		steps = [each.split("-") for each in sys.argv[1].split()]
		pipes = {}
		for who in texts:
		    order, told = os.pipe(), os.pipe()
		    if os.fork() == 0:
		        fd = None
		        while (what := os.read(order[0], 16).decode()) != "end":
		            fd, result = step(what, fd)
		            os.write(told[1], result.encode())
		        os._exit(0)
		    pipes[who] = order[1], told[0]
		for who, what in steps:
		    os.write(pipes[who][0], what.encode())
		    result = os.read(pipes[who][1], 16).decode()
		    if what == "close" or result != "ok":
		        print(f"{who}-{what} {result}")
		for who in pipes:
		    os.write(pipes[who][0], b"end")
		    os.wait()
	EOT
}

@test "s2.9: of two that opened it, who writes last has it, and of the other's text no part" {
	mount_seed
	same $'a-close ECANCELED\nb-close ok' \
		"$(in_turn "a-open b-open a-write b-write a-close b-close")"
	generated_once "a fox"
}

@test "s2.9: so has who was opened first and writes last" {
	mount_seed
	same $'b-close ECANCELED\na-close ok' \
		"$(in_turn "a-open b-open b-write a-write b-close a-close")"
	generated_once "a long text of a wolf"
}

@test "s2.9: who writes after the other's text was committed begins its own" {
	mount_seed
	same $'a-close ok\nb-close ok' \
		"$(in_turn "a-open b-open a-write a-close b-write b-close")"
	same $'a long text of a wolf\na fox' "$(log_of create .prompt)"
	same "a fox" "$(cat "$MNT/prompts/x")"
	is_verified x
}

@test "s2.9: a write to a text that another has overwritten is ECANCELED, and so is its close" {
	mount_seed
	same $'a-write ECANCELED\na-close ECANCELED\nb-close ok' \
		"$(in_turn "a-open b-open a-write b-write a-write a-close b-close")"
	generated_once "a fox"
}

@test "s2.9: a writer that empties its own text is not overwritten" {
	mount_seed
	F=$MNT/prompts/x python3 -c '
import os
with open(os.environ["F"], "w") as file:
    file.write("a wolf in the woods")
    file.flush()
    file.seek(0)
    file.truncate()
    file.write("a fox")'
	generated_once "a fox"
}

# Between the kernel's look-up and its open the other one's empty text is gone.
@test "s2: two that write an empty text at once find no file missing" {
	mount_seed
	empties() {
		local i

		for ((i = 0; i < 150; i++)); do printf ' \n' >"$MNT/prompts/x" || return; done
	}
	background empties
	empties
	job_ends 0 "$JOB"
	same 0 "$(count submit)"
}

# In the moment of the rename the old file is still open, and another stands at its name.
@test "s2: who reads a prompt piece by piece while another file is renamed over it has one text" {
	mount_seed -o dry_run,size=16x16
	python3 - "$MNT/prompts" <<-'PYTHON'
		import errno, os, sys, threading
		os.chdir(sys.argv[1])
		over, whole, mixed = threading.Event(), 0, 0
		def replace(number):
		    with open(".fox.tmp", "w") as file:
		        file.write(f"{number} " * 6000)
		    os.rename(".fox.tmp", "fox")
		def write():
		    for number in range(150):
		        replace(number % 2)
		    over.set()
		replace(1)
		writer = threading.Thread(target=write)
		writer.start()
		while not over.is_set():
		    try:
		        fd, text = os.open("fox", os.O_RDONLY), b""
		    except OSError as error:
		        # Linux looks the name up once more, and another rename may have come by then.
		        if error.errno != errno.ESTALE:
		            raise
		        continue
		    while part := os.read(fd, 1024):
		        text += part
		    os.close(fd)
		    one = len(set(text.split())) == 1 and len(text) == 12000
		    whole, mixed = whole + one, mixed + (not one)
		writer.join()
		print(whole, mixed)
		sys.exit(mixed > 0 or whole < 10)
	PYTHON
}

@test "s2: who reads a prompt has one text to its end, a new one from the beginning, and more of it at the end" {
	mount_seed -o dry_run,size=16x16
	python3 - "$MNT/prompts" <<-'PYTHON'
		import os, sys
		os.chdir(sys.argv[1])
		def write(name, text, mode="w"):
		    with open(name, mode) as file:
		        file.write(text)
		def remove():
		    os.remove("fox")
		def rename():
		    write("wolf", "c" * 77)
		    os.rename("wolf", "fox")
		def save():
		    write(".fox.tmp", "d" * 33)
		    os.rename(".fox.tmp", "fox")
		for change in remove, rename, save:
		    write("fox", "a" * 6000)
		    fd = os.open("fox", os.O_RDONLY)
		    assert os.read(fd, 3000) == b"a" * 3000
		    write("fox", "b" * 9000)
		    assert os.read(fd, 9000) == b"a" * 3000, change
		    assert os.pread(fd, 9000, 0) == b"b" * 9000, change
		    change()
		    assert os.pread(fd, 9000, 3000) == b"b" * 6000, change
		    assert os.fstat(fd).st_size == 9000
		    os.close(fd)
		write("fox", "a fox")
		fd = os.open("fox", os.O_RDONLY)
		assert os.read(fd, 100) == b"a fox"
		assert os.read(fd, 100) == b""
		write("fox", " in snow", "a")
		assert os.read(fd, 100) == b" in snow"
	PYTHON
}
