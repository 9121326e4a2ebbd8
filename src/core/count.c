/* SPDX-License-Identifier: MIT */
#include "core/count.h"

#include "core/limits.h"

void bh_count_init(struct bh_count *count, uint8_t seq)
{
    *count = (struct bh_count){.highest = seq};
}

static bool counts(const struct bh_count *count)
{
    return !count->naive && count->run >= BH_COUNTING_RUN;
}

/* A late copy, or a client that has lost count and waits for an answer. */
static enum bh_count_verdict old_number(struct bh_count *count, uint8_t seq,
                                        bool changes, uint64_t now)
{
    if (!count->lagging || count->old != seq) {
        count->lagging = true;
        count->old = seq;
        count->old_since_ms = now;
    } else if (now - count->old_since_ms >= BH_COUNTING_LOST_MS) {
        return BH_COUNT_LOST;
    }
    return changes ? BH_COUNT_DROP : BH_COUNT_RUN;
}

enum bh_count_verdict bh_count_check(struct bh_count *count, uint8_t seq,
                                     bool changes, bool unanswered,
                                     uint64_t now)
{
    uint8_t step = (uint8_t)(seq - count->highest);

    if (step >= 128 && counts(count))
        return old_number(count, seq, changes, now);
    if (step == 1 && counts(count) && !unanswered && !count->lagging) {
        count->highest = seq;
        return BH_COUNT_NEXT;
    }
    if (step == 0) {
        count->lagging = false;
        return BH_COUNT_RUN;
    }
    if (unanswered)
        count->naive = true;
    if (!counts(count))
        count->run = step == 1 ? (uint8_t)(count->run + 1) : 0;
    count->highest = seq;
    count->lagging = false;
    return BH_COUNT_RUN;
}
