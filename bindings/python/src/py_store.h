/*
 * py_store.h - what the files of the extension module `_jaycache` share: the module's state, the
 * type Store, which holds one open cache, and the ways between Python objects and bytes.
 *
 * Every function that can fail sets a Python exception and returns -1 or NULL. All run with the GIL
 * held; only the calls of the library itself may run without it (py_calls.c).
 */
#ifndef JAYCACHE_PY_STORE_H
#define JAYCACHE_PY_STORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <jaycache/jaycache.h>
#include <stdbool.h>

/* Failures are numbered from -1 downwards; so many have a class of their own. */
#define PY_FAILURES 32

typedef struct {
    PyObject *error;                 /* jaycache.CacheError */
    PyObject *failures[PY_FAILURES]; /* a class for each failure, by its number */
    PyObject *store_type;
    PyObject *pin_type;
    PyObject *dumps; /* of _pickle */
    PyObject *loads;
    PyObject *unpickling_errors; /* what loads raises for damaged data, as a tuple */
    PyObject *protocol;
    PyObject *inflate; /* zlib.decompress */
    PyObject *clock;   /* a function that stands in for the time of day, or NULL */
    PyObject *time;    /* time.time */
} py_state;

/* How a kind of cache behaves; a bit each, given to Store._open. */
enum {
    PY_LOCAL = 1,           /* any object can be a key, and the clock may be replaced */
    PY_QUIET = 2,           /* failures become warnings: see Store._failed */
    PY_MISS_HOOK = 4,       /* a get that misses asks self._missed(key) */
    PY_SET_HOOK = 8,        /* a set first tells self._setting(key) */
    PY_DELETES_MISSES = 16, /* deleting what is not there is True */
    PY_LISTS_MISSES = 32,   /* delete_many lists what was not there, too */
    PY_ODD_KEYS = 64        /* every key is the business of self._odd_key(key) */
};

/* How values that are not the serializer's business are laid out. */
enum { PY_PICKLE = 0, PY_REDIS = 1, PY_RAW = 2, PY_MEMCACHED = 3 };

typedef struct {
    PyObject_HEAD py_state *st;
    jay_cache *cache; /* NULL: not open */
    Py_ssize_t users; /* calls that run and views that live: the cache is closed after the last */
    bool closing;
    bool stale;      /* an attribute was set that `_configure` reads */
    bool reads_into; /* the library can read into a buffer of ours, and there are no flags */
    bool is_large;   /* the last value did not fit into that buffer */
    bool waits_in_reads;
    bool waits_in_writes;
    bool asks_ttl;    /* `_normalize_timeout` is someone else's */
    bool asks_prefix; /* the prefix is to be asked for at each call */
    bool has_digits;  /* integers are decimal digits, whatever the serializer */
    bool own_get;     /* get, set and delete are those of this package */
    bool own_set;
    bool own_delete;
    int traits;
    int form;
    int counting; /* 0: Python counts; 1: the library, and Python what it cannot; 2: the library */
    unsigned int seen_type; /* version of the type that _configure saw */
    PyObject *dumps;        /* a serializer's function, or NULL: `form` says how */
    PyObject *loads;        /* the same */
    PyObject *prefix;       /* bytes, or NULL */
    PyObject *timeout;      /* default_timeout as it was set */
    int64_t default_ttl_ms;
} py_store;

/* Bytes of a key. `owner` keeps them; NULL: they are those of the caller's object. */
typedef struct {
    const char *data;
    size_t size;
    PyObject *owner;
} py_key;

/* Bytes of a value on the way to the store: in the caller's scratch, or in `owner`, or `heap`. */
typedef struct {
    const char *data;
    size_t size;
    PyObject *owner;
    char *heap;
    uint32_t flags; /* of memcached: what kind of value it is */
} py_bytes;

/* ---- py_errors.c */
int py_errors_init(PyObject *module, py_state *st);
PyObject *py_error_make(py_state *st, int status, const jay_error *error);
void py_error_raise(py_state *st, int status, const jay_error *error);

/* ---- py_values.c */
int py_encode(py_store *self, PyObject *value, char *scratch, size_t room, py_bytes *ret_bytes);
void py_bytes_done(py_bytes *bytes);
PyObject *py_decode(py_store *self, const char *data, size_t size, uint32_t flags);
/* Where the text or the bytes of a pickle begin, if it holds nothing else; -1: it does. */
Py_ssize_t py_payload(py_store *self, const char *data, size_t size, size_t *ret_size);

/* ---- py_keys.c */
int py_key_take(py_store *self, PyObject *object, py_key *ret_key);
void py_key_done(py_key *key);
int py_ttl_take(py_store *self, PyObject *timeout, int64_t *ret_ttl_ms);
int py_ttl_convert(PyObject *timeout, int64_t *ret_ttl_ms);

/* ---- py_store.c */
int py_enter_anew(py_store *self);
void py_close_now(py_store *self);
PyObject *py_store_type_make(PyObject *module);

/* ---- py_calls.c, py_batches.c, py_views.c: tables of methods */
extern PyMethodDef py_call_methods[];
extern PyMethodDef py_batch_methods[];
extern PyMethodDef py_view_methods[];
/* Lets an entry go that is over by the clock that stands in for the real one: see py_age. */
int py_age_by_clock(py_store *self, const py_key *key, int64_t *ret_skew_ms);
/* What a call returns after a failure: `otherwise` with a warning, or NULL with an exception. */
PyObject *py_failed(py_store *self, int status, const jay_error *error, PyObject *otherwise);
PyObject *py_pin_type_make(PyObject *module);

/*
 * Sorts the arguments of a vectorcall by name. ret_args has `max` places; those not given are NULL.
 * Returns -1 with a TypeError if fewer than `min` or unknown ones were given.
 */
int py_args(const char *const *names, int min, int max, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames, PyObject **ret_args);

#define PY_METHOD(name, function, doc) \
    { name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc }

#if PY_VERSION_HEX < 0x030a0000
static inline PyObject *Py_NewRef(PyObject *object) {
    Py_INCREF(object);
    return object;
}

static inline int PyModule_AddObjectRef(PyObject *module, const char *name, PyObject *object) {
    if (PyModule_AddObject(module, name, Py_NewRef(object)) == 0) return 0;
    Py_DECREF(object);
    return -1;
}
#endif

/*
 * Whether `_configure` must be asked again. A type has no tag (0) after a change, until something
 * is looked up in it again; or for good, when it was changed so often that no tags are left.
 */
static inline bool py_has_changed(py_store *self) {
    unsigned int tag = Py_TYPE(self)->tp_version_tag;
    return self->stale || self->seen_type != tag || tag == 0;
}

/* Begins a call: the cache stays open until py_leave. */
static inline int py_enter(py_store *self) {
    if ((self->cache == NULL || self->closing || py_has_changed(self)) && py_enter_anew(self) != 0)
        return -1;
    self->users++;
    return 0;
}

static inline void py_leave(py_store *self) {
    if (--self->users == 0 && self->closing) py_close_now(self);
}

/* Does for a key what the clock that stands in for the real one asks for, if there is one. */
static inline int py_age(py_store *self, const py_key *key, int64_t *ret_skew_ms) {
    *ret_skew_ms = 0;
    if (self->st->clock == NULL || !(self->traits & PY_LOCAL)) return 0;
    return py_age_by_clock(self, key, ret_skew_ms);
}

/* Begins a call on one key, which py_end ends. */
static inline int py_begin(py_store *self, PyObject *given, py_key *ret_key, int64_t *ret_skew_ms) {
    if (py_enter(self) != 0) return -1;
    if (py_key_take(self, given, ret_key) == 0) {
        if (py_age(self, ret_key, ret_skew_ms) == 0) return 0;
        py_key_done(ret_key);
    }
    py_leave(self);
    return -1;
}

static inline void py_end(py_store *self, py_key *key) {
    py_key_done(key);
    py_leave(self);
}

/* Runs a call of the library, without the GIL if it can wait. */
#define PY_CALL(waits, call)                            \
    do {                                                \
        if (waits) {                                    \
            PyThreadState *saved = PyEval_SaveThread(); \
            call;                                       \
            PyEval_RestoreThread(saved);                \
        } else {                                        \
            call;                                       \
        }                                               \
    } while (0)

#endif
