# Completion of the jaycache command for bash.

# The schemes come from the program itself, since they depend on how it was built.
_jaycache_schemes() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9+.-]*:\)\( .*\)\{0,1\}$/\1/p'
}

_jaycache_options() {
    local common="-u --url -j --json -v --verbose -h --help"
    case $1 in
    "") echo "$common -V --version" ;;
    get | has | delete | ttl) echo "$common -e --escapes -x --hex" ;;
    set) echo "$common -t --ttl -f --file -e --escapes -x --hex --cas" ;;
    add | replace | set-many) echo "$common -t --ttl -f --file -e --escapes -x --hex" ;;
    inc | dec | touch) echo "$common -t --ttl -e --escapes -x --hex" ;;
    get-many | delete-many) echo "$common -f --file -e --escapes -x --hex" ;;
    list) echo "$common -n --limit -s --sort -r --reverse" ;;
    fsck) echo "$common --repair" ;;
    import) echo "$common --dry-run" ;;
    shm) echo "$common list info remove" ;;
    bench) echo "$common --seconds --threads --size --keys --get-ratio" ;;
    batch) echo "$common -f --file" ;;
    *) echo "$common" ;;
    esac
}

_jaycache() {
    local commands="get set add replace delete has inc dec touch ttl get-many set-many delete-many
        list stats clear fsck import shm bench batch help"
    local words word i command="" line=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=()
    # Not by COMP_WORDS: there the colon of a URL parts words, as if it were a blank.
    read -ra words <<<"$line"
    [[ $line == *[[:blank:]] ]] && words+=("")
    local last=$((${#words[@]} - 1))
    local current=${words[last]} previous=${words[last - 1]}
    # The command is the first word that is neither an option nor the argument of one.
    for ((i = 1; i < last; i++)); do
        word=${words[i]}
        case $word in
        -u | --url) i=$((i + 1)) ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
    done
    case $previous in
    -u | --url)
        mapfile -t COMPREPLY < <(compgen -W "$(_jaycache_schemes "${words[0]}")" -- "$current")
        compopt -o nospace
        return
        ;;
    -f | --file)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    -s | --sort)
        mapfile -t COMPREPLY < <(compgen -W "size ttl heat key" -- "$current")
        return
        ;;
    -t | --ttl)
        mapfile -t COMPREPLY < <(compgen -W "30s 5m 1h 1d forever default" -- "$current")
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_jaycache_options "$command")" -- "$current")
    elif [ -z "$command" ] || [ "$command" = help ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    elif [ "$command" = import ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
    fi
}

complete -F _jaycache jaycache
