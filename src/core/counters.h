/* SPDX-License-Identifier: MIT */
/* What the core counts, all in one place. Counters only rise. */
#ifndef BH_CORE_COUNTERS_H
#define BH_CORE_COUNTERS_H

#include <stdint.h>

struct bh_counters {
    uint64_t received;   /* datagrams */
    uint64_t replied;    /* datagrams */
    uint64_t ignored;    /* no packet of ours, or a REPLY */
    uint64_t malformed;  /* answered with 3, or too short to answer */
    uint64_t wrong_ids;  /* unknown id, or another host's */
    uint64_t silenced;   /* answers that a rate limit held back */
    uint64_t repeated;   /* the same request again while it runs */
    uint64_t overloaded; /* dropped for want of a request slot */
    uint64_t refused;    /* answered with an error other than 3 and 4 */
    uint64_t sessions_proven;
    uint64_t sessions_ended;
    uint64_t reads;
    uint64_t writes;
    uint64_t syncs;
};

#endif
