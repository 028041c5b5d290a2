/*
 * test_engine_duel.c - the duel of presets: who wins with which traffic, that the shadows hold what
 * they should, and that a duel survives damage and the death of who feeds it.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/unit.h"

#include "engine/duel.h"

static uint64_t random_state;

static uint64_t next_random(void) {
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t x = random_state;
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint64_t hash_of(uint64_t key) {
    uint64_t kept = random_state;
    random_state = key * 31 + 7;
    uint64_t hash = next_random();
    random_state = kept;
    return hash;
}

static jayi_duel *new_duel(void) {
    jayi_duel *duel = aligned_alloc(64, sizeof *duel);
    assert_non_null(duel);
    memset(duel, 0, sizeof *duel);
    random_state = 1;
    return duel;
}

/* What a cache does with a request. */
static void ask(jayi_duel *duel, uint64_t key, uint64_t charge) {
    uint64_t hash = hash_of(key);
    if (jayi_duel_samples(jayi_duel_shift(duel), hash))
        jayi_duel_feed(duel, (uint32_t)hash, charge);
}

/*
 * Traffic like that of the web, of a cache of `scale` entries: half of the requests are for what
 * was asked for lately, the others for keys few of which are very popular (1/rank), or that come
 * once.
 */
static uint64_t web_key(uint64_t scale) {
    static uint64_t recent[65536];
    static uint64_t count;
    uint64_t span = scale < 65536 ? scale : 65536;
    uint64_t key = (UINT64_C(1) << 40) + ++count;
    if (next_random() % 2 == 0) {
        key = recent[(count - 1 - next_random() % (span / 2 + 1)) % 65536];
    } else if (next_random() % 2 == 0) {
        uint64_t step = UINT64_C(1) << next_random() % 14;
        key = (step + next_random() % step) * 1000 + next_random() % (scale / 200 + 1);
    }
    recent[count % 65536] = key;
    return key;
}

static void ask_web(jayi_duel *duel, uint64_t count, uint64_t scale) {
    for (uint64_t i = 0; i < count; i++) ask(duel, web_key(scale), 1000);
}

static void ask_loop(jayi_duel *duel, uint64_t count, uint64_t length) {
    for (uint64_t i = 0; i < count; i++) ask(duel, (UINT64_C(1) << 50) + i % length, 1000);
}

/* ---- the state of the shadows ---- */

static const uint32_t first_entries[JAYI_PRESETS + 1] = {0, 608, 1216, 2688, JAYI_DUEL_ENTRIES};

/* Goes through a list. Returns its entries, and adds up their units. */
static uint32_t check_list(const jayi_duel *duel, uint32_t shadow_number, uint32_t list_number,
                           uint32_t *units) {
    const jayi_duel_list *list = &duel->shadows[shadow_number].lists[list_number];
    const jayi_duel_entry *entries = duel->entries + first_entries[shadow_number];
    uint32_t count = 0, last = 0;
    for (uint32_t index = list->oldest; index != 0; index = entries[index - 1].next) {
        assert_in_range(index, 1, first_entries[shadow_number + 1] - first_entries[shadow_number]);
        assert_int_equal(entries[index - 1].list, list_number);
        assert_in_range(++count, 1, JAYI_DUEL_ENTRIES);
        *units += entries[index - 1].units;
        last = index;
    }
    assert_int_equal(list->newest, last);
    return count;
}

/* Fails unless lists and counts agree and nothing is over its limit. */
static void check_shadows(const jayi_duel *duel) {
    for (uint32_t i = 0; i < JAYI_PRESETS; i++) {
        const jayi_duel_shadow *shadow = &duel->shadows[i];
        uint32_t all_units = 0, ignored = 0, residents = 0;
        for (uint32_t queue = 0; queue < 2; queue++) {
            uint32_t units = 0, count = 0;
            for (uint32_t band = 0; band < JAYI_DUEL_BANDS; band++) {
                uint32_t found = check_list(duel, i, queue * JAYI_DUEL_BANDS + band, &units);
                assert_int_equal(found > 0, shadow->occupied[queue] >> band & 1);
                count += found;
            }
            assert_int_equal(shadow->residents[queue], count);
            assert_int_equal(shadow->units[queue], units);
            residents += count;
            all_units += units;
        }
        assert_in_range(residents, 0, JAYI_DUEL_RESIDENTS);
        assert_in_range(all_units, 0, duel->scale.units_max);
        assert_int_equal(check_list(duel, i, JAYI_DUEL_GHOSTS, &ignored), shadow->ghosts);
        assert_in_range(shadow->ghosts + residents, 0, first_entries[i + 1] - first_entries[i]);
    }
}

static uint32_t residents_of(const jayi_duel *duel, uint32_t i) {
    return duel->shadows[i].residents[0] + duel->shadows[i].residents[1];
}

/* ---- who wins ---- */

static void web_traffic_stays_with_the_first(void **state) {
    (void)state;
    static const uint64_t capacities[] = {250, 5000, 80000};
    jayi_duel *duel = new_duel();
    for (size_t i = 0; i < 3; i++) {
        jayi_duel_init(duel, capacities[i], false, 0, 0);
        for (uint32_t part = 0; part < 20; part++) {
            ask_web(duel, capacities[i] * 2, capacities[i]);
            assert_int_equal(jayi_duel_preset(duel), 0);
        }
        assert_int_equal(residents_of(duel, 0), duel->scale.units_max);
        check_shadows(duel);
    }
    free(duel);
}

static void a_loop_too_long_moves_on(void **state) {
    (void)state;
    static const uint64_t capacities[] = {10, 200, 5000, 100000};
    jayi_duel *duel = new_duel();
    for (size_t i = 0; i < 4; i++) {
        jayi_duel_init(duel, capacities[i], false, 0, 0);
        ask_loop(duel, capacities[i] * 30, capacities[i] * 13 / 10);
        assert_int_not_equal(jayi_duel_preset(duel), 0);
        check_shadows(duel);
    }
    free(duel);
}

static void new_traffic_changes_the_mind(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 1000, false, 0, 0);
    ask_loop(duel, 40000, 1300);
    assert_int_not_equal(jayi_duel_preset(duel), 0);
    ask_web(duel, 200000, 1000);
    assert_int_equal(jayi_duel_preset(duel), 0);
    free(duel);
}

/* A new key in four requests; the others are for keys of late, the later the more often. */
static void ask_latest(jayi_duel *duel, uint64_t count) {
    static uint64_t newest = UINT64_C(1) << 52;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t span = UINT64_C(1) << (2 + next_random() % 8);
        ask(duel, i % 4 == 0 ? ++newest : newest - next_random() % span, 1000);
    }
}

static void what_was_asked_last_is_kept(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 80, false, 0, 0);
    ask_latest(duel, 50000);
    assert_int_equal(jayi_duel_preset(duel), JAYI_PRESETS - 1);
    ask_loop(duel, 50000, 104);
    assert_int_not_equal(jayi_duel_preset(duel), JAYI_PRESETS - 1);
    check_shadows(duel);
    free(duel);
}

/* ---- sizes ---- */

static void the_sample_fits_the_capacity(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 256, false, 0, 0);
    assert_int_equal(jayi_duel_shift(duel), 0);
    jayi_duel_init(duel, UINT64_C(1) << 20, false, 0, 0);
    assert_int_equal(jayi_duel_shift(duel), 12);
    jayi_duel_init(duel, UINT64_MAX, false, 0, 0);
    assert_int_equal(jayi_duel_shift(duel), JAYI_DUEL_SHIFT_MAX);
    jayi_duel_init(duel, UINT64_C(1) << 30, true, 1024, 0);
    assert_int_equal(jayi_duel_shift(duel), 13);

    assert_true(jayi_duel_samples(0, UINT64_MAX));
    assert_true(jayi_duel_samples(13, UINT64_MAX >> 13));
    assert_false(jayi_duel_samples(13, UINT64_MAX >> 12));
    free(duel);
}

static void a_wrong_guess_of_the_mean_is_put_right(void **state) {
    (void)state;
    static const uint64_t guesses[] = {0, 250, 1024, 200000};
    jayi_duel *duel = new_duel();
    for (size_t i = 0; i < 4; i++) {
        jayi_duel_init(duel, 4000000, true, guesses[i], 2);
        ask_web(duel, 200000, 4000);
        assert_in_range(duel->scale.mean_charge, 500, 2000);
        assert_int_equal(jayi_duel_shift(duel), 5);
        assert_in_range(residents_of(duel, 0), 100, 130);
        check_shadows(duel);
    }
    free(duel);
}

static void tiny_capacities_work(void **state) {
    (void)state;
    static const uint64_t capacities[] = {0, 1, 2, 3, 28};
    jayi_duel *duel = new_duel();
    for (size_t i = 0; i < 5; i++) {
        jayi_duel_init(duel, capacities[i], false, 0, 0);
        ask_web(duel, 5000, 50);
        assert_int_equal(jayi_duel_shift(duel), 0);
        for (uint32_t k = 0; k < JAYI_PRESETS; k++)
            assert_int_equal(residents_of(duel, k), i == 0 ? 1 : capacities[i]);
        check_shadows(duel);
    }
    free(duel);
}

static void entries_of_all_sizes_fit(void **state) {
    (void)state;
    static const uint64_t capacities[] = {1, 100, 16384, 1 << 20, UINT64_C(1) << 33, UINT64_MAX};
    jayi_duel *duel = new_duel();
    for (size_t i = 0; i < 6; i++) {
        jayi_duel_init(duel, capacities[i], true, 0, 0);
        for (uint64_t k = 0; k < 30000; k++) {
            uint64_t key = web_key(1000), charge = UINT64_MAX >> hash_of(key + 1) % 64;
            jayi_duel_feed(duel, (uint32_t)hash_of(key), key % 50 == 0 ? charge : charge % 5000);
        }
        check_shadows(duel);
    }
    free(duel);
}

static void more_small_entries_than_places(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 1000000, true, 0, 0);
    for (uint64_t i = 0; i < 500; i++) ask(duel, i, 5);
    for (uint32_t k = 0; k < JAYI_PRESETS; k++)
        assert_int_equal(residents_of(duel, k), JAYI_DUEL_RESIDENTS);
    check_shadows(duel);
    free(duel);
}

/* ---- damage ---- */

static void zeroed_memory_does_nothing(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    assert_true(jayi_duel_is_stale(duel, 0));
    jayi_duel_feed(duel, 1, 1);
    assert_int_equal(jayi_duel_preset(duel), 0);
    assert_int_equal(residents_of(duel, 0), 0);
    free(duel);
}

static void another_capacity_makes_it_stale(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 1000, false, 0, 2);
    assert_int_equal(jayi_duel_preset(duel), 2);
    assert_false(jayi_duel_is_stale(duel, 1000));
    assert_false(jayi_duel_is_stale(duel, 1250));
    assert_true(jayi_duel_is_stale(duel, 1251));
    assert_true(jayi_duel_is_stale(duel, 749));
    duel->scale.units_max++;
    assert_true(jayi_duel_is_stale(duel, 1000));
    jayi_duel_init(duel, 1000, false, 0, 0);
    duel->shift = 20;
    assert_true(jayi_duel_is_stale(duel, 1000));
    jayi_duel_init(duel, 1000, false, 0, 77);
    assert_int_equal(jayi_duel_preset(duel), 0);
    assert_false(jayi_duel_is_stale(duel, 1000));
    free(duel);
}

static void it_works_at_any_address(void **state) {
    (void)state;
    jayi_duel *duel = new_duel(), *moved = new_duel();
    jayi_duel_init(duel, 1000, false, 0, 0);
    ask_web(duel, 3000, 1000);
    memcpy(moved, duel, sizeof *duel);
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t key = web_key(1000);
        ask(duel, key, 1000);
        ask(moved, key, 1000);
    }
    assert_memory_equal(duel, moved, sizeof *duel);
    free(duel);
    free(moved);
}

static void a_feed_cut_short_is_wiped(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    jayi_duel_init(duel, 200, false, 0, 1);
    ask_web(duel, 3000, 200);
    assert_int_equal(residents_of(duel, 0), 200);
    uint32_t preset = jayi_duel_preset(duel);
    duel->is_busy = 1;
    jayi_duel_feed(duel, 1, 1);
    for (uint32_t k = 0; k < JAYI_PRESETS; k++) assert_int_equal(residents_of(duel, k), 1);
    assert_int_equal(jayi_duel_preset(duel), preset);
    check_shadows(duel);
    free(duel);
}

/* Whatever bytes change, nothing is touched outside, every feed ends, and it recovers when told to.
 */
static void damage_does_no_harm(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    for (uint64_t round = 0; round < 600; round++) {
        bool is_sized = round % 2 == 1;
        uint64_t capacity = is_sized ? 200000 : 250;
        jayi_duel_init(duel, capacity, is_sized, 1000, 0);
        ask_web(duel, 1200, 200);
        /* The front is small and holds what matters most, so half of the damage goes there. */
        size_t span = round % 4 < 2 ? offsetof(jayi_duel, heads) : sizeof *duel;
        for (uint64_t i = 0, count = 1 + next_random() % 40; i < count; i++)
            ((unsigned char *)duel)[next_random() % span] = (unsigned char)next_random();
        ask_web(duel, 1200, 200);
        assert_in_range(jayi_duel_preset(duel), 0, JAYI_PRESETS - 1);
        assert_in_range(jayi_duel_shift(duel), 0, JAYI_DUEL_SHIFT_MAX);
    }
    jayi_duel_init(duel, 250, false, 0, 0);
    ask_loop(duel, 7500, 325);
    assert_int_not_equal(jayi_duel_preset(duel), 0);
    check_shadows(duel);
    free(duel);
}

/* Whether these bytes of a shadow are links of a band that entries of one size leave unused. */
static bool is_unused(size_t offset) {
    if (offset < offsetof(jayi_duel_shadow, lists)) return false;
    return (offset - offsetof(jayi_duel_shadow, lists)) / sizeof(jayi_duel_list) %
               JAYI_DUEL_BANDS !=
           0;
}

/* Each link and count of each shadow in turn is set to nonsense; after a while all agrees again. */
static void nonsense_is_wiped(void **state) {
    (void)state;
    jayi_duel *duel = new_duel();
    for (uint32_t k = 0; k < JAYI_PRESETS; k++) {
        for (size_t at = offsetof(jayi_duel_shadow, units); at < sizeof *duel->shadows; at += 2) {
            if (is_unused(at)) continue;
            jayi_duel_init(duel, 250, false, 0, 0);
            ask_web(duel, 2000, 250);
            memset((unsigned char *)&duel->shadows[k] + at, 0xf7, 2);
            ask_web(duel, 4000, 250);
            check_shadows(duel);
        }
    }
    free(duel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(web_traffic_stays_with_the_first),
        cmocka_unit_test(a_loop_too_long_moves_on),
        cmocka_unit_test(new_traffic_changes_the_mind),
        cmocka_unit_test(what_was_asked_last_is_kept),
        cmocka_unit_test(the_sample_fits_the_capacity),
        cmocka_unit_test(a_wrong_guess_of_the_mean_is_put_right),
        cmocka_unit_test(tiny_capacities_work),
        cmocka_unit_test(entries_of_all_sizes_fit),
        cmocka_unit_test(more_small_entries_than_places),
        cmocka_unit_test(zeroed_memory_does_nothing),
        cmocka_unit_test(another_capacity_makes_it_stale),
        cmocka_unit_test(it_works_at_any_address),
        cmocka_unit_test(a_feed_cut_short_is_wiped),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(nonsense_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
