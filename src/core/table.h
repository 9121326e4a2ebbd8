/* SPDX-License-Identifier: MIT */
/*
 * Memory that outlives the server: numbered slots of a few kinds, whose
 * contents a killed server leaves to the next one. Where that memory comes from
 * (a mapped file, in the daemon) and what the contents mean is not its
 * business.
 *
 * A slot is two records that are written in turn. A kill stops the program
 * between two instructions, so what was stored before is there, and at most
 * the record that was just being written is half there.
 *
 *     head | kind 0: record of slot 0, of slot 1 ...; second records | ... |
 * marks record: stamp, check, content
 *
 * The second records lie apart: of what is stored once, as is most of an idle
 * session, only the pages of the first ones are ever touched.
 *
 * A mark is a byte for each slot of kind 0, which any thread may set at any
 * time: for what must not wait until the server has time for a store.
 *
 * Invariants:
 *  1. A record's check covers its content, its stamp and its slot: neither a
 *     flipped byte nor a record from elsewhere passes.
 *  2. Stamps rise with each store, over all slots; of a slot's two records the
 *     one with the higher stamp counts.
 *  3. `storing` names the slot that is being written, and nothing else ever.
 *     Only there may a record be half written; it then counts as never stored.
 *     A bad record anywhere else means that the memory is damaged, and nothing
 *     in it is believed: the other record of that slot would be out of date.
 *  4. A mark is 0 or BH_TABLE_MARK.
 */
#ifndef BH_CORE_TABLE_H
#define BH_CORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define BH_TABLE_KINDS 8u
#define BH_TABLE_VERSION 5u /* of contents and layout */
#define BH_TABLE_MARK 0xFFu

struct bh_table_shape {
    uint32_t count; /* slots */
    uint32_t len;   /* bytes of a content, a multiple of 8 */
};

struct bh_table_head {
    uint8_t magic[8];
    uint64_t version;
    struct bh_table_shape shapes[BH_TABLE_KINDS];
    uint8_t owner[24]; /* what the server's user wants to find again */
    uint64_t check;    /* of all above */
    uint64_t storing;  /* 0, or 1 + the slot, counted over all kinds */
};

struct bh_record {
    uint64_t stamp; /* 0: never stored */
    uint64_t check;
    /* content */
};

struct bh_table {
    struct bh_table_head *head; /* NULL: nothing is kept */
    uint8_t *areas[BH_TABLE_KINDS];
    uint32_t firsts[BH_TABLE_KINDS]; /* slots of the kinds before */
    uint8_t *marks;
    uint64_t stamp; /* of the last store */
};

enum bh_table_state {
    BH_TABLE_EMPTY,   /* zero, as a new file is */
    BH_TABLE_GOOD,    /* left by a server of this version and shape */
    BH_TABLE_FOREIGN, /* of another version or shape, or no table at all */
    BH_TABLE_DAMAGED
};

/* Bytes of a table, aligned as malloc does. */
size_t bh_table_size(const struct bh_table_shape shapes[BH_TABLE_KINDS]);

/* What `memory`, of that size, holds. Changes nothing. */
enum bh_table_state
bh_table_check(const struct bh_table_shape shapes[BH_TABLE_KINDS],
               const void *memory);

/* Takes over memory that is EMPTY or GOOD, borrowed for the table's life. An
 * empty one gets `owner`, and a good one returns its own. */
void bh_table_open(struct bh_table *table,
                   const struct bh_table_shape shapes[BH_TABLE_KINDS],
                   void *memory, uint8_t owner[24]);

/* Stores a slot's content, which is aligned for 8 bytes; it is there when the
 * call returns. Does nothing if nothing is kept. */
void bh_table_store(struct bh_table *table, unsigned kind, uint32_t slot,
                    const void *content);

/* A slot's content, valid until its next store; NULL: never stored. */
const void *bh_table_find(const struct bh_table *table, unsigned kind,
                          uint32_t slot);

#endif
