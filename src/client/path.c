/* SPDX-License-Identifier: MIT */
#include "client/path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/resolve.h"
#include "client/socket.h"

void bh_path_init(struct bh_path *path)
{
    memset(path, 0, sizeof(*path));
    path->fd = -1;
    bh_rto_init(&path->rto);
}

void bh_path_close(struct bh_path *path)
{
    if (path->fd >= 0)
        close(path->fd);
    path->fd = -1;
}

int bh_path_move(struct bh_path *path)
{
    size_t tried;
    int fd = -EHOSTUNREACH;

    for (tried = 0; tried < path->peer_count; tried++) {
        path->peer_at = (path->peer_at + 1) % path->peer_count;
        fd = bh_socket_open(&path->peers[path->peer_at]);
        if (fd >= 0) {
            bh_path_close(path);
            path->fd = fd;
            return 0;
        }
        path->trouble = -fd;
    }
    return fd;
}

int bh_path_open(struct bh_path *path, const char *host, uint16_t port,
                 const char **why)
{
    int count = bh_resolve(host, port, path->peers, BH_PATH_PEERS_MAX, why);

    if (count < 0)
        return count;
    *why = NULL;
    path->peer_count = (size_t)count;
    path->peer_at = path->peer_count - 1;
    path->settled = false;
    path->trouble = 0;
    bh_rto_init(&path->rto);
    return bh_path_move(path);
}

bool bh_path_may_move(const struct bh_path *path)
{
    return !path->settled && path->peer_count > 1;
}

int bh_path_send(struct bh_path *path, const struct bh_tiny *tiny,
                 uint64_t now_us)
{
    int rc = bh_socket_send(path->fd, tiny->packet, tiny->packet_len,
                            tiny->body, tiny->body_len);

    path->sent_us = now_us;
    if (rc == -EMSGSIZE)
        return rc;
    if (rc < 0)
        path->trouble = -rc;
    return 0;
}

int bh_path_receive(struct bh_path *path)
{
    long len = bh_socket_receive(path->fd, path->datagram,
                                 sizeof(path->datagram), NULL, 0);

    if (len >= 0) {
        path->datagram_len = (uint16_t)len;
        return 0;
    }
    if (len != -EAGAIN)
        path->trouble = (int)-len;
    return (int)len;
}

int bh_path_silence(const struct bh_path *path)
{
    return path->trouble != 0 ? -path->trouble : -ETIMEDOUT;
}
