/*
 * facts.c - what the suite takes for granted about each backend. A new backend adds a row.
 *
 * `has` is what is meant to work: an operation missing there must answer JAY_E_UNSUPPORTED, and
 * one that is there must not (test supports_what_it_says).
 */
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "contract.h"

#define HAS_ALL_OPERATIONS (NEED_STORE | NEED_OPERATIONS)
#define HAS_LIMITS (NEED_ITEMS | NEED_MAX_ITEMS | NEED_MAX_BYTES | NEED_TOO_BIG)
#define IS_IN_PROCESS (NEED_PRIVATE_FORK | NEED_ALLOCATOR)

/* The seconds of a server are the step of its times; the items of a default server hold 1 MiB. */
#define MEMCACHED_FACTS(name)                                                                      \
    {                                                                                              \
        .scheme = (name),                                                                          \
        .has = (HAS_ALL_OPERATIONS & ~NEED_ITERATE) | NEED_SHARED | NEED_ALLOCATOR | NEED_TOO_BIG, \
        .ttl_step_ms = 2000, .value_max_bytes = 1000000, .small_options = "big=refuse",            \
        .too_big_bytes = 2 * MIB, .default_max_items = 0                                           \
    }

#define MIB ((size_t)1 << 20)

/* A default server holds values of 512 MiB: too large for a test. */
#define REDIS_FACTS(name)                                                             \
    {                                                                                 \
        .scheme = (name),                                                             \
        .has = HAS_ALL_OPERATIONS | NEED_SHARED | NEED_PLAIN_PREFIX | NEED_ALLOCATOR, \
        .ttl_step_ms = 1, .value_max_bytes = 16 * MIB, .default_max_items = 0         \
    }

static void forget_shared_memory(const char *path) {
    (void)jay_shm_remove(path, NULL);
}

static int forget_file(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}

/* Only what is a cache: a path may be wrong. */
static void forget_directory(const char *path) {
    char marker[512];
    snprintf(marker, sizeof marker, "%s/jaycache.dir", path);
    if (access(marker, F_OK) != 0) return;
    (void)nftw(path, forget_file, 16, FTW_DEPTH | FTW_PHYS);
}

static const contract_facts table[] = {
    {.scheme = "null",
     .has = NEED_NOTHING | NEED_OPERATIONS | IS_IN_PROCESS,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .default_max_items = 0},
    {.scheme = "memory",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | IS_IN_PROCESS,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 0},
    {.scheme = "simple",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | IS_IN_PROCESS,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 500},
    {.scheme = "shm",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | NEED_SHARED | NEED_PLAIN_PREFIX | NEED_ALLOCATOR,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 0,
     .forget = forget_shared_memory},
    {.scheme = "file",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | NEED_SHARED | NEED_PLAIN_PREFIX | NEED_ALLOCATOR,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 0,
     .forget = forget_directory},
    MEMCACHED_FACTS("memcached"),
    MEMCACHED_FACTS("memcacheds"),
    REDIS_FACTS("redis"),
    REDIS_FACTS("rediss"),
    REDIS_FACTS("redis+unix"),
    REDIS_FACTS("redis+sentinel"),
    REDIS_FACTS("redis+cluster"),
    REDIS_FACTS("rediss+sentinel"),
    REDIS_FACTS("rediss+cluster"),
    /* The backends that only the tests have: see tests/support. */
    {.scheme = "mini",
     .has = NEED_STORE | IS_IN_PROCESS,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .default_max_items = -1},
    {.scheme = "reference",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | IS_IN_PROCESS | NEED_SHARED | NEED_PLAIN_PREFIX,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 0},
    {.scheme = "broken-*",
     .has = HAS_ALL_OPERATIONS | HAS_LIMITS | IS_IN_PROCESS | NEED_SHARED | NEED_PLAIN_PREFIX,
     .ttl_step_ms = 1,
     .value_max_bytes = 16 * MIB,
     .small_options = "max_bytes=1m",
     .too_big_bytes = 2 * MIB,
     .tight_options = "max_bytes=1m",
     .default_max_items = 0},
};

const contract_facts *contract_facts_of(const char *scheme) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t size = strlen(table[i].scheme);
        bool is_pattern = table[i].scheme[size - 1] == '*';
        if (is_pattern ? strncmp(scheme, table[i].scheme, size - 1) == 0
                       : strcmp(scheme, table[i].scheme) == 0)
            return &table[i];
    }
    return NULL;
}
