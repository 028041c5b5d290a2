/*
 * site_records.c - the reader of package records. See site_records.h.
 */
#include "site_records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "site_text.h"

/* A paragraph longer than this is cut: no package has so much to say. */
#define MAX_PARAGRAPH_BYTES ((size_t)1024 * 1024)
#define LISTS_DIR "/var/lib/apt/lists"

static const char *const field_names[SITE_FIELD_COUNT] = {
#define FIELD_NAME(id, name) [SITE_FIELD_##id] = name,
    SITE_FIELD_MAP(FIELD_NAME)
#undef FIELD_NAME
};

/* ---- streams -------------------------------------------------------------------------------- */

int site_reader_open_file(site_reader *reader, const char *file) {
    *reader = (site_reader){.stream = fopen(file, "re")};
    return reader->stream ? 0 : -1;
}

int site_reader_open_command(site_reader *reader, const char *const *argv) {
    int ends[2];
    *reader = (site_reader){.stream = NULL};
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    pid_t pid = 0;
    /* posix_spawnp takes strings that it may not write, but is declared without const. */
    union {
        const char *const *given;
        char *const *declared;
    } args = {argv};
    int failure = posix_spawnp(&pid, argv[0], &actions, &attributes, args.declared, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (failure == 0) reader->stream = fdopen(ends[0], "r");
    if (!reader->stream) {
        close(ends[0]);
        if (failure == 0) waitpid(pid, NULL, 0);
        errno = failure ? failure : ENOMEM;
        return -1;
    }
    reader->pid = (int)pid;
    return 0;
}

int site_reader_close(site_reader *reader) {
    int result = 0;
    if (reader->stream) {
        if (ferror(reader->stream)) result = -1;
        fclose(reader->stream);
    }
    if (reader->pid > 0) {
        int status = 0;
        while (waitpid(reader->pid, &status, 0) < 0 && errno == EINTR) {}
        if (status != 0) result = -1;
    }
    free(reader->line);
    free(reader->text);
    *reader = (site_reader){.stream = NULL};
    return result;
}

/* ---- paragraphs ----------------------------------------------------------------------------- */

static int keep(site_reader *reader, const char *line, size_t size) {
    size_t needed = reader->text_size + size + 1;
    if (needed > MAX_PARAGRAPH_BYTES) return 0;
    if (needed > reader->text_capacity) {
        size_t capacity = needed * 2;
        char *text = realloc(reader->text, capacity);
        if (!text) return -1;
        reader->text = text;
        reader->text_capacity = capacity;
    }
    memcpy(reader->text + reader->text_size, line, size);
    reader->text_size += size;
    reader->text[reader->text_size] = '\0';
    return 0;
}

/* Reads the lines of a paragraph into reader->text. Returns 0 when there is none. */
static int read_paragraph(site_reader *reader) {
    reader->text_size = 0;
    for (;;) {
        ssize_t size = getline(&reader->line, &reader->line_capacity, reader->stream);
        if (size < 0) return reader->text_size > 0;
        reader->read_bytes += size;
        /* A NUL would hide the rest of the line from all that handle it as a string. */
        for (ssize_t i = 0; i < size; i++)
            if (reader->line[i] == '\0') reader->line[i] = ' ';
        if (reader->line[0] != '\n') {
            if (keep(reader, reader->line, (size_t)size) < 0) return 0;
        } else if (reader->text_size > 0) {
            return 1;
        }
    }
}

static enum site_field find_field(const char *line, size_t name_size) {
    for (int i = 0; i < SITE_FIELD_COUNT; i++)
        if (strlen(field_names[i]) == name_size && strncmp(field_names[i], line, name_size) == 0)
            return (enum site_field)i;
    return SITE_FIELD_COUNT;
}

int site_reader_next(site_reader *reader, site_record *ret_record) {
    if (!read_paragraph(reader)) return 0;
    for (int i = 0; i < SITE_FIELD_COUNT; i++) ret_record->fields[i] = "";
    char *line = reader->text;
    while (*line) {
        /* A field goes on while lines begin with a space. */
        char *end = strchr(line, '\n');
        while (end && (end[1] == ' ' || end[1] == '\t')) end = strchr(end + 1, '\n');
        if (end) *end = '\0';
        char *colon = strchr(line, ':');
        enum site_field field = colon ? find_field(line, (size_t)(colon - line)) : SITE_FIELD_COUNT;
        if (field != SITE_FIELD_COUNT) {
            colon++;
            ret_record->fields[field] = colon + strspn(colon, " ");
        }
        if (!end) break;
        line = end + 1;
    }
    return 1;
}

/* ---- relations ------------------------------------------------------------------------------ */

int site_name_is_valid(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    size_t size = strnlen(name, 130);
    return size >= 2 && size <= 128 && strspn(name, allowed) == size && *name != '-' &&
           *name != '+' && *name != '.';
}

/* One alternative: "name:any (>= 1.2) [amd64]", from `text` to `end`. */
static int one_relation(const char *text, const char *end, site_relation *relation,
                        site_relation_fn *fn, void *arg) {
    char name[132], bound[132] = "";
    while (text < end && (*text == ' ' || *text == '\n' || *text == '\t')) text++;
    size_t size = 0;
    while (text + size < end && !strchr(" (:[<\n\t", text[size])) size++;
    if (size >= sizeof(name)) return 0;
    memcpy(name, text, size);
    name[size] = '\0';
    if (!site_name_is_valid(name)) return 0;
    const char *open = memchr(text, '(', (size_t)(end - text));
    const char *close = open ? memchr(open, ')', (size_t)(end - open)) : NULL;
    if (close && (size_t)(close - open) < sizeof(bound)) {
        memcpy(bound, open + 1, (size_t)(close - open) - 1);
        bound[close - open - 1] = '\0';
    }
    relation->name = name;
    relation->bound = bound;
    int result = fn(arg, relation);
    relation->choice++;
    return result;
}

int site_relations_each(const char *list, site_relation_fn *fn, void *arg) {
    site_relation relation = {.place = 0, .choice = 0};
    while (*list) {
        size_t size = strcspn(list, ",|");
        int result = one_relation(list, list + size, &relation, fn, arg);
        if (result) return result;
        list += size;
        if (*list == ',') {
            relation.place++;
            relation.choice = 0;
        }
        if (*list) list++;
    }
    return 0;
}

/* ---- which records there are ----------------------------------------------------------------- */

static void describe_file(site_buf *out, const char *file) {
    struct stat info;
    if (stat(file, &info) < 0) return;
    site_buf_format(out, "%s %lld %lld.%09ld\n", file, (long long)info.st_size,
                    (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

static int is_list(const struct dirent *entry) {
    return strstr(entry->d_name, "_Packages") != NULL ||
           strstr(entry->d_name, "_i18n_Translation-en") != NULL;
}

char *site_records_fingerprint(const char *file) {
    site_buf out = {NULL, 0, 0, 0};
    if (file) {
        describe_file(&out, file);
    } else {
        struct dirent **entries = NULL;
        int count = scandir(LISTS_DIR, &entries, is_list, alphasort);
        for (int i = 0; i < count; i++) {
            char path[sizeof(LISTS_DIR) + 1 + sizeof(entries[i]->d_name)];
            snprintf(path, sizeof(path), LISTS_DIR "/%s", entries[i]->d_name);
            describe_file(&out, path);
            free(entries[i]);
        }
        free(entries);
        describe_file(&out, SITE_DPKG_STATUS);
    }
    site_buf_text(&out, "");
    if (out.failed) site_buf_free(&out);
    return out.data;
}

static int is_translation(const struct dirent *entry) {
    return strstr(entry->d_name, "_i18n_Translation-en") != NULL;
}

char **site_records_translations(void) {
    struct dirent **entries = NULL;
    int count = scandir(LISTS_DIR, &entries, is_translation, alphasort);
    char **files = count > 0 ? calloc((size_t)count + 1, sizeof(*files)) : NULL;
    for (int i = 0, kept = 0; i < count; i++) {
        site_buf path = {NULL, 0, 0, 0};
        site_buf_format(&path, LISTS_DIR "/%s", entries[i]->d_name);
        free(entries[i]);
        if (files && path.data) files[kept++] = path.data;
    }
    free(entries);
    return files;
}

void site_records_translations_free(char **files) {
    for (char **file = files; file && *file; file++) free(*file);
    free(files);
}
