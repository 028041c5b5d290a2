/*
 * py_values.c - Python objects to the bytes of a store and back.
 *
 * An int is its decimal digits, which is a counter to the library and to other programs. Everything
 * else is the serializer's: a pickle by default, with '!' before it in Redis. Pickles of a text,
 * of bytes, of a float, None, True and False are composed and read here, byte for byte as Python's
 * own pickler makes them (protocol 5), because a call of the pickler costs more than all the rest
 * of a get. RAW takes and gives bytes. In memcached, flags beside a value say what it is, as
 * pylibmc has them; there texts and bytes are themselves.
 *
 *     80 05 | 95 size:8 | 8c n:1 text, 58 n:4 text, 43 n:1 bytes, 42 n:4 bytes | 94 2e
 *     80 05 | 95 size:8 | 47 double:8 | 2e          80 05 4e 2e: None, 88: True, 89: False
 */
#include <string.h>

#include "py_store.h"

/* The pickler puts what is longer than this outside of its frame. */
#define FRAME_LIMIT 65536
#define HEAD_MAX 17 /* mark of Redis, protocol, frame, opcode with a length of 4 */
#define TAIL_SIZE 2

/* The flags of pylibmc. */
enum { FLAG_PICKLE = 1, FLAG_BOOL = 2, FLAG_INT = 4, FLAG_ZLIB = 8, FLAG_TEXT = 16 };

void py_bytes_done(py_bytes *bytes) {
    Py_XDECREF(bytes->owner);
    PyMem_Free(bytes->heap);
}

static void put_le(char *to, uint64_t number, int size) {
    for (int i = 0; i < size; i++) to[i] = (char)(number >> (8 * i) & 0xff);
}

static uint64_t get_le(const char *from, int size) {
    uint64_t number = 0;
    for (int i = 0; i < size; i++) number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return number;
}

/* Room for `size` bytes: the scratch, or from the heap. */
static char *room_for(py_bytes *bytes, char *scratch, size_t room, size_t size) {
    if (size <= room) return scratch;
    bytes->heap = PyMem_Malloc(size);
    if (bytes->heap == NULL) PyErr_NoMemory();
    return bytes->heap;
}

/* A pickle of one run of bytes. `opcodes`: of the short form and of the long one. */
static int put_run(py_store *self, const char *data, size_t size, const char *opcodes,
                   char *scratch, size_t room, py_bytes *bytes) {
    char *to = room_for(bytes, scratch, room, HEAD_MAX + size + TAIL_SIZE);
    if (to == NULL) return -1;
    bytes->data = to;
    if (self->form == PY_REDIS) *to++ = '!';
    int length_size = size < 256 ? 1 : 4;
    memcpy(to, "\x80\x05\x95", 3);
    put_le(to + 3, 1 + (size_t)length_size + size + TAIL_SIZE, 8);
    to[11] = opcodes[size < 256 ? 0 : 1];
    put_le(to + 12, size, length_size);
    to += 12 + length_size;
    memcpy(to, data, size);
    memcpy(to + size, "\x94.", TAIL_SIZE);
    bytes->size = (size_t)(to - bytes->data) + size + TAIL_SIZE;
    return 0;
}

/* A pickle of an object that is one opcode and its argument. */
static int put_atom(py_store *self, const char *pickle, size_t size, char *scratch, size_t room,
                    py_bytes *bytes) {
    char *to = room_for(bytes, scratch, room, size + 1);
    if (to == NULL) return -1;
    bytes->data = to;
    if (self->form == PY_REDIS) *to++ = '!';
    memcpy(to, pickle, size);
    bytes->size = (size_t)(to - bytes->data) + size;
    return 0;
}

static int put_double(py_store *self, double number, char *scratch, size_t room, py_bytes *bytes) {
    char pickle[21] = "\x80\x05\x95\x0a\0\0\0\0\0\0\0G";
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    for (int i = 0; i < 8; i++) pickle[12 + i] = (char)(bits >> (56 - 8 * i) & 0xff);
    pickle[20] = '.';
    return put_atom(self, pickle, sizeof pickle, scratch, room, bytes);
}

static int put_int(PyObject *value, char *scratch, size_t room, py_bytes *bytes) {
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0 || room < 24) {
        PyObject *text = PyObject_Str(value);
        if (text == NULL) return -1;
        bytes->owner = PyUnicode_AsASCIIString(text);
        Py_DECREF(text);
        if (bytes->owner == NULL) return -1;
        bytes->data = PyBytes_AS_STRING(bytes->owner);
        bytes->size = (size_t)PyBytes_GET_SIZE(bytes->owner);
        return 0;
    }
    char digits[24], *to = digits + sizeof digits;
    unsigned long long rest =
        number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do *--to = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0) *--to = '-';
    bytes->size = (size_t)(digits + sizeof digits - to);
    memcpy(scratch, to, bytes->size);
    bytes->data = scratch;
    return 0;
}

static int put_object(PyObject *bytes_like, py_bytes *bytes) {
    if (bytes_like == NULL) return -1;
    if (bytes_like == Py_None) {
        Py_DECREF(bytes_like);
        PyErr_SetString(PyExc_ValueError, "the serializer cannot write this value");
        return -1;
    }
    if (!PyBytes_CheckExact(bytes_like)) {
        PyObject *copy = PyUnicode_Check(bytes_like) ? PyUnicode_AsUTF8String(bytes_like)
                                                     : PyBytes_FromObject(bytes_like);
        Py_DECREF(bytes_like);
        if (copy == NULL) return -1;
        bytes_like = copy;
    }
    bytes->owner = bytes_like;
    bytes->data = PyBytes_AS_STRING(bytes_like);
    bytes->size = (size_t)PyBytes_GET_SIZE(bytes_like);
    return 0;
}

static int put_pickled(py_store *self, PyObject *value, py_bytes *bytes) {
    PyObject *args[] = {value, self->st->protocol};
    PyObject *given = NULL;
    if (PyMemoryView_Check(value)) { /* which cannot be pickled: its bytes are meant */
        given = PyBytes_FromObject(value);
        if (given == NULL) return -1;
        args[0] = given;
    }
    PyObject *pickle = PyObject_Vectorcall(self->st->dumps, args, 2, NULL);
    Py_XDECREF(given);
    if (pickle == NULL || self->form != PY_REDIS) return put_object(pickle, bytes);
    PyObject *marked = PyBytes_FromStringAndSize(NULL, 1 + PyBytes_GET_SIZE(pickle));
    if (marked != NULL) {
        PyBytes_AS_STRING(marked)[0] = '!';
        memcpy(PyBytes_AS_STRING(marked) + 1, PyBytes_AS_STRING(pickle),
               (size_t)PyBytes_GET_SIZE(pickle));
    }
    Py_DECREF(pickle);
    return put_object(marked, bytes);
}

static int put_plain(py_store *self, PyObject *value, char *scratch, size_t room, py_bytes *bytes) {
    if (PyUnicode_CheckExact(value)) {
        Py_ssize_t size = 0;
        const char *text = PyUnicode_AsUTF8AndSize(value, &size);
        if (text == NULL) PyErr_Clear(); /* lone surrogates: the pickler knows what to do */
        if (text != NULL && size < FRAME_LIMIT - 16)
            return put_run(self, text, (size_t)size, "\x8cX", scratch, room, bytes);
    } else if (PyBytes_CheckExact(value)) {
        if (PyBytes_GET_SIZE(value) < FRAME_LIMIT - 16)
            return put_run(self, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value), "CB",
                           scratch, room, bytes);
    } else if (value == Py_None) {
        return put_atom(self, "\x80\x05N.", 4, scratch, room, bytes);
    } else if (PyBool_Check(value)) {
        return put_atom(self, value == Py_True ? "\x80\x05\x88." : "\x80\x05\x89.", 4, scratch,
                        room, bytes);
    } else if (PyFloat_CheckExact(value)) {
        return put_double(self, PyFloat_AS_DOUBLE(value), scratch, room, bytes);
    }
    return put_pickled(self, value, bytes);
}

/* Bytes of an object that is kept alive by the caller. */
static void lend(const char *data, Py_ssize_t size, py_bytes *bytes) {
    bytes->data = data;
    bytes->size = (size_t)size;
}

static int put_flagged(py_store *self, PyObject *value, char *scratch, size_t room,
                       py_bytes *bytes) {
    if (PyBytes_CheckExact(value)) {
        lend(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), bytes);
        return 0;
    }
    if (PyUnicode_CheckExact(value)) {
        Py_ssize_t size = 0;
        const char *text = PyUnicode_AsUTF8AndSize(value, &size);
        bytes->flags = FLAG_TEXT;
        if (text != NULL) lend(text, size, bytes);
        return text != NULL ? 0 : -1;
    }
    if (PyBool_Check(value)) {
        bytes->flags = FLAG_BOOL;
        lend(value == Py_True ? "1" : "0", 1, bytes);
        return 0;
    }
    bytes->flags = PyLong_CheckExact(value) ? FLAG_INT : FLAG_PICKLE;
    return bytes->flags == FLAG_INT ? put_int(value, scratch, room, bytes)
                                    : put_plain(self, value, scratch, room, bytes);
}

int py_encode(py_store *self, PyObject *value, char *scratch, size_t room, py_bytes *ret_bytes) {
    ret_bytes->owner = NULL;
    ret_bytes->heap = NULL;
    ret_bytes->flags = 0;
    if (self->form == PY_MEMCACHED && self->dumps == NULL)
        return put_flagged(self, value, scratch, room, ret_bytes);
    if (self->has_digits && PyLong_CheckExact(value))
        return put_int(value, scratch, room, ret_bytes);
    if (self->dumps != NULL) return put_object(PyObject_CallOneArg(self->dumps, value), ret_bytes);
    if (PyLong_CheckExact(value)) return put_int(value, scratch, room, ret_bytes);
    if (self->form != PY_RAW) return put_plain(self, value, scratch, room, ret_bytes);
    if (PyUnicode_Check(value)) return put_object(PyUnicode_AsUTF8String(value), ret_bytes);
    return put_object(PyBytes_FromObject(value), ret_bytes);
}

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * Takes a pickle of one run apart. Returns its kind, 'U' or 'B', or 0 when it is something else,
 * which then is left to the unpickler.
 */
static char find_run(const char *data, size_t size, const char **ret_run, size_t *ret_size) {
    if (size < 4 || data[0] != '\x80' || data[size - 1] != '.') return 0;
    size_t at = 2;
    if (data[at] == '\x95') at += 9;
    if (at + 2 + TAIL_SIZE > size) return 0;
    int length_size = 4;
    char kind = 0;
    switch (data[at]) {
    case '\x8c':
        kind = 'U', length_size = 1;
        break;
    case 'X':
        kind = 'U';
        break;
    case 'C':
        kind = 'B', length_size = 1;
        break;
    case 'B':
        kind = 'B';
        break;
    default:
        return 0;
    }
    at += 1 + (size_t)length_size;
    if (at > size) return 0;
    uint64_t length = get_le(data + at - length_size, length_size);
    if (length + TAIL_SIZE != size - at || data[at + length] != '\x94') return 0;
    *ret_run = data + at;
    *ret_size = (size_t)length;
    return kind;
}

static PyObject *unpickle(py_state *st, const char *data, size_t size) {
    /* A small copy is cheaper than an object that shows the bytes where they are. */
    PyObject *pickle = size <= 4096 ? PyBytes_FromStringAndSize(data, (Py_ssize_t)size)
                                    : PyMemoryView_FromMemory((char *)(uintptr_t)data,
                                                              (Py_ssize_t)size, PyBUF_READ);
    if (pickle == NULL) return NULL;
    PyObject *value = PyObject_CallOneArg(st->loads, pickle);
    Py_DECREF(pickle);
    return value;
}

/* Of gcc and clang: as wide as registers are on every processor; anywhere in memory. */
typedef uint64_t lanes __attribute__((vector_size(16), aligned(1), may_alias));

/* Four lanes at once; the last step goes over bytes once more rather than one by one. */
static bool is_ascii(const char *text, size_t size) {
    enum { STEP = 4 * sizeof(lanes) };
    lanes seen = {0};
    uint64_t rest = 0;
    size_t at = 0;
    if (size < STEP) {
        uint64_t word;
        for (; at + sizeof word <= size; at += sizeof word) {
            memcpy(&word, text + at, sizeof word);
            rest |= word;
        }
        for (; at < size; at++) rest |= (unsigned char)text[at];
        return (rest & UINT64_C(0x8080808080808080)) == 0;
    }
    while (at < size) {
        if (at + STEP > size) at = size - STEP;
        const lanes *some = (const lanes *)(text + at);
        seen |= (some[0] | some[1]) | (some[2] | some[3]);
        at += STEP;
    }
    return ((seen[0] | seen[1]) & UINT64_C(0x8080808080808080)) == 0;
}

/* The decoder is for the texts that need it, and for those of one character, which it shares. */
static PyObject *take_text(const char *text, size_t size) {
    if (size < 2 || !is_ascii(text, size))
        return PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "surrogatepass");
    PyObject *made = PyUnicode_New((Py_ssize_t)size, 127);
    if (made != NULL) memcpy(PyUnicode_1BYTE_DATA(made), text, size);
    return made;
}

static PyObject *take_pickle(py_state *st, const char *data, size_t size) {
    const char *run = NULL;
    size_t run_size = 0;
    char kind = find_run(data, size, &run, &run_size);
    if (kind == 'U') return take_text(run, run_size);
    if (kind == 'B') return PyBytes_FromStringAndSize(run, (Py_ssize_t)run_size);
    if (size == 4 && data[0] == '\x80' && data[3] == '.') {
        if (data[2] == 'N') Py_RETURN_NONE;
        if (data[2] == '\x88') Py_RETURN_TRUE;
        if (data[2] == '\x89') Py_RETURN_FALSE;
    }
    return unpickle(st, data, size);
}

/* Up to 18 digits; NULL without an exception: it is not as simple as that. */
static PyObject *take_small_int(const char *data, size_t size) {
    bool is_negative = size > 1 && data[0] == '-';
    size_t at = is_negative;
    if (size - at == 0 || size - at > 18) return NULL;
    long long number = 0;
    for (; at < size; at++) {
        if (data[at] < '0' || data[at] > '9') return NULL;
        number = number * 10 + (data[at] - '0');
    }
    return PyLong_FromLongLong(is_negative ? -number : number);
}

/* What is neither a small number nor a pickle: a large number, or bytes that others have stored. */
static PyObject *take_rest(const char *data, size_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    bool may_be_int = size > 0 && size < 4300 && memchr("+-0123456789 \t\n", data[0], 15) != NULL;
    if (bytes == NULL || !may_be_int) return bytes;
    PyObject *number = PyNumber_Long(bytes);
    if (number == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
        return bytes;
    }
    Py_DECREF(bytes);
    return number;
}

static PyObject *take_plain(py_store *self, const char *data, size_t size) {
    PyObject *value = take_small_int(data, size);
    if (value != NULL || PyErr_Occurred()) return value;
    if (self->form == PY_RAW) return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    if (self->form == PY_REDIS) {
        if (size > 1 && data[0] == '!') return take_pickle(self->st, data + 1, size - 1);
    } else if (size > 1 && data[0] == '\x80') {
        return take_pickle(self->st, data, size);
    }
    return take_rest(data, size);
}

static PyObject *take_flagged(py_store *self, const char *data, size_t size, uint32_t flags) {
    if (flags & FLAG_ZLIB) {
        PyObject *packed = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
        PyObject *plain = packed != NULL ? PyObject_CallOneArg(self->st->inflate, packed) : NULL;
        Py_XDECREF(packed);
        if (plain == NULL) return NULL;
        PyObject *value = PyBytes_Check(plain) ? take_flagged(self, PyBytes_AS_STRING(plain),
                                                              (size_t)PyBytes_GET_SIZE(plain),
                                                              flags & ~(uint32_t)FLAG_ZLIB)
                                               : NULL;
        Py_DECREF(plain);
        return value;
    }
    if (flags & FLAG_TEXT) return PyUnicode_DecodeUTF8(data, (Py_ssize_t)size, "surrogatepass");
    if (flags & FLAG_PICKLE) return take_pickle(self->st, data, size);
    if (flags & (FLAG_BOOL | FLAG_INT)) {
        PyObject *number = take_small_int(data, size);
        return number != NULL || PyErr_Occurred() ? number : take_rest(data, size);
    }
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

static PyObject *take_any(py_store *self, const char *data, size_t size, uint32_t flags) {
    return self->form == PY_MEMCACHED ? take_flagged(self, data, size, flags)
                                      : take_plain(self, data, size);
}

PyObject *py_decode(py_store *self, const char *data, size_t size, uint32_t flags) {
    if (self->loads == NULL) {
        PyObject *value = take_any(self, data, size, flags);
        /* Damaged pickles are misses, as they always were; other errors are the caller's own. */
        if (value == NULL && PyErr_ExceptionMatches(self->st->unpickling_errors)) {
            PyErr_Clear();
            Py_RETURN_NONE;
        }
        return value;
    }
    if (self->has_digits) {
        PyObject *number = take_small_int(data, size);
        if (number != NULL || PyErr_Occurred()) return number;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    if (bytes == NULL) return NULL;
    PyObject *value = PyObject_CallOneArg(self->loads, bytes);
    Py_DECREF(bytes);
    return value;
}

Py_ssize_t py_payload(py_store *self, const char *data, size_t size, size_t *ret_size) {
    const char *run = NULL;
    size_t mark = self->form == PY_REDIS && size > 0 && data[0] == '!';
    if (self->loads == NULL && find_run(data + mark, size - mark, &run, ret_size) != 0)
        return run - data;
    *ret_size = size;
    return 0;
}
