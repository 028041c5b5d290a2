/*
 * file_table.h - what each leaf holds, so that nobody has to list folders to know.
 *
 *     magic 8 | format 8 | max_items 8 | max_bytes 8 | zeros 24 | check 8, then of each leaf
 *     state 8 | items 8 | bytes 8 | evictions 8 | expiries 8 | check 8
 *
 * A leaf's record is written by who holds its lock. Before he changes what the leaf holds he makes
 * it dirty, with as much as there can be at most; afterwards clean, with what there is. So a dirty
 * record whose lock is free is one of a dead process: the leaf is counted anew.
 *
 * Records are read without the lock, by those who add them up. One that is just being written fails
 * its check and is read again.
 */
#ifndef JAYI_FILE_TABLE_H
#define JAYI_FILE_TABLE_H

#include "backends/file/file_dir.h"

enum jayi_leaf_state {
    JAYI_LEAF_CLEAN,
    JAYI_LEAF_DIRTY,  /* being changed; holds no more than this */
    JAYI_LEAF_UNKNOWN /* the record is damaged, or of a leaf that nobody has counted */
};

typedef struct jayi_leaf_record {
    enum jayi_leaf_state state;
    uint64_t items;
    uint64_t bytes; /* of all files in whole blocks, that of the spare included */
    uint64_t evictions;
    uint64_t expiries;
} jayi_leaf_record;

typedef struct jayi_table {
    uint64_t max_items; /* 0: no limit */
    uint64_t max_bytes;
    uint64_t items; /* the sums */
    uint64_t bytes;
    uint64_t evictions;
    uint64_t expiries;
    uint32_t dirty; /* leaves that are dirty or unknown */
    uint32_t unknown;
    jayi_leaf_record leaves[JAYI_LEAVES];
} jayi_table;

/* Writes a whole table into an open file. 0, or -1 and errno. */
int jayi_table_format(int fd, uint64_t max_items, uint64_t max_bytes, enum jayi_leaf_state state);

/* Reads the limits; false: the file holds no whole table. */
bool jayi_table_limits(int fd, uint64_t *ret_max_items, uint64_t *ret_max_bytes);

/* Changes the limits. 0, or -1 and errno. */
int jayi_table_set_limits(int fd, uint64_t max_items, uint64_t max_bytes);

/* Reads and adds up everything. */
int jayi_table_load(const jayi_dir *dir, jayi_table *ret_table, jay_error *error);

/* Reads and writes a leaf's record. */
int jayi_table_read(const jayi_dir *dir, uint32_t leaf, jayi_leaf_record *ret_record,
                    jay_error *error);
int jayi_table_write(const jayi_dir *dir, uint32_t leaf, const jayi_leaf_record *record,
                     jay_error *error);

#endif
