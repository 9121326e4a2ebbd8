/* SPDX-License-Identifier: MIT */
/*
 * Unix datagram sockets for a server: requests from programs of this machine,
 * each with the user that the kernel says it comes from. An answer goes to the
 * name that the sender has bound; the kernel gives one to who asks for none in
 * particular (autobind, unix(7)).
 */
#ifndef BH_NET_LOCAL_H
#define BH_NET_LOCAL_H

#include "net/socket_file.h"
#include "wire/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define BH_LOCAL_BATCH 16u

/* Who can be answered: the longest name, in the abstract name space (then its
 * first byte is 0) or a path without its NUL. */
#define BH_LOCAL_NAME_LEN 50u

struct bh_local_name {
    uint8_t len; /* 0: it has none that could be answered */
    uint8_t bytes[BH_LOCAL_NAME_LEN];
};

struct bh_local_datagram {
    struct bh_local_name from;
    bool nameless; /* the sender has bound nothing; else its name is too long,
                      or a path that is relative or another user's */
    uint32_t user;
    uint8_t *bytes;
    size_t len;
};

/* Room for one batch to receive. */
struct bh_local_batch {
    struct bh_local_datagram of[BH_LOCAL_BATCH];
    unsigned count;
    struct mmsghdr messages[BH_LOCAL_BATCH];
    struct iovec vectors[BH_LOCAL_BATCH];
    struct sockaddr_un names[BH_LOCAL_BATCH];
    _Alignas(struct cmsghdr)
        uint8_t control[BH_LOCAL_BATCH][CMSG_SPACE(sizeof(struct ucred))];
    uint8_t buffers[BH_LOCAL_BATCH][BH_DATAGRAM_MAX_LEN];
};

struct bh_local {
    struct bh_socket_file file;
    struct bh_local_batch *batch; /* owned */
};

/* As bh_socket_file_bind(), or -ENOMEM. */
int bh_local_open(struct bh_local *local, const char *path, mode_t mode);
void bh_local_close(struct bh_local *local);

/* Takes what has arrived, without waiting, into batch->of[0..count-1]; how many
 * messages were taken, or a negative errno value. */
int bh_local_receive(struct bh_local *local);

/* Sends `count` datagrams of `len` bytes, one behind the other. What the peer
 * has no room for is lost. */
void bh_local_send(const struct bh_local *local, const struct bh_local_name *to,
                   uint8_t *bytes, size_t len, unsigned count);

#endif
