#compdef jaycache
# Completion of the jaycache command for zsh.

# The schemes come from the program itself, since they depend on how it was built.
_jaycache_urls() {
    local -a schemes
    schemes=(${(f)"$("$words[1]" --help 2>/dev/null |
        sed -n 's/^  \([a-z][a-z0-9+.-]*:\)\( .*\)\{0,1\}$/\1/p')"})
    compadd -S '' -a schemes
}

_jaycache() {
    local context state state_descr line
    typeset -A opt_args
    local -a commands common key ttl file
    commands=(
        'get:print a value'
        'set:store a value'
        'add:store a value unless the key is there'
        'replace:store a value if the key is there'
        'delete:remove an entry'
        'has:ask whether a key is there'
        'inc:add to a counter'
        'dec:subtract from a counter'
        'touch:give an entry a new time to live'
        'ttl:print how long an entry has left'
        'get-many:print many keys and values'
        'set-many:store many values'
        'delete-many:remove many entries'
        'list:show the entries'
        'stats:show the statistics'
        'clear:remove every entry'
        'fsck:check the directory of a file cache'
        'import:store what a FileSystemCache directory holds'
        'shm:show or remove shared memory caches'
        'bench:measure the speed of the cache'
        'batch:run commands from standard input on one open cache'
        'help:print the help'
    )
    common=(
        '(-u --url)'{-u,--url}'[the cache]:URL:_jaycache_urls'
        '(-j --json)'{-j,--json}'[print the result as JSON]'
        '(-v --verbose)'{-v,--verbose}'[print the log of the library]'
        '(-h --help)'{-h,--help}'[print the help]'
    )
    key=(
        '(-e --escapes)'{-e,--escapes}'[decode backslash escapes]'
        '(-x --hex)'{-x,--hex}'[keys are hexadecimal]'
    )
    ttl=('(-t --ttl)'{-t,--ttl}'[how long the entry lives]:duration:(30s 5m 1h 1d forever default)')
    file=('(-f --file)'{-f,--file}'[read from a file]:file:_files')

    _arguments -C $common '(-V --version)'{-V,--version}'[print the versions]' \
        '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        case $words[1] in
        get | has | delete | ttl) _arguments $common $key ;;
        set) _arguments $common $key $ttl $file '--cas[store only if unchanged]:version:' ;;
        add | replace | set-many) _arguments $common $key $ttl $file ;;
        inc | dec | touch) _arguments $common $key $ttl ;;
        get-many | delete-many) _arguments $common $key $file ;;
        list)
            _arguments $common '(-n --limit)'{-n,--limit}'[show at most so many]:number:' \
                '(-s --sort)'{-s,--sort}'[the order]:order:(size ttl heat key)' \
                '(-r --reverse)'{-r,--reverse}'[sort the other way round]'
            ;;
        bench)
            _arguments $common '--seconds[how long]:seconds:' '--threads[threads at once]:number:' \
                '--size[bytes of a value]:size:' '--keys[different keys]:number:' \
                '--get-ratio[share of gets]:ratio:'
            ;;
        fsck) _arguments $common '--repair[remove what is damaged, and count anew]' ;;
        import) _arguments $common '--dry-run[only show what would be stored]' '2:directory:_directories' ;;
        shm) _arguments $common '2:what:(list info remove)' ;;
        batch) _arguments $common $file ;;
        help) _describe command commands ;;
        *) _arguments $common ;;
        esac
        ;;
    esac
}

_jaycache "$@"
