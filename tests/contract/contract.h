/*
 * contract.h - what the files of the contract suite share.
 *
 * A test is a function of a `contract`: one backend's facts and, for this test alone, a fresh
 * memory counter, options, and an open, empty cache. The runner opens and closes them, checks that
 * all memory came back, and skips a test whose needs the backend does not have.
 *
 * Nothing here knows a certain backend: what differs between them is a row in facts.c.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jaycache/backend.h>

#include "counting_memory.h"

/* What a backend has, and a test may need; as X(NAME, bit, why a test without it is skipped). */
#define CONTRACT_NEEDS_MAP(X)                                                \
    X(STORE, 0, "it stores nothing")                                         \
    X(NOTHING, 1, "it stores things")                                        \
    X(ADD, 2, "it does not support add")                                     \
    X(REPLACE, 3, "it does not support replace")                             \
    X(CAS, 4, "it does not support cas")                                     \
    X(TTL, 5, "it does not support ttl")                                     \
    X(TOUCH, 6, "it does not support touch")                                 \
    X(INC, 7, "it does not support inc")                                     \
    X(CLEAR, 8, "it does not support clear")                                 \
    X(ITERATE, 9, "it does not support iterate")                             \
    X(ITEMS, 10, "its statistics do not know items and bytes")               \
    X(MAX_ITEMS, 11, "it has no option max_items")                           \
    X(MAX_BYTES, 12, "it has no option max_bytes")                           \
    X(SHARED, 13, "two handles on one URL do not share entries")             \
    X(PRIVATE_FORK, 14, "a forked child shares its entries with the parent") \
    X(ALLOCATOR, 15, "not all of its memory comes from the allocator")       \
    X(TOO_BIG, 16, "no value is known to be too big for it")                 \
    X(PLAIN_PREFIX, 17, "a key with a prefix is not found as the whole key without one")

enum contract_need {
#define CONTRACT_NEED_ENUM(name, bit, why) NEED_##name = 1 << (bit),
    CONTRACT_NEEDS_MAP(CONTRACT_NEED_ENUM)
#undef CONTRACT_NEED_ENUM
};

/* The operations among them: those that a backend may leave unsupported. */
#define NEED_OPERATIONS                                                                   \
    (NEED_ADD | NEED_REPLACE | NEED_CAS | NEED_TTL | NEED_TOUCH | NEED_INC | NEED_CLEAR | \
     NEED_ITERATE)

/* One backend's facts: a row of facts.c. */
typedef struct contract_facts {
    const char *scheme;        /* a final '*' stands for any ending */
    uint32_t has;              /* enum contract_need, or-ed */
    int64_t ttl_step_ms;       /* an entry may live so much longer than asked */
    size_t value_max_bytes;    /* values of this size must be held */
    const char *small_options; /* with these, or "" ... */
    size_t too_big_bytes;      /* ... a value of this size is too big */
    const char *tight_options; /* a max_bytes as small as the backend takes, for tests of limits */
    int64_t default_max_items; /* as stats gives it; -1: not known */
    /* Removes a store that outlives its handles, by the path of its URL; NULL: none does. */
    void (*forget)(const char *path);
} contract_facts;

/* The row of a scheme, or NULL. */
const contract_facts *contract_facts_of(const char *scheme);

typedef struct contract {
    const char *url;
    char scheme[24];
    contract_facts facts;
    bool is_long; /* --long: more rounds */
    /* of one test */
    counting_memory *memory;
    jay_options *options;
    jay_cache *cache;
    jay_error error; /* of the last call in EXPECT */
    _Atomic int log_lines;
    char log_line[512];
} contract;

typedef struct contract_test {
    const char *name;
    void (*run)(contract *c);
    uint32_t needs;
} contract_test;

typedef struct contract_theme {
    const char *name;
    const contract_test *tests;
    size_t count;
} contract_theme;

#define CONTRACT_THEME(theme_name, table) \
    const contract_theme theme_name = {#theme_name, table, sizeof(table) / sizeof((table)[0])}

/* ---- expectations (main thread only) ---- */

/*
 * Makes a call with &c->error as its error, and checks the status; and that the error was written
 * if the status is negative, and left alone otherwise.
 */
#define EXPECT(c, wanted, call) \
    contract_check((c), (wanted), (contract_poison(c), (call)), #call, __FILE__, __LINE__)

/* The same for a call that takes no error. */
#define EXPECT_PLAIN(wanted, call) \
    contract_check_status((wanted), (call), #call, __FILE__, __LINE__)

/* Like assert_true, with the condition in the message. */
#define CHECK(condition) contract_check_true((condition), #condition, __FILE__, __LINE__)

void contract_poison(contract *c);
void contract_check(contract *c, int wanted, int status, const char *call, const char *file,
                    int line);
void contract_check_status(int wanted, int status, const char *call, const char *file, int line);
void contract_check_true(bool condition, const char *text, const char *file, int line);

/* ---- caches ---- */

/*
 * Writes the test's URL with other options, "max_items=1&...", in place of those of the same name.
 */
void contract_url(const contract *c, const char *options, char *ret_url, size_t capacity);

/* Opens such a URL, emptied; the test closes it. */
jay_cache *contract_open(contract *c, const char *options);
void contract_close(jay_cache *cache);

/* Removes what the test's URL has left behind, where it would meet the options of the next open. */
void contract_forget(const contract *c);

/* Closes c->cache and opens it anew, emptied, with other options. */
void contract_reopen(contract *c, const char *options);

/* Fresh options with this test's memory and backends; for tests of jay_open itself. */
int contract_options_create(contract *c, jay_options **ret_options);

/* ---- keys and values; text keys are C strings ---- */

#define KEY(text) (text), sizeof(text) - 1

void contract_put(contract *c, const char *key, const char *value, int64_t ttl_ms);

/* The key is there with exactly this value, by every way of reading. */
void contract_holds_bytes(contract *c, const void *key, size_t key_size, const void *value,
                          size_t size);
void contract_holds(contract *c, const char *key, const char *value);

/* The key is not there, by every way of reading, and nothing is written to the ret_ parameters. */
void contract_gone_bytes(contract *c, const void *key, size_t key_size);
void contract_gone(contract *c, const char *key);

/* A view of a key that is there. */
jay_value contract_view(contract *c, const char *key);

/* `size` bytes made from a seed, to be freed; every byte value occurs. */
unsigned char *contract_bytes(size_t size, uint32_t seed);

jay_stats contract_stats(contract *c, jay_cache *cache);

/* How many entries iterate shows. */
size_t contract_count(contract *c, jay_cache *cache);

/* ---- time ---- */

int64_t contract_now_ms(void);
void contract_sleep_ms(int64_t ms);

/* Sleeps until an entry with this TTL, set before, has surely expired. */
void contract_outlive(contract *c, int64_t ttl_ms);

/* ---- threads ---- */

#define CONTRACT_THREADS 8

/*
 * Runs `fn` in `count` threads (at most CONTRACT_THREADS), which start together, and waits for
 * them. arg is passed through, with the thread's number. A thread returns NULL, or what went
 * wrong.
 */
typedef const char *contract_thread_fn(void *arg, int number);
void contract_run_threads(contract_thread_fn *fn, void *arg, int count);

/* ---- values that can be checked by whoever reads them ---- */

#define STAMP_MAX_BYTES 2048

/* Fills `buffer` with a value for a key; returns its size, which depends on the sequence number. */
size_t contract_stamp(unsigned char *buffer, const void *key, size_t key_size, uint32_t writer,
                      uint64_t sequence);

/* NULL, or what is wrong with a value that was read under a key. */
const char *contract_stamp_fault(const void *value, size_t size, const void *key, size_t key_size);

#endif
