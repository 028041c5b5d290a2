/*
 * py_errors.c - a class of exceptions for each failure of the library, made from its table of
 * statuses, so that a new status is there without a line of its own here.
 *
 * JAY_E_NO_MEMORY becomes CacheNoMemoryError, a CacheError that also is the built-in exception
 * which Python programs would expect (`builtin_of`).
 */
#include <ctype.h>
#include <string.h>

#include "py_store.h"

/* "E_NO_MEMORY" -> "CacheNoMemoryError": no name of a built-in exception is hidden by these. */
static void class_name(const char *status_name, char *ret_name, size_t room) {
    static const char before[] = "Cache";
    size_t length = sizeof before - 1;
    bool begins = true;
    memcpy(ret_name, before, length);
    for (const char *c = status_name + strlen("E_"); *c != '\0' && length + 6 < room; c++) {
        if (*c == '_') {
            begins = true;
            continue;
        }
        ret_name[length++] = begins ? *c : (char)tolower((unsigned char)*c);
        begins = false;
    }
    memcpy(ret_name + length, "Error", 6);
}

static PyObject *builtin_of(int status) {
    switch (status) {
    case JAY_E_NO_MEMORY:
        return PyExc_MemoryError;
    case JAY_E_NOT_INTEGER:
        return PyExc_TypeError;
    case JAY_E_OVERFLOW:
        return PyExc_OverflowError;
    case JAY_E_UNSUPPORTED:
        return PyExc_NotImplementedError;
    case JAY_E_IO:
        return PyExc_OSError;
    case JAY_E_FULL:
        return PyExc_OSError;
    case JAY_E_PERMISSION:
        return PyExc_PermissionError;
    case JAY_E_TIMEOUT:
        return PyExc_TimeoutError;
    case JAY_E_UNREACHABLE:
        return PyExc_ConnectionError;
    case JAY_E_ARGUMENT:
    case JAY_E_URL:
    case JAY_E_SCHEME:
    case JAY_E_OPTION:
    case JAY_E_OPTION_VALUE:
    case JAY_E_KEY:
    case JAY_E_TOO_BIG:
        return PyExc_ValueError;
    default:
        return PyExc_RuntimeError;
    }
}

static int add_failure(PyObject *module, py_state *st, const char *name, int status,
                       const char *text) {
    char class[64], qualified[96];
    class_name(name, class, sizeof class);
    snprintf(qualified, sizeof qualified, "jaycache.%s", class);
    PyObject *bases = PyTuple_Pack(2, st->error, builtin_of(status));
    PyObject *values =
        Py_BuildValue("{s:i,s:s}", "status", status, "status_name", jay_status_name(status));
    PyObject *made = NULL;
    if (bases != NULL && values != NULL)
        made = PyErr_NewExceptionWithDoc(qualified, text, bases, values);
    Py_XDECREF(bases);
    Py_XDECREF(values);
    if (made == NULL) return -1;
    st->failures[-status] = made;
    return PyModule_AddObjectRef(module, class, made);
}

int py_errors_init(PyObject *module, py_state *st) {
    PyObject *values = Py_BuildValue("{s:O,s:O,s:O}", "status", Py_None, "status_name", Py_None,
                                     "backend", Py_None);
    if (values == NULL) return -1;
    st->error = PyErr_NewExceptionWithDoc("jaycache.CacheError", "A cache could not do its work.",
                                          NULL, values);
    Py_DECREF(values);
    if (st->error == NULL || PyModule_AddObjectRef(module, "CacheError", st->error) != 0) return -1;
#define ADD_FAILURE(name, number, text) \
    if ((number) < 0 && add_failure(module, st, #name, number, text) != 0) return -1;
    JAY_STATUS_MAP(ADD_FAILURE)
#undef ADD_FAILURE
    return 0;
}

/* An exception object for a failure; not raised yet. */
PyObject *py_error_make(py_state *st, int status, const jay_error *error) {
    PyObject *class = status < 0 && status > -PY_FAILURES ? st->failures[-status] : NULL;
    const char *message =
        error != NULL && error->message[0] != '\0' ? error->message : jay_status_text(status);
    PyObject *made = PyObject_CallFunction(class != NULL ? class : st->error, "s", message);
    if (made != NULL && error != NULL && error->backend[0] != '\0') {
        PyObject *backend = PyUnicode_FromString(error->backend);
        if (backend == NULL || PyObject_SetAttrString(made, "backend", backend) != 0) {
            Py_XDECREF(backend);
            Py_DECREF(made);
            return NULL;
        }
        Py_DECREF(backend);
    }
    return made;
}

void py_error_raise(py_state *st, int status, const jay_error *error) {
    PyObject *made = py_error_make(st, status, error);
    if (made == NULL) return;
    PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_DECREF(made);
}
