/*
 * read_reclaim.pml - reading an item without a lock, while writers replace it and reuse its memory.
 *
 * The code: find, read_entry and is_unchanged in engine_read.c; jayi_index_store in index.c; store
 * and write_item in engine_write.c; renew_buckets in recover.c. One slot of one bucket, two blocks
 * of memory. The writer replaces, deletes or adds the entry, and uses a block that is free for an
 * item of another key; it may be killed at any step, and then another process rebuilds the shard
 * and writes on.
 *
 * What is claimed: a read that finds the version unchanged returns a value that was the key's at
 * some moment of the read, whole; a miss likewise.
 *
 * variant x86                       proper
 * variant arm                       proper -DWEAK
 * variant slot-store-relaxed        mutant -DWEAK -DSLOT_ORDER=RELAXED
 * variant version-not-raised        mutant -DNO_RAISE
 * variant version-raised-first      mutant -DRAISE_FIRST
 * variant version-store-relaxed     mutant -DWEAK -DVERSION_ORDER=RELAXED
 * variant no-fence-before-reuse     mutant -DWEAK -DNO_WRITER_FENCE
 * variant version-load-relaxed      mutant -DFIRST_LOAD_RELAXED
 * variant no-fence-before-check     mutant -DNO_READER_FENCE
 * variant not-validated             mutant -DNO_CHECK
 * variant miss-not-validated        mutant -DNO_MISS_CHECK
 * variant recovery-keeps-versions   mutant -DRECOVERY_KEEPS_VERSIONS
 */
#ifndef SLOT_ORDER
#define SLOT_ORDER RELEASE
#endif
#ifndef VERSION_ORDER
#define VERSION_ORDER RELEASE
#endif

#ifndef WRITES
#define WRITES 2
#endif
#define OURS 1
#define THEIRS 2

#define VERSION 0
#define SLOT 1 /* 0, or the number of a block: 1, 2 */
/* The key, and behind it two words of value, which are the same in a whole item. */
#define KEY(block) (2 + 3 * ((block)-1))
#define CELLS 8
#define BUFFER 12
#define AT_FIRST 0, 1, OURS, 1, 1, 0, 0, 0

/* Values are 1, 2, ...; note n: value n is now the key's; note GONE: it has none. */
#define GONE 15
byte current = 1;
byte legal; /* a bit for each value that was the key's since the read began; bit 0: none */
#define NOTICE(note)                        \
    if                                      \
    :: note == GONE -> current = 0          \
    :: note != 0 && note != GONE -> current = note \
    :: else                                 \
    fi
#define CHANGED() legal = legal | (1 << current)

#include "store_buffer.pml"

byte next_value = 2;
byte writes;
bit is_killed;
bit is_gone; /* the killed writer makes no further step */

inline raise() {
#ifndef NO_RAISE
    version++;
    store(VERSION, version, VERSION_ORDER);
#endif
#ifndef NO_WRITER_FENCE
    fence();
#endif
}

inline write_block(block, key, value) {
    store(KEY(block), key, RELAXED);
    store(KEY(block) + 1, value, RELAXED);
    store(KEY(block) + 2, value, RELAXED)
}

/* Stores into the slot, and raises the version when something was there before. */
inline change_slot(block, note) {
#ifdef RAISE_FIRST
    if
    :: linked != 0 -> raise()
    :: else
    fi;
    store_noted(SLOT, block, SLOT_ORDER, note);
#else
    store_noted(SLOT, block, SLOT_ORDER, note);
    if
    :: linked != 0 -> raise()
    :: else
    fi;
#endif
    linked = block
}

inline write_all() {
    do
    :: writes < WRITES ->
        writes++;
        if
        :: linked == 2 -> unused = 1
        :: linked == 1 -> unused = 2
        :: linked == 0 -> unused = 1
        :: linked == 0 -> unused = 2
        fi;
        if
        :: /* set or add */
            write_block(unused, OURS, next_value);
            next_value++;
            change_slot(unused, next_value - 1)
        :: linked != 0 -> change_slot(0, GONE) /* delete, or evict */
        :: write_block(unused, THEIRS, 7)      /* linked elsewhere, then unlinked */
        fi
    :: else -> break
    od
}

active proctype writer() {
    byte linked = 1, unused, version;
    {
        write_all()
    } unless {
        is_killed
    };
    is_gone = 1
}

/* Takes the lock over from the dead, rebuilds the shard, and writes on. */
active proctype heir() {
    byte linked, unused, version;
end:
    is_killed && is_gone && waiting == 0 ->
    linked = cell[SLOT];
    version = cell[VERSION];
#ifndef RECOVERY_KEEPS_VERSIONS
    raise();
#endif
    write_all()
}

active proctype killer() {
    if
    :: is_killed = 1
    :: true
    fi
}

active proctype reader() {
    byte version, block, key, first, second, version_again;
    bit has_version, has_key, has_first, has_second, has_again, is_hit;
    atomic {
        legal = 1 << current
    };
#ifndef FIRST_LOAD_RELAXED
    version = cell[VERSION];
    has_version = 1;
#endif
    block = cell[SLOT];
    is_hit = block != 0;
    /* The words of the item in any order; what lies behind an acquire load or a fence, after it. */
    do
    :: is_hit && !has_key -> key = cell[KEY(block)]; has_key = 1
    :: is_hit && !has_first -> first = cell[KEY(block) + 1]; has_first = 1
    :: is_hit && !has_second -> second = cell[KEY(block) + 2]; has_second = 1
#ifdef FIRST_LOAD_RELAXED
    :: !has_version -> version = cell[VERSION]; has_version = 1
#endif
#ifdef NO_READER_FENCE
    :: has_version && !has_again -> version_again = cell[VERSION]; has_again = 1
#endif
    :: has_version && (!is_hit || (has_key && has_first && has_second)) -> break
    od;
    if
    :: !has_again -> version_again = cell[VERSION]
    :: else
    fi;
    atomic {
        if
#ifdef NO_CHECK
        :: is_hit && key == OURS ->
#else
        :: is_hit && key == OURS && version == version_again ->
#endif
            assert(first == second);
            assert(first != 0 && (legal >> first) & 1)
#ifdef NO_MISS_CHECK
        :: !is_hit || key != OURS -> assert(legal & 1)
#else
        :: (!is_hit || key != OURS) && version == version_again -> assert(legal & 1)
#endif
        :: else
        fi
    }
}
