/*
 * file_claim.c - making a directory a cache's, or finding that it is one.
 *
 * It is done under byte 0 of the lock file. The marker comes last, so that a directory is claimed
 * wholly or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/file/file_table.h"
#include "os/file_ops.h"

#define MARKER_BYTES 512
#define ATTEMPTS 10 /* at a lock file that someone removes */

static const char marker_start[] = "jaycache directory, format ";

/* ---- whose it is ---- */

int jayi_owner_check(uid_t owner, const jayi_dir_plan *plan, jay_error *error) {
    if (owner == geteuid() || owner == 0) return JAY_OK;
    if (plan->is_mode_given && (plan->mode & 066) != 0) return JAY_OK;
    return jay_error_set(error, JAY_E_PERMISSION, 0,
                         "%s belongs to user %u; to share it among users, give the same mode with "
                         "group or world bits to all, like mode=0660",
                         plan->path, (unsigned)owner);
}

typedef struct inspection {
    bool is_return;
    char foreign[64]; /* a name that is not ours; "": none */
} inspection;

static bool inspect(void *arg, const char *file) {
    inspection *state = arg;
    if (strncmp(file, "jaycache.", 9) == 0 || strcmp(file, "lost+found") == 0) return true;
    bool is_leaf = strlen(file) == 1 && strchr("0123456789abcdef", file[0]) != NULL;
    if (is_leaf && state->is_return) return true;
    snprintf(state->foreign, sizeof state->foreign, "%.60s", file);
    return false;
}

/* Refuses a directory that holds something else. */
static int check_empty(int root_fd, const jayi_dir_plan *plan, jay_error *error) {
    inspection state = {.is_return = plan->is_return};
    int fd = jayi_files.open(root_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return jayi_file_failed("open", plan->path, error);
    int status = jayi_leaf_list(fd, inspect, &state, error);
    jayi_files.close(fd);
    if (status != JAY_OK || state.foreign[0] == '\0') return status;
    return jay_error_set(error, JAY_E_MISMATCH, 0,
                         "%s is no cache directory, and not empty: it holds '%s'; give the cache "
                         "a directory of its own, like file:%.100s/jaycache",
                         plan->path, state.foreign, strcmp(plan->path, "/") == 0 ? "" : plan->path);
}

/* ---- files of ours ---- */

/* Opens or makes a file, with its mode whatever the umask. */
static int open_own(int root_fd, const char *name, int flags, const jayi_dir_plan *plan,
                    int *ret_fd, jay_error *error) {
    struct stat st = {0};
    int fd = jayi_files.open(root_fd, name, flags, plan->mode);
    if (fd < 0) return jayi_file_failed("open a file of the cache in", plan->path, error);
    int status = JAY_OK;
    if (jayi_files.stat(fd, &st) != 0) {
        status = jayi_file_failed("look at a file in", plan->path, error);
    } else if (!S_ISREG(st.st_mode)) {
        status = jay_error_set(error, JAY_E_PERMISSION, 0, "%s/%s is not a regular file",
                               plan->path, name);
    } else {
        status = jayi_owner_check(st.st_uid, plan, error);
    }
    if (status == JAY_OK && (flags & O_CREAT) != 0 && st.st_uid == geteuid() &&
        (st.st_mode & 07777) != plan->mode && jayi_files.set_mode(fd, plan->mode) != 0)
        status = jayi_file_failed("set the permissions of a file in", plan->path, error);
    if (status == JAY_OK) {
        *ret_fd = fd;
    } else {
        jayi_files.close(fd);
    }
    return status;
}

/* Makes the new file, which holds what `text` says, or else a table. It is on the disk afterwards.
 */
static int make_new(int root_fd, const char *text, enum jayi_leaf_state state,
                    const jayi_dir_plan *plan, jay_error *error) {
    int fd = -1;
    jayi_files.unlink(root_fd, JAYI_NEW_FILE); /* left by someone who died here */
    int status = open_own(root_fd, JAYI_NEW_FILE, O_RDWR | O_CREAT | O_EXCL, plan, &fd, error);
    if (status != JAY_OK) return status;
    const void *parts[] = {text};
    const size_t sizes[] = {text != NULL ? strlen(text) : 0};
    int result = text != NULL ? jayi_write_all(fd, parts, sizes, 1)
                              : jayi_table_format(fd, plan->max_items, plan->max_bytes, state);
    if (result != 0 || jayi_files.sync(fd) != 0) {
        status = jayi_file_failed("write a file of the cache in", plan->path, error);
        jayi_files.unlink(root_fd, JAYI_NEW_FILE);
    }
    jayi_files.close(fd);
    return status;
}

static int put_new(int root_fd, const char *name, const char *text, enum jayi_leaf_state state,
                   const jayi_dir_plan *plan, jay_error *error) {
    int status = make_new(root_fd, text, state, plan, error);
    if (status != JAY_OK) return status;
    if (jayi_files.rename(root_fd, JAYI_NEW_FILE, name) == 0) return JAY_OK;
    return jayi_file_failed("rename a file of the cache in", plan->path, error);
}

/* ---- the marker ---- */

/* Reads a number that follows a word; NULL: it is not there. */
static const char *number_after(const char *text, const char *word, int base,
                                uint64_t *ret_number) {
    const char *at = strstr(text, word);
    if (at == NULL) return NULL;
    at += strlen(word);
    char *end;
    errno = 0;
    unsigned long long number = strtoull(at, &end, base);
    if (end == at || errno != 0) return NULL;
    *ret_number = number;
    return end;
}

int jayi_layout_check(const jayi_dir_plan *plan, enum jayi_layout layout, jay_error *error) {
    if (plan->layout == JAYI_LAYOUT_AUTO || plan->layout == layout) return JAY_OK;
    const char *name = layout == JAYI_LAYOUT_FILES ? "files" : "segments";
    return jay_error_set(error, JAY_E_MISMATCH, 0,
                         "%s has layout=%s; leave the option out, or remove the directory first",
                         plan->path, name);
}

static int parse_marker(const char *text, const jayi_dir_plan *plan, jayi_claim *claim,
                        jay_error *error) {
    uint64_t format;
    bool is_ours = strncmp(text, marker_start, sizeof marker_start - 1) == 0;
    if (is_ours && number_after(text, marker_start, 10, &format) != NULL) {
        if (format > JAYI_DIR_FORMAT) {
            return jay_error_set(error, JAY_E_VERSION, 0,
                                 "%s has format %" PRIu64 ", which is newer than this Jaycache; "
                                 "upgrade it, or give the cache another directory",
                                 plan->path, format);
        }
        bool is_files = strstr(text, "\nlayout files\n") != NULL;
        claim->layout = is_files ? JAYI_LAYOUT_FILES : JAYI_LAYOUT_SEGMENTS;
        if (format == JAYI_DIR_FORMAT &&
            (is_files || strstr(text, "\nlayout segments\n") != NULL) &&
            number_after(text, "\nseed ", 16, &claim->seed) != NULL)
            return jayi_layout_check(plan, claim->layout, error);
    }
    return jay_error_set(error, JAY_E_CORRUPT, 0,
                         "%s/%s is damaged; remove the directory, or open it with rebuild=yes",
                         plan->path, JAYI_MARKER);
}

/* JAY_OK; JAY_MISS: there is none; or a failure. */
static int read_marker(int root_fd, const jayi_dir_plan *plan, jayi_claim *claim,
                       jay_error *error) {
    char text[MARKER_BYTES + 1];
    struct stat st = {0};
    int fd = jayi_files.open(root_fd, JAYI_MARKER, O_RDONLY, 0);
    if (fd < 0 && errno == ENOENT) return JAY_MISS;
    if (fd < 0) return jayi_file_failed("open the marker (" JAYI_MARKER ") of", plan->path, error);
    ssize_t size = jayi_files.read_at(fd, text, MARKER_BYTES, 0);
    int status = size < 0 || jayi_files.stat(fd, &st) != 0
                     ? jayi_file_failed("read the marker (" JAYI_MARKER ") of", plan->path, error)
                     : JAY_OK;
    jayi_files.close(fd);
    if (status != JAY_OK) return status;
    text[size] = '\0';
    status = jayi_owner_check(st.st_uid, plan, error);
    if (status == JAY_OK) status = parse_marker(text, plan, claim, error);
    if (status != JAY_OK) return status;
    claim->mode = st.st_mode & 0666;
    claim->marker_id = (jayi_file_id){st.st_dev, st.st_ino};
    return JAY_OK;
}

static int write_marker(int root_fd, const jayi_dir_plan *plan, jay_error *error) {
    char text[MARKER_BYTES];
    bool is_files = plan->layout == JAYI_LAYOUT_FILES ||
                    (plan->layout == JAYI_LAYOUT_AUTO && jayi_file_is_network(root_fd));
    snprintf(text, sizeof text,
             "%s%u\nlayout %s\nseed %016" PRIx64 "\n\n"
             "This directory is a cache. Jaycache makes and removes files in it as it likes;\n"
             "who removes it loses nothing but time.\n",
             marker_start, JAYI_DIR_FORMAT, is_files ? "files" : "segments", plan->seed);
    return put_new(root_fd, JAYI_MARKER, text, JAYI_LEAF_CLEAN, plan, error);
}

/* ---- the claim ---- */

int jayi_dir_set_limits(int table_fd, const jayi_dir_plan *plan, jay_error *error) {
    uint64_t max_items, max_bytes;
    if (!jayi_table_limits(table_fd, &max_items, &max_bytes))
        return jayi_file_failed("read the table of", plan->path, error);
    bool is_same = (!plan->is_items_given || plan->max_items == max_items) &&
                   (!plan->is_bytes_given || plan->max_bytes == max_bytes);
    if (is_same) return JAY_OK;
    if (plan->is_items_given) max_items = plan->max_items;
    if (plan->is_bytes_given) max_bytes = plan->max_bytes;
    if (jayi_table_set_limits(table_fd, max_items, max_bytes) == 0) return JAY_OK;
    return jayi_file_failed("write the table of", plan->path, error);
}

/* Opens the table, made if need be, and gives it the limits that are asked for. */
static int open_table(int root_fd, const jayi_dir_plan *plan, bool is_new, jayi_claim *claim,
                      jay_error *error) {
    uint64_t max_items, max_bytes;
    jayi_dir_plan wanted = *plan;
    int status = JAY_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = jayi_files.open(root_fd, JAYI_TABLE_FILE, O_RDWR, 0);
        if (fd < 0 && errno != ENOENT)
            return jayi_file_failed("open the table of", plan->path, error);
        if (fd >= 0 && jayi_table_limits(fd, &max_items, &max_bytes)) {
            claim->table_fd = fd;
            break;
        }
        if (fd >= 0) jayi_files.close(fd);
        if (attempt > 0) return jayi_file_failed("read the table of", plan->path, error);
        wanted.mode = claim->mode;
        status = put_new(root_fd, JAYI_TABLE_FILE, NULL,
                         is_new ? JAYI_LEAF_CLEAN : JAYI_LEAF_UNKNOWN, &wanted, error);
        if (status != JAY_OK) return status;
    }
    status = jayi_dir_set_limits(claim->table_fd, plan, error);
    if (status != JAY_OK) jayi_files.close(claim->table_fd);
    return status;
}

/* Under the lock. */
static int claim_locked(int root_fd, const jayi_dir_plan *plan, jayi_claim *claim,
                        jay_error *error) {
    jay_error why;
    bool is_new = false;
    int status = read_marker(root_fd, plan, claim, &why);
    bool is_rebuilt = status == JAY_E_CORRUPT && plan->may_rebuild;
    if (status == JAY_MISS || is_rebuilt) {
        is_new = !is_rebuilt && !plan->is_return;
        if (!is_rebuilt) {
            status = check_empty(root_fd, plan, error);
            if (status != JAY_OK) return status;
        }
        claim->mode = plan->mode;
        if (is_new) jayi_files.unlink(root_fd, JAYI_TABLE_FILE); /* of a claim that was not made */
        status = open_table(root_fd, plan, is_new, claim, error);
        if (status != JAY_OK) return status;
        status = write_marker(root_fd, plan, error);
        if (status == JAY_OK) status = read_marker(root_fd, plan, claim, error);
        if (status == JAY_OK) return JAY_OK;
        jayi_files.close(claim->table_fd);
        return status < 0
                   ? status
                   : jay_error_set(error, JAY_E_IO, 0, "%s changes while we open it", plan->path);
    }
    if (status != JAY_OK) {
        if (error != NULL) *error = why;
        return status;
    }
    return open_table(root_fd, plan, false, claim, error);
}

/* Whether a lock file is still the one at its name. */
static bool lock_is_current(int root_fd, int lock_fd) {
    struct stat mine, theirs;
    return jayi_files.stat(lock_fd, &mine) == 0 &&
           jayi_files.stat_at(root_fd, JAYI_LOCK_FILE, &theirs) == 0 &&
           mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

/* Opens the lock file, made if need be. */
static int open_lock(int root_fd, const jayi_dir_plan *plan, int *ret_fd, jay_error *error) {
    struct stat st = {0};
    bool is_there = jayi_files.stat_at(root_fd, JAYI_LOCK_FILE, &st) == 0;
    return open_own(root_fd, JAYI_LOCK_FILE, is_there ? O_RDWR : O_RDWR | O_CREAT, plan, ret_fd,
                    error);
}

static bool has_marker(int root_fd) {
    struct stat st;
    return jayi_files.stat_at(root_fd, JAYI_MARKER, &st) == 0;
}

int jayi_dir_claim(int root_fd, const jayi_dir_plan *plan, jayi_claim *ret_claim,
                   jay_error *error) {
    /* Before we put anything there. Another may have claimed the directory between the two looks,
     * and made folders: the marker is there before anything else that does not bear our name. */
    jay_error why;
    int status = has_marker(root_fd) ? JAY_OK : check_empty(root_fd, plan, &why);
    if (status != JAY_OK && has_marker(root_fd)) status = JAY_OK;
    if (status != JAY_OK && error != NULL) *error = why;
    for (int i = 0; i < ATTEMPTS && status == JAY_OK; i++) {
        status = open_lock(root_fd, plan, &ret_claim->lock_fd, error);
        if (status != JAY_OK) return status;
        status = jayi_claim_lock(ret_claim->lock_fd, plan->path, error);
        if (status == JAY_OK && !lock_is_current(root_fd, ret_claim->lock_fd)) {
            jayi_files.close(ret_claim->lock_fd);
            continue;
        }
        if (status == JAY_OK) status = claim_locked(root_fd, plan, ret_claim, error);
        if (status == JAY_OK) {
            jayi_claim_unlock(ret_claim->lock_fd);
        } else {
            jayi_files.close(ret_claim->lock_fd);
        }
        return status;
    }
    if (status != JAY_OK) return status;
    return jay_error_set(error, JAY_E_BUSY, 0, "%s is being removed again and again", plan->path);
}
