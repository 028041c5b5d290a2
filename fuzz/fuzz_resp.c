/*
 * fuzz_resp.c - any bytes as the replies of a Redis server: reading them never looks past their
 * end, gives the same answer whatever follows, and is bounded in depth.
 */
#include <string.h>

#include "fuzz_input.h"
#include "wire/resp.h"

/* Reads the head at the front of some bytes: what it used, or 0. */
static size_t read_head(const char *data, size_t size, jayi_resp_head *ret_head) {
    /* In memory of its own, so that a look past the end is seen. */
    char *copy = malloc(size);
    if (copy == NULL) return 0;
    memcpy(copy, data, size);
    jayi_resp_head again;
    int used = jayi_resp_parse(copy, size, ret_head);
    fuzz_require(used >= -1 && used <= (int)size && used <= JAYI_RESP_LINE_MAX);
    if (used > 0) {
        fuzz_require(jayi_resp_parse(copy, (size_t)used, &again) == used);
        fuzz_require(again.type == ret_head->type && again.number == ret_head->number);
        fuzz_require(jayi_resp_parse(copy, (size_t)used - 1, &again) == 0);
        fuzz_require(ret_head->text + ret_head->text_size + 2 == copy + used);
    }
    free(copy);
    return used > 0 ? (size_t)used : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size > 65536 || size == 0) return 0;
    const char *data = (const char *)bytes;
    jayi_resp_walk walk;
    int64_t whole = jayi_resp_measure(data, size);
    fuzz_require(whole >= -1);
    if (whole > 0 && (uint64_t)whole <= size)
        fuzz_require(jayi_resp_measure(data, (size_t)whole) == whole);
    jayi_resp_walk_begin(&walk, 1);
    while (size > 0 && !jayi_resp_walk_is_over(&walk)) {
        jayi_resp_head head;
        size_t used = read_head(data, size, &head);
        if (used == 0 || !jayi_resp_walk_step(&walk, &head)) return 0;
        fuzz_require(walk.depth <= JAYI_RESP_DEPTH_MAX);
        data += used;
        size -= used;
        if (!jayi_resp_has_bytes(&head)) continue;
        if ((uint64_t)head.number + 2 > size) return 0;
        data += head.number + 2;
        size -= (size_t)head.number + 2;
    }
    /* What has been measured ends where it has been walked through. */
    if (whole > 0) fuzz_require(data == (const char *)bytes + whole);
    return 0;
}
