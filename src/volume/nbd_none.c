/* SPDX-License-Identifier: MIT */
/* Instead of nbd_link.c, for a build without libnbd's header: no connection is
 * ever made. */
#include "volume/nbd_link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

int bh_nbd_link_open(const char *uri, unsigned limit_ms,
                     const atomic_bool *cancelled, struct bh_nbd_link **out,
                     char cause[BH_CAUSE_LEN])
{
    (void)uri;
    (void)limit_ms;
    (void)cancelled;
    *out = NULL;
    snprintf(cause, BH_CAUSE_LEN,
             "this server was built without libnbd (Debian: libnbd-dev)");
    return -ENOTSUP;
}

void bh_nbd_link_close(struct bh_nbd_link *link)
{
    assert(link == NULL);
}

const struct bh_nbd_info *bh_nbd_link_info(const struct bh_nbd_link *link)
{
    assert(link != NULL);
    return NULL;
}

int bh_nbd_link_fd(const struct bh_nbd_link *link)
{
    assert(link != NULL);
    return -1;
}

short bh_nbd_link_events(const struct bh_nbd_link *link)
{
    assert(link != NULL);
    return 0;
}

void bh_nbd_link_send(struct bh_nbd_link *link, struct bh_nbd_request *request,
                      bool fua)
{
    (void)request;
    (void)fua;
    assert(link != NULL);
}

int bh_nbd_link_process(struct bh_nbd_link *link, short revents,
                        char cause[BH_CAUSE_LEN])
{
    (void)revents;
    (void)cause;
    assert(link != NULL);
    return -ENOTSUP;
}

struct bh_nbd_request *bh_nbd_link_done(struct bh_nbd_link *link)
{
    assert(link != NULL);
    return NULL;
}
