/* SPDX-License-Identifier: MIT */
/*
 * One connection to an NBD server, over libnbd, which is loaded when the first
 * is made. Where it is not installed, or was not there when this was built,
 * making one fails with a sentence that says so.
 *
 * Threads: a link belongs to one thread at a time.
 */
#ifndef BH_VOLUME_NBD_LINK_H
#define BH_VOLUME_NBD_LINK_H

#include "volume/medium.h"
#include "volume/nbd_queue.h"

#include <stdatomic.h>

struct bh_nbd_link;

/* What the server says of the export. */
struct bh_nbd_info {
    uint64_t size;
    uint32_t block;   /* its requests are whole ones of these, a power of two */
    uint32_t longest; /* bytes that it takes at once */
    uint32_t took_ms; /* to connect */
    bool read_only, can_flush, can_fua, can_zero;
};

/* Connects, in at most `limit_ms`, or until `*cancelled` is set, which may be
 * NULL. (The resolver may take longer.) -ENOTSUP: there is no libnbd. */
int bh_nbd_link_open(const char *uri, unsigned limit_ms,
                     const atomic_bool *cancelled, struct bh_nbd_link **out,
                     char cause[BH_CAUSE_LEN]);

/* Takes leave of the server, without waiting for it. Requests under way are
 * forgotten. */
void bh_nbd_link_close(struct bh_nbd_link *link);

const struct bh_nbd_info *bh_nbd_link_info(const struct bh_nbd_link *link);

/* What to poll() it for; the events change with what is done. */
int bh_nbd_link_fd(const struct bh_nbd_link *link);
short bh_nbd_link_events(const struct bh_nbd_link *link);

/* Begins a request, which stays where it is until it is done. `fua`: a change
 * is to be stable when it is answered. */
void bh_nbd_link_send(struct bh_nbd_link *link, struct bh_nbd_request *request,
                      bool fua);

/* Does what can be done without waiting. Then there may be requests done; an
 * error means that the connection is lost, said in `cause`, and that what is
 * not done never will be. */
int bh_nbd_link_process(struct bh_nbd_link *link, short revents,
                        char cause[BH_CAUSE_LEN]);

/* A request that is done, with its `error`; NULL: none. */
struct bh_nbd_request *bh_nbd_link_done(struct bh_nbd_link *link);

#endif
