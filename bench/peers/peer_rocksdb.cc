/*
 * peer_rocksdb.cc - RocksDB's two block caches, HyperClockCache and LRUCache, used as caches of
 * values.
 *
 * Every entry is charged 1, so that the limit is one of items. HyperClockCache takes keys of 16
 * bytes only: it gets the 128-bit XXH3 of the key, and the key itself is kept beside the value and
 * compared. It keeps an entry that is there already, so a set is an erase and an insert. LRUCache
 * hashes and compares the key itself, and an insert replaces.
 *
 *     entry: | key size 4 | value size 4 | key (HyperClockCache only) ... | value ... |
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <rocksdb/cache.h>
#include <rocksdb/slice.h>

#include "peer.h"

namespace {

struct Entry {
    uint32_t key_size;
    uint32_t value_size;
    char *bytes() {
        return reinterpret_cast<char *>(this + 1);
    }
    char *value() {
        return bytes() + key_size;
    }
};

struct Store {
    std::shared_ptr<rocksdb::Cache> cache;
    bool is_hyperclock;
};

/* The 16 bytes that HyperClockCache knows a key by. */
struct ShortKey {
    XXH128_hash_t hash;
    ShortKey(const void *key, size_t key_size) : hash(XXH3_128bits(key, key_size)) {
    }
    rocksdb::Slice slice() const {
        return rocksdb::Slice(reinterpret_cast<const char *>(&hash), sizeof hash);
    }
};

void free_entry(const rocksdb::Slice &, void *value) {
    std::free(value);
}

/* More room than the items need: shards fill unevenly, and without a limit nothing may be evicted.
 */
size_t capacity_of(const peer_config *config) {
    if (config->item_limit != 0) return config->item_limit;
    return config->item_count + config->item_count / 4 + 4096;
}

template <bool is_hyperclock> void *open_store(const peer_config *config, peer_error *error) {
    auto store = std::make_unique<Store>();
    store->is_hyperclock = is_hyperclock;
    if (is_hyperclock) {
        rocksdb::HyperClockCacheOptions options(capacity_of(config), 1);
        options.metadata_charge_policy = rocksdb::kDontChargeCacheMetadata;
        store->cache = options.MakeSharedCache();
    } else {
        rocksdb::LRUCacheOptions options;
        options.capacity = capacity_of(config);
        /* By itself it would take shards by bytes, one only for so small a "capacity". */
        options.num_shard_bits = 6;
        options.high_pri_pool_ratio = 0;
        options.metadata_charge_policy = rocksdb::kDontChargeCacheMetadata;
        store->cache = rocksdb::NewLRUCache(options);
    }
    if (store->cache == nullptr) {
        std::snprintf(error->message, sizeof error->message, "RocksDB did not make the cache");
        return nullptr;
    }
    return store.release();
}

void close_store(void *state) {
    delete static_cast<Store *>(state);
}

void *attach(void *state, peer_error *) {
    return state;
}

void detach(void *, void *) {
}

template <bool is_hyperclock>
rocksdb::Cache::Handle *find(rocksdb::Cache &cache, const void *key, size_t key_size,
                             Entry **ret_entry) {
    if (!is_hyperclock) {
        auto *handle = cache.Lookup(rocksdb::Slice(static_cast<const char *>(key), key_size));
        if (handle != nullptr) *ret_entry = static_cast<Entry *>(cache.Value(handle));
        return handle;
    }
    const ShortKey short_key(key, key_size);
    auto *handle = cache.Lookup(short_key.slice());
    if (handle == nullptr) return nullptr;
    Entry *entry = static_cast<Entry *>(cache.Value(handle));
    if (entry->key_size != key_size || std::memcmp(entry->bytes(), key, key_size) != 0) {
        cache.Release(handle);
        return nullptr;
    }
    *ret_entry = entry;
    return handle;
}

template <bool is_hyperclock>
int get_into(void *arg, const void *key, size_t key_size, void *buffer, size_t capacity,
             size_t *ret_size) {
    rocksdb::Cache &cache = *static_cast<Store *>(arg)->cache;
    Entry *entry = nullptr;
    auto *handle = find<is_hyperclock>(cache, key, key_size, &entry);
    if (handle == nullptr) return PEER_MISS;
    const bool fits = entry->value_size <= capacity;
    if (fits) std::memcpy(buffer, entry->value(), entry->value_size);
    *ret_size = entry->value_size;
    cache.Release(handle);
    return fits ? PEER_HIT : PEER_FAILED;
}

template <bool is_hyperclock>
int view(void *arg, const void *key, size_t key_size, peer_view *ret_view) {
    Entry *entry = nullptr;
    auto *handle = find<is_hyperclock>(*static_cast<Store *>(arg)->cache, key, key_size, &entry);
    if (handle == nullptr) return PEER_MISS;
    ret_view->data = entry->value();
    ret_view->size = entry->value_size;
    ret_view->pin = handle;
    return PEER_HIT;
}

void release(void *arg, peer_view *view) {
    static_cast<Store *>(arg)->cache->Release(static_cast<rocksdb::Cache::Handle *>(view->pin));
}

template <bool is_hyperclock>
int set(void *arg, const void *key, size_t key_size, const void *value, size_t value_size) {
    rocksdb::Cache &cache = *static_cast<Store *>(arg)->cache;
    const size_t kept_key_size = is_hyperclock ? key_size : 0;
    Entry *entry = static_cast<Entry *>(std::malloc(sizeof(Entry) + kept_key_size + value_size));
    if (entry == nullptr) return PEER_FAILED;
    entry->key_size = static_cast<uint32_t>(kept_key_size);
    entry->value_size = static_cast<uint32_t>(value_size);
    std::memcpy(entry->bytes(), key, kept_key_size);
    std::memcpy(entry->value(), value, value_size);
    rocksdb::Status status;
    if (is_hyperclock) {
        const ShortKey short_key(key, key_size);
        cache.Erase(short_key.slice());
        status = cache.Insert(short_key.slice(), entry, 1, free_entry);
    } else {
        const rocksdb::Slice slice(static_cast<const char *>(key), key_size);
        status = cache.Insert(slice, entry, 1, free_entry);
    }
    return status.ok() ? PEER_HIT : PEER_FAILED;
}

template <bool is_hyperclock> peer_ops make_ops(const char *name, const char *title) {
    peer_ops ops = {};
    ops.name = name;
    ops.title = title;
    ops.is_rival = true;
    ops.evicts = true;
    ops.is_set_split = is_hyperclock;
    ops.open = open_store<is_hyperclock>;
    ops.close = close_store;
    ops.attach = attach;
    ops.detach = detach;
    ops.get_into = get_into<is_hyperclock>;
    ops.set = set<is_hyperclock>;
    ops.view = view<is_hyperclock>;
    ops.release = release;
    return ops;
}

} // namespace

const peer_ops peer_rocksdb_hyperclock =
    make_ops<true>("rocksdb_hyperclock", "RocksDB HyperClockCache");
const peer_ops peer_rocksdb_lru = make_ops<false>("rocksdb_lru", "RocksDB LRUCache");
