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
    pace->round = 0;
}

void bh_pace_set_window(struct bh_pace *pace, unsigned window)
{
    pace->window = window;
    pace->allowed = least(window, pace->allowed);
}

void bh_pace_answered(struct bh_pace *pace)
{
    if (pace->allowed >= pace->window)
        return;
    if (pace->allowed >= pace->threshold && ++pace->answers < pace->allowed)
        return;
    pace->answers = 0;
    pace->allowed++;
}

void bh_pace_timed_out(struct bh_pace *pace, uint32_t round)
{
    if (round != pace->round)
        return;
    pace->round++;
    pace->answers = 0;
    pace->allowed = pace->allowed > 1 ? pace->allowed / 2 : 1;
    pace->threshold = pace->allowed;
}
