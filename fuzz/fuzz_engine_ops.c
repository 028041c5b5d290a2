/*
 * fuzz_engine_ops.c - runs operations that the input spells out on a memory: cache, beside a model
 * of it, and compares after each.
 *
 * The model is a table of what each key holds if nothing was evicted. The cache may forget more
 * than that, but only as many entries as it counts as evicted, and none as long as all that was
 * ever stored fits well into it. What it does return must be the model's. The clock is the input's,
 * and the seed is always the same: this file stands in for src/os/clock.c and src/os/random.c.
 */
#include <jaycache/jaycache.h>
#include <string.h>

#include "fuzz_input.h"
#include "os/clock.h"
#include "os/deadline.h"
#include "os/random.h"

enum {
    KEYS = 24,
    KEY_MAX = 40000,
    COMMANDS_MAX = 500,
    VIEWS_MAX = 12,
    BATCH_MAX = 6,
    VALUE_MAX_BYTES = 6 << 20,
    ITEM_OVERHEAD = 48, /* at least what an entry takes besides key and value */
    PINS_MIN = 256      /* so many views can be held in any cache */
};

/* ---- clock and randomness ---- */

static int64_t clock_now_ms = 1000;

int64_t jayi_clock_ms(void) {
    return clock_now_ms;
}

int64_t jayi_clock_coarse_ms(void) {
    return clock_now_ms - clock_now_ms % 4;
}

uint64_t jayi_random_seed(void) {
    return 17;
}

/* ---- the model ---- */

/* What a key holds. A value is its seed and its size; a counter is its text. */
typedef struct held {
    bool is_there;
    bool is_number;
    uint8_t seed;
    size_t size;
    int64_t number;
    int64_t deadline_ms; /* 0: none */
    uint64_t version;    /* 0: not known */
} held;

typedef struct held_view {
    jay_value value;
    held content;
    size_t bytes; /* pinned */
} held_view;

typedef struct model {
    jay_cache *cache;
    int64_t max_bytes;
    int64_t max_items;
    held keys[KEYS];
    held_view views[VIEWS_MAX];
    int view_count;
    int64_t ever_bytes; /* stored so far, with what was freed again */
    int64_t ever_items;
    int64_t forgotten; /* entries found to be missing */
    int64_t hits, misses, sets, deletes;
    int64_t dropped; /* writes of what had expired already: they may count as deletes */
} model;

static unsigned char key_bytes[KEYS][KEY_MAX];
static size_t key_sizes[KEYS];
static unsigned char pattern[VALUE_MAX_BYTES + 256];
static unsigned char buffer[VALUE_MAX_BYTES];

static void prepare_once(void) {
    static const size_t sizes[] = {1, 2, 7, 8, 24, 25, 64, 200, 900, 3900, 5000, 40000};
    if (key_sizes[0] != 0) return;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)((i * 31 + (i >> 8)) | 0x80); /* no digits */
    for (int i = 0; i < KEYS; i++) {
        key_sizes[i] = i < 12 ? sizes[i] : 3 + (size_t)i;
        memset(key_bytes[i], 'a' + i, key_sizes[i]);
    }
}

static size_t block_of(int key, size_t size) {
    return key_sizes[key] + size + ITEM_OVERHEAD;
}

static bool is_live(const held *h) {
    return h->is_there && (h->deadline_ms == 0 || h->deadline_ms > clock_now_ms);
}

/* The bytes of a value, as long as `text` is. */
static const unsigned char *bytes_of(const held *h, char text[24], size_t *ret_size) {
    *ret_size = h->size;
    if (!h->is_number) return pattern + h->seed;
    *ret_size = (size_t)snprintf(text, 24, "%lld", (long long)h->number);
    return (const unsigned char *)text;
}

static void require_same(const held *h, const void *data, size_t size) {
    char text[24];
    size_t wanted;
    const unsigned char *bytes = bytes_of(h, text, &wanted);
    fuzz_require(size == wanted && memcmp(data, bytes, size) == 0);
}

/* Whether nothing can have been evicted so far. */
static bool is_roomy(const model *m) {
    return m->ever_bytes <= m->max_bytes / 8 &&
           (m->max_items == 0 || m->ever_items <= m->max_items);
}

/* An entry that should be there is not. */
static void forget(model *m, int key) {
    if (is_live(&m->keys[key])) {
        fuzz_require(!is_roomy(m));
        m->forgotten++;
    }
    m->keys[key].is_there = false;
}

/* Statuses that depend on whether the key is there: makes the model agree with a miss. */
static void settle(model *m, int key, int status) {
    if (status == JAY_MISS) {
        forget(m, key);
    } else {
        fuzz_require(is_live(&m->keys[key]));
    }
}

/* ---- storing ---- */

static int64_t some_ttl(fuzz_input *in) {
    static const int64_t ttls[] = {
        JAY_TTL_FOREVER, JAY_TTL_FOREVER, JAY_TTL_DEFAULT, 1, 5, 40, 100000, -1};
    return ttls[fuzz_u8(in) % 8];
}

static int64_t deadline_of(int64_t ttl_ms) {
    if (ttl_ms == JAY_TTL_DEFAULT) ttl_ms = 300000;
    return ttl_ms == JAY_TTL_FOREVER ? 0 : clock_now_ms + ttl_ms;
}

static size_t some_size(const model *m, fuzz_input *in) {
    uint8_t kind = fuzz_u8(in);
    size_t quarter = (size_t)m->max_bytes / 4;
    switch (kind % 8) {
    case 0:
        return quarter - (size_t)(kind >> 3);
    case 1:
        return quarter + (size_t)(kind >> 3);
    case 2:
        return quarter / (size_t)(1 + (kind >> 3));
    case 3:
        return 4096u * (size_t)(1 + (kind >> 6)) - 60 + (kind >> 3 & 7) * 8;
    default:
        return fuzz_u8(in) * (size_t)(1 + (kind >> 4));
    }
}

/* Whether a write may be refused for want of room: views are held, or the key makes the entry much
 * larger than the largest value. */
static bool may_be_full(const model *m, int key, size_t size) {
    return m->view_count > 0 || key_sizes[key] + size > (size_t)m->max_bytes / 4 + 1024;
}

/* What a write that was refused or failed leaves: the entry as it was, or none. */
static void after_failure(model *m, int key) {
    int status = jay_has(m->cache, key_bytes[key], key_sizes[key], NULL);
    if (is_live(&m->keys[key]) && status == JAY_MISS) m->keys[key].is_there = false;
}

static void after_write(model *m, int key, int status, const held *wanted, int64_t ttl_ms) {
    char text[24];
    size_t size;
    (void)bytes_of(wanted, text, &size);
    if (status == JAY_OK) {
        m->keys[key] = *wanted;
        m->keys[key].is_there = ttl_ms >= 0 || ttl_ms == JAY_TTL_DEFAULT;
        m->keys[key].version = 0;
        if (!m->keys[key].is_there) m->dropped++;
        if (m->keys[key].is_there) {
            m->sets++;
            m->ever_items++;
            m->ever_bytes += (int64_t)block_of(key, size);
        }
        return;
    }
    fuzz_require(status == JAY_E_TOO_BIG || status == JAY_E_FULL);
    fuzz_require((status == JAY_E_TOO_BIG) == (size > (size_t)m->max_bytes / 4));
    if (status == JAY_E_FULL) {
        fuzz_require(may_be_full(m, key, size));
        m->ever_bytes += (int64_t)block_of(key, size); /* it may have pushed others out */
    }
    after_failure(m, key);
}

static void write_one(model *m, fuzz_input *in) {
    uint8_t choice = fuzz_u8(in);
    int key = choice % KEYS, status;
    const unsigned char *name = key_bytes[key];
    size_t name_size = key_sizes[key];
    int64_t ttl_ms = some_ttl(in);
    held wanted = {.seed = fuzz_u8(in)};
    wanted.size = some_size(m, in);
    wanted.deadline_ms = deadline_of(ttl_ms);
    const unsigned char *value = pattern + wanted.seed;
    held *mine = &m->keys[key];
    uint64_t version = choice >= 0xe0 || mine->version == 0 ? 12345 : mine->version;
    switch (fuzz_u8(in) % 5) {
    case 0:
        status = jay_add(m->cache, name, name_size, value, wanted.size, ttl_ms, NULL);
        if (status == JAY_EXISTS) fuzz_require(is_live(mine));
        if (status == JAY_EXISTS) return;
        if (status == JAY_OK) forget(m, key);
        break;
    case 1:
        status = jay_replace(m->cache, name, name_size, value, wanted.size, ttl_ms, NULL);
        if (status == JAY_MISS) forget(m, key);
        if (status == JAY_MISS) return;
        if (status == JAY_OK) fuzz_require(is_live(mine));
        break;
    case 2:
        status = jay_cas(m->cache, name, name_size, value, wanted.size, ttl_ms, version, NULL);
        if (status == JAY_MISS) forget(m, key);
        if (status == JAY_CHANGED) fuzz_require(is_live(mine) && version != mine->version);
        if (status == JAY_MISS || status == JAY_CHANGED) return;
        if (status == JAY_OK) fuzz_require(is_live(mine) && version == mine->version);
        break;
    default:
        status = jay_set(m->cache, name, name_size, value, wanted.size, ttl_ms, NULL);
        break;
    }
    after_write(m, key, status, &wanted, ttl_ms);
}

static void increase(model *m, fuzz_input *in) {
    int key = fuzz_u8(in) % KEYS;
    uint8_t how = fuzz_u8(in);
    int64_t delta = (how & 0x80) ? INT64_MAX - (how & 0x7f) : how - 60, number = 0, sum = 0;
    int64_t ttl_ms = some_ttl(in);
    held *mine = &m->keys[key];
    /* Whether the entry has been evicted would be hard to tell afterwards. */
    settle(m, key, jay_has(m->cache, key_bytes[key], key_sizes[key], NULL));
    bool was_live = mine->is_there;
    held wanted = {.is_number = true,
                   .deadline_ms = was_live ? mine->deadline_ms : deadline_of(ttl_ms)};
    bool is_over = __builtin_add_overflow(was_live ? mine->number : 0, delta, &sum);
    int status = jay_inc(m->cache, key_bytes[key], key_sizes[key], delta, ttl_ms, &number, NULL);
    if (was_live && !mine->is_number) {
        fuzz_require(status == JAY_E_NOT_INTEGER);
    } else if (is_over) {
        fuzz_require(status == JAY_E_OVERFLOW);
    } else {
        if (status == JAY_OK) fuzz_require(number == sum);
        wanted.number = sum;
        after_write(m, key, status, &wanted, was_live ? 0 : ttl_ms);
    }
}

/* ---- reading ---- */

static void keep_view(model *m, int key, jay_value *value) {
    held_view *view = &m->views[m->view_count++];
    view->value = *value;
    view->content = m->keys[key];
    view->bytes = block_of(key, value->size);
}

static void check_view(model *m, int key, const jay_value *value) {
    held *mine = &m->keys[key];
    require_same(mine, value->data, value->size);
    fuzz_require(((const unsigned char *)value->data)[value->size] == 0);
    fuzz_require(value->version != 0);
    fuzz_require(mine->version == 0 || mine->version == value->version);
    mine->version = value->version;
}

static size_t pinned_bytes(const model *m) {
    size_t bytes = 0;
    for (int i = 0; i < m->view_count; i++) bytes += m->views[i].bytes;
    return bytes;
}

/* What a lookup by view came to, in the model's eyes. */
static void after_view(model *m, int key, int status, jay_value *value, bool is_kept) {
    if (status == JAY_E_FULL) {
        m->hits++;
        fuzz_require(is_live(&m->keys[key]) && pinned_bytes(m) > (size_t)m->max_bytes / 2);
        return;
    }
    fuzz_require(status == JAY_OK || status == JAY_MISS);
    settle(m, key, status);
    *(status == JAY_OK ? &m->hits : &m->misses) += 1;
    if (status != JAY_OK) return;
    check_view(m, key, value);
    if (is_kept && m->view_count < VIEWS_MAX) {
        keep_view(m, key, value);
    } else {
        jay_value_release(value);
    }
}

static void read_one(model *m, fuzz_input *in) {
    int key = fuzz_u8(in) % KEYS, status;
    uint8_t how = fuzz_u8(in);
    const unsigned char *name = key_bytes[key];
    jay_value value = JAY_VALUE_INIT;
    size_t got = 0, capacity = how & 8 ? sizeof buffer : how;
    int64_t left_ms;
    switch (how % 4) {
    case 0:
        status = jay_get(m->cache, name, key_sizes[key], &value, NULL);
        after_view(m, key, status, &value, how >> 7);
        return;
    case 1:
        status = jay_get_into(m->cache, name, key_sizes[key], buffer, capacity, &got, NULL);
        settle(m, key, status);
        *(status == JAY_MISS ? &m->misses : &m->hits) += 1;
        if (status == JAY_OK) require_same(&m->keys[key], buffer, got);
        if (status == JAY_BUFFER_TOO_SMALL) fuzz_require(got > capacity);
        fuzz_require(status >= 0);
        return;
    case 2:
        status = jay_has(m->cache, name, key_sizes[key], NULL);
        settle(m, key, status);
        return;
    default:
        status = jay_ttl(m->cache, name, key_sizes[key], &left_ms, NULL);
        settle(m, key, status);
        if (status != JAY_OK) return;
        fuzz_require(m->keys[key].deadline_ms == 0
                         ? left_ms == JAY_TTL_FOREVER
                         : left_ms == m->keys[key].deadline_ms - clock_now_ms);
        return;
    }
}

static void read_batch(model *m, fuzz_input *in) {
    jay_bytes names[BATCH_MAX];
    jay_value values[BATCH_MAX];
    int keys[BATCH_MAX], statuses[BATCH_MAX];
    size_t count = 1 + fuzz_u8(in) % BATCH_MAX;
    size_t pinned = pinned_bytes(m);
    for (size_t i = 0; i < count; i++) {
        keys[i] = fuzz_u8(in) % KEYS;
        names[i] = (jay_bytes){key_bytes[keys[i]], key_sizes[keys[i]]};
    }
    int status = jay_get_many(m->cache, names, count, values, statuses, NULL);
    fuzz_require(status == JAY_OK || status == JAY_E_FULL);
    for (size_t i = 0; i < count; i++) {
        int key = keys[i];
        if (statuses[i] == JAY_OK) pinned += block_of(key, values[i].size);
        if (statuses[i] == JAY_E_FULL) {
            fuzz_require(pinned > (size_t)m->max_bytes / 2);
            m->hits++;
        } else {
            settle(m, key, statuses[i]);
            *(statuses[i] == JAY_OK ? &m->hits : &m->misses) += 1;
        }
        if (statuses[i] == JAY_OK) check_view(m, key, &values[i]);
    }
    jay_values_release(values, count);
}

static void release(model *m, int place) {
    if (place >= m->view_count) return;
    held_view *view = &m->views[place];
    require_same(&view->content, view->value.data, view->value.size);
    fuzz_require(((const unsigned char *)view->value.data)[view->value.size] == 0);
    jay_value_release(&view->value);
    *view = m->views[--m->view_count];
}

/* ---- the rest ---- */

static void change_one(model *m, fuzz_input *in) {
    int key = fuzz_u8(in) % KEYS, status;
    if (fuzz_u8(in) % 2 == 0) {
        status = jay_delete(m->cache, key_bytes[key], key_sizes[key], NULL);
        settle(m, key, status);
        if (status == JAY_OK) m->deletes++;
        m->keys[key].is_there = false;
        return;
    }
    int64_t ttl_ms = some_ttl(in);
    status = jay_touch(m->cache, key_bytes[key], key_sizes[key], ttl_ms, NULL);
    settle(m, key, status);
    m->keys[key].deadline_ms = deadline_of(ttl_ms);
    if (ttl_ms == -1) m->keys[key].is_there = false;
}

typedef struct walk {
    model *m;
    int shown[KEYS];
} walk;

static int show(void *arg, const jay_entry_info *entry) {
    walk *w = arg;
    for (int key = 0; key < KEYS; key++) {
        if (entry->key_size != key_sizes[key] ||
            memcmp(entry->key, key_bytes[key], entry->key_size) != 0)
            continue;
        const held *mine = &w->m->keys[key];
        char text[24];
        size_t size;
        (void)bytes_of(mine, text, &size);
        fuzz_require(is_live(mine) && entry->value_size == size);
        fuzz_require(entry->ttl_ms ==
                     (mine->deadline_ms == 0 ? 0 : mine->deadline_ms - clock_now_ms));
        w->shown[key]++;
        return 0;
    }
    fuzz_require(false && "a key that was never stored");
    return 1;
}

static void show_all(model *m) {
    walk w = {.m = m};
    fuzz_require(jay_iterate(m->cache, show, &w, NULL) == JAY_OK);
    for (int key = 0; key < KEYS; key++) {
        int status = jay_has(m->cache, key_bytes[key], key_sizes[key], NULL);
        fuzz_require(w.shown[key] == (status == JAY_OK ? 1 : 0));
        settle(m, key, status);
    }
}

static void check_stats(const model *m) {
    jay_stats stats;
    fuzz_require(jay_get_stats(m->cache, &stats, sizeof stats, NULL) == JAY_OK);
    fuzz_require(stats.max_items == 0 || stats.items <= stats.max_items);
    fuzz_require(stats.items >= 0 && stats.items <= KEYS);
    fuzz_require(stats.bytes >= 0 && stats.bytes <= stats.max_bytes);
    fuzz_require(stats.max_bytes == m->max_bytes && stats.max_items == m->max_items);
    fuzz_require(stats.resets == 0 && stats.pinned == m->view_count);
    fuzz_require(stats.hits == m->hits && stats.misses == m->misses);
    fuzz_require(stats.sets == m->sets);
    fuzz_require(stats.deletes >= m->deletes && stats.deletes <= m->deletes + m->dropped);
    fuzz_require(m->forgotten <= stats.evictions);
    fuzz_require(!is_roomy(m) || stats.evictions == 0);
}

static void run_command(model *m, fuzz_input *in) {
    uint8_t command = fuzz_u8(in);
    switch (command % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
        write_one(m, in);
        break;
    case 4:
        increase(m, in);
        break;
    case 5:
    case 6:
        read_one(m, in);
        break;
    case 7:
        read_batch(m, in);
        break;
    case 8:
        change_one(m, in);
        break;
    case 9:
        release(m, command / 12 % VIEWS_MAX);
        break;
    case 10:
        clock_now_ms += 1 + command / 12;
        break;
    default:
        if (command / 12 != 3) {
            show_all(m);
            break;
        }
        fuzz_require(jay_clear(m->cache, NULL) == JAY_OK);
        for (int key = 0; key < KEYS; key++) m->keys[key].is_there = false;
        break;
    }
    check_stats(m);
}

static void open_model(model *m, fuzz_input *in) {
    static const char *const sizes[] = {"64k", "72k", "100k", "256k", "1m", "5m", "20m"};
    static const char *const limits[] = {"", "", "&max_items=1", "&max_items=2", "&max_items=10"};
    char url[80];
    jay_stats stats;
    const char *size = sizes[fuzz_u8(in) % 7], *limit = limits[fuzz_u8(in) % 5];
    snprintf(url, sizeof url, "memory:?max_bytes=%s%s", size, limit);
    memset(m, 0, sizeof *m);
    fuzz_require(jay_open(url, NULL, &m->cache, NULL) == JAY_OK);
    fuzz_require(jay_get_stats(m->cache, &stats, sizeof stats, NULL) == JAY_OK);
    m->max_bytes = stats.max_bytes;
    m->max_items = stats.max_items;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jayi_deadline_window = 0; /* time is only what the clock here says */
    fuzz_input in = {data, size};
    static model m;
    prepare_once();
    clock_now_ms = 1000;
    open_model(&m, &in);
    for (int i = 0; i < COMMANDS_MAX && !fuzz_is_over(&in); i++) run_command(&m, &in);
    if (m.view_count > 0) fuzz_require(jay_close(m.cache) == JAY_E_BUSY);
    while (m.view_count > 0) release(&m, m.view_count - 1);
    fuzz_require(jay_close(m.cache) == JAY_OK);
    return 0;
}
