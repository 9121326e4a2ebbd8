/* SPDX-License-Identifier: MIT */
/* A medium on an NBD server: for its two files, nbd.c that opens it and
 * nbd_drive.c that does its jobs, and for nobody else. */
#ifndef BH_VOLUME_NBD_INTERNAL_H
#define BH_VOLUME_NBD_INTERNAL_H

#include "volume/nbd.h"
#include "volume/nbd_dial.h"

#define BH_NBD_CONNECT_MS 5000u /* for TCP, TLS and negotiation */

struct bh_nbd {
    struct bh_medium medium; /* first: the medium is this */
    char *uri;
    struct bh_nbd_info info; /* when it was opened */
    uint64_t first;          /* byte of the export where the volume begins */
    uint64_t timeout_ms;
    unsigned second_ms;
    bool alone;         /* that it admits one connection has been seen */
    atomic_bool writer; /* it is locked for writing */

    bh_nbd_finished *finished;
    bh_nbd_news *news;
    void *context;

    struct bh_nbd_queue queue;
    struct bh_nbd_link *link; /* NULL: not connected */
    struct bh_nbd_dial *dial; /* NULL: no attempt is under way */
    uint64_t lost_ms, retry_ms, pause_ms;
    char cause[BH_CAUSE_LEN]; /* why it is not connected */
    int epoll, wake;
    uint32_t watched; /* events of the link's descriptor */
    struct bh_job *leaving;
    uint64_t leave_ms;
    bool stopping;
};

#endif
