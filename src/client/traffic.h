/* SPDX-License-Identifier: MIT */
/*
 * What of a disk's requests is sent when, in a session that is open: sectors
 * get numbers, neighbours leave together, what is lost leaves again, and
 * answers find their requests. It refuses to know how sessions are won.
 *
 * Invariants
 *   1. No more panes are in the air than the pace allows, but for a run that
 *      has to leave again and is alone. One that is lost is not in the air, and
 *      leaves before anything new does.
 *   2. READs of neighbouring sectors that leave together are one READ_RUN where
 *      the server knows that. Each has its number and its pane as if it had
 *      left alone, and leaves alone if it has to leave again; but for a run of
 *      which nothing at all has come: that leaves again as it was.
 *   3. An error that came to a number of a run says nothing of a single sector:
 *      it is read again alone, under a new number.
 *   4. No sector waits in `again` for a number while a new one begins: in
 *      `again` and in panes together are never more than a window's.
 */
#ifndef BH_CLIENT_TRAFFIC_H
#define BH_CLIENT_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "client/window.h"

struct bh_disk;
struct bh_request;

/* A sector that has lost its number. */
struct bh_sector {
    uint8_t slot; /* of its request */
    bool alone;   /* not to be part of a run */
    uint32_t at;
};

/* The number of a request of this session. */
uint16_t bh_traffic_number(const struct bh_tiny *tiny);

/* Begins what waits and may be sent. */
void bh_traffic_send(struct bh_disk *disk, uint64_t now_us);

/* Begins a request that has but one number, whatever the pace says. */
void bh_traffic_send_one(struct bh_disk *disk, struct bh_request *request,
                         uint64_t now_us);

/* Sends again what is lost. */
void bh_traffic_repeat(struct bh_disk *disk, uint64_t now_us);

/* The pane that the path's last datagram is for; NULL: none. If its exchange
 * still runs the server is busy; else that was the answer. */
struct bh_pane *bh_traffic_received(struct bh_disk *disk, uint64_t now_us);

/* Takes that answer, of whatever status but 4. */
void bh_traffic_answered(struct bh_disk *disk, struct bh_pane *pane,
                         uint64_t now_us);

/* The session is gone: what is under way wants new numbers. */
void bh_traffic_recall(struct bh_disk *disk);

/* The request is over. Panes of it that are in use are given up. */
void bh_traffic_end(struct bh_disk *disk, struct bh_request *request,
                    int result, uint8_t status, const char *why);

/* Ends what the path has turned out to be unable to carry. */
void bh_traffic_drop_too_long(struct bh_disk *disk);

/* Milliseconds until bh_traffic_repeat() has something to do. */
uint64_t bh_traffic_wait_ms(const struct bh_disk *disk, uint64_t now_us);

#endif
