/*
 * test_engine_geometry.c - the layout of regions of all sizes, and what is refused.
 */
#include "engine_kit.h"

#include <sys/mman.h>

#include "engine/chunks.h"

static unsigned char *map(uint64_t bytes) {
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(base != MAP_FAILED);
    return base;
}

/* One part begins where the one before has ended, in order and within the region. */
static void check_parts(const jayi_region *r) {
    const unsigned char *ends[] = {
        r->base + sizeof(jayi_header),
        (const unsigned char *)(uintptr_t)r->rows + r->row_count * sizeof(jayi_row),
        (const unsigned char *)(uintptr_t)r->pins +
            (size_t)r->row_count * r->pins_per_row * sizeof(jayi_pin),
        (const unsigned char *)(uintptr_t)r->shards + r->shard_count * sizeof(jayi_shard),
        (const unsigned char *)(uintptr_t)r->directories +
            (size_t)r->shard_count * r->directory_size * 4,
        (const unsigned char *)(uintptr_t)r->chunk_table + (size_t)r->chunk_count * 4,
        r->chunks + ((uint64_t)r->chunk_count << r->chunk_shift)};
    const unsigned char *begins[] = {(const unsigned char *)(uintptr_t)r->rows,
                                     (const unsigned char *)(uintptr_t)r->pins,
                                     (const unsigned char *)(uintptr_t)r->shards,
                                     (const unsigned char *)(uintptr_t)r->directories,
                                     (const unsigned char *)(uintptr_t)r->chunk_table,
                                     r->chunks,
                                     r->base + r->region_bytes};
    for (size_t i = 0; i < COUNT_OF(ends); i++) assert_true(ends[i] <= begins[i]);
    assert_int_equal((uintptr_t)r->rows % JAYI_LINE, 0);
    assert_int_equal((uintptr_t)r->pins % 4, 0);
    assert_int_equal((uintptr_t)r->shards % JAYI_LINE, 0);
    assert_int_equal((uintptr_t)r->chunks % JAYI_LINE, 0);
    assert_true((r->shard_count & (r->shard_count - 1)) == 0);
    assert_in_range(r->chunk_count, 6, UINT32_MAX);
}

/* Every size that is allowed: it works at once, or is refused. */
static void check_size(uint64_t bytes, uint32_t rows, uint64_t max_items) {
    jayi_region_plan plan = {
        .region_bytes = bytes, .max_items = max_items, .row_count = rows, .seed = 1};
    jay_error error;
    if (jayi_region_check_plan(&plan, &error) != JAY_OK) {
        assert_int_equal(error.code, JAY_E_OPTION_VALUE);
        assert_true(rows > 1 && bytes < 64 * MIB);
        return;
    }
    unsigned char *base = map(bytes);
    jayi_region region = {.lock_fd = -1};
    jayi_region_format(base, &plan);
    assert_int_equal(jayi_region_bind(&region, base, bytes, &error), JAY_OK);
    assert_true(region.region_bytes == bytes && region.row_count == rows);
    assert_true(region.max_items == max_items && region.largest_value == bytes / 4);
    check_parts(&region);
    uint64_t items = 0;
    for (uint32_t i = 0; i < region.shard_count; i++) items += region.shards[i].max_items;
    assert_int_equal(items, max_items);
    assert_int_equal(jayi_identity_init(&region, NULL), JAY_OK);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(kit_set(&region, i, 100, 0), JAY_OK);
        assert_true(kit_has(&region, i, 100));
    }
    jayi_identity_deinit(&region);
    assert_int_equal(munmap(base, bytes), 0);
}

static void all_sizes_work(void **state) {
    (void)state;
    static const uint64_t sizes[] = {64 * KIB,  68 * KIB,  100 * KIB,  256 * KIB,
                                     MIB,       5 * MIB,   16 * MIB,   64 * MIB,
                                     100 * MIB, 256 * MIB, 1024 * MIB, 4096 * MIB};
    static const uint32_t rows[] = {1, 2, 7, 128, 1000, 4095};
    static const uint64_t limits[] = {0, 1, 2, 500, 65536, 65537, 1000003};
    for (size_t size = 0; size < COUNT_OF(sizes); size++) {
        for (size_t row = 0; row < COUNT_OF(rows); row++)
            check_size(sizes[size], rows[row], limits[(size + row) % COUNT_OF(limits)]);
    }
    for (uint64_t bytes = 64 * KIB; bytes < 512 * KIB; bytes += 4096) check_size(bytes, 1, 0);
}

static void too_small_and_too_large_are_refused(void **state) {
    (void)state;
    const jayi_region_plan plans[] = {
        {.region_bytes = 4096, .row_count = 1},
        {.region_bytes = 0, .row_count = 1},
        {.region_bytes = 64 * KIB, .row_count = 128},
        {.region_bytes = MIB, .row_count = 4095},
        {.region_bytes = JAYI_REGION_MAX + 4096, .row_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        jay_error error;
        assert_int_equal(jayi_region_check_plan(&plans[i], &error), JAY_E_OPTION_VALUE);
        assert_holds(error.message, "max_bytes");
    }
}

/* No header with a changed bit is believed. */
static void every_bit_of_the_header_counts(void **state) {
    (void)state;
    jayi_region_plan plan = {.region_bytes = 128 * KIB, .row_count = 1, .seed = 9};
    unsigned char *base = map(plan.region_bytes);
    jayi_region_format(base, &plan);
    jayi_region region;
    size_t checked = offsetof(jayi_header, check) + 4;
    for (size_t bit = 0; bit < checked * 8; bit++) {
        base[bit / 8] ^= (unsigned char)(1u << bit % 8);
        jay_error error;
        int status = jayi_region_bind(&region, base, plan.region_bytes, &error);
        bool is_format =
            bit / 8 >= offsetof(jayi_header, format) && bit / 8 < offsetof(jayi_header, format) + 4;
        assert_int_equal(status, is_format ? JAY_E_VERSION : JAY_E_CORRUPT);
        base[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(jayi_region_bind(&region, base, plan.region_bytes, NULL), JAY_OK);
    assert_int_equal(jayi_region_bind(&region, base, plan.region_bytes - 4096, NULL),
                     JAY_E_CORRUPT);
    assert_int_equal(jayi_region_bind(&region, base, 100, NULL), JAY_E_CORRUPT);
    munmap(base, plan.region_bytes);
}

/* Whoever knows a region by another address sees the same. */
static void a_region_works_at_any_address(void **state) {
    (void)state;
    uint64_t bytes = MIB;
    jayi_region_plan plan = {.region_bytes = bytes, .row_count = 1, .seed = 4};
    unsigned char *base = map(bytes), *elsewhere = map(bytes);
    jayi_region_format(base, &plan);
    jayi_region region = {.lock_fd = -1};
    assert_int_equal(jayi_region_bind(&region, base, bytes, NULL), JAY_OK);
    assert_int_equal(jayi_identity_init(&region, NULL), JAY_OK);
    for (uint64_t i = 0; i < 3000; i++) assert_int_equal(kit_set(&region, i, 70, 0), JAY_OK);
    memcpy(elsewhere, base, bytes);
    memset(base, 0xff, bytes);
    assert_int_equal(jayi_region_bind(&region, elsewhere, bytes, NULL), JAY_OK);
    kit_check(&region);
    assert_int_equal(kit_count(&region, 3000, 70), 3000);
    jayi_identity_deinit(&region);
    munmap(base, bytes);
    munmap(elsewhere, bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes_work),
        cmocka_unit_test(too_small_and_too_large_are_refused),
        cmocka_unit_test(every_bit_of_the_header_counts),
        cmocka_unit_test(a_region_works_at_any_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
