/*
 * py_batches.c - the methods of Store that deal with many keys: one call of the library each.
 *
 * Where a class of someone else's has a get, set or delete of its own, the batch goes through it,
 * as the batches of the original classes do; Python does that (Store._each_...).
 */
#include <string.h>

#include "py_store.h"

/* What a batch works on. Every array has `count` places, and so many of `keys` are taken. */
typedef struct {
    Py_ssize_t count;
    Py_ssize_t taken;
    py_key *keys;
    jay_bytes *names;
    jay_value *views;
    jay_pair *pairs;
    py_bytes *values;
    uint32_t *flags;
    int *statuses;
} batch;

static void batch_done(batch *b) {
    for (Py_ssize_t i = 0; i < b->taken; i++) py_key_done(&b->keys[i]);
    if (b->values != NULL)
        for (Py_ssize_t i = 0; i < b->taken; i++) py_bytes_done(&b->values[i]);
    PyMem_Free(b->keys);
    PyMem_Free(b->names);
    PyMem_Free(b->views);
    PyMem_Free(b->pairs);
    PyMem_Free(b->values);
    PyMem_Free(b->flags);
    PyMem_Free(b->statuses);
}

static int batch_begin(batch *b, Py_ssize_t count) {
    memset(b, 0, sizeof *b);
    b->count = count;
    b->keys = PyMem_New(py_key, (size_t)count + 1);
    b->names = PyMem_New(jay_bytes, (size_t)count + 1);
    b->statuses = PyMem_New(int, (size_t)count + 1);
    if (b->keys != NULL && b->names != NULL && b->statuses != NULL) return 0;
    PyErr_NoMemory();
    batch_done(b);
    memset(b, 0, sizeof *b);
    return -1;
}

static int take_keys(py_store *self, batch *b, PyObject *const *args) {
    int64_t skew;
    for (Py_ssize_t i = 0; i < b->count; i++) {
        if (py_key_take(self, args[i], &b->keys[i]) != 0) return -1;
        b->taken++;
        if (py_age(self, &b->keys[i], &skew) != 0) return -1;
        b->names[i].data = b->keys[i].data;
        b->names[i].size = b->keys[i].size;
    }
    return 0;
}

static PyObject *each(PyObject *object, const char *method, PyObject *const *args,
                      Py_ssize_t nargs) {
    PyObject *keys = PyTuple_New(nargs);
    if (keys == NULL) return NULL;
    for (Py_ssize_t i = 0; i < nargs; i++) PyTuple_SET_ITEM(keys, i, Py_NewRef(args[i]));
    PyObject *answer = PyObject_CallMethod(object, method, "(O)", keys);
    Py_DECREF(keys);
    return answer;
}

/* `missing`: what stands for a value that is not there; NULL: what the class says. */
static int view_to_item(py_store *self, batch *b, Py_ssize_t i, PyObject *key, PyObject *missing,
                        PyObject **ret_item) {
    if (b->statuses[i] == JAY_OK)
        *ret_item =
            py_decode(self, b->views[i].data, b->views[i].size, jay_value_flags(&b->views[i]));
    else if (missing != NULL)
        *ret_item = Py_NewRef(missing);
    else if (self->traits & PY_MISS_HOOK)
        *ret_item = PyObject_CallMethod((PyObject *)self, "_missed", "(O)", key);
    else
        *ret_item = Py_NewRef(Py_None);
    return *ret_item != NULL ? 0 : -1;
}

static PyObject *read_or(py_store *self, batch *b, PyObject *const *args, PyObject *missing) {
    jay_error error;
    int status;
    b->views = PyMem_New(jay_value, (size_t)b->count + 1);
    if (b->views == NULL) return PyErr_NoMemory();
    PyObject *list = PyList_New(b->count);
    if (list == NULL) return NULL;
    PY_CALL(self->waits_in_reads, status = jay_get_many(self->cache, b->names, (size_t)b->count,
                                                        b->views, b->statuses, &error));
    int failed = 0;
    if (status < 0) {
        PyObject *went_on = py_failed(self, status, &error, Py_None);
        failed = went_on == NULL;
        Py_XDECREF(went_on);
    }
    for (Py_ssize_t i = 0; i < b->count && !failed; i++) {
        PyObject *item = NULL;
        failed = view_to_item(self, b, i, args[i], missing, &item);
        if (!failed) PyList_SET_ITEM(list, i, item);
    }
    if (status != JAY_E_ARGUMENT) jay_values_release(b->views, (size_t)b->count);
    if (!failed) return list;
    Py_DECREF(list);
    return NULL;
}

static PyObject *read_many(py_store *self, batch *b, PyObject *const *args) {
    return read_or(self, b, args, NULL);
}

/* Before the keys stands what to give for those that are not there. */
static PyObject *find_many(py_store *self, batch *b, PyObject *const *args) {
    return read_or(self, b, args, args[-1]);
}

/* What a batch does with its keys. */
typedef PyObject *key_work(py_store *self, batch *b, PyObject *const *args);

/* Ends a call that py_enter has begun: has `work` done on the keys; or, where the class has a
 * method of its own for one of them, has Python do it. */
static PyObject *on_keys(py_store *self, PyObject *const *args, Py_ssize_t count, bool is_own,
                         const char *by_python, key_work *work) {
    batch b;
    PyObject *list = NULL;
    if (!is_own) {
        list = each((PyObject *)self, by_python, args, count);
    } else if (batch_begin(&b, count) == 0) {
        if (take_keys(self, &b, args) == 0) list = work(self, &b, args);
        batch_done(&b);
    }
    py_leave(self);
    return list;
}

static PyObject *store_get_many(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
    py_store *self = (py_store *)object;
    if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0) {
        PyErr_SetString(PyExc_TypeError, "get_many takes keys only");
        return NULL;
    }
    if (py_enter(self) != 0) return NULL;
    return on_keys(self, args, nargs, self->own_get, "_each_get", read_many);
}

static PyObject *store_find_many(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
    py_store *self = (py_store *)object;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "_find_many takes what stands for a miss, and keys");
        return NULL;
    }
    if (py_enter(self) != 0) return NULL;
    return on_keys(self, args + 1, nargs - 1, true, NULL, find_many);
}

static PyObject *delete_some(py_store *self, batch *b, PyObject *const *args) {
    jay_error error;
    int status;
    PY_CALL(self->waits_in_writes,
            status = jay_delete_many(self->cache, b->names, (size_t)b->count, b->statuses, &error));
    if (status < 0) {
        PyObject *went_on = py_failed(self, status, &error, Py_None);
        if (went_on == NULL) return NULL;
        Py_DECREF(went_on);
    }
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; i < b->count && list != NULL; i++) {
        bool is_gone =
            b->statuses[i] == JAY_OK ||
            (b->statuses[i] == JAY_MISS && (self->traits & (PY_DELETES_MISSES | PY_LISTS_MISSES)));
        if (is_gone && PyList_Append(list, args[i]) != 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *store_delete_many(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                                   PyObject *kwnames) {
    py_store *self = (py_store *)object;
    if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0) {
        PyErr_SetString(PyExc_TypeError, "delete_many takes keys only");
        return NULL;
    }
    if (py_enter(self) != 0) return NULL;
    return on_keys(self, args, nargs, self->own_delete, "_each_delete", delete_some);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int take_pairs(py_store *self, batch *b, PyObject *pairs, int64_t ttl_ms) {
    static const size_t item_room = 256;
    /* set_pairs frees it: the keys have one place more than there are. */
    char *scratch = PyMem_Malloc((size_t)b->count * item_room + 1);
    if (scratch == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    b->keys[b->count].owner = NULL;
    b->keys[b->count].data = scratch;
    for (Py_ssize_t i = 0; i < b->count; i++) {
        PyObject *pair = PyList_GET_ITEM(pairs, i);
        PyObject *value = PyTuple_GET_ITEM(pair, 1);
        if (py_key_take(self, PyTuple_GET_ITEM(pair, 0), &b->keys[i]) != 0) return -1;
        b->values[i].owner = NULL;
        b->values[i].heap = NULL;
        b->taken++;
        if (py_encode(self, value, scratch + (size_t)i * item_room, item_room, &b->values[i]) != 0)
            return -1;
        b->flags[i] = b->values[i].flags;
        b->pairs[i].key.data = b->keys[i].data;
        b->pairs[i].key.size = b->keys[i].size;
        b->pairs[i].value.data = b->values[i].data;
        b->pairs[i].value.size = b->values[i].size;
        b->pairs[i].ttl_ms = ttl_ms;
    }
    return 0;
}

static PyObject *write_many(py_store *self, batch *b, PyObject *pairs) {
    jay_error error;
    int status;
    bool has_flags = self->form == PY_MEMCACHED;
    PY_CALL(self->waits_in_writes,
            status = jay_set_many_flags(self->cache, b->pairs, has_flags ? b->flags : NULL,
                                        (size_t)b->count, b->statuses, &error));
    if (status < 0) {
        PyObject *went_on = py_failed(self, status, &error, Py_None);
        if (went_on == NULL) return NULL;
        Py_DECREF(went_on);
    }
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; i < b->count && list != NULL; i++) {
        PyObject *key = PyTuple_GET_ITEM(PyList_GET_ITEM(pairs, i), 0);
        if (b->statuses[i] == JAY_OK && PyList_Append(list, key) != 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *set_pairs(py_store *self, PyObject *pairs, PyObject *timeout) {
    batch b;
    int64_t ttl_ms = 0;
    if (py_ttl_take(self, timeout, &ttl_ms) != 0) return NULL;
    if (batch_begin(&b, PyList_GET_SIZE(pairs)) != 0) return NULL;
    b.keys[b.count].data = NULL;
    b.pairs = PyMem_New(jay_pair, (size_t)b.count + 1);
    b.values = PyMem_New(py_bytes, (size_t)b.count + 1);
    b.flags = PyMem_New(uint32_t, (size_t)b.count + 1);
    PyObject *list = NULL;
    if (b.pairs == NULL || b.values == NULL || b.flags == NULL)
        PyErr_NoMemory();
    else if (take_pairs(self, &b, pairs, ttl_ms) == 0)
        list = write_many(self, &b, pairs);
    PyMem_Free((char *)(uintptr_t)b.keys[b.count].data);
    batch_done(&b);
    return list;
}

/* A list of (key, value) from a mapping, or from an iterable of pairs. */
static PyObject *pairs_of(PyObject *given) {
    PyObject *items = PyMapping_Check(given) && !PyList_Check(given) && !PyTuple_Check(given)
                          ? PyMapping_Items(given)
                          : PySequence_List(given);
    if (items == NULL) return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2) continue;
        PyObject *tuple = PySequence_Tuple(pair);
        if (tuple != NULL && PyTuple_GET_SIZE(tuple) != 2) {
            PyErr_SetString(PyExc_ValueError, "set_many takes a mapping, or pairs");
            Py_CLEAR(tuple);
        }
        if (tuple == NULL) {
            Py_DECREF(items);
            return NULL;
        }
        PyList_SetItem(items, i, tuple);
    }
    return items;
}

static PyObject *store_set_many(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
    static const char *const names[] = {"mapping", "timeout"};
    py_store *self = (py_store *)object;
    PyObject *given[2];
    if (py_args(names, 1, 2, args, nargs, kwnames, given) != 0) return NULL;
    PyObject *pairs = pairs_of(given[0]);
    if (pairs == NULL) return NULL;
    PyObject *list = NULL;
    if (py_enter(self) == 0) {
        /* Hooks and a clock that stands in want to see each key. */
        if (!self->own_set || self->traits & PY_SET_HOOK || self->st->clock != NULL)
            list = PyObject_CallMethod(object, "_each_set", "OO", pairs,
                                       given[1] != NULL ? given[1] : Py_None);
        else
            list = set_pairs(self, pairs, given[1]);
        py_leave(self);
    }
    Py_DECREF(pairs);
    return list;
}

/* ---- looking inside -------------------------------------------------------------------------- */

typedef struct {
    char *bytes; /* size, then key, one after the other */
    size_t size;
    size_t room;
    bool failed;
} key_pile;

/* Runs without the GIL. */
static int pile_key(void *arg, const jay_entry_info *entry) {
    key_pile *pile = arg;
    size_t need = sizeof entry->key_size + entry->key_size;
    if (pile->size + need > pile->room) {
        size_t room = 2 * (pile->room + need);
        char *grown = PyMem_RawRealloc(pile->bytes, room);
        if (grown == NULL) {
            pile->failed = true;
            return 1;
        }
        pile->bytes = grown;
        pile->room = room;
    }
    memcpy(pile->bytes + pile->size, &entry->key_size, sizeof entry->key_size);
    memcpy(pile->bytes + pile->size + sizeof entry->key_size, entry->key, entry->key_size);
    pile->size += need;
    return 0;
}

static PyObject *pile_to_list(const key_pile *pile) {
    PyObject *list = PyList_New(0);
    for (size_t at = 0; at < pile->size && list != NULL;) {
        size_t size;
        memcpy(&size, pile->bytes + at, sizeof size);
        PyObject *key = PyBytes_FromStringAndSize(pile->bytes + at + sizeof size, (Py_ssize_t)size);
        if (key == NULL || PyList_Append(list, key) != 0) Py_CLEAR(list);
        Py_XDECREF(key);
        at += sizeof size + size;
    }
    return list;
}

static PyObject *store_raw_keys(PyObject *object, PyObject *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    key_pile pile = {NULL, 0, 0, false};
    jay_error error;
    int status;
    PyObject *list = NULL;
    if (py_enter(self) != 0) return NULL;
    PY_CALL(true, status = jay_iterate(self->cache, pile_key, &pile, &error));
    if (pile.failed)
        PyErr_NoMemory();
    else if (status < 0)
        py_error_raise(self->st, status, &error);
    else
        list = pile_to_list(&pile);
    PyMem_RawFree(pile.bytes);
    py_leave(self);
    return list;
}

static PyObject *store_stats(PyObject *object, PyObject *unused) {
    (void)unused;
    py_store *self = (py_store *)object;
    jay_stats stats;
    jay_error error;
    int status;
    PyObject *dict = NULL;
    if (py_enter(self) != 0) return NULL;
    PY_CALL(self->waits_in_reads,
            status = jay_get_stats(self->cache, &stats, sizeof stats, &error));
    if (status < 0)
        py_error_raise(self->st, status, &error);
    else
        dict = PyDict_New();
#define ADD_STAT(name, text)                                                                  \
    if (dict != NULL) {                                                                       \
        PyObject *number = PyLong_FromLongLong(stats.name);                                   \
        if (number == NULL || PyDict_SetItemString(dict, #name, number) != 0) Py_CLEAR(dict); \
        Py_XDECREF(number);                                                                   \
    }
    JAY_STATS_MAP(ADD_STAT)
#undef ADD_STAT
    py_leave(self);
    return dict;
}

PyMethodDef py_batch_methods[] = {
    PY_METHOD("get_many", store_get_many,
              "get_many($self, *keys)\n--\n\nThe values of many keys as a list, None for those "
              "that are not "
              "there; one round trip to a server.\n\n:param keys: the keys."),
    PY_METHOD(
        "set_many", store_set_many,
        "set_many($self, mapping, timeout=None)\n--\n\nStore many values.\n\n:param mapping: a "
        "mapping, or pairs of key and value.\n:param timeout: as in set, for all of them.\n"
        ":returns: a list of the keys that were stored."),
    PY_METHOD("delete_many", store_delete_many,
              "delete_many($self, *keys)\n--\n\nRemove many entries. Returns a list of the keys "
              "that were "
              "removed."),
    {"_find_many", (PyCFunction)(void (*)(void))store_find_many, METH_FASTCALL,
     "_find_many($self, missing, *keys)\n--\n\nAs get_many, with `missing` for those that are not "
     "there, since None can be a value."},
    {"stats", store_stats, METH_NOARGS,
     "stats($self)\n--\n\nThe statistics of the cache, by name; -1: it does not know."},
    {"_raw_keys", store_raw_keys, METH_NOARGS,
     "_raw_keys($self)\n--\n\nThe keys of all live entries, as bytes."},
    {NULL, NULL, 0, NULL},
};
