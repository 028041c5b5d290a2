/*
 * mc_ops.c - the table's functions on one key, but inc.
 */
#include <string.h>

#include "backends/memcached/mc_inflow.h"
#include "backends/memcached/mc_state.h"
#include "os/real_clock.h"

/* ---- reading ---- */

int jayi_mc_get(jay_backend *backend, const void *key, size_t key_size, jay_value *ret_value,
                jay_error *error) {
    mc_call call;
    mc_found found = {0};
    int status;
    do {
        status = jayi_mc_begin(&call, backend, key, key_size, error);
        if (status == JAY_OK) status = jayi_mc_end(&call, jayi_mc_find(&call, " v f c", &found));
    } while (mc_goes_on(&backend, status));
    if (status != JAY_OK) return mc_read_status(backend, status);
    ret_value->data = found.data;
    ret_value->size = found.size;
    ret_value->version = found.version ^ backend->version_mark;
    ret_value->pin = found.block;
    ret_value->reserved[MC_VIEW_IN_SLAB] = false;
    ret_value->reserved[MC_VIEW_FLAGS] = found.flags;
    return JAY_OK;
}

void jayi_mc_release(jay_backend *backend, jay_value *value) {
    if (value->reserved[MC_VIEW_IN_SLAB] != 0) {
        jayi_slab_unpin(&backend->blocks, value->pin);
    } else {
        jayi_block_release(&backend->blocks, value->pin);
    }
}

/* An envelope must be read whole before it is known where the value is. */
static int get_enveloped(mc_call *call, void *buffer, size_t capacity, size_t *ret_size) {
    mc_found found = {0};
    int status = jayi_mc_find(call, " v f", &found);
    if (status != JAY_OK) return status;
    *ret_size = found.size;
    if (found.size > capacity) {
        status = JAY_BUFFER_TOO_SMALL;
    } else if (found.size > 0) {
        memcpy(buffer, found.data, found.size);
    }
    jayi_block_release(&call->backend->blocks, found.block);
    return status;
}

static int get_bare(mc_call *call, void *buffer, size_t capacity, size_t *ret_size) {
    mc_command command = {.kind = MC_GET, .flags = " v f"};
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    if (reply.code == JAYI_MC_EN) return JAY_MISS;
    if (reply.code != JAYI_MC_VA) return jayi_mc_refused(&reply, call->error);
    bool is_enveloped = reply.flags == MC_ENVELOPE;
    bool fits = reply.value_size <= capacity;
    status = fits && !is_enveloped ? jayi_mc_take_value(call, &reply, buffer)
                                   : jayi_mc_skip_value(call, &reply);
    if (status != JAY_OK) return status;
    if (is_enveloped) return get_enveloped(call, buffer, capacity, ret_size);
    *ret_size = (size_t)reply.value_size;
    return fits ? JAY_OK : JAY_BUFFER_TOO_SMALL;
}

int jayi_mc_get_into(jay_backend *backend, const void *key, size_t key_size, void *buffer,
                     size_t capacity, size_t *ret_size, jay_error *error) {
    mc_call call;
    int status;
    do {
        status = jayi_mc_begin(&call, backend, key, key_size, error);
        if (status == JAY_OK) {
            /* On classic servers most values have an envelope. */
            bool is_likely = call.key.is_hashed || call.is_classic;
            status = is_likely ? get_enveloped(&call, buffer, capacity, ret_size)
                               : get_bare(&call, buffer, capacity, ret_size);
            (void)jayi_mc_end(&call, status);
            if (status == JAY_OK) return JAY_OK;
        }
    } while (mc_goes_on(&backend, status));
    return mc_read_status(backend, status);
}

/* Runs a command whose reply is HD, or EN. */
static int look(mc_call *call, const mc_command *command, jayi_mc_reply *ret_reply) {
    int status = jayi_mc_run(call, command, ret_reply);
    if (status != JAY_OK) return status;
    if (ret_reply->code == JAYI_MC_EN) return JAY_MISS;
    return ret_reply->code == JAYI_MC_HD ? JAY_OK : jayi_mc_refused(ret_reply, call->error);
}

/* Whether there is a value that belongs to the key. */
static int look_inside(mc_call *call) {
    mc_found found = {0};
    int status = jayi_mc_find(call, " v f", &found);
    if (status == JAY_OK) jayi_block_release(&call->backend->blocks, found.block);
    return status;
}

int jayi_mc_has(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    mc_call call;
    /* Before 1.6.18 servers want some flag. */
    mc_command command = {.kind = MC_GET, .flags = " f"};
    jayi_mc_reply reply;
    int status;
    do {
        status = jayi_mc_begin(&call, backend, key, key_size, error);
        if (status != JAY_OK) continue;
        /* What a classic server moves all the same can be looked at, too. */
        bool looks_inside = call.is_classic && call.key.is_hashed;
        status = looks_inside ? look_inside(&call) : look(&call, &command, &reply);
        status = jayi_mc_end(&call, status);
    } while (mc_goes_on(&backend, status));
    return mc_read_status(backend, status);
}

/* What is left of an entry by its envelope. Classic servers end it themselves. */
static int find_classic_ttl(mc_call *call, int64_t *ret_ttl_ms) {
    mc_found found = {0};
    int64_t ttl_ms = JAY_TTL_FOREVER;
    int status = jayi_mc_find(call, " v f", &found);
    if (status != JAY_OK) return status;
    if (found.deadline_ms != 0) {
        ttl_ms = found.deadline_ms - jayi_clock_real_ms();
        if (ttl_ms < 1) ttl_ms = 1;
    }
    jayi_block_release(&call->backend->blocks, found.block);
    *ret_ttl_ms = ttl_ms;
    return JAY_OK;
}

/* What is left of an entry, whose flags a look has shown. */
static int find_ttl(mc_call *call, const jayi_mc_reply *reply, int64_t *ret_ttl_ms) {
    int64_t ttl_ms = jayi_mc_ttl_of_rest(reply->ttl_s);
    if (ttl_ms == JAY_TTL_FOREVER && reply->flags == MC_ENVELOPE) {
        mc_found found = {0};
        int status = jayi_mc_find(call, " v f", &found);
        if (status != JAY_OK) return status;
        if (found.deadline_ms != 0) ttl_ms = found.deadline_ms - jayi_clock_real_ms();
        jayi_block_release(&call->backend->blocks, found.block);
        if (found.deadline_ms != 0 && ttl_ms < 1) return JAY_MISS;
    }
    *ret_ttl_ms = ttl_ms;
    return JAY_OK;
}

int jayi_mc_ttl(jay_backend *backend, const void *key, size_t key_size, int64_t *ret_ttl_ms,
                jay_error *error) {
    mc_call call;
    mc_command command = {.kind = MC_GET, .flags = " t f"};
    jayi_mc_reply reply;
    int status;
    do {
        status = jayi_mc_begin(&call, backend, key, key_size, error);
        if (status != JAY_OK) continue;
        if (call.is_classic) {
            status = find_classic_ttl(&call, ret_ttl_ms);
        } else {
            status = look(&call, &command, &reply);
            if (status == JAY_OK) status = find_ttl(&call, &reply, ret_ttl_ms);
        }
        status = jayi_mc_end(&call, status);
    } while (mc_goes_on(&backend, status));
    return mc_read_status(backend, status);
}

/* ---- writing ---- */

/* What the reply to ms or md says. */
static int status_of(const jayi_mc_reply *reply, int mode, jay_error *error) {
    switch (reply->code) {
    case JAYI_MC_HD:
        return JAY_OK;
    case JAYI_MC_NF:
        return JAY_MISS;
    case JAYI_MC_EX:
        return JAY_CHANGED;
    case JAYI_MC_NS:
        if (mode == JAY_WRITE_ADD) return JAY_EXISTS;
        if (mode == JAY_WRITE_REPLACE) return JAY_MISS;
        return jay_error_set(error, JAY_E_SERVER, 0, "the server did not store the value");
    default:
        return jayi_mc_refused(reply, error);
    }
}

static int erase_version(mc_call *call, uint64_t version, bool is_any) {
    mc_command command = {.kind = MC_DELETE, .is_once = !is_any};
    if (!is_any) command.store.cas = version != 0 ? version : UINT64_MAX;
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    return status == JAY_OK ? status_of(&reply, JAY_WRITE_CAS, call->error) : status;
}

int jayi_mc_put(mc_call *call, const jay_write *write, uint64_t version) {
    unsigned char header[MC_ENVELOPE_MAX];
    mc_command command;
    jayi_mc_reply reply;
    uint64_t stamp = 0;
    int status = JAY_OK;
    if (jayi_mc_needs_parts(call->backend, call->raw_size, write->value_size)) {
        status = jayi_mc_scatter(call, write, &stamp);
        if (status != JAY_OK) return status;
    }
    mc_place place = {call->raw, call->raw_size, &call->key, call->is_classic, stamp, version};
    jayi_mc_store_command(&place, write, header, &command);
    status = jayi_mc_run(call, &command, &reply);
    return status == JAY_OK ? status_of(&reply, write->mode, call->error) : status;
}

/* Stores, or erases where the time is over. */
static int write_once(mc_call *call, const jay_write *write) {
    return write->ttl_ms == JAY_TTL_EXPIRED ? erase_version(call, write->version, false)
                                            : jayi_mc_put(call, write, 0);
}

/* A touch that stored the entry anew has changed the cas; the version that readers see is in the
 * envelope. So what is refused by its cas may be of that version all the same. */
static int write_version(mc_call *call, const jay_write *write) {
    for (int i = 0; i < MC_ATTEMPTS; i++) {
        mc_found found = {0};
        int status = jayi_mc_find(call, " v f c", &found);
        if (status != JAY_OK) return status;
        jayi_block_release(&call->backend->blocks, found.block);
        if (found.version != write->version || found.version == found.cas) return JAY_CHANGED;
        jay_write again = *write;
        again.version = found.cas;
        status = write_once(call, &again);
        if (status != JAY_CHANGED) return status;
    }
    return jay_error_set(call->error, JAY_E_BUSY, 0, "the entry kept being touched");
}

int jayi_mc_write_at(jay_backend *backend, const jay_write *write, jay_error *error) {
    if (write->value_size > MC_VALUE_MAX)
        return jay_error_set(error, JAY_E_TOO_BIG, 0, "a value of %zu bytes is over 1 GiB",
                             write->value_size);
    if (write->flags == MC_ENVELOPE)
        return jay_error_set(error, JAY_E_ARGUMENT, 0,
                             "the client flags 0x%x mark what this backend stores for itself; take "
                             "others",
                             (unsigned)MC_ENVELOPE);
    mc_call call;
    int status = jayi_mc_begin(&call, backend, write->key, write->key_size, error);
    if (status != JAY_OK) return status;
    jay_write own = *write;
    own.version ^= backend->version_mark;
    status = write_once(&call, &own);
    if (status == JAY_CHANGED) status = write_version(&call, &own);
    return jayi_mc_end(&call, status);
}

int jayi_mc_write(jay_backend *backend, const jay_write *write, jay_error *error) {
    int status = jayi_mc_write_at(backend, write, error);
    if (backend->next_place == NULL) return status;
    return jayi_mc_write_copies(backend, write, status, error);
}

int jayi_mc_erase_at(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    mc_call call;
    int status = jayi_mc_begin(&call, backend, key, key_size, error);
    return status == JAY_OK ? jayi_mc_end(&call, erase_version(&call, 0, true)) : status;
}

int jayi_mc_erase(jay_backend *backend, const void *key, size_t key_size, jay_error *error) {
    int status = jayi_mc_erase_at(backend, key, key_size, error);
    if (backend->next_place == NULL) return status;
    return jayi_mc_erase_copies(backend, key, key_size, status, error);
}

/* ---- touch ---- */

/* Stores an entry anew with another time, where that is in its envelope or has to be. It keeps its
 * version. */
static int touch_by_cas(mc_call *call, int64_t ttl_ms, bool is_far) {
    for (int i = 0; i < MC_ATTEMPTS; i++) {
        mc_found found = {0};
        int status = jayi_mc_find(call, " v f c", &found);
        if (status != JAY_OK) return status;
        if (!is_far && found.deadline_ms == 0 && found.envelope.stamp == 0) {
            /* The server has done it all. */
            jayi_block_release(&call->backend->blocks, found.block);
            return JAY_OK;
        }
        jay_write write = {.struct_size = sizeof write,
                           .mode = JAY_WRITE_CAS,
                           .value = found.data,
                           .value_size = found.size,
                           .ttl_ms = ttl_ms,
                           .version = found.cas,
                           .flags = found.flags};
        status = jayi_mc_put(call, &write, found.version);
        jayi_block_release(&call->backend->blocks, found.block);
        if (status != JAY_CHANGED) return status;
    }
    return jay_error_set(call->error, JAY_E_BUSY, 0, "the entry kept changing");
}

static int touch_entry(mc_call *call, int64_t ttl_ms) {
    mc_expiry expiry = jayi_mc_expiry_of(ttl_ms);
    if (expiry.deadline_ms != 0 || call->is_classic) return touch_by_cas(call, ttl_ms, true);
    mc_command command = {.kind = MC_TOUCH, .store = {.exptime = expiry.exptime}};
    jayi_mc_reply reply;
    int status = look(call, &command, &reply);
    if (status != JAY_OK || reply.flags != MC_ENVELOPE) return status;
    return touch_by_cas(call, ttl_ms, false);
}

int jayi_mc_touch_at(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                     jay_error *error) {
    mc_call call;
    int status = jayi_mc_begin(&call, backend, key, key_size, error);
    return status == JAY_OK ? jayi_mc_end(&call, touch_entry(&call, ttl_ms)) : status;
}

int jayi_mc_touch(jay_backend *backend, const void *key, size_t key_size, int64_t ttl_ms,
                  jay_error *error) {
    if (ttl_ms == JAY_TTL_EXPIRED) return jayi_mc_erase(backend, key, key_size, error);
    int status = jayi_mc_touch_at(backend, key, key_size, ttl_ms, error);
    if (backend->next_place == NULL) return status;
    return jayi_mc_touch_copies(backend, key, key_size, ttl_ms, status, error);
}
