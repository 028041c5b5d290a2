/*
 * test_engine_pins.c - views: how many, how many bytes, what happens to what they hold.
 */
#include "engine_kit.h"

#include <stdlib.h>

#include "engine/pins.h"

static void so_many_views_and_no_more(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, MIB, 0);
    assert_int_equal(kit_set(&region, 1, 100, 0), JAY_OK);
    jay_value *views = calloc(region.pins_per_row, sizeof *views);
    assert_non_null(views);
    for (uint32_t i = 0; i < region.pins_per_row; i++)
        assert_int_equal(kit_view(&region, 1, &views[i]), JAY_OK);
    jay_value one_more;
    assert_int_equal(kit_view(&region, 1, &one_more), JAY_E_FULL);
    assert_true(kit_has(&region, 1, 100)); /* without a view there is no limit */
    /* Whichever is released is used again. */
    for (uint32_t i = 0; i < region.pins_per_row; i += 7) {
        jayi_engine_release(&region, &views[i]);
        assert_int_equal(kit_view(&region, 1, &views[i]), JAY_OK);
        assert_int_equal(kit_view(&region, 1, &one_more), JAY_E_FULL);
    }
    for (uint32_t i = 0; i < region.pins_per_row; i++) jayi_engine_release(&region, &views[i]);
    assert_int_equal(jayi_pinned_bytes(&region.rows[0]), 0);
    free(views);
    kit_close(&region);
}

static void no_more_than_half_of_the_bytes(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 4 * MIB, 0);
    size_t size = MIB / 2;
    jay_value views[8];
    uint32_t held = 0;
    for (uint64_t i = 0; i < COUNT_OF(views); i++) {
        assert_int_equal(kit_set(&region, i, size, 0), JAY_OK);
        int status = kit_view(&region, i, &views[held]);
        if (status == JAY_E_FULL) break;
        assert_int_equal(status, JAY_OK);
        held++;
    }
    /* One may go over the half; the next is refused. */
    assert_in_range(held, 4, 5);
    for (uint32_t i = 0; i < held; i++) jayi_engine_release(&region, &views[i]);
    assert_int_equal(kit_view(&region, 0, &views[0]), JAY_OK);
    jayi_engine_release(&region, &views[0]);
    kit_close(&region);
}

static void what_is_held_stays_as_it_is(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 256 * KIB, 0);
    jay_value views[10];
    for (uint64_t i = 0; i < COUNT_OF(views); i++) {
        assert_int_equal(kit_set(&region, i, 50 * i, 0), JAY_OK);
        assert_int_equal(kit_view(&region, i, &views[i]), JAY_OK);
    }
    unsigned char copies[COUNT_OF(views)][500];
    for (size_t i = 0; i < COUNT_OF(views); i++) memcpy(copies[i], views[i].data, views[i].size);
    assert_int_equal(kit_set(&region, 1, 500, 0), JAY_OK);
    assert_int_equal(kit_erase(&region, 2), JAY_OK);
    assert_int_equal(jayi_engine_clear(&region, "", 0, NULL), JAY_OK);
    assert_int_equal(kit_check(&region).limbo, COUNT_OF(views));
    for (uint64_t i = 100; i < 5000; i++)
        assert_int_equal(kit_set(&region, i, i * 37 % 900, 0), JAY_OK);
    for (size_t i = 0; i < COUNT_OF(views); i++) {
        assert_int_equal(views[i].size, 50 * i);
        assert_memory_equal(views[i].data, copies[i], views[i].size);
        assert_int_equal(((const char *)views[i].data)[views[i].size], '\0');
        jayi_engine_release(&region, &views[i]);
    }
    for (uint64_t i = 100; i < 5000; i++)
        assert_int_equal(kit_set(&region, i, i * 31 % 900, 0), JAY_OK);
    assert_int_equal(kit_check(&region).limbo, 0);
    kit_close(&region);
}

/* An item that several views hold is free when the last is released. */
static void the_last_view_frees(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 256 * KIB, 0);
    jay_value a, b;
    assert_int_equal(kit_set(&region, 1, 100, 0), JAY_OK);
    assert_int_equal(kit_view(&region, 1, &a), JAY_OK);
    assert_int_equal(kit_view(&region, 1, &b), JAY_OK);
    jayi_place place =
        jayi_place_of(&region, (const char *)a.data - kit_key(1, 0).size - JAYI_ITEM_HEADER);
    assert_true(jayi_is_pinned(&region, place));
    jayi_engine_release(&region, &a);
    assert_true(jayi_is_pinned(&region, place));
    jayi_engine_release(&region, &b);
    assert_false(jayi_is_pinned(&region, place));
    kit_close(&region);
}

/* Everything is held: writing fails with a status, and works again after the release. */
static void a_region_full_of_views(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 128 * KIB, 0);
    enum { VIEWS = 200 };
    static jay_value views[VIEWS];
    uint32_t held = 0;
    int status = JAY_OK;
    for (uint64_t i = 0; held < VIEWS && status == JAY_OK; i++) {
        status = kit_set(&region, i, 900, 0);
        if (status != JAY_OK) break;
        status = kit_view(&region, i, &views[held]);
        if (status == JAY_OK) held++;
    }
    assert_int_equal(status, JAY_E_FULL);
    assert_true(held > 32);
    /* Half of the region is held; the rest goes on being used. */
    for (uint64_t i = 1000; i < 1300; i++) {
        assert_int_equal(kit_set(&region, i, 300, 0), JAY_OK);
        assert_true(kit_has(&region, i, 300));
    }
    /* Only pieces are free. */
    status = kit_set(&region, 2000, 128 * KIB / 4, 0);
    assert_true(status == JAY_OK || status == JAY_E_FULL);
    kit_check(&region);
    for (uint32_t i = 0; i < held; i++) jayi_engine_release(&region, &views[i]);
    assert_int_equal(kit_set(&region, 2000, 128 * KIB / 4, 0), JAY_OK);
    assert_true(kit_has(&region, 2000, 128 * KIB / 4));
    kit_close(&region);
}

/* A view in each few KiB: no room for a long value, a status, and room after the release. */
static void views_stand_in_the_way_of_a_run(void **state) {
    (void)state;
    jayi_region region;
    kit_open(&region, 256 * KIB, 0);
    static jay_value views[65];
    static bool has_view[64];
    uint32_t held = 0;
    assert_in_range(region.chunk_count, 16, COUNT_OF(has_view));
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(kit_set(&region, i, 300, 0), JAY_OK);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        if (kit_view(&region, i, &views[held]) != JAY_OK) continue;
        uint32_t chunk = jayi_chunk_of(&region, jayi_place_of(&region, views[held].data));
        if (has_view[chunk]) {
            jayi_engine_release(&region, &views[held]);
        } else {
            has_view[chunk] = true;
            held++;
        }
    }
    uint64_t big = 256 * KIB / 4;
    assert_true(held > region.chunk_count / 2);
    assert_int_equal(kit_set(&region, 5000, big, 0), JAY_E_FULL);
    kit_check(&region);
    for (uint32_t i = 0; i < held; i++) jayi_engine_release(&region, &views[i]);
    assert_int_equal(kit_set(&region, 5000, big, 0), JAY_OK);
    assert_true(kit_has(&region, 5000, big));
    kit_close(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_views_and_no_more),
        cmocka_unit_test(no_more_than_half_of_the_bytes),
        cmocka_unit_test(what_is_held_stays_as_it_is),
        cmocka_unit_test(the_last_view_frees),
        cmocka_unit_test(a_region_full_of_views),
        cmocka_unit_test(views_stand_in_the_way_of_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
