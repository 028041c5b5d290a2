/*
 * storm.c - see storm.h.
 */
#include "storm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VIEWS 5
#define BATCH 8
#define HOLE_PAGES_MAX 16384

typedef struct stamp {
    uint64_t check; /* of all that follows */
    uint64_t key_hash;
    uint64_t writer;
    uint64_t sequence;
    uint64_t size;
} stamp;

/* A key, and what is known of it. */
typedef struct target {
    char name[32];
    size_t size;
    storm_key *owned; /* NULL: shared */
    uint64_t floor;   /* when we began to read */
} target;

typedef struct held_view {
    jay_value value;
    uint64_t hash;
} held_view;

typedef struct worker {
    storm_board *board;
    storm_slot *slot;
    unsigned number;
    jay_cache *cache;
    uint64_t shared_sequence;
    held_view views[VIEWS];
    unsigned char buffer[STORM_VALUE_MAX + 64];
} worker;

static storm_slot *fault_slot;

__attribute__((format(printf, 1, 2))) _Noreturn static void give_up(const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (fault_slot == NULL) kill_fail("%s", text);
    memcpy(fault_slot->fault, text, sizeof text);
    _exit(1);
}

/* ---- values ---- */

static size_t make_value(unsigned char *buffer, const target *t, uint64_t writer,
                         uint64_t sequence) {
    stamp head = {.key_hash = kill_hash(t->name, t->size), .writer = writer, .sequence = sequence};
    uint64_t noise = kill_random();
    uint64_t most = noise % 16 == 0 ? STORM_VALUE_MAX : noise % 16 < 4 ? 3000 : 400;
    head.size = sizeof head + (noise >> 8) % (most - sizeof head);
    for (size_t at = sizeof head; at < head.size; at += sizeof noise) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(buffer + at, &noise, sizeof noise); /* the buffer is a little larger */
    }
    memcpy(buffer, &head, sizeof head);
    head.check = kill_hash(buffer + sizeof head.check, head.size - sizeof head.check);
    memcpy(buffer, &head.check, sizeof head.check);
    return head.size;
}

static void check_value(const target *t, const void *bytes, size_t size, const char *how) {
    stamp head;
    if (size < sizeof head) give_up("%s of %s: only %zu bytes", how, t->name, size);
    memcpy(&head, bytes, sizeof head);
    if (head.size != size)
        give_up("%s of %s: torn: %zu bytes, made with %llu", how, t->name, size,
                (unsigned long long)head.size);
    if (head.check != kill_hash((const unsigned char *)bytes + 8, size - 8))
        give_up("%s of %s: torn: the check is wrong", how, t->name);
    if (head.key_hash != kill_hash(t->name, t->size))
        give_up("%s of %s: another key's value", how, t->name);
    if (t->owned == NULL) return;
    if (head.sequence < t->floor)
        give_up("%s of %s: stale: sequence %llu, after %llu had ended", how, t->name,
                (unsigned long long)head.sequence, (unsigned long long)t->floor);
    if (head.sequence > atomic_load(&t->owned->started))
        give_up("%s of %s: a value from the future", how, t->name);
}

/* ---- keys ---- */

static target owned_key(storm_board *board, unsigned slot, unsigned number) {
    target t = {.owned = &board->slots[slot].keys[number]};
    t.size = (size_t)snprintf(t.name, sizeof t.name, "own-%u-%u", slot, number);
    t.floor = atomic_load(&t.owned->floor);
    return t;
}

static target shared_key(unsigned number) {
    target t = {.owned = NULL};
    t.size = (size_t)snprintf(t.name, sizeof t.name, "shared-%u", number);
    return t;
}

static target any_key(worker *w) {
    if (kill_below(2) == 0) return shared_key((unsigned)kill_below(STORM_SHARED));
    return owned_key(w->board, (unsigned)kill_below(STORM_WORKERS),
                     (unsigned)kill_below(STORM_OWNED));
}

/* ---- calls ---- */

static void begin_call(worker *w, uint32_t call) {
    atomic_store(&w->slot->call, call);
    atomic_store(&w->slot->since_ns, kill_now_ns());
}

static int end_call(worker *w, int status) {
    atomic_store(&w->slot->since_ns, 0);
    enum storm_count count = status == JAY_OK       ? STORM_HITS
                             : status == JAY_E_BUSY ? STORM_BUSY
                             : status == JAY_E_FULL ? STORM_FULL
                                                    : STORM_MISSES;
    atomic_fetch_add(&w->slot->counts[count], 1);
    if (status < 0 && status != JAY_E_BUSY && status != JAY_E_FULL)
        give_up("call %u gives %s", atomic_load(&w->slot->call), jay_status_name(status));
    return status;
}

static void read_copy(worker *w) {
    target t = any_key(w);
    size_t size;
    begin_call(w, 1);
    int status = jay_get_into(w->cache, t.name, t.size, w->buffer, sizeof w->buffer, &size, NULL);
    if (end_call(w, status) == JAY_OK) check_value(&t, w->buffer, size, "a copy");
}

static void release_view(worker *w, held_view *view) {
    if (view->value.data == NULL) return;
    if (kill_hash(view->value.data, view->value.size) != view->hash)
        give_up("a view of %zu bytes has changed while it was held", view->value.size);
    begin_call(w, 2);
    jay_value_release(&view->value);
    end_call(w, JAY_OK);
}

static void read_view(worker *w) {
    held_view *view = &w->views[kill_below(VIEWS)];
    target t = any_key(w);
    release_view(w, view);
    begin_call(w, 3);
    int status = jay_get(w->cache, t.name, t.size, &view->value, NULL);
    if (end_call(w, status) != JAY_OK) return;
    check_value(&t, view->value.data, view->value.size, "a view");
    view->hash = kill_hash(view->value.data, view->value.size);
}

static void read_batch(worker *w) {
    target targets[BATCH];
    jay_bytes keys[BATCH];
    jay_value values[BATCH];
    int statuses[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        targets[i] = any_key(w);
        keys[i] = (jay_bytes){targets[i].name, targets[i].size};
    }
    begin_call(w, 4);
    end_call(w, jay_get_many(w->cache, keys, BATCH, values, statuses, NULL));
    for (unsigned i = 0; i < BATCH; i++) {
        if (statuses[i] == JAY_OK)
            check_value(&targets[i], values[i].data, values[i].size, "a batch");
    }
    jay_values_release(values, BATCH);
}

static int64_t some_ttl(void) {
    uint64_t choice = kill_below(8);
    return choice == 0 ? 1 + (int64_t)kill_below(30) : choice < 4 ? 60000 : JAY_TTL_FOREVER;
}

static int store(worker *w, const target *t, uint64_t sequence, unsigned how) {
    size_t size = make_value(w->buffer, t, w->number, sequence);
    int64_t ttl_ms = some_ttl();
    if (how == 1) return jay_add(w->cache, t->name, t->size, w->buffer, size, ttl_ms, NULL);
    if (how == 2) return jay_replace(w->cache, t->name, t->size, w->buffer, size, ttl_ms, NULL);
    return jay_set(w->cache, t->name, t->size, w->buffer, size, ttl_ms, NULL);
}

static void write_shared(worker *w) {
    target t = shared_key((unsigned)kill_below(STORM_SHARED));
    begin_call(w, 5);
    end_call(w, store(w, &t, ++w->shared_sequence, (unsigned)kill_below(4)));
    atomic_fetch_add(&w->slot->counts[STORM_WRITES], 1);
}

static void write_owned(worker *w) {
    target t = owned_key(w->board, w->number, (unsigned)kill_below(STORM_OWNED));
    uint64_t sequence = atomic_load(&t.owned->started) + 1;
    atomic_store(&t.owned->started, sequence);
    begin_call(w, 6);
    int status = end_call(w, store(w, &t, sequence, (unsigned)kill_below(4)));
    if (status == JAY_OK) atomic_store(&t.owned->floor, sequence);
    atomic_fetch_add(&w->slot->counts[STORM_WRITES], 1);
}

/* Whether deleted or not there: from now on nobody may see what was written before. */
static void delete_owned(worker *w) {
    target t = owned_key(w->board, w->number, (unsigned)kill_below(STORM_OWNED));
    uint64_t sequence = atomic_load(&t.owned->started) + 1;
    atomic_store(&t.owned->started, sequence);
    begin_call(w, 7);
    int status = kill_below(4) == 0 ? jay_touch(w->cache, t.name, t.size, -1, NULL)
                                    : jay_delete(w->cache, t.name, t.size, NULL);
    if (end_call(w, status) >= 0) atomic_store(&t.owned->floor, sequence + 1);
}

static void exchange(worker *w) {
    target t = shared_key((unsigned)kill_below(STORM_SHARED));
    jay_value value;
    begin_call(w, 8);
    int status = jay_get(w->cache, t.name, t.size, &value, NULL);
    if (end_call(w, status) != JAY_OK) return;
    check_value(&t, value.data, value.size, "a view");
    size_t size = make_value(w->buffer, &t, w->number, ++w->shared_sequence);
    begin_call(w, 9);
    end_call(w,
             jay_cas(w->cache, t.name, t.size, w->buffer, size, some_ttl(), value.version, NULL));
    jay_value_release(&value);
}

static void count_up(worker *w) {
    char name[32];
    int64_t number = 0;
    unsigned counter = (unsigned)kill_below(STORM_COUNTERS);
    size_t size = (size_t)snprintf(name, sizeof name, "counter-%u", counter);
    atomic_fetch_add(&w->board->counted[counter], 1);
    begin_call(w, 10);
    int status = end_call(w, jay_inc(w->cache, name, size, 1, JAY_TTL_FOREVER, &number, NULL));
    if (status != JAY_OK) return;
    if (number < 1 || (uint64_t)number > atomic_load(&w->board->counted[counter]))
        give_up("%s is %lld, more than all have counted", name, (long long)number);
}

static int stop_some_time(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return kill_below(50) == 0;
}

static void do_seldom(worker *w) {
    target t = any_key(w);
    jay_stats stats;
    switch (kill_below(8)) {
    case 0:
        begin_call(w, 11);
        end_call(w, jay_clear(w->cache, NULL));
        break;
    case 1:
        begin_call(w, 12);
        end_call(w, jay_iterate(w->cache, stop_some_time, NULL, NULL));
        break;
    case 2:
        begin_call(w, 13);
        end_call(w, jay_get_stats(w->cache, &stats, sizeof stats, NULL));
        break;
    default:
        begin_call(w, 14);
        end_call(w, jay_touch(w->cache, t.name, t.size, 1000, NULL));
        break;
    }
}

static void do_something(worker *w) {
    uint64_t choice = kill_below(1000);
    if (choice < 250) {
        read_copy(w);
    } else if (choice < 400) {
        read_view(w);
    } else if (choice < 430) {
        read_batch(w);
    } else if (choice < 640) {
        write_owned(w);
    } else if (choice < 800) {
        write_shared(w);
    } else if (choice < 880) {
        delete_owned(w);
    } else if (choice < 940) {
        exchange(w);
    } else if (choice < 990) {
        count_up(w);
    } else {
        do_seldom(w);
    }
}

void storm_work(storm_board *board, unsigned slot) {
    static worker w;
    jay_error error;
    w = (worker){.board = board, .slot = &board->slots[slot], .number = slot};
    fault_slot = w.slot;
    w.shared_sequence = kill_random() >> 16;
    /* So that the region lies somewhere else in each process. */
    const size_t hole_bytes = (1 + kill_below(HOLE_PAGES_MAX)) * 4096;
    if (mmap(NULL, hole_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        give_up("mapping a hole: %s", strerror(errno));
    begin_call(&w, 0);
    if (jay_open(board->url, NULL, &w.cache, &error) != JAY_OK)
        give_up("opening: %s", error.message);
    end_call(&w, JAY_OK);
    while (!atomic_load(&board->is_over)) do_something(&w);
    for (unsigned i = 0; i < VIEWS; i++) release_view(&w, &w.views[i]);
    if (jay_close(w.cache) != JAY_OK) give_up("closing");
    fault_slot = NULL;
}

unsigned storm_check_all(storm_board *board, jay_cache *cache) {
    static unsigned char bytes[STORM_VALUE_MAX + 64];
    unsigned found = 0;
    size_t size;
    for (unsigned i = 0; i < STORM_SHARED + STORM_WORKERS * STORM_OWNED; i++) {
        unsigned owned = i - STORM_SHARED;
        target t = i < STORM_SHARED ? shared_key(i)
                                    : owned_key(board, owned / STORM_OWNED, owned % STORM_OWNED);
        int status = jay_get_into(cache, t.name, t.size, bytes, sizeof bytes, &size, NULL);
        if (status == JAY_MISS) continue;
        if (status != JAY_OK) give_up("reading %s gives %s", t.name, jay_status_name(status));
        check_value(&t, bytes, size, "a last look");
        found++;
    }
    return found;
}
