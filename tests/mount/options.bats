#!/usr/bin/env bats
# `man seedfs`: mounting.
# shellcheck disable=SC2016,SC2030,SC2031 # commands for other shells; each test is a subshell

load helper

# The program refuses before mounting: one clear line, this exit status.
refused() { # STATUS PART-OF-THE-LINE ARGUMENT…
	local want=$1 part=$2

	shift 2
	run --separate-stderr timeout 20 "$SEEDFS" -f "$@"
	same "$want" "$status"
	# shellcheck disable=SC2154 # run sets it
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$part"
	same "" "$(mounts_here)"
	same 0 "$(count submit)"
}

sketch() { # the -o value of a mount that would work
	printf 'provider=sketch,state=%s' "$STATE"
}

bats_require_minimum_version 1.5.0

@test "s7: -h is help, on standard output, with status 0" {
	run --separate-stderr "$SEEDFS" -h
	same 0 "$status"
	for word in seedfs MOUNTPOINT provider= key_file= api_base= state= timeout= sketch; do
		has "$output" "$word"
	done
}

@test "s7: -V is the version, with status 0" {
	run --separate-stderr "$SEEDFS" -V
	same 0 "$status"
	[[ $output =~ seedfs.*[0-9]+\.[0-9]+ ]]
}

@test "s7: -V names the walls of the workers' cage, and a mount says which are missing" {
	run --separate-stderr "$SEEDFS" -V
	has "${lines[1]}" "workers' cage here: limits"
	[ "$(uname -m)" = x86_64 ] || skip "numbers of system calls"
	run --separate-stderr python3 "$HERE/without.py" "$SEEDFS" -V
	[[ ${lines[1]} != *sanitizer* ]] || skip "a sanitizer stands in the cage's place"
	same "workers' cage here: limits, no privileges, seccomp" "${lines[1]}"
	cat >"$DIR/seedfs" <<-EOF
		#!/bin/sh
		exec python3 "$HERE/without.py" "$SEEDFS" "\$@"
	EOF
	chmod +x "$DIR/seedfs"
	SEEDFS=$DIR/seedfs mount_seed
	has "$(cat "$MNT/status")" "does not provide Landlock or namespaces"
	write fox "a fox"
	is_verified fox
}

@test "s7: no mount point is wrong usage: status 2" {
	run --separate-stderr timeout 20 "$SEEDFS" -o "$(sketch)"
	same 2 "$status"
	[ -n "$stderr" ]
	run --separate-stderr timeout 20 "$SEEDFS"
	same 2 "$status"
}

@test "s7: too many arguments are wrong usage: status 2" {
	run timeout 20 "$SEEDFS" -o "$(sketch)" one two "$MNT"
	same 2 "$status"
	run timeout 20 "$SEEDFS" --no-such-flag -o "$(sketch)" "$MNT"
	same 2 "$status"
	same "" "$(mounts_here)"
}

@test "s7: a wrong option is refused before mounting, with one line and status 1" {
	refused 1 nonsense -o "$(sketch),nonsense=1" "$MNT"
}

@test "s7: each option's value is checked" {
	for option in steps=0 steps=many cfg_scale=x size=2048 size=0x0 size=axb jobs=0 jobs=x \
		rate=0/0 rate=x timeout=0 timeout=-1 max_upscale=0 log_size=x retry_steps=x \
		retry_cfg_scale=x uid=x gid=x umask=9; do
		run --separate-stderr timeout 20 "$SEEDFS" -f -o "$(sketch),$option" "$MNT"
		same "1 $option" "$status $option"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" "${option%%=*}"
		same "" "$(mounts_here)"
	done
}

@test "s7: an unknown provider is refused, naming it" {
	refused 1 nobody -o "provider=nobody,state=$STATE" "$MNT"
}

@test "s7: a wrong URL is refused" {
	for url in ftp://h/ nonsense http:// "http://user:pass@h/" file:///etc/passwd; do
		refused 1 api_base -o "provider=kie,api_base=$url,key_file=$DIR/key,state=$STATE" "$MNT"
	done
}

@test "s7: no key for a provider that needs one is refused, with what to set" {
	refused 1 KIE_API_KEY -o "provider=kie,api_base=$API,state=$STATE" "$MNT"
	has "$stderr" "provider=sketch"
	refused 1 KIE_IMAGE_API_KEY -o "provider=kie-image,api_base=$API,state=$STATE" "$MNT"
	has "$stderr" "provider=sketch"
}

@test "s7: ro needs no key" {
	mount_seed
	write fox "a fox"
	stop_seedfs
	start_seedfs -o "provider=kie,api_base=$API,state=$STATE,ro" "$MNT"
	wait_mounted
	same "2048x1152 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/fox.png" summary)"
	same "open EROFS" "$(try_write owl "an owl")"
	same 1 "$(count submit)"
}

@test "s7: the key comes from the provider's usual variable" {
	export KIE_API_KEY=test-from-the-environment
	start_seedfs -o "provider=kie,api_base=$API,state=$STATE" "$MNT"
	wait_mounted
	write fox "a fox"
	same ok "$(log_of create .auth)"
	stop_seedfs
	unset KIE_API_KEY
	export KIE_IMAGE_API_KEY=test-from-the-environment
	start_seedfs -o "provider=kie-image,api_base=$API,state=$STATE" "$MNT"
	wait_mounted
	write owl "an owl"
	same ok "$(log_of generate .auth)"
}

@test "s7: the key comes from \$CREDENTIALS_DIRECTORY/seedfs.key" {
	mkdir "$DIR/credentials"
	mv "$DIR/key" "$DIR/credentials/seedfs.key"
	export CREDENTIALS_DIRECTORY=$DIR/credentials
	start_seedfs -o "provider=kie,api_base=$API,state=$STATE" "$MNT"
	wait_mounted
	write fox "a fox"
	same ok "$(log_of create .auth)"
}

@test "s7: a key file that group or others can read is refused" {
	for mode in 640 604 644 660 666; do
		chmod "$mode" "$DIR/key"
		refused 1 "$DIR/key" -o "$(usual_options)" "$MNT"
	done
	for mode in 600 400; do
		chmod "$mode" "$DIR/key"
		mount_seed
		stop_seedfs
	done
}

@test "s7: a key file that is not there, is empty or is not a key is refused" {
	for content in '' ' ' 'two words' $'two\nlines' $'a\x01b'; do
		printf '%s' "$content" >"$DIR/key"
		refused 1 "$DIR/key" -o "$(usual_options)" "$MNT"
	done
	rm "$DIR/key"
	refused 1 "$DIR/key" -o "$(usual_options)" "$MNT"
	mkdir -m 700 "$DIR/key"
	refused 1 "$DIR/key" -o "$(usual_options)" "$MNT"
}

@test "s7: the key is never in an error's line" {
	printf '%s %s' "$KEY" "$KEY" >"$DIR/key"
	refused 1 "$DIR/key" -o "$(usual_options)" "$MNT"
	has_not "$stderr" "$KEY"
}

@test "s7: there is no option that takes a key" {
	for option in key api_key token password; do
		refused 1 "$option" -o "$(usual_options),$option=$KEY" "$MNT"
	done
}

@test "s7: SIGHUP reads the key file again" {
	mount_seed
	faults '[{"on":"create","nth":1,"do":{"fail":{"code":"500","msg":"%KEY%"}}}]'
	write fox "a fox"
	same "ok ok" "$(log_of create -s '[.[].auth] | join(" ")')"
	echo bad-key >"$DIR/key"
	kill -HUP "$SEED_PID"
	# The signal is taken in its own time: ask until the new key is used.
	wait_until eval 'try_write owl "an owl" | grep -q EKEYREJECTED'
	echo test-key-three >"$DIR/key"
	kill -HUP "$SEED_PID"
	wait_until eval 'try_write owl "an owl" | grep -qx ok'
	mounted
}

@test "s7: a key that was replaced is not shown where the service repeats it, either" {
	local old

	old=$(<"$DIR/key")
	mount_seed
	write fox "a fox"
	echo test-key-three >"$DIR/key"
	kill -HUP "$SEED_PID"
	wait_until grep -q "Key read again" "$MNT/status"
	faults '[{"on":"create","do":{"fail":{"code":"500","msg":"it was '"$old"' before"}}}]'
	same "close EIO" "$(try_write owl "an owl")"
	has "$(<"$MNT/status")" "it was ***"
	has_not "$(<"$MNT/status")" "$old"
	has_not "$(<"$MNT/records/owl.json")" "$old"
}

@test "s7: SIGTERM, SIGHUP and SIGCHLD that a parent ignores or blocks are taken all the same" {
	# start_seedfs, as from nohup or a careless parent
	env --ignore-signal=TERM,HUP,CHLD --block-signal=TERM,HUP,CHLD setpriv --pdeathsig KILL -- \
		"$SEEDFS" -f -o "$(usual_options)" "$MNT" 3>&- 4>&- </dev/null >>"$DIR/out" 2>>"$DIR/err" &
	SEED_PID=$!
	printf '%s\n' "$SEED_PID" >>"$DIR/pids"
	wait_mounted
	has_not "$(cat "$MNT/status")" "cage is incomplete"
	echo bad-key >"$DIR/key"
	kill -HUP "$SEED_PID"
	wait_until eval 'try_write owl "an owl" | grep -q EKEYREJECTED'
	stop_seedfs
}

@test "s7: an unwritable state directory is refused" {
	refused 1 "$DIR/key/state" -o "provider=sketch,state=$DIR/key/state" "$MNT"
	refused 1 /proc/no -o "provider=sketch,state=/proc/no/state" "$MNT"
}

@test "s7: the state directory is made where there is none" {
	start_seedfs -o "provider=sketch,state=$DIR/new/state" "$MNT" || true
	wait_until mounted_or_ended
	if mounted; then
		test -d "$DIR/new/state"
	else
		has "$(cat "$DIR/err")" "$DIR/new/state"
		SEED_PID=
		mkdir "$DIR/new"
		start_seedfs -o "provider=sketch,state=$DIR/new/state" "$MNT"
		wait_mounted
	fi
	same 700 "$(stat -c %a "$DIR/new/state")"
}

@test "s7: the state directory defaults to XDG_DATA_HOME, else ~/.local/share" {
	if [ "$(id -u)" -eq 0 ]; then
		type -P unshare >/dev/null || skip "root's default is /var/lib/seedfs"
		# As another user, in a user namespace of its own.
		unshare --user --map-current-user true 2>/dev/null || true
		skip "root's default is /var/lib/seedfs, which no test touches"
	fi
	start_seedfs -o provider=sketch "$MNT"
	wait_mounted
	test -d "$HOME/.local/share/seedfs"
}

@test "s7: a state directory in use is refused, naming the process that holds it" {
	mount_seed
	mkdir "$DIR/mnt2"
	refused_pid=$SEED_PID
	run --separate-stderr timeout 20 "$SEEDFS" -f -o "$(sketch)" "$DIR/mnt2"
	same 1 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$refused_pid"
	same 1 "$(mounts_here | wc -l)"
	write fox "a fox"
	is_verified fox
}

@test "s7: a state directory is free again after its mount" {
	mount_seed
	stop_seedfs
	mount_seed
	kill_seedfs
	mount_seed
}

@test "s7: a mount point that is not there, or is a file, is refused" {
	refused 1 "$DIR/none" -o "$(sketch)" "$DIR/none"
	refused 1 "$DIR/key" -o "$(sketch)" "$DIR/key"
}

@test "s7: a comma inside a value is written \\," {
	mount_seed -o 'guidance=one\, two\, three,style=four\,five'
	write fox "a fox"
	same "one, two, three" "$(log_of create .body.input.guidance)"
	same "a fox, four,five" "$(log_of create .prompt)"
}

@test "s7: size= is the size of the images" {
	mount_seed -o size=1024x576
	write fox "a fox"
	same "1024x576 8-bit RGB whole" "$(python3 "$FS" png "$MNT/images/fox.png" summary)"
	same 1024x576 "$(record fox .resolution)"
}

@test "s7: the order of fstab and mount(8): seedfs SOURCE MOUNTPOINT -o …" {
	start_seedfs seedfs "$MNT" -o "$(usual_options),_netdev,nofail,noauto,user,dev,suid"
	wait_mounted
	write fox "a fox"
	is_verified fox
	stop_seedfs
	start_seedfs /any/source "$MNT" -o rw,nodev,nosuid -o "$(usual_options)"
	wait_mounted
	has "$(grep -F " $MNT " /proc/self/mounts)" " fuse.seedfs "
}

@test "s7: the mount is of type fuse.seedfs, with default_permissions" {
	mount_seed
	line=$(grep -F " $MNT " /proc/self/mounts)
	has "$line" " fuse.seedfs "
	has "$line" default_permissions
}

@test "s7: without -f it returns when mounted, and status is 0" {
	"$SEEDFS" -o "$(usual_options)" "$MNT" 3>&- </dev/null >"$DIR/out" 2>"$DIR/err"
	mountpoint -q "$MNT"
	SEED_PID=
	pid=$(strays | while read -r pid; do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == "$SEEDFS"*"$MNT "* ]] && echo "$pid"
	done | head -n 1)
	[ -n "$pid" ]
	printf '%s\n' "$pid" >>"$DIR/pids"
	write fox "a fox"
	is_verified fox
	fusermount3 -u "$MNT" || umount "$MNT"
	wait_until ended "$pid"
}

@test "s7: without -f a refusal is seen by who started it" {
	run --separate-stderr timeout 20 "$SEEDFS" -o "$(usual_options),nonsense" "$MNT"
	same 1 "$status"
	has "$stderr" nonsense
	chmod 644 "$DIR/key"
	run --separate-stderr timeout 20 "$SEEDFS" -o "$(usual_options)" "$MNT"
	same 1 "$status"
	same 1 "${#stderr_lines[@]}"
	same "" "$(mounts_here)"
}

@test "s7: under Type=notify READY is sent once mounted" {
	run timeout 30 python3 "$FS" notify "$DIR/notify" "$SEEDFS" -f -o "$(usual_options)" "$MNT"
	same 0 "$status"
	has "$output" READY=1
	has "$output" $'\nmounted'
	wait_until test -z "$(mounts_here)"
}

@test "s7: relative paths work in the background" {
	cd "$DIR"
	"$SEEDFS" -o "provider=kie,api_base=$API,key_file=key,state=state" mnt 3>&- </dev/null >"$DIR/out" 2>"$DIR/err"
	mountpoint -q "$MNT"
	write fox "a fox"
	is_verified fox
	fusermount3 -u "$MNT" || umount "$MNT"
	cd "$ROOT"
	wait_until eval '! pgrep -P 1 -f "^$SEEDFS .*key_file=key,state=state mnt" >/dev/null'
}

@test "s7: -s serves with one thread" {
	mount_seed -s
	faults '[{"on":"create","do":{"hold_task":true}}]'
	background write fox "a fox"
	received accepted 1
	ls "$MNT/images" >/dev/null
	cat "$MNT/README" >/dev/null
	release
	job_ends 0 "$JOB"
	is_verified fox
}

@test "s7: uid, gid and umask are those of the files" {
	need_root
	mount_seed -o uid=1234,gid=2345,umask=077,allow_other
	write fox "a fox"
	same "1234 2345 600" "$(stat -c '%u %g %a' "$MNT/prompts/fox")"
	same "1234 2345 400" "$(stat -c '%u %g %a' "$MNT/images/fox.png")"
}

@test "s7: a umask lets a group write; uid and gid may be names" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o uid=daemon,gid=games,umask=002,allow_other
	same "daemon games 775" "$(stat -c '%U %G %a' "$MNT/prompts")"
	as() { setpriv --reuid "$1" --regid "$1" --groups "$2" "${@:3}"; }
	as 1001 "$(id -g games)" sh -c 'umask 002; echo "a fox" >"$1"' - "$MNT/prompts/fox"
	same "daemon games 664" "$(stat -c '%U %G %a' "$MNT/prompts/fox")"
	same "daemon games 444" "$(stat -c '%U %G %a' "$MNT/images/fox.png")"
	# Another of the group saves it as editors do.
	as 1002 "$(id -g games)" sh -c 'umask 002; echo "a blue fox" >"$1.tmp"; mv "$1.tmp" "$1"' - "$MNT/prompts/fox"
	same ok "$(try_open images/fox.png)"
	same "a blue fox" "$(record fox .prompt)"
	same 2 "$(count submit)"
	run as 1003 1003 sh -c 'echo no >"$1"' - "$MNT/prompts/fox"
	has "$output" "Permission denied"
	same 2 "$(count submit)"
}

@test "s7: default_permissions: others may look where the modes allow it, but not write" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other
	write fox "a fox"
	setpriv --reuid 65534 --regid 65534 --clear-groups cat "$MNT/images/fox.png" >/dev/null
	run setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'echo a wolf >"$1"' - "$MNT/prompts/wolf"
	[ "$status" -ne 0 ]
	has "$output" "Permission denied"
	same 1 "$(count submit)"
}

@test "s7: without allow_other other users see nothing" {
	need_root
	chmod 755 "$DIR"
	mount_seed
	fails setpriv --reuid 65534 --regid 65534 --clear-groups ls "$MNT"
}

# The service and the mount in a network of their own, where the service's
# address is not a private one.
@test "s7: an image URL that leads to a loopback address is refused (EPERM)" {
	need_root
	type -P ip >/dev/null || skip "needs ip (iproute2)"
	unshare --net true 2>/dev/null || skip "no network namespace may be made here"
	cat >"$DIR/inside.sh" <<'EOT'
set -eu
ip link set lo up
ip addr add 9.9.9.1/32 dev lo
"$UPSTREAM" --bind 0.0.0.0 --port-file "$DIR/port2" 2>>"$DIR/err" & upstream=$!
while [ ! -s "$DIR/port2" ]; do sleep 0.02; done
port=$(cat "$DIR/port2")
"$SEEDFS" -f -o "provider=kie,api_base=http://9.9.9.1:$port,key_file=$DIR/key,state=$STATE,rate=1000/1" "$MNT" 2>>"$DIR/err" & seedfs=$!
echo "$seedfs" >>"$DIR/pids"
while ! mountpoint -q "$MNT"; do kill -0 "$seedfs"; sleep 0.02; done
try() { # NAME URL
	curl -sS --noproxy '*' -d "[{\"on\":\"create\",\"do\":{\"url\":\"$2\"}}]" "http://9.9.9.1:$port/_faults" >/dev/null
	echo "$1 $(python3 "$FS" write "$MNT/prompts/$1" "a $1")"
}
try public "http://9.9.9.1:$port/files/png/a.png"
try loopback "http://127.0.0.1:$port/files/png/a.png"
try named "http://localhost:$port/files/png/a.png"
try mapped "http://[::ffff:127.0.0.1]:$port/files/png/a.png"
try short "http://127.1:$port/files/png/a.png"
try decimal "http://2130706433:$port/files/png/a.png"
try link "http://169.254.169.254/latest/meta-data"
try private "http://10.0.0.1/a.png"
curl -sS --noproxy '*' -d "[{\"on\":\"image\",\"nth\":1,\"times\":9,\"do\":{\"redirect\":\"http://127.0.0.1:$port/files/png/b.png\"}}]" "http://9.9.9.1:$port/_faults" >/dev/null
echo "redirect $(python3 "$FS" write "$MNT/prompts/redirect" "a redirect")"
kill "$seedfs"
wait "$seedfs"
kill "$upstream"
wait "$upstream"
EOT
	run timeout -k 5 60 unshare --net bash "$DIR/inside.sh"
	has "$output" "public ok"
	for name in loopback named mapped short decimal link private redirect; do
		has "$output" "$name close EPERM"
	done
}

@test "s7: what is nearly right is told what is right" {
	refused 1 "did you mean sketch?" -o "$(sketch),provider=skecth" "$MNT"
	refused 1 "did you mean steps?" -o "$(sketch),stpes=30" "$MNT"
	refused 1 "key_file=PATH" -o "$(sketch),key=abc" "$MNT"
	refused 1 "key_file=PATH" -o "$(sketch),api_key=abc" "$MNT"
	refused 1 "each from 16 to 16384" -o "$(sketch),size=20000x20000" "$MNT"
	refused 1 "unmount it and mount it again" -o "$(sketch),remount" "$MNT"
	refused 1 "name or number of a user" -o "$(sketch),uid=nobody-here" "$MNT"
	refused 1 "name or number of a group" -o "$(sketch),gid=nobody-here" "$MNT"
	refused 1 "mkdir -p $DIR/none" -o "$(sketch)" "$DIR/none"
	refused 1 "not a directory" -o "$(sketch)" "$DIR/key"
	refused 2 "-o needs options" "$MNT" -o
	refused 2 "unknown flag -fx" -fx -o "$(sketch)" "$MNT"
	refused 2 "seedfs -h"
}

@test "s7: flags may be joined, and what mount(8) passes is taken" {
	start_seedfs -fs "$MNT" -o "$(usual_options),lazytime,nosuid,relatime,silent"
	wait_mounted
}

@test "s7: a mount point that is not empty is said to be so" {
	touch "$MNT/file"
	mount_seed
	has "$(cat "$DIR/err")" "is not empty"
	stop_seedfs
	same file "$(ls "$MNT")"
}

@test "s7: root's mount keeps the capabilities that it needs, and no others" {
	local mine kept=$((0x2801e4)) file text

	need_root
	mine=$((16#$(awk '/^CapEff/ { print $2 }' /proc/self/status)))
	mount_seed
	for file in "/proc/$SEED_PID"/task/*/status; do
		text=$(cat "$file") || continue # the thread that looked at the service has ended
		same "$(printf '%016x\n' $((mine & kept)) $((mine & kept)))" \
			"$(awk '/^Cap(Prm|Eff)/ { print $2 }' <<<"$text")"
		same 0000000000000000 "$(awk '/^CapInh/ { print $2 }' <<<"$text")"
		same 0 $((16#$(awk '/^CapBnd/ { print $2 }' <<<"$text") & ~kept))
	done
	write fox "a fox"
	stop_seedfs
}

@test "s7: the program's memory is closed to other processes of its user, and leaves no core" {
	need_root
	[[ $("$SEEDFS" -V) != *sanitizer* ]] || skip "a sanitizer looks into its own memory"
	chmod 755 "$DIR"
	chown -R 65534 "$DIR"
	as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/fuse c 10 229 &&
		mknod -m 666 /dev/null c 1 3 && exec "$@"' - \
		"${as_nobody[@]}" "$SEEDFS" -f -o "$(sketch)" "$MNT" 3>&- 4>&- </dev/null 2>>"$DIR/err" &
	SEED_PID=$!
	printf '%s\n' "$SEED_PID" >>"$DIR/pids"
	wait_until grep -q Mounted "$STATE/log/status"
	same 0 "$(stat -c %u "/proc/$SEED_PID/environ")"
	fails "${as_nobody[@]}" cat "/proc/$SEED_PID/environ"
	same "0 0" "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$SEED_PID/limits")"
	# shellcheck disable=SC2016
	nsenter -t "$SEED_PID" -m "${as_nobody[@]}" sh -c 'echo a fox >"$1/prompts/fox" &&
		head -c 4 "$1/images/fox.png"' - "$MNT" | grep -q PNG
	stop_seedfs
	chown -R 0 "$DIR"
}

# COMMAND… in a mount namespace of its own, in which $1 has prepared /dev.
in_namespace() { # SHELL-COMMAND PART-OF-THE-LINE [setpriv's options]
	[ -x "$DIR/seedfs" ] || cp "$SEEDFS" "$DIR/seedfs" # where another user may come
	run --separate-stderr unshare -m sh -c "$1"'; shift; exec setpriv "$@"' - "$1" "${@:3}" -- \
		timeout 20 "$DIR/seedfs" -f -o "$(sketch)" "$MNT"
	same 1 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$2"
}

@test "s7: why /dev/fuse or fusermount3 fail is one line, with what to do" {
	need_root
	chmod 755 "$DIR"
	in_namespace 'mount -t tmpfs none /dev' "/dev/fuse is missing: as root, modprobe fuse"
	in_namespace 'mount -t tmpfs none /dev; : >/dev/fuse' "/dev/fuse is not a device"
	in_namespace true "cannot mount at $MNT: mount failed: Operation not permitted; in a container" \
		--bounding-set -sys_admin --inh-caps -sys_admin
	chown -R 65534 "$DIR"
	in_namespace 'mount --bind /dev/null /usr/bin/fusermount3; mount -t tmpfs none /dev; mknod -m 666 /dev/fuse c 10 229; chmod 666 /dev/fuse; PATH=/usr/bin:/bin' \
		"fusermount3 is missing or not executable" --reuid 65534 --regid 65534 --clear-groups
	in_namespace 'mount -t tmpfs none /dev; mknod -m 600 /dev/fuse c 10 229' \
		"/dev/fuse cannot be opened: Permission denied; as root, chmod 666 /dev/fuse" \
		--reuid 65534 --regid 65534 --clear-groups
	chown -R 0 "$DIR"
}

@test "s7: mount -t seedfs works through mount.seedfs" {
	need_root
	ln -s "$SEEDFS" "$DIR/mount.seedfs"
	# As mount(8) calls it: source, directory, its flags, options.
	"$DIR/mount.seedfs" seedfs "$MNT" -fsn -t fuse.seedfs -o "rw,$(usual_options)"
	same "" "$(mounts_here)"
	"$DIR/mount.seedfs" seedfs "$MNT" -sn -o "rw,noatime,$(usual_options)" 3>&- 4>&-
	wait_until mounted
	write fox "a fox"
	is_verified fox
	pid=$(<"$STATE/lock")
	umount "$MNT"
	wait_until ended "$pid"
}
