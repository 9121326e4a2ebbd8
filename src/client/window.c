/* SPDX-License-Identifier: MIT */
#include "client/window.h"

#include <string.h>

static uint64_t bit(unsigned number)
{
    return (uint64_t)1 << number % BH_WINDOW_MAX;
}

void bh_window_clear(struct bh_window *window)
{
    unsigned i;

    window->open = 0;
    window->used = 0;
    window->lost = 0;
    for (i = 0; i < BH_WINDOW_MAX; i++)
        window->panes[i].used = false;
    memset(window->answered, 0, sizeof(window->answered));
}

void bh_window_take(struct bh_window *window, uint16_t number)
{
    if (window->open == 0)
        window->oldest = number;
    window->open |= bit(number);
    window->next = (uint16_t)(number + 1);
}

void bh_window_settle(struct bh_window *window, uint16_t number)
{
    window->open &= ~bit(number);
    while (window->open != 0 && (window->open & bit(window->oldest)) == 0)
        window->oldest++;
}

unsigned bh_window_room(const struct bh_window *window, unsigned width)
{
    unsigned span = (uint16_t)(window->next - window->oldest);

    if (window->open == 0)
        return width;
    return span < width ? width - span : 0;
}

struct bh_pane *bh_window_at(struct bh_window *window, unsigned number)
{
    return &window->panes[number % BH_WINDOW_MAX];
}

struct bh_pane *bh_window_use(struct bh_window *window, uint16_t number)
{
    struct bh_pane *pane = bh_window_at(window, number);

    pane->used = true;
    pane->alone = false;
    pane->in_run = false;
    pane->lost = false;
    pane->run_count = 0;
    pane->number = number;
    window->used++;
    return pane;
}

void bh_window_free(struct bh_window *window, struct bh_pane *pane)
{
    pane->used = false;
    window->used--;
    window->lost -= pane->lost;
}

void bh_window_sent(struct bh_window *window, struct bh_pane *pane)
{
    window->lost -= pane->lost;
    pane->lost = false;
    pane->stamp = ++window->stamps;
}

void bh_window_lose(struct bh_window *window, struct bh_pane *pane)
{
    window->lost += !pane->lost;
    pane->lost = true;
}

void bh_window_answered(struct bh_window *window, const struct bh_pane *pane)
{
    uint64_t stamp = pane->stamp, lower;
    unsigned i;

    for (i = 0; i < BH_WINDOW_LATER; i++) {
        if (stamp <= window->answered[i])
            continue;
        lower = window->answered[i];
        window->answered[i] = stamp;
        stamp = lower;
    }
}

bool bh_window_passed(const struct bh_window *window,
                      const struct bh_pane *pane)
{
    return pane->stamp < window->answered[BH_WINDOW_LATER - 1];
}
