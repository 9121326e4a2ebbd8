/* SPDX-License-Identifier: MIT */
#include "client/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/segments.h"

void bh_outbox_start(struct bh_outbox *outbox, int fd)
{
    outbox->count = 0;
    outbox->to = NULL;
    outbox->to_len = 0;
    outbox->segments = bh_segments_known(fd);
}

struct bh_outgoing *bh_outbox_add(struct bh_outbox *outbox)
{
    if (outbox->count == BH_OUTBOX_MAX)
        return NULL;
    return &outbox->of[outbox->count++];
}

/* What one sendmmsg() takes: messages, each of one or more datagrams. */
struct batch {
    unsigned count;
    struct mmsghdr messages[BH_OUTBOX_MAX];
    unsigned datagrams[BH_OUTBOX_MAX]; /* in each message */
    struct iovec pieces[2 * BH_OUTBOX_MAX];
    _Alignas(struct cmsghdr) uint8_t control[BH_OUTBOX_MAX][BH_SEGMENTS_SPACE];
};

static size_t len_of(const struct bh_outgoing *datagram)
{
    return datagram->head_len + datagram->body_len;
}

/* How many from `first` on are one message: of one length, but for the last. */
static unsigned alike(const struct bh_outbox *outbox, unsigned first)
{
    size_t len = len_of(&outbox->of[first]), total = len, next;
    unsigned count = 1;

    if (!outbox->segments)
        return 1;
    while (first + count < outbox->count && count < BH_SEGMENTS_MAX) {
        next = len_of(&outbox->of[first + count]);
        if (next > len || total + next > BH_SEGMENTS_LEN_MAX)
            break;
        total += next;
        count++;
        if (next < len)
            break;
    }
    return count;
}

static void add_message(struct batch *batch, struct bh_outbox *outbox,
                        unsigned first, unsigned count)
{
    struct msghdr *header = &batch->messages[batch->count].msg_hdr;
    struct iovec *piece = &batch->pieces[(size_t)2 * first];
    unsigned i;

    *header = (struct msghdr){.msg_name = (void *)(uintptr_t)outbox->to,
                              .msg_namelen = outbox->to_len,
                              .msg_iov = piece,
                              .msg_iovlen = (size_t)2 * count};
    for (i = first; i < first + count; i++) {
        struct bh_outgoing *it = &outbox->of[i];

        *piece++ = (struct iovec){it->head, it->head_len};
        *piece++ = (struct iovec){(void *)(uintptr_t)it->body, it->body_len};
    }
    if (count > 1) {
        header->msg_control = batch->control[batch->count];
        bh_segments_put(header, (uint16_t)len_of(&outbox->of[first]));
    }
    batch->datagrams[batch->count++] = count;
}

static void fill(struct batch *batch, struct bh_outbox *outbox, unsigned first,
                 bool one_by_one)
{
    unsigned count;

    batch->count = 0;
    for (; first < outbox->count; first += count) {
        count = one_by_one ? 1 : alike(outbox, first);
        add_message(batch, outbox, first, count);
    }
}

static unsigned sum(const unsigned *numbers, int count)
{
    unsigned total = 0;

    while (count-- > 0)
        total += *numbers++;
    return total;
}

/* How often a message is tried: the first call may only report what an earlier
 * datagram met, and then nothing has left. */
#define TRIES 2

/* The first message of `batch`, at `first`, did not leave. How many datagrams
 * are done with. */
static unsigned fail(struct bh_outbox *outbox, const struct batch *batch,
                     unsigned first, int error, int *tries)
{
    struct bh_outgoing *datagram = &outbox->of[first];
    unsigned count = batch->datagrams[0];

    if (error == EMSGSIZE && count == 1 && datagram->too_long != NULL)
        *datagram->too_long = outbox->too_long = true;
    else if (error == EINTR || --*tries > 0)
        return 0;
    *tries = TRIES;
    return count;
}

int bh_outbox_send(struct bh_outbox *outbox, int fd)
{
    struct batch batch;
    bool one_by_one = false;
    unsigned at = 0;
    int tries = TRIES, trouble = 0, sent;

    while (at < outbox->count) {
        fill(&batch, outbox, at, one_by_one);
        sent = sendmmsg(fd, batch.messages, batch.count, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sum(batch.datagrams, sent);
            tries = TRIES;
        } else if (errno == EMSGSIZE && batch.datagrams[0] > 1) {
            one_by_one = true; /* which of them? */
        } else if (bh_segments_refused(errno) && batch.datagrams[0] > 1) {
            outbox->segments = false;
        } else {
            trouble = -errno;
            at += fail(outbox, &batch, at, errno, &tries);
        }
    }
    outbox->count = 0;
    return trouble;
}
