# bash completion for tidegate: what `tidegate completion bash` writes.

# _tidegate_read WORD sets, for _tidegate: plain, what the shell will make of it;
# quote, in which quotes it stops; before, what of plain stands before these.
_tidegate_read() {
	local i c
	plain= quote= before=
	for ((i = 0; i < ${#1}; i++)); do
		c=${1:i:1}
		case $quote$c in
		\" | \')
			quote=$c
			before=$plain
			;;
		\"\" | \'\')
			quote=
			;;
		\\ | \"\\)
			if [[ -z $quote || ${1:i+1:1} == [\$\`\"\\] ]]; then
				((++i))
			fi
			plain+=${1:i:1}
			;;
		*)
			plain+=$c
			;;
		esac
	done
	[[ -n $quote ]] || before=
}

_tidegate() {
	local -a words=()
	local i word cur trim line glue= plain quote before
	# bash splits words at = and :, which belong to what is typed.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ ${#words[@]} -gt 0 && ( -n $glue || $word =~ ^[=:]+$ ) ]]; then
			words[-1]+=$word
			glue=
		else
			words+=("$word")
		fi
		[[ $word =~ ^[=:]+$ ]] && glue=yes
	done
	for i in "${!words[@]}"; do
		_tidegate_read "${words[i]}"
		words[i]=$plain
	done
	cur=$plain
	# What readline takes for the word begins behind the last of them, or behind the quote.
	trim=$before
	[[ -z $quote && $cur == *[=:]* ]] && trim=${cur%"${cur##*[=:]}"}
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "${cur#"$trim"}")
			return
			;;
		:commands)
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			return
			;;
		esac
		line=${line%%$'\t'*}
		line=${line#"$trim"}
		# As these quotes want it, or nothing would keep a shell from obeying it.
		case $quote in
		\")
			line=${line//\\/\\\\}
			line=${line//\"/\\\"}
			line=${line//\$/\\\$}
			line=${line//\`/\\\`}
			line=${line//!/\"\'!\'\"} # which history reads within these
			;;
		\')
			line=${line//\'/\'\\\'\'}
			;;
		*)
			printf -v line %q "$line"
			;;
		esac
		COMPREPLY+=("$line")
	done < <("$1" __complete "${words[@]}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=] ]] && compopt -o nospace 2>/dev/null
	return 0
}
complete -F _tidegate tidegate
