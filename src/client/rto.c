/* SPDX-License-Identifier: MIT */
#include "client/rto.h"

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

void bh_rto_init(struct bh_rto *rto)
{
    rto->srtt_us = 0;
    rto->rttvar_us = 0;
    rto->least_us = 0;
    rto->line_us = 0;
    rto->rto_us = BH_RTO_INITIAL_US;
}

/* An eighth more than the line needs, for its clock and for who answers. */
static uint32_t least(const struct bh_rto *rto)
{
    return rto->line_us == 0
               ? 0
               : rto->line_us + rto->line_us / 8 + BH_RTO_LINE_MARGIN_US;
}

static uint32_t cap(const struct bh_rto *rto)
{
    return rto->line_us == 0 ? BH_RTO_CAP_US : 2 * least(rto);
}

uint32_t bh_rto_most_us(const struct bh_rto *rto)
{
    return rto->line_us == 0 ? UINT32_MAX : cap(rto);
}

void bh_rto_set_line(struct bh_rto *rto, uint32_t line_us)
{
    rto->line_us = clamp(line_us, 1, BH_RTO_LINE_MAX_US);
    rto->rto_us = clamp(rto->rto_us, least(rto), cap(rto));
}

/* RFC 6298, 2.2 and 2.3: alpha = 1/8, beta = 1/4, K = 4. A round trip above
 * the cap says no more than the cap does, and keeps the sums small. */
void bh_rto_measured(struct bh_rto *rto, uint32_t rtt_us)
{
    uint32_t deviation_us;

    rtt_us = clamp(rtt_us, 1, cap(rto));
    if (rto->least_us == 0 || rtt_us < rto->least_us)
        rto->least_us = rtt_us;
    if (rto->srtt_us == 0) {
        rto->srtt_us = rtt_us;
        rto->rttvar_us = rtt_us / 2;
    } else {
        deviation_us = rto->srtt_us > rtt_us ? rto->srtt_us - rtt_us
                                             : rtt_us - rto->srtt_us;
        rto->rttvar_us = (3 * rto->rttvar_us + deviation_us) / 4;
        rto->srtt_us = (7 * rto->srtt_us + rtt_us) / 8;
        if (rto->srtt_us == 0)
            rto->srtt_us = 1;
    }
    rto->rto_us =
        rto->srtt_us + clamp(4 * rto->rttvar_us, BH_RTO_MARGIN_US, cap(rto));
    rto->rto_us = clamp(rto->rto_us, least(rto), cap(rto));
}

void bh_rto_backed_off(struct bh_rto *rto, uint32_t wait_us)
{
    rto->rto_us = clamp(wait_us, rto->rto_us, cap(rto));
}

bool bh_rto_is_crowded(const struct bh_rto *rto)
{
    return rto->line_us == 0 && rto->srtt_us > 2 * rto->least_us + 1000u;
}
