#!/bin/bash
# run.sh - checks the Promela models beside this file with Spin.
#
# Each model names its variants in its head:  variant NAME proper|mutant|stuck FLAGS...
# A proper variant is what the engine does, and must verify exhaustively. The others leave out one
# fence, order or step, and must be refuted: a mutant by an assertion that fails, a stuck one by a
# process that waits for ever. So each of those steps is shown to matter, and the model to notice.
#
#     run.sh                  all models
#     run.sh MODEL [VARIANT]  one of them; of a variant that fails, the trail is shown
#
# Needs: spin, gcc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

incomplete='not completed|max search depth' # what Spin says of a search that ended early
limit_s=900     # for one variant, so that the runner ends; it takes seconds
memory_mib=1500 # for one variant
depth=100000    # steps of one run of a model

fail() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 1
}

variants_of() {
    sed -n 's/^ \* variant \+//p' "$1"
}

# Runs one variant in a folder of its own; prints one line. Status 1: not as it should be.
run_variant() {
    local model=$1 name=$2 kind=$3 folder source states verdict=good errors ignored=
    shift 3
    folder=$(mktemp -d "$work/$model.$name.XXXXXX")
    source=$PWD/$model.pml
    cd "$folder"
    spin "$@" -a "$source" >spin.log 2>&1 || {
        printf '%-14s %-26s spin does not take it\n' "$model" "$name"
        cat spin.log
        return 1
    }
    # Most models are small: compiling takes longer than running, and optimizing longest.
    gcc -O0 -w -DSAFETY -DCOLLAPSE -DMEMLIM=$memory_mib -o pan pan.c
    case $kind in
    mutant) ignored=-E ;; # ends that are none
    stuck) ignored=-A ;;  # assertions
    esac
    timeout $limit_s ./pan -m$depth $ignored >pan.log 2>&1 || true
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
    if [ -z "$errors" ] || { [ "$errors" = 0 ] && grep -qE "$incomplete" pan.log; }; then
        verdict='BAD: the search was not completed'
    elif [ "$kind" = proper ] && [ "$errors" != 0 ]; then
        verdict='BAD: it has an error'
    elif [ "$kind" != proper ] && [ "$errors" = 0 ]; then
        verdict='BAD: nothing is wrong with it'
    fi
    local found=
    [ "$errors" = 0 ] || found=$(sed -n 's/^pan:[0-9]*: //p' pan.log | head -n 1)
    printf '%-14s %-26s %-7s %9s states  %-6s %s\n' "$model" "$name" "$kind" "${states:-?}" \
        "$verdict" "$found"
    [ "$verdict" = good ] && return
    if [ -n "${show_trail-}" ] && [ -e "$model.pml.trail" ]; then
        spin "$@" -k "$model.pml.trail" -p "$source" | tail -n 120
    fi
    return 1
}

# Reads lines "MODEL NAME KIND FLAGS..." and runs them, some at a time.
run_all() {
    local -a words
    local running=0 status=0
    while read -r -a words; do
        if [ "$running" -ge "$jobs" ]; then
            wait -n || status=1
            running=$((running - 1))
        fi
        (run_variant "${words[@]}") &
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do
        wait -n || status=1
        running=$((running - 1))
    done
    return $status
}

list_all() {
    local file
    for file in *.pml; do
        variants_of "$file" | sed "s/^/${file%.pml} /"
    done
}

command -v spin >/dev/null || fail "spin is missing. On Debian: apt-get install spin"
command -v gcc >/dev/null || fail "gcc is missing. On Debian: apt-get install gcc"
jobs=$(nproc)
work=$(mktemp -d "${TMPDIR:-/tmp}/jaycache-models.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ $# -lt 2 ] || show_trail=1
list_all | awk -v model="${1-}" -v name="${2-}" \
    '(model == "" || $1 == model) && (name == "" || $2 == name)' >"$work/list"
[ -s "$work/list" ] || fail "there is no such model or variant; there are:
$(list_all)"
run_all <"$work/list" || fail "not all models are as they should be (see BAD above)"
printf '%d variants of %d models: all as they should be\n' "$(wc -l <"$work/list")" \
    "$(cut -d ' ' -f 1 "$work/list" | sort -u | wc -l)"
