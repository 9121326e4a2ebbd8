/* SPDX-License-Identifier: MIT */
#include "net/ether.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bh_ether_open(const char *interface, struct bh_ether *out)
{
    int fd;

    out->batch = NULL;
    out->out.count = 0;
    fd = bh_ether_socket(interface, NULL, &out->link);
    if (fd < 0)
        return fd;
    out->batch = calloc(1, sizeof *out->batch);
    if (out->batch != NULL)
        return 0;
    bh_ether_close(out);
    return -ENOMEM;
}

void bh_ether_close(struct bh_ether *ether)
{
    if (ether->link.fd >= 0)
        close(ether->link.fd);
    ether->link.fd = -1;
    free(ether->batch);
    ether->batch = NULL;
}

/*
 * Receiving.
 */

static void prepare(struct bh_ether_batch *batch)
{
    for (unsigned i = 0; i < BH_ETHER_BATCH; i++) {
        batch->vectors[i] =
            (struct iovec){batch->buffers[i], sizeof batch->buffers[i]};
        batch->messages[i].msg_hdr =
            (struct msghdr){.msg_name = &batch->names[i],
                            .msg_namelen = sizeof batch->names[i],
                            .msg_iov = &batch->vectors[i],
                            .msg_iovlen = 1};
    }
}

/* Our own address, or none that one machine has: forged. */
static bool is_honest(const struct bh_ether *ether,
                      const struct sockaddr_ll *name)
{
    return name->sll_halen == BH_MAC_LEN && bh_mac_is_single(name->sll_addr) &&
           memcmp(name->sll_addr, ether->link.mac, BH_MAC_LEN) != 0;
}

static void take(struct bh_ether *ether, unsigned i)
{
    struct bh_ether_batch *batch = ether->batch;
    struct bh_ether_frame *frame = &batch->of[batch->count];

    if (!is_honest(ether, &batch->names[i]))
        return;
    memcpy(frame->from, batch->names[i].sll_addr, BH_MAC_LEN);
    frame->bytes = batch->buffers[i];
    frame->len = batch->messages[i].msg_len;
    batch->count++;
}

int bh_ether_receive(struct bh_ether *ether)
{
    struct bh_ether_batch *batch = ether->batch;
    int taken;

    prepare(batch);
    batch->count = 0;
    taken = recvmmsg(ether->link.fd, batch->messages, BH_ETHER_BATCH, 0, NULL);
    if (taken < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < taken; i++)
        take(ether, (unsigned)i);
    return taken;
}

/*
 * Sending.
 */

void bh_ether_flush(struct bh_ether *ether)
{
    struct bh_ether_outbox *out = &ether->out;
    unsigned at = 0;

    while (at < out->count) {
        int done = sendmmsg(ether->link.fd, out->messages + at, out->count - at,
                            MSG_DONTWAIT);

        if (done < 0 && errno == EINTR)
            continue;
        at += done > 0 ? (unsigned)done : 1; /* one is lost */
    }
    out->count = 0;
}

static void add(struct bh_ether *ether, const struct sockaddr_ll *to,
                uint8_t *bytes, size_t len)
{
    struct bh_ether_outbox *out = &ether->out;
    unsigned i = out->count++;

    out->names[i] = *to;
    out->vectors[i] = (struct iovec){bytes, len};
    out->messages[i].msg_hdr = (struct msghdr){.msg_name = &out->names[i],
                                               .msg_namelen = sizeof *to,
                                               .msg_iov = &out->vectors[i],
                                               .msg_iovlen = 1};
    if (out->count == BH_ETHER_BATCH)
        bh_ether_flush(ether);
}

void bh_ether_send(struct bh_ether *ether, const uint8_t to[BH_MAC_LEN],
                   uint8_t *bytes, size_t len, unsigned count)
{
    const struct sockaddr_ll name = bh_ether_name(&ether->link, to);

    for (; count > 0; count--, bytes += len)
        add(ether, &name, bytes, len);
}
