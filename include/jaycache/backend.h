/*
 * backend.h - how to write a backend for Jaycache.
 *
 * A backend is a constant table of functions, `jay_backend_ops`, handed to a cache with
 * jay_options_add_backend; jay_open then finds it by its scheme. The built-in backends are made the
 * same way. Fill in the table by field name, leave out what you do not have, and test it with
 * the contract suite (tests/contract: add its URL to the list).
 *
 *     static const jay_backend_ops mine = {
 *         .struct_size = sizeof(jay_backend_ops), .abi = JAY_BACKEND_ABI, .scheme = "mine",
 *         .open = mine_open, .close = mine_close, .get = mine_get, .release = mine_release,
 *         .write = mine_write, .erase = mine_erase,
 *     };
 *
 * What the core does, so that no backend has to
 *  - parses URLs and options, and checks every argument: pointers are not NULL, keys are 1 to
 *    JAY_KEY_MAX_BYTES + JAY_PREFIX_MAX_BYTES long;
 *  - puts the prefix before keys, and takes it off again in jay_iterate;
 *  - resolves TTLs: a backend sees JAY_TTL_FOREVER, 1 to JAY_TTL_MAX_MS, or JAY_TTL_EXPIRED;
 *  - counts hits, misses, sets, deletes and errors, unless JAY_BACKEND_COUNTS is among the flags;
 *  - fills in `cache` of the views, and keeps count of those held;
 *  - stands in for what a table leaves out, where that can be done without losing atomicity (column
 *    "left out" below); else the call is JAY_E_UNSUPPORTED.
 *
 * What a backend guarantees
 *  - Any thread may call any function at any time, between open and close.
 *  - It returns statuses as jaycache.h describes them for the public function, and for every
 *    negative one calls jay_error_set (error may be NULL; that is allowed there).
 *  - It copies keys and values before it returns, never reads beyond their size, and writes its
 *    ret_ parameters only on JAY_OK.
 *  - It never exits, prints, raises a signal, or waits without bound.
 *  - What it reads from a socket, a file or shared memory it checks before it believes it.
 *  - It takes its memory from config.allocator, so that its failures can be tested.
 *  - It goes on working in a child of fork, whatever other threads were doing: a lock that lives in
 *    this process needs pthread_atfork, and a connection may not be shared.
 */
#ifndef JAYCACHE_BACKEND_H
#define JAYCACHE_BACKEND_H

#include <jaycache/jaycache.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a table made for an older header can no longer be used. */
#define JAY_BACKEND_ABI 1u

/* A TTL that is over already: the entry must be gone after the call. Only `write` with
 * JAY_WRITE_CAS, `touch` and `inc` see it. */
#define JAY_TTL_EXPIRED ((int64_t)-1)

/* A backend's own state; each defines its own `struct jay_backend`. */
typedef struct jay_backend jay_backend;

/* What an option came to, in the order of the table's `options`. */
typedef struct jay_option_value {
    int64_t number;   /* of every type but text */
    const char *text; /* of JAY_OPTION_TEXT, never NULL; good until the end of `open` */
    int is_given;     /* 0: this is the default */
} jay_option_value;

/* What `open` works from. Good until it returns, except the allocator's and log's functions. */
typedef struct jay_backend_config {
    size_t struct_size;    /* of the core's struct, which may be longer than yours */
    const char *scheme;    /* "mine" */
    const char *authority; /* between // and the next / or ?: "host:11211", or "". Not decoded */
    const char *path;      /* what follows, decoded: "/run/x.sock", "NAME", or "" */
    const jay_option_value *values;
    jay_allocator allocator;
    jay_log_fn *log; /* NULL: none */
    void *log_arg;
    int log_level;
    int64_t default_ttl_ms;
    const char *prefix; /* for information: the core adds it to the keys */
    size_t prefix_size;
    jay_dial_fn *dial; /* makes connections to servers; NULL: the backend does */
    void *dial_arg;
    jay_login_fn *login; /* says who to log in as; NULL: the URL and options do */
    void *login_arg;
} jay_backend_config;

enum jay_write_mode {
    JAY_WRITE_SET = 0,
    JAY_WRITE_ADD = 1,     /* only if not there, else JAY_EXISTS */
    JAY_WRITE_REPLACE = 2, /* only if there, else JAY_MISS */
    JAY_WRITE_CAS = 3      /* only if its version is `version`, else JAY_CHANGED or JAY_MISS */
};

/* One value to store. */
typedef struct jay_write {
    size_t struct_size; /* sizeof(jay_write) of the core, which may be longer than yours */
    int mode;           /* enum jay_write_mode */
    const void *key;
    size_t key_size;
    const void *value; /* may be NULL when value_size is 0 */
    size_t value_size;
    int64_t ttl_ms;
    uint64_t version;
    uint32_t flags; /* 0 without JAY_BACKEND_FLAGS */
} jay_write;

/* What a backend has, beyond the functions that its table holds. */
enum jay_backend_flag {
    JAY_BACKEND_ADD = 1,     /* `write` takes JAY_WRITE_ADD */
    JAY_BACKEND_REPLACE = 2, /* `write` takes JAY_WRITE_REPLACE */
    JAY_BACKEND_CAS = 4,     /* `write` takes JAY_WRITE_CAS, and `get` gives versions */
    JAY_BACKEND_COUNTS = 8,  /* `stats` also gives hits, misses, sets, deletes: core counts none */
    JAY_BACKEND_STORES_NOTHING = 16, /* a successful write need not be found (as in null:) */
    JAY_BACKEND_FLAGS = 32 /* `write` and set_many_flags keep flags; reserved[0] of views is them */
};

typedef struct jay_backend_ops {
    /* sizeof(jay_backend_ops) and JAY_BACKEND_ABI as you compiled them. Required. */
    size_t struct_size;
    uint32_t abi;
    /* Any of enum jay_backend_flag, or-ed. */
    uint32_t flags;
    /* The URL scheme: a lower-case letter, then lower-case letters, digits, '+', '-', '.'; at most
     * 23. Required. */
    const char *scheme;
    /* One sentence for people, without a full stop. May be NULL. */
    const char *help;
    /* Options besides those that every backend takes (prefix, default_ttl). Each needs
     * a name that no other has and a default. The core parses them, checks
     * their bounds and fills in defaults. */
    const jay_option_info *options;
    size_t option_count;

    /*
     * Makes a backend. On JAY_OK *ret_backend goes to `close` one day; on any other status nothing
     * may be left allocated or open. Required.
     */
    int (*open)(const jay_backend_config *config, jay_backend **ret_backend, jay_error *error);

    /*
     * Ends a backend; no view is held and no call runs any more. Returns JAY_OK, or a failure after
     * which it is ended all the same. Required.
     */
    int (*close)(jay_backend *backend);

    /*
     * Finds a live entry. On JAY_OK fills in data (never NULL, followed by a NUL byte), size,
     * version (never 0; may be 1 without JAY_BACKEND_CAS), pin and reserved as it likes; `cache`
     * is the core's. The bytes stay put until `release`. Else JAY_MISS or a failure. Required.
     */
    int (*get)(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
               jay_error *error);

    /* Ends a view that `get` or `get_many` gave. Required. */
    void (*release)(jay_backend *backend, jay_value *value);

    /*
     * Stores a value; modes other than JAY_WRITE_SET come only with the flags that say so. Atomic:
     * any reader sees the old entry or the new one whole. Required.
     */
    int (*write)(jay_backend *backend, const jay_write *write, jay_error *error);

    /* Removes an entry: JAY_OK, or JAY_MISS if there was no live one. Required. */
    int (*erase)(jay_backend *backend, const void *key, size_t key_size, jay_error *error);

    /* ---- everything below may be NULL ---- */

    /* As jay_get_into. Left out: get, copy, release. */
    int (*get_into)(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                    size_t capacity, size_t *ret_size, jay_error *error);

    /* As jay_has. Left out: get and release. */
    int (*has)(jay_backend *backend, const void *key, size_t key_size, jay_error *error);

    /* As jay_ttl. Left out: unsupported. */
    int (*ttl)(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
               jay_error *error);

    /* As jay_touch; ttl_ms may be JAY_TTL_EXPIRED. Left out: unsupported, except that
     * JAY_TTL_EXPIRED becomes erase. */
    int (*touch)(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                 jay_error *error);

    /* As jay_inc; delta may be negative; ret_number is never NULL. Left out: with JAY_BACKEND_CAS,
     * JAY_BACKEND_ADD and `ttl`, tried by get and compare-and-set; else unsupported. */
    int (*inc)(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
               int64_t ttl_ms, int64_t *ret_number, jay_error *error);

    /*
     * As `get`, `write` with JAY_WRITE_SET, and `erase`, of `count` (1 or more) keys: statuses[i]
     * for each, always written. A key whose statuses[i] is not JAY_OK on entry is to be skipped and
     * its status left alone (the core has refused it). Failures of single keys call jay_error_set
     * for the first of them. Left out: one call a key.
     */
    void (*get_many)(jay_backend *backend, const jay_bytes *keys, size_t count,
                     jay_value *ret_values, int *statuses, jay_error *error);
    void (*set_many)(jay_backend *backend, const jay_pair *pairs, size_t count, int *statuses,
                     jay_error *error);
    void (*delete_many)(jay_backend *backend, const jay_bytes *keys, size_t count, int *statuses,
                        jay_error *error);

    /* Removes every entry whose key begins with the prefix; prefix_size may be 0. Left out: iterate
     * and erase if there is `iterate`, else unsupported. */
    int (*clear)(jay_backend *backend, const void *prefix, size_t prefix_size, jay_error *error);

    /* As jay_iterate, for the live entries whose key begins with the prefix, keys whole. `fn` may
     * call the backend, so no lock may be held. Left out: unsupported. */
    int (*iterate)(jay_backend *backend, const void *prefix, size_t prefix_size, jay_iterate_fn *fn,
                   void *arg, jay_error *error);

    /* Writes the fields that the backend knows; the others come filled in by the core (its own
     * counts, and -1). Left out: those. */
    int (*stats)(jay_backend *backend, jay_stats *stats, jay_error *error);

    /* As set_many, with the flags of each pair. Left out: one `write` a key. */
    void (*set_many_flags)(jay_backend *backend, const jay_pair *pairs, const uint32_t *flags,
                           size_t count, int *statuses, jay_error *error);
} jay_backend_ops;

/*
 * Writes a failure: the status, errno of the system call or 0, and a message in the manner of
 * printf. `error` may be NULL. Returns `code`, so that a function can end with
 * `return jay_error_set(error, JAY_E_IO, errno, "reading %s failed; is the disk whole?", path);`
 * Say what was wrong with which thing, then what to do. Never put a password into it. Since 0.1.
 */
JAY_API int jay_error_set(jay_error *error, int code, int sys_errno, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

#ifdef __cplusplus
}
#endif

#endif
