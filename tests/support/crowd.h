/*
 * crowd.h - threads that use one cache at once, on fewer connections than they are, and know what
 * is theirs: so a reply that reaches another than who asked is seen.
 */
#ifndef JAY_CROWD_H
#define JAY_CROWD_H

#include <stdbool.h>

#include <jaycache/jaycache.h>

#include "faulty_proxy.h"

#define CROWD_MEMBERS 6

/* What may have become of the bytes of replies, besides their being lost. */
enum crowd_damage {
    CROWD_INTACT,
    CROWD_BYTES, /* one byte of a value may be another, but no digit became another */
    CROWD_DIGITS /* any one byte may be another, also of a number */
};

typedef struct crowd_result {
    long found; /* values */
    long wrong; /* replies that cannot be what the server said to who has them */
} crowd_result;

/* Stores what each member will look for; tries until that works. Whether it did, at last. */
bool crowd_prepare(jay_cache *cache);

/* Each member does so many rounds of lookups. */
crowd_result crowd_run(jay_cache *cache, int rounds, enum crowd_damage damage);

/* How replies are spoilt, at every so many bytes. */
typedef struct crowd_fault {
    enum proxy_fault fault;
    enum crowd_damage damage;
    long step;
} crowd_fault;

/* Has the crowd ask while its replies are spoilt, at positions from `first` to before `last`. It
 * ends at the first wrong reply, or when nothing can be stored any more (which counts as one), and
 * says where that was. */
crowd_result crowd_endure(jay_cache *cache, faulty_proxy *proxy, const crowd_fault *faults,
                          size_t count, long first, long last);

#endif
