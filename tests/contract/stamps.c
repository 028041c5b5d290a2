/*
 * stamps.c - threads that start together, and values that carry their own check.
 *
 *     stamp: | check | key hash | writer | sequence | size | filler made from all of these |
 */
#include <pthread.h>

#include "contract.h"

typedef struct stamp {
    uint64_t check; /* of all that follows */
    uint64_t key_hash;
    uint64_t writer;
    uint64_t sequence;
    uint64_t size;
} stamp;

static uint64_t hash_bytes(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

size_t contract_stamp(unsigned char *buffer, const void *key, size_t key_size, uint32_t writer,
                      uint64_t sequence) {
    stamp head = {.key_hash = hash_bytes(key, key_size), .writer = writer, .sequence = sequence};
    uint64_t noise = (head.key_hash ^ (sequence * 2654435761u)) + writer;
    head.size = sizeof head + (noise >> 7) % (STAMP_MAX_BYTES - sizeof head);
    for (size_t i = sizeof head; i < head.size; i++) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        buffer[i] = (unsigned char)(noise >> 56);
    }
    memcpy(buffer, &head, sizeof head);
    head.check = hash_bytes(buffer + sizeof head.check, head.size - sizeof head.check);
    memcpy(buffer, &head.check, sizeof head.check);
    return head.size;
}

const char *contract_stamp_fault(const void *value, size_t size, const void *key, size_t key_size) {
    stamp head;
    if (size < sizeof head) return "a value is shorter than any that was stored";
    memcpy(&head, value, sizeof head);
    if (head.size != size) return "a value's size is not the one it was stored with";
    const unsigned char *bytes = value;
    if (hash_bytes(bytes + sizeof head.check, size - sizeof head.check) != head.check)
        return "a value is torn: its check does not fit its bytes";
    if (head.key_hash != hash_bytes(key, key_size)) return "a value belongs to another key";
    return NULL;
}

/* ---- threads ---- */

typedef struct crew {
    contract_thread_fn *fn;
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t started;
    bool is_started;
} crew;

typedef struct member {
    crew *crew;
    int number;
    const char *fault;
} member;

static void *run_member(void *arg) {
    member *self = arg;
    pthread_mutex_lock(&self->crew->mutex);
    while (!self->crew->is_started) pthread_cond_wait(&self->crew->started, &self->crew->mutex);
    pthread_mutex_unlock(&self->crew->mutex);
    self->fault = self->crew->fn(self->crew->arg, self->number);
    return NULL;
}

void contract_run_threads(contract_thread_fn *fn, void *arg, int count) {
    crew all = {.fn = fn,
                .arg = arg,
                .mutex = PTHREAD_MUTEX_INITIALIZER,
                .started = PTHREAD_COND_INITIALIZER};
    member members[CONTRACT_THREADS];
    pthread_t ids[CONTRACT_THREADS];
    int made = 0;
    while (made < count && made < CONTRACT_THREADS) {
        members[made] = (member){.crew = &all, .number = made};
        if (pthread_create(&ids[made], NULL, run_member, &members[made]) != 0) break;
        made++;
    }
    pthread_mutex_lock(&all.mutex);
    all.is_started = true;
    pthread_cond_broadcast(&all.started);
    pthread_mutex_unlock(&all.mutex);
    const char *fault = made == count ? NULL : "a thread could not be started";
    for (int i = 0; i < made; i++) {
        pthread_join(ids[i], NULL);
        if (members[i].fault != NULL) fault = members[i].fault;
    }
    pthread_cond_destroy(&all.started);
    pthread_mutex_destroy(&all.mutex);
    if (fault != NULL) fail_msg("%s", fault);
}
