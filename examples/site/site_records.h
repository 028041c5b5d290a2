/*
 * site_records.h - reads package records: paragraphs of "Field: value" lines, as dpkg and apt write
 * them.
 *
 * Where they come from
 *   packages      what `apt-cache dumpavail` prints; where that is empty, /var/lib/dpkg/status;
 *                 or one file that the user names
 *   descriptions  the long ones, which apt keeps in files of their own, where it has them at all
 *   installed     /var/lib/dpkg/status
 */
#ifndef SITE_RECORDS_H
#define SITE_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SITE_DPKG_STATUS "/var/lib/dpkg/status"

/* Fields that the site uses; their names in the records. */
#define SITE_FIELD_MAP(X)               \
    X(PACKAGE, "Package")               \
    X(VERSION, "Version")               \
    X(ARCHITECTURE, "Architecture")     \
    X(SECTION, "Section")               \
    X(PRIORITY, "Priority")             \
    X(MAINTAINER, "Maintainer")         \
    X(SOURCE, "Source")                 \
    X(HOMEPAGE, "Homepage")             \
    X(DESCRIPTION, "Description")       \
    X(DESCRIPTION_EN, "Description-en") \
    X(SIZE, "Size")                     \
    X(INSTALLED_SIZE, "Installed-Size") \
    X(STATUS, "Status")                 \
    X(PROVIDES, "Provides")             \
    X(PRE_DEPENDS, "Pre-Depends")       \
    X(DEPENDS, "Depends")               \
    X(RECOMMENDS, "Recommends")         \
    X(SUGGESTS, "Suggests")             \
    X(ENHANCES, "Enhances")             \
    X(BREAKS, "Breaks")                 \
    X(CONFLICTS, "Conflicts")           \
    X(REPLACES, "Replaces")

enum site_field {
#define SITE_FIELD_ENUM(id, name) SITE_FIELD_##id,
    SITE_FIELD_MAP(SITE_FIELD_ENUM)
#undef SITE_FIELD_ENUM
        SITE_FIELD_COUNT
};

/* One paragraph. A field that is missing is "". Lines after a field's first keep their leading
 * space. */
typedef struct site_record {
    const char *fields[SITE_FIELD_COUNT];
} site_record;

/* Reads paragraph after paragraph from a stream. */
typedef struct site_reader {
    FILE *stream;
    int pid; /* of the command that writes the stream, or 0 */
    char *line;
    size_t line_capacity;
    char *text;
    size_t text_size;
    size_t text_capacity;
    int64_t read_bytes;
} site_reader;

/* Opens a file, or the standard output of a command. Returns 0, or -1 with errno. */
int site_reader_open_file(site_reader *reader, const char *file);
int site_reader_open_command(site_reader *reader, const char *const *argv);

/* Returns 1 with a record, whose texts are good until the next call; 0 at the end, or when it
 * cannot go on. */
int site_reader_next(site_reader *reader, site_record *ret_record);

/* Returns 0, or -1 when the stream or the command had failed. */
int site_reader_close(site_reader *reader);

/*
 * One link of a list like "libc6 (>= 2.36), mail-reader | less". Calls with the same `place` are
 * alternatives, counted by `choice`. `name` is good in the call only.
 */
typedef struct site_relation {
    const char *name;
    const char *bound; /* ">= 2.36", or "" */
    int place;
    int choice;
} site_relation;

typedef int site_relation_fn(void *arg, const site_relation *relation);

/* Calls `fn` for each link, until it returns other than 0, which is then returned. Skips what is
 * malformed. */
int site_relations_each(const char *list, site_relation_fn *fn, void *arg);

/* Whether it may be the name of a package: lower-case letters, digits, '+', '-', '.'; 2 to 128
 * bytes. */
int site_name_is_valid(const char *name);

/*
 * Says in words which records there are, so that a change of any shows: files with sizes and times.
 * Frees with free(). NULL when memory runs out. `file` is the user's own file, or NULL.
 */
char *site_records_fingerprint(const char *file);

/* The long descriptions' files, in an array ended by NULL; or NULL when there are none. */
char **site_records_translations(void);
void site_records_translations_free(char **files);

#endif
