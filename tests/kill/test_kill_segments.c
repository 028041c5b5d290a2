/*
 * test_kill_segments.c - SIGKILL at every instruction of changes of a file cache, layout=segments.
 *
 *     test_kill_segments [PART]      only operations with PART in their names
 *
 * A child is stepped through an operation while the test keeps every state that the directory
 * passes through: of the index, which is mapped, after each instruction, and of the other files
 * after each system call. Then states are put back, with the child dead, and a new process opens
 * what is there; and a copy of it without its index, as after a reboot. The short form looks at
 * some states of each operation, the long one at all. Some more children are really killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../file/file_kit.h"
#include "stepping.h"

enum {
    KEYS = 14,
    FILES_MAX = 32,
    NAME_BYTES = 40,
    LINE = 64,
    PAGE = 4096,
    VALUE_BYTES = 1500,
    FILLERS = 6,
    FRAMES_WANTED = 12, /* of an operation, in the short form */
    KILLS = 1,
    LONG_KILLS = 100,
    STEPS_MAX = 20000 /* of an operation that is stepped through once more in the short form */
};

static const char options[] = "layout=segments&max_bytes=64k";
static const char *const keys[KEYS] = {"subject", "counter", "other", "new", "p0", "p1", "p2",
                                       "p3",      "f0",      "f1",    "f2",  "f3", "f4", "f5"};

static jay_cache *cache; /* of the process that has it open: never this one */

/* ---- operations, in the child ---- */

static int set_of(const char *key, int fill, size_t size) {
    static unsigned char bytes[VALUE_BYTES];
    memset(bytes, fill, size);
    return jay_set(cache, key, strlen(key), bytes, size, 0, NULL);
}

static int set_new(void) {
    return set_of("new", 'n', 30);
}

static int set_over(void) {
    return set_of("subject", 'n', 40);
}

static int add(void) {
    return jay_add_str(cache, "new", "added", 0);
}

static int replace(void) {
    return jay_replace_str(cache, "subject", "replaced", 0);
}

static int cas(void) {
    jay_value view = JAY_VALUE_INIT;
    int status = jay_get_str(cache, "subject", &view);
    uint64_t version = view.version;
    jay_value_release(&view);
    return status != JAY_OK ? status
                            : jay_cas(cache, "subject", 7, "exchanged", 9, 0, version, NULL);
}

static int inc(void) {
    return jay_inc_str(cache, "counter", 1, NULL);
}

static int inc_new(void) {
    return jay_inc_str(cache, "new", 5, NULL);
}

static int touch(void) {
    return jay_touch_str(cache, "subject", 1000000);
}

static int erase(void) {
    return jay_delete_str(cache, "subject");
}

static int clear(void) {
    return jay_clear(cache, NULL);
}

static int set_many(void) {
    const jay_pair pairs[] = {{{"subject", 7}, {"first", 5}, 0},
                              {{"new", 3}, {"second", 6}, 0},
                              {{"counter", 7}, {"7", 1}, 0}};
    return jay_set_many(cache, pairs, 3, NULL, NULL);
}

/* Begins a segment on the way, closes one and reclaims another. */
static int set_round(void) {
    for (int i = 0; i < 4; i++) {
        char key[3] = {'p', (char)('0' + i), '\0'};
        int status = set_of(key, 'a' + i, VALUE_BYTES);
        if (status != JAY_OK) return status;
    }
    return JAY_OK;
}

static int open_anew(void) {
    return file_open_as("w", options, &cache, NULL);
}

typedef struct operation {
    const char *name;
    int (*act)(void);
    bool is_pending; /* a new index may find that its key has nothing */
    bool evicts;     /* other entries may go */
    bool is_opening; /* makes a new index: states cannot be put back, children are killed */
} operation;

static const operation operations[] = {
    {.name = "set a new key", .act = set_new},
    {.name = "set", .act = set_over},
    {.name = "set many", .act = set_many},
    {.name = "add", .act = add, .is_pending = true},
    {.name = "replace", .act = replace, .is_pending = true},
    {.name = "cas", .act = cas, .is_pending = true},
    {.name = "inc", .act = inc, .is_pending = true},
    {.name = "inc of a new key", .act = inc_new, .is_pending = true},
    {.name = "touch", .act = touch},
    {.name = "delete", .act = erase},
    {.name = "clear", .act = clear},
    {.name = "begin a segment", .act = set_round, .evicts = true},
    {.name = "make an index", .act = open_anew, .is_opening = true},
};

/* ---- what a process finds ---- */

typedef struct finding {
    uint64_t values[KEYS]; /* hashes; 0: nothing */
} finding;

static finding *found; /* shared: what the last reader saw, with the index that is there */
static finding *found_anew;
static const char *reading; /* the directory */

static void look_up_all(finding *ret_found) {
    for (int i = 0; i < KEYS; i++) {
        jay_value view = JAY_VALUE_INIT;
        int status = jay_get_str(cache, keys[i], &view);
        KILL_CHECK(status == JAY_OK || status == JAY_MISS, "get of %s gives %s", keys[i],
                   jay_status_name(status));
        ret_found->values[i] = status == JAY_OK ? kill_hash(view.data, view.size) | 1 : 0;
        jay_value_release(&view);
    }
}

static void open_cache(const char *what) {
    jay_error error = {.message = ""};
    KILL_CHECK(file_open_as(what, options, &cache, &error) == JAY_OK, "it cannot be opened: %s",
               error.message);
}

static void close_cache(void) {
    KILL_CHECK(jay_close(cache) == JAY_OK, "it cannot be closed");
}

static void read_only(void) {
    open_cache(reading);
    look_up_all(found);
    close_cache();
}

static int count_shown(void *arg, const jay_entry_info *entry) {
    (void)entry;
    ++*(int64_t *)arg;
    return 0;
}

/* The directory can be used, and is whole: who takes a lock of the dead first puts right what it
 * guards, so counts are looked at afterwards. */
static void use(void) {
    jay_stats stats;
    jay_file_report report;
    int64_t shown = 0;
    jay_value view = JAY_VALUE_INIT;
    for (int i = 0; i < 6; i++)
        KILL_CHECK(set_of("probe", '0' + i, VALUE_BYTES) == JAY_OK, "set fails afterwards");
    KILL_CHECK(jay_get_str(cache, "probe", &view) == JAY_OK && view.size == VALUE_BYTES &&
                   *(const char *)view.data == '5',
               "what was set afterwards is not there");
    jay_value_release(&view);
    KILL_CHECK(jay_delete_str(cache, "probe") == JAY_OK, "it cannot be deleted");
    KILL_CHECK(jay_file_check(cache, 0, &report, sizeof report, NULL) == JAY_OK, "check fails");
    KILL_CHECK(report.damaged == 0, "records are damaged");
    KILL_CHECK(jay_iterate(cache, count_shown, &shown, NULL) == JAY_OK, "iterate fails");
    KILL_CHECK(jay_get_stats(cache, &stats, sizeof stats, NULL) == JAY_OK, "stats fail");
    KILL_CHECK(stats.items == shown, "%lld entries are counted, %lld shown", (long long)stats.items,
               (long long)shown);
    KILL_CHECK(stats.bytes <= 64 * 1024, "max_bytes is exceeded");
}

static void verify(void) {
    open_cache("w");
    look_up_all(found);
    use();
    close_cache();
    open_cache("again");
    look_up_all(found_anew);
    use();
    close_cache();
}

static void in_new_process(void (*fn)(void)) {
    pid_t pid = kill_fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    kill_join(pid);
}

/* ---- the directory but for its index ---- */

typedef struct image {
    int count;
    char names[FILES_MAX][NAME_BYTES];
    unsigned char *bytes[FILES_MAX];
    size_t sizes[FILES_MAX];
} image;

static bool belongs(const char *name) {
    return name[0] != '.' && strcmp(name, "jaycache.index") != 0;
}

static image *take_image(void) {
    static unsigned char buffer[1 << 20];
    image *im = calloc(1, sizeof *im);
    DIR *folder = opendir(file_path("w"));
    KILL_CHECK(im != NULL && folder != NULL, "no image of the directory");
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!belongs(entry->d_name)) continue;
        int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd >= 0 ? read(fd, buffer, sizeof buffer) : -1;
        if (fd >= 0) close(fd);
        KILL_CHECK(size >= 0 && (size_t)size < sizeof buffer && im->count < FILES_MAX,
                   "%s cannot be kept", entry->d_name);
        snprintf(im->names[im->count], NAME_BYTES, "%.39s", entry->d_name);
        im->bytes[im->count] = malloc((size_t)size + 1);
        KILL_CHECK(im->bytes[im->count] != NULL, "no memory for an image");
        memcpy(im->bytes[im->count], buffer, (size_t)size);
        im->sizes[im->count++] = (size_t)size;
    }
    closedir(folder);
    return im;
}

static bool is_same_image(const image *a, const image *b) {
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0 || a->sizes[i] != b->sizes[i] ||
            memcmp(a->bytes[i], b->bytes[i], a->sizes[i]) != 0)
            return false;
    }
    return true;
}

static void free_image(image *im) {
    for (int i = 0; im != NULL && i < im->count; i++) free(im->bytes[i]);
    free(im);
}

/* Makes the files of a directory those of an image; an index that is there stays. */
static void put_image(const image *im, const char *what) {
    char path[300];
    snprintf(path, sizeof path, "%s", file_path(what));
    (void)mkdir(path, 0700);
    DIR *folder = opendir(path);
    KILL_CHECK(folder != NULL, "no directory %s", what);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (belongs(entry->d_name)) (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    for (int i = 0; i < im->count; i++) {
        int fd = openat(dirfd(folder), im->names[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        KILL_CHECK(fd >= 0 && write(fd, im->bytes[i], im->sizes[i]) == (ssize_t)im->sizes[i],
                   "%s cannot be put back", im->names[i]);
        close(fd);
    }
    closedir(folder);
}

/* ---- the film ---- */

typedef struct line {
    uint32_t number;
    unsigned char bytes[LINE];
} line;

typedef struct frame {
    size_t first_line;
    size_t line_count;
    image *files; /* NULL: as in the frame before */
} frame;

typedef struct film {
    unsigned char *index; /* mapped */
    size_t index_bytes;
    unsigned char *last; /* the index as in the frame filmed, or shown, last */
    unsigned char *start;
    image *start_files;
    line *lines;
    size_t line_count, line_room;
    frame *frames;
    size_t frame_count, frame_room;
    uint64_t steps;
} film;

static void map_index(film *f) {
    struct stat st;
    int fd = open(file_path("w/jaycache.index"), O_RDWR | O_CLOEXEC);
    KILL_CHECK(fd >= 0 && fstat(fd, &st) == 0, "no index");
    *f = (film){.index_bytes = (size_t)st.st_size};
    KILL_CHECK(f->index_bytes % LINE == 0, "an odd index");
    f->index = mmap(NULL, f->index_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    f->last = malloc(f->index_bytes);
    f->start = malloc(f->index_bytes);
    KILL_CHECK(f->index != MAP_FAILED && f->last != NULL && f->start != NULL, "no memory");
    close(fd);
}

static void keep_line(film *f, size_t at) {
    if (f->line_count == f->line_room) {
        f->line_room = 2 * f->line_room + 1024;
        f->lines = realloc(f->lines, f->line_room * sizeof *f->lines);
        KILL_CHECK(f->lines != NULL, "no memory for a film");
    }
    line *l = &f->lines[f->line_count++];
    l->number = (uint32_t)(at / LINE);
    memcpy(l->bytes, f->index + at, LINE);
    memcpy(f->last + at, f->index + at, LINE);
}

/* Adds a frame if anything is not as in the last. */
static void look(film *f, const image **files, bool looks_at_files) {
    size_t before = f->line_count;
    image *now = NULL;
    for (size_t page = 0; page < f->index_bytes; page += PAGE) {
        size_t end = page + PAGE < f->index_bytes ? page + PAGE : f->index_bytes;
        if (memcmp(f->last + page, f->index + page, end - page) == 0) continue;
        for (size_t at = page; at < end; at += LINE) {
            if (memcmp(f->last + at, f->index + at, LINE) != 0) keep_line(f, at);
        }
    }
    if (looks_at_files) now = take_image();
    if (now != NULL && is_same_image(now, *files)) {
        free_image(now);
        now = NULL;
    }
    if (f->line_count == before && now == NULL) return;
    if (f->frame_count == f->frame_room) {
        f->frame_room = 2 * f->frame_room + 256;
        f->frames = realloc(f->frames, f->frame_room * sizeof *f->frames);
        KILL_CHECK(f->frames != NULL, "no memory for a film");
    }
    f->frames[f->frame_count++] = (frame){before, f->line_count - before, now};
    if (now != NULL) *files = now;
}

static void free_film(film *f) {
    for (size_t i = 0; i < f->frame_count; i++) free_image(f->frames[i].files);
    free_image(f->start_files);
    munmap(f->index, f->index_bytes);
    free(f->last);
    free(f->start);
    free(f->lines);
    free(f->frames);
}

/* ---- worlds ---- */

static void build(void) {
    open_cache("w");
    for (int i = 0; i < FILLERS; i++)
        KILL_CHECK(set_of(keys[KEYS - FILLERS + i], 'f', VALUE_BYTES) == JAY_OK, "no filler");
    KILL_CHECK(set_of("subject", 'x', 100) == JAY_OK && set_of("subject", 'o', 300) == JAY_OK &&
                   set_of("other", 'o', 100) == JAY_OK &&
                   jay_set_int(cache, "counter", 7, 41, 0, NULL) == JAY_OK,
               "no entries");
    close_cache();
}

static void build_world(void) {
    file_remove(file_path("w"));
    in_new_process(build);
}

static finding read_directory(const char *what) {
    reading = what;
    in_new_process(read_only);
    return *found;
}

static void prepare(void *arg) {
    const operation *op = arg;
    jay_value view;
    if (op->is_opening) return;
    open_cache("w");
    if (jay_get_str(cache, "other", &view) == JAY_OK) jay_value_release(&view);
    /* What a process does once is not what is looked at here. */
    (void)set_of("other", 'o', 100);
}

static int act(void *arg) {
    const operation *op = arg;
    return op->act();
}

/* ---- verdicts ---- */

typedef struct verdict {
    const operation *operation;
    finding before;
    finding after;
    finding last; /* seen in the state before */
} verdict;

static unsigned long looked_at, killed;

static void check_key(const verdict *v, int i, const finding *last) {
    uint64_t before = v->before.values[i], after = v->after.values[i];
    uint64_t now = found->values[i], anew = found_anew->values[i];
    bool is_changed = before != after;
    bool may_go = v->operation->evicts;
    KILL_CHECK(now == before || now == after || (may_go && now == 0), "%s is %s", keys[i],
               now == 0 ? "lost" : "neither old nor new");
    KILL_CHECK(last == NULL || !is_changed || last->values[i] != after || now == after || may_go,
               "%s is old again, after others have seen the new", keys[i]);
    if (anew == 0) may_go = may_go || (is_changed && v->operation->is_pending);
    KILL_CHECK(anew == now || anew == after || (may_go && anew == 0), "%s is %s in a new index",
               keys[i], anew == 0 ? "lost" : "another");
}

/* Looks at the directory as a dead process has left it. */
static void check_remains(verdict *v, bool is_in_order) {
    image *im = take_image();
    file_remove(file_path("again"));
    put_image(im, "again");
    free_image(im);
    in_new_process(verify);
    for (int i = 0; i < KEYS; i++) check_key(v, i, is_in_order ? &v->last : NULL);
    v->last = *found;
    looked_at++;
}

/* ---- states put back ---- */

static void shoot(film *f, const operation *op) {
    stepper s;
    map_index(f);
    step_start(&s, prepare, act, (void *)(uintptr_t)op);
    memcpy(f->start, f->index, f->index_bytes);
    memcpy(f->last, f->index, f->index_bytes);
    f->start_files = take_image();
    const image *files = f->start_files;
    for (bool goes_on = true; goes_on;) {
        bool is_call = step_is_system_call(&s);
        goes_on = step_once(&s);
        look(f, &files, is_call || !goes_on);
    }
    KILL_CHECK(s.report->result == JAY_OK, "the operation itself gives %s",
               jay_status_name(s.report->result));
    f->steps = s.steps;
    step_kill(&s);
}

static void check_frames(film *f, verdict *v) {
    double share = kill_is_long() ? 1 : (double)FRAMES_WANTED / (double)f->frame_count;
    const image *files = f->start_files;
    memcpy(f->last, f->start, f->index_bytes);
    v->last = v->before;
    for (size_t i = 0; i < f->frame_count; i++) {
        const frame *fr = &f->frames[i];
        if (fr->files != NULL) files = fr->files;
        for (size_t l = fr->first_line; l < fr->first_line + fr->line_count; l++)
            memcpy(f->last + (size_t)f->lines[l].number * LINE, f->lines[l].bytes, LINE);
        if ((double)kill_below(1000000) >= share * 1e6 && i + 1 < f->frame_count) continue;
        kill_about(60, "%s, state %zu of %zu", v->operation->name, i, f->frame_count);
        memcpy(f->index, f->last, f->index_bytes);
        put_image(files, "w");
        check_remains(v, true);
    }
}

/* ---- real kills ---- */

/* Making an index takes very many steps: the short form goes by system calls there. */
static bool step(stepper *s, const operation *op) {
    return op->is_opening && !kill_is_long() ? step_system_call(s) : step_once(s);
}

static void check_kill(verdict *v, uint64_t steps) {
    stepper s;
    uint64_t at = kill_below(steps + 1);
    kill_about(60, "%s, killed after %llu of %llu steps", v->operation->name,
               (unsigned long long)at, (unsigned long long)steps);
    build_world();
    if (v->operation->is_opening) unlink(file_path("w/jaycache.index"));
    step_start(&s, prepare, act, (void *)(uintptr_t)v->operation);
    while (at-- > 0 && step(&s, v->operation)) {}
    step_kill(&s);
    check_remains(v, false);
    killed++;
}

static uint64_t count_steps(const operation *op) {
    stepper s;
    unlink(file_path("w/jaycache.index"));
    step_start(&s, prepare, act, (void *)(uintptr_t)op);
    while (step(&s, op)) {}
    uint64_t steps = s.steps;
    KILL_CHECK(s.report->result == JAY_OK, "the operation itself fails");
    step_kill(&s);
    return steps;
}

static void run(const operation *op) {
    film f = {.frame_count = 0};
    verdict v = {.operation = op};
    int64_t start_ns = kill_now_ns();
    unsigned long before = looked_at;
    kill_about(120, "%s", op->name);
    build_world();
    v.before = read_directory("w");
    if (op->is_opening) {
        f.steps = count_steps(op);
        v.after = v.before;
    } else {
        shoot(&f, op);
        v.after = read_directory("w");
        check_frames(&f, &v);
    }
    int kills = kill_is_long() ? LONG_KILLS : f.steps < STEPS_MAX ? KILLS : 0;
    if (op->is_opening) kills *= FRAMES_WANTED;
    for (int i = 0; i < kills; i++) check_kill(&v, f.steps);
    printf("%-20s %7llu steps %5zu states %5lu looked at %6lld ms\n", op->name,
           (unsigned long long)f.steps, f.frame_count, looked_at - before,
           (long long)((kill_now_ns() - start_ns) / 1000000));
    if (f.index != NULL) free_film(&f);
}

int main(int argc, char **argv) {
    void *state = NULL;
    kill_begin("kill_segments");
    KILL_CHECK(file_setup(&state) == 0, "no directory for the test");
    found = kill_shared_memory(sizeof *found);
    found_anew = kill_shared_memory(sizeof *found_anew);
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        if (argc < 2 || strstr(operations[i].name, argv[1]) != NULL) run(&operations[i]);
    }
    printf("%lu states looked at, %lu of them left by a real SIGKILL\n", looked_at, killed);
    return file_teardown(&state);
}
