/*
 * py_keys.c - keys and timeouts as Python has them, as the library takes them.
 *
 * A text is its UTF-8, bytes are themselves, with the prefix before them. All that is less plain
 * (other objects as keys, empty and very long ones) is the business of Store._odd_key in Python.
 */
#include <math.h>
#include <string.h>

#include "py_store.h"

void py_key_done(py_key *key) {
    Py_XDECREF(key->owner);
}

/* The bytes of an object that has them, in place; else NULL, without an exception. */
static const char *plain_bytes(PyObject *object, Py_ssize_t *ret_size) {
    if (PyUnicode_Check(object)) {
        if (PyUnicode_IS_READY(object) && PyUnicode_IS_COMPACT_ASCII(object)) {
            *ret_size = PyUnicode_GET_LENGTH(object);
            return (const char *)PyUnicode_1BYTE_DATA(object);
        }
        const char *text = PyUnicode_AsUTF8AndSize(object, ret_size);
        if (text == NULL) PyErr_Clear();
        return text;
    }
    if (!PyBytes_Check(object)) return NULL;
    *ret_size = PyBytes_GET_SIZE(object);
    return PyBytes_AS_STRING(object);
}

static PyObject *with_prefix(PyObject *prefix, const char *data, Py_ssize_t size) {
    Py_ssize_t before = PyBytes_GET_SIZE(prefix);
    PyObject *whole = PyBytes_FromStringAndSize(NULL, before + size);
    if (whole == NULL) return NULL;
    memcpy(PyBytes_AS_STRING(whole), PyBytes_AS_STRING(prefix), (size_t)before);
    memcpy(PyBytes_AS_STRING(whole) + before, data, (size_t)size);
    return whole;
}

/* The prefix, a new reference; NULL with or without an exception: it failed, or there is none. */
static PyObject *take_prefix(py_store *self) {
    if (!self->asks_prefix) {
        Py_XINCREF(self->prefix);
        return self->prefix;
    }
    return PyObject_CallMethod((PyObject *)self, "_prefix_bytes", NULL);
}

int py_key_take(py_store *self, PyObject *object, py_key *ret_key) {
    ret_key->owner = NULL;
    Py_ssize_t size = 0;
    const char *data = plain_bytes(object, &size);
    PyObject *odd = NULL;
    if (data == NULL || size == 0 || size > (Py_ssize_t)JAY_KEY_MAX_BYTES - 2048 ||
        self->traits & PY_ODD_KEYS) {
        odd = PyObject_CallMethod((PyObject *)self, "_odd_key", "(O)", object);
        if (odd == NULL) return -1;
        if (!PyBytes_Check(odd)) {
            PyErr_SetString(PyExc_TypeError, "_odd_key must return bytes");
            Py_DECREF(odd);
            return -1;
        }
        data = plain_bytes(odd, &size);
    }
    PyObject *prefix = take_prefix(self);
    if (prefix != NULL) {
        ret_key->owner = with_prefix(prefix, data, size);
        Py_DECREF(prefix);
        Py_XDECREF(odd);
        if (ret_key->owner == NULL) return -1;
        data = plain_bytes(ret_key->owner, &size);
    } else if (PyErr_Occurred()) {
        Py_XDECREF(odd);
        return -1;
    } else {
        ret_key->owner = odd;
    }
    ret_key->data = data;
    ret_key->size = (size_t)size;
    return 0;
}

/* ---- timeouts -------------------------------------------------------------------------------- */

static int ttl_of_double(double seconds, int64_t *ret_ttl_ms) {
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "a timeout must be a number of seconds");
        return -1;
    }
    double ms = ceil(seconds * 1000.0);
    if (seconds < 0)
        *ret_ttl_ms = -1;
    else if (ms >= (double)JAY_TTL_MAX_MS)
        *ret_ttl_ms = JAY_TTL_FOREVER;
    else
        *ret_ttl_ms = (int64_t)ms;
    return 0;
}

int py_ttl_convert(PyObject *timeout, int64_t *ret_ttl_ms) {
    if (PyLong_Check(timeout)) {
        int overflow = 0;
        long long seconds = PyLong_AsLongLongAndOverflow(timeout, &overflow);
        if (overflow < 0 || seconds < 0)
            *ret_ttl_ms = -1;
        else if (overflow > 0 || seconds > JAY_TTL_MAX_MS / 1000)
            *ret_ttl_ms = JAY_TTL_FOREVER;
        else
            *ret_ttl_ms = (int64_t)seconds * 1000;
        return 0;
    }
    PyObject *given = PyObject_HasAttrString(timeout, "total_seconds")
                          ? PyObject_CallMethod(timeout, "total_seconds", NULL)
                          : PyNumber_Float(timeout);
    double seconds = given != NULL ? PyFloat_AsDouble(given) : -1.0;
    Py_XDECREF(given);
    if (PyErr_Occurred()) return -1;
    return ttl_of_double(seconds, ret_ttl_ms);
}

int py_ttl_take(py_store *self, PyObject *timeout, int64_t *ret_ttl_ms) {
    if (self->asks_ttl) {
        PyObject *ms = PyObject_CallMethod((PyObject *)self, "_asked_ttl_ms", "(O)",
                                           timeout != NULL ? timeout : Py_None);
        if (ms == NULL) return -1;
        *ret_ttl_ms = PyLong_AsLongLong(ms);
        Py_DECREF(ms);
        return PyErr_Occurred() ? -1 : 0;
    }
    if (timeout != NULL && timeout != Py_None) return py_ttl_convert(timeout, ret_ttl_ms);
    *ret_ttl_ms = self->default_ttl_ms;
    return 0;
}
