#!/usr/bin/env bats
# Writers that run programs: execve() closes what is open with O_CLOEXEC, so a
# flush may come from inside it, where much of /proc/PID waits for its end.
# A failure must not hang the suite: it cannot be ended by killing the writer.
# shellcheck disable=SC2016 # commands for other shells

load helper

# COMMAND…: it ends by itself, with status 0. Nothing of /proc/PID is read here:
# that might wait with it.
ends() {
	background bash -c '"$@"; echo $? >"$0"' "$DIR/status" "$@"
	if ! wait_until test -s "$DIR/status"; then
		kill_seedfs
		fail "hangs: $*"
		return 1
	fi
	same 0 "$(<"$DIR/status")" || { cat "$JOB_OUT"; return 1; }
	rm "$DIR/status"
}

# F is $MNT/prompts/x, I is images/x.png, fd the prompt opened with O_CLOEXEC.
python() { # CODE
	F=$MNT/prompts/x I=$MNT/images/x.png ends python3 -c "
import os, subprocess, time
def begin(text):
    fd = os.open(os.environ['F'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, text)
    return fd
$1"
}

generated_once() { # TEXT
	same ok "$(try_open images/x.png)" # execve() does not wait for it
	same 1 "$(count submit)"
	same "$1" "$(log_of create .prompt)"
	is_verified x
}

@test "s2.1: a program that is run while the prompt is open commits nothing; the close does, once" {
	mount_seed
	python "
f = open(os.environ['F'], 'w')
f.write('a fox')
f.flush()
os.system('true')
f.write(' in snow')"
	generated_once "a fox in snow"
}

@test "s2.1: so it is with the descriptor inherited" {
	mount_seed
	python "
fd = begin(b'a fox')
subprocess.run(['true'], pass_fds=[fd], check=True)
os.write(fd, b' in snow')
os.close(fd)"
	generated_once "a fox in snow"
}

@test "s2.1: a child by fork that execs commits nothing" {
	mount_seed
	python "
fd = begin(b'a fox')
pid = os.fork()
if pid == 0:
    os.execv('/bin/true', ['true'])
assert os.waitpid(pid, 0)[1] == 0
os.write(fd, b' in snow')
os.close(fd)"
	generated_once "a fox in snow"
}

@test "s2.1: a writer that execs commits" {
	mount_seed
	python "
begin(b'a fox')
os.execv('/bin/true', ['true'])"
	generated_once "a fox"
}

@test "s2.1: so does one of 20,000 groups, which are a line of 220,000 bytes in /proc/PID/status" {
	need_root
	mount_seed
	python "
os.setgroups(range(2000000000, 2000020000))
begin(b'a fox')
os.execv('/bin/true', ['true'])"
	generated_once "a fox"
}

@test "s2.1: a writer that execs with the descriptor inherited commits at its end" {
	mount_seed
	python "
fd = begin(b'a fox')
os.set_inheritable(fd, True)
os.execv('/bin/sh', ['sh', '-c', 'echo \" in snow\" >&%d' % fd])"
	generated_once "a fox in snow"
}

@test "s2.2: execve does not wait for the outcome, which nobody can look at" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	python "
begin(b'a fox')
os.execv('/bin/true', ['true'])"
	received accepted 1
	release
	generated_once "a fox"
}

@test "s2.2: eight processes are in execve at once, and none waits" {
	mount_seed
	faults '[{"on":"create","do":{"hold_task":true}}]'
	python "
children = []
for number in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        os.environ['F'] += str(number)
        begin(b'a fox')
        os.execv('/bin/true', ['true'])
for child in children:
    os.waitpid(child, 0)"
	received accepted 8
	release
	same 8 "$(count submit)"
}

@test "s2.2: exec with an image open for reading" {
	mount_seed
	write x "a fox"
	python "
os.read(os.open(os.environ['I'], os.O_RDONLY), 8)
os.execv('/bin/true', ['true'])"
	same 1 "$(count submit)"
}

@test "s3: to exec an image that failed is an error, and no more" {
	mount_seed
	faults '[{"on":"create","do":{"code":402,"msg":"no credits"}}]'
	write x "a fox" || true
	python "
try:
    os.execv(os.environ['I'], ['x'])
except OSError as error:
    assert error.errno == 122, error"
}
