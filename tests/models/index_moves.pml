/*
 * index_moves.pml - looking a key up without a lock, while its entry moves about in the index.
 *
 * The code: find in engine_read.c; jayi_index_insert, displace, jayi_index_grow, copy_split and
 * jayi_index_store in index.c; renew_buckets and keep_entries in recover.c. Two buckets become
 * three: bucket 0 is split into 0 and 2. A bucket has two slots; entries of other keys are not
 * shown, so an entry may come into any slot that is empty. FIRST and SECOND are the hash bits of
 * the key, whose bucket among two is bits % 2 and among three bits % 4 (3 does not occur). The
 * writer moves the entry to its other bucket, splits, deletes, adds and replaces; it may be killed
 * at any step, and then another rebuilds the shard and goes on.
 *
 * What is claimed: a validated miss means that the key was not there at some moment of the read; a
 * validated hit gives an entry that was the key's at some moment of the read, and whose memory
 * served nothing else by the time that it was read.
 *
 * variant first-splits          proper -DWEAK -DFIRST=2 -DSECOND=1
 * variant first-splits-2        proper -DWEAK -DFIRST=2 -DSECOND=1 -DIN_SECOND
 * variant second-splits         proper -DWEAK -DFIRST=1 -DSECOND=2
 * variant second-splits-2       proper -DWEAK -DFIRST=1 -DSECOND=2 -DIN_SECOND
 * variant to-own-second         proper -DWEAK -DFIRST=0 -DSECOND=2
 * variant from-own-second       proper -DWEAK -DFIRST=2 -DSECOND=0
 * variant both-split            proper -DWEAK -DFIRST=2 -DSECOND=2
 * variant x86                   proper -DFIRST=2 -DSECOND=1
 * variant three-operations      proper -DFIRST=2 -DSECOND=1 -DOPERATIONS=3 -DNO_DEATH
 * variant count-after-clearing  mutant -DFIRST=2 -DSECOND=1 -DCOUNT_LATE
 * variant count-before-copying  mutant -DFIRST=2 -DSECOND=1 -DCOUNT_EARLY
 * variant count-store-relaxed   mutant -DWEAK -DFIRST=2 -DSECOND=1 -DCOUNT_ORDER=RELAXED
 * variant count-not-checked     mutant -DFIRST=2 -DSECOND=1 -DNO_COUNT_CHECK
 * variant clearing-relaxed      mutant -DWEAK -DFIRST=2 -DSECOND=1 -DCLEAR_ORDER=RELAXED
 * variant not-cleared           mutant -DFIRST=2 -DSECOND=0 -DNO_CLEAR
 * variant split-not-raised      mutant -DFIRST=2 -DSECOND=1 -DNO_SPLIT_RAISE
 * variant new-bucket-not-empty  mutant -DFIRST=2 -DSECOND=1 -DOPERATIONS=3 -DNO_ZERO
 * variant miss-not-validated    mutant -DFIRST=1 -DSECOND=2 -DIN_SECOND -DNO_MISS_CHECK
 * variant first-not-validated   mutant -DFIRST=1 -DSECOND=2 -DIN_SECOND -DNO_FIRST_CHECK
 * variant cleared-before-put    mutant -DFIRST=1 -DSECOND=2 -DCLEAR_FIRST
 * variant other-not-raised      mutant -DFIRST=1 -DSECOND=2 -DIN_SECOND -DNO_OTHER_RAISE
 * variant raise-relaxed         mutant -DWEAK -DFIRST=1 -DSECOND=2 -DIN_SECOND -DRAISE_RELAXED
 * variant recovery-keeps-both   mutant -DFIRST=1 -DSECOND=2 -DDUPLICATES_KEPT
 * variant recovery-not-raised   mutant -DFIRST=1 -DSECOND=2 -DIN_SECOND -DRECOVERY_KEEPS_VERSIONS
 */
#ifndef OPERATIONS
#define OPERATIONS 2
#endif
#ifndef COUNT_ORDER
#define COUNT_ORDER RELEASE
#endif
#ifndef CLEAR_ORDER
#define CLEAR_ORDER RELEASE
#endif
#ifdef RAISE_RELAXED
#define RAISE_ORDER RELAXED
#else
#define RAISE_ORDER RELEASE
#endif

#define COUNT 0
#define VERSION(bucket) (1 + 3 * (bucket))
#define SLOT(bucket, slot) (2 + 3 * (bucket) + (slot))
#define CELLS 10
#define BUFFER 8
#define NOWHERE 6
#define NUMBER(bits, count) ((count) == 3 && (bits) == 2 -> 2 : (bits) % 2)

/* At first the entry is in the key's first bucket, or in its second. */
#ifdef IN_SECOND
#define START SECOND
#else
#define START FIRST
#endif
#if START % 2 == 0
#define AT_FIRST 2, 0, 1, 0, 0, 0, 0, 0, 0, 0
#define SLOTS_AT_FIRST 1, 0, 0, 0, 0, 0
#else
#define AT_FIRST 2, 0, 0, 0, 0, 1, 0, 0, 0, 0
#define SLOTS_AT_FIRST 0, 0, 1, 0, 0, 0
#endif

/* Entries are 1, 2, ...; note n: entry n is now the key's; note GONE: it has none. */
#define GONE 15
byte current = 1;
byte reused; /* a bit for each entry whose memory serves something else now */
byte legal; /* a bit for each entry that was the key's since the read began; bit 0: none */
#define NOTICE(note)                               \
    if                                             \
    :: note == GONE -> current = 0                 \
    :: note != 0 && note != GONE -> current = note \
    :: else                                        \
    fi
#define CHANGED() legal = legal | (1 << current)

#include "store_buffer.pml"

byte next_entry = 2;
byte operations;
bit is_killed;
bit is_gone; /* the killed writer makes no further step */

#define BELONGS (FIRST == 2 || (SECOND == 2 && FIRST != 0)) /* into the new bucket */

/* The writer's own stores, which it sees at once: the index as it will be. */
byte count = 2;
byte versions[3];
byte slots[6] = { SLOTS_AT_FIRST };

inline store_slot(bucket, slot, entry, order, note) {
    atomic {
        waiting < BUFFER ->
        store_noted(SLOT(bucket, slot), entry, order, note);
        slots[2 * (bucket) + (slot)] = entry
    }
}

inline raise_with(bucket, order) {
    atomic {
        waiting < BUFFER ->
        versions[bucket]++;
        store(VERSION(bucket), versions[bucket], order)
    }
}

inline raise(bucket) {
    raise_with(bucket, RELEASE);
    fence()
}

/* Chooses any empty slot of a bucket; there is always one. */
inline put(bucket, entry, note) {
    atomic {
        waiting < BUFFER ->
        if
        :: slots[2 * (bucket)] == 0 -> free = 0
        :: slots[2 * (bucket) + 1] == 0 -> free = 1
        fi;
        store_slot(bucket, free, entry, RELEASE, note);
        free = 0
    }
}

/* The first place of the key's entry, as the locked search finds it: found is bucket * 2 + slot. */
inline search() {
    d_step {
        first = NUMBER(FIRST, count);
        second = NUMBER(SECOND, count);
        if
        :: slots[2 * first] != 0 -> found = 2 * first
        :: else ->
            if
            :: slots[2 * first + 1] != 0 -> found = 2 * first + 1
            :: else ->
                if
                :: slots[2 * second] != 0 -> found = 2 * second
                :: else ->
                    if
                    :: slots[2 * second + 1] != 0 -> found = 2 * second + 1
                    :: else -> found = NOWHERE
                    fi
                fi
            fi
        fi
    }
}

/* Moves the entry to the other of its buckets. */
inline displace() {
    other = (found / 2 == first -> second : first);
#ifdef CLEAR_FIRST
    moved = slots[found];
    store_slot(found / 2, found % 2, 0, RELEASE, 0);
    raise(found / 2);
    put(other, moved, 0);
    raise(other)
#else
    put(other, slots[found], 0);
#ifndef NO_OTHER_RAISE
#ifdef RAISE_RELAXED
    raise_with(other, RELAXED);
#else
    raise(other);
#endif
#endif
    store_slot(found / 2, found % 2, 0, RELEASE, 0);
    raise(found / 2)
#endif
}

inline clear_moved() {
    if
    :: moved & 1 -> store_slot(0, 0, 0, CLEAR_ORDER, 0)
    :: else
    fi;
    if
    :: moved & 2 -> store_slot(0, 1, 0, CLEAR_ORDER, 0)
    :: else
    fi
}

inline publish_count() {
    atomic {
        waiting < BUFFER ->
        store(COUNT, 3, COUNT_ORDER);
        count = 3
    }
}

/* Splits bucket 0 into 0 and 2. An entry in 0 is there as its first bucket, or as its second. */
inline grow() {
    moved = 0;
#ifndef NO_ZERO
    store_slot(2, 0, 0, RELAXED, 0);
    store_slot(2, 1, 0, RELAXED, 0);
#endif
#ifdef COUNT_EARLY
    publish_count();
#endif
    if
    :: BELONGS && slots[0] != 0 -> put(2, slots[0], 0); moved = 1
    :: else
    fi;
    if
    :: BELONGS && slots[1] != 0 -> put(2, slots[1], 0); moved = moved | 2
    :: else
    fi;
#ifdef COUNT_LATE
    clear_moved();
    publish_count();
#else
#ifndef COUNT_EARLY
    publish_count();
#endif
#ifndef NO_CLEAR
    clear_moved();
#endif
#endif
#ifndef NO_SPLIT_RAISE
    if
    :: moved != 0 -> raise(0)
    :: else
    fi;
#endif
    moved = 0
}

inline operate() {
    do
    :: operations < OPERATIONS ->
        operations++;
        search();
        entry = (found != NOWHERE -> slots[found % NOWHERE] : 0);
        if
        :: found != NOWHERE && first != second -> displace()
        :: found != NOWHERE -> /* delete */
            store_slot(found / 2, found % 2, 0, RELEASE, GONE);
            raise(found / 2);
            reused = reused | (1 << entry)
        :: found != NOWHERE -> /* replace */
            next_entry++;
            store_slot(found / 2, found % 2, next_entry - 1, RELEASE, next_entry - 1);
            raise(found / 2);
            reused = reused | (1 << entry)
        :: found == NOWHERE -> /* add */
            next_entry++;
            put(first, next_entry - 1, next_entry - 1)
        :: found == NOWHERE -> /* the first bucket is full */
            next_entry++;
            put(second, next_entry - 1, next_entry - 1)
        :: count == 2 -> grow()
        fi;
        found = 0;
        entry = 0;
        other = 0
    :: else -> break
    od
}

active proctype writer() {
    byte first, second, found, entry, other, free, moved;
    {
        operate()
    } unless {
        is_killed
    };
    is_gone = 1
}

#define IS_PLACE(bucket) (NUMBER(FIRST, count) == bucket || NUMBER(SECOND, count) == bucket)

/* Rebuilds the shard: an entry stays in the first bucket where it is met and may be. */
inline rebuild() {
    d_step {
        count = cell[COUNT];
        other = 0;
        do
        :: other < 3 ->
            versions[other] = cell[VERSION(other)];
            slots[2 * other] = cell[SLOT(other, 0)];
            slots[2 * other + 1] = cell[SLOT(other, 1)];
            other++
        :: else -> break
        od;
        other = 0
    };
#ifndef RECOVERY_KEEPS_VERSIONS
    raise(0);
    raise(1);
    if
    :: count == 3 -> raise(2)
    :: else
    fi;
#endif
    do
    :: other < 2 * count ->
        if
        :: slots[other] == 0
#ifdef DUPLICATES_KEPT
        :: slots[other] != 0 && IS_PLACE(other / 2)
        :: slots[other] != 0 && !IS_PLACE(other / 2) ->
#else
        :: slots[other] != 0 && !moved && IS_PLACE(other / 2) -> moved = 1
        :: slots[other] != 0 && (moved || !IS_PLACE(other / 2)) ->
#endif
            store_slot(other / 2, other % 2, 0, RELEASE, 0);
            raise(other / 2)
        fi;
        other++
    :: else -> break
    od;
    other = 0;
    moved = 0
}

active proctype heir() {
    byte first, second, found, entry, other, free, moved;
end:
    is_killed && is_gone && waiting == 0 ->
    rebuild();
    operate()
}

active proctype killer() {
#ifndef NO_DEATH
    if
    :: is_killed = 1
    :: true
    fi
#endif
    true
}

inline look(bucket) {
    result = cell[SLOT(bucket, 0)];
    if
    :: result == 0 -> result = cell[SLOT(bucket, 1)]
    :: else
    fi
}

active proctype reader() {
    byte total, result, one, two;
    byte version_one, version_two;
    bit is_torn;
    atomic {
        legal = 1 << current
    };
    total = cell[COUNT];
    one = NUMBER(FIRST, total);
    two = NUMBER(SECOND, total);
    version_one = cell[VERSION(one)];
    look(one);
    if
    :: result != 0 ->
        is_torn = (reused >> result) & 1;
        atomic {
            if
            :: cell[VERSION(one)] == version_one -> assert(!is_torn && ((legal >> result) & 1))
            :: else
            fi
        };
        goto done
    :: else
    fi;
    version_two = cell[VERSION(two)];
    look(two);
    if
    :: result != 0 ->
        is_torn = (reused >> result) & 1;
        atomic {
            if
            :: cell[VERSION(two)] == version_two -> assert(!is_torn && ((legal >> result) & 1))
            :: else
            fi
        };
        goto done
    :: else
    fi;
#ifndef NO_MISS_CHECK
#ifndef NO_FIRST_CHECK
    if
    :: cell[VERSION(one)] != version_one -> goto done
    :: else
    fi;
#endif
    if
    :: cell[VERSION(two)] != version_two -> goto done
    :: else
    fi;
#ifndef NO_COUNT_CHECK
    if
    :: cell[COUNT] != total -> goto done
    :: else
    fi;
#endif
#endif
    assert(legal & 1);
done:
    skip
}
