/*
 * py_store.c - the type Store, one open cache, from which the package's classes are made; and the
 * module `_jaycache`.
 *
 * All classes of the package have this one layout and no other, so that classes of users can
 * inherit from several of them. What a class decides in Python (serializer, prefix, timeouts,
 * methods that were replaced) is asked for once, by Store._configure, and again when an attribute
 * that it reads is set, or when the type has changed: a get then costs two comparisons for it.
 *
 * The cache is closed when the last call that runs and the last view that lives are done; `users`
 * counts them, under the GIL.
 */
#include <pthread.h>
#include <string.h>

#include "py_store.h"

/* ---- open, close ----------------------------------------------------------------------------- */

void py_close_now(py_store *self) {
    jay_cache *cache = self->cache;
    self->cache = NULL;
    self->closing = false;
    if (cache != NULL) PY_CALL(self->waits_in_writes, jay_close(cache));
}

static int take_function(PyObject *given, PyObject **place) {
    PyObject *old = *place;
    *place = given == Py_None ? NULL : Py_NewRef(given);
    Py_XDECREF(old);
    return 0;
}

/* Asks the class how it wants things: see Store._configure in jaycache/base.py. */
static int configure(py_store *self) {
    PyObject *answer = PyObject_CallMethod((PyObject *)self, "_configure", NULL);
    if (answer == NULL) return -1;
    PyObject *dumps, *loads, *prefix;
    int digits, counting, asks_ttl, asks_prefix, own_get, own_set, own_delete;
    int parsed =
        PyArg_ParseTuple(answer, "OOpiOppppp;_configure", &dumps, &loads, &digits, &counting,
                         &prefix, &asks_ttl, &asks_prefix, &own_get, &own_set, &own_delete);
    if (parsed && prefix != Py_None && !PyBytes_Check(prefix)) {
        PyErr_SetString(PyExc_TypeError, "a key prefix must be text or bytes");
        parsed = 0;
    }
    if (parsed) {
        take_function(dumps, &self->dumps);
        take_function(loads, &self->loads);
        take_function(prefix, &self->prefix);
        self->has_digits = digits;
        self->counting = counting;
        self->asks_ttl = asks_ttl;
        self->asks_prefix = asks_prefix;
        self->own_get = own_get;
        self->own_set = own_set;
        self->own_delete = own_delete;
        self->stale = false;
        self->seen_type = Py_TYPE(self)->tp_version_tag;
    }
    Py_DECREF(answer);
    return parsed ? 0 : -1;
}

int py_enter_anew(py_store *self) {
    if (self->cache == NULL || self->closing) {
        PyErr_SetString(PyExc_ValueError, "the cache is closed or was never opened, or this is "
                                          "nothing that can be asked of the client it was given");
        return -1;
    }
    return configure(self);
}

static int set_option(jay_options *options, PyObject *name, PyObject *value) {
    const char *key = PyUnicode_AsUTF8(name);
    if (key == NULL) return -1;
    int status;
    if (PyLong_Check(value)) {
        long long number = PyLong_AsLongLong(value);
        if (PyErr_Occurred()) return -1;
        status = jay_options_set_int(options, key, number);
    } else {
        PyObject *text = PyObject_Str(value);
        const char *chars = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
        status = chars != NULL ? jay_options_set_text(options, key, chars) : JAY_E_ARGUMENT;
        Py_XDECREF(text);
    }
    if (status == JAY_OK) return 0;
    if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "option %R: not possible", name);
    return -1;
}

static jay_options *take_options(PyObject *dict) {
    jay_options *options = NULL;
    if (jay_options_create(NULL, &options) != JAY_OK) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_ssize_t at = 0;
    PyObject *name, *value;
    while (PyDict_Next(dict, &at, &name, &value)) {
        if (value == Py_None || set_option(options, name, value) == 0) continue;
        jay_options_destroy(options);
        return NULL;
    }
    return options;
}

/* _open(url, options, form, traits) */
static PyObject *store_open(PyObject *object, PyObject *args) {
    py_store *self = (py_store *)object;
    const char *url;
    PyObject *dict;
    int form, traits;
    if (!PyArg_ParseTuple(args, "sO!ii:_open", &url, &PyDict_Type, &dict, &form, &traits))
        return NULL;
    if (self->users > 0) {
        PyErr_SetString(PyExc_ValueError, "the cache is in use");
        return NULL;
    }
    jay_options *options = take_options(dict);
    if (options == NULL) return NULL;
    jay_cache *cache = NULL;
    jay_error error;
    int status;
    PY_CALL(true, status = jay_open(url, options, &cache, &error));
    jay_options_destroy(options);
    if (status != JAY_OK) {
        py_error_raise(self->st, status, &error);
        return NULL;
    }
    py_close_now(self);
    const char *scheme = jay_cache_scheme(cache);
    bool in_memory = strcmp(scheme, "memory") == 0 || strcmp(scheme, "simple") == 0 ||
                     strcmp(scheme, "null") == 0;
    self->cache = cache;
    self->form = form;
    self->traits = traits;
    self->stale = true;
    self->waits_in_writes = !in_memory;
    /* Reads of shared memory take no lock of anyone's. */
    self->waits_in_reads = !in_memory && strcmp(scheme, "shm") != 0;
    self->reads_into = !self->waits_in_reads || strcmp(scheme, "file") == 0;
    Py_RETURN_NONE;
}

static PyObject *store_close(PyObject *object, PyObject *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    if (self->cache != NULL) {
        if (self->users == 0)
            py_close_now(self);
        else
            self->closing = true;
    }
    Py_RETURN_NONE;
}

/* ---- the type -------------------------------------------------------------------------------- */

static struct PyModuleDef module_def;

/* The state of the module that a subtype's Store belongs to. */
static py_state *state_of(PyTypeObject *type) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);
        if (!PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) continue;
        PyObject *module = PyType_GetModule(base);
        if (module == NULL)
            PyErr_Clear();
        else if (PyModule_GetDef(module) == &module_def)
            return PyModule_GetState(module);
    }
    PyErr_SetString(PyExc_TypeError, "no Store among the bases");
    return NULL;
}

static PyObject *store_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    py_state *st = state_of(type);
    py_store *self = st != NULL ? (py_store *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) return NULL;
    self->st = st;
    self->default_ttl_ms = 300000;
    self->stale = true;
    return (PyObject *)self;
}

static int store_traverse(PyObject *object, visitproc visit, void *arg) {
    py_store *self = (py_store *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dumps);
    Py_VISIT(self->loads);
    Py_VISIT(self->timeout);
    return 0;
}

static int store_clear_refs(PyObject *object) {
    py_store *self = (py_store *)object;
    Py_CLEAR(self->dumps);
    Py_CLEAR(self->loads);
    Py_CLEAR(self->timeout);
    self->stale = true;
    return 0;
}

static void store_dealloc(PyObject *object) {
    py_store *self = (py_store *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    py_close_now(self);
    store_clear_refs(object);
    Py_CLEAR(self->prefix);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Attributes that _configure reads; setting another one costs a comparison of lengths. */
static int store_setattr(PyObject *object, PyObject *name, PyObject *value) {
    static const char *const watched[] = {
        "serializer",  "key_prefix", "dump_object", "load_object", "_normalize_timeout",
        "_get_prefix", "get",        "set",         "delete",      "_normalize_key",
        "secret_key",
    };
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        if (PyUnicode_CompareWithASCIIString(name, watched[i]) == 0)
            ((py_store *)object)->stale = true;
    return PyObject_GenericSetAttr(object, name, value);
}

static PyObject *get_timeout(PyObject *object, void *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    return self->timeout != NULL ? Py_NewRef(self->timeout) : PyLong_FromLong(300);
}

static int set_timeout(PyObject *object, PyObject *value, void *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    int64_t ttl_ms;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "default_timeout cannot be deleted");
        return -1;
    }
    if (value == Py_None)
        ttl_ms = JAY_TTL_FOREVER;
    else if (py_ttl_convert(value, &ttl_ms) != 0)
        return -1;
    PyObject *old = self->timeout;
    self->timeout = Py_NewRef(value);
    self->default_ttl_ms = ttl_ms;
    Py_XDECREF(old);
    return 0;
}

static PyObject *get_scheme(PyObject *object, void *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    if (self->cache == NULL) Py_RETURN_NONE;
    return PyUnicode_FromString(jay_cache_scheme(self->cache));
}

static PyGetSetDef store_attributes[] = {
    {"default_timeout", get_timeout, set_timeout,
     "seconds that an entry lives by default; 0: for ever", NULL},
    {"_scheme", get_scheme, NULL, "the scheme of the open cache, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef own_methods[] = {
    {"_open", store_open, METH_VARARGS, "_open($self, url, options, form, traits, /)\n--\n\n"},
    {"close", store_close, METH_NOARGS,
     "close($self)\n--\n\nClose the cache, as soon as the calls and the views of it are done."},
    {NULL, NULL, 0, NULL},
};

/* All methods in one table, which every interpreter's type points to: written once, as interpreters
 * that have a GIL each may load the module at the same time. */
static PyMethodDef methods[64];
static pthread_once_t methods_once = PTHREAD_ONCE_INIT;

static void fill_methods(void) {
    PyMethodDef *const parts[] = {own_methods, py_call_methods, py_batch_methods, py_view_methods};
    size_t count = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const PyMethodDef *from = parts[i]; from->ml_name != NULL; from++)
            methods[count++] = *from;
}

PyObject *py_store_type_make(PyObject *module) {
    pthread_once(&methods_once, fill_methods);
    PyType_Slot slots[] = {
        {Py_tp_doc,
         (void *)(uintptr_t) "One open cache: what the classes of jaycache are made from."},
        {Py_tp_new, (void *)store_new},
        {Py_tp_dealloc, (void *)store_dealloc},
        {Py_tp_traverse, (void *)store_traverse},
        {Py_tp_clear, (void *)store_clear_refs},
        {Py_tp_setattro, (void *)store_setattr},
        {Py_tp_methods, methods},
        {Py_tp_getset, store_attributes},
        {0, NULL},
    };
    PyType_Spec spec = {"_jaycache.Store", sizeof(py_store), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* ---- arguments ------------------------------------------------------------------------------- */

int py_args(const char *const *names, int min, int max, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames, PyObject **ret_args) {
    if (nargs > max) {
        PyErr_Format(PyExc_TypeError, "at most %d arguments are possible, %zd were given", max,
                     nargs);
        return -1;
    }
    for (int i = 0; i < max; i++) ret_args[i] = i < nargs ? args[i] : NULL;
    Py_ssize_t named = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t k = 0; k < named; k++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, k);
        int place = 0;
        while (place < max && PyUnicode_CompareWithASCIIString(name, names[place]) != 0) place++;
        if (place == max || ret_args[place] != NULL) {
            PyErr_Format(PyExc_TypeError, "unexpected or repeated argument %R", name);
            return -1;
        }
        ret_args[place] = args[nargs + k];
    }
    for (int i = 0; i < min; i++) {
        if (ret_args[i] != NULL) continue;
        PyErr_Format(PyExc_TypeError, "the argument '%s' is missing", names[i]);
        return -1;
    }
    return 0;
}

/* ---- the module ------------------------------------------------------------------------------ */

static PyObject *set_clock(PyObject *module, PyObject *clock) {
    py_state *st = PyModule_GetState(module);
    PyObject *old = st->clock;
    st->clock = clock == Py_None ? NULL : Py_NewRef(clock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *shm_remove(PyObject *module, PyObject *name) {
    jay_error error;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) return NULL;
    int status;
    PY_CALL(true, status = jay_shm_remove(text, &error));
    if (status >= 0) return PyBool_FromLong(status == JAY_OK);
    py_error_raise(PyModule_GetState(module), status, &error);
    return NULL;
}

/* The options of a scheme: a list of (name, type, default, help). */
static PyObject *options_of(PyObject *module, PyObject *scheme) {
    (void)module;
    const char *text = PyUnicode_AsUTF8(scheme);
    PyObject *list = text != NULL ? PyList_New(0) : NULL;
    const jay_option_info *info;
    for (size_t i = 0; list != NULL && (info = jay_option_at(text, i)) != NULL; i++) {
        PyObject *row =
            Py_BuildValue("siss", info->name, info->type, info->default_text, info->help);
        if (row == NULL || PyList_Append(list, row) != 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static PyMethodDef module_methods[] = {
    {"set_clock", set_clock, METH_O,
     "set_clock($module, clock, /)\n--\n\nA function in place of time.time for local caches; None: "
     "none."},
    {"shm_remove", shm_remove, METH_O,
     "shm_remove($module, name, /)\n--\n\nRemove a shared memory cache; whether there was one."},
    {"options_of", options_of, METH_O,
     "options_of($module, scheme, /)\n--\n\nThe options of a URL scheme."},
    {NULL, NULL, 0, NULL},
};

static PyObject *import_from(const char *module_name, const char *name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *found = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return found;
}

static int add_constants(PyObject *module) {
    return PyModule_AddIntMacro(module, PY_LOCAL) || PyModule_AddIntMacro(module, PY_QUIET) ||
           PyModule_AddIntMacro(module, PY_MISS_HOOK) ||
           PyModule_AddIntMacro(module, PY_SET_HOOK) ||
           PyModule_AddIntMacro(module, PY_DELETES_MISSES) ||
           PyModule_AddIntMacro(module, PY_LISTS_MISSES) ||
           PyModule_AddIntMacro(module, PY_ODD_KEYS) || PyModule_AddIntMacro(module, PY_PICKLE) ||
           PyModule_AddIntMacro(module, PY_REDIS) || PyModule_AddIntMacro(module, PY_RAW) ||
           PyModule_AddIntMacro(module, PY_MEMCACHED) ||
           PyModule_AddStringConstant(module, "library_version", jay_version_string());
}

static int module_exec(PyObject *module) {
    py_state *st = PyModule_GetState(module);
    if (py_errors_init(module, st) != 0 || add_constants(module) != 0) return -1;
    PyObject *error = import_from("_pickle", "UnpicklingError");
    if (error == NULL) return -1;
    st->unpickling_errors = PyTuple_Pack(2, error, PyExc_EOFError);
    Py_DECREF(error);
    st->dumps = import_from("_pickle", "dumps");
    st->loads = import_from("_pickle", "loads");
    st->time = import_from("time", "time");
    st->inflate = import_from("zlib", "decompress");
    st->protocol = PyLong_FromLong(5);
    st->store_type = py_store_type_make(module);
    st->pin_type = py_pin_type_make(module);
    if (st->unpickling_errors == NULL || st->dumps == NULL || st->loads == NULL ||
        st->time == NULL || st->inflate == NULL || st->protocol == NULL || st->store_type == NULL ||
        st->pin_type == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "Store", st->store_type);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    py_state *st = PyModule_GetState(module);
    for (int i = 0; i < PY_FAILURES; i++) Py_VISIT(st->failures[i]);
    Py_VISIT(st->error);
    Py_VISIT(st->store_type);
    Py_VISIT(st->pin_type);
    Py_VISIT(st->clock);
    return 0;
}

static int module_clear(PyObject *module) {
    py_state *st = PyModule_GetState(module);
    for (int i = 0; i < PY_FAILURES; i++) Py_CLEAR(st->failures[i]);
    Py_CLEAR(st->error);
    Py_CLEAR(st->store_type);
    Py_CLEAR(st->pin_type);
    Py_CLEAR(st->clock);
    Py_CLEAR(st->dumps);
    Py_CLEAR(st->loads);
    Py_CLEAR(st->time);
    Py_CLEAR(st->inflate);
    Py_CLEAR(st->protocol);
    Py_CLEAR(st->unpickling_errors);
    return 0;
}

static void module_free(void *module) {
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_mod_multiple_interpreters
    /* What is Python's lies in the module's state, and the library itself is safe for threads. */
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    /* A free-threaded interpreter switches its GIL on when it loads this module, and says so. */
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    "_jaycache",
    "The Jaycache library for Python. Use the package jaycache, which is made on it.",
    sizeof(py_state),
    module_methods,
    module_slots,
    module_traverse,
    module_clear,
    module_free,
};

PyMODINIT_FUNC PyInit__jaycache(void);

PyMODINIT_FUNC PyInit__jaycache(void) {
    return PyModuleDef_Init(&module_def);
}
