/* SPDX-License-Identifier: MIT */
#include "core/window.h"

#include "wire/protocol.h"

#include <assert.h>
#include <string.h>

#define NUMBERS_ON_WIRE 65536u

void bh_window_init(struct bh_window *window)
{
    memset(window, 0, sizeof *window);
    window->seen = UINT64_MAX; /* 0 and what would lie before it */
}

uint64_t bh_window_infer(const struct bh_window *window, uint16_t low)
{
    uint16_t ahead = (uint16_t)(low - (uint16_t)window->highest);

    if (ahead <= BH_WINDOW_MAX)
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

enum bh_number bh_window_check(const struct bh_window *window, uint64_t number,
                               uint8_t *status)
{
    uint64_t back;

    if (number > window->highest)
        return number < lowest_unseen(window) + BH_WINDOW_MAX ? BH_NUMBER_NEW
                                                              : BH_NUMBER_AHEAD;
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

void bh_window_record(struct bh_window *window, uint64_t number, uint8_t status)
{
    if (number > window->highest) {
        uint64_t step = number - window->highest;

        assert(step <= BH_WINDOW_MAX);
        window->seen = step == BH_WINDOW_MAX ? 0 : window->seen << step;
        window->failed = step == BH_WINDOW_MAX ? 0 : window->failed << step;
        window->highest = number;
    }
    assert(window->highest - number < BH_WINDOW_MAX);
    window->seen |= (uint64_t)1 << (window->highest - number);
    if (status == BH_OK)
        return;
    window->failed |= (uint64_t)1 << (window->highest - number);
    window->status[number % BH_WINDOW_MAX] = status;
}
