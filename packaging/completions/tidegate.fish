# fish completion for tidegate: what `tidegate completion fish` writes.
function __tidegate_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l cur (commandline -ct | string unescape)
    for line in ($program __complete $words "$cur" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$cur"
            case :commands
                __fish_complete_command
            case '*'
                echo $line
        end
    end
end
complete -c tidegate -f -k -a '(__tidegate_complete)'
