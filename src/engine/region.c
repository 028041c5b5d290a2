/*
 * region.c - the geometry of regions.
 */
#include "engine/region.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "engine/sampling.h"
#include "util/hash.h"

#define CHUNKS_WANTED 512
#define CHUNK_SHIFT_MIN 12
#define CHUNK_SHIFT_MAX 17
/* Each shard leaves half a chunk of its heap and half a chunk of its index unused: where there are
 * several, chunks are smaller, but large enough for the table of them to be searched. */
#define SHARED_CHUNKS_WANTED 16384
#define SHARED_CHUNK_SHIFT_MIN 15
#define SHARD_BYTES_WANTED (UINT64_C(16) << 20) /* rebuilt in 20 ms, also when entries are small */
#define ONE_SHARD_BYTES (UINT64_C(32) << 20)    /* in so little, large entries want all of it */
#define SHARDS_MAX 256
#define ONE_SHARD_ITEMS 65536 /* so few entries are counted exactly in one shard */
#define CHUNKS_MIN 6
#define SAMPLING_MIN (UINT64_C(4) << 20) /* smaller regions have better use for its 60 KiB */
#define PINS_MIN 256
#define PINS_MAX 262144

static uint64_t round_up(uint64_t number, uint64_t step) {
    return (number + step - 1) / step * step;
}

static uint32_t chunk_shift_for(uint64_t region_bytes, uint32_t shard_count) {
    uint32_t shift = shard_count == 1 ? CHUNK_SHIFT_MIN : SHARED_CHUNK_SHIFT_MIN;
    uint64_t wanted = shard_count == 1 ? CHUNKS_WANTED : SHARED_CHUNKS_WANTED;
    while (shift < CHUNK_SHIFT_MAX && (region_bytes >> shift) > wanted) shift++;
    return shift;
}

static uint32_t shard_count_for(const jayi_region_plan *plan) {
    if (plan->max_items > 0 && plan->max_items <= ONE_SHARD_ITEMS) return 1;
    if (plan->region_bytes <= ONE_SHARD_BYTES) return 1;
    uint32_t count = 1;
    while (count < SHARDS_MAX && plan->region_bytes / count > SHARD_BYTES_WANTED) count *= 2;
    return count;
}

/* Views that a process can hold: one for 4 KiB of the region, less where many processes share it.
 */
static uint32_t pins_per_row_for(const jayi_region_plan *plan) {
    uint64_t pins = plan->region_bytes / 4096 / (plan->row_count > 1 ? 16 : 1);
    if (pins < PINS_MIN) pins = PINS_MIN;
    return pins > PINS_MAX ? PINS_MAX : (uint32_t)(pins / 16 * 16);
}

static uint32_t header_check(const jayi_header *header) {
    return (uint32_t)jayi_hash(header, offsetof(jayi_header, check), JAYI_MAGIC);
}

/* Fills in where everything is, except what is random. */
static void lay_out(const jayi_region_plan *plan, jayi_header *header) {
    memset(header, 0, sizeof *header);
    header->magic = JAYI_MAGIC;
    header->format = JAYI_FORMAT;
    header->region_bytes = plan->region_bytes;
    header->max_items = plan->max_items;
    header->row_count = plan->row_count;
    header->size_bias = plan->size_bias;
    header->seed = plan->seed;
    header->shard_count = shard_count_for(plan);
    header->chunk_shift = chunk_shift_for(plan->region_bytes, header->shard_count);
    uint64_t chunk_bytes = UINT64_C(1) << header->chunk_shift;
    uint64_t most_chunks = plan->region_bytes / chunk_bytes;
    header->directory_size = (uint32_t)(most_chunks / header->shard_count / 2);
    if (header->directory_size < 4) header->directory_size = 4;
    header->rows_at = round_up(sizeof *header, JAYI_LINE);
    header->pins_per_row = pins_per_row_for(plan);
    header->pins_at = header->rows_at + header->row_count * sizeof(jayi_row);
    header->shards_at =
        header->pins_at + (uint64_t)header->row_count * header->pins_per_row * sizeof(jayi_pin);
    if (plan->region_bytes >= (plan->max_items > 0 ? SAMPLING_MIN / 4 : SAMPLING_MIN)) {
        header->sampling_at = round_up(header->shards_at, JAYI_LINE);
        header->shards_at = header->sampling_at + sizeof(jayi_sampling);
    }
    header->directories_at = header->shards_at + header->shard_count * sizeof(jayi_shard);
    header->chunk_table_at = header->directories_at + (uint64_t)header->shard_count *
                                                          header->directory_size * sizeof(uint32_t);
    header->chunks_at =
        round_up(header->chunk_table_at + most_chunks * sizeof(uint32_t), JAYI_LINE);
    uint64_t left =
        plan->region_bytes > header->chunks_at ? plan->region_bytes - header->chunks_at : 0;
    header->chunk_count = (uint32_t)(left / chunk_bytes);
}

int jayi_region_check_plan(const jayi_region_plan *plan, jay_error *error) {
    jayi_header header;
    lay_out(plan, &header);
    if (header.chunk_count >= CHUNKS_MIN && plan->region_bytes <= JAYI_REGION_MAX) return JAY_OK;
    uint64_t tables = header.chunks_at;
    jayi_region_plan enough = *plan;
    while (header.chunk_count < CHUNKS_MIN && enough.region_bytes < JAYI_REGION_MAX) {
        enough.region_bytes = round_up(enough.region_bytes + 1, JAYI_REGION_MIN);
        lay_out(&enough, &header);
    }
    return jay_error_set(error, JAY_E_OPTION_VALUE, 0,
                         "max_bytes is %" PRIu64 ", of which the tables take %" PRIu64
                         "; give at least %" PRIu64 "k%s, and at most 32g",
                         plan->region_bytes, tables, enough.region_bytes >> 10,
                         plan->row_count > 1 ? ", or a smaller max_processes" : "");
}

void jayi_region_format(void *base, const jayi_region_plan *plan) {
    jayi_header *header = base;
    lay_out(plan, header);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    header->created_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    jayi_shard *shards = (jayi_shard *)(void *)((unsigned char *)base + header->shards_at);
    /* Without a limit nothing is written to them: that would take memory before its use. */
    for (uint32_t i = 0; plan->max_items > 0 && i < header->shard_count; i++) {
        /* Every entry of the limit belongs to one shard: their sum is the limit, exactly. */
        shards[i].max_items = plan->max_items / header->shard_count +
                              (i < plan->max_items % header->shard_count ? 1 : 0);
    }
    header->check = header_check(header);
}

static int check_header(const jayi_header *header, uint64_t bytes, jay_error *error) {
    if (bytes < sizeof *header || header->magic != JAYI_MAGIC)
        return jay_error_set(error, JAY_E_CORRUPT, 0,
                             "this is no region of Jaycache; remove the file, or open it with "
                             "rebuild=yes");
    if (header->format != JAYI_FORMAT) {
        return jay_error_set(error, JAY_E_VERSION, 0,
                             "the region has format %u, this library knows %u; remove the region, "
                             "or use the library that made it",
                             header->format, JAYI_FORMAT);
    }
    jayi_header expected = {0};
    jayi_region_plan plan = {.region_bytes = header->region_bytes,
                             .max_items = header->max_items,
                             .row_count = header->row_count,
                             .size_bias = header->size_bias,
                             .seed = header->seed};
    bool fits = header->check == header_check(header) && plan.region_bytes <= bytes &&
                plan.region_bytes <= JAYI_REGION_MAX && plan.region_bytes >= JAYI_REGION_MIN &&
                plan.row_count > 0 && plan.row_count <= 4096;
    if (fits) {
        lay_out(&plan, &expected);
        expected.created_ms = header->created_ms;
        fits = header_check(&expected) == header->check && expected.chunk_count >= CHUNKS_MIN;
    }
    if (fits) return JAY_OK;
    return jay_error_set(error, JAY_E_CORRUPT, 0,
                         "the region's header is damaged; remove the region, or open it with "
                         "rebuild=yes");
}

/* Weights fall by 2 to the power of size_bias / 100 with each octave; two classes halve them. */
static void weigh_octaves(jayi_region *region) {
    for (uint32_t octave = 0; octave < JAYI_OCTAVES; octave++)
        region->size_classes[octave] = (uint8_t)((octave * region->size_bias * 2 + 50) / 100);
}

int jayi_region_bind(jayi_region *region, void *base, uint64_t bytes, jay_error *error) {
    jayi_header *header = base;
    int status = check_header(header, bytes, error);
    if (status != JAY_OK) return status;
    region->base = base;
    region->header = header;
    region->region_bytes = header->region_bytes;
    region->chunks_at = header->chunks_at;
    region->seed = header->seed;
    region->max_items = header->max_items;
    region->largest_value = header->region_bytes / 4;
    region->row_count = header->row_count;
    region->pins_per_row = header->pins_per_row;
    region->shard_count = header->shard_count;
    region->chunk_shift = header->chunk_shift;
    region->chunk_count = header->chunk_count;
    region->directory_size = header->directory_size;
    region->size_bias = header->size_bias;
    region->is_sized = header->max_items == 0;
    region->hash_keys = jayi_hash_keys_of(header->seed);
    region->shard_mask = header->shard_count - 1;
    region->bucket_shift = header->chunk_shift - 6;
    region->bucket_mask = (1u << region->bucket_shift) - 1;
    region->first_place = (jayi_place)(header->chunks_at / JAYI_UNIT);
    region->place_range =
        (jayi_place)((header->region_bytes - JAYI_BLOCK_MIN) / JAYI_UNIT) - region->first_place;
    weigh_octaves(region);
    region->rows = (jayi_row *)(void *)(region->base + header->rows_at);
    region->pins = (jayi_pin *)(void *)(region->base + header->pins_at);
    region->sampling = header->sampling_at == 0
                           ? NULL
                           : (jayi_sampling *)(void *)(region->base + header->sampling_at);
    jayi_poke(&region->sample_below, region->sampling == NULL ? 0 : UINT64_MAX);
    region->shards = (jayi_shard *)(void *)(region->base + header->shards_at);
    region->directories = (_Atomic uint32_t *)(void *)(region->base + header->directories_at);
    region->chunk_table = (_Atomic uint32_t *)(void *)(region->base + header->chunk_table_at);
    region->chunks = region->base + header->chunks_at;
    return JAY_OK;
}
