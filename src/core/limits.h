/* SPDX-License-Identifier: MIT */
/* Every limit and time of the core, with its reason. */
#ifndef BH_CORE_LIMITS_H
#define BH_CORE_LIMITS_H

/* Sessions: ids have 16 bits, and half of them stay free or in quarantine. */
#define BH_SESSIONS_MIN 16u
#define BH_SESSIONS_DEFAULT 256u
#define BH_SESSIONS_MAX 32768u

/* Ids rest in quarantine when a session has ended, so a host gets no more
 * sessions in a while than leave ids for others: at most 19,456 of 65,535. */
#define BH_SESSION_BURST 4096u
#define BH_SESSION_INTERVAL_MS 8u

/* Pending sessions own nothing, so they have no time-out, only a number. */
#define BH_PENDING_MAX 1024u
#define BH_PENDING_PER_HOST 16u
#define BH_PENDING_WRONG_IDS                                                   \
    32u /* wrong guesses that a pending one outlives                           \
         */

/* A closed id keeps answering repeated DISCONs and is not given out again for
 * longer than any datagram lives in a network. */
#define BH_QUARANTINE_MS 120000u

/* Requests under way. A host gets half of them at most. */
#define BH_REQUESTS_DEFAULT 1024u
#define BH_REQUESTS_MIN 64u

/* Name look-ups under way, in all and per host: a storm of CONNECTs must not
 * fill the thread pool. */
#define BH_LOOKUPS_MAX 32u
#define BH_LOOKUPS_PER_HOST 4u

/* Sessions on virtual volumes, which are made in memory for each of them. One
 * more, and the longest idle of the host that holds most ends. */
#define BH_VIRTUAL_MAX 16u

/* Volumes that are remembered beyond those that sessions name, pending ones
 * among them, for their change counters. */
#define BH_VOLUMES_SPARE 64u

/* A WRITE starts to become stable within 1 s of its answer; the rest of that
 * second is for timers that come late. */
#define BH_SYNC_DELAY_MS 800u

/* How long a holder must be silent before it yields to another port of its
 * own host: a machine that was reset, against several behind one address. */
#define BH_SILENCE_MS 3000u
#define BH_SILENCE_CROWDED_MS 30000u
#define BH_IDLE_DEFAULT_MS 1800000u

/* Replies that an unproven peer can provoke: `burst`, then one an interval. */
#define BH_KEEP_BURST 5u
#define BH_KEEP_INTERVAL_MS 1000u
#define BH_WRONG_ID_BURST 5u
#define BH_WRONG_ID_INTERVAL_MS 50u

/* Hosts remembered for these rates beyond those that own something. */
#define BH_HOSTS_SPARE 1024u

#define BH_RANDOM_POOL_LEN 1024u /* bytes: 512 ids between two refills */
#define BH_EVENTS_MAX 256u

/* What IDENTIFY says beside the volume's facts. */
#define BH_HEAVY_LEN 65536u

/* A strict session that was not heard for so long yields to anyone. */
#define BH_LEASE_MS 30000u

/* A default session counts after so many requests in a row, each one more. If
 * it then sends an old number for so long, and nothing newer, it has lost
 * count. */
#define BH_COUNTING_RUN 8u
#define BH_COUNTING_LOST_MS 5000u

#endif
