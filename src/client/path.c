/* SPDX-License-Identifier: MIT */
#include "client/path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/resolve.h"
#include "client/socket.h"
#include "net/local_client.h"

void bh_path_init(struct bh_path *path)
{
    memset(path, 0, sizeof(*path));
    path->fd = -1;
    bh_rto_init(&path->rto);
}

static void close_socket(struct bh_path *path)
{
    bh_path_flush(path);
    if (path->fd >= 0)
        close(path->fd);
    path->fd = -1;
}

void bh_path_close(struct bh_path *path)
{
    close_socket(path);
    bh_inbox_free(path->inbox);
    path->inbox = NULL;
}

/* The server is "INTERFACE/ADDRESS", as the URL's parser has seen. */
static int open_ether(struct bh_path *path)
{
    const char *slash = strchr(path->place, '/'), *end;
    char interface[BH_PLACE_PATH_LEN] = "";
    uint8_t mac[BH_MAC_LEN];
    struct bh_ether_link link;
    int fd;

    if (slash == NULL || !bh_mac_parse(slash + 1, mac, &end))
        return -EINVAL;
    memcpy(interface, path->place, (size_t)(slash - path->place));
    fd = bh_ether_socket(interface, mac, &link);
    if (fd >= 0)
        path->server = bh_ether_name(&link, mac);
    return fd;
}

static int open_socket(struct bh_path *path)
{
    if (path->kind == BH_URL_ETHER)
        return open_ether(path);
    if (path->kind == BH_URL_UNIX)
        return bh_local_client_open(path->place);
    return bh_socket_open(&path->peers[path->peer_at]);
}

int bh_path_move(struct bh_path *path)
{
    size_t tried;
    int fd = -EHOSTUNREACH;

    for (tried = 0; tried < path->peer_count; tried++) {
        path->peer_at = (path->peer_at + 1) % path->peer_count;
        fd = open_socket(path);
        if (fd >= 0) {
            close_socket(path);
            path->fd = fd;
            bh_inbox_start(path->inbox, fd);
            bh_outbox_start(&path->outbox, fd);
            if (path->kind == BH_URL_ETHER) {
                path->outbox.to = &path->server;
                path->outbox.to_len = sizeof(path->server);
            }
            return 0;
        }
        path->trouble = -fd;
    }
    return fd;
}

/* Where the server may be: in how many places, or a negative errno. */
static int find_peers(struct bh_path *path, const struct bh_url *url,
                      const char **why)
{
    if (url->kind == BH_URL_UDP)
        return bh_resolve(url->host, url->port, path->peers, BH_PATH_PEERS_MAX,
                          why);
    *why = NULL;
    if (strlen(url->host) >= sizeof(path->place))
        return -ENAMETOOLONG;
    strcpy(path->place, url->host);
    return 1;
}

static const char *advice(const struct bh_path *path, int error)
{
    if (path->kind == BH_URL_ETHER)
        return bh_ether_explain(error);
    if (path->kind != BH_URL_UNIX)
        return NULL;
    if (error == -ENOENT)
        return "there is no such socket; is the server running, with "
               "-l unix:PATH?";
    if (error == -ECONNREFUSED)
        return "no server listens there any more; start it again";
    if (error == -EACCES)
        return "this user may not write to the socket; see -l unix:PATH:MODE "
               "of blockheadd(8)";
    return NULL;
}

int bh_path_open(struct bh_path *path, const struct bh_url *url,
                 const char **why)
{
    int count, rc;

    path->kind = url->kind;
    count = find_peers(path, url, why);
    if (count < 0)
        return count;
    *why = NULL;
    path->peer_count = (size_t)count;
    path->peer_at = path->peer_count - 1;
    path->settled = false;
    path->trouble = 0;
    bh_rto_init(&path->rto);
    if (path->inbox == NULL)
        path->inbox = bh_inbox_new();
    rc = path->inbox == NULL ? -ENOMEM : bh_path_move(path);
    if (rc < 0)
        *why = advice(path, rc);
    return rc;
}

bool bh_path_may_move(const struct bh_path *path)
{
    return !path->settled && path->peer_count > 1;
}

static struct bh_outgoing *add(struct bh_path *path, const uint8_t *head,
                               size_t head_len, uint64_t now_us)
{
    struct bh_outgoing *added = bh_outbox_add(&path->outbox);

    if (added == NULL) {
        bh_path_flush(path);
        added = bh_outbox_add(&path->outbox);
    }
    *added = (struct bh_outgoing){.head_len = head_len};
    memcpy(added->head, head, head_len);
    path->sent_us = now_us;
    return added;
}

void bh_path_send(struct bh_path *path, const struct bh_tiny *tiny,
                  bool *too_long, uint64_t now_us)
{
    struct bh_outgoing *added =
        add(path, tiny->packet, tiny->packet_len, now_us);

    added->body = tiny->body;
    added->body_len = tiny->body_len;
    added->too_long = too_long;
}

void bh_path_send_bytes(struct bh_path *path, const uint8_t *bytes, size_t len,
                        uint64_t now_us)
{
    add(path, bytes, len, now_us);
}

void bh_path_flush(struct bh_path *path)
{
    int rc;

    if (path->outbox.count == 0)
        return;
    rc = bh_outbox_send(&path->outbox, path->fd);
    if (rc < 0)
        path->trouble = -rc;
    if (rc < 0 && path->kind == BH_URL_UNIX) /* for what is sent again */
        (void)bh_local_client_find(path->fd, path->place);
    if ((rc == -ENXIO || rc == -ENODEV) && path->kind == BH_URL_ETHER)
        (void)bh_path_move(path); /* the interface has come back as another */
}

int bh_path_receive(struct bh_path *path)
{
    long len = bh_inbox_next(path->inbox, path->fd, &path->datagram);

    if (len >= 0) {
        path->datagram_len = (uint16_t)len;
        return 0;
    }
    if (len != -EAGAIN)
        path->trouble = (int)-len;
    return (int)len;
}

bool bh_path_holds(const struct bh_path *path)
{
    return path->inbox != NULL && bh_inbox_holds(path->inbox);
}

/* One who answers has to have room for the next request beside it. */
unsigned bh_path_window(const struct bh_path *path, unsigned window)
{
    unsigned queue;

    if (path->kind != BH_URL_UNIX)
        return window;
    queue = bh_local_client_queue();
    return queue < window ? queue : window;
}

int bh_path_silence(const struct bh_path *path)
{
    return path->trouble != 0 ? -path->trouble : -ETIMEDOUT;
}
