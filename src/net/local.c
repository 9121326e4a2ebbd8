/* SPDX-License-Identifier: MIT */
#include "net/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_NAME offsetof(struct sockaddr_un, sun_path)
#define SEND_BATCH 64u
#define SOCKET_BUFFER_LEN (4 << 20)

int bh_local_open(struct bh_local *local, const char *path, mode_t mode)
{
    int on = 1, len = SOCKET_BUFFER_LEN, error;

    local->batch = calloc(1, sizeof *local->batch);
    if (local->batch == NULL)
        return -ENOMEM;
    error = bh_socket_file_bind(&local->file, path, SOCK_DGRAM, mode);
    if (error == 0 && setsockopt(local->file.fd, SOL_SOCKET, SO_PASSCRED, &on,
                                 sizeof on) != 0)
        error = -errno;
    if (error != 0) {
        bh_local_close(local);
        return error;
    }
    (void)setsockopt(local->file.fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
    return 0;
}

void bh_local_close(struct bh_local *local)
{
    bh_socket_file_close(&local->file);
    free(local->batch);
    local->batch = NULL;
}

/*
 * Receiving.
 */

static void prepare(struct bh_local_batch *batch)
{
    for (unsigned i = 0; i < BH_LOCAL_BATCH; i++) {
        batch->vectors[i] =
            (struct iovec){batch->buffers[i], sizeof batch->buffers[i]};
        batch->messages[i].msg_hdr =
            (struct msghdr){.msg_name = &batch->names[i],
                            .msg_namelen = sizeof batch->names[i],
                            .msg_iov = &batch->vectors[i],
                            .msg_iovlen = 1,
                            .msg_control = batch->control[i],
                            .msg_controllen = sizeof batch->control[i]};
    }
}

/* The kernel gives a path with its NUL, if there is room for it. A relative one
 * is the sender's: here it may be another socket's. So may another user's be,
 * by a link that he puts there later: we may write where he may not. */
static void read_name(const struct msghdr *header,
                      struct bh_local_datagram *out)
{
    const struct sockaddr_un *name = header->msg_name;
    size_t len =
        header->msg_namelen > AT_NAME ? header->msg_namelen - AT_NAME : 0;
    bool is_path = len > 0 && name->sun_path[0] != 0;
    bool is_safe = name->sun_path[0] == '/' && out->user == geteuid();

    if (is_path)
        len = strnlen(name->sun_path, len);
    out->nameless = len == 0;
    out->from.len = 0;
    if (len <= BH_LOCAL_NAME_LEN && (!is_path || is_safe))
        out->from.len = (uint8_t)len;
    memcpy(out->from.bytes, name->sun_path, out->from.len);
}

/* The sender cannot choose it. */
static bool read_user(struct msghdr *header, uint32_t *user)
{
    struct cmsghdr *at = CMSG_FIRSTHDR(header);
    struct ucred who;

    if (at == NULL || at->cmsg_level != SOL_SOCKET ||
        at->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(&who, CMSG_DATA(at), sizeof who);
    *user = who.uid;
    return true;
}

int bh_local_receive(struct bh_local *local)
{
    struct bh_local_batch *batch = local->batch;
    int taken;

    prepare(batch);
    batch->count = 0;
    taken = recvmmsg(local->file.fd, batch->messages, BH_LOCAL_BATCH, 0, NULL);
    if (taken < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < taken; i++) {
        struct bh_local_datagram *at = &batch->of[batch->count];
        struct msghdr *header = &batch->messages[i].msg_hdr;

        if (!read_user(header, &at->user))
            continue;
        read_name(header, at);
        at->bytes = batch->buffers[i];
        at->len = batch->messages[i].msg_len;
        batch->count++;
    }
    return taken;
}

/*
 * Sending.
 */

static void send_all(int fd, struct mmsghdr *messages, unsigned count)
{
    unsigned at = 0;

    while (at < count) {
        int done = sendmmsg(fd, messages + at, count - at, MSG_DONTWAIT);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* it has no room, or is gone: so it is for the others */
        at += (unsigned)done;
    }
}

void bh_local_send(const struct bh_local *local, const struct bh_local_name *to,
                   uint8_t *bytes, size_t len, unsigned count)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct mmsghdr messages[SEND_BATCH];
    struct iovec vectors[SEND_BATCH];
    unsigned used = 0;

    memcpy(name.sun_path, to->bytes, to->len);
    for (; count > 0; count--, bytes += len) {
        vectors[used] = (struct iovec){bytes, len};
        messages[used].msg_hdr =
            (struct msghdr){.msg_name = &name,
                            .msg_namelen = (socklen_t)(AT_NAME + to->len),
                            .msg_iov = &vectors[used],
                            .msg_iovlen = 1};
        if (++used == SEND_BATCH || count == 1) {
            send_all(local->file.fd, messages, used);
            used = 0;
        }
    }
}
