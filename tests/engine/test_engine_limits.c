/*
 * test_engine_limits.c - max_items and max_bytes, big values, expiry, and how much of a region can
 * be used.
 */
#include "engine_kit.h"

#include <time.h>

#include "engine/chunks.h"
#include "engine/recover.h"
#include "os/clock.h"

static void max_items_is_exact(void **state) {
    (void)state;
    static const uint64_t limits[] = {1, 2, 3, 500, 65536, 70001};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        jayi_region region;
        uint64_t limit = limits[i], most = 0;
        kit_open(&region, 64 * MIB, limit);
        for (uint64_t number = 0; number < limit * 3 / 2 + 10; number++) {
            assert_int_equal(kit_set(&region, number, 8, 0), JAY_OK);
            assert_true(kit_has(&region, number, 8));
            /* Reading the statistics of all shards every time would be slow. */
            if (limit > 1000 && number % 997 != 0) continue;
            uint64_t items = (uint64_t)kit_stats(&region).items;
            assert_true(items <= limit);
            if (items > most) most = items;
        }
        /* One shard holds exactly so many; of several, each holds no more than its share. */
        if (limit <= 65536) assert_int_equal(most, limit);
        assert_true(most * 100 >= limit * 95);
        kit_close(&region);
    }
}

static void an_overwrite_at_the_limit_evicts_nothing(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 2);
    assert_int_equal(kit_set(&region, 1, 5, 0), JAY_OK);
    assert_int_equal(kit_set(&region, 2, 5, 0), JAY_OK);
    for (size_t size = 0; size < 2000; size += 7) {
        assert_int_equal(kit_set(&region, 2, size, 0), JAY_OK);
        assert_true(kit_has(&region, 1, 5));
    }
    assert_int_equal(kit_stats(&region).evictions, 0);
    kit_close(&region);
}

static void values_up_to_a_quarter(void **state) {
    (void)state;
    static const uint64_t sizes[] = {64 * KIB, 128 * KIB, MIB, 16 * MIB, 64 * MIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        jayi_region region;
        kit_open(&region, sizes[i], 0);
        uint64_t quarter = sizes[i] / 4;
        assert_int_equal(kit_set(&region, 1, quarter, 0), JAY_OK);
        assert_true(kit_has(&region, 1, quarter));
        assert_int_equal(kit_set(&region, 1, quarter + 1, 0), JAY_E_TOO_BIG);
        assert_true(kit_has(&region, 1, quarter));
        /* One after the other, and each overwritten. */
        for (uint64_t number = 0; number < 12; number++) {
            assert_int_equal(kit_set(&region, number % 5, quarter, 0), JAY_OK);
            assert_true(kit_has(&region, number % 5, quarter));
        }
        assert_true(kit_count(&region, 5, quarter) >= 2);
        kit_close(&region);
    }
}

/* Stores a value under a key of this size; both are dots, but for the value's ends. */
static void check_sizes(jayi_region *region, size_t key_size, size_t value_size) {
    static unsigned char key[JAY_KEY_MAX_BYTES], value[66 * KIB], got[66 * KIB];
    memset(key, '.', key_size);
    memset(value, '.', value_size);
    key[key_size - 1] = 'k';
    if (value_size > 0) value[0] = value[value_size - 1] = (unsigned char)('a' + key_size % 26);
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_SET,
                       .key = key,
                       .key_size = key_size,
                       .value = value,
                       .value_size = value_size,
                       .ttl_ms = JAY_TTL_MAX_MS};
    size_t size = 0;
    int64_t ttl_ms = 0;
    jay_value view = JAY_VALUE_INIT;
    assert_int_equal(jayi_engine_write(region, &write, NULL), JAY_OK);
    assert_int_equal(jayi_engine_get_into(region, key, key_size, got, sizeof got, &size, NULL),
                     JAY_OK);
    assert_int_equal(size, value_size);
    assert_memory_equal(got, value, value_size);
    assert_int_equal(jayi_engine_ttl(region, key, key_size, &ttl_ms, NULL), JAY_OK);
    assert_true(ttl_ms <= JAY_TTL_MAX_MS && ttl_ms > JAY_TTL_MAX_MS - 60000);
    assert_int_equal(jayi_engine_get(region, key, key_size, &view, NULL), JAY_OK);
    assert_int_equal(view.size, value_size);
    assert_int_equal(((const char *)view.data)[view.size], 0);
    jayi_engine_release(region, &view);
}

/* Sizes too large for the header have a word of their own. */
static void sizes_around_the_header(void **state) {
    (void)state;
    static const size_t key_sizes[] = {1, 254, 255, 256, 257, JAY_KEY_MAX_BYTES};
    static const size_t value_sizes[] = {0, 65534, 65535, 65536, 65537, 1};
    jayi_region region;
    kit_open(&region, 16 * MIB, 0);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < COUNT_OF(key_sizes); k++) {
            for (size_t v = 0; v < COUNT_OF(value_sizes); v++)
                check_sizes(&region, key_sizes[k], value_sizes[v]);
        }
        assert_int_equal(kit_stats(&region).items, COUNT_OF(key_sizes));
        kit_check(&region);
        jayi_recover(&region, &region.shards[0]);
        assert_int_equal(kit_stats(&region).items, COUNT_OF(key_sizes));
    }
    kit_close(&region);
}

/* Also where everything is in small pieces, and the index takes as much as it ever will. */
static void big_values_find_room_among_small_ones(void **state) {
    (void)state;
    static const uint64_t sizes[] = {128 * KIB, MIB, 16 * MIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        jayi_region region;
        kit_open(&region, sizes[i], 0);
        for (uint64_t number = 0; number < sizes[i] / 40; number++)
            assert_int_equal(kit_set(&region, number, number % 3, 0), JAY_OK);
        kit_check(&region);
        for (uint64_t share = 64; share >= 4; share /= 2) {
            uint64_t size = sizes[i] / share;
            int status = kit_set(&region, 1000000 + share, size, 0);
            if (status != JAY_OK)
                print_error("%llu of %llu bytes\n", (unsigned long long)size,
                            (unsigned long long)sizes[i]);
            assert_int_equal(status, JAY_OK);
            assert_true(kit_has(&region, 1000000 + share, size));
        }
        kit_close(&region);
    }
}

/* Values just about the size of a chunk and its multiples. */
static void sizes_around_chunks(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    uint64_t chunk = jayi_chunk_bytes(&region);
    for (uint64_t count = 1; count <= 8; count++) {
        for (int64_t off = -80; off <= 16; off++) {
            size_t size = (size_t)((int64_t)(count * chunk) + off);
            assert_int_equal(kit_set(&region, size, size, 0), JAY_OK);
            assert_true(kit_has(&region, size, size));
        }
    }
    kit_close(&region);
}

/* Where there are several shards, values too long for one chunk still share chunks with others, and
 * the longest have chunks of their own: each finds room, whatever filled the region before. */
static void sizes_around_chunks_of_several_shards(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 33 * MIB, 0);
    assert_true(region.shard_count > 1);
    uint64_t chunk = jayi_chunk_bytes(&region);
    const uint64_t before[] = {200, chunk - 100, 2 * chunk};
    for (size_t b = 0; b < COUNT_OF(before); b++) {
        for (uint64_t i = 0; i < 32 * MIB / (before[b] + 60); i++)
            assert_int_equal(kit_set(&region, 1000000 * (b + 1) + i, before[b], 0), JAY_OK);
        kit_check(&region);
        for (uint64_t size = chunk / 2; size <= 6 * chunk; size += chunk / 2) {
            for (int64_t off = -80; off <= 16; off += 16) {
                size_t bytes = (size_t)((int64_t)size + off);
                assert_int_equal(kit_set(&region, bytes, bytes, 0), JAY_OK);
                assert_true(kit_has(&region, bytes, bytes));
            }
        }
        for (uint32_t i = 0; i < region.shard_count; i++) jayi_recover(&region, &region.shards[i]);
        assert_int_equal(kit_stats(&region).resets, 0);
    }
    kit_close(&region);
}

/* Waits, for no longer than it takes, until a time is over. */
static void wait_until(int64_t when_ms) {
    while (jayi_clock_ms() <= when_ms) {
        struct timespec rest = {.tv_nsec = 1000000};
        nanosleep(&rest, NULL);
    }
}

static void the_expired_are_cleared_away(void **state) {
    (void)state;
    enum { SHORT_LIVED = 500 };
    jayi_region region;
    kit_open(&region, 4 * MIB, 0);
    for (uint64_t i = 0; i < SHORT_LIVED; i++)
        assert_int_equal(kit_set(&region, i, 100, 20), JAY_OK);
    int64_t over_ms = jayi_clock_ms() + 20;
    for (uint64_t i = 1000; i < 1100; i++) assert_int_equal(kit_set(&region, i, 100, 0), JAY_OK);
    wait_until(over_ms);
    assert_int_equal(kit_count(&region, SHORT_LIVED, 100), 0);
    /* Writes to other keys clear away what nobody asks for. */
    for (uint64_t i = 2000; i < 6000; i++) {
        assert_int_equal(kit_set(&region, i, 100, 0), JAY_OK);
        assert_int_equal(kit_erase(&region, i), JAY_OK);
    }
    jay_stats stats = kit_stats(&region);
    assert_int_equal(stats.items, 100);
    assert_int_equal(stats.expiries, SHORT_LIVED);
    assert_int_equal(stats.evictions, 0);
    kit_close(&region);
}

/* The space of the expired is had without evicting what lives. */
static void the_expired_go_before_the_living(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 1000);
    for (uint64_t i = 0; i < 500; i++) assert_int_equal(kit_set(&region, i, 50, 0), JAY_OK);
    for (uint64_t i = 500; i < 1000; i++) assert_int_equal(kit_set(&region, i, 50, 1), JAY_OK);
    wait_until(jayi_clock_ms() + 1);
    for (uint64_t i = 1000; i < 1300; i++) assert_int_equal(kit_set(&region, i, 50, 0), JAY_OK);
    jay_stats stats = kit_stats(&region);
    assert_true(stats.items <= 1000);
    assert_true(stats.expiries > stats.evictions);
    kit_close(&region);
}

static uint64_t mixed_size(uint64_t number) {
    uint64_t random = number + 1;
    uint64_t next = unit_next(&random);
    return next % 16 == 0 ? 1000 + (next >> 8) % 6000 : 20 + (next >> 8) % 400;
}

/* After many evictions, entries of all sizes still fill most of the region. */
static void fragmentation_stays_bounded(void **state) {
    (void)state;
    static const uint64_t sizes[] = {MIB, 8 * MIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        jayi_region region;
        kit_open(&region, sizes[i], 0);
        uint64_t count = sizes[i] / 512 * 12, payload = 0;
        for (uint64_t number = 0; number < count; number++)
            assert_int_equal(kit_set(&region, number, mixed_size(number), 0), JAY_OK);
        for (uint64_t number = 0; number < count; number++) {
            if (kit_has(&region, number, mixed_size(number))) payload += mixed_size(number);
        }
        print_message("%llu of %llu bytes are payload\n", (unsigned long long)payload,
                      (unsigned long long)sizes[i]);
        assert_true(payload * 100 >= sizes[i] * 65);
        assert_true((uint64_t)kit_stats(&region).bytes <= sizes[i]);
        kit_close(&region);
    }
}

/* Sizes that change over time: what was cut up for small entries serves large ones again. */
static void sizes_may_change(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 2 * MIB, 0);
    static const size_t phases[] = {40, 3000, 500, 12000, 100, 1};
    uint64_t number = 0;
    for (size_t phase = 0; phase < COUNT_OF(phases); phase++) {
        uint64_t first = number, count = 2 * 2 * MIB / (phases[phase] + 60), kept = 0;
        for (; number < first + count; number++) {
            assert_int_equal(kit_set(&region, number, phases[phase], 0), JAY_OK);
            assert_true(kit_has(&region, number, phases[phase]));
        }
        for (uint64_t i = first; i < number; i++) kept += kit_has(&region, i, phases[phase]);
        /* Entries that nobody has asked for do not push out those that came before, but find room.
         */
        assert_true(kept * (phases[phase] + 60) * 20 >= 2 * MIB);
    }
    kit_close(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_items_is_exact),
        cmocka_unit_test(an_overwrite_at_the_limit_evicts_nothing),
        cmocka_unit_test(values_up_to_a_quarter),
        cmocka_unit_test(sizes_around_the_header),
        cmocka_unit_test(big_values_find_room_among_small_ones),
        cmocka_unit_test(sizes_around_chunks),
        cmocka_unit_test(sizes_around_chunks_of_several_shards),
        cmocka_unit_test(the_expired_are_cleared_away),
        cmocka_unit_test(the_expired_go_before_the_living),
        cmocka_unit_test(fragmentation_stays_bounded),
        cmocka_unit_test(sizes_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
