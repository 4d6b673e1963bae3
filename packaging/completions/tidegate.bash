# bash completion for tidegate: what `tidegate completion bash` writes.
_tidegate() {
	local -a words=()
	local i word cur trim line glue=
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
	cur=${words[-1]}
	local quoted=
	[[ $cur == [\"\']* ]] && quoted=yes
	for i in "${!words[@]}"; do
		words[i]=${words[i]#[\"\']}
		words[i]=${words[i]//\\/}
	done
	cur=${words[-1]}
	# What readline takes for the word begins behind the last of them.
	trim=
	[[ -z $quoted && $cur == *[=:]* ]] && trim=${cur%"${cur##*[=:]}"}
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
		if [[ -z $quoted ]]; then
			printf -v line %q "$line"
		fi
		COMPREPLY+=("$line")
	done < <("$1" __complete "${words[@]}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=] ]] && compopt -o nospace 2>/dev/null
	return 0
}
complete -F _tidegate tidegate
