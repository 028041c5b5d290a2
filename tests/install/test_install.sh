#!/bin/bash
# test_install.sh - one step of the install test:
#     test_install.sh STEP SOURCE_DIR BUILD_DIR WORK_DIR CC CXX
# The step "prefix" installs into WORK_DIR/prefix. Every other step builds the example that README.md
# shows, as it stands there, against that prefix, in a folder of its own, and runs it.
set -euo pipefail

step=$1 source_dir=$2 build_dir=$3 work_dir=$4 cc=$5 cxx=$6
prefix=$work_dir/prefix
here=$work_dir/$step

fail() {
    printf 'install test, %s: %s\n' "$step" "$*" >&2
    exit 1
}

# The first C block of README.md.
readme_example() {
    awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$source_dir/README.md"
}

# expect_value PROGRAM: it prints what the README's example stores.
expect_value() {
    local said
    said=$(LD_LIBRARY_PATH=$(libdir "${2-$prefix}") "$1") || fail "$1 ended with status $?"
    [ "$said" = value ] || fail "$1 printed '$said' instead of 'value'"
}

# Where a prefix has its libraries: lib, lib64 or lib/<machine>.
libdir() {
    dirname "$(find "$1" -name 'libjaycache.so' -print -quit)"
}

use_pkg_config_of() {
    PKG_CONFIG_PATH=$(libdir "$1")/pkgconfig
    export PKG_CONFIG_PATH
    pkg-config --exists --print-errors jaycache || fail "pkg-config does not find jaycache"
}

step_prefix() {
    rm -rf "$prefix"
    cmake --install "$build_dir" --prefix "$prefix" >"$work_dir/install.log"
    local file
    for file in jaycache.h backend.h version.h; do
        [ -f "$prefix/include/jaycache/$file" ] || fail "$file was not installed"
    done
    [ -L "$(libdir "$prefix")/libjaycache.so.0" ] || fail "there is no libjaycache.so.0"
    [ -f "$(libdir "$prefix")/libjaycache.a" ] || fail "there is no libjaycache.a"
}

step_pkgconfig() {
    use_pkg_config_of "$prefix"
    local flags version
    read -ra flags < <(pkg-config --cflags --libs jaycache)
    "$cc" -Wall -Wextra -Werror "$here/example.c" "${flags[@]}" -o "$here/example"
    expect_value "$here/example"
    version=$(sed -n 's/^#define JAY_VERSION_STRING "\(.*\)"/\1/p' \
        "$source_dir/include/jaycache/version.h")
    [ "$(pkg-config --modversion jaycache)" = "$version" ] ||
        fail "pkg-config says version $(pkg-config --modversion jaycache), the header $version"
}

# The library alone is linked statically: it must bring all that it needs along.
step_pkgconfig_static() {
    use_pkg_config_of "$prefix"
    local flags
    read -ra flags < <(pkg-config --static --cflags --libs jaycache |
        sed 's/-ljaycache/-l:libjaycache.a/')
    "$cc" "$here/example.c" "${flags[@]}" -o "$here/example"
    readelf -d "$here/example" | grep -q 'libjaycache' && fail "linked with the shared library"
    expect_value "$here/example"
}

# write_cmake_project VERSION TARGET
write_cmake_project() {
    cat >"$here/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(jaycache $1 REQUIRED)
foreach(target jaycache jaycache_static)
    add_executable(with_\${target} example.c)
    target_link_libraries(with_\${target} PRIVATE jaycache::\${target})
endforeach()
END
}

step_findpackage() {
    write_cmake_project 0.1
    cmake -S "$here" -B "$here/build" -G Ninja -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$prefix" >"$here/cmake.log" || fail "$(cat "$here/cmake.log")"
    cmake --build "$here/build" >"$here/build.log" || fail "$(cat "$here/build.log")"
    expect_value "$here/build/with_jaycache"
    expect_value "$here/build/with_jaycache_static"
}

step_findpackage_wrong_version() {
    write_cmake_project 99.0
    if cmake -S "$here" -B "$here/build" -G Ninja -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$prefix" >"$here/cmake.log" 2>&1; then
        fail "find_package took this version for 99.0"
    fi
    grep -q 'compatible with requested' "$here/cmake.log" || fail "$(cat "$here/cmake.log")"
}

step_cxx() {
    use_pkg_config_of "$prefix"
    local flags standard
    read -ra flags < <(pkg-config --cflags --libs jaycache)
    for standard in c++98 c++11 c++20; do
        # long long is what C++98 lacks, and what the C library's own int64_t is made of.
        "$cxx" "-std=$standard" -Wall -Wextra -pedantic -Wno-long-long -Werror \
            "$source_dir/tests/install/use_from.cpp" "${flags[@]}" -o "$here/example-$standard"
        expect_value "$here/example-$standard"
    done
}

step_c99() {
    local header standard
    for header in jaycache backend version; do
        for standard in c99 c11; do
            printf '#include <jaycache/%s.h>\nextern int unused;\n' "$header" >"$here/$header.c"
            "$cc" "-std=$standard" -pedantic -Wall -Wextra -Wstrict-prototypes -Wundef -Werror \
                -I "$prefix/include" -fsyntax-only "$here/$header.c"
        done
    done
}

# An installation may be moved as a whole: nothing in it names where it was.
step_moved() {
    rm -rf "$here/elsewhere"
    cp -a "$prefix" "$here/elsewhere"
    if grep -rlI "$prefix" "$here/elsewhere"; then
        fail "these files name the folder they were installed to"
    fi
    use_pkg_config_of "$here/elsewhere"
    local flags
    read -ra flags < <(pkg-config --cflags --libs jaycache)
    "$cc" "$here/example.c" "${flags[@]}" -o "$here/example"
    expect_value "$here/example" "$here/elsewhere"
}

# A program that hands its client of libmemcached over. No server is needed to open a cache.
step_libmemcached() {
    use_pkg_config_of "$prefix"
    local flags
    cat >"$here/handin.c" <<'END'
#include <jaycache/libmemcached.h>
#include <stdio.h>

int main(void) {
    memcached_st *client = memcached_create(NULL);
    jay_cache *cache = NULL;
    jay_error error = {0};
    if (client == NULL || memcached_server_add(client, "127.0.0.1", 1) != MEMCACHED_SUCCESS) return 2;
    if (jay_memcached_from_libmemcached(client, NULL, NULL, &cache, &error) != JAY_OK) return 3;
    memcached_free(client);
    if (jay_has_str(cache, "key") != JAY_E_UNREACHABLE || jay_close(cache) != JAY_OK) return 4;
    puts("value");
    return 0;
}
END
    read -ra flags < <(pkg-config --cflags --libs jaycache-libmemcached)
    "$cc" -Wall -Wextra -Werror "$here/handin.c" "${flags[@]}" -o "$here/handin"
    expect_value "$here/handin"
}

step_command() {
    local command=$prefix/bin/jaycache
    LD_LIBRARY_PATH=$(libdir "$prefix") "$command" --help >"$here/help.txt" ||
        fail "jaycache --help ended with status $?"
    grep -q 'jaycache' "$here/help.txt" || fail "jaycache --help says nothing of jaycache"
    [ -n "$(find "$prefix" -name 'jaycache.1*' -print -quit)" ] || fail "there is no manual page"
    [ -n "$(find "$prefix" -path '*bash-completion*' -type f -print -quit)" ] ||
        fail "there is no completion for bash"
}

mkdir -p "$here"
readme_example >"$here/example.c"
[ -s "$here/example.c" ] || fail "README.md has no example in C"
"step_$step"
