/* SPDX-License-Identifier: MIT */
/*
 * A COMMAND, DISCON or answer under way: one slot from the datagram's arrival
 * until its reply has been sent.
 *
 *   FREE -> PARKED      the volume is being attached, the lock handed over, or
 *                       a DISCON waits for the requests before it
 *        -> WAITING     for an earlier request that it overlaps
 *        -> RUNNING     its job is with the driver
 *        -> COMMITTING  for the next SYNC
 *        -> REPLYING -> FREE
 *
 * Any of the middle states may be skipped. In PARKED the slot is in
 * bh_volume.parked, bh_pending.request or bh_session.closing; in WAITING and
 * RUNNING in bh_volume.queue; in COMMITTING in bh_volume.commit_*; in REPLYING
 * in bh_server.sends, then with the driver.
 */
#ifndef BH_CORE_REQUEST_H
#define BH_CORE_REQUEST_H

#include "core/job.h"
#include "core/list.h"
#include "core/peer.h"
#include "wire/packet.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct bh_host;
struct bh_opcode_row;
struct bh_server;
struct bh_session;

/* The longest run of replies, and some more: at a distance of a power of two
 * the beginnings of all buffers would compete for the same few lines of the
 * caches. Of most of them only the first page is ever touched. */
#define BH_REQUEST_BUFFER_LEN (65536u + 576u)

enum bh_request_state {
    BH_REQUEST_FREE,
    BH_REQUEST_PARKED,
    BH_REQUEST_WAITING,
    BH_REQUEST_RUNNING,
    BH_REQUEST_COMMITTING,
    BH_REQUEST_REPLYING
};

struct bh_request {
    struct bh_job job;
    struct bh_link link;   /* in the ring that the state names */
    struct bh_link commit; /* in COMMITTING: a WRITE also stays in the queue */
    struct bh_link of_session;  /* in its session's ring until it is over */
    struct bh_host *host;       /* who owns the slot */
    struct bh_session *session; /* NULL: an answer without a session */
    struct bh_command command;  /* DISCON uses seq, pad and session alone */
    const struct bh_opcode_row *row; /* of a COMMAND */
    uint8_t state;                   /* enum bh_request_state */
    bool discon;                     /* a DISCON, not a COMMAND */
    bool strict;     /* of a strict session, and so is its reply */
    bool queued;     /* in bh_volume.queue */
    bool again;      /* strict: recorded before, and runs again to bring data */
    bool mute;       /* superseded: its reply is not sent */
    bool before;     /* it had come when the medium was changed */
    bool late;       /* default: not the newest of its session on arrival */
    uint8_t numbers; /* strict: that it takes */
    uint16_t count;  /* sectors */
    uint64_t number; /* strict: in full, the first of them */
    uint64_t checkpoints; /* queued: bh_server.checkpoints when it came */
    uint32_t reply_len, reply_count; /* so many replies of that length */
    uint8_t *buffer; /* BH_REQUEST_BUFFER_LEN: request, then replies */
    struct bh_path path;
};

/* A free slot, owned by `host`, or NULL: then the datagram is dropped, and the
 * client's retransmission finds a better moment. */
struct bh_request *bh_request_new(struct bh_server *server,
                                  const struct bh_path *path,
                                  struct bh_host *host);
void bh_request_free(struct bh_server *server, struct bh_request *request);

/* Queues the first `len` bytes of the buffer as the reply. */
void bh_request_reply(struct bh_server *server, struct bh_request *request,
                      uint32_t len);

/* Queues `count` replies of `len` bytes, one behind the other. */
void bh_request_reply_run(struct bh_server *server, struct bh_request *request,
                          uint32_t len, uint32_t count);

/* Bytes before the data of its reply. */
uint32_t bh_request_header_len(const struct bh_request *request);

/* Writes those bytes to the buffer, at the place of reply `i` of a run, and
 * returns their number. */
uint32_t bh_request_put_header(struct bh_request *request, uint32_t i,
                               uint8_t status);

/* Replies with a status alone. */
void bh_request_reply_status(struct bh_server *server,
                             struct bh_request *request, uint8_t status);

/* An answer that needs no request: one datagram of `len` bytes. */
void bh_reply(struct bh_server *server, const struct bh_path *path,
              const uint8_t *bytes, size_t len);

#endif
