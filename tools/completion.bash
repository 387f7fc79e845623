# SPDX-License-Identifier: MIT
# Completion of faultline for bash. What can be typed is taken from the program's own help, so it is never behind it; names of
# lines and toxics are asked of the daemon that FAULTLINE_URL names.

# The indented words that open a line of "commands:" in a help page, or of the list of commands.
_faultline_commands()
{
	"$@" --help 2>/dev/null | sed -n -E '/^(commands:|usage: faultline COMMAND)/,/^[^ u]|^  faultline /s/^  ([a-z][a-z-]*)( .*)?$/\1/p' |
		grep -vx faultline
}

_faultline_options()
{
	"$@" --help 2>/dev/null | grep -E '^ +-' | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u
}

# The first column of a list, as scripts see it.
_faultline_names()
{
	"$@" 2>/dev/null | cut -f 1
}

_faultline_types()
{
	"$1" toxic types 2>/dev/null | grep -oE '^[a-z_]+'
}

# The words behind the program that are no options nor their values; the options that take a value are those whose help shows one.
_faultline_positional()
{
	local i skip="" takes
	takes=" $("${COMP_WORDS[0]}" "$@" --help 2>/dev/null |
		sed -n -E 's/^ +((-[a-zA-Z]), )?(--[a-z-]+) [A-Za-z].*/\2 \3/p' | tr '\n' ' ') --url --token "
	positional=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ -n $skip ]]; then
			skip=""
		elif [[ ${COMP_WORDS[i]} == -* ]]; then
			[[ $takes == *" ${COMP_WORDS[i]} "* ]] && skip=1
		elif [[ ${COMP_WORDS[i]} == [=:] ]]; then
			skip=1                  # bash cuts words there: the value of an option goes on
		else
			positional+=("${COMP_WORDS[i]}")
		fi
	done
}

# The type of a toxic that was typed before.
_faultline_type()
{
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -t || ${COMP_WORDS[i]} == --type ]] && echo "${COMP_WORDS[i + 1]}"
	done
}

_faultline_reply()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_faultline()
{
	local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local -a positional level
	local command verb

	COMPREPLY=()
	_faultline_positional
	command=${positional[0]:-}
	level=("$program")
	[[ -n $command ]] && level+=("$command")
	if [[ $command == line || $command == toxic || $command == trace || $command == graph ]]; then
		_faultline_positional "$command" "${positional[1]:-}"
		verb=${positional[1]:-}
		[[ -n $verb ]] && level+=("$verb")
	fi
	if [[ $current == -* ]]; then
		_faultline_reply "$(_faultline_options "${level[@]}")"
		return
	fi
	case $command.$verb.$before in
	check.*.-m | check.*.--model)
		_faultline_reply "$("$program" check --help 2>/dev/null | sed -n -E 's/^ {25}([a-z][a-z-]*) .*/\1/p')"
		return ;;
	check.*.--consistency)
		_faultline_reply "linearizable sequential causal causal-convergence staleness"
		return ;;
	toxic.*.-t | toxic.*.--type)
		_faultline_reply "$(_faultline_types "$program")"
		return ;;
	toxic.*.-a | toxic.*.--attribute)
		compopt -o nospace 2>/dev/null
		_faultline_reply "$("$program" toxic types "$(_faultline_type)" 2>/dev/null | sed -n -E 's/^ +([a-z_]+) .*/\1=/p')"
		return ;;
	esac
	case $command.$verb in
	. | help.)
		_faultline_reply "$(_faultline_commands "$program") help" ;;
	line. | toxic. | trace. | graph.)
		_faultline_reply "$(_faultline_commands "$program" "$command")" ;;
	line.create | line.new | line.list | line.ls) ;;
	line.*)
		_faultline_reply "$(_faultline_names "$program" line list)" ;;
	toxic.types)
		_faultline_reply "$(_faultline_types "$program")" ;;
	graph.show | graph.impact | graph.plan)
		_faultline_reply "$(_faultline_names "$program" graph query services)" ;;
	graph.fact)
		((${#positional[@]} == 2)) && _faultline_reply "set register list" ;;
	toxic.*)
		case ${#positional[@]}.$verb in
		2.*)
			_faultline_reply "$(_faultline_names "$program" line list)" ;;
		3.update | 3.remove | 3.delete | 3.rm)
			_faultline_reply "$(_faultline_names "$program" toxic list "${positional[2]}" | sort -u)" ;;
		esac ;;
	esac
}

complete -o default -F _faultline faultline
