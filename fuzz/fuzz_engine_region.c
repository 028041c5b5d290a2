/*
 * fuzz_engine_region.c - damages a region while it is in use, and goes on using it.
 *
 * The first two bytes choose a region (its size, limits, private or shared); what follows is a list
 * of commands: operations of the engine, and damage to any word of the region. The region lies
 * between pages that cannot be touched, so that reading or writing outside it is a crash. Whatever
 * was damaged, each operation returns some status, in bounded time; and in the end, with no damage
 * done any more, a key that is set can be read again, unless the region's header is refused.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/identity.h"
#include "fuzz_input.h"
#include "util/memory.h"

enum {
    GUARD_BYTES = 1 << 16,
    COMMANDS_MAX = 400,
    VIEWS_MAX = 8,
    BATCH = 5,
    VALUE_MAX_BYTES = 3 << 20,
    REPAIRS_MAX = 16, /* tries until what was damaged in the way of a key has been found */
    LAST_KEYS = 40
};

typedef struct arena {
    jayi_region_plan plan;
    bool is_shared;
    unsigned char *map; /* guard, region, guard */
    unsigned char *base;
    int lock_fd;
    jayi_region region;
    jayi_region sound; /* the geometry, before any damage */
    jay_value views[VIEWS_MAX];
    bool has_view[VIEWS_MAX];
} arena;

static unsigned char value_bytes[VALUE_MAX_BYTES];
static unsigned char read_bytes[VALUE_MAX_BYTES];
static volatile unsigned char sink;

/* ---- making, attaching, detaching ---- */

static bool attach(arena *a) {
    jay_error error;
    memset(&a->region, 0, sizeof a->region);
    a->region.lock_fd = -1;
    int status = jayi_region_bind(&a->region, a->base, a->plan.region_bytes, &error);
    fuzz_require(status == JAY_OK || status == JAY_E_CORRUPT || status == JAY_E_VERSION);
    if (status != JAY_OK) return false;
    a->region.is_shared = a->is_shared;
    a->region.lock_fd = a->lock_fd;
    fuzz_require(jayi_identity_init(&a->region, &error) == JAY_OK);
    fuzz_require(jayi_identity_acquire(&a->region, &error) == JAY_OK);
    return true;
}

static void detach(arena *a) {
    jayi_identity_release(&a->region);
    jayi_identity_deinit(&a->region);
}

static void make(arena *a, fuzz_input *in) {
    static const uint64_t sizes[] = {64 << 10, 80 << 10, 256 << 10, 1 << 20, 9 << 20};
    static const uint64_t limits[] = {0, 0, 3, 50};
    uint8_t shape = fuzz_u8(in), limit = fuzz_u8(in);
    memset(a, 0, sizeof *a);
    a->is_shared = (shape & 1) != 0;
    a->plan = (jayi_region_plan){.region_bytes = sizes[(shape >> 1) % 5],
                                 .max_items = limits[limit % 4],
                                 .row_count = a->is_shared ? 3 : 1,
                                 .seed = shape >> 4};
    a->lock_fd = a->is_shared ? memfd_create("locks", MFD_CLOEXEC) : -1;
    size_t all = a->plan.region_bytes + 2 * GUARD_BYTES;
    a->map = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fuzz_require(a->map != MAP_FAILED);
    a->base = a->map + GUARD_BYTES;
    fuzz_require(mprotect(a->base, a->plan.region_bytes, PROT_READ | PROT_WRITE) == 0);
    fuzz_require(jayi_region_check_plan(&a->plan, NULL) == JAY_OK);
    jayi_region_format(a->base, &a->plan);
    fuzz_require(attach(a));
    a->sound = a->region;
}

static void unmake(arena *a) {
    munmap(a->map, a->plan.region_bytes + 2 * GUARD_BYTES);
    if (a->lock_fd >= 0) close(a->lock_fd);
}

/* ---- damage ---- */

/* Some byte of the region, in a part that the input chooses. */
static uint64_t some_offset(const arena *a, fuzz_input *in) {
    const jayi_region *r = &a->sound;
    uint8_t part = fuzz_u8(in);
    uint64_t at = fuzz_u16(in);
    uint64_t shards_at = (uint64_t)((unsigned char *)(uintptr_t)r->shards - a->base);
    uint64_t directories_at = (uint64_t)((unsigned char *)(uintptr_t)r->directories - a->base);
    uint64_t table_at = (uint64_t)((unsigned char *)(uintptr_t)r->chunk_table - a->base);
    switch (part % 8) {
    case 0:
        return at % sizeof(jayi_header);
    case 1:
        return (uint64_t)((unsigned char *)(uintptr_t)r->rows - a->base) + at % sizeof(jayi_row);
    case 2:
        return (uint64_t)((unsigned char *)(uintptr_t)r->pins - a->base) +
               at % (r->pins_per_row * 4u);
    case 3:
        return shards_at + at % (r->shard_count * sizeof(jayi_shard));
    case 4:
        return directories_at + at % (table_at - directories_at);
    case 5:
        return table_at + at % (r->chunk_count * 4u);
    case 6:
        /* Chunks are claimed from the first on. */
        return r->chunks_at + (((uint64_t)part >> 3) << r->chunk_shift) + at;
    default:
        return ((uint64_t)part >> 3 << 16 | at) * 16 % a->plan.region_bytes;
    }
}

/* A lock that its own process seems to hold is waited for, a second each time: spare that. */
static void spare_locks(arena *a) {
    uint32_t own = atomic_load(&a->region.identity->token);
    for (uint32_t i = 0; i < a->sound.shard_count; i++) {
        uint32_t word = jayi_peek(&a->sound.shards[i].lock);
        if ((word & 0x7fffffffu) == own) jayi_poke(&a->sound.shards[i].lock, 0);
    }
}

static void damage(arena *a, fuzz_input *in) {
    uint64_t at = some_offset(a, in) % a->plan.region_bytes;
    uint8_t how = fuzz_u8(in);
    uint64_t word_at = at / 8 * 8, word = 0;
    memcpy(&word, a->base + word_at, sizeof word);
    switch (how % 6) {
    case 0:
        a->base[at] ^= (unsigned char)(1u << (how >> 5));
        break;
    case 1:
        a->base[at] = fuzz_u8(in);
        break;
    case 2:
        memset(a->base + at / 4 * 4, how & 0x80 ? 0xff : 0, 4);
        break;
    case 3: /* a small change of a count, a place, a size */
        word += (uint64_t)(how >> 4) - 8;
        memcpy(a->base + word_at, &word, sizeof word);
        break;
    case 4: /* a place */
        word = (a->sound.chunks_at >> 3) + ((uint64_t)fuzz_u16(in) << (how >> 6));
        memcpy(a->base + at / 4 * 4, &word, 4);
        break;
    default: /* a word from elsewhere */
        memcpy(&word, a->base + some_offset(a, in) % a->plan.region_bytes / 8 * 8, sizeof word);
        memcpy(a->base + word_at, &word, sizeof word);
        break;
    }
    spare_locks(a);
}

/* ---- operations ---- */

static size_t make_key(unsigned char key[600], uint8_t number) {
    static const uint16_t sizes[] = {1, 5, 24, 31, 100, 600};
    size_t size = sizes[number % 6];
    memset(key, number, size);
    return size;
}

static size_t value_size_of(const arena *a, uint8_t number) {
    static const uint32_t sizes[] = {0,    1,    4,    8,    30,    60,    200,  460,
                                     1000, 2000, 4060, 4100, 16350, 17000, 9000, 40000};
    if (number % 20 == 18) return a->plan.region_bytes / 4;
    if (number % 20 == 19) return a->plan.region_bytes / 4 + 1;
    return sizes[number % 16];
}

static void write_one(arena *a, fuzz_input *in) {
    unsigned char key[600];
    uint8_t number = fuzz_u8(in), size = fuzz_u8(in);
    jay_write write = {.struct_size = sizeof write,
                       .mode = number >> 6,
                       .key = key,
                       .key_size = make_key(key, number & 63),
                       .value = value_bytes,
                       .value_size = value_size_of(a, size),
                       .ttl_ms = size >> 5 == 7   ? 1
                                 : size >> 5 == 6 ? -1
                                                  : 0,
                       .version = size};
    if (write.ttl_ms < 0 && write.mode != JAY_WRITE_CAS) write.ttl_ms = 0;
    (void)jayi_engine_write(&a->region, &write, NULL);
}

static void take_view(arena *a, fuzz_input *in) {
    unsigned char key[600];
    uint8_t number = fuzz_u8(in);
    size_t size = make_key(key, number & 63);
    uint32_t place = 0;
    while (place < VIEWS_MAX && a->has_view[place]) place++;
    if (place == VIEWS_MAX) return;
    a->has_view[place] = jayi_engine_get(&a->region, key, size, &a->views[place], NULL) == JAY_OK;
}

/* Reads a view to its last byte, and releases it. */
static void release(arena *a, uint32_t place) {
    if (!a->has_view[place]) return;
    const unsigned char *bytes = a->views[place].data;
    for (size_t i = 0; i <= a->views[place].size; i++) sink = bytes[i];
    jayi_engine_release(&a->region, &a->views[place]);
    a->has_view[place] = false;
}

static void release_all(arena *a) {
    for (uint32_t i = 0; i < VIEWS_MAX; i++) release(a, i);
}

static void read_batch(arena *a, fuzz_input *in) {
    unsigned char keys[BATCH][600];
    jay_bytes names[BATCH];
    jay_value values[BATCH];
    int statuses[BATCH] = {0};
    for (int i = 0; i < BATCH; i++)
        names[i] = (jay_bytes){keys[i], make_key(keys[i], fuzz_u8(in) & 63)};
    jayi_engine_get_many(&a->region, names, BATCH, values, statuses, NULL);
    for (int i = 0; i < BATCH; i++) {
        if (statuses[i] == JAY_OK) jayi_engine_release(&a->region, &values[i]);
    }
}

static int show(void *arg, const jay_entry_info *entry) {
    uint32_t *left = arg;
    for (size_t i = 0; i < entry->key_size; i++) sink = ((const unsigned char *)entry->key)[i];
    return --*left == 0;
}

static void look_around(arena *a, uint8_t what) {
    jay_stats stats;
    uint32_t left = 5000;
    switch (what % 3) {
    case 0:
        (void)jayi_engine_iterate(&a->region, &jayi_default_allocator, "", 0, show, &left, NULL);
        break;
    case 1:
        (void)jayi_engine_stats(&a->region, &stats, NULL);
        break;
    default:
        (void)jayi_engine_clear(&a->region, "\5\5\5", what >> 6, NULL);
        break;
    }
}

static void operate_on_key(arena *a, uint8_t what, uint8_t number) {
    unsigned char key[600];
    size_t size = make_key(key, number & 63), got;
    int64_t result;
    switch (what % 6) {
    case 0:
        (void)jayi_engine_get_into(&a->region, key, size, read_bytes, sizeof read_bytes, &got,
                                   NULL);
        break;
    case 1:
        (void)jayi_engine_erase(&a->region, key, size, NULL);
        break;
    case 2:
        (void)jayi_engine_touch(&a->region, key, size, number & 64 ? 0 : 100000, NULL);
        break;
    case 3:
        (void)jayi_engine_inc(&a->region, key, size, number, 0, &result, NULL);
        break;
    case 4:
        (void)jayi_engine_ttl(&a->region, key, size, &result, NULL);
        break;
    default:
        (void)jayi_engine_has(&a->region, key, size, NULL);
        break;
    }
}

/* False: the region was refused. */
static bool run_command(arena *a, fuzz_input *in) {
    uint8_t command = fuzz_u8(in);
    switch (command % 10) {
    case 0:
    case 1:
        write_one(a, in);
        return true;
    case 2:
        operate_on_key(a, command / 10, fuzz_u8(in));
        return true;
    case 3:
        take_view(a, in);
        return true;
    case 4:
        release(a, command / 10 % VIEWS_MAX);
        return true;
    case 5:
        look_around(a, fuzz_u8(in));
        return true;
    case 6:
        read_batch(a, in);
        return true;
    case 7:
        release_all(a);
        detach(a);
        return attach(a);
    default:
        damage(a, in);
        return true;
    }
}

/* ---- afterwards ---- */

/* Whether a key that is set can be read. */
static bool is_kept(arena *a, uint32_t number) {
    char key[16];
    size_t got = 0;
    jay_write write = {.struct_size = sizeof write,
                       .key = key,
                       .key_size = (size_t)snprintf(key, sizeof key, "last %u", number),
                       .value = value_bytes,
                       .value_size = 10 + number};
    if (jayi_engine_write(&a->region, &write, NULL) != JAY_OK) return false;
    return jayi_engine_get_into(&a->region, key, write.key_size, read_bytes, sizeof read_bytes,
                                &got, NULL) == JAY_OK &&
           got == write.value_size && memcmp(read_bytes, value_bytes, got) == 0;
}

static void require_usable(arena *a) {
    for (uint32_t number = 0; number < LAST_KEYS; number++) {
        int tries = 0;
        while (!is_kept(a, number)) fuzz_require(++tries < REPAIRS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    arena a;
    make(&a, &in);
    if (value_bytes[1] == 0) {
        for (size_t i = 0; i < sizeof value_bytes; i++) value_bytes[i] = (unsigned char)(i * 7 + 1);
    }
    bool is_attached = true;
    for (int i = 0; i < COMMANDS_MAX && is_attached && !fuzz_is_over(&in); i++)
        is_attached = run_command(&a, &in);
    if (is_attached) {
        release_all(&a);
        require_usable(&a);
        detach(&a);
    }
    unmake(&a);
    return 0;
}
