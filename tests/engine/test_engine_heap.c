/*
 * test_engine_heap.c - blocks: no two overlap, all free neighbours merge, empty chunks go back.
 *
 * The heap is used alone, under a shard that has no entries. Blocks hold a pattern of their own,
 * which shows when two overlap.
 */
#include "engine_kit.h"

#include "engine/chunks.h"
#include "engine/heap.h"

enum { BLOCKS = 2000, ROUNDS = 40000 };

typedef struct block {
    jayi_place place;
    uint64_t bytes;
    unsigned char mark;
} block;

typedef struct heap {
    jayi_region region;
    jayi_shard *shard;
    block blocks[BLOCKS];
    uint32_t count;
    uint64_t used_bytes;
} heap;

static void open_heap(heap *h, uint64_t bytes) {
    memset(h, 0, sizeof *h);
    kit_open(&h->region, bytes, 0);
    h->shard = &h->region.shards[0];
}

/* What an item does to its block: the header says its size, the rest is its own. */
static void fill(const heap *h, const block *b) {
    jayi_item *item = jayi_item_at(&h->region, b->place);
    uint64_t previous_free = jayi_peek(&item->state) & JAYI_FLAG_PREVIOUS_FREE;
    jayi_poke(&item->state, JAYI_DEADLINE_NEVER << JAYI_DEADLINE_SHIFT | previous_free);
    uint64_t value_size = b->bytes - JAYI_ITEM_HEADER - 2;
    if (jayi_sizes_are_long(1, value_size)) {
        value_size = b->bytes - JAYI_LONG_HEADER - 2;
        jayi_poke(&item->identity, 0);
        jayi_poke(&item->more[0], value_size << JAYI_LONG_VALUE_SHIFT | 1);
    } else {
        jayi_poke(&item->identity, value_size << JAYI_VALUE_SIZE_SHIFT | 1);
    }
    uint32_t header = jayi_item_sizes(item).header;
    memset((unsigned char *)item + header, b->mark, b->bytes - header);
}

static void check(const heap *h, const block *b) {
    const jayi_item *item = jayi_item_at(&h->region, b->place);
    const unsigned char *bytes = (const unsigned char *)item;
    for (uint64_t i = jayi_item_sizes(item).header; i < b->bytes; i++)
        assert_int_equal(bytes[i], b->mark);
}

static bool take(heap *h, uint64_t bytes) {
    jayi_place place = jayi_heap_take(&h->region, h->shard, bytes);
    if (place == 0) {
        uint32_t count = jayi_run_chunks(&h->region, bytes + JAYI_BLOCK_MIN);
        uint32_t first = jayi_chunk_claim_row(&h->region, count, JAYI_CHUNK_HEAP, 0);
        if (first == JAYI_NO_CHUNK) return false;
        jayi_heap_add_chunks(&h->region, h->shard, first, count);
        place = jayi_heap_take(&h->region, h->shard, bytes);
        assert_int_not_equal(place, 0);
    }
    assert_true(jayi_heap_owns(&h->region, h->shard, place));
    block *b = &h->blocks[h->count++];
    *b = (block){place, bytes, (unsigned char)(place * 7 + bytes)};
    fill(h, b);
    h->used_bytes += bytes;
    jayi_bump(&h->shard->block_bytes, bytes);
    return true;
}

static void give(heap *h, uint32_t number) {
    block b = h->blocks[number];
    check(h, &b);
    h->blocks[number] = h->blocks[--h->count];
    h->used_bytes -= b.bytes;
    jayi_bump(&h->shard->block_bytes, 0 - b.bytes);
    jayi_heap_give(&h->region, h->shard, b.place, b.bytes);
    assert_int_equal(jayi_peek(&h->shard->is_damaged), 0);
}

/* Frees everything, and makes sure that nothing of it is left in pieces: a block of any size that
 * the heap has chunks for can be had. */
static void give_all(heap *h) {
    while (h->count > 0) give(h, h->count - 1);
    jayi_heap_flush(&h->region, h->shard);
    kit_audit audit = kit_check(&h->region);
    assert_int_equal(audit.quick_blocks, 0);
    assert_int_equal(audit.chunks[JAYI_CHUNK_HEAP], h->shard->heap_chunks);
    assert_int_equal(audit.free_bytes, (uint64_t)h->shard->heap_chunks << h->region.chunk_shift);
    assert_int_equal(audit.chunks[JAYI_CHUNK_FREE], h->region.chunk_count - h->shard->heap_chunks);
}

static uint64_t some_size(const heap *h, uint64_t random) {
    uint64_t chunk = jayi_chunk_bytes(&h->region);
    uint64_t bytes = random % 8 != 0 ? 32 + (random >> 8) % 600 : 32 + (random >> 8) % (chunk * 3);
    return bytes / JAYI_UNIT * JAYI_UNIT;
}

static void blocks_do_not_overlap_and_merge(void **state) {
    (void)state;
    static const uint64_t sizes[] = {MIB, 64 * MIB}; /* one shard, and several */
    static heap h;
    for (size_t size = 0; size < COUNT_OF(sizes); size++) {
        open_heap(&h, sizes[size]);
        uint64_t random = 1;
        for (int i = 0; i < ROUNDS; i++) {
            uint64_t next = unit_next(&random);
            /* Now mostly taking, now mostly giving. */
            bool gives = (next >> 60) < (i / 2000 % 2 == 0 ? 5u : 11u);
            if (h.count > 0 && (gives || h.count == BLOCKS)) {
                give(&h, (uint32_t)(next >> 8) % h.count);
            } else {
                take(&h, some_size(&h, next));
            }
        }
        assert_true(h.count > 0);
        for (uint32_t i = 0; i < h.count; i++) check(&h, &h.blocks[i]);
        give_all(&h);
        jayi_engine_close_private(&h.region);
    }
}

static void a_heap_can_be_filled_to_the_last_byte(void **state) {
    (void)state;
    static heap h;
    open_heap(&h, 64 * KIB);
    uint32_t count = h.region.chunk_count;
    assert_int_equal(jayi_chunk_claim_row(&h.region, count, JAYI_CHUNK_HEAP, 0), 0);
    jayi_heap_add_chunks(&h.region, h.shard, 0, count);
    uint64_t all = (uint64_t)count << h.region.chunk_shift;
    for (uint64_t bytes = 32; bytes <= 4096; bytes *= 2) {
        while (h.used_bytes + bytes <= all) assert_true(take(&h, bytes));
        assert_int_equal(jayi_heap_take(&h.region, h.shard, 32), 0);
        while (h.count > 0) give(&h, 0);
        jayi_heap_flush(&h.region, h.shard);
    }
    /* It has become one block again. */
    assert_true(take(&h, all));
    give_all(&h);
    jayi_engine_close_private(&h.region);
}

/* A rest that is too small to be a block is never cut off: the block is passed over. */
static void no_rest_is_lost(void **state) {
    (void)state;
    static heap h;
    open_heap(&h, 64 * KIB);
    uint64_t chunk = jayi_chunk_bytes(&h.region);
    assert_int_not_equal(jayi_chunk_claim(&h.region, JAYI_CHUNK_HEAP, 0), JAYI_NO_CHUNK);
    jayi_heap_add_chunks(&h.region, h.shard, 0, 1);
    for (uint64_t bytes = 64; bytes <= 2048; bytes += JAYI_UNIT) {
        assert_true(take(&h, chunk - bytes));
        for (uint64_t rest = 8; rest < JAYI_BLOCK_MIN; rest += JAYI_UNIT)
            assert_int_equal(jayi_heap_take(&h.region, h.shard, bytes - rest), 0);
        assert_true(take(&h, bytes));
        give_all(&h);
    }
    assert_int_equal(h.shard->heap_chunks, 1);
    jayi_engine_close_private(&h.region);
}

/* Where other shards may want them, chunks that are free as a whole go back, but for a reserve. */
static void chunks_go_back_when_free(void **state) {
    (void)state;
    static heap h;
    open_heap(&h, 64 * MIB);
    assert_true(h.region.shard_count > 1);
    uint64_t half = jayi_chunk_bytes(&h.region) / 2;
    for (int i = 0; i < 100; i++) assert_true(take(&h, half));
    uint32_t most = h.shard->heap_chunks;
    assert_true(most >= 50);
    uint32_t epoch = atomic_load(&h.region.header->freed_epoch);
    give_all(&h);
    assert_true(h.shard->heap_chunks < 10);
    assert_int_equal(atomic_load(&h.region.header->freed_epoch) - epoch,
                     most - h.shard->heap_chunks);
    jayi_engine_close_private(&h.region);
}

static void a_damaged_bin_is_noticed(void **state) {
    (void)state;
    static heap h;
    open_heap(&h, 64 * KIB);
    assert_true(take(&h, 1000));
    for (uint32_t bin = 0; bin < JAYI_BINS; bin++) {
        if (h.shard->bins[bin] != 0) h.shard->bins[bin] = UINT32_MAX;
    }
    assert_int_equal(jayi_heap_take(&h.region, h.shard, 1000), 0);
    assert_int_equal(jayi_peek(&h.shard->is_damaged), 1);
    jayi_engine_close_private(&h.region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_overlap_and_merge),
        cmocka_unit_test(a_heap_can_be_filled_to_the_last_byte),
        cmocka_unit_test(no_rest_is_lost),
        cmocka_unit_test(chunks_go_back_when_free),
        cmocka_unit_test(a_damaged_bin_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
