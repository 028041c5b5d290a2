/*
 * py_views.c - values without a copy: a memoryview over the bytes that the library has pinned.
 *
 * The pin is an object with a buffer, which lives as long as a memoryview of it does. It keeps the
 * store open: Store.close waits for the last one (py_leave).
 */
#include "py_store.h"

typedef struct {
    PyObject_HEAD py_store *store;
    jay_value value;
    Py_ssize_t offset;
    Py_ssize_t size;
} py_pin;

static int pin_get_buffer(PyObject *object, Py_buffer *view, int flags) {
    py_pin *pin = (py_pin *)object;
    char *bytes = (char *)(uintptr_t)pin->value.data + pin->offset;
    return PyBuffer_FillInfo(view, object, bytes, pin->size, 1, flags);
}

static void pin_dealloc(PyObject *object) {
    py_pin *pin = (py_pin *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (pin->store != NULL) {
        jay_value_release(&pin->value);
        py_leave(pin->store);
        Py_DECREF(pin->store);
    }
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject *py_pin_type_make(PyObject *module) {
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)pin_dealloc},
        {Py_bf_getbuffer, (void *)pin_get_buffer},
        {0, NULL},
    };
    static PyType_Spec spec = {"_jaycache.Pin", sizeof(py_pin), 0, Py_TPFLAGS_DEFAULT, slots};
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* Makes an object of a view, which it takes over. */
static PyObject *pin_view(py_store *self, jay_value *view) {
    PyTypeObject *type = (PyTypeObject *)self->st->pin_type;
    py_pin *pin = (py_pin *)type->tp_alloc(type, 0);
    if (pin == NULL) {
        jay_value_release(view);
        return NULL;
    }
    size_t size = 0;
    pin->offset = py_payload(self, view->data, view->size, &size);
    pin->size = (Py_ssize_t)size;
    pin->value = *view;
    pin->store = (py_store *)Py_NewRef((PyObject *)self);
    self->users++;
    return (PyObject *)pin;
}

static PyObject *store_get_view(PyObject *object, PyObject *given) {
    py_store *self = (py_store *)object;
    py_key key;
    int64_t skew;
    jay_value view = JAY_VALUE_INIT;
    jay_error error;
    int status;
    PyObject *answer = NULL;
    if (py_begin(self, given, &key, &skew) != 0) return NULL;
    PY_CALL(self->waits_in_reads, status = jay_get(self->cache, key.data, key.size, &view, &error));
    if (status == JAY_OK) {
        PyObject *pin = pin_view(self, &view);
        if (pin != NULL) answer = PyMemoryView_FromObject(pin);
        Py_XDECREF(pin);
    } else if (status == JAY_MISS) {
        answer = Py_NewRef(Py_None);
    } else {
        answer = py_failed(self, status, &error, Py_None);
    }
    py_end(self, &key);
    return answer;
}

PyMethodDef py_view_methods[] = {
    {"get_view", store_get_view, METH_O,
     "get_view($self, key, /)\n--\n\nA read-only memoryview over a value, without a copy, or "
     "None.\n\n"
     "A text shows its UTF-8, bytes themselves, anything else as it is stored. The bytes stay as "
     "they "
     "are even if the entry is overwritten or evicted; drop the view soon, since it takes room."},
    {NULL, NULL, 0, NULL},
};
