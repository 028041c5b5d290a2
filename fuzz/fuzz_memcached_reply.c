/*
 * fuzz_memcached_reply.c - any bytes as a server's reply, and any bytes as a key.
 *
 * Reading a reply never looks past its bytes and gives the same answer whatever follows; a key
 * never makes a command of more than one line.
 */
#include <string.h>

#include "fuzz_input.h"
#include "wire/memcached_text.h"

/* A reply to a classic command: none but those of the other dialect's codes come out, whole or not
 * at all, and a value only under the key that was asked for. */
static void read_classic(const char *data, size_t size) {
    jayi_mc_key key;
    jayi_mc_reply reply, again;
    jayi_mc_text_key_encode("k", 1, &key);
    int used = jayi_mc_text_parse(data, size, &key, &reply);
    fuzz_require(used >= -1 && used <= (int)size && used <= JAYI_MC_REPLY_MAX);
    if (used <= 0) return;
    fuzz_require(jayi_mc_text_parse(data, (size_t)used, &key, &again) == used);
    fuzz_require(again.code == reply.code && again.value_size == reply.value_size);
    fuzz_require(jayi_mc_text_parse(data, (size_t)used - 1, &key, &again) == 0);
    fuzz_require(reply.text >= data && reply.text + reply.text_size <= data + used);
    fuzz_require(reply.has_value == reply.has_end);
    if (reply.has_value) fuzz_require(memcmp(data, "VALUE k ", 8) == 0);
}

/* The short way to read what was found agrees with the long one. */
static void check_found(const char *copy, size_t size, const jayi_mc_reply *reply, int used) {
    jayi_mc_reply again;
    if (reply->code != JAYI_MC_VALUE) return;
    int found = jayi_mc_parse_found(copy, size, reply->text, reply->text_size, &again);
    fuzz_require(found == 0 || found == used);
    fuzz_require(found == 0 ||
                 (again.flags == reply->flags && again.value_size == reply->value_size &&
                  again.cas == reply->cas && again.text_size == reply->text_size));
}

static void read_replies(const char *data, size_t size) {
    while (size > 0) {
        jayi_mc_reply reply, again;
        /* In memory of its own, so that a look past the end is seen. */
        char *copy = malloc(size);
        if (copy == NULL) return;
        memcpy(copy, data, size);
        int used = jayi_mc_parse(copy, size, &reply);
        fuzz_require(used >= -1 && used <= (int)size && used <= JAYI_MC_REPLY_MAX);
        read_classic(copy, size);
        (void)jayi_mc_text_is_meta_version(copy, size);
        int64_t whole = jayi_mc_measure(copy, size);
        fuzz_require(used > 0 ? whole == -1 || whole >= used : whole == used);
        if (used > 0) {
            fuzz_require(jayi_mc_parse(copy, (size_t)used, &again) == used);
            fuzz_require(again.code == reply.code && again.cas == reply.cas);
            fuzz_require(jayi_mc_parse(copy, (size_t)used - 1, &again) == 0);
            check_found(copy, size, &reply, used);
            fuzz_require(reply.text >= copy && reply.text + reply.text_size <= copy + used);
        }
        free(copy);
        if (used <= 0) return;
        data += used;
        size -= (size_t)used;
    }
}

static void compose_commands(const void *raw, size_t size) {
    char line[JAYI_MC_LINE_MAX];
    jayi_mc_key key;
    jayi_mc_key_encode(raw, size, &key);
    fuzz_require(key.size >= 1 && key.size <= JAYI_MC_KEY_MAX);
    size_t used = jayi_mc_compose_get(line, &key, " v f c t");
    fuzz_require(used <= sizeof line && memchr(line, '\n', used) == line + used - 1);
    fuzz_require(memchr(line + 3, ' ', used - 3) == line + 3 + key.size);
    jayi_mc_text_key_encode(raw, size, &key);
    fuzz_require(key.size >= 1 && key.size <= JAYI_MC_KEY_MAX);
    used = jayi_mc_text_compose_get(line, &key);
    fuzz_require(used <= sizeof line && memchr(line, '\n', used) == line + used - 1);
    fuzz_require(memchr(line + 5, ' ', used - 5) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 65536 || size == 0) return 0;
    read_replies((const char *)data, size);
    compose_commands(data, size);
    return 0;
}
