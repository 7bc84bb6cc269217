# Completion of seedfs for bash. The options are those of `seedfs -h`.

_seedfs_values() { # KIND WORD: what may stand after the "="
	case $1 in
	PATH) compgen -f -- "$2" ;;
	DIR) compgen -d -- "$2" ;;
	USER) compgen -u -- "$2" ;;
	GROUP) compgen -g -- "$2" ;;
	'wait|fail') compgen -W 'wait fail' -- "$2" ;;
	provider) compgen -W "$(_seedfs_help | sed -n 's/^    provider=[^:]*: \(.*\) \[.*/\1/p' | tr -d ,)" -- "$2" ;;
	esac
}

_seedfs_help() { "${COMP_WORDS[0]}" -h 2>/dev/null; }

_seedfs() {
	local line=${COMP_LINE:0:COMP_POINT} word before last name kind head

	COMPREPLY=()
	# As they were typed: bash's own words end at each "=".
	word=${line##*[[:space:]]}
	before=${line%"$word"}
	before=${before%"${before##*[![:space:]]}"}
	case $before in
	*[[:space:]]-o) ;;
	*)
		case $word in
		-*) mapfile -t COMPREPLY < <(compgen -W '-d -f -h -o -s -V --adopt --check --hand-over --help --version' -- "$word") ;;
		*) mapfile -t COMPREPLY < <(compgen -d -- "$word")
			compopt -o filenames 2>/dev/null ;;
		esac
		return
		;;
	esac
	last=${word##*,}
	compopt -o nospace 2>/dev/null
	if [[ $last == *=* ]]; then
		name=${last%%=*}
		kind=$(_seedfs_help | sed -n "s/^    $name=\([^ ]*\) .*/\1/p")
		[ "$name" != provider ] || kind=provider
		# Then readline quotes them: a name in a folder of others may be a command.
		[[ $kind != @(PATH|DIR) ]] || compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(_seedfs_values "$kind" "${last#*=}")
	else
		# What bash replaces begins after the last "=" of the word.
		head=${word%"$last"}
		head=${head##*=}
		mapfile -t COMPREPLY < <(compgen -P "$head" -W "$(_seedfs_help |
			sed -n 's/^    \([a-z][a-z0-9_]*=\{0,1\}\).*  .*/\1/p')" -- "$last")
	fi
}
complete -F _seedfs seedfs
