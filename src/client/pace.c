/* SPDX-License-Identifier: MIT */
#include "client/pace.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void bh_pace_init(struct bh_pace *pace, unsigned window)
{
    pace->window = window;
    pace->allowed = least(window, BH_PACE_INITIAL);
    pace->threshold = UINT32_MAX;
    pace->answers = 0;
    pace->outcomes = 0;
    pace->lost = 0;
    pace->halvings = 0;
}

void bh_pace_set_window(struct bh_pace *pace, unsigned window)
{
    pace->window = window;
    pace->allowed = least(window, pace->allowed);
}

static void count(struct bh_pace *pace, unsigned lost)
{
    if (pace->outcomes >= pace->allowed) {
        pace->outcomes = 0;
        pace->lost = 0;
    }
    pace->outcomes++;
    pace->lost += lost;
}

void bh_pace_answered(struct bh_pace *pace)
{
    count(pace, 0);
    if (pace->allowed >= pace->window)
        return;
    if (pace->allowed >= pace->threshold && ++pace->answers < pace->allowed)
        return;
    pace->answers = 0;
    pace->allowed++;
}

void bh_pace_lost(struct bh_pace *pace, uint32_t halvings, bool crowded)
{
    if (halvings != pace->halvings)
        return;
    count(pace, 1);
    if (!crowded && pace->lost * 4 <= pace->allowed)
        return;
    pace->halvings++;
    pace->answers = 0;
    pace->outcomes = 0;
    pace->lost = 0;
    pace->allowed = pace->allowed > 1 ? pace->allowed / 2 : 1;
    pace->threshold = pace->allowed;
}
