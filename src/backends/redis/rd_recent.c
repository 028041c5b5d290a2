/*
 * rd_recent.c - values that were read lately: what cas needs to know of one without asking again.
 *
 * A script on the server can compare what there is with a SHA-1 only, and get gives the version,
 * which is another hash and forty times as fast to make. So the blocks of values that have been
 * released are kept for a while, by version, and cas makes the SHA-1 from there. Each place is
 * exchanged in one step: a thread has a block for itself or not at all.
 */
#include "backends/redis/rd_state.h"
#include "util/digest.h"

static _Atomic(rd_block *) *place_of(jay_backend *backend, uint64_t version) {
    return &backend->recent[version % RD_RECENT];
}

void jayi_rd_recent_keep(jay_backend *backend, rd_block *block) {
    if (block->size <= RD_RECENT_SIZE_MAX)
        block = atomic_exchange_explicit(place_of(backend, block->version), block,
                                         memory_order_acq_rel);
    jayi_block_release(&backend->blocks, block);
}

bool jayi_rd_recent_digest(jay_backend *backend, uint64_t version,
                           char digits[2 * JAYI_SHA1_BYTES]) {
    rd_block *block =
        atomic_exchange_explicit(place_of(backend, version), NULL, memory_order_acq_rel);
    if (block == NULL) return false;
    /* Of the bytes as they are now: what is kept here was a program's to look at. */
    bool is_it = rd_version_of(block->bytes, block->size) == version;
    if (is_it) jayi_rd_block_digest(block, digits);
    jayi_rd_recent_keep(backend, block);
    return is_it;
}

void jayi_rd_block_digest(const rd_block *block, char digits[2 * JAYI_SHA1_BYTES]) {
    unsigned char digest[JAYI_SHA1_BYTES];
    jayi_sha1(block->bytes, block->size, digest);
    jayi_digest_text(digest, sizeof digest, digits);
}

void jayi_rd_recent_clear(jay_backend *backend) {
    for (size_t i = 0; i < RD_RECENT; i++)
        jayi_block_release(&backend->blocks, atomic_exchange_explicit(&backend->recent[i], NULL,
                                                                      memory_order_acq_rel));
}
