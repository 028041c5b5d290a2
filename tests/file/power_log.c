/*
 * power_log.c - recording changes of files, and replaying what may be left of them.
 *
 * Files and folders are numbered here ("nodes"), since the kernel gives the number of a removed
 * file to the next one. A node is found by the kernel's number, while it has a name.
 */
#include "power_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file_kit.h"
#include "os/file_ops.h"

enum { NODES_MAX = 4096, NAMES_MAX = 2048, SECTOR = 512, ROOT = 0, NONE = -1 };
#define FILE_MAX (4 << 20)

enum change_kind {
    CREATE, /* of a file or a folder: `node` gets a name in `folder` */
    WRITE,
    TRUNCATE,
    SYNC,
    RENAME,
    EXCHANGE,
    MOVE, /* from `folder` to `to_folder` */
    UNLINK
};

typedef struct change {
    enum change_kind kind;
    int node;
    int folder;
    int to_folder;
    char name[48];
    char to_name[48];
    uint64_t at;
    size_t size;
    unsigned char *bytes;
} change;

typedef struct node {
    ino_t inode;
    bool is_folder;
    bool is_gone; /* without a name: its number may belong to another */
} node;

static jayi_file_ops kernel;
static node nodes[NODES_MAX];
static int node_count;
static change *changes;
static size_t change_count;
static size_t change_room;

/* ---- recording ---- */

static change *add_change(enum change_kind kind, int folder, const char *name) {
    if (change_count == change_room) {
        change_room = change_room > 0 ? 2 * change_room : 1024;
        changes = realloc(changes, change_room * sizeof *changes);
        assert_non_null(changes);
    }
    change *c = &changes[change_count++];
    *c = (change){.kind = kind, .node = NONE, .folder = folder, .to_folder = NONE};
    assert_true(strlen(name) < sizeof c->name && strchr(name, '/') == NULL);
    memcpy(c->name, name, strlen(name));
    return c;
}

static void set_to_name(change *c, const char *name) {
    assert_true(strlen(name) < sizeof c->to_name);
    memcpy(c->to_name, name, strlen(name));
}

static int find_node(ino_t inode) {
    for (int i = 0; i < node_count; i++) {
        if (nodes[i].inode == inode && !nodes[i].is_gone) return i;
    }
    return NONE;
}

static int add_node(ino_t inode, bool is_folder) {
    assert_true(node_count < NODES_MAX);
    nodes[node_count] = (node){inode, is_folder, false};
    return node_count++;
}

static int node_at(int folder_fd, const char *name) {
    struct stat st;
    return kernel.stat_at(folder_fd, name, &st) == 0 ? find_node(st.st_ino) : NONE;
}

/* The node of an open descriptor. */
static int node_of(int fd) {
    struct stat st;
    assert_int_equal(kernel.stat(fd, &st), 0);
    int found = find_node(st.st_ino);
    assert_int_not_equal(found, NONE);
    return found;
}

static void note_created(int folder_fd, const char *name) {
    struct stat st;
    assert_int_equal(kernel.stat_at(folder_fd, name, &st), 0);
    int created = add_node(st.st_ino, S_ISDIR(st.st_mode));
    add_change(CREATE, node_of(folder_fd), name)->node = created;
}

static int log_open(int folder_fd, const char *path, int flags, uint32_t mode) {
    bool is_new = (flags & O_CREAT) != 0 && node_at(folder_fd, path) == NONE;
    int fd = kernel.open(folder_fd, path, flags, mode);
    if (fd < 0) return fd;
    if (is_new) note_created(folder_fd, path);
    if ((flags & O_TRUNC) != 0 && !is_new) add_change(TRUNCATE, NONE, "")->node = node_of(fd);
    return fd;
}

static ssize_t log_write_at(int fd, const struct iovec *parts, int count, uint64_t at) {
    ssize_t written = kernel.write_at(fd, parts, count, at);
    if (written <= 0) return written;
    change *c = add_change(WRITE, NONE, "");
    c->node = node_of(fd);
    c->at = at;
    c->size = (size_t)written;
    c->bytes = malloc(c->size);
    assert_non_null(c->bytes);
    size_t have = 0;
    for (int i = 0; i < count && have < c->size; i++) {
        size_t size = parts[i].iov_len < c->size - have ? parts[i].iov_len : c->size - have;
        memcpy(c->bytes + have, parts[i].iov_base, size);
        have += size;
    }
    return written;
}

static int log_truncate(int fd, uint64_t size) {
    if (kernel.truncate(fd, size) != 0) return -1;
    change *c = add_change(TRUNCATE, NONE, "");
    c->node = node_of(fd);
    c->at = size;
    return 0;
}

static int log_sync(int fd) {
    if (kernel.sync(fd) != 0) return -1;
    add_change(SYNC, NONE, "")->node = node_of(fd);
    return 0;
}

static int log_make_folder(int folder_fd, const char *name, uint32_t mode) {
    if (kernel.make_folder(folder_fd, name, mode) != 0) return -1;
    note_created(folder_fd, name);
    return 0;
}

/* What loses its name: its number is free once it is closed. */
static void note_gone(int lost) {
    if (lost != NONE) nodes[lost].is_gone = true;
}

static int log_rename(int folder_fd, const char *from, const char *to) {
    int replaced = node_at(folder_fd, to);
    if (kernel.rename(folder_fd, from, to) != 0) return -1;
    note_gone(replaced);
    set_to_name(add_change(RENAME, node_of(folder_fd), from), to);
    return 0;
}

static int log_exchange(int folder_fd, const char *one, const char *other) {
    if (kernel.exchange(folder_fd, one, other) != 0) return -1;
    set_to_name(add_change(EXCHANGE, node_of(folder_fd), one), other);
    return 0;
}

static int log_move(int from_fd, const char *from, int to_fd, const char *to) {
    if (kernel.move(from_fd, from, to_fd, to) != 0) return -1;
    change *c = add_change(MOVE, node_of(from_fd), from);
    c->to_folder = node_of(to_fd);
    c->node = node_at(to_fd, to);
    set_to_name(c, to);
    return 0;
}

static int log_unlink(int folder_fd, const char *name) {
    int lost = node_at(folder_fd, name);
    if (kernel.unlink(folder_fd, name) != 0) return -1;
    note_gone(lost);
    add_change(UNLINK, node_of(folder_fd), name);
    return 0;
}

void power_record(const char *root) {
    struct stat st;
    power_forget();
    kernel = jayi_files;
    assert_int_equal(stat(root, &st), 0);
    add_node(st.st_ino, true);
    jayi_files.open = log_open;
    jayi_files.write_at = log_write_at;
    jayi_files.truncate = log_truncate;
    jayi_files.sync = log_sync;
    jayi_files.make_folder = log_make_folder;
    jayi_files.rename = log_rename;
    jayi_files.exchange = log_exchange;
    jayi_files.move = log_move;
    jayi_files.unlink = log_unlink;
}

void power_end(void) {
    jayi_files = kernel;
}

void power_forget(void) {
    for (size_t i = 0; i < change_count; i++) free(changes[i].bytes);
    free(changes);
    changes = NULL;
    change_count = change_room = 0;
    node_count = 0;
}

size_t power_count(void) {
    return change_count;
}

/* ---- what is left ---- */

typedef struct link_name {
    int folder;
    int node;
    char name[48];
} link_name;

typedef struct disk {
    size_t count;
    uint64_t random;
    bool is_all;
    bool is_least;
    bool has_journal;
    size_t journal_end;           /* changes of names before this have come */
    size_t folder_end[NODES_MAX]; /* the same by folder, where there is no journal */
    char path_of[NODES_MAX][300]; /* of the files that have been made, "": none */
    link_name names[NAMES_MAX];
    size_t name_count;
} disk;

/* A number from `low` to `high`, as the seed says. */
static size_t choose(disk *d, size_t low, size_t high) {
    if (d->is_all) return high;
    if (d->is_least) return low;
    return low + (size_t)(unit_next(&d->random) % (high - low + 1));
}

static link_name *find_name(disk *d, int folder, const char *name) {
    for (size_t i = 0; i < d->name_count; i++) {
        if (d->names[i].folder == folder && strcmp(d->names[i].name, name) == 0)
            return &d->names[i];
    }
    return NULL;
}

static void set_name(disk *d, int folder, const char *name, int to) {
    link_name *n = find_name(d, folder, name);
    if (n == NULL) {
        assert_true(d->name_count < NAMES_MAX);
        n = &d->names[d->name_count++];
        n->folder = folder;
        snprintf(n->name, sizeof n->name, "%s", name);
    }
    n->node = to;
}

static void drop_name(disk *d, int folder, const char *name) {
    link_name *n = find_name(d, folder, name);
    if (n != NULL) *n = d->names[--d->name_count];
}

/* How far the names of folders have come: at least to where each was synced. */
static void choose_ends(disk *d) {
    d->has_journal = choose(d, 0, 1) == 1;
    size_t journal_least = 0;
    for (int i = 0; i < node_count; i++) d->folder_end[i] = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (changes[i].kind != SYNC || !nodes[changes[i].node].is_folder) continue;
        d->folder_end[changes[i].node] = journal_least = i + 1;
    }
    d->journal_end = choose(d, journal_least, d->count);
    for (int i = 0; i < node_count; i++) {
        if (nodes[i].is_folder) d->folder_end[i] = choose(d, d->folder_end[i], d->count);
    }
}

static bool has_come(const disk *d, size_t index, int folder) {
    return index < (d->has_journal ? d->journal_end : d->folder_end[folder]);
}

/* Without a journal, a file that moves may be in both folders afterwards, or in none. */
static void apply_move(disk *d, size_t index) {
    const change *c = &changes[index];
    if (has_come(d, index, c->folder)) drop_name(d, c->folder, c->name);
    if (has_come(d, index, c->to_folder)) set_name(d, c->to_folder, c->to_name, c->node);
}

static void apply_exchange(disk *d, const change *c) {
    link_name *one = find_name(d, c->folder, c->name);
    link_name *other = find_name(d, c->folder, c->to_name);
    if (one == NULL || other == NULL) return; /* one of them moved here, and did not come */
    int kept = one->node;
    one->node = other->node;
    other->node = kept;
}

static void apply_rename(disk *d, const change *c) {
    const link_name *from = find_name(d, c->folder, c->name);
    if (from == NULL) return;
    int renamed = from->node;
    drop_name(d, c->folder, c->name);
    set_name(d, c->folder, c->to_name, renamed);
}

static void apply_names(disk *d) {
    for (size_t i = 0; i < d->count; i++) {
        const change *c = &changes[i];
        if (c->kind == MOVE) {
            apply_move(d, i);
            continue;
        }
        if (c->folder == NONE || !has_come(d, i, c->folder)) continue;
        if (c->kind == CREATE) set_name(d, c->folder, c->name, c->node);
        if (c->kind == RENAME) apply_rename(d, c);
        if (c->kind == EXCHANGE) apply_exchange(d, c);
        if (c->kind == UNLINK) drop_name(d, c->folder, c->name);
    }
}

/* The part of a write that lies in sectors which have come so far. */
static void apply_write(const change *c, unsigned char *content, const size_t *sector_end,
                        size_t index) {
    for (size_t done = 0; done < c->size;) {
        size_t at = (size_t)c->at + done;
        size_t size = SECTOR - at % SECTOR < c->size - done ? SECTOR - at % SECTOR : c->size - done;
        if (index < sector_end[at / SECTOR]) memcpy(content + at, c->bytes + done, size);
        done += size;
    }
}

static void apply_truncate(const change *c, unsigned char *content, size_t old_size,
                           const size_t *sector_end, size_t index) {
    for (size_t at = (size_t)c->at; at < old_size; at++) {
        if (index < sector_end[at / SECTOR]) content[at] = 0;
    }
}

static size_t size_after(const change *c, size_t size) {
    if (c->kind == TRUNCATE) return (size_t)c->at;
    return c->at + c->size > size ? (size_t)c->at + c->size : size;
}

/* How far a file's bytes may reach; the number of its last sync goes to *ret_synced. */
static size_t reach(const disk *d, int file, size_t *ret_synced) {
    size_t most = 0;
    for (size_t i = 0; i < d->count; i++) {
        const change *c = &changes[i];
        if (c->node != file) continue;
        if (c->kind == SYNC) *ret_synced = i;
        size_t end = c->kind == WRITE ? (size_t)c->at + c->size : (size_t)c->at;
        if ((c->kind == WRITE || c->kind == TRUNCATE) && end > most) most = end;
    }
    assert_true(most <= FILE_MAX);
    return most;
}

/* Up to which change each sector has come, and (the result) the length. Of what was not synced:
 * nothing, everything, so much, or each sector as it likes. */
static size_t choose_extent(disk *d, size_t synced, size_t sectors, size_t *sector_end) {
    size_t manner = choose(d, 0, 3);
    size_t common_end = choose(d, synced, d->count);
    if (manner == 0) common_end = synced;
    if (manner == 1 || d->is_all) common_end = d->count;
    bool is_each = manner == 3 && !d->is_all;
    for (size_t i = 0; i < sectors; i++)
        sector_end[i] = is_each ? choose(d, synced, d->count) : common_end;
    return is_each ? choose(d, synced, d->count) : common_end;
}

/* Puts together what a file holds. Returns its length. */
static size_t fill(disk *d, int file, unsigned char *content) {
    static size_t sector_end[FILE_MAX / SECTOR + 1];
    size_t synced = 0, size = 0, whole_size = 0, most = reach(d, file, &synced);
    size_t size_end = choose_extent(d, synced, most / SECTOR + 1, sector_end);
    memset(content, 0, most);
    for (size_t i = 0; i < d->count; i++) {
        const change *c = &changes[i];
        if (c->node != file || (c->kind != WRITE && c->kind != TRUNCATE)) continue;
        if (c->kind == WRITE) apply_write(c, content, sector_end, i);
        if (c->kind == TRUNCATE) apply_truncate(c, content, whole_size, sector_end, i);
        whole_size = size_after(c, whole_size);
        if (i < size_end) size = size_after(c, size);
    }
    return size;
}

static void make_file(disk *d, int file, const char *path) {
    static unsigned char content[FILE_MAX];
    if (d->path_of[file][0] != '\0') {
        assert_int_equal(link(d->path_of[file], path), 0);
        return;
    }
    size_t size = fill(d, file, content);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), size);
    close(fd);
    snprintf(d->path_of[file], sizeof d->path_of[file], "%s", path);
}

/* Folders are nested three deep at most. */
static void make_folder(disk *d, int folder, const char *path) {
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < d->name_count; i++) {
        const link_name *n = &d->names[i];
        char below[300];
        if (n->folder != folder) continue;
        int size = snprintf(below, sizeof below, "%s/%s", path, n->name);
        assert_true(size > 0 && (size_t)size < sizeof below);
        if (nodes[n->node].is_folder) {
            make_folder(d, n->node, below);
        } else {
            make_file(d, n->node, below);
        }
    }
}

void power_replay(size_t count, uint64_t seed, const char *path) {
    static disk d;
    memset(&d, 0, sizeof d);
    assert_true(count <= change_count);
    d.count = count;
    d.random = seed;
    d.is_all = seed == 0;
    d.is_least = seed == 1;
    choose_ends(&d);
    apply_names(&d);
    make_folder(&d, ROOT, path);
}
