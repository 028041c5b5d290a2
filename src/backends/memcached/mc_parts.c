/*
 * mc_parts.c - values that are larger than an item of the server.
 *
 * The parts are stored first, each under a key made of the entry's key, a stamp at random, and its
 * number; then the entry itself, an envelope that names the stamp. Who reads the entry finds all
 * parts of that stamp, which are of one value, or one is gone, and the entry is a miss. Parts that
 * no entry names any more are found by nobody; the server evicts them, or their time comes.
 */
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "util/digest.h"

/* What an item takes besides key and value, generously. */
#define ITEM_OVERHEAD 256

bool jayi_mc_needs_parts(const jay_backend *backend, size_t raw_size, size_t value_size) {
    return backend->item_max != 0 &&
           value_size + raw_size + MC_ENVELOPE_MAX + ITEM_OVERHEAD > backend->item_max;
}

static size_t part_size_of(const jay_backend *backend) {
    return backend->item_max - ITEM_OVERHEAD;
}

/* What the keys of an entry's parts are made of. */
typedef struct part_name {
    unsigned char digest[JAYI_SHA256_BYTES];
    uint64_t stamp;
    uint64_t number;
} part_name;

/* The key without its generation, which may turn out to be another while the parts are stored. */
static void digest_key(const mc_call *call, part_name *name) {
    size_t skipped = 0;
    if (call->backend->has_generations)
        skipped = call->backend->prefix_size + MC_GENERATION_DIGITS + 1;
    jayi_sha256((const char *)call->raw + skipped, call->raw_size - skipped, name->digest);
}

/* A call under the key of a part, on the link of the entry's call. */
static void name_part(mc_call *call, const part_name *name) {
    unsigned char bytes[JAYI_SHA256_BYTES + 16];
    memcpy(bytes, name->digest, JAYI_SHA256_BYTES);
    for (size_t i = 0; i < 8; i++) {
        bytes[JAYI_SHA256_BYTES + i] = (unsigned char)(name->stamp >> (8 * i));
        bytes[JAYI_SHA256_BYTES + 8 + i] = (unsigned char)(name->number >> (8 * i));
    }
    if (call->is_classic) {
        jayi_mc_text_key_encode_own('p', bytes, sizeof bytes, &call->key);
    } else {
        jayi_mc_key_encode_own('p', bytes, sizeof bytes, &call->key);
    }
    call->skips_generation = true;
}

static void name_entry(mc_call *call) {
    mc_key_encode(call->is_classic, call->raw, call->raw_size, &call->key);
    call->skips_generation = false;
}

static int store_part(mc_call *call, const char *data, size_t size, int64_t exptime) {
    mc_command command = {.kind = MC_STORE,
                          .store = {.value_size = size, .exptime = exptime, .mode = JAYI_MC_SET},
                          .parts = {{(void *)(uintptr_t)data, size}}};
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    return reply.code == JAYI_MC_HD ? JAY_OK : jayi_mc_refused(&reply, call->error);
}

int jayi_mc_scatter(mc_call *call, const jay_write *write, uint64_t *ret_stamp) {
    part_name name = {.stamp = jayi_mc_new_generation()};
    size_t most = part_size_of(call->backend), left = write->value_size;
    int64_t exptime = jayi_mc_expiry_of(write->ttl_ms).exptime;
    const char *data = write->value;
    int status = JAY_OK;
    digest_key(call, &name);
    while (left > 0 && status == JAY_OK) {
        size_t size = left < most ? left : most;
        name_part(call, &name);
        status = store_part(call, data, size, exptime);
        name.number++;
        data += size;
        left -= size;
    }
    name_entry(call);
    if (status == JAY_OK) *ret_stamp = name.stamp;
    return status;
}

/* Reads one part to where it belongs; the entry says how long it is. */
static int take_part(mc_call *call, char *to, size_t size) {
    mc_command command = {.kind = MC_GET, .flags = " v"};
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    if (reply.code == JAYI_MC_EN) return JAY_MISS;
    if (reply.code != JAYI_MC_VA) return jayi_mc_refused(&reply, call->error);
    if (reply.value_size == size) return jayi_mc_take_value(call, &reply, to);
    /* Cut by another part size than the one that stored it: as good as gone. */
    status = jayi_mc_skip_value(call, &reply);
    return status == JAY_OK ? JAY_MISS : status;
}

int jayi_mc_gather(mc_call *call, mc_found *found) {
    jayi_blocks *blocks = &call->backend->blocks;
    size_t most = part_size_of(call->backend), size = (size_t)found->envelope.value_size;
    if (call->backend->item_max == 0 || found->envelope.value_size > MC_VALUE_MAX) return JAY_MISS;
    char *block = jayi_block_acquire(blocks, size + 1);
    if (block == NULL)
        return jay_error_set(call->error, JAY_E_NO_MEMORY, 0, "no memory for a value of %zu bytes",
                             size);
    part_name name = {.stamp = found->envelope.stamp};
    digest_key(call, &name);
    int status = JAY_OK;
    for (size_t at = 0; at < size && status == JAY_OK; at += most) {
        name_part(call, &name);
        status = take_part(call, block + at, size - at < most ? size - at : most);
        name.number++;
    }
    name_entry(call);
    if (status != JAY_OK) {
        jayi_block_release(blocks, block);
        return status;
    }
    block[size] = '\0';
    jayi_block_release(blocks, found->block);
    found->block = block;
    found->data = block;
    found->size = size;
    found->envelope.key = NULL;
    return JAY_OK;
}
