/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a strict session: which requests have been carried out, and
 * with what status each was answered. It refuses to know what they were.
 *
 * H is the highest number that is recorded, U the lowest that is not, W the
 * window. A request's number n has 16 bits on the wire; the bits above are
 * inferred from H.
 *
 *        n <= H-W     H-W < n <= H           H < n < U+W      U+W <= n <= H+W
 *     ----------------------------------+-----------------+--------------------
 *        OLD          SEEN, or NEW if not  NEW               AHEAD
 *                     recorded
 *
 * Invariants:
 *  1. A number is recorded once, with its final status, when the request has
 *     been carried out and before its reply leaves. One that still runs is NEW.
 *  2. Everything at or below H-W is recorded, since U+W is never passed.
 *     (A server after a kill may not know of the last BH_UNKEPT_MAX READs. It
 *     lets the client go on as if it did: up to max(H, `unsure`) + W.)
 *  3. A recorded number is never NEW again. On the wire that holds for delays
 *     of less than 65,536 - W requests: up to there the inference is right.
 */
#ifndef BH_CORE_WINDOW_H
#define BH_CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define BH_WINDOW_MAX 64u /* W: one bit each in a word */
#define BH_UNKEPT_MAX 32u /* READs that the next server need not know of */

enum bh_number {
    BH_NUMBER_NEW,  /* to be carried out, unless it is being so now */
    BH_NUMBER_SEEN, /* recorded: its status is to be sent again */
    BH_NUMBER_OLD,  /* no answer: the client has had it */
    BH_NUMBER_AHEAD /* error 17 */
};

/* What changes with each request comes first: only that is stored with each
 * request (core/keep.h). */
struct bh_window {
    uint64_t highest; /* H; 0 before the first */
    uint64_t seen;    /* bit i: number H - i is recorded */
    uint64_t failed;  /* bit i: with a status that is not BH_OK */
    uint8_t *status;  /* W of them: that one, of number n at n mod W. Apart from
                         the rest, because hardly any session needs them */
    uint64_t unsure; /* restored: up to here, what is not recorded may have been
                        a READ that is done */
};

/* No number is recorded yet; the first is 1. `status` is borrowed for the
 * window's life. */
void bh_window_init(struct bh_window *window, uint8_t status[BH_WINDOW_MAX]);

/* It comes from another server, which has recorded up to BH_UNKEPT_MAX READs
 * more. */
void bh_window_restored(struct bh_window *window);

/* Whether that may still make a difference. */
bool bh_window_unsure(const struct bh_window *window);

/* The number whose low 16 bits are `low`; 0 for one that lies before the
 * first. */
uint64_t bh_window_infer(const struct bh_window *window, uint16_t low);

/* The number near H whose low 32 bits are `low`. */
uint64_t bh_window_widen(const struct bh_window *window, uint32_t low);

/* What is to be done with `number`; if it is SEEN, `*status` is its status. */
enum bh_number bh_window_check(const struct bh_window *window, uint64_t number,
                               uint8_t *status);

/* The 1 to W numbers from `number` on, none of them AHEAD, have been carried
 * out. One that is OLD or SEEN stays as it is. */
void bh_window_record(struct bh_window *window, uint64_t number, uint32_t count,
                      uint8_t status);

#endif
