/*
 * lock_handover.pml - the lock of a shard, whose holder may die at any step.
 *
 * The code: lock.h, lock.c (jayi_lock_wait, inherit, jayi_lock_repair), jayi_recover in recover.c,
 * jayi_unlock_checked in recover.h. USERS processes take the lock once each; the killer ends up to
 * KILLS of them wherever they are: holding the lock, rebuilding the shard, asleep, or between
 * letting go and waking the others. A rebuild may fail for lack of memory, once.
 *
 * The timeout of the futex is modelled as the least that is needed: it comes only to who sleeps
 * while the holder is dead, or when someone died between letting go and waking. So a wake-up that
 * is lost among the living shows as a process that waits for ever.
 *
 * What is claimed: there is never more than one holder; who holds the lock finds the shard whole;
 * everyone who lives gets the lock, or an error for lack of memory.
 *
 * variant three-users           proper -DUSERS=3 -DKILLS=1
 * variant two-deaths            proper -DUSERS=3 -DKILLS=2 -DNO_FAILURE
 * variant no-death              proper -DUSERS=3 -DKILLS=0 -DNO_FAILURE
 * variant not-rebuilt           mutant -DUSERS=2 -DKILLS=1 -DNO_REBUILD
 * variant rebuilt-before-owned  mutant -DUSERS=3 -DKILLS=1 -DNO_FAILURE -DREBUILD_UNOWNED
 * variant inherited-by-store    mutant -DUSERS=3 -DKILLS=1 -DNO_FAILURE -DINHERIT_STORES
 * variant taken-from-the-living mutant -DUSERS=2 -DKILLS=0 -DNO_FAILURE -DNEVER_ASKS
 * variant damage-not-looked-at  mutant -DUSERS=3 -DKILLS=1 -DDAMAGE_IGNORED
 * variant unlock-relaxed        mutant -DUSERS=2 -DKILLS=0 -DNO_FAILURE -DUNLOCK_RELAXED
 * variant heir-forgets-sleepers stuck  -DUSERS=3 -DKILLS=1 -DNO_FAILURE -DINHERIT_DROPS_WAITERS
 * variant nobody-woken          stuck  -DUSERS=2 -DKILLS=0 -DNO_FAILURE -DNO_WAKE
 * variant sleeps-unannounced    stuck  -DUSERS=2 -DKILLS=0 -DNO_FAILURE -DNO_WAITERS_BIT
 * variant sleeps-unconditional  stuck  -DUSERS=2 -DKILLS=0 -DNO_FAILURE -DNO_COMPARE
 * variant one-woken-bit-lost    stuck  -DUSERS=3 -DKILLS=0 -DNO_FAILURE -DWAKE_ONE
 * variant no-timeout            stuck  -DUSERS=2 -DKILLS=1 -DNO_FAILURE -DNO_TIMEOUT
 */
#define WAITERS 8
#define TOKEN(word) ((word) & 7)
#define me _pid /* tokens are 1 to USERS, as the killer is process 0 */

byte lock;
bit sleeps[USERS + 1];
bit is_killed[USERS + 1];
bit is_dead[USERS + 1]; /* it makes no further step; its row's lock is gone */
bit wakes[USERS + 1];   /* it has let go, and has not woken the others yet */
bit wake_is_lost;       /* somebody died there */
byte holders;           /* live ones */
bit is_damaged;
bit is_whole = 1;       /* queues, bins and counts of the shard add up */
byte unseen;            /* whose last store of is_whole others do not see yet */
byte kills;
#ifdef NO_FAILURE
bit has_failed = 1;
#else
bit has_failed;
#endif

active proctype killer() {
    byte victim;
    do
    :: kills < KILLS ->
        kills++;
        if
        :: victim = 1
        :: victim = 2
#if USERS > 2
        :: victim = 3
#endif
        fi;
        is_killed[victim] = 1
    :: break
    od
}

/* The shard's data under the lock; others see the last store only after the release. */
inline work() {
    assert(is_whole && unseen == 0);
    is_whole = 0;
    atomic {
        unseen = me;
        is_whole = 1
    }
}

inline drain() {
    atomic {
        if
        :: unseen == me -> unseen = 0
        :: else
        fi
    }
}

inline enter() {
    holders++;
    assert(holders == 1)
}

inline unlock() {
#ifndef UNLOCK_RELAXED
    drain();
#endif
    atomic {
        word = lock;
        lock = 0;
        holders--;
        wakes[me] = (word & WAITERS) != 0
    };
#ifdef UNLOCK_RELAXED
    drain();
#endif
    if
    :: wakes[me] ->
        atomic {
#ifndef NO_WAKE
            sleeper = 1;
            do
            :: sleeper <= USERS ->
#ifdef WAKE_ONE
                if
                :: sleeps[sleeper] -> sleeps[sleeper] = 0; break
                :: else
                fi;
#else
                sleeps[sleeper] = 0;
#endif
                sleeper++
            :: else -> break
            od;
            sleeper = 0;
#endif
            wakes[me] = 0
        }
    :: else
    fi;
    word = 0
}

inline recover() {
    drain();
    if
    :: is_whole = 0;
       is_damaged = 0;
       is_whole = 1
    :: !has_failed ->
       atomic {
           has_failed = 1;
           is_damaged = 1
       }
    fi
}

/* Takes the lock from the dead. */
inline inherit() {
    if
#ifdef NEVER_ASKS
    :: true ->
#else
    :: is_dead[TOKEN(word)] ->
#endif
#ifdef REBUILD_UNOWNED
        /* Rebuilds first, and then only puts itself in the dead one's place. */
        is_whole = 0;
#endif
        atomic {
            if
#ifdef INHERIT_STORES
            :: true ->
#else
            :: lock == word ->
#endif
#ifdef INHERIT_DROPS_WAITERS
                lock = me;
#else
                lock = me | WAITERS;
#endif
                if
                :: unseen == TOKEN(word) -> unseen = 0 /* what the dead stored is seen by now */
                :: else
                fi;
                enter();
                has_lock = 1
            :: else
            fi
        };
        if
#ifdef NO_REBUILD
#else
        :: has_lock -> recover()
#endif
        :: else
        fi
    :: else
    fi
}

inline take() {
    do
    :: has_lock -> break
    :: else ->
        word = lock;
        if
        :: word == 0 ->
            atomic {
                if
#ifdef WAKE_ONE
                :: lock == 0 -> lock = me; enter(); has_lock = 1
#else
                /* Spinning; or after that, when others may sleep. */
                :: lock == 0 -> lock = me; enter(); has_lock = 1
                :: lock == 0 -> lock = me | WAITERS; enter(); has_lock = 1
#endif
                :: else
                fi
            }
        :: else ->
#ifndef NO_WAITERS_BIT
            atomic {
                if
                :: lock == word -> lock = word | WAITERS; word = lock
                :: else -> word = 0
                fi
            };
#endif
            if
            :: word != 0 ->
                atomic { /* futex_wait: compares and sleeps in one */
                    if
#ifdef NO_COMPARE
                    :: true -> sleeps[me] = 1
#else
                    :: lock == word -> sleeps[me] = 1
                    :: else
#endif
                    fi
                };
                if
                :: !sleeps[me]
#ifndef NO_TIMEOUT
                :: sleeps[me] && (is_dead[TOKEN(lock)] || wake_is_lost) -> sleeps[me] = 0
#endif
#ifdef NEVER_ASKS
                :: sleeps[me] -> sleeps[me] = 0
#endif
                fi;
                if
                :: lock == word -> inherit()
                :: else
                fi
            :: else
            fi
        fi
    od
}

/* jayi_lock, some work, jayi_unlock_checked. */
active [USERS] proctype user() {
    byte word, sleeper;
    bit has_lock;
    {
        take();
#ifndef DAMAGE_IGNORED
        if
        :: is_damaged -> recover()
        :: else
        fi;
        if
        :: !is_damaged -> work()
        :: else /* no memory to repair it: an error */
        fi;
#else
        work();
#endif
        unlock()
    } unless {
        is_killed[me]
    };
    atomic {
        if
        :: is_killed[me] && !is_dead[me] ->
            if
            :: TOKEN(lock) == me && holders > 0 -> holders--
            :: else
            fi;
            wake_is_lost = wake_is_lost | wakes[me];
            sleeps[me] = 0
        :: else
        fi;
        word = 0;
        sleeper = 0;
        has_lock = 0;
        is_dead[me] = is_killed[me]
    }
}
