/*
 * store_buffer.pml - memory as other processors see it, for the models beside it.
 *
 * Spin interleaves whole steps, as if every store were seen by all at once. Real stores wait in the
 * processor that made them. Here one writer at a time (whoever has a shard's lock) puts its stores
 * into a buffer, and the process `processor` lets them out:
 *
 *     without WEAK   first in, first out: x86-64
 *     with WEAK      in any order, except that stores to one cell keep theirs, and a release
 *                    store waits for all that came before it: arm64, and what C11 promises
 *
 * A fence, and the release of a lock, wait until the buffer is empty. What a reader loads it loads
 * from `cell`; loads that nothing keeps in order are written out as a choice in the model.
 *
 * A store can carry a note: the moment it is seen by all is when the operation it belongs to
 * happens. The model says what that means in NOTICE(note), CHANGED() follows every store.
 *
 * The model defines CELLS, what is in them AT_FIRST, and BUFFER (the most stores that wait) before
 * it includes this.
 */
#define RELAXED 0
#define RELEASE 1

byte cell[CELLS] = { AT_FIRST };
byte buffer_cell[BUFFER];
byte buffer_value[BUFFER];
bit buffer_order[BUFFER];
byte buffer_note[BUFFER];
byte waiting;

inline store_noted(where, what, order, note) {
    atomic {
        waiting < BUFFER -> /* a full buffer makes the processor wait */
        buffer_cell[waiting] = where;
        buffer_value[waiting] = what;
        buffer_order[waiting] = order;
        buffer_note[waiting] = note;
        waiting++;
    }
}

inline store(where, what, order) {
    store_noted(where, what, order, 0)
}

inline fence() {
    waiting == 0
}

active proctype processor() {
    byte pick, other;
    bit may_go;
end:
    do
    :: atomic {
           waiting > 0 ->
           pick = 0;
#ifdef WEAK
           do
           :: pick + 1 < waiting -> pick++
           :: break
           od;
#endif
           d_step {
               may_go = 1;
               other = 0;
               do
               :: other < pick ->
                   if
                   :: buffer_order[pick] == RELEASE || buffer_cell[other] == buffer_cell[pick] ->
                       may_go = 0
                   :: else
                   fi;
                   other++
               :: else -> break
               od;
               if
               :: may_go ->
                   cell[buffer_cell[pick]] = buffer_value[pick];
                   NOTICE(buffer_note[pick]);
                   do
                   :: pick + 1 < waiting ->
                       buffer_cell[pick] = buffer_cell[pick + 1];
                       buffer_value[pick] = buffer_value[pick + 1];
                       buffer_order[pick] = buffer_order[pick + 1];
                       buffer_note[pick] = buffer_note[pick + 1];
                       pick++
                   :: else -> break
                   od;
                   waiting--;
                   buffer_cell[waiting] = 0;
                   buffer_value[waiting] = 0;
                   buffer_order[waiting] = 0;
                   buffer_note[waiting] = 0;
                   CHANGED()
               :: else
               fi;
               pick = 0;
               other = 0;
               may_go = 0
           }
       }
    od
}
