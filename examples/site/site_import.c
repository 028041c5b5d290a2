/*
 * site_import.c - package records into SQLite. See site_import.h.
 *
 * Everything goes in within one transaction, by prepared statements, into a file without a journal
 * that gets its name only when it is complete. Indexes and the full text come last, all at once.
 *
 *   names         every name that is mentioned: packages, and those only depended on or provided
 *   packages      id is that of its name
 *   dependencies  clustered by package; the index by target serves the reverse dependencies
 *   search        full text over names, summaries and descriptions, without a copy of the texts
 */
#include "site_import.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "site_records.h"
#include "site_schema.h"
#include "site_text.h"

enum import_statement {
    ADD_NAME,
    FIND_NAME,
    ADD_SECTION,
    FIND_SECTION,
    ADD_MAINTAINER,
    FIND_MAINTAINER,
    ADD_PACKAGE,
    ADD_DEPENDENCY,
    ADD_PROVIDED,
    SET_DESCRIPTION,
    SET_INSTALLED,
    STATEMENT_COUNT
};

static const char *const statement_sql[STATEMENT_COUNT] = {
    [ADD_NAME] = "INSERT INTO names(name) VALUES (?1)",
    [FIND_NAME] = "SELECT id FROM names WHERE name = ?1",
    [ADD_SECTION] = "INSERT INTO sections(name) VALUES (?1)",
    [FIND_SECTION] = "SELECT id FROM sections WHERE name = ?1",
    [ADD_MAINTAINER] = "INSERT INTO maintainers(name) VALUES (?1)",
    [FIND_MAINTAINER] = "SELECT id FROM maintainers WHERE name = ?1",
    [ADD_PACKAGE] = ("INSERT OR IGNORE INTO packages(id, name, version, architecture, section_id, "
                     "maintainer_id, priority, source, homepage, summary, description, size_bytes, "
                     "installed_bytes, is_installed) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)"),
    [ADD_DEPENDENCY] = ("INSERT OR IGNORE INTO dependencies(package_id, kind, place, choice, "
                        "target_id, bound) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
    [ADD_PROVIDED] = "INSERT OR IGNORE INTO provided(package_id, name_id) VALUES (?1, ?2)",
    [SET_DESCRIPTION] = "UPDATE packages SET description = ?2 WHERE name = ?1 AND description = ''",
    [SET_INSTALLED] = "UPDATE packages SET is_installed = 1 WHERE name = ?1",
};

typedef struct import {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int64_t packages;
    int64_t started_us;
    int64_t shown_us;
    int is_terminal;
    int64_t package_id; /* of the record being read */
    int kind;           /* of the dependencies being read */
} import;

/* ---- small things ---------------------------------------------------------------------------- */

static void show_progress(import *run, const char *what, int is_last) {
    int64_t now_us = site_now_us();
    if (!run->is_terminal || (!is_last && now_us - run->shown_us < 100000)) return;
    run->shown_us = now_us;
    char count[32];
    site_format_count(count, run->packages);
    fprintf(stderr, "\r\033[Kreading package records: %s packages%s (%.1f s)%s", count, what,
            (double)(now_us - run->started_us) / 1e6, is_last ? "\n" : "");
}

/* The program's signals are blocked, to be waited for later: one that has come already ends the
 * import. */
static int should_stop(const import *run) {
    sigset_t waiting;
    if (run->packages % 256 != 0 || sigpending(&waiting) < 0) return 0;
    return sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1;
}

static int complain(const import *run, const char *doing) {
    fprintf(stderr, "%s: %s\n", doing, run->db ? sqlite3_errmsg(run->db) : "out of memory");
    return -1;
}

static int execute(import *run, const char *sql) {
    return sqlite3_exec(run->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : complain(run, "writing the database failed");
}

/* Runs a statement that gives no rows; its parameters are bound already. */
static int finish(import *run, enum import_statement which) {
    sqlite3_stmt *statement = run->statements[which];
    int status = sqlite3_step(statement);
    sqlite3_reset(statement);
    return status == SQLITE_DONE ? 0 : complain(run, "writing the database failed");
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text, size_t size) {
    sqlite3_bind_text(statement, at, text, (int)size, SQLITE_STATIC);
}

/* The id of a text in one of the tables of names; added when it is new. 0: failed. */
static int64_t id_of(import *run, enum import_statement find, enum import_statement add,
                     const char *text, size_t size) {
    sqlite3_stmt *statement = run->statements[find];
    bind_text(statement, 1, text, size);
    int64_t id = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (id) return id;
    bind_text(run->statements[add], 1, text, size);
    return finish(run, add) < 0 ? 0 : sqlite3_last_insert_rowid(run->db);
}

static int64_t name_id(import *run, const char *name) {
    return id_of(run, FIND_NAME, ADD_NAME, name, strlen(name));
}

/* ---- one record ------------------------------------------------------------------------------ */

static int add_dependency(void *arg, const site_relation *relation) {
    import *run = arg;
    sqlite3_stmt *statement = run->statements[ADD_DEPENDENCY];
    int64_t target_id = name_id(run, relation->name);
    if (!target_id) return -1;
    sqlite3_bind_int64(statement, 1, run->package_id);
    sqlite3_bind_int(statement, 2, run->kind);
    sqlite3_bind_int(statement, 3, relation->place);
    sqlite3_bind_int(statement, 4, relation->choice);
    sqlite3_bind_int64(statement, 5, target_id);
    bind_text(statement, 6, relation->bound, strlen(relation->bound));
    return finish(run, ADD_DEPENDENCY);
}

static int add_provided(void *arg, const site_relation *relation) {
    import *run = arg;
    int64_t provided_id = name_id(run, relation->name);
    if (!provided_id) return -1;
    sqlite3_bind_int64(run->statements[ADD_PROVIDED], 1, run->package_id);
    sqlite3_bind_int64(run->statements[ADD_PROVIDED], 2, provided_id);
    return finish(run, ADD_PROVIDED);
}

static int add_relations(import *run, const site_record *record) {
    static const struct {
        int kind;
        enum site_field field;
    } lists[] = {
        {SITE_KIND_PRE_DEPENDS, SITE_FIELD_PRE_DEPENDS}, {SITE_KIND_DEPENDS, SITE_FIELD_DEPENDS},
        {SITE_KIND_RECOMMENDS, SITE_FIELD_RECOMMENDS},   {SITE_KIND_SUGGESTS, SITE_FIELD_SUGGESTS},
        {SITE_KIND_ENHANCES, SITE_FIELD_ENHANCES},       {SITE_KIND_BREAKS, SITE_FIELD_BREAKS},
        {SITE_KIND_CONFLICTS, SITE_FIELD_CONFLICTS},     {SITE_KIND_REPLACES, SITE_FIELD_REPLACES},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        run->kind = lists[i].kind;
        if (site_relations_each(record->fields[lists[i].field], add_dependency, run)) return -1;
    }
    return site_relations_each(record->fields[SITE_FIELD_PROVIDES], add_provided, run);
}

/* The lines after the first are the long description. */
static const char *long_description(const char *description) {
    const char *end = strchr(description, '\n');
    return end ? end + 1 : "";
}

static int add_package(import *run, const site_record *record) {
    const char *const *fields = record->fields;
    const char *name = fields[SITE_FIELD_PACKAGE];
    if (!site_name_is_valid(name) || !*fields[SITE_FIELD_VERSION]) return 0;
    const char *section = *fields[SITE_FIELD_SECTION] ? fields[SITE_FIELD_SECTION] : "unknown";
    const char *maintainer = fields[SITE_FIELD_MAINTAINER];
    size_t maintainer_size = strcspn(maintainer, "<\n");
    while (maintainer_size && maintainer[maintainer_size - 1] == ' ') maintainer_size--;
    if (!maintainer_size) maintainer = "unknown", maintainer_size = strlen(maintainer);

    int64_t section_id = id_of(run, FIND_SECTION, ADD_SECTION, section, strlen(section));
    int64_t maintainer_id =
        id_of(run, FIND_MAINTAINER, ADD_MAINTAINER, maintainer, maintainer_size);
    run->package_id = name_id(run, name);
    if (!section_id || !maintainer_id || !run->package_id) return -1;

    const char *summary = fields[SITE_FIELD_DESCRIPTION];
    const char *description = long_description(summary);
    const char *source = *fields[SITE_FIELD_SOURCE] ? fields[SITE_FIELD_SOURCE] : name;
    sqlite3_stmt *statement = run->statements[ADD_PACKAGE];
    sqlite3_bind_int64(statement, 1, run->package_id);
    bind_text(statement, 2, name, strlen(name));
    bind_text(statement, 3, fields[SITE_FIELD_VERSION], strlen(fields[SITE_FIELD_VERSION]));
    bind_text(statement, 4, fields[SITE_FIELD_ARCHITECTURE],
              strlen(fields[SITE_FIELD_ARCHITECTURE]));
    sqlite3_bind_int64(statement, 5, section_id);
    sqlite3_bind_int64(statement, 6, maintainer_id);
    bind_text(statement, 7, fields[SITE_FIELD_PRIORITY], strlen(fields[SITE_FIELD_PRIORITY]));
    bind_text(statement, 8, source, strcspn(source, " ("));
    bind_text(statement, 9, fields[SITE_FIELD_HOMEPAGE], strlen(fields[SITE_FIELD_HOMEPAGE]));
    bind_text(statement, 10, summary, strcspn(summary, "\n"));
    bind_text(statement, 11, description, strlen(description));
    sqlite3_bind_int64(statement, 12, site_parse_number(fields[SITE_FIELD_SIZE], INT64_MAX));
    sqlite3_bind_int64(statement, 13,
                       1024 *
                           site_parse_number(fields[SITE_FIELD_INSTALLED_SIZE], INT64_MAX / 1024));
    if (finish(run, ADD_PACKAGE) < 0) return -1;
    if (sqlite3_changes(run->db) == 0) return 0; /* a second version of the same package */
    run->packages++;
    return add_relations(run, record);
}

/* ---- all records ----------------------------------------------------------------------------- */

static int add_packages(import *run, site_reader *reader) {
    site_record record;
    while (site_reader_next(reader, &record)) {
        if (should_stop(run) || add_package(run, &record) < 0) return -1;
        show_progress(run, "", 0);
    }
    return 0;
}

static int add_file(import *run, const char *file) {
    site_reader reader;
    if (site_reader_open_file(&reader, file) < 0) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        return -1;
    }
    int result = add_packages(run, &reader);
    if (site_reader_close(&reader) < 0 && result == 0) {
        fprintf(stderr, "%s: reading failed\n", file);
        result = -1;
    }
    return result;
}

/* The machine's packages: what apt knows or, without apt, what is installed. */
static int add_machine(import *run) {
    static const char *const argv[] = {"apt-cache", "dumpavail", NULL};
    site_reader reader;
    int result = 0;
    if (site_reader_open_command(&reader, argv) == 0) {
        result = add_packages(run, &reader);
        /* Whether apt-cache was there, and had anything to say, shows in what arrived. */
        site_reader_close(&reader);
    }
    if (result == 0 && run->packages == 0) result = add_file(run, SITE_DPKG_STATUS);
    return result;
}

static int set_description(import *run, const site_record *record) {
    const char *text = long_description(*record->fields[SITE_FIELD_DESCRIPTION_EN]
                                            ? record->fields[SITE_FIELD_DESCRIPTION_EN]
                                            : record->fields[SITE_FIELD_DESCRIPTION]);
    const char *name = record->fields[SITE_FIELD_PACKAGE];
    if (!*text) return 0;
    bind_text(run->statements[SET_DESCRIPTION], 1, name, strlen(name));
    bind_text(run->statements[SET_DESCRIPTION], 2, text, strlen(text));
    show_progress(run, ", long descriptions", 0);
    return finish(run, SET_DESCRIPTION);
}

/* The long descriptions, which apt keeps apart, and possibly compressed. That they are missing is
 * fine. */
static int add_descriptions(import *run) {
    char **files = site_records_translations();
    size_t count = 0;
    while (files && files[count]) count++;
    const char **argv = calloc(count + 3, sizeof(*argv));
    site_reader reader;
    int result = 0;
    if (count && argv) {
        argv[0] = "/usr/lib/apt/apt-helper";
        argv[1] = "cat-file";
        for (size_t i = 0; i < count; i++) argv[i + 2] = files[i];
        if (site_reader_open_command(&reader, argv) == 0) {
            site_record record;
            while (result == 0 && site_reader_next(&reader, &record))
                result = set_description(run, &record);
            site_reader_close(&reader);
        }
    }
    free(argv);
    site_records_translations_free(files);
    return result;
}

/* What dpkg knows of the packages that are installed here. */
static int add_installed(import *run) {
    site_reader reader;
    site_record record;
    int result = 0;
    if (site_reader_open_file(&reader, SITE_DPKG_STATUS) < 0) return 0;
    while (result == 0 && site_reader_next(&reader, &record)) {
        const char *name = record.fields[SITE_FIELD_PACKAGE];
        const char *status = record.fields[SITE_FIELD_STATUS];
        if (!strstr(status, " installed")) continue;
        bind_text(run->statements[SET_INSTALLED], 1, name, strlen(name));
        result = finish(run, SET_INSTALLED);
        if (result == 0) result = set_description(run, &record);
    }
    site_reader_close(&reader);
    return result;
}

static int add_everything(import *run, const char *records) {
    if (records) return add_file(run, records);
    if (add_machine(run) < 0 || add_descriptions(run) < 0) return -1;
    return add_installed(run);
}

/* ---- the database ---------------------------------------------------------------------------- */

static int write_fingerprint(import *run, const char *fingerprint) {
    sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(run->db, "INSERT INTO origin(format, records) VALUES (?1, ?2)",
                                    -1, &statement, NULL);
    sqlite3_bind_int(statement, 1, SITE_SCHEMA_FORMAT);
    sqlite3_bind_text(statement, 2, fingerprint, -1, SQLITE_STATIC);
    if (status == SQLITE_OK) status = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return status == SQLITE_DONE ? 0 : complain(run, "writing the database failed");
}

static int fill(import *run, const char *records, const char *fingerprint) {
    if (execute(run, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                     "PRAGMA cache_size = -65536; BEGIN") < 0 ||
        execute(run, SITE_SCHEMA_TABLES) < 0)
        return -1;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(run->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &run->statements[i], NULL) != SQLITE_OK)
            return complain(run, "preparing a statement failed");
    if (add_everything(run, records) < 0) return -1;
    if (run->packages == 0) {
        fprintf(stderr, "no package records found in %s\n",
                records ? records : "apt-cache dumpavail and " SITE_DPKG_STATUS);
        return -1;
    }
    show_progress(run, ", indexes", 0);
    if (execute(run, SITE_SCHEMA_INDEXES) < 0) return -1;
    if (write_fingerprint(run, fingerprint) < 0) return -1;
    /* No ANALYZE: with statistics at hand, SQLite begins every walk along the dependencies by
     * making a Bloom filter of them all, which takes a hundred times as long as a short walk. */
    return execute(run, "COMMIT");
}

static int is_current(const char *db, const char *fingerprint) {
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    int result = 0;
    if (sqlite3_open_v2(db, &handle, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(handle, "SELECT 1 FROM origin WHERE format = ?1 AND records = ?2", -1,
                           &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_int(statement, 1, SITE_SCHEMA_FORMAT);
        sqlite3_bind_text(statement, 2, fingerprint, -1, SQLITE_STATIC);
        result = sqlite3_step(statement) == SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return result;
}

/* A file takes the place of another only when its bytes are on the disk. */
static int publish(const char *aside, const char *db) {
    int fd = open(aside, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) close(fd);
    if (result == 0) result = rename(aside, db);
    if (result < 0) fprintf(stderr, "%s: %s\n", db, strerror(errno));
    return result;
}

static int make(const char *db, const char *aside, const char *records, const char *fingerprint) {
import run = {.started_us = site_now_us(), .is_terminal = isatty(STDERR_FILENO) };
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int result = sqlite3_open_v2(aside, &run.db, flags, NULL) == SQLITE_OK ? 0 : -1;
    if (result < 0) fprintf(stderr, "%s: %s\n", aside, sqlite3_errmsg(run.db));
    if (result == 0) result = fill(&run, records, fingerprint);
    if (result == 0) show_progress(&run, "", 1);
    for (int i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(run.statements[i]);
    sqlite3_close(run.db);
    return result < 0 ? -1 : publish(aside, db);
}

int site_import(const char *db, const char *records) {
    char *fingerprint = site_records_fingerprint(records);
    site_buf aside = {NULL, 0, 0, 0};
    site_buf_format(&aside, "%s.%ld.new", db, (long)getpid());
    int result = -1;
    if (!fingerprint || aside.failed) {
        fprintf(stderr, "out of memory\n");
    } else if (is_current(db, fingerprint)) {
        result = 0;
    } else {
        unlink(aside.data); /* left by a process of the same number */
        result = make(db, aside.data, records, fingerprint);
        if (result < 0) unlink(aside.data);
    }
    site_buf_free(&aside);
    free(fingerprint);
    return result;
}
