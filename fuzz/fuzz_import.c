/*
 * fuzz_import.c - a file of a directory that is imported: what is said of it holds, and nothing
 * beyond it is read. The input's first line, if it has one, is taken as a name as well.
 */
#include <math.h>
#include <string.h>

#include <jaycache/jaycache.h>

#include "fuzz_input.h"
#include "import_format.h"

/* Names are hexadecimal digits only: they cannot lead out of a directory. */
static void try_name(const uint8_t *data, size_t size) {
    char name[200];
    const uint8_t *end = memchr(data, '\n', size < sizeof name ? size : sizeof name);
    size_t length = end != NULL ? (size_t)(end - data) : size;
    if (length >= sizeof name) length = sizeof name - 1;
    memcpy(name, data, length);
    name[length] = '\0';
    if (cli_import_is_entry_name(name)) {
        fuzz_require(strlen(name) >= 32 && strlen(name) <= CLI_IMPORT_NAME_MAX);
        fuzz_require(strspn(name, "0123456789abcdef") == strlen(name));
    }
    (void)cli_import_is_own_name(name);
}

static void try_times(const cli_import_entry *entry) {
    static const int64_t moments_ms[] = {0, 1, INT64_C(1700000000000), INT64_C(1) << 53};
    for (size_t i = 0; i < sizeof moments_ms / sizeof moments_ms[0]; i++) {
        int64_t ttl_ms = cli_import_ttl_ms(entry, moments_ms[i]);
        fuzz_require(ttl_ms >= -1 && ttl_ms <= JAY_TTL_MAX_MS);
        fuzz_require(entry->expiry_s != 0 || ttl_ms == JAY_TTL_FOREVER);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const cli_import_entry untouched = {-7, SIZE_MAX};
    cli_import_entry entry = untouched;
    if (size > 0) try_name(data, size);
    enum cli_import_kind kind = cli_import_parse(data, size, &entry);
    if (kind != CLI_IMPORT_ENTRY) {
        fuzz_require(kind == CLI_IMPORT_DAMAGED || kind == CLI_IMPORT_FOREIGN);
        fuzz_require(entry.value_at == untouched.value_at);
        return 0;
    }
    /* The value is a pickle, from its protocol to its full stop. */
    fuzz_require(entry.value_at >= 2 && entry.value_at + 3 <= size);
    fuzz_require(data[entry.value_at] == 0x80 && data[size - 1] == '.');
    fuzz_require(!isnan(entry.expiry_s));
    try_times(&entry);
    /* What is cut short is no entry that reaches as far. */
    for (size_t cut = 0; cut < entry.value_at; cut++) {
        cli_import_entry shorter;
        fuzz_require(cli_import_parse(data, cut, &shorter) != CLI_IMPORT_ENTRY ||
                     shorter.value_at < cut);
    }
    return 0;
}
