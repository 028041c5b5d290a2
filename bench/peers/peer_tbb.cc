/*
 * peer_tbb.cc - oneTBB's concurrent_hash_map from keys to blocks of bytes. It never evicts.
 *
 * A block is one allocation that holds key and value, found by a reference to the key, so that a
 * lookup builds no string. Reading takes the element's read lock, writing its write lock; a view
 * holds the read lock.
 *
 *     block: | value size 8 | key ... | value ... |
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <tbb/concurrent_hash_map.h>

#include "peer.h"

namespace {

struct KeyRef {
    const void *data;
    size_t size;
};

struct KeyCompare {
    static size_t hash(const KeyRef &key) {
        return XXH3_64bits(key.data, key.size);
    }
    static bool equal(const KeyRef &a, const KeyRef &b) {
        return a.size == b.size && std::memcmp(a.data, b.data, a.size) == 0;
    }
};

struct Block {
    size_t value_size;
    char *bytes() {
        return reinterpret_cast<char *>(this + 1);
    }
};

using Map = tbb::concurrent_hash_map<KeyRef, Block *, KeyCompare>;

/* The accessor of the one view that a thread may hold lives here. */
struct Handle {
    Map *map;
    Map::const_accessor seen;
};

Block *make_block(const void *key, size_t key_size, const void *value, size_t value_size) {
    Block *block = static_cast<Block *>(std::malloc(sizeof(Block) + key_size + value_size));
    if (block == nullptr) return nullptr;
    block->value_size = value_size;
    std::memcpy(block->bytes(), key, key_size);
    std::memcpy(block->bytes() + key_size, value, value_size);
    return block;
}

void *open_store(const peer_config *config, peer_error *error) {
    Map *map = new (std::nothrow) Map(config->item_count);
    if (map == nullptr) std::snprintf(error->message, sizeof error->message, "out of memory");
    return map;
}

void close_store(void *state) {
    Map *map = static_cast<Map *>(state);
    for (auto &entry : *map) std::free(entry.second);
    delete map;
}

void *attach(void *state, peer_error *error) {
    Handle *handle = new (std::nothrow) Handle{static_cast<Map *>(state), {}};
    if (handle == nullptr) std::snprintf(error->message, sizeof error->message, "out of memory");
    return handle;
}

void detach(void *, void *handle) {
    delete static_cast<Handle *>(handle);
}

int get_into(void *arg, const void *key, size_t key_size, void *buffer, size_t capacity,
             size_t *ret_size) {
    Map::const_accessor seen;
    if (!static_cast<Handle *>(arg)->map->find(seen, KeyRef{key, key_size})) return PEER_MISS;
    Block *block = seen->second;
    if (block->value_size > capacity) return PEER_FAILED;
    std::memcpy(buffer, block->bytes() + key_size, block->value_size);
    *ret_size = block->value_size;
    return PEER_HIT;
}

int view(void *arg, const void *key, size_t key_size, peer_view *ret_view) {
    Handle *handle = static_cast<Handle *>(arg);
    if (!handle->map->find(handle->seen, KeyRef{key, key_size})) return PEER_MISS;
    ret_view->data = handle->seen->second->bytes() + key_size;
    ret_view->size = handle->seen->second->value_size;
    return PEER_HIT;
}

void release(void *arg, peer_view *) {
    static_cast<Handle *>(arg)->seen.release();
}

/* A value of the same size is overwritten in place, under the write lock, which is the cheapest. */
int set(void *arg, const void *key, size_t key_size, const void *value, size_t value_size) {
    Map &map = *static_cast<Handle *>(arg)->map;
    Map::accessor entry;
    if (map.find(entry, KeyRef{key, key_size})) {
        if (entry->second->value_size != value_size) return PEER_FAILED;
        std::memcpy(entry->second->bytes() + key_size, value, value_size);
        return PEER_HIT;
    }
    Block *block = make_block(key, key_size, value, value_size);
    if (block == nullptr) return PEER_FAILED;
    if (map.insert(entry, {KeyRef{block->bytes(), key_size}, block})) return PEER_HIT;
    /* Another thread was first: what it stored is as new as ours. */
    std::free(block);
    return PEER_HIT;
}

peer_ops make_ops() {
    peer_ops ops = {};
    ops.name = "tbb";
    ops.title = "oneTBB concurrent_hash_map (no eviction)";
    ops.is_rival = true;
    ops.open = open_store;
    ops.close = close_store;
    ops.attach = attach;
    ops.detach = detach;
    ops.get_into = get_into;
    ops.set = set;
    ops.view = view;
    ops.release = release;
    return ops;
}

} // namespace

const peer_ops peer_tbb = make_ops();
