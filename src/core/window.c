/* SPDX-License-Identifier: MIT */
#include "core/window.h"

#include "core/hint.h"
#include "wire/protocol.h"

#include <assert.h>
#include <string.h>

#define NUMBERS_ON_WIRE 65536u

void bh_window_init(struct bh_window *window, uint8_t status[BH_WINDOW_MAX])
{
    *window = (struct bh_window){
        .seen = UINT64_MAX, /* 0 and what would lie before it */
        .status = status};
}

/* The lowest number that waits for its answer is at most UNKEPT_MAX + 1 above
 * the highest that was kept; and what is done is within W of that. */
void bh_window_restored(struct bh_window *window)
{
    window->unsure = window->highest + BH_UNKEPT_MAX + BH_WINDOW_MAX;
}

bool bh_window_unsure(const struct bh_window *window)
{
    return window->unsure != 0 &&
           window->highest < window->unsure + BH_WINDOW_MAX;
}

uint64_t bh_window_infer(const struct bh_window *window, uint16_t low)
{
    uint16_t ahead = (uint16_t)(low - (uint16_t)window->highest);

    if (ahead <= BH_WINDOW_MAX ||
        window->highest + ahead <= window->unsure + BH_WINDOW_MAX)
        return window->highest + ahead;
    if (window->highest + ahead < NUMBERS_ON_WIRE)
        return 0;
    return window->highest + ahead - NUMBERS_ON_WIRE;
}

uint64_t bh_window_widen(const struct bh_window *window, uint32_t low)
{
    return window->highest +
           (uint64_t)(int64_t)(int32_t)(low - (uint32_t)window->highest);
}

/* U: the lowest number that is not recorded. */
static uint64_t lowest_unseen(const struct bh_window *window)
{
    uint64_t unseen = ~window->seen;

    if (unseen == 0)
        return window->highest + 1;
    return window->highest - (63u - (unsigned)__builtin_clzll(unseen));
}

/* The end of what a client that is right may send. */
static uint64_t limit(const struct bh_window *window)
{
    uint64_t unseen = lowest_unseen(window);

    if (unseen > window->unsure)
        return unseen + BH_WINDOW_MAX;
    return 1 + BH_WINDOW_MAX +
           (window->highest > window->unsure ? window->highest
                                             : window->unsure);
}

enum bh_number bh_window_check(const struct bh_window *window, uint64_t number,
                               uint8_t *status)
{
    uint64_t back;

    if (number > window->highest)
        return number < limit(window) ? BH_NUMBER_NEW : BH_NUMBER_AHEAD;
    back = window->highest - number;
    if (number == 0 || back >= BH_WINDOW_MAX)
        return BH_NUMBER_OLD;
    if ((window->seen >> back & 1) == 0)
        return BH_NUMBER_NEW;
    *status = window->failed >> back & 1
                  ? window->status[number % BH_WINDOW_MAX]
                  : BH_OK;
    return BH_NUMBER_SEEN;
}

static void advance(struct bh_window *window, uint64_t highest)
{
    uint64_t step = highest - window->highest;

    if (step < BH_WINDOW_MAX) {
        window->seen <<= step;
        window->failed <<= step;
    } else {
        window->seen = window->failed = 0;
    }
    window->highest = highest;
}

BH_COLD static void record_failure(struct bh_window *window, uint64_t fresh,
                                   uint8_t status)
{
    window->failed |= fresh;
    for (uint64_t back = 0; back < BH_WINDOW_MAX; back++)
        if (fresh >> back & 1)
            window->status[(window->highest - back) % BH_WINDOW_MAX] = status;
}

void bh_window_record(struct bh_window *window, uint64_t number, uint32_t count,
                      uint8_t status)
{
    uint64_t last = number + count - 1, fresh;

    if (last > window->highest)
        advance(window, last);
    if (window->highest - last >= BH_WINDOW_MAX)
        return;
    fresh = UINT64_MAX >> (BH_WINDOW_MAX - count) << (window->highest - last);
    fresh &= ~window->seen;
    window->seen |= fresh;
    if (status != BH_OK)
        record_failure(window, fresh, status);
}
