/*
 * import_format.h - the files of FileSystemCache, as the Python packages werkzeug 0.5 to 0.16,
 * Flask-Caching and cachelib write them. No I/O.
 *
 *     name     the hash of the key in hexadecimal digits, MD5 unless the program says otherwise
 *     content  expiry in seconds since 1970, 0: never; then the pickled value
 *
 * The expiry is a pickled number (werkzeug, Flask-Caching, early cachelib), or an unsigned number
 * of four bytes in the order of the machine (later cachelib; tested with 0.9).
 * Pickles can run any code when they are loaded. Here they never are: of the expiry, only the forms
 * that a number can have are read, and values are bytes.
 */
#ifndef JAYCACHE_CLI_IMPORT_FORMAT_H
#define JAYCACHE_CLI_IMPORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_IMPORT_NAME_MAX 128 /* characters of the longest name of an entry */

/* Whether a file is called as entries are: a hash of 128, 160, 224, 256, 384 or 512 bits. */
bool cli_import_is_entry_name(const char *name);

/* Whether a file is one of FileSystemCache's own: the count of entries, or half written. */
bool cli_import_is_own_name(const char *name);

enum cli_import_kind {
    CLI_IMPORT_ENTRY,
    CLI_IMPORT_DAMAGED, /* it begins as an entry does, and is not whole */
    CLI_IMPORT_FOREIGN  /* something else */
};

typedef struct cli_import_entry {
    double expiry_s; /* since 1970; 0: never */
    size_t value_at; /* where the pickled value begins; it goes to the end of the file */
} cli_import_entry;

/* Reads a file's content. Fills in *ret_entry where that is CLI_IMPORT_ENTRY. */
enum cli_import_kind cli_import_parse(const unsigned char *bytes, size_t size,
                                      cli_import_entry *ret_entry);

/* How long an entry has left at a moment, in milliseconds: JAY_TTL_FOREVER, 1 or more, or negative:
 * it is over. */
int64_t cli_import_ttl_ms(const cli_import_entry *entry, int64_t now_ms);

#endif
