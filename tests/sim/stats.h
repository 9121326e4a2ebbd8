/* SPDX-License-Identifier: MIT */
/* What was done and what was done to it, each with the words of the report. */
#ifndef BH_SIM_STATS_H
#define BH_SIM_STATS_H

#include <stdint.h>

#define STATS(X)                                                               \
    X(operations, "operations under faults")                                   \
    X(calm_operations, "operations in calm weather")                           \
    X(given_up, "of all these, given up by their client")                      \
    X(refused, "answered with an error")                                       \
    X(reads_checked, "sectors read and checked")                               \
    X(writes_done, "writes acknowledged")                                      \
    X(zeroed, "of them, TRIMs and ZEROs")                                      \
    X(checksums, "checksums checked")                                          \
    X(checkpoints, "CHECKPOINTs checked")                                      \
    X(times, "times checked")                                                  \
    X(flushes_checked, "flushes and disconnects checked")                      \
    X(identified, "identifications checked")                                   \
    X(sessions, "sessions proven")                                             \
    X(runs, "runs of READs")                                                   \
    X(longest, "requests of the longest session")                              \
    X(takeovers, "takeovers")                                                  \
    X(received, "datagrams to the server")                                     \
    X(replied, "datagrams from the server")                                    \
    X(lost, "datagrams lost")                                                  \
    X(doubled, "datagrams doubled")                                            \
    X(reordered, "datagrams overtaken")                                        \
    X(late, "datagrams late by seconds")                                       \
    X(clogged, "datagrams held in a clogged path")                             \
    X(partitioned, "datagrams lost in partitions")                             \
    X(damaged, "datagrams damaged, and so dropped")                            \
    X(padded, "datagrams padded")                                              \
    X(kept_back, "copies withheld from clients that do not number")            \
    X(server_down, "datagrams to a dead server")                               \
    X(kills, "kills of the server")                                            \
    X(half_calls, "of them, in the midst of a call of the core")               \
    X(half_records, "of these, in the midst of a record of the table")         \
    X(stops, "orderly stops")                                                  \
    X(power_losses, "power losses")                                            \
    X(torn, "sectors torn")                                                    \
    X(reverted, "sectors reverted by power losses")                            \
    X(jobs, "storage jobs")                                                    \
    X(slow_jobs, "storage jobs delayed")                                       \
    X(io_errors, "EIO")                                                        \
    X(no_space, "ENOSPC")                                                      \
    X(short_io, "short reads and writes")                                      \
    X(failed_syncs, "failed syncs")                                            \
    X(failed_attaches, "failed attaches")                                      \
    X(failed_lookups, "failed look-ups")                                       \
    X(reopens, "volumes reopened")                                             \
    X(holds, "media held by an administrator")                                 \
    X(still_holds, "of them, until they were still")                           \
    X(images, "of these, to have other bytes")                                 \
    X(swaps, "media put into drives or taken out")                             \
    X(ejects, "of them, by clients")                                           \
    X(failed_swaps, "SWAPs that have failed")                                  \
    X(asks, "times that a new server has asked what is in a drive")            \
    X(layers, "layers of scratch volumes")                                     \
    X(resets, "client resets")                                                 \
    X(disconnects, "disconnects")                                              \
    X(abandoned, "sessions left without a word")                               \
    X(old_connects, "old CONNECTs played again")                               \
    X(forged_connects, "forged CONNECTs")                                      \
    X(wrong_ids, "wrong ids")                                                  \
    X(stolen_ids, "ids used by other hosts")                                   \
    X(noise, "noise")                                                          \
    X(floods, "datagrams of floods")                                           \
    X(jumps, "jumps of the clock")                                             \
    X(collisions, "ids met again after a restart")                             \
    X(invariants, "looks at the core's structures")                            \
    X(phases, "phases")

struct stats {
#define FIELD(name, words) uint64_t name;
    STATS(FIELD)
#undef FIELD
};

#endif
