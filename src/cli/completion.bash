# Completion of prunelora in bash: `source` this file, or install it as
# share/bash-completion/completions/prunelora. It knows nothing itself: the program is asked.

# Candidates that are files or folders; bash marks and escapes them.
_prunelora_files() { # kind, current
    if [[ $1 == DIR ]]; then
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
    fi
    compopt -o filenames 2>/dev/null || true
}

# What an option's value or an operand can be.
_prunelora_value() { # program, words of the command, option, kind, current
    local candidates
    candidates=$(sed -n "s/^choice $3 //p" <<<"$2")
    if [[ -n $candidates ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$5")
    elif [[ $4 == "K=V" ]]; then
        mapfile -t COMPREPLY < <("$1" complete "$5" 2>/dev/null)
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "${COMPREPLY[*]}" -- "$5")
    elif [[ $4 == KEY* || $3 == settings ]]; then
        local before=""
        [[ $5 == *,* ]] && before=${5%,*},
        candidates=$("$1" complete "" 2>/dev/null | tr -d =)
        mapfile -t COMPREPLY < <(compgen -P "$before" -W "$candidates" -- "${5##*,}")
    elif [[ $4 == DIR || $4 == FILE || $4 == SWEEP || $4 == CONFIG ]]; then
        _prunelora_files "$4" "$5"
    fi
}

_prunelora() {
    local line=${COMP_LINE:0:COMP_POINT} program current previous words name last i=1
    local -a all chain=()
    read -ra all <<<"$line"
    [[ $line == *[[:space:]] ]] && all+=("")
    program=${all[0]/#\~/$HOME}
    current=${all[-1]}
    previous=${all[-2]}
    COMPREPLY=()

    # down the commands: `data`, then `synth`
    words=$("$program" --help=words 2>/dev/null) || return
    while ((i < ${#all[@]} - 1)) && [[ $'\n'$words$'\n' == *$'\n'"command ${all[i]}"$'\n'* ]]; do
        last=${all[i]}
        chain+=("$last")
        words=$("$program" "${chain[@]}" --help=words 2>/dev/null)
        ((i++))
    done
    local commands
    commands=$(sed -n 's/^command //p' <<<"$words" | grep -vxF -- "${last:--}")

    if [[ $current == --*=* ]]; then
        name=${current%%=*}
        current=${current#*=}
    elif grep -qe "^value $previous " <<<"$words"; then
        name=$previous
    fi
    if [[ -n $name ]]; then
        _prunelora_value "$program" "$words" "$name" "$(sed -n "s/^value $name //p" <<<"$words")" "$current"
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^option //p' <<<"$words")" -- "$current")
    elif [[ -n $commands ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    else
        _prunelora_value "$program" "$words" "$last" "$(sed -n 's/^operand //p' <<<"$words")" "$current"
    fi

    # bash replaces what stands behind the last "=", at which it breaks words
    if [[ $COMP_WORDBREAKS == *=* && $current == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%=*}="}")
    fi
}
complete -F _prunelora prunelora
