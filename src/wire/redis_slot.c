/*
 * redis_slot.c - slots of a Redis cluster.
 *
 * The checksum is CRC16 as XMODEM has it (polynomial 0x1021, begins with 0), as the cluster
 * specification demands; a nibble at a time, whose table is small enough to be read over.
 */
#include "wire/redis_slot.h"

#include <string.h>

#include "util/decimal.h"

static uint16_t crc16(const unsigned char *bytes, size_t size) {
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                       0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                       0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc = (crc << 4 & 0xffff) ^ table[crc >> 12 ^ bytes[i] >> 4];
        crc = (crc << 4 & 0xffff) ^ table[crc >> 12 ^ (bytes[i] & 15)];
    }
    return (uint16_t)crc;
}

uint16_t jayi_redis_slot(const void *key, size_t size) {
    const char *text = key, *open = memchr(text, '{', size);
    if (open != NULL) {
        const char *tag = open + 1, *close = memchr(tag, '}', size - (size_t)(tag - text));
        if (close != NULL && close > tag) {
            text = tag;
            size = (size_t)(close - tag);
        }
    }
    return crc16((const unsigned char *)text, size) % JAYI_REDIS_SLOTS;
}

bool jayi_redis_place_parse(const char *text, size_t size, jayi_redis_place *ret_place) {
    const char *end = text + size, *slot = memchr(text, ' ', size);
    if (slot == NULL) return false;
    slot++;
    const char *host = memchr(slot, ' ', (size_t)(end - slot));
    if (host == NULL) return false;
    host++;
    /* Some servers say more behind the address. */
    const char *stop = memchr(host, ' ', (size_t)(end - host));
    if (stop == NULL) stop = end;
    /* An address of IPv6 has colons of its own. */
    const char *colon = memrchr(host, ':', (size_t)(stop - host));
    int64_t slot_number, port;
    if (colon == NULL || !jayi_decimal_parse(slot, (size_t)(host - 1 - slot), &slot_number) ||
        !jayi_decimal_parse(colon + 1, (size_t)(stop - colon - 1), &port))
        return false;
    if (slot_number < 0 || slot_number >= JAYI_REDIS_SLOTS || port < 1 || port > UINT16_MAX)
        return false;
    *ret_place = (jayi_redis_place){.slot = (uint16_t)slot_number,
                                    .port = (uint16_t)port,
                                    .host = host,
                                    .host_size = (size_t)(colon - host)};
    return true;
}
