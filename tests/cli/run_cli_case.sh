#!/usr/bin/env bash
# Runs one golden case: run_cli_case.sh JAYCACHE CASE. The case is a script in which `t ARGUMENTS`
# runs jaycache and prints the call, standard output, standard error ("! " before each line) and
# the exit status ("= 0"). All that together must equal the file CASE with .expected for .case.
# With UPDATE=1 in the environment that file is written instead.
set -u

jaycache=$(readlink -f "$1")
case_file=$(readlink -f "$2")
expected_file=${case_file%.case}.expected
directory=$(mktemp -d "${TMPDIR:-/tmp}/jaycache-cli.XXXXXX") || exit 1
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
unset JAYCACHE_URL
export LC_ALL=C TERM=dumb

# Made to pass both standard output and standard error; a case may define its own.
filter() {
    cat
}

t() {
    printf '$ jaycache %s\n' "$*"
    local status=0
    "$jaycache" "$@" >"$directory/.out" 2>"$directory/.err" || status=$?
    grep '^{' "$directory/.out" >>"$directory/.json"
    filter <"$directory/.out"
    filter <"$directory/.err" | sed 's/^/! /'
    printf '= %s\n' "$status"
}

# Runs the lines of standard input on one memory: cache.
batch() {
    t -u memory: batch "$@"
}

run_case() {
    # shellcheck disable=SC1090 # the case is an argument
    . "$case_file"
}

# Every line of JSON that was printed must be valid, and no member may come twice.
check_json() {
    python3 -c '
import json, sys

def members(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a member comes twice: %s" % names)
    return dict(pairs)

for line in sys.stdin.buffer:
    json.loads(line.decode("utf-8"), object_pairs_hook=members)
' <"$directory/.json"
}

run_case </dev/null >"$directory/.result"
touch "$directory/.json"
check_json || exit 1
if [ "${UPDATE-}" = 1 ]; then
    cp "$directory/.result" "$expected_file"
    echo "written: $expected_file"
    exit 0
fi
if ! diff -u "$expected_file" "$directory/.result"; then
    echo "$case_file: the output has changed; if that is meant, run again with UPDATE=1" >&2
    exit 1
fi
echo "$(grep -c '^= ' "$expected_file") calls as expected"
