/*
 * test_seg_storm.c - layout=segments: processes that are killed at any moment while they fill a
 * small cache round and round. Values are whole, and never older than what was last done to their
 * key: while others go on, after all are dead, and with a new index.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file_kit.h"

enum {
    WORKERS = 3,
    KEYS = 40,
    VALUE_MAX = 6000,
    ROUNDS = 10,
    LONG_ROUNDS = 400,
    KILLS = 8,
    PAIRS = 6
};

static const char options[] = "layout=segments&max_bytes=300k";

/* What is known of a key; only its worker changes it. */
typedef struct record {
    _Atomic uint64_t next;  /* number of the next value */
    _Atomic uint64_t floor; /* values with lower numbers are gone */
} record;

typedef struct board {
    record records[WORKERS * KEYS];
    _Atomic uint64_t operations;
} board;

static board *shared;

/* ---- values ---- */

static size_t make_value(unsigned key, uint64_t number, unsigned char *value) {
    uint64_t mixed = (number * 0x9e3779b97f4a7c15u) ^ key;
    size_t size = 16 + (size_t)(mixed >> 20) % (VALUE_MAX - 16);
    if (mixed % 4 != 0) size = 16 + size % 400;
    uint64_t words[2] = {key, number};
    memcpy(value, words, 16);
    for (size_t i = 16; i < size; i++) value[i] = (unsigned char)(number + i);
    return size;
}

static bool is_whole(unsigned key, const void *bytes, size_t size, uint64_t *ret_number) {
    unsigned char expected[VALUE_MAX];
    uint64_t words[2];
    if (size < 16) return false;
    memcpy(words, bytes, 16);
    if (words[0] != key) return false;
    *ret_number = words[1];
    return make_value(key, words[1], expected) == size && memcmp(expected, bytes, size) == 0;
}

static void name_key(unsigned key, char name[16]) {
    snprintf(name, 16, "key%u", key);
}

/* Looks a key up; what is found must hold. Its version, or 0. */
static uint64_t look(jay_cache *cache, unsigned key) {
    char name[16];
    uint64_t number = 0, version = 0;
    jay_value view = JAY_VALUE_INIT;
    uint64_t floor = atomic_load(&shared->records[key].floor);
    name_key(key, name);
    int status = jay_get_str(cache, name, &view);
    CHILD_CHECK(status == JAY_OK || status == JAY_MISS);
    if (status == JAY_OK) {
        CHILD_CHECK(is_whole(key, view.data, view.size, &number));
        CHILD_CHECK(number >= floor);
        CHILD_CHECK(number < atomic_load(&shared->records[key].next));
        version = view.version;
    }
    jay_value_release(&view);
    return version;
}

/* ---- workers ---- */

static void set(jay_cache *cache, unsigned key, int mode, uint64_t version) {
    unsigned char value[VALUE_MAX];
    char name[16];
    record *r = &shared->records[key];
    uint64_t number = atomic_fetch_add(&r->next, 1);
    size_t size = make_value(key, number, value);
    int status;
    name_key(key, name);
    if (mode == 0) {
        status = jay_set(cache, name, strlen(name), value, size, 0, NULL);
    } else if (mode == 1) {
        status = jay_add(cache, name, strlen(name), value, size, 1000000, NULL);
    } else {
        status = jay_cas(cache, name, strlen(name), value, size, 0, version, NULL);
    }
    CHILD_CHECK(status >= 0);
    if (status == JAY_OK) atomic_store(&r->floor, number);
}

static void erase(jay_cache *cache, unsigned key, bool by_touch) {
    char name[16];
    record *r = &shared->records[key];
    name_key(key, name);
    int status =
        by_touch ? jay_touch(cache, name, strlen(name), -1, NULL) : jay_delete_str(cache, name);
    CHILD_CHECK(status == JAY_OK || status == JAY_MISS);
    if (!by_touch || status == JAY_OK) atomic_store(&r->floor, atomic_load(&r->next));
}

static void set_many(jay_cache *cache, unsigned first) {
    static unsigned char values[PAIRS][VALUE_MAX];
    char names[PAIRS][16];
    uint64_t numbers[PAIRS];
    jay_pair pairs[PAIRS];
    for (unsigned i = 0; i < PAIRS; i++) {
        unsigned key = first / KEYS * KEYS + (first + i) % KEYS;
        numbers[i] = atomic_fetch_add(&shared->records[key].next, 1);
        name_key(key, names[i]);
        pairs[i] = (jay_pair){
            {names[i], strlen(names[i])}, {values[i], make_value(key, numbers[i], values[i])}, 0};
    }
    CHILD_CHECK(jay_set_many(cache, pairs, PAIRS, NULL, NULL) == JAY_OK);
    for (unsigned i = 0; i < PAIRS; i++) {
        unsigned key = first / KEYS * KEYS + (first + i) % KEYS;
        atomic_store(&shared->records[key].floor, numbers[i]);
    }
}

typedef struct job {
    unsigned worker;
    unsigned seed;
} job;

static void work(void *arg) {
    const job *j = arg;
    unsigned seed = j->seed;
    jay_cache *cache = NULL;
    char name[16];
    CHILD_CHECK(file_open_as("storm", options, &cache, NULL) == JAY_OK);
    for (;;) {
        seed = seed * 1103515245u + 12345u;
        unsigned own = j->worker * KEYS + (seed >> 8) % KEYS;
        unsigned any = (seed >> 16) % (WORKERS * KEYS);
        uint64_t version = look(cache, own);
        switch ((seed >> 4) % 10) {
        case 0:
            erase(cache, own, false);
            break;
        case 1:
            erase(cache, own, true);
            break;
        case 2:
            set(cache, own, 1, 0);
            break;
        case 3:
            if (version != 0) set(cache, own, 2, version);
            break;
        case 4:
            set_many(cache, own);
            break;
        case 5:
            name_key(any, name);
            CHILD_CHECK(jay_touch(cache, name, strlen(name), 1000000, NULL) >= 0);
            break;
        default:
            set(cache, own, 0, 0);
            break;
        }
        look(cache, any);
        atomic_fetch_add(&shared->operations, 1);
    }
}

/* ---- verification, in a process of its own ---- */

static void verify(void *arg) {
    jay_cache *cache = NULL;
    jay_file_report report;
    jay_stats stats;
    (void)arg;
    CHILD_CHECK(file_open_as("storm", options, &cache, NULL) == JAY_OK);
    for (unsigned key = 0; key < WORKERS * KEYS; key++) look(cache, key);
    CHILD_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK);
    CHILD_CHECK(stats.bytes <= 300 * 1024);
    CHILD_CHECK(jay_file_check(cache, 0, &report, sizeof report, NULL) == JAY_OK);
    CHILD_CHECK(report.damaged == 0);
    CHILD_CHECK(jay_close(cache) == JAY_OK);
}

static void wait_for_work(uint64_t more) {
    uint64_t until = atomic_load(&shared->operations) + more;
    for (int i = 0; i < 20000 && atomic_load(&shared->operations) < until; i++) usleep(500);
}

static void nothing_stale_after_kills(void **state) {
    (void)state;
    char index[600];
    pid_t workers[WORKERS];
    job jobs[WORKERS];
    unsigned seed = 7;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    for (unsigned i = 0; i < WORKERS * KEYS; i++) atomic_store(&shared->records[i].next, 1);
    int rounds = getenv("JAY_TEST_LONG") != NULL ? LONG_ROUNDS : ROUNDS;
    for (int round = 0; round < rounds; round++) {
        for (unsigned w = 0; w < WORKERS; w++) {
            jobs[w] = (job){w, seed++};
            workers[w] = shm_start(work, &jobs[w]);
        }
        for (int i = 0; i < KILLS; i++) {
            unsigned w = seed % WORKERS;
            wait_for_work(100 + seed * 37 % 200);
            usleep(seed * 101 % 1000);
            kill(workers[w], SIGKILL);
            assert_int_equal(shm_wait(workers[w]), -1 - SIGKILL);
            jobs[w].seed = seed++;
            workers[w] = shm_start(work, &jobs[w]);
        }
        for (unsigned w = 0; w < WORKERS; w++) kill(workers[w], SIGKILL);
        for (unsigned w = 0; w < WORKERS; w++) assert_int_equal(shm_wait(workers[w]), -1 - SIGKILL);
        shm_in_child(verify, NULL);
        if (round % 2 == 1) {
            snprintf(index, sizeof index, "%s/jaycache.index", file_path("storm"));
            assert_int_equal(unlink(index), 0);
            shm_in_child(verify, NULL);
        }
    }
    assert_true(atomic_load(&shared->operations) > 1000);
    munmap(shared, sizeof *shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stale_after_kills),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
