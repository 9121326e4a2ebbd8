/* SPDX-License-Identifier: MIT */
#include "client/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/segments.h"

#define MESSAGES 32u

struct bh_inbox {
    unsigned count; /* messages that were received */
    unsigned at;    /* the one that is being handed out ... */
    size_t offset;  /* ... from here on ... */
    size_t step;    /* ... in datagrams of this length */
    bool dry;       /* the last call took all that was there */
    struct mmsghdr messages[MESSAGES];
    struct iovec pieces[MESSAGES];
    _Alignas(struct cmsghdr) uint8_t control[MESSAGES][BH_SEGMENTS_SPACE];
    uint8_t bytes[MESSAGES][BH_SEGMENTS_MERGED_MAX + BH_INBOX_SLACK];
};

struct bh_inbox *bh_inbox_new(void)
{
    return calloc(1, sizeof(struct bh_inbox));
}

void bh_inbox_free(struct bh_inbox *inbox)
{
    free(inbox);
}

void bh_inbox_start(struct bh_inbox *inbox, int fd)
{
    inbox->count = 0;
    inbox->at = 0;
    inbox->dry = false;
    (void)bh_segments_merge(fd); /* if not, they come one by one */
}

static void open_message(struct bh_inbox *inbox, unsigned at)
{
    const struct mmsghdr *message = &inbox->messages[at];

    inbox->at = at;
    inbox->offset = 0;
    if (at == inbox->count)
        return;
    inbox->step = bh_segments_get(&message->msg_hdr);
    if (inbox->step == 0)
        inbox->step = message->msg_len;
}

static int refill(struct bh_inbox *inbox, int fd)
{
    int count;
    unsigned i;

    for (i = 0; i < MESSAGES; i++) {
        inbox->pieces[i] =
            (struct iovec){inbox->bytes[i], BH_SEGMENTS_MERGED_MAX};
        inbox->messages[i].msg_hdr =
            (struct msghdr){.msg_iov = &inbox->pieces[i],
                            .msg_iovlen = 1,
                            .msg_control = inbox->control[i],
                            .msg_controllen = sizeof(inbox->control[i])};
    }
    do {
        count = recvmmsg(fd, inbox->messages, MESSAGES, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    inbox->count = (unsigned)count;
    inbox->dry = inbox->count < MESSAGES;
    open_message(inbox, 0);
    return 0;
}

bool bh_inbox_holds(const struct bh_inbox *inbox)
{
    return inbox->at < inbox->count;
}

long bh_inbox_next(struct bh_inbox *inbox, int fd, const uint8_t **bytes)
{
    size_t len;
    int rc;

    if (!bh_inbox_holds(inbox)) {
        rc = inbox->dry ? -EAGAIN : refill(inbox, fd);
        inbox->dry = inbox->dry && rc == 0;
        if (rc < 0)
            return rc;
    }
    len = inbox->messages[inbox->at].msg_len - inbox->offset;
    if (len > inbox->step)
        len = inbox->step;
    *bytes = inbox->bytes[inbox->at] + inbox->offset;
    inbox->offset += len;
    if (inbox->offset >= inbox->messages[inbox->at].msg_len)
        open_message(inbox, inbox->at + 1);
    return (long)len;
}
