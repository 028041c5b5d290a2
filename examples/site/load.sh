#!/bin/bash
# load.sh - drives the demo site with wrk, with the cache on and off, and compares.
#
# The packages are spread evenly over all that others need, from libc6 to those that a single one
# needs, and each is as likely to be asked for as any other. Rounds with the cache on and off ask
# for the same pages from the same visitors, in turns. Before, it checks that pages are the same
# with the cache on and off.
set -euo pipefail
export LC_ALL=C

here=$(dirname "${BASH_SOURCE[0]}")
seconds=8
rounds=3
packages=500
connections=8
visitors=4
cache=
workers=
json=no

usage() {
    cat <<'END'
Usage: load.sh BUILD_DIR [options]

  --json           one JSON object a line, instead of a table
  --cache URL      the cache to measure (default: that of the site)
  --workers N      serve from N processes (default: from one)
  --seconds N      how long each measurement takes (default 8)
  --rounds N       how often each is repeated (default 3)
END
}

die() {
    printf 'load.sh: %s\n' "$*" >&2
    exit 1
}

[ $# -gt 0 ] || {
    usage >&2
    exit 2
}
case $1 in
-h | --help)
    usage
    exit
    ;;
esac
site=$1/examples/site/jaycache-site
shift
while [ $# -gt 0 ]; do
    case $1 in
    --json) json=yes ;;
    --cache | --workers | --seconds | --rounds)
        [ $# -gt 1 ] || die "$1 needs a value"
        declare "${1#--}=$2"
        shift
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
[[ $seconds =~ ^[1-9][0-9]*$ && $rounds =~ ^[1-9][0-9]*$ ]] || die "that is no number"
[ -x "$site" ] || die "$site is not built"
command -v wrk >/dev/null || die "wrk is missing. On Debian: apt-get install wrk"
command -v curl >/dev/null || die "curl is missing. On Debian: apt-get install curl"

temporary=$(mktemp -d)
server=
cleanup() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$temporary"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- the site ---------------------------------------------------------------------------------

echo "making the site's database" >&2
"$site" --db "$temporary/packages.db" --print-popular "$packages" >"$temporary/names"
[ -s "$temporary/names" ] || die "the records name no packages that others need"
"$site" --db "$temporary/packages.db" --port 0 ${cache:+--cache "$cache"} \
    ${workers:+--workers "$workers"} >"$temporary/log" &
server=$!
url=
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on //p' "$temporary/log")
    [ -n "$url" ] && break
    kill -0 "$server" 2>/dev/null || die "the site does not start"
    sleep 0.1
done
[ -n "$url" ] || die "the site does not say where it listens"

# The inside of a page, without the visitor's sidebar and the account of its cost.
inside() {
    curl -sf -b "visitor=7; cache=$1" "${url}package/$2" | sed -n '/<main>/,/<\/main>/p'
}

for name in $(head -n 3 "$temporary/names") $(tail -n 3 "$temporary/names"); do
    inside off "$name" >"$temporary/off.html"
    inside on "$name" >"$temporary/on.html"
    inside on "$name" >"$temporary/hit.html"
    [ -s "$temporary/off.html" ] || die "the page of $name is empty"
    for other in on hit; do
        cmp -s "$temporary/off.html" "$temporary/$other.html" ||
            die "the page of $name differs with the cache on and off"
    done
done

# ---- measuring ----------------------------------------------------------------------------------

# ask SECONDS on|off: prints pages a second, p50 and p99 in ms.
ask() {
    local result
    result=$(wrk -t 1 -c "$connections" -d "$1s" --timeout 60 --latency -s "$here/load.lua" \
        "$url" -- "$temporary/names" "$visitors" "$2" | sed -n 's/^RESULT //p')
    [ -n "$result" ] || die "wrk gave no result"
    [ "${result##* }" = 0 ] || die "${result##* } requests failed"
    echo "${result% *}"
}

echo "warming up: every page once for each visitor" >&2
while read -r name; do
    printf 'url = "%spackage/%s"\noutput = "/dev/null"\n' "$url" "$name"
done <"$temporary/names" >"$temporary/urls"
for visitor in $(seq "$visitors"); do
    curl -sf -b "visitor=$visitor" -K "$temporary/urls" || die "a page fails"
done
for ((round = 1; round <= rounds; round++)); do
    for state in on off; do
        echo "round $round of $rounds: cache $state" >&2
        ask "$seconds" "$state" >>"$temporary/$state"
    done
done

# ---- reporting ----------------------------------------------------------------------------------

# Median, least and greatest of the numbers on standard input.
summary() {
    sort -g | awk '{ x[NR] = $1 }
        END { m = NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2
              printf "%.4g %.4g %.4g\n", m, x[1], x[NR] }'
}

figure() {
    local name=$1 unit=$2 median least greatest
    read -r median least greatest < <(summary)
    if [ $json = yes ]; then
        printf '{"figure": "%s", "value": %s, "unit": "%s", "min": %s, "max": %s, "runs": %s}\n' \
            "$name" "$median" "$unit" "$least" "$greatest" "$rounds"
    else
        printf '%-30s %10s %-8s (%s to %s)\n' "$name" "$median" "$unit" "$least" "$greatest"
    fi
}

if [ $json = no ]; then
    echo "Package pages, $(wc -l <"$temporary/names") packages, $connections connections," \
        "$rounds rounds of $seconds s: median (least to greatest)"
fi
paste -d ' ' "$temporary/on" "$temporary/off" | awk '{ print $1 / $4 }' |
    figure "site.pages_per_s.vs_uncached" ratio
for state in on off; do
    kind=cached
    [ $state = on ] || kind=uncached
    cut -d ' ' -f 1 "$temporary/$state" | figure "site.pages_per_s.$kind" pages/s
    cut -d ' ' -f 2 "$temporary/$state" | figure "site.p50_ms.$kind" ms
    cut -d ' ' -f 3 "$temporary/$state" | figure "site.p99_ms.$kind" ms
done
