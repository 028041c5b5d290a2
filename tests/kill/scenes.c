/*
 * scenes.c - see scenes.h.
 *
 * Every world has these entries, set last: "subject", a value; "counter", a number; "big", a value
 * too large for a chunk. "new" is never there at first.
 */
#include "scenes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/index.h"
#include "util/hash.h"

#define SUBJECT_BYTES 300
#define BIG_BYTES 9000

static unsigned char buffer[WORLD_VALUE_MAX];

const scene_world scene_worlds[] = {
    {"sparse", "max_bytes=64k&max_processes=4", false, false},
    {"sparse, with views", "max_bytes=64k&max_processes=4", false, true},
    {"full", "max_bytes=80k&max_processes=4", true, false},
    {"full, with views", "max_bytes=80k&max_processes=4", true, true},
    {"full by count", "max_bytes=128k&max_items=24&max_processes=4", true, false},
    {NULL, NULL, false, false}};

/* ---- operations ---- */

static int set_value(world *w, const char *key, unsigned generation, size_t size) {
    world_value(buffer, key, generation, size);
    return jay_set(w->cache, key, strlen(key), buffer, size, WORLD_LONG_TTL_MS, NULL);
}

static int set_new(world *w) {
    return set_value(w, "new", 1, 200);
}

static int set_new_tiny(world *w) {
    return set_value(w, "new", 1, 0);
}

static int set_same_size(world *w) {
    return set_value(w, "subject", 1, SUBJECT_BYTES);
}

static int set_larger(world *w) {
    return set_value(w, "subject", 1, SUBJECT_BYTES * 5);
}

static int set_smaller(world *w) {
    return set_value(w, "subject", 1, 10);
}

static int set_big(world *w) {
    return set_value(w, "new", 1, BIG_BYTES + 1000);
}

static int set_big_over_small(world *w) {
    return set_value(w, "subject", 1, BIG_BYTES);
}

static int set_small_over_big(world *w) {
    return set_value(w, "big", 1, 20);
}

static int set_over(world *w) {
    int status = jay_set(w->cache, "subject", 7, "x", 1, -1, NULL);
    return status;
}

static int add_new(world *w) {
    return jay_add_str(w->cache, "new", "added", JAY_TTL_FOREVER);
}

static int add_existing(world *w) {
    return jay_add_str(w->cache, "subject", "added", JAY_TTL_FOREVER) != JAY_EXISTS;
}

static int replace(world *w) {
    return jay_replace_str(w->cache, "subject", "replaced", JAY_TTL_FOREVER);
}

static int cas(world *w) {
    return jay_cas(w->cache, "subject", 7, "exchanged", 9, WORLD_LONG_TTL_MS, w->version, NULL);
}

static int inc(world *w) {
    return jay_inc_str(w->cache, "counter", 60, NULL);
}

static int inc_new(world *w) {
    return jay_inc(w->cache, "new", 3, 5, WORLD_LONG_TTL_MS, NULL, NULL);
}

static int touch(world *w) {
    return jay_touch_str(w->cache, "subject", WORLD_LONG_TTL_MS * 2);
}

static int touch_over(world *w) {
    return jay_touch_str(w->cache, "subject", -1);
}

static int delete_subject(world *w) {
    return jay_delete_str(w->cache, "subject");
}

static int delete_big(world *w) {
    return jay_delete_str(w->cache, "big");
}

static int clear(world *w) {
    return jay_clear(w->cache, NULL);
}

static int take_view(world *w) {
    jay_value value;
    int status = jay_get_str(w->cache, "subject", &value);
    if (status == JAY_OK) jay_value_release(&value);
    return status;
}

static int take_views(world *w) {
    const jay_bytes keys[] = {{"subject", 7}, {"big", 3}, {"new", 3}};
    jay_value values[3];
    int status = jay_get_many(w->cache, keys, 3, values, NULL, NULL);
    jay_values_release(values, 3);
    return status;
}

static int read_copy(world *w) {
    size_t size;
    return jay_get_into(w->cache, "subject", 7, buffer, sizeof buffer, &size, NULL);
}

static int skip_entry(void *arg, const jay_entry_info *entry) {
    (void)arg, (void)entry;
    return 0;
}

static int iterate(world *w) {
    return jay_iterate(w->cache, skip_entry, NULL, NULL);
}

static int close_cache(world *w) {
    return jay_close(w->cache);
}

/* The handle that came along through fork is closed in scene_prepare: see there. */
static int open_cache(world *w) {
    return jay_open(w->url, NULL, &w->cache, NULL);
}

static int set_batch(world *w) {
    const jay_pair pairs[] = {{{"subject", 7}, {"first", 5}, JAY_TTL_FOREVER},
                              {{"new", 3}, {"second", 6}, JAY_TTL_FOREVER},
                              {{"counter", 7}, {"7", 1}, JAY_TTL_FOREVER}};
    return jay_set_many(w->cache, pairs, 3, NULL, NULL);
}

/* ---- entries whose time is over ---- */

static void stage_expired(world *w) {
    world_set(w, "brief", 0, 120, 1);
    kill_sleep_us(5000);
    w->expired = 1;
}

static int set_on_expired(world *w) {
    return set_value(w, "brief", 1, 150);
}

static int touch_expired(world *w) {
    return jay_touch_str(w->cache, "brief", JAY_TTL_FOREVER) != JAY_MISS;
}

const scene scene_list[] = {
    {.name = "set a new key", .act = set_new},
    {.name = "set an empty value", .act = set_new_tiny},
    {.name = "set, same size", .act = set_same_size},
    {.name = "set, larger", .act = set_larger, .is_slow = true},
    {.name = "set, smaller", .act = set_smaller},
    {.name = "set a big value", .act = set_big, .is_slow = true},
    {.name = "set a big value over a small one", .act = set_big_over_small, .is_slow = true},
    {.name = "set a small value over a big one", .act = set_small_over_big},
    {.name = "set with a negative ttl", .act = set_over},
    {.name = "add a new key", .act = add_new},
    {.name = "add an existing key", .act = add_existing},
    {.name = "replace", .act = replace},
    {.name = "cas", .act = cas},
    {.name = "inc", .act = inc},
    {.name = "inc of a new key", .act = inc_new},
    {.name = "touch", .act = touch},
    {.name = "touch with a negative ttl", .act = touch_over},
    {.name = "delete", .act = delete_subject},
    {.name = "delete a big value", .act = delete_big},
    {.name = "clear", .act = clear, .is_slow = true},
    {.name = "take and release a view", .act = take_view},
    {.name = "take and release views", .act = take_views},
    {.name = "read a copy", .act = read_copy},
    {.name = "iterate", .act = iterate, .is_slow = true},
    {.name = "close", .act = close_cache},
    {.name = "open", .act = open_cache},
    {.name = "set many", .act = set_batch, .is_batch = true},
    {.name = "set an expired key", .stage = stage_expired, .act = set_on_expired},
    {.name = "touch an expired key", .stage = stage_expired, .act = touch_expired},
    {.name = NULL}};

/* ---- specials: worlds built so that a certain path is taken ---- */

/* A key whose two buckets, of four, are these. */
static const char *key_for(const world *w, uint32_t first, uint32_t second) {
    static char key[40];
    static unsigned number;
    for (int tries = 0; tries < 100000; tries++) {
        snprintf(key, sizeof key, "made-%u", number++);
        uint64_t hash = jayi_hash(key, strlen(key), w->region.seed);
        if (jayi_bucket_number(jayi_first_bits(hash), 4) == first &&
            jayi_bucket_number(jayi_second_bits(hash), 4) == second)
            return key;
    }
    kill_fail("no key has the buckets %u and %u", first, second);
}

static char made_key[40]; /* what the operation stores */

static int set_made(world *w) {
    return set_value(w, made_key, 1, 200);
}

static void make_last(world *w, uint32_t first, uint32_t second) {
    snprintf(made_key, sizeof made_key, "%s", key_for(w, first, second));
    world_know(w, made_key);
}

/* Fills two of four buckets; entries of the first can move to `other`. */
static void stage_two_buckets(world *w, uint32_t other) {
    for (unsigned i = 0; i < JAYI_BUCKET_SLOTS; i++)
        world_set(w, key_for(w, 0, other), 0, 60 + i, JAY_TTL_FOREVER);
    for (unsigned i = 0; i < JAYI_BUCKET_SLOTS; i++)
        world_set(w, key_for(w, 1, other == 1 ? 0 : 1), 0, 60 + i, WORLD_LONG_TTL_MS);
    KILL_CHECK(jayi_peek(&w->region.shards[0].bucket_count) == 4, "the index has grown");
    w->is_full = true; /* what is stored afterwards may evict */
    make_last(w, 0, 1);
}

static void stage_displace(world *w) {
    stage_two_buckets(w, 2);
}

static void stage_coldest(world *w) {
    stage_two_buckets(w, 1);
}

static void stage_growth(world *w, bool with_chunk) {
    char key[40];
    jayi_shard *shard = &w->region.shards[0];
    for (unsigned i = 0; i < 600; i++) {
        snprintf(key, sizeof key, "g%u", i);
        world_set(w, key, 0, i % 7, JAY_TTL_FOREVER);
        if (jayi_index_is_short(shard) && jayi_index_wants_chunk(&w->region, shard) == with_chunk &&
            i > 30)
            break;
    }
    KILL_CHECK(jayi_index_is_short(shard), "the index does not want to grow");
    snprintf(made_key, sizeof made_key, "made");
    world_know(w, made_key);
}

static void stage_split(world *w) {
    stage_growth(w, false);
}

static void stage_index_chunk(world *w) {
    stage_growth(w, true);
}

static void stage_first(world *w) {
    snprintf(made_key, sizeof made_key, "made");
    world_know(w, made_key);
}

/* Two shards share a full region; what is stored needs chunks of both. */
static void stage_shards(world *w) {
    KILL_CHECK(w->region.shard_count > 1, "the region has one shard");
    world_fill(w, 20000, 90000);
    snprintf(made_key, sizeof made_key, "made");
    world_know(w, made_key);
}

static int set_made_run(world *w) {
    return set_value(w, made_key, 1, 100000);
}

#define SMALL_WORLD "max_bytes=64k&max_processes=4"

const scene scene_specials[] = {
    {.name = "set the first key", .options = SMALL_WORLD, .stage = stage_first, .act = set_made},
    {.name = "set, moving an entry",
     .options = SMALL_WORLD,
     .stage = stage_displace,
     .act = set_made},
    {.name = "set, with no bucket free",
     .options = SMALL_WORLD,
     .stage = stage_coldest,
     .act = set_made},
    {.name = "set, splitting a bucket",
     .options = SMALL_WORLD,
     .stage = stage_split,
     .act = set_made},
    {.name = "set, adding an index chunk",
     .options = SMALL_WORLD,
     .stage = stage_index_chunk,
     .act = set_made},
    {.name = NULL}};

const scene scene_large = {.name = "set a run in chunks of two shards",
                           .options = "max_bytes=34m&max_processes=4",
                           .stage = stage_shards,
                           .act = set_made_run};

/* ---- building ---- */

/* Reads an entry, so that those stored next do not evict it where the world is full. */
static void warm(world *w, const char *key) {
    jay_value value;
    KILL_CHECK(jay_get_str(w->cache, key, &value) == JAY_OK, "%s is gone at once", key);
    jay_value_release(&value);
}

static void add_common(world *w) {
    world_set(w, "subject", 0, SUBJECT_BYTES, WORLD_LONG_TTL_MS);
    warm(w, "subject");
    world_set(w, "big", 0, BIG_BYTES, JAY_TTL_FOREVER);
    warm(w, "big");
    world_set(w, "other", 0, 77, JAY_TTL_FOREVER);
    world_know(w, "counter");
    KILL_CHECK(jay_set_int(w->cache, "counter", 7, 41, WORLD_LONG_TTL_MS, NULL) == JAY_OK,
               "no counter");
    world_know(w, "new");
}

/* Views of an entry, of a big one, and of two that are gone: overwritten and deleted. */
static void add_views(world *w) {
    world_set(w, "gone", 0, 210, JAY_TTL_FOREVER);
    world_hold(w, "subject");
    world_hold(w, "big");
    world_hold(w, "other");
    world_hold(w, "gone");
    world_set(w, "other", 1, 80, JAY_TTL_FOREVER);
    KILL_CHECK(jay_delete_str(w->cache, "gone") == JAY_OK, "a viewed entry cannot be deleted");
}

void scene_build(world *w, const scene *s, const scene_world *kind) {
    jay_value value;
    world_create(w, s->options != NULL ? s->options : kind->options);
    if (s->options == NULL) {
        if (kind->is_full) world_fill(w, 0, 900);
        add_common(w);
        if (kind->has_views) add_views(w);
        KILL_CHECK(jay_get_str(w->cache, "subject", &value) == JAY_OK, "no subject");
        w->version = value.version;
        jay_value_release(&value);
    }
    if (s->stage != NULL) s->stage(w);
    world_audit(w);
    world_seal(w);
}

/* Joins the region; and for an operation that is about joining, leaves the parent's handle. */
void scene_prepare(void *arg) {
    scene_call *call = arg;
    world *w = call->w;
    for (unsigned i = 0; i < w->view_count; i++) jay_value_release(&w->views[i]);
    if (call->s != NULL && call->s->act == open_cache) {
        KILL_CHECK(jay_close(w->cache) == JAY_OK, "the child cannot close the cache");
        return;
    }
    size_t size;
    KILL_CHECK(jay_get_into(w->cache, "nothing", 7, NULL, 0, &size, NULL) == JAY_MISS,
               "the child cannot join");
}

int scene_act(void *arg) {
    scene_call *call = arg;
    return call->s->act(call->w);
}

int scene_nudge(world *w, unsigned number) {
    switch (number % SCENE_NUDGES) {
    case 0:
        return jay_delete_str(w->cache, "nothing");
    case 1:
        return jay_touch_str(w->cache, "nothing", 1000);
    case 2:
        return jay_replace_str(w->cache, "nothing", "", 1000);
    default:
        return jay_cas(w->cache, "nothing", 7, "", 0, 1000, 1, NULL);
    }
}
