/*
 * mc_counter.c - inc: atomic, signed, and without moving the expiry.
 *
 * memcached's own arithmetic is unsigned, wraps around, takes " 7" and "007" for numbers, and pads
 * a number that has become shorter with spaces. So the entry is read first, and then changed only
 * if it is still the one that was read (its cas).
 *
 * An entry without expiry is changed by storing the new number. For one with an expiry that would
 * count its seconds anew, and one that is changed all the time would never end; so that is
 * changed by `ma`, which leaves the expiry alone, where the old and the new number are as the
 * server writes them. memcached 1.6 has a race there: who reads an entry while `ma` changes it may
 * get the old number with the new cas. The old entry cannot be read a second time, so two reads
 * that agree are right. A number that goes up needs none of this: whatever number is there by then,
 * `ma` adds to it rightly.
 *
 * Classic servers do not tell an expiry. A number of ours has it in its envelope, is changed by
 * compare-and-set only, and begins anew once that time is over: each change would give it up to
 * two seconds more. A bare number may be another client's and have an expiry that nobody knows: up
 * it goes by `incr`, which leaves it alone, else by compare-and-set, without one.
 */
#include <string.h>

#include "backends/memcached/mc_state.h"
#include "os/clock.h"
#include "os/real_clock.h"
#include "util/checked.h"
#include "util/decimal.h"

/* Whether the server's own arithmetic gives exactly `after`, in as many digits or more. */
static bool server_can(const mc_call *call, const mc_found *found, int64_t before, int64_t after) {
    char text[JAYI_DECIMAL_MAX];
    bool is_wanted = call->is_classic ? after >= before : found->rest_s >= 0;
    return is_wanted && !found->has_envelope && before >= 0 && after >= 0 &&
           jayi_decimal_format(after, text) >= found->size;
}

/* Adds on the server; `cas` 0: to whatever number is there. */
static int add_on_server(mc_call *call, uint64_t cas, int64_t delta, int64_t *ret_number) {
    mc_command command = {.kind = MC_ADD, .is_once = true, .store = {.cas = cas}, .delta = delta};
    jayi_mc_reply reply;
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    if (reply.code == JAYI_MC_EX || reply.code == JAYI_MC_NF) return JAY_CHANGED;
    char text[JAYI_DECIMAL_MAX];
    if (reply.code != JAYI_MC_VA || reply.value_size > sizeof text)
        return jayi_mc_refused(&reply, call->error);
    int64_t number = 0;
    if (reply.has_value) {
        status = jayi_mc_take_value(call, &reply, text);
        if (status != JAY_OK) return status;
        reply.text = text;
        reply.text_size = (size_t)reply.value_size;
    }
    if (!jayi_decimal_parse(reply.text, reply.text_size, &number))
        return jay_error_set(call->error, JAY_E_PROTOCOL, 0, "the server's number is none");
    *ret_number = number;
    return JAY_OK;
}

/* Stores a number in place of what was found, with the expiry of that. */
static int store_number(mc_call *call, const mc_found *found, int64_t after) {
    char text[JAYI_DECIMAL_MAX];
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_CAS,
                       .value = text,
                       .value_size = jayi_decimal_format(after, text),
                       .version = found->cas,
                       .flags = found->flags};
    unsigned char header[MC_ENVELOPE_MAX];
    mc_place place = {.raw = call->raw,
                      .raw_size = call->raw_size,
                      .key = &call->key,
                      .is_classic = call->is_classic};
    mc_command command;
    jayi_mc_reply reply;
    if (found->deadline_ms != 0) {
        write.ttl_ms = found->deadline_ms - jayi_clock_real_ms();
        if (write.ttl_ms < 1) write.ttl_ms = 1;
    }
    jayi_mc_store_command(&place, &write, header, &command);
    if (found->deadline_ms == 0) command.store.exptime = jayi_mc_exptime_of_rest(found->rest_s);
    int status = jayi_mc_run(call, &command, &reply);
    if (status != JAY_OK) return status;
    if (reply.code == JAYI_MC_EX || reply.code == JAYI_MC_NF) return JAY_CHANGED;
    return reply.code == JAYI_MC_HD ? JAY_OK : jayi_mc_refused(&reply, call->error);
}

/* Whether a second look finds the entry as it was found. */
static int check_settled(mc_call *call, const mc_found *found) {
    mc_found again = {0};
    int status = jayi_mc_find(call, " v f c", &again);
    if (status == JAY_MISS) return JAY_CHANGED;
    if (status != JAY_OK) return status;
    bool is_same = again.cas == found->cas && again.size == found->size &&
                   memcmp(again.data, found->data, again.size) == 0;
    jayi_block_release(&call->backend->blocks, again.block);
    return is_same ? JAY_OK : JAY_CHANGED;
}

/* Changes a number that is there; JAY_CHANGED: someone else was faster. */
static int change(mc_call *call, const mc_found *found, int64_t delta, int64_t *ret_number) {
    int64_t before = 0, after = 0;
    if (!jayi_decimal_parse(found->data, found->size, &before))
        return jay_error_set(call->error, JAY_E_NOT_INTEGER, 0,
                             "the entry's value is not a number");
    if (!jayi_add_i64(before, delta, &after))
        return jay_error_set(call->error, JAY_E_OVERFLOW, 0, "the counter would leave 64 bits");
    bool on_server = server_can(call, found, before, after);
    /* So far from the end that others cannot reach it meanwhile. */
    if (on_server && delta >= 0 && after <= INT64_MAX / 2)
        return add_on_server(call, 0, delta, ret_number);
    bool may_race = call->is_classic ? !found->has_envelope : found->rest_s >= 0;
    int status = may_race ? check_settled(call, found) : JAY_OK;
    if (status == JAY_OK && on_server && !call->is_classic)
        return add_on_server(call, found->cas, delta, ret_number);
    if (status == JAY_OK) status = store_number(call, found, after);
    if (status == JAY_OK) *ret_number = after;
    return status;
}

/* Makes a counter that was not there; JAY_CHANGED: someone else was faster. */
static int create(mc_call *call, int64_t delta, int64_t ttl_ms, int64_t *ret_number) {
    if (ttl_ms != JAY_TTL_EXPIRED) {
        char text[JAYI_DECIMAL_MAX];
        jay_write write = {.struct_size = sizeof write,
                           .mode = JAY_WRITE_ADD,
                           .value = text,
                           .value_size = jayi_decimal_format(delta, text),
                           .ttl_ms = ttl_ms};
        int status = jayi_mc_put(call, &write, 0);
        if (status == JAY_EXISTS) return JAY_CHANGED;
        if (status != JAY_OK) return status;
    }
    *ret_number = delta;
    return JAY_OK;
}

/* Whether a counter's time is over, though the server has it for another moment. */
static bool is_over(const mc_call *call, const mc_found *found) {
    return call->is_classic && found->deadline_ms != 0 &&
           found->deadline_ms <= jayi_clock_real_ms();
}

/* Begins a counter anew in place of one that is over. */
static int begin_anew(mc_call *call, const mc_found *found, int64_t delta, int64_t ttl_ms,
                      int64_t *ret_number) {
    char text[JAYI_DECIMAL_MAX];
    jay_write write = {.struct_size = sizeof write,
                       .mode = JAY_WRITE_CAS,
                       .value = text,
                       .value_size = jayi_decimal_format(delta, text),
                       .ttl_ms = ttl_ms,
                       .version = found->cas};
    int status = ttl_ms == JAY_TTL_EXPIRED ? JAY_OK : jayi_mc_put(call, &write, 0);
    if (status == JAY_OK) *ret_number = delta;
    return status == JAY_MISS ? JAY_CHANGED : status;
}

int jayi_mc_inc_at(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                   int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    mc_call call;
    int status = jayi_mc_begin(&call, backend, key, key_size, error);
    if (status != JAY_OK) return status;
    status = JAY_CHANGED;
    while (status == JAY_CHANGED && jayi_clock_coarse_ms() < call.deadline_ms) {
        mc_found found = {0};
        status = jayi_mc_find(&call, " v f c t", &found);
        if (status == JAY_OK) {
            status = is_over(&call, &found) ? begin_anew(&call, &found, delta, ttl_ms, ret_number)
                                            : change(&call, &found, delta, ret_number);
            jayi_block_release(&backend->blocks, found.block);
        } else if (status == JAY_MISS) {
            status = create(&call, delta, ttl_ms, ret_number);
        }
    }
    if (status == JAY_CHANGED)
        status = jay_error_set(error, JAY_E_BUSY, 0, "the counter kept changing");
    return jayi_mc_end(&call, status);
}

int jayi_mc_inc(jay_backend *backend, const void *key, size_t key_size, int64_t delta,
                int64_t ttl_ms, int64_t *ret_number, jay_error *error) {
    int status = jayi_mc_inc_at(backend, key, key_size, delta, ttl_ms, ret_number, error);
    if (backend->next_place == NULL) return status;
    return jayi_mc_inc_copies(backend, key, key_size, delta, ttl_ms, ret_number, status, error);
}
