/*
 * test_file_place.c - jay_file_path: what a descriptor shows stays what it was, whatever happens to
 * the entry, and all is still counted right.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backends/file/file_entry.h"
#include "file_kit.h"
#include "os/file_ops.h"

enum { VALUE_BYTES = 5000 };

static jay_cache *cache;
static char bytes[VALUE_BYTES];

static int open_cache(void **state) {
    (void)state;
    file_remove(file_path("c"));
    cache = file_must_open("c", "layout=files");
    return 0;
}

static int close_cache(void **state) {
    (void)state;
    return cache != NULL ? jay_close(cache) : 0;
}

static void set(const char *key, char letter) {
    char mine[VALUE_BYTES];
    memset(mine, letter, sizeof mine);
    jay_error error = {.message = ""};
    if (jay_set(cache, key, strlen(key), mine, sizeof mine, 0, &error) != JAY_OK)
        fail_msg("%s", error.message);
}

static jay_file_place take(const char *key) {
    jay_file_place place;
    jay_error error = {.message = ""};
    if (jay_file_path(cache, key, strlen(key), &place, sizeof place, &error) != JAY_OK)
        fail_msg("%s", error.message);
    return place;
}

/* How many of the bytes that are held are not the letter. */
static size_t differing(const jay_file_place *place, char letter) {
    char now[VALUE_BYTES];
    if (place->size != VALUE_BYTES) return VALUE_BYTES;
    if (pread(place->fd, now, sizeof now, place->offset) != VALUE_BYTES) return VALUE_BYTES;
    size_t count = 0;
    for (size_t i = 0; i < sizeof now; i++) count += now[i] != letter;
    return count;
}

static void expect_held(const jay_file_place *place, char letter) {
    assert_int_equal(differing(place, letter), 0);
}

/* ---- what it gives ---- */

static void it_says_where_the_value_lies(void **state) {
    (void)state;
    assert_int_equal(jay_set_str(cache, "key", "a value", 60000), JAY_OK);
    jay_value view = JAY_VALUE_INIT;
    assert_int_equal(jay_get_str(cache, "key", &view), JAY_OK);
    jay_file_place place = take("key");
    assert_int_equal(place.size, 7);
    assert_int_equal(place.is_copy, 0);
    assert_int_equal(place.version, view.version);
    assert_in_range(place.ttl_ms, 1, 60000);
    assert_true(pread(place.fd, bytes, 7, place.offset) == 7 && memcmp(bytes, "a value", 7) == 0);
    assert_true((fcntl(place.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal((fcntl(place.fd, F_GETFL) & O_ACCMODE), O_RDONLY);
    assert_int_equal(access(file_path("c"), F_OK), 0);
    char path[700];
    snprintf(path, sizeof path, "%s/%s", file_path("c"), place.file);
    assert_string_equal(path, file_only_entry("c"));
    close(place.fd);
    jay_value_release(&view);
    file_expect(cache, "key", "a value");
    assert_int_equal(jay_set_str(cache, "key", "", 0), JAY_OK);
    place = take("key");
    assert_int_equal(place.size, 0);
    assert_int_equal(place.ttl_ms, JAY_TTL_FOREVER);
    close(place.fd);
}

static void what_it_refuses(void **state) {
    (void)state;
    jay_file_place place = {.fd = -7};
    jay_error error = {.message = ""};
    jay_cache *memory = NULL;
    size_t size = sizeof place;
    assert_int_equal(jay_file_path(cache, "none", 4, &place, size, &error), JAY_MISS);
    assert_int_equal(jay_file_path(cache, "", 0, &place, size, &error), JAY_MISS);
    assert_int_equal(jay_set_str(cache, "short", "v", 1), JAY_OK);
    usleep(5000);
    assert_int_equal(jay_file_path(cache, "short", 5, &place, size, &error), JAY_MISS);
    assert_int_equal(file_items(cache, "c"), 0); /* it was removed */
    assert_int_equal(jay_file_path(NULL, "k", 1, &place, size, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_file_path(cache, NULL, 1, &place, size, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_file_path(cache, "k", 1, NULL, size, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_file_path(cache, "k", 1, &place, 3, &error), JAY_E_ARGUMENT);
    assert_int_equal(jay_open("memory:", NULL, &memory, NULL), JAY_OK);
    assert_int_equal(jay_file_path(memory, "k", 1, &place, size, &error), JAY_E_UNSUPPORTED);
    assert_holds(error.message, "memory");
    jay_cache *segments = file_must_open("segments", "layout=segments");
    assert_int_equal(jay_file_path(segments, "k", 1, &place, size, &error), JAY_E_UNSUPPORTED);
    assert_holds(error.message, "layout=files");
    assert_int_equal(jay_close(segments), JAY_OK);
    assert_int_equal(jay_close(memory), JAY_OK);
    assert_int_equal(place.fd, -7);
    jay_stats stats;
    assert_int_equal(jay_get_stats(cache, &stats, sizeof stats, NULL), JAY_OK);
    assert_int_equal(stats.misses, 3);
    assert_int_equal(stats.hits, 0);
}

static void a_damaged_entry_is_a_miss(void **state) {
    (void)state;
    static unsigned char whole[VALUE_BYTES + 100];
    jay_file_place place;
    for (int kind = 0; kind < 2; kind++) { /* of one that was given out before, and not */
        set("key", 'a');
        if (kind == 1) close(take("key").fd);
        size_t size = file_load(file_only_entry("c"), whole, sizeof whole);
        whole[size - 1] ^= 1;
        file_store(file_only_entry("c"), whole, size);
        assert_int_equal(jay_file_path(cache, "key", 3, &place, sizeof place, NULL), JAY_MISS);
        assert_int_equal(file_items(cache, "c"), 0);
    }
}

static void keys_have_the_prefix(void **state) {
    (void)state;
    jay_cache *plain = cache;
    cache = file_must_open("c", "layout=files&prefix=site:");
    set("key", 'p');
    jay_cache *prefixed = cache;
    cache = plain;
    jay_file_place place = take("site:key");
    expect_held(&place, 'p');
    close(place.fd);
    cache = prefixed;
    place = take("key");
    expect_held(&place, 'p');
    close(place.fd);
    assert_int_equal(jay_close(prefixed), JAY_OK);
    cache = plain;
}

/* ---- what it keeps ---- */

static void overwrite_in_child(void *arg) {
    (void)arg;
    jay_cache *mine = NULL;
    CHILD_CHECK(file_open_as("c", "layout=files", &mine, NULL) == JAY_OK);
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 20; i++)
        CHILD_CHECK(jay_set(mine, "key", 3, bytes, sizeof bytes, 0, NULL) == JAY_OK);
    CHILD_CHECK(jay_close(mine) == JAY_OK);
}

static void it_stays_what_it_was(void **state) {
    (void)state;
    set("key", 'a');
    set("key", 'b'); /* so that there is a spare */
    jay_file_place first = take("key"), again = take("key");
    for (int i = 0; i < 8; i++) set("key", (char)('c' + i));
    expect_held(&first, 'b');
    expect_held(&again, 'b');
    jay_file_place second = take("key");
    shm_in_child(overwrite_in_child, NULL);
    jay_file_place third = take("key");
    assert_int_equal(jay_touch_str(cache, "key", 1000), JAY_OK);
    assert_int_equal(jay_delete_str(cache, "key"), JAY_OK);
    set("key", 'z');
    jay_file_place fourth = take("key");
    assert_int_equal(jay_clear(cache, NULL), JAY_OK);
    for (int i = 0; i < 3; i++) set("key", 'y');
    jay_file_place fifth = take("key");
    assert_int_equal(file_count("c").others, 0);
    file_remove(file_path("c"));
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = NULL;
    expect_held(&first, 'b');
    expect_held(&second, 'j');
    expect_held(&third, 'x');
    expect_held(&fourth, 'z');
    expect_held(&fifth, 'y');
    const int fds[] = {first.fd, again.fd, second.fd, third.fd, fourth.fd, fifth.fd};
    for (size_t i = 0; i < COUNT_OF(fds); i++) close(fds[i]);
}

/* Evicted files are handed over to other leaves to be written again; not these. */
static void it_survives_eviction(void **state) {
    (void)state;
    jay_file_place places[20];
    char key[16];
    assert_int_equal(jay_close(cache), JAY_OK);
    cache = file_must_open("c", "layout=files&max_items=20");
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "held%d", i);
        set(key, (char)('a' + i));
        places[i] = take(key);
    }
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "other%d", i);
        set(key, '!');
    }
    assert_int_equal(file_items(cache, "c"), 20);
    for (int i = 0; i < 20; i++) {
        expect_held(&places[i], (char)('a' + i));
        close(places[i].fd);
    }
}

/* The directory's count is what a recount gives, whatever was held, and hard links as well. */
static void what_is_held_is_counted_right(void **state) {
    (void)state;
    uint64_t random = 11;
    for (int i = 0; i < 600; i++) {
        char key[8], path[700];
        snprintf(key, sizeof key, "k%d", (int)(unit_next(&random) % 6));
        size_t size = (size_t)(unit_next(&random) % sizeof bytes);
        assert_int_equal(jay_set(cache, key, strlen(key), bytes, size, 0, NULL), JAY_OK);
        jay_file_place place = take(key);
        snprintf(path, sizeof path, "%s/%s", file_path("c"), place.file);
        if (i % 7 == 0) {
            (void)unlink(file_path("linked"));
            assert_int_equal(link(path, file_path("linked")), 0);
        }
        close(place.fd);
        if (i % 5 == 0) assert_int_equal(jay_delete_str(cache, key), JAY_OK);
    }
    jay_file_report report;
    assert_int_equal(jay_file_check(cache, 0, &report, sizeof report, NULL), JAY_OK);
    assert_int_equal(report.miscounted, 0);
    assert_int_equal(report.damaged, 0);
}

/* ---- while others write ---- */

typedef struct race {
    atomic_bool is_over;
    atomic_int wrong;
    atomic_int taken;
} race;

static void *overwrite(void *arg) {
    race *r = arg;
    char mine[VALUE_BYTES];
    for (int i = 0; !atomic_load(&r->is_over); i++) {
        memset(mine, 'a' + i % 26, sizeof mine);
        (void)jay_set(cache, "key", 3, mine, sizeof mine, 0, NULL);
    }
    return NULL;
}

static void *hold(void *arg) {
    race *r = arg;
    for (int i = 0; i < 300; i++) {
        jay_file_place place;
        if (jay_file_path(cache, "key", 3, &place, sizeof place, NULL) != JAY_OK) continue;
        char letter = 0;
        (void)!pread(place.fd, &letter, 1, place.offset);
        for (int look = 0; look < 5; look++) {
            sched_yield();
            if (differing(&place, letter) != 0) atomic_fetch_add(&r->wrong, 1);
        }
        atomic_fetch_add(&r->taken, 1);
        close(place.fd);
    }
    return NULL;
}

static void writers_do_not_disturb(void **state) {
    (void)state;
    race r = {false, 0, 0};
    pthread_t writer, holders[2];
    set("key", 'a');
    assert_int_equal(pthread_create(&writer, NULL, overwrite, &r), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&holders[i], NULL, hold, &r), 0);
    for (int i = 0; i < 2; i++) pthread_join(holders[i], NULL);
    atomic_store(&r.is_over, true);
    pthread_join(writer, NULL);
    assert_int_equal(atomic_load(&r.wrong), 0);
    assert_int_equal(atomic_load(&r.taken), 600);
}

/* ---- where no mark can be set ---- */

static int refuse_mode(int fd, uint32_t mode) {
    (void)fd, (void)mode;
    errno = EPERM;
    return -1;
}

static int ignore_mode(int fd, uint32_t mode) {
    (void)fd, (void)mode;
    return 0;
}

static void else_it_is_a_copy(void **state) {
    (void)state;
    jayi_file_ops kernel = jayi_files;
    for (int kind = 0; kind < 2; kind++) {
        set("key", 'a');
        jayi_files.set_mode = kind == 0 ? refuse_mode : ignore_mode;
        jay_file_place place = take("key");
        jayi_files = kernel;
        assert_int_equal(place.is_copy, 1);
        assert_string_equal(place.file, "");
        for (int i = 0; i < 5; i++) set("key", 'b');
        expect_held(&place, 'a');
        close(place.fd);
        assert_int_equal(jay_delete_str(cache, "key"), JAY_OK);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_cache, close_cache)
    const struct CMUnitTest tests[] = {
        TEST(it_says_where_the_value_lies),
        TEST(what_it_refuses),
        TEST(a_damaged_entry_is_a_miss),
        TEST(keys_have_the_prefix),
        TEST(it_stays_what_it_was),
        TEST(it_survives_eviction),
        TEST(what_is_held_is_counted_right),
        TEST(writers_do_not_disturb),
        TEST(else_it_is_a_copy),
    };
    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
