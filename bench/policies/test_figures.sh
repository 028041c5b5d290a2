#!/bin/sh
# test_figures.sh BENCH_HITRATIO - checks the names and the form of the figures that it prints.
set -eu
bench=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# A trace with sizes, in which three ids return among thirty that do not.
i=0
while [ $i -lt 30 ]; do
    printf 'a 1000\nb 2000\nc 3000\nonce%d 70000\n' $i
    i=$((i + 1))
done >"$folder/tiny.txt"
cut -d' ' -f1 "$folder/tiny.txt" | xz >"$folder/plain.xz"

"$bench" --json --percent 10,100 "$folder/tiny.txt" "$folder/plain.xz" >"$folder/figures" ||
    fail "it ended with $?"

number='-?[0-9]+\.[0-9]+'
form="^\{\"figure\": \"[A-Za-z0-9_.]+\", \"value\": $number, \"unit\": \"(percent|points)\", "
form="$form\"min\": $number, \"max\": $number, \"runs\": 1\}\$"
grep -Evn "$form" "$folder/figures" && fail "these lines have another form"

for policy in jaycache lru s3fifo arc wtinylfu gdsf belady; do
    for figure in hitratio.tiny.10 hitratio.tiny.100 hitratio.plain.10 hitratio_bytes.tiny.10 \
        hitratio_bytes_bytes.tiny.100; do
        grep -q "\"figure\": \"$figure.$policy\"" "$folder/figures" ||
            fail "there is no figure $figure.$policy"
    done
    # Where all ids fit, 87 of 120 requests are found, by the library as by any policy.
    grep -q "\"hitratio.plain.100.$policy\", \"value\": 72.5000," "$folder/figures" ||
        fail "hitratio.plain.100.$policy is not 72.5"
done
grep -q '"figure": "hitratio_bytes.plain' "$folder/figures" &&
    fail "there are figures in bytes for a trace without sizes"

"$bench" --percent 10 "$folder/plain.xz" | grep -Eq 'requests .*(met|MISSED)$' ||
    fail "the table does not judge the goal"

head -c 60 "$folder/plain.xz" >"$folder/short.xz"
if "$bench" "$folder/short.xz" 2>"$folder/error"; then
    fail "a trace that is cut short is taken"
fi
grep -q 'the xz file is cut short' "$folder/error" || fail "the message is: $(cat "$folder/error")"
