#!/bin/bash
# test_dev.sh - what ./dev and .ci/run say and install, tried in a copy with every tool that would
# change the machine replaced by one that only tells what it was asked.
#     test_dev.sh SOURCE_DIR
# Functions are called through `check`, which shellcheck does not see.
# shellcheck disable=SC2317
set -euo pipefail

source_dir=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/jaycache-dev.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

# check WHAT COMMAND...: COMMAND must succeed.
check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok      $what"
    else
        echo "FAILED  $what"
        failed=1
    fi
}

says() {
    grep -qF -- "$1" "$work/said"
}

is() {
    [ "$1" = "$2" ] || {
        echo "  '$1' instead of '$2'"
        return 1
    }
}

# run STATUS COMMAND...: its output goes to $work/said, its status must be STATUS.
run() {
    local expected=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    check "$*: status $expected" is "$status" "$expected"
}

# fake NAME TEXT: a tool that runs TEXT.
fake() {
    printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

copy_tree() {
    mkdir -p "$work/tree" "$work/bin"
    cp -r "$source_dir/dev" "$source_dir/packaging" "$source_dir/.ci" "$source_dir/CMakePresets.json" \
        "$work/tree"
    mkdir -p "$work/tree/bench" "$work/tree/fuzz"
    echo '/* a sample */' | tee "$work/tree/bench/bench_sample.c" >"$work/tree/fuzz/fuzz_sample.c"
    # Only what is linked here can be run: no sudo, no apt-get but the fakes.
    local tool
    for tool in bash awk sed grep cat dirname basename env mkdir chmod xargs tr rm; do
        ln -s "$(command -v "$tool")" "$work/bin/$tool"
    done
    fake dpkg-query 'echo not-installed'
    fake apt-get "echo \"\$DEBIAN_FRONTEND apt-get \$*\" >>'$work/asked'"
}

test_usage() {
    run 0 ./dev --help
    local verb
    for verb in setup demo test bench fuzz check; do
        check "--help tells of $verb" says "  $verb"
    done
    run 2 ./dev
    run 2 ./dev nonsense
    run 1 ./dev bench nonsense
    check "an unknown benchmark is told the known ones" says "  sample"
    run 1 ./dev fuzz nonsense
    check "an unknown target is told the known ones" says "there are: sample"
    run 1 ./dev fuzz sample 0
    check "no seconds are refused" says "'0' is no number of seconds"
}

test_packages() {
    fake id 'echo 1000'
    run 1 ./dev setup
    check "without root and sudo, the command is told" \
        says "apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev cmake"
    check "nothing was installed then" [ ! -e "$work/asked" ]

    fake id 'echo 0'
    run 0 ./dev setup
    check "packages are named with their purpose" says "libxxhash-dev - hashing of keys"
    check "the lists are brought up to date first" \
        is "$(sed -n 1p "$work/asked")" "noninteractive apt-get -q update"
    local last
    last=$(awk '!/^#/ && NF > 0 { name = $1 } END { print name }' packaging/debian-packages.txt)
    check "then packages are installed" grep -q \
        "^noninteractive apt-get -q install -y --no-install-recommends gcc .* $last\$" \
        "$work/asked"

    rm "$work/asked"
    fake id 'echo 1000'
    # The fake must not expand what is meant for it.
    # shellcheck disable=SC2016
    fake sudo 'exec "$@"'
    run 0 ./dev setup
    check "sudo is used where it is there" grep -q 'install -y' "$work/asked"

    rm "$work/asked"
    fake dpkg-query 'echo installed'
    run 0 ./dev setup
    check "nothing is asked of apt-get when all is there" [ ! -e "$work/asked" ]
}

# write_results FILE TESTS FAILURES SKIPPED, in the form that ctest writes.
write_results() {
    cat <<END
mkdir -p build/results
cat >build/results/$1.xml <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="Linux-c++"
	tests="$2"
	failures="$3"
	disabled="0"
	skipped="$4"
	hostname=""
	time="0"
>
</testsuite>
XML
END
}

# ci_with STATUS LAST_LINE BODY: .ci/run, with a ./dev that runs BODY.
ci_with() {
    printf '#!/bin/bash\n%s\n' "$3" >dev
    run "$1" .ci/run
    check "its last line" is "$(tail -n 1 "$work/said")" "$2"
}

test_ci() {
    ci_with 0 "9 passed, 0 failed, 3 skipped" \
        "$(write_results one 5 0 1)"$'\n'"$(write_results two 7 0 2)"
    ci_with 1 "4 passed, 1 failed, 0 skipped" "$(write_results one 5 1 0)"
    ci_with 1 "5 passed, 0 failed, 0 skipped" "$(write_results one 5 0 0)"$'\n[ $1 = test ]'
    ci_with 1 "0 passed, 0 failed, 0 skipped" "true"
}

copy_tree
cd "$work/tree"
export PATH=$work/bin
test_usage
test_packages
PATH=$PATH:/usr/bin:/bin
test_ci
exit $failed
