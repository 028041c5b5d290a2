/*
 * mc_values.c - times, and values as they lie on the server.
 *
 * Times. The server counts whole seconds and looks at its clock once a second, so an entry stored
 * for n of its seconds lives for between n - 1 and n. An entry is stored for one more than the time
 * asked for, rounded up: it lives at least as long as asked, and less than two seconds longer. Up
 * to 30 days the server counts from its own now, and no two clocks need agree. Above, it wants a
 * date, up to January 2038; beyond that the entry is stored for ever with the date in its envelope,
 * and readers check it.
 *
 * A classic server never tells the time that is left. There the envelope has it for ttl and for
 * what keeps it, and the server ends the entry all the same: whose clocks differ still agree on
 * what is there.
 */
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "os/real_clock.h"

#define SECOND_MS 1000
/* No earlier time is beyond what the server can tell; see jayi_mc_expiry_of. */
#define FAR_MS (((int64_t)JAYI_MC_EXPTIME_MAX - 1) * SECOND_MS)

/* ---- times ---- */

mc_expiry jayi_mc_expiry_of(int64_t ttl_ms) {
    if (ttl_ms == JAY_TTL_FOREVER) return (mc_expiry){0, 0};
    int64_t seconds = ttl_ms / SECOND_MS + (ttl_ms % SECOND_MS != 0) + 1;
    if (seconds <= JAYI_MC_RELATIVE_MAX) return (mc_expiry){seconds, 0};
    int64_t now_ms = jayi_clock_real_ms();
    int64_t date = now_ms / SECOND_MS + seconds;
    if (date <= JAYI_MC_EXPTIME_MAX) return (mc_expiry){date, 0};
    return (mc_expiry){0, now_ms + ttl_ms};
}

int64_t jayi_mc_exptime_of_rest(int64_t rest_s) {
    if (rest_s < 0) return 0;
    if (rest_s == 0) return 1;
    if (rest_s <= JAYI_MC_RELATIVE_MAX) return rest_s;
    int64_t date = jayi_clock_real_ms() / SECOND_MS + rest_s;
    return date <= JAYI_MC_EXPTIME_MAX ? date : JAYI_MC_EXPTIME_MAX;
}

int64_t jayi_mc_ttl_of_rest(int64_t rest_s) {
    if (rest_s < 0) return JAY_TTL_FOREVER;
    return rest_s > 1 ? (rest_s - 1) * SECOND_MS : 1;
}

/* ---- reading ---- */

int jayi_mc_open_envelope(mc_found *found, const void *raw, size_t raw_size, jay_error *error) {
    if (found->flags != MC_ENVELOPE) {
        /* A hashed key proves nothing by itself; only an envelope does. */
        return JAY_OK;
    }
    mc_envelope *envelope = &found->envelope;
    if (!jayi_mc_envelope_read(found->block, found->size, envelope)) {
        return jay_error_set(error, JAY_E_CORRUPT, 0,
                             "the entry's envelope is damaged; store the entry anew");
    }
    bool is_ours = envelope->key == NULL ||
                   (envelope->key_size == raw_size && memcmp(envelope->key, raw, raw_size) == 0);
    bool is_over = envelope->deadline_ms >= FAR_MS && envelope->deadline_ms <= jayi_clock_real_ms();
    if (!is_ours || is_over) return JAY_MISS;
    found->has_envelope = true;
    found->deadline_ms = envelope->deadline_ms;
    found->flags = envelope->flags;
    found->data += envelope->value_offset;
    found->size -= envelope->value_offset;
    return JAY_OK;
}

/* Reads a value that a reply has announced into a new block, and opens it. */
static int take_found(mc_call *call, const jayi_mc_reply *reply, mc_found *ret_found) {
    jayi_blocks *blocks = &call->backend->blocks;
    size_t size = (size_t)reply->value_size;
    mc_found found = {.block = jayi_block_acquire(blocks, size + 1),
                      .size = size,
                      .flags = reply->flags,
                      .cas = reply->cas != 0 ? reply->cas : 1,
                      .rest_s = reply->ttl_s};
    if (found.block == NULL) {
        /* The value is read all the same, so that the connection can be kept. */
        int skipped = jayi_mc_skip_value(call, reply);
        return skipped != JAY_OK ? skipped
                                 : jay_error_set(call->error, JAY_E_NO_MEMORY, 0,
                                                 "no memory for a value of %zu bytes", size);
    }
    found.data = found.block;
    int status = jayi_mc_take_value(call, reply, found.block);
    found.block[size] = '\0';
    if (status == JAY_OK)
        status = jayi_mc_open_envelope(&found, call->raw, call->raw_size, call->error);
    bool is_bare = status == JAY_OK && !found.has_envelope;
    if (is_bare && call->key.is_hashed) status = JAY_MISS;
    if (status == JAY_OK && found.envelope.stamp != 0) status = jayi_mc_gather(call, &found);
    found.version = found.cas;
    if (found.envelope.version != 0) found.version = found.envelope.version;
    if (status == JAY_OK) {
        *ret_found = found;
    } else {
        jayi_block_release(blocks, found.block);
    }
    return status;
}

int jayi_mc_find(mc_call *call, const char *flags, mc_found *ret_found) {
    mc_command command = {.kind = MC_GET, .flags = flags};
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    if (reply.code == JAYI_MC_EN) return JAY_MISS;
    if (reply.code != JAYI_MC_VA) return jayi_mc_refused(&reply, call->error);
    return take_found(call, &reply, ret_found);
}

/* ---- storing ---- */

static char mode_of(int mode) {
    switch (mode) {
    case JAY_WRITE_ADD:
        return JAYI_MC_ADD;
    case JAY_WRITE_REPLACE:
        return JAYI_MC_REPLACE;
    case JAY_WRITE_CAS:
        return JAYI_MC_CAS;
    default:
        return JAYI_MC_SET;
    }
}

void jayi_mc_store_command(const mc_place *place, const jay_write *write, unsigned char *header,
                           mc_command *ret_command) {
    mc_expiry expiry = jayi_mc_expiry_of(write->ttl_ms);
    bool is_hashed = place->key->is_hashed;
    if (place->is_classic && expiry.deadline_ms == 0 && write->ttl_ms != JAY_TTL_FOREVER)
        expiry.deadline_ms = jayi_clock_real_ms() + write->ttl_ms;
    *ret_command = (mc_command){
        .kind = MC_STORE,
        .is_once = write->mode != JAY_WRITE_SET,
        .store = {.value_size = write->value_size,
                  .exptime = expiry.exptime,
                  .flags = write->flags,
                  .mode = mode_of(write->mode),
                  /* No entry has this one: on the server 0 would be no condition. */
                  .cas = write->version != 0 ? write->version : UINT64_MAX},
        .parts = {{NULL, 0}, {NULL, 0}, {(void *)(uintptr_t)write->value, write->value_size}}};
    if (!is_hashed && expiry.deadline_ms == 0 && place->stamp == 0 && place->version == 0) return;
    mc_envelope envelope = {.key_size = is_hashed ? place->raw_size : 0,
                            .deadline_ms = expiry.deadline_ms,
                            .value_size = (uint32_t)write->value_size,
                            .flags = write->flags,
                            .stamp = place->stamp,
                            .version = place->version};
    size_t header_size = jayi_mc_envelope_write(&envelope, header);
    ret_command->parts[0] = (struct iovec){header, header_size};
    ret_command->parts[1] = (struct iovec){(void *)(uintptr_t)place->raw, envelope.key_size};
    if (place->stamp != 0) ret_command->parts[2].iov_len = 0;
    ret_command->store.flags = MC_ENVELOPE;
    ret_command->store.value_size = header_size + envelope.key_size + ret_command->parts[2].iov_len;
}
