/*
 * pin_retire.pml - views that hold an item in place, against a writer that wants its memory.
 *
 * The code: jayi_pin_take in pins.h, jayi_pin_drop, jayi_is_pinned and jayi_pins_clear in pins.c; pin_found
 * in engine_read.c; jayi_space_unlink, jayi_space_retire and drain_limbo in space.c; take_row in
 * identity.c. One row with two entries: a thread pins the item through the second entry while
 * another pins something else through the first. The process may be killed at any step; then
 * another moves into its row, and pins, too.
 *
 * What is claimed: as long as a live process holds a view that it found to be linked, the bytes
 * stay as they are; and memory that nobody holds is reused in the end.
 *
 * variant x86                      proper
 * variant arm                      proper -DWEAK
 * variant not-linked-any-more      mutant -DNO_VALIDATION
 * variant no-fence-in-pin          mutant -DNO_PIN_FENCE
 * variant no-fence-in-unlink       mutant -DNO_UNLINK_FENCE
 * variant no-fence-in-unlink-arm   mutant -DWEAK -DNO_UNLINK_FENCE
 * variant asked-before-unlinked    mutant -DASK_FIRST
 * variant counted-too-late         mutant -DCOUNT_LATE
 * variant high-raised-too-late     mutant -DHIGH_LATE
 * variant counts-not-added         mutant -DCOUNT_IS_FLAG
 * variant dropped-before-last-use  mutant -DDROP_RELAXED
 * variant cleared-while-alive      mutant -DCLEAR_ALIVE
 * variant limbo-not-asked-again    mutant -DLIMBO_BLIND
 * variant dead-rows-kept           stuck  -DNEVER_CLEARED
 */
#define VERSION 0
#define SLOT 1
#define BYTES 2 /* of the item: 1, and 2 once its memory is used for something else */
#define CELLS 3
#define BUFFER 4
#define AT_FIRST 0, 1, 1
#define NOTICE(note)
#define CHANGED()
#include "store_buffer.pml"

#define ITEM 1
#define OTHER 2

/* The row. Its words are changed by atomic steps of seq_cst order, and are not in the buffer. */
byte pins;
byte pin_high;
byte entry[2];

bit is_killed;
byte threads_gone; /* of the process: they make no further step */

/* One view of the item by way of one entry. */
inline take_and_use(number) {
    version = cell[VERSION];
    if
    :: cell[SLOT] == ITEM ->
#ifndef COUNT_LATE
        count_pin();
#endif
#ifndef HIGH_LATE
        raise_high(number);
#endif
#ifdef NO_PIN_FENCE
        /* The check may overtake the store of the entry. */
        version_again = cell[VERSION];
        entry[number] = ITEM;
#else
        entry[number] = ITEM;
        version_again = cell[VERSION];
#endif
#ifdef COUNT_LATE
        count_pin();
#endif
#ifdef HIGH_LATE
        raise_high(number);
#endif
        if
#ifdef NO_VALIDATION
        :: true ->
#else
        :: version_again == version ->
#endif
            assert(cell[BYTES] == 1);
#ifdef DROP_RELAXED
            entry[number] = 0; /* overtakes the last look at the bytes */
            assert(cell[BYTES] == 1);
#else
            assert(cell[BYTES] == 1);
            entry[number] = 0;
#endif
#ifndef NO_VALIDATION
        :: else -> entry[number] = 0
#endif
        fi;
        uncount_pin()
    :: else
    fi
}

inline count_pin() {
#ifdef COUNT_IS_FLAG
    pins = 1
#else
    pins++
#endif
}

inline uncount_pin() {
#ifdef COUNT_IS_FLAG
    pins = 0
#else
    pins--
#endif
}

inline raise_high(number) {
    atomic {
        if
        :: pin_high <= number -> pin_high = number + 1
        :: else
        fi
    }
}

/* The thread whose view it is about. */
active proctype viewer() {
    byte version, version_again;
    {
        take_and_use(1)
    } unless {
        is_killed
    };
    threads_gone++
}

/* A thread of the same process that pins other things meanwhile. */
active proctype neighbour() {
    {
        count_pin();
        raise_high(0);
        entry[0] = OTHER;
        entry[0] = 0;
        uncount_pin()
    } unless {
        is_killed
    };
    threads_gone++
}

active proctype killer() {
    if
    :: is_killed = 1
    :: true
    fi
}

/* A process that takes the dead one's row, clears it, and takes views of its own. */
active proctype successor() {
    byte version, version_again;
end:
#ifdef CLEAR_ALIVE
    true ->
#else
    is_killed && threads_gone == 2 ->
#endif
#ifndef NEVER_CLEARED
    entry[0] = 0;
    entry[1] = 0;
    pin_high = 0;
    pins = 0;
    take_and_use(0)
#endif
}

/* ---- the writer ---- */

inline ask() {
    is_pinned = 0;
    if
    :: pins > 0 ->
        high = pin_high;
        number = 0;
        do
        :: number < high && number < 2 ->
            if
            :: entry[number] == ITEM -> is_pinned = 1
            :: else
            fi;
            number++
        :: else -> break
        od
    :: else
    fi
}

inline unlink() {
    store(SLOT, 0, RELEASE);
    store(VERSION, 1, RELEASE);
#ifndef NO_UNLINK_FENCE
    fence()
#endif
}

active proctype writer() {
    byte number, high;
    bit is_pinned;
#ifdef ASK_FIRST
    ask();
    unlink();
#else
    unlink();
    ask();
#endif
    if
    :: is_pinned -> /* in limbo, to be asked about again */
#ifndef LIMBO_BLIND
        do
        :: is_pinned -> is_pinned = 0; (entry[0] != ITEM && entry[1] != ITEM) -> ask()
        :: else -> break
        od
#endif
    :: else
    fi;
    store(BYTES, 2, RELAXED)
}
