/* SPDX-License-Identifier: MIT */
/*
 * What the clients of a torture tell: a file that all of them and the
 * orchestrator (run.py) have mapped. All fields are u64 in host order; run.py
 * reads the slots by the order of their fields.
 *
 * Invariants
 *   1. A slot is written by its client alone.
 *   2. `dead[i][w]` only rises: every value of writer w in common sector i up
 * to it has been seen overwritten. Who begins a READ afterwards must not get
 *      one of those.
 */
#ifndef BH_TORTURE_BOARD_H
#define BH_TORTURE_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_SLOTS 16
#define BOARD_COMMONS 32

struct board_slot {
    _Atomic uint64_t opened;          /* 1: the session is proven */
    _Atomic uint64_t reads;           /* answered */
    _Atomic uint64_t writes;          /* answered */
    _Atomic uint64_t others;          /* answered: FLUSH, IDENTIFY, KEEP */
    _Atomic uint64_t retransmissions; /* datagrams sent again */
    _Atomic uint64_t strays;          /* datagrams that were no answer */
    _Atomic uint64_t reconnections;
    _Atomic uint64_t verified;   /* sectors compared, answers and at the end */
    _Atomic uint64_t violations; /* of the promise */
};

struct board {
    struct board_slot slots[BOARD_SLOTS];
    _Atomic uint64_t dead[BOARD_COMMONS][BOARD_SLOTS];
};

/* The board in the file `path`, made if need be; NULL on failure. */
struct board *board_open(const char *path);

/* `*at` becomes `value` if that is more. */
void board_raise(_Atomic uint64_t *at, uint64_t value);

#endif
