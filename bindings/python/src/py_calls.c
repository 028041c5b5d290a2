/*
 * py_calls.c - the methods of Store that deal with one key.
 *
 * Each begins (py_begin), takes value and timeout, calls the library and ends (py_end). The
 * GIL is given up around calls that can wait for a server, a disk or another process; not around
 * those in memory, where giving it up costs more than they do.
 */
#include <string.h>

#include "py_store.h"

/* A value up to this size is read into the stack, which is cheaper than a view. */
#define SCRATCH_SIZE 4096

static PyObject *yes_or_no(bool yes) {
    return PyBool_FromLong(yes);
}

PyObject *py_failed(py_store *self, int status, const jay_error *error, PyObject *otherwise) {
    if (!(self->traits & PY_QUIET) || status == JAY_E_KEY) {
        py_error_raise(self->st, status, error);
        return NULL;
    }
    PyObject *made = py_error_make(self->st, status, error);
    if (made == NULL) return NULL;
    PyObject *done = PyObject_CallMethod((PyObject *)self, "_failed", "(O)", made);
    Py_DECREF(made);
    if (done == NULL) return NULL;
    Py_DECREF(done);
    Py_INCREF(otherwise);
    return otherwise;
}

int py_age_by_clock(py_store *self, const py_key *key, int64_t *ret_skew_ms) {
    PyObject *there = PyObject_CallNoArgs(self->st->clock);
    PyObject *here = there != NULL ? PyObject_CallNoArgs(self->st->time) : NULL;
    double skew = here != NULL ? PyFloat_AsDouble(there) - PyFloat_AsDouble(here) : 0;
    Py_XDECREF(there);
    Py_XDECREF(here);
    if (PyErr_Occurred()) return -1;
    *ret_skew_ms = (int64_t)(skew * 1000.0);
    int64_t left_ms = 0;
    if (key != NULL && jay_ttl(self->cache, key->data, key->size, &left_ms, NULL) == JAY_OK &&
        left_ms != JAY_TTL_FOREVER && left_ms <= *ret_skew_ms)
        jay_delete(self->cache, key->data, key->size, NULL);
    return 0;
}

/* A time to live by the clock that stands in becomes one by the real clock. */
static int64_t shifted(int64_t ttl_ms, int64_t skew_ms) {
    if (skew_ms == 0 || ttl_ms == JAY_TTL_FOREVER || ttl_ms < 0) return ttl_ms;
    return ttl_ms + skew_ms > 0 ? ttl_ms + skew_ms : -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Gives the value to Python, or sets *ret_status to something else than JAY_OK. */
static PyObject *read_value(py_store *self, const py_key *key, int *ret_status, jay_error *error) {
    char scratch[SCRATCH_SIZE];
    jay_value view = JAY_VALUE_INIT;
    size_t size = 0;
    int status = JAY_BUFFER_TOO_SMALL;
    if (self->reads_into && !self->is_large) {
        PY_CALL(self->waits_in_reads, status = jay_get_into(self->cache, key->data, key->size,
                                                            scratch, sizeof scratch, &size, error));
        if (status == JAY_OK) {
            *ret_status = status;
            return py_decode(self, scratch, size, 0);
        }
    }
    if (status == JAY_BUFFER_TOO_SMALL)
        PY_CALL(self->waits_in_reads,
                status = jay_get(self->cache, key->data, key->size, &view, error));
    *ret_status = status;
    if (status != JAY_OK) return NULL;
    self->is_large = view.size > sizeof scratch;
    PyObject *value = py_decode(self, view.data, view.size, jay_value_flags(&view));
    jay_value_release(&view);
    return value;
}

static PyObject *missed(py_store *self, PyObject *key) {
    if (self->traits & PY_MISS_HOOK)
        return PyObject_CallMethod((PyObject *)self, "_missed", "(O)", key);
    Py_RETURN_NONE;
}

static PyObject *store_get(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    static const char *const names[] = {"key"};
    py_store *self = (py_store *)object;
    PyObject *given;
    if (nargs == 1 && kwnames == NULL)
        given = args[0];
    else if (py_args(names, 1, 1, args, nargs, kwnames, &given) != 0)
        return NULL;
    py_key key;
    int64_t skew;
    jay_error error;
    int status = JAY_OK;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    PyObject *value = read_value(self, &key, &status, &error);
    if (status == JAY_MISS)
        value = missed(self, given);
    else if (status != JAY_OK)
        value = py_failed(self, status, &error, Py_None);
    py_end(self, &key);
    return value;
}

static PyObject *store_gets(PyObject *object, PyObject *given) {
    py_store *self = (py_store *)object;
    py_key key;
    int64_t skew;
    jay_error error;
    jay_value view = JAY_VALUE_INIT;
    int status;
    PyObject *pair = NULL;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    PY_CALL(self->waits_in_reads, status = jay_get(self->cache, key.data, key.size, &view, &error));
    if (status == JAY_OK) {
        PyObject *value = py_decode(self, view.data, view.size, jay_value_flags(&view));
        if (value != NULL) pair = Py_BuildValue("NK", value, (unsigned long long)view.version);
        jay_value_release(&view);
    } else if (status == JAY_MISS) {
        pair = Py_BuildValue("OO", Py_None, Py_None);
    } else {
        py_error_raise(self->st, status, &error);
    }
    py_end(self, &key);
    return pair;
}

static PyObject *store_has(PyObject *object, PyObject *given) {
    py_store *self = (py_store *)object;
    py_key key;
    int64_t skew;
    jay_error error;
    int status;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    PY_CALL(self->waits_in_reads, status = jay_has(self->cache, key.data, key.size, &error));
    PyObject *answer =
        status < 0 ? py_failed(self, status, &error, Py_False) : yes_or_no(status == JAY_OK);
    py_end(self, &key);
    return answer;
}

static PyObject *store_ttl(PyObject *object, PyObject *given) {
    py_store *self = (py_store *)object;
    py_key key;
    int64_t skew, left_ms = 0;
    jay_error error;
    int status;
    PyObject *answer;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    PY_CALL(self->waits_in_reads,
            status = jay_ttl(self->cache, key.data, key.size, &left_ms, &error));
    if (status == JAY_OK)
        answer = PyFloat_FromDouble(left_ms == JAY_TTL_FOREVER ? Py_HUGE_VAL
                                                               : (double)(left_ms - skew) / 1000.0);
    else if (status == JAY_MISS)
        answer = Py_NewRef(Py_None);
    else
        answer = py_failed(self, status, &error, Py_None);
    py_end(self, &key);
    return answer;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_call(py_store *self, enum jay_store_mode mode, const py_key *key,
                      const py_bytes *value, int64_t ttl_ms, uint64_t version, jay_error *error) {
    if (mode == JAY_STORE_SET && value->flags == 0)
        return jay_set(self->cache, key->data, key->size, value->data, value->size, ttl_ms, error);
    const jay_extras extras = {sizeof extras, (int32_t)mode, value->flags, version};
    return jay_store(self->cache, key->data, key->size, value->data, value->size, ttl_ms, &extras,
                     error);
}

static PyObject *write_entry(py_store *self, enum jay_store_mode mode, PyObject *given,
                             PyObject *value, PyObject *timeout, uint64_t version) {
    char scratch[1024];
    py_key key;
    py_bytes bytes = {NULL, 0, NULL, NULL, 0};
    int64_t ttl_ms = 0, skew = 0;
    PyObject *answer = NULL;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    if (py_ttl_take(self, timeout, &ttl_ms) == 0 &&
        py_encode(self, value, scratch, sizeof scratch, &bytes) == 0) {
        jay_error error;
        int status;
        ttl_ms = shifted(ttl_ms, skew);
        PY_CALL(self->waits_in_writes,
                status = write_call(self, mode, &key, &bytes, ttl_ms, version, &error));
        answer =
            status < 0 ? py_failed(self, status, &error, Py_False) : yes_or_no(status == JAY_OK);
    }
    py_bytes_done(&bytes);
    py_end(self, &key);
    return answer;
}

static const char *const write_names[] = {"key", "value", "timeout", "mgmt_element"};

static PyObject *store_set(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    py_store *self = (py_store *)object;
    PyObject *given[4] = {NULL, NULL, NULL, NULL};
    if (kwnames == NULL && (nargs == 2 || nargs == 3))
        memcpy(given, args, (size_t)nargs * sizeof *given);
    else if (py_args(write_names, 2, 4, args, nargs, kwnames, given) != 0)
        return NULL;
    if (self->traits & PY_SET_HOOK) {
        PyObject *done = PyObject_CallMethod(object, "_setting", "(O)", given[0]);
        if (done == NULL) return NULL;
        Py_DECREF(done);
    }
    return write_entry(self, JAY_STORE_SET, given[0], given[1], given[2], 0);
}

static PyObject *store_add(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    PyObject *given[3];
    if (py_args(write_names, 2, 3, args, nargs, kwnames, given) != 0) return NULL;
    return write_entry((py_store *)object, JAY_STORE_ADD, given[0], given[1], given[2], 0);
}

static PyObject *store_replace(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames) {
    PyObject *given[3];
    if (py_args(write_names, 2, 3, args, nargs, kwnames, given) != 0) return NULL;
    return write_entry((py_store *)object, JAY_STORE_REPLACE, given[0], given[1], given[2], 0);
}

static PyObject *store_cas(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    static const char *const names[] = {"key", "value", "version", "timeout"};
    PyObject *given[4];
    if (py_args(names, 3, 4, args, nargs, kwnames, given) != 0) return NULL;
    unsigned long long version = PyLong_AsUnsignedLongLong(given[2]);
    if (PyErr_Occurred()) return NULL;
    return write_entry((py_store *)object, JAY_STORE_CAS, given[0], given[1], given[3], version);
}

static PyObject *store_delete(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames) {
    static const char *const names[] = {"key", "mgmt_element"};
    py_store *self = (py_store *)object;
    PyObject *given[2];
    py_key key;
    int64_t skew;
    jay_error error;
    int status;
    PyObject *answer;
    if (py_args(names, 1, 2, args, nargs, kwnames, given) != 0) return NULL;
    if (py_begin(self, given[0], &key, &skew) != 0) return NULL;
    PY_CALL(self->waits_in_writes, status = jay_delete(self->cache, key.data, key.size, &error));
    if (status < 0)
        answer = py_failed(self, status, &error, Py_False);
    else
        answer = yes_or_no(status == JAY_OK || self->traits & PY_DELETES_MISSES);
    py_end(self, &key);
    return answer;
}

static PyObject *store_touch(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames) {
    static const char *const names[] = {"key", "timeout"};
    py_store *self = (py_store *)object;
    PyObject *given[2];
    py_key key;
    int64_t ttl_ms = 0, skew = 0;
    PyObject *answer = NULL;
    if (py_args(names, 1, 2, args, nargs, kwnames, given) != 0) return NULL;
    if (py_begin(self, given[0], &key, &skew) != 0) return NULL;
    if (py_ttl_take(self, given[1], &ttl_ms) == 0) {
        jay_error error;
        int status;
        ttl_ms = shifted(ttl_ms, skew);
        PY_CALL(self->waits_in_writes,
                status = jay_touch(self->cache, key.data, key.size, ttl_ms, &error));
        answer =
            status < 0 ? py_failed(self, status, &error, Py_False) : yes_or_no(status == JAY_OK);
    }
    py_end(self, &key);
    return answer;
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Has the library count. Returns its status, or PY_FAILURES with an exception. */
static int count_in_store(py_store *self, PyObject *given, int64_t by, int64_t *ret_number,
                          jay_error *error) {
    py_key key;
    int64_t ttl_ms = 0, skew = 0;
    int status = PY_FAILURES;
    if (py_ttl_take(self, NULL, &ttl_ms) != 0 || py_key_take(self, given, &key) != 0) return status;
    if (py_age(self, &key, &skew) == 0) {
        ttl_ms = shifted(ttl_ms, skew);
        PY_CALL(self->waits_in_writes,
                status = jay_inc(self->cache, key.data, key.size, by, ttl_ms, ret_number, error));
    }
    py_key_done(&key);
    return status;
}

/* Whether the library may count: the number and the class allow it. */
static bool is_countable(const py_store *self, PyObject *delta, int64_t *ret_by) {
    int overflow = 0;
    *ret_by = 1;
    if (self->counting == 0 || (self->counting == 1 && !(self->own_get && self->own_set)))
        return false;
    if (delta == NULL) return true;
    if (!PyLong_Check(delta)) return false;
    *ret_by = PyLong_AsLongLongAndOverflow(delta, &overflow);
    return overflow == 0 && *ret_by != INT64_MIN;
}

/* The library counts if it can; else _count does, in Python. */
static PyObject *count(py_store *self, PyObject *given, PyObject *delta, bool down) {
    int64_t by, number = 0;
    jay_error error = {JAY_E_NOT_INTEGER, 0, "", ""};
    PyObject *answer = NULL;
    if (py_enter(self) != 0) return NULL;
    int status = JAY_E_NOT_INTEGER;
    bool asks = is_countable(self, delta, &by);
    if (asks) status = count_in_store(self, given, down ? -by : by, &number, &error);
    bool is_python = status == JAY_E_NOT_INTEGER || status == JAY_E_OVERFLOW;
    if (is_python && asks && self->counting == 2) is_python = false;
    if (is_python)
        answer = PyObject_CallMethod((PyObject *)self, "_count", "OOO", given,
                                     delta != NULL ? delta : Py_None, down ? Py_True : Py_False);
    else if (status == JAY_OK)
        answer = PyLong_FromLongLong(number);
    else if (status != PY_FAILURES)
        answer = py_failed(self, status, &error, Py_None);
    py_leave(self);
    return answer;
}

static const char *const count_names[] = {"key", "delta"};

static PyObject *store_inc(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    PyObject *given[2];
    if (py_args(count_names, 1, 2, args, nargs, kwnames, given) != 0) return NULL;
    return count((py_store *)object, given[0], given[1], false);
}

static PyObject *store_dec(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    PyObject *given[2];
    if (py_args(count_names, 1, 2, args, nargs, kwnames, given) != 0) return NULL;
    return count((py_store *)object, given[0], given[1], true);
}

static PyObject *store_clear(PyObject *object, PyObject *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    jay_error error;
    int status;
    if (py_enter(self) != 0) return NULL;
    PY_CALL(self->waits_in_writes, status = jay_clear(self->cache, &error));
    PyObject *answer = status < 0 ? py_failed(self, status, &error, Py_False) : yes_or_no(true);
    py_leave(self);
    return answer;
}

PyMethodDef py_call_methods[] = {
    PY_METHOD(
        "get", store_get,
        "get($self, key)\n--\n\nLook a key up. Returns its value, or None when it is not there.\n\n"
        ":param key: the key, a text or bytes."),
    {"gets", store_gets, METH_O,
     "gets($self, key, /)\n--\n\nLook a key up for a later cas. Returns (value, version), or "
     "(None, "
     "None)."},
    {"has", store_has, METH_O,
     "has($self, key, /)\n--\n\nWhether a key is there, without reading its value."},
    {"ttl", store_ttl, METH_O,
     "ttl($self, key, /)\n--\n\nSeconds that an entry has left: inf if it never expires, None if "
     "it "
     "is not there."},
    PY_METHOD(
        "set", store_set,
        "set($self, key, value, timeout=None)\n--\n\nStore a value, whether or not the key is "
        "there.\n\n:param key: the key.\n:param value: the value.\n:param timeout: seconds "
        "until it expires; 0: never; None: default_timeout.\n:returns: True, or False if the "
        "store failed."),
    PY_METHOD("add", store_add,
              "add($self, key, value, timeout=None)\n--\n\nAs set, but only if the key is not "
              "there: False "
              "if it is."),
    PY_METHOD(
        "replace", store_replace,
        "replace($self, key, value, timeout=None)\n--\n\nAs set, but only if the key is there."),
    PY_METHOD("cas", store_cas,
              "cas($self, key, value, version, timeout=None)\n--\n\nAs set, but only if the entry "
              "is as it "
              "was when gets gave `version`."),
    PY_METHOD("delete", store_delete,
              "delete($self, key)\n--\n\nRemove an entry. Returns whether it was there."),
    PY_METHOD("touch", store_touch,
              "touch($self, key, timeout=None)\n--\n\nGive an entry a new time to live, in "
              "seconds. Returns "
              "whether it was there."),
    PY_METHOD("inc", store_inc,
              "inc($self, key, delta=1)\n--\n\nAdd to a number, atomically. A missing one becomes "
              "`delta`. "
              "Returns the new value."),
    PY_METHOD(
        "dec", store_dec,
        "dec($self, key, delta=1)\n--\n\nSubtract from a number, atomically. A missing one becomes "
        "-delta. Returns the new value."),
    {"clear", store_clear, METH_NOARGS, "clear($self)\n--\n\nRemove every entry. Returns True."},
    {NULL, NULL, 0, NULL},
};
