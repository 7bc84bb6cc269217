#!/usr/bin/env bats
# Who may do what: the table "USERS" of seedfs(1), cell by cell. Root mounts with
# allow_other, or not; 65534 is another user, 65533 one of the group.

load helper

other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
member() { setpriv --reuid 65533 --regid 65533 --groups 4242 "$@"; }

# The outcome of each of the table's columns: a letter each, "-" where it is refused.
# shellcheck disable=SC2016 # the inner shell's
cells() { # COMMAND…: as whom
	"$@" sh -c '
		cd "$1" 2>/dev/null || { echo "------"; exit; }
		r=-; w=-; p=-; i=-; l=-; s=-
		cat README >/dev/null 2>&1 && r=r
		echo "a wolf of $2" 2>/dev/null >"prompts/by-$2" && w=w
		cat prompts/fox >/dev/null 2>&1 && p=p
		cat images/fox.png >/dev/null 2>&1 && i=i
		cat records/fox.json status queue metrics >/dev/null 2>&1 && l=l
		cat "$3/images/fox.png" "$3/log/status" >/dev/null 2>&1 && s=s
		echo "$r$w$p$i$l$s"' - "$MNT" "$(tr -dc "[:lower:]" <<<"$*")" "$STATE"
}

@test "who may read, write and spend, see prompts, images, records and log, and the state directory" {
	need_root
	chmod 755 "$DIR"
	while read -r options owner group stranger; do
		mount_seed -o "$options"
		write fox "a fox"
		submitted=$(count create)
		same "$options $owner" "$options $(cells env)"
		same "$options $group" "$options $(cells member)"
		same "$options $stranger" "$options $(cells other)"
		# Who may not write has spent nothing.
		spent=$(tr -dc 'w ' <<<"$owner$group$stranger" | wc -c)
		same "$options $((submitted + spent))" "$options $(count create)"
		stop_seedfs
		rm -rf "$STATE"
	done <<-'EOT'
		uid=0 rwpils ------ ------
		allow_other rwpils r-pil- r-pil-
		allow_other,gid=4242,umask=002 rwpils rwpil- r-pil-
		allow_other,gid=4242,umask=027 rwpils r-pil- ------
		allow_other,umask=077 rwpils ------ ------
		allow_other,umask=0 rwpils rwpil- rwpil-
	EOT
}

@test "a scratch file is readable by those alone whom its mode admits, also with allow_other" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other,umask=0
	# shellcheck disable=SC2016 # the inner shell's
	other sh -c 'umask 077; echo secret >"$1"' - "$MNT/prompts/.note.swp"
	same "600 65534" "$(stat -c '%a %u' "$MNT/prompts/.note.swp")"
	same secret "$(other cat "$MNT/prompts/.note.swp")"
	fails member cat "$MNT/prompts/.note.swp"
	fails member chmod 644 "$MNT/prompts/.note.swp"
	stop_seedfs
}

# The outcome of a rename of root's scratch file to a prompt: "ok"; or EACCES, and the
# scratch file is as it was, and can be written.
takes() { # COMMAND MODE GROUP: as whom
	local file=$MNT/prompts/.a.swp

	printf 'a fox' >"$file"
	chown "0:$3" "$file"
	chmod "$2" "$file"
	if "$1" mv -f "$file" "$MNT/prompts/fox" 2>"$DIR/mv"; then
		echo ok
	else
		has "$(<"$DIR/mv")" "Permission denied"
		printf ' in snow' >>"$file"
		same "a fox in snow" "$(<"$file")"
		echo EACCES
	fi
}

@test "a scratch file becomes a prompt, which others can read, only by whom its mode lets read it" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other,umask=0
	while read -r mode group member stranger; do
		same "$mode $group $member" "$mode $group $(takes member "$mode" "$group")"
		same "$mode $group $stranger" "$mode $group $(takes other "$mode" "$group")"
	done <<-'EOT'
		600 0 EACCES EACCES
		644 0 ok ok
		640 4242 ok EACCES
		640 0 EACCES EACCES
		604 4242 EACCES ok
	EOT
	# Its owner may, whatever the mode.
	# shellcheck disable=SC2016 # the inner shell's
	other sh -c 'umask 777; echo "an owl" >"$1/.b.swp"; mv "$1/.b.swp" "$1/owl"' - "$MNT/prompts"
	same "an owl" "$(<"$MNT/prompts/owl")"
	stop_seedfs
}

# The command runs between the two.
in_pieces() { # FILE TEXT MORE-TEXT COMMAND…
	local fd

	exec {fd}>"$MNT/$1"
	printf %s "$2" >&"$fd"
	"${@:4}" {fd}>&-
	printf %s "$3" >&"$fd"
	exec {fd}>&-
}

@test "fsync of who may only read commits nothing that another is writing" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other
	in_pieces prompts/fox 'half of the te' xt other sync "$MNT/prompts/fox"
	same "half of the text" "$(record fox .prompt)"
	in_pieces callbacks/owl '{"prompt": "an' ' owl"}' other sync "$MNT/callbacks/owl"
	same "an owl" "$(record owl .prompt)"
	same 2 "$(count create)"
	# What has been committed is waited for, and its outcome is anybody's.
	faults '[{"on":"create","do":{"code":422,"msg":"not allowed"}}]'
	exec {fd}>"$MNT/prompts/hen"
	printf 'a hen' >&"$fd"
	other sync "$MNT/prompts/hen" {fd}>&-
	fails sync "$MNT/prompts/hen" {fd}>&-
	has "$(other sync "$MNT/prompts/hen" {fd}>&- 2>&1)" "Invalid argument"
	exec {fd}>&-
	stop_seedfs
}

@test "fsync of a descriptor for reading commits what the same user wrote, and for root what anybody wrote" {
	need_root
	chmod 755 "$DIR"
	mount_seed -o allow_other,umask=0
	# shellcheck disable=SC2016 # the inner shell's
	other bash -c 'exec 3>"$1"; printf "a fox" >&3; sync "$1"; cat "$2" >/dev/null' - \
		"$MNT/prompts/fox" "$MNT/images/fox.png"
	same 1 "$(count create)"
	mkfifo -m 666 "$DIR/go"
	# shellcheck disable=SC2016 # the inner shell's
	background other bash -c 'exec 3>"$1"; printf "an owl" >&3; read -r <"$2"' - \
		"$MNT/prompts/owl" "$DIR/go"
	wait_until test -s "$MNT/prompts/owl"
	member sync "$MNT/prompts/owl"
	same 1 "$(count create)"
	sync "$MNT/prompts/owl"
	same 2 "$(count create)"
	echo >"$DIR/go"
	job_ends 0 "$JOB"
	same 2 "$(count create)"
	stop_seedfs
}

@test "what the kernel calls a file is no address of the program's" {
	local id

	mount_seed
	write fox "a fox"
	python3 "$FS" handle "$MNT"/{prompts,prompts/fox,images/fox.png,status} >"$DIR/ids"
	same 4 "$(sort -u "$DIR/ids" | wc -l)"
	while read -r id; do
		same "" "$(printf '%x\n' "$id" | cat - "/proc/$SEED_PID/maps" | python3 -c '
import sys
lines = sys.stdin.read().split("\n")
at = int(lines[0], 16)
for line in lines[1:]:
    if line and int(line.split("-")[0], 16) <= at < int(line.split()[0].split("-")[1], 16):
        print(line)')"
	done <"$DIR/ids"
}
