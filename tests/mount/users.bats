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
