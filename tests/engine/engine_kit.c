/*
 * engine_kit.c - regions and entries for the tests of the engine.
 */
#include "engine_kit.h"

#include <stdio.h>

static unsigned char pattern[(64 << 20) + 256];
static unsigned char buffer[64 << 20];

static const unsigned char *value_of(uint64_t number) {
    if (pattern[1] == 0) {
        for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (unsigned char)(i * 13 + (i >> 9));
        pattern[1] = 1;
    }
    return pattern + number % 251;
}

void kit_open(jayi_region *region, uint64_t bytes, uint64_t max_items) {
    jay_error error = {.message = ""};
    jayi_region_plan plan = {
        .region_bytes = bytes, .max_items = max_items, .row_count = 1, .seed = bytes + max_items};
    if (jayi_engine_open_private(region, &plan, &error) != JAY_OK) fail_msg("%s", error.message);
}

void kit_close(jayi_region *region) {
    kit_check(region);
    jayi_engine_close_private(region);
}

jay_bytes kit_key(uint64_t number, size_t longer) {
    static char text[2048];
    int size = snprintf(text, sizeof text, "key %llu", (unsigned long long)number);
    memset(text + size, '.', longer);
    return (jay_bytes){text, (size_t)size + longer};
}

int kit_set(jayi_region *region, uint64_t number, size_t value_size, int64_t ttl_ms) {
    jay_bytes key = kit_key(number, 0);
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_SET,
                       .key = key.data,
                       .key_size = key.size,
                       .value = value_of(number),
                       .value_size = value_size,
                       .ttl_ms = ttl_ms};
    return jayi_engine_write(region, &write, NULL);
}

bool kit_has(jayi_region *region, uint64_t number, size_t value_size) {
    jay_bytes key = kit_key(number, 0);
    size_t got = 0;
    int status =
        jayi_engine_get_into(region, key.data, key.size, buffer, sizeof buffer, &got, NULL);
    if (status == JAY_MISS) return false;
    assert_int_equal(status, JAY_OK);
    assert_int_equal(got, value_size);
    assert_memory_equal(buffer, value_of(number), got);
    return true;
}

int kit_view(jayi_region *region, uint64_t number, jay_value *ret_value) {
    jay_bytes key = kit_key(number, 0);
    return jayi_engine_get(region, key.data, key.size, ret_value, NULL);
}

int kit_erase(jayi_region *region, uint64_t number) {
    jay_bytes key = kit_key(number, 0);
    return jayi_engine_erase(region, key.data, key.size, NULL);
}

uint64_t kit_count(jayi_region *region, uint64_t count, size_t value_size) {
    uint64_t found = 0;
    for (uint64_t number = 0; number < count; number++)
        found += kit_has(region, number, value_size);
    return found;
}

jay_stats kit_stats(jayi_region *region) {
    jay_stats stats;
    assert_int_equal(jayi_engine_stats(region, &stats, NULL), JAY_OK);
    return stats;
}
