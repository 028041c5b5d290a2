/*
 * jaycache.h - a cache for dynamic web sites: one small API over every tier.
 *
 *     jay_cache *cache;
 *     jay_open("memory:?max_items=500", NULL, &cache, NULL);
 *     jay_set_str(cache, "foo", "value", JAY_TTL_DEFAULT);
 *     jay_value value;
 *     if (jay_get_str(cache, "foo", &value) == JAY_OK) { puts(value.data); jay_value_release(&value); }
 *
 * Caveats first
 *  - It is a cache: any entry may be evicted at any time. Never keep the only copy of anything in
 *    it.
 *  - A failed delete or clear means that stale data may still be served: check those statuses.
 *  - A view (jay_get) pins memory until it is released. Release it before jay_close.
 *  - jay_close is the only call that must not run beside another call on the same handle.
 *
 * Rules for every function
 *  Statuses   0 (JAY_OK) is success, positive values are ordinary outcomes (a miss, ...), negative
 *             ones are failures. See JAY_STATUS_MAP.
 *  Out        Parameters named ret_... are written only where the description says so; on any other
 *             status they are untouched. They must not be NULL unless the description says so.
 *  Errors     `error` may be NULL. It is written when, and only when, the status is negative. The
 *             _str forms have no `error`; failures also go to the cache's log callback.
 *  Keys       1 byte to JAY_KEY_MAX_BYTES, any bytes, NUL included. Since keys often come from
 *             untrusted input, reading or deleting a key outside those lengths is a plain miss;
 *             storing under one is JAY_E_KEY. Where the size is 0, the key may be NULL.
 *  Values     0 bytes to what the backend can hold, any bytes. A value that is the canonical
 *             decimal form of a signed 64-bit integer ("-17": no '+', no spaces, no leading zeros)
 *             is also a counter: jay_inc works on it.
 *  TTL        In milliseconds. JAY_TTL_DEFAULT takes the cache's default_ttl; JAY_TTL_FOREVER (0)
 *             never expires; a negative value means "already expired": what such a call stores is
 *             gone at once, and with it what was there (jay_add leaves a live entry as it is, and
 *             jay_inc and jay_dec leave an existing one its expiry). Values above JAY_TTL_MAX_MS
 *             are kept as JAY_TTL_FOREVER.
 *  Ownership  Keys and values passed in are copied before the call returns.
 *  Threads    A handle may be used by any number of threads at once, until jay_close.
 *  Fork       After fork, the child may go on using every handle, even when the parent had other
 *             threads inside the library at that moment. Views taken before the fork may be
 *             released in both processes. Tiers in private memory (memory:) are copied by fork:
 *             from then on parent and child see their own writes only. vfork children may only exec
 *             or _exit.
 *  Signals    No function is async-signal-safe. The library installs no handlers and starts no
 *             threads.
 */
#ifndef JAYCACHE_H
#define JAYCACHE_H

#include <stddef.h>
#include <stdint.h>

#include <jaycache/version.h>

#if defined(__GNUC__)
#define JAY_API __attribute__((visibility("default")))
#else
#define JAY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- limits ------------------------------------------------------------------------------- */

#define JAY_KEY_MAX_BYTES ((size_t)65536)
#define JAY_PREFIX_MAX_BYTES ((size_t)1024)

#define JAY_TTL_DEFAULT INT64_MIN
#define JAY_TTL_FOREVER ((int64_t)0)
#define JAY_TTL_MAX_MS ((int64_t)31556952000000) /* 1,000 years */

/* ---- statuses and errors ------------------------------------------------------------------- */

/*
 * Every status, as X(NAME, number, text). Numbers never change their meaning.
 */
#define JAY_STATUS_MAP(X)                                                        \
    X(OK, 0, "success")                                                          \
    X(MISS, 1, "no live entry has this key")                                     \
    X(EXISTS, 2, "a live entry has this key already")                            \
    X(CHANGED, 3, "the entry was changed since its version was read")            \
    X(BUFFER_TOO_SMALL, 4, "the value is longer than the caller's buffer")       \
    X(STOPPED, 5, "the caller's function stopped the iteration")                 \
    X(E_ARGUMENT, -1, "an argument is not valid")                                \
    X(E_NO_MEMORY, -2, "out of memory")                                          \
    X(E_URL, -3, "the cache URL is malformed")                                   \
    X(E_SCHEME, -4, "no backend has this URL scheme")                            \
    X(E_OPTION, -5, "no such option")                                            \
    X(E_OPTION_VALUE, -6, "the option's value is malformed or out of range")     \
    X(E_KEY, -7, "the key is empty or too long")                                 \
    X(E_TOO_BIG, -8, "the value is larger than this cache can hold")             \
    X(E_NOT_INTEGER, -9, "the entry's value is not a signed 64-bit integer")     \
    X(E_OVERFLOW, -10, "the result does not fit a signed 64-bit integer")        \
    X(E_UNSUPPORTED, -11, "the backend does not support this operation")         \
    X(E_BUSY, -12, "the cache is in use in a way that the call cannot wait for") \
    X(E_FULL, -13, "no space is left, and nothing can be evicted to make some")  \
    X(E_IO, -14, "reading or writing failed")                                    \
    X(E_PERMISSION, -15, "permission denied")                                    \
    X(E_CORRUPT, -16, "stored data failed its check and was not used")           \
    X(E_VERSION, -17, "two sides do not agree on a version")                     \
    X(E_MISMATCH, -18, "the options do not match those of the existing cache")   \
    X(E_TIMEOUT, -19, "the deadline passed before the operation was done")       \
    X(E_UNREACHABLE, -20, "the server cannot be reached")                        \
    X(E_PROTOCOL, -21, "the server sent a reply that makes no sense")            \
    X(E_AUTH, -22, "the server refused the credentials")                         \
    X(E_SERVER, -23, "the server refused or failed the operation")               \
    X(E_INTERNAL, -24, "a defect in the library or in a backend")

enum jay_status {
#define JAY_STATUS_ENUM(name, number, text) JAY_##name = number,
    JAY_STATUS_MAP(JAY_STATUS_ENUM)
#undef JAY_STATUS_ENUM
        JAY_STATUS_ENUM_END = 64
};

/*
 * Why a call failed. The caller owns it, usually on the stack; it needs no initialisation.
 * `message` names what was wrong and what to do, and never holds a password.
 */
typedef struct jay_error {
    int code;         /* the status returned */
    int sys_errno;    /* errno of the system call that failed, or 0 */
    char backend[24]; /* scheme of the backend concerned, or "" */
    char message[288];
} jay_error;

/*
 * The text of a status: "no live entry has this key". For an unknown number: "unknown status".
 * Returns a constant string, never NULL. Since 0.1.
 */
JAY_API const char *jay_status_text(int status);

/*
 * The name of a status as written in C: "JAY_MISS". For an unknown number: "JAY_E_UNKNOWN".
 * Returns a constant string, never NULL. Since 0.1.
 */
JAY_API const char *jay_status_name(int status);

/*
 * The version of the library at run time, in the form of JAY_VERSION_NUMBER; compare it with the
 * macro to see whether headers and library belong together. Since 0.1.
 */
JAY_API int jay_version(void);

/* The version of the library at run time as text: "0.1.0". A constant string. Since 0.1. */
JAY_API const char *jay_version_string(void);

/* ---- options ------------------------------------------------------------------------------- */

/*
 * Memory functions of one cache. `size` is never 0. `arg` is passed through. All three must be
 * thread-safe, and alloc and realloc return memory aligned for any type, or NULL.
 */
typedef struct jay_allocator {
    void *(*alloc)(void *arg, size_t size);
    void *(*realloc)(void *arg, void *memory, size_t size);
    void (*free)(void *arg, void *memory); /* memory may be NULL */
    void *arg;
} jay_allocator;

enum jay_log_level { JAY_LOG_ERROR = 0, JAY_LOG_WARNING = 1, JAY_LOG_INFO = 2, JAY_LOG_DEBUG = 3 };

/*
 * Receives one message, without a newline, from the thread in which it arose. It must be
 * thread-safe and must not call the cache. `level` is one of enum jay_log_level.
 */
typedef void jay_log_fn(void *arg, int level, const char *message);

typedef struct jay_options jay_options;
struct jay_backend_ops; /* backend.h */

/*
 * Creates an empty set of options, which means: defaults for everything.
 *   allocator    memory functions for these options and for every cache opened with them; copied.
 *                NULL: malloc, realloc and free.
 *   ret_options  on JAY_OK, options to be ended with jay_options_destroy.
 * Returns JAY_OK, JAY_E_ARGUMENT (a function is missing), JAY_E_NO_MEMORY.
 * Threads: one set of options belongs to one thread at a time. It may be used to open any number of
 * caches, and may be destroyed as soon as they are open. Since 0.1.
 */
JAY_API int jay_options_create(const jay_allocator *allocator, jay_options **ret_options);

/* Ends a set of options. NULL is allowed. Since 0.1. */
JAY_API void jay_options_destroy(jay_options *options);

/*
 * Sets the option `name` to a number: bytes for sizes, milliseconds for durations, 0 or 1 for
 * yes/no. Setting it again replaces it. Names and bounds are those of jay_option_at; they are
 * checked by jay_open, which knows the backend.
 * Returns JAY_OK, JAY_E_ARGUMENT (NULL or empty name), JAY_E_NO_MEMORY. Since 0.1.
 */
JAY_API int jay_options_set_int(jay_options *options, const char *name, int64_t value);

/*
 * Sets the option `name` to a text, in the form that a URL takes ("64m", "300s", "site:"), except
 * that nothing is percent-encoded. Both strings are copied.
 * Returns JAY_OK, JAY_E_ARGUMENT (NULL, or empty name), JAY_E_NO_MEMORY. Since 0.1.
 */
JAY_API int jay_options_set_text(jay_options *options, const char *name, const char *value);

/*
 * Sends messages of `level` and below (JAY_LOG_ERROR is lowest) to `log`. NULL: none, the default.
 * Returns JAY_OK, JAY_E_ARGUMENT. Since 0.1.
 */
JAY_API int jay_options_set_log(jay_options *options, jay_log_fn *log, void *arg, int level);

/*
 * Connects to a server in place of the library: through a proxy, from another network namespace,
 * with a socket that is connected already.
 *   host        the server's name as the URL has it, without brackets; of a unix socket the path
 *   port        0 of a unix socket
 *   timeout_ms  how long it may take, 1 or more. Nobody interrupts it: a call of the cache is as
 *               late as its dialler.
 *   ret_fd      on JAY_OK, a connected stream socket. It belongs to the library from then on, which
 *               sets what options it wants, shakes hands where there is TLS, and closes it.
 * Returns JAY_OK, or a failure, of which `error` (never NULL) may say more (jay_error_set); the
 * server counts as unreachable then.
 * It is called by the thread whose call needs a connection, with no lock held, and by several
 * threads at once; it must not use the cache. A child of fork has it called anew for connections of
 * its own.
 */
typedef int jay_dial_fn(void *arg, const char *host, int port, int64_t timeout_ms, int *ret_fd,
                        jay_error *error);

/*
 * Has connections to servers made by `dial` (NULL: by the library, the default). Backends without
 * servers take no notice.
 * Returns JAY_OK, JAY_E_ARGUMENT. Since 0.1.
 */
JAY_API int jay_options_set_dialler(jay_options *options, jay_dial_fn *dial, void *arg);

/* Who to log in as; both are NUL-terminated. */
typedef struct jay_login {
    char user[256]; /* "": none, which servers without names of users take */
    char password[4096];
} jay_login;

/*
 * Says who to log in as, each time that a connection to a server has been made: so a secret can
 * change, and is in no URL.
 *   host, port  as for jay_dial_fn
 *   ret_login   all NUL bytes before. The library overwrites it when it has been used.
 * Returns JAY_OK, or a failure, with which the call ends; `error` (never NULL) may say more.
 * Threads and fork: as jay_dial_fn.
 */
typedef int jay_login_fn(void *arg, const char *host, int port, jay_login *ret_login,
                         jay_error *error);

/*
 * Has logins come from `login` (NULL: from the URL or password_file, the default), which goes
 * before those. Backends without logins take no notice.
 * Returns JAY_OK, JAY_E_ARGUMENT. Since 0.1.
 */
JAY_API int jay_options_set_login(jay_options *options, jay_login_fn *login, void *arg);

/*
 * Lets jay_open use a backend that is not built in, by its table (see backend.h), under the URL
 * scheme that it names. It goes before a built-in backend of the same scheme. The table is not
 * copied and must live until the last cache opened with it is closed.
 * Returns JAY_OK, JAY_E_ARGUMENT (a required function is missing, or the scheme is malformed),
 * JAY_E_VERSION (made for another version of backend.h), JAY_E_NO_MEMORY. Since 0.1.
 */
JAY_API int jay_options_add_backend(jay_options *options, const struct jay_backend_ops *backend,
                                    jay_error *error);

enum jay_option_type {
    JAY_OPTION_INT = 0,      /* decimal digits, '-' allowed */
    JAY_OPTION_SIZE = 1,     /* bytes; k, m, g, t are powers of 1024 */
    JAY_OPTION_DURATION = 2, /* a number with its unit: ms, s, m, h, d; or 0 */
    JAY_OPTION_BOOL = 3,     /* 0, 1, no, yes, off, on, false, true */
    JAY_OPTION_MODE = 4,     /* file permissions in octal: 0600 */
    JAY_OPTION_TEXT = 5
};

/* What one option is; all strings are constant. Further fields may follow in later versions. */
typedef struct jay_option_info {
    const char *name;
    int type;                 /* enum jay_option_type */
    const char *default_text; /* in the form that a URL takes */
    int64_t min;              /* bounds of a number, or of the bytes of a text; inclusive */
    int64_t max;
    const char *also; /* names of the same thing elsewhere, space-separated, for "did you mean" */
    const char *help; /* one sentence, without a full stop */
} jay_option_info;

/*
 * The built-in URL schemes, one by one: "null", "memory", ... NULL past the last. Since 0.1.
 */
JAY_API const char *jay_scheme_at(size_t index);

/* One sentence about a built-in scheme, without a full stop; NULL if there is none. Since 0.1. */
JAY_API const char *jay_scheme_help(const char *scheme);

/*
 * The options of a built-in scheme, one by one; with scheme NULL, those that every backend takes.
 * Returns NULL past the last, and for an unknown scheme. The result is constant. Since 0.1.
 */
JAY_API const jay_option_info *jay_option_at(const char *scheme, size_t index);

/* ---- open and close ------------------------------------------------------------------------ */

typedef struct jay_cache jay_cache;

/*
 * Opens a cache.
 *   url        scheme:[//authority][path][?option=value&...]. Percent-encoding is decoded.
 *              null:      stores nothing: for switching a cache off
 *              memory:    in this process
 *              simple:    memory: with max_items=500 by default
 *              shm:NAME   in memory that the processes of this machine share
 *              file:PATH  in files of a directory, which outlive their processes
 *              memcached://HOST   on memcached servers; memcacheds: over TLS
 *              redis://HOST/DB    on a Redis or Valkey server; rediss: over TLS;
 *                                 redis+unix:, redis+sentinel:, redis+cluster: (jay_scheme_at)
 *   options    more options, or NULL. Where both give an option, the URL's counts, so that
 *              a configuration file can overrule what a program has built in.
 *   ret_cache  on JAY_OK, a handle to be ended with jay_close.
 * Returns JAY_OK, JAY_E_ARGUMENT, JAY_E_URL, JAY_E_SCHEME, JAY_E_OPTION (the message names the
 * nearest, or all), JAY_E_OPTION_VALUE (the message gives the bounds), JAY_E_NO_MEMORY, or what the
 * backend reports. Since 0.1.
 */
JAY_API int jay_open(const char *url, const jay_options *options, jay_cache **ret_cache,
                     jay_error *error);

/*
 * Closes a cache and frees what the handle holds. No other call on this handle may be running.
 * NULL is allowed and does nothing.
 * Returns JAY_OK; JAY_E_BUSY when views are still held: then nothing was closed, and the handle
 * stays good, so that releasing them stays safe; or what the backend reports (closed all the same).
 * Since 0.1.
 */
JAY_API int jay_close(jay_cache *cache);

/* ---- reading ------------------------------------------------------------------------------- */

/*
 * A view of a value, pinned: the bytes stay as they are until jay_value_release, even when the
 * entry is overwritten, deleted, evicted, or cleared. Copying the struct does not copy the pin. A
 * view may be released by another thread than the one that took it.
 */
typedef struct jay_value {
    const void *data; /* never NULL after JAY_OK; a NUL follows the bytes, not counted in size */
    size_t size;      /* bytes */
    uint64_t version; /* for jay_cas; never 0. Differs whenever the bytes of the entry differ */
    jay_cache *cache; /* the rest belongs to the library */
    void *pin;
    uint64_t reserved[3];
} jay_value;

/* A view of nothing, which may be released. */
#define JAY_VALUE_INIT            \
    {                             \
        NULL, 0, 0, NULL, NULL, { \
            0, 0, 0               \
        }                         \
    }

/*
 * Looks a key up and pins its value without copying it (where the tier has it in memory).
 *   ret_value  on JAY_OK, a view to be ended with jay_value_release.
 * Returns JAY_OK, JAY_MISS, JAY_E_ARGUMENT, JAY_E_FULL (too many bytes are pinned),
 * JAY_E_NO_MEMORY, or what the backend reports. Since 0.1.
 */
JAY_API int jay_get(jay_cache *cache, const void *key, size_t key_size, jay_value *ret_value,
                    jay_error *error);

/*
 * Looks a key up and copies its value into the caller's buffer. No NUL is added.
 *   buffer     `capacity` bytes; may be NULL when capacity is 0.
 *   ret_size   the size of the value in bytes, on JAY_OK and on JAY_BUFFER_TOO_SMALL, where nothing
 *              was copied: call again with so much.
 * Returns JAY_OK, JAY_BUFFER_TOO_SMALL, JAY_MISS, JAY_E_ARGUMENT, or what the backend
 * reports. Since 0.1.
 */
JAY_API int jay_get_into(jay_cache *cache, const void *key, size_t key_size, void *buffer,
                         size_t capacity, size_t *ret_size, jay_error *error);

/*
 * Looks a counter up.
 * Returns JAY_OK, JAY_MISS, JAY_E_NOT_INTEGER, JAY_E_ARGUMENT, or what the backend reports. Since
 * 0.1.
 */
JAY_API int jay_get_int(jay_cache *cache, const void *key, size_t key_size, int64_t *ret_number,
                        jay_error *error);

/*
 * The client flags that memcached keeps beside a value, by which its clients tell what they stored
 * (jay_extras). 0 on other backends, and for NULL and JAY_VALUE_INIT. Since 0.1.
 */
JAY_API uint32_t jay_value_flags(const jay_value *value);

/* Ends a view and sets it to JAY_VALUE_INIT. NULL and JAY_VALUE_INIT are allowed. Since 0.1. */
JAY_API void jay_value_release(jay_value *value);

/*
 * Asks whether a key is there, without reading its value and without counting a hit or a miss.
 * Returns JAY_OK, JAY_MISS, JAY_E_ARGUMENT, or what the backend reports. Since 0.1.
 */
JAY_API int jay_has(jay_cache *cache, const void *key, size_t key_size, jay_error *error);

/*
 * Asks how long an entry has left.
 *   ret_ttl_ms  on JAY_OK, 1 or more milliseconds, or JAY_TTL_FOREVER.
 * Returns JAY_OK, JAY_MISS, JAY_E_ARGUMENT, or what the backend reports. Since 0.1.
 */
JAY_API int jay_ttl(jay_cache *cache, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                    jay_error *error);

/* ---- writing ------------------------------------------------------------------------------- */

/*
 * Stores a value, whether or not the key is there. When it fails, the entry is as it was, or gone;
 * never half-written.
 * Returns JAY_OK, JAY_E_KEY, JAY_E_TOO_BIG, JAY_E_FULL, JAY_E_NO_MEMORY, JAY_E_ARGUMENT, or
 * what the backend reports. `value` may be NULL when value_size is 0. Since 0.1.
 */
JAY_API int jay_set(jay_cache *cache, const void *key, size_t key_size, const void *value,
                    size_t value_size, int64_t ttl_ms, jay_error *error);

/* As jay_set, with the decimal form of a number, which jay_inc can count on. Since 0.1. */
JAY_API int jay_set_int(jay_cache *cache, const void *key, size_t key_size, int64_t number,
                        int64_t ttl_ms, jay_error *error);

/* Stores only if the key is not there: as jay_set, or JAY_EXISTS. Atomic. Since 0.1. */
JAY_API int jay_add(jay_cache *cache, const void *key, size_t key_size, const void *value,
                    size_t value_size, int64_t ttl_ms, jay_error *error);

/* Stores only if the key is there: as jay_set, or JAY_MISS. Atomic. Since 0.1. */
JAY_API int jay_replace(jay_cache *cache, const void *key, size_t key_size, const void *value,
                        size_t value_size, int64_t ttl_ms, jay_error *error);

/*
 * Stores only if the entry is unchanged since a jay_get gave `version`: as jay_set, or JAY_CHANGED,
 * or JAY_MISS when it is no longer there. Atomic. Since 0.1.
 */
JAY_API int jay_cas(jay_cache *cache, const void *key, size_t key_size, const void *value,
                    size_t value_size, int64_t ttl_ms, uint64_t version, jay_error *error);

enum jay_store_mode {
    JAY_STORE_SET = 0,
    JAY_STORE_ADD = 1,
    JAY_STORE_REPLACE = 2,
    JAY_STORE_CAS = 3
};

/* What storing may need besides; zero means the default. Further fields may follow. */
typedef struct jay_extras {
    size_t struct_size; /* sizeof(jay_extras) */
    int32_t mode;       /* enum jay_store_mode: as jay_set, jay_add, jay_replace or jay_cas */
    uint32_t flags;     /* memcached's client flags, which jay_value_flags gives back */
    uint64_t version;   /* of JAY_STORE_CAS */
} jay_extras;

/*
 * Stores as jay_set, or as `extras` says (NULL: nothing). An entry keeps its flags when it is
 * touched or counted, and loses them when it is stored anew without.
 * Returns what the function that the mode names returns; JAY_E_ARGUMENT for a mode that is none, a
 * struct_size that is too small, or the flags 0x4a590001, which memcached: has for itself;
 * JAY_E_UNSUPPORTED for flags other than 0 on a backend that keeps none. Since 0.1.
 */
JAY_API int jay_store(jay_cache *cache, const void *key, size_t key_size, const void *value,
                      size_t value_size, int64_t ttl_ms, const jay_extras *extras,
                      jay_error *error);

/*
 * Removes an entry. Returns JAY_OK, JAY_MISS (also when it had expired), JAY_E_ARGUMENT, or what
 * the backend reports: then the entry may still be there. Since 0.1.
 */
JAY_API int jay_delete(jay_cache *cache, const void *key, size_t key_size, jay_error *error);

/*
 * Gives an entry a new time to live, counted from now, and leaves its value and version alone. A
 * negative ttl_ms removes it. Returns JAY_OK, JAY_MISS, JAY_E_ARGUMENT, or what the backend
 * reports. Since 0.1.
 */
JAY_API int jay_touch(jay_cache *cache, const void *key, size_t key_size, int64_t ttl_ms,
                      jay_error *error);

/*
 * Adds to a counter. Atomic among all users of the store. An existing entry keeps its expiry; a
 * missing one starts at 0, so that the result is `delta`, and gets `ttl_ms`.
 *   ret_number  on JAY_OK, the new value; may be NULL.
 * Returns JAY_OK; JAY_E_NOT_INTEGER or JAY_E_OVERFLOW (the value is as it was); JAY_E_KEY,
 * JAY_E_ARGUMENT, or what the backend reports. With a negative ttl_ms a missing key stays missing.
 * Since 0.1.
 */
JAY_API int jay_inc(jay_cache *cache, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error);

/*
 * Subtracts from a counter: as jay_inc; a missing one becomes -delta. delta INT64_MIN, which has
 * no negative, is JAY_E_ARGUMENT. Since 0.1.
 */
JAY_API int jay_dec(jay_cache *cache, const void *key, size_t key_size, int64_t delta,
                    int64_t ttl_ms, int64_t *ret_number, jay_error *error);

/*
 * Removes every entry whose key begins with this cache's prefix; without a prefix, all. An entry
 * stored by someone else while it runs may survive.
 * Returns JAY_OK, JAY_E_ARGUMENT, or what the backend reports: then entries may still be there.
 * Since 0.1.
 */
JAY_API int jay_clear(jay_cache *cache, jay_error *error);

/* ---- batches: one round trip a server, not one a key ----------------------------------------- */

typedef struct jay_bytes {
    const void *data;
    size_t size;
} jay_bytes;

typedef struct jay_pair {
    jay_bytes key;
    jay_bytes value;
    int64_t ttl_ms;
} jay_pair;

/*
 * Looks many keys up, in any number and order, duplicates allowed.
 *   ret_values    an array of `count`: after the call each is a view to be ended with
 *                 jay_value_release, where its status is JAY_OK, else JAY_VALUE_INIT.
 *   ret_statuses  an array of `count`: what jay_get would return for each; may be NULL.
 * Both are always written, except when the status is JAY_E_ARGUMENT.
 * Returns JAY_OK when every key's status is JAY_OK or JAY_MISS, else the first failure among
 * them, which `error` describes. Since 0.1.
 */
JAY_API int jay_get_many(jay_cache *cache, const jay_bytes *keys, size_t count,
                         jay_value *ret_values, int *ret_statuses, jay_error *error);

/*
 * Stores many values; of duplicate keys the last counts. ret_statuses as for jay_get_many.
 * Each entry is stored or not on its own: a batch is not atomic.
 * Returns JAY_OK when every status is JAY_OK, else the first failure. Since 0.1.
 */
JAY_API int jay_set_many(jay_cache *cache, const jay_pair *pairs, size_t count, int *ret_statuses,
                         jay_error *error);

/*
 * As jay_set_many, with client flags (jay_extras) for each pair; `flags` NULL: all 0.
 * Returns as jay_set_many, and as jay_store for flags. Since 0.1.
 */
JAY_API int jay_set_many_flags(jay_cache *cache, const jay_pair *pairs, const uint32_t *flags,
                               size_t count, int *ret_statuses, jay_error *error);

/*
 * Removes many entries. ret_statuses as for jay_get_many; of duplicate keys the second is a miss.
 * Returns JAY_OK when every status is JAY_OK or JAY_MISS, else the first failure. Since 0.1.
 */
JAY_API int jay_delete_many(jay_cache *cache, const jay_bytes *keys, size_t count,
                            int *ret_statuses, jay_error *error);

/* Releases every view of an array, as jay_value_release does. Since 0.1. */
JAY_API void jay_values_release(jay_value *values, size_t count);

/* ---- looking inside ------------------------------------------------------------------------- */

/* One live entry, as jay_iterate shows it. Good only inside the caller's function. */
typedef struct jay_entry_info {
    const void *key; /* without the cache's prefix */
    size_t key_size;
    size_t value_size;
    int64_t ttl_ms;     /* remaining, or JAY_TTL_FOREVER */
    int64_t heat;       /* how hot the entry is to this cache, 0 and up; -1: not known */
    int64_t size_bytes; /* what the entry takes in all, overhead included; -1: not known */
} jay_entry_info;

/* Receives an entry. Returns 0 to go on, anything else to stop. It may use the cache. */
typedef int jay_iterate_fn(void *arg, const jay_entry_info *entry);

/*
 * Shows every live entry with this cache's prefix. An entry that stays in the cache all the while
 * is shown at least once; one that comes, goes or changes meanwhile may be shown or not.
 * Returns JAY_OK, JAY_STOPPED, JAY_E_UNSUPPORTED, JAY_E_ARGUMENT, or what the backend
 * reports. Since 0.1.
 */
JAY_API int jay_iterate(jay_cache *cache, jay_iterate_fn *fn, void *arg, jay_error *error);

/*
 * Every statistic, as X(name, text). Counters start at 0 when the cache is opened; those of shm:
 * are shared, and start when it is made. -1: the backend does not know.
 */
#define JAY_STATS_MAP(X)                                                    \
    X(hits, "lookups that found a live entry")                              \
    X(misses, "lookups that found none")                                    \
    X(sets, "values stored, by set, add, replace, cas, inc and dec")        \
    X(deletes, "entries removed by delete")                                 \
    X(evictions, "live entries removed to make room")                       \
    X(expiries, "entries removed because their time was over")              \
    X(errors, "calls that failed")                                          \
    X(items, "entries held now; expired ones count until they are removed") \
    X(bytes, "bytes held now, overhead included")                           \
    X(pinned, "views held now")                                             \
    X(max_items, "the limit of items, 0: none")                             \
    X(max_bytes, "the limit of bytes, 0: none")                             \
    X(resets, "times that a damaged part of the store was emptied")

typedef struct jay_stats {
#define JAY_STATS_FIELD(name, text) int64_t name;
    JAY_STATS_MAP(JAY_STATS_FIELD)
#undef JAY_STATS_FIELD
} jay_stats;

/*
 * Reads the statistics.
 *   stats_size  sizeof(jay_stats): so many bytes of ret_stats are written, so that a program and a
 *               library of different versions get along.
 * Returns JAY_OK, JAY_E_ARGUMENT, or what the backend reports. Since 0.1.
 */
JAY_API int jay_get_stats(jay_cache *cache, jay_stats *ret_stats, size_t stats_size,
                          jay_error *error);

/* The scheme of an open cache: "memory". A constant string. Since 0.1. */
JAY_API const char *jay_cache_scheme(const jay_cache *cache);

/* ---- directories of file: -------------------------------------------------------------------- */

/* What jay_file_check finds, as X(name, text). */
#define JAY_FILE_REPORT_MAP(X)                                   \
    X(entries, "entries that are whole, expired ones included")  \
    X(expired, "of those, entries whose time is over")           \
    X(damaged, "files of entries that are not whole")            \
    X(foreign, "other files in the folders, which nobody reads") \
    X(miscounted, "folders that held other than was recorded")   \
    X(bytes, "bytes of the files, in whole blocks")

typedef struct jay_file_report {
#define JAY_FILE_REPORT_FIELD(name, text) int64_t name;
    JAY_FILE_REPORT_MAP(JAY_FILE_REPORT_FIELD)
#undef JAY_FILE_REPORT_FIELD
} jay_file_report;

/*
 * Reads every entry of a file: cache, whatever its prefix, and compares each with its checks, and
 * what there is with what is recorded. The cache may be in use meanwhile, by anyone.
 *   repairs      not 0: damaged entries are removed, and records put right.
 *   ret_report   on JAY_OK, what was found, before it was repaired; bytes: afterwards.
 *   report_size  sizeof(jay_file_report): so many bytes of ret_report are written.
 * Returns JAY_OK, whatever was found; JAY_E_UNSUPPORTED (it is another kind of cache);
 * JAY_E_ARGUMENT, JAY_E_IO, JAY_E_PERMISSION, JAY_E_BUSY, JAY_E_NO_MEMORY. Since 0.1.
 */
JAY_API int jay_file_check(jay_cache *cache, int repairs, jay_file_report *ret_report,
                           size_t report_size, jay_error *error);

/* Where the bytes of a value lie in a file: for sendfile, splice, pread. */
typedef struct jay_file_place {
    int fd;      /* open for reading, and close-on-exec. It is the caller's: close it */
    int is_copy; /* not 0: of a copy in memory, since the file itself could not be given out */
    int64_t offset;
    int64_t size; /* bytes from there on that are the value */
    uint64_t version;
    int64_t ttl_ms; /* remaining, or JAY_TTL_FOREVER */
    char file[48];  /* the file's name below the cache's directory, for people; "" of a copy */
} jay_file_place;

/*
 * Looks a key up in a file: cache and opens the file that holds its value, so that a cached page
 * can be sent from where it lies.
 *   ret_place   on JAY_OK, the descriptor, and where in it the value is.
 *   place_size  sizeof(jay_file_place): so many bytes of ret_place are written.
 * The value was whole when this returned, and for as long as the descriptor is open its bytes stay
 * what they are: also when the entry is overwritten, touched, deleted, evicted, or cleared, by
 * whatever process, when the directory is removed, and after jay_close and fork. Two things are not
 * covered: programs other than Jaycache that write into the file, and a disk that fails. The name
 * in `file` is no such promise: soon after, it may lead to another entry's bytes, or to none.
 * Its own cost: the value is read once, to be compared with its check; and a file that was given
 * out is removed when its entry is replaced, where others are used again.
 * Where the file belongs to another user, or its file system does not keep its mark, what is given
 * out is a copy in memory, under the same promise.
 * It counts as a hit or a miss.
 * Returns JAY_OK, JAY_MISS; JAY_E_UNSUPPORTED (it is another kind of cache, or of
 * layout=segments: make the directory with layout=files to give values out); JAY_E_ARGUMENT,
 * JAY_E_IO, JAY_E_PERMISSION, JAY_E_BUSY, JAY_E_NO_MEMORY. Since 0.1.
 */
JAY_API int jay_file_path(jay_cache *cache, const void *key, size_t key_size,
                          jay_file_place *ret_place, size_t place_size, jay_error *error);

/* ---- shared memory caches of this machine ---------------------------------------------------- */

/* One shared memory cache, as jay_shm_list shows it. Good only inside the caller's function. */
typedef struct jay_shm_info {
    const char *name; /* NAME of shm:NAME */
    int64_t file_bytes;
    uint32_t mode;     /* permissions, like 0600 */
    uint32_t owner;    /* user number */
    int32_t is_usable; /* 0: damaged, of another format, or not ours to read; the rest is -1 */
    int32_t reserved;
    int64_t items; /* entries held now */
    int64_t max_bytes;
    int64_t max_items;  /* 0: no limit */
    int64_t created_ms; /* since 1970 */
    int64_t processes;  /* that use it now */
} jay_shm_info;

/* Receives a cache. Returns 0 to go on, anything else to stop. */
typedef int jay_shm_fn(void *arg, const jay_shm_info *info);

/*
 * Shows every shared memory cache of this machine, used or not.
 * Returns JAY_OK, JAY_STOPPED, JAY_E_ARGUMENT, JAY_E_IO, JAY_E_PERMISSION. Since 0.1.
 */
JAY_API int jay_shm_list(jay_shm_fn *fn, void *arg, jay_error *error);

/*
 * Removes a shared memory cache. Processes that use it keep what they have until they close it; who
 * opens the name from now on makes a new one.
 * Returns JAY_OK, JAY_MISS (there is none), JAY_E_URL (no such name is possible),
 * JAY_E_PERMISSION, JAY_E_IO, JAY_E_ARGUMENT. Since 0.1.
 */
JAY_API int jay_shm_remove(const char *name, jay_error *error);

/* ---- forms for NUL-terminated strings -------------------------------------------------------- */

/* jay_get of a NUL-terminated key. Since 0.1. */
JAY_API int jay_get_str(jay_cache *cache, const char *key, jay_value *ret_value);

/* jay_set of a NUL-terminated key and value; the value is stored without its NUL. Since 0.1. */
JAY_API int jay_set_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms);

/* jay_add of a NUL-terminated key and value. Since 0.1. */
JAY_API int jay_add_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms);

/* jay_replace of a NUL-terminated key and value. Since 0.1. */
JAY_API int jay_replace_str(jay_cache *cache, const char *key, const char *value, int64_t ttl_ms);

/* jay_delete of a NUL-terminated key. Since 0.1. */
JAY_API int jay_delete_str(jay_cache *cache, const char *key);

/* jay_has of a NUL-terminated key. Since 0.1. */
JAY_API int jay_has_str(jay_cache *cache, const char *key);

/* jay_touch of a NUL-terminated key. Since 0.1. */
JAY_API int jay_touch_str(jay_cache *cache, const char *key, int64_t ttl_ms);

/* jay_inc of a NUL-terminated key; a new counter gets the default TTL. Since 0.1. */
JAY_API int jay_inc_str(jay_cache *cache, const char *key, int64_t delta, int64_t *ret_number);

/* jay_dec of a NUL-terminated key; a new counter gets the default TTL. Since 0.1. */
JAY_API int jay_dec_str(jay_cache *cache, const char *key, int64_t delta, int64_t *ret_number);

#ifdef __cplusplus
}
#endif

#endif
