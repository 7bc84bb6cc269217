#!/usr/bin/env bats
# The options in -h, in the manual, and as bash, zsh and fish complete them.
# shellcheck disable=SC2016 # commands for other shells

load helper

more_setup() {
	# What the shells start as seedfs.
	mkdir "$DIR/bin"
	ln -s "$SEEDFS" "$DIR/bin/seedfs"
	PATH=$DIR/bin:$PATH
}

# "name=VALUE", or "name", one a line; sorted.
of_help() {
	"$SEEDFS" -h | sed -n 's/^    \([a-z][a-z0-9_]*\(=[^ ]*\)\{0,1\}\)  .*/\1/p' | sort
}

# The items of the manual's options, without the macros between the words.
of_manual() {
	sed -n '/^\.Ss Options of the mount/,/^\.Ss Providers/s/^\.It Cm \(.*\)/\1/p' "$ROOT/docs/seedfs.1" |
		sed 's/ Ns / /g; s/\(Ar\|Cm\|No\) //g; s/ //g' | sort
}

in_bash() { # LINE
	bash --norc -c 'source "$1"; shift
		compopt() { :; }
		COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(seedfs); _seedfs
		printf "%s\n" "${COMPREPLY[@]}"' - "$ROOT/completions/seedfs.bash" "$1"
}

in_fish() { # LINE
	fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
		"$ROOT/completions/seedfs.fish" "$1" | cut -f1
}

# What it would say to zsh's own functions.
in_zsh() {
	zsh -f -c '_call_program() { shift; "$@" }
		_values() { print -rl -- $@ }
		_arguments() { _seedfs_options }
		source $1' - "$ROOT/completions/_seedfs" | sed -n 's/^\([a-z0-9_]*\)\[.*/\1/p'
}

@test "-h and the manual have the same options, with the same values" {
	[ "$(of_help | wc -l)" -ge 29 ]
	same "$(of_help)" "$(of_manual)"
}

@test "bash, fish and zsh complete the options of -h, and no other" {
	same "$(of_help | sed 's/=.*/=/')" "$(in_bash 'seedfs -o ' | sort)"
	same "$(of_help | sed 's/=.*/=/')" "$(in_fish 'seedfs -o ' | sort)"
	same "$(of_help | sed 's/=.*//' | sort)" "$(in_zsh | sort)"
}

@test "the flags of -h are completed" {
	local flags flag

	flags=$("$SEEDFS" -h | sed '1,2d;/provider=/,$d' | grep -oE '(^| )-[-a-zA-Z]+' | sort -u)
	for flag in $flags; do
		in_bash 'seedfs -' | grep -qxF -- "$flag" || fail "bash: $flag"
		in_fish 'seedfs -' | grep -qxF -- "$flag" || fail "fish: $flag"
		grep -qF -- "$flag" "$ROOT/completions/_seedfs" || fail "zsh: $flag"
	done
}

@test "values are completed: providers, files, directories, users, groups" {
	local providers

	providers=$(sed -n '/^\.Ss Providers/,/^\.Ss What/s/^\.It Sy //p' "$ROOT/docs/seedfs.1" | sort)
	same "$providers" "$(in_bash 'seedfs -o ro,provider=' | sort)"
	same "$providers" "$(in_fish 'seedfs -o ro,provider=' | sed 's/^ro,provider=//' | sort)"
	cd "$DIR"
	mkdir in
	touch in/key
	same "in/key" "$(in_bash 'seedfs -o key_file=in/k')"
	same "key_file=in/key" "$(in_fish 'seedfs -o key_file=in/k')"
	same "in" "$(in_bash 'seedfs -o ro,state=i')"
	same "ro,state=in/" "$(in_fish 'seedfs -o ro,state=i')"
	same "root" "$(in_bash 'seedfs -o uid=roo')"
	same "daemon" "$(in_bash 'seedfs -o ro,gid=daemo')"
	same "in" "$(in_bash 'seedfs -o ro i')"
	same "wait" "$(in_bash 'seedfs -o ro,offline=w')"
	same "ro,offline=wait" "$(in_fish 'seedfs -o ro,offline=w')"
}

# What an interactive bash makes of a line with a Tab at its end.
in_terminal() { # LINE
	timeout 30 python3 - "$ROOT/completions/seedfs.bash" "$1" <<-'EOT'
		import os, pty, sys
		pid, fd = pty.fork()
		if pid == 0:
		    os.execve("/bin/bash", ["bash", "--norc", "-i"], {**os.environ, "PS1": "$ ", "TERM": "dumb", "COLUMNS": "500"})
		def until(end):
		    text = ""
		    while not text.endswith(end):
		        text += os.read(fd, 65536).decode()
		    return text
		until("$ ")
		os.write(fd, f"source {sys.argv[1]}; bind 'set bell-style none'\n".encode())
		until("$ ")
		os.write(fd, f"{sys.argv[2]}\t#end".encode())
		print(until("#end"))
		os.write(fd, b"\x15exit\n")
		os.waitpid(pid, 0)
	EOT
}

@test "bash quotes a file's name that would be a command" {
	touch "$DIR/"'odd$(touch made)'
	has "$(in_terminal "seedfs -o key_file=$DIR/od")" "key_file=$DIR/"'odd\$\(touch\ made\)'
	mkdir "$DIR/"'folder`x`'
	has "$(in_terminal "seedfs -o provider=sketch,state=$DIR/fol")" "state=$DIR/"'folder\`x\`/'
}
